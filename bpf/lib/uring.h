/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Layer 3: io_uring's requests: what each operation is, and where it says what it moves. */
#ifndef BPF_LIB_URING_H
#define BPF_LIB_URING_H

#include "lib/base.h"
#include "lib/read.h"
#include "lib/emit_data.h"

/* include/uapi/linux/io_uring.h: IOSQE_*, which are the lowest bits of io_kiocb.flags, IORING_CQE_F_*, and others. */
#define REQ_FIXED_FILE 0x1
#define REQ_BUFFER_SELECT 0x20
#define REQ_CQE_SKIP 0x40
#define CQE_BUFFER 0x1
#define RECV_MULTISHOT 0x2
#define NET_BUNDLE 0x10
#define SEND_VECTORIZED 0x20
#define FILE_INDEX_ALLOC ~0U
#define RECVMSG_OUT_LEN                                                                            \
	16 /* struct io_uring_recvmsg_out; its first member is the length of the name that follows */

/* include/linux/uio.h: so since 6.4, before which it is not asked for. */
#define ITER_UBUF 0

/* How the request says where the bytes are. */
enum uring_kind {
	URING_OTHER = 0, /* moves nothing that is looked for */
	URING_BUF,       /* struct io_rw: address, length */
	URING_IOV,       /* struct io_rw: iovecs */
	URING_NET,       /* struct io_sr_msg: address, length */
	URING_MSG,       /* struct io_sr_msg: struct msghdr */
	URING_ACCEPT,
	URING_CONNECT,
	URING_SPLICE,
	URING_CMD,    /* of a file's own: bytes, unless it is a socket */
	URING_UNKNOWN /* moves bytes in a way that is not understood here */
};

/* As enum io_uring_op has them; never renumbered. The calls are those that do the same. */
struct uring_op {
	u8 kind;
	u8 call;
	u8 call_at; /* when an offset is given */
};

#define URING_OPS 63

static const struct uring_op uring_ops[URING_OPS] = {
	[1] = { URING_IOV, BT_CALL_READV, BT_CALL_PREADV },
	[2] = { URING_IOV, BT_CALL_WRITEV, BT_CALL_PWRITEV },
	[4] = { URING_BUF, BT_CALL_READ, BT_CALL_PREAD64 },   /* READ_FIXED */
	[5] = { URING_BUF, BT_CALL_WRITE, BT_CALL_PWRITE64 }, /* WRITE_FIXED */
	[9] = { URING_MSG, BT_CALL_SENDMSG, 0 },
	[10] = { URING_MSG, BT_CALL_RECVMSG, 0 },
	[13] = { URING_ACCEPT, 0, 0 },
	[16] = { URING_CONNECT, 0, 0 },
	[22] = { URING_BUF, BT_CALL_READ, BT_CALL_PREAD64 },
	[23] = { URING_BUF, BT_CALL_WRITE, BT_CALL_PWRITE64 },
	[26] = { URING_NET, BT_CALL_SENDTO, 0 },
	[27] = { URING_NET, BT_CALL_RECVFROM, 0 },
	[30] = { URING_SPLICE, 0, 0 },
	[33] = { URING_SPLICE, 0, 0 }, /* TEE */
	[46] = { URING_CMD, 0, 0 },
	[47] = { URING_NET, BT_CALL_SENDTO, 0 },               /* SEND_ZC */
	[48] = { URING_MSG, BT_CALL_SENDMSG, 0 },              /* SENDMSG_ZC */
	[49] = { URING_BUF, BT_CALL_READ, BT_CALL_READ },      /* READ_MULTISHOT */
	[58] = { URING_UNKNOWN, 0, 0 },                        /* RECV_ZC */
	[60] = { URING_IOV, BT_CALL_READV, BT_CALL_PREADV },   /* READV_FIXED */
	[61] = { URING_IOV, BT_CALL_WRITEV, BT_CALL_PWRITEV }, /* WRITEV_FIXED */
};

#define OP_READ_MULTISHOT 49
#define OP_RECV_ZC 58

/* A newer one may move bytes. */
static __always_inline u8 uring_kind(u8 op)
{
	u64 i = op;

	barrier_var(i);
	return i < URING_OPS ? uring_ops[i].kind : URING_UNKNOWN;
}

static __always_inline bool kind_moves(u8 kind)
{
	return (kind >= URING_BUF && kind <= URING_MSG) || kind == URING_UNKNOWN;
}

/*
 * By what a request is found again: itself, or what its completions tell when those are many, for of all but the last they
 * do not name it.
 */
struct uring_key {
	u64 whose; /* struct io_kiocb, or struct io_ring_ctx */
	u64 user_data;
};

/* LRU: what has been left behind by completions that nobody saw goes first. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, BT_MAX_URINGS);
	__type(key, struct uring_key);
	__type(value, struct bt_uring);
} urings __weak SEC(".maps");

static __always_inline void uring_key(struct io_kiocb *req, u8 op, u8 kind, struct uring_key *key)
{
	bool many;

	if (kind == URING_NET || kind == URING_MSG)
		many = BPF_CORE_READ((struct io_sr_msg *)req, flags) &
		       (RECV_MULTISHOT | NET_BUNDLE);
	else
		many = kind == URING_ACCEPT || op == OP_READ_MULTISHOT || op == OP_RECV_ZC;
	key->whose = many ? (u64)BPF_CORE_READ(req, ctx) : (u64)req;
	key->user_data = many ? BPF_CORE_READ(req, cqe.user_data) : 0;
}

/* As they were before 6.13: the address is copied to async_data at once since. */
struct io_sr_msg___addr {
	void *addr;
	u16 addr_len;
} __attribute__((preserve_access_index));

struct iov_iter___uring {
	u8 iter_type;
	void *ubuf;
} __attribute__((preserve_access_index));

struct msghdr___uring {
	int msg_namelen;
	struct iov_iter___uring msg_iter;
} __attribute__((preserve_access_index));

struct io_async_msghdr___uring {
	struct msghdr___uring msg;
	struct {
	} addr;
} __attribute__((preserve_access_index));

/* A send's address, into u->name. */
static __always_inline void uring_send_name(struct io_kiocb *req, struct bt_uring *u)
{
	struct io_sr_msg___addr *sr = (void *)req;
	struct io_async_msghdr___uring *hdr;
	u64 len;

	if (bpf_core_field_exists(sr->addr)) {
		u64 from = (u64)BPF_CORE_READ(sr, addr);

		len = BPF_CORE_READ(sr, addr_len);
		barrier_var(len);
		if (!from || len > NAME_LEN || bpf_probe_read_user(u->name, len, (void *)from))
			return;
	} else {
		hdr = (void *)BPF_CORE_READ(req, async_data);
		if (!hdr)
			return;
		len = (u32)BPF_CORE_READ(hdr, msg.msg_namelen);
		barrier_var(len);
		if (len > NAME_LEN ||
		    bpf_probe_read_kernel(
			    u->name, len,
			    (void *)hdr +
				    bpf_core_field_offset(struct io_async_msghdr___uring, addr)))
			return;
	}
	u->name_len = len;
}

struct digest_ctx {
	u64 iov;
	u64 h;
};

static long digest_step(u32 i, struct digest_ctx *c)
{
	struct user_iovec iov;

	if (bpf_probe_read_user(&iov, sizeof(iov), (void *)(c->iov + (u64)i * sizeof(iov)))) {
		c->h = 0;
		return 1;
	}
	c->h = mix(mix(c->h, iov.base), iov.len) | 1;
	return 0;
}

/* Of a list of iovecs. 0 when it cannot be read. */
static __noinline u64 iov_digest(u64 iov, u64 n)
{
	struct digest_ctx c = { .iov = iov, .h = 1 };

	bpf_loop(n < BT_IOV_MAX ? n : BT_IOV_MAX, digest_step, &c, 0);
	return c.h;
}

/* A list that could not be read when it had to be. */
static __always_inline void uring_no_iov(struct bt_uring *u)
{
	u->addr = 0;
	u->n_iov = URING_IOVS + 1;
	u->digest = 0;
}

static __always_inline void uring_iov(struct bt_uring *u, u64 addr, u64 n)
{
	u->addr = addr;
	u->n_iov = n;
	if (n > URING_IOVS) {
		u->digest = iov_digest(addr, n);
		return;
	}
	n *= sizeof(*u->iov);
	barrier_var(n);
	if (n > sizeof(u->iov) || bpf_probe_read_user(u->iov, n, (void *)addr))
		uring_no_iov(u);
}

/* Sets the walk up for `bytes` that the request has moved. */
static __always_inline void uring_walk(struct bt_scratch *s, u64 bytes)
{
	struct bt_uring *u = &s->uring;

	if (!u->n_iov)
		walk_buf(s, u->addr, bytes);
	else if (u->n_iov <= URING_IOVS)
		walk_iov_copy(s, u->iov, u->n_iov);
	else if (u->digest && iov_digest(u->addr, u->n_iov) == u->digest)
		walk_iov(s, u->addr, u->n_iov, false);
	else
		walk_iov(s, 0, 1, false); /* faults */
}

/* The ring's table of registered files: an array, and of entries of their own since 6.13. */
struct io_fixed_file___array {
	unsigned long file_ptr;
} __attribute__((preserve_access_index));

struct io_rsrc_node___entry {
	unsigned long file_ptr;
} __attribute__((preserve_access_index));

struct io_rsrc_data___entries {
	struct io_rsrc_node___entry **nodes;
} __attribute__((preserve_access_index));

struct io_file_table___array {
	struct io_fixed_file___array *files;
} __attribute__((preserve_access_index));

struct io_file_table___entries {
	struct io_rsrc_data___entries data;
} __attribute__((preserve_access_index));

struct io_ring_ctx___array {
	struct io_file_table___array file_table;
} __attribute__((preserve_access_index));

struct io_ring_ctx___entries {
	struct io_file_table___entries file_table;
} __attribute__((preserve_access_index));

/* The file registered with a ring as number `slot`, which has just been put there; 0 when it cannot be had. */
static __always_inline u64 uring_file(struct io_ring_ctx *ring, u64 slot)
{
	unsigned long file = 0;

	if (bpf_core_type_exists(struct io_fixed_file___array)) {
		struct io_fixed_file___array *files =
			BPF_CORE_READ((struct io_ring_ctx___array *)ring, file_table.files);

		files = (void *)files + slot * bpf_core_type_size(struct io_fixed_file___array);
		file = BPF_CORE_READ(files, file_ptr);
	} else if (bpf_core_field_exists(struct io_rsrc_node___entry, file_ptr)) {
		struct io_rsrc_node___entry **nodes =
			BPF_CORE_READ((struct io_ring_ctx___entries *)ring, file_table.data.nodes);
		struct io_rsrc_node___entry *node = NULL;

		bpf_probe_read_kernel(&node, sizeof(node), nodes + slot);
		file = BPF_CORE_READ(node, file_ptr);
	}
	/* The lowest bits say what the file can do. */
	return file & ~7UL;
}

#endif /* BPF_LIB_URING_H */
