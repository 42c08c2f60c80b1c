/* SPDX-License-Identifier: BSD-2-Clause */
/* `beartrap doctor`: what can be seen here, what cannot, and how to mend it. */
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>
#include "base/fileio.h"
#include "base/jw.h"
#include "base/print.h"
#include "cli/commands.h"
#include "cli/doctor.h"
#include "cli/outputs.h"
#include "cli/targets.h"
#include "report/blind.h"
#include "version.h"

enum doctor_opt { OPT_PID = 1, OPT_FORMAT };

static const char help[] =
	"Tells what can be seen here, what cannot, and how to mend it. Everything is found out by\n"
	"trying it, and what was not tried is never called ok.\n"
	"\n"
	"  without arguments     the machine: features and settings of the kernel, what this user\n"
	"                        may do, whether watching works, and the ways for bytes that are\n"
	"                        not seen\n"
	"  --pid N               a running process as well: whether it can be watched, its TLS\n"
	"                        libraries, what it has open. Nothing of it is changed; its TLS\n"
	"                        libraries get their hooks for a moment\n"
	"  BINARY                a program by its file, not the machine: 32-bit or not, its TLS\n"
	"                        library, what would be hooked. It is not run, and no privileges\n"
	"                        are needed\n"
	"\n"
	"Options:\n"
	"  --format FORMAT       text (default) or json: one object, schema beartrap.doctor/1\n"
	"  --help                this text\n"
	"\n"
	"Examples:\n"
	"  sudo beartrap doctor\n"
	"  sudo beartrap doctor --pid $(pgrep -f my-server)\n"
	"  beartrap doctor node\n"
	"\n"
	"Exit status: 0 everything can be seen (of the machine: all but the named limits that hold "
	"on\n"
	"every machine); 1 something cannot, or could not be found out: it is named; 125 watching\n"
	"cannot work here, for this user or of this process; 2 usage error.\n";

static const char *const state_names[FINDING_STATES] = {
	[FINDING_OK] = "ok",           [FINDING_NOTE] = "note",     [FINDING_UNSEEN] = "unseen",
	[FINDING_UNKNOWN] = "unknown", [FINDING_FAILED] = "failed",
};

static const struct {
	const char *name, *title;
} groups[FINDING_GROUPS] = {
	[GROUP_FEATURES] = { "features", "Features of the kernel" },
	[GROUP_SETTINGS] = { "settings", "Its settings" },
	[GROUP_PRIVILEGES] = { "privileges", "Privileges" },
	[GROUP_WATCHING] = { "watching", "Watching" },
	[GROUP_PROCESS] = { "process", "Process" },
	[GROUP_PROGRAM] = { "program", "Program" },
	[GROUP_TLS] = { "tls", "TLS" },
	[GROUP_FILES] = { "files", "Open files and mappings" },
	[GROUP_BLIND] = { "ways", "Ways past beartrap on this machine" },
};

/* --- findings ----------------------------------------------------------------------------------- */

static void put(struct doctor *d, struct finding f, const char *fmt, va_list ap)
{
	if (d->n == FINDINGS_MAX) {
		d->v[d->n - 1].state = FINDING_UNKNOWN;
		return;
	}
	if (d->n == FINDINGS_MAX - 1) {
		fmt = "and more, which is left out here%s";
		f.state = FINDING_UNKNOWN;
		f.mend = NULL;
	}
	if (vasprintf(&f.text, fmt, ap) < 0) {
		d->err = -ENOMEM;
		return;
	}
	d->v[d->n++] = f;
}

void doctor_add(struct doctor *d, enum finding_group group, enum finding_state state,
		const char *id, const char *mend, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	put(d, (struct finding){ .group = group, .state = state, .id = id, .mend = mend }, fmt, ap);
	va_end(ap);
}

void doctor_blind(struct doctor *d, enum finding_group group, const char *name, const char *fmt,
		  ...)
{
	const struct blind_spot *b = blind_spot_find(name);
	char *front = NULL;
	va_list ap;

	if (!b)
		return;
	va_start(ap, fmt);
	if (vasprintf(&front, fmt, ap) < 0)
		front = NULL;
	va_end(ap);
	if (front)
		doctor_add(d, group, FINDING_UNSEEN, b->name, b->mend, "%s: %s", front, b->means);
	else
		d->err = -ENOMEM;
	free(front);
}

enum finding_state doctor_worst(const struct doctor *d)
{
	enum finding_state worst = FINDING_OK;

	for (size_t i = 0; i < d->n; i++)
		if (d->v[i].state > worst)
			worst = d->v[i].state;
	return worst;
}

void doctor_release(struct doctor *d)
{
	d->capture = capture_leave(d->capture);
	for (size_t i = 0; i < d->n; i++)
		free(d->v[i].text);
	d->n = 0;
}

/* --- reports ------------------------------------------------------------------------------------ */

struct subject {
	pid_t pid;        /* 0: none */
	const char *file; /* NULL: none */
};

static int exit_status(const struct doctor *d)
{
	switch (doctor_worst(d)) {
	case FINDING_OK:
	case FINDING_NOTE:
		return EXIT_OK;
	case FINDING_FAILED:
		return EXIT_WATCH_FAILED;
	default:
		return EXIT_UNSEEN;
	}
}

static const char *const status_names[] = { "ok", "incomplete", "unusable" };

static const char *status_name(int status)
{
	return status_names[status == EXIT_OK ? 0 : status == EXIT_UNSEEN ? 1 : 2];
}

#define STATE_WIDTH 8

static void put_finding(struct buf *out, const struct finding *f)
{
	struct buf words = BUF_INIT(0);

	buf_add_str(&words, f->text);
	if (f->mend) {
		buf_add_str(&words, ". To mend it: ");
		buf_add_str(&words, f->mend);
	}
	buf_addf(out, "  %-*s ", STATE_WIDTH, state_names[f->state]);
	buf_add_wrapped(out, STATE_WIDTH + 3, STATE_WIDTH + 3, buf_span(&words));
	if (words.err)
		out->err = words.err;
	buf_release(&words);
}

/* The limits of the method, and what is counted when it happens. */
static void put_limits(struct buf *out)
{
	struct buf names = BUF_INIT(0);

	buf_add_str(out, "Named limits on every machine: they depend on the server "
			 "(`beartrap doctor BINARY`, `--pid N`)\n");
	for (const struct blind_spot *b = blind_spots; b->name; b++) {
		if (b->where != BLIND_PROGRAM)
			continue;
		buf_addf(out, "  %s\n%*s", b->name, STATE_WIDTH + 3, "");
		buf_add_wrapped(out, STATE_WIDTH + 3, STATE_WIDTH + 3, span_str(b->means));
		buf_addf(out, "%*s", STATE_WIDTH + 3, "");
		buf_add_str(out, "To mend it: ");
		buf_add_wrapped(out, STATE_WIDTH + 15, STATE_WIDTH + 3, span_str(b->mend));
	}
	buf_add_str(out, "Counted when it happens, and explained in the summary\n  ");
	for (const struct blind_spot *b = blind_spots; b->name; b++) {
		if (b->where == BLIND_AT_TIMES)
			buf_addf(&names, "%s%s", names.len ? ", " : "", b->name);
	}
	buf_add_wrapped(out, 2, 2, buf_span(&names));
	buf_release(&names);
}

static void put_verdict(struct buf *out, const struct doctor *d, const struct subject *s,
			int status)
{
	size_t n = 0;

	for (size_t i = 0; i < d->n; i++)
		n += d->v[i].state == FINDING_UNSEEN || d->v[i].state == FINDING_UNKNOWN;
	if (status == EXIT_WATCH_FAILED)
		buf_add_str(out, "Watching cannot work: see what failed above\n");
	else if (n)
		buf_addf(out, "%zu thing%s cannot be seen, or could not be found out: see above\n",
			 n, n == 1 ? "" : "s");
	else if (s->file)
		buf_add_str(out, "Nothing in the file stands in the way of seeing everything\n");
	else
		buf_addf(out, "Everything can be seen%s\n",
			 s->pid ? " of what it has now" : ", but for the named limits");
}

static void print_text(struct buf *out, const struct doctor *d, const struct subject *s, int status)
{
	struct utsname u = { 0 };

	uname(&u);
	buf_addf(out, "beartrap %s on %s %s %s\n", beartrap_version, u.sysname, u.release,
		 u.machine);
	for (unsigned int g = 0; g < FINDING_GROUPS; g++) {
		bool head = false;

		for (size_t i = 0; i < d->n; i++) {
			if (d->v[i].group != g)
				continue;
			if (!head)
				buf_addf(out, "%s\n", groups[g].title);
			head = true;
			put_finding(out, &d->v[i]);
		}
	}
	if (!s->pid && !s->file)
		put_limits(out);
	put_verdict(out, d, s, status);
}

static void put_blind_spots(struct jw *w)
{
	static const char *const where[] = {
		[BLIND_AT_TIMES] = "at-times",
		[BLIND_IO_URING] = "machine",
		[BLIND_COMPAT] = "machine",
		[BLIND_PROGRAM] = "program",
	};

	jw_array(w, "blind_spots");
	for (const struct blind_spot *b = blind_spots; b->name; b++) {
		jw_object(w, NULL);
		jw_str(w, "name", b->name);
		jw_str(w, "where", where[b->where]);
		jw_str(w, "means", b->means);
		jw_str(w, "mend", b->mend);
		jw_end_object(w);
	}
	jw_end_array(w);
}

static void print_json(struct buf *out, const struct doctor *d, const struct subject *s, int status)
{
	struct utsname u = { 0 };
	struct jw w;

	uname(&u);
	jw_init(&w, out);
	jw_object(&w, NULL);
	jw_str(&w, "schema", "beartrap.doctor/1");
	jw_str(&w, "version", beartrap_version);
	jw_str(&w, "kernel", u.release);
	jw_str(&w, "machine", u.machine);
	if (s->pid)
		jw_i64(&w, "pid", s->pid);
	if (s->file)
		jw_str(&w, "file", s->file);
	jw_str(&w, "status", status_name(status));
	if (d->capture)
		jw_str(&w, "backend", capture_describe(d->capture));
	jw_array(&w, "findings");
	for (size_t i = 0; i < d->n; i++) {
		jw_object(&w, NULL);
		jw_str(&w, "group", groups[d->v[i].group].name);
		jw_str(&w, "id", d->v[i].id);
		jw_str(&w, "state", state_names[d->v[i].state]);
		jw_str(&w, "text", d->v[i].text);
		if (d->v[i].mend)
			jw_str(&w, "mend", d->v[i].mend);
		jw_end_object(&w);
	}
	jw_end_array(&w);
	put_blind_spots(&w);
	jw_end_object(&w);
	buf_add_byte(out, '\n');
}

/* --- the command -------------------------------------------------------------------------------- */

static int examine(struct doctor *d, const struct subject *s, struct error *err)
{
	if (s->file)
		return doctor_file(d, s->file, err);
	if (!s->pid)
		doctor_host(d);
	doctor_watching(d);
	return s->pid ? doctor_pid(d, s->pid, err) : 0;
}

static int doctor(const struct log *log, const struct subject *s, bool json)
{
	struct doctor *d = calloc(1, sizeof(*d));
	struct buf out = BUF_INIT(0);
	struct error err = { 0 };
	int status = EXIT_WATCH_FAILED, rc = d ? 0 : -ENOMEM;

	if (!rc)
		rc = examine(d, s, &err);
	if (!rc) {
		status = exit_status(d);
		if (json)
			print_json(&out, d, s, status);
		else
			print_text(&out, d, s, status);
		rc = d->err ? d->err : out.err;
	}
	if (!rc)
		rc = fd_write_all(STDOUT_FILENO, out.p, out.len);
	if (rc) {
		if (!err.code)
			error_set(&err, rc, "doctor: %s", strerror(-rc));
		log_at(log, LOG_LEVEL_ERROR, "%s", err.text);
		status = EXIT_WATCH_FAILED;
	}
	buf_release(&out);
	if (d)
		doctor_release(d);
	free(d);
	return status;
}

static int parse_pid(const char *text, pid_t *ret, struct error *err)
{
	struct targets t = { 0 };
	int bad = targets_add(&t, TARGET_PID, text, err);

	*ret = t.v[0].pid;
	return bad;
}

static int run(const struct log *log, int argc, char **argv)
{
	static const struct option options[] = {
		{ "pid", required_argument, NULL, OPT_PID },
		{ "format", required_argument, NULL, OPT_FORMAT },
		{ "help", no_argument, NULL, OPT_HELP },
		{ 0 },
	};
	struct subject s = { 0 };
	struct error err = { 0 };
	bool json = false;
	int opt, bad = 0;

	while ((opt = options_next(argc, argv, options, &err)) != -1) {
		if (opt == OPT_HELP) {
			cmd_print_help(&cmd_doctor);
			return EXIT_OK;
		}
		if (opt == OPT_PID) {
			bad = parse_pid(optarg, &s.pid, &err);
		} else if (opt == OPT_FORMAT) {
			json = !strcmp(optarg, "json");
			bad = json || !strcmp(optarg, "text")
				      ? 0
				      : error_set(&err, -EINVAL, "--format takes text or json");
		} else {
			bad = 1;
		}
		if (bad)
			return usage_error(log, &cmd_doctor, &err);
	}
	if (optind < argc)
		s.file = argv[optind];
	if (argc - optind > 1)
		error_set(&err, -EINVAL, "give one program");
	else if (s.file && s.pid)
		error_set(&err, -EINVAL, "give a program or --pid, not both");
	else if (s.file && !*s.file)
		error_set(&err, -EINVAL, "an empty name is no program");
	if (err.code)
		return usage_error(log, &cmd_doctor, &err);
	return doctor(log, &s, json);
}

const struct cmd cmd_doctor = {
	.name = "doctor",
	.args = "[--pid N | BINARY] [--format text|json]",
	.brief = "what can be seen here, what cannot, and how to mend it",
	.help = help,
	.run = run,
};
