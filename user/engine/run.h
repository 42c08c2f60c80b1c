/* SPDX-License-Identifier: BSD-2-Clause */
/* Private to engine/. Runs of unreserved characters (RFC 3986 2.3) in a text, as long as a PKCE verifier may be (RFC 7636 4.1). */
#ifndef BT_ENGINE_RUN_H
#define BT_ENGINE_RUN_H

#include "base/span.h"

#define RUN_MIN 43
#define RUN_MAX 128

/* Zeroed is the start of a text. In secmem_calloc()'s memory, or wiped: a run may be a verifier. */
struct run {
	char text[RUN_MAX + 1];
	size_t len; /* RUN_MAX + 1: too long */
};

static inline bool run_has(unsigned char c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
	       c == '-' || c == '.' || c == '_' || c == '~';
}

/* Takes one byte. True when it ended a run of the right length: run_span(), to be followed by run_clear(). */
static inline bool run_add(struct run *r, unsigned char c)
{
	if (!run_has(c)) {
		if (r->len >= RUN_MIN && r->len <= RUN_MAX)
			return true;
		r->len = 0;
		return false;
	}
	if (r->len <= RUN_MAX)
		r->text[r->len++] = (char)c;
	return false;
}

/* The same at the end of the text. */
static inline bool run_end(struct run *r)
{
	return run_add(r, ' ');
}

static inline struct span run_span(const struct run *r)
{
	return span_of(r->text, r->len);
}

static inline void run_clear(struct run *r)
{
	r->len = 0;
}

#endif /* BT_ENGINE_RUN_H */
