// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Which end of a connection a watched process is: who accepted is the server, who connected the client. */
#include "lib/base.h"
#include "lib/regs.h"
#include "lib/read.h"
#include "lib/scope.h"
#include "lib/call.h"
#include "lib/emit.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* include/uapi/asm-generic/errno.h. */
#define EINPROGRESS 115

/* socketcall(2), see io.bpf.c. */
#define SYS_CONNECT 3
#define SYS_ACCEPT 5
#define SYS_ACCEPT4 18

static __always_inline u32 socket_role(u32 function)
{
	if (function == SYS_CONNECT)
		return BT_FILE_CONNECTED;
	return function == SYS_ACCEPT || function == SYS_ACCEPT4 ? BT_FILE_ACCEPTED : 0;
}

/*
 * accept, accept4 and connect; the cookie is the flag to send. A non-blocking connect has chosen its peer when it says
 * EINPROGRESS.
 */
CALL_END(bt_role)
{
	u32 fd, role = call_own(e) ?: socket_role(call_function(e));
	struct bt_scratch *s;
	u64 arg[6];

	if (!role)
		return;
	if (role == BT_FILE_CONNECTED) {
		if (e->ret && e->ret != -EINPROGRESS)
			return;
		if (!call_args(e, arg))
			return;
		fd = arg[0];
	} else {
		if (e->ret < 0)
			return;
		fd = e->ret;
	}
	s = scratch_get();
	if (!s) {
		count_loss(BT_LOSS_HELPER, 0);
		return;
	}
	emit_open_file(s, e->task, e->t, file_of_fd(e->task, fd), fd, role,
		       bpf_ktime_get_boot_ns());
	scratch_put(s);
}
