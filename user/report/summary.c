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

/* Causes whose bytes calls had moved; the others' were seen in no call, or are no payload. */
static const enum bt_loss of_calls[] = { BT_LOSS_RING_WINDOW, BT_LOSS_FAULT, BT_LOSS_FD_GONE,
					 BT_LOSS_MAP_STREAM,  BT_LOSS_IOV,   BT_LOSS_MOVED,
					 BT_LOSS_HELPER };

void run_summary_balance(const struct run_summary *s, struct run_balance *ret)
{
	*ret = (struct run_balance){
		.moved = s->seen[BT_SEEN_CALLS].bytes,
		.whole = s->seen[BT_SEEN_SENT_BULK].bytes + s->seen[BT_SEEN_SENT_WINDOW].bytes,
		.matched = s->seen[BT_SEEN_MATCHED].bytes,
		.copied = s->seen[BT_SEEN_COPIED].bytes - s->loss[BT_LOSS_MOVED].bytes,
		.skipped = s->seen[BT_SEEN_SKIPPED].bytes,
	};
	for (size_t i = 0; i < sizeof(of_calls) / sizeof(*of_calls); i++)
		ret->lost += s->loss[of_calls[i]].bytes;
	ret->accounted = ret->whole + ret->matched + ret->copied + ret->skipped + ret->lost;
}

static uint64_t unaccounted(const struct run_summary *s)
{
	struct run_balance b;

	run_summary_balance(s, &b);
	if (!b.moved)
		return 0;
	return b.moved > b.accounted ? b.moved - b.accounted : b.accounted - b.moved;
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
	add_loss(ret, &n, "restart", s->restarted.events, s->restarted.bytes);
	add_loss(ret, &n, "unread", 0, s->unread_bytes);
	add_loss(ret, &n, "unaccounted", 0, unaccounted(s));
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
	       larger(s->loss[BT_LOSS_ARGS].bytes, t->bytes_missing_args) + t->bytes_unscanned +
	       s->restarted.bytes + s->unread_bytes + unaccounted(s);
}

const char *run_summary_verdict(const struct run_summary *s, uint64_t findings)
{
	if (findings)
		return "findings";
	return run_summary_complete(s) ? "clean" : "incomplete";
}

bool report_is_part(const struct redacted *s)
{
	return s->whole_len && s->part_len < s->whole_len;
}

uint64_t report_count(const struct alert *const *alerts, size_t n, const struct run_summary *s,
		      uint64_t by_severity[SEV_MAX])
{
	uint64_t all = n;

	memcpy(by_severity, s->earlier, SEV_MAX * sizeof(*by_severity));
	for (size_t i = 0; i < SEV_MAX; i++)
		all += s->earlier[i];
	for (size_t i = 0; i < n; i++)
		by_severity[alerts[i]->severity]++;
	return all;
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
