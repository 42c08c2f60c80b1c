// SPDX-License-Identifier: BSD-2-Clause
/* beartrap scan: the same rules and the same policy over files, directories, or standard input. */
#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "alert/dedup.h"
#include "alert/place.h"
#include "base/secmem.h"
#include "cli/commands.h"
#include "cli/outputs.h"
#include "cli/session.h"

#define PIECE_LEN 65536
/* Alerts kept for the end of the reports and for telling repeats; about 5 KiB each. */
#define MAX_ALERTS 8192

static const char help[] =
	"Looks for OAuth secrets in files: logs, token stores, configuration, a repository, a "
	"core\n"
	"dump, whatever a server left behind. Needs no privileges. A directory is walked whole; "
	"symbolic\n"
	"links in it are not followed, and devices, FIFOs and sockets in it are passed over. `-` "
	"is\n"
	"standard input. Files may be binary and of any size.\n"
	"\n"
	"A file is judged as `run` would judge a write to it: a log is worse than a token store, "
	"and\n"
	"one that others can read is worse than one with mode 0600. So a plain token in a file of "
	"mode\n"
	"0600 is a medium finding: it is reported, but with the default --fail-on high the exit\n"
	"status stays 0; --fail-on info makes every finding count.\n"
	"\n"
	"Options:\n" SHARED_OPTIONS_HELP "\n"
	"Examples:\n"
	"  beartrap scan ~/.config/my-server\n"
	"  beartrap scan --output jsonl:leaks.jsonl --fail-on medium .\n"
	"  kubectl logs my-server | beartrap scan --output jsonl -\n"
	"  beartrap scan --known my-tokens.txt /var/log    those very values, however encoded or "
	"cut\n"
	"\n"
	"Exit status: 0 nothing at or above --fail-on, 10 something, 125 something could not be "
	"read\n"
	"(and nothing was found in the rest), 2 usage error.\n";

struct scan_job {
	const struct log *log;
	const struct stack *stack;
	struct outputs *outputs;
	struct dedup *dedup;
	struct scan *scan;
	struct run_summary *sum;
	char *piece; /* PIECE_LEN bytes */
	uint64_t files, unread;
	struct sink sink; /* the file under way */
};

static void on_hit(void *arg, const struct hit *hit)
{
	struct scan_job *job = arg;
	struct engine_totals *t = &job->sum->totals;
	struct alert a = { 0 };
	struct redacted secret;
	int override;

	redact_hit(&job->stack->fingerprint, hit, &secret);
	job->sink.line = hit->line;
	job->sink.offset = hit->offset;
	if (policy_judge(job->stack->policy, &secret, &job->sink, &a) != VERDICT_ALERT)
		return;
	override = policy_override(job->stack->policy, &a);
	if (override >= 0) {
		t->overridden[override]++;
		if (policy_override_is_legal(job->stack->policy, (size_t) override))
			return;
	}
	a.time_ns = a.first_ns = a.last_ns = clock_now_ns(CLOCK_REALTIME);
	a.seen_count = 1;
	if (!dedup_add(job->dedup, &a)) {
		t->repeats++;
		return;
	}
	t->alerts++;
	t->by_severity[a.severity]++;
	outputs_alert(job->outputs, job->stack->policy, &a);
}

/* A file or directory whose `size` bytes (0 = unknown) were not looked at. */
static void could_not_read(struct scan_job *job, const char *path, const char *why, uint64_t size)
{
	log_at(job->log, LOG_LEVEL_ERROR, "%s: %s; not examined", path, why);
	job->unread++;
	job->sum->totals.bytes_missing += size ? size : 1;
}

/* Where a file lies decides, as for a write to it; the report names it as the user did. */
static void set_place(struct sink *sink, const char *path, mode_t mode)
{
	char *whole = realpath(path, NULL);

	*sink = (struct sink){ .fd = -1 };
	sink_of_file(sink, whole ? whole : path, mode & 07777, 0);
	snprintf(sink->path, sizeof(sink->path), "%s", path);
	free(whole);
}

static void scan_fd(struct scan_job *job, int fd, const char *path, const struct stat *st)
{
	struct engine_totals *t = &job->sum->totals;
	uint64_t done = 0;
	ssize_t n;

	set_place(&job->sink, path, st->st_mode);
	scan_reset(job->scan, 0, SPAN_NONE);
	for (;;) {
		n = read(fd, job->piece, PIECE_LEN);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		scan_feed(job->scan, span_of(job->piece, (size_t)n), on_hit, job);
		done += (uint64_t)n;
	}
	if (n < 0) {
		uint64_t size = st->st_size > 0 ? (uint64_t)st->st_size : 0;

		could_not_read(job, path, strerror(errno), size > done ? size - done : 0);
	} else {
		job->files++;
	}
	scan_flush(job->scan, on_hit, job);
	wipe(job->piece, PIECE_LEN);
	t->bytes_examined += done;
	t->bytes_by_sink[job->sink.class] += done;
}

/* `named`: by the user, not met in a tree. Then a symbolic link is followed, and what is no file is an error. */
static void scan_file(struct scan_job *job, const char *path, bool named)
{
	/* O_NONBLOCK: what turns out to be a FIFO must not hang the look. */
	int flags = O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC | (named ? 0 : O_NOFOLLOW);
	struct stat st;
	int fd;

	/* A device may act on open(): look at what it is first, and again at what was opened. */
	if (fstatat(AT_FDCWD, path, &st, named ? 0 : AT_SYMLINK_NOFOLLOW)) {
		could_not_read(job, path, strerror(errno), 0);
		return;
	}
	if (!S_ISREG(st.st_mode)) {
		if (named)
			could_not_read(job, path,
				       "is no regular file; give it on standard input (-)", 0);
		return;
	}
	fd = open(path, flags);
	if (fd < 0) {
		could_not_read(job, path, strerror(errno), (uint64_t)st.st_size);
		return;
	}
	if (fstat(fd, &st))
		could_not_read(job, path, strerror(errno), 0);
	else if (S_ISREG(st.st_mode))
		scan_fd(job, fd, path, &st);
	close(fd);
}

static int by_name(const FTSENT **a, const FTSENT **b)
{
	return strcmp((*a)->fts_name, (*b)->fts_name);
}

static void scan_path(struct scan_job *job, char *path)
{
	char *paths[] = { path, NULL };
	FTSENT *e;
	FTS *fts;

	/* Physical: no link in the tree is followed; only the path that the user named may be one. */
	fts = fts_open(paths, FTS_PHYSICAL | FTS_COMFOLLOW | FTS_NOCHDIR, by_name);
	if (!fts) {
		could_not_read(job, path, strerror(errno), 0);
		return;
	}
	while (errno = 0, (e = fts_read(fts))) {
		switch (e->fts_info) {
		case FTS_F:
		case FTS_DEFAULT:
			scan_file(job, e->fts_path, e->fts_level == FTS_ROOTLEVEL);
			break;
		case FTS_DNR:
		case FTS_ERR:
		case FTS_NS:
			could_not_read(job, e->fts_path, strerror(e->fts_errno), 0);
			break;
		case FTS_SLNONE:
			if (e->fts_level == FTS_ROOTLEVEL)
				could_not_read(job, e->fts_path, strerror(ENOENT), 0);
			break;
		}
	}
	if (errno)
		could_not_read(job, path, strerror(errno), 0);
	fts_close(fts);
}

static void scan_stdin(struct scan_job *job)
{
	struct stat st;

	if (fstat(STDIN_FILENO, &st)) {
		could_not_read(job, "-", strerror(errno), 0);
		return;
	}
	/* A pipe has no reader but this one, whatever its mode says. */
	if (!S_ISREG(st.st_mode))
		st.st_mode = S_IFREG | 0600;
	scan_fd(job, STDIN_FILENO, "-", &st);
}

static int look(const struct log *log, const struct shared *s, char **paths)
{
	struct run_summary sum = { .command = "scan", .started_ns = clock_now_ns(CLOCK_REALTIME) };
	struct scan_job job = { .log = log, .sum = &sum };
	struct alert_list list = { 0 };
	struct error err = { 0 };
	struct stack stack = { 0 };
	char unread_note[128], target[1024], examined_note[128];
	const char *notes[3] = { examined_note, NULL, NULL };
	int status;
	int rc;

	rc = stack_open(&stack, s, &err);
	if (!rc)
		rc = outputs_open(s, &job.outputs, &err);
	if (rc) {
		status = setup_error(log, &err, rc);
		goto out;
	}
	job.stack = &stack;
	job.dedup = dedup_new(MAX_ALERTS);
	job.scan = scan_new(stack.scanner, stack.values);
	job.piece = malloc(PIECE_LEN);
	if (!job.dedup || !job.scan || !job.piece) {
		status = setup_error(log, &err, -ENOMEM);
		goto out;
	}
	for (char **p = paths; *p; p++) {
		if (!strcmp(*p, "-"))
			scan_stdin(&job);
		else
			scan_path(&job, *p);
	}

	snprintf(target, sizeof(target), "%s%s", paths[0], paths[1] ? " and more" : "");
	sum.target = target;
	sum.ended_ns = clock_now_ns(CLOCK_REALTIME);
	sum.not_looked = !job.files && job.unread;
	snprintf(examined_note, sizeof(examined_note), "%" PRIu64 " file%s examined", job.files,
		 job.files == 1 ? "" : "s");
	if (job.unread) {
		snprintf(unread_note, sizeof(unread_note),
			 "%" PRIu64 " could not be read: what they hold is unknown", job.unread);
		notes[1] = unread_note;
	}
	sum.notes = notes;
	dedup_walk(job.dedup, alert_list_add, &list);
	status = outputs_conclude(job.outputs, log, s, stack.policy, &list, &sum, EXIT_OK);
out:
	free(job.piece);
	scan_free(job.scan);
	dedup_free(job.dedup);
	outputs_free(job.outputs);
	stack_release(&stack);
	return status;
}

static int run(const struct log *log, int argc, char **argv)
{
	static const struct option options[] = { SHARED_OPTIONS, { 0 } };
	struct error err = { 0 };
	struct shared s;
	int opt;

	shared_init(&s);
	s.default_fd = STDOUT_FILENO;
	while ((opt = options_next(argc, argv, options, &err)) != -1) {
		if (opt == OPT_HELP) {
			cmd_print_help(&cmd_scan);
			return EXIT_OK;
		}
		if (opt == '?' || shared_option(&s, opt, optarg, &err))
			return usage_error(log, &cmd_scan, &err);
	}
	if (optind == argc) {
		error_set(&err, -EINVAL, "nothing to scan: give files, directories, or -");
		return usage_error(log, &cmd_scan, &err);
	}
	return look(log, &s, argv + optind);
}

const struct cmd cmd_scan = {
	.name = "scan",
	.args = "[OPTIONS] PATH...|-",
	.brief = "look for secrets in files, directories or standard input",
	.help = help,
	.run = run,
};
