/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "alert/policy_read.h"
#include "base/utf8.h"

#define MAX_ID 63

/*
 * Line of the array element at hand. cJSON keeps no places, but its children are in the order of the text, so
 * the n-th object inside a top-level array is the n-th '{' at depth two. Only on the way to an error message.
 */
static unsigned int item_line(const struct load *l)
{
	size_t want = 0, seen = 0, depth = 0;
	unsigned int line = 1;
	bool in_string = false;
	const cJSON *array, *e;

	cJSON_ArrayForEach(array, l->doc)
	{
		if (!cJSON_IsArray(array))
			continue;
		cJSON_ArrayForEach(e, array)
		{
			want += cJSON_IsObject(e);
			if (e == l->item)
				goto found;
		}
	}
	return 1;
found:
	for (size_t i = 0; i < l->text.len; i++) {
		char c = l->text.p[i];

		line += c == '\n';
		if (in_string) {
			if (c == '\\')
				i++;
			else if (c == '"')
				in_string = false;
		} else if (c == '"') {
			in_string = true;
		} else if (c == '[') {
			depth++;
		} else if (c == '{') {
			if (depth++ == 2 && ++seen == want)
				return line;
		} else if (c == '}' || c == ']') {
			depth--;
		}
	}
	return 1;
}

static const char *item_id(const struct load *l)
{
	const cJSON *id = l->item ? cJSON_GetObjectItemCaseSensitive(l->item, "id") : NULL;

	return cJSON_IsString(id) ? id->valuestring : "";
}

int policy_fault(const struct load *l, const char *fmt, ...)
{
	char text[400];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (l->item && item_id(l)[0])
		return error_set(l->err, -EINVAL, "%s:%u: %.63s: %s", l->name, item_line(l),
				 item_id(l), text);
	return error_set(l->err, -EINVAL, "%s:%u: %s", l->name, l->item ? item_line(l) : 1, text);
}

int policy_no_memory(const struct load *l)
{
	return error_set(l->err, -ENOMEM, "%s: out of memory", l->name);
}

int policy_check_members(const struct load *l, const cJSON *obj, const struct member *members,
			 size_t n)
{
	const cJSON *c;
	size_t i;

	cJSON_ArrayForEach(c, obj)
	{
		for (i = 0; i < n && strcmp(members[i].name, c->string) != 0; i++)
			;
		if (i == n)
			return policy_fault(l,
					    "unknown member \"%.40s\"; remove it or mend its name",
					    c->string);
		if (members[i].type && !(c->type & members[i].type))
			return policy_fault(l, "\"%s\" has the wrong type; see policy.schema.json",
					    c->string);
		if (cJSON_GetObjectItemCaseSensitive(obj, c->string) != c)
			return policy_fault(l, "\"%s\" is there twice; keep one", c->string);
	}
	for (i = 0; i < n; i++) {
		if (members[i].required && !cJSON_GetObjectItemCaseSensitive(obj, members[i].name))
			return policy_fault(l, "\"%s\" is missing; add it", members[i].name);
	}
	return 0;
}

bool policy_text_is_fit(const cJSON *s, size_t max)
{
	struct span rest;
	uint32_t code;
	size_t n;

	if (!cJSON_IsString(s))
		return false;
	rest = span_str(s->valuestring);
	if (!rest.len || rest.len > max)
		return false;
	for (; rest.len; rest = span_sub(rest, n, SIZE_MAX)) {
		if (!utf8_next(rest, &n, &code) || utf8_is_control(code))
			return false;
	}
	return true;
}

int policy_read_text(const struct load *l, const char *name, size_t max, const char **ret)
{
	const cJSON *s = cJSON_GetObjectItemCaseSensitive(l->item, name);

	if (!policy_text_is_fit(s, max))
		return policy_fault(
			l,
			"\"%s\" must be 1 to %zu bytes of UTF-8 without control characters; "
			"shorten or mend it",
			name, max);
	*ret = s->valuestring;
	return 0;
}

int policy_read_id(const struct load *l, const char **ret)
{
	int r = policy_read_text(l, "id", MAX_ID, ret);

	if (r)
		return r;
	if (strspn(*ret, "abcdefghijklmnopqrstuvwxyz0123456789-") != strlen(*ret) || **ret == '-')
		return policy_fault(l,
				    "an id has only a-z, 0-9 and '-', and does not begin with '-'; "
				    "rename it");
	return 0;
}

int policy_read_severity(const struct load *l, enum severity *ret)
{
	const cJSON *s = cJSON_GetObjectItemCaseSensitive(l->item, "severity");

	if (severity_parse(span_str(s->valuestring), ret))
		return policy_fault(
			l,
			"severity \"%.40s\" is not known; use info, low, medium, high or "
			"critical",
			s->valuestring);
	return 0;
}

int policy_grow(const struct load *l, void **array, size_t n, size_t size, size_t max)
{
	void *p;

	if (n >= max)
		return error_set(l->err, -E2BIG, "%s: more than %zu items; take some out", l->name,
				 max);
	/* Doubled at powers of two: the capacity need not be kept. */
	if (n & (n - 1))
		return 0;
	p = realloc(*array, (n ? 2 * n : 1) * size);
	if (!p)
		return policy_no_memory(l);
	*array = p;
	return 0;
}

static const char *name_of(const void *item)
{
	return *(const char *const *)item;
}

int policy_put(const struct load *l, void **array, size_t *n, const void *item, size_t size,
	       size_t max)
{
	size_t i;
	int r;

	for (i = 0; i < *n && strcmp(name_of((char *)*array + i * size), name_of(item)) != 0; i++)
		;
	if (i == *n) {
		r = policy_grow(l, array, i, size, max);
		if (r)
			return r;
		(*n)++;
	}
	memcpy((char *)*array + i * size, item, size);
	return 0;
}
