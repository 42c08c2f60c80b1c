/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>

#include "proto/url.h"

static void test_next(void **state)
{
	struct span rest = SPAN_LIT("&&grant_type=refresh_token&flag&=v&a=b=c&empty=&&");
	static const char *const want[][2] = { { "grant_type", "refresh_token" },
					       { "flag", "" },
					       { "", "v" },
					       { "a", "b=c" },
					       { "empty", "" } };
	struct form_pair p;

	for (size_t i = 0; i < sizeof(want) / sizeof(*want); i++) {
		assert_true(form_next(&rest, &p));
		assert_true(span_eq_str(p.name, want[i][0]));
		assert_true(span_eq_str(p.value, want[i][1]));
	}
	assert_false(form_next(&rest, &p));
	assert_false(form_next(&rest, &p));
}

static void expect_decoded(struct span in, bool plus, struct span want)
{
	struct buf out = BUF_INIT_WIPE(0);

	buf_add_str(&out, ">");
	assert_int_equal(form_decode(in, plus, &out), 0);
	assert_true(span_eq(span_sub(buf_span(&out), 1, out.len), want));
	buf_release(&out);
}

static void test_decode(void **state)
{
	expect_decoded(SPAN_LIT("1%2F%2f0g%7Ex"), false, SPAN_LIT("1//0g~x"));
	expect_decoded(SPAN_LIT("a+b%2Bc"), true, SPAN_LIT("a b+c"));
	expect_decoded(SPAN_LIT("a+b%2Bc"), false, SPAN_LIT("a+b+c"));
	/* Bad escapes stay. */
	expect_decoded(SPAN_LIT("%"), true, SPAN_LIT("%"));
	expect_decoded(SPAN_LIT("%4"), true, SPAN_LIT("%4"));
	expect_decoded(SPAN_LIT("%4g%%41%zz+"), true, SPAN_LIT("%4g%A%zz "));
	expect_decoded(SPAN_LIT("%00"), true, SPAN_LIT("\0"));
	/* Once only. */
	expect_decoded(SPAN_LIT("%2541"), true, SPAN_LIT("%41"));
	expect_decoded(SPAN_NONE, true, SPAN_LIT(""));
}

static void test_decode_full(void **state)
{
	struct buf out = BUF_INIT(3);

	assert_int_equal(form_decode(SPAN_LIT("ab%41d"), true, &out), -E2BIG);
	assert_int_equal(form_decode(SPAN_LIT("a"), true, &out), -E2BIG);
	buf_release(&out);
}

static void test_get(void **state)
{
	struct span form = SPAN_LIT("code=&co%64e_verifier=a%7Eb+c&code=late&codes=1");
	struct buf out = BUF_INIT_WIPE(0);

	assert_int_equal(form_get(form, "code", &out), 1);
	assert_int_equal(out.len, 0);
	assert_int_equal(form_get(form, "code_verifier", &out), 1);
	assert_string_equal(out.p, "a~b c");
	assert_int_equal(form_get(form, "cod", &out), 0);
	assert_int_equal(form_get(form, "state", &out), 0);
	assert_int_equal(form_get(SPAN_NONE, "code", &out), 0);
	assert_string_equal(out.p, "a~b c");
	buf_release(&out);
	out = (struct buf)BUF_INIT(1);
	assert_int_equal(form_get(form, "code_verifier", &out), -E2BIG);
	buf_release(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_next),
		cmocka_unit_test(test_decode),
		cmocka_unit_test(test_decode_full),
		cmocka_unit_test(test_get),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
