/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/print.h"
#include "base/utf8.h"

/* Invisible, or changes the direction of what stands around it. */
static bool is_deceptive(uint32_t code)
{
	return (code >= 0x200b && code <= 0x200f) || (code >= 0x2028 && code <= 0x202e) ||
	       (code >= 0x2060 && code <= 0x2069) || code == 0xfeff;
}

int buf_add_printable(struct buf *out, struct span s)
{
	uint32_t code;
	size_t n;

	for (; s.len; s = span_sub(s, n, SIZE_MAX)) {
		if (utf8_next(s, &n, &code) && !utf8_is_control(code) && !is_deceptive(code)) {
			buf_add(out, s.p, n);
			continue;
		}
		for (size_t i = 0; i < n; i++)
			buf_addf(out, "\\x%02x", (unsigned char)s.p[i]);
	}
	return out->err;
}

int buf_add_wrapped(struct buf *out, size_t col, size_t margin, struct span words)
{
	bool first = true;

	while (words.len) {
		size_t blank = span_find_byte(words, ' ');
		struct span word = span_sub(words, 0, blank);

		if (!first && col + 1 + word.len > PRINT_WIDTH) {
			buf_addf(out, "\n%*s", (int)margin, "");
			col = margin;
		} else if (!first) {
			buf_add_byte(out, ' ');
			col++;
		}
		first = false;
		buf_add_printable(out, word);
		col += word.len;
		words = blank == SIZE_MAX ? SPAN_NONE : span_sub(words, blank + 1, SIZE_MAX);
	}
	return buf_add_byte(out, '\n');
}
