/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A span is a view of bytes that somebody else owns. It is not NUL-terminated and may
 * hold any byte. A span with len 0 may have p == NULL.
 */
#ifndef BT_BASE_SPAN_H
#define BT_BASE_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct span {
	const char *p;
	size_t len;
};

#define SPAN_LIT(s) ((struct span){ (s), sizeof(s) - 1 })
#define SPAN_NONE ((struct span){ NULL, 0 })

static inline struct span span_of(const void *p, size_t len)
{
	return (struct span){ p, len };
}

static inline struct span span_str(const char *s)
{
	return (struct span){ s, s ? strlen(s) : 0 };
}

/* The part [from, from + len), cut to what there is. */
static inline struct span span_sub(struct span s, size_t from, size_t len)
{
	if (!s.p)
		return SPAN_NONE;
	if (from > s.len)
		from = s.len;
	if (len > s.len - from)
		len = s.len - from;
	return (struct span){ s.p + from, len };
}

static inline bool span_eq(struct span a, struct span b)
{
	return a.len == b.len && (!a.len || !memcmp(a.p, b.p, a.len));
}

static inline bool span_eq_str(struct span a, const char *s)
{
	return span_eq(a, span_str(s));
}

/* ASCII case only; locale-free. */
bool span_eq_nocase(struct span a, struct span b);
bool span_starts(struct span s, struct span prefix);
bool span_ends(struct span s, struct span suffix);
/* Offset of the first `needle` in `s`, or SIZE_MAX. An empty needle is at 0. */
size_t span_find(struct span s, struct span needle);
size_t span_find_byte(struct span s, char c);
/* As span_find, and a suffix, without ASCII case. */
size_t span_find_nocase(struct span s, struct span needle);
bool span_ends_nocase(struct span s, struct span suffix);
/* Which of `n` names it is, or -ENOENT. */
int span_index(struct span s, const char *const *names, size_t n);

#endif /* BT_BASE_SPAN_H */
