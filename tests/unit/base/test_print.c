/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>

#include "base/print.h"

static const char *printable(struct buf *b, struct span s)
{
	buf_clear(b);
	assert_int_equal(buf_add_printable(b, s), 0);
	return b->p ? b->p : "";
}

static void test_what_a_terminal_acts_on_is_escaped(void **state)
{
	struct buf b = BUF_INIT(0);

	assert_string_equal(printable(&b, SPAN_NONE), "");
	assert_string_equal(printable(&b, SPAN_LIT("a b\xc3\xa9")), "a b\xc3\xa9");
	assert_string_equal(printable(&b, SPAN_LIT("\x1b[31mx\n\0\x7f")),
			    "\\x1b[31mx\\x0a\\x00\\x7f");
	/* C1, right-to-left override, zero width, bytes that are no UTF-8. */
	assert_string_equal(printable(&b, SPAN_LIT("\xc2\x9b")), "\\xc2\\x9b");
	assert_string_equal(printable(&b, SPAN_LIT("\xe2\x80\xae.")), "\\xe2\\x80\\xae.");
	assert_string_equal(printable(&b, SPAN_LIT("\xe2\x80\x8b")), "\\xe2\\x80\\x8b");
	assert_string_equal(printable(&b, SPAN_LIT("\xff\xc3")), "\\xff\\xc3");
	buf_release(&b);
}

static void test_words_are_wrapped(void **state)
{
	char words[PRINT_WIDTH * 3], *line, *save;
	struct buf b = BUF_INIT(0);
	size_t n = 0, lines = 0;

	assert_int_equal(buf_add_wrapped(&b, 0, 4, SPAN_NONE), 0);
	assert_string_equal(b.p, "\n");
	buf_clear(&b);
	for (size_t i = 0; i < sizeof(words) - 1; i++)
		words[i] = i % 7 == 6 ? ' ' : 'x';
	words[sizeof(words) - 1] = '\0';
	assert_int_equal(buf_add_wrapped(&b, 10, 4, span_str(words)), 0);
	assert_int_equal(b.p[b.len - 1], '\n');
	for (line = strtok_r(b.p, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		size_t col = strlen(line) + (lines ? 0 : 10);

		assert_true(col <= PRINT_WIDTH && (col > PRINT_WIDTH - 8 || lines == 3));
		assert_int_equal(strspn(line, " "), lines ? 4 : 0);
		n += strspn(line + strspn(line, " "), "x ");
		lines++;
	}
	assert_int_equal(lines, 4);
	/* Each break stands for a blank. */
	assert_int_equal(n + 3, strlen(words));
	buf_clear(&b);
	/* A word that is too wide stays whole. */
	memset(words, 'y', sizeof(words) - 1);
	assert_int_equal(buf_add_wrapped(&b, 0, 4, span_str(words)), 0);
	assert_int_equal(b.len, strlen(words) + 1);
	buf_release(&b);
}

static void test_no_room(void **state)
{
	struct buf b = BUF_INIT(4);

	assert_int_equal(buf_add_printable(&b, SPAN_LIT("12345")), -E2BIG);
	buf_release(&b);
	assert_int_equal(buf_add_wrapped(&b, 0, 0, SPAN_LIT("1 2 3")), -E2BIG);
	buf_release(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_a_terminal_acts_on_is_escaped),
		cmocka_unit_test(test_words_are_wrapped),
		cmocka_unit_test(test_no_room),
	};

	return cmocka_run_group_tests_name("print", tests, NULL, NULL);
}
