/* SPDX-License-Identifier: BSD-2-Clause */
/* The system calls whose ends are looked at: one table for both backends. */
#ifndef BT_CAPTURE_PROBES_H
#define BT_CAPTURE_PROBES_H

#include <stdbool.h>
#include <linux/types.h>

struct probe {
	/* Its tracepoint is sys_exit_CALL, and its function CALL with the architecture's prefix. */
	const char *call;
	/* Without a tracepoint, for it is a 32-bit call: the function alone. */
	const char *function;
	/* PROG is for tracepoints, PROG_fexit and PROG_fexit_cond are for functions (bpf/lib/call.h). */
	const char *prog;
	__u64 cookie; /* call_abi.h, without the body's number */
	/* A kernel may be built without the call: nothing is missed then. */
	bool optional;
};

extern const struct probe probes[];
extern const size_t n_probes;

#endif /* BT_CAPTURE_PROBES_H */
