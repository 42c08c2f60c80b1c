/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>

#include "base/jw.h"

static void expect_escape(struct span in, const char *want)
{
	struct buf b = BUF_INIT(0);

	assert_int_equal(json_escape(&b, in), 0);
	assert_string_equal(b.p, want);
	buf_release(&b);
}

static void test_escapes(void **state)
{
	expect_escape(SPAN_NONE, "");
	expect_escape(SPAN_LIT("plain text"), "plain text");
	expect_escape(SPAN_LIT("\"\\/"), "\\\"\\\\/");
	expect_escape(SPAN_LIT("\b\f\n\r\t"), "\\b\\f\\n\\r\\t");
	expect_escape(span_of("a\0b\x1f", 4), "a\\u0000b\\u001f");
	expect_escape(SPAN_LIT("\x7f \xc2\x9b"), "\\u007f \\u009b");
	expect_escape(SPAN_LIT("</script>"), "\\u003c/script>");
	expect_escape(SPAN_LIT("\xe2\x80\xa8\xe2\x80\xa9"), "\\u2028\\u2029");
	expect_escape(SPAN_LIT("\xe2\x80\xa7"), "\xe2\x80\xa7");
	expect_escape(SPAN_LIT("gr\xc3\xbc\xc3\x9f \xf0\x9f\x90\xbb"),
		      "gr\xc3\xbc\xc3\x9f \xf0\x9f\x90\xbb");
}

#define FFFD "\xef\xbf\xbd"

static void test_invalid_utf8_becomes_fffd(void **state)
{
	expect_escape(SPAN_LIT("a\xff"
			       "b"),
		      "a" FFFD "b");
	expect_escape(SPAN_LIT("\xc0\xaf"), FFFD FFFD);
	expect_escape(SPAN_LIT("\xed\xa0\x80"), FFFD FFFD FFFD);
	expect_escape(SPAN_LIT("\xf4\x90\x80\x80"), FFFD FFFD FFFD FFFD);
	/* Cut at the end: one replacement for the part that is there. */
	expect_escape(SPAN_LIT("x\xf0\x9f\x90"), "x" FFFD);
	expect_escape(SPAN_LIT("\xe1\x80\""), FFFD "\\\"");
	expect_escape(span_sub(SPAN_LIT("\xc3\xbc"), 0, 1), FFFD);
}

static void test_document(void **state)
{
	struct buf b = BUF_INIT(0);
	struct jw w;

	jw_init(&w, &b);
	jw_object(&w, NULL);
	jw_str(&w, "s", "v");
	jw_str(&w, "none", NULL);
	jw_array(&w, "a");
	jw_u64(&w, NULL, UINT64_MAX);
	jw_i64(&w, NULL, INT64_MIN);
	jw_object(&w, NULL);
	jw_end_object(&w);
	jw_array(&w, NULL);
	jw_end_array(&w);
	jw_null(&w, NULL);
	jw_end_array(&w);
	jw_bool(&w, "t", true);
	jw_bool(&w, "f", false);
	jw_string(&w, "q\"k", span_of("\0", 1));
	jw_end_object(&w);
	assert_int_equal(b.err, 0);
	assert_string_equal(b.p, "{\"s\":\"v\",\"none\":null,\"a\":[18446744073709551615,"
				 "-9223372036854775808,{},[],null],\"t\":true,\"f\":false,"
				 "\"q\\\"k\":\"\\u0000\"}");
	assert_int_equal(w.depth, 0);
	buf_release(&b);
}

static void test_top_values_are_the_callers_to_separate(void **state)
{
	struct buf b = BUF_INIT(0);
	struct jw w;

	jw_init(&w, &b);
	for (int i = 0; i < 2; i++) {
		jw_object(&w, NULL);
		jw_u64(&w, "i", (uint64_t)i);
		jw_end_object(&w);
		buf_add_byte(&b, '\n');
	}
	assert_string_equal(b.p, "{\"i\":0}\n{\"i\":1}\n");
	buf_release(&b);
}

static void test_depth(void **state)
{
	struct buf b = BUF_INIT(0);
	struct jw w;

	jw_init(&w, &b);
	for (int i = 0; i < 63; i++)
		jw_array(&w, NULL);
	jw_u64(&w, NULL, 1);
	jw_u64(&w, NULL, 2);
	assert_int_equal(b.err, 0);
	assert_string_equal(b.p + 63, "1,2");
	jw_array(&w, NULL);
	assert_int_equal(b.err, -E2BIG);
	buf_release(&b);

	jw_init(&w, &b);
	jw_end_object(&w);
	assert_int_equal(b.err, -EINVAL);
	buf_release(&b);
}

static void test_errors_are_the_buffers(void **state)
{
	struct buf b = BUF_INIT(10);
	struct jw w;

	jw_init(&w, &b);
	jw_object(&w, NULL);
	jw_str(&w, "key", "much too long");
	jw_end_object(&w);
	assert_int_equal(b.err, -E2BIG);
	assert_true(b.len <= 10);
	assert_int_equal(json_escape(&b, SPAN_LIT("a")), -E2BIG);
	buf_release(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_escapes),
		cmocka_unit_test(test_invalid_utf8_becomes_fffd),
		cmocka_unit_test(test_document),
		cmocka_unit_test(test_top_values_are_the_callers_to_separate),
		cmocka_unit_test(test_depth),
		cmocka_unit_test(test_errors_are_the_buffers),
	};

	return cmocka_run_group_tests_name("jw", tests, NULL, NULL);
}
