/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Layer 0: constants that BTF does not carry, the maps, the counters, and scratch memory.
 */
#ifndef BPF_LIB_BASE_H
#define BPF_LIB_BASE_H

#include <vmlinux.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>
#include <beartrap/event.h>
#include <beartrap/match_abi.h>

#define AF_UNIX 1
#define AF_INET 2
#define AF_INET6 10

#define SOCK_STREAM 1
#define SOCK_DGRAM 2

#define S_IFMT 00170000
#define S_IFSOCK 0140000
#define S_IFREG 0100000
#define S_IFDIR 0040000
#define S_IFCHR 0020000
#define S_IFIFO 0010000

#define ANON_INODE_FS_MAGIC 0x09041934

#define MSG_PEEK 2
#define MSG_TRUNC 0x20

/* include/linux/fs.h: what one call can move. */
#define MAX_RW_COUNT 0x7ffff000

/* include/linux/sched/signal.h: the exit status is the whole group's. */
#define SIGNAL_GROUP_EXIT 0x4

/* include/linux/sched.h: a thread made by the kernel itself; one that it made for io_uring in a process. */
#define PF_IO_WORKER 0x00000010
#define PF_KTHREAD 0x00200000

/* include/linux/pid.h, enum pid_type. */
#define PIDTYPE_PID 0
#define PIDTYPE_TGID 1

/* O_WRONLY or O_RDWR (include/uapi/asm-generic/fcntl.h). */
#define O_WRITES 3

/* Set by the loader; compared with its own. */
const volatile __u32 bt_abi __weak = BT_ABI_VERSION;
/* The ends of 32-bit calls are seen too (call.h). */
const volatile bool bt_compat_seen __weak = false;
/* Sizes of the rings. */
const volatile __u64 bt_bulk_len __weak = BT_RING_BULK_LEN;
const volatile __u64 bt_prio_len __weak = BT_RING_PRIO_LEN;
/* struct bt_match_key; random. */
const volatile __u64 bt_match_add __weak = 0;
const volatile __u64 bt_match_mul __weak = 1;
/* Filled by the loader (match_abi.h). */
__u64 bt_match_anchors[BT_MATCH_WORDS] __weak = { 0 };
__u64 bt_match_values[BT_MATCH_WORDS] __weak = { 0 };
/* For tests: task storage cannot be had. */
const volatile bool bt_no_storage __weak = false;
/* Random; mixed into kernel addresses that serve as names, so that a recording holds none. */
const volatile __u64 bt_addr_mask __weak = 0;
/* Requests of io_uring are followed (uring.bpf.c). */
const volatile bool bt_uring_seen __weak = false;

/* The membership of one thread. */
struct bt_task {
	u64 start_ns; /* of its process */
	u32 root;     /* tgid of the watch root */
	u32 flags;    /* BT_TASK_* */
};

/* The process found no room in `procs`. */
#define BT_TASK_NO_PROC 1

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct bt_task);
} tasks __weak SEC(".maps");

/* A watched process, from its fork or marking to the exit of its last thread. */
struct bt_proc_key {
	u64 start_ns;
	u32 tgid;
	u32 pad;
};

struct bt_proc {
	u32 root;
	u32 round; /* of capture_watch_running() that marked it, else 0 */
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, BT_MAX_PROCS);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct bt_proc_key);
	__type(value, struct bt_proc);
} procs __weak SEC(".maps");

/* The public value first; the rest is the programs' own. */
struct bt_stream {
	struct bt_stream_val val;
	u64 ident; /* of the file whose BT_REC_FILE was sent last, 0 before the first */
	u64 born;  /* of a pipe: `val.pos` counts from its beginning (BT_FILE_BORN) */
	/* Its share of the bulk ring (lane.h). */
	u64 mark;    /* the ring's producer position when `now` began */
	u64 now;     /* bytes sent since then */
	u64 past;    /* and before, since the mark before that */
	u32 wire;    /* MCP may be spoken on it: the last of the ring's room is kept for such */
	u32 matched; /* it is in the matched lane */
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, BT_MAX_STREAMS);
	__type(key, struct bt_stream_key);
	__type(value, struct bt_stream);
} streams __weak SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, BT_RING_BULK_LEN);
} ring_bulk __weak SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, BT_RING_PRIO_LEN);
} ring_prio __weak SEC(".maps");

/*
 * What the matched lane keeps of a stream between calls: its last bytes, for anchors that a write's end cuts and
 * for what stands before a hit in the next one.
 */
#define CARRY_LEN 128

struct bt_carry {
	u64 busy;
	u64 end;     /* stream position behind the bytes */
	u64 off_end; /* file offset there, or ~0 */
	u64 want;    /* bytes behind them that belong to the last window */
	u64 run;     /* bytes by which that may still grow */
	u64 unsent;  /* of `bytes`, the last so many have not been sent */
	u64 bytes[CARRY_LEN / 8];
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, BT_MAX_CARRIES);
	__type(key, struct bt_stream_key);
	__type(value, struct bt_carry);
} carries __weak SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, BT_LOSS_MAX);
	__type(key, u32);
	__type(value, struct bt_counter);
} loss __weak SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, BT_SEEN_MAX);
	__type(key, u32);
	__type(value, struct bt_counter);
} seen __weak SEC(".maps");

/*
 * Atomic although per CPU: a program may be preempted between load and store, and these numbers
 * have to add up exactly.
 */
static __always_inline void counter_add(void *map, u32 which, u64 bytes)
{
	struct bt_counter *c = bpf_map_lookup_elem(map, &which);

	if (!c)
		return;
	__sync_fetch_and_add(&c->events, 1);
	__sync_fetch_and_add(&c->bytes, bytes);
}

/* Takes bytes back from a counter of `seen`. */
static __always_inline void count_unseen(u32 which, u64 bytes)
{
	struct bt_counter *c = bpf_map_lookup_elem(&seen, &which);

	if (c)
		__sync_fetch_and_add(&c->bytes, -bytes);
}

static __always_inline void count_loss(enum bt_loss which, u64 bytes)
{
	counter_add(&loss, which, bytes);
}

static __always_inline void count_seen(enum bt_seen which, u64 bytes)
{
	counter_add(&seen, which, bytes);
}

/* struct sockaddr_storage. */
#define NAME_LEN 128

/* Where the walk over one call's user memory stands (emit_data.h). */
struct bt_walk {
	u64 iov; /* user address of the next struct iovec */
	u64 seg; /* user address of the rest of the current one's bytes */
	u64 seg_left;
	u64 left;    /* bytes of the call still to be taken */
	u64 careful; /* bytes to be read page by page, because one page of them faulted */
	u32 iov_left;
	u32 fill;   /* payload bytes gathered */
	u32 lost;   /* bytes lost just before them */
	u32 failed; /* the list of iovecs itself could not be read */
	u32 compat; /* it is of struct user_iovec32 */
	u32 copied; /* `iov` is an address of ours: the list was copied before */
};

/* Blocks in which the matched lane looks at bytes and sends them (match.h). */
#define BLOCK_LEN 64
#define BLOCKS_MAX ((CARRY_LEN + BT_CHUNK_LEN) / BLOCK_LEN)

/* Where the matched lane stands; offsets are into `text` of the scratch (lane.h). */
struct bt_look {
	u64 pos;   /* stream position of the piece's first byte */
	u64 end;   /* of the bytes at hand */
	u64 any;   /* some block holds a gram */
	u64 open;  /* a window is open */
	u64 from;  /* where it begins */
	u64 until; /* and how far it is wanted */
	u64 limit; /* `until` does not grow beyond this */
	u64 sent;  /* everything before this has been sent, or was matched long ago */
	u64 out;   /* bytes of the piece itself that went out in windows, or were lost with them */
	u64 n_windows;
	u8 hit[BLOCKS_MAX];
	struct {
		u32 from, to;
	} window[BLOCKS_MAX]; /* to be sent: not where they are found, for the stack's sake */
};

/* struct iovec and struct msghdr of 64-bit processes, as system calls take them. */
struct user_iovec {
	u64 base;
	u64 len;
};

struct user_msg {
	u64 name;
	u32 name_len;
	u32 pad;
	u64 iov;
	u64 iov_len;
	u64 control;
	u64 control_len;
	u32 flags;
	u32 pad2;
};

/* As 32-bit calls take them: include/net/compat.h. */
struct user_iovec32 {
	u32 base;
	u32 len;
};

struct user_msg32 {
	u32 name;
	u32 name_len;
	u32 iov;
	u32 iov_len;
	u32 control;
	u32 control_len;
	u32 flags;
};

/* struct mmsghdr: one of these, its msg_len, and padding: as far apart as this. */
#define MMSG_LEN (sizeof(struct user_msg) + 8)
#define MMSG32_LEN (sizeof(struct user_msg32) + 4)

/* So many iovecs of a request are kept as they were when it was submitted; of more only that they have not changed. */
#define URING_IOVS 8

/* An io_uring request from its submission to its completion (uring.bpf.c). */
struct bt_uring {
	u64 start_ns; /* whose memory the addresses are in: struct bt_task */
	u64 req;      /* struct io_kiocb */
	u64 addr;     /* of the bytes, or of the list of iovecs */
	u64 off;      /* file offset, or ~0 */
	u64 msg;      /* of recvmsg: the struct msghdr */
	u64 digest;   /* of more than URING_IOVS iovecs */
	u32 len;
	u32 n_iov; /* 0: one buffer, at addr */
	s32 fd;    /* -1: there is none, the file is registered with the ring */
	u32 name_len;
	u16 call;  /* enum bt_call */
	u16 group; /* of provided buffers, from which the kernel is to choose */
	u8 kind;   /* enum uring_kind */
	u8 pad[3];
	struct user_iovec iov[URING_IOVS];
	u8 name[NAME_LEN];
};

/*
 * Working memory of one program run. Too big for the stack; per CPU is not enough, because a
 * program that sleeps or is preempted shares the CPU with the next one. So a slot is claimed.
 */
struct bt_scratch {
	u64 busy;
	u64 slot;       /* its place in the map */
	u64 stream_pos; /* of the call's first byte */
	u64 call_len;
	u64 file; /* address of the struct file at hand */
	/* Of the task at hand: its root directory. */
	u64 root_dentry;
	u64 root_mnt;
	u64 off; /* file offset of the call, or ~0 */
	struct bt_walk walk;
	struct bt_look look;
	u64 arg[6];    /* of the call (call.h) */
	u64 compat;    /* it is a 32-bit one */
	u64 msgs_left; /* bytes of its messages yet to be sent */
	struct user_msg msg;
	struct user_msg32 msg32;
	struct bt_uring uring;
	struct bt_stream_key key;
	u8 head[8]; /* the call's first bytes */
	u8 name[NAME_LEN];
	u8 path[2 * BT_PATH_LEN]; /* built from its middle downwards (read_path.h) */
	struct {
		struct bt_rec_file rec;
		u8 path[BT_PATH_LEN];
	} file_out;
	struct {
		struct bt_rec_exec rec;
		u8 path[BT_PATH_LEN];
	} exec_out;
	struct {
		struct bt_rec_map rec;
		u8 path[BT_PATH_LEN];
	} map_out;
	struct {
		struct bt_rec_copy rec;
		u8 path[BT_PATH_LEN];
	} copy_out;
	struct {
		struct bt_rec_shared rec;
		u8 path[BT_PATH_LEN];
	} shared_out;
	/* Names one behind the other; twice the length, so that the verifier sees `at + len` stay inside. */
	struct {
		struct bt_rec_name rec;
		u8 names[4 * BT_PATH_LEN];
	} name_out;
	/* CARRY_LEN bytes of the stream, then the piece at hand; the rest is for the verifier, who sees `at + len`. */
	u64 text[(CARRY_LEN + 2 * BT_CHUNK_LEN + BLOCK_LEN) / 8];
	/* Twice the length, so that the verifier sees `fill + piece` stay inside. */
	union {
		struct {
			struct bt_rec_data rec;
			u8 bytes[2 * BT_CHUNK_LEN];
		} data_out;
		struct {
			struct bt_rec_args rec;
			u8 bytes[BT_CHUNK_LEN];
		} args_out;
	};
};

#define SCRATCH_SLOTS 3

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SCRATCH_SLOTS); /* times the number of CPUs: set by the loader */
	__type(key, u32);
	__type(value, struct bt_scratch);
} scratch __weak SEC(".maps");

/*
 * The slot that another function has, for one that is verified by itself, once, and not anew for each way to it: such a
 * function (global, so __weak) takes plain numbers.
 */
static __always_inline struct bt_scratch *scratch_at(u64 slot)
{
	u32 key = slot;

	return bpf_map_lookup_elem(&scratch, &key);
}

/* NULL when all slots of this CPU are in use. To be given back with scratch_put(). */
static __always_inline struct bt_scratch *scratch_get(void)
{
	u32 key = bpf_get_smp_processor_id() * SCRATCH_SLOTS;

	for (int i = 0; i < SCRATCH_SLOTS; i++, key++) {
		struct bt_scratch *s = bpf_map_lookup_elem(&scratch, &key);

		if (!s)
			return NULL;
		if (!__sync_val_compare_and_swap(&s->busy, 0, 1)) {
			s->slot = key;
			return s;
		}
	}
	return NULL;
}

static __always_inline void scratch_put(struct bt_scratch *s)
{
	__sync_val_compare_and_swap(&s->busy, 1, 0);
}

#endif /* BPF_LIB_BASE_H */
