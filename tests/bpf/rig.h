/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the kernel-side tests share: a capture with all its records kept, and children that wait until
 * they are watched before they do what a test wants to see.
 */
#ifndef BT_TESTS_BPF_RIG_H
#define BT_TESTS_BPF_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <semaphore.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "capture/capture.h"

#define RIG_WAIT_MS 30000

struct rig_rec {
	union {
		struct bt_hdr hdr;
		struct bt_rec_data data;
		struct bt_rec_file file;
		struct bt_rec_exec exec;
		struct bt_rec_args args;
		struct bt_rec_fork fork;
		struct bt_rec_exit exit;
		struct bt_rec_map map;
		struct bt_rec_name name;
		struct bt_rec_cgroup cgroup;
	};
	const char *tail; /* behind the fixed part */
	size_t tail_len;
	char *raw;
};

struct rig {
	struct capture *c;
	struct rig_rec **recs;
	size_t n, room;
	bool discard; /* count only */
	size_t seen;
	uint32_t exited; /* tgid of the last EXIT record */
};

static inline size_t rig_fixed_len(unsigned int kind)
{
	switch (kind) {
	case BT_REC_DATA:
		return sizeof(struct bt_rec_data);
	case BT_REC_FILE:
		return sizeof(struct bt_rec_file);
	case BT_REC_EXEC:
		return sizeof(struct bt_rec_exec);
	case BT_REC_ARGS:
		return sizeof(struct bt_rec_args);
	case BT_REC_FORK:
		return sizeof(struct bt_rec_fork);
	case BT_REC_EXIT:
		return sizeof(struct bt_rec_exit);
	case BT_REC_MAP:
		return sizeof(struct bt_rec_map);
	case BT_REC_NAME:
		return sizeof(struct bt_rec_name);
	case BT_REC_CGROUP:
		return sizeof(struct bt_rec_cgroup);
	default:
		return 0;
	}
}

/* Keeps a copy. Every record has to be consistent in itself, whatever the test is about. */
static inline int rig_record(void *arg, struct span rec)
{
	struct rig *rig = arg;
	struct bt_hdr hdr;
	struct rig_rec *r;
	size_t fixed;

	assert_true(rec.len >= sizeof(hdr));
	memcpy(&hdr, rec.p, sizeof(hdr));
	assert_int_equal(hdr.len, rec.len);
	fixed = rig_fixed_len(hdr.kind);
	assert_true(fixed && rec.len >= fixed);
	assert_true(hdr.tgid && hdr.tid && hdr.root && hdr.start_ns && hdr.time_ns);
	rig->seen++;
	if (hdr.kind == BT_REC_EXIT)
		rig->exited = hdr.tgid;
	if (rig->discard)
		return 0;
	r = calloc(1, sizeof(*r));
	assert_non_null(r);
	memcpy(r, rec.p, fixed);
	r->raw = malloc(rec.len);
	assert_non_null(r->raw);
	memcpy(r->raw, rec.p, rec.len);
	r->tail = r->raw + fixed;
	r->tail_len = rec.len - fixed;
	if (hdr.kind == BT_REC_DATA) {
		assert_int_equal(r->tail_len, r->data.data_len + r->data.name_len);
		assert_true(r->data.call_off + r->data.data_len <= r->data.call_len);
		assert_true(r->data.data_len <= BT_CHUNK_LEN);
	}
	if (hdr.kind == BT_REC_FILE)
		assert_int_equal(r->tail_len, r->file.path_len);
	if (rig->n == rig->room) {
		rig->room = rig->room ? 2 * rig->room : 1024;
		rig->recs = realloc(rig->recs, rig->room * sizeof(*rig->recs));
		assert_non_null(rig->recs);
	}
	rig->recs[rig->n++] = r;
	return 0;
}

static inline void rig_debug(void *arg, const char *line)
{
	if (getenv("BT_TEST_DEBUG"))
		fprintf(stderr, "%s\n", line);
}

/* BT_TEST_BACKEND=tracepoint or fexit: only that; else what a user would get. */
static inline enum capture_backend rig_backend(void)
{
	const char *s = getenv("BT_TEST_BACKEND");

	if (!s)
		return CAPTURE_AUTO;
	if (!strcmp(s, "tracepoint"))
		return CAPTURE_TRACEPOINT;
	assert_string_equal(s, "fexit");
	return CAPTURE_FEXIT;
}

static inline void rig_open_limited(struct rig *rig, size_t bulk_len, size_t prio_len,
				    const struct capture_limits *limits)
{
	struct capture_config cfg = {
		.backend = rig_backend(),
		.ring_bulk_len = bulk_len,
		.ring_prio_len = prio_len,
		.limits = *limits,
		.record = rig_record,
		.debug = rig_debug,
		.arg = rig,
	};
	struct error err = { 0 };

	memset(rig, 0, sizeof(*rig));
	if (capture_open(&cfg, &rig->c, &err))
		fail_msg("%s", err.text);
}

static inline void rig_open(struct rig *rig, size_t bulk_len, size_t prio_len)
{
	rig_open_limited(rig, bulk_len, prio_len, &(struct capture_limits){ 0 });
}

static inline void rig_forget(struct rig *rig)
{
	for (size_t i = 0; i < rig->n; i++) {
		free(rig->recs[i]->raw);
		free(rig->recs[i]);
	}
	rig->n = 0;
	rig->seen = 0;
}

static inline void rig_close(struct rig *rig)
{
	rig_forget(rig);
	free(rig->recs);
	rig->c = capture_free(rig->c);
}

static inline uint64_t rig_now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static inline void rig_drain(struct rig *rig)
{
	assert_true(capture_drain(rig->c) >= 0);
}

/* Drains until the EXIT record of `tgid` is there, or nothing has come for long. */
static inline void rig_wait_exit(struct rig *rig, pid_t tgid)
{
	uint64_t end = rig_now_ms() + RIG_WAIT_MS;

	while (rig->exited != (uint32_t)tgid) {
		struct pollfd p = { .fd = capture_fd(rig->c), .events = POLLIN };
		int n;

		if (rig_now_ms() > end)
			fail_msg("no EXIT record of %d", (int)tgid);
		poll(&p, 1, 100);
		n = capture_drain(rig->c);
		assert_true(n >= 0);
		if (n)
			end = rig_now_ms() + RIG_WAIT_MS;
	}
}

struct rig_child {
	pid_t pid;
	int pidfd;
	sem_t *go; /* shared memory: waiting must not read or write */
};

static inline sem_t *rig_sem(void)
{
	sem_t *s =
		mmap(NULL, sizeof(*s), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	assert_true(s != MAP_FAILED);
	assert_int_equal(sem_init(s, 1, 0), 0);
	return s;
}

static inline void rig_sem_wait(sem_t *s)
{
	while (sem_wait(s))
		;
}

/* Starts a child that waits, then calls `fn` and exits with what it returns. */
static inline void rig_fork(struct rig_child *child, int (*fn)(void *arg), void *arg)
{
	child->go = rig_sem();
	child->pid = fork();
	assert_true(child->pid >= 0);
	if (!child->pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		rig_sem_wait(child->go);
		_exit(fn(arg));
	}
	child->pidfd = (int)syscall(SYS_pidfd_open, child->pid, 0);
	assert_true(child->pidfd >= 0);
}

static inline void rig_watch(struct rig *rig, struct rig_child *child)
{
	struct error err = { 0 };

	if (capture_watch_child(rig->c, child->pidfd, child->pid, &err))
		fail_msg("%s", err.text);
}

static inline void rig_go(struct rig_child *child)
{
	sem_post(child->go);
}

/* Exit status as wait(2) gives it. */
static inline int rig_reap(struct rig_child *child)
{
	int status = -1;

	assert_int_equal(waitpid(child->pid, &status, 0), child->pid);
	close(child->pidfd);
	munmap(child->go, sizeof(*child->go));
	return status;
}

/* All of it: a watched child that does `fn`, which has to return 0. Its pid. */
static inline pid_t rig_run(struct rig *rig, int (*fn)(void *arg), void *arg)
{
	struct rig_child child;

	rig_fork(&child, fn, arg);
	rig_watch(rig, &child);
	rig_go(&child);
	rig_wait_exit(rig, child.pid);
	assert_int_equal(rig_reap(&child), 0);
	return child.pid;
}

static inline struct rig_rec *rig_find(struct rig *rig, unsigned int kind, pid_t tgid, size_t *from)
{
	for (; *from < rig->n; ++*from) {
		struct rig_rec *r = rig->recs[*from];

		if (r->hdr.kind == kind && (!tgid || r->hdr.tgid == (uint32_t)tgid)) {
			++*from;
			return r;
		}
	}
	return NULL;
}

#define rig_each(rig, k, pid, r) for (size_t i_##r = 0; ((r) = rig_find(rig, k, pid, &i_##r));)

struct rig_bytes {
	char *p;
	size_t len;
	size_t calls; /* records with last = 1 */
	size_t recs;
	uint64_t pos; /* of the first byte */
	const struct rig_rec *first;
};

/* The bytes of a stream in one direction, which have to be without gap. */
static inline struct rig_bytes rig_bytes(struct rig *rig, pid_t tgid, int fd, enum bt_dir dir)
{
	struct rig_bytes b = { 0 };
	struct rig_rec *r;

	rig_each(rig, BT_REC_DATA, tgid, r)
	{
		if (r->data.fd != fd || r->data.dir != dir)
			continue;
		if (!b.first) {
			b.first = r;
			b.pos = r->data.pos;
		}
		assert_int_equal(r->data.lost_len, 0);
		assert_int_equal(r->data.pos, b.pos + b.len);
		b.p = realloc(b.p, b.len + r->data.data_len + 1);
		assert_non_null(b.p);
		memcpy(b.p + b.len, r->tail, r->data.data_len);
		b.len += r->data.data_len;
		b.calls += r->data.last;
		b.recs++;
	}
	return b;
}

/* A pattern in which no shift by less than its period goes unseen. */
static inline void rig_pattern(char *p, size_t len, unsigned int seed)
{
	uint32_t x = seed * 2654435761u + 1;

	for (size_t i = 0; i < len; i++) {
		x = x * 1664525u + 1013904223u;
		p[i] = (char)(x >> 24);
	}
}

struct rig_totals {
	struct bt_counter loss[BT_LOSS_MAX];
	struct bt_counter seen[BT_SEEN_MAX];
};

static inline void rig_totals(struct rig *rig, struct rig_totals *t)
{
	assert_int_equal(capture_counters(rig->c, t->loss, t->seen), 0);
}

/* Every byte that calls moved was sent, matched, skipped, or counted as lost. */
static inline void rig_reconcile(struct rig *rig)
{
	static const enum bt_loss of_data[] = {
		BT_LOSS_RING_WINDOW, BT_LOSS_FAULT, BT_LOSS_FD_GONE,
		BT_LOSS_MAP_STREAM,  BT_LOSS_IOV,   BT_LOSS_HELPER
	};
	struct rig_totals t;
	uint64_t sum;

	rig_totals(rig, &t);
	sum = t.seen[BT_SEEN_SENT_BULK].bytes + t.seen[BT_SEEN_SENT_WINDOW].bytes +
	      t.seen[BT_SEEN_MATCHED].bytes + t.seen[BT_SEEN_COPIED].bytes +
	      t.seen[BT_SEEN_SKIPPED].bytes;
	for (size_t i = 0; i < sizeof(of_data) / sizeof(*of_data); i++)
		sum += t.loss[of_data[i]].bytes;
	assert_int_equal(sum, t.seen[BT_SEEN_CALLS].bytes);
}

static inline void rig_no_loss(struct rig *rig)
{
	struct rig_totals t;

	rig_totals(rig, &t);
	for (size_t i = 0; i < BT_LOSS_MAX; i++)
		if (t.loss[i].events)
			fail_msg("loss %zu: %llu events, %llu bytes", i,
				 (unsigned long long)t.loss[i].events,
				 (unsigned long long)t.loss[i].bytes);
	rig_reconcile(rig);
}

static inline size_t rig_watched(struct rig *rig)
{
	size_t n;

	assert_int_equal(capture_watched(rig->c, &n), 0);
	return n;
}

/* A rig for a cmocka group, with the rings' default sizes. */
static inline int rig_group_open(void **state)
{
	struct rig *rig = calloc(1, sizeof(*rig));

	if (!rig)
		return -1;
	rig_open(rig, 0, 0);
	*state = rig;
	return 0;
}

static inline int rig_group_close(void **state)
{
	rig_close(*state);
	free(*state);
	return 0;
}

/* Before each test of a group: the records so far are not its own. */
static inline int rig_group_forget(void **state)
{
	rig_forget(*state);
	return 0;
}

#endif /* BT_TESTS_BPF_RIG_H */
