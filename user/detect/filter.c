// SPDX-License-Identifier: BSD-2-Clause
#include "detect/filter.h"

#include <math.h>

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_upper(char c)
{
	return c >= 'A' && c <= 'Z';
}

static bool is_lower(char c)
{
	return c >= 'a' && c <= 'z';
}

static bool is_hex(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

double entropy(struct span s)
{
	uint32_t count[256] = { 0 };
	double h = 0;

	for (size_t i = 0; i < s.len; i++)
		count[(uint8_t)s.p[i]]++;
	for (unsigned int c = 0; c < 256; c++) {
		if (count[c]) {
			double p = (double)count[c] / (double)s.len;

			h -= p * log2(p);
		}
	}
	return h;
}

/* Longest run of one byte, and longest run of each byte one more than the last. */
static void runs(struct span s, size_t *same, size_t *rising)
{
	size_t a = 1, b = 1;

	*same = *rising = s.len ? 1 : 0;
	for (size_t i = 1; i < s.len; i++) {
		a = s.p[i] == s.p[i - 1] ? a + 1 : 1;
		b = s.p[i] == s.p[i - 1] + 1 ? b + 1 : 1;
		*same = a > *same ? a : *same;
		*rising = b > *rising ? b : *rising;
	}
}

bool is_placeholder(struct span value)
{
	/* Six letters or more, so that random text does not hold them; shorter ones only as a part of their own. */
	static const char *const words[] = { "example",   "placeholder", "changeme", "change-me",
					     "change_me", "redacted",    "your_",    "your-",
					     "insert_",   "replace_",    "removed",  "not-set",
					     "filtered",  "truncated",   "sensitive" };
	bool seen[256] = { false };
	unsigned int variety = 0;
	size_t same, rising;

	for (size_t i = 0; i < value.len; i++) {
		if (!seen[(uint8_t)value.p[i]]) {
			seen[(uint8_t)value.p[i]] = true;
			variety++;
		}
	}
	if (variety < 6)
		return true;
	if (strchr("<$%{[(", value.p[0]) || span_ends(value, SPAN_LIT(">")) ||
	    span_ends(value, SPAN_LIT("}")) || span_find(value, SPAN_LIT("${")) != SIZE_MAX ||
	    (value.len < 40 && span_find(value, SPAN_LIT("...")) != SIZE_MAX))
		return true;
	runs(value, &same, &rising);
	if (same >= 8 || rising >= 9)
		return true;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (span_find_nocase(value, span_str(words[i])) != SIZE_MAX)
			return true;
	}
	return false;
}

/* Words joined by '-', '_', '.', '/', ':' or spaces: no part holds letters and digits at once, but for short ones. */
static bool is_words(struct span s)
{
	size_t letters = 0, digits = 0, parts = 0, mixed = 0, longest = 0;

	for (size_t i = 0; i <= s.len; i++) {
		if (i < s.len && !strchr("-_./: ", s.p[i])) {
			letters += is_lower(s.p[i]) || is_upper(s.p[i]);
			digits += is_digit(s.p[i]);
			continue;
		}
		parts++;
		mixed += letters && digits && letters + digits > 4;
		if (letters + digits > longest)
			longest = letters + digits;
		letters = digits = 0;
	}
	/* A long part may be random letters: then it is not judged here. */
	return !mixed && parts > 1 && longest <= 14;
}

/* Upper and lower case change places at one in three of random characters, at one in six of camelCase. */
static bool is_camel_case(struct span s, unsigned int percent)
{
	size_t changes = 0;

	for (size_t i = 1; i < s.len; i++)
		changes += (is_upper(s.p[i]) && is_lower(s.p[i - 1])) ||
			   (is_lower(s.p[i]) && is_upper(s.p[i - 1]));
	return changes * 100 < s.len * percent;
}

/* The least entropy that 999 of 1000 random strings of this alphabet and length reach, a little under. */
static double least_entropy(size_t n, bool hex, bool one_case)
{
	double l = log2((double)n);
	double h;

	if (hex) {
		h = n < 32 ? 2.5 : n < 48 ? 3.0 : 3.4;
		return h;
	}
	if (n < 18)
		h = 0.915 * l - 0.047;
	else if (n < 35)
		h = 0.767 * l + 0.568;
	else if (n < 65)
		h = 0.944 * l - 0.009 * (double)n - 0.04;
	else if (n < 256)
		h = 0.621 * l - 0.003 * (double)n + 1.54;
	else
		h = 6 - 64.0 / (double)n;
	/* The curve is a mean for 64 characters. */
	h -= 0.45;
	return one_case ? h - 0.35 : h;
}

bool looks_random(struct span value)
{
	size_t digits = 0, upper = 0, lower = 0, hex = 0;
	bool all_hex;

	for (size_t i = 0; i < value.len; i++) {
		char c = value.p[i];

		digits += is_digit(c);
		upper += is_upper(c);
		lower += is_lower(c);
		hex += is_hex(c) || c == '-';
	}
	if ((digits > 0) + (upper > 0) + (lower > 0) < 2 || !(upper + lower) || value.len < 8)
		return false;
	if (span_find(value, SPAN_LIT("://")) != SIZE_MAX || value.p[0] == '/' ||
	    span_starts(value, SPAN_LIT("~/")) || span_starts(value, SPAN_LIT("./")) ||
	    span_find(value, SPAN_LIT("()")) != SIZE_MAX)
		return false;
	/* An RFC 3339 time. */
	if (value.len <= 35 && value.len >= 19 && value.p[4] == '-' && value.p[7] == '-' &&
	    value.p[10] == 'T' && value.p[13] == ':')
		return false;
	if (is_words(value))
		return false;
	all_hex = hex == value.len && !(upper && lower);
	if (!digits) {
		/* Letters alone: random ones change case all the time, words do not. */
		if (value.len < 20 || !upper || !lower || is_camel_case(value, 30))
			return false;
	} else if (digits < 3 && !all_hex && upper && lower && value.len >= 24 &&
		   is_camel_case(value, 18)) {
		return false; /* oauth2AuthorizationServerMetadata */
	}
	return entropy(value) >= least_entropy(value.len, all_hex, !upper || !lower);
}
