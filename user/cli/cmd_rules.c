// SPDX-License-Identifier: BSD-2-Clause
/* beartrap rules list | check | test: the rules themselves. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cjson/cJSON.h>
#include "base/fileio.h"
#include "base/jw.h"
#include "cases/cases.h"
#include "cli/commands.h"
#include "cli/outputs.h"
#include "cli/rules_test.h"

enum rules_opt { OPT_JSON = 1, OPT_VERBOSE = 'v' };

static const char help[] =
	"beartrap rules list [--json]        every rule: token formats and key names that are "
	"looked for,\n"
	"                                    and the catalogue of findings that they lead to\n"
	"beartrap rules check PATH...        are these files of rules sound? PATH is a JSON file "
	"or a\n"
	"                                    directory of them. Faults are told as FILE:LINE: "
	"what\n"
	"beartrap rules test [-v] [PATH...]  runs every rule on the true and false positives that "
	"it\n"
	"                                    carries; prints precision and recall. Without PATH: "
	"the\n"
	"                                    built-in rules and, with its replay cases, the whole\n"
	"                                    catalogue. -v lists every rule\n"
	"\n"
	"Exit status: 0 sound, 1 a rule is at fault, 2 usage error.\n";

/* --- list -------------------------------------------------------------------------------- */

/* What a status says after "implemented", "planned" or "not observable". */
static const char *reason_of(const char *status)
{
	const char *colon = strchr(status, ':');

	return colon ? colon + 2 : "";
}

static void list_text(const struct stack *st, const struct case_count *counts)
{
	struct rule_info info;

	printf("Token formats and key names that are looked for:\n");
	for (size_t i = 0; i < ruleset_len(st->rules); i++) {
		ruleset_info(st->rules, i, &info);
		printf("  %-32s %-18s %-10s %s%s%s\n", info.id, secret_kind_name(info.kind),
		       confidence_name(info.confidence), info.title, *info.check ? ", check " : "",
		       info.check);
	}
	printf("\nFindings (`beartrap explain RULE` tells more); behind each its replay cases, "
	       "those in which it\nis found + those that look alike:\n");
	for (size_t i = 0; i < policy_catalogue_len(st->policy); i++) {
		const struct catalogue_entry *e = policy_catalogue_at(st->policy, i);

		printf("  %-32s %-9s %-14.*s %u+%u  %s%s%s\n", e->id, severity_name(e->severity),
		       (int)strcspn(e->status, ":"), e->status, counts[i].match, counts[i].nomatch,
		       e->title, *reason_of(e->status) ? ": " : "", reason_of(e->status));
	}
}

static void list_json(const struct stack *st, const struct case_count *counts, struct buf *out)
{
	struct rule_info info;
	struct jw w;

	jw_init(&w, out);
	jw_object(&w, NULL);
	jw_array(&w, "token_rules");
	for (size_t i = 0; i < ruleset_len(st->rules); i++) {
		ruleset_info(st->rules, i, &info);
		jw_object(&w, NULL);
		jw_str(&w, "id", info.id);
		jw_str(&w, "title", info.title);
		jw_str(&w, "provider", info.provider);
		jw_str(&w, "kind", secret_kind_name(info.kind));
		jw_str(&w, "confidence", confidence_name(info.confidence));
		jw_str(&w, "check", info.check);
		jw_str(&w, "file", info.file);
		jw_u64(&w, "line", info.line);
		jw_end_object(&w);
	}
	jw_end_array(&w);
	jw_array(&w, "catalogue");
	for (size_t i = 0; i < policy_catalogue_len(st->policy); i++) {
		const struct catalogue_entry *e = policy_catalogue_at(st->policy, i);

		jw_object(&w, NULL);
		jw_str(&w, "id", e->id);
		jw_str(&w, "title", e->title);
		jw_str(&w, "family", e->family);
		jw_str(&w, "severity", severity_name(e->severity));
		jw_str(&w, "status", e->status);
		jw_u64(&w, "match_cases", counts[i].match);
		jw_u64(&w, "nomatch_cases", counts[i].nomatch);
		jw_end_object(&w);
	}
	jw_end_array(&w);
	jw_end_object(&w);
	buf_add_byte(out, '\n');
}

static int list(const struct log *log, bool json)
{
	struct buf out = BUF_INIT(0);
	struct case_count *counts;
	struct error err = { 0 };
	struct stack stack;
	struct shared s;
	int rc;

	shared_init(&s);
	rc = stack_open(&stack, &s, &err);
	if (rc)
		return setup_error(log, &err, rc);
	counts = calloc(policy_catalogue_len(stack.policy) + 1, sizeof(*counts));
	if (!counts) {
		rc = -ENOMEM;
		goto out;
	}
	cases_count(stack.policy, cases_builtin(), counts);
	if (json) {
		list_json(&stack, counts, &out);
		rc = out.err ? out.err : fd_write_all(STDOUT_FILENO, out.p, out.len);
		buf_release(&out);
	} else {
		list_text(&stack, counts);
	}
out:
	free(counts);
	stack_release(&stack);
	return rc ? setup_error(log, &err, rc) : EXIT_OK;
}

/* --- check and test ------------------------------------------------------------------------ */

/* Files of rules that were read; a fault in one does not keep the others from being read. */
struct loaded {
	const struct log *log;
	struct ruleset *rules;
	struct policy *policy; /* where catalogue and policy files are tried */
	unsigned int files, faults;
};

static bool is_policy(struct span text)
{
	cJSON *doc = cJSON_ParseWithLength(text.p, text.len);
	const cJSON *kind = cJSON_GetObjectItemCaseSensitive(doc, "kind");
	bool yes = cJSON_IsString(kind) && (!strcmp(kind->valuestring, "policy") ||
					    !strcmp(kind->valuestring, "catalogue"));

	cJSON_Delete(doc);
	return yes;
}

static void load_file(struct loaded *l, const char *path)
{
	struct buf text = BUF_INIT(RULES_MAX_FILE);
	struct error err = { 0 };
	int rc;

	rc = file_read_all(path, RULES_MAX_FILE, &text, &err);
	if (!rc)
		rc = ruleset_add_text(l->rules, path, buf_span(&text), &err);
	if (!rc && is_policy(buf_span(&text)))
		rc = policy_add_text(l->policy, path, buf_span(&text), &err);
	buf_release(&text);
	l->files++;
	if (rc) {
		log_at(l->log, LOG_LEVEL_ERROR, "%s", err.text);
		l->faults++;
	}
}

static int is_json(const struct dirent *e)
{
	size_t len = strlen(e->d_name);

	return len > 5 && e->d_name[0] != '.' && !strcmp(e->d_name + len - 5, ".json");
}

static void load_path(struct loaded *l, const char *path)
{
	struct dirent **names;
	char file[4096];
	struct stat st;
	int n;

	if (stat(path, &st) || !S_ISDIR(st.st_mode)) {
		load_file(l, path);
		return;
	}
	n = scandir(path, &names, is_json, alphasort);
	if (n < 0) {
		log_at(l->log, LOG_LEVEL_ERROR, "%s: %s", path, strerror(errno));
		l->faults++;
		return;
	}
	if (!n) {
		log_at(l->log, LOG_LEVEL_ERROR, "%s: no *.json in this directory", path);
		l->faults++;
	}
	for (int i = 0; i < n; i++) {
		snprintf(file, sizeof(file), "%s/%s", path, names[i]->d_name);
		load_file(l, file);
		free(names[i]);
	}
	free(names);
}

static int load_start(struct loaded *l, const struct log *log, struct error *err)
{
	*l = (struct loaded){ .log = log, .rules = ruleset_new() };
	if (!l->rules)
		return error_set(err, -ENOMEM, "out of memory for the rules");
	return policy_new(&l->policy, err);
}

static void load_end(struct loaded *l)
{
	l->policy = policy_free(l->policy);
	l->rules = ruleset_free(l->rules);
}

static int check(const struct log *log, char **paths)
{
	struct error err = { 0 };
	struct loaded l;
	int status;
	int rc;

	rc = load_start(&l, log, &err);
	if (rc) {
		status = setup_error(log, &err, rc);
		goto out;
	}
	for (char **p = paths; *p; p++)
		load_path(&l, *p);
	status = l.faults ? EXIT_INVALID : EXIT_OK;
	if (!l.faults)
		printf("ok: %zu rules in %u files\n", ruleset_len(l.rules), l.files);
out:
	load_end(&l);
	return status;
}

static int test(const struct log *log, char **paths, bool verbose)
{
	struct error err = { 0 };
	struct loaded l;
	int status;
	int rc;

	rc = load_start(&l, log, &err);
	if (!rc && !*paths)
		rc = ruleset_add_builtin(l.rules, &err);
	if (rc) {
		status = setup_error(log, &err, rc);
		goto out;
	}
	for (char **p = paths; *p; p++)
		load_path(&l, *p);
	status = l.faults ? EXIT_INVALID
			  : rules_test(log, l.rules, *paths ? NULL : l.policy, verbose);
out:
	load_end(&l);
	return status;
}

static int run(const struct log *log, int argc, char **argv)
{
	static const struct option options[] = {
		{ "json", no_argument, NULL, OPT_JSON },
		{ "verbose", no_argument, NULL, OPT_VERBOSE },
		{ "help", no_argument, NULL, OPT_HELP },
		{ 0 },
	};
	bool json = false, verbose = false;
	const char *what = argc > 1 ? argv[1] : "";
	struct error err = { 0 };
	char **paths;
	int opt;

	if (!strcmp(what, "--help")) {
		cmd_print_help(&cmd_rules);
		return EXIT_OK;
	}
	if (argc > 1) {
		argc--;
		argv++;
	}
	while ((opt = options_next(argc, argv, options, &err)) != -1) {
		switch (opt) {
		case OPT_HELP:
			cmd_print_help(&cmd_rules);
			return EXIT_OK;
		case OPT_JSON:
			json = true;
			break;
		case OPT_VERBOSE:
			verbose = true;
			break;
		default:
			return usage_error(log, &cmd_rules, &err);
		}
	}
	paths = argv + optind;
	if (json && strcmp(what, "list") != 0)
		error_set(&err, -EINVAL, "only `rules list` takes --json");
	else if (verbose && strcmp(what, "test") != 0)
		error_set(&err, -EINVAL, "only `rules test` takes -v");
	else if (!strcmp(what, "list") && *paths)
		error_set(&err, -EINVAL, "`rules list` takes no arguments");
	else if (!strcmp(what, "check") && !*paths)
		error_set(&err, -EINVAL, "`rules check` needs files or directories");
	else if (!strcmp(what, "list"))
		return list(log, json);
	else if (!strcmp(what, "check"))
		return check(log, paths);
	else if (!strcmp(what, "test"))
		return test(log, paths, verbose);
	else
		error_set(&err, -EINVAL, "say one of list, check, test");
	return usage_error(log, &cmd_rules, &err);
}

const struct cmd cmd_rules = {
	.name = "rules",
	.args = "list|check|test [OPTIONS] [PATH...]",
	.brief = "list, check or test the rules",
	.help = help,
	.run = run,
};
