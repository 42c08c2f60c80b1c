/* SPDX-License-Identifier: BSD-2-Clause */
/* The head of an HTTP/1 message, and what it says of the body (RFC 9112 2 to 6). */
#include "proto/h2.h"
#include "proto/http_conn.h"
#include "proto/http_list.h"

struct reader {
	struct http_head head;
	struct http_field fields[HTTP_MAX_FIELDS];
	struct body_codings codings;
	bool broken;
};

/* Takes a line off the front, without its LF. */
static struct span next_line(struct span *rest)
{
	size_t lf = span_find_byte(*rest, '\n');
	struct span line = span_sub(*rest, 0, lf);

	*rest = span_sub(*rest, lf == SIZE_MAX ? rest->len : lf + 1, rest->len);
	return line;
}

/* Scheme and authority of an absolute-form target (RFC 9112 3.2.2); they override Host. */
static void read_target(struct http_head *h)
{
	size_t colon = span_find(h->target, SPAN_LIT("://"));
	struct span rest;
	size_t end = 0;

	if (span_eq_str(h->method, "CONNECT")) {
		h->authority = h->target;
		return;
	}
	if (!h->target.len || h->target.p[0] == '/' || colon == SIZE_MAX)
		return;
	rest = span_sub(h->target, colon + 3, h->target.len);
	while (end < rest.len && !strchr("/?#", rest.p[end]))
		end++;
	/* "x/?u=http://..." is no absolute form. */
	for (size_t i = 0; i < colon; i++) {
		if (strchr("/?#", h->target.p[i]))
			return;
	}
	h->scheme = span_sub(h->target, 0, colon);
	h->authority = span_sub(rest, 0, end);
}

static void read_start(struct http_head *h, struct span line)
{
	size_t sp = span_find_byte(line, ' '), end;

	line = http_trim(line);
	if (h->dir == HTTP_RESPONSES) {
		h->version = (uint8_t)(10 + line.p[7] - '0');
		h->status = (line.p[9] - '0') * 100 + (line.p[10] - '0') * 10 + line.p[11] - '0';
		return;
	}
	end = line.len - 9;
	h->version = (uint8_t)(10 + line.p[line.len - 1] - '0');
	h->method = span_sub(line, 0, sp);
	h->target = http_trim(span_sub(line, sp, end - sp));
	read_target(h);
}

/* Fields are folded by blanks at the front of the next line (RFC 9112 5.2): the line end becomes blanks. */
static void unfold(char *p, size_t len)
{
	for (size_t i = 1; i + 1 < len; i++) {
		if (p[i] != '\n' || (p[i + 1] != ' ' && p[i + 1] != '\t'))
			continue;
		p[i] = ' ';
		if (p[i - 1] == '\r')
			p[i - 1] = ' ';
	}
}

static void read_fields(struct reader *r, struct span rest)
{
	struct http_head *h = &r->head;

	while (rest.len) {
		struct span line = next_line(&rest), name;
		size_t colon = span_find_byte(line, ':');

		if (!http_trim(line).len)
			continue;
		name = http_trim(span_sub(line, 0, colon));
		if (colon == SIZE_MAX || !name.len) {
			r->broken = true;
			continue;
		}
		if (h->n_fields == HTTP_MAX_FIELDS) {
			h->fields_cut = true;
			break;
		}
		r->fields[h->n_fields++] = (struct http_field){
			.name = name,
			.value = http_trim(span_sub(line, colon + 1, line.len)),
		};
	}
	h->fields = r->fields;
	if (!h->authority.len)
		h->authority = http_field_value(h, "host");
}

/* A Content-Length; false when it is none. A list of equal numbers is one (RFC 9110 8.6). */
static bool read_length(struct span value, uint64_t *ret)
{
	struct span m;
	bool any = false;

	while (http_list_next(&value, &m)) {
		uint64_t n = 0;

		for (size_t i = 0; i < m.len; i++) {
			unsigned d = (unsigned char)m.p[i] - (unsigned)'0';

			if (d > 9 || n > (UINT64_MAX - 9) / 10)
				return false;
			n = n * 10 + d;
		}
		if (any && n != *ret)
			return false;
		*ret = n;
		any = true;
	}
	return any;
}

struct framing {
	bool has_te, chunked, has_length;
	uint64_t length;
};

/* RFC 9112 6.3: Transfer-Encoding overrides Content-Length; a conflict is counted. */
static struct framing read_framing(struct reader *r)
{
	struct framing f = { 0 };
	struct body_codings te = { 0 };

	for (size_t i = 0; i < r->head.n_fields; i++) {
		const struct http_field *x = &r->fields[i];
		uint64_t n = 0;

		if (span_eq_nocase(x->name, SPAN_LIT("content-encoding"))) {
			body_codings_add(&r->codings, x->value);
		} else if (span_eq_nocase(x->name, SPAN_LIT("transfer-encoding"))) {
			f.has_te = true;
			f.chunked |= http_list_has(x->value, "chunked");
			body_codings_add(&te, x->value);
		} else if (span_eq_nocase(x->name, SPAN_LIT("content-length"))) {
			if (!read_length(x->value, &n) || (f.has_length && n != f.length)) {
				r->broken = true;
				continue;
			}
			f.has_length = true;
			f.length = n;
		}
	}
	for (size_t i = 0; i < te.n && r->codings.n < BODY_MAX_CODINGS; i++)
		r->codings.c[r->codings.n++] = te.c[i];
	if (f.has_te && (f.has_length || (!f.chunked && r->head.dir == HTTP_REQUESTS)))
		r->broken = true;
	return f;
}

/* The connection is something else from here on. */
static void switch_over(struct http_conn *c, struct h1 *h, const struct http_head *head)
{
	bool h2 = head->status == 101 && http_list_has(http_field_value(head, "upgrade"), "h2c");

	http_msg_end(&h->msg, !h->truncated);
	h->state = H1_START;
	http_set_mode(c, h2 ? HTTP_2 : HTTP_OTHER, head->dir);
	if (c->mode == HTTP_2)
		h2_upgraded(c, h->msg.xid);
}

/* Hands the head out and says how its body is framed. */
static void open_message(struct http_conn *c, struct reader *r, const struct http_pending *req)
{
	struct http_head *head = &r->head;
	struct h1 *h = &c->h1[head->dir];
	struct framing f = read_framing(r);
	bool no_body = false;

	if (head->dir == HTTP_RESPONSES)
		no_body = req->is_head || head->status == 204 || head->status == 304 ||
			  head->status == 101;
	if (r->broken)
		c->counts.broken++;
	if (no_body)
		r->codings.n = 0;
	http_msg_begin(c, &h->msg, req->xid, head, &r->codings);
	h->left = f.length;
	h->size_digits = 0;
	if (head->status == 101 || (req->is_connect && head->status >= 200 && head->status < 300)) {
		switch_over(c, h, head);
	} else if (!no_body && f.chunked) {
		h->left = 0;
		h->state = H1_CHUNK_SIZE;
	} else if (!no_body && f.has_length && !f.has_te) {
		h->state = H1_LENGTH;
	} else if (!no_body && head->dir == HTTP_RESPONSES) {
		h->state = H1_UNTIL_CLOSE;
	} else {
		http_msg_end(&h->msg, !h->truncated);
		h->state = H1_START;
	}
	if (h->state == H1_LENGTH && !h->left) {
		http_msg_end(&h->msg, !h->truncated);
		h->state = H1_START;
	}
}

void http1_head(struct http_conn *c, enum http_dir dir, char *p, size_t len, uint64_t off)
{
	struct reader r; /* its fields are many: they are set as they come */
	struct h1 *h = &c->h1[dir];
	struct span rest = span_of(p, len);
	struct http_pending req = { 0 };

	r.head = (struct http_head){ .dir = dir, .offset = off, .fields_cut = h->cut };
	r.codings = (struct body_codings){ 0 };
	r.broken = false;
	read_start(&r.head, next_line(&rest));
	unfold(p + (len - rest.len), rest.len);
	read_fields(&r, rest);
	h->state = H1_START;
	h->lost = false;
	h->drop = false;
	if (dir == HTTP_REQUESTS) {
		req.xid = ++c->last_xid;
		req.is_head = span_eq_str(r.head.method, "HEAD");
		req.is_connect = span_eq_str(r.head.method, "CONNECT");
		h->may_tunnel = req.is_connect;
		http_push_pending(c, &req);
	} else {
		/* An interim response (RFC 9110 15.2) answers nothing yet. */
		if (r.head.status >= 100 && r.head.status < 200 && r.head.status != 101)
			return;
		req = http_pop_pending(c);
	}
	open_message(c, &r, &req);
}
