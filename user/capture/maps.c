/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdio.h>
#include <string.h>

#include "capture/internal.h"

void maps_each(uint32_t tgid, void (*fn)(void *arg, const struct procfs_map *m), void *arg)
{
	char line[BT_PATH_LEN + 128], path[64];
	struct procfs_map m;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%u/maps", tgid);
	f = fopen(path, "re");
	if (!f)
		return;
	while (fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = '\0';
		/* The path is the end of the line, and so ends where that does. */
		if (procfs_map_parse(span_str(line), &m) && m.ino)
			fn(arg, &m);
	}
	fclose(f);
}
