/* SPDX-License-Identifier: BSD-2-Clause */
/* application/x-www-form-urlencoded (WHATWG URL 5). */
#include "proto/url.h"

bool form_next(struct span *rest, struct form_pair *ret)
{
	while (rest->len) {
		size_t amp = span_find_byte(*rest, '&'), eq;
		struct span pair = span_sub(*rest, 0, amp);

		*rest = span_sub(*rest, amp == SIZE_MAX ? rest->len : amp + 1, rest->len);
		if (!pair.len)
			continue;
		eq = span_find_byte(pair, '=');
		ret->name = span_sub(pair, 0, eq);
		ret->value = eq == SIZE_MAX ? SPAN_NONE : span_sub(pair, eq + 1, pair.len);
		return true;
	}
	return false;
}

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The character that stands at the front of `s` (not empty); the number of bytes it is written with. */
static size_t decode_one(struct span s, bool plus, char *ret)
{
	*ret = s.p[0];
	if (plus && s.p[0] == '+')
		*ret = ' ';
	if (s.p[0] == '%' && s.len >= 3 && hex(s.p[1]) >= 0 && hex(s.p[2]) >= 0) {
		*ret = (char)((unsigned)hex(s.p[1]) << 4 | (unsigned)hex(s.p[2]));
		return 3;
	}
	return 1;
}

int form_decode(struct span s, bool plus, struct buf *out)
{
	while (s.len && !out->err) {
		size_t plain = 0;
		char c;

		while (plain < s.len && s.p[plain] != '%' && !(plus && s.p[plain] == '+'))
			plain++;
		buf_add(out, s.p, plain);
		s = span_sub(s, plain, s.len);
		if (!s.len)
			break;
		s = span_sub(s, decode_one(s, plus, &c), s.len);
		buf_add_byte(out, c);
	}
	return out->err;
}

static bool name_is(struct span encoded, const char *name)
{
	char c;

	while (encoded.len) {
		encoded = span_sub(encoded, decode_one(encoded, true, &c), encoded.len);
		if (!*name || c != *name++)
			return false;
	}
	return !*name;
}

int form_get(struct span form, const char *name, struct buf *out)
{
	struct form_pair p;

	while (form_next(&form, &p)) {
		if (name_is(p.name, name)) {
			int err = form_decode(p.value, true, out);

			return err ? err : 1;
		}
	}
	return 0;
}
