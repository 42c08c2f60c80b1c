/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The shape of a token, in a small subset of regular expressions that needs no backtracking:
 *
 *	gho_[A-Za-z0-9]{36}		literal bytes; classes with {n}, {n,m} or {n,}
 *	xapp-\d-[A-Z0-9]+		\d = [0-9]; \w = [A-Za-z0-9_]; '+' = {1,}; '\' takes the next byte as it is
 *
 * A class of variable length must be followed by something that cannot start with a byte of that class, so the
 * greedy match is the only one and one byte after the other decides it, in any cut.
 */
#ifndef BT_DETECT_PATTERN_H
#define BT_DETECT_PATTERN_H

#include "base/buf.h"
#include "base/log.h"

#define PATTERN_MAX_PARTS 24
#define PATTERN_MAX_TEXT 512

struct byte_set {
	uint64_t w[4];
};

static inline bool set_has(const struct byte_set *s, uint8_t c)
{
	return s->w[c >> 6] >> (c & 63) & 1;
}

static inline void set_add(struct byte_set *s, uint8_t c)
{
	s->w[c >> 6] |= 1ULL << (c & 63);
}

/* Either literal bytes (lit_len > 0) or a class repeated min..max times. */
struct pattern_part {
	uint16_t lit_off, lit_len; /* in pattern.text */
	uint32_t min, max;
	struct byte_set set;
};

struct pattern {
	char text[PATTERN_MAX_TEXT]; /* all literals, unescaped, one after the other */
	unsigned int n;
	struct pattern_part part[PATTERN_MAX_PARTS];
	uint32_t min_len, max_len; /* of the whole; max_len UINT32_MAX when open */
	struct byte_set tail;      /* the last class: what must not follow the token */
	/* The longest literal at a fixed distance from the start. */
	uint32_t anchor_at;
	struct span anchor;
};

/* Fills `p` from its text. 0, or -EINVAL with the fault in `why`. */
int pattern_parse(struct pattern *p, struct span text, const char **why);
/* The inside of a class without its brackets: "A-Za-z0-9_". Also `\w`, `\d`. */
int byte_set_parse(struct byte_set *set, struct span text, const char **why);

/* Where a match stands; zeroed to begin. */
struct pattern_state {
	uint16_t part;
	uint32_t count; /* bytes taken by that part */
	uint32_t len;   /* bytes taken in all */
};

enum pattern_result { PATTERN_MORE, PATTERN_MATCH, PATTERN_FAIL };

/*
 * Takes bytes of `in`; *used says how many. PATTERN_MATCH: the token is the st->len bytes so far, and the byte at *used
 * is the first one that does not belong to it.
 */
enum pattern_result pattern_step(const struct pattern *p, struct pattern_state *st, struct span in,
				 size_t *used);
/* As if a byte came that fits nowhere. */
bool pattern_ends(const struct pattern *p, const struct pattern_state *st);

/*
 * Adds a random text that matches: classes of variable length get `extra` bytes over their minimum
 * where they may. Classes of 12 or more get two of each of digits, upper and lower case that they have.
 */
int pattern_generate(const struct pattern *p, unsigned int extra, struct buf *out);
/* n random bytes of `set`, the same way. */
int byte_set_generate(const struct byte_set *set, size_t n, struct buf *out);

#endif /* BT_DETECT_PATTERN_H */
