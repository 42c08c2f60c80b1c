/* SPDX-License-Identifier: BSD-2-Clause */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/fileio.h"
#include "cli/targets.h"
#include "proc/cgroup.h"

#define CGROUP_DEPTH 16
#define CGROUP_TEXT_MAX 65536
/* Characters of a container's id that are enough to name it. */
#define CONTAINER_PREFIX 8

int targets_add(struct targets *t, enum target_kind kind, const char *text, struct error *err)
{
	struct target *g;
	char *end;
	long pid = 0;

	if (t->n == TARGETS_MAX)
		return error_set(err, -E2BIG, "more than %d targets", TARGETS_MAX);
	if (!*text)
		return error_set(err, -EINVAL, "an empty target matches nothing");
	if (kind == TARGET_PID) {
		errno = 0;
		pid = strtol(text, &end, 10);
		if (errno || *end || !isdigit((unsigned char)*text) || pid <= 0 || pid > INT_MAX)
			return error_set(err, -EINVAL, "--pid %s: not a process id", text);
	}
	g = &t->v[t->n++];
	g->kind = kind;
	g->text = text;
	g->pid = (pid_t)pid;
	return 0;
}

bool targets_are_open(const struct targets *t)
{
	size_t i;

	for (i = 0; i < t->n; i++)
		if (t->v[i].kind != TARGET_PID)
			return true;
	return false;
}

void target_list_release(struct target_list *l)
{
	free(l->v);
	memset(l, 0, sizeof(*l));
}

bool target_list_has(const struct target_list *l, const struct target_proc *p)
{
	size_t i;

	for (i = 0; i < l->n; i++)
		if (l->v[i].pid == p->pid && l->v[i].start_ticks == p->start_ticks)
			return true;
	return false;
}

int target_list_add(struct target_list *l, const struct target_proc *p)
{
	struct target_proc *v;

	if (target_list_has(l, p))
		return 0;
	if (l->n == l->cap) {
		v = reallocarray(l->v, l->cap ? l->cap * 2 : 32, sizeof(*v));
		if (!v)
			return -ENOMEM;
		l->v = v;
		l->cap = l->cap ? l->cap * 2 : 32;
	}
	l->v[l->n++] = *p;
	return 0;
}

/* comm stands in brackets and may hold any byte. */
int target_proc_read(pid_t pid, struct target_proc *ret)
{
	struct buf b = BUF_INIT(4096);
	char path[64], *p;
	int field, err;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	err = file_read_all(path, 4096, &b, NULL);
	if (err)
		goto out;
	err = -EBADMSG;
	p = strrchr(b.p, ')');
	for (field = 2; p && field < 22; field++) {
		p = strchr(p, ' ');
		if (p)
			p++;
	}
	if (!p)
		goto out;
	ret->pid = pid;
	ret->start_ticks = strtoull(p, NULL, 10);
	err = 0;
out:
	buf_release(&b);
	return err;
}

static bool comm_matches(pid_t pid, const char *glob)
{
	struct buf b = BUF_INIT(256);
	char path[64];
	bool yes = false;

	snprintf(path, sizeof(path), "/proc/%d/comm", (int)pid);
	if (!file_read_all(path, 256, &b, NULL) && b.len) {
		if (b.p[b.len - 1] == '\n')
			b.p[b.len - 1] = '\0';
		yes = !fnmatch(glob, b.p, 0);
	}
	buf_release(&b);
	return yes;
}

/* A glob without a slash is held against the file's name, one with a slash against the whole path. */
static bool exe_matches(pid_t pid, const char *glob)
{
	char path[64], exe[PATH_MAX];
	const char *name;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/exe", (int)pid);
	n = readlink(path, exe, sizeof(exe) - 1);
	if (n <= 0)
		return false;
	exe[n] = '\0';
	name = strrchr(exe, '/');
	name = name ? name + 1 : exe;
	return !fnmatch(glob, strchr(glob, '/') ? exe : name, 0);
}

/* Names as cgroup_identify() finds them. A unit without a kind is a service; of a container's id the beginning will do. */
static bool cgroup_matches(pid_t pid, const struct target *g)
{
	struct buf b = BUF_INIT(CGROUP_TEXT_MAX);
	struct cgroup_identity id;
	char path[64], service[160];
	bool yes = false;

	snprintf(path, sizeof(path), "/proc/%d/cgroup", (int)pid);
	if (!file_read_all(path, CGROUP_TEXT_MAX, &b, NULL)) {
		cgroup_identify(cgroup_path(buf_span(&b)), &id);
		snprintf(service, sizeof(service), "%s%s", g->text,
			 strchr(g->text, '.') ? "" : ".service");
		if (g->kind == TARGET_UNIT)
			yes = id.unit[0] && !fnmatch(service, id.unit, 0);
		else
			yes = !strcmp(g->text, id.container) ||
			      (strlen(g->text) >= CONTAINER_PREFIX &&
			       !strncmp(g->text, id.container, strlen(g->text)));
	}
	buf_release(&b);
	return yes;
}

static bool matches(pid_t pid, const struct target *g)
{
	switch (g->kind) {
	case TARGET_COMM:
		return comm_matches(pid, g->text);
	case TARGET_EXE:
		return exe_matches(pid, g->text);
	default:
		return cgroup_matches(pid, g);
	}
}

static int add_pid(pid_t pid, struct target_list *ret)
{
	struct target_proc p;

	if (pid == getpid() || pid == getppid() || target_proc_read(pid, &p))
		return 0;
	return target_list_add(ret, &p);
}

static int find_in_proc(const struct target *g, struct target_list *ret, struct error *err)
{
	struct dirent *d;
	DIR *dir;
	pid_t pid;
	int rc = 0;

	dir = opendir("/proc");
	if (!dir)
		return error_set(err, -errno, "cannot read /proc: %m");
	while (!rc && (d = readdir(dir))) {
		if (!isdigit((unsigned char)d->d_name[0]))
			continue;
		pid = (pid_t)atoi(d->d_name);
		if (matches(pid, g))
			rc = add_pid(pid, ret);
	}
	closedir(dir);
	return rc;
}

static int add_cgroup_procs(int dirfd, struct target_list *ret)
{
	FILE *f;
	int fd, pid, rc = 0;

	fd = openat(dirfd, "cgroup.procs", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	f = fdopen(fd, "r");
	if (!f) {
		close(fd);
		return -ENOMEM;
	}
	while (!rc && fscanf(f, "%d", &pid) == 1)
		rc = add_pid(pid, ret);
	fclose(f);
	return rc;
}

static int walk_cgroup(int dirfd, unsigned int depth, struct target_list *ret)
{
	struct dirent *d;
	int copy, sub, rc;
	DIR *dir;

	rc = add_cgroup_procs(dirfd, ret);
	if (rc || depth == CGROUP_DEPTH)
		return rc;
	copy = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	dir = copy < 0 ? NULL : fdopendir(copy);
	if (!dir) {
		if (copy >= 0)
			close(copy);
		return 0;
	}
	while (!rc && (d = readdir(dir))) {
		if (d->d_type != DT_DIR || d->d_name[0] == '.')
			continue;
		sub = openat(dirfd, d->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (sub < 0)
			continue;
		rc = walk_cgroup(sub, depth + 1, ret);
		close(sub);
		if (rc == -ENOENT)
			rc = 0;
	}
	closedir(dir);
	return rc;
}

/* As typed, or below the cgroup v2 mount. */
static int find_in_cgroup(const struct target *g, struct target_list *ret, struct error *err)
{
	static const char *const roots[] = { "", "/sys/fs/cgroup/", "/sys/fs/cgroup/unified/" };
	char path[PATH_MAX];
	size_t i;
	int fd, rc;

	for (i = 0; i < sizeof(roots) / sizeof(roots[0]); i++) {
		snprintf(path, sizeof(path), "%s%s/cgroup.procs", roots[i], g->text);
		if (access(path, R_OK))
			continue;
		snprintf(path, sizeof(path), "%s%s", roots[i], g->text);
		fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd < 0)
			return error_set(err, -errno, "--cgroup %s: %m", g->text);
		rc = walk_cgroup(fd, 0, ret);
		close(fd);
		if (rc)
			return error_set(err, rc, "--cgroup %s: %s", g->text, strerror(-rc));
		return 0;
	}
	return error_set(err, -ENOENT,
			 "--cgroup %s: no such cgroup; give a directory below /sys/fs/cgroup",
			 g->text);
}

int targets_find(const struct targets *t, struct target_list *ret, struct error *err)
{
	struct target_proc p;
	size_t i;
	int rc;

	for (i = 0; i < t->n; i++) {
		switch (t->v[i].kind) {
		case TARGET_PID:
			if (target_proc_read(t->v[i].pid, &p))
				return error_set(err, -ESRCH, "--pid %s: no such process",
						 t->v[i].text);
			rc = target_list_add(ret, &p);
			break;
		case TARGET_CGROUP:
			rc = find_in_cgroup(&t->v[i], ret, err);
			break;
		default:
			rc = find_in_proc(&t->v[i], ret, err);
		}
		if (rc)
			return error_set(err, rc, "looking for processes: %s", strerror(-rc));
	}
	return 0;
}
