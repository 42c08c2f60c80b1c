/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * HPACK (RFC 7541) for an observer, round nghttp2's inflater: a reference to an entry of the dynamic table that was
 * never seen becomes an unknown name or value instead of an error. Entries are counted from the newest (2.3.3), so those inserted since the
 * observer joined are known exactly, and whatever lies behind them is what it missed.
 */
#ifndef BT_PROTO_H2_HPACK_H
#define BT_PROTO_H2_HPACK_H

#include "proto/http.h"

/*
 * Largest dynamic table followed. What a peer allows in its SETTINGS needs no reading: the sender says in its header block which size it
 * uses (4.2). A larger one is followed to this size; older entries are then unknown.
 */
#define H2_MAX_TABLE (256u * 1024)

struct h2_hpack;

/* `midway`: header blocks went by before; the table may hold unseen entries and have any size. NULL when out of memory. */
struct h2_hpack *h2_hpack_new(bool midway);
/* Wipes; accepts NULL, returns NULL. */
struct h2_hpack *h2_hpack_free(struct h2_hpack *h);

/* One field; the spans are valid during the call. An unknown name is empty. */
typedef void (*h2_field_fn)(void *arg, const struct http_field *f);

/*
 * Decodes a whole header block. 0; -EBADMSG when it is broken (fields before that were handed out; the decoder must be
 * replaced by a midway one); -ENOMEM likewise.
 */
int h2_hpack_decode(struct h2_hpack *h, struct span block, h2_field_fn fn, void *arg);

#endif /* BT_PROTO_H2_HPACK_H */
