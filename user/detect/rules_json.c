// SPDX-License-Identifier: BSD-2-Clause
#include "detect/rules_json.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

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

unsigned int rf_line(const cJSON *node)
{
	return (unsigned int)node->valueint;
}

int rf_fail(const struct rule_file *rf, const cJSON *node, const char *fmt, ...)
{
	char what[400];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	return error_set(rf->err, -EINVAL, "%s:%u: %s", rf->name, rf_line(node), what);
}

int rf_no_memory(const struct rule_file *rf)
{
	return error_set(rf->err, -ENOMEM, "%s: out of memory", rf->name);
}

/* --- members --- */

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
int rf_check_members(const struct rule_file *rf, const cJSON *obj, const struct rf_member *allowed)
{
	const cJSON *c, *other;

	for (c = obj->child; c; c = c->next) {
		const struct rf_member *m = allowed;

		while (m->name && strcmp(m->name, c->string) != 0)
			m++;
		if (!m->name)
			return rf_fail(rf, c,
				       "unknown member \"%.40s\"; remove it or correct its name "
				       "(schema/rules.schema.json lists them)",
				       c->string);
		if (!has_type(c, m->type))
			return rf_fail(rf, c, "\"%s\" must be %s", c->string, type_name(m->type));
		for (other = obj->child; other != c; other = other->next) {
			if (!strcmp(other->string, c->string))
				return rf_fail(rf, c, "\"%s\" stands twice; keep one", c->string);
		}
		if (m->type == cJSON_String &&
		    (!c->valuestring[0] || strlen(c->valuestring) > RULES_MAX_STRING))
			return rf_fail(rf, c, "\"%s\" must have 1 to %d bytes", c->string,
				       RULES_MAX_STRING);
	}
	return 0;
}

const cJSON *rf_get(const cJSON *obj, const char *name)
{
	return cJSON_GetObjectItemCaseSensitive(obj, name);
}

int rf_need(const struct rule_file *rf, const cJSON *obj, const char *name, const cJSON **ret)
{
	*ret = rf_get(obj, name);
	if (*ret)
		return 0;
	return rf_fail(rf, obj, "\"%s\" is missing; add it", name);
}

int rf_copy_string(const struct rule_file *rf, const cJSON *obj, const char *name, char **ret)
{
	const cJSON *node = rf_get(obj, name);

	if (!node)
		return 0;
	*ret = strdup(node->valuestring);
	return *ret ? 0 : rf_no_memory(rf);
}

/* An array of strings, at most `max`. `lines` (may be NULL) gets each one's line. */
int rf_take_strings(const struct rule_file *rf, const cJSON *arr, size_t max, struct strings *ret,
		    unsigned int **lines)
{
	const cJSON *c;

	if (cJSON_GetArraySize(arr) > (int)max)
		return rf_fail(rf, arr, "\"%s\" has more than %zu entries; remove some",
			       arr->string, max);
	if (lines) {
		*lines = calloc(max, sizeof(**lines));
		if (!*lines)
			return rf_no_memory(rf);
	}
	for (c = arr->child; c; c = c->next) {
		if (!cJSON_IsString(c))
			return rf_fail(rf, c, "\"%s\" must hold strings only", arr->string);
		if (strlen(c->valuestring) > RULES_MAX_STRING)
			return rf_fail(rf, c, "a string is longer than %d bytes; shorten it",
				       RULES_MAX_STRING);
		if (lines)
			(*lines)[ret->n] = rf_line(c);
		if (strings_add(ret, span_str(c->valuestring)))
			return rf_no_memory(rf);
	}
	return 0;
}

int rf_take_number(const struct rule_file *rf, const cJSON *obj, const char *name, double min,
		   double max, double *ret)
{
	const cJSON *node = rf_get(obj, name);

	if (!node)
		return 0;
	if (!(node->valuedouble >= min && node->valuedouble <= max))
		return rf_fail(rf, node, "\"%s\" must be from %g to %g", name, min, max);
	*ret = node->valuedouble;
	return 0;
}

/* --- the whole --- */

int rf_parse(struct rule_file *rf, cJSON **root)
{
	struct locator lines = { rf->text, 0, 1, 0 };
	struct span t = rf->text;
	const char *end = NULL;

	*root = NULL;
	if (t.len > RULES_MAX_FILE)
		return error_set(rf->err, -E2BIG, "%s: larger than %u bytes; split it", rf->name,
				 RULES_MAX_FILE);
	if (t.len && memchr(t.p, '\0', t.len))
		return error_set(rf->err, -EINVAL, "%s:%u: a NUL byte; remove it", rf->name,
				 line_at(t, span_find_byte(t, '\0')));
	if (deepest(t) > RULES_MAX_DEPTH)
		return error_set(rf->err, -EINVAL, "%s: nested more than %d deep; flatten it",
				 rf->name, RULES_MAX_DEPTH);
	*root = cJSON_ParseWithLengthOpts(t.p ? t.p : "", t.len, &end, false);
	if (!*root)
		return error_set(rf->err, -EINVAL,
				 "%s:%u: not JSON from here on; correct the syntax", rf->name,
				 line_at(t, end ? (size_t)(end - t.p) : 0));
	rf->root = *root;
	number_lines(*root, &lines);
	for (; end < t.p + t.len && strchr(" \t\r\n", *end); end++)
		;
	if (end < t.p + t.len)
		return error_set(rf->err, -EINVAL, "%s:%u: text after the object; remove it",
				 rf->name, line_at(t, (size_t)(end - t.p)));
	return 0;
}
