/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fileio.h"
#include "report/formats.h"

struct report {
	const struct report_format *format;
	char *name; /* of the file, for messages */
	int fd;     /* of a streaming report, or the default; -1 with `file` */
	bool own_fd;
	int wait_ms; /* report_wait() */
	bool whole;  /* `file` is in use: the report appears at the end */
	struct atomic_file file;
	struct buf text; /* of one alert; the memory is kept */
	int first_error;
	uint64_t untold; /* alerts that were not written */
};

static int unknown_format(struct span name, struct error *err)
{
	struct buf known = BUF_INIT(0);

	for (const struct report_format *f = report_formats; f->name; f++)
		buf_addf(&known, "%s%s", known.len ? ", " : "", f->name);
	error_set(err, -EINVAL, "output format \"%.*s\" is not known; use one of: %s",
		  name.len < 40 ? (int)name.len : 40, name.p, known.p ? known.p : "");
	buf_release(&known);
	return -EINVAL;
}

/* Only once it is known what the path leads to is anything cut: a link or a directory is refused first. */
static int open_stream(struct report *r, const char *path, struct error *err)
{
	struct stat st;

	r->fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY, 0600);
	if (r->fd < 0)
		return error_set(err, -errno, "cannot write %s: %s%s", path, strerror(errno),
				 errno == ELOOP ? " (a report is not written through a link)" : "");
	r->own_fd = true;
	if (fstat(r->fd, &st) || (S_ISREG(st.st_mode) && ftruncate(r->fd, 0)))
		return error_set(err, -errno, "cannot write %s: %s", path, strerror(errno));
	return 0;
}

static bool takes_colors(int fd)
{
	const char *no_color = getenv("NO_COLOR");

	return isatty(fd) && !(no_color && no_color[0]);
}

int report_open_as(const struct report_format *format, const char *path, int default_fd,
		   struct report **ret, struct error *err)
{
	struct report *r = calloc(1, sizeof(*r));
	int rc = 0;

	if (!r)
		return error_set(err, -ENOMEM, "out of memory");
	if (path && !strcmp(path, "-"))
		path = NULL;
	r->text = (struct buf)BUF_INIT(REPORT_MAX_TEXT);
	r->fd = -1;
	r->name = strdup(path ? path : "the report");
	if (!r->name) {
		rc = error_set(err, -ENOMEM, "out of memory");
	} else if (!path) {
		r->fd = default_fd;
	} else if (format->streaming) {
		rc = open_stream(r, path, err);
	} else {
		rc = atomic_file_open(&r->file, path, 0600, err);
		r->whole = !rc;
	}
	if (rc) {
		report_abort(r);
		return rc;
	}
	if (format->color && takes_colors(r->fd))
		format = format->color;
	r->format = format;
	*ret = r;
	return 0;
}

int report_open(const char *spec, int default_fd, struct report **ret, struct error *err)
{
	struct span s = span_str(spec), name;
	size_t colon = span_find_byte(s, ':');
	const struct report_format *format;

	name = span_sub(s, 0, colon);
	format = report_format_find(name);
	if (!format)
		return unknown_format(name, err);
	if (colon == SIZE_MAX)
		return report_open_as(format, NULL, default_fd, ret, err);
	if (!spec[colon + 1])
		return error_set(err, -EINVAL,
				 "output \"%.60s\" names no file; leave out the colon or add one",
				 spec);
	return report_open_as(format, spec + colon + 1, default_fd, ret, err);
}

void report_wait(struct report *r, int ms)
{
	r->wait_ms = ms;
}

static void remember(struct report *r, int rc)
{
	if (rc && !r->first_error)
		r->first_error = rc;
}

/* One write for one text: whoever reads along never sees half a line between two. */
static int write_text(struct report *r)
{
	int fd = r->whole ? r->file.fd : r->fd, rc = r->text.err;

	/* Behind half a line nothing is worth writing, and a reader that stopped is waited for once. */
	if (!rc && !r->first_error)
		rc = r->wait_ms ? fd_write_within(fd, r->text.p, r->text.len, r->wait_ms)
				: fd_write_all(fd, r->text.p, r->text.len);
	remember(r, rc);
	buf_clear(&r->text);
	return r->first_error;
}

int report_alert(struct report *r, const struct policy *p, const struct alert *a)
{
	int rc;

	if (!r->format->alert)
		return 0;
	r->format->alert(p, a, &r->text);
	rc = write_text(r);
	r->untold += rc != 0;
	return rc;
}

int report_finish(struct report *r, const struct policy *p, const struct alert *const *alerts,
		  size_t n, const struct run_summary *s, struct error *err)
{
	int rc;

	r->format->finish(p, alerts, n, s, &r->text);
	write_text(r);
	rc = r->first_error;
	if (rc)
		error_set(err, rc,
			  "%s could not be written whole: %s; %" PRIu64
			  " alerts and the summary are not in it",
			  r->name, rc == -ETIMEDOUT ? "its reader does not read" : strerror(-rc),
			  r->untold);
	if (!rc && r->whole)
		rc = atomic_file_commit(&r->file, err);
	if (r->own_fd && close(r->fd) && !rc)
		rc = error_set(err, -errno, "%s could not be written whole: %s", r->name,
			       strerror(errno));
	r->own_fd = false;
	report_abort(r);
	return rc;
}

void report_abort(struct report *r)
{
	if (!r)
		return;
	atomic_file_abort(&r->file);
	if (r->own_fd)
		close(r->fd);
	buf_release(&r->text);
	free(r->name);
	free(r);
}
