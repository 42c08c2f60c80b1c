/* SPDX-License-Identifier: BSD-2-Clause */
#include "cli/rules_test.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "cases/cases.h"
#include "cli/commands.h"
#include "cli/outputs.h"
#include "cli/session.h"

struct token_run {
	const struct ruleset *rules;
	unsigned int *failures; /* for each rule */
};

/* Over the catalogue's cases. */
struct case_totals {
	unsigned int matched, missed, quiet, loud, faulty;
	unsigned int implemented, unaccounted;
};

static void on_failure(void *arg, const char *rule, const char *file, unsigned int line,
		       const char *what)
{
	struct token_run *t = arg;
	struct rule_info info;

	printf("%s:%u: %s: %s\n", file, line, rule, what);
	for (size_t i = 0; i < ruleset_len(t->rules); i++) {
		ruleset_info(t->rules, i, &info);
		if (!strcmp(info.id, rule))
			t->failures[i]++;
	}
}

static void print_ratio(const char *name, unsigned int part, unsigned int whole)
{
	if (whole)
		printf("%s %.4f (%u of %u)\n", name, (double)part / whole, part, whole);
	else
		printf("%s: no case\n", name);
}

static int test_tokens(const struct ruleset *rules, bool verbose, struct rules_test_result *ret,
		       struct error *err)
{
	struct token_run t = { .rules = rules };
	struct rule_info info;
	int rc;

	t.failures = calloc(ruleset_len(rules) + 1, sizeof(*t.failures));
	if (!t.failures)
		return -ENOMEM;
	rc = ruleset_test(rules, on_failure, &t, ret, err);
	for (size_t i = 0; !rc && verbose && i < ruleset_len(rules); i++) {
		ruleset_info(rules, i, &info);
		if (t.failures[i])
			printf("%-40s %u cases fail\n", info.id, t.failures[i]);
		else
			printf("%-40s ok\n", info.id);
	}
	free(t.failures);
	return rc;
}

static int run_cases(const struct case_runner *runner, struct case_totals *t, struct error *err)
{
	struct span bundle = cases_builtin();
	struct case_result r;
	struct case_text c;

	while (cases_next(&bundle, &c)) {
		int rc = case_run(runner, &c, &r, err);

		if (rc)
			return rc;
		t->matched += r.outcome == CASE_MATCHED;
		t->quiet += r.outcome == CASE_QUIET;
		t->missed += r.outcome == CASE_MISSED;
		t->loud += r.outcome == CASE_LOUD;
		t->faulty += r.outcome == CASE_FAULTY;
		if (r.outcome >= CASE_MISSED)
			printf("case %s: %s\n", c.name, r.why);
	}
	return 0;
}

/* Each rule of the catalogue has its own cases of both kinds. */
static int account(const struct policy *policy, bool verbose, struct case_totals *t)
{
	size_t n = policy_catalogue_len(policy);
	struct case_count *counts = calloc(n + 1, sizeof(*counts));
	char why[160];

	if (!counts)
		return -ENOMEM;
	cases_count(policy, cases_builtin(), counts);
	for (size_t i = 0; i < n; i++) {
		const struct catalogue_entry *e = policy_catalogue_at(policy, i);
		bool fit = case_count_is_fit(e, &counts[i], why, sizeof(why));

		t->implemented += !strcmp(e->status, "implemented");
		t->unaccounted += !fit;
		if (!fit)
			printf("%s: %s\n", e->id, why);
		else if (verbose)
			printf("%-40s %u match, %u nomatch\n", e->id, counts[i].match,
			       counts[i].nomatch);
	}
	free(counts);
	return 0;
}

static int test_catalogue(const struct ruleset *rules, const struct policy *policy, bool verbose,
			  struct case_totals *t, struct error *err)
{
	struct case_runner runner = { .policy = policy, .wall_ns = clock_now_ns(CLOCK_REALTIME) };
	struct scanner *scanner = NULL;
	int rc = scanner_new(rules, &scanner, err);

	if (rc)
		return rc;
	runner.scanner = scanner;
	rc = run_cases(&runner, t, err);
	if (!rc)
		rc = account(policy, verbose, t);
	scanner_free(scanner);
	return rc;
}

int rules_test(const struct log *log, const struct ruleset *rules, const struct policy *policy,
	       bool verbose)
{
	struct rules_test_result r = { 0 };
	struct case_totals t = { 0 };
	struct error err = { 0 };
	unsigned int tp, fp, fn;
	int rc = test_tokens(rules, verbose, &r, &err);

	if (!rc && policy)
		rc = test_catalogue(rules, policy, verbose, &t, &err);
	if (rc)
		return setup_error(log, &err, rc);
	printf("%u rules, %u cases\n", r.rules, r.tp + r.fn + r.tn + r.fp);
	if (policy)
		printf("catalogue: %zu rules, %u implemented; %u replay cases\n",
		       policy_catalogue_len(policy), t.implemented,
		       t.matched + t.quiet + t.missed + t.loud + t.faulty);
	tp = r.tp + t.matched;
	fp = r.fp + t.loud;
	fn = r.fn + t.missed;
	print_ratio("precision", tp, tp + fp);
	print_ratio("recall   ", tp, tp + fn);
	return fn || fp || t.faulty || t.unaccounted ? EXIT_INVALID : EXIT_OK;
}
