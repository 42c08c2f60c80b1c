/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Layer 3: which of the buffers that were provided to a ring the kernel chose for a request. */
#ifndef BPF_LIB_URING_BUF_H
#define BPF_LIB_URING_BUF_H

#include "lib/base.h"
#include "lib/uring.h"

/* include/linux/xarray.h: an entry, or the address of a node and this. */
#define XA_NODE 2
#define XA_SLOTS 64

struct xa_node___uring {
	unsigned char shift;
	void *slots[XA_SLOTS];
} __attribute__((preserve_access_index));

struct xarray___uring {
	void *xa_head;
} __attribute__((preserve_access_index));

/* buf_nr_pages tells a ring of buffers from a list until 6.9, flags since. */
struct io_buffer_list___uring {
	struct io_uring_buf *buf_ring;
	void **buf_pages; /* until 6.14 */
	u16 buf_nr_pages;
	u16 nr_entries;
	u16 head;
	u16 mask;
	u16 flags;
} __attribute__((preserve_access_index));

#define LIST_IS_RING 1
/* Buffers that are used up piece by piece: until 6.14, since. */
#define LIST_PIECES_WAS 4
#define LIST_PIECES 2

/* io_bl: the first BGID_ARRAY of them, until 6.7. */
#define BGID_ARRAY 64

struct io_ring_ctx___lists {
	struct io_buffer_list___uring *io_bl;
	struct xarray___uring io_bl_xa;
} __attribute__((preserve_access_index));

/* include/uapi/linux/io_uring.h. */
struct io_uring_buf {
	u64 addr;
	u32 len;
	u16 bid;
	u16 resv;
};

/* The address of an entry of an xarray of indices below 2^16, 0 when there is none. */
static __always_inline u64 xa_find(const struct xarray___uring *xa, u64 index)
{
	u64 entry = (u64)BPF_CORE_READ(xa, xa_head);
	bool inside = false;

#pragma unroll
	for (int i = 0; i < 3; i++) {
		struct xa_node___uring *node = (void *)(entry - XA_NODE);
		u64 slot;

		if ((entry & 3) != XA_NODE)
			break;
		slot = index >> (BPF_CORE_READ(node, shift) & 31) & (XA_SLOTS - 1);
		inside = true;
		entry = 0;
		bpf_probe_read_kernel(&entry, sizeof(entry),
				      (void *)node +
					      bpf_core_field_offset(struct xa_node___uring, slots) +
					      slot * sizeof(void *));
	}
	return (entry & 3) || (!inside && index) ? 0 : entry;
}

static __always_inline u64 buffer_list(const struct io_ring_ctx___lists *ring, u64 group)
{
	if (bpf_core_field_exists(ring->io_bl) && group < BGID_ARRAY) {
		u64 lists = (u64)BPF_CORE_READ(ring, io_bl);

		if (lists)
			return lists + group * bpf_core_type_size(struct io_buffer_list___uring);
	}
	return xa_find(&ring->io_bl_xa, group);
}

struct find_buf {
	u64 bufs; /* kernel address of the ring's entries */
	u32 at;
	u32 mask;
	u32 bid;
	bool found;
};

/* Backwards from the one used last: the same number may stand at an older place too. */
static long find_buf_step(u32 i, struct find_buf *f)
{
	struct io_uring_buf buf = {};

	f->at = (f->at - 1) & f->mask;
	bpf_probe_read_kernel(&buf, sizeof(buf), (void *)(f->bufs + f->at * sizeof(buf)));
	f->found = buf.bid == f->bid;
	return f->found;
}

/*
 * Where `bytes` went that a completion (its flags: cflags) tells of: into the buffer numbered there and, for a bundle, those
 * behind it; as iovecs into u. False when that cannot be found out, or they are too many.
 */
static __noinline bool ring_buffers(struct bt_uring *u, u64 ring_addr, u64 cflags, u64 bytes)
{
	const struct io_ring_ctx___lists *ring = (void *)ring_addr;
	struct find_buf f = { .bid = (u32)cflags >> 16 };
	struct io_buffer_list___uring *list;
	struct io_uring_buf buf = {};
	u64 left = bytes, n;
	u32 flags;

	if (!u || !(cflags & CQE_BUFFER))
		return false;
	list = (void *)buffer_list(ring, u->group);
	if (!list)
		return false;
	if (bpf_core_field_exists(list->flags)) {
		flags = BPF_CORE_READ(list, flags);
		if (!(flags & LIST_IS_RING) ||
		    (flags &
		     (bpf_core_field_exists(list->buf_pages) ? LIST_PIECES_WAS : LIST_PIECES)))
			return false;
	} else if (!BPF_CORE_READ(list, buf_nr_pages)) {
		return false;
	}
	f.bufs = (u64)BPF_CORE_READ(list, buf_ring);
	f.at = BPF_CORE_READ(list, head);
	f.mask = BPF_CORE_READ(list, mask);
	bpf_loop(f.mask + 1, find_buf_step, &f, 0);
	if (!f.found)
		return false;
	for (n = 0; n < URING_IOVS && left; n++) {
		bpf_probe_read_kernel(&buf, sizeof(buf),
				      (void *)(f.bufs + ((f.at + n) & f.mask) * sizeof(buf)));
		u->iov[n].base = buf.addr;
		u->iov[n].len = buf.len;
		left -= buf.len < left ? buf.len : left;
	}
	u->n_iov = n;
	return !left;
}

#endif /* BPF_LIB_URING_BUF_H */
