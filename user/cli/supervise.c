/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "cli/supervise.h"

#define WORKER_NAME "beartrap-watch"
#define MINUTE_NS 60000000000ull
/* The kernel, out of memory, shall take the worker before the server, and before us. */
#define OOM_ADJ 500
#define OOM_ADJ_MAX 1000

enum what {
	SAY_READY = 1,
	SAY_FAILED, /* with `err`, before it was ready */
	SAY_DONE,   /* with `status`: the reports are written */
	ORDER_RELOAD,
	ORDER_END,    /* with `status`: of the server */
	ORDER_REPORT, /* no watching any more, only the report */
	ORDER_ABANDON,
};

struct message {
	enum what what;
	int status;
	struct error err;
};

static int say(int fd, enum what what, int status, const struct error *err)
{
	struct message m = { .what = what, .status = status };

	if (err)
		m.err = *err;
	return send(fd, &m, sizeof(m), MSG_NOSIGNAL) == sizeof(m) ? 0 : -errno;
}

/* False: nobody is there any more. */
static bool hear(int fd, struct message *m)
{
	ssize_t n;

	do {
		n = recv(fd, m, sizeof(*m), 0);
	} while (n < 0 && errno == EINTR);
	return n == sizeof(*m);
}

/* --- the worker -------------------------------------------------------------------------------- */

static void prefer_for_oom(void)
{
	static const char path[] = "/proc/self/oom_score_adj";
	FILE *f = fopen(path, "re");
	int adj = 0;

	if (f) {
		if (fscanf(f, "%d", &adj) != 1)
			adj = 0;
		fclose(f);
	}
	f = fopen(path, "we");
	if (!f)
		return;
	fprintf(f, "%d", adj + OOM_ADJ < OOM_ADJ_MAX ? adj + OOM_ADJ : OOM_ADJ_MAX);
	fclose(f);
}

/* The client waits for the end of the server's output, which must not be ours too. */
static void leave_wire(void)
{
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return;
	dup2(fd, STDIN_FILENO);
	dup2(fd, STDOUT_FILENO);
	if (fd > STDERR_FILENO)
		close(fd);
}

struct worker {
	struct guard *w;
	int fd;
	int status; /* of the server, as told */
	bool abandoned;
};

/* One message of the supervisor's. True: the watch is over. */
static bool obey(struct worker *k)
{
	struct message m;

	if (!hear(k->fd, &m)) {
		session_note(k->w->s, "beartrap itself was killed; what came later is unknown");
		k->status = EXIT_WATCH_FAILED;
		return true;
	}
	if (m.what == ORDER_RELOAD)
		session_reload(k->w->s);
	if (m.what == ORDER_END)
		k->status = m.status;
	if (m.what == ORDER_ABANDON)
		k->abandoned = true;
	return m.what == ORDER_END || m.what == ORDER_ABANDON;
}

/* 0 when the watch is over as it should be, else negative errno with `err`. */
static int watch_on(struct worker *k, struct error *err)
{
	struct session *s = k->w->s;
	struct pollfd fds[2] = {
		{ .fd = capture_fd(s->capture), .events = POLLIN },
		{ .fd = k->fd, .events = POLLIN },
	};
	uint64_t next = clock_now_ns(CLOCK_MONOTONIC), now;
	int n, wait;

	for (;;) {
		wait = session_timeout_ms(s);
		if (k->w->look && (wait < 0 || wait > k->w->look_ms))
			wait = k->w->look_ms;
		if (poll(fds, 2, wait) < 0 && errno != EINTR)
			return error_set(err, -errno, "poll: %m");
		n = session_drain(s);
		if (n < 0)
			return error_set(err, n, "%s", strerror(-n));
		if (fds[1].revents && obey(k))
			return 0;
		now = clock_now_ns(CLOCK_MONOTONIC);
		if (!k->w->look || now < next)
			continue;
		next = now + (uint64_t)k->w->look_ms * 1000000;
		n = k->w->look(k->w->arg, err);
		if (n)
			return n < 0 ? n : 0;
	}
}

/* `fd` is the end of what it has to do with its supervisor. */
static _Noreturn void leave(struct session *s, int fd)
{
	struct capture *c = s->capture;

	s->capture = NULL;
	session_release(s);
	capture_hold_links(c, fd);
}

/* The supervisor goes on without us, and with another one. */
static _Noreturn void give_up(struct session *s, int fd, const struct error *err)
{
	say(fd, SAY_FAILED, 0, err);
	leave(s, fd);
}

static _Noreturn void work(struct guard *w, int fd, enum what mode, bool again)
{
	struct worker k = { .w = w, .fd = fd };
	struct session *s = w->s;
	struct error err = { 0 };
	int ret;

	prctl(PR_SET_NAME, WORKER_NAME);
	prefer_for_oom();
	leave_wire();
	close(s->signal_fd);
	s->signal_fd = -1;
	ret = session_start(s, w->root_tgid, w->late || again, again, &err);
	if (!ret && w->begin && mode != ORDER_REPORT)
		ret = w->begin(w->arg, again, &err);
	if (ret)
		give_up(s, fd, &err);
	say(fd, SAY_READY, 0, NULL);
	if (mode == ORDER_REPORT) {
		session_note(s, "the watch was given up: its process died too often");
		k.status = EXIT_WATCH_FAILED;
	} else {
		ret = watch_on(&k, &err);
		/* A new one has that memory back. */
		if (ret == -ENOMEM)
			give_up(s, fd, &err);
	}
	if (k.abandoned)
		leave(s, fd);
	if (ret) {
		session_note(s, "watching failed: %s", err.text);
		log_at(s->log, LOG_LEVEL_ERROR, "watching failed: %s%s", err.text,
		       w->root_tgid ? "; the command goes on unwatched" : "");
	}
	if (w->ending)
		w->ending(w->arg);
	k.status = session_finish(s, w->command, w->target, k.status);
	if (ret || mode == ORDER_REPORT)
		k.status = EXIT_WATCH_FAILED;
	say(fd, SAY_DONE, k.status, NULL);
	leave(s, fd);
}

/* --- the supervisor ---------------------------------------------------------------------------- */

static int start_worker(struct guard *w, enum what mode, bool again, struct error *err)
{
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds))
		return error_set(err, -errno, "cannot make a socket pair: %m");
	w->pid = fork();
	if (w->pid < 0) {
		close(fds[0]);
		close(fds[1]);
		return error_set(err, -errno, "cannot fork: %m");
	}
	if (!w->pid) {
		close(fds[0]);
		work(w, fds[1], mode, again);
	}
	close(fds[1]);
	w->fd = fds[0];
	return 0;
}

/* The worker stays until we have gone (capture_hold_links()): that end of the socket is not closed. */
static void over(struct guard *w, int status)
{
	w->status = status;
	w->fd = -1;
}

static int reap(struct guard *w)
{
	int st = 0;

	while (waitpid(w->pid, &st, 0) < 0)
		if (errno != EINTR)
			return 0;
	return st;
}

int guard_start(struct guard *w, struct error *err)
{
	struct message m;
	int ret;

	w->fd = -1;
	w->status = EXIT_WATCH_FAILED;
	ret = start_worker(w, 0, false, err);
	if (ret)
		return ret;
	if (!hear(w->fd, &m)) {
		over(w, EXIT_WATCH_FAILED);
		return error_set(err, -ECHILD, "the process that is to watch died at once");
	}
	if (m.what == SAY_READY)
		return 0;
	over(w, EXIT_WATCH_FAILED);
	*err = m.err;
	return err->code ? err->code : -ECHILD;
}

/* One that was there so often within the last minute is not worth another try. */
static bool too_often(struct guard *w)
{
	uint64_t now = clock_now_ns(CLOCK_MONOTONIC);
	uint64_t *oldest = &w->deaths_ns[w->n_deaths++ % GUARD_MAX_DEATHS];
	bool often = w->n_deaths > GUARD_MAX_DEATHS && now - *oldest < MINUTE_NS;

	*oldest = now;
	return often;
}

static void say_why(struct guard *w, int st, const char *why, bool often)
{
	const char *then = often ? "that was too often: the watch is given up"
				 : "another one goes on; what it had learnt is gone";
	char how[64];

	if (WIFSIGNALED(st))
		snprintf(how, sizeof(how), "signal %d", WTERMSIG(st));
	else
		snprintf(how, sizeof(how), "status %d", WEXITSTATUS(st));
	log_at(w->s->log, LOG_LEVEL_ERROR, "the process that watches has died (%s): %s",
	       *why ? why : how, then);
}

static void died(struct guard *w, const char *why)
{
	struct error err = { 0 };
	bool often;
	int st;

	close(w->fd);
	w->fd = -1;
	st = reap(w);
	often = w->reporting || too_often(w);
	say_why(w, st, why, often);
	session_bury(w->s);
	w->status = EXIT_WATCH_FAILED;
	if (w->reporting || start_worker(w, often ? ORDER_REPORT : 0, true, &err)) {
		log_at(w->s->log, LOG_LEVEL_ERROR, "no report could be written");
		return;
	}
	w->reporting = often;
	if (w->asked)
		say(w->fd, ORDER_END, w->clean, NULL);
}

void guard_event(struct guard *w)
{
	struct message m;

	if (!hear(w->fd, &m))
		died(w, "");
	else if (m.what == SAY_FAILED)
		died(w, m.err.text);
	else if (m.what == SAY_DONE)
		over(w, m.status);
}

void guard_reload(struct guard *w)
{
	/* Here for the next worker, and to know that they are sound. */
	if (!session_reload(w->s) && w->fd >= 0)
		say(w->fd, ORDER_RELOAD, 0, NULL);
}

int guard_end(struct guard *w, int clean)
{
	w->asked = true;
	w->clean = clean;
	if (w->fd >= 0)
		say(w->fd, ORDER_END, clean, NULL);
	while (w->fd >= 0)
		guard_event(w);
	return w->status;
}

void guard_abandon(struct guard *w)
{
	if (w->fd < 0)
		return;
	say(w->fd, ORDER_ABANDON, 0, NULL);
	over(w, EXIT_WATCH_FAILED);
}
