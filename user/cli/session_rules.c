/* SPDX-License-Identifier: BSD-2-Clause */
/* Rules that are loaded again while texts are being looked at. */
#include <errno.h>
#include <stdlib.h>
#include "cli/session.h"
#include "detect/prefilter.h"

int session_match_anchors(struct session *s, struct error *err)
{
	__u64 *bitmap = calloc(BT_MATCH_WORDS, sizeof(*bitmap));

	if (!bitmap)
		return error_set(err, -ENOMEM, "out of memory");
	prefilter_anchors(s->stack.scanner, bitmap);
	/* A text may be amid a candidate of theirs. */
	for (size_t i = 0; i < s->n_old_rules; i++)
		prefilter_anchors(s->old_rules[i].scanner, bitmap);
	capture_match_anchors(s->capture, bitmap);
	free(bitmap);
	return 0;
}

void session_settle_rules(struct session *s)
{
	size_t kept = 0;

	for (size_t i = 0; i < s->n_old_rules; i++) {
		if (scanner_replace(s->old_rules[i].scanner, s->stack.scanner)) {
			s->old_rules[kept++] = s->old_rules[i];
			continue;
		}
		scanner_free(s->old_rules[i].scanner);
		ruleset_free(s->old_rules[i].rules);
	}
	s->n_old_rules = kept;
}

/* Findings by overrides that are there no more would go unsaid. */
static void note_overrides(struct session *s, const struct policy *next)
{
	struct engine_totals t;

	engine_totals(s->engine, &t);
	for (size_t i = 0; i < policy_overrides_len(s->stack.policy); i++) {
		const char *id = policy_override_id(s->stack.policy, i);
		uint64_t n = t.overridden[i] + s->life->before.overridden[i];

		if (n && policy_override_find(next, id) < 0)
			session_note(s,
				     "%llu findings fell under override %s (%s) before the policy "
				     "was loaded again without it",
				     (unsigned long long)n, id,
				     policy_override_reason(s->stack.policy, i));
	}
}

/* For all that is under way. */
static void use_rules(struct session *s, struct stack *next)
{
	note_overrides(s, next->policy);
	policy_carry_overrides(s->stack.policy, next->policy, s->life->before.overridden);
	engine_rules(s->engine, next->scanner, next->policy);
	s->old_rules[s->n_old_rules].rules = s->stack.rules;
	s->old_rules[s->n_old_rules++].scanner = s->stack.scanner;
	policy_free(s->stack.policy);
	s->stack.rules = next->rules;
	s->stack.scanner = next->scanner;
	s->stack.policy = next->policy;
	session_settle_rules(s);
	s->life->reloads++;
}

int session_reload(struct session *s)
{
	struct error err = { 0 };
	struct stack next;
	int ret = 0;

	if (s->n_old_rules == SESSION_MAX_OLD_RULES)
		ret = error_set(
			&err, -EAGAIN,
			"texts are still amid what earlier rules look for; try again later");
	if (!ret)
		ret = stack_open_rules(&next, s->shared, &err);
	if (ret) {
		log_at(s->log, LOG_LEVEL_ERROR,
		       "rules not loaded again, those from before stay in force: %s", err.text);
		return ret;
	}
	if (!s->engine) {
		stack_release(&s->stack);
		s->stack = next;
		return 0;
	}
	use_rules(s, &next);
	ret = session_match_anchors(s, &err);
	if (ret)
		log_at(s->log, LOG_LEVEL_ERROR, "the kernel side keeps the earlier rules: %s",
		       err.text);
	log_at(s->log, LOG_LEVEL_INFO, "rules and policy loaded again");
	return ret;
}
