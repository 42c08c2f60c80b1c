// SPDX-License-Identifier: BSD-2-Clause
/* mktoken KIND: prints a fresh secret of that shape; mktoken --list: prints the kinds. */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include "sample/tokens.h"

int main(int argc, char **argv)
{
	char buf[TOK_MAX];
	size_t i;

	if (argc != 2) {
		fprintf(stderr, "usage: mktoken KIND | --list\n");
		return 2;
	}
	for (i = 0; tok_kinds[i]; i++) {
		if (!strcmp(argv[1], "--list")) {
			puts(tok_kinds[i]);
		} else if (!strcmp(argv[1], tok_kinds[i])) {
			tok_gen(argv[1], buf, sizeof(buf));
			puts(buf);
			return 0;
		}
	}
	if (!strcmp(argv[1], "--list"))
		return 0;
	fprintf(stderr, "mktoken: unknown kind '%s'; see mktoken --list\n", argv[1]);
	return 2;
}
