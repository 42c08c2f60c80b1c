// SPDX-License-Identifier: BSD-2-Clause
#include "detect/scan.h"

#include <sodium.h>
#include <stdlib.h>
#include "base/secmem.h"
#include "detect/scan_int.h"
#include "detect/values.h"

/* --- reporting --- */

static struct scan *root_of(struct scan *s)
{
	while (s->parent)
		s = s->parent;
	return s;
}

/* Raw offsets of the outermost scan for a raw offset of this one. */
static uint64_t outer_offset(const struct scan *s, uint64_t off, bool up)
{
	for (; s->parent; s = s->parent) {
		uint64_t n = off * s->map_num;

		off = s->map_raw + (up ? n + s->map_den - 1 : n) / s->map_den;
	}
	return off;
}

static void raw_range(const struct view *v, uint64_t from, uint64_t to, uint64_t *a, uint64_t *b)
{
	size_t end = view_at(v, to);

	if (!v->origin) {
		*a = v->raw + from;
		*b = v->raw + to;
		return;
	}
	*a = ORIGIN_OFF(v->origin[view_at(v, from)]);
	/* Up to where the next byte begins; its escape may be long. */
	*b = end < v->b.len && ORIGIN_ENC(v->origin[end - 1]) != ENC_RAW
		     ? ORIGIN_OFF(v->origin[end])
		     : ORIGIN_OFF(v->origin[end - 1]) + 1;
}

static uint64_t hash_value(struct span value)
{
	static const unsigned char key[crypto_shorthash_KEYBYTES] = "beartrap places";
	uint64_t h;

	/* Only to know a repetition at the same place; the value itself is not kept. */
	crypto_shorthash((unsigned char *)&h, (const unsigned char *)value.p, value.len, key);
	return h;
}

static bool overlaps(const struct recent *r, uint64_t from, uint64_t to)
{
	return from < r->to && r->from < to;
}

static bool seen(const struct scan *root, uint64_t from, uint64_t to)
{
	for (unsigned int i = 0; root->recent && i < SCAN_RECENT && i < root->recent_n; i++) {
		if (overlaps(&root->recent[i], from, to))
			return true;
	}
	return false;
}

static void remember(struct scan *root, uint64_t from, uint64_t to, uint64_t hash)
{
	if (!root->recent)
		root->recent = calloc(SCAN_RECENT, sizeof(*root->recent));
	if (!root->recent)
		return;
	root->recent[root->recent_n++ % SCAN_RECENT] = (struct recent){ from, to, hash };
}

bool scan_reported(const struct lane *l, const struct view *v, uint64_t from, uint64_t to)
{
	uint64_t a, b;

	raw_range(v, from, to, &a, &b);
	return seen(root_of(l->s), outer_offset(l->s, a, false), outer_offset(l->s, b, true));
}

bool scan_is_example(const struct ruleset *rs, struct span value)
{
	unsigned char hash[crypto_hash_sha256_BYTES];
	char hex[17];

	if (!rs->examples.n)
		return false;
	crypto_hash_sha256(hash, (const unsigned char *)value.p, value.len);
	sodium_bin2hex(hex, sizeof(hex), hash, 8);
	for (size_t i = 0; i < rs->examples.n; i++) {
		if (!strcmp(hex, rs->examples.v[i]))
			return true;
	}
	return false;
}

static enum encoding encoding_of(const struct view *v, uint64_t from, uint64_t to, uint64_t raw_len)
{
	if (!v->origin || raw_len == to - from)
		return ENC_RAW;
	for (uint64_t p = from; p < to; p++) {
		if (ORIGIN_ENC(v->origin[view_at(v, p)]) != ENC_RAW)
			return ORIGIN_ENC(v->origin[view_at(v, p)]);
	}
	return ENC_RAW;
}

/* Newlines before position `pos`, of this lane's own bytes. */
static uint32_t lines_before(const struct lane *l, const struct view *v, uint64_t pos)
{
	uint32_t n = l->lines;

	for (size_t i = view_at(v, pos); i < v->b.len; i++)
		n -= v->b.p[i] == '\n' && (!v->origin || ORIGIN_ENC(v->origin[i]) != ENC_JSON);
	return n;
}

void scan_report(struct lane *l, const struct view *v, uint64_t from, uint64_t to, struct hit *hit)
{
	struct scan *s = l->s, *root = root_of(s);
	uint64_t a, b, hash;
	const struct scan *outer;

	raw_range(v, from, to, &a, &b);
	if (hit && hit->encoding == ENC_RAW)
		hit->encoding = encoding_of(v, from, to, b - a);
	a = outer_offset(s, a, false);
	b = outer_offset(s, b, true);
	if (seen(root, a, b))
		return;
	hash = hit ? hash_value(hit->value) : 0;
	if (hit && s->parent) {
		/* Escapes in an encoded run make its offsets inexact: the same value, close by, is the same. */
		for (unsigned int i = 0; root->recent && i < SCAN_RECENT && i < root->recent_n;
		     i++) {
			const struct recent *r = &root->recent[i];

			if (r->hash == hash && r->from < b + 64 && a < r->to + 64)
				return;
		}
	}
	remember(root, a, b, hash);
	if (!hit || !root->fn)
		return;
	hit->offset = a;
	hit->end = b;
	hit->line = lines_before(l, v, from) + 1;
	for (outer = s; outer->parent; outer = outer->parent) {
		hit->line = outer->map_line + 1;
		hit->encoding = outer->map_enc;
	}
	root->fn(root->arg, hit);
}

static void value_hit(void *arg, const struct hit *hit)
{
	struct scan *s = arg;

	remember(s, hit->offset, hit->end, 0);
	if (s->fn)
		s->fn(s->arg, hit);
}

/* --- the second lane --- */

static void second_free(struct scan *s)
{
	if (!s->second)
		return;
	lane_release(&s->second->lane);
	wipe(s->second, sizeof(*s->second));
	free(s->second);
	s->second = NULL;
}

/* Raw bytes, at most SCAN_BLOCK + LANE_BACK. */
static void second_feed(struct scan *s, struct span b, uint64_t off)
{
	struct second *d = s->second;
	size_t n = unescape_feed(&d->u, b, off, d->out, d->out_origin, sizeof(d->out));

	lane_feed(&d->lane, span_of(d->out, n), 0, d->out_origin, 0);
	wipe(d->out, n);
}

/* Begins where the first lane's candidates began, or LANE_BACK bytes ago: `before` bytes before `b` are at hand. */
static void second_begin(struct scan *s, struct span b, size_t before)
{
	struct lane *l = &s->lane;
	struct span past;
	struct second *d = calloc(1, sizeof(*d));

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
		second_feed(s, span_sub(past, i, SCAN_BLOCK), s->off0 + l->pos - past.len + i);
}

static size_t find_escape(struct span b, bool last)
{
	size_t best = SIZE_MAX;
	static const char wants[] = { '\\', '%', '&', 0x1b, 0 };

	for (unsigned int i = 0; i < sizeof(wants); i++) {
		const char *p = last ? memrchr(b.p, wants[i], b.len) : memchr(b.p, wants[i], b.len);
		size_t at = p ? (size_t)(p - b.p) : SIZE_MAX;

		if (at != SIZE_MAX && (best == SIZE_MAX || (last ? at > best : at < best)))
			best = at;
	}
	return best;
}

/* --- feeding --- */

static void feed_block(struct scan *s, struct span b, size_t before)
{
	uint64_t off = s->off0 + s->lane.pos;
	size_t escape = find_escape(b, true);

	if (escape != SIZE_MAX && !s->second)
		second_begin(s, b, before);
	if (s->vs)
		value_scan_feed(s->vs, b, value_hit, s);
	lane_feed(&s->lane, b, before, NULL, s->off0);
	if (!s->second)
		return;
	second_feed(s, b, off);
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
		i += n;
	}
}

void scan_flush(struct scan *s, hit_fn fn, void *arg)
{
	s->fn = fn;
	s->arg = arg;
	if (s->vs)
		value_scan_flush(s->vs, value_hit, s);
	lane_end(&s->lane, s->off0);
	if (s->second) {
		struct second *d = s->second;
		size_t n = unescape_flush(&d->u, d->out, d->out_origin, sizeof(d->out));

		lane_feed(&d->lane, span_of(d->out, n), 0, d->out_origin, 0);
		lane_end(&d->lane, 0);
		second_free(s);
	}
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
	free(s->key);
	s->key = NULL;
	s->key_len = 0;
	if (key.len && key.len <= KEY_MAX) {
		s->key = malloc(key.len);
		if (s->key) {
			memcpy(s->key, key.p, key.len);
			s->key_len = key.len;
		}
	}
	if (s->key_len)
		lane_open_whole(&s->lane);
}

struct scan *scan_new(const struct scanner *sc, struct values *values)
{
	struct scan *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->sc = sc;
	s->values = values;
	if (values) {
		s->vs = value_scan_new(values);
		if (!s->vs) {
			free(s);
			return NULL;
		}
	}
	lane_init(&s->lane, s, false);
	return s;
}

struct scan *scan_free(struct scan *s)
{
	if (!s)
		return NULL;
	second_free(s);
	lane_release(&s->lane);
	value_scan_free(s->vs);
	free(s->key);
	free(s->recent);
	free(s);
	return NULL;
}

size_t scan_memory(const struct scan *s)
{
	size_t n = sizeof(*s) + lane_memory(&s->lane) + s->key_len;

	if (s->recent)
		n += SCAN_RECENT * sizeof(*s->recent);
	if (s->second)
		n += sizeof(*s->second) + lane_memory(&s->second->lane);
	return n;
}
