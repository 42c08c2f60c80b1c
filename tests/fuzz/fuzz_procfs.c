/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Texts of /proc: what was found lies in them, and what is made of a cgroup's path is printable.
 * Covers: base/procfs.c proc/cgroup.c
 */
#include <stdlib.h>

#include "base/procfs.h"
#include "proc/cgroup.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool ok)
{
	if (!ok)
		abort();
}

static void inside(struct span part, struct span whole)
{
	must(!part.len || (part.p >= whole.p && part.p + part.len <= whole.p + whole.len));
}

static void plain(const char *s, size_t size)
{
	must(memchr(s, '\0', size) != NULL);
	for (; *s; s++)
		must(*s > ' ' && *s < 0x7f && *s != '/');
}

static void check_path(struct span path)
{
	struct cgroup_identity id;

	cgroup_identify(path, &id);
	plain(id.unit, sizeof(id.unit));
	plain(id.container, sizeof(id.container));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span all = span_of(data, size), rest = all, line, value;
	struct procfs_map m;
	size_t lines = 0;

	while (procfs_line(&rest, &line)) {
		must(++lines <= size);
		inside(line, all);
		must(span_find_byte(line, '\n') == SIZE_MAX);
		if (procfs_map_parse(line, &m))
			inside(m.path, line);
		check_path(line);
	}
	if (procfs_field(all, "Name", &value))
		inside(value, all);
	value = cgroup_path(all);
	inside(value, all);
	must(!value.len || value.p[0] == '/');
	check_path(value);
	return 0;
}
