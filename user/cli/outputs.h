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
	OPT_HELP, /* the command's own to answer: cmd_print_help() */
};

/* Put these rows into a command's struct option array. */
#define SHARED_OPTIONS                                                                             \
	{ "output", required_argument, NULL, OPT_OUTPUT },                                         \
		{ "fail-on", required_argument, NULL, OPT_FAIL_ON },                               \
		{ "exit-code", required_argument, NULL, OPT_EXIT_CODE },                           \
		{ "rules", required_argument, NULL, OPT_RULES },                                   \
		{ "known", required_argument, NULL, OPT_KNOWN },                                   \
		{ "policy", required_argument, NULL, OPT_POLICY },                                 \
		{ "debug", no_argument, NULL, OPT_DEBUG },                                         \
	{                                                                                          \
		"help", no_argument, NULL, OPT_HELP                                                \
	}

/* Help text of the shared options, for a command's --help. */
#define SHARED_OPTIONS_HELP                                                                        \
	"  --output FORMAT[:FILE]  write a report; repeatable. FORMAT is text (for people) or "    \
	"jsonl (one\n"                                                                             \
	"                          JSON object a line). Without any: text on standard error\n"     \
	"  --fail-on LEVEL         info, low, medium, high (default), critical, or never: from "   \
	"which\n"                                                                                  \
	"                          severity on a finding decides the exit status\n"                \
	"  --exit-code N           that exit status (default 10)\n"                                \
	"  --rules PATH            add token rules: a JSON file, or a directory's *.json; "        \
	"repeatable\n"                                                                             \
	"  --policy FILE           add or override what is legal where, and how severe; "          \
	"repeatable\n"                                                                             \
	"  --known FILE            secrets to look for by value, in any encoding and in "          \
	"fragments: one a\n"                                                                       \
	"                          line, '#' comments; keep the file 0600\n"                       \
	"  --debug                 say more about what beartrap itself does\n"                     \
	"  --help                  this text\n"

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
	int default_fd; /* of an --output without FILE: STDERR_FILENO; scan, replay: STDOUT_FILENO */
	bool debug;
};

/* Everything at its default; `run` depends on default_fd never being stdout, which is the MCP wire. */
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
/*
 * Both halves: what holds nothing secret, and what does. 0 or negative errno with `err`; -EINVAL is a fault in a file the
 * user gave. Release is idempotent.
 */
int stack_open_rules(struct stack *st, const struct shared *s, struct error *err);
int stack_open_secrets(struct stack *st, const struct shared *s, struct error *err);
int stack_open(struct stack *st, const struct shared *s, struct error *err);
void stack_release(struct stack *st);

/* The opened reports. Default when none was asked for: text on stderr. -EINVAL is a usage error. */
struct outputs;
int outputs_open(const struct shared *s, struct outputs **ret, struct error *err);
/* As report_wait(), all of them. */
void outputs_wait(struct outputs *o, int ms);
/* To every report; a write error is remembered and told by outputs_finish. */
void outputs_alert(struct outputs *o, const struct policy *p, const struct alert *a);
/* Writes the ends. 0, or the first error of any report (the others are still finished). Free afterwards. */
int outputs_finish(struct outputs *o, const struct policy *p, const struct alert *const *alerts,
		   size_t n, const struct run_summary *sum, struct error *err);
struct outputs *outputs_free(struct outputs *o); /* not finished: leaves no half-written file */

/*
 * Exit status of a finished look: s->exit_code when an alert at or above fail_on is among them (or was counted in
 * sum->totals.by_severity, should it have been evicted since), else
 * EXIT_WATCH_FAILED when something was not examined, else `clean`.
 */
int shared_exit_status(const struct shared *s, const struct alert *const *alerts, size_t n,
		       const struct run_summary *sum, int clean);

/* The alerts that outputs_finish() wants, gathered by engine_walk_alerts() or dedup_walk(). */
struct alert_list {
	const struct alert **alerts; /* free() it; the alerts stay their owner's */
	size_t n, cap;
	int err; /* -ENOMEM when one did not fit */
};
/* `arg` is a struct alert_list. */
void alert_list_add(void *arg, const struct alert *a);

/*
 * The end of every look: writes the reports, tells what went wrong with them, frees the list. Gives shared_exit_status(), or
 * EXIT_WATCH_FAILED when a report is not whole.
 */
int outputs_conclude(struct outputs *o, const struct log *log, const struct shared *s,
		     const struct policy *p, struct alert_list *list, const struct run_summary *sum,
		     int clean);

#endif /* BT_CLI_OUTPUTS_H */
