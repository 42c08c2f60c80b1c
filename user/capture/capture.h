/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The only place that knows libbpf. Loads the programs, keeps the watch set, drains the rings in time order.
 */
#ifndef BT_CAPTURE_CAPTURE_H
#define BT_CAPTURE_CAPTURE_H

#include <stdbool.h>
#include <sys/types.h>
#include <beartrap/event.h>
#include <beartrap/match_abi.h>
#include "base/log.h"
#include "base/span.h"

struct capture;

/* How the system calls are looked at (bpf/lib/call.h). */
enum capture_backend {
	CAPTURE_AUTO = 0, /* fexit where that can be loaded and attached, else tracepoints */
	CAPTURE_TRACEPOINT,
	CAPTURE_FEXIT,
};

/* For tests, smaller than they are by themselves; 0 = as they are. */
struct capture_limits {
	__u32 max_streams, max_procs, max_tls_calls;
	bool no_storage; /* nothing that is forked can be watched */
};

struct capture_config {
	/* Other than CAPTURE_AUTO: for tests and measurements. */
	enum capture_backend backend;
	size_t ring_bulk_len, ring_prio_len; /* 0 = the defaults in limits.h */
	struct capture_limits limits;
	/* Every record, both rings merged in time order. A negative return stops the drain and is passed on. */
	int (*record)(void *arg, struct span record);
	/* Lines of libbpf and of the verifier, for --debug; NULL drops them. */
	void (*debug)(void *arg, const char *line);
	/* Among them, what the verifier counted of each program; but then nothing of why it refused one. */
	bool verifier_stats;
	void *arg;
};

/* Loads and attaches. 0, or negative errno and one readable line in `err` (no root, no BTF, a refused program ...). */
int capture_open(const struct capture_config *cfg, struct capture **ret, struct error *err);
struct capture *capture_free(struct capture *c);
/*
 * For a forked child that goes on with what its parent has opened: takes the rings over, at the place up to which they have been
 * read. `again`: another child did so before and died: what it had found in the watched processes is looked for again,
 * and EXEC, ARGS and FILE records are sent as capture_watch_running() sends them. Negative errno with `err`.
 */
int capture_inherit(struct capture *c, bool again, struct error *err);
/*
 * For a process that has nothing else to do any more: waits for end of file on `wait_fd`, and exits, never to return. The kernel
 * waits for a grace period with every tracepoint that loses its last program, one after the other, 40 ms each, and
 * whoever closes the links last sits through that. So a child that has them too does, and nobody waits for it: it holds
 * nothing but the links (no standard stream, no pipe). Free what is secret first.
 */
void capture_hold_links(struct capture *c, int wait_fd) __attribute__((noreturn));
/* capture_free() for a process that is about to exit: a child of its own holds the links meanwhile. */
struct capture *capture_leave(struct capture *c);

/*
 * Puts the single-threaded process behind `pidfd` (a child that waits before its exec) in the watch set; its
 * descendants follow in the kernel. `run` calls this before the child's first instruction.
 */
int capture_watch_child(struct capture *c, int pidfd, pid_t pid, struct error *err);
/*
 * Adds running processes, all their threads, as watch roots; descendants already running are added too when `descendants`.
 * Sends a BT_REC_EXEC and ARGS (from memory) and BT_REC_FILE for their open files (iter/task_file) first, so late attach knows them.
 * -ESRCH when a pid is gone (others are still added).
 */
int capture_watch_running(struct capture *c, const pid_t *pids, size_t n, bool descendants,
			  struct error *err);
/* Takes a process and its descendants out again. */
int capture_unwatch(struct capture *c, pid_t pid);
/* Takes all processes out. */
int capture_unwatch_all(struct capture *c);
/* Processes in the watch set now. */
int capture_watched(struct capture *c, size_t *ret);

/*
 * The bitmaps of the matched lane, BT_MATCH_WORDS words each, to be set before anything is watched: until then that lane
 * finds nothing. They may change at any time.
 */
void capture_match_anchors(struct capture *c, const __u64 *bitmap);
void capture_match_values(struct capture *c, const __u64 *bitmap);
/* Under which the values' one is made. */
struct bt_match_key capture_match_key(const struct capture *c);

/* To poll(2) for POLLIN. */
int capture_fd(const struct capture *c);
/*
 * Lets records gather for `ns` (below a second), or until one comes that should not wait: the beginning of a program, a library
 * that it maps, a file that it opens.
 */
void capture_gather(const struct capture *c, long ns);
/* Gives every record that is ready now to cfg->record. Number of records, or negative errno. */
int capture_drain(struct capture *c);
int capture_counters(struct capture *c, struct bt_counter loss[BT_LOSS_MAX],
		     struct bt_counter seen[BT_SEEN_MAX]);
/* Bytes that calls of watched processes have moved so far. */
int capture_moved(struct capture *c, uint64_t *ret);
/* Bytes that sendfile, splice, tee and copy_file_range moved, by how they were had afterwards. */
struct capture_copied {
	uint64_t source; /* read in the file that they came from */
	uint64_t pipe;   /* known from what was written to the pipe that they came out of */
	uint64_t target; /* read in the file that they went to */
};
struct capture_copied capture_copied(const struct capture *c);
/* When capture_drain() is wanted without a record, in ms; -1: not at all. While files are mapped, they are looked at now and then. */
int capture_timeout_ms(const struct capture *c);
/* The watch ends: looks a last time at what is still mapped. What cfg->record returned. */
int capture_last_look(struct capture *c);
/* Writable shared mappings of files that there were. */
uint64_t capture_mappings(const struct capture *c);
/* The kernel's position of every stream, for the reconciliation at the end. */
int capture_streams(struct capture *c,
		    void (*fn)(void *arg, const struct bt_stream_key *key,
			       const struct bt_stream_val *val),
		    void *arg);
/*
 * Hooks the TLS functions of an executable before it is run: one that is hooked when its exec is told of may be faster.
 * Nothing when there is no such file.
 */
void capture_expect(struct capture *c, const char *path);
/* Why TLS traffic of a process could not be looked into, as a phrase. Valid until the next drain. */
const char *capture_tls_state(const struct capture *c, uint32_t tgid);
/* The one in use, never CAPTURE_AUTO. */
enum capture_backend capture_backend(const struct capture *c);
/* One line for `version` and `doctor`: backend and kernel features in use. */
const char *capture_describe(const struct capture *c);

#endif /* BT_CAPTURE_CAPTURE_H */
