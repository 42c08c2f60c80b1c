/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reports: each format is one file and one row in report/table.c. A report is told each new alert as it comes and the whole at
 * the end. To a file: `streaming` formats append line by line (each line written whole); others appear whole or not at
 * all. No report sees anything but alerts and totals, and neither can hold a secret.
 */
#ifndef BT_REPORT_REPORT_H
#define BT_REPORT_REPORT_H

#include "alert/policy.h"
#include "base/buf.h"
#include "engine/engine.h"

/* How the watch went; everything a report says beside the alerts. */
struct run_summary {
	const char *command; /* "run", "scan", ... */
	const char *target;  /* what was watched, in words; printable */
	struct engine_totals totals;
	struct bt_counter loss[BT_LOSS_MAX];
	struct bt_counter seen[BT_SEEN_MAX];
	uint64_t started_ns, ended_ns; /* CLOCK_REALTIME */
	const char *const *notes;      /* coverage notes, NULL-terminated, or NULL */
	/*
	 * Of processes that watched before, and died: their findings (totals have them), how many they were, and bytes that
	 * they left unfinished.
	 */
	uint64_t earlier[SEV_MAX];
	struct bt_counter restarted;
	uint64_t unread_bytes; /* that the kernel side sent and that did not arrive */
	bool not_looked;       /* nothing was examined at all although something ran */
};

/* One reason why something was not examined. */
struct run_loss {
	const char *
		cause; /* event_loss_name(), "gap", "args-gap", "unscanned", "bad-record", "stream-evicted", "restart",
			  "unread", "unaccounted" */
	uint64_t events, bytes;
};
#define RUN_LOSS_MAX (BT_LOSS_MAX + 8)

/*
 * What the kernel side counted, which has to add up: calls moved so many bytes, and these are where they went. Zeros when
 * nothing was watched (scan).
 */
struct run_balance {
	uint64_t moved;
	uint64_t whole;   /* sent up whole, or as windows round a hit */
	uint64_t matched; /* examined in the kernel */
	uint64_t copied;  /* told of, to be read in the file that they came from */
	uint64_t skipped; /* carry no secrets to anybody */
	uint64_t lost;
	uint64_t accounted; /* all of these; should be `moved` */
};
void run_summary_balance(const struct run_summary *s, struct run_balance *ret);

/* The reasons that occurred; returns how many. */
size_t run_summary_losses(const struct run_summary *s, struct run_loss ret[RUN_LOSS_MAX]);
/*
 * True when every byte was examined: no loss of any cause, no gap, no bad record, no stream given up for lack of room, and
 * something was looked at. TLS records (bytes_encrypted) are what they are, not a loss; reports name them.
 */
bool run_summary_complete(const struct run_summary *s);
/*
 * Bytes known to be unexamined, of all causes. What the kernel side lost shows again as a gap in its stream, so of
 * these two the larger counts, and likewise for argv and environments.
 */
uint64_t run_summary_lost_bytes(const struct run_summary *s);

struct report_format {
	const char *name; /* "jsonl" */
	const char *help; /* one line */
	bool streaming;
	/* Text for one alert, appended to `out` (streaming formats), or NULL. */
	int (*alert)(const struct policy *p, const struct alert *a, struct buf *out);
	/* Text for the end: alerts[0..n) in order of first sight, with counts. */
	int (*finish)(const struct policy *p, const struct alert *const *alerts, size_t n,
		      const struct run_summary *s, struct buf *out);
	/* The same format for a terminal that takes colours, or NULL. */
	const struct report_format *color;
};

extern const struct report_format report_formats[]; /* ends with name == NULL */
const struct report_format *report_format_find(struct span name);

#define REPORT_TIME_LEN 32
/* "2026-01-31T23:59:59.000000Z"; returns `out`. */
const char *report_time(uint64_t ns, char out[REPORT_TIME_LEN]);

/* An opened --output FORMAT[:FILE]. */
struct report;
/*
 * `spec` as typed; without FILE, or with "-", the report goes to `default_fd` (not closed). Opens the file at once, so an
 * unwritable one fails before anything is watched: mode 0600 when new, never through a symbolic link. -EINVAL for a
 * format that is not known.
 */
int report_open(const char *spec, int default_fd, struct report **ret, struct error *err);
/* Who reads it is waited for no longer than this; then nothing more is written. 0, as it begins: for ever. */
void report_wait(struct report *r, int ms);
int report_alert(struct report *r, const struct policy *p, const struct alert *a);
/* Writes the end and closes. 0, or the first write error of its whole life with `err` filled. */
int report_finish(struct report *r, const struct policy *p, const struct alert *const *alerts,
		  size_t n, const struct run_summary *s, struct error *err);
void report_abort(struct report *r); /* accepts NULL; leaves no half-written file */

#endif /* BT_REPORT_REPORT_H */
