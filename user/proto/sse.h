/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Server-sent events (WHATWG HTML 9.2.6), incremental: field lines with CR, LF or CRLF in any cut. The data of an event is handed out in
 * pieces as it comes (several data: lines are joined by one LF), so an event of any size needs no memory.
 */
#ifndef BT_PROTO_SSE_H
#define BT_PROTO_SSE_H

#include "base/span.h"

#define SSE_MAX_EVENT 64

struct sse_ops {
	/*
	 * The next piece of the open event's data, not empty, valid during the call; `off` is where its bytes stand. The LF that joins
	 * two data: lines is a piece of its own; `off` is then the start of the second one's value. Either
	 * callback may be NULL.
	 */
	void (*data)(void *arg, struct span bytes, uint64_t off);
	/*
	 * The blank line: the event is dispatched. `event` is its type, "message" by default, cut to SSE_MAX_EVENT
	 * bytes. Not called for an event without a data: line, nor for one cut by a gap or by the stream's end: receivers
	 * drop these (9.2.6), or can not know.
	 */
	void (*end)(void *arg, struct span event);
};

struct sse;

/* NULL when out of memory. `ops` stays the caller's. */
struct sse *sse_new(const struct sse_ops *ops, void *arg);
/* Wipes; accepts NULL, returns NULL. */
struct sse *sse_free(struct sse *s);
/* The next bytes; `off` is the offset of in.p[0], only handed through. A byte order mark at the stream's begin is skipped. */
void sse_feed(struct sse *s, struct span in, uint64_t off);
/* Bytes are missing: resync behind the next blank line. */
void sse_gap(struct sse *s);

#endif /* BT_PROTO_SSE_H */
