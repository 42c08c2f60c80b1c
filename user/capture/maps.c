/* SPDX-License-Identifier: BSD-2-Clause */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "capture/internal.h"

void maps_each(uint32_t tgid, void (*fn)(void *arg, const struct proc_map *m), void *arg)
{
	char line[BT_PATH_LEN + 128], path[64];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%u/maps", tgid);
	f = fopen(path, "re");
	if (!f)
		return;
	while (fgets(line, sizeof(line), f)) {
		struct proc_map m = { 0 };
		int at = 0;

		line[strcspn(line, "\n")] = '\0';
		if (sscanf(line,
			   "%" SCNx64 "-%" SCNx64 " %4s %" SCNx64 " %" SCNx32 ":%" SCNx32
			   " %" SCNu64 " %n",
			   &m.from, &m.to, m.perms, &m.off, &m.major, &m.minor, &m.ino, &at) != 7 ||
		    !m.ino)
			continue;
		m.path = line + at;
		fn(arg, &m);
	}
	fclose(f);
}
