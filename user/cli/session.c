/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>
#include "base/secmem.h"
#include "cli/session.h"
#include "detect/prefilter.h"

/* A record with which so many workers died, one after the other, is left out. */
#define SUSPECT_DEATHS 2
/* What the supervisor knows of a worker that dies is not older than this, in ns. */
#define CHECKPOINT_NS 250000000ull
/* A report's reader that does not read is waited for so long. */
#define REPORT_WAIT_MS 2000
/* A clock that was set by less than this, in ns, has only been adjusted. */
#define CLOCK_STEP_NS 500000000ll
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
static uint64_t payload(struct span record, const struct bt_hdr *hdr, bool *copied, bool *mapped)
{
	struct bt_rec_data rec;

	*copied = *mapped = false;
	if (hdr->kind != BT_REC_DATA || record.len < sizeof(rec))
		return 0;
	memcpy(&rec, record.p, sizeof(rec));
	*copied = event_call_seen((enum bt_call)rec.call) != NULL;
	*mapped = rec.call == BT_CALL_MMAP;
	return rec.data_len;
}

static int on_record(void *arg, struct span record)
{
	struct session *s = arg;
	struct life *life = s->life;
	struct bt_hdr hdr = { 0 };
	uint64_t bytes;
	bool copied, mapped;
	int err = 0;

	if (record.len >= sizeof(hdr))
		memcpy(&hdr, record.p, sizeof(hdr));
	life->at = (struct record_mark){ hdr.time_ns, hdr.tid, hdr.len };
	bytes = payload(record, &hdr, &copied, &mapped);
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
	if (mapped)
		life->mapped += bytes;
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

static int match_open(struct session *s, struct error *err)
{
	s->match = calloc(BT_MATCH_WORDS, sizeof(*s->match));
	if (!s->match)
		return error_set(err, -ENOMEM, "out of memory");
	s->match_key = capture_match_key(s->capture);
	match_values(s);
	return session_match_anchors(s, err);
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

void session_add_totals(struct engine_totals *to, const struct engine_totals *from)
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

	session_add_totals(sum, &life->totals);
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
		session_settle_rules(s);
	follow_clock(s);
	checkpoint(s);
	return n;
}

int session_timeout_ms(const struct session *s)
{
	int engine = engine_timeout_ms(s->engine), capture = capture_timeout_ms(s->capture);

	if (engine < 0 || capture < 0)
		return engine < 0 ? capture : engine;
	return engine < capture ? engine : capture;
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
