/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The normalised form of a byte stream in which known values are looked for: backslashes, NULs (UTF-16), CR, LF and the
 * indentation after a line break are dropped; %XX, \uXXXX, \xXX and HTML character references are decoded, over and over until
 * nothing is left to decode. A value is normalised the same way before it is indexed, so the two always agree.
 * Bytes come in any cut; at most NORM_PEND bytes of an unfinished escape wait for the next piece.
 */
#ifndef BT_DETECT_VALUES_NORM_H
#define BT_DETECT_VALUES_NORM_H

#include "base/span.h"

#define NORM_PEND 10
/* A byte that no normalised value holds by chance: stands where text is broken (64 dropped bytes, \u0100 and up). */
#define NORM_BREAK '\n'

/* How a byte was written. */
#define NORM_JSON 0x1
#define NORM_PERCENT 0x2
#define NORM_UTF16 0x4
#define NORM_HTML 0x8

/*
 * One normalised byte's place in the raw stream: `lead` bytes dropped before it, `lf` of them
 * line feeds, and `own` bytes that it was written with.
 */
static inline uint32_t norm_meta(unsigned int own, unsigned int lead, unsigned int lf,
				 unsigned int flags)
{
	return own | lead << 12 | (lf > 0xff ? 0xffu : lf) << 20 | flags << 28;
}

static inline unsigned int norm_own(uint32_t meta)
{
	return meta & 0xfff;
}

static inline unsigned int norm_lead(uint32_t meta)
{
	return meta >> 12 & 0xff;
}

static inline unsigned int norm_lf(uint32_t meta)
{
	return meta >> 20 & 0xff;
}

static inline unsigned int norm_flags(uint32_t meta)
{
	return meta >> 28;
}

struct norm_byte {
	uint16_t own, lead, lf;
	uint8_t c, flags;
};

/* All zero is the start of a stream. */
struct norm {
	struct norm_byte pend[NORM_PEND]; /* an escape that is not complete */
	uint32_t lines;                   /* line feeds so far */
	uint16_t lead, lf;                /* dropped since the last byte */
	uint8_t flags;
	uint8_t n;
	bool wrapped; /* after a line break: indentation is dropped */
};

/* Where normalised bytes go; `b` and `meta` must have room for NORM_ROOM(raw bytes fed). */
struct norm_out {
	unsigned char *b;
	uint32_t *meta;
	size_t len;
};
#define NORM_ROOM(n) ((n) + NORM_PEND + 2)

void norm_feed(struct norm *n, struct span raw, struct norm_out *out);
/*
 * End of the text: an unfinished escape is plain text. What was dropped last belongs to no byte and is forgotten, but
 * for the count of lines.
 */
void norm_flush(struct norm *n, struct norm_out *out);
/* Raw bytes taken in that no byte given out accounts for yet, and line feeds among them. */
size_t norm_held(const struct norm *n, unsigned int *lf);

#endif /* BT_DETECT_VALUES_NORM_H */
