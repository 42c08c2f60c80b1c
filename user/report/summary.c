/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdio.h>
#include <time.h>

#include "event/event.h"
#include "report/formats.h"

static void add_loss(struct run_loss *ret, size_t *n, const char *cause, uint64_t events,
		     uint64_t bytes)
{
	if (events || bytes)
		ret[(*n)++] = (struct run_loss){ cause, events, bytes };
}

size_t run_summary_losses(const struct run_summary *s, struct run_loss ret[RUN_LOSS_MAX])
{
	const struct engine_totals *t = &s->totals;
	size_t n = 0;

	for (unsigned int i = 0; i < BT_LOSS_MAX; i++)
		add_loss(ret, &n, event_loss_name((enum bt_loss)i), s->loss[i].events,
			 s->loss[i].bytes);
	add_loss(ret, &n, "gap", 0, t->bytes_missing);
	add_loss(ret, &n, "args-gap", 0, t->bytes_missing_args);
	add_loss(ret, &n, "unscanned", 0, t->bytes_unscanned);
	add_loss(ret, &n, "bad-record", t->bad_records, 0);
	add_loss(ret, &n, "stream-evicted", t->streams_evicted, 0);
	return n;
}

bool run_summary_complete(const struct run_summary *s)
{
	struct run_loss losses[RUN_LOSS_MAX];

	return !s->not_looked && !run_summary_losses(s, losses);
}

static uint64_t larger(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

uint64_t run_summary_lost_bytes(const struct run_summary *s)
{
	const struct engine_totals *t = &s->totals;
	uint64_t streams = 0, past = 0;

	for (unsigned int i = 0; i < BT_LOSS_MAX; i++) {
		/* Bytes that went past the probes leave no gap in a stream. */
		if (i >= BT_LOSS_SENDFILE)
			past += s->loss[i].bytes;
		/* A cut path is a place not fully known, no payload. */
		else if (i != BT_LOSS_ARGS && i != BT_LOSS_PATH)
			streams += s->loss[i].bytes;
	}
	return larger(streams, t->bytes_missing) + past +
	       larger(s->loss[BT_LOSS_ARGS].bytes, t->bytes_missing_args) + t->bytes_unscanned;
}

const char *run_summary_verdict(const struct run_summary *s, size_t n_alerts)
{
	if (n_alerts)
		return "findings";
	return run_summary_complete(s) ? "clean" : "incomplete";
}

bool report_is_part(const struct redacted *s)
{
	return s->whole_len && s->part_len < s->whole_len;
}

void report_count(const struct alert *const *alerts, size_t n, uint64_t by_severity[SEV_MAX])
{
	memset(by_severity, 0, SEV_MAX * sizeof(*by_severity));
	for (size_t i = 0; i < n; i++)
		by_severity[alerts[i]->severity]++;
}

const char *report_time(uint64_t ns, char out[REPORT_TIME_LEN])
{
	time_t sec = (time_t)(ns / 1000000000u);
	struct tm tm = { 0 };
	size_t n;

	gmtime_r(&sec, &tm);
	n = strftime(out, REPORT_TIME_LEN, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(out + n, REPORT_TIME_LEN - n, ".%06uZ", (unsigned int)(ns % 1000000000u / 1000));
	return out;
}
