/* SPDX-License-Identifier: BSD-2-Clause */
/* What `doctor` finds out, and the parts of it that find it: doctor_host.c, doctor_pid.c, doctor_file.c. */
#ifndef BT_CLI_DOCTOR_H
#define BT_CLI_DOCTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include "base/log.h"
#include "capture/capture.h"

#if defined(__x86_64__)
#define HOST_MACHINE "x86_64"
#else
#define HOST_MACHINE "aarch64"
#endif

enum finding_state {
	FINDING_OK,      /* looked at, and as it should be */
	FINDING_NOTE,    /* a fact that changes nothing */
	FINDING_UNSEEN,  /* something cannot be seen */
	FINDING_UNKNOWN, /* it could not be found out */
	FINDING_FAILED,  /* watching cannot work */
	FINDING_STATES
};

enum finding_group {
	GROUP_FEATURES,
	GROUP_SETTINGS,
	GROUP_PRIVILEGES,
	GROUP_WATCHING,
	GROUP_PROCESS,
	GROUP_PROGRAM,
	GROUP_TLS,
	GROUP_FILES,
	GROUP_BLIND, /* on this machine */
	FINDING_GROUPS
};

struct finding {
	enum finding_group group;
	enum finding_state state;
	const char *id;   /* "ring-buffer"; constant */
	char *text;       /* what, and how it is; any bytes */
	const char *mend; /* constant, NULL when there is nothing to mend */
};

#define FINDINGS_MAX 1024

struct doctor {
	struct finding v[FINDINGS_MAX];
	size_t n;
	int err;                 /* -ENOMEM: a finding is missing */
	struct capture *capture; /* once doctor_watching() has opened it, else NULL */
};

/* Adds one; over FINDINGS_MAX they are left out, and the last one says so. */
void doctor_add(struct doctor *d, enum finding_group group, enum finding_state state,
		const char *id, const char *mend, const char *fmt, ...)
	__attribute__((format(printf, 6, 7)));
/* A way that a blind spot's row names: FINDING_UNSEEN with its words, and `fmt` in front. Nothing when there is no such row. */
void doctor_blind(struct doctor *d, enum finding_group group, const char *name, const char *fmt,
		  ...) __attribute__((format(printf, 4, 5)));
/* FINDING_OK when nothing was found. */
enum finding_state doctor_worst(const struct doctor *d);
void doctor_release(struct doctor *d);

/* The features and settings of the kernel, and the blind spots that they leave. */
void doctor_host(struct doctor *d);
/* What this process may do, and whether all programs load and attach. */
void doctor_watching(struct doctor *d);
/* A running process. -ESRCH with `err` when there is none. */
int doctor_pid(struct doctor *d, pid_t pid, struct error *err);
/* A program, by its file; a name without a slash is looked for in PATH. Negative errno with `err` when it cannot be looked at. */
int doctor_file(struct doctor *d, const char *name, struct error *err);
/*
 * What the file `fd` has of TLS, as a finding of GROUP_TLS; tried, when d->capture is there and `mapped` (it is a running
 * process's). True when there was anything to tell of.
 */
struct tls_look;
bool doctor_tls(struct doctor *d, int fd, const char *path, bool mapped, struct tls_look *ret);

#endif /* BT_CLI_DOCTOR_H */
