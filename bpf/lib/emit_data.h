/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Layer 3: the bytes of one read- or write-like call. User memory is walked piece by piece (every
 * iovec of every message) and gathered into records of up to BT_CHUNK_LEN.
 *
 * Bounds are checked right before their use (barrier_var), and by comparison: a mask would turn a
 * whole chunk into nothing. They are u64: without 32-bit instructions the compiler checks a
 * shifted copy of a u32, and the verifier learns nothing of the original. And each stands alone: of "0 or more than N" clang 19
 * makes one comparison of a copy, of which the verifier of 6.1 learns nothing either.
 */
#ifndef BPF_LIB_EMIT_DATA_H
#define BPF_LIB_EMIT_DATA_H

#include "lib/base.h"
#include "lib/regs.h"
#include "lib/read.h"
#include "lib/scope.h"
#include "lib/emit.h"
#include "lib/lane.h"

#define PAGE_LEN 4096
/* Enough for MAX_RW_COUNT (2 GiB) page by page, and every iovec. */
#define WALK_STEPS (1 << 20)

/* One call, as its probe describes it. */
struct io {
	struct task_struct *task;
	struct bt_task *t;
	struct bt_scratch *s;
	u64 now;
	u64 off; /* file offset or ~0 */
	s32 fd;
	u16 call;
	u8 dir;
	u8 cut; /* the length may be that of a datagram that was cut off */
};

/* The gathered bytes by the whole lane. False when there was no room. */
static __always_inline bool data_whole(struct bt_scratch *s, struct bt_stream *st, u64 fill,
				       u64 last)
{
	struct bt_rec_data *rec = &s->data_out.rec;
	u64 name_len = rec->name_len, len;

	barrier_var(name_len);
	if (name_len > NAME_LEN)
		return true;
	if (name_len)
		bpf_probe_read_kernel(s->data_out.bytes + fill, name_len, s->name);
	rec->off = file_offset(s, rec->pos);
	rec->call_len = s->call_len;
	rec->data_len = fill;
	rec->lost_len = s->walk.lost;
	rec->last = last;
	rec->flags = st->matched ? BT_DATA_MATCHED : 0;
	len = sizeof(*rec) + fill + name_len;
	rec->hdr.len = len;
	if (bpf_ringbuf_output(&ring_bulk, rec, len, 0))
		return false;
	count_seen(BT_SEEN_SENT_BULK, fill);
	if (st->matched) {
		st->matched = 0;
		lane_leave(s, rec->pos);
	}
	return true;
}

/* Sends what has been gathered, and begins anew. Verified by itself. */
__weak __noinline long data_flush(u64 slot, u64 last)
{
	struct bt_scratch *s = scratch_at(slot);
	struct bt_rec_data *rec;
	struct bt_stream *st;
	struct bt_walk *w;
	u64 fill;

	if (!s)
		return 0;
	rec = &s->data_out.rec;
	w = &s->walk;
	st = bpf_map_lookup_elem(&streams, &s->key);
	fill = w->fill;
	barrier_var(fill);
	if (fill > BT_CHUNK_LEN)
		return 0;
	rec->call_off = s->call_len - w->left - fill;
	rec->pos = s->stream_pos + rec->call_off;
	if (!rec->call_off)
		__builtin_memcpy(s->head, s->data_out.bytes, sizeof(s->head));
	if (!st)
		count_loss(BT_LOSS_MAP_STREAM, fill);
	else if (!lane_is_whole(st, sizeof(*rec) + fill) || !data_whole(s, st, fill, last))
		lane_match(s, fill);
	w->fill = 0;
	w->lost = 0;
	return 0;
}

/* The next iovec. False when there is none. */
static __always_inline bool walk_next(struct bt_walk *w)
{
	struct user_iovec iov = {};
	struct user_iovec32 *iov32 = (void *)&iov;
	u32 len = w->compat ? sizeof(*iov32) : sizeof(iov);
	long err;

	if (!w->iov_left)
		return false;
	if (w->copied)
		err = bpf_probe_read_kernel(&iov, len, (void *)w->iov);
	else
		err = bpf_probe_read_user(&iov, len, (void *)w->iov);
	if (err) {
		w->failed = 1;
		return false;
	}
	w->iov += len;
	if (w->compat) {
		iov.len = iov32->len;
		iov.base = iov32->base;
	}
	w->iov_left--;
	w->seg = iov.base;
	w->seg_left = iov.len < w->left ? iov.len : w->left;
	return true;
}

struct walk_ctx {
	struct bt_scratch *s;
};

static long walk_step(u32 i, struct walk_ctx *ctx)
{
	struct bt_scratch *s = ctx->s;
	struct bt_walk *w = &s->walk;
	u64 fill = w->fill, room, n;

	if (!w->seg_left) {
		if (!walk_next(w))
			return 1;
		if (!w->seg_left)
			return 0;
	}
	barrier_var(fill);
	if (fill >= BT_CHUNK_LEN)
		return 1;
	room = BT_CHUNK_LEN - fill;
	n = w->seg_left;
	if (n > room)
		n = room;
	if (w->careful && n > PAGE_LEN - (w->seg & (PAGE_LEN - 1)))
		n = PAGE_LEN - (w->seg & (PAGE_LEN - 1));
	barrier_var(n);
	if (n > BT_CHUNK_LEN)
		return 1;
	if (!bpf_probe_read_user(s->data_out.bytes + fill, n, (void *)w->seg)) {
		w->fill = fill + n;
	} else if (!w->careful && n > PAGE_LEN - (w->seg & (PAGE_LEN - 1))) {
		w->careful = n;
		return 0;
	} else {
		if (fill)
			data_flush(s->slot, 0);
		w->lost += n;
		stream_lost(s, BT_LOSS_FAULT, n);
	}
	w->careful -= w->careful < n ? w->careful : n;
	w->seg += n;
	w->seg_left -= n;
	w->left -= n;
	if (w->fill == BT_CHUNK_LEN)
		data_flush(s->slot, !w->left);
	return !w->left;
}

/* The sockaddr that came with a message, into s->name. */
static __always_inline void data_name(struct bt_scratch *s, u64 name, u64 len)
{
	s->data_out.rec.name_len = 0;
	if (!name || !len)
		return;
	barrier_var(len);
	if (len > NAME_LEN)
		return;
	if (bpf_probe_read_user(s->name, len, (void *)name))
		return;
	s->data_out.rec.name_len = len;
}

/* Sends `len` bytes found along the walk that s->walk has been set up for. */
static __always_inline void data_send(struct io *io, u64 len)
{
	struct bt_rec_data *rec = &io->s->data_out.rec;
	struct bt_walk *w = &io->s->walk;
	struct bt_stream *st = bpf_map_lookup_elem(&streams, &io->s->key);
	struct walk_ctx ctx = { .s = io->s };

	if (!st) {
		count_loss(BT_LOSS_MAP_STREAM, len);
		return;
	}
	io->s->stream_pos = __sync_fetch_and_add(&st->val.pos, len);
	io->s->call_len = len;
	io->s->off = io->off;
	__builtin_memset(io->s->head, 0, sizeof(io->s->head));
	hdr_fill(&rec->hdr, BT_REC_DATA, 0, io->task, io->t, io->now);
	rec->fd = io->fd;
	rec->call = io->call;
	rec->dir = io->dir;
	__builtin_memset(rec->pad, 0, sizeof(rec->pad));
	w->left = len;
	w->careful = 0;
	w->fill = 0;
	w->lost = 0;
	w->failed = 0;
	if (w->seg_left > len)
		w->seg_left = len;
	bpf_loop(WALK_STEPS, walk_step, &ctx, 0);
	if (w->left) {
		u64 rest = w->left;

		if (w->fill)
			data_flush(io->s->slot, io->cut);
		if (io->cut) {
			count_seen(BT_SEEN_SKIPPED, rest);
		} else {
			stream_lost(io->s, w->failed ? BT_LOSS_FAULT : BT_LOSS_IOV, rest);
			w->lost += rest;
		}
		w->left = 0;
	}
	if (w->fill || w->lost)
		data_flush(io->s->slot, 1);
}

static __always_inline void walk_buf(struct bt_scratch *s, u64 buf, u64 len)
{
	s->walk.seg = buf;
	s->walk.seg_left = len;
	s->walk.iov_left = 0;
}

/* `compat`: the list is a 32-bit call's. */
static __always_inline void walk_iov(struct bt_scratch *s, u64 iov, u64 n, bool compat)
{
	s->walk.compat = compat;
	s->walk.seg_left = 0;
	s->walk.iov = iov;
	s->walk.iov_left = n < BT_IOV_MAX ? n : BT_IOV_MAX;
	s->walk.copied = 0;
}

/* The same with a list in the kernel's memory. */
static __always_inline void walk_iov_copy(struct bt_scratch *s, const struct user_iovec *iov, u64 n)
{
	walk_iov(s, (u64)iov, n, false);
	s->walk.copied = 1;
}

#endif /* BPF_LIB_EMIT_DATA_H */
