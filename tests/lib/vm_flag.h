/* SPDX-License-Identifier: BSD-2-Clause */
/* For tests of locked memory. cmocka.h comes before. */
#ifndef BT_TESTS_VM_FLAG_H
#define BT_TESTS_VM_FLAG_H

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* Is `flag` among the VmFlags of the mapping that holds `p` (proc(5), smaps)? */
static inline bool has_vm_flag(const void *p, const char *flag)
{
	FILE *f = fopen("/proc/self/smaps", "re");
	unsigned long from, to, at = (unsigned long)p;
	bool here = false, found = false;
	char line[512];

	assert_non_null(f);
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%lx-%lx ", &from, &to) == 2)
			here = at >= from && at < to;
		else if (here && !strncmp(line, "VmFlags:", 8))
			found = strstr(line, flag) != NULL;
	}
	fclose(f);
	return found;
}

#endif /* BT_TESTS_VM_FLAG_H */
