/* SPDX-License-Identifier: BSD-2-Clause */
/* Processes that were running before anybody watched. */
#include "rig.h"

#include <pthread.h>

#define FD 200
#define THREADS 3

static void nap(void)
{
	usleep(2000);
}

struct shared {
	sem_t ready, go, done;
	pid_t child;
	int stop;
};

static struct shared *shared_new(void)
{
	struct shared *sh =
		mmap(NULL, sizeof(*sh), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	assert_true(sh != MAP_FAILED);
	sem_init(&sh->ready, 1, 0);
	sem_init(&sh->go, 1, 0);
	sem_init(&sh->done, 1, 0);
	return sh;
}

static void wait_ready(struct shared *sh, int n)
{
	while (n--)
		rig_sem_wait(&sh->ready);
}

static void post(sem_t *sem, int n)
{
	while (n--)
		sem_post(sem);
}

static void announce_and_write(struct shared *sh, const char *text)
{
	sem_post(&sh->ready);
	rig_sem_wait(&sh->go);
	if (write(FD, text, strlen(text)) < 0)
		_exit(9);
	sem_post(&sh->done);
}

static void *thread_main(void *arg)
{
	announce_and_write(arg, "thread");
	return NULL;
}

/* A server as one finds it: threads, a child, a file and a pipe open. */
static int child_server(void *arg)
{
	struct shared *sh = arg;
	pthread_t t[THREADS];
	pid_t child;
	int p[2];

	if (dup2(open("/dev/full", O_RDONLY), 0) || pipe(p) || dup2(p[1], 1) != 1)
		return 1;
	if (dup2(memfd_create("server-log", 0), FD) != FD || dup2(p[0], FD + 1) != FD + 1)
		return 2;
	child = fork();
	if (!child) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		announce_and_write(sh, "child");
		_exit(0);
	}
	sh->child = child;
	for (int i = 0; i < THREADS; i++)
		if (pthread_create(&t[i], NULL, thread_main, sh))
			return 3;
	announce_and_write(sh, "leader");
	for (int i = 0; i < THREADS; i++)
		pthread_join(t[i], NULL);
	return waitpid(child, NULL, 0) == child ? 0 : 4;
}

static size_t count_written(struct rig *rig, pid_t pid, const char *text)
{
	struct rig_rec *r;
	size_t n = 0;

	rig_each(rig, BT_REC_DATA, pid, r) n +=
		r->data.data_len == strlen(text) && !memcmp(r->tail, text, strlen(text));
	return n;
}

static void check_told(struct rig *rig, pid_t pid)
{
	struct rig_rec *r;
	char exe[256];
	ssize_t len = readlink("/proc/self/exe", exe, sizeof(exe));
	size_t argv = 0, env = 0, stdio = 0, first_data = 0;
	bool log_file = false;

	while (first_data < rig->n && rig->recs[first_data]->hdr.kind != BT_REC_DATA)
		first_data++;
	rig_each(rig, BT_REC_EXEC, pid, r)
	{
		assert_true(i_r <= first_data);
		assert_int_equal(r->tail_len, len);
		assert_memory_equal(r->tail, exe, (size_t)len);
	}
	rig_each(rig, BT_REC_ARGS, pid, r)
	{
		assert_true(i_r <= first_data);
		if (r->args.which == BT_ARGS_ENV)
			env += r->args.data_len;
		else
			argv += r->args.data_len;
	}
	rig_each(rig, BT_REC_FILE, pid, r)
	{
		if (!(r->file.flags & BT_FILE_SNAPSHOT))
			continue;
		assert_true(i_r <= first_data);
		if (r->file.fd < 3) {
			assert_true(r->file.flags & BT_FILE_STDIO);
			stdio |= 1U << r->file.fd;
			if (!r->file.fd)
				assert_memory_equal(r->tail, "/dev/full", 9);
		}
		if (r->file.fd == FD) {
			log_file = true;
			assert_memory_equal(r->tail, "/memfd:server-log", 17);
		}
	}
	assert_true(log_file);
	assert_int_equal(stdio & 3, 3);
	assert_true(argv > 0);
	assert_true(env > 0);
	r = rig_find(rig, BT_REC_EXEC, pid, &(size_t){ 0 });
	assert_non_null(r);
	assert_int_equal(r->exec.args_len, argv);
	assert_int_equal(r->exec.env_len, env);
}

static void attach(struct rig *rig, bool descendants)
{
	struct shared *sh = shared_new();
	struct rig_child server;
	struct error err = { 0 };

	rig_fork(&server, child_server, sh);
	rig_go(&server);
	wait_ready(sh, THREADS + 2);
	assert_int_equal(rig_watched(rig), 0);
	if (capture_watch_running(rig->c, &server.pid, 1, descendants, &err))
		fail_msg("%s", err.text);
	assert_int_equal(rig_watched(rig), descendants ? 2 : 1);
	post(&sh->go, THREADS + 2);
	rig_wait_exit(rig, server.pid);
	assert_int_equal(rig_reap(&server), 0);
	check_told(rig, server.pid);
	assert_int_equal(count_written(rig, server.pid, "leader"), 1);
	assert_int_equal(count_written(rig, server.pid, "thread"), THREADS);
	assert_int_equal(count_written(rig, sh->child, "child"), descendants);
	if (descendants)
		check_told(rig, sh->child);
	for (size_t i = 0; i < rig->n; i++)
		assert_int_equal(rig->recs[i]->hdr.root, server.pid);
	assert_int_equal(rig_watched(rig), 0);
	munmap(sh, sizeof(*sh));
	rig_no_loss(rig);
}

static void running_server(void **state)
{
	attach(*state, false);
}

static void running_family(void **state)
{
	attach(*state, true);
}

#define CHILDREN 300

/* Forks without pause, from two threads, while it is being attached to. */
static void *thread_forks(void *arg)
{
	struct shared *sh = arg;

	for (int i = 0; i < CHILDREN / 2; i++) {
		pid_t pid = fork();

		if (!pid) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			announce_and_write(sh, "forked");
			_exit(0);
		}
	}
	while (waitpid(-1, NULL, 0) > 0)
		;
	return NULL;
}

static int child_forking(void *arg)
{
	pthread_t t;

	if (dup2(memfd_create("log", 0), FD) != FD || pthread_create(&t, NULL, thread_forks, arg))
		return 1;
	thread_forks(arg);
	pthread_join(t, NULL);
	return 0;
}

static void attach_beside_fork(void **state)
{
	struct rig *rig = *state;
	struct shared *sh = shared_new();
	struct rig_child parent;
	struct error err = { 0 };

	rig_fork(&parent, child_forking, sh);
	rig_go(&parent);
	wait_ready(sh, 20);
	if (capture_watch_running(rig->c, &parent.pid, 1, true, &err))
		fail_msg("%s", err.text);
	wait_ready(sh, CHILDREN - 20);
	assert_int_equal(rig_watched(rig), CHILDREN + 1);
	post(&sh->go, CHILDREN);
	rig_wait_exit(rig, parent.pid);
	assert_int_equal(rig_reap(&parent), 0);
	assert_int_equal(count_written(rig, 0, "forked"), CHILDREN);
	assert_int_equal(rig_watched(rig), 0);
	munmap(sh, sizeof(*sh));
}

/* Writes until it is told to stop; its child too. */
static int child_writing(void *arg)
{
	struct shared *sh = arg;
	pid_t pid;

	if (dup2(memfd_create("log", 0), FD) != FD)
		return 1;
	pid = fork();
	if (!pid)
		prctl(PR_SET_PDEATHSIG, SIGKILL);
	while (!__atomic_load_n(&sh->stop, __ATOMIC_ACQUIRE)) {
		if (write(FD, "more", 4) != 4)
			return 2;
		nap();
	}
	if (pid)
		waitpid(pid, NULL, 0);
	return 0;
}

static void unwatch(void **state)
{
	struct rig *rig = *state;
	struct shared *sh = shared_new();
	struct rig_child child;
	size_t n;

	rig_fork(&child, child_writing, sh);
	rig_watch(rig, &child);
	rig_go(&child);
	while (rig->n < 20)
		rig_drain(rig);
	assert_int_equal(rig_watched(rig), 2);
	assert_int_equal(capture_unwatch(rig->c, child.pid), 0);
	assert_int_equal(rig_watched(rig), 0);
	usleep(20000);
	rig_drain(rig);
	n = rig->n;
	usleep(50000);
	rig_drain(rig);
	assert_int_equal(rig->n, n);
	__atomic_store_n(&sh->stop, 1, __ATOMIC_RELEASE);
	assert_int_equal(rig_reap(&child), 0);
	rig_drain(rig);
	assert_int_equal(rig->n, n);
	munmap(sh, sizeof(*sh));
}

static int child_nothing(void *arg)
{
	return 0;
}

/* One that is gone does not keep the others from being watched. */
static void gone(void **state)
{
	struct rig *rig = *state;
	struct shared *sh = shared_new();
	struct rig_child dead, alive;
	struct error err = { 0 };
	pid_t pids[2];

	rig_fork(&dead, child_nothing, NULL);
	rig_go(&dead);
	pids[0] = dead.pid;
	rig_reap(&dead);
	rig_fork(&alive, child_writing, sh);
	pids[1] = alive.pid;
	assert_int_equal(capture_watch_running(rig->c, pids, 2, false, &err), -ESRCH);
	assert_int_equal(err.code, -ESRCH);
	assert_int_equal(rig_watched(rig), 1);
	__atomic_store_n(&sh->stop, 1, __ATOMIC_RELEASE);
	rig_go(&alive);
	rig_wait_exit(rig, alive.pid);
	assert_int_equal(rig_reap(&alive), 0);
	assert_int_equal(rig_watched(rig), 0);
	assert_non_null(capture_describe(rig->c));
	munmap(sh, sizeof(*sh));
}

/* What a person without rights is told. */
static int child_unprivileged(void *arg)
{
	struct capture_config cfg = { .record = rig_record };
	struct capture *c = NULL;
	struct error err = { 0 };

	if (setresuid(65534, 65534, 65534))
		return 1;
	if (capture_open(&cfg, &c, &err) != -EPERM || c)
		return 2;
	return strstr(err.text, "CAP_BPF") && strstr(err.text, "root") ? 0 : 3;
}

static void no_rights(void **state)
{
	struct rig_child child;

	rig_fork(&child, child_unprivileged, NULL);
	rig_go(&child);
	assert_int_equal(rig_reap(&child), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(running_server, rig_group_forget),
		cmocka_unit_test_setup(running_family, rig_group_forget),
		cmocka_unit_test_setup(attach_beside_fork, rig_group_forget),
		cmocka_unit_test_setup(unwatch, rig_group_forget),
		cmocka_unit_test_setup(gone, rig_group_forget),
		cmocka_unit_test_setup(no_rights, rig_group_forget),
	};

	return cmocka_run_group_tests(tests, rig_group_open, rig_group_close);
}
