/* SPDX-License-Identifier: BSD-2-Clause */
/* `beartrap attach`: watch servers that run already, and new ones that fit. */
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>
#include "cli/commands.h"
#include "cli/supervise.h"
#include "cli/targets.h"

/* New processes are looked for, and ended ones noticed, this often, in ms. */
#define LOOK_MS 200

static const char attach_help[] =
	"Watches servers that run already, and all they start. Name them by any of these, as\n"
	"often as needed:\n"
	"  --pid N               this process\n"
	"  --comm GLOB           processes whose name (/proc/PID/comm) fits\n"
	"  --exe GLOB            whose executable fits: its name, or with a slash its path\n"
	"  --cgroup PATH         those in this cgroup or below\n"
	"  --unit GLOB           those of this systemd unit (\"mcp\" is mcp.service)\n"
	"  --container ID        those in this container: its id, or at least 8 characters of it\n"
	"With --pid alone it ends when the processes have ended; with the others it stays and\n"
	"follows new ones that fit, until SIGINT or SIGTERM. What happened before the watch\n"
	"began is not known: rules that need a flow's history stay quiet about it. SIGHUP makes\n"
	"it load rule files and policy again.\n"
	"\n"
	"Exit status: 0 nothing found; 10 something at or above --fail-on; 125 watching failed\n"
	"or was incomplete.\n"
	"\n"
	"Examples:\n"
	"  sudo beartrap attach --pid $(pgrep -f my-server)\n"
	"  sudo beartrap attach --exe 'node*' --output jsonl:alerts.jsonl\n"
	"  sudo beartrap attach --unit 'mcp@*'\n"
	"\n"
	"Options:\n"
	"  --record FILE         keep an encrypted recording for `beartrap replay`; its key\n"
	"                        goes to FILE.key\n" SHARED_OPTIONS_HELP;

struct attach_opts {
	struct shared shared;
	struct targets targets;
	const char *record;
};

struct attach {
	const struct attach_opts *o;
	struct session s;
	struct target_list known; /* the worker's */
};

/*
 * Adds what fits and is not watched yet. `known` remembers each life of a pid, so that a process is added
 * once. 0 or negative errno with `err`.
 */
static int look(struct attach *a, bool first, struct error *err)
{
	const struct attach_opts *o = a->o;
	struct target_list found = { 0 };
	pid_t *pids = NULL;
	size_t n = 0, i;
	int rc;

	rc = targets_find(&o->targets, &found, err);
	if (rc)
		goto out;
	if (found.n) {
		pids = calloc(found.n, sizeof(*pids));
		if (!pids) {
			rc = error_set(err, -ENOMEM, "out of memory");
			goto out;
		}
	}
	for (i = 0; i < found.n; i++)
		if (!target_list_has(&a->known, &found.v[i]))
			pids[n++] = found.v[i].pid;
	if (n) {
		rc = capture_watch_running(a->s.capture, pids, n, true, err);
		/* One that ended while we looked is no fault, unless it was asked for by number. */
		if (rc == -ESRCH && !(first && !targets_are_open(&o->targets))) {
			memset(err, 0, sizeof(*err));
			rc = 0;
		}
	}
	/* Only what runs now can be met again: the list does not grow with the churn of pids. */
	target_list_release(&a->known);
	a->known = found;
	found = (struct target_list){ 0 };
out:
	target_list_release(&found);
	free(pids);
	return rc;
}

/* Takes in signals. True when one asks for the end; SIGPIPE only tells that a report's reader went away. */
static bool asked_to_end(struct guard *w)
{
	struct signalfd_siginfo si;
	bool end = false;

	while (read(w->s->signal_fd, &si, sizeof(si)) == sizeof(si)) {
		/* That of a terminal that goes is no request. */
		if (si.ssi_signo == SIGHUP && si.ssi_code != SI_KERNEL)
			guard_reload(w);
		else
			end |= si.ssi_signo != SIGPIPE;
	}
	return end;
}

static int attach_begin(void *arg, bool again, struct error *err)
{
	struct attach *a = arg;
	size_t watched;
	int ret = 0;

	/* Those that were named by number are watched already, or gone. */
	if (!again || targets_are_open(&a->o->targets))
		ret = look(a, !again, err);
	/* Whoever waits for the watch to begin (a script, a person) waits for this line. */
	if (!ret && !capture_watched(a->s.capture, &watched))
		log_at(a->s.log, LOG_LEVEL_INFO, "watching %zu %s", watched,
		       watched == 1 ? "process" : "processes");
	return ret;
}

static int attach_look(void *arg, struct error *err)
{
	struct attach *a = arg;
	size_t watched;

	if (targets_are_open(&a->o->targets))
		return look(a, false, err);
	return !capture_watched(a->s.capture, &watched) && !watched;
}

static int attach(const struct log *log, const struct attach_opts *o)
{
	struct attach a = { .o = o };
	struct guard w = {
		.s = &a.s,
		.command = "attach",
		.target = o->targets.v[0].text,
		.late = true,
		.arg = &a,
		.begin = attach_begin,
		.look = attach_look,
		.look_ms = LOOK_MS,
	};
	struct error err = { 0 };
	sigset_t signals;
	int status, ret;

	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGHUP);
	sigaddset(&signals, SIGPIPE);
	ret = session_open(&a.s, log, &o->shared, o->record, &signals, &err);
	if (!ret)
		ret = guard_start(&w, &err);
	if (ret) {
		status = setup_error(log, &err, ret);
		goto out;
	}
	while (w.fd >= 0 && !w.asked) {
		struct pollfd fds[2] = {
			{ .fd = a.s.signal_fd, .events = POLLIN },
			{ .fd = w.fd, .events = POLLIN },
		};

		if (poll(fds, 2, -1) < 0)
			continue;
		if (fds[1].revents)
			guard_event(&w);
		if (fds[0].revents && asked_to_end(&w))
			break;
	}
	status = guard_end(&w, EXIT_OK);
out:
	session_release(&a.s);
	return status;
}

enum { OPT_PID = 1, OPT_COMM, OPT_EXE, OPT_CGROUP, OPT_UNIT, OPT_CONTAINER, OPT_RECORD };

static int attach_main(const struct log *log, int argc, char **argv)
{
	static const struct option options[] = {
		SHARED_OPTIONS,
		{ "pid", required_argument, NULL, OPT_PID },
		{ "comm", required_argument, NULL, OPT_COMM },
		{ "exe", required_argument, NULL, OPT_EXE },
		{ "cgroup", required_argument, NULL, OPT_CGROUP },
		{ "unit", required_argument, NULL, OPT_UNIT },
		{ "container", required_argument, NULL, OPT_CONTAINER },
		{ "record", required_argument, NULL, OPT_RECORD },
		{ NULL, 0, NULL, 0 },
	};
	static const enum target_kind kinds[] = {
		[OPT_PID] = TARGET_PID,   [OPT_COMM] = TARGET_COMM,
		[OPT_EXE] = TARGET_EXE,   [OPT_CGROUP] = TARGET_CGROUP,
		[OPT_UNIT] = TARGET_UNIT, [OPT_CONTAINER] = TARGET_CONTAINER,
	};
	struct attach_opts o = { 0 };
	struct error err = { 0 };
	int opt, bad;

	shared_init(&o.shared);
	while ((opt = options_next(argc, argv, options, &err)) != -1) {
		if (opt == OPT_HELP) {
			cmd_print_help(&cmd_attach);
			return EXIT_OK;
		}
		if (opt == OPT_RECORD) {
			o.record = optarg;
			continue;
		}
		if (opt >= OPT_PID && opt <= OPT_CONTAINER)
			bad = targets_add(&o.targets, kinds[opt], optarg, &err);
		else
			bad = opt == '?' || shared_option(&o.shared, opt, optarg, &err);
		if (bad)
			return usage_error(log, &cmd_attach, &err);
	}
	if (optind < argc)
		error_set(&err, -EINVAL, "what is %s? processes are named by options",
			  argv[optind]);
	else if (!o.targets.n)
		error_set(&err, -EINVAL,
			  "no process named; give --pid, --comm, --exe, --cgroup, --unit or "
			  "--container");
	if (err.code)
		return usage_error(log, &cmd_attach, &err);
	return attach(log, &o);
}

const struct cmd cmd_attach = {
	.name = "attach",
	.args = "--pid N | --comm GLOB | --exe GLOB | --cgroup PATH | ... [OPTIONS]",
	.brief = "watch servers that run already, and new ones that fit",
	.help = attach_help,
	.run = attach_main,
};
