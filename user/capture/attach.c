/* SPDX-License-Identifier: BSD-2-Clause */
/* Programs to their places, and off them again. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "capture/internal.h"
#include "capture/probes.h"
#include "event/event.h"

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

static struct bpf_program *prog_of(const struct capture *c, const struct probe *p)
{
	return bpf_object__find_program_by_name(c->skel->obj, p->prog);
}

int capture_prepare(struct capture *c)
{
	int err = 0;

	if (c->fexit)
		return fexit_prepare(c);
	for (size_t i = 0; i < n_probes && !err; i++) {
		struct bpf_program *prog = prog_of(c, &probes[i]);

		err = prog ? bpf_program__set_autoload(prog, true) : -ENOENT;
	}
	return err;
}

/* The ends of the system calls that have tracepoints. */
static int attach_calls(struct capture *c, int events_fd, struct error *err)
{
	int ret = 0;

	for (size_t i = 0; i < n_probes && !ret; i++) {
		const struct bpf_program *prog = prog_of(c, &probes[i]);
		struct bpf_link *link;
		char name[64];

		if (!probes[i].call)
			continue;
		snprintf(name, sizeof(name), "syscalls/sys_exit_%s", probes[i].call);
		link = tracepoint_attach(events_fd, prog, name, probes[i].cookie);
		if (link || errno != ENOENT || !probes[i].optional)
			ret = keep(c, link, prog, name, err);
	}
	return ret;
}

/* A program whose section says where it belongs. */
static int attach_one(struct capture *c, int events_fd, const struct bpf_program *prog,
		      struct error *err)
{
	const char *where = bpf_program__section_name(prog);
	struct bpf_link *link;

	if (!bpf_program__autoload(prog))
		return 0;
	if (!strncmp(where, "tp/", 3))
		link = tracepoint_attach(events_fd, prog, where + 3, 0);
	else if (!strncmp(where, "tp_btf/", 7))
		link = bpf_program__attach(prog);
	else
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
	ret = c->fexit ? fexit_attach(c, err) : attach_calls(c, events_fd, err);
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
	c->fexit = fexit_free(c->fexit);
}

static int fd_order(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

void capture_hold_links(struct capture *c, int wait_fd)
{
	size_t n_fexit = fexit_fds(c->fexit, NULL);
	size_t n = c->n_links + n_fexit + uprobes_links(c->uprobes);
	int *fds = calloc(n + 1, sizeof(*fds));
	unsigned int from = 0;
	char none;

	if (!fds)
		_exit(0);
	for (size_t i = 0; i < c->n_links; i++)
		fds[i] = bpf_link__fd(c->links[i]);
	fexit_fds(c->fexit, fds + c->n_links);
	uprobes_fds(c->uprobes, fds + c->n_links + n_fexit);
	fds[n++] = wait_fd;
	qsort(fds, n, sizeof(*fds), fd_order);
	for (size_t i = 0; i < n; i++) {
		if ((unsigned int)fds[i] > from)
			close_range(from, (unsigned int)fds[i] - 1, 0);
		from = (unsigned int)fds[i] + 1;
	}
	close_range(from, ~0u, 0);
	while (read(wait_fd, &none, 1) > 0 || errno == EINTR)
		errno = 0;
	_exit(0);
}

struct capture *capture_leave(struct capture *c)
{
	int done[2] = { -1, -1 };

	if (c && !pipe2(done, O_CLOEXEC) && !fork())
		capture_hold_links(c, done[0]);
	capture_free(c);
	for (size_t i = 0; i < 2; i++)
		if (done[i] >= 0)
			close(done[i]);
	return NULL;
}
