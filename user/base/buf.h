/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A growable byte buffer with a hard cap. Invariant: `p[len]` is NUL whenever p is not
 * NULL. Failure is sticky: after the first one every call fails with the same error,
 * so a caller may build a whole text and check once.
 */
#ifndef BT_BASE_BUF_H
#define BT_BASE_BUF_H

#include <stdarg.h>
#include "base/span.h"

struct buf {
	char *p;
	size_t len;
	size_t cap;
	size_t max; /* most bytes it may hold; 0 = no cap */
	int err;    /* 0, -ENOMEM, or -E2BIG over max */
	bool wipe; /* of bytes that may be secret: in secmem_calloc()'s memory, wiped when it moves or is freed */
};

#define BUF_INIT(max_)                                                                             \
	{                                                                                          \
		NULL, 0, 0, (max_), 0, false                                                       \
	}
#define BUF_INIT_WIPE(max_)                                                                        \
	{                                                                                          \
		NULL, 0, 0, (max_), 0, true                                                        \
	}

/* All return 0, or the sticky negative errno. */
int buf_add(struct buf *b, const void *p, size_t len);
int buf_add_span(struct buf *b, struct span s);
int buf_add_str(struct buf *b, const char *s);
int buf_add_byte(struct buf *b, char c);
int buf_addf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
int buf_vaddf(struct buf *b, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));
int buf_reserve(struct buf *b, size_t more);
/* Drops the first `n` bytes (all when n > len). */
void buf_drop(struct buf *b, size_t n);
/* Empties it and clears the error; the memory stays (wiped when `wipe`). */
void buf_clear(struct buf *b);
/* Frees the memory (wiped when `wipe`); the buf may be used again. Idempotent. */
void buf_release(struct buf *b);

static inline struct span buf_span(const struct buf *b)
{
	return (struct span){ b->p, b->len };
}

#endif /* BT_BASE_BUF_H */
