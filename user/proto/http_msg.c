/* SPDX-License-Identifier: BSD-2-Clause */
#include "proto/http_conn.h"

static void emit(void *arg, struct span bytes, uint64_t raw_off)
{
	struct http_msg *m = arg;

	if (m->conn->ops->body)
		m->conn->ops->body(m->conn->arg, m->xid, m->dir, bytes, raw_off);
}

void http_msg_begin(struct http_conn *c, struct http_msg *m, uint64_t xid,
		    const struct http_head *head, const struct body_codings *l)
{
	*m = (struct http_msg){ .conn = c, .xid = xid, .dir = head->dir, .open = true };
	if (head->dir == HTTP_REQUESTS)
		c->counts.requests++;
	else
		c->counts.responses++;
	if (l->n) {
		m->body = body_new(l, emit, m);
		if (!m->body) {
			c->oom = true;
			m->broken = true;
		}
	}
	if (c->ops->head)
		c->ops->head(c->arg, xid, head);
}

void http_msg_body(struct http_msg *m, struct span bytes, uint64_t off)
{
	if (!bytes.len)
		return;
	if (m->broken)
		return;
	if (!m->open) {
		m->conn->counts.skipped_bytes += bytes.len;
		return;
	}
	if (!m->body) {
		emit(m, bytes, off);
		return;
	}
	if (body_feed(m->body, bytes, off)) {
		m->conn->counts.broken++;
		m->broken = true;
		m->body = body_free(m->body);
	}
}

void http_msg_end(struct http_msg *m, bool complete)
{
	struct http_conn *c = m->conn;

	if (!m->open)
		return;
	m->open = false;
	if (m->broken || (m->body && !body_complete(m->body)))
		complete = false;
	m->broken = false;
	m->body = body_free(m->body);
	if (c->ops->end)
		c->ops->end(c->arg, m->xid, m->dir, complete);
}
