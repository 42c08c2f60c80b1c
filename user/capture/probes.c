/* SPDX-License-Identifier: BSD-2-Clause */
#include <stddef.h>
#include <beartrap/call_abi.h>
#include <beartrap/event.h>

#include "capture/probes.h"

#define COMPAT BT_COOKIE_COMPAT

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

#ifdef __x86_64__
	/* 32-bit calls (int 0x80, 32-bit programs): arch/x86/entry/syscalls/syscall_32.tbl. */
	{ .function = "__ia32_sys_write", .prog = "bt_io", .cookie = COMPAT | BT_CALL_WRITE },
	{ .function = "__ia32_sys_ia32_pwrite64", .prog = "bt_io", .cookie = COMPAT | BT_CALL_PWRITE64 },
	{ .function = "__ia32_sys_writev", .prog = "bt_io", .cookie = COMPAT | BT_CALL_WRITEV },
	{ .function = "__ia32_compat_sys_pwritev", .prog = "bt_io", .cookie = COMPAT | BT_CALL_PWRITEV },
	{ .function = "__ia32_compat_sys_pwritev2", .prog = "bt_io", .cookie = COMPAT | BT_CALL_PWRITEV2 },
	{ .function = "__ia32_sys_sendto", .prog = "bt_io", .cookie = COMPAT | BT_CALL_SENDTO },
	{ .function = "__ia32_compat_sys_sendmsg", .prog = "bt_io", .cookie = COMPAT | BT_CALL_SENDMSG },
	{ .function = "__ia32_compat_sys_sendmmsg", .prog = "bt_io", .cookie = COMPAT | BT_CALL_SENDMMSG },
	{ .function = "__ia32_sys_read", .prog = "bt_io", .cookie = COMPAT | BT_CALL_READ },
	{ .function = "__ia32_sys_ia32_pread64", .prog = "bt_io", .cookie = COMPAT | BT_CALL_PREAD64 },
	{ .function = "__ia32_sys_readv", .prog = "bt_io", .cookie = COMPAT | BT_CALL_READV },
	{ .function = "__ia32_compat_sys_preadv", .prog = "bt_io", .cookie = COMPAT | BT_CALL_PREADV },
	{ .function = "__ia32_compat_sys_preadv2", .prog = "bt_io", .cookie = COMPAT | BT_CALL_PREADV2 },
	{ .function = "__ia32_compat_sys_recvfrom", .prog = "bt_io", .cookie = COMPAT | BT_CALL_RECVFROM },
	{ .function = "__ia32_compat_sys_recvmsg", .prog = "bt_io", .cookie = COMPAT | BT_CALL_RECVMSG },
	{ .function = "__ia32_compat_sys_recvmmsg_time32", .prog = "bt_io", .cookie = COMPAT | BT_CALL_RECVMMSG },
	{ .function = "__ia32_compat_sys_recvmmsg_time64", .prog = "bt_io", .cookie = COMPAT | BT_CALL_RECVMMSG },
	{ .function = "__ia32_compat_sys_socketcall", .prog = "bt_io", .cookie = COMPAT | BT_COOKIE_ARRAY1 },
	{ .function = "__ia32_compat_sys_socketcall", .prog = "bt_role", .cookie = COMPAT | BT_COOKIE_ARRAY1 },
	{ .function = "__ia32_sys_accept4", .prog = "bt_role", .cookie = COMPAT | BT_FILE_ACCEPTED },
	{ .function = "__ia32_sys_connect", .prog = "bt_role", .cookie = COMPAT | BT_FILE_CONNECTED },
	{ .function = "__ia32_compat_sys_sendfile", .prog = "bt_sendfile64", .cookie = COMPAT | BT_COOKIE_OFF32 },
	{ .function = "__ia32_sys_sendfile64", .prog = "bt_sendfile64", .cookie = COMPAT },
	{ .function = "__ia32_sys_splice", .prog = "bt_splice", .cookie = COMPAT },
	{ .function = "__ia32_sys_copy_file_range", .prog = "bt_copy_file_range", .cookie = COMPAT },
	{ .function = "__ia32_sys_tee", .prog = "bt_tee", .cookie = COMPAT },
	{ .function = "__ia32_sys_pipe", .prog = "bt_pipe", .cookie = COMPAT },
	{ .function = "__ia32_sys_pipe2", .prog = "bt_pipe", .cookie = COMPAT },
	{ .function = "__ia32_sys_vmsplice", .prog = "bt_io", .cookie = COMPAT | BT_CALL_VMSPLICE },
	{ .function = "__ia32_sys_process_vm_writev", .prog = "bt_vm_writev", .cookie = COMPAT },
	{ .function = "__ia32_sys_io_uring_setup", .prog = "bt_io_uring", .cookie = COMPAT, .optional = true },
	{ .function = "__ia32_sys_mmap_pgoff", .prog = "bt_map", .cookie = COMPAT },
	{ .function = "__ia32_compat_sys_ia32_mmap", .prog = "bt_map", .cookie = COMPAT | BT_COOKIE_ARRAY0 },
	{ .function = "__ia32_sys_mprotect", .prog = "bt_mprotect", .cookie = COMPAT },
	{ .function = "__ia32_sys_pkey_mprotect", .prog = "bt_mprotect", .cookie = COMPAT, .optional = true },
	{ .function = "__ia32_sys_mremap", .prog = "bt_mremap", .cookie = COMPAT },
	{ .function = "__ia32_sys_msync", .prog = "bt_mapped", .cookie = COMPAT | BT_SHARED_SYNC },
	{ .function = "__ia32_sys_munmap", .prog = "bt_mapped", .cookie = COMPAT | BT_SHARED_UNMAP },
	{ .function = "__ia32_sys_rename", .prog = "bt_named", .cookie = COMPAT | BT_NAME_RENAME },
	{ .function = "__ia32_sys_renameat", .prog = "bt_named", .cookie = COMPAT | BT_NAME_RENAME | BT_NAME_AT },
	{ .function = "__ia32_sys_renameat2", .prog = "bt_named", .cookie = COMPAT | BT_NAME_RENAME | BT_NAME_AT },
	{ .function = "__ia32_sys_link", .prog = "bt_named", .cookie = COMPAT | BT_NAME_LINK },
	{ .function = "__ia32_sys_linkat", .prog = "bt_named", .cookie = COMPAT | BT_NAME_LINK | BT_NAME_AT },
	{ .function = "__ia32_sys_unlink", .prog = "bt_named", .cookie = COMPAT | BT_NAME_UNLINK },
	{ .function = "__ia32_sys_unlinkat", .prog = "bt_named", .cookie = COMPAT | BT_NAME_UNLINK | BT_NAME_AT },
	{ .function = "__ia32_sys_chmod", .prog = "bt_named", .cookie = COMPAT | BT_NAME_MODE },
	{ .function = "__ia32_sys_fchmod", .prog = "bt_named", .cookie = COMPAT | BT_NAME_MODE | BT_NAME_FD },
	{ .function = "__ia32_sys_fchmodat", .prog = "bt_named", .cookie = COMPAT | BT_NAME_MODE | BT_NAME_AT },
	{ .function = "__ia32_sys_fchmodat2", .prog = "bt_named", .cookie = COMPAT | BT_NAME_MODE | BT_NAME_AT, .optional = true },
#endif
};
/* clang-format on */

const size_t n_probes = sizeof(probes) / sizeof(*probes);
