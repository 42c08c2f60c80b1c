/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A live watch, shared by `run` and `attach`: capture into engine, recording, reports, the end. It is split over two
 * processes (supervise.h): session_open() and session_release() are the supervisor's, all else is the worker's.
 */
#ifndef BT_CLI_SESSION_H
#define BT_CLI_SESSION_H

#include <signal.h>
#include "capture/capture.h"
#include "cli/outputs.h"
#include "engine/engine.h"
#include "event/recording.h"

#define SESSION_MAX_NOTES 16
/* Rules that were replaced while a text was amid a candidate of theirs, at most. */
#define SESSION_MAX_OLD_RULES 4

/* One record, told from others. */
struct record_mark {
	uint64_t time_ns;
	uint32_t tid, len;
};

/*
 * What outlives a worker, in memory that it shares with its supervisor: numbers only, nothing secret.
 */
struct life {
	struct engine_totals totals; /* of the worker that lives, as of its checkpoint */
	struct engine_totals before; /* of those that died, added up */
	uint64_t checkpoint_ns;      /* CLOCK_BOOTTIME, as all times here */
	uint64_t moved;              /* bytes that the kernel had seen moved at the checkpoint */
	uint64_t fed, fed_then; /* payload bytes given to an engine: so far, at the checkpoint */
	uint64_t copied;        /* of `fed`: read in files afterwards */
	uint64_t mapped;        /* and of these: stored through shared mappings */
	struct record_mark at;  /* the record in hand; time_ns 0: none */
	struct record_mark suspect;        /* that of the worker that died last */
	uint32_t suspect_deaths, left_out; /* left out: records */
	uint32_t reloads;
	uint64_t deaths, unfinished; /* bytes that were taken in and not judged */
	uint64_t dead_from_ns, dead_until_ns, dead_moved; /* of the last death; moved: of all */
};

struct session {
	const struct log *log;
	const struct shared *shared;
	struct stack stack;
	struct {
		struct ruleset *rules;
		struct scanner *scanner;
	} old_rules[SESSION_MAX_OLD_RULES];
	size_t n_old_rules;
	struct outputs *outputs;
	struct capture *capture;
	struct life *life;
	struct engine *engine;
	__u64 *match; /* a bitmap for the kernel's matched lane */
	struct bt_match_key match_key;
	uint64_t match_gen;
	struct rec_writer *recording;
	const char *record_path;
	uint64_t started_ns;     /* CLOCK_REALTIME */
	uint64_t boot_offset_ns; /* of the alerts' times to the records' */
	int signal_fd;           /* signals that the caller asked for, -1 */
	sigset_t old_mask;       /* as it was before session_open: a child wants it back */
	bool mask_saved;
	int record_err; /* first error of the recording; the watch goes on */
	char *notes[SESSION_MAX_NOTES + 1];
	size_t n_notes;
};

/*
 * Opens everything that can fail before anything is watched: rules, reports, programs. `record` is the path of
 * a recording or NULL. Blocks the signals in `signals` and makes signal_fd for them. 0 or negative errno with
 * `err`; session_release in either case.
 */
int session_open(struct session *s, const struct log *log, const struct shared *shared,
		 const char *record, const sigset_t *signals, struct error *err);
/* Whatever is left of it, in either process. */
void session_release(struct session *s);
/* A worker has died: takes over what it has told. */
void session_bury(struct session *s);
/*
 * Loads rule files and policy again; the old ones stay in force, with one line on standard error, when that fails. In the worker
 * also for all that is under way, and in the kernel. 0 or negative errno.
 */
int session_reload(struct session *s);

/*
 * Takes over from the supervisor and makes the engine. `again`: another worker died. 0 or negative errno with `err`.
 */
int session_start(struct session *s, uint32_t root_tgid, bool late, bool again, struct error *err);
/* One line for the report's coverage notes. */
void session_note(struct session *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Takes in what the rings hold. Number of records or negative errno. */
int session_drain(struct session *s);
/* For poll(2): when session_drain() is wanted though no record came, in ms; -1: not at all. */
int session_timeout_ms(const struct session *s);
/*
 * The end: nothing is watched any more, what is left is drained and reconciled with the kernel's counts, reports and recording
 * are written. Exit status as shared_exit_status() has it, EXIT_WATCH_FAILED when a report could not be written.
 */
int session_finish(struct session *s, const char *command, const char *target, int clean);

/* --- between its files --- */

/* Tells the kernel side what the rules look for. 0 or negative errno with `err`. */
int session_match_anchors(struct session *s, struct error *err);
/* Frees the old rules that nothing goes by any more. */
void session_settle_rules(struct session *s);
/* Adds counter to counter. */
void session_add_totals(struct engine_totals *to, const struct engine_totals *from);

uint64_t clock_now_ns(clockid_t clock);

#endif /* BT_CLI_SESSION_H */
