/* SPDX-License-Identifier: BSD-2-Clause */
/* Lines of files in /proc, whose contents a watched program has a hand in: parsed, never trusted. */
#ifndef BT_BASE_PROCFS_H
#define BT_BASE_PROCFS_H

#include "base/span.h"

/* A line of /proc/PID/maps, proc_pid_maps(5). */
struct procfs_map {
	uint64_t from, to;
	uint64_t off; /* in the file, of what is at `from` */
	uint64_t major, minor;
	uint64_t ino; /* 0: no file */
	bool write, exec, shared;
	struct span
		path; /* as the kernel wrote it: "\n" as "\012"; "[stack]"; " (deleted)" at its end; may be empty */
};

/* One line without its line feed. False when it is none. `ret->path` points into it. */
bool procfs_map_parse(struct span line, struct procfs_map *ret);

/*
 * The value of a "Name:\tvalue" line in a text such as /proc/PID/status; blanks around it are left out. False when
 * there is no such line. The first one counts.
 */
bool procfs_field(struct span text, const char *name, struct span *ret);

/* The inode number of the initial pid namespace: PROC_PID_INIT_INO, include/linux/proc_ns.h. */
#define PROCFS_INIT_PID_NS 4026531836u
/* That of the pid namespace that this process is in; 0 with errno set when /proc does not tell. */
uint64_t procfs_own_pid_ns(void);

/* The next line of `*text`, which is moved on, without its line feed; false at the end. */
bool procfs_line(struct span *text, struct span *ret);

#endif /* BT_BASE_PROCFS_H */
