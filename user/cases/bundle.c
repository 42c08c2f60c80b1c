/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdio.h>
#include <string.h>
#include <cjson/cJSON.h>
#include "cases/expect.h"

/* Cuts the lines up to the next one that begins with '@' off `text`. */
static struct span lines_until_mark(struct span *text)
{
	size_t n = text->len && text->p[0] == '@' ? 0 : span_find(*text, SPAN_LIT("\n@"));
	struct span lines = span_sub(*text, 0, n == SIZE_MAX ? SIZE_MAX : n ? n + 1 : 0);

	*text = span_sub(*text, lines.len, SIZE_MAX);
	return lines;
}

static struct span next_line(struct span *text)
{
	size_t n = span_find_byte(*text, '\n');
	struct span line = span_sub(*text, 0, n);

	*text = n == SIZE_MAX ? SPAN_NONE : span_sub(*text, n + 1, SIZE_MAX);
	return line;
}

bool cases_next(struct span *bundle, struct case_text *ret)
{
	static const char mark[] = "@case ";
	struct span line;

	do {
		if (!bundle->len)
			return false;
		line = next_line(bundle);
	} while (!span_starts(line, SPAN_LIT(mark)));
	line = span_sub(line, sizeof(mark) - 1, sizeof(ret->name) - 1);
	snprintf(ret->name, sizeof(ret->name), "%.*s", (int)line.len, line.len ? line.p : "");
	ret->events = lines_until_mark(bundle);
	ret->expect = SPAN_NONE;
	if (span_starts(*bundle, SPAN_LIT("@expect\n"))) {
		next_line(bundle);
		ret->expect = lines_until_mark(bundle);
	}
	return true;
}

bool expect_next(struct span *rest, struct span *line)
{
	while (rest->len) {
		*line = next_line(rest);
		if (line->len && line->p[0] != '#')
			return true;
	}
	return false;
}

static void copy_member(const cJSON *head, const char *name, char out[64])
{
	const cJSON *m = cJSON_GetObjectItemCaseSensitive(head, name);

	snprintf(out, 64, "%s", cJSON_IsString(m) ? m->valuestring : "");
}

bool expect_head(struct span *rest, struct case_result *ret)
{
	struct span line;
	cJSON *head = expect_next(rest, &line) ? cJSON_ParseWithLength(line.p, line.len) : NULL;
	bool ok = cJSON_IsObject(head);

	copy_member(head, "match", ret->match);
	copy_member(head, "nomatch", ret->nomatch);
	cJSON_Delete(head);
	return ok;
}

static size_t index_of(const struct policy *p, const char *id)
{
	for (size_t i = 0; i < policy_catalogue_len(p); i++) {
		if (!strcmp(policy_catalogue_at(p, i)->id, id))
			return i;
	}
	return SIZE_MAX;
}

void cases_count(const struct policy *p, struct span bundle, struct case_count *counts)
{
	struct case_result r;
	struct case_text c;
	size_t i;

	memset(counts, 0, policy_catalogue_len(p) * sizeof(*counts));
	while (cases_next(&bundle, &c)) {
		expect_head(&c.expect, &r);
		i = index_of(p, r.match);
		if (i != SIZE_MAX)
			counts[i].match++;
		i = index_of(p, r.nomatch);
		if (i != SIZE_MAX)
			counts[i].nomatch++;
	}
}

bool case_count_is_fit(const struct catalogue_entry *e, const struct case_count *n, char *why,
		       size_t cap)
{
	bool implemented = !strcmp(e->status, "implemented");

	if (implemented && n->match && n->nomatch)
		return true;
	if (!implemented && !n->match)
		return true;
	snprintf(why, cap,
		 implemented ? "implemented, but no case of its own says \"%s\""
			     : "not implemented, but a case says \"%s\"",
		 implemented && n->match ? "nomatch" : "match");
	return false;
}
