/* SPDX-License-Identifier: BSD-2-Clause */
/* Programs to their tracepoints, and off them again. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "capture/internal.h"
#include "event/event.h"

static const struct {
	const char *name;
	__u64 cookie;
} role_calls[] = {
	{ "accept", BT_FILE_ACCEPTED },
	{ "accept4", BT_FILE_ACCEPTED },
	{ "connect", BT_FILE_CONNECTED },
};

#define N_ROLE_CALLS (sizeof(role_calls) / sizeof(*role_calls))
#define N_IO_CALLS BT_CALL_RECVMMSG /* the last of the system calls */

static int keep(struct capture *c, struct bpf_link *link, const struct bpf_program *prog,
		const char *where, struct error *err)
{
	if (!link)
		return error_set(err, -errno, "cannot attach BPF program %s to %s: %s",
				 bpf_program__name(prog), where, strerror(errno));
	if (c->n_links == LINKS_MAX) {
		bpf_link__destroy(link);
		return error_set(err, -E2BIG, "more BPF programs than expected");
	}
	c->links[c->n_links++] = link;
	return 0;
}

static int attach_call(struct capture *c, int events_fd, const struct bpf_program *prog,
		       const char *call, __u64 cookie, struct error *err)
{
	char name[64];

	snprintf(name, sizeof(name), "syscalls/sys_exit_%s", call);
	return keep(c, tracepoint_attach(events_fd, prog, name, cookie), prog, name, err);
}

/* The programs that stand on several tracepoints. */
static int attach_calls(struct capture *c, int events_fd, struct error *err)
{
	int ret = 0;

	for (size_t i = 0; i < N_ROLE_CALLS && !ret; i++)
		ret = attach_call(c, events_fd, c->skel->progs.bt_role, role_calls[i].name,
				  role_calls[i].cookie, err);
	for (int call = 1; call <= N_IO_CALLS && !ret; call++)
		ret = attach_call(c, events_fd, c->skel->progs.bt_io,
				  event_call_name((enum bt_call)call), (__u64)call, err);
	return ret;
}

/* A program whose section says where it belongs. */
static int attach_one(struct capture *c, int events_fd, const struct bpf_program *prog,
		      struct error *err)
{
	const char *where = bpf_program__section_name(prog);
	struct bpf_link *link;

	if (!strncmp(where, "tp/", 3))
		link = tracepoint_attach(events_fd, prog, where + 3, 0);
	else if (!strncmp(where, "tp_btf/", 7))
		link = bpf_program__attach(prog);
	else
		return 0;
	/* A kernel without io_uring or protection keys has no such event, and nothing there to miss. */
	if (!link && errno == ENOENT && (strstr(where, "io_uring") || strstr(where, "pkey_")))
		return 0;
	return keep(c, link, prog, where, err);
}

int capture_attach(struct capture *c, struct error *err)
{
	int events_fd = tracefs_open(), ret;
	struct bpf_program *prog;

	if (events_fd < 0)
		return error_set(err, events_fd,
				 "cannot reach tracefs: %s; mount it: mount -t tracefs tracefs "
				 "/sys/kernel/tracing",
				 strerror(-events_fd));
	ret = attach_calls(c, events_fd, err);
	bpf_object__for_each_program(prog, c->skel->obj)
	{
		if (!ret)
			ret = attach_one(c, events_fd, prog, err);
	}
	close(events_fd);
	return ret;
}

void capture_detach(struct capture *c)
{
	for (size_t i = 0; i < c->n_links; i++)
		bpf_link__destroy(c->links[i]);
	c->n_links = 0;
}

static int fd_order(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

/* In the child: closes all but `fds`, ascending, waits until nobody can write to the pipe, and ends. */
static void hold_and_die(int wait_fd, const int *fds, size_t n)
{
	unsigned int from = 0;
	char none;

	for (size_t i = 0; i < n; i++) {
		if ((unsigned int)fds[i] > from)
			close_range(from, (unsigned int)fds[i] - 1, 0);
		from = (unsigned int)fds[i] + 1;
	}
	close_range(from, ~0u, 0);
	while (read(wait_fd, &none, 1) < 0 && errno == EINTR)
		;
	_exit(0);
}

/* A child holds all links until `*done_fd` is closed. */
static void hold_links(struct capture *c, int *done_fd)
{
	size_t n = c->n_links + uprobes_links(c->uprobes);
	int *fds = calloc(n + 1, sizeof(*fds));
	int done[2] = { -1, -1 };

	if (!fds || pipe2(done, O_CLOEXEC))
		goto out;
	for (size_t i = 0; i < c->n_links; i++)
		fds[i] = bpf_link__fd(c->links[i]);
	uprobes_fds(c->uprobes, fds + c->n_links);
	fds[n] = done[0];
	qsort(fds, n + 1, sizeof(*fds), fd_order);
	if (!fork())
		hold_and_die(done[0], fds, n + 1);
	*done_fd = done[1];
out:
	if (done[0] >= 0)
		close(done[0]);
	free(fds);
}

struct capture *capture_leave(struct capture *c)
{
	int done_fd = -1;

	if (c)
		hold_links(c, &done_fd);
	capture_free(c);
	if (done_fd >= 0)
		close(done_fd);
	return NULL;
}
