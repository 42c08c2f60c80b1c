/* SPDX-License-Identifier: BSD-2-Clause */
#include "flow/guess.h"

#include <ctype.h>
#include <math.h>

static const char *const words[] = {
	"verifier", "challenge", "secret", "password", "example", "random", "string",  "oauth",
	"state",    "token",     "client", "session",  "test",    "code",   "pkce",    "this",
	"long",     "enough",    "super",  "static",   "value",   "fixed",  "default", "nonce",
	"csrf",     "demo",      "server", "user",     "admin",   "login",  "auth",    "with",
	"should",   "that",      "very",   "some",     "local",   "dev",    "foobar",  "abc",
	"xyz",      "123",       "my",     "be",       "not",     "is",
};

bool guess_is_worded(struct span s)
{
	size_t covered = 0, i = 0;

	while (i < s.len) {
		size_t best = 0;

		for (size_t k = 0; k < sizeof(words) / sizeof(words[0]); k++) {
			struct span w = span_str(words[k]);

			if (w.len > best && span_eq_nocase(span_sub(s, i, w.len), w))
				best = w.len;
		}
		covered += best;
		i += best ? best : 1;
	}
	return s.len && covered * 2 >= s.len;
}

static bool all_digits(struct span s)
{
	for (size_t i = 0; i < s.len; i++) {
		if (s.p[i] < '0' || s.p[i] > '9')
			return false;
	}
	return true;
}

bool guess_is_number(struct span s)
{
	size_t pairs = s.len / 2, spelt = 0;

	/* "3" and a digit: an ASCII digit in hex. Of random hex one in 26 pairs is one. */
	for (size_t i = 0; i < pairs; i++)
		spelt += s.p[2 * i] == '3' && isdigit((unsigned char)s.p[2 * i + 1]);
	return all_digits(s) || (pairs >= 5 && spelt == pairs);
}

bool guess_counts_up(struct span s)
{
	size_t steps = 0;

	for (size_t i = 1; i < s.len; i++)
		steps += s.p[i] == s.p[i - 1] + 1;
	return steps * 4 > s.len * 3;
}

double guess_bits(struct span s)
{
	bool seen[256] = { false };
	unsigned int distinct = 0;

	for (size_t i = 0; i < s.len; i++) {
		distinct += !seen[(unsigned char)s.p[i]];
		seen[(unsigned char)s.p[i]] = true;
	}
	for (size_t period = 1; period <= s.len / 2; period++) {
		if (!memcmp(s.p, s.p + period, s.len - period))
			return (double)period;
	}
	return distinct < 2 ? 0 : (double)s.len * log2((double)distinct);
}
