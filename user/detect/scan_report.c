// SPDX-License-Identifier: BSD-2-Clause
/* From a candidate that passed to the hit that is handed out: places, lines, and nothing twice. */
#include <sodium.h>
#include <stdlib.h>
#include "detect/scan_int.h"

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

static void remember(struct scan *root, uint64_t from, uint64_t to, uint64_t hash, bool guess)
{
	if (!root->recent)
		root->recent = calloc(SCAN_RECENT, sizeof(*root->recent));
	if (!root->recent)
		return;
	root->recent[root->recent_n++ % SCAN_RECENT] = (struct recent){ from, to, hash, guess };
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
	remember(root, a, b, hash, hit && hit->confidence == CONF_HEURISTIC);
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

/* --- hits of the value search --- */

static void pass_on(struct scan *s, const struct hit *hit)
{
	remember(s, hit->offset, hit->end, 0, false);
	if (s->fn)
		s->fn(s->arg, hit);
}

void scan_value_hit(void *arg, const struct hit *hit)
{
	struct scan *s = arg;
	struct held_part *p;

	if (hit->part_len == hit->whole_len) {
		pass_on(s, hit);
		return;
	}
	/* What a token shares with a known one (a JWT's claims) is part of that token, if it proves to be one. */
	if (!s->parts)
		s->parts = calloc(SCAN_MAX_PARTS, sizeof(*s->parts));
	if (!s->parts || s->n_parts == SCAN_MAX_PARTS) {
		pass_on(s, hit);
		return;
	}
	p = &s->parts[s->n_parts];
	p->hit = *hit;
	p->value = (struct buf)BUF_INIT_WIPE(0);
	if (buf_add_span(&p->value, hit->value)) {
		pass_on(s, hit);
		return;
	}
	p->hit.value = buf_span(&p->value);
	p->hit.key = SPAN_NONE;
	s->n_parts++;
}

/* Is a token open that begins before `to`? */
static bool token_open_before(const struct scan *s, uint64_t to)
{
	const struct lane *l = &s->lane;

	for (size_t i = 0; i < l->n_cands; i++) {
		if (l->cands[i].type <= CAND_JWT && s->off0 + l->cands[i].start < to)
			return true;
	}
	/* In the second lane's positions: any. */
	for (size_t i = 0; s->second && i < s->second->lane.n_cands; i++) {
		if (s->second->lane.cands[i].type <= CAND_JWT)
			return true;
	}
	return false;
}

static bool stronger_there(const struct scan *s, const struct hit *hit)
{
	for (unsigned int i = 0; s->recent && i < SCAN_RECENT && i < s->recent_n; i++) {
		if (!s->recent[i].guess && overlaps(&s->recent[i], hit->offset, hit->end))
			return true;
	}
	return false;
}

void scan_settle_parts(struct scan *s, bool all)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < s->n_parts; i++) {
		struct held_part *p = &s->parts[i];

		if (!all && token_open_before(s, p->hit.end)) {
			s->parts[kept++] = *p;
			continue;
		}
		if (!stronger_there(s, &p->hit))
			pass_on(s, &p->hit);
		buf_release(&p->value);
	}
	s->n_parts = kept;
}

void scan_drop_parts(struct scan *s)
{
	for (uint32_t i = 0; i < s->n_parts; i++)
		buf_release(&s->parts[i].value);
	s->n_parts = 0;
}
