/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>
#include "base/secmem.h"
#include "cli/session.h"
#include "detect/prefilter.h"

/* Rounds of an empty ring, and their pause, before the last record of a dead process is taken as read. */
#define DRAIN_ROUNDS 3
#define DRAIN_PAUSE_MS 10
/*
 * After records came, the next ones are let gather for this long: a record that finds the ring empty wakes us, which
 * costs its writer more than all else; one that finds others does not. In ns.
 */
#define GATHER_NS 1000000

uint64_t clock_now_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (uint64_t)ts.tv_sec * 1000000000ull + (uint64_t)ts.tv_nsec;
}

static int on_record(void *arg, struct span record)
{
	struct session *s = arg;
	int err;

	if (s->recording && !s->record_err)
		s->record_err = rec_writer_add(s->recording, record);
	err = engine_feed(s->engine, record);
	/* A bad record is counted and makes the verdict incomplete; the next ones still count. */
	return err == -EBADMSG ? 0 : err;
}

static void on_alert(void *arg, const struct alert *a)
{
	struct session *s = arg;

	outputs_alert(s->outputs, s->stack.policy, a);
}

static void on_debug(void *arg, const char *line)
{
	const struct session *s = arg;

	log_at(s->log, LOG_LEVEL_INFO, "%s", line);
}

/* Tells the kernel side which values are known by now. */
static void match_values(struct session *s)
{
	if (prefilter_values(s->stack.values, &s->match_key, s->match, &s->match_gen))
		capture_match_values(s->capture, s->match);
}

/* What the kernel side looks for when it cannot send all. */
static int match_open(struct session *s, struct error *err)
{
	s->match = calloc(BT_MATCH_WORDS, sizeof(*s->match));
	if (!s->match)
		return error_set(err, -ENOMEM, "out of memory");
	s->match_key = capture_match_key(s->capture);
	prefilter_anchors(s->stack.scanner, s->match);
	capture_match_anchors(s->capture, s->match);
	match_values(s);
	return 0;
}

int session_open(struct session *s, const struct log *log, const struct shared *shared,
		 const char *record, const sigset_t *signals, struct error *err)
{
	struct capture_config cap = {
		.record = on_record,
		.debug = shared->debug ? on_debug : NULL,
		.arg = s,
	};
	int ret;

	memset(s, 0, sizeof(*s));
	s->log = log;
	s->shared = shared;
	s->signal_fd = -1;
	s->record_path = record;
	s->started_ns = clock_now_ns(CLOCK_REALTIME);

	ret = stack_open(&s->stack, shared, err);
	if (ret)
		return ret;
	ret = outputs_open(shared, &s->outputs, err);
	if (ret)
		return ret;
	if (sigprocmask(SIG_BLOCK, signals, &s->old_mask))
		return error_set(err, -errno, "cannot block signals: %m");
	s->mask_saved = true;
	s->signal_fd = signalfd(-1, signals, SFD_CLOEXEC | SFD_NONBLOCK);
	if (s->signal_fd < 0)
		return error_set(err, -errno, "cannot make a signalfd: %m");
	ret = capture_open(&cap, &s->capture, err);
	return ret ? ret : match_open(s, err);
}

int session_start(struct session *s, uint32_t root_tgid, bool late, struct error *err)
{
	struct engine_config cfg = {
		.scanner = s->stack.scanner,
		.policy = s->stack.policy,
		.values = s->stack.values,
		.fingerprint = s->stack.fingerprint,
		.boot_offset_ns = clock_now_ns(CLOCK_REALTIME) - clock_now_ns(CLOCK_BOOTTIME),
		.root_tgid = root_tgid,
		.late = late,
		.alert = on_alert,
		.arg = s,
	};
	struct rec_info info = {
		.boot_offset_ns = cfg.boot_offset_ns,
		.root_tgid = root_tgid,
		.late = late,
	};
	int ret;

	ret = engine_new(&cfg, &s->engine);
	if (ret)
		error_set(err, ret, "out of memory for the engine");
	if (!ret && s->record_path) {
		memcpy(info.fingerprint_key, s->stack.fingerprint.key,
		       sizeof(info.fingerprint_key));
		ret = rec_writer_open(s->record_path, &info, &s->recording, err);
	}
	wipe(&info, sizeof(info));
	wipe(&cfg.fingerprint, sizeof(cfg.fingerprint));
	return ret;
}

void session_note(struct session *s, const char *fmt, ...)
{
	va_list ap;

	if (s->n_notes == SESSION_MAX_NOTES)
		return;
	va_start(ap, fmt);
	if (vasprintf(&s->notes[s->n_notes], fmt, ap) < 0)
		s->notes[s->n_notes] = NULL;
	else
		s->n_notes++;
	va_end(ap);
}

int session_drain(struct session *s)
{
	static const struct timespec gather = { .tv_nsec = GATHER_NS };
	int n = capture_drain(s->capture);

	if (n > 0)
		nanosleep(&gather, NULL);
	engine_tick(s->engine, clock_now_ns(CLOCK_BOOTTIME));
	match_values(s);
	return n;
}

int session_timeout_ms(const struct session *s)
{
	int engine = engine_timeout_ms(s->engine), capture = capture_timeout_ms(s->capture);

	if (engine < 0 || capture < 0)
		return engine < 0 ? capture : engine;
	return engine < capture ? engine : capture;
}

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

int session_finish(struct session *s, const char *command, const char *target, int clean)
{
	struct run_summary sum = { .command = command, .target = target };
	struct alert_list list = { 0 };
	uint64_t mapped;
	int status;

	drain_rest(s);
	if (capture_last_look(s->capture) < 0)
		session_note(s, "mapped files could not be looked at to the end");
	if (capture_streams(s->capture, on_stream, s))
		session_note(s, "the kernel's stream positions could not be read");
	if (capture_counters(s->capture, sum.loss, sum.seen))
		session_note(s, "the loss counters could not be read");
	engine_finish(s->engine);
	engine_totals(s->engine, &sum.totals);
	engine_walk_tls(s->engine, note_sealed, s);
	if (secmem_unlocked())
		session_note(
			s,
			"up to %zu bytes of payload were held in memory that could not be locked",
			secmem_unlocked());
	if (capture_copied(s->capture))
		session_note(s,
			     "%llu bytes that sendfile, splice or copy_file_range moved were read "
			     "afterwards, in the file that they came from",
			     (unsigned long long)capture_copied(s->capture));
	if (capture_mappings(s->capture, &mapped))
		session_note(
			s,
			"files in shared mappings were read when something happened to them and "
			"now and then, %llu bytes were new; what is overwritten in between is "
			"not seen",
			(unsigned long long)mapped);
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

void session_release(struct session *s)
{
	size_t i;

	rec_writer_abort(s->recording);
	s->recording = NULL;
	if (s->match)
		wipe(s->match, BT_MATCH_WORDS * sizeof(*s->match));
	free(s->match);
	s->match = NULL;
	wipe(&s->match_key, sizeof(s->match_key));
	s->outputs = outputs_free(s->outputs);
	s->engine = engine_free(s->engine);
	stack_release(&s->stack);
	/* After all that is secret. */
	s->capture = capture_leave(s->capture);
	if (s->signal_fd >= 0)
		close(s->signal_fd);
	s->signal_fd = -1;
	if (s->mask_saved)
		sigprocmask(SIG_SETMASK, &s->old_mask, NULL);
	s->mask_saved = false;
	for (i = 0; i < s->n_notes; i++)
		free(s->notes[i]);
	s->n_notes = 0;
}
