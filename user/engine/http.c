/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * HTTP connections: the two directions of one socket, as whole messages to flow/. Which end we are is told by
 * accept and connect; where that was not seen, by who sends requests.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/secmem.h"
#include "engine/internal.h"
#include "proto/sse.h"

#define LINK_MAX_MESSAGES 64
#define LINK_MAX_XCHG 128
#define GUESS_MAX 64 /* bytes kept until they show which direction they are */

struct message {
	struct message *next;
	uint64_t xid;
	struct http_head head;
	char *text; /* what head's spans point into */
	size_t text_len;
	struct buf body;
	bool cut;
	bool framed;      /* its end is known from its head */
	bool rpc, events; /* an answer to JSON-RPC; as server-sent events */
	bool done;        /* already given to flow/, before its end */
};

struct xchg {
	struct xchg *next;
	uint64_t xid;
	struct flow_xchg *x;
	bool rpc;
};

struct link {
	struct engine *e;
	unsigned int refs; /* the table's and the taps' */
	struct bt_file_id file;
	struct http_conn *conn; /* NULL: not HTTP, or not known yet */
	enum { ROLE_UNKNOWN, ROLE_SERVER, ROLE_CLIENT, ROLE_NOT_HTTP } role;
	struct buf held[2]; /* by enum bt_dir, until the role is known */
	uint64_t moved[2];  /* by enum bt_dir: stream offset reached */
	struct message *messages;
	struct xchg *xchgs;
	size_t n_messages, n_xchgs;
	bool framed[2]; /* by enum http_dir: the last message's end is known */
	struct actor last;
	struct watch *watch; /* of bodies */
	struct wire *wire;   /* MCP in bodies, when we are the server */
	struct sse *sse;
};

static void message_free(struct message *m)
{
	if (m->text)
		wipe(m->text, m->text_len);
	free(m->text);
	free((void *)m->head.fields);
	buf_release(&m->body);
	free(m);
}

static bool copy_span(struct message *m, struct span *s)
{
	char *at = m->text + m->text_len;

	if (s->len)
		memcpy(at, s->p, s->len);
	m->text_len += s->len;
	*s = span_of(at, s->len);
	return true;
}

/* Head spans live for the callback only, and the body comes after it. */
static struct message *message_new(uint64_t xid, const struct http_head *h)
{
	struct message *m = calloc(1, sizeof(*m));
	struct http_field *fields;
	size_t len = 1;

	if (!m)
		return NULL;
	m->body = (struct buf)BUF_INIT_WIPE(FLOW_MAX_BODY);
	m->xid = xid;
	m->head = *h;
	m->head.fields = NULL;
	len += h->method.len + h->target.len + h->authority.len + h->scheme.len;
	for (size_t i = 0; i < h->n_fields; i++)
		len += h->fields[i].name.len + h->fields[i].value.len;
	m->text = malloc(len);
	fields = calloc(h->n_fields ? h->n_fields : 1, sizeof(*fields));
	m->head.fields = fields;
	if (!m->text || !fields) {
		message_free(m);
		return NULL;
	}
	copy_span(m, &m->head.method);
	copy_span(m, &m->head.target);
	copy_span(m, &m->head.authority);
	copy_span(m, &m->head.scheme);
	for (size_t i = 0; i < h->n_fields; i++) {
		fields[i] = h->fields[i];
		copy_span(m, &fields[i].name);
		copy_span(m, &fields[i].value);
	}
	return m;
}

static struct message *find_message(const struct link *l, uint64_t xid, enum http_dir dir)
{
	struct message *m = l->messages;

	while (m && (m->xid != xid || m->head.dir != dir))
		m = m->next;
	return m;
}

static void drop_message(struct link *l, struct message *m)
{
	struct message **at = &l->messages;

	while (*at != m)
		at = &(*at)->next;
	*at = m->next;
	l->n_messages--;
	message_free(m);
}

static struct xchg *find_xchg(const struct link *l, uint64_t xid)
{
	struct xchg *x = l->xchgs;

	while (x && x->xid != xid)
		x = x->next;
	return x;
}

static void drop_xchg(struct link *l, uint64_t xid)
{
	struct xchg **at = &l->xchgs, *x;

	while (*at && (*at)->xid != xid)
		at = &(*at)->next;
	x = *at;
	if (!x)
		return;
	*at = x->next;
	l->n_xchgs--;
	flow_xchg_free(x->x);
	free(x);
}

static void keep_xchg(struct link *l, uint64_t xid, struct flow_xchg *x, bool rpc)
{
	struct xchg *k = x && l->n_xchgs < LINK_MAX_XCHG ? calloc(1, sizeof(*k)) : NULL;

	if (!k) {
		flow_xchg_free(x);
		return;
	}
	k->xid = xid;
	k->x = x;
	k->rpc = rpc;
	k->next = l->xchgs;
	l->xchgs = k;
	l->n_xchgs++;
}

/* --- whole messages --- */

static bool is_private(const struct proc_file *f)
{
	const uint8_t *a = f->peer_addr;

	if (f->sk_family == 2) /* AF_INET */
		return a[0] == 10 || (a[0] == 172 && (a[1] & 0xf0) == 16) ||
		       (a[0] == 192 && a[1] == 168) || (a[0] == 169 && a[1] == 254);
	return (a[0] & 0xfe) == 0xfc || (a[0] == 0xfe && (a[1] & 0xc0) == 0x80);
}

static void fill_ctx(const struct link *l, struct flow_ctx *ctx)
{
	const struct proc_file *f = proc_file_find(l->e->procs, &l->file);

	*ctx = (struct flow_ctx){
		.now_ns = l->last.time_ns,
		.root = l->last.root,
		.tgid = l->last.tgid,
		.server = l->role == ROLE_SERVER,
		.tls = l->file.type == BT_FILE_TLS,
		.loopback = true,
		.local_loopback = true,
	};
	/* Of a socket whose addresses are not known nothing is said about where it leads. */
	if (!f || !f->sk_family)
		return;
	ctx->loopback = proc_file_peer_is_loopback(f);
	ctx->private_peer = !ctx->loopback && is_private(f);
	ctx->local_loopback = ctx->loopback || proc_file_local_is_loopback(f);
	ctx->local_port = f->local_port;
}

static bool has_type(const struct message *m, const char *part)
{
	return span_find(http_field_value(&m->head, "content-type"), span_str(part)) != SIZE_MAX;
}

/* MCP in a body. `end`: the message is over. */
static void to_wire(struct link *l, enum mcp_dir dir, struct span bytes, bool end)
{
	const struct engine_at *at = l->e->at;

	if (!l->wire)
		l->wire = wire_for_http(l->e);
	if (!l->wire)
		return;
	/* On a wire a line feed ends the message; in a body it is a blank. */
	while (bytes.len) {
		size_t n = span_find_byte(bytes, '\n');

		wire_body(l->wire, dir, &l->file, &l->last, span_sub(bytes, 0, n));
		if (n == SIZE_MAX)
			break;
		wire_body(l->wire, dir, &l->file, &l->last, SPAN_LIT(" "));
		bytes = span_sub(bytes, n + 1, SIZE_MAX);
	}
	if (end)
		wire_body(l->wire, dir, &l->file, &l->last, SPAN_LIT("\n"));
	l->e->at = at;
}

static void on_event_data(void *arg, struct span bytes, uint64_t off)
{
	(void)off;
	to_wire(arg, MCP_SERVER_TO_CLIENT, bytes, false);
}

static void on_event_end(void *arg, struct span event)
{
	(void)event;
	to_wire(arg, MCP_SERVER_TO_CLIENT, SPAN_NONE, true);
}

static void answer_to_wire(struct link *l, struct message *m, struct span bytes, uint64_t off)
{
	static const struct sse_ops ops = { .data = on_event_data, .end = on_event_end };

	/* Streams of HTTP/2 interleave; a wire is one text. */
	if (l->role != ROLE_SERVER || m->head.version >= 20)
		return;
	if (m->events) {
		if (!l->sse)
			l->sse = sse_new(&ops, l);
		if (l->sse)
			sse_feed(l->sse, bytes, off);
	} else if (m->rpc) {
		to_wire(l, MCP_SERVER_TO_CLIENT, bytes, false);
	}
}

static void give(struct link *l, struct message *m)
{
	struct flow_message fm = { &m->head, buf_span(&m->body) };
	struct sink sink;
	struct engine_at at = { .who = &l->last, .sink = &sink, .http = true };
	struct flow_ctx ctx;
	struct xchg *x;
	bool rpc;

	fill_ctx(l, &ctx);
	engine_place(l->e, &l->file, SINK_NETWORK, 0, &l->last, &sink);
	l->e->at = &at;
	/* A page or an answer that sends somebody to an authorization server. */
	if (l->watch && fm.body.len &&
	    (l->role == ROLE_SERVER) == (m->head.dir == HTTP_RESPONSES)) {
		watch_feed(l->watch, &ctx, fm.body, 0);
		watch_end(l->watch, &ctx);
	}
	if (m->head.dir == HTTP_REQUESTS) {
		rpc = l->role == ROLE_SERVER &&
		      span_find(fm.body, SPAN_LIT("\"jsonrpc\"")) != SIZE_MAX;
		keep_xchg(l, m->xid, flows_request(l->e->flows, &ctx, &fm), rpc);
		if (rpc)
			to_wire(l, MCP_CLIENT_TO_SERVER, fm.body, true);
	} else {
		x = find_xchg(l, m->xid);
		if (x)
			flows_response(l->e->flows, &ctx, x->x, &fm);
		if (l->role == ROLE_SERVER && has_type(m, "text/html"))
			engine_scan_html(l->e, &sink, &l->last, fm.body);
	}
	l->e->at = NULL;
	m->done = true;
}

static bool is_framed(const struct http_head *h)
{
	if (h->version >= 20 || http_field_value(h, "content-length").p ||
	    http_field_value(h, "transfer-encoding").len)
		return true;
	return h->dir == HTTP_REQUESTS ? span_eq_str(h->method, "GET")
				       : h->status == 204 || h->status == 304 ||
						 (h->status >= 300 && h->status < 400);
}

static void on_head(void *arg, uint64_t xid, const struct http_head *h)
{
	struct link *l = arg;
	struct message *m;
	struct xchg *x;

	l->framed[h->dir] = is_framed(h);
	if (l->n_messages == LINK_MAX_MESSAGES)
		return;
	m = message_new(xid, h);
	if (!m)
		return;
	m->framed = l->framed[h->dir];
	x = h->dir == HTTP_RESPONSES ? find_xchg(l, xid) : NULL;
	m->rpc = x && x->rpc;
	m->events = h->dir == HTTP_RESPONSES && has_type(m, "text/event-stream");
	if (m->events)
		l->sse = sse_free(l->sse);
	m->next = l->messages;
	l->messages = m;
	l->n_messages++;
}

/* A body that only the connection's end would end, and that is all there already. */
static bool is_all(const struct message *m)
{
	struct params p = PARAMS_INIT;
	size_t n = m->body.len;
	bool all;

	while (n && (uint8_t)m->body.p[n - 1] <= ' ')
		n--;
	all = n && m->body.p[n - 1] == '}' && !params_add_json(&p, buf_span(&m->body));
	params_release(&p);
	return all;
}

static void on_body(void *arg, uint64_t xid, enum http_dir dir, struct span bytes, uint64_t raw_off)
{
	struct message *m = find_message(arg, xid, dir);

	if (m && dir == HTTP_RESPONSES)
		answer_to_wire(arg, m, bytes, raw_off);
	if (!m || m->done || m->cut)
		return;
	if (bytes.len > FLOW_MAX_BODY - m->body.len) {
		bytes = span_sub(bytes, 0, FLOW_MAX_BODY - m->body.len);
		m->cut = true;
	}
	buf_add_span(&m->body, bytes);
	if (!m->framed && is_all(m))
		give(arg, m);
}

static void on_end(void *arg, uint64_t xid, enum http_dir dir, bool complete)
{
	struct link *l = arg;
	struct message *m = find_message(l, xid, dir);

	if (m) {
		m->cut |= !complete;
		if (m->rpc && !m->events && m->head.version < 20)
			to_wire(l, MCP_SERVER_TO_CLIENT, SPAN_NONE, true);
		if (!m->done)
			give(l, m);
		drop_message(l, m);
	}
	if (dir == HTTP_RESPONSES)
		drop_xchg(l, xid);
}

static const struct http_ops link_ops = { .head = on_head, .body = on_body, .end = on_end };

/* --- connections --- */

static void link_free(struct link *l)
{
	http_conn_free(l->conn);
	while (l->messages)
		drop_message(l, l->messages);
	while (l->xchgs)
		drop_xchg(l, l->xchgs->xid);
	sse_free(l->sse);
	wire_put(l->wire);
	watch_free(l->watch);
	buf_release(&l->held[0]);
	buf_release(&l->held[1]);
	free(l);
}

void link_put(void *link)
{
	struct link *l = link;

	if (l && --l->refs == 0)
		link_free(l);
}

struct link *link_get(struct engine *e, const struct bt_file_id *file)
{
	struct bt_file_id id = *file;
	char key[20];
	struct span k;
	struct link *l;

	/* The inode of a TLS connection is that of its socket, which may not be known at first. */
	if (id.type == BT_FILE_TLS)
		id.ino = id.dev = 0;
	k = file_key(&id, key);
	l = table_get(e->links, k);
	if (l && !l->file.ino)
		l->file = *file;
	if (!l) {
		l = calloc(1, sizeof(*l));
		if (!l)
			return NULL;
		l->e = e;
		l->file = *file;
		l->refs = 1;
		l->held[0] = l->held[1] = (struct buf)BUF_INIT_WIPE(0);
		if (table_put(e->links, k, l)) {
			link_free(l);
			return NULL;
		}
	}
	l->refs++;
	return l;
}

static void find_role(struct link *l, enum bt_dir dir)
{
	const struct proc_file *f = proc_file_find(l->e->procs, &l->file);
	int guess = http_guess(buf_span(&l->held[dir]));

	if (guess == -EAGAIN && l->held[dir].len < GUESS_MAX)
		return;
	if (guess < 0)
		l->role = ROLE_NOT_HTTP;
	else if (f && f->flags & (BT_FILE_ACCEPTED | BT_FILE_CONNECTED))
		l->role = f->flags & BT_FILE_ACCEPTED ? ROLE_SERVER : ROLE_CLIENT;
	else
		l->role = (guess == 1) == (dir == BT_DIR_IN) ? ROLE_SERVER : ROLE_CLIENT;
	if (l->role == ROLE_NOT_HTTP)
		return;
	l->watch = watch_new(l->e);
	l->conn = http_conn_new(&link_ops, l);
	if (!l->conn)
		l->role = ROLE_NOT_HTTP;
}

static enum http_dir http_dir_of(const struct link *l, enum bt_dir dir)
{
	return (l->role == ROLE_SERVER) == (dir == BT_DIR_IN) ? HTTP_REQUESTS : HTTP_RESPONSES;
}

void link_data(struct link *l, enum bt_dir dir, const struct actor *who, struct span bytes,
	       uint64_t off)
{
	struct buf *held = &l->held[dir];

	l->last = *who;
	/* A connection that gets its socket's inode midway counts from 0 again. */
	if (l->file.type == BT_FILE_TLS && l->moved[dir])
		off = l->moved[dir];
	l->moved[dir] = off + bytes.len;
	if (l->role == ROLE_UNKNOWN) {
		buf_add_span(held, bytes);
		find_role(l, dir);
		if (l->role == ROLE_UNKNOWN)
			return;
		off -= held->len - bytes.len;
		bytes = buf_span(held);
	}
	if (l->conn)
		http_feed(l->conn, http_dir_of(l, dir), bytes, off);
	buf_release(held);
}

void link_gap(struct link *l, enum bt_dir dir, uint64_t missing)
{
	l->moved[dir] += missing;
	if (l->conn)
		http_gap(l->conn, http_dir_of(l, dir), missing);
	else
		buf_release(&l->held[dir]);
}

void link_end(struct link *l)
{
	if (l->conn)
		http_close(l->conn);
}

bool link_parses(const struct link *l, enum bt_dir dir)
{
	return l->conn && l->framed[http_dir_of(l, dir)];
}
