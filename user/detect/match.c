// SPDX-License-Identifier: BSD-2-Clause
#include "detect/match.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>

struct match *match_new(void)
{
	struct match *m = calloc(1, sizeof(*m));

	if (m)
		memset(m->head, 0xff, sizeof(m->head));
	return m;
}

struct match *match_free(struct match *m)
{
	if (m)
		free(m->anchors);
	free(m);
	return NULL;
}

static uint32_t gram_of(const char *p)
{
	uint32_t g = 0;

	for (unsigned int i = 0; i < 4; i++)
		g = match_roll(g, (uint8_t)p[i]);
	return g;
}

static int add_gram(struct match *m, const struct anchor *a, uint32_t gram)
{
	uint32_t h = match_hash(gram);
	int32_t *head = &m->head[h & 4095];

	m->bits[h >> 6] |= 1ULL << (h & 63);
	for (int32_t i = *head; i >= 0; i = m->anchors[i].next) {
		const struct anchor *b = &m->anchors[i];

		if (b->gram == gram && b->len == a->len && b->what == a->what && b->id == a->id &&
		    b->sub == a->sub && b->fold == a->fold && !memcmp(a->text, b->text, a->len))
			return 0;
	}
	if (m->n == m->cap) {
		size_t cap = m->cap ? m->cap * 2 : 256;
		struct anchor *v = realloc(m->anchors, cap * sizeof(*v));

		if (!v)
			return -ENOMEM;
		m->anchors = v;
		m->cap = cap;
	}
	m->anchors[m->n] = *a;
	m->anchors[m->n].gram = gram;
	m->anchors[m->n].next = *head;
	*head = (int32_t)m->n++;
	return 0;
}

int match_add(struct match *m, const struct anchor *a)
{
	int r = 0;

	if (a->len > 3)
		return add_gram(m, a, gram_of(a->text + a->len - 4));
	/* Three bytes: after any fourth. */
	for (unsigned int c = 0; !r && c < 256; c++) {
		char four[4] = { (char)c, a->text[0], a->text[1], a->text[2] };

		if (c & 0x20)
			r = add_gram(m, a, gram_of(four));
	}
	return r;
}

/* Eight bytes from p, each | 0x20; four grams end in them at p+3..p+6. */
static inline uint64_t load_folded(const char *p)
{
	uint64_t x;

	memcpy(&x, p, sizeof(x));
	return le64toh(x) | 0x2020202020202020ULL;
}

size_t match_skip(const struct match *m, struct span text, size_t from, uint32_t *state)
{
	uint32_t s = *state;
	size_t i = from;

	/* The first three after `from` may need bytes that are only in the state. */
	for (; i < text.len && i < from + 3; i++) {
		s = match_roll(s, (uint8_t)text.p[i]);
		if (match_maybe(m, s))
			goto out;
	}
	while (i + 5 <= text.len) {
		uint64_t x = load_folded(text.p + i - 3);
		/* All four, with no branch between. */
		unsigned int hits = match_maybe(m, (uint32_t)x);

		hits |= match_maybe(m, (uint32_t)(x >> 8));
		hits |= match_maybe(m, (uint32_t)(x >> 16));
		hits |= match_maybe(m, (uint32_t)(x >> 24));
		if (__builtin_expect(hits, 0))
			break;
		i += 4;
		s = (uint32_t)(x >> 24);
	}
	for (; i < text.len; i++) {
		s = match_roll(s, (uint8_t)text.p[i]);
		if (match_maybe(m, s))
			break;
	}
out:
	*state = s;
	return i;
}

static bool equal(const char *a, const char *b, size_t n, bool fold)
{
	if (!fold)
		return !memcmp(a, b, n);
	return span_eq_nocase(span_of(a, n), span_of(b, n));
}

const struct anchor *match_next(const struct match *m, struct span text, size_t end, uint32_t state,
				const struct anchor *prev)
{
	int32_t i = prev ? prev->next : m->head[match_hash(state) & 4095];

	for (; i >= 0; i = m->anchors[i].next) {
		const struct anchor *a = &m->anchors[i];

		if (a->gram == state && a->len <= end + 1 &&
		    equal(text.p + end + 1 - a->len, a->text, a->len, a->fold))
			return a;
	}
	return NULL;
}
