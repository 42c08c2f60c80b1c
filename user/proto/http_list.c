/* SPDX-License-Identifier: BSD-2-Clause */
#include "proto/http_list.h"

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct span http_trim(struct span s)
{
	while (s.len && is_blank(s.p[0]))
		s = span_sub(s, 1, s.len);
	while (s.len && is_blank(s.p[s.len - 1]))
		s.len--;
	return s;
}

bool http_list_next(struct span *rest, struct span *ret)
{
	while (rest->len) {
		size_t end = span_find_byte(*rest, ',');
		struct span member = span_sub(*rest, 0, end);

		*rest = span_sub(*rest, end == SIZE_MAX ? rest->len : end + 1, rest->len);
		*ret = http_trim(span_sub(member, 0, span_find_byte(member, ';')));
		if (ret->len)
			return true;
	}
	return false;
}

bool http_list_has(struct span list, const char *member)
{
	struct span m;

	while (http_list_next(&list, &m)) {
		if (span_eq_nocase(m, span_str(member)))
			return true;
	}
	return false;
}
