/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/span.h"
#include "base/utf8.h"

static void test_sub_is_cut_to_what_there_is(void **state)
{
	struct span s = SPAN_LIT("abcdef");

	assert_true(span_eq_str(span_sub(s, 2, 3), "cde"));
	assert_true(span_eq_str(span_sub(s, 4, 99), "ef"));
	assert_true(span_eq_str(span_sub(s, 4, SIZE_MAX), "ef"));
	assert_int_equal(span_sub(s, 7, 1).len, 0);
	assert_int_equal(span_sub(s, SIZE_MAX, SIZE_MAX).len, 0);
	assert_null(span_sub(SPAN_NONE, 3, 4).p);
}

static void test_equal_and_empty(void **state)
{
	assert_true(span_eq(SPAN_NONE, SPAN_LIT("")));
	assert_true(span_eq(span_str(NULL), SPAN_NONE));
	assert_true(span_eq(span_of("a\0b", 3), span_of("a\0b", 3)));
	assert_false(span_eq(span_of("a\0b", 3), span_of("a\0c", 3)));
	assert_false(span_eq(SPAN_LIT("a"), SPAN_LIT("ab")));
}

static void test_nocase_is_ascii_only(void **state)
{
	assert_true(span_eq_nocase(SPAN_LIT("AuthORIZation"), SPAN_LIT("authorization")));
	assert_false(span_eq_nocase(SPAN_LIT("@"), SPAN_LIT("`")));
	assert_false(span_eq_nocase(SPAN_LIT("["), SPAN_LIT("{")));
	assert_false(span_eq_nocase(SPAN_LIT("\xc4"), SPAN_LIT("\xe4")));
	assert_false(span_eq_nocase(SPAN_LIT("a"), SPAN_LIT("aa")));
	assert_true(span_eq_nocase(SPAN_NONE, SPAN_LIT("")));
}

static void test_starts_and_ends(void **state)
{
	struct span s = SPAN_LIT("abc");

	assert_true(span_starts(s, SPAN_LIT("ab")));
	assert_true(span_starts(s, s));
	assert_true(span_starts(s, SPAN_NONE));
	assert_false(span_starts(s, SPAN_LIT("bc")));
	assert_false(span_starts(s, SPAN_LIT("abcd")));
	assert_true(span_ends(s, SPAN_LIT("bc")));
	assert_true(span_ends(s, SPAN_NONE));
	assert_false(span_ends(s, SPAN_LIT("ab")));
	assert_false(span_ends(s, SPAN_LIT("xabc")));
	assert_true(span_starts(SPAN_NONE, SPAN_NONE));
}

static void test_find(void **state)
{
	struct span s = span_of("ab\0abc", 6);

	assert_int_equal(span_find(s, SPAN_LIT("abc")), 3);
	assert_int_equal(span_find(s, SPAN_LIT("ab")), 0);
	assert_int_equal(span_find(s, SPAN_NONE), 0);
	assert_int_equal(span_find(SPAN_NONE, SPAN_NONE), 0);
	assert_int_equal(span_find(SPAN_NONE, SPAN_LIT("a")), SIZE_MAX);
	assert_int_equal(span_find(s, SPAN_LIT("abd")), SIZE_MAX);
	assert_int_equal(span_find(span_sub(s, 0, 5), SPAN_LIT("abc")), SIZE_MAX);
	assert_int_equal(span_find_byte(s, '\0'), 2);
	assert_int_equal(span_find_byte(s, 'c'), 5);
	assert_int_equal(span_find_byte(s, 'x'), SIZE_MAX);
	assert_int_equal(span_find_byte(SPAN_LIT("a\xff"), '\xff'), 1);
	assert_int_equal(span_find_byte(SPAN_NONE, 'a'), SIZE_MAX);
}

static void test_utf8_well_formed(void **state)
{
	static const struct {
		const char *s;
		uint32_t code;
	} cases[] = {
		{ "A", 'A' },
		{ "\x7f", 0x7f },
		{ "\xc2\x80", 0x80 },
		{ "\xdf\xbf", 0x7ff },
		{ "\xe0\xa0\x80", 0x800 },
		{ "\xed\x9f\xbf", 0xd7ff },
		{ "\xee\x80\x80", 0xe000 },
		{ "\xef\xbf\xbf", 0xffff },
		{ "\xf0\x90\x80\x80", 0x10000 },
		{ "\xf4\x8f\xbf\xbf", 0x10ffff },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		size_t len = 0;
		uint32_t code = 0;

		assert_true(utf8_next(span_str(cases[i].s), &len, &code));
		assert_int_equal(code, cases[i].code);
		assert_int_equal(len, strlen(cases[i].s));
	}
}

/* Lengths: Unicode 15, table 3-8 and the paragraphs before it. */
static void test_utf8_ill_formed(void **state)
{
	static const struct {
		const char *s;
		size_t len;
	} cases[] = {
		{ "\x80", 1 },
		{ "\xc0\xaf", 1 },
		{ "\xc1\xbf", 1 },
		{ "\xc2", 1 },
		{ "\xc2\x41", 1 },
		{ "\xe0\x9f\xbf", 1 },
		{ "\xed\xa0\x80", 1 },
		{ "\xf0\x8f\xbf\xbf", 1 },
		{ "\xf4\x90\x80\x80", 1 },
		{ "\xf5\x80\x80\x80", 1 },
		{ "\xff", 1 },
		{ "\xe1\x80", 2 },
		{ "\xe1\x80\xe2", 2 },
		{ "\xf1\x80\x80", 3 },
		{ "\xf1\x80\x80\x41", 3 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		size_t len = 0;
		uint32_t code;

		assert_false(utf8_next(span_str(cases[i].s), &len, &code));
		assert_int_equal(len, cases[i].len);
	}
}

static void test_utf8_control(void **state)
{
	assert_true(utf8_is_control(0));
	assert_true(utf8_is_control(0x1f));
	assert_false(utf8_is_control(' '));
	assert_false(utf8_is_control('~'));
	assert_true(utf8_is_control(0x7f));
	assert_true(utf8_is_control(0x9b));
	assert_false(utf8_is_control(0xa0));
}

static void test_nocase_search(void **state)
{
	struct span s = SPAN_LIT("My-Debug.LOG");

	assert_int_equal(span_find_nocase(s, SPAN_LIT("DEBUG")), 3);
	assert_int_equal(span_find_nocase(s, SPAN_LIT("my")), 0);
	assert_int_equal(span_find_nocase(s, SPAN_LIT("log")), 9);
	assert_int_equal(span_find_nocase(s, SPAN_LIT("logs")), SIZE_MAX);
	assert_int_equal(span_find_nocase(s, SPAN_NONE), 0);
	assert_int_equal(span_find_nocase(SPAN_NONE, SPAN_LIT("x")), SIZE_MAX);
	assert_true(span_ends_nocase(s, SPAN_LIT(".log")));
	assert_false(span_ends_nocase(s, SPAN_LIT(".lo")));
	assert_false(span_ends_nocase(SPAN_LIT("og"), SPAN_LIT("log")));
}

static void test_index(void **state)
{
	static const char *const names[] = { "a", "bc", "b" };

	assert_int_equal(span_index(SPAN_LIT("b"), names, 3), 2);
	assert_int_equal(span_index(SPAN_LIT("B"), names, 3), -ENOENT);
	assert_int_equal(span_index(SPAN_LIT("b"), names, 2), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sub_is_cut_to_what_there_is),
		cmocka_unit_test(test_equal_and_empty),
		cmocka_unit_test(test_nocase_is_ascii_only),
		cmocka_unit_test(test_starts_and_ends),
		cmocka_unit_test(test_find),
		cmocka_unit_test(test_utf8_well_formed),
		cmocka_unit_test(test_utf8_ill_formed),
		cmocka_unit_test(test_utf8_control),
		cmocka_unit_test(test_nocase_search),
		cmocka_unit_test(test_index),
	};

	return cmocka_run_group_tests_name("span", tests, NULL, NULL);
}
