// SPDX-License-Identifier: BSD-2-Clause
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include "detect/pattern.h"

/* The length of the token at the start of `text` when another byte follows it, 0 when there is none. */
static size_t match(const char *pattern, const char *text, size_t step)
{
	struct pattern p;
	struct pattern_state st = { 0, 0, 0 };
	const char *why;
	size_t i = 0, used, n;

	assert_int_equal(pattern_parse(&p, span_str(pattern), &why), 0);
	while (text[i]) {
		n = strlen(text + i) < step ? strlen(text + i) : step;
		switch (pattern_step(&p, &st, span_of(text + i, n), &used)) {
		case PATTERN_MATCH:
			assert_int_equal(st.len, i + used);
			return st.len;
		case PATTERN_FAIL:
			return 0;
		case PATTERN_MORE:
			assert_int_equal(used, n);
		}
		i += n;
	}
	return pattern_ends(&p, &st) ? st.len : 0;
}

static void matches(void **state)
{
	static const struct {
		const char *pattern, *text;
		size_t len;
	} cases[] = {
		{ "ab_[a-z]{3}", "ab_xyz ", 6 },
		{ "ab_[a-z]{3}", "ab_xyz", 6 },
		{ "ab_[a-z]{3}", "ab_xyzw ", 0 },
		{ "ab_[a-z]{3}", "ab_xy ", 0 },
		{ "ab_[a-z]{3}", "ab-xyz ", 0 },
		{ "ab_[a-z]{3,5}", "ab_xyzwv ", 8 },
		{ "ab_[a-z]{3,5}", "ab_xyzwvu ", 0 },
		{ "ab_[a-z]{3,}", "ab_xyzwvu.", 9 },
		{ "ab_[a-z]+", "ab_ ", 0 },
		{ "\\d{2,4}-[a-f]{2}", "123-ab,", 6 },
		{ "\\d{2,4}-[a-f]{2}", "12345-ab,", 0 },
		{ "x\\.y\\w{2}", "x.ya_ ", 5 },
		{ "x\\.y\\w{2}", "xzya_ ", 0 },
		{ "[a-c]{2}[a-z]{2}", "abzz ", 4 },
		{ "[A-Z\\]\\-]{3}", "A]- ", 3 },
		/* A final literal: what its class would take must not follow. */
		{ "k-[a-z]{2}AA", "k-xyAA ", 6 },
		{ "k-[a-z]{2}AA", "k-xyAAb", 0 },
		{ "k-[a-z]{2}AA", "k-xyAA", 6 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		for (size_t step = 1; step < 12; step++)
			assert_int_equal(match(cases[i].pattern, cases[i].text, step),
					 cases[i].len);
	}
}

static void refused(void **state)
{
	static const char *const bad[] = { "",
					   "[a-z",
					   "[]x",
					   "[^a]x",
					   "[z-a]x",
					   "a{2}",
					   "[a]{3,2}",
					   "[a]{0}",
					   "[a]{x}",
					   "[a]{1",
					   "[a]{1,2",
					   "(ab)",
					   "a|b",
					   "a*",
					   "a?",
					   "\\",
					   "\\q{2}",
					   "[a-z]{2,}b",
					   "[a-z]+[x-z]{2}",
					   "[a]{99999999}" };
	struct pattern p;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		const char *why = NULL;

		assert_int_equal(pattern_parse(&p, span_str(bad[i]), &why), -EINVAL);
		assert_non_null(why);
	}
}

static void anchors(void **state)
{
	struct pattern p;
	const char *why;

	assert_int_equal(pattern_parse(&p, SPAN_LIT("[ab]{3}8Q~[a-z]{31,34}"), &why), 0);
	assert_int_equal(p.anchor_at, 3);
	assert_true(span_eq_str(p.anchor, "8Q~"));
	assert_int_equal(p.min_len, 37);
	assert_int_equal(p.max_len, 40);
	/* What follows a class of variable length is at no fixed distance. */
	assert_int_equal(pattern_parse(&p, SPAN_LIT("gh_[0-9]+_longer_[a-z]{3,}"), &why), 0);
	assert_true(span_eq_str(p.anchor, "gh_"));
	assert_int_equal(p.max_len, UINT32_MAX);
}

static void generated_text_matches(void **state)
{
	static const char *const patterns[] = { "gho_[A-Za-z0-9]{36}", "x-\\d{10,13}-[a-f0-9]{24}",
						"00D[A-Za-z0-9]{12}![A-Za-z0-9._]{80,}" };

	for (size_t i = 0; i < 3; i++) {
		for (unsigned int extra = 0; extra < 4; extra++) {
			struct buf out = BUF_INIT(4096);
			struct pattern p;
			const char *why;

			assert_int_equal(pattern_parse(&p, span_str(patterns[i]), &why), 0);
			assert_int_equal(pattern_generate(&p, extra, &out), 0);
			assert_int_equal(match(patterns[i], out.p, 7), out.len);
			buf_release(&out);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(matches),
		cmocka_unit_test(refused),
		cmocka_unit_test(anchors),
		cmocka_unit_test(generated_text_matches),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
