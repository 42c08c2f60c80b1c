/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Layer 2: the end of a system call of a watched task, by whichever type of program the loader has found to load: one on
 * the call's tracepoint, or one at the return of the kernel function behind it (fexit). The former makes every system call of
 * the host slower, the latter only those that are hooked, and it can be on 32-bit calls, which have no tracepoints.
 */
#ifndef BPF_LIB_CALL_H
#define BPF_LIB_CALL_H

#include "lib/base.h"
#include "lib/regs.h"
#include "lib/scope.h"
#include <beartrap/call_abi.h>

struct call_end {
	struct task_struct *task;
	struct bt_task *t;
	s64 ret;
	u64 arg[6];
	u32 cookie;   /* BT_COOKIE_OWN of it */
	u32 function; /* of a 32-bit call whose arguments are in an array: its first argument */
	bool compat;  /* a 32-bit call */
};

static __always_inline void call_args(struct call_end *e, struct pt_regs *regs)
{
	e->arg[0] = ARG0(regs);
	e->arg[1] = ARG1(regs);
	e->arg[2] = ARG2(regs);
	e->arg[3] = ARG3(regs);
	e->arg[4] = ARG4(regs);
	e->arg[5] = ARG5(regs);
}

/* Those of a 32-bit call. False when they cannot be read. */
static __always_inline bool call_args_compat(struct call_end *e, struct pt_regs *regs, u64 cookie)
{
	u32 array[6] = {};

	if (!(cookie & (BT_COOKIE_ARRAY0 | BT_COOKIE_ARRAY1))) {
		e->arg[0] = COMPAT_ARG0(regs);
		e->arg[1] = COMPAT_ARG1(regs);
		e->arg[2] = COMPAT_ARG2(regs);
		e->arg[3] = COMPAT_ARG3(regs);
		e->arg[4] = COMPAT_ARG4(regs);
		e->arg[5] = COMPAT_ARG5(regs);
		return true;
	}
	e->function = COMPAT_ARG0(regs);
	/* More of it than the call has arguments may not be there. */
	if (bpf_probe_read_user(
		    array, sizeof(array),
		    (void *)(u64)(cookie & BT_COOKIE_ARRAY0 ? e->function : COMPAT_ARG1(regs))))
		return false;
#pragma unroll
	for (int i = 0; i < 6; i++)
		e->arg[i] = array[i];
	return true;
}

static __always_inline bool call_end_tp(struct trace_event_raw_sys_exit *ctx, struct call_end *e)
{
	e->task = bpf_get_current_task_btf();
	e->t = scope_of(e->task);
	if (!e->t)
		return false;
	e->ret = ctx->ret;
	e->cookie = bpf_get_attach_cookie(ctx) & BT_COOKIE_OWN;
	call_args(e, (struct pt_regs *)bpf_task_pt_regs(e->task));
	return true;
}

/* ctx: the function's one argument, the saved registers, and what it returns. bt_gate has asked for the scope already. */
static __always_inline bool call_end_fexit(u64 *ctx, struct call_end *e)
{
	struct pt_regs *regs = (void *)ctx[0];
	u64 cookie = bpf_get_attach_cookie(ctx);

	e->task = bpf_get_current_task_btf();
	e->t = scope_of(e->task);
	if (!e->t)
		return false;
	e->ret = ctx[1];
	e->cookie = cookie & BT_COOKIE_OWN;
	e->compat = !!(cookie & BT_COOKIE_COMPAT);
	if (e->compat)
		return call_args_compat(e, regs, cookie);
	call_args(e, regs);
	return true;
}

/*
 * The functions behind the system calls have one prototype, but the kernel's BTF may know it twice: with the parameter's name
 * where the call is defined, and with that of its stand-in for kernels built without it (COND_SYSCALL). Programs
 * for the one are no programs for the other, so there are two of each, and the loader loads those that it needs.
 */
#define CALL_FEXIT "?fexit/" CALL_FUNCTION(write)
#define CALL_FEXIT_COND "?fexit/" CALL_FUNCTION(sendmsg)

#define CALL_END_FEXIT(name, section, body)                                                        \
	SEC(section)                                                                               \
	int name(u64 *ctx)                                                                         \
	{                                                                                          \
		struct call_end e = {};                                                            \
                                                                                                   \
		if (call_end_fexit(ctx, &e))                                                       \
			body(&e);                                                                  \
		return 0;                                                                          \
	}

/*
 * Defines program NAME for tracepoints, and NAME_fexit and NAME_fexit_cond, which the gates call; all do what stands in the
 * braces behind. For another call, a row in user/capture/probes.c.
 */
#define CALL_END(name)                                                                             \
	static __always_inline void name##_end(const struct call_end *e);                          \
	SEC("?tp")                                                                                 \
	int name(struct trace_event_raw_sys_exit *ctx)                                             \
	{                                                                                          \
		struct call_end e = {};                                                            \
                                                                                                   \
		if (call_end_tp(ctx, &e))                                                          \
			name##_end(&e);                                                            \
		return 0;                                                                          \
	}                                                                                          \
	CALL_END_FEXIT(name##_fexit, CALL_FEXIT, name##_end)                                       \
	CALL_END_FEXIT(name##_fexit_cond, CALL_FEXIT_COND, name##_end)                             \
	static __always_inline void name##_end(const struct call_end *e)

#endif /* BPF_LIB_CALL_H */
