/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Ways for bytes to move that are no read or write call: what goes through them is not seen, so it is
 * counted, and a run in which a watched process used one does not pass for clean.
 */
#include "lib/base.h"
#include "lib/scope.h"
#include "lib/call.h"

/*
 * Where uring.bpf.c cannot be loaded, and of 32-bit programs, whose requests it does not know. How much goes through a ring is
 * not known here, only that there is one.
 */
CALL_END(bt_io_uring)
{
	if (e->ret >= 0 && (!bt_uring_seen || call_is_compat(e)))
		count_loss(BT_LOSS_IO_URING, 0);
}
