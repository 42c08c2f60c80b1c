/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What every command that looks for secrets shares: the options --output, --fail-on, --exit-code, --rules, --known, --policy,
 * the detection stack they configure, and the end of a run (reports, exit status).
 */
#ifndef BT_CLI_OUTPUTS_H
#define BT_CLI_OUTPUTS_H

#include "alert/dedup.h"
#include "cli/cmd.h"
#include "report/report.h"

#define OUTPUTS_MAX 16

/* getopt_long values for the shared options; a command's own options are below 0x100. */
enum shared_opt {
	OPT_OUTPUT = 0x100,
	OPT_FAIL_ON,
	OPT_EXIT_CODE,
	OPT_RULES,
	OPT_KNOWN,
	OPT_POLICY,
	OPT_DEBUG,
};

/* Put these rows into a command's struct option array. */
#define SHARED_OPTIONS                                                                             \
	{ "output", required_argument, NULL, OPT_OUTPUT },                                         \
		{ "fail-on", required_argument, NULL, OPT_FAIL_ON },                               \
		{ "exit-code", required_argument, NULL, OPT_EXIT_CODE },                           \
		{ "rules", required_argument, NULL, OPT_RULES },                                   \
		{ "known", required_argument, NULL, OPT_KNOWN },                                   \
		{ "policy", required_argument, NULL, OPT_POLICY },                                 \
	{                                                                                          \
		"debug", no_argument, NULL, OPT_DEBUG                                              \
	}

/* Help text of the shared options, for a command's --help. */
extern const char shared_options_help[];

struct shared {
	const char *outputs[OUTPUTS_MAX];
	size_t n_outputs;
	const char *rules[OUTPUTS_MAX];
	size_t n_rules;
	const char *policies[OUTPUTS_MAX];
	size_t n_policies;
	const char *known;
	enum severity fail_on; /* SEV_HIGH; SEV_MAX = never */
	int exit_code;         /* EXIT_FOUND */
	bool debug;
};

void shared_init(struct shared *s);
/* Takes one shared option. 0; -EINVAL with `err` (a usage error); -ENOENT when `opt` is not a shared one. */
int shared_option(struct shared *s, int opt, const char *arg, struct error *err);

/* Everything that finds and judges, built from the options. */
struct stack {
	struct ruleset *rules;
	struct scanner *scanner;
	struct policy *policy;
	struct values *values;
	struct fingerprinter fingerprint;
};
/* 0 or negative errno with `err`; -EINVAL is a fault in a file the user gave. Release is idempotent. */
int stack_open(struct stack *st, const struct shared *s, struct error *err);
void stack_release(struct stack *st);

/* The opened reports. Default when none was asked for: text on stderr. */
struct outputs;
int outputs_open(const struct shared *s, struct outputs **ret, struct error *err);
/* To every report; a write error is remembered and told by outputs_finish. */
void outputs_alert(struct outputs *o, const struct policy *p, const struct alert *a);
int outputs_finish(struct outputs *o, const struct policy *p, const struct alert *const *alerts,
		   size_t n, const struct run_summary *sum, struct error *err);
struct outputs *outputs_free(struct outputs *o); /* not finished: leaves no half-written file */

/*
 * Exit status of a finished look: s->exit_code when an alert at or above fail_on is among them, else
 * EXIT_WATCH_FAILED when something was not examined, else `clean`.
 */
int shared_exit_status(const struct shared *s, const struct alert *const *alerts, size_t n,
		       const struct run_summary *sum, int clean);

#endif /* BT_CLI_OUTPUTS_H */
