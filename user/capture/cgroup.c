/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A BT_REC_CGROUP for each EXEC: what /proc/PID/cgroup says of the process, or what the number of its cgroup stands for
 * when it is gone already. It is put into the stream of records, so that a recording has it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>
#include <linux/magic.h>

#include "base/fileio.h"
#include "base/procfs.h"
#include "base/table.h"
#include "capture/internal.h"
#include "event/event.h"

#define MAX_TEXTS 1024
/* FILEID_KERNFS, include/linux/exportfs.h: the handle is the number, 64 bits. */
#define KERNFS_HANDLE 0xfe

int cgroups_open(struct cgroups *g)
{
	static const char *const mounts[] = { "/sys/fs/cgroup", "/sys/fs/cgroup/unified" };
	struct statfs fs;

	g->mount_fd = -1;
	g->texts = table_new(MAX_TEXTS, free);
	if (!g->texts)
		return -ENOMEM;
	g->pid_ns = procfs_own_pid_ns();
	for (size_t i = 0; i < sizeof(mounts) / sizeof(*mounts) && g->mount_fd < 0; i++) {
		if (statfs(mounts[i], &fs) || fs.f_type != CGROUP2_SUPER_MAGIC)
			continue;
		g->mount_fd = open(mounts[i], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		snprintf(g->mount, sizeof(g->mount), "%s", mounts[i]);
	}
	return 0;
}

void cgroups_close(struct cgroups *g)
{
	g->texts = table_free(g->texts);
	if (g->mount_fd >= 0)
		close(g->mount_fd);
	g->mount_fd = -1;
}

/* The number that our /proc has for the process; 0: none. */
static uint32_t pid_here(const struct cgroups *g, const struct event *ev)
{
	if (g->pid_ns == PROCFS_INIT_PID_NS)
		return ev->tgid;
	return g->pid_ns && ev->exec.pid_ns == g->pid_ns ? ev->exec.ns_pid : 0;
}

/* False when it cannot be read, or is too long. */
static bool read_text(uint32_t pid, char ret[BT_CGROUP_LEN + 1])
{
	struct buf b = BUF_INIT(BT_CGROUP_LEN + 1);
	char path[64];
	bool ok;

	snprintf(path, sizeof(path), "/proc/%u/cgroup", pid);
	ok = pid && !file_read_all(path, BT_CGROUP_LEN, &b, NULL) && b.len;
	if (ok)
		memcpy(ret, b.p, b.len + 1);
	buf_release(&b);
	return ok;
}

/* In the words of /proc/PID/cgroup, what a number of cgroup v2 stands for. */
static bool find_text(const struct cgroups *g, uint64_t id, char ret[BT_CGROUP_LEN + 1])
{
	struct {
		struct file_handle h;
		uint64_t id;
	} handle = { .h = { .handle_bytes = sizeof(id), .handle_type = KERNFS_HANDLE } };
	char self[64], path[BT_CGROUP_LEN / 2];
	const size_t mount = strlen(g->mount);
	ssize_t len;
	int fd;

	if (g->mount_fd < 0 || !id)
		return false;
	memcpy(handle.h.f_handle, &id, sizeof(id));
	fd = open_by_handle_at(g->mount_fd, &handle.h, O_PATH | O_CLOEXEC);
	if (fd < 0)
		return false;
	snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
	len = readlink(self, path, sizeof(path) - 1);
	close(fd);
	if (len <= (ssize_t)mount || len == sizeof(path) - 1)
		return false;
	path[len] = '\0';
	snprintf(ret, BT_CGROUP_LEN + 1, "0::%s\n", path + mount);
	return !strncmp(path, g->mount, mount) && path[mount] == '/';
}

/* One line, of cgroup v2: the number of the cgroup says it all. */
static bool is_v2_only(const char *text)
{
	return !strncmp(text, "0::", 3) && text[strcspn(text, "\n")] && !strchr(text, '\n')[1];
}

static bool get_text(struct cgroups *g, const struct event *ev, char ret[BT_CGROUP_LEN + 1])
{
	struct span key = span_of(&ev->exec.cgroup_id, sizeof(ev->exec.cgroup_id));
	const char *known = table_get(g->texts, key);
	char *copy;

	if (known) {
		snprintf(ret, BT_CGROUP_LEN + 1, "%s", known);
		return true;
	}
	if (!read_text(pid_here(g, ev), ret))
		return find_text(g, ev->exec.cgroup_id, ret);
	if (ev->exec.cgroup_id && is_v2_only(ret)) {
		copy = strdup(ret);
		if (!copy || table_put(g->texts, key, copy))
			free(copy);
	}
	return true;
}

int cgroups_record(struct capture *c, struct span exec)
{
	struct {
		struct bt_rec_cgroup r;
		char text[BT_CGROUP_LEN + 1];
	} rec = { 0 };
	struct event ev;

	if (event_decode(exec, &ev) || !get_text(&c->cgroups, &ev, rec.text))
		return 0;
	memcpy(&rec.r.hdr, exec.p, sizeof(rec.r.hdr));
	rec.r.hdr.kind = BT_REC_CGROUP;
	rec.r.text_len = (__u32)strlen(rec.text);
	rec.r.hdr.len = (__u32)sizeof(rec.r) + rec.r.text_len;
	return c->cfg.record(c->cfg.arg, span_of(&rec, rec.r.hdr.len));
}
