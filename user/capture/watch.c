/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The watch set, changed by walks over the running tasks (bpf/iter.bpf.c). Processes are handed over by
 * pidfd, so that neither a reused number nor another pid namespace can mean the wrong one.
 */
#include <errno.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "capture/internal.h"

/* A fork bomb could be walked after for ever. */
#define WALKS_MAX 1000

/* Runs an iterator program over all tasks. Negative errno. */
static int iterate(const struct bpf_program *prog)
{
	struct bpf_link *link = bpf_program__attach_iter(prog, NULL);
	char none[64];
	ssize_t len;
	int fd, err = 0;

	if (!link)
		return -errno;
	fd = bpf_iter_create(bpf_link__fd(link));
	if (fd < 0) {
		err = -errno;
	} else {
		/* The programs print nothing; EAGAIN is a rest after a million tasks. */
		do {
			len = read(fd, none, sizeof(none));
		} while (len > 0 || (len < 0 && (errno == EAGAIN || errno == EINTR)));
		if (len < 0)
			err = -errno;
		close(fd);
	}
	bpf_link__destroy(link);
	return err;
}

/* Walks until a walk finds nothing more to do: what was forked beside one is found by the next. */
static int walk(struct capture *c, enum walk_mode mode)
{
	int err = 0;

	c->skel->bss->bt_mode = mode;
	for (int i = 0; i < WALKS_MAX; i++) {
		c->skel->bss->bt_changed = 0;
		err = iterate(c->skel->progs.bt_mark);
		if (err || !c->skel->bss->bt_changed)
			break;
	}
	return err;
}

static void clear_targets(struct capture *c)
{
	int fd = bpf_map__fd(c->skel->maps.targets);
	__u32 key;

	while (!bpf_map_get_next_key(fd, NULL, &key))
		if (bpf_map_delete_elem(fd, &key))
			break;
}

static int want(struct capture *c, int pidfd)
{
	__u32 yes = 1;

	return bpf_map_update_elem(bpf_map__fd(c->skel->maps.wanted), &pidfd, &yes, BPF_ANY)
		       ? -errno
		       : 0;
}

static void unwant(struct capture *c, int pidfd)
{
	bpf_map_delete_elem(bpf_map__fd(c->skel->maps.wanted), &pidfd);
}

static bool is_marked(struct capture *c, int pidfd)
{
	struct {
		__u64 start_ns;
		__u32 root, flags;
	} val;

	return !bpf_map_lookup_elem(bpf_map__fd(c->skel->maps.tasks), &pidfd, &val);
}

int capture_watch_child(struct capture *c, int pidfd, pid_t pid, struct error *err)
{
	int ret = want(c, pidfd);

	if (!ret) {
		c->skel->bss->bt_round = 0;
		c->skel->bss->bt_descendants = false;
		ret = walk(c, MODE_MARK);
		unwant(c, pidfd);
		clear_targets(c);
	}
	if (!ret && !is_marked(c, pidfd))
		ret = -ESRCH;
	if (ret)
		return error_set(err, ret, "cannot watch process %d: %s", (int)pid, strerror(-ret));
	return 0;
}

/* Opens pidfds and puts their threads up for the walk. Those that could not be opened are -1. */
static int want_all(struct capture *c, const pid_t *pids, size_t n, int *fds)
{
	int ret = 0;

	for (size_t i = 0; i < n; i++) {
		int err = 0;

		fds[i] = (int)syscall(SYS_pidfd_open, pids[i], 0);
		if (fds[i] < 0)
			err = -errno;
		else
			err = want(c, fds[i]);
		if (err && !ret)
			ret = err;
	}
	return ret;
}

static void unwant_all(struct capture *c, size_t n, int *fds)
{
	for (size_t i = 0; i < n; i++) {
		if (fds[i] < 0)
			continue;
		unwant(c, fds[i]);
		close(fds[i]);
	}
	clear_targets(c);
}

/* What exec would have told, of the processes listed in this round. */
static int tell(struct capture *c)
{
	int err = iterate(c->skel->progs.bt_tell_exec);

	return err ? err : iterate(c->skel->progs.bt_tell_files);
}

struct again {
	struct capture *c;
	struct proc_key *keys;
	struct proc_val *vals;
	size_t n, cap;
};

static void take_proc(void *arg, const void *key, const void *val)
{
	struct again *a = arg;

	if (a->n == a->cap) {
		size_t cap = a->cap ? 2 * a->cap : 256;
		struct proc_key *keys = reallocarray(a->keys, cap, sizeof(*keys));
		struct proc_val *vals = reallocarray(a->vals, cap, sizeof(*vals));

		if (keys)
			a->keys = keys;
		if (vals)
			a->vals = vals;
		if (!keys || !vals)
			return;
		a->cap = cap;
	}
	memcpy(&a->keys[a->n], key, sizeof(*a->keys));
	memcpy(&a->vals[a->n++], val, sizeof(*a->vals));
}

int watch_again(struct capture *c)
{
	struct again a = { .c = c };
	int fd = bpf_map__fd(c->skel->maps.procs), err;

	/* The dead one may have counted on. */
	c->round = c->skel->bss->bt_round + 1;
	c->skel->bss->bt_round = c->round;
	err = map_each(c->skel->maps.procs, take_proc, &a);
	for (size_t i = 0; i < a.n; i++) {
		a.vals[i].round = c->round;
		/* One that has ended meanwhile is not listed again. */
		bpf_map_update_elem(fd, &a.keys[i], &a.vals[i], BPF_EXIST);
		uprobes_process(c, a.keys[i].tgid);
	}
	free(a.keys);
	free(a.vals);
	return err ? err : tell(c);
}

#define WATCH_BATCH 256

static int watch_batch(struct capture *c, const pid_t *pids, size_t n, bool descendants)
{
	int fds[WATCH_BATCH], gone, err;

	gone = want_all(c, pids, n, fds);
	c->skel->bss->bt_descendants = descendants;
	/* Told before marked, so that EXEC and FILE records come before the first data. */
	c->skel->bss->bt_round = ++c->round;
	err = walk(c, MODE_LIST);
	if (!err)
		err = tell(c);
	/* And those that came up in between. */
	c->skel->bss->bt_round = ++c->round;
	if (!err)
		err = walk(c, MODE_MARK);
	if (!err)
		err = tell(c);
	unwant_all(c, n, fds);
	return err ? err : gone;
}

int capture_watch_running(struct capture *c, const pid_t *pids, size_t n, bool descendants,
			  struct error *err)
{
	int ret = 0;

	for (size_t i = 0; i < n; i += WATCH_BATCH) {
		int r = watch_batch(c, pids + i, n - i < WATCH_BATCH ? n - i : WATCH_BATCH,
				    descendants);

		if (r && !ret)
			ret = r;
		if (r && r != -ESRCH)
			break;
	}
	if (ret == -ESRCH)
		return error_set(err, ret, "some of the processes to watch are gone");
	if (ret)
		return error_set(err, ret, "cannot watch running processes: %s", strerror(-ret));
	return 0;
}

int capture_unwatch(struct capture *c, pid_t pid)
{
	__u32 key = (__u32)pid;
	int fd, err;

	err = want_all(c, &pid, 1, &fd);
	/* The root may be gone and its descendants not: they know it by number. */
	if (err == -ESRCH &&
	    bpf_map_update_elem(bpf_map__fd(c->skel->maps.targets), &key, &key, BPF_ANY))
		return -errno;
	c->skel->bss->bt_descendants = true;
	err = walk(c, MODE_UNMARK);
	unwant_all(c, 1, &fd);
	rescan_unwatch(c, (uint32_t)pid);
	return err;
}

int capture_unwatch_all(struct capture *c)
{
	return walk(c, MODE_CLEAR);
}
