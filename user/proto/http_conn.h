/* SPDX-License-Identifier: BSD-2-Clause */
/* What the parts of the HTTP parser share: the connection, and the messages that are open on it. */
#ifndef BT_PROTO_HTTP_CONN_H
#define BT_PROTO_HTTP_CONN_H

#include "base/buf.h"
#include "proto/body.h"
#include "proto/http.h"

enum http_mode {
	HTTP_UNKNOWN, /* neither direction has shown what it is */
	HTTP_1,
	HTTP_2,
	HTTP_OTHER,
};

/* A message whose head was handed out. */
struct http_msg {
	struct http_conn *conn;
	uint64_t xid;
	enum http_dir dir;
	bool open;
	bool broken;       /* its body could not be decoded to the end */
	struct body *body; /* NULL: no content coding */
};

/* A request that waits for its response. */
struct http_pending {
	uint64_t xid;
	bool is_head, is_connect;
};

enum h1_state {
	H1_START,     /* before a start line */
	H1_SKIP_LINE, /* in a line that is none */
	H1_HEAD,
	H1_LENGTH,
	H1_CHUNK_SIZE,
	H1_CHUNK_EXT,
	H1_CHUNK_DATA,
	H1_CHUNK_END,
	H1_TRAILER,
	H1_UNTIL_CLOSE,
};

/* One direction of an HTTP/1 connection. */
struct h1 {
	enum h1_state state;
	struct buf head; /* what is held of a start line or head */
	uint64_t head_off;
	bool lost;            /* the next start line has to be searched */
	bool cut;             /* the head was longer than what is held */
	bool truncated;       /* the head is being read without its end */
	bool line_cr;         /* the line being read is only a CR so far ... */
	bool line_empty;      /* ... or nothing */
	uint64_t left;        /* bytes of the body or chunk to come */
	unsigned size_digits; /* of the chunk size being read */
	bool drop;            /* a gap ended the message, but where its body goes on is known */
	bool may_tunnel;      /* requests: the last one was CONNECT */
	struct http_msg msg;
};

struct h2;

struct http_conn {
	const struct http_ops *ops;
	void *arg;
	enum http_mode mode;
	bool closed, oom;
	struct http_counts counts;
	uint64_t last_xid;
	bool begun[2];
	bool joined[2];      /* the first bytes of that direction were not seen */
	struct buf sniff[2]; /* held until it is known what it is */
	uint64_t sniff_off[2];
	bool sniff_mid[2]; /* sniffing stands inside a line */
	struct h1 h1[2];
	struct http_pending *pending; /* ring of HTTP_MAX_PENDING */
	size_t first_pending, n_pending, more_pending;
	bool pipelined;      /* two requests waited at once while none was lost */
	bool responses_lost; /* since the last response head */
	struct h2 *h2;
};

/* --- http_msg.c ---------------------------------------------------------------------------- */

/* Hands a head out and opens its message; `l` are the codings of its body. */
void http_msg_begin(struct http_conn *c, struct http_msg *m, uint64_t xid,
		    const struct http_head *head, const struct body_codings *l);
void http_msg_body(struct http_msg *m, struct span bytes, uint64_t off);
/* Ends it when it is open. `complete`: as far as framing knows. */
void http_msg_end(struct http_msg *m, bool complete);

/* --- http_start.c -------------------------------------------------------------------------- */

/*
 * Whether a line, with its LF, is an HTTP/1 start line (RFC 9112 3, 4): 1, 0, or -EAGAIN when it has no LF yet and
 * may become one.
 */
int http1_is_start(enum http_dir dir, struct span line);

/* --- http1.c ------------------------------------------------------------------------------- */

/* Takes bytes from the front of `in` (not empty). The number taken; 0 only when c->mode has changed. */
size_t http1_step(struct http_conn *c, enum http_dir dir, struct span in, uint64_t off);
void http1_gap(struct http_conn *c, enum http_dir dir, uint64_t missing);
/* The direction is over: what is open ends. */
void http1_close(struct http_conn *c, enum http_dir dir);

/* --- http1_head.c -------------------------------------------------------------------------- */

/* Reads the head in [p, p + len), which may be changed (folded lines), hands it out and sets the state for what follows. */
void http1_head(struct http_conn *c, enum http_dir dir, char *p, size_t len, uint64_t off);

/* --- http.c -------------------------------------------------------------------------------- */

/* Changes the mode and hands on what is held of the direction that is not the caller's. */
void http_set_mode(struct http_conn *c, enum http_mode mode, enum http_dir caller);
void http_push_pending(struct http_conn *c, const struct http_pending *p);
/* Takes the request that a response answers; zeroed when it was not seen. */
struct http_pending http_pop_pending(struct http_conn *c);
/* Hands bytes on as they are. */
void http_other(struct http_conn *c, enum http_dir dir, struct span bytes, uint64_t off);

#endif /* BT_PROTO_HTTP_CONN_H */
