/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Layer 3: the two lanes of a stream. Whole: its bytes go up as they are, while the bulk ring has room for it. Matched: they are
 * looked through here (match.h), and only windows around what was found go up, in the priority ring, of which they
 * may take one half: bulk bytes can never fill it, windows never all of it.
 */
#ifndef BPF_LIB_LANE_H
#define BPF_LIB_LANE_H

#include "lib/base.h"
#include "lib/emit.h"
#include "lib/match.h"

/* A window reaches so far back from the block of a gram ... */
#define WINDOW_BEFORE 112
/* ... and so far on, and then to the end of the run of bytes that it is in, up to RUN_MAX: the scanner's longest token. */
#define WINDOW_AFTER 256
#define RUN_MAX 16384

/* A function of its own, as others here are, for its stack: calls go deep, and together they have 512 bytes. */
static __noinline long stream_lost(struct bt_scratch *s, enum bt_loss why, u64 bytes)
{
	struct bt_stream *st = bpf_map_lookup_elem(&streams, &s->key);

	count_loss(why, bytes);
	if (st)
		__sync_fetch_and_add(&st->val.lost, bytes);
	return 0;
}

/*
 * May `len` bytes of this stream go into the bulk ring? What a stream has in there is at most `past` + `now`: the mark moves
 * when all that was sent before it has been read. A plain stream may have half of the ring, and leaves the last quarter
 * alone; a wire may have three quarters. One that had to leave the lane comes back when it has half of that.
 */
static __always_inline bool lane_is_whole(struct bt_stream *st, u64 len)
{
	u64 fill = bpf_ringbuf_query(&ring_bulk, BPF_RB_AVAIL_DATA);
	u64 quarter = bt_bulk_len / 4, share, full, mine;

	if (fill + len <= quarter)
		return true;
	if (bpf_ringbuf_query(&ring_bulk, BPF_RB_CONS_POS) >= st->mark) {
		st->past = st->now;
		st->now = 0;
		st->mark = bpf_ringbuf_query(&ring_bulk, BPF_RB_PROD_POS);
	}
	mine = st->past + st->now;
	share = st->wire ? 3 * quarter : 2 * quarter;
	full = st->wire ? 4 * quarter : 3 * quarter;
	if (st->matched) {
		share /= 2;
		full -= quarter;
	}
	if (mine + len > share || fill + len > full)
		return false;
	st->now += len;
	return true;
}

/* Claims what is kept of the stream; NULL when another thread has it, or there is no room. */
static __always_inline struct bt_carry *carry_get(struct bt_scratch *s, bool create)
{
	static const struct bt_carry fresh;
	struct bt_carry *c = bpf_map_lookup_elem(&carries, &s->key);

	if (!c && create) {
		bpf_map_update_elem(&carries, &s->key, &fresh, BPF_NOEXIST);
		c = bpf_map_lookup_elem(&carries, &s->key);
	}
	if (!c || __sync_val_compare_and_swap(&c->busy, 0, 1))
		return NULL;
	return c;
}

static __always_inline void carry_put(struct bt_carry *c)
{
	__sync_val_compare_and_swap(&c->busy, 1, 0);
}

/* File offset of the stream position `pos` in this call, or ~0. */
static __always_inline u64 file_offset(struct bt_scratch *s, u64 pos)
{
	return s->off == ~0ULL ? s->off : s->off + (pos - s->stream_pos);
}

/* Text from `from` to `to` goes up; both are offsets into s->text. */
static __always_inline void window_send(struct bt_scratch *s, u64 from, u64 to)
{
	struct bt_rec_data *rec = &s->data_out.rec;
	struct bt_look *l = &s->look;
	u64 len = to - from, name_len = rec->name_len, total, kept = 0;
	struct bt_stream *st;

	barrier_var(from);
	if (from > CARRY_LEN + BT_CHUNK_LEN)
		return;
	if (!len)
		return;
	barrier_var(len);
	if (len > BT_CHUNK_LEN)
		return;
	bpf_probe_read_kernel(s->data_out.bytes, len, (u8 *)s->text + from);
	barrier_var(name_len);
	if (name_len > NAME_LEN)
		return;
	if (name_len)
		bpf_probe_read_kernel(s->data_out.bytes + len, name_len, s->name);
	if (from < CARRY_LEN)
		kept = to < CARRY_LEN ? len : CARRY_LEN - from;
	l->out += len - kept;
	rec->pos = l->pos + from - CARRY_LEN;
	rec->off = file_offset(s, rec->pos);
	rec->call_len = len;
	rec->call_off = 0;
	rec->data_len = len;
	rec->lost_len = 0;
	rec->last = 1;
	rec->flags = BT_DATA_MATCHED;
	total = sizeof(*rec) + len + name_len;
	rec->hdr.len = total;
	/* Bytes of an earlier call had been counted as matched. */
	if (kept) {
		st = bpf_map_lookup_elem(&streams, &s->key);
		if (st)
			__sync_fetch_and_add(&st->val.matched, -kept);
		count_unseen(BT_SEEN_MATCHED, kept);
	}
	if (bpf_ringbuf_query(&ring_prio, BPF_RB_AVAIL_DATA) + total > bt_prio_len / 2 ||
	    bpf_ringbuf_output(&ring_prio, rec, total, 0))
		stream_lost(s, BT_LOSS_RING_WINDOW, len);
	else
		count_seen(BT_SEEN_SENT_WINDOW, len);
}

/* Does one of these bytes end any token, JSON string or word? Those up to space and '"'. */
static __always_inline bool block_breaks(const u64 *p)
{
	const u64 ones = 0x0101010101010101ULL, tops = 0x8080808080808080ULL;
	u64 found = 0;

#pragma unroll
	for (int k = 0; k < BLOCK_LEN / 8; k++) {
		u64 quotes = p[k] ^ ones * '"';

		found |= (p[k] - ones * 0x21) & ~p[k];
		found |= (quotes - ones) & ~quotes;
	}
	return found & tops;
}

static long window_step(u32 i, struct match_ctx *ctx)
{
	struct bt_scratch *s = ctx->s;
	struct bt_look *l = &s->look;
	u64 n = i, at, end;

	barrier_var(n);
	if (n >= BLOCKS_MAX)
		return 1;
	at = TEXT_BASE + n * BLOCK_LEN;
	end = at + BLOCK_LEN < l->end ? at + BLOCK_LEN : l->end;
	if (l->hit[n]) {
		if (!l->open) {
			l->open = 1;
			l->from = at - WINDOW_BEFORE > l->sent ? at - WINDOW_BEFORE : l->sent;
		}
		l->until = end + WINDOW_AFTER;
		l->limit = end + RUN_MAX;
	}
	if (!l->open)
		return 0;
	/* A run that goes on: the token may. */
	if (l->until <= end && end < l->limit &&
	    !block_breaks(s->text + (TEXT_BASE / 8 + n * (BLOCK_LEN / 8))))
		l->until = end + BLOCK_LEN;
	if (l->until > end && end < l->end && end - l->from <= BT_CHUNK_LEN - BLOCK_LEN)
		return 0;
	at = l->n_windows;
	barrier_var(at);
	if (at < BLOCKS_MAX) {
		l->window[at].from = l->from;
		l->window[at].to = end;
		l->n_windows = at + 1;
	}
	l->sent = l->from = end;
	l->open = l->until > end;
	return 0;
}

static long window_out(u32 i, struct match_ctx *ctx)
{
	u64 n = i;

	barrier_var(n);
	if (n >= BLOCKS_MAX)
		return 1;
	window_send(ctx->s, ctx->s->look.window[n].from, ctx->s->look.window[n].to);
	return 0;
}

/* As if all before the piece had been sent. */
static __always_inline void look_begin(struct bt_scratch *s, u64 want, u64 run)
{
	struct bt_look *l = &s->look;

	__builtin_memset(s->text, 0xff, CARRY_LEN);
	l->sent = l->from = CARRY_LEN;
	l->until = CARRY_LEN + want;
	l->limit = CARRY_LEN + run;
}

/* Takes up what is kept of the stream when that is the bytes right before the piece. False when it is not. */
static __always_inline bool carry_load(struct bt_scratch *s, struct bt_carry *c)
{
	struct bt_look *l = &s->look;

	if (!c || c->end != l->pos || c->unsent > CARRY_LEN)
		return false;
	/* Another place in the file is another text. */
	if (c->off_end != file_offset(s, l->pos)) {
		look_begin(s, 0, 0);
		return true;
	}
	__builtin_memcpy(s->text, c->bytes, CARRY_LEN);
	l->sent = CARRY_LEN - c->unsent;
	l->from = CARRY_LEN;
	l->until = CARRY_LEN + c->want;
	l->limit = CARRY_LEN + c->run;
	return true;
}

static __always_inline void carry_store(struct bt_scratch *s, struct bt_carry *c, u64 len)
{
	struct bt_look *l = &s->look;
	u64 unsent = l->end - l->sent;

	barrier_var(len);
	if (len > BT_CHUNK_LEN)
		return;
	bpf_probe_read_kernel(c->bytes, CARRY_LEN, (u8 *)s->text + len);
	c->end = l->pos + len;
	c->off_end = file_offset(s, c->end);
	c->want = l->until > l->end ? l->until - l->end : 0;
	c->run = l->limit > l->end ? l->limit - l->end : 0;
	c->unsent = unsent < CARRY_LEN ? unsent : CARRY_LEN;
}

/*
 * The `len` bytes in s->data_out.bytes, whose position and file offset are in its record, by the matched lane. When what stood
 * before them is not known here (the whole lane sent it, another thread is at work), they begin with a window.
 */
static __noinline long lane_match(struct bt_scratch *s, u64 len)
{
	struct match_ctx ctx = { .s = s };
	struct bt_look *l = &s->look;
	struct bt_stream *st;
	struct bt_carry *c;
	u64 blocks;

	if (!len)
		return 0;
	barrier_var(len);
	if (len > BT_CHUNK_LEN)
		return 0;
	st = bpf_map_lookup_elem(&streams, &s->key);
	if (!st) {
		count_loss(BT_LOSS_MAP_STREAM, len);
		return 0;
	}
	bpf_probe_read_kernel((u8 *)s->text + CARRY_LEN, len, s->data_out.bytes);
	/* In no gram, and no end of a run: that may go on with the next call. */
	__builtin_memset((u8 *)s->text + CARRY_LEN + len, 0xff, BLOCK_LEN + 8);
	l->pos = s->data_out.rec.pos;
	l->end = CARRY_LEN + len;
	l->any = 0;
	l->out = 0;
	l->n_windows = 0;
	c = carry_get(s, true);
	if (!st->matched || !carry_load(s, c))
		look_begin(s, WINDOW_AFTER, RUN_MAX);
	l->open = l->until > CARRY_LEN;
	st->matched = 1;
	blocks = (MATCH_BACK + len + BLOCK_LEN - 1) / BLOCK_LEN;
	bpf_loop(blocks, match_block, &ctx, 0);
	if (l->any || l->open)
		bpf_loop(blocks, window_step, &ctx, 0);
	if (l->n_windows)
		bpf_loop(l->n_windows, window_out, &ctx, 0);
	if (c) {
		carry_store(s, c, len);
		carry_put(c);
	}
	__sync_fetch_and_add(&st->val.matched, len - l->out);
	count_seen(BT_SEEN_MATCHED, len - l->out);
	return 0;
}

/*
 * The stream leaves the matched lane: what is kept of it and may be the first part of a token goes up before the
 * piece at stream position `pos`.
 */
static __noinline long lane_leave(struct bt_scratch *s, u64 pos)
{
	struct bt_carry *c = carry_get(s, false);
	struct bt_look *l = &s->look;

	if (!c)
		return 0;
	l->pos = pos;
	if (carry_load(s, c) && l->sent < CARRY_LEN)
		window_send(s, l->sent, CARRY_LEN);
	c->end = ~0ULL;
	carry_put(c);
	return 0;
}

#endif /* BPF_LIB_LANE_H */
