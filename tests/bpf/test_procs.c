/* SPDX-License-Identifier: BSD-2-Clause */
/* Who is watched: inheritance, exec, exit, and that nobody is left over. */
#include "rig.h"

#include <dirent.h>
#include <pthread.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/stat.h>

/* Where the child has what it writes to: above all that the capture has open. */
#define FD 200

static int put(const char *text)
{
	return write(FD, text, strlen(text)) == (ssize_t)strlen(text) ? 0 : -1;
}

static int open_sink(void)
{
	int fd = memfd_create("sink", 0);

	return fd < 0 || dup2(fd, FD) != FD ? -1 : 0;
}

/* The record in which exactly `text` was written. */
static struct rig_rec *written(struct rig *rig, const char *text)
{
	struct rig_rec *r;

	rig_each(rig, BT_REC_DATA, 0, r) if (r->data.data_len == strlen(text) &&
					     !memcmp(r->tail, text, strlen(text))) return r;
	fail_msg("nobody wrote \"%s\"", text);
	return NULL;
}

static void *thread_main(void *arg)
{
	put(arg);
	return NULL;
}

static void *thread_forks(void *arg)
{
	pid_t pid = fork();

	if (!pid)
		_exit(put("by the child of a thread") ? 1 : 0);
	waitpid(pid, NULL, 0);
	return NULL;
}

static int clone_main(void *arg)
{
	return put("by a clone that shares memory");
}

static int child_family(void *arg)
{
	static char stack[65536] __attribute__((aligned(16)));
	pthread_t t;
	pid_t pid;
	int status;

	if (open_sink() || put("by itself"))
		return 1;
	pid = fork();
	if (!pid) {
		pid = fork();
		if (!pid)
			_exit(put("by a grandchild") ? 1 : 7);
		waitpid(pid, NULL, 0);
		_exit(put("by a child") ? 1 : 3);
	}
	if (waitpid(pid, &status, 0) != pid || WEXITSTATUS(status) != 3)
		return 2;
	pid = vfork();
	if (!pid) {
		put("by a vfork");
		_exit(0);
	}
	waitpid(pid, NULL, 0);
	pid = clone(clone_main, stack + sizeof(stack), CLONE_VM | CLONE_FILES | SIGCHLD, NULL);
	waitpid(pid, NULL, 0);
	if (pthread_create(&t, NULL, thread_main, "by a thread") || pthread_join(t, NULL))
		return 3;
	if (pthread_create(&t, NULL, thread_forks, NULL) || pthread_join(t, NULL))
		return 4;
	pid = fork();
	if (!pid)
		kill(getpid(), SIGKILL);
	waitpid(pid, NULL, 0);
	return 0;
}

static void family(void **state)
{
	struct rig *rig = *state;
	pid_t pid = rig_run(rig, child_family, NULL);
	uint32_t child = written(rig, "by a child")->hdr.tgid;
	uint32_t grandchild = written(rig, "by a grandchild")->hdr.tgid;
	struct rig_rec *r, *thread = written(rig, "by a thread");
	static const char *const others[] = { "by a vfork", "by a clone that shares memory",
					      "by the child of a thread" };
	size_t forks = 0, exits = 0, killed = 0;
	bool was_forked = false;

	assert_int_equal(written(rig, "by itself")->hdr.tgid, pid);
	assert_int_not_equal(child, pid);
	assert_int_not_equal(grandchild, child);
	for (size_t i = 0; i < 3; i++)
		assert_int_not_equal(written(rig, others[i])->hdr.tgid, pid);
	assert_int_equal(thread->hdr.tgid, pid);
	assert_int_not_equal(thread->hdr.tid, pid);
	assert_int_equal(thread->hdr.start_ns, written(rig, "by itself")->hdr.start_ns);
	for (size_t i = 0; i < rig->n; i++)
		assert_int_equal(rig->recs[i]->hdr.root, pid);
	rig_each(rig, BT_REC_FORK, 0, r)
	{
		forks++;
		if (r->fork.child_tgid == grandchild) {
			assert_int_equal(r->hdr.tgid, child);
			assert_int_equal(r->fork.child_start_ns,
					 written(rig, "by a grandchild")->hdr.start_ns);
			was_forked = true;
		}
	}
	assert_true(was_forked);
	rig_each(rig, BT_REC_EXIT, 0, r)
	{
		exits++;
		if (r->hdr.tgid == child)
			assert_int_equal(r->exit.status, 3 << 8);
		else if (r->hdr.tgid == grandchild)
			assert_int_equal(r->exit.status, 7 << 8);
		else if (WIFSIGNALED(r->exit.status) && WTERMSIG(r->exit.status) == SIGKILL)
			killed++;
		else
			assert_int_equal(r->exit.status, 0);
	}
	/* A process's end is the last that is heard of it, whichever ring that came by. */
	for (size_t i = 0; i < rig->n; i++)
		for (size_t j = 0; j < i && rig->recs[i]->hdr.kind != BT_REC_EXIT; j++)
			if (rig->recs[j]->hdr.kind == BT_REC_EXIT)
				assert_int_not_equal(rig->recs[j]->hdr.tgid,
						     rig->recs[i]->hdr.tgid);
	assert_int_equal(forks, 6);
	assert_int_equal(exits, 7);
	assert_int_equal(killed, 1);
	assert_int_equal(rig_watched(rig), 0);
	rig_no_loss(rig);
}

static int child_outsider(void *arg)
{
	return open_sink() || put("nobody sees this") || system("echo nor this >/dev/null") ? 1 : 0;
}

static int child_insider(void *arg)
{
	return open_sink() || put("somebody sees this") ? 1 : 0;
}

static void unwatched(void **state)
{
	struct rig *rig = *state;
	struct rig_child out;
	pid_t pid;

	rig_fork(&out, child_outsider, NULL);
	rig_go(&out);
	assert_int_equal(rig_reap(&out), 0);
	pid = rig_run(rig, child_insider, NULL);
	written(rig, "somebody sees this");
	for (size_t i = 0; i < rig->n; i++)
		assert_int_equal(rig->recs[i]->hdr.tgid, pid);
}

/* --- exec ----------------------------------------------------------------------------------- */

/* argv or environment of the first program that `pid` executed, pieced together. */
static char *args_of(struct rig *rig, pid_t pid, unsigned int which, size_t *len)
{
	struct rig_rec *r;
	char *p = NULL;
	size_t at = 0;

	rig_each(rig, BT_REC_ARGS, pid, r)
	{
		if (r->args.which != which)
			continue;
		assert_int_equal(r->args.lost_len, 0);
		assert_int_equal(r->args.off, at);
		p = realloc(p, at + r->args.data_len);
		assert_non_null(p);
		memcpy(p + at, r->tail, r->args.data_len);
		at += r->args.data_len;
		assert_int_equal(r->args.last, at == r->args.total_len || at == BT_ARGS_LEN);
		if (r->args.last)
			break;
	}
	*len = at;
	return p;
}

#define LONG_ARG 100001
#define LONG_ENV 70000

struct shared {
	int in[2], out[2];
};

static int child_exec(void *arg)
{
	static char text[LONG_ARG + 1], env[LONG_ENV + 1];
	struct shared *sh = arg;

	memset(text, 'a', LONG_ARG);
	text[LONG_ARG] = '\0';
	memset(env, 'e', LONG_ENV);
	memcpy(env, "LONG=", 5);
	env[LONG_ENV] = '\0';
	if (dup2(sh->in[0], 0) < 0 || dup2(sh->out[1], 1) < 0)
		return 2;
	char *argv[] = { "true", "", text, "end", NULL };
	char *envp[] = { "PATH=/bin", env, "LAST=1", NULL };

	execve("/bin/true", argv, envp);
	return 3;
}

static void exec_record(void **state)
{
	struct rig *rig = *state;
	struct shared sh;
	struct stat st, in, out;
	struct rig_rec *r = NULL;
	size_t at = 0, len, fds = 0;
	char *p;
	pid_t pid;

	assert_int_equal(pipe(sh.in), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, sh.out), 0);
	assert_int_equal(stat("/bin/true", &st), 0);
	assert_int_equal(fstat(sh.in[0], &in) | fstat(sh.out[1], &out), 0);
	pid = rig_run(rig, child_exec, &sh);
	r = rig_find(rig, BT_REC_EXEC, pid, &at);
	assert_non_null(r);
	assert_int_equal(r->tail_len, r->exec.path_len);
	assert_int_equal(r->tail_len, strlen("/usr/bin/true"));
	assert_memory_equal(r->tail, "/usr/bin/true", r->tail_len);
	assert_int_equal(r->exec.exe_ino, st.st_ino);
	assert_int_equal(r->exec.ppid, getpid());
	assert_int_equal(r->exec.ns_pid, pid);
	assert_string_equal(r->hdr.comm, "true");
	assert_int_equal(stat("/proc/self/ns/mnt", &st), 0);
	assert_int_equal(r->exec.mnt_ns, st.st_ino);
	assert_int_equal(stat("/proc/self/ns/pid", &st), 0);
	assert_int_equal(r->exec.pid_ns, st.st_ino);
	assert_true(r->exec.cgroup_id);
	p = args_of(rig, pid, BT_ARGS_ARGV, &len);
	assert_int_equal(len, 5 + 1 + LONG_ARG + 1 + 4);
	assert_int_equal(r->exec.args_len, len);
	assert_memory_equal(p, "true\0\0aaaa", 10);
	assert_memory_equal(p + len - 6, "a\0end", 6);
	for (size_t i = 6; i < 6 + LONG_ARG; i++)
		assert_int_equal(p[i], 'a');
	free(p);
	p = args_of(rig, pid, BT_ARGS_ENV, &len);
	assert_int_equal(len, 10 + LONG_ENV + 1 + 7);
	assert_int_equal(r->exec.env_len, len);
	assert_memory_equal(p, "PATH=/bin\0LONG=eee", 18);
	assert_memory_equal(p + len - 9, "e\0LAST=1", 9);
	free(p);
	rig_each(rig, BT_REC_FILE, pid, r)
	{
		if (!(r->file.flags & BT_FILE_STDIO))
			continue;
		fds |= 1U << r->file.fd;
		if (r->file.fd == 0) {
			assert_int_equal(r->file.file.type, BT_FILE_PIPE);
			assert_int_equal(r->file.file.obj, in.st_ino);
		} else if (r->file.fd == 1) {
			assert_int_equal(r->file.file.type, BT_FILE_UNIX);
			assert_int_equal(r->file.file.obj, out.st_ino);
		}
	}
	assert_int_equal(fds & 3, 3);
	for (int i = 0; i < 2; i++) {
		close(sh.in[i]);
		close(sh.out[i]);
	}
	rig_no_loss(rig);
}

static int child_long_args(void *arg)
{
	char *argv[5] = { "true", NULL };

	for (int i = 1; i < 4; i++) {
		argv[i] = malloc(120001);
		if (!argv[i])
			return 1;
		memset(argv[i], '0' + i, 120000);
		argv[i][120000] = '\0';
	}
	execv("/bin/true", argv);
	return 2;
}

/* Over the limit: its first BT_ARGS_LEN bytes, and the rest counted. */
static void long_args(void **state)
{
	struct rig *rig = *state;
	struct rig_totals t, before;
	size_t len, all = 5 + 3 * 120001;
	pid_t pid;

	rig_totals(rig, &before);
	pid = rig_run(rig, child_long_args, NULL);
	free(args_of(rig, pid, BT_ARGS_ARGV, &len));
	assert_int_equal(len, BT_ARGS_LEN);
	rig_totals(rig, &t);
	assert_int_equal(t.loss[BT_LOSS_ARGS].bytes - before.loss[BT_LOSS_ARGS].bytes,
			 all - BT_ARGS_LEN);
}

static void *thread_idle(void *arg)
{
	pause();
	return NULL;
}

static void *thread_exec(void *arg)
{
	char *argv[] = { "sh", "-c", "exec /bin/sh -c 'echo chain >/proc/self/fd/200'", NULL };

	execv("/bin/sh", argv);
	return NULL;
}

/* The thread that is not the leader takes over its number; the others end; the process goes on. */
static int child_exec_in_thread(void *arg)
{
	pthread_t t, idle;

	if (open_sink() || pthread_create(&idle, NULL, thread_idle, NULL) ||
	    pthread_create(&t, NULL, thread_exec, NULL))
		return 1;
	pause();
	return 2;
}

static void exec_in_thread(void **state)
{
	struct rig *rig = *state;
	pid_t pid = rig_run(rig, child_exec_in_thread, NULL);
	struct rig_rec *r;
	size_t execs = 0, exits = 0;

	assert_int_equal(written(rig, "chain\n")->hdr.tgid, pid);
	rig_each(rig, BT_REC_EXEC, 0, r)
	{
		assert_int_equal(r->hdr.tgid, pid);
		assert_int_equal(r->hdr.tid, pid);
		execs++;
	}
	rig_each(rig, BT_REC_EXIT, 0, r) exits++;
	assert_int_equal(execs, 2);
	assert_int_equal(exits, 1);
	assert_int_equal(rig_watched(rig), 0);
}

static void *thread_last(void *arg)
{
	usleep(50000);
	put("after the leader");
	return NULL;
}

static int child_leader_first(void *arg)
{
	pthread_t t;

	if (open_sink() || pthread_create(&t, NULL, thread_last, NULL))
		return 1;
	syscall(SYS_exit, 0); /* of this thread only */
	return 2;
}

static void leader_first(void **state)
{
	struct rig *rig = *state;
	pid_t pid = rig_run(rig, child_leader_first, NULL);

	assert_int_equal(written(rig, "after the leader")->hdr.tgid, pid);
	assert_int_equal(rig->recs[rig->n - 1]->hdr.kind, BT_REC_EXIT);
	assert_int_equal(rig_watched(rig), 0);
}

/* --- many ----------------------------------------------------------------------------------- */

static size_t open_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	size_t n = 0;

	assert_non_null(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

#define FORKS 10000
#define EXECS 300
#define THREADS 500
#define TOGETHER 1000

/* A child that ends at once, executing `path` unless that is NULL. */
static pid_t spawn(const char *path)
{
	pid_t pid = vfork();

	if (!pid) {
		if (path)
			execl(path, path, NULL);
		_exit(0);
	}
	return pid;
}

/* `n` of them, reaped some hundred at a time. */
static bool spawn_many(int n, const char *path)
{
	for (int i = 0; i < n; i++) {
		if (spawn(path) < 0)
			return false;
		while (i % 200 == 199 && waitpid(-1, NULL, 0) > 0)
			;
	}
	while (waitpid(-1, NULL, 0) > 0)
		;
	return true;
}

static int child_churn(void *arg)
{
	static pid_t pids[TOGETHER];
	pthread_t t;

	if (open_sink())
		return 1;
	if (!spawn_many(FORKS, NULL) || !spawn_many(EXECS, "/bin/true"))
		return 2;
	for (int i = 0; i < THREADS; i++)
		if (pthread_create(&t, NULL, thread_main, ".") || pthread_join(t, NULL))
			return 4;
	for (int i = 0; i < TOGETHER; i++) {
		pids[i] = fork();
		if (!pids[i]) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			put("+");
			pause();
		}
		if (pids[i] < 0)
			return 5;
	}
	for (int i = 0; i < TOGETHER; i++)
		if (kill(pids[i], SIGKILL) || waitpid(pids[i], NULL, 0) != pids[i])
			return 6;
	return 0;
}

static void churn(void **state)
{
	struct rig *rig = *state;
	struct rig_totals t0, t;
	size_t fds = open_fds(), forks = 0, exits = 0, execs = 0, dots = 0, made = 0;
	uint64_t lost = 0;
	struct rig_rec *r;

	rig_totals(rig, &t0);
	rig_run(rig, child_churn, NULL);
	rig_totals(rig, &t);
	rig_each(rig, BT_REC_FORK, 0, r) forks++;
	rig_each(rig, BT_REC_EXIT, 0, r) exits++;
	rig_each(rig, BT_REC_EXEC, 0, r) execs++;
	rig_each(rig, BT_REC_CGROUP, 0, r) made++;
	rig_each(rig, BT_REC_DATA, 0, r) dots += r->data.data_len == 1 && *r->tail == '.';
	for (size_t i = 0; i < BT_LOSS_MAX; i++)
		lost += t.loss[i].events - t0.loss[i].events;
	assert_int_equal(lost, 0);
	assert_int_equal(forks, FORKS + EXECS + TOGETHER);
	assert_int_equal(exits, forks + 1);
	assert_int_equal(execs, EXECS);
	assert_int_equal(dots, THREADS);
	assert_int_equal(rig_watched(rig), 0);
	assert_int_equal(open_fds(), fds);
	rig_reconcile(rig);
	/* As many records came up as the programs say they sent; the others are made here. */
	assert_int_equal(rig->n - made, t.seen[BT_SEEN_SENT_BULK].events -
						t0.seen[BT_SEEN_SENT_BULK].events +
						t.seen[BT_SEEN_SENT_PRIO].events -
						t0.seen[BT_SEEN_SENT_PRIO].events);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(family, rig_group_forget),
		cmocka_unit_test_setup(unwatched, rig_group_forget),
		cmocka_unit_test_setup(exec_record, rig_group_forget),
		cmocka_unit_test_setup(exec_in_thread, rig_group_forget),
		cmocka_unit_test_setup(leader_first, rig_group_forget),
		cmocka_unit_test_setup(churn, rig_group_forget),
		cmocka_unit_test_setup(long_args, rig_group_forget),
	};

	return cmocka_run_group_tests(tests, rig_group_open, rig_group_close);
}
