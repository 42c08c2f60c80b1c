/* SPDX-License-Identifier: BSD-2-Clause */
/* Commands: one file each (cli/cmd_NAME.c) and one row in cli/table.c. */
#ifndef BT_CLI_CMD_H
#define BT_CLI_CMD_H

#include "base/log.h"

/* Exit statuses, design.md. */
#define EXIT_OK 0
#define EXIT_INVALID 1 /* `rules check`, `rules test`: a rule is at fault */
#define EXIT_UNSEEN 1  /* `doctor`: something cannot be seen */
#define EXIT_USAGE 2
#define EXIT_FOUND 10
#define EXIT_WATCH_FAILED 125 /* could not look, or did not see all */
#define EXIT_NOT_EXECUTABLE 126
#define EXIT_NOT_FOUND 127

struct cmd {
	const char *name;
	const char *args;  /* "[OPTIONS] -- COMMAND [ARG...]" */
	const char *brief; /* one line for the overview */
	const char *help;  /* body of --help: what it does, options, examples */
	/* argv[0] is the command's name. Gives the exit status. */
	int (*run)(const struct log *log, int argc, char **argv);
};

extern const struct cmd *const cmd_table[]; /* in the order of the overview; ends with NULL */

#endif /* BT_CLI_CMD_H */
