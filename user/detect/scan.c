// SPDX-License-Identifier: BSD-2-Clause
#include "detect/scan.h"

#include <stdlib.h>
#include "base/secmem.h"
#include "detect/scan_int.h"
#include "detect/values.h"

/* --- the second lane --- */

static void second_free(struct scan *s)
{
	if (!s->second)
		return;
	lane_release(&s->second->lane);
	secmem_free(s->second);
	s->second = NULL;
}

/* Unescapes raw bytes (at most SCAN_BLOCK; `end`: no more come) and gives the lane what they stand for. */
static void second_feed(struct scan *s, struct span b, uint64_t off, bool end)
{
	uint8_t buf[LANE_BACK + SCAN_BLOCK + UNESCAPE_SLACK], *out = buf + LANE_BACK;
	uint64_t buf_origin[LANE_BACK + SCAN_BLOCK + UNESCAPE_SLACK],
		*origin = buf_origin + LANE_BACK;
	struct second *d = s->second;
	size_t back = d->lane.back, n;

	if (end)
		n = unescape_flush(&d->u, out, origin, UNESCAPE_SLACK);
	else
		n = unescape_feed(&d->u, b, off, out, origin, SCAN_BLOCK + UNESCAPE_SLACK);
	memcpy(out - back, d->lane.carry, back);
	memcpy(origin - back, d->carry_origin, back * sizeof(*origin));
	lane_feed(&d->lane, span_of(out, n), back, origin, 0);
	wipe(out - back, back + n);
}

/* Begins where the first lane's candidates began, or LANE_BACK bytes ago: `before` bytes before `b` are at hand. */
static void second_begin(struct scan *s, struct span b, size_t before)
{
	struct lane *l = &s->lane;
	struct span past;
	struct second *d = secmem_calloc(1, sizeof(*d));

	if (!d)
		return;
	s->second = d;
	unescape_init(&d->u);
	lane_init(&d->lane, s, true);
	d->lane.carry_origin = d->carry_origin;
	if (l->n_cands)
		past = buf_span(&l->win);
	else if (before >= l->back)
		past = span_of(b.p - l->back, l->back);
	else
		past = span_of(l->carry, l->back);
	d->lane.blind = l->blind || past.len < l->pos;
	d->lane.lines = l->lines;
	for (size_t i = 0; i < past.len; i++)
		d->lane.lines -= past.p[i] == '\n';
	for (size_t i = 0; i < past.len; i += SCAN_BLOCK)
		second_feed(s, span_sub(past, i, SCAN_BLOCK), s->off0 + l->pos - past.len + i,
			    false);
}

/* The last escape in `b`, or SIZE_MAX. */
static size_t last_escape(struct span b)
{
	static const char wants[] = { '\\', '%', '&', 0x1b, 0 };
	const char *last = b.p, *p;

	if (!b.len || unescape_plain(b) == b.len)
		return SIZE_MAX;
	for (size_t i = 0; i < sizeof(wants); i++) {
		p = memrchr(b.p, wants[i], b.len);
		if (p && p > last)
			last = p;
	}
	return (size_t)(last - b.p);
}

/* --- feeding --- */

static void feed_block(struct scan *s, struct span b, size_t before)
{
	uint64_t off = s->off0 + s->lane.pos;
	size_t escape = last_escape(b);

	if (escape != SIZE_MAX && !s->second)
		second_begin(s, b, before);
	if (s->vs)
		value_scan_feed(s->vs, b, scan_value_hit, s);
	lane_feed(&s->lane, b, before, NULL, s->off0);
	if (!s->second)
		return;
	second_feed(s, b, off, false);
	if (escape != SIZE_MAX)
		s->second->last_escape = off + escape;
	else if (off + b.len - s->second->last_escape > LANE_QUIET && !s->second->lane.n_cands &&
		 unescape_idle(&s->second->u))
		second_free(s);
}

void scan_feed(struct scan *s, struct span bytes, hit_fn fn, void *arg)
{
	size_t i = 0;

	s->fn = fn;
	s->arg = arg;
	while (i < bytes.len) {
		size_t n = bytes.len - i < SCAN_BLOCK ? bytes.len - i : SCAN_BLOCK;

		feed_block(s, span_sub(bytes, i, n), i);
		if (s->n_parts)
			scan_settle_parts(s, false);
		i += n;
	}
}

void scan_feed_noting(struct scan *s, struct span bytes, hit_fn fn, void *arg,
		      struct scan_sights *ret)
{
	uint64_t steps = s->vs ? value_scan_steps(s->vs) : 0;

	ret->n = 0;
	ret->all = false;
	s->sights = ret;
	scan_feed(s, bytes, fn, arg);
	s->sights = NULL;
	/* The search for values does not say where it looked. */
	if (s->vs && value_scan_steps(s->vs) != steps)
		ret->all = true;
}

bool scan_sighted(const struct scan_sights *s, uint64_t from, uint64_t to)
{
	bool found = s->all;

	for (size_t i = 0; i < s->n; i++)
		found |= s->at[i] >= from && s->at[i] < to;
	return found;
}

uint32_t scan_line(const struct scan *s)
{
	return s->lane.lines + 1;
}

bool scan_undecided(const struct scan *s)
{
	return s->lane.n_cands || (s->second && s->second->lane.n_cands);
}

void scan_peek(struct scan *s, hit_fn fn, void *arg)
{
	struct recent told[SCAN_RECENT];
	uint32_t n = s->recent_n;

	if (s->recent)
		memcpy(told, s->recent, sizeof(told));
	s->fn = fn;
	s->arg = arg;
	lane_peek(&s->lane, s->off0);
	if (s->second)
		lane_peek(&s->second->lane, 0);
	/* When the text goes on, the decision is made anew and may be another. */
	s->recent_n = n;
	if (s->recent && n)
		memcpy(s->recent, told, sizeof(told));
}

void scan_flush(struct scan *s, hit_fn fn, void *arg)
{
	s->fn = fn;
	s->arg = arg;
	if (s->vs)
		value_scan_flush(s->vs, scan_value_hit, s);
	lane_end(&s->lane, s->off0);
	if (s->second) {
		second_feed(s, SPAN_NONE, 0, true);
		lane_end(&s->second->lane, 0);
		second_free(s);
	}
	scan_settle_parts(s, true);
}

void scan_reset(struct scan *s, uint64_t off, struct span key)
{
	second_free(s);
	lane_release(&s->lane);
	lane_init(&s->lane, s, false);
	if (s->vs)
		value_scan_reset(s->vs, off);
	s->off0 = off;
	s->recent_n = 0;
	scan_drop_parts(s);
	secmem_free(s->key);
	s->key = NULL;
	s->key_len = 0;
	if (key.len && key.len <= KEY_MAX) {
		s->key = secmem_calloc(1, key.len);
		if (s->key) {
			memcpy(s->key, key.p, key.len);
			s->key_len = key.len;
		}
	}
	if (s->key_len)
		lane_open_whole(&s->lane);
}

static void link_to(struct scan *s, const struct scanner *sc)
{
	s->sc = sc;
	s->prev_of_sc = NULL;
	s->next_of_sc = sc->scans->first;
	if (s->next_of_sc)
		s->next_of_sc->prev_of_sc = s;
	sc->scans->first = s;
}

static void unlink_from(struct scan *s)
{
	if (s->next_of_sc)
		s->next_of_sc->prev_of_sc = s->prev_of_sc;
	if (s->prev_of_sc)
		s->prev_of_sc->next_of_sc = s->next_of_sc;
	else
		s->sc->scans->first = s->next_of_sc;
}

size_t scanner_replace(const struct scanner *sc, const struct scanner *next)
{
	struct scan *s, *after;
	size_t stay = 0;

	for (s = sc->scans->first; s; s = after) {
		after = s->next_of_sc;
		/* Nested ones end with the candidate that they are of. */
		if (s->parent || scan_undecided(s)) {
			stay++;
			continue;
		}
		unlink_from(s);
		link_to(s, next);
	}
	return stay;
}

struct scan *scan_new(const struct scanner *sc, struct values *values)
{
	struct scan *s = secmem_calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->values = values;
	if (values) {
		s->vs = value_scan_new(values);
		if (!s->vs) {
			secmem_free(s);
			return NULL;
		}
	}
	link_to(s, sc);
	lane_init(&s->lane, s, false);
	return s;
}

struct scan *scan_free(struct scan *s)
{
	if (!s)
		return NULL;
	unlink_from(s);
	second_free(s);
	lane_release(&s->lane);
	value_scan_free(s->vs);
	secmem_free(s->key);
	free(s->recent);
	scan_drop_parts(s);
	free(s->parts);
	secmem_free(s);
	return NULL;
}

size_t scan_memory(const struct scan *s)
{
	size_t n = sizeof(*s) + lane_memory(&s->lane) + s->key_len;

	if (s->recent)
		n += SCAN_RECENT * sizeof(*s->recent);
	if (s->parts)
		n += SCAN_MAX_PARTS * sizeof(*s->parts);
	if (s->second)
		n += sizeof(*s->second) + lane_memory(&s->second->lane);
	return n;
}
