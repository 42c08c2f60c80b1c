/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Writes down what the HTTP and event stream parsers call, pieces joined, so that two runs over the same bytes in different cuts
 * can be compared as text; and checks the order of the calls. Used by the unit tests and the fuzz harnesses.
 */
#ifndef BT_TESTS_PROTO_HTTP_RECORDER_H
#define BT_TESTS_PROTO_HTTP_RECORDER_H

#include <stdlib.h>
#include "base/buf.h"
#include "proto/http.h"
#include "proto/sse.h"

#define HTTP_REC_OPEN 512

static inline void rec_check(bool ok)
{
	if (!ok)
		abort();
}

/* A message between its head and its end. */
struct http_rec_msg {
	bool open;
	uint64_t xid;
	enum http_dir dir;
	struct buf body;
};

struct http_rec {
	struct buf log;
	struct http_rec_msg msg[HTTP_REC_OPEN];
	struct buf other[2];
	uint64_t other_off[2];
	size_t heads, ends, pieces;
	uint64_t last_raw_off;
	const char *last_piece;
};

static inline struct http_rec_msg *http_rec_find(struct http_rec *r, uint64_t xid,
						 enum http_dir dir)
{
	for (size_t i = 0; i < HTTP_REC_OPEN; i++) {
		if (r->msg[i].open && r->msg[i].xid == xid && r->msg[i].dir == dir)
			return &r->msg[i];
	}
	return NULL;
}

static inline void http_rec_text(struct http_rec *r, const char *name, struct span s)
{
	if (!s.len)
		return;
	buf_addf(&r->log, " %s=", name);
	buf_add_span(&r->log, s);
}

static inline void http_rec_head(void *arg, uint64_t xid, const struct http_head *h)
{
	struct http_rec *r = arg;
	struct http_rec_msg *m = r->msg;

	rec_check(!http_rec_find(r, xid, h->dir));
	while (m->open)
		rec_check(++m < r->msg + HTTP_REC_OPEN);
	m->open = true;
	m->xid = xid;
	m->dir = h->dir;
	r->heads++;
	buf_addf(&r->log, "%s %llu @%llu %d", h->dir == HTTP_REQUESTS ? "request" : "response",
		 (unsigned long long)xid, (unsigned long long)h->offset, h->version);
	http_rec_text(r, "method", h->method);
	http_rec_text(r, "target", h->target);
	http_rec_text(r, "scheme", h->scheme);
	http_rec_text(r, "authority", h->authority);
	if (h->status)
		buf_addf(&r->log, " status=%d", h->status);
	buf_add_str(&r->log, h->fields_cut ? " cut\n" : "\n");
	rec_check(h->n_fields <= HTTP_MAX_FIELDS);
	for (size_t i = 0; i < h->n_fields; i++) {
		buf_add_str(&r->log, "  ");
		buf_add_span(&r->log, h->fields[i].name);
		buf_add_str(&r->log, h->fields[i].unknown ? "?[" : ": [");
		buf_add_span(&r->log, h->fields[i].value);
		buf_add_str(&r->log, "]\n");
	}
}

static inline void http_rec_body(void *arg, uint64_t xid, enum http_dir dir, struct span bytes,
				 uint64_t raw_off)
{
	struct http_rec *r = arg;
	struct http_rec_msg *m = http_rec_find(r, xid, dir);

	rec_check(m && bytes.len);
	buf_add_span(&m->body, bytes);
	r->pieces++;
	r->last_raw_off = raw_off;
	r->last_piece = bytes.p;
}

static inline void http_rec_end(void *arg, uint64_t xid, enum http_dir dir, bool complete)
{
	struct http_rec *r = arg;
	struct http_rec_msg *m = http_rec_find(r, xid, dir);

	rec_check(m);
	buf_addf(&r->log, "%s %llu %s", dir == HTTP_REQUESTS ? "request-end" : "response-end",
		 (unsigned long long)xid, complete ? "complete" : "incomplete");
	http_rec_text(r, "body", buf_span(&m->body));
	buf_add_byte(&r->log, '\n');
	m->open = false;
	buf_release(&m->body);
	r->ends++;
}

static inline void http_rec_other(void *arg, enum http_dir dir, struct span bytes, uint64_t off)
{
	struct http_rec *r = arg;

	rec_check(bytes.len);
	if (!r->other[dir].len)
		r->other_off[dir] = off;
	buf_add_span(&r->other[dir], bytes);
}

static const struct http_ops http_rec_ops = {
	.head = http_rec_head,
	.body = http_rec_body,
	.end = http_rec_end,
	.other = http_rec_other,
};

static inline struct http_rec *http_rec_new(void)
{
	struct http_rec *r = calloc(1, sizeof(*r));

	rec_check(r);
	return r;
}

/* Adds to the log what is still open, what went to other(), and the counts; call last. */
static inline void http_rec_finish(struct http_rec *r, const struct http_conn *c)
{
	struct http_counts n;

	for (size_t i = 0; i < HTTP_REC_OPEN; i++) {
		if (!r->msg[i].open)
			continue;
		buf_addf(&r->log, "open %d %llu", r->msg[i].dir, (unsigned long long)r->msg[i].xid);
		http_rec_text(r, "body", buf_span(&r->msg[i].body));
		buf_add_byte(&r->log, '\n');
	}
	for (int d = 0; d < 2; d++) {
		if (r->other[d].len) {
			buf_addf(&r->log, "other %d @%llu", d, (unsigned long long)r->other_off[d]);
			http_rec_text(r, "bytes", buf_span(&r->other[d]));
			buf_add_byte(&r->log, '\n');
		}
	}
	http_counts(c, &n);
	buf_addf(&r->log, "counts %llu %llu broken=%llu unknown=%llu skipped=%llu\n",
		 (unsigned long long)n.requests, (unsigned long long)n.responses,
		 (unsigned long long)n.broken, (unsigned long long)n.unknown_fields,
		 (unsigned long long)n.skipped_bytes);
}

static inline void http_rec_free(struct http_rec *r)
{
	for (size_t i = 0; i < HTTP_REC_OPEN; i++)
		buf_release(&r->msg[i].body);
	buf_release(&r->other[0]);
	buf_release(&r->other[1]);
	buf_release(&r->log);
	free(r);
}

/* Feeds `s` in a copy of its own, so that a read behind it is seen. */
static inline void http_rec_feed(struct http_conn *c, enum http_dir dir, struct span s,
				 uint64_t off)
{
	char *copy = malloc(s.len ? s.len : 1);

	rec_check(copy);
	if (s.len)
		memcpy(copy, s.p, s.len);
	rec_check(!http_feed(c, dir, span_of(copy, s.len), off));
	free(copy);
}

/* --- events -------------------------------------------------------------------------------- */

struct sse_rec {
	struct buf log;
	bool open;
};

static inline void sse_rec_data(void *arg, struct span bytes, uint64_t off)
{
	struct sse_rec *r = arg;

	rec_check(bytes.len);
	if (!r->open)
		buf_addf(&r->log, "@%llu=", (unsigned long long)off);
	r->open = true;
	buf_add_span(&r->log, bytes);
}

static inline void sse_rec_end(void *arg, struct span event)
{
	struct sse_rec *r = arg;

	buf_add_str(&r->log, "|");
	buf_add_span(&r->log, event);
	buf_add_str(&r->log, "\n");
	r->open = false;
}

static const struct sse_ops sse_rec_ops = { sse_rec_data, sse_rec_end };

#endif /* BT_TESTS_PROTO_HTTP_RECORDER_H */
