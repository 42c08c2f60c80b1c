/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Attaching to tracepoints by number. libbpf looks the number up in a mounted tracefs, and not every
 * host has one mounted.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <linux/perf_event.h>

#include "capture/internal.h"

/* A mount that is in no namespace: no other process sees it, and it is gone with the descriptor. Since 5.2. */
static int tracefs_mount(void)
{
	int fs = fsopen("tracefs", FSOPEN_CLOEXEC), mnt = -1, fd = -1, err;

	if (fs < 0)
		return -errno;
	if (fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) == 0)
		mnt = fsmount(fs, FSMOUNT_CLOEXEC, 0);
	if (mnt >= 0)
		fd = openat(mnt, "events", O_PATH | O_DIRECTORY | O_CLOEXEC);
	err = -errno;
	if (mnt >= 0)
		close(mnt);
	close(fs);
	/* cppcheck-suppress resourceLeak; it is what the function returns */
	return fd >= 0 ? fd : err;
}

int tracefs_open(void)
{
	static const char *const mounted[] = {
		"/sys/kernel/tracing/events",
		"/sys/kernel/debug/tracing/events",
	};

	for (size_t i = 0; i < sizeof(mounted) / sizeof(*mounted); i++) {
		int fd = open(mounted[i], O_PATH | O_DIRECTORY | O_CLOEXEC);

		if (fd >= 0)
			return fd;
	}
	return tracefs_mount();
}

/* The number that perf_event_open(2) wants for PERF_TYPE_TRACEPOINT. */
static long tracepoint_id(int events_fd, const char *name)
{
	char path[128], text[32];
	ssize_t len;
	long id;
	int fd;

	snprintf(path, sizeof(path), "%s/id", name);
	fd = openat(events_fd, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	len = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (len <= 0)
		return -EIO;
	text[len] = '\0';
	id = strtol(text, NULL, 10);
	return id > 0 ? id : -EIO;
}

struct bpf_link *tracepoint_attach(int events_fd, const struct bpf_program *prog)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_TRACEPOINT,
		.size = sizeof(attr),
		.sample_period = 1,
	};
	struct bpf_link *link;
	long id = tracepoint_id(events_fd, bpf_program__section_name(prog) + strlen("tp/"));
	int fd;

	if (id < 0) {
		errno = (int)-id;
		return NULL;
	}
	attr.config = (__u64)id;
	/* On one CPU, and yet for all: a program attached to the event runs wherever it happens. */
	fd = (int)syscall(SYS_perf_event_open, &attr, -1, 0, -1, PERF_FLAG_FD_CLOEXEC);
	if (fd < 0)
		return NULL;
	link = bpf_program__attach_perf_event(prog, fd);
	if (!link) {
		int err = errno;

		close(fd);
		errno = err;
	}
	return link;
}
