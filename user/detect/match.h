/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Finds many short literals in a byte stream: the last four bytes of each, case folded, are looked up in a bitmap
 * (8 KiB) at every byte, and what passes is compared in full. Exact, and in any cut: its
 * whole state is the last four bytes.
 */
#ifndef BT_DETECT_MATCH_H
#define BT_DETECT_MATCH_H

#include "base/span.h"

#define ANCHOR_MAX_LEN 32
#define MATCH_START 0x20202020u /* state before the first byte */

enum anchor_what {
	ANCHOR_TOKEN,  /* id: rule, sub: pattern */
	ANCHOR_REGEX,  /* id: rule */
	ANCHOR_SCHEME, /* id: rule */
	ANCHOR_JWT,    /* id: rule */
	ANCHOR_KEY,    /* the last word of a key name */
	ANCHOR_OAUTH,  /* a word that says OAuth parameters are near */
	ANCHOR_BASE64, /* a literal in base64; sub: 0..2 bytes stand before it in its group of three */
	ANCHOR_HEX,    /* a literal in hex */
};

struct anchor {
	char text[ANCHOR_MAX_LEN];
	uint8_t len; /* 3..ANCHOR_MAX_LEN */
	uint8_t what;
	uint8_t sub;
	bool fold; /* either case */
	uint16_t id;
	uint32_t gram; /* set by match_add: its last four bytes */
	int32_t next;  /* with the same hash, or -1 */
};

struct match {
	uint64_t bits[1024];
	int32_t head[4096];
	struct anchor *anchors;
	size_t n, cap;
};

struct match *match_new(void);
struct match *match_free(struct match *m);
/* Copies `a` (its `text` cut to the last ANCHOR_MAX_LEN bytes by the caller). An equal one is not put in twice. */
int match_add(struct match *m, const struct anchor *a);

static inline uint32_t match_hash(uint32_t gram)
{
	return (gram * 2654435761u) >> 16;
}

/* The last four bytes as a little-endian word, each | 0x20. */
static inline uint32_t match_roll(uint32_t state, uint8_t c)
{
	return state >> 8 | (c | 0x20u) << 24;
}

static inline bool match_maybe(const struct match *m, uint32_t state)
{
	uint32_t h = match_hash(state);

	return m->bits[h >> 6] >> (h & 63) & 1;
}

/*
 * The next byte at or after `from` where some anchor may end, or text.len; `state` goes along. With `from` past it,
 * call match_each there.
 */
size_t match_skip(const struct match *m, struct span text, size_t from, uint32_t *state);
/* First anchor that ends with byte `end` of text, going on from `prev` (NULL to begin); NULL when no more. */
const struct anchor *match_next(const struct match *m, struct span text, size_t end, uint32_t state,
				const struct anchor *prev);

#endif /* BT_DETECT_MATCH_H */
