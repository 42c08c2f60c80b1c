/* SPDX-License-Identifier: BSD-2-Clause */
/* What a hostile or unlucky process can fill, and what becomes of the bytes then: counted, and never more than that. */
#include "rig.h"

#include <pthread.h>
#include <sys/socket.h>

#define FILES 600
#define FEW_STREAMS 64
#define LINE 100

/* Bytes of one kernel stream, added up over the records and as the kernel has them. */
struct tally {
	struct bt_stream_key key;
	uint64_t got, pos, lost, matched;
};

struct tallies {
	struct tally *v;
	size_t n, cap;
};

static struct tally *tally_of(struct tallies *t, const struct bt_file_id *file, uint64_t dir)
{
	struct bt_stream_key key = { .file = *file, .dir = dir };

	key.file.mode = 0;
	for (size_t i = 0; i < t->n; i++)
		if (!memcmp(&t->v[i].key, &key, sizeof(key)))
			return &t->v[i];
	if (t->n == t->cap) {
		t->cap = t->cap ? 2 * t->cap : 64;
		t->v = realloc(t->v, t->cap * sizeof(*t->v));
		assert_non_null(t->v);
	}
	t->v[t->n] = (struct tally){ .key = key };
	return &t->v[t->n++];
}

static void add_stream(void *arg, const struct bt_stream_key *key, const struct bt_stream_val *val)
{
	struct tally *t = tally_of(arg, &key->file, key->dir);

	t->pos = val->pos;
	t->lost = val->lost;
	t->matched = val->matched;
}

/* Of each stream: moved = sent up + matched + lost. Streams that the kernel forgot apart. */
static void reconcile_streams(struct rig *rig)
{
	struct tallies t = { 0 };
	struct rig_rec *r;

	rig_each(rig, BT_REC_DATA, 0, r)
	{
		tally_of(&t, &r->data.file, r->data.dir)->got += r->data.data_len;
	}
	assert_int_equal(capture_streams(rig->c, add_stream, &t), 0);
	for (size_t i = 0; i < t.n; i++)
		if (t.v[i].pos)
			assert_int_equal(t.v[i].got + t.v[i].lost + t.v[i].matched, t.v[i].pos);
	free(t.v);
}

static int open_limited(void **state, size_t bulk, size_t prio, const struct capture_limits *lim)
{
	struct rig *rig = calloc(1, sizeof(*rig));

	if (!rig)
		return -1;
	rig_open_limited(rig, bulk, prio, lim);
	*state = rig;
	return 0;
}

static int few_streams(void **state)
{
	return open_limited(state, 0, 0, &(struct capture_limits){ .max_streams = FEW_STREAMS });
}

static int few_procs(void **state)
{
	return open_limited(state, 0, 0, &(struct capture_limits){ .max_procs = 4 });
}

static int no_storage(void **state)
{
	return open_limited(state, 0, 0, &(struct capture_limits){ .no_storage = true });
}

static int small_rings(void **state)
{
	return open_limited(state, 256 * 1024, 64 * 1024, &(struct capture_limits){ 0 });
}

static int close_it(void **state)
{
	rig_close(*state);
	free(*state);
	return 0;
}

/* Twice in turn to more files than there is room for streams. */
static int child_many_files(void *arg)
{
	char text[LINE];
	int fds[FILES];

	for (int i = 0; i < FILES; i++) {
		fds[i] = memfd_create("many", 0);
		if (fds[i] < 0)
			return 1;
	}
	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < FILES; i++) {
			memset(text, 'a' + (i + round) % 26, sizeof(text));
			if (write(fds[i], text, sizeof(text)) != sizeof(text))
				return 2;
		}
	}
	return 0;
}

/* The kernel forgets streams, no bytes. */
static void streams_full(void **state)
{
	struct rig *rig = *state;
	pid_t pid = rig_run(rig, child_many_files, NULL);
	size_t anew = 0, bytes = 0;
	struct tallies seen = { 0 };
	struct rig_totals t;
	struct rig_rec *r;

	rig_each(rig, BT_REC_DATA, pid, r)
	{
		struct tally *s = tally_of(&seen, &r->data.file, r->data.dir);

		assert_int_equal(r->data.data_len, LINE);
		assert_true(r->data.pos == 0 || r->data.pos == LINE);
		anew += s->got && !r->data.pos;
		s->got += r->data.data_len;
		bytes += r->data.data_len;
	}
	assert_int_equal(seen.n, FILES);
	assert_int_equal(bytes, 2 * FILES * LINE);
	assert_true(anew > 0);
	rig_totals(rig, &t);
	assert_int_equal(t.loss[BT_LOSS_MAP_STREAM].events, 0);
	rig_reconcile(rig);
	free(seen.v);
}

#define KIDS 12

/* So many children at once, each of which writes when all are there. */
static int child_many_children(void *arg)
{
	int fd = memfd_create("kids", 0), up[2], go[2], bad = 0, st;
	char byte = 'x';

	if (fd < 0 || pipe(up) || pipe(go))
		return 1;
	for (int i = 0; i < KIDS; i++) {
		pid_t pid = fork();

		if (!pid) {
			close(go[1]);
			if (write(up[1], &byte, 1) != 1 || read(go[0], &byte, 1) != 0)
				_exit(1);
			_exit(write(fd, "child writes\n", 13) != 13);
		}
		bad |= pid < 0;
	}
	for (int i = 0; i < KIDS; i++)
		bad |= read(up[0], &byte, 1) != 1;
	close(go[1]);
	while (wait(&st) > 0)
		bad |= st;
	return bad;
}

static size_t kid_writes(struct rig *rig, pid_t pid)
{
	struct rig_rec *r;
	size_t n = 0;

	rig_each(rig, BT_REC_DATA, 0, r)
	{
		n += r->hdr.tgid != (uint32_t)pid && r->tail_len == 13;
	}
	return n;
}

/* A process that cannot be listed is watched all the same, and told of as lost. */
static void procs_full(void **state)
{
	struct rig *rig = *state;
	pid_t pid = rig_run(rig, child_many_children, NULL);
	struct rig_totals t;

	rig_totals(rig, &t);
	assert_int_equal(t.loss[BT_LOSS_MAP_PROC].events, KIDS + 1 - 4);
	assert_int_equal(kid_writes(rig, pid), KIDS);
	assert_int_equal(rig_watched(rig), 0);
	rig_reconcile(rig);
	reconcile_streams(rig);
}

/* What cannot be marked is not seen: one count for each thread. */
static void storage_full(void **state)
{
	struct rig *rig = *state;
	struct rig_child child;
	struct rig_totals t;
	struct error err = { 0 };

	rig_fork(&child, child_many_children, NULL);
	assert_int_equal(capture_watch_child(rig->c, child.pidfd, child.pid, &err), -ESRCH);
	rig_go(&child);
	assert_int_equal(rig_reap(&child), 0);
	rig_totals(rig, &t);
	assert_true(t.loss[BT_LOSS_STORAGE].events > 0);
	rig_reconcile(rig);
}

#define CALL 300
#define FLOOD 4000

/* Streams of all sorts, closed and reused while others write, and more of it than there is room for. */
static void *flood(void *arg)
{
	char text[CALL];
	int last = -1;

	memset(text, 'f', sizeof(text));
	for (int i = 0; i < FLOOD; i++) {
		int fd = memfd_create("flood", 0);

		if (fd < 0 || write(fd, text, (size_t)(i % CALL) + 1) < 0)
			return arg;
		if (last >= 0)
			close(last);
		last = fd;
		/* Another file takes a number that the other thread may be about to use. */
		if (i % 7 == 0 && dup2(fd, 300 + i % 5) < 0)
			return arg;
		if (write(300 + i % 5, text, 10) < 0 && errno != EBADF)
			return arg;
	}
	close(last);
	return NULL;
}

static int child_flood(void *arg)
{
	pthread_t t[3];
	void *bad = NULL;

	for (int i = 0; i < 3; i++)
		if (pthread_create(&t[i], NULL, flood, &t))
			return 1;
	for (int i = 0; i < 3; i++) {
		void *ret;

		pthread_join(t[i], &ret);
		bad = ret ? ret : bad;
	}
	return bad != NULL;
}

static void reused_descriptors(void **state)
{
	struct rig *rig = *state;
	pid_t pid;

	rig_forget(rig);
	pid = rig_run(rig, child_flood, NULL);
	assert_true(pid > 0);
	rig_reconcile(rig);
	reconcile_streams(rig);
}

/* The same with nobody to read: only what the small rings hold comes up. */
static void reused_unread(void **state)
{
	struct rig *rig = *state;
	struct rig_child child;

	rig_fork(&child, child_flood, NULL);
	rig_watch(rig, &child);
	rig_go(&child);
	assert_int_equal(rig_reap(&child), 0);
	rig_drain(rig);
	rig_reconcile(rig);
	reconcile_streams(rig);
}

/* Another process takes the rings over where this one left them, and hears of what is watched. */
static int child_talks(void *arg)
{
	int *pipes = arg;
	int fd = memfd_create("talk", 0);
	char byte;

	if (fd < 0 || write(fd, "before\n", 7) != 7 || write(pipes[1], "x", 1) != 1)
		return 1;
	/* By poll, so that no byte is moved. */
	if (read(pipes[2], &byte, 1) != 1 || write(fd, "behind\n", 7) != 7)
		return 2;
	return 0;
}

static void taken_over(void **state)
{
	struct rig *rig = *state;
	struct rig_child child;
	struct rig_rec *r;
	int up[2], go[2], pipes[3], st;
	bool before = false, behind = false, exec = false;
	char byte;
	pid_t heir;

	assert_int_equal(pipe(up) | pipe(go), 0);
	pipes[1] = up[1];
	pipes[2] = go[0];
	rig_fork(&child, child_talks, pipes);
	rig_watch(rig, &child);
	rig_go(&child);
	assert_int_equal(read(up[0], &byte, 1), 1);
	/* All that was sent so far is read here, and forgotten. */
	rig_drain(rig);
	rig_forget(rig);
	heir = fork();
	assert_true(heir >= 0);
	if (!heir) {
		struct error err = { 0 };

		if (capture_inherit(rig->c, true, &err) || write(go[1], "x", 1) != 1)
			_exit(1);
		rig_wait_exit(rig, child.pid);
		rig_each(rig, BT_REC_EXEC, child.pid, r)
		{
			exec = true;
		}
		rig_each(rig, BT_REC_DATA, child.pid, r)
		{
			before |= r->tail_len == 7 && !memcmp(r->tail, "before\n", 7);
			behind |= r->tail_len == 7 && !memcmp(r->tail, "behind\n", 7) &&
				  r->data.pos == 7;
		}
		_exit(exec && behind && !before ? 0 : 2);
	}
	assert_int_equal(waitpid(heir, &st, 0), heir);
	assert_int_equal(st, 0);
	assert_int_equal(rig_reap(&child), 0);
	assert_int_equal(rig_watched(rig), 0);
	for (int i = 0; i < 2; i++) {
		close(up[i]);
		close(go[i]);
	}
}

/* Nothing is watched any more, whatever still runs. */
static void unwatched(void **state)
{
	struct rig *rig = *state;
	struct rig_child child;
	struct rig_totals t, later;
	int up[2], go[2], pipes[3];
	char byte;

	assert_int_equal(pipe(up) | pipe(go), 0);
	pipes[1] = up[1];
	pipes[2] = go[0];
	rig_fork(&child, child_talks, pipes);
	rig_watch(rig, &child);
	rig_go(&child);
	assert_int_equal(read(up[0], &byte, 1), 1);
	assert_int_equal(capture_unwatch_all(rig->c), 0);
	assert_int_equal(rig_watched(rig), 0);
	rig_totals(rig, &t);
	assert_int_equal(write(go[1], "x", 1), 1);
	assert_int_equal(rig_reap(&child), 0);
	rig_totals(rig, &later);
	assert_int_equal(t.seen[BT_SEEN_CALLS].events, later.seen[BT_SEEN_CALLS].events);
	rig_reconcile(rig);
	for (int i = 0; i < 2; i++) {
		close(up[i]);
		close(go[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(streams_full, few_streams, close_it),
		cmocka_unit_test_setup_teardown(procs_full, few_procs, close_it),
		cmocka_unit_test_setup_teardown(storage_full, no_storage, close_it),
		cmocka_unit_test_setup_teardown(reused_descriptors, rig_group_open, close_it),
		cmocka_unit_test_setup_teardown(reused_unread, small_rings, close_it),
		cmocka_unit_test_setup_teardown(taken_over, rig_group_open, close_it),
		cmocka_unit_test_setup_teardown(unwatched, rig_group_open, close_it),
	};

	return cmocka_run_group_tests_name("faults", tests, NULL, NULL);
}
