/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Server-sent events (WHATWG HTML 9.2.6), incremental: field lines with CR, LF or CRLF in any cut. The data of an event is handed out in
 * pieces as it comes (several data: lines are joined by one LF), so an event of any size needs no memory.
 */
#ifndef BT_PROTO_SSE_H
#define BT_PROTO_SSE_H

#include "base/span.h"

struct sse_ops {
	/* A data: line begins an event, `event` is its type as far as known ("message" by default). */
	void (*data)(void *arg, struct span bytes, uint64_t off);
	/* The blank line: the event is dispatched. `event` up to 64 bytes. */
	void (*end)(void *arg, struct span event);
};

struct sse;

struct sse *sse_new(const struct sse_ops *ops, void *arg);
struct sse *sse_free(struct sse *s);
void sse_feed(struct sse *s, struct span in, uint64_t off);
void sse_gap(struct sse *s); /* resync at the next blank line */

#endif /* BT_PROTO_SSE_H */
