/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>
#include "base/secmem.h"
#include "cli/session.h"
#include "detect/prefilter.h"

/* Rounds of an empty ring, and their pause, before the last record of a dead process is taken as read. */
#define DRAIN_ROUNDS 3
#define DRAIN_PAUSE_MS 10
/* A record with which so many workers died, one after the other, is left out. */
#define SUSPECT_DEATHS 2
/* What the supervisor knows of a worker that dies is not older than this, in ns. */
#define CHECKPOINT_NS 250000000ull
/* A report's reader that does not read is waited for so long. */
#define REPORT_WAIT_MS 2000
/* A clock that was set by less than this, in ns, has only been adjusted. */
#define CLOCK_STEP_NS 500000000ll
/* How often the kernel's counters are read until they add up: a program may be amid a call. */
#define BALANCE_ROUNDS 50
#define BALANCE_PAUSE_MS 2
/*
 * After records came, the next ones are let gather for this long: a record that finds the ring empty wakes us, which
 * costs its writer more than all else; one that finds others does not. When there were many they come fast, and the
 * ring, 16 MiB, must not fill. In ns.
 */
#define GATHER_NS 3000000
#define GATHER_FAST_NS 1000000
#define GATHER_MANY 1000

uint64_t clock_now_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (uint64_t)ts.tv_sec * 1000000000ull + (uint64_t)ts.tv_nsec;
}

static bool same_mark(const struct record_mark *a, const struct record_mark *b)
{
	return a->time_ns == b->time_ns && a->tid == b->tid && a->len == b->len;
}

/* Bytes of a call that the record brings. */
static uint64_t payload(struct span record, const struct bt_hdr *hdr, bool *copied)
{
	struct bt_rec_data rec;

	*copied = false;
	if (hdr->kind != BT_REC_DATA || record.len < sizeof(rec))
		return 0;
	memcpy(&rec, record.p, sizeof(rec));
	*copied = event_call_seen((enum bt_call)rec.call) != NULL;
	return rec.data_len;
}

static int on_record(void *arg, struct span record)
{
	struct session *s = arg;
	struct life *life = s->life;
	struct bt_hdr hdr = { 0 };
	uint64_t bytes;
	bool copied;
	int err = 0;

	if (record.len >= sizeof(hdr))
		memcpy(&hdr, record.p, sizeof(hdr));
	life->at = (struct record_mark){ hdr.time_ns, hdr.tid, hdr.len };
	bytes = payload(record, &hdr, &copied);
	if (life->suspect_deaths >= SUSPECT_DEATHS && same_mark(&life->at, &life->suspect)) {
		life->unfinished += bytes;
		life->left_out++;
	} else {
		if (s->recording && !s->record_err)
			s->record_err = rec_writer_add(s->recording, record);
		err = engine_feed(s->engine, record);
	}
	life->fed += bytes;
	if (copied)
		life->copied += bytes;
	life->at.time_ns = 0;
	/* A bad record is counted and makes the verdict incomplete; the next ones still count. */
	return err == -EBADMSG ? 0 : err;
}

static void on_alert(void *arg, const struct alert *a)
{
	struct session *s = arg;

	/* The next checkpoint knows by itself. */
	s->life->totals.alerts++;
	s->life->totals.by_severity[a->severity]++;
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

/* What the kernel side looks for when it cannot send all. 0 or negative errno with `err`. */
static int match_anchors(struct session *s, struct error *err)
{
	__u64 *bitmap = calloc(BT_MATCH_WORDS, sizeof(*bitmap));

	if (!bitmap)
		return error_set(err, -ENOMEM, "out of memory");
	prefilter_anchors(s->stack.scanner, bitmap);
	/* A text may be amid a candidate of theirs. */
	for (size_t i = 0; i < s->n_old_rules; i++)
		prefilter_anchors(s->old_rules[i].scanner, bitmap);
	capture_match_anchors(s->capture, bitmap);
	free(bitmap);
	return 0;
}

static int match_open(struct session *s, struct error *err)
{
	s->match = calloc(BT_MATCH_WORDS, sizeof(*s->match));
	if (!s->match)
		return error_set(err, -ENOMEM, "out of memory");
	s->match_key = capture_match_key(s->capture);
	match_values(s);
	return match_anchors(s, err);
}

static struct life *life_new(void)
{
	void *p = mmap(NULL, sizeof(struct life), PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? NULL : p;
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

	s->life = life_new();
	if (!s->life)
		return error_set(err, -ENOMEM, "out of memory");
	ret = stack_open_rules(&s->stack, shared, err);
	if (ret)
		return ret;
	ret = outputs_open(shared, &s->outputs, err);
	if (ret)
		return ret;
	/* Meanwhile the kernel keeps what it can. */
	outputs_wait(s->outputs, REPORT_WAIT_MS);
	if (sigprocmask(SIG_BLOCK, signals, &s->old_mask))
		return error_set(err, -errno, "cannot block signals: %m");
	s->mask_saved = true;
	s->signal_fd = signalfd(-1, signals, SFD_CLOEXEC | SFD_NONBLOCK);
	if (s->signal_fd < 0)
		return error_set(err, -errno, "cannot make a signalfd: %m");
	return capture_open(&cap, &s->capture, err);
}

/* Counters and nothing else. */
static void add_totals(struct engine_totals *to, const struct engine_totals *from)
{
	uint64_t *a = (uint64_t *)to;
	const uint64_t *b = (const uint64_t *)from;

	_Static_assert(sizeof(*to) % sizeof(*a) == 0, "all of it");
	for (size_t i = 0; i < sizeof(*to) / sizeof(*a); i++)
		a[i] += b[i];
}

void session_bury(struct session *s)
{
	struct life *life = s->life;
	struct engine_totals *sum = &life->before;

	add_totals(sum, &life->totals);
	/* What it did after that is known as far as this. */
	sum->bytes_examined += life->fed - life->fed_then;
	life->unfinished += life->totals.bytes_held;
	sum->bytes_held = sum->processes_live = 0;
	memset(&life->totals, 0, sizeof(life->totals));
	life->fed_then = life->fed;
	life->deaths++;
	life->dead_from_ns = life->checkpoint_ns;
	if (life->at.time_ns) {
		life->suspect_deaths =
			same_mark(&life->at, &life->suspect) ? life->suspect_deaths + 1 : 1;
		life->suspect = life->at;
		life->at.time_ns = 0;
	}
}

static void checkpoint(struct session *s)
{
	struct life *life = s->life;
	uint64_t ns = clock_now_ns(CLOCK_BOOTTIME);

	if (ns - life->checkpoint_ns < CHECKPOINT_NS)
		return;
	engine_totals(s->engine, &life->totals);
	life->fed_then = life->fed;
	life->checkpoint_ns = ns;
	capture_moved(s->capture, &life->moved);
}

static uint64_t boot_offset(void)
{
	return clock_now_ns(CLOCK_REALTIME) - clock_now_ns(CLOCK_BOOTTIME);
}

/* Somebody may set the clock. */
static void follow_clock(struct session *s)
{
	uint64_t offset = boot_offset();
	int64_t step = (int64_t)(offset - s->boot_offset_ns);

	if (step > -CLOCK_STEP_NS && step < CLOCK_STEP_NS)
		return;
	session_note(s, "the clock was set by %lld s during the watch",
		     (long long)(step / 1000000000));
	s->boot_offset_ns = offset;
	engine_clock(s->engine, offset);
}

/* A worker died; this one has just taken over. */
static void count_gap(struct session *s)
{
	struct life *life = s->life;
	uint64_t moved;

	life->dead_until_ns = clock_now_ns(CLOCK_BOOTTIME);
	if (!capture_moved(s->capture, &moved) && moved > life->moved)
		life->dead_moved += moved - life->moved;
}

/* --- rules, loaded again ----------------------------------------------------------------------- */

/* Frees the old rules that nothing goes by any more. */
static void settle_rules(struct session *s)
{
	size_t kept = 0;

	for (size_t i = 0; i < s->n_old_rules; i++) {
		if (scanner_replace(s->old_rules[i].scanner, s->stack.scanner)) {
			s->old_rules[kept++] = s->old_rules[i];
			continue;
		}
		scanner_free(s->old_rules[i].scanner);
		ruleset_free(s->old_rules[i].rules);
	}
	s->n_old_rules = kept;
}

/* Findings by overrides that are there no more would go unsaid. */
static void note_overrides(struct session *s, const struct policy *next)
{
	struct engine_totals t;

	engine_totals(s->engine, &t);
	for (size_t i = 0; i < policy_overrides_len(s->stack.policy); i++) {
		const char *id = policy_override_id(s->stack.policy, i);
		uint64_t n = t.overridden[i] + s->life->before.overridden[i];

		if (n && policy_override_find(next, id) < 0)
			session_note(s,
				     "%llu findings fell under override %s (%s) before the policy "
				     "was loaded again without it",
				     (unsigned long long)n, id,
				     policy_override_reason(s->stack.policy, i));
	}
}

/* For all that is under way. */
static void use_rules(struct session *s, struct stack *next)
{
	note_overrides(s, next->policy);
	policy_carry_overrides(s->stack.policy, next->policy, s->life->before.overridden);
	engine_rules(s->engine, next->scanner, next->policy);
	s->old_rules[s->n_old_rules].rules = s->stack.rules;
	s->old_rules[s->n_old_rules++].scanner = s->stack.scanner;
	policy_free(s->stack.policy);
	s->stack.rules = next->rules;
	s->stack.scanner = next->scanner;
	s->stack.policy = next->policy;
	settle_rules(s);
	s->life->reloads++;
}

int session_reload(struct session *s)
{
	struct error err = { 0 };
	struct stack next;
	int ret = 0;

	if (s->n_old_rules == SESSION_MAX_OLD_RULES)
		ret = error_set(
			&err, -EAGAIN,
			"texts are still amid what earlier rules look for; try again later");
	if (!ret)
		ret = stack_open_rules(&next, s->shared, &err);
	if (ret) {
		log_at(s->log, LOG_LEVEL_ERROR,
		       "rules not loaded again, those from before stay in force: %s", err.text);
		return ret;
	}
	if (!s->engine) {
		stack_release(&s->stack);
		s->stack = next;
		return 0;
	}
	use_rules(s, &next);
	ret = match_anchors(s, &err);
	if (ret)
		log_at(s->log, LOG_LEVEL_ERROR, "the kernel side keeps the earlier rules: %s",
		       err.text);
	log_at(s->log, LOG_LEVEL_INFO, "rules and policy loaded again");
	return ret;
}

/* --- the worker -------------------------------------------------------------------------------- */

int session_start(struct session *s, uint32_t root_tgid, bool late, bool again, struct error *err)
{
	struct engine_config cfg = {
		.scanner = s->stack.scanner,
		.policy = s->stack.policy,
		.boot_offset_ns = boot_offset(),
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

	ret = stack_open_secrets(&s->stack, s->shared, err);
	if (ret)
		return ret;
	ret = capture_inherit(s->capture, again, err);
	if (ret)
		return ret;
	if (again)
		count_gap(s);
	cfg.values = s->stack.values;
	cfg.fingerprint = s->stack.fingerprint;
	s->boot_offset_ns = cfg.boot_offset_ns;
	ret = engine_new(&cfg, &s->engine);
	if (ret)
		error_set(err, ret, "out of memory for the engine");
	else
		ret = match_open(s, err);
	if (!ret && s->record_path) {
		memcpy(info.fingerprint_key, s->stack.fingerprint.key,
		       sizeof(info.fingerprint_key));
		ret = rec_writer_open(s->record_path, &info, &s->recording, err);
	}
	if (!ret)
		checkpoint(s);
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
	int n = capture_drain(s->capture);

	if (n > 0)
		capture_gather(s->capture, n > GATHER_MANY ? GATHER_FAST_NS : GATHER_NS);
	engine_tick(s->engine, clock_now_ns(CLOCK_BOOTTIME));
	match_values(s);
	if (s->n_old_rules)
		settle_rules(s);
	follow_clock(s);
	checkpoint(s);
	return n;
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

/* What a worker that died took with it. */
static void note_deaths(struct session *s, struct run_summary *sum)
{
	const struct life *life = s->life;
	char from[REPORT_TIME_LEN], until[REPORT_TIME_LEN];

	if (!life->deaths)
		return;
	sum->restarted = (struct bt_counter){ life->deaths, life->unfinished };
	memcpy(sum->earlier, life->before.by_severity, sizeof(sum->earlier));
	add_totals(&sum->totals, &life->before);
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
	for (i = 0; i < s->n_old_rules; i++) {
		scanner_free(s->old_rules[i].scanner);
		ruleset_free(s->old_rules[i].rules);
	}
	s->n_old_rules = 0;
	s->capture = capture_free(s->capture);
	if (s->signal_fd >= 0)
		close(s->signal_fd);
	s->signal_fd = -1;
	if (s->mask_saved)
		sigprocmask(SIG_SETMASK, &s->old_mask, NULL);
	s->mask_saved = false;
	for (i = 0; i < s->n_notes; i++)
		free(s->notes[i]);
	s->n_notes = 0;
	if (s->life)
		munmap(s->life, sizeof(*s->life));
	s->life = NULL;
}
