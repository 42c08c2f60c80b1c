/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * JSON writer (RFC 8259) into a struct buf: compact, keys in the order given, strings from any
 * bytes. Invalid UTF-8 becomes U+FFFD; control characters, '"' and '\\' are escaped, and so are
 * U+2028, U+2029 and '<' (the text may be put in HTML). Errors are the buffer's sticky error: also
 * -E2BIG for a value nested too deep, -EINVAL for an end without a begin. Values at the top are not
 * separated: for JSON lines the caller adds the line feeds.
 */
#ifndef BT_BASE_JW_H
#define BT_BASE_JW_H

#include "base/buf.h"

struct jw {
	struct buf *out;
	uint64_t first;     /* bit d: nothing written yet at depth d */
	unsigned int depth; /* at most 63 */
};

void jw_init(struct jw *w, struct buf *out);
/* `key` NULL in arrays and at the top. */
void jw_object(struct jw *w, const char *key);
void jw_array(struct jw *w, const char *key);
void jw_end_object(struct jw *w);
void jw_end_array(struct jw *w);
void jw_string(struct jw *w, const char *key, struct span value);
void jw_str(struct jw *w, const char *key, const char *value); /* NULL writes null */
void jw_u64(struct jw *w, const char *key, uint64_t value);
void jw_i64(struct jw *w, const char *key, int64_t value);
void jw_bool(struct jw *w, const char *key, bool value);
void jw_null(struct jw *w, const char *key);

/* Only the escaped inside of a string, without quotes. */
int json_escape(struct buf *out, struct span s);

#endif /* BT_BASE_JW_H */
