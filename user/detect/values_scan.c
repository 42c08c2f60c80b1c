// SPDX-License-Identifier: BSD-2-Clause
/*
 * One stream's search. Each feed normalises a block behind the last bytes of the one before, goes on with the matches that
 * were open at its end, tries grams at every third place, follows each that is a value's in both directions, and reports
 * the matches that nothing to come can change.
 */
#include <stdlib.h>

#include "detect/values_match.h"

/* Room for what has to be kept with the values that there are now. On failure the old room stays. */
static void make_room(struct value_scan *s)
{
	size_t room = KEEP_MIN + 2 * s->v->back;
	unsigned char *keep;
	uint32_t *meta;

	if (room <= s->room)
		return;
	keep = secmem_calloc(1, room);
	meta = malloc(room * sizeof(*meta));
	if (!keep || !meta) {
		secmem_free(keep);
		free(meta);
		return;
	}
	if (s->keep) {
		memcpy(keep, s->keep, s->kept);
		memcpy(meta, s->keep_meta, s->kept * sizeof(*meta));
	}
	secmem_free(s->keep);
	free(s->keep_meta);
	s->keep = keep;
	s->keep_meta = meta;
	s->room = (uint16_t)room;
}

struct value_scan *value_scan_new(struct values *v)
{
	struct value_scan *s = secmem_calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->v = v;
	s->gen = v->gen;
	make_room(s);
	if (!s->keep)
		return value_scan_free(s);
	value_scan_reset(s, 0);
	return s;
}

struct value_scan *value_scan_free(struct value_scan *s)
{
	if (s) {
		secmem_free(s->keep);
		free(s->keep_meta);
		free(s->matches);
		secmem_free(s);
	}
	return NULL;
}

void value_scan_reset(struct value_scan *s, uint64_t off)
{
	wipe(s->keep, s->room);
	wipe(&s->norm, sizeof(s->norm));
	s->raw_end = off;
	s->n_base = s->told0 = s->told1 = s->crowded = 0;
	s->kept = s->next = 0;
	s->n_match = 0;
}

uint64_t value_scan_steps(const struct value_scan *s)
{
	return s->steps;
}

/* After values came or went: matches of those that are gone go too. */
static void sync_values(struct value_scan *s)
{
	uint8_t n = 0;

	if (s->gen == s->v->gen)
		return;
	s->gen = s->v->gen;
	for (uint8_t i = 0; i < s->n_match; i++)
		if (match_value(s, &s->matches[i])->id == s->matches[i].id)
			s->matches[n++] = s->matches[i];
	s->n_match = n;
	make_room(s);
}

/* --- reports ------------------------------------------------------------------------------- */

/* True when nothing to come can change what `m` is. `now`: number of the next normalised byte to be looked at. */
static bool is_settled(const struct value_scan *s, const struct match *m, uint64_t now)
{
	uint64_t until = m->n1 + (match_is_whole(s, m) ? 0 : HOLD);

	if (m->open || now < until)
		return false;
	/* One that overlaps it may turn out longer, one that follows a part may be its other half. */
	for (uint8_t i = 0; i < s->n_match; i++)
		if (s->matches[i].open && s->matches[i].n0 < until)
			return false;
	return true;
}

static enum encoding encoding_of(const struct value *val, const struct match *m, size_t part_len)
{
	if (m->form == FORM_HEX)
		return ENC_HEX;
	if (m->form != FORM_RAW)
		return ENC_BASE64;
	/* A value that holds a backslash or '%' itself, as it is. */
	if (val->norm && m->raw1 - m->raw0 == part_len)
		return ENC_RAW;
	return m->flags & NORM_UTF16     ? ENC_UTF16
	       : m->flags & NORM_PERCENT ? ENC_PERCENT
	       : m->flags & NORM_JSON    ? ENC_JSON
	       : m->flags & NORM_HTML    ? ENC_HTML
					 : ENC_RAW;
}

static void report(struct value_scan *s, const struct match *m, hit_fn fn, void *arg)
{
	struct value *val = match_value(s, m);
	size_t from, to, skip = base64_skip((enum form)m->form);
	struct hit hit = {
		.rule_id = "known-value",
		.provider = "",
		.prefix = "",
		.kind = val->kind,
		.confidence = CONF_VALUE,
		.offset = m->raw0,
		.end = m->raw1,
		.line = m->line,
		.known_id = (uint64_t)val->id,
		.whole_len = val->len,
	};

	switch (m->form) {
	case FORM_RAW:
		from = val->map ? val->map[m->i0] : m->i0;
		to = val->map ? val->map[m->i1] : m->i1;
		break;
	case FORM_HEX:
		from = (m->i0 + 1) / 2;
		to = m->i1 / 2;
		break;
	default:
		/* Bytes that are there with all their bits; those at the ends of the value are as good. */
		from = m->i0 ? (skip + 6 * (size_t)m->i0 + 7) / 8 : 0;
		to = (skip + 6 * (size_t)m->i1) / 8;
		break;
	}
	if (!m->i0)
		from = 0;
	if (m->i1 == form_len(val, (enum form)m->form))
		to = val->len;
	hit.part_off = (uint32_t)from;
	hit.part_len = (uint32_t)(to - from);
	hit.value = span_sub(secret_span(val->raw), from, to - from);
	hit.encoding = encoding_of(val, m, to - from);
	val->seen = ++s->v->clock;
	fn(arg, &hit);
}

/* Reports what is settled, in the order of the stream; with `final` everything. */
static void settle(struct value_scan *s, uint64_t now, bool final, hit_fn fn, void *arg)
{
	for (uint8_t i = 0; final && i < s->n_match; i++) {
		struct match m = s->matches[i];

		s->matches[i].open = false;
		if (m.open && m.i0 && match_join(s, &m))
			match_remove(s, i--);
	}
	for (;;) {
		struct match m;
		size_t first = MATCHES;
		bool tell;

		for (uint8_t i = 0; i < s->n_match; i++)
			if ((final || is_settled(s, &s->matches[i], now)) &&
			    (first == MATCHES || s->matches[i].n0 < s->matches[first].n0))
				first = i;
		if (first == MATCHES)
			return;
		m = s->matches[first];
		tell = !match_is_beaten(s, first) && match_is_enough(s, &m);
		if (!tell) {
			match_remove(s, first);
			continue;
		}
		match_take(s, first);
		s->told0 = m.n0;
		s->told1 = m.n1;
		report(s, &m, fn, arg);
		sync_values(s);
	}
}

/* --- feeding ------------------------------------------------------------------------------- */

static void open_window(struct value_scan *s, struct window *w)
{
	unsigned int lf;

	w->len = s->kept;
	w->n_base = s->n_base;
	w->at = s->kept;
	w->raw = s->raw_end - norm_held(&s->norm, &lf);
	w->line = s->norm.lines + 1 - lf;
	memcpy(w->b, s->keep, s->kept);
	memcpy(w->meta, s->keep_meta, s->kept * sizeof(*w->meta));
}

static void close_window(struct value_scan *s, struct window *w, size_t next)
{
	size_t from = w->len > s->room ? w->len - s->room : 0;

	s->n_base = w->n_base + from;
	s->kept = (uint16_t)(w->len - from);
	s->next = (uint16_t)(next - from);
	memcpy(s->keep, w->b + from, s->kept);
	memcpy(s->keep_meta, w->meta + from, s->kept * sizeof(*w->meta));
	wipe(w->b, w->len);
}

/* Everything but the normalising: w->b holds the kept bytes and the new ones behind them. */
static size_t search(struct value_scan *s, struct window *w, size_t fresh, hit_fn fn, void *arg)
{
	uint32_t refs[GRAM_REFS];
	size_t p = s->next, n, make_space = 0;

	for (uint8_t i = 0; i < s->n_match; i++) {
		struct match m = s->matches[i];

		if (!m.open)
			continue;
		match_go_on(s, w, &m, fresh);
		s->matches[i] = m;
		if (m.open || !m.i0)
			continue;
		/* Not with itself: its own i0 is not before itself. */
		if (match_join(s, &m))
			match_remove(s, i--);
	}
	for (;;) {
		p = gram_index_next(s->v->index, w->b, p, w->len);
		if (p + GRAM_LEN > w->len)
			return p;
		n = gram_index_find(s->v->index, w->b + p, refs);
		for (size_t i = 0; i < n; i++)
			match_try(s, w, p, refs[i]);
		p += GRAM_STRIDE;
		/* So many fragments in one block: those that the search has left behind make room. */
		if (s->n_match > MATCHES - GRAM_REFS && p >= make_space) {
			settle(s, w->n_base + p, false, fn, arg);
			make_space = p + HOLD;
		}
	}
}

static void feed_block(struct value_scan *s, struct span raw, bool final, hit_fn fn, void *arg)
{
	struct window w;
	struct norm_out out;
	size_t next;

	sync_values(s);
	open_window(s, &w);
	out = (struct norm_out){ w.b, w.meta, w.len };
	norm_feed(&s->norm, raw, &out);
	if (final)
		norm_flush(&s->norm, &out);
	s->raw_end += raw.len;
	w.len = out.len;
	next = search(s, &w, s->kept, fn, arg);
	close_window(s, &w, next);
	if (s->n_match)
		settle(s, s->n_base + s->kept, final, fn, arg);
}

void value_scan_feed(struct value_scan *s, struct span bytes, hit_fn fn, void *arg)
{
	while (bytes.len) {
		struct span block = span_sub(bytes, 0, BLOCK);

		feed_block(s, block, false, fn, arg);
		bytes = span_sub(bytes, block.len, SIZE_MAX);
	}
}

void value_scan_flush(struct value_scan *s, hit_fn fn, void *arg)
{
	feed_block(s, SPAN_NONE, true, fn, arg);
	s->n_base += s->kept + 1u;
	s->kept = s->next = 0;
	wipe(s->keep, s->room);
}
