/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Sizes that the kernel programs and the user-space engine must agree on.
 * Everything here is in bytes unless its name says otherwise.
 */
#ifndef BEARTRAP_LIMITS_H
#define BEARTRAP_LIMITS_H

#define BT_COMM_LEN 16
/* Payload bytes in one record. A longer write is sent as several records. */
#define BT_CHUNK_LEN 16384
/* Longest path text in a BT_REC_FILE or BT_REC_EXEC record, terminating NUL included. */
#define BT_PATH_LEN 1024
/* Text of /proc/PID/cgroup in a BT_REC_CGROUP record. */
#define BT_CGROUP_LEN 4096
/* Path components that the kernel side follows before it gives up (flag BT_FILE_PATH_CUT). */
#define BT_PATH_DEPTH 40
/* struct sockaddr_un.sun_path, unix(7). */
#define BT_UNIX_PATH_LEN 108
/* argv and environment are sent up to this much each; what is over is counted as lost. */
#define BT_ARGS_LEN (256 * 1024)
/* iovec entries followed in one call: the kernel's own UIO_MAXIOV. */
#define BT_IOV_MAX 1024
/* Messages followed in one sendmmsg/recvmmsg call: UIO_MAXIOV again. */
#define BT_MMSG_MAX 1024

/* Ring sizes: powers of two, multiples of the page size. */
#define BT_RING_BULK_LEN (16 * 1024 * 1024)
#define BT_RING_PRIO_LEN (8 * 1024 * 1024)

/* Entries. */
#define BT_MAX_PROCS 65536
#define BT_MAX_STREAMS 65536
/* Streams in the matched lane at once. */
#define BT_MAX_CARRIES 4096
/* io_uring requests of watched processes that are under way. */
#define BT_MAX_URINGS 8192

#endif /* BEARTRAP_LIMITS_H */
