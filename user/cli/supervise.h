/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who watches the watcher. The programs in the kernel, their maps and links, and the server are the supervisor's, the process that
 * was started; looking at what they send is the work of a child, the worker, which alone holds secrets and parses what a
 * hostile server wrote. When the worker dies (killed, out of memory, a fault of ours) the supervisor starts another one, which
 * goes on where the rings have been read to, and says what went with the first.
 */
#ifndef BT_CLI_SUPERVISE_H
#define BT_CLI_SUPERVISE_H

#include "cli/session.h"

/* More deaths than this within a minute, and the watch is given up. */
#define GUARD_MAX_DEATHS 5

struct guard {
	/* The caller's. */
	struct session *s;
	const char *command, *target; /* as session_finish() wants them */
	uint32_t root_tgid;           /* 0: attach */
	bool late;
	void *arg;
	/* In the worker: when it can take in records and before it is ready; `again` as in session_start(). Or NULL. */
	int (*begin)(void *arg, bool again, struct error *err);
	/* Every `look_ms`; 1: the watch is over. Or NULL. */
	int (*look)(void *arg, struct error *err);
	int look_ms;
	/* Before the reports are written: notes. Or NULL. */
	void (*ending)(void *arg);
	/* Own. */
	pid_t pid;
	int fd; /* to poll for POLLIN, then call guard_event(); -1: it is over */
	int status;
	bool asked;     /* to end, with the status `clean` */
	bool reporting; /* the worker only writes the reports */
	int clean;
	uint64_t deaths_ns[GUARD_MAX_DEATHS]; /* a ring */
	size_t n_deaths;
};

/* Starts the worker and waits until it is ready. 0 or negative errno with `err`; guard_abandon() then does no harm. */
int guard_start(struct guard *w, struct error *err);
/* Takes in what the worker says, or that it died. w->fd is -1 and w->status set when the watch is over. */
void guard_event(struct guard *w);
/* Rule files and policy are to be loaded again. */
void guard_reload(struct guard *w);
/* Ends it: waits for the reports. The exit status. */
int guard_end(struct guard *w, int clean);
/* Ends it without a report. */
void guard_abandon(struct guard *w);

#endif /* BT_CLI_SUPERVISE_H */
