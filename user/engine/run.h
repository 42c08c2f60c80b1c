/* SPDX-License-Identifier: BSD-2-Clause */
/* Private to engine/. Runs of unreserved characters (RFC 3986 2.3) in a text, as long as a PKCE verifier may be (RFC 7636 4.1). */
#ifndef BT_ENGINE_RUN_H
#define BT_ENGINE_RUN_H

#include "base/span.h"

#define RUN_MAX 128

/* Zeroed is the start of a text. In secmem_calloc()'s memory, or wiped: a run may be a verifier. */
struct run {
	char text[RUN_MAX + 1]; /* at the end of what was fed: it may go on */
	size_t len;             /* RUN_MAX + 1: too long */
};

typedef void (*run_fn)(void *arg, struct span run);

/* Calls `fn` with each run that ends in `b`; NULL: nobody wants to know. */
void run_feed(struct run *r, struct span b, run_fn fn, void *arg);
/* The text ends here. */
void run_flush(struct run *r, run_fn fn, void *arg);

#endif /* BT_ENGINE_RUN_H */
