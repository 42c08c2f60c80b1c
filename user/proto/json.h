/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Incremental JSON tokenizer (RFC 8259) for observation: it never rejects input as a whole, holds no more than
 * its path and one partial escape, and takes bytes in any cut. Strings are handed out decoded, in pieces,
 * with the path they stand at. It accepts a superset (any value at the top, duplicate keys, raw control
 * characters, lone surrogates as U+FFFD) because a receiver may; what is beyond that is
 * JSON_BROKEN, after which it eats nothing until json_reset().
 */
#ifndef BT_PROTO_JSON_H
#define BT_PROTO_JSON_H

#include "base/span.h"

#define JSON_MAX_DEPTH 64 /* deeper values are walked, their path is cut */
#define JSON_MAX_KEY 128  /* decoded bytes of a key kept; the rest is cut */

enum json_status {
	JSON_MORE,   /* the value goes on */
	JSON_DONE,   /* a whole top-level value was read; `consumed` says where it ended */
	JSON_BROKEN, /* not JSON at offset `consumed` */
};

struct json_result {
	enum json_status status;
	size_t consumed;
};

/* One step of a path: an object member or an array element. */
struct json_step {
	bool is_index;
	uint32_t index;
	uint8_t key_len;
	bool key_cut;
	char key[JSON_MAX_KEY];
};

struct json;

enum json_scalar { JSON_STRING, JSON_NUMBER, JSON_TRUE, JSON_FALSE, JSON_NULL };

struct json_ops {
	/* A container opens / closes at the current path. Any may be NULL. */
	void (*open)(void *arg, const struct json *j, bool array);
	void (*close)(void *arg, const struct json *j, bool array);
	/* A key was read; the path's last step is now it. */
	void (*key)(void *arg, const struct json *j);
	/*
	 * A scalar value's text at the current path, in pieces: `first` on the first, `last` on the last one
	 * (which may be empty). Strings are decoded, numbers and literals as they stand. `decoded` pieces are
	 * valid during the call only. `raw_off` is the offset in the input, since json_reset, of the piece's first byte.
	 */
	void (*scalar)(void *arg, const struct json *j, enum json_scalar type, struct span decoded,
		       uint64_t raw_off, bool first, bool last);
};

struct json *json_new(const struct json_ops *ops, void *arg);
struct json *json_free(struct json *j);
void json_reset(struct json *j);
struct json_result json_feed(struct json *j, struct span in);
/* Path of the current value, outermost first; *len steps (at most JSON_MAX_DEPTH). */
const struct json_step *json_path(const struct json *j, size_t *len);
unsigned int json_depth(const struct json *j);
/* "$.result.content[0].text" (RFC 9535 notation), cut to `cap`, NUL-terminated; returns its length. */
size_t json_path_text(const struct json *j, char *out, size_t cap);
/* True when step `i` is the object member `key`. */
bool json_step_is(const struct json_step *s, const char *key);

#endif /* BT_PROTO_JSON_H */
