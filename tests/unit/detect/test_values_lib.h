/* SPDX-License-Identifier: BSD-2-Clause */
/* What the tests of the exact-value search share: random values, encoders, a collector of hits. */
#ifndef BT_TEST_VALUES_LIB_H
#define BT_TEST_VALUES_LIB_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "detect/values.h"

#define ALPHA_HEX "0123456789abcdef"
#define ALPHA_ALNUM "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
#define ALPHA_URL ALPHA_ALNUM "-_"
#define ALPHA_STD ALPHA_ALNUM "+/"
#define ALPHA_PKCE ALPHA_ALNUM "-._~"
/* VSCHAR of RFC 6749 but for the characters that begin an escape. */
#define ALPHA_VSCHAR ALPHA_ALNUM "!\"#$'()*+,-./:;<=>?@[]^_`{|}~"

struct rng {
	uint64_t x;
};

static inline uint64_t rng_next(struct rng *r)
{
	r->x ^= r->x << 13;
	r->x ^= r->x >> 7;
	r->x ^= r->x << 17;
	return r->x * 0x2545f4914f6cdd1dull;
}

static inline size_t rng_below(struct rng *r, size_t n)
{
	return (size_t)(rng_next(r) >> 33) % n;
}

static inline void random_text(struct rng *r, const char *alphabet, char *out, size_t len)
{
	size_t n = strlen(alphabet);

	for (size_t i = 0; i < len; i++)
		out[i] = alphabet[rng_below(r, n)];
}

static inline void base64_text(struct buf *out, const void *in, size_t len, bool url, bool pad,
			       size_t wrap, const char *eol)
{
	const unsigned char *p = in;
	const char *tab = url ? ALPHA_URL : ALPHA_STD;
	size_t col = 0;

	for (size_t i = 0; i < len; i += 3) {
		uint32_t v = (uint32_t)p[i] << 16;
		size_t chars = len - i >= 3 ? 4 : len - i + 1;

		if (len - i > 1)
			v |= (uint32_t)p[i + 1] << 8;
		if (len - i > 2)
			v |= p[i + 2];
		for (size_t k = 0; k < 4; k++) {
			if (k >= chars && !pad)
				break;
			if (wrap && col == wrap) {
				buf_add_str(out, eol);
				col = 0;
			}
			buf_add_byte(out, k < chars ? tab[v >> (18 - 6 * k) & 63] : '=');
			col++;
		}
	}
}

struct got {
	int64_t id;
	enum secret_kind kind;
	enum encoding encoding;
	uint64_t offset, end;
	uint32_t line, whole_len, part_off, part_len;
	char value[VALUES_MAX_LEN];
	size_t value_len;
};

#define GOT_MAX 64

struct collector {
	struct got hit[GOT_MAX];
	size_t n;
};

static inline void collect(void *arg, const struct hit *h)
{
	struct collector *c = arg;
	struct got *g;

	assert_string_equal(h->rule_id, "known-value");
	assert_int_equal(h->confidence, CONF_VALUE);
	assert_int_equal(h->value.len, h->part_len);
	assert_true(h->end > h->offset);
	if (c->n < GOT_MAX) {
		g = &c->hit[c->n];
		*g = (struct got){ .id = (int64_t)h->known_id,
				   .kind = h->kind,
				   .encoding = h->encoding,
				   .offset = h->offset,
				   .end = h->end,
				   .line = h->line,
				   .whole_len = h->whole_len,
				   .part_off = h->part_off,
				   .part_len = h->part_len };
		memcpy(g->value, h->value.p, h->value.len);
		g->value_len = h->value.len;
	}
	c->n++;
}

/* Feeds a piece from memory of exactly its size. */
static inline void feed(struct value_scan *s, const char *p, size_t len, struct collector *c)
{
	char *copy = malloc(len ? len : 1);

	assert_non_null(copy);
	if (len)
		memcpy(copy, p, len);
	value_scan_feed(s, span_of(copy, len), collect, c);
	free(copy);
}

static inline void scan_text(struct value_scan *s, const char *p, size_t len, size_t cut,
			     struct collector *c)
{
	c->n = 0;
	value_scan_reset(s, 0);
	feed(s, p, cut < len ? cut : len, c);
	if (cut < len)
		feed(s, p + cut, len - cut, c);
	value_scan_flush(s, collect, c);
}

#endif /* BT_TEST_VALUES_LIB_H */
