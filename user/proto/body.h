/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Undoes the codings of one message body (RFC 9110 8.4.1: gzip, deflate, br; also as transfer codings, RFC 9112 7.2),
 * in pieces, with bounded memory and a bounded output.
 */
#ifndef BT_PROTO_BODY_H
#define BT_PROTO_BODY_H

#include "base/span.h"

#define BODY_MAX_CODINGS 4
/* What a body may have decoded to before HTTP_MAX_RATIO counts: a few bytes may be a header only. */
#define BODY_RATIO_SLACK (64u * 1024)

enum body_coding { BODY_GZIP, BODY_DEFLATE, BODY_BR };

/* In the order they were applied by the sender; zeroed = none. */
struct body_codings {
	enum body_coding c[BODY_MAX_CODINGS];
	size_t n;
};

/*
 * Appends the codings of a Content-Encoding or Transfer-Encoding value. "identity", "chunked" and empty members are skipped. One that is
 * unknown (or one too many) makes the list start anew behind it: what was applied before can not be undone.
 */
void body_codings_add(struct body_codings *l, struct span value);

/* Decoded bytes; valid during the call. `raw_off` as given with the piece they came from. */
typedef void (*body_fn)(void *arg, struct span bytes, uint64_t raw_off);

struct body;

/* `l` has at least one coding. NULL when out of memory. */
struct body *body_new(const struct body_codings *l, body_fn fn, void *arg);
/* Wipes; accepts NULL, returns NULL. */
struct body *body_free(struct body *b);
/*
 * Decodes the next raw bytes. 0; -EBADMSG when they can not be decoded or grow over HTTP_MAX_RATIO (once, and
 * for every call after it; what was decoded before was handed out); -ENOMEM likewise. Bytes behind the end of the
 * coded data are ignored, but further gzip members are decoded (RFC 1952 2.2).
 */
int body_feed(struct body *b, struct span raw, uint64_t raw_off);
/* True when the coded data came to its end, or nothing came at all. */
bool body_complete(const struct body *b);

#endif /* BT_PROTO_BODY_H */
