/* SPDX-License-Identifier: BSD-2-Clause */
/* HTTP/1 framing (RFC 9112) of one direction. */
#include "proto/h2.h"
#include "proto/http_conn.h"

/* Keeps bytes of a start line or head; what is over HTTP_MAX_HEAD is dropped. */
static void hold(struct http_conn *c, struct h1 *h, struct span s)
{
	size_t room = HTTP_MAX_HEAD - h->head.len;

	if (s.len > room) {
		h->cut = true;
		s.len = room;
	}
	if (buf_add_span(&h->head, s)) {
		h->cut = true;
		c->oom = true;
	}
}

static void lose(struct http_conn *c, struct h1 *h)
{
	if (!h->lost)
		c->counts.broken++;
	h->lost = true;
}

/* The message can not be followed any more: it ends here, and the next start line is searched. */
static void break_off(struct http_conn *c, struct h1 *h, enum h1_state next)
{
	lose(c, h);
	http_msg_end(&h->msg, false);
	h->state = next;
}

static void line_begin(struct h1 *h)
{
	h->line_empty = true;
	h->line_cr = false;
}

/*
 * Takes lines up to and with a blank one. The bytes taken; *blank says whether it was there. The line being read
 * may have begun before.
 */
static size_t take_lines(struct h1 *h, struct span in, bool *blank)
{
	size_t at = 0;

	*blank = false;
	while (at < in.len && !*blank) {
		struct span rest = span_sub(in, at, in.len);
		size_t lf = span_find_byte(rest, '\n');
		size_t text = lf == SIZE_MAX ? rest.len : lf;

		if (text) {
			h->line_cr = h->line_empty && text == 1 && in.p[at] == '\r';
			h->line_empty = false;
		}
		if (lf == SIZE_MAX)
			return in.len;
		*blank = h->line_empty || h->line_cr;
		line_begin(h);
		at += lf + 1;
	}
	return at;
}

static bool has_fold(struct span s)
{
	return span_find(s, SPAN_LIT("\n ")) != SIZE_MAX ||
	       span_find(s, SPAN_LIT("\n\t")) != SIZE_MAX;
}

static void finish_head(struct http_conn *c, enum http_dir dir)
{
	struct h1 *h = &c->h1[dir];
	struct buf head = h->head;

	/* A line that was cut is no field. */
	if (h->cut) {
		while (head.len && head.p[head.len - 1] != '\n')
			head.len--;
	}
	h->head = (struct buf)BUF_INIT_WIPE(HTTP_MAX_HEAD);
	if (head.len)
		http1_head(c, dir, head.p, head.len, h->head_off);
	else
		break_off(c, h, H1_START);
	buf_release(&head);
}

/* What stands where a message should begin is no start line. `len`: what was looked at last. The bytes taken of it. */
static size_t reject(struct http_conn *c, enum http_dir dir, size_t len, bool line_end,
		     uint64_t off)
{
	struct h1 *h = &c->h1[dir];
	struct buf held = h->head;
	size_t taken = len;

	h->head = (struct buf)BUF_INIT_WIPE(HTTP_MAX_HEAD);
	/* The client need not wait for the answer to CONNECT before it uses the tunnel. */
	if (dir == HTTP_REQUESTS && h->may_tunnel && !h->lost && !h->cut) {
		http_set_mode(c, HTTP_OTHER, dir);
		http_other(c, dir, buf_span(&held), h->head_off);
		taken = held.len ? taken : 0;
	} else {
		lose(c, h);
		c->counts.skipped_bytes += off + len - h->head_off;
		h->state = line_end ? H1_START : H1_SKIP_LINE;
	}
	buf_release(&held);
	return taken;
}

/* Tries to read a whole head in place. The bytes taken, or 0 when it is not all there. */
static size_t head_in_place(struct http_conn *c, enum http_dir dir, struct span in)
{
	struct h1 *h = &c->h1[dir];
	bool blank;
	size_t len;

	line_begin(h);
	len = take_lines(h, in, &blank);
	/* Unfolding changes the text. */
	if (!blank || len > HTTP_MAX_HEAD || has_fold(span_sub(in, 0, len)))
		return 0;
	h->cut = false;
	http1_head(c, dir, (char *)in.p, len, h->head_off);
	return len;
}

static size_t step_start(struct http_conn *c, enum http_dir dir, struct span in, uint64_t off)
{
	struct h1 *h = &c->h1[dir];
	size_t lf = span_find_byte(in, '\n'), taken = lf == SIZE_MAX ? in.len : lf + 1;
	bool held = h->head.len;
	struct span line = span_sub(in, 0, taken);
	int r;

	if (!held) {
		if (in.p[0] == '\r' || in.p[0] == '\n')
			return 1;
		h->head_off = off;
		h->cut = false;
	} else {
		hold(c, h, line);
		line = buf_span(&h->head);
	}
	/* In front of or behind HTTP/1 messages: prior knowledge, or an upgrade whose answer is still to be seen. */
	r = dir == HTTP_REQUESTS ? h2_is_preface(line) : 0;
	if (r == 1) {
		buf_release(&h->head);
		http_set_mode(c, HTTP_2, dir);
		h2_seen_preface_line(c);
		return taken;
	}
	if (!r)
		r = line.len > HTTP_MAX_HEAD || h->cut ? 0 : http1_is_start(dir, line);
	if (!r)
		return reject(c, dir, taken, lf != SIZE_MAX, off);
	if (r == 1 && !held) {
		size_t whole = head_in_place(c, dir, in);

		if (whole)
			return whole;
	}
	if (!held)
		hold(c, h, line);
	if (r == 1) {
		h->state = H1_HEAD;
		line_begin(h);
	}
	return taken;
}

static size_t step_head(struct http_conn *c, enum http_dir dir, struct span in)
{
	struct h1 *h = &c->h1[dir];
	bool blank;
	size_t taken = take_lines(h, in, &blank);

	hold(c, h, span_sub(in, 0, taken));
	if (blank)
		finish_head(c, dir);
	return taken;
}

static size_t step_body(struct http_conn *c, struct h1 *h, struct span in, uint64_t off)
{
	size_t taken = in.len < h->left ? in.len : (size_t)h->left;

	if (h->drop)
		c->counts.skipped_bytes += taken;
	else
		http_msg_body(&h->msg, span_sub(in, 0, taken), off);
	h->left -= taken;
	if (h->left)
		return taken;
	if (h->state == H1_CHUNK_DATA) {
		h->state = H1_CHUNK_END;
	} else {
		http_msg_end(&h->msg, true);
		h->state = H1_START;
	}
	return taken;
}

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The size line of a chunk is read (RFC 9112 7.1). */
static void begin_chunk(struct http_conn *c, struct h1 *h)
{
	if (!h->size_digits) {
		break_off(c, h, H1_START);
	} else if (h->left) {
		h->state = H1_CHUNK_DATA;
	} else {
		h->state = H1_TRAILER;
		line_begin(h);
	}
}

static size_t step_chunk_size(struct http_conn *c, struct h1 *h, struct span in)
{
	int d = hex(in.p[0]);

	if (d >= 0) {
		if (h->left >> 59) {
			break_off(c, h, H1_SKIP_LINE);
			return 1;
		}
		h->left = h->left << 4 | (unsigned)d;
		h->size_digits = 1;
	} else if (in.p[0] == '\n') {
		begin_chunk(c, h);
	} else if (in.p[0] != ' ' && in.p[0] != '\t') {
		/* An extension, or the CR. */
		if (h->size_digits)
			h->state = H1_CHUNK_EXT;
		else
			break_off(c, h, H1_SKIP_LINE);
	}
	return 1;
}

static size_t step_chunk_end(struct http_conn *c, struct h1 *h, struct span in)
{
	if (in.p[0] == '\n') {
		h->state = H1_CHUNK_SIZE;
		h->left = 0;
		h->size_digits = 0;
	} else if (in.p[0] != '\r') {
		break_off(c, h, H1_SKIP_LINE);
	}
	return 1;
}

/* Takes up to and with the next LF; *found when it was there. */
static size_t take_line(struct span in, bool *found)
{
	size_t lf = span_find_byte(in, '\n');

	*found = lf != SIZE_MAX;
	return *found ? lf + 1 : in.len;
}

size_t http1_step(struct http_conn *c, enum http_dir dir, struct span in, uint64_t off)
{
	struct h1 *h = &c->h1[dir];
	bool found;
	size_t n;

	switch (h->state) {
	case H1_START:
		return step_start(c, dir, in, off);
	case H1_SKIP_LINE:
		n = take_line(in, &found);
		c->counts.skipped_bytes += n;
		if (found)
			h->state = H1_START;
		return n;
	case H1_HEAD:
		return step_head(c, dir, in);
	case H1_LENGTH:
	case H1_CHUNK_DATA:
		return step_body(c, h, in, off);
	case H1_CHUNK_SIZE:
		return step_chunk_size(c, h, in);
	case H1_CHUNK_EXT:
		n = take_line(in, &found);
		if (found)
			begin_chunk(c, h);
		return n;
	case H1_CHUNK_END:
		return step_chunk_end(c, h, in);
	case H1_TRAILER:
		n = take_lines(h, in, &found);
		if (found) {
			http_msg_end(&h->msg, true);
			h->state = H1_START;
		}
		return n;
	case H1_UNTIL_CLOSE:
		http_msg_body(&h->msg, in, off);
		break;
	}
	return in.len;
}

/* Part of a head is better than none: what it has shown so far is handed out. */
static void give_up_head(struct http_conn *c, enum http_dir dir)
{
	struct h1 *h = &c->h1[dir];

	if (h->state == H1_HEAD) {
		h->cut = true;
		h->truncated = true;
		finish_head(c, dir);
		h->truncated = false;
		http_msg_end(&h->msg, false);
	} else {
		c->counts.skipped_bytes += h->head.len;
	}
	buf_release(&h->head);
}

void http1_gap(struct http_conn *c, enum http_dir dir, uint64_t missing)
{
	struct h1 *h = &c->h1[dir];

	if (h->state == H1_HEAD || h->head.len) {
		give_up_head(c, dir);
		if (c->mode != HTTP_1)
			return;
		h->state = H1_START;
	}
	/* Inside a body of known length it is known where the next message, or chunk, begins. */
	http_msg_end(&h->msg, false);
	if ((h->state == H1_LENGTH || h->state == H1_CHUNK_DATA) && missing <= h->left) {
		h->left -= missing;
		h->drop = true;
		if (!h->left)
			h->state = h->state == H1_LENGTH ? H1_START : H1_CHUNK_END;
		return;
	}
	h->state = H1_START;
	h->lost = true;
	if (dir == HTTP_RESPONSES)
		c->responses_lost = true;
}

void http1_close(struct http_conn *c, enum http_dir dir)
{
	struct h1 *h = &c->h1[dir];

	if (h->state == H1_HEAD || h->head.len)
		give_up_head(c, dir);
	http_msg_end(&h->msg, h->state == H1_UNTIL_CLOSE);
}
