// SPDX-License-Identifier: BSD-2-Clause
#include <string.h>
#include "cli/commands.h"

const struct cmd *const cmd_table[] = {
	&cmd_run,     &cmd_attach, &cmd_scan,    &cmd_replay, &cmd_rules,
	&cmd_explain, &cmd_doctor, &cmd_version, NULL,
};

const struct cmd *cmd_find(const char *name)
{
	for (const struct cmd *const *c = cmd_table; *c; c++) {
		if (!strcmp((*c)->name, name))
			return *c;
	}
	return NULL;
}
