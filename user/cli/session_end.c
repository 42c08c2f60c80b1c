/* SPDX-License-Identifier: BSD-2-Clause */
/* The end of a watch: what is left is read, reconciled and reported. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <time.h>
#include "base/secmem.h"
#include "cli/session.h"

/* Rounds of an empty ring, and their pause, before the last record of a dead process is taken as read. */
#define DRAIN_ROUNDS 3
#define DRAIN_PAUSE_MS 10
/* How often the kernel's counters are read until they add up: a program may be amid a call. */
#define BALANCE_ROUNDS 50
#define BALANCE_PAUSE_MS 2

static void drain_rest(struct session *s)
{
	struct pollfd pfd = { .fd = capture_fd(s->capture), .events = POLLIN };
	int quiet = 0, n;

	while (quiet < DRAIN_ROUNDS) {
		n = session_drain(s);
		if (n < 0) {
			session_note(s, "the rings could not be read to their end: %s",
				     strerror(-n));
			return;
		}
		if (n > 0)
			quiet = 0;
		else if (++quiet < DRAIN_ROUNDS)
			poll(&pfd, 1, DRAIN_PAUSE_MS);
	}
}

static void on_stream(void *arg, const struct bt_stream_key *key, const struct bt_stream_val *val)
{
	struct session *s = arg;

	engine_stream_final(s->engine, &key->file, (enum bt_dir)key->dir, val->pos, val->matched);
}

static void finish_recording(struct session *s, const struct run_summary *sum)
{
	struct rec_totals totals;
	struct error err = { 0 };

	if (!s->recording)
		return;
	memcpy(totals.loss, sum->loss, sizeof(totals.loss));
	memcpy(totals.seen, sum->seen, sizeof(totals.seen));
	if (s->record_err) {
		rec_writer_abort(s->recording);
		log_at(s->log, LOG_LEVEL_ERROR, "%s: recording given up: %s", s->record_path,
		       strerror(-s->record_err));
	} else if (rec_writer_close(s->recording, &totals, &err)) {
		s->record_err = err.code;
		log_at(s->log, LOG_LEVEL_ERROR, "%s", err.text);
	}
	s->recording = NULL;
}

/* Who talked TLS that could not be looked into, and why. */
static void note_sealed(void *arg, const struct engine_tls *use)
{
	struct session *s = arg;

	if (use->sealed && !use->plain)
		session_note(s, "TLS of %s (process %u) was not looked into, %llu bytes: %s",
			     use->comm, use->tgid, (unsigned long long)use->sealed,
			     capture_tls_state(s->capture, use->tgid));
}

/* What a worker that died took with it. */
static void note_deaths(struct session *s, struct run_summary *sum)
{
	const struct life *life = s->life;
	char from[REPORT_TIME_LEN], until[REPORT_TIME_LEN];

	if (!life->deaths)
		return;
	sum->restarted = (struct bt_counter){ life->deaths, life->unfinished };
	memcpy(sum->earlier, life->before.by_severity, sizeof(sum->earlier));
	session_add_totals(&sum->totals, &life->before);
	session_note(s,
		     "the process that watches died, %llu times, and another one went on: values "
		     "learnt and texts begun before %s were gone at %s; %llu bytes that were moved "
		     "meanwhile waited in the kernel's rings or were matched there",
		     (unsigned long long)life->deaths,
		     report_time(life->dead_from_ns + s->boot_offset_ns, from),
		     report_time(life->dead_until_ns + s->boot_offset_ns, until),
		     (unsigned long long)life->dead_moved);
	if (life->left_out)
		session_note(s, "%u records with which it died twice were left out",
			     life->left_out);
}

/* Nothing is watched any more, but a program may still be amid a call. */
static void read_counters(struct session *s, struct run_summary *sum)
{
	struct run_balance b;

	for (int i = 0; i < BALANCE_ROUNDS; i++) {
		if (capture_counters(s->capture, sum->loss, sum->seen)) {
			session_note(s, "the loss counters could not be read");
			return;
		}
		run_summary_balance(sum, &b);
		if (b.moved == b.accounted)
			return;
		poll(NULL, 0, BALANCE_PAUSE_MS);
	}
}

/* Payload that the programs sent and no engine was given. */
static uint64_t count_unread(const struct session *s, const struct run_summary *sum)
{
	uint64_t sent = sum->seen[BT_SEEN_SENT_BULK].bytes + sum->seen[BT_SEEN_SENT_WINDOW].bytes;
	uint64_t got = s->life->fed - s->life->copied;

	return sent > got ? sent - got : 0;
}

/* By which way bytes were had that went past the process. */
static void note_copied(struct session *s)
{
	const struct capture_copied n = capture_copied(s->capture);

	if (n.source)
		session_note(s,
			     "%llu bytes that sendfile, splice or copy_file_range moved were read "
			     "afterwards, in the file that they came from",
			     (unsigned long long)n.source);
	if (n.pipe)
		session_note(s,
			     "%llu bytes that splice or tee moved are known from what was written "
			     "to the pipe that they came out of",
			     (unsigned long long)n.pipe);
	if (n.target)
		session_note(s,
			     "%llu bytes that splice moved were read afterwards, in the file that "
			     "they went to",
			     (unsigned long long)n.target);
}

int session_finish(struct session *s, const char *command, const char *target, int clean)
{
	struct run_summary sum = { .command = command, .target = target };
	struct alert_list list = { 0 };
	int status, ret;

	ret = capture_unwatch_all(s->capture);
	if (ret)
		session_note(s, "the watch could not be ended: %s", strerror(-ret));
	drain_rest(s);
	if (capture_last_look(s->capture) < 0)
		session_note(s, "mapped files could not be looked at to the end");
	if (capture_streams(s->capture, on_stream, s))
		session_note(s, "the kernel's stream positions could not be read");
	read_counters(s, &sum);
	engine_finish(s->engine);
	engine_totals(s->engine, &sum.totals);
	engine_walk_tls(s->engine, note_sealed, s);
	if (secmem_unlocked())
		session_note(
			s,
			"up to %zu bytes of payload were held in memory that could not be locked",
			secmem_unlocked());
	note_copied(s);
	if (s->life->mapped || capture_mappings(s->capture))
		session_note(
			s,
			"files in shared mappings were read when something happened to them and "
			"now and then, %llu bytes were new; what is overwritten in between is "
			"not seen",
			(unsigned long long)s->life->mapped);
	if (s->life->reloads)
		session_note(s, "rules and policy were loaded again, %u times", s->life->reloads);
	note_deaths(s, &sum);
	sum.unread_bytes = count_unread(s, &sum);
	sum.started_ns = s->started_ns;
	sum.ended_ns = clock_now_ns(CLOCK_REALTIME);
	sum.notes = (const char *const *)s->notes;
	sum.not_looked = sum.totals.records == 0;
	engine_walk_alerts(s->engine, alert_list_add, &list);
	finish_recording(s, &sum);
	status = outputs_conclude(s->outputs, s->log, s->shared, s->stack.policy, &list, &sum,
				  clean);
	return s->record_err ? EXIT_WATCH_FAILED : status;
}
