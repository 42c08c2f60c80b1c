// SPDX-License-Identifier: BSD-2-Clause
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include "detect/unescape.h"

struct decoded {
	uint8_t b[512];
	uint64_t origin[512];
	size_t len;
};

static void decode(struct span in, size_t step, struct decoded *d)
{
	struct unescape u;

	unescape_init(&u);
	d->len = 0;
	for (size_t i = 0; i < in.len; i += step) {
		struct span piece = span_sub(in, i, step);

		d->len += unescape_feed(&u, piece, 100 + i, d->b + d->len, d->origin + d->len,
					piece.len + UNESCAPE_SLACK);
	}
	d->len += unescape_flush(&u, d->b + d->len, d->origin + d->len, UNESCAPE_SLACK);
	assert_true(unescape_idle(&u));
}

struct example {
	struct span in, out;
};
#define EX(in, out)                                                                                \
	{                                                                                          \
		SPAN_LIT(in), SPAN_LIT(out)                                                        \
	}

static void dresses(void **state)
{
	static const struct example cases[] = {
		EX("plain text", "plain text"),
		/* JSON, once and nested */
		EX("{\\\"a\\\":1}", "{\"a\":1}"),
		EX("\\\\\\\"a\\\\\\\"", "\"a\""),
		EX("1\\/\\/0", "1//0"),
		EX("a\\\\/b", "a/b"),
		EX("x\\ny\\tz", "x\ny\tz"),
		EX("\\u0067\\u0068o_", "gho_"),
		EX("a\\u0026b", "a&b"),
		EX("\\\\u0026", "&"),
		EX("\\u005cu0026", "&"),
		EX("\\u00e9x", "\xffx"),
		EX("\\x41\\x42", "AB"),
		EX("\\u00g1", "\\u00g1"),
		EX("C:\\dir\\q", "C:\\dir\\q"),
		EX("end\\", "end\\"),
		EX("end\\u00", "end\\u00"),
		/* percent */
		EX("a%3Db%26", "a=b&"),
		EX("%253D", "="),
		EX("%25253D", "="),
		EX("100%", "100%"),
		EX("%zz%4", "%zz%4"),
		EX("%%41", "%A"),
		/* HTML */
		EX("a&amp;b&lt;&#x41;&#66;", "a&b<AB"),
		EX("&amp;amp;", "&"),
		EX("&amp;lt;", "<"),
		EX("a&b=1&c=2", "a&b=1&c=2"),
		EX("&nosuch; &", "&nosuch; &"),
		EX("&abcdefghijklmnop;", "&abcdefghijklmnop;"),
		EX("&#;", "&#;"),
		/* colours shrink to their ESC */
		EX("\x1b[33mx\x1b[0m", "\x1bx\x1b"),
		EX("\x1b[1;31mx", "\x1bx"),
		EX("\x1bx", "\x1bx"),
		EX("\x1b[12", "\x1b[12"),
		/* one dress over another */
		EX("\\u0025\\u0034\\u0031", "A"),
		EX("\\u0026amp;", "&"),
		EX("%26amp%3B", "&amp;"), /* percent is the innermost */
		/* UTF-16, little and big endian, and NULs that are none */
		EX("g\0h\0o\0_\0", "gho_"),
		EX("\0g\0h\0o\0_", "gho_"),
		EX("A=1\0B=22\0", "A=1\0B=22\0"),
		EX("ab\0\0cd", "ab\0\0cd"),
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		for (size_t step = 1; step <= cases[i].in.len; step++) {
			struct decoded d;

			decode(cases[i].in, step, &d);
			if (!span_eq(span_of(d.b, d.len), cases[i].out))
				fail_msg("case %zu in pieces of %zu: got %zu bytes '%.*s'", i, step,
					 d.len, (int)d.len, (char *)d.b);
		}
	}
}

/* Each output byte says where it came from and what dress was taken off. */
static void origins(void **state)
{
	struct decoded d;

	decode(SPAN_LIT("a\\u0041%42&amp;c"), 3, &d);
	assert_int_equal(d.len, 5);
	assert_memory_equal(d.b, "aAB&c", 5);
	assert_int_equal(ORIGIN_OFF(d.origin[0]), 100);
	assert_int_equal(ORIGIN_ENC(d.origin[0]), ENC_RAW);
	assert_int_equal(ORIGIN_OFF(d.origin[1]), 101);
	assert_int_equal(ORIGIN_ENC(d.origin[1]), ENC_JSON);
	assert_int_equal(ORIGIN_OFF(d.origin[2]), 107);
	assert_int_equal(ORIGIN_ENC(d.origin[2]), ENC_PERCENT);
	assert_int_equal(ORIGIN_OFF(d.origin[3]), 110);
	assert_int_equal(ORIGIN_ENC(d.origin[3]), ENC_HTML);
	assert_int_equal(ORIGIN_OFF(d.origin[4]), 115);
	assert_int_equal(ORIGIN_ENC(d.origin[4]), ENC_RAW);
}

static void every_byte_passes(void **state)
{
	struct decoded d;
	char all[256];

	for (unsigned int i = 0; i < 256; i++)
		all[i] = (char)(255 - i);
	decode(span_of(all, 256), 5, &d);
	/* Every byte once; none of them makes an escape in this order. */
	assert_int_equal(d.len, 256);
	assert_memory_equal(d.b, all, 256);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(dresses),
		cmocka_unit_test(origins),
		cmocka_unit_test(every_byte_passes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
