/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Layer 4: the file that a call is about. */
#ifndef BPF_LIB_OPEN_H
#define BPF_LIB_OPEN_H

#include "lib/emit_data.h"

/*
 * The file s->file of the call: its identity, and on first sight its record. False when the call is
 * done with (skipped or lost; counted).
 */
static __noinline bool data_open_file(struct io *io, u64 bytes)
{
	struct bt_scratch *s = io->s;
	struct bt_stream *st;
	u64 ident, was, flags;

	if (!s->file) {
		count_loss(BT_LOSS_FD_GONE, bytes);
		return false;
	}
	s->key.dir = io->dir;
	if (!file_identify(s->file, &s->key.file)) {
		count_seen(BT_SEEN_SKIPPED, bytes);
		return false;
	}
	s->data_out.rec.file = s->key.file;
	s->key.file.mode = 0;
	st = stream_get(s, bytes);
	if (!st)
		return false;
	ident = file_ident(s->file, s->key.file.type);
	was = st->ident;
	flags = st->born ? (u64)BT_FILE_BORN << 32 : 0;
	if (was != ident && !emit_file(s, io->task, io->t, (u32)io->fd | flags, io->now))
		__sync_val_compare_and_swap(&st->ident, was, ident);
	return true;
}

/* The same for the file behind the call's fd. */
static __always_inline bool data_open(struct io *io, u64 bytes)
{
	io->s->file = file_of_fd(io->task, io->fd);
	return data_open_file(io, bytes);
}

/*
 * Bytes that a receiving call did not take or did not give: peeked at, they come again; cut off from
 * a stream (MSG_TRUNC), they went nowhere.
 */
static __always_inline bool recv_gave_nothing(struct io *io, u32 flags)
{
	return (flags & MSG_PEEK) || ((flags & MSG_TRUNC) && io->s->key.file.type == BT_FILE_TCP);
}

#endif /* BPF_LIB_OPEN_H */
