/* SPDX-License-Identifier: BSD-2-Clause */
/* The values as their store (values.c) and their search (values_scan.c) share them. */
#ifndef BT_DETECT_VALUES_PRIV_H
#define BT_DETECT_VALUES_PRIV_H

#include "base/secmem.h"
#include "detect/gram.h"
#include "detect/values.h"

/* Longest public prefix that a match is followed back through, across feeds. */
#define PREFIX_BACK_MAX 512

/*
 * The forms in which a value is looked for in the normalised stream. A form is a string of units, made from the value when
 * needed and never stored: bytes of the normalised value, base64 characters that lie wholly in the value when it
 * begins at byte 0, 1 or 2 of a group of three, or hex digits.
 */
enum form { FORM_RAW, FORM_BASE64_0, FORM_BASE64_1, FORM_BASE64_2, FORM_HEX, FORM_MAX };

struct value {
	int64_t id; /* 0: a free slot */
	enum secret_kind kind;
	uint64_t seen; /* values.clock when last seen */
	struct secret *raw;
	struct secret *norm; /* the normalised value; NULL: the same as raw */
	uint16_t *map;       /* with norm: where in the raw value each of its bytes begins */
	uint32_t len, norm_len;
	uint32_t prefix, norm_prefix; /* public bytes, which are not indexed */
	uint32_t open, norm_open;     /* bytes that prove no leak: those, and the claims of a JWT */
	uint32_t need;                /* least fragment, bytes */
};

struct values {
	struct value val[VALUES_MAX];
	size_t max, len;
	size_t bytes; /* of all values */
	size_t back;  /* longest public prefix, at most PREFIX_BACK_MAX */
	int64_t last_id;
	uint64_t clock;
	uint64_t gen; /* changes whenever a value is added or goes */
	struct gram_index *index;
	void (*on_drop)(void *arg, int64_t id);
	void *on_drop_arg;
};

static inline unsigned int base64_skip(enum form f)
{
	/* Bits of the value before the first character that is wholly its own. */
	return f == FORM_BASE64_1 ? 4 : f == FORM_BASE64_2 ? 2 : 0;
}

static inline size_t form_len(const struct value *v, enum form f)
{
	switch (f) {
	case FORM_RAW:
		return v->norm_len;
	case FORM_HEX:
		return 2 * (size_t)v->len;
	default:
		return (8 * (size_t)v->len - base64_skip(f)) / 6;
	}
}

/* The first unit that is not public. */
static inline size_t form_private(const struct value *v, enum form f)
{
	switch (f) {
	case FORM_RAW:
		return v->norm_prefix;
	case FORM_HEX:
		return 2 * (size_t)v->prefix;
	default:
		return v->prefix ? (8 * (size_t)v->prefix - base64_skip(f) + 5) / 6 : 0;
	}
}

/* The first unit that nobody has who was not given the value. */
static inline size_t form_secret(const struct value *v, enum form f)
{
	switch (f) {
	case FORM_RAW:
		return v->norm_open;
	case FORM_HEX:
		return 2 * (size_t)v->open;
	default:
		return v->open ? (8 * (size_t)v->open - base64_skip(f) + 5) / 6 : 0;
	}
}

/* Units that a fragment must have. */
static inline size_t form_need(const struct value *v, enum form f)
{
	switch (f) {
	case FORM_RAW:
		return v->need;
	case FORM_HEX:
		return 2 * (size_t)v->need;
	default:
		return (size_t)v->need * 8 / 6;
	}
}

/* Unit `i` in its canonical writing: standard base64 alphabet, lower-case hex. */
unsigned char form_unit(const struct value *v, enum form f, size_t i);
/* `c` with other ways of writing the same unit folded. */
static inline unsigned char form_fold(enum form f, unsigned char c)
{
	if (f == FORM_RAW)
		return c;
	if (f == FORM_HEX)
		return c >= 'A' && c <= 'F' ? c | 0x20 : c;
	return c == '-' ? '+' : c == '_' ? '/' : c;
}

static inline uint32_t ref_make(unsigned int slot, enum form f, size_t i)
{
	return slot << 20 | (uint32_t)f << 16 | (uint32_t)i;
}

static inline unsigned int ref_slot(uint32_t ref)
{
	return ref >> 20;
}

static inline enum form ref_form(uint32_t ref)
{
	return (enum form)(ref >> 16 & 0xf);
}

static inline size_t ref_unit(uint32_t ref)
{
	return ref & 0xffff;
}

#endif /* BT_DETECT_VALUES_PRIV_H */
