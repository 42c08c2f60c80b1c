// SPDX-License-Identifier: BSD-2-Clause
#include "detect/values.h"

#include <errno.h>
#include <stdlib.h>

#include "base/fileio.h"
#include "detect/values_norm.h"
#include "detect/values_priv.h"

/* Every how many units a gram is indexed; see GRAM_STRIDE. A fragment of 12 bytes, 16 base64 characters or 24 digits has one. */
#define STEP_RAW 1
#define STEP_BASE64 2
#define STEP_HEX 5
#define FILE_MAX (16 * 1024 * 1024)

unsigned char form_unit(const struct value *v, enum form f, size_t i)
{
	static const char base64[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const unsigned char *p = (const unsigned char *)secret_span(v->raw).p;
	size_t bit;
	unsigned int two;

	switch (f) {
	case FORM_RAW:
		return (unsigned char)secret_span(v->norm ? v->norm : v->raw).p[i];
	case FORM_HEX:
		return (unsigned char)"0123456789abcdef"[i & 1 ? p[i / 2] & 15 : p[i / 2] >> 4];
	default:
		bit = base64_skip(f) + 6 * i;
		two = (unsigned int)p[bit / 8] << 8;
		if (bit % 8 > 2)
			two |= p[bit / 8 + 1];
		return (unsigned char)base64[two >> (10 - bit % 8) & 63];
	}
}

static bool hex_like(struct span s)
{
	for (size_t i = 0; i < s.len; i++) {
		char c = s.p[i];

		if (!((c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f') ||
		      c == '-' || c == '_'))
			return false;
	}
	return true;
}

/*
 * Text that people type or that stands in documentation, not a secret: few different bytes, a short
 * pattern repeated, or a row of the alphabet. A random hex value of 16 fails with a chance of 1 in 2 million.
 */
static bool low_variety(struct span s)
{
	bool seen[256] = { false };
	size_t distinct = 0, in_row = 0;

	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.p[i];

		distinct += !seen[c];
		seen[c] = true;
		if (i && (s.p[i] - s.p[i - 1] == 1 || s.p[i] - s.p[i - 1] == -1))
			in_row++;
	}
	if (distinct < 5 || in_row * 4 >= s.len * 3)
		return true;
	for (size_t period = 1; period <= 64 && period * 2 <= s.len; period++)
		if (!memcmp(s.p, s.p + period, s.len - period))
			return true;
	return false;
}

struct values *values_new(size_t max)
{
	struct values *v = calloc(1, sizeof(*v));

	if (!v)
		return NULL;
	v->max = max && max < VALUES_MAX ? max : VALUES_MAX;
	v->index = gram_index_new();
	return v->index ? v : values_free(v);
}

static void value_release(struct value *val)
{
	secret_free(val->raw);
	secret_free(val->norm);
	free(val->map);
	*val = (struct value){ 0 };
}

struct values *values_free(struct values *v)
{
	if (v) {
		for (size_t i = 0; i < VALUES_MAX; i++)
			value_release(&v->val[i]);
		gram_index_free(v->index);
		free(v);
	}
	return NULL;
}

typedef void (*gram_fn)(struct gram_index *ix, const unsigned char *gram, uint32_t ref);

/* Calls `fn` for each way in which the gram may be written, so that the stream needs no folding. */
static void each_writing(struct gram_index *ix, gram_fn fn, enum form f,
			 const unsigned char gram[GRAM_LEN], uint32_t ref)
{
	unsigned char other[GRAM_LEN];

	fn(ix, gram, ref);
	for (size_t i = 0; i < GRAM_LEN; i++) {
		unsigned char c = gram[i];

		if (f == FORM_HEX)
			c = c >= 'a' ? c & 0xdf : c;
		else if (f != FORM_RAW)
			c = c == '+' ? '-' : c == '/' ? '_' : c;
		other[i] = c;
	}
	if (memcmp(gram, other, sizeof(other)) != 0)
		fn(ix, other, ref);
	wipe(other, sizeof(other));
}

/* Calls `fn` for every gram of the value; with NULL counts them. */
static size_t each_gram(struct values *v, unsigned int slot, gram_fn fn)
{
	static const unsigned char steps[FORM_MAX] = { STEP_RAW, STEP_BASE64, STEP_BASE64,
						       STEP_BASE64, STEP_HEX };
	const struct value *val = &v->val[slot];
	unsigned char gram[GRAM_LEN];
	size_t n = 0;

	for (enum form f = FORM_RAW; f < FORM_MAX; f++) {
		size_t end = form_len(val, f);

		for (size_t i = form_private(val, f); i + GRAM_LEN <= end; i += steps[f]) {
			n += f == FORM_RAW ? 1 : 2;
			if (!fn)
				continue;
			for (size_t k = 0; k < GRAM_LEN; k++)
				gram[k] = form_unit(val, f, i + k);
			each_writing(v->index, fn, f, gram, ref_make(slot, f, i));
		}
	}
	wipe(gram, sizeof(gram));
	return n;
}

static int reindex(struct values *v)
{
	size_t grams = 0;
	int ret;

	for (unsigned int i = 0; i < VALUES_MAX; i++)
		if (v->val[i].id)
			grams += each_gram(v, i, NULL);
	/* As much again, so that the next reindexing is far. */
	ret = gram_index_reset(v->index, 2 * grams);
	if (ret)
		return ret;
	for (unsigned int i = 0; i < VALUES_MAX; i++)
		if (v->val[i].id)
			each_gram(v, i, gram_index_add);
	return 0;
}

static void drop_slot(struct values *v, unsigned int slot)
{
	struct value *val = &v->val[slot];
	int64_t id = val->id;

	each_gram(v, slot, gram_index_del);
	v->bytes -= val->len;
	v->len--;
	v->gen++;
	value_release(val);
	v->back = 0;
	for (size_t i = 0; i < VALUES_MAX; i++)
		if (v->val[i].id && v->val[i].prefix > v->back)
			v->back = v->val[i].prefix;
	if (v->back > PREFIX_BACK_MAX)
		v->back = PREFIX_BACK_MAX;
	if (v->on_drop)
		v->on_drop(v->on_drop_arg, id);
}

static void drop_oldest(struct values *v)
{
	unsigned int oldest = 0;
	uint64_t seen = UINT64_MAX;

	for (unsigned int i = 0; i < VALUES_MAX; i++)
		if (v->val[i].id && v->val[i].seen < seen) {
			seen = v->val[i].seen;
			oldest = i;
		}
	drop_slot(v, oldest);
}

static struct value *find_id(struct values *v, int64_t id)
{
	for (size_t i = 0; id > 0 && i < VALUES_MAX; i++)
		if (v->val[i].id == id)
			return &v->val[i];
	return NULL;
}

/* Fills norm, map and the normalised lengths. */
static int normalise(struct value *val)
{
	size_t room = NORM_ROOM((size_t)val->len);
	struct norm_out out = { calloc(room, 1), calloc(room, sizeof(uint32_t)), 0 };
	struct norm n = { 0 };
	size_t at = 0;
	int ret = -ENOMEM;

	if (!out.b || !out.meta)
		goto out;
	norm_feed(&n, secret_span(val->raw), &out);
	norm_flush(&n, &out);
	val->norm_len = (uint32_t)out.len;
	val->norm_prefix = val->prefix;
	ret = 0;
	if (span_eq(span_of(out.b, out.len), secret_span(val->raw)))
		goto out;
	ret = -ENOMEM;
	val->norm = secret_new(span_of(out.b, out.len));
	val->map = calloc(out.len + 1, sizeof(*val->map));
	if (!val->norm || !val->map)
		goto out;
	val->norm_prefix = 0;
	for (size_t i = 0; i < out.len; i++) {
		at += norm_lead(out.meta[i]);
		val->map[i] = (uint16_t)at;
		at += norm_own(out.meta[i]);
		if (at <= val->prefix)
			val->norm_prefix = (uint32_t)i + 1;
	}
	val->map[out.len] = (uint16_t)val->len;
	ret = 0;
out:
	if (out.b)
		wipe(out.b, room);
	free(out.b);
	free(out.meta);
	return ret;
}

/* Why a value is not searched for, in words; NULL when it is. */
static const char *unfit(struct span value, size_t prefix)
{
	if (value.len < VALUES_MIN_LEN)
		return "value shorter than 16 bytes is not searched for";
	if (value.len > VALUES_MAX_LEN)
		return "value longer than 16384 bytes is not searched for";
	if (prefix > value.len - VALUES_MIN_PART)
		return "value with fewer than 12 secret bytes is not searched for";
	if (low_variety(span_sub(value, prefix, value.len)))
		return "value of too little variety is not searched for";
	return NULL;
}

/*
 * Where the signature of a JWT begins, else `prefix`. Its claims stand in other tokens of the same issuer, for the same client
 * and user, and whoever has them can do nothing with them (RFC 7519, section 11.1).
 */
static size_t open_len(struct span value, size_t prefix)
{
	size_t dots = 0, last = 0;

	if (!prefix || values_jwt_prefix(value) != prefix)
		return prefix;
	for (size_t i = 0; i < value.len; i++) {
		if (value.p[i] != '.')
			continue;
		dots++;
		last = i + 1;
	}
	return dots == 2 ? last : prefix;
}

int64_t values_add(struct values *v, struct span value, enum secret_kind kind, size_t public_prefix)
{
	struct value val = { .kind = kind, .len = (uint32_t)value.len };
	unsigned int slot = 0;
	size_t secret_len;
	int ret;

	for (size_t i = 0; i < VALUES_MAX; i++)
		if (v->val[i].id && span_eq(secret_span(v->val[i].raw), value)) {
			v->val[i].seen = ++v->clock;
			return v->val[i].id;
		}
	if (unfit(value, public_prefix))
		return -EINVAL;
	secret_len = value.len - public_prefix;
	val.prefix = (uint32_t)public_prefix;
	val.open = (uint32_t)open_len(value, public_prefix);
	val.need = hex_like(span_sub(value, public_prefix, value.len)) ? VALUES_MIN_HEX
								       : VALUES_MIN_PART;
	if (val.need > secret_len)
		val.need = (uint32_t)secret_len;
	ret = -ENOMEM;
	val.raw = secret_new(value);
	if (!val.raw || normalise(&val))
		goto fail;
	/* Nothing in a JWT is normalised to anything else. */
	val.norm_open = val.norm ? val.norm_prefix : val.open;
	ret = -EINVAL;
	if (val.norm_len - val.norm_prefix < val.need)
		goto fail;

	while (v->len >= v->max || v->bytes + value.len > VALUES_MAX_BYTES)
		drop_oldest(v);
	while (v->val[slot].id)
		slot++;
	val.id = ++v->last_id;
	val.seen = ++v->clock;
	v->val[slot] = val;
	v->len++;
	v->bytes += value.len;
	v->gen++;
	if (v->back < public_prefix)
		v->back = public_prefix < PREFIX_BACK_MAX ? public_prefix : PREFIX_BACK_MAX;
	if (each_gram(v, slot, NULL) <= gram_index_room(v->index)) {
		each_gram(v, slot, gram_index_add);
	} else if (reindex(v)) {
		/* Nobody has heard of it yet. */
		v->len--;
		v->bytes -= value.len;
		value_release(&v->val[slot]);
		return -ENOMEM;
	}
	return val.id;
fail:
	value_release(&val);
	return ret;
}

void values_remove(struct values *v, int64_t id)
{
	struct value *val = find_id(v, id);

	if (val)
		drop_slot(v, (unsigned int)(val - v->val));
}

size_t values_len(const struct values *v)
{
	return v->len;
}

uint64_t values_generation(const struct values *v)
{
	return v ? v->gen : 0;
}

void values_set_kind(struct values *v, int64_t id, enum secret_kind kind)
{
	struct value *val = find_id(v, id);

	if (val)
		val->kind = kind;
}

size_t values_jwt_prefix(struct span value)
{
	size_t dots = 0, first = 0;

	/* {" in base64url: every JOSE header begins so, or with white space after the brace. */
	if (!span_starts(value, SPAN_LIT("ey")) && !span_starts(value, SPAN_LIT("ew")))
		return 0;
	for (size_t i = 0; i < value.len; i++) {
		char c = value.p[i];

		if (c == '.') {
			dots++;
			if (!first)
				first = i + 1;
		} else if (!((c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') ||
			     c == '-' || c == '_' || c == '=')) {
			return 0;
		}
	}
	return dots == 2 || dots == 4 ? first : 0;
}

void values_walk(const struct values *v, void (*fn)(void *arg, int64_t id, enum secret_kind kind),
		 void *arg)
{
	for (size_t i = 0; i < VALUES_MAX; i++)
		if (v->val[i].id)
			fn(arg, v->val[i].id, v->val[i].kind);
}

void values_on_drop(struct values *v, void (*fn)(void *arg, int64_t id), void *arg)
{
	v->on_drop = fn;
	v->on_drop_arg = arg;
}

struct known_file {
	struct span rest;
	size_t line;
};

/* The next value of the file, empty at its end. */
static struct span next_value(struct known_file *f)
{
	while (f->rest.len) {
		size_t nl = span_find_byte(f->rest, '\n');
		struct span line = span_sub(f->rest, 0, nl);

		f->rest = nl == SIZE_MAX ? SPAN_NONE : span_sub(f->rest, nl + 1, SIZE_MAX);
		f->line++;
		if (line.len && line.p[line.len - 1] == '\r')
			line.len--;
		if (line.len && line.p[0] != '#')
			return line;
	}
	return SPAN_NONE;
}

int values_add_file(struct values *v, const char *path, struct error *err)
{
	struct buf text = BUF_INIT_WIPE(FILE_MAX);
	struct known_file f;
	struct span value;
	size_t n = v->len, bytes = v->bytes;
	int64_t before = v->last_id;
	int ret = file_read_all(path, FILE_MAX, &text, err);

	if (ret)
		goto out;
	f = (struct known_file){ buf_span(&text), 0 };
	while ((value = next_value(&f)).len) {
		const char *why = unfit(value, values_jwt_prefix(value));

		if (span_find_byte(value, '\0') != SIZE_MAX)
			why = "NUL byte in a value";
		bytes += value.len;
		if (!why && (++n > v->max || bytes > VALUES_MAX_BYTES))
			why = "more values than are searched for at once";
		if (why) {
			ret = error_set(err, -EINVAL, "%s:%zu: %s", path, f.line, why);
			goto out;
		}
	}
	f = (struct known_file){ buf_span(&text), 0 };
	while ((value = next_value(&f)).len) {
		int64_t id = values_add(v, value, SECRET_BEARER, values_jwt_prefix(value));

		if (id < 0) {
			ret = error_set(
				err, (int)id, "%s:%zu: %s", path, f.line,
				id == -ENOMEM
					? "no locked memory left (RLIMIT_MEMLOCK, see ulimit -l)"
					: "value of too little variety is not searched for");
			while (before < v->last_id)
				values_remove(v, ++before);
			goto out;
		}
	}
out:
	buf_release(&text);
	return ret;
}
