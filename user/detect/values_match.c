// SPDX-License-Identifier: BSD-2-Clause
#include "detect/values_match.h"

#include <stdlib.h>

/* --- places -------------------------------------------------------------------------------- */

static void seek(struct window *w, size_t p)
{
	for (; w->at < p; w->at++) {
		w->raw += norm_lead(w->meta[w->at]) + norm_own(w->meta[w->at]);
		w->line += norm_lf(w->meta[w->at]);
	}
	while (w->at > p) {
		w->at--;
		w->raw -= norm_lead(w->meta[w->at]) + norm_own(w->meta[w->at]);
		w->line -= norm_lf(w->meta[w->at]);
	}
}

static uint64_t raw_start(struct window *w, size_t p)
{
	seek(w, p);
	return w->raw + norm_lead(w->meta[p]);
}

static uint64_t raw_after(struct window *w, size_t p)
{
	return raw_start(w, p) + norm_own(w->meta[p]);
}

static uint32_t line_at(struct window *w, size_t p)
{
	seek(w, p);
	return w->line + norm_lf(w->meta[p]);
}

/* --- matches ------------------------------------------------------------------------------- */

static size_t match_len(const struct match *m)
{
	return m->i1 - m->i0;
}

void match_remove(struct value_scan *s, size_t i)
{
	s->n_match--;
	memmove(&s->matches[i], &s->matches[i + 1], (s->n_match - i) * sizeof(*s->matches));
}

/* Room for one more: when there is none the shortest closed one goes, if it is shorter than `len`. */
static struct match *new_match(struct value_scan *s, size_t len)
{
	size_t shortest = MATCHES;

	if (!s->matches)
		s->matches = calloc(MATCHES, sizeof(*s->matches));
	if (!s->matches)
		return NULL;
	if (s->n_match == MATCHES) {
		for (size_t i = 0; i < MATCHES; i++)
			if (!s->matches[i].open && match_len(&s->matches[i]) < len) {
				shortest = i;
				len = match_len(&s->matches[i]);
			}
		if (shortest == MATCHES)
			return NULL;
		match_remove(s, shortest);
	}
	return &s->matches[s->n_match++];
}

bool match_join(struct value_scan *s, const struct match *m)
{
	struct match *last = NULL;

	for (uint8_t i = 0; i < s->n_match; i++) {
		struct match *p = &s->matches[i];

		if (p->open || p->id != m->id || p->form != m->form || p->n1 > m->n1 ||
		    p->i0 >= m->i0 || p->i1 < m->i0 || p->i1 > m->i0 + JOIN_OVERLAP ||
		    p->i1 >= m->i1 || m->raw0 < p->raw0 || m->raw0 > p->raw1 + JOIN_GAP)
			continue;
		if (!last || p->n1 > last->n1)
			last = p;
	}
	if (!last)
		return false;
	last->i1 = m->i1;
	last->n1 = m->n1;
	last->raw1 = m->raw1;
	last->flags |= m->flags;
	last->joined = true;
	return true;
}

static bool unit_is(struct value_scan *s, const struct value *val, enum form f, size_t i,
		    unsigned char c)
{
	s->steps++;
	return form_unit(val, f, i) == form_fold(f, c);
}

void match_go_on(struct value_scan *s, struct window *w, struct match *m, size_t p)
{
	const struct value *val = match_value(s, m);
	size_t end = form_len(val, (enum form)m->form);

	while (p < w->len && m->i1 < end && unit_is(s, val, (enum form)m->form, m->i1, w->b[p])) {
		m->flags |= norm_flags(w->meta[p]);
		m->i1++;
		m->n1++;
		p++;
	}
	m->open = p == w->len && m->i1 < end;
	if (p)
		m->raw1 = raw_after(w, p - 1);
}

/*
 * The bytes before the window are gone, but where an earlier match covers them they are those of its value: follow `m` back
 * through that. So a token that shares a long start with more values than one gram remembers is still found whole.
 */
static void go_back(struct value_scan *s, struct match *m)
{
	const struct value *val = match_value(s, m);

	for (uint8_t i = 0; i < s->n_match && m->i0; i++) {
		const struct match *d = &s->matches[i];
		const struct value *other = match_value(s, d);
		uint64_t n = m->n0;

		if (d->joined || d->n0 >= n || d->n1 < n)
			continue;
		while (n > d->n0 && m->i0 &&
		       unit_is(s, val, (enum form)m->form, m->i0 - 1,
			       form_unit(other, (enum form)d->form,
					 d->i0 + (size_t)(n - 1 - d->n0)))) {
			m->i0--;
			n--;
		}
		if (n == m->n0)
			continue;
		m->n0 = n;
		/* Exact at the other's start or when nothing was escaped in between; else never late. */
		m->raw0 = d->raw0 + (n - d->n0);
		m->line = d->line;
		m->flags |= d->flags;
		return;
	}
}

void match_try(struct value_scan *s, struct window *w, size_t p, uint32_t ref)
{
	struct match m = { .slot = (uint16_t)ref_slot(ref), .form = (uint8_t)ref_form(ref) };
	const struct value *val = &s->v->val[m.slot];
	enum form f = ref_form(ref);
	size_t i = ref_unit(ref), q = p;
	struct match *out;

	m.id = val->id;
	m.born = w->n_base + p;
	s->steps++;
	if (s->n_match == MATCHES && m.born < s->crowded)
		return;
	for (uint8_t k = 0; k < s->n_match; k++) {
		const struct match *o = &s->matches[k];

		/* In a match of this value already: the same one, or a repetition inside the value. */
		if (o->id == m.id && o->n0 <= m.born && o->n1 >= m.born + GRAM_LEN &&
		    (o->born != m.born || (o->form == f && o->n0 + i == m.born + o->i0)))
			return;
	}
	for (size_t k = 0; k < GRAM_LEN; k++)
		if (!unit_is(s, val, f, i + k, w->b[p + k]))
			return;
	while (i && q && unit_is(s, val, f, i - 1, w->b[q - 1])) {
		i--;
		q--;
	}
	m.i0 = (uint32_t)i;
	m.i1 = (uint32_t)ref_unit(ref) + GRAM_LEN;
	m.n0 = w->n_base + q;
	m.n1 = w->n_base + p + GRAM_LEN;
	m.raw0 = raw_start(w, q);
	m.line = line_at(w, q);
	/* A NUL before the first byte ends what stood there (argv, environment). */
	m.flags = norm_flags(w->meta[q]) & (uint8_t)~NORM_UTF16;
	for (size_t k = q + 1; k < p + GRAM_LEN; k++)
		m.flags |= norm_flags(w->meta[k]);
	match_go_on(s, w, &m, p + GRAM_LEN);
	if (!q && m.i0)
		go_back(s, &m);
	if (!m.open && match_join(s, &m))
		return;
	out = new_match(s, match_len(&m));
	if (out)
		*out = m;
	else
		s->crowded = m.n1;
}

/* --- worth -------------------------------------------------------------------------------- */

/*
 * True when units i0 .. i1 are worth telling: enough that are not public (those of a JWT that are its signature), and not a run of a few bytes that stands in
 * everything ("AAAA" in base64 of zeros).
 */
static bool is_evidence(const struct value *val, enum form f, size_t i0, size_t i1)
{
	size_t need = form_need(val, f), changes = 1;

	if (i0 < form_secret(val, f))
		i0 = form_secret(val, f);
	if (i0 + need > i1)
		return false;
	for (size_t i = i0 + 1; i < i1 && changes < need; i++)
		changes += form_unit(val, f, i) != form_unit(val, f, i - 1);
	return changes * 3 >= need * 2;
}

bool match_is_enough(const struct value_scan *s, const struct match *m)
{
	const struct value *val = match_value(s, m);
	enum form f = (enum form)m->form;
	size_t before, after;

	if (m->joined || m->n0 >= s->told1 || m->n1 <= s->told0)
		return match_is_whole(s, m) || is_evidence(val, f, m->i0, m->i1);
	before = m->n0 < s->told0 ? (size_t)(s->told0 - m->n0) : 0;
	after = m->n1 > s->told1 ? (size_t)(m->n1 - s->told1) : 0;
	return is_evidence(val, f, m->i0, m->i0 + before) ||
	       is_evidence(val, f, m->i1 - after, m->i1);
}

static bool overlap(const struct match *a, const struct match *b)
{
	return a->n0 < b->n1 && b->n0 < a->n1;
}

/* The longer one; of equally long ones the whole value, then the one known for longer. */
static bool is_better(const struct value_scan *s, const struct match *a, const struct match *b)
{
	if (match_len(a) != match_len(b))
		return match_len(a) > match_len(b);
	if (match_is_whole(s, a) != match_is_whole(s, b))
		return match_is_whole(s, a);
	if (a->id != b->id)
		return a->id < b->id;
	return a->form != b->form ? a->form < b->form : a->i0 < b->i0;
}

/* True when `a`, closed, is worth nothing beside `b`: it lies in b's bytes but for less than a fragment. */
static bool is_covered(const struct value_scan *s, const struct match *a, const struct match *b)
{
	uint64_t before = a->n0 < b->n0 ? b->n0 - a->n0 : 0;
	uint64_t after = a->n1 > b->n1 ? a->n1 - b->n1 : 0;
	size_t need = form_need(match_value(s, a), (enum form)a->form);

	if (!overlap(a, b) || !is_better(s, b, a))
		return false;
	return b->open ? !before && !after : before < need && after < need;
}

bool match_is_beaten(const struct value_scan *s, size_t i)
{
	for (uint8_t k = 0; k < s->n_match; k++)
		if (k != i && is_covered(s, &s->matches[i], &s->matches[k]))
			return true;
	return false;
}

void match_take(struct value_scan *s, size_t i)
{
	struct match taken = s->matches[i];
	uint8_t n = 0;

	for (uint8_t k = 0; k < s->n_match; k++)
		if (k != i && (s->matches[k].open || !is_covered(s, &s->matches[k], &taken)))
			s->matches[n++] = s->matches[k];
	s->n_match = n;
}
