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

/*
 * accept, accept4 and connect; the cookie is the flag to send. A non-blocking connect has chosen its peer when it says
 * EINPROGRESS.
 */
CALL_END(bt_role)
{
	struct bt_scratch *s;
	u32 fd;

	if (e->cookie == BT_FILE_CONNECTED) {
		if (e->ret && e->ret != -EINPROGRESS)
			return;
		fd = e->arg[0];
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
	emit_open_file(s, e->task, e->t, file_of_fd(e->task, fd), fd, e->cookie,
		       bpf_ktime_get_boot_ns());
	scratch_put(s);
}
