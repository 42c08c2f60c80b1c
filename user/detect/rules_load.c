// SPDX-License-Identifier: BSD-2-Clause
/* From a rule file's text to rules; every fault with its line and what to do. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <errno.h>
#include <pcre2.h>
#include <stdio.h>
#include <stdlib.h>
#include "detect/rules_json.h"

/* --- what token and key rules have in common --- */

static int check_id(const struct rule_file *rf, const cJSON *node)
{
	const char *s = node->valuestring;
	size_t n = strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789-");

	if (s[n] || n > 63 || s[0] == '-')
		return rf_fail(
			rf, node,
			"an id has 1 to 63 of a-z, 0-9 and '-', and does not begin with '-'");
	if (!strcmp(s, "known-value"))
		return rf_fail(rf, node, "the id \"known-value\" is taken; choose another");
	return 0;
}

static int take_tests(const struct rule_file *rf, const cJSON *obj, struct rule *r)
{
	static const struct rf_member members[] = { { "match", cJSON_Array },
						    { "nomatch", cJSON_Array },
						    { NULL, 0 } };
	const cJSON *tests, *match, *nomatch;
	int ret = rf_need(rf, obj, "tests", &tests);

	if (!ret)
		ret = rf_check_members(rf, tests, members);
	if (!ret)
		ret = rf_need(rf, tests, "match", &match);
	if (!ret)
		ret = rf_need(rf, tests, "nomatch", &nomatch);
	if (ret)
		return ret;
	if (!match->child || !nomatch->child)
		return rf_fail(
			rf, tests,
			"a rule needs at least one \"match\" and one \"nomatch\" text; add them");
	ret = rf_take_strings(rf, match, RULES_MAX_CASES, &r->match, &r->match_line);
	if (!ret)
		ret = rf_take_strings(rf, nomatch, RULES_MAX_CASES, &r->nomatch, &r->nomatch_line);
	return ret;
}

/* So that a bad {{...}} is named when the file is loaded. */
static int check_tests(const struct rule_file *rf, const cJSON *obj, const struct rule *r)
{
	const cJSON *tests = rf_get(obj, "tests"), *list, *c;
	const char *why;

	for (list = tests->child; list; list = list->next) {
		for (c = list->child; c; c = c->next) {
			if (rule_check_text(r, c->valuestring, &why))
				return rf_fail(rf, c, "%s", why);
		}
	}
	return 0;
}

static int take_common(const struct rule_file *rf, const cJSON *obj, struct rule *r)
{
	const cJSON *node;
	int ret = rf_need(rf, obj, "id", &node);

	if (!ret)
		ret = check_id(rf, node);
	if (!ret)
		ret = rf_copy_string(rf, obj, "id", &r->id);
	if (!ret)
		ret = rf_need(rf, obj, "title", &node);
	if (!ret)
		ret = rf_copy_string(rf, obj, "title", &r->title);
	if (!ret)
		ret = rf_need(rf, obj, "kind", &node);
	if (ret)
		return ret;
	if (secret_kind_parse(span_str(node->valuestring), &r->kind))
		return rf_fail(rf, node,
			       "unknown kind \"%.40s\"; use access_token, refresh_token, id_token, "
			       "code, code_verifier, state, client_secret, device_code, "
			       "registration_access_token, assertion, api_key or bearer",
			       node->valuestring);
	ret = rf_copy_string(rf, obj, "provider", &r->provider);
	if (!ret && !r->provider && !(r->provider = strdup("")))
		ret = rf_no_memory(rf);
	r->line = rf_line(obj);
	if (!ret && !(r->file = strdup(rf->name)))
		ret = rf_no_memory(rf);
	return ret ? ret : take_tests(rf, obj, r);
}

/* --- token rules --- */

static int add_pattern(const struct rule_file *rf, const cJSON *node, const cJSON *left,
		       struct rule *r)
{
	struct rule_pattern *rp = &r->patterns[r->n_patterns];
	const struct pattern *p = &rp->pat;
	const char *why;

	if (!cJSON_IsString(node))
		return rf_fail(rf, node, "\"patterns\" must hold strings only");
	if (pattern_parse(&rp->pat, span_str(node->valuestring), &why))
		return rf_fail(rf, node, "pattern: %s", why);
	if (p->min_len < 16)
		return rf_fail(rf, node, "pattern: matches fewer than 16 bytes; make it longer");
	if (p->min_len > 8192)
		return rf_fail(rf, node, "pattern: needs more than 8192 bytes; make it shorter");
	if (!r->context_only && p->anchor.len < RULES_MIN_ANCHOR)
		return rf_fail(
			rf, node,
			"pattern: no literal of at least %d bytes at a fixed distance from its "
			"start; add one, or set \"context\": true",
			RULES_MIN_ANCHOR);
	if (p->anchor_at > 64)
		return rf_fail(rf, node, "pattern: more than 64 bytes before its literal");
	if (left) {
		if (byte_set_parse(&rp->left, span_str(left->valuestring), &why))
			return rf_fail(rf, left, "\"left\": %s", why);
	} else {
		byte_set_parse(&rp->left, SPAN_LIT("A-Za-z0-9_"), &why);
		if (set_has(&p->tail, '-'))
			set_add(&rp->left, '-');
	}
	if (p->part[0].lit_len)
		snprintf(rp->prefix, sizeof(rp->prefix), "%.*s", (int)p->part[0].lit_len, p->text);
	r->n_patterns++;
	return 0;
}

static int take_patterns(const struct rule_file *rf, const cJSON *obj, struct rule *r)
{
	const cJSON *arr, *c;
	int ret = rf_need(rf, obj, "patterns", &arr);

	if (ret)
		return ret;
	if (!arr->child || cJSON_GetArraySize(arr) > RULES_MAX_PATTERNS)
		return rf_fail(rf, arr, "\"patterns\" must have 1 to %d entries",
			       RULES_MAX_PATTERNS);
	r->patterns = calloc(RULES_MAX_PATTERNS, sizeof(*r->patterns));
	if (!r->patterns)
		return rf_no_memory(rf);
	for (c = arr->child; c; c = c->next) {
		ret = add_pattern(rf, c, rf_get(obj, "left"), r);
		if (ret)
			return ret;
	}
	return 0;
}

static int take_regex(const struct rule_file *rf, const cJSON *obj, struct rule *r)
{
	const cJSON *node, *anchor;
	PCRE2_SIZE at;
	char msg[128];
	double max = 512;
	int code, ret = rf_need(rf, obj, "regex", &node);

	if (!ret)
		ret = rf_need(rf, obj, "anchor", &anchor);
	if (!ret)
		ret = rf_copy_string(rf, obj, "anchor", &r->anchor);
	if (!ret)
		ret = rf_take_number(rf, obj, "max", 16, 4096, &max);
	if (ret)
		return ret;
	r->max_len = (unsigned int)max;
	if (strlen(r->anchor) < RULES_MIN_ANCHOR || strlen(r->anchor) > 32)
		return rf_fail(rf, anchor, "\"anchor\" must have %d to 32 bytes", RULES_MIN_ANCHOR);
	ret = rf_copy_string(rf, obj, "regex", &r->regex);
	if (ret)
		return ret;
	/* Without UTF every byte is one character, and \C or a lookbehind cannot leave the window. */
	r->code = pcre2_compile((PCRE2_SPTR)r->regex, PCRE2_ZERO_TERMINATED,
				PCRE2_NEVER_UTF | PCRE2_NEVER_UCP | PCRE2_NEVER_BACKSLASH_C, &code,
				&at, NULL);
	if (!r->code) {
		pcre2_get_error_message(code, (PCRE2_UCHAR *)msg, sizeof(msg));
		return rf_fail(rf, node, "regex: %s at byte %zu; correct it", msg, (size_t)at);
	}
	return 0;
}

static int take_check(const struct rule_file *rf, const cJSON *obj, struct rule *r)
{
	const cJSON *node = rf_get(obj, "check");
	const cJSON *required = rf_get(obj, "check_required");

	if (!node)
		return 0;
	if (check_parse(span_str(node->valuestring), &r->check))
		return rf_fail(rf, node, "unknown check \"%.40s\"; see schema/rules.schema.json",
			       node->valuestring);
	r->check_soft = required && cJSON_IsFalse(required);
	return 0;
}

static int take_type(const struct rule_file *rf, const cJSON *obj, struct rule *r)
{
	static const char *const names[] = { [RULE_TOKEN] = "token",
					     [RULE_REGEX] = "regex",
					     [RULE_SCHEME] = "scheme",
					     [RULE_JWT] = "jwt" };
	const cJSON *node = rf_get(obj, "type");

	if (!node)
		return 0;
	for (unsigned int i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (!strcmp(node->valuestring, names[i])) {
			r->type = (enum rule_type)i;
			return 0;
		}
	}
	return rf_fail(rf, node, "unknown type \"%.40s\"; use token, regex, scheme or jwt",
		       node->valuestring);
}

static int take_rule(const struct rule_file *rf, const cJSON *obj, struct rule *r)
{
	static const struct rf_member members[] = { { "id", cJSON_String },
						    { "title", cJSON_String },
						    { "provider", cJSON_String },
						    { "kind", cJSON_String },
						    { "type", cJSON_String },
						    { "patterns", cJSON_Array },
						    { "left", cJSON_String },
						    { "check", cJSON_String },
						    { "check_required", cJSON_True },
						    { "contains", cJSON_String },
						    { "context", cJSON_True },
						    { "entropy", cJSON_Number },
						    { "regex", cJSON_String },
						    { "anchor", cJSON_String },
						    { "max", cJSON_Number },
						    { "scheme", cJSON_String },
						    { "min", cJSON_Number },
						    { "tests", cJSON_Object },
						    { NULL, 0 } };
	const cJSON *node;
	double min = 16;
	int ret = rf_check_members(rf, obj, members);

	if (!ret)
		ret = take_common(rf, obj, r);
	if (!ret)
		ret = take_type(rf, obj, r);
	if (!ret)
		ret = take_check(rf, obj, r);
	if (!ret)
		ret = rf_take_number(rf, obj, "entropy", 0, 8, &r->entropy);
	if (!ret)
		ret = rf_take_number(rf, obj, "min", 8, 1024, &min);
	if (!ret)
		ret = rf_copy_string(rf, obj, "contains", &r->contains);
	if (ret)
		return ret;
	r->min_len = (unsigned int)min;
	r->context_only = cJSON_IsTrue(rf_get(obj, "context"));
	switch (r->type) {
	case RULE_TOKEN:
		ret = take_patterns(rf, obj, r);
		break;
	case RULE_REGEX:
		ret = take_regex(rf, obj, r);
		break;
	case RULE_SCHEME:
		ret = rf_need(rf, obj, "scheme", &node);
		if (!ret && (strlen(node->valuestring) < 4 || strlen(node->valuestring) > 16))
			ret = rf_fail(rf, node, "\"scheme\" must have 4 to 16 bytes");
		if (!ret)
			ret = rf_copy_string(rf, obj, "scheme", &r->anchor);
		break;
	default:
		break;
	}
	return ret ? ret : check_tests(rf, obj, r);
}

/* --- key rules --- */

/* The last word of a name as it may be written before a separator, for the prefilter. */
static int add_words(struct strings *words, const char *name)
{
	static const char *const joints[] = { "_", "-", "", " " };
	const char *last = strrchr(name, '_');
	char word[80];
	int r = 0;

	if (*name == '*')
		name++;
	last = last ? last + 1 : name;
	if (strlen(last) >= 4)
		return strings_add(words, span_str(last));
	/* Too short by itself: with the word before it. */
	while (last > name && last[-1] == '_')
		last--;
	for (size_t i = 0; !r && i < 4; i++) {
		const char *from = last;
		const char *tail = last + strspn(last, "_");

		while (from > name && from[-1] != '_')
			from--;
		snprintf(word, sizeof(word), "%.*s%s%s", (int)(last - from), from, joints[i], tail);
		if (strlen(word) >= 4)
			r = strings_add(words, span_str(word));
	}
	return r;
}

static int take_names(const struct rule_file *rf, const cJSON *arr, struct strings *names,
		      struct strings *words)
{
	const cJSON *c;
	char norm[64];

	if (!arr->child || cJSON_GetArraySize(arr) > RULES_MAX_NAMES)
		return rf_fail(rf, arr, "\"%s\" must have 1 to %d entries", arr->string,
			       RULES_MAX_NAMES);
	for (c = arr->child; c; c = c->next) {
		size_t n;

		if (!cJSON_IsString(c) || strlen(c->valuestring) > 64)
			return rf_fail(rf, c, "a name must be a string of at most 64 bytes");
		n = key_normalise(span_str(c->valuestring), norm, sizeof(norm));
		if (n < 2 || (norm[0] == '*' && n < 4) || memchr(norm + 1, '*', n - 1))
			return rf_fail(
				rf, c,
				"a name needs 2 letters or more; '*' may only stand in front "
				"of 3 or more");
		if (strings_add(names, span_of(norm, n)) ||
		    (words && add_words(words, c->valuestring)))
			return rf_no_memory(rf);
	}
	return 0;
}

static int take_key(const struct rule_file *rf, const cJSON *obj, struct rule *r)
{
	static const struct rf_member members[] = {
		{ "id", cJSON_String },   { "title", cJSON_String }, { "provider", cJSON_String },
		{ "kind", cJSON_String }, { "names", cJSON_Array },  { "min", cJSON_Number },
		{ "oauth", cJSON_True },  { "tests", cJSON_Object }, { NULL, 0 }
	};
	const cJSON *names;
	double min = 16;
	int ret = rf_check_members(rf, obj, members);

	r->type = RULE_KEY;
	if (!ret)
		ret = take_common(rf, obj, r);
	if (!ret)
		ret = rf_need(rf, obj, "names", &names);
	if (!ret)
		ret = take_names(rf, names, &r->names, &r->words);
	if (!ret)
		ret = rf_take_number(rf, obj, "min", 8, 1024, &min);
	if (ret)
		return ret;
	for (size_t i = 0; i < r->names.n; i++) {
		unsigned int end = key_end(r->names.v[i], strlen(r->names.v[i]));

		rf->rs->key_ends[end / 32] |= 1u << end % 32;
	}
	r->min_len = (unsigned int)min;
	r->oauth_only = cJSON_IsTrue(rf_get(obj, "oauth"));
	return check_tests(rf, obj, r);
}

/* --- files --- */

static int take_list(const struct rule_file *rf, const cJSON *arr, struct rule_list *into,
		     int (*take)(const struct rule_file *, const cJSON *, struct rule *))
{
	const cJSON *c, *other;
	int ret = 0;

	for (c = arr->child; c; c = c->next) {
		struct rule *r;

		if (!cJSON_IsObject(c))
			return rf_fail(rf, c, "\"%s\" must hold objects only", arr->string);
		r = calloc(1, sizeof(*r));
		if (!r)
			return rf_no_memory(rf);
		ret = take(rf, c, r);
		for (other = arr->child; !ret && other != c; other = other->next) {
			if (!strcmp(rf_get(other, "id")->valuestring, r->id))
				ret = rf_fail(rf, rf_get(c, "id"),
					      "the id \"%s\" stands twice in this file; rename one",
					      r->id);
		}
		if (!ret)
			ret = rule_list_put(into, r);
		if (ret == -E2BIG)
			rf_fail(rf, c, "more than %d rules; remove some", RULES_MAX);
		if (ret) {
			rule_free(r);
			return ret;
		}
	}
	return 0;
}

static int take_examples(const struct rule_file *rf, const cJSON *arr)
{
	const cJSON *c;

	for (c = arr->child; c; c = c->next) {
		if (!cJSON_IsString(c) || strlen(c->valuestring) != 16 ||
		    c->valuestring[strspn(c->valuestring, "0123456789abcdef")])
			return rf_fail(
				rf, c,
				"an example is the first 16 hex digits of the value's SHA-256");
	}
	return rf_take_strings(rf, arr, 1024, &rf->rs->examples, NULL);
}

static int take_file(const struct rule_file *rf)
{
	static const struct rf_member tokens[] = { { "$schema", cJSON_String },
						   { "kind", cJSON_String },
						   { "rules", cJSON_Array },
						   { NULL, 0 } };
	static const struct rf_member keys[] = {
		{ "$schema", cJSON_String }, { "kind", cJSON_String },    { "keys", cJSON_Array },
		{ "public", cJSON_Array },   { "examples", cJSON_Array }, { NULL, 0 }
	};
	const cJSON *kind, *arr;
	int ret = 0;

	if (!cJSON_IsObject(rf->root))
		return rf_fail(rf, rf->root, "a rule file is one JSON object");
	kind = rf_get(rf->root, "kind");
	if (!cJSON_IsString(kind))
		return rf_fail(rf, rf->root,
			       "\"kind\" is missing; add \"kind\": \"tokens\" or \"keys\"");
	/* Other layers' files lie in the same directory. */
	if (!strcmp(kind->valuestring, "catalogue") || !strcmp(kind->valuestring, "policy"))
		return 0;
	if (!strcmp(kind->valuestring, "tokens")) {
		ret = rf_check_members(rf, rf->root, tokens);
		if (!ret)
			ret = rf_need(rf, rf->root, "rules", &arr);
		return ret ? ret : take_list(rf, arr, &rf->rs->rules, take_rule);
	}
	if (strcmp(kind->valuestring, "keys") != 0)
		return rf_fail(rf, kind,
			       "unknown kind \"%.40s\"; use tokens, keys, catalogue or policy",
			       kind->valuestring);
	ret = rf_check_members(rf, rf->root, keys);
	arr = rf_get(rf->root, "keys");
	if (!ret && arr)
		ret = take_list(rf, arr, &rf->rs->keys, take_key);
	arr = rf_get(rf->root, "public");
	if (!ret && arr)
		ret = take_names(rf, arr, &rf->rs->public_names, NULL);
	arr = rf_get(rf->root, "examples");
	if (!ret && arr)
		ret = take_examples(rf, arr);
	return ret;
}

int ruleset_add_text(struct ruleset *rs, const char *name, struct span text, struct error *err)
{
	struct rule_file rf = { rs, name, text, NULL, err };
	cJSON *root;
	int ret = rf_parse(&rf, &root);

	if (!ret)
		ret = take_file(&rf);
	cJSON_Delete(root);
	return ret;
}
