/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"

struct fixture {
	int rd;
	struct log log;
	char got[8192];
};

static int setup(void **state)
{
	static struct fixture f;
	int fds[2];

	/* A packet pipe: every read gives the bytes of exactly one write(2). */
	if (pipe2(fds, O_DIRECT | O_NONBLOCK))
		return -1;
	f.rd = fds[0];
	f.log = (struct log){ fds[1], LOG_LEVEL_INFO };
	*state = &f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	close(f->rd);
	close(f->log.fd);
	return 0;
}

static const char *next(struct fixture *f)
{
	ssize_t n = read(f->rd, f->got, sizeof(f->got) - 1);

	f->got[n > 0 ? n : 0] = '\0';
	return f->got;
}

static void test_one_write_for_each_line(void **state)
{
	struct fixture *f = *state;

	log_at(&f->log, LOG_LEVEL_ERROR, "first %d", 1);
	log_at(&f->log, LOG_LEVEL_WARN, "second %s", "two");
	assert_string_equal(next(f), "beartrap: first 1\n");
	assert_string_equal(next(f), "beartrap: second two\n");
	assert_string_equal(next(f), "");
}

static void test_level(void **state)
{
	struct fixture *f = *state;

	log_at(&f->log, LOG_LEVEL_DEBUG, "hidden");
	assert_string_equal(next(f), "");
	log_at(&f->log, LOG_LEVEL_INFO, "shown");
	assert_string_equal(next(f), "beartrap: shown\n");
	f->log.level = LOG_LEVEL_ERROR;
	log_at(&f->log, LOG_LEVEL_WARN, "hidden");
	assert_string_equal(next(f), "");
}

static void test_control_characters_are_escaped(void **state)
{
	struct fixture *f = *state;

	log_at(&f->log, LOG_LEVEL_ERROR, "%s", "a\nb\r\t\x1b[31m\x7f");
	assert_string_equal(next(f), "beartrap: a\\nb\\r\\t\\x1b[31m\\x7f\n");
	/* C1 as UTF-8 and as a bare byte; a broken sequence; good UTF-8 stays. */
	log_at(&f->log, LOG_LEVEL_ERROR, "%s", "\xc2\x9b|\x9b|\xe2\x80|\xc3\xbc");
	assert_string_equal(next(f), "beartrap: \\xc2\\x9b|\\x9b|\\xe2\\x80|\xc3\xbc\n");
}

static void test_a_long_text_is_cut_and_still_one_line(void **state)
{
	struct fixture *f = *state;
	char text[3000];
	size_t len;

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	log_at(&f->log, LOG_LEVEL_ERROR, "%s", text);
	len = strlen(next(f));
	assert_in_range(len, 1000, 2100);
	assert_int_equal(f->got[len - 1], '\n');
	assert_string_equal(next(f), "");
}

static void test_error_keeps_the_first(void **state)
{
	struct error e = { 0 };
	char big[1000];

	assert_int_equal(error_set(&e, -ENOENT, "cannot open %s", "x"), -ENOENT);
	assert_int_equal(error_set(&e, -EIO, "later"), -EIO);
	assert_int_equal(e.code, -ENOENT);
	assert_string_equal(e.text, "cannot open x");
	assert_int_equal(error_set(NULL, -EPERM, "nobody listens"), -EPERM);

	e.code = 0;
	memset(big, 'y', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	error_set(&e, -EIO, "%s", big);
	assert_int_equal(strlen(e.text), sizeof(e.text) - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_one_write_for_each_line, setup, teardown),
		cmocka_unit_test_setup_teardown(test_level, setup, teardown),
		cmocka_unit_test_setup_teardown(test_control_characters_are_escaped, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_a_long_text_is_cut_and_still_one_line, setup,
						teardown),
		cmocka_unit_test(test_error_keeps_the_first),
	};

	return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
