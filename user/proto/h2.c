/* SPDX-License-Identifier: BSD-2-Clause */
/* HTTP/2 frames (RFC 9113 4, 6). */
#include <errno.h>
#include <stdlib.h>

#include "proto/h2_conn.h"

enum {
	FRAME_DATA,
	FRAME_HEADERS,
	FRAME_PRIORITY,
	FRAME_RST_STREAM,
	FRAME_SETTINGS,
	FRAME_PUSH_PROMISE,
	FRAME_PING,
	FRAME_GOAWAY,
	FRAME_WINDOW_UPDATE,
	FRAME_CONTINUATION,
};

#define FLAG_END_STREAM 0x01
#define FLAG_ACK 0x01
#define FLAG_END_HEADERS 0x04
#define FLAG_PADDED 0x08
#define FLAG_PRIORITY 0x20

/* --- frame headers -------------------------------------------------------------------------- */

struct frame {
	uint32_t len, id;
	uint8_t type, flags;
	bool reserved;
};

static struct frame frame_of(const void *header)
{
	const unsigned char *p = header;
	uint32_t id = (uint32_t)p[5] << 24 | (uint32_t)p[6] << 16 | (uint32_t)p[7] << 8 | p[8];

	return (struct frame){
		.len = (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2],
		.type = p[3],
		.flags = p[4],
		.id = id & 0x7fffffff,
		.reserved = id >> 31,
	};
}

/* What RFC 9113 6 lets each type be. */
static const struct {
	bool on_stream;
	uint8_t flags;
	uint8_t min_len, max_len; /* max_len 0: any */
} frame_rules[] = {
	[FRAME_DATA] = { true, FLAG_END_STREAM | FLAG_PADDED, 0, 0 },
	[FRAME_HEADERS] = { true, FLAG_END_STREAM | FLAG_END_HEADERS | FLAG_PADDED | FLAG_PRIORITY,
			    1, 0 },
	[FRAME_PRIORITY] = { true, 0, 5, 5 },
	[FRAME_RST_STREAM] = { true, 0, 4, 4 },
	[FRAME_SETTINGS] = { false, FLAG_ACK, 0, 0 },
	[FRAME_PUSH_PROMISE] = { true, FLAG_END_HEADERS | FLAG_PADDED, 5, 0 },
	[FRAME_PING] = { false, FLAG_ACK, 8, 8 },
	[FRAME_GOAWAY] = { false, 0, 8, 0 },
	[FRAME_WINDOW_UPDATE] = { false, 0, 4, 4 },
	[FRAME_CONTINUATION] = { true, FLAG_END_HEADERS, 0, 0 },
};

/* Whether a frame can be so. Types and flags not known are to be ignored (5.5, 4.1). */
static bool is_possible(const struct frame *f)
{
	if (f->type >= sizeof(frame_rules) / sizeof(*frame_rules))
		return true;
	if (f->type != FRAME_WINDOW_UPDATE && frame_rules[f->type].on_stream != (f->id != 0))
		return false;
	if (f->type == FRAME_SETTINGS && f->len % 6)
		return false;
	return f->len >= frame_rules[f->type].min_len &&
	       (!frame_rules[f->type].max_len || f->len <= frame_rules[f->type].max_len);
}

/* Stricter: no senders' liberties. 16384 is the default SETTINGS_MAX_FRAME_SIZE. */
static bool is_likely(const struct frame *f)
{
	return is_possible(f) && f->type < sizeof(frame_rules) / sizeof(*frame_rules) &&
	       !f->reserved && !(f->flags & ~frame_rules[f->type].flags) && f->len <= 16384 &&
	       f->id < 1 << 24 && !(f->type == FRAME_SETTINGS && f->len > 32 * 6);
}

bool h2_is_frame(struct span s)
{
	struct frame f = frame_of(s.p);

	if (!is_likely(&f))
		return false;
	switch (f.type) {
	case FRAME_DATA:
	case FRAME_CONTINUATION:
		return false;
	case FRAME_HEADERS:
	case FRAME_PUSH_PROMISE:
		/* A DATA header read one byte late has this shape without the flag. */
		return f.flags & FLAG_END_HEADERS;
	default:
		return true;
	}
}

bool h2_is_first_settings(struct span s)
{
	struct frame f = frame_of(s.p);

	return is_likely(&f) && f.type == FRAME_SETTINGS && !f.flags;
}

int h2_is_preface(struct span s)
{
	struct span want = SPAN_LIT(H2_PREFACE_LINE);
	size_t n = s.len < want.len ? s.len : want.len;

	if (!span_eq(span_sub(s, 0, n), span_sub(want, 0, n)))
		return 0;
	return n == want.len ? 1 : -EAGAIN;
}

/* --- life ----------------------------------------------------------------------------------- */

struct h2 *h2_new(void)
{
	struct h2 *h = calloc(1, sizeof(*h));

	if (!h)
		return NULL;
	for (size_t d = 0; d < 2; d++)
		h->side[d].block = (struct buf)BUF_INIT_WIPE(H2_MAX_BLOCK);
	return h;
}

struct h2 *h2_free(struct h2 *h)
{
	if (!h)
		return NULL;
	for (size_t d = 0; d < 2; d++) {
		buf_release(&h->side[d].block);
		h2_hpack_free(h->side[d].hpack);
		for (size_t i = 0; i < HTTP_MAX_STREAMS; i++)
			body_free(h->stream[i].msg[d].body);
	}
	free(h);
	return NULL;
}

void h2_upgraded(struct http_conn *c, uint64_t xid)
{
	struct h2_stream *s = h2_stream_add(c, 1, xid);

	s->seen[HTTP_REQUESTS] = s->done[HTTP_REQUESTS] = true;
}

/* --- header blocks -------------------------------------------------------------------------- */

static void replace_hpack(struct http_conn *c, struct h2_side *h, bool midway)
{
	h2_hpack_free(h->hpack);
	h->hpack = h2_hpack_new(midway);
	if (!h->hpack)
		c->oom = true;
}

void h2_seen_preface_line(struct http_conn *c)
{
	struct h2_side *h = &c->h2->side[HTTP_REQUESTS];

	replace_hpack(c, h, false);
	h->state = H2_IN_PREFACE;
	h->preface = sizeof(H2_PREFACE_LINE) - 1;
}

/* Forgets a block that can not be decoded; with it the dynamic table is lost. */
static void drop_block(struct http_conn *c, struct h2_side *h)
{
	h->block_open = false;
	buf_release(&h->block);
	replace_hpack(c, h, true);
}

static void add_field(void *arg, const struct http_field *f)
{
	struct h2_block *b = arg;

	b->unknown |= f->unknown;
	if (b->n == HTTP_MAX_FIELDS || f->name.len > HTTP_MAX_HEAD - b->text.len ||
	    f->value.len > HTTP_MAX_HEAD - b->text.len - f->name.len ||
	    buf_add_span(&b->text, f->name) || buf_add_span(&b->text, f->value)) {
		b->cut = true;
		return;
	}
	b->fields[b->n++] = *f;
}

static void end_block(struct http_conn *c, enum http_dir dir)
{
	struct h2_side *h = &c->h2->side[dir];
	struct h2_block b; /* its fields are many: they are set as they come */
	const char *p;
	int err;

	if (h->block_cut || !h->hpack) {
		struct h2_stream *s = h2_stream_find(c, h->block_id);

		c->counts.broken++;
		if (s && h->block_ends_stream)
			h2_stream_done(s, dir, false);
		drop_block(c, h);
		return;
	}
	b.text = (struct buf)BUF_INIT_WIPE(HTTP_MAX_HEAD);
	b.n = 0;
	b.cut = b.unknown = false;
	err = h2_hpack_decode(h->hpack, buf_span(&h->block), add_field, &b);
	c->oom |= err == -ENOMEM || b.text.err == -ENOMEM;
	if (err) {
		c->counts.broken++;
		b.cut = true;
		drop_block(c, h);
	}
	h->block_open = false;
	buf_release(&h->block);
	/* The text has its final place only now. */
	p = b.text.len ? b.text.p : "";
	for (size_t i = 0; i < b.n; i++) {
		struct http_field *f = &b.fields[i];

		f->name.p = p;
		f->value.p = p + f->name.len;
		p += f->name.len + f->value.len;
		c->counts.unknown_fields += f->unknown;
	}
	if (!h->block_is_promise)
		h2_stream_headers(c, dir, h->block_id, &b, h->block_ends_stream, h->block_off);
	buf_release(&b.text);
}

/* Takes padding, priority and the promised stream off the frame that was added to the block last (6.2, 6.6). */
static void strip_frame(struct h2_side *h)
{
	size_t start = h->block_frame, len = h->block.len - start, front = 0, back = 0;

	if (h->flags & FLAG_PADDED) {
		front = 1;
		back = len ? (unsigned char)h->block.p[start] : 0;
	}
	if (h->type == FRAME_PUSH_PROMISE)
		front += 4;
	else if (h->flags & FLAG_PRIORITY)
		front += 5;
	if (front + back > len) {
		h->block_cut = true;
		return;
	}
	h->block.len -= back;
	memmove(h->block.p + start, h->block.p + start + front, len - front - back);
	h->block.len -= front;
}

static void begin_block_frame(struct http_conn *c, struct h2_side *h)
{
	bool goes_on = h->type == FRAME_CONTINUATION;

	/* Blocks are never interleaved with anything (4.3): else bytes were missed. */
	if (h->block_open != goes_on || (goes_on && h->id != h->block_id)) {
		c->counts.broken++;
		drop_block(c, h);
	}
	if (!h->block_open) {
		h->block_open = true;
		h->block_cut = goes_on;
		h->block_id = h->id;
		h->block_off = h->frame_off;
		h->block_ends_stream = h->type == FRAME_HEADERS && (h->flags & FLAG_END_STREAM);
		h->block_is_promise = h->type == FRAME_PUSH_PROMISE;
	}
	h->block_frame = h->block.len;
}

/* --- frames --------------------------------------------------------------------------------- */

static bool is_block_frame(uint8_t type)
{
	return type == FRAME_HEADERS || type == FRAME_PUSH_PROMISE || type == FRAME_CONTINUATION;
}

static void end_frame(struct http_conn *c, enum http_dir dir)
{
	struct h2_side *h = &c->h2->side[dir];
	struct h2_stream *s;

	h->state = H2_HEADER;
	h->n_header = 0;
	if (is_block_frame(h->type)) {
		if (h->type != FRAME_CONTINUATION && !h->block_cut)
			strip_frame(h);
		if (h->flags & FLAG_END_HEADERS)
			end_block(c, dir);
		return;
	}
	s = h2_stream_find(c, h->id);
	if (!s)
		return;
	if (h->type == FRAME_DATA && (h->flags & FLAG_END_STREAM))
		h2_stream_done(s, dir, true);
	else if (h->type == FRAME_RST_STREAM)
		h2_stream_reset(s);
}

static void begin_frame(struct http_conn *c, enum http_dir dir, const struct frame *f)
{
	struct h2_side *h = &c->h2->side[dir];

	h->left = f->len;
	h->type = f->type;
	h->flags = f->flags;
	h->id = f->id;
	h->pad = 0;
	h->pad_known = f->type != FRAME_DATA || !(f->flags & FLAG_PADDED);
	h->state = H2_PAYLOAD;
	if (is_block_frame(f->type)) {
		begin_block_frame(c, h);
	} else if (h->block_open) {
		c->counts.broken++;
		drop_block(c, h);
	}
	if (!f->len)
		end_frame(c, dir);
}

static size_t data_payload(struct http_conn *c, enum http_dir dir, struct span in, uint64_t off)
{
	struct h2_side *h = &c->h2->side[dir];
	struct h2_stream *s;

	if (!h->pad_known) {
		h->pad_known = true;
		h->pad = (unsigned char)in.p[0];
		if (h->pad > h->left - 1)
			h->pad = h->left - 1;
		return 1;
	}
	if (h->left <= h->pad)
		return in.len;
	in = span_sub(in, 0, h->left - h->pad);
	s = h2_stream_find(c, h->id);
	if (s)
		http_msg_body(&s->msg[dir], in, off);
	else
		c->counts.skipped_bytes += in.len;
	return in.len;
}

static size_t step_payload(struct http_conn *c, enum http_dir dir, struct span in, uint64_t off)
{
	struct h2_side *h = &c->h2->side[dir];
	size_t n;

	if (in.len > h->left)
		in.len = h->left;
	n = in.len;
	if (h->type == FRAME_DATA) {
		n = data_payload(c, dir, in, off);
	} else if (is_block_frame(h->type)) {
		if (!h->block_cut && buf_add_span(&h->block, in)) {
			c->oom |= h->block.err == -ENOMEM;
			h->block_cut = true;
		}
	}
	h->left -= (uint32_t)n;
	if (!h->left)
		end_frame(c, dir);
	return n;
}

/* Bytes were missed, or what came can not be: nothing open in this direction is known to be whole. */
static void lose(struct http_conn *c, enum http_dir dir)
{
	struct h2_side *h = &c->h2->side[dir];

	for (size_t i = 0; i < HTTP_MAX_STREAMS; i++) {
		struct h2_stream *s = &c->h2->stream[i];

		if (s->id && s->msg[dir].open)
			h2_stream_done(s, dir, false);
	}
	drop_block(c, h);
	h->state = H2_LOST;
}

static size_t step_header(struct http_conn *c, enum http_dir dir, struct span in, uint64_t off)
{
	struct h2_side *h = &c->h2->side[dir];
	size_t n = H2_FRAME_HEAD - h->n_header;
	struct frame f;
	bool known;

	if (!h->n_header)
		h->frame_off = off;
	if (n > in.len)
		n = in.len;
	memcpy(h->header + h->n_header, in.p, n);
	h->n_header += n;
	if (h->n_header < H2_FRAME_HEAD)
		return n;
	f = frame_of(h->header);
	if (h->state == H2_HEADER && is_possible(&f)) {
		begin_frame(c, dir, &f);
		return n;
	}
	if (h->state == H2_HEADER) {
		c->counts.broken++;
		lose(c, dir);
	}
	known = f.type == FRAME_DATA && is_likely(&f) && h2_stream_find(c, f.id);
	if (known || h2_is_frame(span_of((char *)h->header, H2_FRAME_HEAD))) {
		begin_frame(c, dir, &f);
		return n;
	}
	/* One byte further. */
	h->n_header--;
	h->frame_off++;
	memmove(h->header, h->header + 1, h->n_header);
	c->counts.skipped_bytes++;
	return n;
}

static size_t step_preface(struct http_conn *c, enum http_dir dir, struct span in)
{
	struct h2_side *h = &c->h2->side[dir];
	size_t n = 0;

	while (n < in.len && h->preface < sizeof(H2_PREFACE) - 1) {
		if (in.p[n] != H2_PREFACE[h->preface]) {
			c->counts.broken++;
			c->counts.skipped_bytes += h->preface;
			lose(c, dir);
			return n;
		}
		h->preface++;
		n++;
	}
	if (h->preface == sizeof(H2_PREFACE) - 1)
		h->state = H2_HEADER;
	return n;
}

size_t h2_step(struct http_conn *c, enum http_dir dir, struct span in, uint64_t off)
{
	struct h2_side *h = &c->h2->side[dir];

	switch (h->state) {
	case H2_BEGIN:
		break;
	case H2_IN_PREFACE:
		return step_preface(c, dir, in);
	case H2_LOST:
	case H2_HEADER:
		return step_header(c, dir, in, off);
	case H2_PAYLOAD:
		return step_payload(c, dir, in, off);
	}
	replace_hpack(c, h, c->joined[dir]);
	h->state = c->joined[dir] ? H2_LOST : dir == HTTP_REQUESTS ? H2_IN_PREFACE : H2_HEADER;
	return 0;
}

void h2_gap(struct http_conn *c, enum http_dir dir, uint64_t missing)
{
	struct h2_side *h = &c->h2->side[dir];
	struct h2_stream *s;

	if (h->state != H2_PAYLOAD || missing > h->left) {
		c->counts.skipped_bytes += h->n_header < H2_FRAME_HEAD ? h->n_header : 0;
		h->n_header = 0;
		lose(c, dir);
		return;
	}
	/* All inside one frame: the next one's place is known. */
	h->left -= (uint32_t)missing;
	h->pad_known = true;
	if (is_block_frame(h->type))
		h->block_cut = true;
	s = h->type == FRAME_DATA ? h2_stream_find(c, h->id) : NULL;
	if (s)
		http_msg_end(&s->msg[dir], false);
	if (!h->left)
		end_frame(c, dir);
}

void h2_close(struct http_conn *c)
{
	for (size_t i = 0; i < HTTP_MAX_STREAMS; i++) {
		if (c->h2->stream[i].id)
			h2_stream_reset(&c->h2->stream[i]);
	}
}
