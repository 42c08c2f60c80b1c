// SPDX-License-Identifier: BSD-2-Clause
#include "detect/pattern.h"

#include <errno.h>
#include <sodium.h>

struct cursor {
	const char *p, *end;
};

static void add_range(struct byte_set *set, unsigned int from, unsigned int to)
{
	for (unsigned int c = from; c <= to; c++)
		set_add(set, (uint8_t)c);
}

/* What follows a backslash: a class, or one byte. */
static bool add_escape(struct byte_set *set, char c)
{
	switch (c) {
	case 'd':
		add_range(set, '0', '9');
		return true;
	case 'w':
		add_range(set, '0', '9');
		add_range(set, 'A', 'Z');
		add_range(set, 'a', 'z');
		set_add(set, '_');
		return true;
	default:
		if ((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'))
			return false;
		set_add(set, (uint8_t)c);
		return true;
	}
}

int byte_set_parse(struct byte_set *set, struct span text, const char **why)
{
	size_t i = 0;

	memset(set, 0, sizeof(*set));
	while (i < text.len) {
		char c = text.p[i];

		if (c == '\\') {
			if (i + 1 >= text.len || !add_escape(set, text.p[i + 1])) {
				*why = "'\\' must be followed by d, w or punctuation";
				return -EINVAL;
			}
			i += 2;
		} else if (i + 2 < text.len && text.p[i + 1] == '-') {
			if ((uint8_t)text.p[i + 2] < (uint8_t)c) {
				*why = "a range in a class runs backwards";
				return -EINVAL;
			}
			add_range(set, (uint8_t)c, (uint8_t)text.p[i + 2]);
			i += 3;
		} else {
			set_add(set, (uint8_t)c);
			i++;
		}
	}
	if (!(set->w[0] | set->w[1] | set->w[2] | set->w[3])) {
		*why = "a class is empty";
		return -EINVAL;
	}
	return 0;
}

static bool parse_number(struct cursor *c, uint32_t *ret)
{
	const char *from = c->p;
	uint32_t v = 0;

	while (c->p < c->end && *c->p >= '0' && *c->p <= '9' && v < 100000)
		v = v * 10 + (uint32_t)(*c->p++ - '0');
	*ret = v;
	return c->p > from && v < 100000;
}

static int parse_quantifier(struct cursor *c, struct pattern_part *part, const char **why)
{
	part->min = part->max = 1;
	if (c->p == c->end)
		return 0;
	if (*c->p == '+') {
		c->p++;
		part->max = UINT32_MAX;
		return 0;
	}
	if (*c->p != '{')
		return 0;
	c->p++;
	*why = "a repeat count must be {n}, {n,m} or {n,} with n <= m < 100000";
	if (!parse_number(c, &part->min) || c->p == c->end)
		return -EINVAL;
	part->max = part->min;
	if (*c->p == ',') {
		c->p++;
		part->max = UINT32_MAX;
		if (c->p < c->end && *c->p != '}' && !parse_number(c, &part->max))
			return -EINVAL;
	}
	if (c->p == c->end || *c->p != '}' || part->max < part->min || !part->max)
		return -EINVAL;
	c->p++;
	return 0;
}

static int parse_class(struct cursor *c, struct pattern_part *part, const char **why)
{
	const char *from = ++c->p;

	while (c->p < c->end && *c->p != ']')
		c->p += *c->p == '\\' && c->p + 1 < c->end ? 2 : 1;
	if (c->p >= c->end) {
		*why = "'[' without ']'";
		return -EINVAL;
	}
	if (*from == '^') {
		*why = "negated classes are not supported; list the bytes that may occur";
		return -EINVAL;
	}
	int r = byte_set_parse(&part->set, span_of(from, (size_t)(c->p - from)), why);
	c->p++;
	return r;
}

/* Takes one byte of literal text into `*ret`: 1, 0 when the text does not go on literally, or -EINVAL. */
static int literal_byte(struct cursor *c, char *ret)
{
	if (c->p == c->end || *c->p == '[')
		return 0;
	if (*c->p == '\\') {
		if (c->p + 1 >= c->end || c->p[1] == 'd' || c->p[1] == 'w')
			return 0;
		*ret = c->p[1];
		c->p += 2;
		return 1;
	}
	if (strchr("(){}|*?+^$", *c->p))
		return -EINVAL;
	*ret = *c->p++;
	return 1;
}

/* True when `part` can begin with a byte of `set`. */
static bool starts_in(const struct pattern *p, const struct pattern_part *part,
		      const struct byte_set *set)
{
	if (part->lit_len)
		return set_has(set, (uint8_t)p->text[part->lit_off]);
	return (part->set.w[0] & set->w[0]) | (part->set.w[1] & set->w[1]) |
	       (part->set.w[2] & set->w[2]) | (part->set.w[3] & set->w[3]);
}

static int measure(struct pattern *p, const char **why)
{
	uint64_t min = 0, max = 0;

	p->anchor = SPAN_NONE;
	for (unsigned int i = 0; i < p->n; i++) {
		const struct pattern_part *part = &p->part[i];

		if (part->lit_len) {
			if (min == max && part->lit_len > p->anchor.len) {
				p->anchor = span_of(p->text + part->lit_off, part->lit_len);
				p->anchor_at = (uint32_t)min;
			}
			min += part->lit_len;
			max += part->lit_len;
			continue;
		}
		if (part->min != part->max && i + 1 < p->n &&
		    (starts_in(p, &p->part[i + 1], &part->set) || !part->min)) {
			*why = "a class of variable length is followed by something that may begin "
			       "with its own bytes; fix its length or narrow the class";
			return -EINVAL;
		}
		p->tail = part->set;
		min += part->min;
		max += part->max;
	}
	p->min_len = (uint32_t)min;
	p->max_len = max >= UINT32_MAX ? UINT32_MAX : (uint32_t)max;
	return 0;
}

int pattern_parse(struct pattern *p, struct span text, const char **why)
{
	struct cursor c = { text.p, text.p + text.len };
	uint16_t lit = 0;
	int r;

	memset(p, 0, sizeof(*p));
	*why = "a pattern must have 1 to 511 bytes";
	if (!text.len || text.len >= PATTERN_MAX_TEXT)
		return -EINVAL;
	while (c.p < c.end) {
		struct pattern_part *part = &p->part[p->n];
		char b;

		if (p->n == PATTERN_MAX_PARTS) {
			*why = "a pattern has too many parts (at most 24)";
			return -EINVAL;
		}
		part->lit_off = lit;
		while ((r = literal_byte(&c, &b)) > 0) {
			p->text[lit++] = b;
			part->lit_len++;
		}
		if (r) {
			*why = "only literals, classes and {n,m} are supported; put '\\' before "
			       "punctuation that is meant as it is";
			return r;
		}
		if (!part->lit_len) {
			if (*c.p == '[') {
				r = parse_class(&c, part, why);
			} else if (c.p + 1 < c.end) {
				r = add_escape(&part->set, c.p[1]) ? 0 : -EINVAL;
				c.p += 2;
			} else {
				*why = "'\\' at the end";
				r = -EINVAL;
			}
			if (!r)
				r = parse_quantifier(&c, part, why);
			if (r)
				return r;
		}
		p->n++;
	}
	return measure(p, why);
}

enum pattern_result pattern_step(const struct pattern *p, struct pattern_state *st, struct span in,
				 size_t *used)
{
	size_t i = 0;

	while (i < in.len) {
		const struct pattern_part *part = &p->part[st->part];
		uint8_t c = (uint8_t)in.p[i];

		if (st->part >= p->n) {
			/* Past a final literal. */
			*used = i;
			return set_has(&p->tail, c) ? PATTERN_FAIL : PATTERN_MATCH;
		}
		if (part->lit_len) {
			if (c != (uint8_t)p->text[part->lit_off + st->count])
				goto fail;
			i++;
			st->len++;
			if (++st->count == part->lit_len) {
				st->part++;
				st->count = 0;
			}
			continue;
		}
		if (set_has(&part->set, c)) {
			if (st->count == part->max) {
				/* Too long, unless the next part takes it. */
				if (st->part + 1u == p->n)
					goto fail;
				st->part++;
				st->count = 0;
				continue;
			}
			i++;
			st->count++;
			st->len++;
			continue;
		}
		if (st->count < part->min)
			goto fail;
		if (st->part + 1u == p->n) {
			*used = i;
			return PATTERN_MATCH;
		}
		st->part++;
		st->count = 0;
	}
	*used = i;
	return PATTERN_MORE;
fail:
	*used = i;
	return PATTERN_FAIL;
}

bool pattern_ends(const struct pattern *p, const struct pattern_state *st)
{
	if (st->part >= p->n)
		return true;
	return st->part + 1u == p->n && !p->part[st->part].lit_len &&
	       st->count >= p->part[st->part].min;
}

static bool mixed(struct span s, const struct byte_set *set)
{
	unsigned int d = 0, u = 0, l = 0;

	for (size_t i = 0; i < s.len; i++) {
		d += s.p[i] >= '0' && s.p[i] <= '9';
		u += s.p[i] >= 'A' && s.p[i] <= 'Z';
		l += s.p[i] >= 'a' && s.p[i] <= 'z';
	}
	return (!set_has(set, '1') || d >= 2) && (!set_has(set, 'B') || u >= 2) &&
	       (!set_has(set, 'b') || l >= 2);
}

int byte_set_generate(const struct byte_set *set, size_t n, struct buf *out)
{
	uint8_t all[256];
	unsigned int count = 0;
	size_t at = out->len;

	for (unsigned int c = 0; c < 256; c++) {
		if (set_has(set, (uint8_t)c))
			all[count++] = (uint8_t)c;
	}
	if (buf_reserve(out, n))
		return out->err;
	do {
		out->len = at;
		for (size_t i = 0; i < n; i++)
			buf_add_byte(out, (char)all[randombytes_uniform(count)]);
	} while (n >= 12 && !out->err && !mixed(span_of(out->p + at, n), set));
	return out->err;
}

int pattern_generate(const struct pattern *p, unsigned int extra, struct buf *out)
{
	for (unsigned int i = 0; i < p->n; i++) {
		const struct pattern_part *part = &p->part[i];
		uint32_t n = part->min;

		if (part->lit_len) {
			buf_add(out, p->text + part->lit_off, part->lit_len);
			continue;
		}
		n += part->max - part->min < extra ? part->max - part->min : extra;
		byte_set_generate(&part->set, n, out);
		/* A full stop at the end would be the sentence's. */
		while (!out->err && i + 1 == p->n && n && out->p[out->len - 1] == '.') {
			out->len--;
			byte_set_generate(&part->set, 1, out);
		}
	}
	return out->err;
}
