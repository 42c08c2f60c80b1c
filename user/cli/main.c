// SPDX-License-Identifier: BSD-2-Clause
/* beartrap: which command, or help about them. Everything else is in the commands. */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "base/secmem.h"
#include "cli/commands.h"
#include "cli/outputs.h"

static const char intro[] =
	"usage: beartrap COMMAND [OPTIONS] [ARGUMENTS]\n"
	"\n"
	"Catches OAuth secrets that leak out of an MCP server: access, refresh and ID tokens,\n"
	"authorization codes, PKCE verifiers, client secrets. It watches from the kernel (eBPF), "
	"so the\n"
	"server needs no change and cannot look away, and it knows where each byte goes: the\n"
	"same token is right in a token request, and a leak in a tool result, an error, a log, a\n"
	"file that others can read, a command line, or on the way to a wrong host.\n"
	"\n"
	"Commands:\n";

static const char outro[] =
	"\n"
	"Examples:\n"
	"  beartrap run -- npx some-mcp-server        put this in the MCP client's configuration\n"
	"  beartrap run --output jsonl:leaks.jsonl -- node server.js\n"
	"  beartrap attach --pid 4242                 a server that runs already\n"
	"  beartrap scan ~/.config/my-server logs/    files left behind; no privileges needed\n"
	"  mcp-client 2>&1 | beartrap scan -          whatever a pipe holds\n"
	"  beartrap explain token-in-tool-result      why it matters, how to mend it\n"
	"\n"
	"Exit status:\n"
	"    0  looked at everything, found nothing at or above --fail-on (`run`: the child's own "
	"status)\n"
	"    1  rules check, rules test: a rule is at fault; doctor: something cannot be seen\n"
	"    2  usage error: an unknown option, a bad rule file, ...\n"
	"   10  found something at or above --fail-on (--exit-code changes the number)\n"
	"  125  could not look, or did not see everything: nothing found, but that proves nothing\n"
	"  126  run: the command cannot be executed; 127: it was not found\n"
	"\n"
	"A report never holds a secret: it shows the kind, the length, at most 4 characters, and "
	"a\n"
	"keyed fingerprint by which the same secret is known again.\n"
	"`beartrap COMMAND --help` tells more about a command.\n";

static void print_overview(void)
{
	fputs(intro, stdout);
	for (const struct cmd *const *c = cmd_table; *c; c++)
		printf("  %-9s %s\n", (*c)->name, (*c)->brief);
	fputs(outro, stdout);
}

static int unknown_command(const struct log *log, const char *name)
{
	struct suggestion s;

	suggest_start(&s, name);
	for (const struct cmd *const *c = cmd_table; *c; c++)
		suggest_offer(&s, (*c)->name);
	if (s.best)
		log_at(log, LOG_LEVEL_ERROR, "unknown command %s; did you mean `beartrap %s`?",
		       name, s.best);
	else
		log_at(log, LOG_LEVEL_ERROR, "unknown command %s; `beartrap --help` lists them",
		       name);
	return EXIT_USAGE;
}

static bool is_help(const char *word)
{
	return !strcmp(word, "--help") || !strcmp(word, "-h");
}

static int command(const struct log *log, int argc, char **argv)
{
	const struct cmd *c;
	const char *name;

	if (argc < 2) {
		log_at(log, LOG_LEVEL_ERROR,
		       "no command given; `beartrap --help` lists the commands");
		return EXIT_USAGE;
	}
	name = argv[1];
	if (is_help(name) || !strcmp(name, "help")) {
		if (argc == 2) {
			print_overview();
			return EXIT_OK;
		}
		c = cmd_find(argv[2]);
		if (!c)
			return unknown_command(log, argv[2]);
		cmd_print_help(c);
		return EXIT_OK;
	}
	if (!strcmp(name, "--version"))
		name = "version";
	if (*name == '-') {
		log_at(log, LOG_LEVEL_ERROR,
		       "unknown option %s before a command; `beartrap --help` lists both", name);
		return EXIT_USAGE;
	}
	c = cmd_find(name);
	if (!c)
		return unknown_command(log, name);
	/* Whatever else stands there; a command sees --help behind other options itself. */
	if (argc > 2 && is_help(argv[2])) {
		cmd_print_help(c);
		return EXIT_OK;
	}
	return c->run(log, argc - 1, argv + 1);
}

int main(int argc, char **argv)
{
	const struct log log = { .fd = STDERR_FILENO, .level = LOG_LEVEL_INFO };
	int status;
	int rc;

	rc = secmem_init();
	if (rc) {
		log_at(&log, LOG_LEVEL_ERROR,
		       "cannot protect its own memory: %s; nothing was started", strerror(-rc));
		return EXIT_WATCH_FAILED;
	}
	status = command(&log, argc, argv);
	if (fflush(stdout) || ferror(stdout)) {
		log_at(&log, LOG_LEVEL_ERROR, "cannot write to standard output: %s",
		       strerror(errno));
		if (status == EXIT_OK)
			status = EXIT_WATCH_FAILED;
	}
	return status;
}
