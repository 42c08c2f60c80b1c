/* SPDX-License-Identifier: BSD-2-Clause */
/* A running process, by what /proc tells of it. It may have a hand in all of that, and end at any time. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>
#include "base/fileio.h"
#include "base/procfs.h"
#include "base/table.h"
#include "capture/probe.h"
#include "cli/doctor.h"
#include "cli/targets.h"
#include "report/blind.h"

#define STATUS_MAX 65536
#define MAPS_MAX ((size_t)32 << 20)
#define FDS_MAX 65536
#define FILES_MAX 4096
/* World-readable files named one by one. */
#define READABLE_MAX 16

#define AS_ROOT "run doctor as root"

struct subject {
	struct doctor *d;
	pid_t pid;
	struct table *seen; /* inode numbers of files that were looked at; no values */
	bool tls, is_32;
};

static void proc_path(const struct subject *s, char ret[64], const char *name)
{
	snprintf(ret, 64, "/proc/%d/%s", (int)s->pid, name);
}

static void unread(const struct subject *s, enum finding_group group, const char *id,
		   const char *what, int err)
{
	doctor_add(s->d, group, FINDING_UNKNOWN, id, AS_ROOT, "%s cannot be read: %s", what,
		   strerror(-err));
}

/* Bytes of a link of /proc; may be anything. False when it cannot be read. */
static bool read_link(const char *path, char ret[PATH_MAX])
{
	ssize_t n = readlink(path, ret, PATH_MAX - 1);

	ret[n > 0 ? n : 0] = '\0';
	return n > 0;
}

/* --- what it is --------------------------------------------------------------------------------- */

/* False when there is nothing to watch. */
static bool add_status(const struct subject *s)
{
	struct buf b = BUF_INIT(STATUS_MAX);
	struct span name = SPAN_NONE, uid = SPAN_NONE, threads = SPAN_NONE, state = SPAN_NONE;
	char path[64];
	bool alive = false;
	int err;

	proc_path(s, path, "status");
	err = file_read_all(path, STATUS_MAX, &b, NULL);
	if (err) {
		unread(s, GROUP_PROCESS, "status", path, err);
		goto out;
	}
	procfs_field(buf_span(&b), "Name", &name);
	procfs_field(buf_span(&b), "State", &state);
	procfs_field(buf_span(&b), "Uid", &uid);
	procfs_field(buf_span(&b), "Threads", &threads);
	alive = state.len && state.p[0] != 'Z' && state.p[0] != 'X';
	if (!alive)
		doctor_add(s->d, GROUP_PROCESS, FINDING_FAILED, "status", NULL,
			   "process %d has ended", (int)s->pid);
	else
		doctor_add(s->d, GROUP_PROCESS, FINDING_NOTE, "status", NULL,
			   "process %d, %.*s, user %.*s, threads: %.*s", (int)s->pid, (int)name.len,
			   name.p,
			   (int)span_find_byte(uid, '\t') < 0 ? (int)uid.len
							      : (int)span_find_byte(uid, '\t'),
			   uid.p, (int)threads.len, threads.p);
out:
	buf_release(&b);
	return alive;
}

static void add_namespace(const struct subject *s, const char *name)
{
	struct stat own, its;
	char path[64], link[32];

	snprintf(link, sizeof(link), "ns/%s", name);
	proc_path(s, path, link);
	if (stat(path, &its))
		unread(s, GROUP_PROCESS, "namespace", path, -errno);
	else if (snprintf(path, sizeof(path), "/proc/self/ns/%s", name), stat(path, &own))
		unread(s, GROUP_PROCESS, "namespace", path, -errno);
	else
		doctor_add(s->d, GROUP_PROCESS, FINDING_NOTE, "namespace", NULL,
			   own.st_ino == its.st_ino ? "in the %s namespace that beartrap is in"
						    : "in a %s namespace of its own (a container); "
						      "that is no hindrance",
			   name);
}

static void add_exe(struct subject *s)
{
	char path[64], exe[PATH_MAX];
	struct tls_look look;
	int fd;

	proc_path(s, path, "exe");
	if (!read_link(path, exe)) {
		if (errno == ENOENT)
			doctor_add(s->d, GROUP_PROCESS, FINDING_FAILED, "exe", NULL,
				   "it is a thread of the kernel: there is nothing to watch");
		else
			unread(s, GROUP_PROCESS, "exe", path, -errno);
		return;
	}
	fd = file_open_regular(path, 0);
	if (fd < 0) {
		unread(s, GROUP_PROCESS, "exe", exe, fd);
		return;
	}
	if (!tls_look(fd, exe, &look) && look.is_32) {
		s->is_32 = true;
		doctor_blind(s->d, GROUP_PROCESS, "32-bit-program", "%s is a 32-bit program", exe);
	} else if (look.foreign) {
		doctor_add(s->d, GROUP_PROCESS, FINDING_UNKNOWN, "exe", NULL,
			   "%s is for another machine", exe);
	} else {
		doctor_add(s->d, GROUP_PROCESS, FINDING_OK, "exe", NULL, "runs %s: 64-bit%s%s", exe,
			   look.stripped ? ", stripped" : "", look.go ? ", made by Go" : "");
	}
	close(fd);
}

/* --- what it has mapped ------------------------------------------------------------------------- */

/* A file that it may execute, by what is mapped, or as it is named there. Descriptor or negative errno. */
static int open_mapped(const struct subject *s, const struct procfs_map *m)
{
	char path[PATH_MAX];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/map_files/%" PRIx64 "-%" PRIx64, (int)s->pid,
		 m->from, m->to);
	fd = file_open_regular(path, 0);
	if (fd >= 0)
		return fd;
	snprintf(path, sizeof(path), "/proc/%d/root%.*s", (int)s->pid, (int)m->path.len, m->path.p);
	return file_open_regular(path, m->ino);
}

/* True the first time. */
static bool is_new(struct subject *s, uint64_t ino)
{
	struct span key = span_of(&ino, sizeof(ino));

	if (table_peek(s->seen, key))
		return false;
	return !table_put(s->seen, key, s);
}

static void look_at_code(struct subject *s, const struct procfs_map *m)
{
	char path[PATH_MAX];
	struct tls_look look;
	int fd;

	if (!m->path.len || m->path.p[0] != '/' || !is_new(s, m->ino))
		return;
	if (table_len(s->seen) == FILES_MAX) {
		doctor_add(s->d, GROUP_TLS, FINDING_UNKNOWN, "tls-library", NULL,
			   "it has more files mapped than were looked at");
		return;
	}
	snprintf(path, sizeof(path), "%.*s", (int)m->path.len, m->path.p);
	fd = open_mapped(s, m);
	if (fd < 0) {
		doctor_add(s->d, GROUP_TLS, FINDING_UNKNOWN, "tls-library", AS_ROOT,
			   "%s cannot be looked at: %s", path, strerror(-fd));
		return;
	}
	s->tls |= doctor_tls(s->d, fd, path, true, &look);
	close(fd);
}

struct mappings {
	size_t n;
	char first[256]; /* path of one */
};

static void count_mapping(struct mappings *c, struct span path)
{
	if (!c->n++)
		snprintf(c->first, sizeof(c->first), "%.*s", (int)path.len, path.p);
}

static void look_at_maps(struct subject *s, struct span text)
{
	struct mappings files = { 0 }, devices = { 0 };
	struct procfs_map m;
	struct span line;

	while (procfs_line(&text, &line)) {
		if (!procfs_map_parse(line, &m))
			continue;
		if (m.exec && m.ino)
			look_at_code(s, &m);
		if (!m.shared || !m.write || !m.ino || !m.path.len || m.path.p[0] != '/')
			continue;
		/* Memory that only relatives share, mmap(2). */
		if (span_starts(m.path, SPAN_LIT("/dev/zero")))
			continue;
		if (span_starts(m.path, SPAN_LIT("/dev/")) &&
		    !span_starts(m.path, SPAN_LIT("/dev/shm/")))
			count_mapping(&devices, m.path);
		else
			count_mapping(&files, m.path);
	}
	if (files.n)
		doctor_add(s->d, GROUP_FILES, FINDING_OK, "shared-mmap", NULL,
			   "%zu writable shared mappings of files, as %s: what is new in them is "
			   "looked for in the files",
			   files.n, files.first);
	if (devices.n)
		doctor_blind(s->d, GROUP_FILES, "device-mapping",
			     "%zu writable mappings of devices, as %s", devices.n, devices.first);
}

static void add_maps(struct subject *s)
{
	struct buf b = BUF_INIT(MAPS_MAX);
	char path[64];
	int err;

	proc_path(s, path, "maps");
	err = file_read_all(path, MAPS_MAX, &b, NULL);
	if (err) {
		unread(s, GROUP_TLS, "tls-library", path, err);
	} else {
		look_at_maps(s, buf_span(&b));
		if (!s->tls)
			doctor_add(s->d, GROUP_TLS, FINDING_NOTE, "tls-library", NULL,
				   "nothing that it has mapped now is a TLS library");
	}
	buf_release(&b);
}

/* --- what it has open --------------------------------------------------------------------------- */

static const char *kind_of(const struct stat *st)
{
	switch (st->st_mode & S_IFMT) {
	case S_IFIFO:
		return "pipe";
	case S_IFSOCK:
		return "socket";
	case S_IFREG:
		return "file";
	case S_IFCHR:
		/* Unix98 ptys and terminals, devices.txt of the kernel. */
		return (major(st->st_rdev) >= 136 && major(st->st_rdev) <= 143) ||
				       major(st->st_rdev) == 4 || major(st->st_rdev) == 5
			       ? "terminal"
			       : "device";
	default:
		return "other";
	}
}

/* Nothing is opened: fstatat(2) of these links asks the open file itself. */
static void add_stdio(const struct subject *s, int fds)
{
	static const char *const names[] = { "stdin", "stdout", "stderr" };
	bool wire = true;

	for (int i = 0; i < 3; i++) {
		char number[16], path[64], link[PATH_MAX];
		struct stat st;

		snprintf(number, sizeof(number), "%d", i);
		snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)s->pid, i);
		if (fstatat(fds, number, &st, 0)) {
			doctor_add(s->d, GROUP_FILES, FINDING_NOTE, "stdio", NULL, "%s is not open",
				   names[i]);
			wire &= i == 2;
			continue;
		}
		if (i < 2 && !S_ISFIFO(st.st_mode) && !S_ISSOCK(st.st_mode))
			wire = false;
		doctor_add(s->d, GROUP_FILES, FINDING_NOTE, "stdio", NULL, "%s is a %s: %s",
			   names[i], kind_of(&st), read_link(path, link) ? link : "?");
	}
	doctor_add(
		s->d, GROUP_FILES, FINDING_NOTE, "mcp", NULL,
		wire ? "stdin and stdout lead to another process: it may be an MCP server over "
		       "stdio"
		     : "stdin and stdout are not those of an MCP server over stdio; one over HTTP "
		       "is known by what it says");
}

struct opened {
	size_t n, rings, readable;
};

static void look_at_fd(const struct subject *s, int fds, const char *name, struct opened *o)
{
	char link[PATH_MAX];
	ssize_t n = readlinkat(fds, name, link, sizeof(link) - 1);
	struct stat st, perms;

	if (n <= 0)
		return;
	link[n] = '\0';
	if (!strcmp(link, "anon_inode:[io_uring]"))
		o->rings++;
	/* The link's own permissions are how it was opened, proc_pid_fd(5). */
	if (fstatat(fds, name, &st, 0) || fstatat(fds, name, &perms, AT_SYMLINK_NOFOLLOW) ||
	    !S_ISREG(st.st_mode) || !(perms.st_mode & S_IWUSR) || !(st.st_mode & S_IROTH) ||
	    !st.st_nlink)
		return;
	if (o->readable++ < READABLE_MAX)
		doctor_add(s->d, GROUP_FILES, FINDING_NOTE, "world-readable", "chmod o-r it",
			   "it writes to a file that everybody may read: %s (fd %s)", link, name);
}

static void add_open_files(const struct subject *s)
{
	struct opened o = { 0 };
	struct dirent *e;
	char path[64];
	DIR *dir;

	proc_path(s, path, "fd");
	dir = opendir(path);
	if (!dir) {
		unread(s, GROUP_FILES, "files", path, -errno);
		return;
	}
	add_stdio(s, dirfd(dir));
	while ((e = readdir(dir)) && o.n < FDS_MAX) {
		if (e->d_name[0] == '.')
			continue;
		o.n++;
		look_at_fd(s, dirfd(dir), e->d_name, &o);
	}
	closedir(dir);
	if (o.n == FDS_MAX)
		doctor_add(s->d, GROUP_FILES, FINDING_UNKNOWN, "files", NULL,
			   "it has more files open than were looked at");
	if (o.readable > READABLE_MAX)
		doctor_add(s->d, GROUP_FILES, FINDING_NOTE, "world-readable", "chmod o-r them",
			   "and %zu more such files", o.readable - READABLE_MAX);
	if (o.rings && capture_follows_uring())
		doctor_add(s->d, GROUP_FILES, FINDING_OK, "io_uring", NULL,
			   "it has %zu io_uring open, whose requests are followed", o.rings);
	else if (o.rings)
		doctor_blind(s->d, GROUP_FILES, "io_uring", "it has %zu io_uring open", o.rings);
	else
		doctor_add(s->d, GROUP_FILES, FINDING_OK, "io_uring", NULL,
			   "it has no io_uring open now");
}

/* --- watching it -------------------------------------------------------------------------------- */

static void try_to_watch(const struct subject *s)
{
	struct error err = { 0 };

	if (!s->d->capture)
		return;
	if (capture_watch_running(s->d->capture, &s->pid, 1, false, &err)) {
		doctor_add(s->d, GROUP_WATCHING, FINDING_FAILED, "watch", NULL, "%s", err.text);
		return;
	}
	capture_unwatch(s->d->capture, s->pid);
	doctor_add(s->d, GROUP_WATCHING, FINDING_OK, "watch", NULL,
		   "process %d was watched for a moment", (int)s->pid);
}

int doctor_pid(struct doctor *d, pid_t pid, struct error *err)
{
	struct subject s = { .d = d, .pid = pid };
	struct target_proc before, after;

	if (target_proc_read(pid, &before))
		return error_set(err, -ESRCH, "no process %d", (int)pid);
	s.seen = table_new(FILES_MAX, NULL);
	if (!s.seen)
		return error_set(err, -ENOMEM, "out of memory");
	if (add_status(&s)) {
		try_to_watch(&s);
		add_namespace(&s, "pid");
		add_namespace(&s, "user");
		add_exe(&s);
		add_maps(&s);
		add_open_files(&s);
	}
	table_free(s.seen);
	if (target_proc_read(pid, &after) || after.start_ticks != before.start_ticks)
		doctor_add(d, GROUP_PROCESS, FINDING_FAILED, "status", NULL,
			   "process %d ended while it was looked at", (int)pid);
	return 0;
}
