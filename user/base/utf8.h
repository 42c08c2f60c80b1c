/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef BT_BASE_UTF8_H
#define BT_BASE_UTF8_H

#include "base/span.h"

/*
 * Looks at the front of `s` (at least one byte). True when a well-formed UTF-8 sequence (RFC 3629: no
 * overlong form, no surrogate, at most U+10FFFF) is there; `*len` is its length and `*code`
 * its code point. Else false, and `*len` (at least 1) is the ill-formed part that one U+FFFD
 * stands for: the "maximal subpart" of Unicode 15, section 3.9.
 */
bool utf8_next(struct span s, size_t *len, uint32_t *code);

/* True when a terminal may act on it: C0, DEL, C1. */
static inline bool utf8_is_control(uint32_t code)
{
	return code < 0x20 || (code >= 0x7f && code < 0xa0);
}

#endif /* BT_BASE_UTF8_H */
