/* SPDX-License-Identifier: BSD-2-Clause */
/* Which of the programs for io_uring this kernel can have: its tracepoints have changed. */
#include <bpf/btf.h>

#include "capture/internal.h"
#include "capture/probe.h"

/* Arguments of the tracepoint, 0 when the kernel has none of that name. */
static unsigned int tracepoint_args(const struct btf *btf, const char *name)
{
	__s32 id = btf__find_by_name_kind(btf, name, BTF_KIND_TYPEDEF);
	const struct btf_type *t = id < 0 ? NULL : btf__type_by_id(btf, (__u32)id);

	/* A typedef of a pointer to a function, whose first parameter is the tracing's own. */
	for (int i = 0; i < 2 && t; i++)
		t = btf__type_by_id(btf, t->type);
	return t && btf_is_func_proto(t) && btf_vlen(t) ? btf_vlen(t) - 1u : 0;
}

/* What this kernel's tracepoints are. */
struct tracepoints {
	const char *submit; /* name; NULL: they are not what the programs need */
	bool cqe;           /* the completion has its queue entry for an argument */
};

static struct tracepoints look(void)
{
	struct btf *btf = btf__load_vmlinux_btf();
	struct tracepoints ret = { 0 };
	unsigned int complete;

	if (!btf)
		return ret;
	complete = tracepoint_args(btf, "btf_trace_io_uring_complete");
	ret.cqe = complete == 3;
	/* Seven: since 5.19; three: since 6.16. The overflow has had five since 5.19. */
	if ((complete == 7 || complete == 3) &&
	    tracepoint_args(btf, "btf_trace_io_uring_cqe_overflow") == 5) {
		if (tracepoint_args(btf, "btf_trace_io_uring_submit_req"))
			ret.submit = "io_uring_submit_req";
		/* Its name until 6.3. */
		else if (tracepoint_args(btf, "btf_trace_io_uring_submit_sqe") == 2)
			ret.submit = "io_uring_submit_sqe";
	}
	btf__free(btf);
	return ret;
}

bool capture_follows_uring(void)
{
	return look().submit != NULL;
}

void uring_prepare(struct capture *c)
{
	struct bpf_program *submit = c->skel->progs.bt_uring_submit;
	const struct tracepoints t = look();
	bool seen = t.submit && !bpf_program__set_attach_target(submit, 0, t.submit);

	c->skel->rodata->bt_uring_cqe = t.cqe;
	bpf_program__set_autoload(submit, seen);
	bpf_program__set_autoload(c->skel->progs.bt_uring_complete, seen);
	bpf_program__set_autoload(c->skel->progs.bt_uring_overflow, seen);
	c->skel->rodata->bt_uring_seen = seen;
}
