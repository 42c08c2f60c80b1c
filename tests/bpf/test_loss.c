/* SPDX-License-Identifier: BSD-2-Clause */
/* What does not get through is counted, to the byte. */
#include "rig.h"

#include <pthread.h>
#include <sys/uio.h>

#define FD 200
#define BULK_LEN (256 * 1024)
#define PRIO_LEN (64 * 1024)

static int small_open(void **state)
{
	struct rig *rig = calloc(1, sizeof(*rig));

	if (!rig)
		return -1;
	rig_open(rig, BULK_LEN, PRIO_LEN);
	*state = rig;
	return 0;
}

static int small_close(void **state)
{
	rig_close(*state);
	free(*state);
	return 0;
}

static int open_sink(void)
{
	int fd = memfd_create("sink", 0);

	return fd < 0 || dup2(fd, FD) != FD ? -1 : 0;
}

static const size_t writes[] = { 1, 100, 4097, 16384, 16385, 100000, 3000000, 77, 50000 };

static int child_flood(void *arg)
{
	char *p = malloc(3000000);

	if (!p || open_sink())
		return 1;
	rig_pattern(p, 3000000, 1);
	for (int round = 0; round < 3; round++)
		for (size_t i = 0; i < sizeof(writes) / sizeof(*writes); i++)
			if (write(FD, p, writes[i]) != (ssize_t)writes[i])
				return 2;
	return 0;
}

struct stream_sum {
	uint64_t pos, lost, matched;
};

static void add_stream(void *arg, const struct bt_stream_key *key, const struct bt_stream_val *val)
{
	struct stream_sum *sum = arg;

	assert_int_equal(key->file.mode, 0);
	sum->pos += val->pos;
	sum->lost += val->lost;
	sum->matched += val->matched;
}

/* Nobody drains while ten megabytes go into a quarter of one: what does not fit the kernel looks through by itself. */
static void ring_full(void **state)
{
	struct rig *rig = *state;
	struct rig_child child;
	struct rig_totals t;
	struct rig_rec *r;
	struct stream_sum sum = { 0 };
	uint64_t all = 0, got = 0;
	char *p = malloc(3000000), *want;

	assert_non_null(p);
	rig_pattern(p, 3000000, 1);
	for (size_t i = 0; i < sizeof(writes) / sizeof(*writes); i++)
		all += 3 * writes[i];
	want = malloc(all);
	assert_non_null(want);
	all = 0;
	for (int round = 0; round < 3; round++) {
		for (size_t i = 0; i < sizeof(writes) / sizeof(*writes); i++) {
			memcpy(want + all, p, writes[i]);
			all += writes[i];
		}
	}
	rig_fork(&child, child_flood, NULL);
	rig_watch(rig, &child);
	rig_go(&child);
	assert_int_equal(rig_reap(&child), 0);
	rig_wait_exit(rig, child.pid);
	/* What came is still right, byte by byte and in place. */
	rig_each(rig, BT_REC_DATA, child.pid, r)
	{
		assert_true(r->data.pos + r->data.data_len <= all);
		assert_memory_equal(r->tail, want + r->data.pos, r->data.data_len);
		got += r->data.data_len;
	}
	rig_totals(rig, &t);
	assert_int_equal(t.seen[BT_SEEN_CALLS].bytes, all);
	assert_int_equal(t.seen[BT_SEEN_SENT_BULK].bytes + t.seen[BT_SEEN_SENT_WINDOW].bytes, got);
	assert_int_equal(t.loss[BT_LOSS_RING_WINDOW].events, 0);
	assert_int_equal(t.seen[BT_SEEN_MATCHED].bytes, all - got);
	rig_reconcile(rig);
	assert_int_equal(capture_streams(rig->c, add_stream, &sum), 0);
	assert_int_equal(sum.pos, all);
	assert_int_equal(sum.lost, 0);
	assert_int_equal(sum.matched, all - got);
	free(want);
	free(p);
}

#define FORKS 2000

static int child_forks(void *arg)
{
	for (int i = 0; i < FORKS; i++) {
		pid_t pid = vfork();

		if (!pid)
			_exit(0);
		if (waitpid(pid, NULL, 0) != pid)
			return 1;
	}
	return 0;
}

static void prio_full(void **state)
{
	struct rig *rig = *state;
	struct rig_child child;
	struct rig_totals t, before;

	rig_forget(rig);
	rig_totals(rig, &before);
	rig_fork(&child, child_forks, NULL);
	rig_watch(rig, &child);
	rig_go(&child);
	assert_int_equal(rig_reap(&child), 0);
	rig_drain(rig);
	rig_totals(rig, &t);
	assert_int_equal(t.seen[BT_SEEN_SENT_PRIO].events - before.seen[BT_SEEN_SENT_PRIO].events,
			 rig->n);
	assert_true(t.loss[BT_LOSS_RING_PRIO].events > 0);
	assert_int_equal(rig->n + t.loss[BT_LOSS_RING_PRIO].events -
				 before.loss[BT_LOSS_RING_PRIO].events,
			 2 * FORKS + 1);
	assert_int_equal(rig_watched(rig), 0);
}

/*
 * A call that is stuck in a full pipe while another thread takes away a page that has already gone
 * in: only that page is lost, and its place is told.
 */
#define PAGE 4096
#define PAGES 40

struct hole {
	char *p;
	int pipe[2];
	bool all; /* the whole buffer */
};

static void *thread_hole(void *arg)
{
	struct hole *h = arg;
	static char sink[PAGE];

	usleep(100000);
	munmap(h->p + PAGE, h->all ? 8 * PAGE : PAGE);
	if (!h->all)
		munmap(h->p + 8 * PAGE, 2 * PAGE);
	/* vmsplice, splice and the like are not watched: this empties the pipe without a record. */
	for (int i = 0; i < PAGES; i++)
		if (syscall(SYS_splice, h->pipe[0], NULL, open("/dev/null", O_WRONLY), NULL, PAGE,
			    0) <= 0)
			return sink;
	return NULL;
}

static int child_hole(void *arg)
{
	static struct hole h;
	pthread_t t;

	h.p = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (h.p == MAP_FAILED || pipe(h.pipe) || dup2(h.pipe[1], FD) != FD)
		return 1;
	rig_pattern(h.p, PAGES * PAGE, 5);
	if (pthread_create(&t, NULL, thread_hole, &h))
		return 2;
	return write(FD, h.p, PAGES * PAGE) == PAGES * PAGE ? 0 : 3;
}

static int big_open(void **state)
{
	struct rig *rig = calloc(1, sizeof(*rig));

	if (!rig)
		return -1;
	rig_open(rig, 0, 0);
	*state = rig;
	return 0;
}

static void hole(void **state)
{
	struct rig *rig = *state;
	pid_t pid = rig_run(rig, child_hole, NULL);
	char *want = malloc(PAGES * PAGE);
	uint64_t at = 0, lost = 0;
	struct rig_totals t;
	struct rig_rec *r;
	bool last = false;

	assert_non_null(want);
	rig_pattern(want, PAGES * PAGE, 5);
	rig_each(rig, BT_REC_DATA, pid, r)
	{
		at += r->data.lost_len;
		lost += r->data.lost_len;
		assert_int_equal(r->data.call_off, at);
		assert_memory_equal(r->tail, want + at, r->data.data_len);
		at += r->data.data_len;
		last = r->data.last;
	}
	assert_true(last);
	assert_int_equal(at, PAGES * PAGE);
	assert_int_equal(lost, 3 * PAGE);
	rig_totals(rig, &t);
	assert_int_equal(t.loss[BT_LOSS_FAULT].bytes, 3 * PAGE);
	rig_reconcile(rig);
	free(want);
}

/* The same in the middle of a vector, over more than a record's length. */
static int child_hole_in_vector(void *arg)
{
	static struct hole h;
	struct iovec iov[3];
	pthread_t t;

	h.p = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (h.p == MAP_FAILED || pipe(h.pipe) || dup2(h.pipe[1], FD) != FD)
		return 1;
	h.all = true;
	rig_pattern(h.p, PAGES * PAGE, 5);
	iov[0] = (struct iovec){ h.p + 9 * PAGE, 100 };
	iov[1] = (struct iovec){ h.p + PAGE, 8 * PAGE }; /* these go */
	iov[2] = (struct iovec){ h.p + 10 * PAGE, 16 * PAGE };
	/* Room for the first two, and stuck in the third. */
	if (fcntl(FD, F_SETPIPE_SZ, 16 * PAGE) < 0 || pthread_create(&t, NULL, thread_hole, &h))
		return 2;
	return writev(FD, iov, 3) == 100 + 24 * PAGE ? 0 : 3;
}

static void hole_in_vector(void **state)
{
	struct rig *rig = *state;
	pid_t pid;
	uint64_t lost = 0, got = 0;
	struct rig_rec *r;

	rig_forget(rig);
	pid = rig_run(rig, child_hole_in_vector, NULL);
	rig_each(rig, BT_REC_DATA, pid, r)
	{
		lost += r->data.lost_len;
		got += r->data.data_len;
		assert_int_equal(r->data.call_off + r->data.data_len, lost + got);
	}
	assert_int_equal(lost, 8 * PAGE);
	assert_int_equal(got, 100 + 16 * PAGE);
	rig_reconcile(rig);
}

int main(void)
{
	/* One group, so that there is one plan: every test opens the rings it wants. */
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(ring_full, small_open, small_close),
		cmocka_unit_test_setup_teardown(prio_full, small_open, small_close),
		cmocka_unit_test_setup_teardown(hole, big_open, small_close),
		cmocka_unit_test_setup_teardown(hole_in_vector, big_open, small_close),
	};

	return cmocka_run_group_tests_name("loss", tests, NULL, NULL);
}
