/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Ways for bytes to move that are no read or write call: what goes through them is not seen, so it is
 * counted, and a run in which a watched process used one does not pass for clean.
 */
#include "lib/base.h"
#include "lib/scope.h"

static __always_inline int blind(struct trace_event_raw_sys_exit *ctx, enum bt_loss which)
{
	if (scope_of(bpf_get_current_task_btf()) && ctx->ret > 0)
		count_loss(which, ctx->ret);
	return 0;
}

#define BLIND_PROBE(name, which)                                                                   \
	SEC("tp/syscalls/sys_exit_" #name)                                                         \
	int bt_##name(struct trace_event_raw_sys_exit *ctx)                                        \
	{                                                                                          \
		return blind(ctx, BT_LOSS_##which);                                                \
	}

BLIND_PROBE(tee, SPLICE)
BLIND_PROBE(vmsplice, SPLICE)
BLIND_PROBE(process_vm_writev, VM_WRITE)

/*
 * Loaded where uring.bpf.c cannot be. How much goes through a ring is not known here, only that there is one.
 */
SEC("tp/syscalls/sys_exit_io_uring_setup")
int bt_io_uring_setup(struct trace_event_raw_sys_exit *ctx)
{
	if (scope_of(bpf_get_current_task_btf()) && ctx->ret >= 0)
		count_loss(BT_LOSS_IO_URING, 0);
	return 0;
}
