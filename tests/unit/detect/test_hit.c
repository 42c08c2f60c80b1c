// SPDX-License-Identifier: BSD-2-Clause
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include "detect/hit.h"

static void names_round_trip(void **state)
{
	enum secret_kind k;
	enum confidence c;

	for (unsigned int i = 0; i < SECRET_KIND_MAX; i++) {
		assert_int_equal(secret_kind_parse(span_str(secret_kind_name(i)), &k), 0);
		assert_int_equal(k, i);
	}
	for (unsigned int i = 0; i < CONF_MAX; i++) {
		assert_int_equal(confidence_parse(span_str(confidence_name(i)), &c), 0);
		assert_int_equal(c, i);
	}
	for (unsigned int i = 0; i < ENC_MAX; i++) {
		assert_true(encoding_name(i)[0] != '\0');
		for (unsigned int j = 0; j < i; j++)
			assert_string_not_equal(encoding_name(i), encoding_name(j));
	}
}

static void unknown_names(void **state)
{
	enum secret_kind k = SECRET_CODE;
	enum confidence c = CONF_VALUE;

	assert_int_equal(secret_kind_parse(SPAN_LIT("Access_Token"), &k), -ENOENT);
	assert_int_equal(secret_kind_parse(SPAN_LIT("access"), &k), -ENOENT);
	assert_int_equal(secret_kind_parse(SPAN_NONE, &k), -ENOENT);
	assert_int_equal(k, SECRET_CODE);
	assert_int_equal(confidence_parse(SPAN_LIT("sure"), &c), -ENOENT);
	assert_int_equal(c, CONF_VALUE);
	assert_string_equal(secret_kind_name(SECRET_KIND_MAX), "unknown");
	assert_string_equal(confidence_name(CONF_MAX), "unknown");
	assert_string_equal(encoding_name(ENC_MAX), "unknown");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_round_trip),
		cmocka_unit_test(unknown_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
