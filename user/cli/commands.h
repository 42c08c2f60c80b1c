/* SPDX-License-Identifier: BSD-2-Clause */
/* The commands of cli/table.c, and what they share besides the detection stack (outputs.h). */
#ifndef BT_CLI_COMMANDS_H
#define BT_CLI_COMMANDS_H

#include <getopt.h>
#include "base/log.h"
#include "cli/cmd.h"

extern const struct cmd cmd_run, cmd_attach, cmd_scan, cmd_replay, cmd_rules, cmd_explain,
	cmd_doctor, cmd_version;

const struct cmd *cmd_find(const char *name); /* NULL when there is none */
/* Prints the command's --help on stdout. */
void cmd_print_help(const struct cmd *c);

/*
 * getopt_long() for a command: options end at the first word that is none, errors are told in `err` and
 * not by getopt. An option whose value is a letter can be given by it too. Gives the option's value, -1 at the end (optind is then the first operand), or '?' with
 * `err` filled. `argv[0]` is the command's name, as struct cmd's run() gets it.
 */
int options_next(int argc, char **argv, const struct option *options, struct error *err);

/* Prints a usage error in one line that points to the command's help; gives EXIT_USAGE. */
int usage_error(const struct log *log, const struct cmd *c, const struct error *err);

/* Where execvp(3) will find the command, into `ret` of that size (PATH_MAX); empty when it will not. */
void command_find(const char *name, char *ret, size_t len);

/*
 * Prints why something that the command needs could not be had. Gives EXIT_USAGE for -EINVAL (a fault in what the
 * user gave), else EXIT_WATCH_FAILED.
 */
int setup_error(const struct log *log, const struct error *err, int rc);

/*
 * The nearest of the names offered, for "did you mean": feed every name, then read `best`, which is NULL when
 * none is near enough. Names are not copied.
 */
struct suggestion {
	const char *wanted;
	const char *best;
	size_t distance;
};
void suggest_start(struct suggestion *s, const char *wanted);
void suggest_offer(struct suggestion *s, const char *name);

#endif /* BT_CLI_COMMANDS_H */
