// SPDX-License-Identifier: BSD-2-Clause
/* One lane: looks for anchors, keeps the bytes that open candidates need, moves candidates on. */
#include <stdlib.h>
#include "base/secmem.h"
#include "detect/scan_int.h"

void lane_init(struct lane *l, struct scan *s, bool unescaped)
{
	memset(l, 0, sizeof(*l));
	l->s = s;
	l->unescaped = unescaped;
	l->state = MATCH_START;
	l->win = (struct buf)BUF_INIT_WIPE(SCAN_MAX_TOKEN + 4 * SCAN_BLOCK);
}

void lane_release(struct lane *l)
{
	for (size_t i = 0; l->cands && i < l->n_cands; i++)
		cand_close(&l->cands[i]);
	free(l->cands);
	l->cands = NULL;
	l->n_cands = 0;
	buf_release(&l->win);
	free(l->win_origin);
	l->win_origin = NULL;
	l->win_origin_cap = 0;
	wipe(l->carry, sizeof(l->carry));
	l->back = 0;
}

size_t lane_memory(const struct lane *l)
{
	size_t n = l->win.cap + l->win_origin_cap * sizeof(*l->win_origin);

	if (!l->cands)
		return n;
	n += LANE_MAX_CANDS * sizeof(*l->cands);
	for (size_t i = 0; i < l->n_cands; i++) {
		if (l->cands[i].type == CAND_NESTED && l->cands[i].nested.child)
			n += scan_memory(l->cands[i].nested.child);
	}
	return n;
}

struct cand *lane_open(struct lane *l, enum cand_type type, const struct rule *rule, uint64_t start)
{
	struct cand *c;

	if (!l->cands)
		l->cands = calloc(LANE_MAX_CANDS, sizeof(*l->cands));
	if (!l->cands || l->n_cands == LANE_MAX_CANDS)
		return NULL;
	c = &l->cands[l->n_cands++];
	memset(c, 0, sizeof(*c));
	c->type = type;
	c->rule = rule;
	c->start = c->cur = start;
	return c;
}

/* Tokens before keys: a key's value that is a known token is reported as that token. */
static void advance(struct lane *l, const struct view *v, uint64_t limit, bool final)
{
	size_t kept = 0;

	for (unsigned int pass = 0; pass < 2; pass++) {
		for (size_t i = 0; i < l->n_cands; i++) {
			struct cand *c = &l->cands[i];
			bool cut = final || limit - c->start >= SCAN_MAX_TOKEN;

			if (c->dead || (c->type == CAND_KEY) != (pass == 1))
				continue;
			cand_advance(l, v, c, limit, cut);
			c->dead |= cut;
		}
	}
	for (size_t i = 0; i < l->n_cands; i++) {
		if (l->cands[i].dead)
			cand_close(&l->cands[i]);
		else
			l->cands[kept++] = l->cands[i];
	}
	l->n_cands = kept;
}

static void note_sight(const struct lane *l, const struct view *v, size_t at)
{
	struct scan_sights *to = l->s->sights;

	if (!to)
		return;
	if (to->n == SCAN_MAX_SIGHTS)
		to->all = true;
	else
		to->at[to->n++] = v->origin ? ORIGIN_OFF(v->origin[at]) : v->raw + v->base + at;
}

static void look(struct lane *l, const struct view *v, size_t from)
{
	const struct match *m = l->s->sc->match;
	const struct anchor *a;
	size_t i = from;

	while ((i = match_skip(m, v->b, i, &l->state)) < v->b.len) {
		a = match_next(m, v->b, i, l->state, NULL);
		if (a)
			note_sight(l, v, i);
		for (; a; a = match_next(m, v->b, i, l->state, a)) {
			if (l->n_cands == LANE_MAX_CANDS)
				advance(l, v, v->base + i, false);
			cand_open(l, v, i, a);
		}
		i++;
	}
	if (l->n_cands)
		advance(l, v, view_end(v), false);
}

static uint32_t count_lines(const struct view *v, size_t from)
{
	const char *p = v->b.p + from, *end = v->b.p + v->b.len;
	uint32_t n = 0;

	while (p < end && (p = memchr(p, '\n', (size_t)(end - p)))) {
		n += !v->origin || ORIGIN_ENC(v->origin[p - v->b.p]) != ENC_JSON;
		p++;
	}
	return n;
}

/* Keeps the last bytes of the view for the next call: in `carry`, or, while candidates need them, in the window. */
static void keep(struct lane *l, const struct view *v, bool in_window)
{
	uint64_t from = view_end(v), end = view_end(v);
	size_t n;

	for (size_t i = 0; i < l->n_cands; i++) {
		if (l->cands[i].start < from)
			from = l->cands[i].start;
	}
	from = from > v->base + LANE_BACK ? from - LANE_BACK : v->base;
	n = (size_t)(end - from);
	if (l->n_cands) {
		if (in_window) {
			size_t drop = view_at(v, from);

			/* Moving is not worth while for a few bytes. */
			if (drop < SCAN_BLOCK)
				return;
			if (l->win_origin)
				memmove(l->win_origin, l->win_origin + drop,
					n * sizeof(*l->win_origin));
			buf_drop(&l->win, drop);
			return;
		}
		buf_clear(&l->win);
		buf_add_span(&l->win, view_span(v, from, end));
		if (v->origin) {
			if (l->win_origin_cap < n) {
				uint64_t *p = realloc(l->win_origin, n * sizeof(*p));

				if (!p)
					l->win.err = -1;
				else
					l->win_origin = p;
				l->win_origin_cap = p ? n : l->win_origin_cap;
			}
			if (!l->win.err)
				memcpy(l->win_origin, v->origin + view_at(v, from),
				       n * sizeof(*l->win_origin));
		}
		if (!l->win.err)
			return;
		/* Out of memory: the candidates are lost, the scan goes on. */
		for (size_t i = 0; i < l->n_cands; i++)
			cand_close(&l->cands[i]);
		l->n_cands = 0;
		n = n < LANE_BACK ? n : LANE_BACK;
		from = end - n;
	}
	memmove(l->carry, v->b.p + view_at(v, from), n);
	l->back = (uint16_t)n;
	if (v->origin)
		memmove(l->carry_origin, v->origin + view_at(v, from), n * sizeof(*v->origin));
	buf_release(&l->win);
	free(l->win_origin);
	l->win_origin = NULL;
	l->win_origin_cap = 0;
}

/* Appends to the window. False when out of memory. */
static bool window_add(struct lane *l, struct span b, const uint64_t *origin)
{
	size_t was = l->win.len;

	if (buf_add_span(&l->win, b))
		return false;
	if (!origin)
		return true;
	if (l->win_origin_cap < l->win.len) {
		uint64_t *p = realloc(l->win_origin, l->win.cap * sizeof(*p));

		if (!p)
			return false;
		l->win_origin = p;
		l->win_origin_cap = l->win.cap;
	}
	memcpy(l->win_origin + was, origin, b.len * sizeof(*origin));
	return true;
}

static void run(struct lane *l, struct view *v, size_t from, bool in_window)
{
	v->blind = v->base || l->blind;
	l->pos += v->b.len - from;
	l->lines += count_lines(v, from);
	look(l, v, from);
	keep(l, v, in_window);
}

void lane_feed(struct lane *l, struct span b, size_t before, const uint64_t *origin, uint64_t raw)
{
	char scratch[LANE_BACK + SCAN_BLOCK];
	struct view v = { .raw = raw };
	size_t back = l->back;

	if (!b.len)
		return;
	if (l->n_cands) {
		size_t was = l->win.len;

		if (!window_add(l, b, origin)) {
			lane_release(l);
			l->blind = true;
			l->pos = 0;
			return;
		}
		v.b = buf_span(&l->win);
		v.origin = l->win_origin;
		v.base = l->pos - was;
		run(l, &v, was, true);
		return;
	}
	v.base = l->pos - back;
	if (before >= back) {
		v.b = span_of(b.p - back, b.len + back);
		v.origin = origin ? origin - back : NULL;
		run(l, &v, back, false);
		return;
	}
	memcpy(scratch, l->carry, back);
	memcpy(scratch + back, b.p, b.len);
	v.b = span_of(scratch, back + b.len);
	run(l, &v, back, false);
	wipe(scratch, back + b.len);
}

void lane_end(struct lane *l, uint64_t raw)
{
	struct view v = { .raw = raw };

	if (!l->n_cands)
		return;
	/* A scan that is one value may end before its first byte. */
	v.b = l->win.p ? buf_span(&l->win) : SPAN_LIT("");
	v.origin = l->win_origin;
	v.base = l->pos - l->win.len;
	v.blind = v.base || l->blind;
	advance(l, &v, l->pos, true);
	keep(l, &v, true);
}

void lane_peek(struct lane *l, uint64_t raw)
{
	struct view v = { .raw = raw, .b = buf_span(&l->win), .origin = l->win_origin };

	v.base = l->pos - l->win.len;
	v.blind = v.base || l->blind;
	for (unsigned int pass = 0; pass < 2; pass++) {
		for (size_t i = 0; i < l->n_cands; i++) {
			struct cand c = l->cands[i];

			/* A nested scan is not worth a copy: its end will come. */
			if (c.dead || c.type == CAND_NESTED || (c.type == CAND_KEY) != (pass == 1))
				continue;
			cand_advance(l, &v, &c, l->pos, true);
		}
	}
}
