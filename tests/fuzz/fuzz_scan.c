// SPDX-License-Identifier: BSD-2-Clause
/*
 * The scan with the built-in rules: any bytes, in any cut. The first bytes of the input choose how the rest is cut and whether
 * it stands under a key. The same text must give the same hits whole and cut, each within the text.
 * Covers: detect/scan.c detect/scanner.c detect/cand.c detect/keyctx.c detect/nested.c detect/unescape.c detect/match.c detect/prefilter.c detect/scan_report.c
 */
#include <stdlib.h>
#include "detect/scan.h"

#define LOG_MAX 4096

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct place {
	uint64_t from, to;
	const char *rule;
};

struct places {
	struct place *v;
	size_t n;
	uint64_t end;
};

static void require(bool ok)
{
	if (!ok)
		abort();
}

static void on_hit(void *arg, const struct hit *h)
{
	struct places *l = arg;
	volatile uint8_t sum = 0;

	require(h->offset < h->end && h->end <= l->end);
	require(h->value.len > 0 && h->kind < SECRET_KIND_MAX && h->confidence < CONF_MAX);
	require(h->rule_id && h->provider && h->prefix && h->line > 0);
	for (size_t i = 0; i < h->value.len; i++)
		sum = (uint8_t)(sum + (uint8_t)h->value.p[i]);
	for (size_t i = 0; i < h->key.len; i++)
		sum = (uint8_t)(sum + (uint8_t)h->key.p[i]);
	if (l->n < LOG_MAX)
		l->v[l->n++] = (struct place){ h->offset, h->end, h->rule_id };
}

static int order(const void *a, const void *b)
{
	const struct place *x = a, *y = b;

	if (x->from != y->from)
		return x->from < y->from ? -1 : 1;
	if (x->to != y->to)
		return x->to < y->to ? -1 : 1;
	return strcmp(x->rule, y->rule);
}

static void feed(struct scan *s, const uint8_t *p, size_t n, struct places *l)
{
	uint8_t *copy = malloc(n ? n : 1);

	require(copy != NULL);
	memcpy(copy, p, n);
	scan_feed(s, span_of(copy, n), on_hit, l);
	free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct ruleset *rs; /* built once for all inputs */
	static struct scanner *sc;
	struct places whole = { malloc(LOG_MAX * sizeof(struct place)), 0, 0 };
	struct places cut = { malloc(LOG_MAX * sizeof(struct place)), 0, 0 };
	struct span key = SPAN_NONE;
	struct error err = { 0, "" };
	struct scan *s;
	size_t step, at = 0;

	if (!sc) {
		rs = ruleset_new();
		require(rs && !ruleset_add_builtin(rs, &err) && !scanner_new(rs, &sc, &err));
	}
	require(whole.v && cut.v);
	if (size < 2)
		goto out;
	step = data[0] % 64 + 1u;
	if (data[1] & 1)
		key = SPAN_LIT("access_token");
	data += 2;
	size -= 2;
	whole.end = cut.end = size;
	s = scan_new(sc, NULL);
	require(s != NULL);
	scan_reset(s, 0, key);
	feed(s, data, size, &whole);
	scan_flush(s, on_hit, &whole);
	scan_reset(s, 0, key);
	while (at < size) {
		size_t n = size - at < step ? size - at : step;

		feed(s, data + at, n, &cut);
		require(scan_memory(s) < 4u << 20);
		at += n;
		step = step % 61 + 1 + data[at - 1] % 3;
	}
	scan_flush(s, on_hit, &cut);
	scan_free(s);
	/* A full list of open candidates or of places may drop others in another order. */
	if (whole.n < 40 && cut.n < 40 && size < 2000) {
		qsort(whole.v, whole.n, sizeof(*whole.v), order);
		qsort(cut.v, cut.n, sizeof(*cut.v), order);
		require(whole.n == cut.n);
		for (size_t i = 0; i < whole.n; i++)
			require(!order(&whole.v[i], &cut.v[i]));
	}
out:
	free(whole.v);
	free(cut.v);
	return 0;
}
