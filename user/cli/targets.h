/* SPDX-License-Identifier: BSD-2-Clause */
/* Which running processes `attach` means, looked up in /proc and the cgroup tree. */
#ifndef BT_CLI_TARGETS_H
#define BT_CLI_TARGETS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include "base/log.h"

#define TARGETS_MAX 64

enum target_kind {
	TARGET_PID,
	TARGET_COMM,
	TARGET_EXE,
	TARGET_CGROUP,
	TARGET_UNIT,
	TARGET_CONTAINER
};

struct target {
	enum target_kind kind;
	const char *text; /* as typed; GLOB for comm, exe and unit (fnmatch(3)) */
	pid_t pid;        /* TARGET_PID */
};

struct targets {
	struct target v[TARGETS_MAX];
	size_t n;
};

/* A process that a target means; start_ticks tells one life of a pid from the next. */
struct target_proc {
	pid_t pid;
	uint64_t start_ticks; /* /proc/PID/stat field 22 */
};

struct target_list {
	struct target_proc *v;
	size_t n, cap;
};

/* Checks and adds one. 0; -EINVAL or -E2BIG with `err` (a usage error). */
int targets_add(struct targets *t, enum target_kind kind, const char *text, struct error *err);
/* True when a new process can become a target later: any kind but --pid. */
bool targets_are_open(const struct targets *t);
/*
 * Every process that matches now, itself (beartrap) apart. Appended to `ret`. 0 or negative errno with `err`; processes
 * that end meanwhile are passed over; a --pid that does not exist is -ESRCH, an unreadable cgroup its errno.
 */
int targets_find(const struct targets *t, struct target_list *ret, struct error *err);
/* Which life of the pid it is now. 0, or negative errno when there is none. */
int target_proc_read(pid_t pid, struct target_proc *ret);
void target_list_release(struct target_list *l);
bool target_list_has(const struct target_list *l, const struct target_proc *p);
int target_list_add(struct target_list *l, const struct target_proc *p);

#endif /* BT_CLI_TARGETS_H */
