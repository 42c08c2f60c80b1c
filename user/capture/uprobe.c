/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Uprobes on the TLS libraries of watched processes. A uprobe is on a file, for every process that maps it, so each
 * file is looked into once, when the first watched process maps it (BT_REC_EXEC and _MAP); the programs
 * then ask whether the task is watched.
 */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fileio.h"
#include "base/procfs.h"
#include "base/table.h"
#include "capture/internal.h"
#include "capture/probe.h"
#include "capture/uprobe_multi.h"
#include "capture/uprobe_target.h"
#include "event/event.h"

#define MAX_FILES 8192
#define MAX_PROCS 8192

/* Of one file. A file that replaces another under its number differs in the time of its last change. */
struct file_version {
	uint64_t dev, ino, sec, nsec;
};

/* What came of a process's files. */
struct tls_proc {
	char text[160];
};

struct uprobes {
	struct table *files; /* struct file_version -> struct target */
	struct table *procs; /* tgid -> struct tls_proc */
	bool multi;          /* uprobe_multi.h */
	bool init_pid_ns;    /* the kernel's process numbers are those of our /proc */
};

static void free_target(void *value)
{
	target_free(value);
}

struct uprobes *uprobes_new(void)
{
	struct uprobes *u = calloc(1, sizeof(*u));

	if (!u)
		return NULL;
	u->files = table_new(MAX_FILES, free_target);
	u->procs = table_new(MAX_PROCS, free);
	if (!u->files || !u->procs)
		return uprobes_free(u);
	u->init_pid_ns = procfs_own_pid_ns() == PROCFS_INIT_PID_NS;
	return u;
}

struct uprobes *uprobes_free(struct uprobes *u)
{
	if (!u)
		return NULL;
	table_free(u->files);
	table_free(u->procs);
	free(u);
	return NULL;
}

static bool count_links(void *arg, struct span key, void *value)
{
	*(size_t *)arg += target_links(value);
	return true;
}

static bool take_fds(void *arg, struct span key, void *value)
{
	int **fds = arg;

	*fds = target_fds(value, *fds);
	return true;
}

size_t uprobes_links(const struct uprobes *u)
{
	size_t n = 0;

	table_walk(u->files, count_links, &n);
	return n;
}

void uprobes_fds(const struct uprobes *u, int *fds)
{
	table_walk(u->files, take_fds, &fds);
}

static void note(struct capture *c, uint32_t tgid, const struct target *t)
{
	struct span key = span_of(&tgid, sizeof(tgid));
	struct tls_proc *p = calloc(1, sizeof(*p));

	if (!p)
		return;
	if (!tgid || !target_describe(t, p->text, sizeof(p->text)) ||
	    table_put(c->uprobes->procs, key, p))
		free(p);
}

/* Takes over `fd`. */
static void see_file(struct capture *c, uint32_t tgid, int fd, const char *path)
{
	struct file_version v = { 0 };
	struct target *t;
	struct stat st;

	if (fd < 0)
		return;
	if (fstat(fd, &st))
		goto out;
	v.dev = st.st_dev;
	v.ino = st.st_ino;
	v.sec = (uint64_t)st.st_ctim.tv_sec;
	v.nsec = (uint64_t)st.st_ctim.tv_nsec;
	t = table_get(c->uprobes->files, span_of(&v, sizeof(v)));
	if (!t) {
		t = target_new(c, fd, path, c->uprobes->multi);
		if (!t)
			goto out;
		if (table_put(c->uprobes->files, span_of(&v, sizeof(v)), t)) {
			target_free(t);
			goto out;
		}
	}
	note(c, tgid, t);
out:
	close(fd);
}

struct maps_arg {
	struct capture *c;
	uint32_t tgid;
	uint64_t last;
};

static void see_map(void *arg, const struct procfs_map *m)
{
	struct maps_arg *a = arg;
	char map[96];

	if (!m->exec || m->ino == a->last)
		return;
	a->last = m->ino;
	snprintf(map, sizeof(map), "/proc/%u/map_files/%" PRIx64 "-%" PRIx64, a->tgid, m->from,
		 m->to);
	see_file(a->c, a->tgid, file_open_regular(map, 0), m->path.p);
}

/* Every file that a process has mapped to be executed. */
static void see_maps(struct capture *c, uint32_t tgid)
{
	struct maps_arg a = { .c = c, .tgid = tgid };

	maps_each(tgid, see_map, &a);
}

/* A file by the name that the process has for it. */
static void see_path(struct capture *c, uint32_t tgid, struct span path, uint64_t ino)
{
	char full[BT_PATH_LEN + 64];
	size_t n = 0;
	int fd;

	if (!path.len || path.len >= BT_PATH_LEN)
		return;
	if (c->uprobes->init_pid_ns)
		n = (size_t)snprintf(full, sizeof(full), "/proc/%u/root", tgid);
	memcpy(full + n, path.p, path.len);
	full[n + path.len] = '\0';
	fd = file_open_regular(full, ino);
	/* Renamed, replaced, or on a file system that numbers its files twice: found by what is mapped now. */
	if (fd < 0 && c->uprobes->init_pid_ns)
		see_maps(c, tgid);
	else
		see_file(c, tgid, fd, full);
}

void uprobes_process(struct capture *c, uint32_t tgid)
{
	if (c->uprobes->init_pid_ns)
		see_maps(c, tgid);
}

int uprobes_prepare(struct capture *c)
{
	c->uprobes->multi = uprobe_multi_supported();
	return targets_prepare(c, c->uprobes->multi);
}

void uprobes_record(struct capture *c, struct span rec)
{
	struct bt_hdr hdr;
	struct event ev;

	if (rec.len < sizeof(hdr))
		return;
	memcpy(&hdr, rec.p, sizeof(hdr));
	if ((hdr.kind != BT_REC_EXEC && hdr.kind != BT_REC_MAP) || event_decode(rec, &ev))
		return;
	if (ev.kind == BT_REC_MAP) {
		see_path(c, ev.tgid, ev.map.path, ev.map.ino);
		return;
	}
	table_remove(c->uprobes->procs, span_of(&ev.tgid, sizeof(ev.tgid)));
	if (c->uprobes->init_pid_ns)
		see_maps(c, ev.tgid);
	else
		see_path(c, ev.tgid, ev.exec.path, ev.exec.exe_ino);
}

/* A program that ends soon after it has mapped its library would be faster than we: the usual ones beforehand. */
void uprobes_usual(struct capture *c)
{
	static const char *const usual[] = {
		"/usr/lib/*/libssl.so.[0-9]*",    "/usr/lib64/libssl.so.[0-9]*",
		"/usr/lib/libssl.so.[0-9]*",      "/usr/lib/*/libgnutls.so.[0-9]*",
		"/usr/lib64/libgnutls.so.[0-9]*", "/usr/lib/libgnutls.so.[0-9]*",
	};

	for (size_t i = 0; i < sizeof(usual) / sizeof(*usual); i++) {
		glob_t g;

		if (glob(usual[i], 0, NULL, &g))
			continue;
		for (size_t k = 0; k < g.gl_pathc; k++)
			see_file(c, 0, file_open_regular(g.gl_pathv[k], 0), g.gl_pathv[k]);
		globfree(&g);
	}
}

void capture_expect(struct capture *c, const char *path)
{
	see_file(c, 0, file_open_regular(path, 0), path);
}

const char *capture_tls_state(const struct capture *c, uint32_t tgid)
{
	const struct tls_proc *p = table_peek(c->uprobes->procs, span_of(&tgid, sizeof(tgid)));

	return p ? p->text
		 : "no OpenSSL, BoringSSL, GnuTLS or Go functions were found in what it has mapped";
}

int capture_hook_try(struct capture *c, int fd, const char *path)
{
	struct target *t = target_new(c, fd, path, c->uprobes->multi);
	int ret;

	if (!t)
		return -ENOMEM;
	ret = target_error(t);
	if (!ret)
		ret = target_links(t) != 0;
	target_free(t);
	return ret;
}
