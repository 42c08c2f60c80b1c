/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Programs at the return of the functions behind the system calls (fexit). Which kernel takes them is found out by loading
 * and attaching one: a patched kernel may refuse what its version has.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <bpf/btf.h>
#include <beartrap/call_abi.h>

#include "capture/internal.h"
#include "capture/probes.h"

#ifdef __x86_64__
#define PREFIX "__x64_sys_"
#else
#define PREFIX "__arm64_sys_"
#endif

/* See bpf/lib/call.h. */
enum proto { PROTO_PLAIN, PROTO_COND, N_PROTOS };

/* One function that has its gate. */
struct hook {
	__u32 btf_id; /* 0: this kernel has no such function */
	enum proto proto;
	int prog_fd, link_fd; /* -1: none */
};

struct fexit {
	size_t n;
	struct hook hooks[]; /* as in probes[] */
};

static void function_of(const struct probe *p, char *buf, size_t len)
{
	if (p->function)
		snprintf(buf, len, "%s", p->function);
	else
		snprintf(buf, len, PREFIX "%s", p->call);
}

/* Names to look up in one walk over the kernel's types. */
struct wanted {
	char name[64];
	size_t row;
};

static int wanted_order(const void *a, const void *b)
{
	return strcmp(((const struct wanted *)a)->name, ((const struct wanted *)b)->name);
}

static int wanted_find(const void *name, const void *w)
{
	return strcmp(name, ((const struct wanted *)w)->name);
}

/* The prototypes' numbers, found with the functions that the object's programs name. */
static bool find_protos(const struct btf *btf, __u32 protos[N_PROTOS])
{
	__s32 id = btf__find_by_name_kind(btf, PREFIX "write", BTF_KIND_FUNC);

	protos[PROTO_PLAIN] = id > 0 ? btf__type_by_id(btf, (__u32)id)->type : 0;
	id = btf__find_by_name_kind(btf, PREFIX "sendmsg", BTF_KIND_FUNC);
	protos[PROTO_COND] = id > 0 ? btf__type_by_id(btf, (__u32)id)->type : 0;
	return protos[PROTO_PLAIN] && protos[PROTO_COND];
}

static void find_functions(const struct btf *btf, const __u32 protos[N_PROTOS], struct fexit *f,
			   const struct wanted *wanted)
{
	__u32 n = btf__type_cnt(btf);

	for (__u32 id = 1; id < n; id++) {
		const struct btf_type *t = btf__type_by_id(btf, id);
		const struct wanted *w;
		struct hook *hook;

		if (!btf_is_func(t))
			continue;
		w = bsearch(btf__name_by_offset(btf, t->name_off), wanted, f->n, sizeof(*wanted),
			    wanted_find);
		if (!w)
			continue;
		/* Rows of one function stand side by side; any of them may have been found. */
		while (w > wanted && !strcmp(w[-1].name, w->name))
			w--;
		for (const char *name = w->name; w < wanted + f->n && !strcmp(w->name, name); w++) {
			hook = &f->hooks[w->row];
			if (hook->btf_id && hook->proto == PROTO_PLAIN)
				continue;
			if (t->type == protos[PROTO_PLAIN])
				hook->proto = PROTO_PLAIN;
			else if (t->type == protos[PROTO_COND])
				hook->proto = PROTO_COND;
			else
				continue;
			hook->btf_id = id;
		}
	}
}

/* Loads a program of two instructions for a function, and attaches it for a moment. */
static int try_one(__u32 btf_id)
{
	const struct bpf_insn insns[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	struct bpf_prog_load_opts opts = {
		.sz = sizeof(opts),
		.expected_attach_type = BPF_TRACE_FEXIT,
		.attach_btf_id = btf_id,
	};
	struct bpf_link_create_opts link_opts = { .sz = sizeof(link_opts), .tracing.cookie = 1 };
	int prog = bpf_prog_load(BPF_PROG_TYPE_TRACING, NULL, "GPL", insns, 2, &opts), link, err;

	if (prog < 0)
		return -errno;
	link = bpf_link_create(prog, 0, BPF_TRACE_FEXIT, &link_opts);
	err = link < 0 ? -errno : 0;
	if (link >= 0)
		close(link);
	close(prog);
	return err;
}

/* Every call that a program is for, or that there is none of in this kernel. */
static int all_found(const struct fexit *f)
{
	for (size_t i = 0; i < f->n; i++)
		if (!f->hooks[i].btf_id && !probes[i].function && !probes[i].optional)
			return -ENOENT;
	return 0;
}

int fexit_open(struct fexit **ret)
{
	struct fexit *f = calloc(1, sizeof(*f) + n_probes * sizeof(*f->hooks));
	struct wanted *wanted = calloc(n_probes, sizeof(*wanted));
	struct btf *btf = NULL;
	__u32 protos[N_PROTOS];
	int err = -ENOMEM;

	if (!f || !wanted)
		goto out;
	f->n = n_probes;
	for (size_t i = 0; i < f->n; i++) {
		f->hooks[i].prog_fd = f->hooks[i].link_fd = -1;
		wanted[i].row = i;
		function_of(&probes[i], wanted[i].name, sizeof(wanted[i].name));
	}
	qsort(wanted, f->n, sizeof(*wanted), wanted_order);
	btf = btf__load_vmlinux_btf();
	err = btf ? 0 : -errno;
	if (err)
		goto out;
	if (!find_protos(btf, protos)) {
		err = -ENOENT;
		goto out;
	}
	find_functions(btf, protos, f, wanted);
	err = all_found(f);
	if (!err)
		err = try_one(f->hooks[0].btf_id);
out:
	btf__free(btf);
	free(wanted);
	if (err)
		f = fexit_free(f);
	*ret = f;
	return err;
}

struct fexit *fexit_free(struct fexit *f)
{
	if (!f)
		return NULL;
	for (size_t i = 0; i < f->n; i++) {
		if (f->hooks[i].link_fd >= 0)
			close(f->hooks[i].link_fd);
		if (f->hooks[i].prog_fd >= 0)
			close(f->hooks[i].prog_fd);
	}
	free(f);
	return NULL;
}

static struct bpf_program *body_of(const struct capture *c, const struct probe *p, enum proto proto)
{
	char name[64];

	snprintf(name, sizeof(name), "%s_fexit%s", p->prog, proto == PROTO_COND ? "_cond" : "");
	return bpf_object__find_program_by_name(c->skel->obj, name);
}

int fexit_prepare(struct capture *c)
{
	int err = 0;

	for (size_t i = 0; i < c->fexit->n && !err; i++) {
		const struct hook *hook = &c->fexit->hooks[i];
		struct bpf_program *body = body_of(c, &probes[i], hook->proto);
		struct bpf_program *gate = hook->proto == PROTO_COND ? c->skel->progs.bt_gate_cond
								     : c->skel->progs.bt_gate;

		if (!hook->btf_id)
			continue;
		if (!body)
			return -ENOENT;
		err = bpf_program__set_autoload(body, true);
		if (!err)
			err = bpf_program__set_autoload(gate, true);
	}
	return err;
}

/* The programs that the gates of one prototype go on with, in the order in which they were met. */
struct bodies {
	const struct bpf_program *prog[BT_BODIES_MAX];
	size_t n;
	int map_fd;
};

/* The number of a program in the map, put there when it is not yet. Negative errno. */
static int body_number(struct bodies *b, const struct bpf_program *prog)
{
	int fd = bpf_program__fd(prog);
	__u32 i = 0;

	while (i < b->n && b->prog[i] != prog)
		i++;
	if (i < b->n)
		return (int)i;
	if (b->n == BT_BODIES_MAX)
		return -E2BIG;
	if (bpf_map_update_elem(b->map_fd, &i, &fd, BPF_ANY))
		return -errno;
	b->prog[b->n++] = prog;
	return (int)i;
}

/* The gate's instructions, as they were loaded, for another function. */
static int load_gate(const struct bpf_program *gate, __u32 btf_id)
{
	struct bpf_prog_load_opts opts = {
		.sz = sizeof(opts),
		.expected_attach_type = BPF_TRACE_FEXIT,
		.attach_btf_id = btf_id,
	};
	int fd = bpf_prog_load(BPF_PROG_TYPE_TRACING, "bt_gate", "GPL", bpf_program__insns(gate),
			       bpf_program__insn_cnt(gate), &opts);

	return fd < 0 ? -errno : fd;
}

static int attach_hook(struct capture *c, size_t row, struct bodies *bodies)
{
	struct bpf_link_create_opts opts = { .sz = sizeof(opts) };
	struct hook *hook = &c->fexit->hooks[row];
	bool cond = hook->proto == PROTO_COND;
	int body = body_number(&bodies[hook->proto], body_of(c, &probes[row], hook->proto));

	if (body < 0)
		return body;
	hook->prog_fd = load_gate(cond ? c->skel->progs.bt_gate_cond : c->skel->progs.bt_gate,
				  hook->btf_id);
	if (hook->prog_fd < 0)
		return hook->prog_fd;
	opts.tracing.cookie = probes[row].cookie | (__u64)body << BT_COOKIE_BODY_SHIFT;
	hook->link_fd = bpf_link_create(hook->prog_fd, 0, BPF_TRACE_FEXIT, &opts);
	return hook->link_fd < 0 ? -errno : 0;
}

int fexit_attach(struct capture *c, struct error *err)
{
	struct bodies bodies[N_PROTOS] = {
		[PROTO_PLAIN].map_fd = bpf_map__fd(c->skel->maps.bodies),
		[PROTO_COND].map_fd = bpf_map__fd(c->skel->maps.bodies_cond),
	};
	char name[64];

	for (size_t i = 0; i < c->fexit->n; i++) {
		int ret;

		if (!c->fexit->hooks[i].btf_id)
			continue;
		ret = attach_hook(c, i, bodies);
		if (!ret)
			continue;
		function_of(&probes[i], name, sizeof(name));
		return error_set(err, ret, "cannot attach BPF program %s to function %s: %s",
				 probes[i].prog, name, strerror(-ret));
	}
	return 0;
}

size_t fexit_fds(const struct fexit *f, int *fds)
{
	size_t n = 0;

	for (size_t i = 0; f && i < f->n; i++) {
		if (f->hooks[i].link_fd < 0)
			continue;
		if (fds)
			fds[n] = f->hooks[i].link_fd;
		n++;
	}
	return n;
}

int fexit_misses(const struct fexit *f, __u64 *misses)
{
	int err = 0;

	for (size_t i = 0; f && i < f->n && !err; i++)
		if (f->hooks[i].prog_fd >= 0)
			err = add_misses(f->hooks[i].prog_fd, misses);
	return err;
}
