/* SPDX-License-Identifier: BSD-2-Clause */
/* The connection: which protocol it speaks, and which response belongs to which request. */
#include <errno.h>
#include <stdlib.h>

#include "base/secmem.h"
#include "proto/h2.h"
#include "proto/http_conn.h"

struct http_conn *http_conn_new(const struct http_ops *ops, void *arg)
{
	struct http_conn *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->ops = ops;
	c->arg = arg;
	for (size_t d = 0; d < 2; d++) {
		c->sniff[d].wipe = true;
		c->h1[d].head = (struct buf)BUF_INIT_WIPE(HTTP_MAX_HEAD);
		c->h1[d].msg.conn = c;
	}
	return c;
}

struct http_conn *http_conn_free(struct http_conn *c)
{
	if (!c)
		return NULL;
	for (size_t d = 0; d < 2; d++) {
		buf_release(&c->sniff[d]);
		buf_release(&c->h1[d].head);
		body_free(c->h1[d].msg.body);
	}
	h2_free(c->h2);
	free(c->pending);
	free(c);
	return NULL;
}

void http_counts(const struct http_conn *c, struct http_counts *ret)
{
	*ret = c->counts;
}

struct span http_field_value(const struct http_head *h, const char *name)
{
	for (size_t i = 0; i < h->n_fields; i++) {
		if (span_eq_nocase(h->fields[i].name, span_str(name)))
			return h->fields[i].value;
	}
	return SPAN_NONE;
}

/* --- pairing ------------------------------------------------------------------------------- */

void http_push_pending(struct http_conn *c, const struct http_pending *p)
{
	if (!c->pending) {
		c->pending = calloc(HTTP_MAX_PENDING, sizeof(*c->pending));
		if (!c->pending)
			c->oom = true;
	}
	/* Those behind the first ones that have no room are only counted, to keep the order. */
	if (!c->pending || c->more_pending || c->n_pending == HTTP_MAX_PENDING) {
		c->more_pending++;
		return;
	}
	if (c->n_pending && !c->responses_lost)
		c->pipelined = true;
	c->pending[(c->first_pending + c->n_pending++) % HTTP_MAX_PENDING] = *p;
}

static struct http_pending pop(struct http_conn *c)
{
	struct http_pending p = { 0 };

	if (c->n_pending) {
		p = c->pending[c->first_pending];
		c->first_pending = (c->first_pending + 1) % HTTP_MAX_PENDING;
		c->n_pending--;
	} else if (c->more_pending) {
		c->more_pending--;
	}
	return p;
}

struct http_pending http_pop_pending(struct http_conn *c)
{
	/*
	 * Responses may have been lost, nobody knows how many. A client that waits for each response has only its latest
	 * request open; of one that does not, nothing can be said until its queue is empty again.
	 */
	if (c->responses_lost) {
		c->responses_lost = false;
		while (c->n_pending + c->more_pending > (c->pipelined ? 0 : 1))
			pop(c);
		c->pipelined = false;
	}
	return pop(c);
}

/* --- mode ---------------------------------------------------------------------------------- */

void http_other(struct http_conn *c, enum http_dir dir, struct span bytes, uint64_t off)
{
	if (bytes.len && c->ops->other)
		c->ops->other(c->arg, dir, bytes, off);
}

static void run(struct http_conn *c, enum http_dir dir, struct span in, uint64_t off);

void http_set_mode(struct http_conn *c, enum http_mode mode, enum http_dir caller)
{
	enum http_dir o = caller == HTTP_REQUESTS ? HTTP_RESPONSES : HTTP_REQUESTS;
	struct buf *from = c->mode == HTTP_UNKNOWN ? &c->sniff[o] : &c->h1[o].head;
	uint64_t off = c->mode == HTTP_UNKNOWN ? c->sniff_off[o] : c->h1[o].head_off;
	struct buf held = *from;

	*from = (struct buf){ .wipe = true, .max = from->max };
	if (c->mode == HTTP_1) {
		http_msg_end(&c->h1[o].msg, false);
		/* What comes now is seen from its first byte. */
		c->joined[o] = c->joined[caller] = false;
	}
	if (mode == HTTP_2) {
		c->h2 = h2_new();
		if (!c->h2) {
			c->oom = true;
			mode = HTTP_OTHER;
		}
	}
	c->mode = mode;
	run(c, o, buf_span(&held), off);
	buf_release(&held);
}

enum verdict { IS_HTTP1, IS_HTTP2, IS_MORE, IS_NONE };

/* What the bytes at the front of `s` begin. */
static enum verdict look(const struct http_conn *c, enum http_dir dir, struct span s)
{
	struct span line = span_sub(s, 0, HTTP_MAX_HEAD);
	size_t lf = span_find_byte(line, '\n');
	int r;

	if (!s.p[0] && (c->joined[dir] || dir == HTTP_RESPONSES)) {
		if (s.len < H2_FRAME_HEAD)
			return IS_MORE;
		if (c->joined[dir] ? h2_is_frame(s) : h2_is_first_settings(s))
			return IS_HTTP2;
	}
	if (c->sniff_mid[dir])
		return IS_NONE;
	if (dir == HTTP_REQUESTS) {
		r = h2_is_preface(s);
		if (r)
			return r == 1 ? IS_HTTP2 : IS_MORE;
	}
	line = span_sub(line, 0, lf == SIZE_MAX ? line.len : lf + 1);
	r = http1_is_start(dir, line);
	if (r == -EAGAIN)
		return line.len < HTTP_MAX_HEAD ? IS_MORE : IS_NONE;
	return r ? IS_HTTP1 : IS_NONE;
}

/* Finds where one of the protocols begins in `s`; what is before it is skipped, and counted. */
static enum verdict sniff(struct http_conn *c, enum http_dir dir, struct span s, size_t *at)
{
	enum verdict v = IS_MORE;

	for (*at = 0; *at < s.len; ++*at) {
		bool line_end = s.p[*at] == '\n' || (!c->sniff_mid[dir] && s.p[*at] == '\r');

		/* Empty lines may stand before a message (RFC 9112 2.2). */
		if (!line_end || c->sniff_mid[dir])
			v = look(c, dir, span_sub(s, *at, s.len));
		else
			v = IS_NONE;
		if (v != IS_NONE || (!c->joined[dir] && !line_end))
			return v;
		c->counts.skipped_bytes += !line_end || c->sniff_mid[dir];
		c->sniff_mid[dir] = !line_end;
	}
	return IS_MORE;
}

static size_t step_unknown(struct http_conn *c, enum http_dir dir, struct span in, uint64_t off)
{
	struct buf *held = &c->sniff[dir];
	bool was_held = held->len;
	struct span s = in;
	size_t at;
	enum verdict v;

	if (was_held) {
		/* As much as decides in any case. */
		size_t room = HTTP_MAX_HEAD + H2_FRAME_HEAD - held->len;

		in = span_sub(in, 0, room);
		if (buf_add_span(held, in))
			c->oom = true;
		s = buf_span(held);
	} else {
		c->sniff_off[dir] = off;
	}
	v = sniff(c, dir, s, &at);
	c->sniff_off[dir] += at;
	if (v == IS_MORE) {
		if (was_held)
			buf_drop(held, at);
		else if (buf_add_span(held, span_sub(s, at, s.len)))
			c->oom = true;
		return in.len;
	}
	http_set_mode(c, v == IS_HTTP1 ? HTTP_1 : v == IS_HTTP2 ? HTTP_2 : HTTP_OTHER, dir);
	if (!was_held)
		return at;
	s = span_sub(s, at, s.len);
	run(c, dir, s, c->sniff_off[dir]);
	buf_release(held);
	return in.len;
}

static void run(struct http_conn *c, enum http_dir dir, struct span in, uint64_t off)
{
	while (in.len) {
		size_t n = in.len;

		switch (c->mode) {
		case HTTP_UNKNOWN:
			n = step_unknown(c, dir, in, off);
			break;
		case HTTP_1:
			n = http1_step(c, dir, in, off);
			break;
		case HTTP_2:
			n = h2_step(c, dir, in, off);
			break;
		case HTTP_OTHER:
			http_other(c, dir, in, off);
			break;
		}
		in = span_sub(in, n, in.len);
		off += n;
	}
}

static void begin(struct http_conn *c, enum http_dir dir, bool joined)
{
	if (c->begun[dir])
		return;
	c->begun[dir] = true;
	c->joined[dir] = joined;
	c->h1[dir].lost = joined;
}

int http_feed(struct http_conn *c, enum http_dir dir, struct span in, uint64_t off)
{
	if (c->closed || !in.len)
		return 0;
	begin(c, dir, off > 0);
	c->oom = false;
	run(c, dir, in, off);
	return c->oom ? -ENOMEM : 0;
}

void http_gap(struct http_conn *c, enum http_dir dir, uint64_t missing)
{
	if (c->closed || !missing)
		return;
	begin(c, dir, true);
	switch (c->mode) {
	case HTTP_UNKNOWN:
		c->joined[dir] = true;
		c->h1[dir].lost = true;
		c->counts.skipped_bytes += c->sniff[dir].len;
		c->sniff_mid[dir] = false;
		buf_release(&c->sniff[dir]);
		break;
	case HTTP_1:
		http1_gap(c, dir, missing);
		break;
	case HTTP_2:
		h2_gap(c, dir, missing);
		break;
	case HTTP_OTHER:
		break;
	}
}

void http_close(struct http_conn *c)
{
	if (c->closed)
		return;
	for (size_t d = 0; d < 2 && c->mode == HTTP_1; d++)
		http1_close(c, (enum http_dir)d);
	if (c->mode == HTTP_2)
		h2_close(c);
	for (size_t d = 0; d < 2; d++) {
		/* Too little to say what it is: not HTTP. */
		if (c->mode == HTTP_UNKNOWN && !c->joined[d])
			http_other(c, (enum http_dir)d, buf_span(&c->sniff[d]), c->sniff_off[d]);
		buf_release(&c->sniff[d]);
	}
	c->closed = true;
}
