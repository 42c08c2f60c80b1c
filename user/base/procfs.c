/* SPDX-License-Identifier: BSD-2-Clause */
#include <sys/stat.h>

#include "base/procfs.h"

uint64_t procfs_own_pid_ns(void)
{
	struct stat st;

	return stat("/proc/self/ns/pid", &st) ? 0 : st.st_ino;
}

bool procfs_line(struct span *text, struct span *ret)
{
	size_t end;

	if (!text->p || !text->len)
		return false;
	end = span_find_byte(*text, '\n');
	*ret = span_sub(*text, 0, end);
	*text = span_sub(*text, end == SIZE_MAX ? text->len : end + 1, SIZE_MAX);
	return true;
}

bool procfs_field(struct span text, const char *name, struct span *ret)
{
	struct span line, key = span_str(name);

	while (procfs_line(&text, &line)) {
		if (!line.p || line.len <= key.len || !span_starts(line, key) ||
		    line.p[key.len] != ':')
			continue;
		line = span_sub(line, key.len + 1, SIZE_MAX);
		while (line.len && (line.p[0] == ' ' || line.p[0] == '\t'))
			line = span_sub(line, 1, SIZE_MAX);
		while (line.len && (line.p[line.len - 1] == ' ' || line.p[line.len - 1] == '\t'))
			line.len--;
		*ret = line;
		return true;
	}
	return false;
}

/* A number at the front of `s`, which is moved behind it. */
static bool take_number(struct span *s, unsigned int base, uint64_t *ret)
{
	uint64_t v = 0;
	size_t n;

	for (n = 0; n < s->len; n++) {
		char c = s->p[n];
		unsigned int digit;

		if (c >= '0' && c <= '9')
			digit = (unsigned int)(c - '0');
		else if (base == 16 && c >= 'a' && c <= 'f')
			digit = (unsigned int)(c - 'a') + 10;
		else
			break;
		if (v > (UINT64_MAX - digit) / base)
			return false;
		v = v * base + digit;
	}
	*s = span_sub(*s, n, SIZE_MAX);
	*ret = v;
	return n != 0;
}

static bool take_char(struct span *s, char c)
{
	if (!s->len || s->p[0] != c)
		return false;
	*s = span_sub(*s, 1, SIZE_MAX);
	return true;
}

bool procfs_map_parse(struct span line, struct procfs_map *ret)
{
	struct procfs_map m = { 0 };
	struct span perms;

	if (!take_number(&line, 16, &m.from) || !take_char(&line, '-') ||
	    !take_number(&line, 16, &m.to) || !take_char(&line, ' ') || line.len < 4)
		return false;
	perms = span_sub(line, 0, 4);
	line = span_sub(line, 4, SIZE_MAX);
	m.write = perms.p[1] == 'w';
	m.exec = perms.p[2] == 'x';
	m.shared = perms.p[3] == 's';
	if (!take_char(&line, ' ') || !take_number(&line, 16, &m.off) || !take_char(&line, ' ') ||
	    !take_number(&line, 16, &m.major) || !take_char(&line, ':') ||
	    !take_number(&line, 16, &m.minor) || !take_char(&line, ' ') ||
	    !take_number(&line, 10, &m.ino))
		return false;
	while (take_char(&line, ' '))
		;
	m.path = line;
	*ret = m;
	return true;
}
