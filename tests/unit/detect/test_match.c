// SPDX-License-Identifier: BSD-2-Clause
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include "detect/match.h"

static void add(struct match *m, const char *text, bool fold, uint16_t id)
{
	struct anchor a = { .len = (uint8_t)strlen(text), .fold = fold, .id = id };

	memcpy(a.text, text, a.len);
	assert_int_equal(match_add(m, &a), 0);
}

/* Ends of anchors as "id@end ", with the text given in pieces of `step` that all lie in one memory. */
static void found(const struct match *m, const char *text, size_t step, char *out, size_t cap)
{
	uint32_t state = MATCH_START;
	size_t len = strlen(text), n = 0;

	out[0] = '\0';
	for (size_t end = step;; end += step) {
		struct span s = span_of(text, end < len ? end : len);
		size_t i = end - step;

		while ((i = match_skip(m, s, i, &state)) < s.len) {
			for (const struct anchor *a = match_next(m, s, i, state, NULL); a;
			     a = match_next(m, s, i, state, a))
				n += (size_t)snprintf(out + n, cap - n, "%u@%zu ", a->id, i);
			i++;
		}
		if (end >= len)
			return;
	}
}

static void finds_at_every_offset_and_cut(void **state)
{
	static const char *const words[] = { "gho_", "github_pat_", "eyJ", "8Q~", "access_token" };
	struct match *m = match_new();
	char text[128], want[64], got[256];

	for (uint16_t i = 0; i < 5; i++)
		add(m, words[i], i == 4, i);
	for (uint16_t i = 0; i < 5; i++) {
		for (size_t off = 0; off < 40; off++) {
			memset(text, '.', sizeof(text));
			memcpy(text + off, words[i], strlen(words[i]));
			text[100] = '\0';
			snprintf(want, sizeof(want), "%u@%zu ", i, off + strlen(words[i]) - 1);
			for (size_t step = 1; step < 20; step++) {
				found(m, text, step, got, sizeof(got));
				assert_string_equal(got, want);
			}
		}
	}
	match_free(m);
}

static void case_and_overlap(void **state)
{
	struct match *m = match_new();
	char got[256];

	add(m, "Token", true, 1);
	add(m, "token", false, 2);
	add(m, "oken", false, 3);
	add(m, "token", false, 2); /* an equal one is not put in twice */
	found(m, "a TOKEN", 100, got, sizeof(got));
	assert_string_equal(got, "1@6 ");
	found(m, "token", 1, got, sizeof(got));
	assert_int_equal(strlen(got), strlen("1@4 2@4 3@4 "));
	found(m, "tOken", 1, got, sizeof(got));
	assert_string_equal(got, "1@4 ");
	found(m, "tokem", 1, got, sizeof(got));
	assert_string_equal(got, "");
	match_free(m);
}

/* '|' folds '@' into '`': equal hashes are compared in full. */
static void folding_finds_nothing_more(void **state)
{
	struct match *m = match_new();
	char got[256];

	add(m, "a@b_", false, 1);
	found(m, "a`b_ A@b_ a@b_", 3, got, sizeof(got));
	assert_string_equal(got, "1@13 ");
	match_free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_at_every_offset_and_cut),
		cmocka_unit_test(case_and_overlap),
		cmocka_unit_test(folding_finds_nothing_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
