/* SPDX-License-Identifier: BSD-2-Clause */
/* Collects the hits of a scan, in an order that does not depend on how the text was cut. */
#ifndef BT_TESTS_SCAN_HITS_H
#define BT_TESTS_SCAN_HITS_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "detect/scan.h"

#define HITS_MAX 512

struct got_hit {
	struct hit h;
	char *value;
	char key[72];
};

struct hits {
	size_t n;
	struct got_hit v[HITS_MAX];
};

static inline void hits_add(void *arg, const struct hit *h)
{
	struct hits *l = arg;
	struct got_hit *g = &l->v[l->n];

	if (l->n == HITS_MAX)
		abort();
	l->n++;
	g->h = *h;
	g->value = malloc(h->value.len + 1);
	memcpy(g->value, h->value.p, h->value.len);
	g->value[h->value.len] = '\0';
	snprintf(g->key, sizeof(g->key), "%.*s", (int)h->key.len, h->key.p ? h->key.p : "");
	g->h.value = span_of(g->value, h->value.len);
	g->h.key = SPAN_NONE;
}

static inline int hits_order(const void *a, const void *b)
{
	const struct got_hit *x = a, *y = b;

	if (x->h.offset != y->h.offset)
		return x->h.offset < y->h.offset ? -1 : 1;
	return strcmp(x->h.rule_id, y->h.rule_id);
}

static inline void hits_sort(struct hits *l)
{
	qsort(l->v, l->n, sizeof(l->v[0]), hits_order);
}

static inline void hits_clear(struct hits *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->v[i].value);
	l->n = 0;
}

/* Feeds a piece from memory of exactly its size, so that a sanitizer sees every step outside it. */
static inline void feed_copy(struct scan *s, struct span piece, struct hits *l)
{
	char *copy = malloc(piece.len ? piece.len : 1);

	if (piece.len)
		memcpy(copy, piece.p, piece.len);
	scan_feed(s, span_of(copy, piece.len), hits_add, l);
	free(copy);
}

/* Scans `text` from offset `off` in pieces of `step` bytes, the first of `first`. */
static inline void scan_pieces(struct scan *s, struct span text, struct span key, size_t first,
			       size_t step, struct hits *l)
{
	size_t i = first < text.len ? first : text.len;

	hits_clear(l);
	scan_reset(s, 0, key);
	feed_copy(s, span_sub(text, 0, i), l);
	while (i < text.len) {
		size_t n = text.len - i < step ? text.len - i : step;

		feed_copy(s, span_sub(text, i, n), l);
		i += n;
	}
	scan_flush(s, hits_add, l);
	hits_sort(l);
}

static inline bool hits_equal(const struct hits *a, const struct hits *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++) {
		const struct hit *x = &a->v[i].h, *y = &b->v[i].h;

		if (strcmp(x->rule_id, y->rule_id) != 0 || x->offset != y->offset ||
		    x->end != y->end || x->kind != y->kind || x->confidence != y->confidence ||
		    x->encoding != y->encoding || x->line != y->line ||
		    !span_eq(x->value, y->value) || strcmp(a->v[i].key, b->v[i].key) != 0)
			return false;
	}
	return true;
}

/* For a failing test: never the values. */
static inline void hits_print(const char *title, const struct hits *l)
{
	fprintf(stderr, "%s: %zu hits\n", title, l->n);
	for (size_t i = 0; i < l->n; i++)
		fprintf(stderr, "  %s %s %s %llu-%llu line %u key '%s' len %zu\n",
			l->v[i].h.rule_id, secret_kind_name(l->v[i].h.kind),
			encoding_name(l->v[i].h.encoding), (unsigned long long)l->v[i].h.offset,
			(unsigned long long)l->v[i].h.end, l->v[i].h.line, l->v[i].key,
			l->v[i].h.value.len);
}

#endif /* BT_TESTS_SCAN_HITS_H */
