/* SPDX-License-Identifier: BSD-2-Clause */
/* `beartrap run`: start a server under watch from its first instruction. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <poll.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include "cli/commands.h"
#include "cli/supervise.h"

static const char run_help[] =
	"Starts COMMAND and watches it, and all it starts, from the first instruction on.\n"
	"The child keeps its own stdin, stdout and stderr: stdout is the MCP wire and is\n"
	"never touched. Needs root (or CAP_BPF, CAP_PERFMON and CAP_SYS_ADMIN).\n"
	"\n"
	"SIGHUP makes it load rule files and policy again; COMMAND gets it too when it catches\n"
	"it. Other signals are passed on.\n"
	"\n"
	"Exit status: that of COMMAND (128+N when signal N ended it); 10 when something at\n"
	"or above --fail-on was found; 125 when watching failed or was incomplete; 126 when\n"
	"COMMAND cannot be executed, 127 when it is not found.\n"
	"\n"
	"Examples:\n"
	"  sudo beartrap run -- npx some-mcp-server\n"
	"  sudo beartrap run --user \"$USER\" --output jsonl:alerts.jsonl -- node server.js\n"
	"\n"
	"Options:\n"
	"  --user NAME           run COMMAND as this user (beartrap itself stays as it is)\n"
	"  --record FILE         keep an encrypted recording for `beartrap replay`; its key\n"
	"                        goes to FILE.key\n" SHARED_OPTIONS_HELP;

struct run_opts {
	struct shared shared;
	const char *record;
	const char *user;
	char **argv;
};

struct child {
	struct session *session;
	pid_t pid;
	int pidfd;
	int go_fd;     /* closing it without a byte tells the child to give up */
	int status_fd; /* the child's errno when exec failed; end of file when it did not */
};

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* 0, or negative errno with `err`. */
static int look_up_user(const char *name, struct passwd **ret, struct error *err)
{
	errno = 0;
	*ret = getpwnam(name);
	if (!*ret)
		return error_set(err, errno ? -errno : -ENOENT, "--user %s: no such user", name);
	return 0;
}

/* In the child, between fork and exec. Only returns on failure. */
static void become(const struct run_opts *o, const struct passwd *pw, const struct session *s,
		   int go_fd, int status_fd)
{
	char go;
	int err;

	/* The parent puts this process in the watch set first. */
	while (read(go_fd, &go, 1) < 0 && errno == EINTR)
		;
	sigprocmask(SIG_SETMASK, &s->old_mask, NULL);
	if (pw &&
	    (initgroups(pw->pw_name, pw->pw_gid) || setresgid(pw->pw_gid, pw->pw_gid, pw->pw_gid) ||
	     setresuid(pw->pw_uid, pw->pw_uid, pw->pw_uid)))
		goto fail;
	execvp(o->argv[0], o->argv);
fail:
	err = errno;
	if (write(status_fd, &err, sizeof(err)) < 0)
		_exit(EXIT_WATCH_FAILED);
	_exit(err == ENOENT ? EXIT_NOT_FOUND : EXIT_NOT_EXECUTABLE);
}

static int start_child(struct session *s, const struct run_opts *o, struct child *c,
		       struct error *err)
{
	int go[2] = { -1, -1 }, status[2] = { -1, -1 };
	struct passwd *pw = NULL;
	char command[PATH_MAX];
	int ret;

	if (o->user) {
		ret = look_up_user(o->user, &pw, err);
		if (ret)
			return ret;
	}
	if (pipe2(go, O_CLOEXEC) || pipe2(status, O_CLOEXEC)) {
		ret = error_set(err, -errno, "cannot make a pipe: %m");
		goto out;
	}
	c->pid = fork();
	if (c->pid < 0) {
		ret = error_set(err, -errno, "cannot fork: %m");
		goto out;
	}
	if (c->pid == 0) {
		close(go[1]);
		close(status[0]);
		become(o, pw, s, go[0], status[1]);
	}
	c->go_fd = go[1];
	c->status_fd = status[0];
	go[1] = status[0] = -1;
	c->pidfd = pidfd_open(c->pid, 0);
	if (c->pidfd < 0) {
		ret = error_set(err, -errno, "cannot open a pidfd: %m");
		goto out;
	}
	command_find(o->argv[0], command, sizeof(command));
	capture_expect(s->capture, command);
	ret = capture_watch_child(s->capture, c->pidfd, c->pid, err);
out:
	close_fd(&go[0]);
	close_fd(&go[1]);
	close_fd(&status[0]);
	close_fd(&status[1]);
	return ret;
}

/* SIGHUP is asked for by many programs to read their settings anew; the others end by it. */
static bool catches_hangup(pid_t pid)
{
	static const char field[] = "SigCgt:";
	unsigned long long caught = 0;
	char path[64], line[128];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	f = fopen(path, "re");
	if (!f)
		return false;
	while (fgets(line, sizeof(line), f))
		if (!strncmp(line, field, sizeof(field) - 1))
			caught = strtoull(line + sizeof(field) - 1, NULL, 16);
	fclose(f);
	return caught >> (SIGHUP - 1) & 1;
}

/*
 * A terminal sends SIGINT, SIGQUIT and SIGHUP to the child by itself (SI_KERNEL); what was sent to
 * beartrap alone is passed on. SIGHUP is for us first.
 */
static void forward_signals(struct guard *w, const struct child *c)
{
	struct signalfd_siginfo si;

	while (read(w->s->signal_fd, &si, sizeof(si)) == sizeof(si)) {
		/* SIGPIPE is our own: a report's reader went away. */
		if (si.ssi_signo == SIGPIPE || si.ssi_code == SI_KERNEL)
			continue;
		if (si.ssi_signo == SIGHUP) {
			guard_reload(w);
			if (!catches_hangup(c->pid))
				continue;
		}
		pidfd_send_signal(c->pidfd, (int)si.ssi_signo, NULL, 0);
	}
}

/* Until the child ends. */
static void wait_for_child(struct guard *w, const struct child *c)
{
	for (;;) {
		struct pollfd fds[3] = {
			{ .fd = w->s->signal_fd, .events = POLLIN },
			{ .fd = c->pidfd, .events = POLLIN },
			{ .fd = w->fd, .events = POLLIN },
		};

		if (poll(fds, 3, -1) < 0)
			continue;
		if (fds[2].revents)
			guard_event(w);
		if (fds[0].revents)
			forward_signals(w, c);
		if (fds[1].revents)
			return;
	}
}

/* In the worker: these are the supervisor's business. */
static int run_begin(void *arg, bool again, struct error *err)
{
	struct child *c = arg;

	close_fd(&c->go_fd);
	close_fd(&c->status_fd);
	close_fd(&c->pidfd);
	return 0;
}

static int child_status(pid_t pid)
{
	int st = 0;

	while (waitpid(pid, &st, 0) < 0)
		if (errno != EINTR)
			return EXIT_WATCH_FAILED;
	return WIFSIGNALED(st) ? 128 + WTERMSIG(st) : WEXITSTATUS(st);
}

/* In the worker, when the child has ended. */
static void run_ending(void *arg)
{
	struct child *c = arg;
	size_t watched;

	if (!capture_watched(c->session->capture, &watched) && watched)
		session_note(c->session,
			     "%zu processes that it started still run, and are no longer watched",
			     watched);
}

static int run(const struct log *log, const struct run_opts *o)
{
	struct session s;
	struct child c = { .session = &s, .pid = -1, .pidfd = -1, .go_fd = -1, .status_fd = -1 };
	struct guard w = {
		.s = &s,
		.command = "run",
		.target = o->argv[0],
		.arg = &c,
		.begin = run_begin,
		.ending = run_ending,
		.fd = -1,
	};
	int exec_err = 0, status = EXIT_WATCH_FAILED, ret;
	struct error err = { 0 };
	sigset_t signals;

	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGQUIT);
	sigaddset(&signals, SIGHUP);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGUSR1);
	sigaddset(&signals, SIGUSR2);
	sigaddset(&signals, SIGWINCH);
	sigaddset(&signals, SIGPIPE);
	ret = session_open(&s, log, &o->shared, o->record, &signals, &err);
	if (ret) {
		status = setup_error(log, &err, ret);
		goto released;
	}
	ret = start_child(&s, o, &c, &err);
	if (ret)
		goto out;
	w.root_tgid = (uint32_t)c.pid;
	ret = guard_start(&w, &err);
	if (ret)
		goto out;
	if (write(c.go_fd, "g", 1) != 1) {
		error_set(&err, -errno, "cannot start the child: %m");
		goto out;
	}
	close_fd(&c.go_fd);
	/* End of file when exec closed the other end, or the errno that kept it from it. */
	if (read(c.status_fd, &exec_err, sizeof(exec_err)) == sizeof(exec_err)) {
		guard_abandon(&w);
		status = child_status(c.pid);
		c.pid = -1;
		error_set(&err, -exec_err, "%s: %s", o->argv[0],
			  exec_err == ENOENT ? "command not found" : strerror(exec_err));
		log_at(log, LOG_LEVEL_ERROR, "%s", err.text);
		goto released;
	}
	/* The server must not suffer for our failure: it runs on, unwatched. */
	wait_for_child(&w, &c);
	status = child_status(c.pid);
	c.pid = -1;
	status = guard_end(&w, status);
	goto released;
out:
	guard_abandon(&w);
	status = setup_error(log, &err, err.code);
	if (c.pid > 0) {
		/* It has not executed anything yet. */
		kill(c.pid, SIGKILL);
		child_status(c.pid);
	}
released:
	close_fd(&c.pidfd);
	close_fd(&c.go_fd);
	close_fd(&c.status_fd);
	session_release(&s);
	return status;
}

enum { OPT_USER = 1, OPT_RECORD };

static int run_main(const struct log *log, int argc, char **argv)
{
	static const struct option options[] = {
		SHARED_OPTIONS,
		{ "user", required_argument, NULL, OPT_USER },
		{ "record", required_argument, NULL, OPT_RECORD },
		{ NULL, 0, NULL, 0 },
	};
	struct run_opts o = { 0 };
	struct error err = { 0 };
	int opt;

	shared_init(&o.shared);
	while ((opt = options_next(argc, argv, options, &err)) != -1) {
		if (opt == OPT_HELP) {
			cmd_print_help(&cmd_run);
			return EXIT_OK;
		}
		if (opt == OPT_USER)
			o.user = optarg;
		else if (opt == OPT_RECORD)
			o.record = optarg;
		else if (opt == '?' || shared_option(&o.shared, opt, optarg, &err))
			return usage_error(log, &cmd_run, &err);
	}
	if (optind >= argc) {
		error_set(&err, -EINVAL, "no command given after --");
		return usage_error(log, &cmd_run, &err);
	}
	o.argv = argv + optind;
	return run(log, &o);
}

const struct cmd cmd_run = {
	.name = "run",
	.args = "[OPTIONS] -- COMMAND [ARG...]",
	.brief = "start a server under watch from its first instruction",
	.help = run_help,
	.run = run_main,
};
