// SPDX-License-Identifier: BSD-2-Clause
/* From a rule file's text to rules; every fault with its line and what to do. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "detect/rules_int.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <pcre2.h>
#include <stdio.h>
#include <stdlib.h>

struct loader {
	struct ruleset *rs;
	const char *name;
	struct span text;
	const cJSON *root;
	struct error *err;
};

/* --- lines --- */

static unsigned int line_at(struct span text, size_t off)
{
	unsigned int line = 1;

	for (size_t i = 0; i < off && i < text.len; i++)
		line += text.p[i] == '\n';
	return line;
}

/* Where the text of a JSON file is read. */
struct locator {
	struct span t;
	size_t at;
	unsigned int line, depth;
};

static void skip_string(struct locator *l)
{
	for (l->at++; l->at < l->t.len && l->t.p[l->at] != '"'; l->at++) {
		l->line += l->t.p[l->at] == '\n';
		l->at += l->t.p[l->at] == '\\';
	}
	l->at++;
}

static void skip_space(struct locator *l)
{
	for (; l->at < l->t.len && strchr(" \t\r\n", l->t.p[l->at]); l->at++)
		l->line += l->t.p[l->at] == '\n';
}

/* Moves to after the beginning of the next value, false at the end; *line is where it begins. */
static bool next_value(struct locator *l, unsigned int *line)
{
	while (skip_space(l), l->at < l->t.len) {
		char c = l->t.p[l->at];

		*line = l->line;
		if (c == '"') {
			skip_string(l);
			skip_space(l);
			/* A string before ':' is a member's name. */
			if (l->at >= l->t.len || l->t.p[l->at] != ':')
				return true;
		} else if (c == '{' || c == '[') {
			l->depth++;
			l->at++;
			return true;
		} else if (strchr("-0123456789tfn", c)) {
			while (l->at < l->t.len && !strchr(",]} \t\r\n", l->t.p[l->at]))
				l->at++;
			return true;
		} else {
			l->depth -= (c == '}' || c == ']') && l->depth;
			l->at++;
		}
	}
	return false;
}

/*
 * cJSON keeps no positions; but values begin in the text in the order of a walk that visits a container before its members.
 * The line goes to `valueint`, which nothing else uses here (numbers are read from `valuedouble`).
 */
static void number_lines(cJSON *node, struct locator *l)
{
	unsigned int line = 0;
	cJSON *child;

	next_value(l, &line);
	node->valueint = (int)line;
	for (child = node->child; child; child = child->next)
		number_lines(child, l);
}

static unsigned int deepest(struct span text)
{
	struct locator l = { text, 0, 1, 0 };
	unsigned int line, max = 0;

	while (next_value(&l, &line))
		max = l.depth > max ? l.depth : max;
	return max;
}

static unsigned int node_line(const cJSON *node)
{
	return (unsigned int)node->valueint;
}

static int fail(const struct loader *ld, const cJSON *node, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static int fail(const struct loader *ld, const cJSON *node, const char *fmt, ...)
{
	char what[400];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	return error_set(ld->err, -EINVAL, "%s:%u: %s", ld->name, node_line(node), what);
}

static int no_memory(const struct loader *ld)
{
	return error_set(ld->err, -ENOMEM, "%s: out of memory", ld->name);
}

/* --- members --- */

struct member {
	const char *name;
	int type; /* cJSON_String, ...; cJSON_True stands for either boolean */
};

static bool has_type(const cJSON *node, int type)
{
	return type == cJSON_True ? cJSON_IsBool(node) : (node->type & 0xff) == type;
}

static const char *type_name(int type)
{
	switch (type) {
	case cJSON_String:
		return "a string";
	case cJSON_Number:
		return "a number";
	case cJSON_Array:
		return "an array";
	case cJSON_Object:
		return "an object";
	default:
		return "true or false";
	}
}

/* Only these members, each once, each of its type. */
static int check_members(const struct loader *ld, const cJSON *obj, const struct member *allowed)
{
	const cJSON *c, *other;

	for (c = obj->child; c; c = c->next) {
		const struct member *m = allowed;

		while (m->name && strcmp(m->name, c->string) != 0)
			m++;
		if (!m->name)
			return fail(ld, c,
				    "unknown member \"%.40s\"; remove it or correct its name "
				    "(schema/rules.schema.json lists them)",
				    c->string);
		if (!has_type(c, m->type))
			return fail(ld, c, "\"%s\" must be %s", c->string, type_name(m->type));
		for (other = obj->child; other != c; other = other->next) {
			if (!strcmp(other->string, c->string))
				return fail(ld, c, "\"%s\" stands twice; keep one", c->string);
		}
		if (m->type == cJSON_String &&
		    (!c->valuestring[0] || strlen(c->valuestring) > RULES_MAX_STRING))
			return fail(ld, c, "\"%s\" must have 1 to %d bytes", c->string,
				    RULES_MAX_STRING);
	}
	return 0;
}

static const cJSON *get(const cJSON *obj, const char *name)
{
	return cJSON_GetObjectItemCaseSensitive(obj, name);
}

static int need(const struct loader *ld, const cJSON *obj, const char *name, const cJSON **ret)
{
	*ret = get(obj, name);
	if (*ret)
		return 0;
	return fail(ld, obj, "\"%s\" is missing; add it", name);
}

static int copy_string(const struct loader *ld, const cJSON *obj, const char *name, char **ret)
{
	const cJSON *node = get(obj, name);

	if (!node)
		return 0;
	*ret = strdup(node->valuestring);
	return *ret ? 0 : no_memory(ld);
}

/* An array of strings, at most `max`. `lines` (may be NULL) gets each one's line. */
static int take_strings(const struct loader *ld, const cJSON *arr, size_t max, struct strings *ret,
			unsigned int **lines)
{
	const cJSON *c;

	if (cJSON_GetArraySize(arr) > (int)max)
		return fail(ld, arr, "\"%s\" has more than %zu entries; remove some", arr->string,
			    max);
	if (lines) {
		*lines = calloc(max, sizeof(**lines));
		if (!*lines)
			return no_memory(ld);
	}
	for (c = arr->child; c; c = c->next) {
		if (!cJSON_IsString(c))
			return fail(ld, c, "\"%s\" must hold strings only", arr->string);
		if (strlen(c->valuestring) > RULES_MAX_STRING)
			return fail(ld, c, "a string is longer than %d bytes; shorten it",
				    RULES_MAX_STRING);
		if (lines)
			(*lines)[ret->n] = node_line(c);
		if (strings_add(ret, span_str(c->valuestring)))
			return no_memory(ld);
	}
	return 0;
}

static int take_number(const struct loader *ld, const cJSON *obj, const char *name, double min,
		       double max, double *ret)
{
	const cJSON *node = get(obj, name);

	if (!node)
		return 0;
	if (!(node->valuedouble >= min && node->valuedouble <= max))
		return fail(ld, node, "\"%s\" must be from %g to %g", name, min, max);
	*ret = node->valuedouble;
	return 0;
}

/* --- what token and key rules have in common --- */

static int check_id(const struct loader *ld, const cJSON *node)
{
	const char *s = node->valuestring;
	size_t n = strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789-");

	if (s[n] || n > 63 || s[0] == '-')
		return fail(ld, node,
			    "an id has 1 to 63 of a-z, 0-9 and '-', and does not begin with '-'");
	if (!strcmp(s, "known-value"))
		return fail(ld, node, "the id \"known-value\" is taken; choose another");
	return 0;
}

static int take_tests(const struct loader *ld, const cJSON *obj, struct rule *r)
{
	static const struct member members[] = { { "match", cJSON_Array },
						 { "nomatch", cJSON_Array },
						 { NULL, 0 } };
	const cJSON *tests, *match, *nomatch;
	int ret = need(ld, obj, "tests", &tests);

	if (!ret)
		ret = check_members(ld, tests, members);
	if (!ret)
		ret = need(ld, tests, "match", &match);
	if (!ret)
		ret = need(ld, tests, "nomatch", &nomatch);
	if (ret)
		return ret;
	if (!match->child || !nomatch->child)
		return fail(
			ld, tests,
			"a rule needs at least one \"match\" and one \"nomatch\" text; add them");
	ret = take_strings(ld, match, RULES_MAX_CASES, &r->match, &r->match_line);
	if (!ret)
		ret = take_strings(ld, nomatch, RULES_MAX_CASES, &r->nomatch, &r->nomatch_line);
	return ret;
}

/* So that a bad {{...}} is named when the file is loaded. */
static int check_tests(const struct loader *ld, const cJSON *obj, const struct rule *r)
{
	const cJSON *tests = get(obj, "tests"), *list, *c;
	const char *why;

	for (list = tests->child; list; list = list->next) {
		for (c = list->child; c; c = c->next) {
			if (rule_check_text(r, c->valuestring, &why))
				return fail(ld, c, "%s", why);
		}
	}
	return 0;
}

static int take_common(const struct loader *ld, const cJSON *obj, struct rule *r)
{
	const cJSON *node;
	int ret = need(ld, obj, "id", &node);

	if (!ret)
		ret = check_id(ld, node);
	if (!ret)
		ret = copy_string(ld, obj, "id", &r->id);
	if (!ret)
		ret = need(ld, obj, "title", &node);
	if (!ret)
		ret = copy_string(ld, obj, "title", &r->title);
	if (!ret)
		ret = need(ld, obj, "kind", &node);
	if (ret)
		return ret;
	if (secret_kind_parse(span_str(node->valuestring), &r->kind))
		return fail(ld, node,
			    "unknown kind \"%.40s\"; use access_token, refresh_token, id_token, "
			    "code, code_verifier, state, client_secret, device_code, "
			    "registration_access_token, assertion, api_key or bearer",
			    node->valuestring);
	ret = copy_string(ld, obj, "provider", &r->provider);
	if (!ret && !r->provider && !(r->provider = strdup("")))
		ret = no_memory(ld);
	r->line = node_line(obj);
	if (!ret && !(r->file = strdup(ld->name)))
		ret = no_memory(ld);
	return ret ? ret : take_tests(ld, obj, r);
}

/* --- token rules --- */

static int add_pattern(const struct loader *ld, const cJSON *node, const cJSON *left,
		       struct rule *r)
{
	struct rule_pattern *rp = &r->patterns[r->n_patterns];
	const struct pattern *p = &rp->pat;
	const char *why;

	if (!cJSON_IsString(node))
		return fail(ld, node, "\"patterns\" must hold strings only");
	if (pattern_parse(&rp->pat, span_str(node->valuestring), &why))
		return fail(ld, node, "pattern: %s", why);
	if (p->min_len < 16)
		return fail(ld, node, "pattern: matches fewer than 16 bytes; make it longer");
	if (p->min_len > 8192)
		return fail(ld, node, "pattern: needs more than 8192 bytes; make it shorter");
	if (!r->context_only && p->anchor.len < RULES_MIN_ANCHOR)
		return fail(ld, node,
			    "pattern: no literal of at least %d bytes at a fixed distance from its "
			    "start; add one, or set \"context\": true",
			    RULES_MIN_ANCHOR);
	if (p->anchor_at > 64)
		return fail(ld, node, "pattern: more than 64 bytes before its literal");
	if (left) {
		if (byte_set_parse(&rp->left, span_str(left->valuestring), &why))
			return fail(ld, left, "\"left\": %s", why);
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

static int take_patterns(const struct loader *ld, const cJSON *obj, struct rule *r)
{
	const cJSON *arr, *c;
	int ret = need(ld, obj, "patterns", &arr);

	if (ret)
		return ret;
	if (!arr->child || cJSON_GetArraySize(arr) > RULES_MAX_PATTERNS)
		return fail(ld, arr, "\"patterns\" must have 1 to %d entries", RULES_MAX_PATTERNS);
	r->patterns = calloc(RULES_MAX_PATTERNS, sizeof(*r->patterns));
	if (!r->patterns)
		return no_memory(ld);
	for (c = arr->child; c; c = c->next) {
		ret = add_pattern(ld, c, get(obj, "left"), r);
		if (ret)
			return ret;
	}
	return 0;
}

static int take_regex(const struct loader *ld, const cJSON *obj, struct rule *r)
{
	const cJSON *node, *anchor;
	PCRE2_SIZE at;
	char msg[128];
	double max = 512;
	int code, ret = need(ld, obj, "regex", &node);

	if (!ret)
		ret = need(ld, obj, "anchor", &anchor);
	if (!ret)
		ret = copy_string(ld, obj, "anchor", &r->anchor);
	if (!ret)
		ret = take_number(ld, obj, "max", 16, 4096, &max);
	if (ret)
		return ret;
	r->max_len = (unsigned int)max;
	if (strlen(r->anchor) < RULES_MIN_ANCHOR || strlen(r->anchor) > 32)
		return fail(ld, anchor, "\"anchor\" must have %d to 32 bytes", RULES_MIN_ANCHOR);
	ret = copy_string(ld, obj, "regex", &r->regex);
	if (ret)
		return ret;
	/* Without UTF every byte is one character, and \C or a lookbehind cannot leave the window. */
	r->code = pcre2_compile((PCRE2_SPTR)r->regex, PCRE2_ZERO_TERMINATED,
				PCRE2_NEVER_UTF | PCRE2_NEVER_UCP | PCRE2_NEVER_BACKSLASH_C, &code,
				&at, NULL);
	if (!r->code) {
		pcre2_get_error_message(code, (PCRE2_UCHAR *)msg, sizeof(msg));
		return fail(ld, node, "regex: %s at byte %zu; correct it", msg, (size_t)at);
	}
	return 0;
}

static int take_check(const struct loader *ld, const cJSON *obj, struct rule *r)
{
	const cJSON *node = get(obj, "check");
	const cJSON *required = get(obj, "check_required");

	if (!node)
		return 0;
	if (check_parse(span_str(node->valuestring), &r->check))
		return fail(ld, node, "unknown check \"%.40s\"; see schema/rules.schema.json",
			    node->valuestring);
	r->check_soft = required && cJSON_IsFalse(required);
	return 0;
}

static int take_type(const struct loader *ld, const cJSON *obj, struct rule *r)
{
	static const char *const names[] = { [RULE_TOKEN] = "token",
					     [RULE_REGEX] = "regex",
					     [RULE_SCHEME] = "scheme",
					     [RULE_JWT] = "jwt" };
	const cJSON *node = get(obj, "type");

	if (!node)
		return 0;
	for (unsigned int i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (!strcmp(node->valuestring, names[i])) {
			r->type = (enum rule_type)i;
			return 0;
		}
	}
	return fail(ld, node, "unknown type \"%.40s\"; use token, regex, scheme or jwt",
		    node->valuestring);
}

static int take_rule(const struct loader *ld, const cJSON *obj, struct rule *r)
{
	static const struct member members[] = { { "id", cJSON_String },
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
	int ret = check_members(ld, obj, members);

	if (!ret)
		ret = take_common(ld, obj, r);
	if (!ret)
		ret = take_type(ld, obj, r);
	if (!ret)
		ret = take_check(ld, obj, r);
	if (!ret)
		ret = take_number(ld, obj, "entropy", 0, 8, &r->entropy);
	if (!ret)
		ret = take_number(ld, obj, "min", 8, 1024, &min);
	if (!ret)
		ret = copy_string(ld, obj, "contains", &r->contains);
	if (ret)
		return ret;
	r->min_len = (unsigned int)min;
	r->context_only = cJSON_IsTrue(get(obj, "context"));
	switch (r->type) {
	case RULE_TOKEN:
		ret = take_patterns(ld, obj, r);
		break;
	case RULE_REGEX:
		ret = take_regex(ld, obj, r);
		break;
	case RULE_SCHEME:
		ret = need(ld, obj, "scheme", &node);
		if (!ret && (strlen(node->valuestring) < 4 || strlen(node->valuestring) > 16))
			ret = fail(ld, node, "\"scheme\" must have 4 to 16 bytes");
		if (!ret)
			ret = copy_string(ld, obj, "scheme", &r->anchor);
		break;
	default:
		break;
	}
	return ret ? ret : check_tests(ld, obj, r);
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

static int take_names(const struct loader *ld, const cJSON *arr, struct strings *names,
		      struct strings *words)
{
	const cJSON *c;
	char norm[64];

	if (!arr->child || cJSON_GetArraySize(arr) > RULES_MAX_NAMES)
		return fail(ld, arr, "\"%s\" must have 1 to %d entries", arr->string,
			    RULES_MAX_NAMES);
	for (c = arr->child; c; c = c->next) {
		size_t n;

		if (!cJSON_IsString(c) || strlen(c->valuestring) > 64)
			return fail(ld, c, "a name must be a string of at most 64 bytes");
		n = key_normalise(span_str(c->valuestring), norm, sizeof(norm));
		if (n < 2 || (norm[0] == '*' && n < 4) || memchr(norm + 1, '*', n - 1))
			return fail(ld, c,
				    "a name needs 2 letters or more; '*' may only stand in front "
				    "of 3 or more");
		if (strings_add(names, span_of(norm, n)) ||
		    (words && add_words(words, c->valuestring)))
			return no_memory(ld);
	}
	return 0;
}

static int take_key(const struct loader *ld, const cJSON *obj, struct rule *r)
{
	static const struct member members[] = {
		{ "id", cJSON_String },   { "title", cJSON_String }, { "provider", cJSON_String },
		{ "kind", cJSON_String }, { "names", cJSON_Array },  { "min", cJSON_Number },
		{ "oauth", cJSON_True },  { "tests", cJSON_Object }, { NULL, 0 }
	};
	const cJSON *names;
	double min = 16;
	int ret = check_members(ld, obj, members);

	r->type = RULE_KEY;
	if (!ret)
		ret = take_common(ld, obj, r);
	if (!ret)
		ret = need(ld, obj, "names", &names);
	if (!ret)
		ret = take_names(ld, names, &r->names, &r->words);
	if (!ret)
		ret = take_number(ld, obj, "min", 8, 1024, &min);
	if (ret)
		return ret;
	r->min_len = (unsigned int)min;
	r->oauth_only = cJSON_IsTrue(get(obj, "oauth"));
	return check_tests(ld, obj, r);
}

/* --- files --- */

static int take_list(const struct loader *ld, const cJSON *arr, struct rule_list *into,
		     int (*take)(const struct loader *, const cJSON *, struct rule *))
{
	const cJSON *c, *other;
	int ret = 0;

	for (c = arr->child; c; c = c->next) {
		struct rule *r;

		if (!cJSON_IsObject(c))
			return fail(ld, c, "\"%s\" must hold objects only", arr->string);
		r = calloc(1, sizeof(*r));
		if (!r)
			return no_memory(ld);
		ret = take(ld, c, r);
		for (other = arr->child; !ret && other != c; other = other->next) {
			if (!strcmp(get(other, "id")->valuestring, r->id))
				ret = fail(ld, get(c, "id"),
					   "the id \"%s\" stands twice in this file; rename one",
					   r->id);
		}
		if (!ret)
			ret = rule_list_put(into, r);
		if (ret == -E2BIG)
			fail(ld, c, "more than %d rules; remove some", RULES_MAX);
		if (ret) {
			rule_free(r);
			return ret;
		}
	}
	return 0;
}

static int take_examples(const struct loader *ld, const cJSON *arr)
{
	const cJSON *c;

	for (c = arr->child; c; c = c->next) {
		if (!cJSON_IsString(c) || strlen(c->valuestring) != 16 ||
		    c->valuestring[strspn(c->valuestring, "0123456789abcdef")])
			return fail(ld, c,
				    "an example is the first 16 hex digits of the value's SHA-256");
	}
	return take_strings(ld, arr, 1024, &ld->rs->examples, NULL);
}

static int take_file(const struct loader *ld)
{
	static const struct member tokens[] = { { "$schema", cJSON_String },
						{ "kind", cJSON_String },
						{ "rules", cJSON_Array },
						{ NULL, 0 } };
	static const struct member keys[] = {
		{ "$schema", cJSON_String }, { "kind", cJSON_String },    { "keys", cJSON_Array },
		{ "public", cJSON_Array },   { "examples", cJSON_Array }, { NULL, 0 }
	};
	const cJSON *kind, *arr;
	int ret = 0;

	if (!cJSON_IsObject(ld->root))
		return fail(ld, ld->root, "a rule file is one JSON object");
	kind = get(ld->root, "kind");
	if (!cJSON_IsString(kind))
		return fail(ld, ld->root,
			    "\"kind\" is missing; add \"kind\": \"tokens\" or \"keys\"");
	/* Other layers' files lie in the same directory. */
	if (!strcmp(kind->valuestring, "catalogue") || !strcmp(kind->valuestring, "policy"))
		return 0;
	if (!strcmp(kind->valuestring, "tokens")) {
		ret = check_members(ld, ld->root, tokens);
		if (!ret)
			ret = need(ld, ld->root, "rules", &arr);
		return ret ? ret : take_list(ld, arr, &ld->rs->rules, take_rule);
	}
	if (strcmp(kind->valuestring, "keys") != 0)
		return fail(ld, kind,
			    "unknown kind \"%.40s\"; use tokens, keys, catalogue or policy",
			    kind->valuestring);
	ret = check_members(ld, ld->root, keys);
	arr = get(ld->root, "keys");
	if (!ret && arr)
		ret = take_list(ld, arr, &ld->rs->keys, take_key);
	arr = get(ld->root, "public");
	if (!ret && arr)
		ret = take_names(ld, arr, &ld->rs->public_names, NULL);
	arr = get(ld->root, "examples");
	if (!ret && arr)
		ret = take_examples(ld, arr);
	return ret;
}

int ruleset_add_text(struct ruleset *rs, const char *name, struct span text, struct error *err)
{
	struct loader ld = { rs, name, text, NULL, err };
	const char *end = NULL;
	struct locator lines = { text, 0, 1, 0 };
	cJSON *root;
	int ret;

	if (text.len > RULES_MAX_FILE)
		return error_set(err, -E2BIG, "%s: larger than %u bytes; split it", name,
				 RULES_MAX_FILE);
	if (text.len && memchr(text.p, '\0', text.len))
		return error_set(err, -EINVAL, "%s:%u: a NUL byte; remove it", name,
				 line_at(text, span_find_byte(text, '\0')));
	if (deepest(text) > RULES_MAX_DEPTH)
		return error_set(err, -EINVAL, "%s: nested more than %d deep; flatten it", name,
				 RULES_MAX_DEPTH);
	root = cJSON_ParseWithLengthOpts(text.p ? text.p : "", text.len, &end, false);
	if (!root)
		return error_set(err, -EINVAL, "%s:%u: not JSON from here on; correct the syntax",
				 name, line_at(text, end ? (size_t)(end - text.p) : 0));
	ld.root = root;
	number_lines(root, &lines);
	for (; end < text.p + text.len && strchr(" \t\r\n", *end); end++)
		;
	if (end < text.p + text.len)
		ret = error_set(err, -EINVAL, "%s:%u: text after the object; remove it", name,
				line_at(text, (size_t)(end - text.p)));
	else
		ret = take_file(&ld);
	cJSON_Delete(root);
	return ret;
}
