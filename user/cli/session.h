/* SPDX-License-Identifier: BSD-2-Clause */
/* A live watch, shared by `run` and `attach`: capture into engine, recording, reports, the event loop, the end. */
#ifndef BT_CLI_SESSION_H
#define BT_CLI_SESSION_H

#include <signal.h>
#include "capture/capture.h"
#include "cli/outputs.h"
#include "engine/engine.h"
#include "event/recording.h"

#define SESSION_MAX_NOTES 16

struct session {
	const struct log *log;
	const struct shared *shared;
	struct stack stack;
	struct outputs *outputs;
	struct capture *capture;
	struct engine *engine;
	__u64 *match; /* a bitmap for the kernel's matched lane */
	struct bt_match_key match_key;
	uint64_t match_gen;
	struct rec_writer *recording;
	const char *record_path;
	uint64_t started_ns; /* CLOCK_REALTIME */
	int signal_fd;       /* signals that the caller asked for, -1 */
	sigset_t old_mask;   /* as it was before session_open: a child wants it back */
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
/*
 * Makes the engine: call once the root is known (0: attach), before the first drain.
 */
int session_start(struct session *s, uint32_t root_tgid, bool late, struct error *err);
/* One line for the report's coverage notes. */
void session_note(struct session *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Takes in what the rings hold. Number of records or negative errno. */
int session_drain(struct session *s);
/* For poll(2): when session_drain() is wanted though no record came, in ms; -1: not at all. */
int session_timeout_ms(const struct session *s);
/*
 * The end: drains what is left, reconciles with the kernel's counts, writes reports and recording. Exit status as
 * shared_exit_status() has it, EXIT_WATCH_FAILED when a report could not be written.
 */
int session_finish(struct session *s, const char *command, const char *target, int clean);
void session_release(struct session *s);

uint64_t clock_now_ns(clockid_t clock);

#endif /* BT_CLI_SESSION_H */
