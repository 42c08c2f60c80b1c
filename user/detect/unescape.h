/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Takes one layer after another of a byte stream's dress off, in one pass and in any cut: UTF-16 (ASCII in it), backslash escapes
 * (JSON, Python and JavaScript, nested to any depth: `\\\"` is `"`), terminal colour sequences, HTML character
 * references, and %XX (nested: %2526 is '&'). Bytes that are none of these pass unchanged.
 */
#ifndef BT_DETECT_UNESCAPE_H
#define BT_DETECT_UNESCAPE_H

#include "detect/hit.h"

/* Each output byte's origin: the raw offset where it began, and the dress that was taken off it. */
#define ORIGIN(off, enc) ((uint64_t)(off) << 3 | (uint64_t)(enc))
#define ORIGIN_OFF(o) ((o) >> 3)
#define ORIGIN_ENC(o) ((enum encoding)((o)&7))

/* Bytes that a stage holds while it cannot tell yet. */
#define HOLD_MAX 24

struct hold {
	uint8_t n;
	uint8_t byte[HOLD_MAX];
	uint8_t enc[HOLD_MAX];
	uint64_t off[HOLD_MAX];
};

struct unescape {
	struct hold utf16, slash, entity, percent;
	int16_t last, before_last; /* raw bytes; -1 = none */
	bool dropped;              /* a NUL was dropped since the last byte given out */
	/* Output of the current call. */
	uint8_t *out;
	uint64_t *origin;
	size_t len, cap;
};

/* Output never exceeds the input plus this. */
#define UNESCAPE_SLACK (4 * HOLD_MAX)

/* Length of the run at the start of `in` without any byte that makes this pass worth while: \ % & NUL ESC. */
size_t unescape_plain(struct span in);
void unescape_init(struct unescape *u);
/*
 * Decodes `in`, whose first byte has raw offset `off`, into out/origin, with room for in.len + UNESCAPE_SLACK.
 * Returns the bytes written.
 */
size_t unescape_feed(struct unescape *u, struct span in, uint64_t off, uint8_t *out,
		     uint64_t *origin, size_t cap);
/* Gives out what is held. */
size_t unescape_flush(struct unescape *u, uint8_t *out, uint64_t *origin, size_t cap);
/* Bytes held back. */
bool unescape_idle(const struct unescape *u);

#endif /* BT_DETECT_UNESCAPE_H */
