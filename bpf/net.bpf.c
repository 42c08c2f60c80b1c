// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Which end of a connection a watched process is: who accepted is the server, who connected the client. */
#include "lib/base.h"
#include "lib/regs.h"
#include "lib/read.h"
#include "lib/scope.h"
#include "lib/emit.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* include/uapi/asm-generic/errno.h. */
#define EINPROGRESS 115

/*
 * sys_exit of accept, accept4 and connect; the link's cookie is the flag to send. A non-blocking connect has
 * chosen its peer when it says EINPROGRESS.
 */
SEC("tp")
int bt_role(struct trace_event_raw_sys_exit *ctx)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct bt_task *t = scope_of(task);
	struct pt_regs *regs;
	struct bt_scratch *s;
	u64 flags;
	s64 ret;
	u32 fd;

	if (!t)
		return 0;
	ret = ctx->ret;
	flags = bpf_get_attach_cookie(ctx);
	if (flags == BT_FILE_CONNECTED) {
		if (ret && ret != -EINPROGRESS)
			return 0;
		regs = (struct pt_regs *)bpf_task_pt_regs(task);
		fd = ARG0(regs);
	} else {
		if (ret < 0)
			return 0;
		fd = ret;
	}
	s = scratch_get();
	if (!s) {
		count_loss(BT_LOSS_HELPER, 0);
		return 0;
	}
	emit_open_file(s, task, t, file_of_fd(task, fd), fd, flags, bpf_ktime_get_boot_ns());
	scratch_put(s);
	return 0;
}
