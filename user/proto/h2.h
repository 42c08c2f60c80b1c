/* SPDX-License-Identifier: BSD-2-Clause */
/* HTTP/2 framing (RFC 9113) of both directions of a connection. */
#ifndef BT_PROTO_H2_H
#define BT_PROTO_H2_H

#include "proto/http_conn.h"

#define H2_FRAME_HEAD 9
#define H2_PREFACE_LINE "PRI * HTTP/2.0\r\n"
#define H2_PREFACE H2_PREFACE_LINE "\r\nSM\r\n\r\n"
/* A longer header block is dropped. */
#define H2_MAX_BLOCK (4 * HTTP_MAX_HEAD)

struct h2 *h2_new(void);
struct h2 *h2_free(struct h2 *h);
/* The first line of the preface was taken already (it has the shape of an HTTP/1 request line). */
void h2_seen_preface_line(struct http_conn *c);
/* Stream 1 is the request that asked for the upgrade (RFC 7540 3.2); its own message is over. */
void h2_upgraded(struct http_conn *c, uint64_t xid);
/* As http1_step. */
size_t h2_step(struct http_conn *c, enum http_dir dir, struct span in, uint64_t off);
void h2_gap(struct http_conn *c, enum http_dir dir, uint64_t missing);
void h2_close(struct http_conn *c);

/* Whether bytes begin with the preface's first line: 1, 0, or -EAGAIN when there are too few. */
int h2_is_preface(struct span s);
/* A frame header (H2_FRAME_HEAD bytes) that a connection's server sends first. */
bool h2_is_first_settings(struct span s);
/* A frame header that is unlikely to be anything else: what a connection joined midway is recognised by. */
bool h2_is_frame(struct span s);

#endif /* BT_PROTO_H2_H */
