/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The matched lane: with a bulk ring of one page and nobody to read it, all that is written is looked through in the
 * kernel. What user space would find in it comes up whole, with what stands around it; the rest is counted.
 */
#include "rig.h"

#include "detect/prefilter.h"
#include "sample/tokens.h"

#define FD 200
#define BULK_LEN 4096
#define PRIO_LEN (4 * 1024 * 1024)
#define CHUNK BT_CHUNK_LEN
#define TOKEN_LEN 40

/* What a window holds at the least beyond a token. */
#define BEFORE 100
#define AFTER 200

struct rules {
	struct ruleset *rs;
	struct scanner *sc;
	__u64 *bitmap;
};

static struct rules rules;

static void lane_open(struct rig *rig, size_t prio_len)
{
	rig_open(rig, BULK_LEN, prio_len);
	capture_match_anchors(rig->c, rules.bitmap);
}

/* Writes to a memfd at FD, one after the other. */
struct work {
	const char *p;
	size_t n;
	const size_t *len; /* of the writes; the first one is to fill the bulk ring */
	bool positioned;
};

static int child_work(void *arg)
{
	const struct work *w = arg;
	const char *p = w->p;
	size_t at = 0;
	int fd = memfd_create("sink", 0);

	if (fd < 0 || dup2(fd, FD) != FD)
		return 1;
	for (size_t i = 0; i < w->n; i++) {
		ssize_t n = w->positioned ? pwrite(FD, p + at, w->len[i], (off_t)at)
					  : write(FD, p + at, w->len[i]);

		if (n != (ssize_t)w->len[i])
			return 2;
		at += w->len[i];
	}
	return 0;
}

/* A child does the work while nobody reads; then all is read. Which bytes came: `got`, of `all`. */
static void lane_run(struct rig *rig, struct work *w, const char *text, size_t all, char *got)
{
	struct rig_child child;
	struct rig_rec *r;

	rig_fork(&child, child_work, w);
	rig_watch(rig, &child);
	rig_go(&child);
	assert_int_equal(rig_reap(&child), 0);
	rig_wait_exit(rig, child.pid);
	memset(got, 0, all);
	rig_each(rig, BT_REC_DATA, child.pid, r)
	{
		uint64_t pos = r->data.pos, len = r->data.data_len;

		assert_true(pos + len <= all);
		assert_memory_equal(r->tail, text + pos, len);
		for (uint64_t i = 0; i < len; i++) {
			assert_int_equal(got[pos + i], 0); /* nothing twice */
			got[pos + i] = 1;
		}
		if (w->positioned)
			assert_int_equal(r->data.off, pos);
	}
	rig_reconcile(rig);
}

static bool all_of(const char *got, size_t from, size_t to)
{
	for (size_t i = from; i < to; i++)
		if (!got[i])
			return false;
	return true;
}

static void quiet(char *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		p[i] = i % 6 == 5 ? ' ' : (char)('a' + i % 23);
}

struct sum {
	uint64_t pos, lost, matched;
};

static void add_stream(void *arg, const struct bt_stream_key *key, const struct bt_stream_val *val)
{
	struct sum *s = arg;

	s->pos += val->pos;
	s->lost += val->lost;
	s->matched += val->matched;
}

/* Nothing in it: the first bytes come, the rest is counted, by stream too. */
static void nothing_to_find(void **state)
{
	static const size_t len[] = { 4000, 1,         63,    64,        65,     127, 128,
				      129,  CHUNK - 1, CHUNK, CHUNK + 1, 100000, 16,  2 * CHUNK + 5,
				      3000 };
	struct work w = { .n = sizeof(len) / sizeof(*len), .len = len };
	size_t all = 0, n = 0;
	struct sum sum = { 0 };
	struct rig_totals t;
	struct rig rig;
	char *text, *got;

	for (size_t i = 0; i < w.n; i++)
		all += len[i];
	text = malloc(all);
	got = malloc(all);
	assert_true(text && got);
	quiet(text, all);
	w.p = text;
	lane_open(&rig, PRIO_LEN);
	lane_run(&rig, &w, text, all, got);
	for (size_t i = 0; i < all; i++)
		n += (size_t)got[i];
	rig_totals(&rig, &t);
	assert_int_equal(t.seen[BT_SEEN_CALLS].bytes, all);
	assert_int_equal(t.seen[BT_SEEN_MATCHED].bytes, all - n);
	assert_true(n < all / 4);
	for (size_t i = 0; i < BT_LOSS_MAX; i++)
		assert_int_equal(t.loss[i].events, 0);
	assert_int_equal(capture_streams(rig.c, add_stream, &sum), 0);
	assert_int_equal(sum.pos, all);
	assert_int_equal(sum.lost, 0);
	assert_int_equal(sum.matched, all - n);
	rig_close(&rig);
	free(text);
	free(got);
}

/* Tokens at every place around the edges of blocks, pieces, writes: whole, and with their surroundings. */
static void tokens_everywhere(void **state)
{
	static const size_t edges[] = { 64,         128,   1024,       4096,
					CHUNK - 64, CHUNK, CHUNK + 64, 2 * CHUNK };
	static const size_t cuts[] = { 0, 1, 2, 3, 4, 5, 16, 17, 38, 39, 40, 41, 42 };
	struct rig rig;

	lane_open(&rig, PRIO_LEN);
	for (size_t e = 0; e < sizeof(edges) / sizeof(*edges); e++) {
		for (size_t c = 0; c < sizeof(cuts) / sizeof(*cuts); c++) {
			/* Two writes: `edge` bytes, whose end cuts the token after `cut` bytes. */
			size_t cut = cuts[c], base = 6000, edge = edges[e] + 200;
			size_t at = base + edge - cut;
			size_t all = base + edge + 3000;
			const size_t len[] = { base, edge, all - base - edge };
			struct work w = { .n = 3, .len = len, .positioned = cut % 2 };
			char *text = malloc(all), *got = malloc(all);
			char token[TOK_MAX];

			assert_true(text && got);
			quiet(text, all);
			assert_int_equal(tok_gen("gho", token, sizeof(token)), TOKEN_LEN);
			memcpy(text + at, token, TOKEN_LEN);
			text[at - 1] = text[at + TOKEN_LEN] = ' ';
			w.p = text;
			lane_run(&rig, &w, text, all, got);
			if (!all_of(got, at - BEFORE, at + TOKEN_LEN + AFTER))
				fail_msg("edge %zu, cut %zu: not all of it came", edges[e], cut);
			rig_forget(&rig);
			free(text);
			free(got);
		}
	}
	rig_close(&rig);
}

/* In writes of a few bytes each, a token of some thousand bytes without a blank in it. */
static void long_token_in_small_writes(void **state)
{
	static const size_t sizes[] = { 1, 7, 63, 64, 65, 1000 };
	enum { BASE = 6000, TOKEN = 5000, ALL = BASE + 500 + TOKEN + 2000 };
	static char text[ALL], got[ALL];
	struct rig rig;

	lane_open(&rig, 16 * 1024 * 1024);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		size_t n = (ALL - BASE) / sizes[i] + 2, at = BASE + 500, sum = BASE;
		size_t *len = calloc(n, sizeof(*len));
		struct work w = { .p = text, .n = 1, .len = len };

		assert_non_null(len);
		len[0] = BASE;
		while (sum < ALL) {
			len[w.n] = ALL - sum < sizes[i] ? ALL - sum : sizes[i];
			sum += len[w.n++];
		}
		quiet(text, ALL);
		for (size_t k = 0; k < TOKEN; k++)
			text[at + k] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"[k * k % 36];
		memcpy(text + at, "eyJ", 3);
		text[at - 1] = text[at + TOKEN] = ' ';
		lane_run(&rig, &w, text, ALL, got);
		if (!all_of(got, at - BEFORE, at + TOKEN))
			fail_msg("writes of %zu: not all of it came", sizes[i]);
		assert_false(all_of(got, at + TOKEN + 1000, ALL));
		rig_forget(&rig);
		free(len);
	}
	rig_close(&rig);
}

/* A value that no anchor names, at every place in a block, cut in two. */
static void known_values(void **state)
{
	enum { BASE = 6000, EDGE = 1000, ALL = BASE + EDGE + 2000, LEN = 40 };
	static char text[ALL], got[ALL];
	static __u64 bitmap[BT_MATCH_WORDS];
	const size_t len[] = { BASE, EDGE, ALL - BASE - EDGE };
	struct work w = { .p = text, .n = 3, .len = len };
	struct values *v = values_new(0);
	struct bt_match_key key;
	uint64_t gen = 0;
	char value[LEN];
	struct rig rig;

	assert_non_null(v);
	lane_open(&rig, PRIO_LEN);
	key = capture_match_key(rig.c);
	for (size_t i = 0; i < LEN; i++)
		value[i] = "qwrtzpsdfghjklyxcvbnm0987654321QWRTZPSDF"[(i * 17 + 3) % 40];
	assert_true(values_add(v, span_of(value, LEN), SECRET_ACCESS_TOKEN, 0) > 0);
	assert_true(prefilter_values(v, &key, bitmap, &gen));
	capture_match_values(rig.c, bitmap);
	for (size_t cut = 0; cut <= LEN; cut++) {
		size_t at = BASE + EDGE - cut;

		quiet(text, ALL);
		memcpy(text + at, value, LEN);
		lane_run(&rig, &w, text, ALL, got);
		if (!all_of(got, at - BEFORE, at + LEN + AFTER))
			fail_msg("cut %zu: not all of it came", cut);
		rig_forget(&rig);
	}
	/* Taken out again, it is as any other text. */
	memset(bitmap, 0, sizeof(bitmap));
	capture_match_values(rig.c, bitmap);
	lane_run(&rig, &w, text, ALL, got);
	assert_false(all_of(got, BASE + EDGE - LEN, BASE + EDGE));
	rig_close(&rig);
	values_free(v);
}

/* So much to find that windows have no room: lost, and counted as that. */
static void windows_have_a_limit(void **state)
{
	enum { N = 40, LEN = 30000 };
	static char text[N * LEN], got[N * LEN];
	size_t len[N], n = 0;
	struct work w = { .p = text, .n = N, .len = len };
	struct sum sum = { 0 };
	struct rig_totals t;
	struct rig rig;

	for (size_t i = 0; i < N; i++)
		len[i] = LEN;
	quiet(text, sizeof(text));
	for (size_t i = 0; i + 8 < sizeof(text); i += 100)
		memcpy(text + i, " token=", 7);
	lane_open(&rig, 256 * 1024);
	lane_run(&rig, &w, text, sizeof(text), got);
	for (size_t i = 0; i < sizeof(got); i++)
		n += (size_t)got[i];
	rig_totals(&rig, &t);
	assert_true(t.loss[BT_LOSS_RING_WINDOW].bytes > 0);
	assert_int_equal(t.loss[BT_LOSS_RING_PRIO].events, 0);
	assert_int_equal(t.seen[BT_SEEN_SENT_BULK].bytes + t.seen[BT_SEEN_SENT_WINDOW].bytes, n);
	assert_int_equal(capture_streams(rig.c, add_stream, &sum), 0);
	assert_int_equal(sum.pos, sizeof(text));
	assert_int_equal(sum.lost, t.loss[BT_LOSS_RING_WINDOW].bytes);
	assert_int_equal(sum.lost + sum.matched + n, sizeof(text));
	rig_close(&rig);
}

/* Back in the whole lane when there is room again: a token that lies on the border comes in one piece. */
static void there_and_back(void **state)
{
	enum { SIZE = 500, N = 200, ALL = N * SIZE };
	static char text[ALL], got[ALL];
	struct rig rig;
	size_t len[N];
	struct work w = { .p = text, .n = N, .len = len };
	struct rig_totals t;

	for (size_t i = 0; i < N; i++)
		len[i] = SIZE;
	quiet(text, ALL);
	/* On every border between two writes. */
	for (size_t i = SIZE; i < ALL; i += SIZE) {
		char token[TOK_MAX];

		assert_int_equal(tok_gen("gho", token, sizeof(token)), TOKEN_LEN);
		memcpy(text + i - i / SIZE % TOKEN_LEN, token, TOKEN_LEN);
	}
	rig_open(&rig, 16384, PRIO_LEN);
	capture_match_anchors(rig.c, rules.bitmap);
	{
		struct rig_child child;
		struct rig_rec *r;

		rig_fork(&child, child_work, &w);
		rig_watch(&rig, &child);
		rig_go(&child);
		rig_wait_exit(&rig, child.pid); /* reads all the while */
		assert_int_equal(rig_reap(&child), 0);
		memset(got, 0, ALL);
		rig_each(&rig, BT_REC_DATA, child.pid, r)
		{
			assert_memory_equal(r->tail, text + r->data.pos, r->data.data_len);
			for (size_t i = 0; i < r->data.data_len; i++)
				assert_int_equal(got[r->data.pos + i]++, 0);
		}
	}
	rig_reconcile(&rig);
	for (size_t i = SIZE; i < ALL; i += SIZE) {
		size_t at = i - i / SIZE % TOKEN_LEN;

		if (!all_of(got, at, at + TOKEN_LEN))
			fail_msg("token at %zu did not come", at);
	}
	rig_totals(&rig, &t);
	assert_int_equal(t.loss[BT_LOSS_RING_WINDOW].events, 0);
	rig_close(&rig);
}

static int child_noise_then_wire(void *arg)
{
	const int *out = arg;

	if (dup2(*out, 1) != 1)
		return 1;
	execl("/bin/sh", "sh", "-c",
	      "exec 3>/dev/shm/bt-lane-noise-$$; rm /dev/shm/bt-lane-noise-$$;"
	      "head -c 3000000 /dev/zero | tr '\\0' x >&3;"
	      "printf '%01000d\\n' 1 2 3 4 5",
	      (char *)NULL);
	return 2;
}

/* A file that nobody can keep up with does not push the wire out of the whole lane. */
static void wire_keeps_its_room(void **state)
{
	struct rig_bytes b = { 0 };
	struct rig_child child;
	struct rig_totals t;
	struct rig_rec *r;
	struct rig rig;
	int out[2];

	assert_int_equal(pipe(out), 0);
	rig_open(&rig, 256 * 1024, PRIO_LEN);
	capture_match_anchors(rig.c, rules.bitmap);
	rig_fork(&child, child_noise_then_wire, &out[1]);
	rig_watch(&rig, &child);
	rig_go(&child);
	assert_int_equal(rig_reap(&child), 0);
	rig_wait_exit(&rig, child.pid);
	rig_totals(&rig, &t);
	assert_true(t.seen[BT_SEEN_MATCHED].bytes > 2000000);
	rig_each(&rig, BT_REC_DATA, child.pid, r)
	{
		if (r->data.fd != 1 || r->data.dir != BT_DIR_OUT)
			continue;
		assert_int_equal(r->data.flags, 0);
		b.len += r->data.data_len;
	}
	assert_int_equal(b.len, 5 * 1001);
	rig_reconcile(&rig);
	rig_close(&rig);
	close(out[0]);
	close(out[1]);
}

static int rules_open(void **state)
{
	struct error err = { 0 };

	rules.rs = ruleset_new();
	rules.bitmap = calloc(BT_MATCH_WORDS, sizeof(*rules.bitmap));
	if (!rules.rs || !rules.bitmap || ruleset_add_builtin(rules.rs, &err) ||
	    scanner_new(rules.rs, &rules.sc, &err))
		return -1;
	prefilter_anchors(rules.sc, rules.bitmap);
	return 0;
}

static int rules_close(void **state)
{
	scanner_free(rules.sc);
	ruleset_free(rules.rs);
	free(rules.bitmap);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_to_find),
		cmocka_unit_test(tokens_everywhere),
		cmocka_unit_test(long_token_in_small_writes),
		cmocka_unit_test(known_values),
		cmocka_unit_test(windows_have_a_limit),
		cmocka_unit_test(there_and_back),
		cmocka_unit_test(wire_keeps_its_room),
	};

	return cmocka_run_group_tests_name("lane", tests, rules_open, rules_close);
}
