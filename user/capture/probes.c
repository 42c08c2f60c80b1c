/* SPDX-License-Identifier: BSD-2-Clause */
#include <stddef.h>
#include <beartrap/call_abi.h>
#include <beartrap/event.h>

#include "capture/probes.h"

/* clang-format off */
const struct probe probes[] = {
	{ .call = "write", .prog = "bt_io", .cookie = BT_CALL_WRITE },
	{ .call = "pwrite64", .prog = "bt_io", .cookie = BT_CALL_PWRITE64 },
	{ .call = "writev", .prog = "bt_io", .cookie = BT_CALL_WRITEV },
	{ .call = "pwritev", .prog = "bt_io", .cookie = BT_CALL_PWRITEV },
	{ .call = "pwritev2", .prog = "bt_io", .cookie = BT_CALL_PWRITEV2 },
	{ .call = "sendto", .prog = "bt_io", .cookie = BT_CALL_SENDTO },
	{ .call = "sendmsg", .prog = "bt_io", .cookie = BT_CALL_SENDMSG },
	{ .call = "sendmmsg", .prog = "bt_io", .cookie = BT_CALL_SENDMMSG },
	{ .call = "vmsplice", .prog = "bt_io", .cookie = BT_CALL_VMSPLICE },
	{ .call = "read", .prog = "bt_io", .cookie = BT_CALL_READ },
	{ .call = "pread64", .prog = "bt_io", .cookie = BT_CALL_PREAD64 },
	{ .call = "readv", .prog = "bt_io", .cookie = BT_CALL_READV },
	{ .call = "preadv", .prog = "bt_io", .cookie = BT_CALL_PREADV },
	{ .call = "preadv2", .prog = "bt_io", .cookie = BT_CALL_PREADV2 },
	{ .call = "recvfrom", .prog = "bt_io", .cookie = BT_CALL_RECVFROM },
	{ .call = "recvmsg", .prog = "bt_io", .cookie = BT_CALL_RECVMSG },
	{ .call = "recvmmsg", .prog = "bt_io", .cookie = BT_CALL_RECVMMSG },

	{ .call = "accept", .prog = "bt_role", .cookie = BT_FILE_ACCEPTED },
	{ .call = "accept4", .prog = "bt_role", .cookie = BT_FILE_ACCEPTED },
	{ .call = "connect", .prog = "bt_role", .cookie = BT_FILE_CONNECTED },

	{ .call = "sendfile64", .prog = "bt_sendfile64" },
	{ .call = "splice", .prog = "bt_splice" },
	{ .call = "copy_file_range", .prog = "bt_copy_file_range" },

	{ .call = "tee", .prog = "bt_tee" },
	{ .call = "pipe2", .prog = "bt_pipe" },
	/* arm64 has no such call. */
	{ .call = "pipe", .prog = "bt_pipe", .optional = true },
	{ .call = "process_vm_writev", .prog = "bt_vm_writev" },
	{ .call = "io_uring_setup", .prog = "bt_io_uring", .optional = true },

	{ .call = "mmap", .prog = "bt_map" },
};
/* clang-format on */

const size_t n_probes = sizeof(probes) / sizeof(*probes);
