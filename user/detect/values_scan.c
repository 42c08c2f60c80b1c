// SPDX-License-Identifier: BSD-2-Clause
/*
 * One stream's search. Each feed normalises a block behind the last bytes of the one before, goes on with the matches that
 * were open at its end, tries grams at every third place, follows each that is a value's in both directions, and reports
 * the matches that nothing to come can change.
 */
#include <stdlib.h>

#include "detect/values_norm.h"
#include "detect/values_priv.h"

#define BLOCK 2048
/* Normalised bytes kept from before: an unfinished gram and the 14 units that a match may have begun before its first gram. */
#define KEEP_MIN 32
#define KEEP_MAX (KEEP_MIN + 2 * PREFIX_BACK_MAX)
#define MATCHES 32
/* Raw bytes between two fragments that are still one occurrence, and normalised bytes that a part waits for the next. */
#define JOIN_GAP 64
#define HOLD (JOIN_GAP + 2 * GRAM_LEN)

/* A run of normalised bytes n0 .. n1 (counted from the start of the stream) equal to units i0 .. i1 of a value's form. */
struct match {
	int64_t id;
	uint64_t n0, n1;
	uint64_t raw0, raw1;
	uint64_t born; /* number of the gram that it was found by */
	uint32_t i0, i1;
	uint32_t line;
	uint16_t slot;
	uint8_t form, flags;
	bool open;   /* it may go on with the next byte */
	bool joined; /* of several fragments: n0 .. n1 holds other bytes too */
};

struct value_scan {
	struct values *v;
	uint64_t gen;
	struct norm norm;
	uint64_t raw_end;  /* raw offset of the next byte to be fed */
	uint64_t n_base;   /* number of the first kept byte */
	uint64_t reported; /* number after the last byte reported */
	uint64_t crowded;  /* a match up to here found no room: others are not followed before */
	uint64_t steps;
	uint16_t kept, room;
	uint16_t next; /* first kept byte whose gram was not tried */
	uint8_t n_match;
	unsigned char *keep;   /* kept bytes, `room` of them ... */
	uint32_t *keep_meta;   /* ... and where they were */
	struct match *matches; /* NULL until there is one */
};

/* What is looked at during one feed. */
struct window {
	unsigned char b[KEEP_MAX + NORM_ROOM(BLOCK)];
	uint32_t meta[KEEP_MAX + NORM_ROOM(BLOCK)];
	size_t len;
	uint64_t n_base; /* number of b[0] */
	/* A cursor: raw offset and line before what was dropped before b[at]. Places are asked for in rows. */
	size_t at;
	uint64_t raw;
	uint32_t line;
};

/* Room for what has to be kept with the values that there are now. On failure the old room stays. */
static void make_room(struct value_scan *s)
{
	size_t room = KEEP_MIN + 2 * s->v->back;
	unsigned char *keep;
	uint32_t *meta;

	if (room <= s->room)
		return;
	keep = malloc(room);
	meta = malloc(room * sizeof(*meta));
	if (!keep || !meta) {
		free(keep);
		free(meta);
		return;
	}
	if (s->keep) {
		memcpy(keep, s->keep, s->kept);
		memcpy(meta, s->keep_meta, s->kept * sizeof(*meta));
		wipe(s->keep, s->room);
	}
	free(s->keep);
	free(s->keep_meta);
	s->keep = keep;
	s->keep_meta = meta;
	s->room = (uint16_t)room;
}

struct value_scan *value_scan_new(struct values *v)
{
	struct value_scan *s = calloc(1, sizeof(*s));

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
		if (s->keep)
			wipe(s->keep, s->room);
		wipe(&s->norm, sizeof(s->norm));
		free(s->keep);
		free(s->keep_meta);
		free(s->matches);
		free(s);
	}
	return NULL;
}

void value_scan_reset(struct value_scan *s, uint64_t off)
{
	wipe(s->keep, s->room);
	wipe(&s->norm, sizeof(s->norm));
	s->raw_end = off;
	s->n_base = s->reported = s->crowded = 0;
	s->kept = s->next = 0;
	s->n_match = 0;
}

uint64_t value_scan_steps(const struct value_scan *s)
{
	return s->steps;
}

static struct value *value_of(const struct value_scan *s, const struct match *m)
{
	return &s->v->val[m->slot];
}

/* After values came or went: matches of those that are gone go too. */
static void sync_values(struct value_scan *s)
{
	uint8_t n = 0;

	if (s->gen == s->v->gen)
		return;
	s->gen = s->v->gen;
	for (uint8_t i = 0; i < s->n_match; i++)
		if (value_of(s, &s->matches[i])->id == s->matches[i].id)
			s->matches[n++] = s->matches[i];
	s->n_match = n;
	make_room(s);
}

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

static bool is_whole(const struct value_scan *s, const struct match *m)
{
	return !m->i0 && m->i1 == form_len(value_of(s, m), (enum form)m->form);
}

static void remove_match(struct value_scan *s, size_t i)
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
		remove_match(s, shortest);
	}
	return &s->matches[s->n_match++];
}

/*
 * A closed match that goes on in the value where an earlier one ended, with little between them in the stream, is the same
 * occurrence (chunked framing, "data:" lines). True when it was joined to that one.
 */
static bool join(struct value_scan *s, const struct match *m)
{
	for (uint8_t i = 0; i < s->n_match; i++) {
		struct match *p = &s->matches[i];

		if (p->open || p->id != m->id || p->form != m->form || p->n1 > m->n1 ||
		    p->i0 >= m->i0 || p->i1 < m->i0 || p->i1 >= m->i1 || m->raw0 < p->raw0 ||
		    m->raw0 > p->raw1 + JOIN_GAP)
			continue;
		p->i1 = m->i1;
		p->n1 = m->n1;
		p->raw1 = m->raw1;
		p->flags |= m->flags;
		p->joined = true;
		return true;
	}
	return false;
}

static bool unit_is(struct value_scan *s, const struct value *val, enum form f, size_t i,
		    unsigned char c)
{
	s->steps++;
	return form_unit(val, f, i) == form_fold(f, c);
}

/* The window's bytes from `p` on against the value's units from m->i1 on. Closes the match or leaves it open. */
static void go_on(struct value_scan *s, struct window *w, struct match *m, size_t p)
{
	const struct value *val = value_of(s, m);
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
	const struct value *val = value_of(s, m);

	for (uint8_t i = 0; i < s->n_match && m->i0; i++) {
		const struct match *d = &s->matches[i];
		const struct value *other = value_of(s, d);
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

/* One place that the index knows for the gram at w->b[p]: a match, when the bytes are the value's. */
static void try_ref(struct value_scan *s, struct window *w, size_t p, uint32_t ref)
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
	go_on(s, w, &m, p + GRAM_LEN);
	if (!q && m.i0)
		go_back(s, &m);
	if (!m.open && join(s, &m))
		return;
	out = new_match(s, match_len(&m));
	if (out)
		*out = m;
	else
		s->crowded = m.n1;
}

/* --- reports ------------------------------------------------------------------------------- */

/*
 * True when what was found is worth telling: the whole value, or enough of it that is not public, and
 * not a run of a few bytes that stands in everything ("AAAA" in base64 of zeros).
 */
static bool is_enough(const struct value_scan *s, const struct match *m, uint64_t from)
{
	const struct value *val = value_of(s, m);
	enum form f = (enum form)m->form;
	size_t need = form_need(val, f), begin = m->i0, changes = 1;

	if (is_whole(s, m) && from <= m->n0)
		return true;
	if (!m->joined && from > m->n0)
		begin += (size_t)(from < m->n1 ? from - m->n0 : m->n1 - m->n0);
	if (begin < form_private(val, f))
		begin = form_private(val, f);
	if (begin + need > m->i1)
		return false;
	for (size_t i = begin + 1; i < m->i1 && changes < need; i++)
		changes += form_unit(val, f, i) != form_unit(val, f, i - 1);
	return changes * 3 >= need * 2;
}

static bool overlap(const struct match *a, const struct match *b)
{
	return a->n0 < b->n1 && b->n0 < a->n1;
}

/* True when `a`, closed, is worth nothing beside `b`: it lies in b's bytes but for less than a fragment. */
static bool is_covered(const struct value_scan *s, const struct match *a, const struct match *b)
{
	uint64_t before = a->n0 < b->n0 ? b->n0 - a->n0 : 0;
	uint64_t after = a->n1 > b->n1 ? a->n1 - b->n1 : 0;
	size_t need = form_need(value_of(s, a), (enum form)a->form);

	if (!overlap(a, b))
		return false;
	if (match_len(a) > match_len(b))
		return false;
	if (match_len(a) == match_len(b) &&
	    (is_whole(s, a) > is_whole(s, b) || (is_whole(s, a) == is_whole(s, b) && a < b)))
		return false;
	return b->open ? !before && !after : before < need && after < need;
}

/* Only matches that the search has passed: others would be found again. */
static void drop_covered(struct value_scan *s, uint64_t now)
{
	for (uint8_t i = 0; i < s->n_match; i++) {
		for (uint8_t k = 0; k < s->n_match; k++) {
			if (i == k || s->matches[i].open || s->matches[i].n1 > now ||
			    !is_covered(s, &s->matches[i], &s->matches[k]))
				continue;
			remove_match(s, i--);
			break;
		}
	}
}

/* True when nothing to come can change what `m` is. `now`: number of the next normalised byte to be looked at. */
static bool is_settled(const struct value_scan *s, const struct match *m, uint64_t now)
{
	if (m->open || now < m->n1 + (is_whole(s, m) ? 0 : HOLD))
		return false;
	for (uint8_t i = 0; i < s->n_match; i++)
		if (s->matches[i].open && s->matches[i].n0 < m->n1)
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
	struct value *val = value_of(s, m);
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
		if (m.open && m.i0 && join(s, &m))
			remove_match(s, i--);
	}
	drop_covered(s, now);
	for (;;) {
		struct match m;
		size_t first = MATCHES;

		for (uint8_t i = 0; i < s->n_match; i++)
			if ((final || is_settled(s, &s->matches[i], now)) &&
			    (first == MATCHES || s->matches[i].n0 < s->matches[first].n0))
				first = i;
		if (first == MATCHES)
			return;
		m = s->matches[first];
		remove_match(s, first);
		if (!is_enough(s, &m, s->reported))
			continue;
		if (m.n1 > s->reported)
			s->reported = m.n1;
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
		go_on(s, w, &m, fresh);
		s->matches[i] = m;
		if (m.open || !m.i0)
			continue;
		/* Not with itself: its own i0 is not before itself. */
		if (join(s, &m))
			remove_match(s, i--);
	}
	for (;;) {
		p = gram_index_next(s->v->index, w->b, p, w->len);
		if (p + GRAM_LEN > w->len)
			return p;
		n = gram_index_find(s->v->index, w->b + p, refs);
		for (size_t i = 0; i < n; i++)
			try_ref(s, w, p, refs[i]);
		p += GRAM_STRIDE;
		/* So many fragments in one block: those that the search has left behind make room. */
		if (s->n_match == MATCHES && p >= make_space) {
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
	s->reported = s->n_base;
	s->kept = s->next = 0;
	wipe(s->keep, s->room);
}
