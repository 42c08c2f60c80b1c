/* SPDX-License-Identifier: BSD-2-Clause */
/* The machine: features, settings, privileges. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <linux/capability.h>
#include "base/fileio.h"
#include "base/procfs.h"
#include "capture/probe.h"
#include "cli/doctor.h"
#include "report/blind.h"

/* What buffers of payload take at most, about. */
#define LOCKED_WANTED ((rlim_t)64 << 20)

static void add_feature(struct doctor *d, const struct capture_feature *f)
{
	int err = capture_feature_try(f);

	if (!err)
		doctor_add(d, GROUP_FEATURES, FINDING_OK, f->id, NULL, "%s", f->what);
	else if (err == -EPERM && f->privileged && !capture_privileged())
		doctor_add(d, GROUP_FEATURES, FINDING_UNKNOWN, f->id, NULL,
			   "%s: not tried, for that takes privileges", f->what);
	else if (f->need == CAPTURE_OPTIONAL)
		doctor_add(d, GROUP_FEATURES, FINDING_NOTE, f->id, NULL, "%s: not here (%s); %s",
			   f->what, strerror(-err), f->mend);
	else
		doctor_add(d, GROUP_FEATURES, FINDING_UNSEEN, f->id, f->mend, "%s: not here (%s)",
			   f->what, strerror(-err));
}

/* A file of one line. False when it cannot be read; errno is in `*err`. */
static bool read_line(const char *path, char *ret, size_t len, int *err)
{
	struct buf b = BUF_INIT(4096);

	*err = file_read_all(path, 4096, &b, NULL);
	if (!*err)
		snprintf(ret, len, "%.*s", b.p ? (int)strcspn(b.p, "\n") : 0, b.p ? b.p : "");
	buf_release(&b);
	return !*err;
}

static void add_unread(struct doctor *d, const char *id, const char *path, int err)
{
	if (err == -ENOENT)
		doctor_add(d, GROUP_SETTINGS, FINDING_NOTE, id, NULL,
			   "%s: this kernel has no such setting", path);
	else
		doctor_add(d, GROUP_SETTINGS, FINDING_UNKNOWN, id, "run doctor as root",
			   "%s cannot be read: %s", path, strerror(-err));
}

/* Lockdown of "confidentiality" keeps BPF from reading memory, kernel_lockdown(7). */
static void add_lockdown(struct doctor *d)
{
	static const char path[] = "/sys/kernel/security/lockdown";
	char text[128];
	int err;

	if (!read_line(path, text, sizeof(text), &err))
		add_unread(d, "lockdown", path, err);
	else if (strstr(text, "[confidentiality]"))
		doctor_add(d, GROUP_SETTINGS, FINDING_UNSEEN, "lockdown",
			   "boot with lockdown=integrity or without it",
			   "the kernel is locked down (confidentiality): BPF may not read memory");
	else
		doctor_add(d, GROUP_SETTINGS, FINDING_OK, "lockdown", NULL,
			   "kernel lockdown keeps nothing from BPF: %s", text);
}

static void add_tracefs(struct doctor *d)
{
	bool mounted = !access("/sys/kernel/tracing/events", F_OK) ||
		       !access("/sys/kernel/debug/tracing/events", F_OK);

	doctor_add(d, GROUP_SETTINGS, FINDING_NOTE, "tracefs", NULL, "tracefs is %s",
		   mounted      ? "mounted"
		   : !geteuid() ? "not mounted; beartrap uses one of its own"
				: "not mounted where this user can see it");
}

/* Settings that change what watching costs or who may do it, and nothing of what is seen. */
static void add_values(struct doctor *d)
{
	static const struct {
		const char *id, *path, *value, *words, *mend;
	} known[] = {
		{ "bpf-jit", "/proc/sys/net/core/bpf_jit_enable", "0",
		  "BPF programs are interpreted: every system call costs more",
		  "sysctl net.core.bpf_jit_enable=1" },
		{ "unprivileged-bpf", "/proc/sys/kernel/unprivileged_bpf_disabled", "0",
		  "any user may load BPF programs; beartrap does not need that",
		  "sysctl kernel.unprivileged_bpf_disabled=2" },
		{ "perf-event-paranoid", "/proc/sys/kernel/perf_event_paranoid", NULL, NULL, NULL },
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++) {
		char text[64];
		int err;

		if (!read_line(known[i].path, text, sizeof(text), &err))
			add_unread(d, known[i].id, known[i].path, err);
		else if (known[i].value && !strcmp(text, known[i].value))
			doctor_add(d, GROUP_SETTINGS, FINDING_NOTE, known[i].id, known[i].mend,
				   "%s is %s: %s", known[i].path, text, known[i].words);
		else
			doctor_add(d, GROUP_SETTINGS, FINDING_NOTE, known[i].id, NULL, "%s is %s",
				   known[i].path, text);
	}
}

/* --- ways past the probes that a kernel may or may not have ------------------------------------- */

static void add_io_uring(struct doctor *d)
{
	char text[64];
	int err;

	/* Nothing is made by this: the kernel has it, or says ENOSYS. */
	if (syscall(SYS_io_uring_setup, 0, NULL) < 0 && errno == ENOSYS)
		doctor_add(d, GROUP_BLIND, FINDING_OK, "io_uring", NULL,
			   "io_uring: this kernel has none");
	else if (read_line("/proc/sys/kernel/io_uring_disabled", text, sizeof(text), &err) &&
		 !strcmp(text, "2"))
		doctor_add(d, GROUP_BLIND, FINDING_OK, "io_uring", NULL,
			   "io_uring: no program may use it (kernel.io_uring_disabled is 2)");
	else if (capture_follows_uring())
		doctor_add(d, GROUP_BLIND, FINDING_OK, "io_uring", NULL,
			   "io_uring: its requests are followed");
	else
		doctor_blind(d, GROUP_BLIND, "io_uring", "io_uring");
}

/* Where programs are attached to the calls' functions, 32-bit ones are seen too. */
static bool sees_compat(void)
{
	const struct capture_feature *f = capture_features;

	while (strcmp(f->id, "fexit") != 0)
		f++;
	return !capture_feature_try(f);
}

static void add_compat(struct doctor *d)
{
	/* Made by what runs 32-bit programs on x86-64 (CONFIG_IA32_EMULATION). */
	if (!access("/proc/sys/abi/vsyscall32", F_OK) && sees_compat())
		doctor_add(d, GROUP_BLIND, FINDING_OK, "32-bit-program", NULL,
			   "32-bit programs: their system calls are seen");
	else if (!access("/proc/sys/abi/vsyscall32", F_OK))
		doctor_blind(d, GROUP_BLIND, "32-bit-program", "32-bit programs");
	else if (!strcmp(HOST_MACHINE, "x86_64"))
		doctor_add(d, GROUP_BLIND, FINDING_OK, "32-bit-program", NULL,
			   "32-bit programs: this kernel runs none");
	else
		doctor_add(d, GROUP_BLIND, FINDING_UNKNOWN, "32-bit-program",
			   "look at the server: beartrap doctor BINARY",
			   "32-bit programs: whether this kernel runs them is not known");
}

static void add_blind(struct doctor *d)
{
	for (const struct blind_spot *b = blind_spots; b->name; b++) {
		if (b->where == BLIND_IO_URING)
			add_io_uring(d);
		else if (b->where == BLIND_COMPAT)
			add_compat(d);
	}
}

void doctor_host(struct doctor *d)
{
	for (const struct capture_feature *f = capture_features; f->id; f++)
		add_feature(d, f);
	add_lockdown(d);
	add_tracefs(d);
	add_values(d);
	add_blind(d);
}

/* --- privileges --------------------------------------------------------------------------------- */

static void add_caps(struct doctor *d)
{
	static const struct {
		unsigned int cap;
		const char *name, *what;
	} caps[] = {
		{ CAP_SYS_PTRACE, "CAP_SYS_PTRACE", "processes of other users are looked into" },
		{ CAP_SYS_ADMIN, "CAP_SYS_ADMIN",
		  "replaced libraries are found, and uprobes set on every kernel" },
		{ CAP_DAC_READ_SEARCH, "CAP_DAC_READ_SEARCH",
		  "programs and cgroups of other users are found" },
	};

	if (!capture_privileged()) {
		doctor_add(
			d, GROUP_PRIVILEGES, FINDING_FAILED, "bpf",
			"run it as root, or: setcap "
			"cap_bpf,cap_perfmon,cap_sys_ptrace,cap_sys_admin+ep beartrap",
			"this process may not load BPF programs: that takes root, or CAP_BPF and "
			"CAP_PERFMON");
		return;
	}
	doctor_add(d, GROUP_PRIVILEGES, FINDING_OK, "bpf", NULL, "BPF programs may be loaded (%s)",
		   capture_has_cap(CAP_BPF) ? "CAP_BPF, CAP_PERFMON" : "CAP_SYS_ADMIN");
	for (size_t i = 0; i < sizeof(caps) / sizeof(*caps); i++)
		doctor_add(d, GROUP_PRIVILEGES,
			   capture_has_cap(caps[i].cap) ? FINDING_OK : FINDING_UNSEEN, caps[i].name,
			   capture_has_cap(caps[i].cap) ? NULL : "run it as root",
			   "%s%s, by which %s", caps[i].name,
			   capture_has_cap(caps[i].cap) ? "" : " is missing", caps[i].what);
}

static void add_memlock(struct doctor *d)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_MEMLOCK, &limit))
		return;
	if (capture_has_cap(CAP_IPC_LOCK) || limit.rlim_cur >= LOCKED_WANTED)
		doctor_add(d, GROUP_PRIVILEGES, FINDING_OK, "locked-memory", NULL,
			   "what is looked at can be kept in locked memory");
	else
		doctor_add(d, GROUP_PRIVILEGES, FINDING_NOTE, "locked-memory",
			   "ulimit -l unlimited, or CAP_IPC_LOCK",
			   "at most %llu KiB of what is looked at can be locked in memory: more "
			   "may be "
			   "swapped out",
			   (unsigned long long)limit.rlim_cur >> 10);
}

static void add_pid_ns(struct doctor *d)
{
	uint64_t ns = procfs_own_pid_ns();

	if (!ns)
		doctor_add(d, GROUP_PRIVILEGES, FINDING_UNKNOWN, "pid-namespace", "mount /proc",
			   "which pid namespace this is cannot be found out: %s", strerror(errno));
	else if (ns == PROCFS_INIT_PID_NS)
		doctor_add(d, GROUP_PRIVILEGES, FINDING_OK, "pid-namespace", NULL,
			   "in the initial pid namespace: every process can be looked into");
	else
		doctor_add(d, GROUP_PRIVILEGES, FINDING_UNSEEN, "pid-namespace",
			   "run it outside of the container, or with its pid namespace shared "
			   "(--pid=host)",
			   "in a pid namespace of its own: TLS libraries that a process has in "
			   "another "
			   "file system than this one, or under a changed name, are not found");
}

static int drop(void *arg, struct span record)
{
	return 0;
}

void doctor_watching(struct doctor *d)
{
	const struct capture_config cfg = { .record = drop };
	struct error err = { 0 };

	add_caps(d);
	add_memlock(d);
	add_pid_ns(d);
	if (capture_open(&cfg, &d->capture, &err)) {
		d->capture = NULL;
		doctor_add(d, GROUP_WATCHING, FINDING_FAILED, "programs", NULL, "%s", err.text);
		return;
	}
	doctor_add(d, GROUP_WATCHING, FINDING_OK, "programs", NULL,
		   "all programs load and attach: %s", capture_describe(d->capture));
}
