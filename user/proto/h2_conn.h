/* SPDX-License-Identifier: BSD-2-Clause */
/* HTTP/2 between its frames (h2.c) and its streams (h2_stream.c). */
#ifndef BT_PROTO_H2_CONN_H
#define BT_PROTO_H2_CONN_H

#include "proto/h2.h"
#include "proto/h2_hpack.h"

enum h2_state {
	H2_BEGIN,
	H2_IN_PREFACE,
	H2_LOST,   /* the next frame header has to be searched */
	H2_HEADER, /* in or before a frame header */
	H2_PAYLOAD,
};

/* One direction. */
struct h2_side {
	enum h2_state state;
	size_t preface; /* bytes of it that were seen */
	unsigned char header[H2_FRAME_HEAD];
	size_t n_header;
	/* The frame being read. */
	uint64_t frame_off;
	uint32_t left;
	uint8_t type, flags;
	uint32_t id;
	bool pad_known;
	uint32_t pad;
	/* The header block being read: HEADERS or PUSH_PROMISE, and its CONTINUATIONs. */
	bool block_open, block_cut, block_ends_stream, block_is_promise;
	uint32_t block_id;
	uint64_t block_off;
	size_t block_frame; /* where the frame being read begins in it */
	struct buf block;
	struct h2_hpack *hpack;
};

struct h2_stream {
	uint32_t id; /* 0: free */
	uint64_t xid, used;
	struct http_msg msg[2];
	bool seen[2]; /* its head was */
	bool done[2];
};

struct h2 {
	struct h2_side side[2];
	uint64_t uses;
	struct h2_stream stream[HTTP_MAX_STREAMS];
};

/* A decoded header block. */
struct h2_block {
	struct buf text;
	struct http_field fields[HTTP_MAX_FIELDS];
	size_t n;
	bool cut, unknown;
};

/* The stream, or NULL. */
struct h2_stream *h2_stream_find(struct http_conn *c, uint32_t id);
/* A new stream; the one longest unused makes room. `xid` 0: a new one. */
struct h2_stream *h2_stream_add(struct http_conn *c, uint32_t id, uint64_t xid);
/* What a header block says on a stream: head, interim head, or trailers. */
void h2_stream_headers(struct http_conn *c, enum http_dir dir, uint32_t id, struct h2_block *b,
		       bool ends, uint64_t off);
/* One direction of it is over. Frees it when nothing more is expected. */
void h2_stream_done(struct h2_stream *s, enum http_dir dir, bool complete);
/* Both are. */
void h2_stream_reset(struct h2_stream *s);

#endif /* BT_PROTO_H2_CONN_H */
