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

	{ .call = "tee", .prog = "bt_blind", .cookie = BT_LOSS_SPLICE },
	{ .call = "vmsplice", .prog = "bt_blind", .cookie = BT_LOSS_SPLICE },
	{ .call = "process_vm_writev", .prog = "bt_blind", .cookie = BT_LOSS_VM_WRITE },
	{ .call = "io_uring_setup", .prog = "bt_io_uring", .optional = true },

	{ .call = "mmap", .prog = "bt_map" },
	{ .call = "mprotect", .prog = "bt_mprotect" },
	{ .call = "pkey_mprotect", .prog = "bt_mprotect", .optional = true },
	{ .call = "mremap", .prog = "bt_mremap" },
	{ .call = "msync", .prog = "bt_mapped", .cookie = BT_SHARED_SYNC },
	{ .call = "munmap", .prog = "bt_mapped", .cookie = BT_SHARED_UNMAP },

	{ .call = "rename", .prog = "bt_named", .cookie = BT_NAME_RENAME, .optional = true },
	{ .call = "renameat", .prog = "bt_named", .cookie = BT_NAME_RENAME | BT_NAME_AT, .optional = true },
	{ .call = "renameat2", .prog = "bt_named", .cookie = BT_NAME_RENAME | BT_NAME_AT },
	{ .call = "link", .prog = "bt_named", .cookie = BT_NAME_LINK, .optional = true },
	{ .call = "linkat", .prog = "bt_named", .cookie = BT_NAME_LINK | BT_NAME_AT },
	{ .call = "unlink", .prog = "bt_named", .cookie = BT_NAME_UNLINK, .optional = true },
	{ .call = "unlinkat", .prog = "bt_named", .cookie = BT_NAME_UNLINK | BT_NAME_AT },
	{ .call = "chmod", .prog = "bt_named", .cookie = BT_NAME_MODE, .optional = true },
	{ .call = "fchmod", .prog = "bt_named", .cookie = BT_NAME_MODE | BT_NAME_FD },
	{ .call = "fchmodat", .prog = "bt_named", .cookie = BT_NAME_MODE | BT_NAME_AT },
	{ .call = "fchmodat2", .prog = "bt_named", .cookie = BT_NAME_MODE | BT_NAME_AT, .optional = true },
};
/* clang-format on */

const size_t n_probes = sizeof(probes) / sizeof(*probes);
