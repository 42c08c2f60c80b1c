/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/utf8.h"

bool utf8_next(struct span s, size_t *len, uint32_t *code)
{
	const unsigned char *p = (const unsigned char *)s.p;
	/* Bounds of the second byte: what shuts out overlong forms, surrogates and > U+10FFFF. */
	unsigned char low = 0x80, high = 0xbf;
	size_t need;
	uint32_t c;

	*len = 1;
	if (p[0] < 0x80) {
		*code = p[0];
		return true;
	}
	if (p[0] >= 0xc2 && p[0] <= 0xdf) {
		need = 2;
		c = p[0] & 0x1f;
	} else if (p[0] >= 0xe0 && p[0] <= 0xef) {
		need = 3;
		c = p[0] & 0x0f;
		if (p[0] == 0xe0)
			low = 0xa0;
		else if (p[0] == 0xed)
			high = 0x9f;
	} else if (p[0] >= 0xf0 && p[0] <= 0xf4) {
		need = 4;
		c = p[0] & 0x07;
		if (p[0] == 0xf0)
			low = 0x90;
		else if (p[0] == 0xf4)
			high = 0x8f;
	} else {
		return false;
	}
	for (size_t i = 1; i < need; i++) {
		if (i >= s.len || p[i] < low || p[i] > high)
			return false;
		c = c << 6 | (p[i] & 0x3f);
		low = 0x80;
		high = 0xbf;
		*len = i + 1;
	}
	*code = c;
	return true;
}
