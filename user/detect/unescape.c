// SPDX-License-Identifier: BSD-2-Clause
#include "detect/unescape.h"

#include <stdlib.h>
#include "base/bytes.h"

/*
 * Four stages, each a small machine that holds at most HOLD_MAX bytes: utf16 -> slash -> entity -> percent -> out.
 * A stage that cannot make an escape of what it holds passes it on unchanged.
 */

static void percent_in(struct unescape *u, uint8_t c, uint64_t off, enum encoding enc);
static void entity_in(struct unescape *u, uint8_t c, uint64_t off, enum encoding enc);
static void slash_in(struct unescape *u, uint8_t c, uint64_t off, enum encoding enc);

/* 16 for what is no hex digit. */
static unsigned int hex_value(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0' + 0u;
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10u : 16;
}

size_t unescape_plain(struct span in)
{
	static const unsigned char wants[BYTES_SET] = { '\\', '%', '&', 0, 0x1b, 0x1b };

	return bytes_run_without((const unsigned char *)in.p, in.len, wants);
}

void unescape_init(struct unescape *u)
{
	memset(u, 0, sizeof(*u));
	u->last = u->before_last = -1;
}

bool unescape_idle(const struct unescape *u)
{
	return !u->utf16.n && !u->slash.n && !u->entity.n && !u->percent.n;
}

static void emit(struct unescape *u, uint8_t c, uint64_t off, enum encoding enc)
{
	if (u->len < u->cap) {
		u->out[u->len] = c;
		u->origin[u->len] = ORIGIN(off, enc);
		u->len++;
	}
}

typedef void (*stage_fn)(struct unescape *u, uint8_t c, uint64_t off, enum encoding enc);

/* Passes held bytes on as they were. */
static void release(struct unescape *u, struct hold *h, stage_fn next)
{
	struct hold was = *h;

	h->n = 0;
	for (unsigned int i = 0; i < was.n; i++)
		next(u, was.byte[i], was.off[i], (enum encoding)was.enc[i]);
}

static void hold(struct hold *h, uint8_t c, uint64_t off, enum encoding enc)
{
	h->byte[h->n] = c;
	h->enc[h->n] = (uint8_t)enc;
	h->off[h->n] = off;
	h->n++;
}

/* --- %XX --- */

static void percent_in(struct unescape *u, uint8_t c, uint64_t off, enum encoding enc)
{
	struct hold *h = &u->percent;

	if (!h->n) {
		if (c == '%')
			hold(h, c, off, enc);
		else
			emit(u, c, off, enc);
		return;
	}
	if (hex_value(c) > 15) {
		release(u, h, emit);
		percent_in(u, c, off, enc);
		return;
	}
	hold(h, c, off, enc);
	if (h->n == 3) {
		uint8_t v = (uint8_t)(hex_value(h->byte[1]) << 4 | hex_value(h->byte[2]));

		h->n = 0;
		/* %25 may be the '%' of a further layer. */
		if (v == '%')
			hold(h, v, h->off[0], ENC_PERCENT);
		else
			emit(u, v, h->off[0], ENC_PERCENT);
	}
}

/* --- HTML character references and ESC [ ... m --- */

static int entity_value(const struct hold *h)
{
	static const struct {
		const char name[6];
		uint8_t c;
	} named[] = { { "amp", '&' },  { "lt", '<' },    { "gt", '>' },
		      { "quot", '"' }, { "apos", '\'' }, { "nbsp", ' ' } };
	const char *s = (const char *)h->byte + 1;
	size_t n = h->n - 1u;
	long v = 0;

	for (size_t i = 0; i < sizeof(named) / sizeof(named[0]); i++) {
		if (span_eq(span_of(s, n), span_str(named[i].name)))
			return named[i].c;
	}
	if (n < 2 || s[0] != '#')
		return -1;
	if (s[1] == 'x' || s[1] == 'X') {
		for (size_t i = 2; i < n; i++) {
			if (hex_value((uint8_t)s[i]) > 15)
				return -1;
			v = v * 16 + (long)hex_value((uint8_t)s[i]);
		}
		return n > 2 && n < 8 ? (v < 0x80 ? (int)v : 0xff) : -1;
	}
	for (size_t i = 1; i < n; i++) {
		if (s[i] < '0' || s[i] > '9')
			return -1;
		v = v * 10 + (s[i] - '0');
	}
	return n < 8 ? (v < 0x80 ? (int)v : 0xff) : -1;
}

static bool in_entity(uint8_t c)
{
	return c == '#' || (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
	       (c >= 'a' && c <= 'z');
}

static void entity_in(struct unescape *u, uint8_t c, uint64_t off, enum encoding enc)
{
	struct hold *h = &u->entity;
	int v;

	if (!h->n) {
		if (c == '&' || c == 0x1b)
			hold(h, c, off, enc);
		else
			percent_in(u, c, off, enc);
		return;
	}
	if (h->byte[0] == 0x1b) {
		bool begin = h->n == 1 && c == '[';
		bool param = h->n > 1 && ((c >= '0' && c <= '9') || c == ';' || c == '?');

		if ((begin || param) && h->n < HOLD_MAX) {
			hold(h, c, off, enc);
		} else if (h->n > 1 && c >= 0x40 && c <= 0x7e) {
			/* The sequence shrinks to its ESC, which ends a token as well as any byte. */
			h->n = 0;
			percent_in(u, 0x1b, h->off[0], (enum encoding)h->enc[0]);
		} else {
			release(u, h, percent_in);
			entity_in(u, c, off, enc);
		}
		return;
	}
	if (c == ';') {
		v = entity_value(h);
		if (v < 0) {
			release(u, h, percent_in);
			percent_in(u, c, off, enc);
		} else {
			h->n = 0;
			/* "&amp;" may be the '&' of a further layer. */
			if (v == '&')
				hold(h, '&', h->off[0], ENC_HTML);
			else
				percent_in(u, (uint8_t)v, h->off[0], ENC_HTML);
		}
		return;
	}
	if (in_entity(c) && h->n < 10) {
		hold(h, c, off, enc);
		return;
	}
	release(u, h, percent_in);
	entity_in(u, c, off, enc);
}

/* --- backslashes: held as one '\', then what follows them --- */

static void slash_in(struct unescape *u, uint8_t c, uint64_t off, enum encoding enc)
{
	static const char from[] = "\"'/nrtbf";
	static const char to[] = "\"'/\n\r\t\b\f";
	struct hold *h = &u->slash;
	const char *p;
	unsigned int digits, v = 0;

	if (!h->n) {
		if (c == '\\')
			hold(h, c, off, enc);
		else
			entity_in(u, c, off, enc);
		return;
	}
	if (h->n == 1) {
		if (c == '\\')
			return; /* one more layer */
		p = c ? strchr(from, c) : NULL;
		if (p) {
			h->n = 0;
			entity_in(u, (uint8_t)to[p - from], h->off[0], ENC_JSON);
		} else if (c == 'u' || c == 'x') {
			hold(h, c, off, enc);
		} else {
			release(u, h, entity_in);
			slash_in(u, c, off, enc);
		}
		return;
	}
	if (hex_value(c) > 15) {
		release(u, h, entity_in);
		slash_in(u, c, off, enc);
		return;
	}
	hold(h, c, off, enc);
	digits = h->byte[1] == 'u' ? 4 : 2;
	if (h->n < 2 + digits)
		return;
	for (unsigned int i = 2; i < h->n; i++)
		v = v << 4 | hex_value(h->byte[i]);
	h->n = 0;
	/* Beyond ASCII no token goes on; a further layer's backslash does. */
	if (v == '\\')
		hold(h, '\\', h->off[0], ENC_JSON);
	else
		entity_in(u, v < 0x80 ? (uint8_t)v : 0xff, h->off[0], ENC_JSON);
}

/* --- UTF-16: a NUL is dropped when the byte two before or two after is one, and its neighbours are not --- */

static void utf16_out(struct unescape *u, uint8_t c, uint64_t off)
{
	slash_in(u, c, off, u->dropped ? ENC_UTF16 : ENC_RAW);
	u->dropped = false;
}

static void utf16_in(struct unescape *u, uint8_t c, uint64_t off)
{
	struct hold *h = &u->utf16;
	struct hold was;

	if (h->n == 1) {
		if (c) {
			hold(h, c, off, ENC_RAW);
			goto shift;
		}
		h->n = 0;
		utf16_out(u, 0, h->off[0]);
	} else if (h->n == 2) {
		was = *h;
		h->n = 0;
		if (c)
			utf16_out(u, 0, was.off[0]);
		else
			u->dropped = true;
		utf16_out(u, was.byte[1], was.off[1]);
	}
	if (c) {
		utf16_out(u, c, off);
	} else if (u->last == 0) {
		utf16_out(u, c, off);
	} else if (u->before_last == 0) {
		u->dropped = true;
	} else {
		hold(h, c, off, ENC_RAW);
	}
shift:
	u->before_last = u->last;
	u->last = c;
}

size_t unescape_feed(struct unescape *u, struct span in, uint64_t off, uint8_t *out,
		     uint64_t *origin, size_t cap)
{
	size_t i = 0;

	u->out = out;
	u->origin = origin;
	u->cap = cap;
	u->len = 0;
	while (i < in.len) {
		size_t from = i;

		/* Plain stretches go straight through. */
		if (unescape_idle(u) && !u->dropped) {
			i += unescape_plain(span_sub(in, i, SIZE_MAX));
			if (i > from && u->len + (i - from) <= cap) {
				memcpy(out + u->len, in.p + from, i - from);
				for (size_t k = from; k < i; k++)
					origin[u->len + k - from] = ORIGIN(off + k, ENC_RAW);
				u->len += i - from;
				u->before_last = i - from > 1 ? (uint8_t)in.p[i - 2] : u->last;
				u->last = (uint8_t)in.p[i - 1];
			}
		}
		if (i < in.len) {
			utf16_in(u, (uint8_t)in.p[i], off + i);
			i++;
		}
	}
	return u->len;
}

size_t unescape_flush(struct unescape *u, uint8_t *out, uint64_t *origin, size_t cap)
{
	u->out = out;
	u->origin = origin;
	u->cap = cap;
	u->len = 0;
	if (u->utf16.n) {
		struct hold was = u->utf16;

		u->utf16.n = 0;
		for (unsigned int i = 0; i < was.n; i++)
			utf16_out(u, was.byte[i], was.off[i]);
	}
	release(u, &u->slash, entity_in);
	release(u, &u->entity, percent_in);
	release(u, &u->percent, emit);
	return u->len;
}
