// SPDX-License-Identifier: BSD-2-Clause
#include "detect/values_norm.h"

#include "base/bytes.h"
#include "base/secmem.h"

/* More dropped bytes in a row, or a longer escape, than any real text has: the text is broken there. */
#define LEAD_MAX 64
#define OWN_MAX 64

/* Bytes that are not the same normalised. */
static const unsigned char specials[BYTES_SET] = { '\\', '%', '&', '\0', '\n', '\r' };

typedef uint32_t meta_vec __attribute__((vector_size(16)));

static void fill_plain(uint32_t *meta, size_t len)
{
	const uint32_t one = norm_meta(1, 0, 0, 0);
	const meta_vec four = { one, one, one, one };
	size_t i = 0;

	/* gcc -O2 leaves a plain loop a byte at a time. */
	for (; i + 4 <= len; i += 4)
		memcpy(meta + i, &four, sizeof(four));
	for (; i < len; i++)
		meta[i] = one;
}

static int hex_digit(unsigned char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool is_alnum(unsigned char c)
{
	return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
}

static void emit(struct norm *n, struct norm_out *out, struct norm_byte t)
{
	n->wrapped = false;
	out->b[out->len] = t.c;
	out->meta[out->len++] = norm_meta(t.own, t.lead, t.lf, t.flags);
}

static void emit_break(struct norm *n, struct norm_out *out, struct norm_byte t)
{
	t.c = NORM_BREAK;
	emit(n, out, t);
}

/* `t` becomes the end of the escape that `into` began. */
static void join(struct norm_byte *into, struct norm_byte t)
{
	into->own += t.lead + t.own;
	into->lf += t.lf;
	into->flags |= t.flags;
}

/* Gives out a pending escape that is none. Only its first byte can be one that starts an escape. */
static void emit_pending(struct norm *n, struct norm_out *out)
{
	unsigned int i = 0;

	if (n->n > 1 && n->pend[0].c == '\\') {
		join(&n->pend[0], n->pend[1]);
		n->pend[0].c = n->pend[1].c;
		n->pend[0].flags |= NORM_JSON;
		emit(n, out, n->pend[0]);
		i = 2;
	} else if (n->n == 1 && n->pend[0].c == '\\') {
		emit_break(n, out, n->pend[0]);
		i = 1;
	}
	for (; i < n->n; i++)
		emit(n, out, n->pend[i]);
	n->n = 0;
}

/* A byte that normalised text does not have. It is accounted for by the next that is given out. */
static void drop(struct norm *n, struct norm_out *out, struct norm_byte t)
{
	n->lead += t.lead + t.own;
	n->lf += t.lf;
	if (t.c == '\0')
		n->flags |= NORM_UTF16;
	else if (t.c == '\n' || t.c == '\r')
		n->wrapped = true;
	if (n->lead < LEAD_MAX)
		return;
	emit_pending(n, out);
	emit_break(n, out, (struct norm_byte){ .own = n->lead, .lf = n->lf });
	n->lead = n->lf = n->flags = 0;
}

/* HTML 13.2.5.72: decimal, hexadecimal, and the names of ASCII punctuation that tokens and URLs hold. -1: none. */
static int entity(const struct norm_byte *t, unsigned int len)
{
	static const struct {
		char name[8];
		char c;
	} names[] = { { "amp", '&' },    { "lt", '<' },      { "gt", '>' },    { "quot", '"' },
		      { "apos", '\'' },  { "plus", '+' },    { "sol", '/' },   { "equals", '=' },
		      { "lowbar", '_' }, { "percnt", '%' },  { "colon", ':' }, { "period", '.' },
		      { "bsol", '\\' },  { "dollar", '$' },  { "num", '#' },   { "excl", '!' },
		      { "comma", ',' },  { "commat", '@' },  { "semi", ';' },  { "verbar", '|' },
		      { "vert", '|' },   { "NewLine", '\n' } };
	char name[NORM_PEND];
	bool hex;
	int c = 0;

	for (unsigned int i = 0; i < len; i++)
		name[i] = (char)t[i].c;
	if (!len)
		return -1;
	if (name[0] != '#') {
		for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
			if (span_eq_str(span_of(name, len), names[i].name))
				return (unsigned char)names[i].c;
		return -1;
	}
	hex = len > 1 && (name[1] | 0x20) == 'x';
	if (len == 1u + hex)
		return -1;
	for (unsigned int i = 1u + hex; i < len; i++) {
		int d = hex_digit((unsigned char)name[i]);

		if (d < 0 || (!hex && d > 9))
			return -1;
		c = c * (hex ? 16 : 10) + d;
		if (c > 0xff)
			return -1;
	}
	return c;
}

/* Replaces the pending escape, whose last byte is `t`, by the byte `c` that it stands for; -1 for one that no value has. */
static struct norm_byte decoded(struct norm *n, struct norm_byte t, int c, unsigned int flag)
{
	struct norm_byte r = n->pend[0];

	for (unsigned int i = 1; i < n->n; i++)
		join(&r, n->pend[i]);
	join(&r, t);
	r.c = c < 0 ? NORM_BREAK : (unsigned char)c;
	r.flags |= flag;
	n->n = 0;
	return r;
}

static int pending_hex(const struct norm *n, unsigned int from, unsigned char last)
{
	int c = 0;

	for (unsigned int i = from; i < n->n; i++)
		c = c << 4 | hex_digit(n->pend[i].c);
	return c << 4 | hex_digit(last);
}

enum step { STEP_TAKEN, STEP_DECODED, STEP_FAILED };

/* One more byte of an escape that a run of backslashes began. */
static enum step step_backslash(struct norm *n, struct norm_out *out, struct norm_byte *t)
{
	unsigned int digits;
	int c;

	if (n->n == 1) {
		switch (t->c) {
		case '\\':
			join(&n->pend[0], *t);
			if (n->pend[0].own > OWN_MAX) {
				emit_break(n, out, n->pend[0]);
				n->n = 0;
			}
			return STEP_TAKEN;
		case 'u':
		case 'x':
			n->pend[n->n++] = *t;
			return STEP_TAKEN;
		case 'n':
		case 'r':
			*t = decoded(n, *t, '\n', NORM_JSON);
			return STEP_DECODED;
		case 't':
			*t = decoded(n, *t, '\t', NORM_JSON);
			return STEP_DECODED;
		default:
			*t = decoded(n, *t, t->c, NORM_JSON);
			return STEP_DECODED;
		}
	}
	if (hex_digit(t->c) < 0)
		return STEP_FAILED;
	digits = n->pend[1].c == 'u' ? 4 : 2;
	if (n->n - 2u + 1 < digits) {
		n->pend[n->n++] = *t;
		return STEP_TAKEN;
	}
	c = pending_hex(n, 2, t->c);
	if (c > 0xff) {
		emit_break(n, out, decoded(n, *t, -1, NORM_JSON));
		return STEP_TAKEN;
	}
	*t = decoded(n, *t, c, NORM_JSON);
	return STEP_DECODED;
}

static enum step step_percent(struct norm *n, struct norm_byte *t)
{
	if (hex_digit(t->c) < 0)
		return STEP_FAILED;
	if (n->n < 2) {
		n->pend[n->n++] = *t;
		return STEP_TAKEN;
	}
	*t = decoded(n, *t, pending_hex(n, 1, t->c), NORM_PERCENT);
	return STEP_DECODED;
}

static enum step step_entity(struct norm *n, struct norm_byte *t)
{
	int c;

	if (t->c == ';') {
		c = entity(n->pend + 1, n->n - 1u);
		if (c < 0)
			return STEP_FAILED;
		*t = decoded(n, *t, c, NORM_HTML);
		return STEP_DECODED;
	}
	if (n->n == NORM_PEND || !(is_alnum(t->c) || (t->c == '#' && n->n == 1)))
		return STEP_FAILED;
	n->pend[n->n++] = *t;
	return STEP_TAKEN;
}

/* Takes one byte, raw or decoded from an escape. Ends: each round gives the byte out, or takes several for one. */
static void put(struct norm *n, struct norm_out *out, struct norm_byte t)
{
	for (;;) {
		enum step step;

		if (!n->n) {
			if (t.own > OWN_MAX)
				return emit_break(n, out, t);
			if (t.c == '\0' || t.c == '\n' || t.c == '\r' ||
			    (n->wrapped && (t.c == ' ' || t.c == '\t')))
				return drop(n, out, t);
			if (t.c != '\\' && t.c != '%' && t.c != '&')
				return emit(n, out, t);
			n->pend[n->n++] = t;
			return;
		}
		switch (n->pend[0].c) {
		case '\\':
			step = step_backslash(n, out, &t);
			break;
		case '%':
			step = step_percent(n, &t);
			break;
		default:
			step = step_entity(n, &t);
			break;
		}
		if (step == STEP_TAKEN)
			return;
		if (step == STEP_FAILED)
			emit_pending(n, out);
	}
}

static void put_raw(struct norm *n, struct norm_out *out, unsigned char c)
{
	struct norm_byte t = { .own = 1, .c = c };

	if (c == '\0' || c == '\n' || c == '\r' ||
	    (n->wrapped && !n->n && (c == ' ' || c == '\t'))) {
		t.lf = c == '\n';
		n->lines += t.lf;
		drop(n, out, t);
		return;
	}
	t.lead = n->lead;
	t.lf = n->lf;
	t.flags = n->flags;
	n->lead = n->lf = n->flags = 0;
	put(n, out, t);
}

void norm_feed(struct norm *n, struct span raw, struct norm_out *out)
{
	const unsigned char *p = (const unsigned char *)raw.p;
	size_t i = 0;

	while (i < raw.len) {
		size_t run;

		if (!n->n && !n->lead && p[i] == '\\' && i + 1 < raw.len && p[i + 1] == '"') {
			/* JSON in JSON is full of these: the same as two put_raw(), but faster. */
			emit(n, out, (struct norm_byte){ 2, 0, 0, '"', NORM_JSON });
			i += 2;
			continue;
		}
		run = n->n || n->lead || n->wrapped
			      ? 0
			      : bytes_run_without(p + i, raw.len - i, specials);
		if (!run) {
			put_raw(n, out, p[i++]);
			continue;
		}
		memcpy(out->b + out->len, p + i, run);
		fill_plain(out->meta + out->len, run);
		out->len += run;
		i += run;
	}
}

void norm_flush(struct norm *n, struct norm_out *out)
{
	uint32_t lines = n->lines;

	/* Backslashes at the end of the text are dropped like any others. */
	if (n->n != 1 || n->pend[0].c != '\\')
		emit_pending(n, out);
	wipe(n, sizeof(*n));
	n->lines = lines;
}

size_t norm_held(const struct norm *n, unsigned int *lf)
{
	size_t held = n->lead;

	*lf = n->lf;
	for (unsigned int i = 0; i < n->n; i++) {
		held += n->pend[i].lead + n->pend[i].own;
		*lf += n->pend[i].lf;
	}
	return held;
}
