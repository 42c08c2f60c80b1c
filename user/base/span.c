/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>

#include "base/span.h"

static unsigned char lower(char c)
{
	unsigned char u = (unsigned char)c;

	return u >= 'A' && u <= 'Z' ? u | 0x20 : u;
}

bool span_eq_nocase(struct span a, struct span b)
{
	if (a.len != b.len)
		return false;
	for (size_t i = 0; i < a.len; i++) {
		if (lower(a.p[i]) != lower(b.p[i]))
			return false;
	}
	return true;
}

bool span_starts(struct span s, struct span prefix)
{
	return s.len >= prefix.len && span_eq(span_sub(s, 0, prefix.len), prefix);
}

bool span_ends(struct span s, struct span suffix)
{
	return s.len >= suffix.len && span_eq(span_sub(s, s.len - suffix.len, suffix.len), suffix);
}

size_t span_find(struct span s, struct span needle)
{
	const char *hit;

	if (!needle.len)
		return 0;
	if (needle.len > s.len)
		return SIZE_MAX;
	hit = memmem(s.p, s.len, needle.p, needle.len);
	return hit ? (size_t)(hit - s.p) : SIZE_MAX;
}

size_t span_find_byte(struct span s, char c)
{
	const char *hit = s.len ? memchr(s.p, (unsigned char)c, s.len) : NULL;

	return hit ? (size_t)(hit - s.p) : SIZE_MAX;
}

size_t span_find_nocase(struct span s, struct span needle)
{
	for (size_t i = 0; i + needle.len <= s.len; i++) {
		if (span_eq_nocase(span_sub(s, i, needle.len), needle))
			return i;
	}
	return SIZE_MAX;
}

bool span_ends_nocase(struct span s, struct span suffix)
{
	return s.len >= suffix.len &&
	       span_eq_nocase(span_sub(s, s.len - suffix.len, suffix.len), suffix);
}

int span_index(struct span s, const char *const *names, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (span_eq_str(s, names[i]))
			return (int)i;
	}
	return -ENOENT;
}
