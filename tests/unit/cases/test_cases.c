/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <sodium.h>

#include "cases/cases.h"
#include "detect/rules.h"

struct fixture {
	struct ruleset *rules;
	struct scanner *scanner;
	struct policy *policy;
	struct case_runner runner;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct error err = { 0 };

	assert_non_null(f);
	f->rules = ruleset_new();
	assert_int_equal(ruleset_add_builtin(f->rules, &err), 0);
	assert_int_equal(scanner_new(f->rules, &f->scanner, &err), 0);
	assert_int_equal(policy_new(&f->policy, &err), 0);
	f->runner =
		(struct case_runner){ f->scanner, f->policy, (uint64_t)time(NULL) * 1000000000u };
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	scanner_free(f->scanner);
	policy_free(f->policy);
	ruleset_free(f->rules);
	free(f);
	return 0;
}

#define LEAK                                                                                       \
	"{\"kind\": \"server\"}\n"                                                                 \
	"{\"kind\": \"data\", \"file\": \"stderr\", \"text\": \"token {{gho:a}}\\n\"}\n"
#define QUIET "{\"kind\": \"server\"}\n"
#define FOUND "{\"rule\": \"token-on-stderr\", \"severity\": \"high\"}\n"

static void outcomes(void **state)
{
	static const struct {
		const char *events, *expect;
		enum case_outcome outcome;
		const char *why;
	} cases[] = {
		{ LEAK, "{\"exit\": 10, \"match\": \"token-on-stderr\"}\n" FOUND, CASE_MATCHED,
		  "" },
		{ QUIET, "{\"exit\": 0, \"nomatch\": \"token-on-stderr\"}\n", CASE_QUIET, "" },
		{ QUIET, "{\"exit\": 10}\n" FOUND, CASE_MISSED,
		  "not found: token-on-stderr, high" },
		{ LEAK, "{\"exit\": 0}\n", CASE_LOUD,
		  "found and not expected: token-on-stderr, high" },
		{ LEAK, "{\"exit\": 10}\n{\"rule\": \"token-on-stderr\", \"severity\": \"low\"}\n",
		  CASE_MISSED, "token-on-stderr, low" },
		{ LEAK, "{\"exit\": 10}\n{\"rule\": \"token-on-stderr\", \"flow\": null}\n",
		  CASE_MATCHED, "" },
		{ LEAK, "{\"exit\": 10}\n{\"rule\": \"token-on-stderr\", \"sink\": null}\n",
		  CASE_MISSED, "" },
		/* two wanted, one found: each needs one of its own */
		{ LEAK, "{\"exit\": 10}\n" FOUND FOUND, CASE_MISSED, "" },
		{ LEAK, "{\"exit\": 10, \"nomatch\": \"token-on-stderr\"}\n" FOUND, CASE_FAULTY,
		  "nomatch" },
		{ QUIET, "{\"exit\": 0, \"match\": \"token-on-stderr\"}\n", CASE_FAULTY, "match" },
		{ "oops\n", "{\"exit\": 0}\n", CASE_FAULTY, "c:1: not a JSON object" },
		{ QUIET "{\"kind\": \"wat\"}\n", "{\"exit\": 0}\n", CASE_FAULTY, "c:2: " },
		{ "# a\n{\"kind\": \"data\", \"file\": \"f\"}\n", "{\"exit\": 0}\n", CASE_FAULTY,
		  "c:2: no file \"f\"" },
		{ QUIET "{\"kind\": \"data\", \"file\": \"stderr\", \"text\": \"{{nope:a}}\"}\n",
		  "{\"exit\": 0}\n", CASE_FAULTY, "no kind of secret" },
		{ QUIET
		  "{\"kind\": \"data\", \"file\": \"stderr\", \"text\": \"{{gho:a[9:2]}}\"}\n",
		  "{\"exit\": 0}\n", CASE_FAULTY, "slice" },
		{ QUIET "{\"kind\": \"data\", \"file\": \"stderr\", \"call\": \"sing\"}\n",
		  "{\"exit\": 0}\n", CASE_FAULTY, "no call" },
		{ QUIET
		  "{\"kind\": \"file\", \"file\": \"t\", \"type\": \"tcp\", \"peer\": \"x\"}\n",
		  "{\"exit\": 0}\n", CASE_FAULTY, "HOST:PORT" },
		{ QUIET "{\"kind\": \"exec\", \"tgid\": \"one\"}\n", "{\"exit\": 0}\n", CASE_FAULTY,
		  "number" },
		{ QUIET, "", CASE_FAULTY, "first line" },
		{ QUIET, "{\"exit\": 0}\noops\n", CASE_FAULTY, "no JSON" },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct case_text c = { "c", span_str(cases[i].events), span_str(cases[i].expect) };
		struct error err = { 0 };
		struct case_result r;

		assert_int_equal(case_run(&f->runner, &c, &r, &err), 0);
		if (r.outcome != cases[i].outcome || !strstr(r.why, cases[i].why))
			fail_msg("case %zu: outcome %d, \"%s\"", i, r.outcome, r.why);
	}
}

static void bundles(void **state)
{
	struct span b =
		SPAN_LIT("@case one\nA\nB\n@expect\nC\n@case two\n@expect\n@case three\nD\n");
	struct case_text c;

	assert_true(cases_next(&b, &c));
	assert_string_equal(c.name, "one");
	assert_true(span_eq_str(c.events, "A\nB\n"));
	assert_true(span_eq_str(c.expect, "C\n"));
	assert_true(cases_next(&b, &c));
	assert_string_equal(c.name, "two");
	assert_int_equal(c.events.len, 0);
	assert_int_equal(c.expect.len, 0);
	assert_true(cases_next(&b, &c));
	assert_string_equal(c.name, "three");
	assert_true(span_eq_str(c.events, "D\n"));
	assert_false(cases_next(&b, &c));
}

static void every_rule_is_accounted_for(void **state)
{
	struct fixture *f = *state;
	size_t n = policy_catalogue_len(f->policy);
	struct case_count *counts = calloc(n, sizeof(*counts));
	char why[160];

	assert_non_null(counts);
	assert_int_equal(n, 123);
	cases_count(f->policy, cases_builtin(), counts);
	for (size_t i = 0; i < n; i++) {
		const struct catalogue_entry *e = policy_catalogue_at(f->policy, i);

		if (!case_count_is_fit(e, &counts[i], why, sizeof(why)))
			fail_msg("%s: %s", e->id, why);
	}
	free(counts);
}

static void wanting(void **state)
{
	static const struct catalogue_entry done = { .status = "implemented" },
					    not = { .status = "not observable: no records" };
	static const struct {
		const struct catalogue_entry *e;
		struct case_count n;
		const char *why; /* NULL: fit */
	} cases[] = {
		{ &done, { 1, 1 }, NULL },          { &done, { 0, 1 }, "\"match\"" },
		{ &done, { 2, 0 }, "\"nomatch\"" }, { &done, { 0, 0 }, "\"match\"" },
		{ &not, { 0, 0 }, NULL },           { &not, { 1, 0 }, "\"match\"" },
	};
	char why[160];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		bool fit = case_count_is_fit(cases[i].e, &cases[i].n, why, sizeof(why));

		assert_int_equal(fit, cases[i].why == NULL);
		if (!fit)
			assert_non_null(strstr(why, cases[i].why));
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(outcomes),
		cmocka_unit_test(bundles),
		cmocka_unit_test(every_rule_is_accounted_for),
		cmocka_unit_test(wanting),
	};

	if (sodium_init() < 0)
		return 1;
	return cmocka_run_group_tests(tests, setup, teardown);
}
