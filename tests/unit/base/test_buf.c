/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>

#include "base/buf.h"

static void test_text_grows_and_ends_in_nul(void **state)
{
	struct buf b = BUF_INIT(0);

	assert_null(b.p);
	assert_int_equal(buf_add_str(&b, "one"), 0);
	assert_int_equal(buf_add_byte(&b, ' '), 0);
	assert_int_equal(buf_addf(&b, "%d-%s", 2, "two"), 0);
	assert_int_equal(buf_add_span(&b, SPAN_LIT(" three")), 0);
	assert_string_equal(b.p, "one 2-two three");
	assert_true(span_eq_str(buf_span(&b), "one 2-two three"));
	for (int i = 0; i < 5000; i++) {
		assert_int_equal(buf_add_byte(&b, 'x'), 0);
		assert_int_equal(b.p[b.len], 0);
		assert_true(b.len < b.cap);
	}
	assert_int_equal(b.len, 15 + 5000);
	buf_release(&b);
	buf_release(&b);
	assert_null(b.p);
	assert_int_equal(buf_add_str(&b, "again"), 0);
	assert_string_equal(b.p, "again");
	buf_release(&b);
}

static void test_adding_nothing(void **state)
{
	struct buf b = BUF_INIT(0);

	assert_int_equal(buf_add(&b, NULL, 0), 0);
	assert_int_equal(buf_add_span(&b, SPAN_NONE), 0);
	assert_int_equal(buf_add_str(&b, ""), 0);
	assert_int_equal(b.len, 0);
	assert_string_equal(b.p, "");
	buf_release(&b);
}

static void test_cap_is_hard_and_the_error_sticks(void **state)
{
	struct buf b = BUF_INIT(8);

	assert_int_equal(buf_add_str(&b, "12345678"), 0);
	assert_true(b.cap <= 9);
	assert_int_equal(buf_add_byte(&b, '9'), -E2BIG);
	assert_int_equal(b.err, -E2BIG);
	assert_string_equal(b.p, "12345678");
	/* Every call now fails, also one that would fit. */
	buf_drop(&b, 4);
	assert_int_equal(buf_add_str(&b, ""), -E2BIG);
	assert_int_equal(buf_add_span(&b, SPAN_LIT("a")), -E2BIG);
	assert_int_equal(buf_add(&b, "a", 1), -E2BIG);
	assert_int_equal(buf_addf(&b, "a"), -E2BIG);
	assert_int_equal(buf_reserve(&b, 0), -E2BIG);
	assert_string_equal(b.p, "5678");
	buf_clear(&b);
	assert_int_equal(b.err, 0);
	assert_int_equal(b.len, 0);
	assert_int_equal(buf_addf(&b, "%08d", 7), 0);
	assert_int_equal(buf_addf(&b, "%d", 7), -E2BIG);
	assert_string_equal(b.p, "00000007");
	buf_release(&b);
}

static void test_sizes_that_overflow(void **state)
{
	struct buf b = BUF_INIT(0);

	assert_int_equal(buf_add_str(&b, "x"), 0);
	assert_int_equal(buf_reserve(&b, SIZE_MAX), -E2BIG);
	buf_clear(&b);
	assert_int_equal(buf_reserve(&b, SIZE_MAX / 2), -E2BIG);
	buf_release(&b);
}

static void test_reserve(void **state)
{
	struct buf b = BUF_INIT(0);
	char *p;

	assert_int_equal(buf_reserve(&b, 1000), 0);
	p = b.p;
	for (int i = 0; i < 1000; i++)
		buf_add_byte(&b, 'y');
	assert_ptr_equal(b.p, p);
	buf_release(&b);
}

static void test_drop(void **state)
{
	struct buf b = BUF_INIT(0);

	buf_drop(&b, 3);
	buf_add_str(&b, "abcdef");
	buf_drop(&b, 0);
	assert_string_equal(b.p, "abcdef");
	buf_drop(&b, 2);
	assert_string_equal(b.p, "cdef");
	buf_drop(&b, 99);
	assert_int_equal(b.len, 0);
	assert_string_equal(b.p, "");
	buf_release(&b);
}

static bool holds(const char *p, size_t len, char c)
{
	return memchr(p, c, len) != NULL;
}

static void test_wipe(void **state)
{
	struct buf b = BUF_INIT_WIPE(0);

	buf_add_str(&b, "SSSSSSSStail");
	buf_drop(&b, 8);
	assert_string_equal(b.p, "tail");
	assert_false(holds(b.p, b.cap, 'S'));
	buf_add_str(&b, "SSSS");
	buf_clear(&b);
	assert_false(holds(b.p, b.cap, 'S'));
	/* Grows through many moves with its text whole. */
	for (int i = 0; i < 100000; i++)
		buf_add_byte(&b, (char)('a' + i % 26));
	for (int i = 0; i < 100000; i++)
		assert_int_equal(b.p[i], 'a' + i % 26);
	buf_release(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text_grows_and_ends_in_nul),
		cmocka_unit_test(test_adding_nothing),
		cmocka_unit_test(test_cap_is_hard_and_the_error_sticks),
		cmocka_unit_test(test_sizes_that_overflow),
		cmocka_unit_test(test_reserve),
		cmocka_unit_test(test_drop),
		cmocka_unit_test(test_wipe),
	};

	return cmocka_run_group_tests_name("buf", tests, NULL, NULL);
}
