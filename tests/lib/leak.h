/* SPDX-License-Identifier: BSD-2-Clause */
/* For tests of what must never show a secret: secrets that stand out, and a search for their pieces. */
#ifndef BT_TESTS_LEAK_H
#define BT_TESTS_LEAK_H

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sodium.h>

#define LEAK_PIECE 5
#define LEAK_SHOWN 4 /* characters after the public prefix that may be shown */

/*
 * Fills `out` with `prefix` and random letters up to `len` bytes and a NUL. The letters are upper-case
 * consonants: no hexadecimal fingerprint and no English word is mistaken for a piece.
 */
static inline void leak_secret(char *out, const char *prefix, size_t len)
{
	static const char set[] = "GHJKLMNPQRSTVWXYZ";
	size_t at = strlen(prefix);

	memcpy(out, prefix, at);
	for (; at < len; at++)
		out[at] = set[randombytes_uniform(sizeof(set) - 1)];
	out[len] = '\0';
}

/* True when `hay` holds a piece of the secret that goes beyond what may be shown. */
static inline bool leak_found(const void *hay, size_t hay_len, const char *secret,
			      size_t prefix_len)
{
	size_t len = strlen(secret);

	for (size_t i = 0; i + LEAK_PIECE <= len; i++) {
		if (i + LEAK_PIECE > prefix_len + LEAK_SHOWN &&
		    memmem(hay, hay_len, secret + i, LEAK_PIECE))
			return true;
	}
	return false;
}

#endif /* BT_TESTS_LEAK_H */
