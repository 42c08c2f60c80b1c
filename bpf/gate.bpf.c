// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * What stands at the return of a system call's function (fexit). A program for tracing belongs to one function, and there are
 * many; so the loader loads this short one for each of them, and the long ones once: they are called
 * here, which the kernel allows between functions of one prototype, and all of these have the same.
 */
#include "lib/base.h"
#include "lib/call.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#define GATE(name, section, bodies)                                                                \
	struct {                                                                                   \
		__uint(type, BPF_MAP_TYPE_PROG_ARRAY);                                             \
		__uint(max_entries, BT_BODIES_MAX);                                                \
		__type(key, u32);                                                                  \
		__type(value, u32);                                                                \
	} bodies SEC(".maps");                                                                     \
	SEC(section)                                                                               \
	int name(u64 *ctx)                                                                         \
	{                                                                                          \
		if (!scope_of(bpf_get_current_task_btf()))                                         \
			return 0;                                                                  \
		bpf_tail_call(ctx, &bodies, bpf_get_attach_cookie(ctx) >> BT_COOKIE_BODY_SHIFT);   \
		/* It did not go there. */                                                         \
		count_loss(BT_LOSS_HELPER, 0);                                                     \
		return 0;                                                                          \
	}

GATE(bt_gate, CALL_FEXIT, bodies)
GATE(bt_gate_cond, CALL_FEXIT_COND, bodies_cond)
