/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The contract between the BPF programs and user space: what a record in a ring
 * looks like. Fixed-width members only, no implicit padding (-Wpadded is an error
 * here), little or big endian as the machine is: records never leave the machine
 * but inside a recording, which says its byte order.
 *
 * A record is a struct bt_rec_* followed by `tail` bytes as its kind says. Nothing
 * but user/event/event.c reads these structs in user space.
 */
#ifndef BEARTRAP_EVENT_H
#define BEARTRAP_EVENT_H

#ifndef __VMLINUX_H__
#include <linux/types.h>
#endif
#include <beartrap/limits.h>

/* Bumped with every change of a struct or an enum below; the loader compares it
 * with the constant in the object's .rodata, a recording with its header. */
#define BT_ABI_VERSION 3

#pragma GCC diagnostic push
#pragma GCC diagnostic error "-Wpadded"

enum bt_rec_kind {
	BT_REC_DATA = 1, /* bytes of one read- or write-like call */
	BT_REC_FILE = 2, /* identity of a file object, before its first data, or at exec */
	BT_REC_EXEC = 3, /* a watched process has begun a new program */
	BT_REC_ARGS = 4, /* a piece of its argv or environment */
	BT_REC_FORK = 5, /* a watched process has a child process (not a thread) */
	BT_REC_EXIT = 6, /* a watched process (its last thread) has ended */
	BT_REC_MAP = 7,  /* it has mapped a file to execute: a library */
	BT_REC_COPY = 8, /* it has had bytes moved from one file to another; for the loader only */
	BT_REC_CGROUP = 9,  /* where it is in the cgroup trees: made by the loader, after an EXEC */
	BT_REC_SHARED = 10, /* of its writable shared mappings of files; for the loader only */
	BT_REC_NAME = 11,   /* it has given a file another name or mode, or taken a name away */
	BT_REC_KIND_MAX
};

enum bt_dir {
	BT_DIR_OUT = 0, /* written by the watched process */
	BT_DIR_IN = 1,  /* read by it */
};

/* Which call moved the bytes. */
enum bt_call {
	BT_CALL_NONE = 0,
	BT_CALL_WRITE,
	BT_CALL_PWRITE64,
	BT_CALL_WRITEV,
	BT_CALL_PWRITEV,
	BT_CALL_PWRITEV2,
	BT_CALL_SENDTO,
	BT_CALL_SENDMSG,
	BT_CALL_SENDMMSG,
	BT_CALL_VMSPLICE, /* of either direction */
	BT_CALL_READ,
	BT_CALL_PREAD64,
	BT_CALL_READV,
	BT_CALL_PREADV,
	BT_CALL_PREADV2,
	BT_CALL_RECVFROM,
	BT_CALL_RECVMSG,
	BT_CALL_RECVMMSG,  /* the last system call */
	BT_CALL_TLS_WRITE, /* SSL_write and its like in a library: plaintext of a BT_FILE_TLS */
	BT_CALL_TLS_READ,
	BT_CALL_VM_WRITEV, /* process_vm_writev, to a BT_FILE_MEM */
	/* Read from their source by the loader, afterwards. */
	BT_CALL_SENDFILE,
	BT_CALL_SPLICE,
	BT_CALL_COPY_FILE_RANGE,
	/* Out of a pipe: what had been written into it, as the loader kept it. */
	BT_CALL_SPLICE_PIPE,
	BT_CALL_TEE,
	BT_CALL_SPLICE_FILE, /* and, when that is not known, read where they went, afterwards */
	BT_CALL_MMAP,        /* stored through a shared mapping: found in the file */
	BT_CALL_MAX
};

/* What a file object is: from its inode's type and, for a socket, its family. */
enum bt_file_type {
	BT_FILE_UNKNOWN = 0,
	BT_FILE_REG = 1,
	BT_FILE_PIPE = 2, /* pipe or FIFO */
	BT_FILE_UNIX = 3, /* AF_UNIX */
	BT_FILE_TCP = 4,  /* AF_INET or AF_INET6, SOCK_STREAM */
	BT_FILE_UDP = 5,  /* AF_INET or AF_INET6, SOCK_DGRAM */
	BT_FILE_SOCK = 6, /* any other family: netlink, vsock, ... */
	BT_FILE_TTY = 7,  /* tty or pty */
	BT_FILE_CHR = 8,  /* any other character device: /dev/null, ... */
	BT_FILE_DIR = 9,
	BT_FILE_OTHER = 10, /* block device, anonymous inode (eventfd, epoll, ...) */
	BT_FILE_TLS = 11,   /* no file: a TLS connection of a library in the process */
	BT_FILE_MEM = 12,   /* no file: the memory of another process */
	BT_FILE_TYPE_MAX
};

struct bt_hdr {
	__u32 len;  /* whole record, this header included */
	__u16 kind; /* enum bt_rec_kind */
	__u16 cpu;
	__u64 time_ns;  /* CLOCK_BOOTTIME */
	__u64 start_ns; /* start of the process (group leader), CLOCK_BOOTTIME */
	__u32 tgid;     /* process and thread, in the initial pid namespace */
	__u32 tid;
	__u32 root;             /* tgid of the watch root this process descends from */
	__u32 uid;              /* real uid, initial user namespace */
	char comm[BT_COMM_LEN]; /* of the thread */
};

/*
 * Names a file object for as long as it lives. For a pipe, FIFO or socket `obj` is
 * the inode number: every open file of it is the same bytes. For all else it is
 * the open file description (struct file) itself, as a number, and means nothing more. For BT_FILE_TLS it is
 * the library's object of the connection, and `ino` tells the connections apart for which the library used the
 * same memory, one after the other; its socket is in BT_REC_FILE. For BT_FILE_MEM `obj` is the process's tgid and `ino` its
 * start (CLOCK_BOOTTIME ns), or 0 when it is not known; `dev` is the watch root of the process that writes.
 */
struct bt_file_id {
	__u64 obj;
	__u64 ino;
	__u32 dev;  /* kernel-internal encoding: major << 20 | minor */
	__u16 type; /* enum bt_file_type */
	__u16 mode; /* S_IFMT and permission bits of the inode */
};

/*
 * What is missing between this payload and the one before it in the stream has been examined by the matched lane
 * (match_abi.h) and is not coming: no need to wait for it.
 */
#define BT_DATA_MATCHED 0x1

/*
 * tail: `data_len` payload bytes, then `name_len` bytes of struct sockaddr (msg_name).
 * A window of the matched lane is a record like any other, and counts as a call of its own: call_len is its length.
 */
struct bt_rec_data {
	struct bt_hdr hdr;
	struct bt_file_id file;
	__u64 pos; /* of the first payload byte in this object and direction */
	__u64 off; /* file offset of the payload for pread/pwrite families, else ~0 */
	__u64 call_len; /* bytes that the whole call moved; of sendmmsg, recvmmsg: that this message did */
	__u64 call_off; /* of this payload within the call */
	__s32 fd;
	__u32 data_len;
	__u32 lost_len; /* bytes of this call just before the payload that could not be read */
	__u16 call;     /* enum bt_call */
	__u16 name_len;
	__u8 dir;   /* enum bt_dir */
	__u8 last;  /* 1 in the last record of what call_len tells of */
	__u8 flags; /* BT_DATA_* */
	__u8 pad[5];
};

#define BT_FILE_STDIO 0x1    /* sent at exec or attach because it is fd 0, 1 or 2 */
#define BT_FILE_PATH_CUT 0x2 /* the path's front is missing: too deep or too long */
#define BT_FILE_DELETED 0x4  /* no link left when first seen */
#define BT_FILE_SNAPSHOT 0x8 /* was open before the watch began */
/* Sockets, known from the call's end on: sent then, whether or not the object has been told of. */
#define BT_FILE_ACCEPTED 0x10  /* came out of accept(2): the process is the server */
#define BT_FILE_CONNECTED 0x20 /* connect(2) succeeded or is in progress: it is the client */
/* A pipe that a watched process made: stream positions of both directions count from its beginning. */
#define BT_FILE_BORN 0x40

/*
 * tail: `path_len` bytes: path of a file, unix peer name (leading NUL = abstract), or of a BT_FILE_MEM the process's comm.
 * Sent before the first data of each direction, and again when the file has been renamed or its flags
 * changed, or the socket of a BT_FILE_TLS has become known. In rare cases the same bt_file_id comes to mean another open file of that inode number: then
 * it is sent again too, and stream positions go on.
 */
struct bt_rec_file {
	struct bt_hdr hdr;
	struct bt_file_id file;
	__u64 size;     /* inode size when first seen */
	__u64 sock_ino; /* of a BT_FILE_TLS: the socket under it; 0 while not known */
	__s32 fd;
	__u32 open_flags; /* struct file.f_flags: O_APPEND, O_WRONLY, ... */
	__u32 inode_uid;
	__u32 nlink;
	__u32 sock_dev;
	__u32 pad;
	__u16 flags; /* BT_FILE_* flags above */
	__u16 path_len;
	__u16 sk_family;   /* AF_*, 0 when not a socket */
	__u16 sk_type;     /* SOCK_* */
	__u16 sk_protocol; /* IPPROTO_* */
	__u16 local_port;  /* host byte order */
	__u16 peer_port;   /* host byte order */
	__u8 sk_state;     /* TCP_ESTABLISHED, TCP_LISTEN, ... */
	__u8 pad2;
	__u8 local_addr[16]; /* network byte order; IPv4 in the first four bytes */
	__u8 peer_addr[16];
};

/* tail: `path_len` bytes: path of the executable. */
struct bt_rec_exec {
	struct bt_hdr hdr;
	__u64 exe_ino;
	__u64 cgroup_id;
	__u64 args_len; /* whole length of argv, NULs included */
	__u64 env_len;
	__u32 exe_dev;
	__u32 ppid;   /* tgid of the parent */
	__u32 ns_pid; /* in the process's own pid namespace */
	__u32 pid_ns; /* its inode number */
	__u32 mnt_ns;
	__u16 path_len;
	__u16 pad;
};

#define BT_ARGS_ARGV 0
#define BT_ARGS_ENV 1

/* tail: `data_len` bytes, NUL-separated strings; a string may go on in the next record. */
struct bt_rec_args {
	struct bt_hdr hdr;
	__u64 total_len; /* of the whole argv or environment */
	__u32 off;       /* of this piece */
	__u32 data_len;
	__u32 lost_len; /* bytes just before this piece that could not be read */
	__u16 which;    /* BT_ARGS_ARGV or BT_ARGS_ENV */
	__u16 last;     /* 1 in the last piece */
};

/* hdr names the parent; no tail. */
struct bt_rec_fork {
	struct bt_hdr hdr;
	__u64 child_start_ns;
	__u32 child_tgid;
	__u32 pad;
};

/* tail: `path_len` bytes: path of the file, as the process names it. */
struct bt_rec_map {
	struct bt_hdr hdr;
	__u64 ino;
	__u32 dev;
	__u16 path_len;
	__u16 pad;
};

/* What was written to the source pipe from stream position from_off on is what was moved. */
#define BT_COPY_SURE 0x1

/* tail: `path_len` bytes: path of the source, when it is a regular file, else of where they went; as the process names it. */
struct bt_rec_copy {
	struct bt_hdr hdr;
	struct bt_file_id file; /* where they went */
	struct bt_file_id from;
	__u64 pos;      /* of the first byte in the stream of `file` */
	__u64 from_off; /* in the source: file offset; of a pipe, stream position */
	__u64 to_off; /* file offset in `file`, when that is a regular file and the source is none; else ~0 */
	__u64 len;
	__s32 fd, from_fd;
	__u16 call; /* enum bt_call: BT_CALL_SENDFILE, _SPLICE, _COPY_FILE_RANGE, _TEE */
	__u16 path_len;
	__u32 flags; /* BT_COPY_* */
};

#define BT_SHARED_MAP 0   /* a writable shared mapping of a regular file has come to be */
#define BT_SHARED_SYNC 1  /* msync(2) */
#define BT_SHARED_UNMAP 2 /* what was mapped there is no more */

/* tail, of BT_SHARED_MAP: `path_len` bytes: path of the file, as the process names it. The others name addresses alone. */
struct bt_rec_shared {
	struct bt_hdr hdr;
	struct bt_file_id file;
	__u64 addr, len; /* in the process */
	__u64 off;       /* in the file, of what is at `addr` */
	__s32 fd;        /* -1 when not known */
	__u16 what;      /* BT_SHARED_* */
	__u16 path_len;
};

#define BT_NAME_RENAME 0
#define BT_NAME_LINK 1 /* one more name */
#define BT_NAME_UNLINK 2
#define BT_NAME_MODE 3

/*
 * tail: `path_len` bytes: the name that it is about now, or that is gone; then `old_len` bytes: the one before (RENAME, LINK).
 * Both absolute, as the process names them, and as it wrote them: with dots and symbolic links. The loader tidies them, and
 * fills `file` when it still finds it there.
 */
struct bt_rec_name {
	struct bt_hdr hdr;
	struct bt_file_id file; /* type 0: not known */
	__u16 what;             /* BT_NAME_* */
	__u16 mode;             /* permission bits, of BT_NAME_MODE */
	__u16 path_len, old_len;
};

/* tail: `text_len` bytes: /proc/PID/cgroup, proc_pid_cgroup in cgroups(7), whole lines. */
struct bt_rec_cgroup {
	struct bt_hdr hdr;
	__u32 text_len;
	__u32 pad;
};

/* no tail. */
struct bt_rec_exit {
	struct bt_hdr hdr;
	__s32 status; /* as wait(2) would give it */
	__u32 pad;
};

#pragma GCC diagnostic pop

/*
 * Why bytes or records did not reach user space. The counters are one per-CPU array:
 * element i holds {events, bytes} for cause i. They only ever grow.
 */
enum bt_loss {
	BT_LOSS_RING_WINDOW =
		0,          /* no room for a window of the matched lane, or for telling of a copy */
	BT_LOSS_RING_PRIO,  /* no room in the priority ring */
	BT_LOSS_FAULT,      /* user memory was not resident or not mapped */
	BT_LOSS_FD_GONE,    /* the descriptor was closed before the call's end was seen */
	BT_LOSS_MAP_STREAM, /* no room for another stream position */
	BT_LOSS_MAP_PROC,   /* no room for another watched process */
	BT_LOSS_STORAGE,    /* task storage could not be had: the task is not watched */
	BT_LOSS_IOV,        /* more iovecs or messages than BT_IOV_MAX, BT_MMSG_MAX */
	BT_LOSS_ARGS,       /* argv or environment over BT_ARGS_LEN, or not resident */
	BT_LOSS_PATH,       /* a path was cut */
	BT_LOSS_TLS_CALL,   /* of a call into a TLS library only the end was seen */
	BT_LOSS_MOVED, /* bytes told of in a BT_REC_COPY that were not to be had afterwards; counted by the loader */
	BT_LOSS_HELPER, /* any other helper that failed; a program that the kernel left out */
	/* Calls that move bytes past the probes (bpf/blind.bpf.c): bytes where they are known. */
	BT_LOSS_SENDFILE,
	BT_LOSS_SPLICE, /* splice, tee */
	BT_LOSS_COPY_RANGE,
	BT_LOSS_IO_URING, /* requests that could not be followed; where none can be: rings made */
	BT_LOSS_MMAP, /* events: writable shared mappings of devices, and of files that could not be looked at afterwards */
	BT_LOSS_COMPAT, /* events: 32-bit programs begun; their system calls have no tracepoints */
	BT_LOSS_MAX
};

struct bt_counter {
	__u64 events;
	__u64 bytes;
};

/*
 * What was seen, so that calls = bulk + windows + matched + copied + skipped + lost can be shown. Same array shape as losses. Only
 * BT_SEEN_MATCHED may fall: when bytes that had been examined are sent after all, as what stands before a hit.
 */
enum bt_seen {
	BT_SEEN_CALLS = 0,   /* calls of watched processes; bytes they moved */
	BT_SEEN_SENT_BULK,   /* records put into the bulk ring; payload bytes in them */
	BT_SEEN_SENT_PRIO,   /* records put into the priority ring; tail bytes in them */
	BT_SEEN_SENT_WINDOW, /* windows put into the priority ring; payload bytes in them */
	BT_SEEN_MATCHED, /* pieces of calls that the matched lane examined; bytes of them not sent */
	BT_SEEN_COPIED,  /* BT_REC_COPY records; bytes that they tell of */
	BT_SEEN_SKIPPED, /* calls on objects that carry no secrets to anybody (eventfd, ...); MSG_PEEK */
	BT_SEEN_MAX
};

/* Value of the stream position map, key = struct bt_stream_key. */
struct bt_stream_key {
	struct bt_file_id file; /* .mode = 0 */
	__u64 dir;
};

struct bt_stream_val {
	__u64 pos;     /* bytes moved so far, seen or lost */
	__u64 lost;    /* of these, bytes that never reached user space */
	__u64 matched; /* and bytes that the matched lane examined and did not send */
};

#endif /* BEARTRAP_EVENT_H */
