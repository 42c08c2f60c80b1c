// SPDX-License-Identifier: BSD-2-Clause
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <beartrap/event.h>
#include "alert/policy.h"
#include "base/fileio.h"
#include "base/jw.h"
#include "cli/commands.h"
#include "cli/outputs.h"
#include "detect/rules.h"
#include "version.h"

enum version_opt { OPT_JSON = 1 };

static const char help[] =
	"Prints the version, the number of the record format that kernel programs and recordings\n"
	"must agree on, and what is built in.\n"
	"\n"
	"Options:\n"
	"  --json   as one JSON object\n"
	"  --help   this text\n";

struct build {
	size_t token_rules, catalogue, implemented;
};

static int count(struct build *ret, struct error *err)
{
	struct ruleset *rules = ruleset_new();
	struct policy *policy = NULL;
	int rc = rules ? 0 : -ENOMEM;

	if (!rc)
		rc = ruleset_add_builtin(rules, err);
	if (!rc)
		rc = policy_new(&policy, err);
	if (!rc) {
		*ret = (struct build){
			.token_rules = ruleset_len(rules),
			.catalogue = policy_catalogue_len(policy),
		};
		for (size_t i = 0; i < ret->catalogue; i++)
			ret->implemented +=
				!strcmp(policy_catalogue_at(policy, i)->status, "implemented");
	}
	policy_free(policy);
	ruleset_free(rules);
	return rc;
}

static int print_json(const struct build *b)
{
	struct buf out = BUF_INIT(0);
	struct jw w;
	int rc;

	jw_init(&w, &out);
	jw_object(&w, NULL);
	jw_str(&w, "version", beartrap_version);
	jw_u64(&w, "abi", BT_ABI_VERSION);
	jw_u64(&w, "token_rules", b->token_rules);
	jw_u64(&w, "catalogue_rules", b->catalogue);
	jw_u64(&w, "catalogue_implemented", b->implemented);
	jw_array(&w, "report_formats");
	for (const struct report_format *f = report_formats; f->name; f++)
		jw_str(&w, NULL, f->name);
	jw_end_array(&w);
	jw_end_object(&w);
	buf_add_byte(&out, '\n');
	rc = out.err ? out.err : fd_write_all(STDOUT_FILENO, out.p, out.len);
	buf_release(&out);
	return rc;
}

static void print_text(const struct build *b)
{
	printf("beartrap %s\n", beartrap_version);
	printf("record ABI %d\n", BT_ABI_VERSION);
	printf("%zu token rules; %zu of %zu catalogue rules implemented\n", b->token_rules,
	       b->implemented, b->catalogue);
	printf("reports:");
	for (const struct report_format *f = report_formats; f->name; f++)
		printf(" %s", f->name);
	printf("\n");
}

static int run(const struct log *log, int argc, char **argv)
{
	static const struct option options[] = {
		{ "json", no_argument, NULL, OPT_JSON },
		{ "help", no_argument, NULL, OPT_HELP },
		{ 0 },
	};
	struct error err = { 0 };
	bool json = false;
	struct build b;
	int opt, rc;

	while ((opt = options_next(argc, argv, options, &err)) != -1) {
		if (opt == OPT_HELP) {
			cmd_print_help(&cmd_version);
			return EXIT_OK;
		}
		if (opt == '?')
			return usage_error(log, &cmd_version, &err);
		json = true;
	}
	if (optind != argc) {
		error_set(&err, -EINVAL, "takes no arguments");
		return usage_error(log, &cmd_version, &err);
	}
	rc = count(&b, &err);
	if (!rc && json)
		rc = print_json(&b);
	if (rc)
		return setup_error(log, &err, rc);
	if (!json)
		print_text(&b);
	return EXIT_OK;
}

const struct cmd cmd_version = {
	.name = "version",
	.args = "[--json]",
	.brief = "version and what is built in",
	.help = help,
	.run = run,
};
