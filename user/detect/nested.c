// SPDX-License-Identifier: BSD-2-Clause
/*
 * Base64 and hex runs that hold an anchor: decoded from a little before it to their end and scanned in a scan of
 * their own. The anchor tells the alignment, so the beginning of the run need not be known.
 */
#include <stdlib.h>
#include "base/secmem.h"
#include "detect/scan_int.h"

static int hex_digit(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static int digit(bool hex, char c)
{
	return hex ? hex_digit((uint8_t)c) : base64_digit((uint8_t)c);
}

/* Is the run around `at` open already, with `phase` digits of a group before it? */
static bool is_open(struct lane *l, const struct view *v, uint64_t at, bool hex, unsigned int phase)
{
	for (size_t i = 0; i < l->n_cands; i++) {
		struct cand *c = &l->cands[i];

		if (c->type != CAND_NESTED || c->dead || c->nested.hex != hex)
			continue;
		cand_advance(l, v, c, at, false);
		if (!c->dead && c->nested.digits % (hex ? 2 : 4) == phase)
			return true;
	}
	return false;
}

void nested_open(struct lane *l, const struct view *v, size_t end, const struct anchor *a)
{
	static const uint8_t skip[3] = { 0, 2, 3 };
	bool hex = a->what == ANCHOR_HEX;
	unsigned int group = hex ? 2 : 4;
	uint64_t at = v->base + end + 1 - a->len, start;
	struct scan *s = l->s;
	struct cand *c;

	if (s->depth >= SCAN_MAX_DEPTH)
		return;
	if (!hex && at - v->base < skip[a->sub])
		return;
	start = hex ? at : at - skip[a->sub];
	for (uint64_t p = start; p < at; p++) {
		if (digit(hex, v->b.p[view_at(v, p)]) < 0)
			return;
	}
	while (start >= v->base + group && at - start < LANE_BACK) {
		unsigned int i = 1;

		while (i <= group && digit(hex, v->b.p[view_at(v, start) - i]) >= 0)
			i++;
		if (i <= group)
			break;
		start -= group;
	}
	if (is_open(l, v, at, hex, hex ? 0 : skip[a->sub]))
		return;
	c = lane_open(l, CAND_NESTED, NULL, start);
	if (!c)
		return;
	c->nested.hex = hex;
	c->nested.anchor = at;
	c->nested.child = scan_new(s->sc, NULL);
	if (!c->nested.child) {
		c->dead = true;
		return;
	}
	c->nested.child->parent = s;
	c->nested.child->depth = s->depth + 1;
	c->nested.child->map_num = hex ? 2 : 4;
	c->nested.child->map_den = hex ? 1 : 3;
	c->nested.child->map_enc = hex ? ENC_HEX : ENC_BASE64;
	c->nested.child->map_raw =
		v->origin ? ORIGIN_OFF(v->origin[view_at(v, start)]) : v->raw + start;
	/* What stood before is text of the run: a token cannot be known to begin at byte 0. */
	c->nested.child->lane.blind =
		start > v->base && digit(hex, v->b.p[view_at(v, start) - 1]) >= 0;
	c->nested.child->map_line = l->lines;
	for (size_t i = view_at(v, start); i < v->b.len; i++)
		c->nested.child->map_line -= v->b.p[i] == '\n' && c->nested.child->map_line;
}

static bool is_text(uint8_t c)
{
	return c >= 0x20 ? c != 0x7f : c == '\t' || c == '\n' || c == '\r' || !c || c == 0x1b;
}

/* Gives decoded bytes to the child. False when the run turns out not to be text. */
static bool pass(struct lane *l, struct cand *c, char *out, size_t *n, uint64_t pos)
{
	struct scan *child = c->nested.child;
	size_t from = 0, i;
	bool ok = true;

	for (i = 0; i < *n; i++) {
		if (is_text((uint8_t)out[i]))
			continue;
		/* Before the anchor it only says that the text begins later. */
		if (pos >= c->nested.anchor) {
			ok = false;
			break;
		}
		scan_feed(child, span_of(out + from, i - from), l->s->fn, l->s->arg);
		scan_reset(child, child->off0 + child->lane.pos + 1, SPAN_NONE);
		from = i + 1;
	}
	scan_feed(child, span_of(out + from, i - from), l->s->fn, l->s->arg);
	c->nested.total += (uint32_t)*n;
	wipe(out, *n);
	*n = 0;
	return ok && c->nested.total < NESTED_MAX;
}

/* A line break that wraps the run (RFC 2045 and PEM break at 76 and 64 columns). */
static bool wraps(const struct cand *c, char b)
{
	return !c->nested.hex && (b == '\r' || b == '\n') && c->nested.column >= 60 &&
	       c->nested.column <= 76;
}

void nested_advance(struct lane *l, const struct view *v, struct cand *c, uint64_t limit,
		    bool final)
{
	char out[256];
	size_t n = 0;

	while (c->cur < limit) {
		char b = v->b.p[view_at(v, c->cur)];
		int d = digit(c->nested.hex, b);

		if (d < 0) {
			if (wraps(c, b)) {
				c->cur++;
				/* CR LF is one break. */
				c->nested.column = b == '\r' ? c->nested.column : 0;
				continue;
			}
			break;
		}
		c->cur++;
		c->nested.column++;
		c->nested.digits++;
		c->nested.acc = c->nested.acc << (c->nested.hex ? 4 : 6) | (uint32_t)d;
		c->nested.bits += c->nested.hex ? 4 : 6;
		if (c->nested.bits < 8)
			continue;
		c->nested.bits -= 8;
		out[n++] = (char)(c->nested.acc >> c->nested.bits);
		if (n == sizeof(out) && !pass(l, c, out, &n, c->cur))
			c->dead = true;
		if (c->dead)
			break;
	}
	if (n && !pass(l, c, out, &n, c->cur))
		c->dead = true;
	if (c->dead || c->cur < limit || final) {
		/* An escape in the run: the lane that sees what it stands for goes on. */
		bool escape =
			!l->unescaped && c->cur < limit &&
			(v->b.p[view_at(v, c->cur)] == '\\' || v->b.p[view_at(v, c->cur)] == '%');

		if (!escape)
			scan_flush(c->nested.child, l->s->fn, l->s->arg);
		c->dead = true;
	} else {
		/* Bytes that were passed on are not needed again. */
		c->start = c->cur;
	}
}
