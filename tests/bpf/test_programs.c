/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the verifier of this kernel makes of every program: how many instructions it looked at, and how much stack the deepest chain
 * of calls takes. Held against tests/kernel/programs.tsv, so that growth is seen before a limit is met.
 *
 * test_programs            compares, for every backend that loads
 * test_programs --table    prints the rows of this kernel; tests/kernel/programs rewrites the whole table
 * test_programs --loads    other compilers' programs: that they load, and the limits
 */
#include "rig.h"

#include <sys/utsname.h>

#include "capture/internal.h"

#define TABLE "tests/kernel/programs.tsv"
/* include/linux/bpf.h: BPF_COMPLEXITY_LIMIT_INSNS, MAX_BPF_STACK. */
#define LIMIT_INSNS 1000000
#define LIMIT_STACK 512
/* Not nearer to it than this. */
#define NEAR_INSNS (LIMIT_INSNS / 4 * 3)
/* In a table's row, how much more is a failure. */
#define GROWTH_PERCENT 10

#define MAX_PROGRAMS 128
#define MAX_FUNCTIONS 64

struct program {
	char name[64];
	unsigned long insns;
	unsigned int stack;
};

struct programs {
	struct program p[MAX_PROGRAMS];
	size_t n;
};

static struct programs programs;
static char series[32];

/* Lines of libbpf: of each program its name, then what the verifier counted. */
static void take_line(void *arg, const char *line)
{
	struct programs *all = arg;
	struct program *p = all->n ? &all->p[all->n - 1] : NULL;
	char name[64];
	int end = 0;

	if (sscanf(line, "libbpf: prog '%63[^']': -- BEGIN PROG LOAD LOG --%n", name, &end) == 1 &&
	    end) {
		assert_true(all->n < MAX_PROGRAMS);
		p = &all->p[all->n++];
		memset(p, 0, sizeof(*p));
		memcpy(p->name, name, sizeof(name));
	} else if (p && !p->insns) {
		sscanf(line, "processed %lu insns", &p->insns);
	}
}

static bool is_call(const struct bpf_insn *insn)
{
	return (insn->code == (BPF_JMP | BPF_CALL) && insn->src_reg == BPF_PSEUDO_CALL) ||
	       (insn->code == (BPF_LD | BPF_DW) && insn->src_reg == BPF_PSEUDO_FUNC);
}

struct code {
	const struct bpf_insn *insns;
	size_t n;
	size_t starts[MAX_FUNCTIONS];
	size_t n_starts;
};

static void add_start(struct code *code, size_t at)
{
	size_t i = 0;

	while (i < code->n_starts && code->starts[i] < at)
		i++;
	if (i < code->n_starts && code->starts[i] == at)
		return;
	assert_true(code->n_starts < MAX_FUNCTIONS);
	memmove(code->starts + i + 1, code->starts + i,
		(code->n_starts - i) * sizeof(*code->starts));
	code->starts[i] = at;
	code->n_starts++;
}

static size_t callee(const struct code *code, size_t at)
{
	return (size_t)((long)at + code->insns[at].imm + 1);
}

/*
 * What a function has on the stack: how far below the frame pointer it, or a copy of it that is moved, is used. The verifier's own
 * number is no good here: it has the loops in it that were put in place of calls after the limit was checked.
 */
static unsigned int frame(const struct code *code, size_t from, size_t end)
{
	bool fp[16] = { [BPF_REG_10] = true };
	int lowest = 0;

	for (size_t i = from; i < end; i++) {
		const struct bpf_insn *in = &code->insns[i];
		unsigned int class = BPF_CLASS(in->code);

		if (class == BPF_ALU64 && BPF_OP(in->code) == BPF_ADD &&
		    BPF_SRC(in->code) == BPF_K && fp[in->dst_reg] && in->imm < lowest)
			lowest = in->imm;
		else if ((class == BPF_ST || class == BPF_STX) && fp[in->dst_reg] &&
			 in->off < lowest)
			lowest = in->off;
		else if (class == BPF_LDX && fp[in->src_reg] && in->off < lowest)
			lowest = in->off;
		if (class == BPF_ALU64 || class == BPF_ALU || class == BPF_LDX || class == BPF_LD)
			fp[in->dst_reg] = in->dst_reg == BPF_REG_10 ||
					  (in->code == (BPF_ALU64 | BPF_MOV | BPF_X) &&
					   in->src_reg == BPF_REG_10);
	}
	return (unsigned int)-lowest;
}

/* The most that a function and what it calls have on the stack at once. */
static unsigned int depth(const struct code *code, size_t which)
{
	size_t end = which + 1 < code->n_starts ? code->starts[which + 1] : code->n;
	unsigned int most = 0, own = frame(code, code->starts[which], end);

	for (size_t i = code->starts[which]; i < end; i++) {
		size_t to = 0;
		unsigned int d;

		if (!is_call(&code->insns[i]))
			continue;
		while (code->starts[to] != callee(code, i))
			to++;
		d = depth(code, to);
		if (d > most)
			most = d;
	}
	/* Rounded as the verifier of 6.1 does. */
	return most + ((own ? own : 1) + 31) / 32 * 32;
}

static void set_stack(const struct capture *c, struct program *p)
{
	struct bpf_program *prog = bpf_object__find_program_by_name(c->skel->obj, p->name);
	struct code code = { 0 };

	assert_non_null(prog);
	code.insns = bpf_program__insns(prog);
	code.n = bpf_program__insn_cnt(prog);
	add_start(&code, 0);
	for (size_t i = 0; i < code.n; i++)
		if (is_call(&code.insns[i]))
			add_start(&code, callee(&code, i));
	p->stack = depth(&code, 0);
}

static struct program *find_program(const char *name)
{
	for (size_t i = 0; i < programs.n; i++)
		if (!strcmp(programs.p[i].name, name))
			return &programs.p[i];
	return NULL;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct program *)a)->name, ((const struct program *)b)->name);
}

/* Adds what a backend loads and is not there yet. False when this kernel does not take it. */
static bool load(enum capture_backend backend)
{
	struct programs now = { .n = 0 };
	struct capture_config cfg = {
		.backend = backend,
		.record = rig_record,
		.debug = take_line,
		.verifier_stats = true,
		.arg = &now,
	};
	struct capture *c = NULL;
	struct error err = { 0 };
	int ret = capture_open(&cfg, &c, &err);

	if (ret && backend == CAPTURE_FEXIT && !now.n)
		return false;
	if (ret) {
		/* Once more, for the verifier's words. */
		cfg.verifier_stats = false;
		cfg.debug = rig_debug;
		capture_free(capture_open(&cfg, &c, &err) ? NULL : c);
		fail_msg("%s", err.text);
	}
	assert_true(now.n > 10);
	for (size_t i = 0; i < now.n; i++) {
		assert_true(now.p[i].insns);
		set_stack(c, &now.p[i]);
		if (find_program(now.p[i].name))
			continue;
		assert_true(programs.n < MAX_PROGRAMS);
		programs.p[programs.n++] = now.p[i];
	}
	capture_free(c);
	return true;
}

static int load_all(void **state)
{
	struct utsname u;
	unsigned int major, minor;

	assert_int_equal(uname(&u), 0);
	assert_int_equal(sscanf(u.release, "%u.%u", &major, &minor), 2);
	snprintf(series, sizeof(series), "%u.%u", major, minor);
	load(CAPTURE_TRACEPOINT);
	load(CAPTURE_FEXIT);
	qsort(programs.p, programs.n, sizeof(*programs.p), by_name);
	return 0;
}

static bool grown(unsigned long now, unsigned long was)
{
	return now > was + was * GROWTH_PERCENT / 100;
}

static void limits(void **state)
{
	size_t bad = 0;

	for (size_t i = 0; i < programs.n; i++) {
		const struct program *p = &programs.p[i];

		if (p->insns < NEAR_INSNS && p->stack <= LIMIT_STACK)
			continue;
		fprintf(stderr, "%s on %s: %lu instructions (of %d), %u bytes of stack (of %d)\n",
			p->name, series, p->insns, LIMIT_INSNS, p->stack, LIMIT_STACK);
		bad++;
	}
	assert_int_equal(bad, 0);
}

/* A kernel of which the table has nothing has only the limits. */
static void table(void **state)
{
	FILE *f = fopen(TABLE, "r");
	bool had[MAX_PROGRAMS] = { false };
	size_t rows = 0, bad = 0;
	char line[256];

	if (!f)
		fail_msg(TABLE ": %s; to be run from the top of the source tree", strerror(errno));
	while (fgets(line, sizeof(line), f)) {
		char of[32], name[64];
		unsigned long insns;
		unsigned int stack;
		const struct program *p;

		if (*line == '#' ||
		    sscanf(line, "%31s %63s %lu %u", of, name, &insns, &stack) != 4 ||
		    strcmp(of, series) != 0)
			continue;
		rows++;
		p = find_program(name);
		if (!p) {
			fprintf(stderr, TABLE ": %s %s: no such program is loaded\n", of, name);
			bad++;
			continue;
		}
		had[p - programs.p] = true;
		if (!grown(p->insns, insns) && p->stack <= stack)
			continue;
		fprintf(stderr, "grown; the new row: %s\t%s\t%lu\t%u (was %lu, %u)\n", of, name,
			p->insns, p->stack, insns, stack);
		bad++;
	}
	fclose(f);
	for (size_t i = 0; i < programs.n && rows; i++) {
		if (had[i])
			continue;
		fprintf(stderr, "not in " TABLE "; the new row: %s\t%s\t%lu\t%u\n", series,
			programs.p[i].name, programs.p[i].insns, programs.p[i].stack);
		bad++;
	}
	assert_int_equal(bad, 0);
}

/* The comparison itself: one more than the tenth is too much. */
static void growth(void **state)
{
	assert_false(grown(110, 100));
	assert_true(grown(111, 100));
	assert_false(grown(50, 100));
	assert_true(grown(1, 0));
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(limits),
		cmocka_unit_test(growth),
		cmocka_unit_test(table),
	};
	const struct CMUnitTest loads[] = {
		cmocka_unit_test(limits),
	};

	if (argc > 1 && !strcmp(argv[1], "--table")) {
		load_all(NULL);
		for (size_t i = 0; i < programs.n; i++)
			printf("%s\t%s\t%lu\t%u\n", series, programs.p[i].name, programs.p[i].insns,
			       programs.p[i].stack);
		return 0;
	}
	if (argc > 1 && !strcmp(argv[1], "--loads"))
		return cmocka_run_group_tests(loads, load_all, NULL);
	return cmocka_run_group_tests(tests, load_all, NULL);
}
