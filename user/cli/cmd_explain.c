// SPDX-License-Identifier: BSD-2-Clause
/* beartrap explain: what a rule means, where it looks, and how to mend what it found. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "engine/engine.h"
#include "cli/commands.h"
#include "cli/outputs.h"

static const char help[] =
	"Explains a finding by the rule that it names: what it is, why it matters, how to mend it, "
	"which\n"
	"specification says so, and where beartrap looks for it. RULE is a rule of the catalogue\n"
	"(token-in-tool-result) or one that describes a token format (github-oauth); `beartrap "
	"rules list`\n"
	"has them all.\n"
	"\n"
	"Options:\n"
	"  --rules PATH, --policy FILE   with rules of your own, as for `run`\n"
	"  --help                        this text\n"
	"\n"
	"Exit status: 0, or 2 when there is no such rule.\n";

#define TEXT_WIDTH 80

/* Prints `text` in lines of at most TEXT_WIDTH, broken at spaces, each with `indent` spaces in front. */
static void print_wrapped(const char *text, int indent)
{
	size_t room = (size_t)(TEXT_WIDTH - indent);

	while (*text) {
		size_t len = strlen(text), cut = len;

		if (len > room) {
			for (cut = room; cut && text[cut] != ' '; cut--)
				;
			if (!cut)
				cut = strcspn(text, " ");
		}
		printf("%*s%.*s\n", indent, "", (int)cut, text);
		text += cut;
		text += strspn(text, " ");
	}
}

/*
 * True when the policy gives this rule for a secret in such a sink, whatever the other facts: every kind and
 * confidence is tried with no flag and with each one, since the cells of a policy can be asked only for verdicts.
 */
static bool sink_can_give(const struct policy *policy, const char *id, enum sink_class class)
{
	/* A whole value, a known one in base64, less than half of one, more than half. */
	static const struct redacted shapes[] = {
		{ .length = 40 },
		{ .length = 40, .encoding = ENC_BASE64, .whole_len = 40, .part_len = 40 },
		{ .length = 12, .whole_len = 40, .part_len = 12 },
		{ .length = 30, .whole_len = 40, .part_len = 30 },
	};
	struct redacted secret;
	struct sink sink = { .class = class, .fd = -1 };
	struct alert a;

	for (unsigned int i = 0; i < 4 * SECRET_KIND_MAX * CONF_MAX; i++) {
		secret = shapes[i % 4];
		secret.kind = (enum secret_kind)(i / 4 % SECRET_KIND_MAX);
		secret.confidence = (enum confidence)(i / 4 / SECRET_KIND_MAX);
		for (unsigned int bit = 0; bit <= SINK_F_URL_MODE; bit = bit ? bit << 1 : 1) {
			sink.flags = bit;
			memset(&a, 0, sizeof(a));
			if (policy_judge(policy, &secret, &sink, &a) == VERDICT_ALERT &&
			    !strcmp(a.rule, id))
				return true;
		}
	}
	return false;
}

static void print_sinks(const struct policy *policy, const char *id)
{
	char line[512] = "";

	engine_rule_places(id, line, sizeof(line));
	for (int c = 0; c < SINK_CLASS_MAX; c++) {
		size_t at = strlen(line);

		if (sink_can_give(policy, id, (enum sink_class)c))
			snprintf(line + at, sizeof(line) - at, "%s%s", at ? ", " : "",
				 sink_class_name((enum sink_class)c));
	}
	if (*line) {
		printf("\nLooked for in:\n");
		print_wrapped(line, 2);
	}
}

static void print_entry(const struct policy *policy, const struct catalogue_entry *e)
{
	bool implemented = !strcmp(e->status, "implemented");

	printf("%s: %s\n", e->id, e->title);
	printf("Severity: %s\n", severity_name(e->severity));
	if (!implemented && e->status[0] == 'p')
		printf("Not looked for yet (%s).\n", e->status);
	else if (!implemented)
		printf("Not looked for (%s).\n", e->status);
	printf("\nWhy it matters:\n");
	print_wrapped(e->why, 2);
	printf("\nHow to mend it:\n");
	print_wrapped(e->fix, 2);
	if (implemented)
		print_sinks(policy, e->id);
	if (e->limits) {
		printf("\nWhat it does not see:\n");
		print_wrapped(e->limits, 2);
	}
	if (e->references && e->references[0]) {
		printf("\nReferences:\n");
		for (const char *const *r = e->references; *r; r++)
			print_wrapped(*r, 2);
	}
}

static bool print_token_rule(const struct ruleset *rules, const char *id)
{
	struct rule_info info;

	for (size_t i = 0; i < ruleset_len(rules); i++) {
		ruleset_info(rules, i, &info);
		if (strcmp(info.id, id) != 0)
			continue;
		printf("%s: %s\n", info.id, info.title);
		if (*info.provider)
			printf("Provider: %s\n", info.provider);
		printf("Kind of secret: %s\n", secret_kind_name(info.kind));
		printf("Confidence of a match: %s\n", confidence_name(info.confidence));
		if (*info.check)
			printf("Check: %s\n", info.check);
		printf("Defined in: %s:%u\n", info.file, info.line);
		printf("\nA token rule says what a secret looks like. What a finding means depends "
		       "on where the\n"
		       "secret was seen: the alert's own rule tells, `beartrap explain` it too.\n");
		return true;
	}
	return false;
}

static int unknown_rule(const struct log *log, const struct stack *stack, const char *id)
{
	struct rule_info info;
	struct suggestion s;

	suggest_start(&s, id);
	for (size_t i = 0; i < policy_catalogue_len(stack->policy); i++)
		suggest_offer(&s, policy_catalogue_at(stack->policy, i)->id);
	for (size_t i = 0; i < ruleset_len(stack->rules); i++) {
		ruleset_info(stack->rules, i, &info);
		suggest_offer(&s, info.id);
	}
	if (s.best)
		log_at(log, LOG_LEVEL_ERROR, "explain: no rule %s; did you mean %s?", id, s.best);
	else
		log_at(log, LOG_LEVEL_ERROR, "explain: no rule %s; `beartrap rules list` has all",
		       id);
	return EXIT_USAGE;
}

static int run(const struct log *log, int argc, char **argv)
{
	static const struct option options[] = {
		{ "rules", required_argument, NULL, OPT_RULES },
		{ "policy", required_argument, NULL, OPT_POLICY },
		{ "help", no_argument, NULL, OPT_HELP },
		{ 0 },
	};
	const struct catalogue_entry *entry;
	struct error err = { 0 };
	struct stack stack;
	struct shared s;
	int status = EXIT_OK;
	int opt, rc;

	shared_init(&s);
	while ((opt = options_next(argc, argv, options, &err)) != -1) {
		if (opt == OPT_HELP) {
			cmd_print_help(&cmd_explain);
			return EXIT_OK;
		}
		if (opt == '?' || shared_option(&s, opt, optarg, &err))
			return usage_error(log, &cmd_explain, &err);
	}
	if (argc - optind != 1) {
		error_set(&err, -EINVAL, "give the id of one rule");
		return usage_error(log, &cmd_explain, &err);
	}
	rc = stack_open(&stack, &s, &err);
	if (rc)
		return setup_error(log, &err, rc);
	entry = policy_catalogue_find(stack.policy, argv[optind]);
	if (entry)
		print_entry(stack.policy, entry);
	else if (!print_token_rule(stack.rules, argv[optind]))
		status = unknown_rule(log, &stack, argv[optind]);
	stack_release(&stack);
	return status;
}

const struct cmd cmd_explain = {
	.name = "explain",
	.args = "RULE",
	.brief = "what a finding means and how to mend it",
	.help = help,
	.run = run,
};
