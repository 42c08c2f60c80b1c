/* SPDX-License-Identifier: BSD-2-Clause */
/* HTTP/2 streams and the messages on them (RFC 9113 5, 8). */
#include "proto/h2_conn.h"

struct h2_stream *h2_stream_find(struct http_conn *c, uint32_t id)
{
	struct h2 *h = c->h2;

	for (size_t i = 0; i < HTTP_MAX_STREAMS && id; i++) {
		if (h->stream[i].id == id) {
			h->stream[i].used = ++h->uses;
			return &h->stream[i];
		}
	}
	return NULL;
}

struct h2_stream *h2_stream_add(struct http_conn *c, uint32_t id, uint64_t xid)
{
	struct h2 *h = c->h2;
	struct h2_stream *s = &h->stream[0];

	for (size_t i = 1; i < HTTP_MAX_STREAMS && s->id; i++) {
		if (!h->stream[i].id || h->stream[i].used < s->used)
			s = &h->stream[i];
	}
	if (s->id) {
		c->counts.broken += s->msg[HTTP_REQUESTS].open || s->msg[HTTP_RESPONSES].open;
		h2_stream_reset(s);
	}
	*s = (struct h2_stream){ .id = id, .xid = xid ? xid : ++c->last_xid, .used = ++h->uses };
	s->msg[HTTP_REQUESTS].conn = s->msg[HTTP_RESPONSES].conn = c;
	return s;
}

void h2_stream_done(struct h2_stream *s, enum http_dir dir, bool complete)
{
	http_msg_end(&s->msg[dir], complete);
	s->done[dir] = true;
	/* After a response nothing is to come from a request that was not seen, or was pushed. */
	if (s->done[HTTP_RESPONSES] && (s->done[HTTP_REQUESTS] || !s->seen[HTTP_REQUESTS]))
		s->id = 0;
}

void h2_stream_reset(struct h2_stream *s)
{
	http_msg_end(&s->msg[HTTP_REQUESTS], false);
	http_msg_end(&s->msg[HTTP_RESPONSES], false);
	s->id = 0;
}

static int status_of(struct span s)
{
	int n = 0;

	for (size_t i = 0; i < s.len && i < 3; i++) {
		if (s.p[i] < '0' || s.p[i] > '9')
			return 0;
		n = n * 10 + s.p[i] - '0';
	}
	return s.len == 3 ? n : 0;
}

/* Takes the pseudo-header fields (RFC 9113 8.3) out of the fields. True when there was one. */
static bool read_pseudo(struct http_head *h, struct h2_block *b)
{
	bool any = false;
	size_t kept = 0;

	for (size_t i = 0; i < b->n; i++) {
		struct http_field f = b->fields[i];

		if (!f.name.len || f.name.p[0] != ':') {
			b->fields[kept++] = f;
			continue;
		}
		any = true;
		if (span_eq_str(f.name, ":method"))
			h->method = f.value;
		else if (span_eq_str(f.name, ":path"))
			h->target = f.value;
		else if (span_eq_str(f.name, ":scheme"))
			h->scheme = f.value;
		else if (span_eq_str(f.name, ":authority"))
			h->authority = f.value;
		else if (span_eq_str(f.name, ":status"))
			h->status = status_of(f.value);
	}
	b->n = kept;
	h->fields = b->fields;
	h->n_fields = kept;
	h->fields_cut = b->cut;
	if (!h->authority.len)
		h->authority = http_field_value(h, "host");
	return any;
}

void h2_stream_headers(struct http_conn *c, enum http_dir dir, uint32_t id, struct h2_block *b,
		       bool ends, uint64_t off)
{
	struct http_head head = { .dir = dir, .version = 20, .offset = off };
	struct h2_stream *s = h2_stream_find(c, id);
	struct body_codings codings = { 0 };
	bool is_head = read_pseudo(&head, b) || b->unknown;

	/* Interim responses (RFC 9113 8.1) are not handed out. */
	if (head.status >= 100 && head.status < 200 && !ends)
		return;
	if (is_head && !(s && s->seen[dir])) {
		if (!s)
			s = h2_stream_add(c, id, 0);
		s->seen[dir] = true;
		for (size_t i = 0; i < head.n_fields; i++) {
			if (span_eq_nocase(head.fields[i].name, SPAN_LIT("content-encoding")))
				body_codings_add(&codings, head.fields[i].value);
		}
		http_msg_begin(c, &s->msg[dir], s->xid, &head, &codings);
	}
	if (s && ends)
		h2_stream_done(s, dir, true);
}
