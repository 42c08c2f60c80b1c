/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * HTTP as it passes by: HTTP/1.0 and 1.1 (RFC 9112: keep-alive, pipelining, chunked, 100-continue, upgrade) and HTTP/2
 * (RFC 9113, HPACK by libnghttp2). One struct http_conn has the two directions of a connection and pairs a response
 * with its request. Bytes come in any cut; bodies are handed out without framing and decompressed
 * (Content-Encoding gzip, deflate, br), in pieces. It never rejects: what cannot be parsed is skipped to the next
 * message that can be recognised, and counted. A connection may be joined midway: the first bytes of a direction come
 * with an offset over 0, or http_gap comes before them. (RFC 7541: the dynamic table is then not known; fields that refer to
 * it are marked unknown, literal ones are kept.)
 *
 * Trailer fields (RFC 9110 6.5) and pushed requests (RFC 9113 8.4) are not handed out. A coding that is not known (zstd, ...) is left
 * as it is, after the known ones that were applied behind it are undone.
 *
 * Memory per connection is bounded: a head up to HTTP_MAX_HEAD (the rest of a longer one is dropped,
 * `fields_cut`), decompression state only while a compressed body is open, up to HTTP_MAX_STREAMS open h2 streams.
 */
#ifndef BT_PROTO_HTTP_H
#define BT_PROTO_HTTP_H

#include "base/span.h"

#define HTTP_MAX_HEAD (64u * 1024)
#define HTTP_MAX_FIELDS 256
#define HTTP_MAX_STREAMS 128
#define HTTP_MAX_PENDING 256 /* requests waiting for their response */
#define HTTP_MAX_RATIO 1024  /* a body that grows more than this when decompressed is cut there */

enum http_dir { HTTP_REQUESTS, HTTP_RESPONSES };

struct http_field {
	struct span name;  /* as sent; compare without case */
	struct span value; /* without surrounding blanks */
	bool unknown;      /* HPACK: it refers to what was never seen; name or value may be empty */
};

/* The start line and fields of one message; spans are valid during the callback. */
struct http_head {
	enum http_dir dir;
	uint8_t version;            /* 10, 11, 20 */
	struct span method, target; /* request; target is :path in HTTP/2 */
	struct span authority;      /* of an absolute or CONNECT target, :authority, or Host */
	struct span scheme;         /* :scheme, or of an absolute target; empty otherwise */
	int status;                 /* response, 0 unknown; 1xx heads but 101 are not handed out */
	const struct http_field *fields; /* without pseudo-header fields */
	size_t n_fields;
	bool fields_cut; /* some are missing: over a limit, lost, or not decodable */
	uint64_t offset; /* stream offset of the first byte of the message */
};

struct http_ops {
	/*
	 * `xid` names the exchange: a response has its request's; unique within the connection, from 1. 0: an HTTP/1 response
	 * whose request was not seen; in HTTP/2, where bodies are interleaved, such a response has a number of its own. After an
	 * upgrade to h2c the request has two responses: 101, and its answer. A message's head comes before its body,
	 * and each head has one end. Any callback may be NULL.
	 */
	void (*head)(void *arg, uint64_t xid, const struct http_head *head);
	/*
	 * Decoded body bytes, not empty; `raw_off` is the stream offset where the bytes they came from begin (of a
	 * compressed body: where the piece of it that was fed last begins).
	 */
	void (*body)(void *arg, uint64_t xid, enum http_dir dir, struct span bytes,
		     uint64_t raw_off);
	/*
	 * The message is over; `complete` is false when it was cut by a gap, a reset, or the connection's end, or when its
	 * framing or coding was broken. What follows of a body after a gap is skipped.
	 */
	void (*end)(void *arg, uint64_t xid, enum http_dir dir, bool complete);
	/*
	 * The connection has become something else (101 Switching Protocols but to h2c, CONNECT, or not HTTP from the first
	 * byte): all further bytes of both directions come here as they are.
	 */
	void (*other)(void *arg, enum http_dir dir, struct span bytes, uint64_t off);
};

struct http_conn;

struct http_counts {
	uint64_t requests, responses, broken, unknown_fields, skipped_bytes;
};

/* NULL when out of memory. `ops` stays the caller's. */
struct http_conn *http_conn_new(const struct http_ops *ops, void *arg);
/* Wipes what it held, calls nothing back; accepts NULL, returns NULL. */
struct http_conn *http_conn_free(struct http_conn *c);
/*
 * Bytes of one direction in order; `off` is the stream offset of in.p[0]. 0, or -ENOMEM (a message was lost; the connection
 * may be used further). After http_close they are ignored. No callback may free the connection.
 */
int http_feed(struct http_conn *c, enum http_dir dir, struct span in, uint64_t off);
/*
 * `missing` bytes of that direction are lost: its open messages end. Inside a body or frame whose length is known what follows
 * is found exactly, else the next start line or frame header is searched.
 */
void http_gap(struct http_conn *c, enum http_dir dir, uint64_t missing);
/* The connection is closed: open messages end (a response without length is complete then, RFC 9112 6.3). */
void http_close(struct http_conn *c);
/*
 * broken: messages, header blocks and bodies that could not be followed or decoded, or that say two things of their length;
 * skipped_bytes: bytes that belong to no message that was handed out.
 */
void http_counts(const struct http_conn *c, struct http_counts *ret);
/* Value of the first field of that name (case ignored), or SPAN_NONE. */
struct span http_field_value(const struct http_head *h, const char *name);
/*
 * Which direction these first bytes belong to: 1 requests (method token or HTTP/2 preface), 0 responses, -1 neither,
 * -EAGAIN not enough bytes to say.
 */
int http_guess(struct span first);

#endif /* BT_PROTO_HTTP_H */
