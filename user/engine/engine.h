/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The whole middle in one object: records in, alerts out. It knows no libbpf, no files and no clock, so a live run, a
 * replay and a test drive it the same way. Single-threaded; not reentrant.
 */
#ifndef BT_ENGINE_ENGINE_H
#define BT_ENGINE_ENGINE_H

#include "alert/alert.h"
#include "alert/policy.h"
#include "detect/scan.h"
#include "detect/values.h"
#include "event/event.h"

struct engine;

struct engine_config {
	const struct scanner *scanner;
	const struct policy *policy;
	struct values *values; /* the ledger's and --known's */
	struct fingerprinter fingerprint;
	uint64_t boot_offset_ns;                         /* CLOCK_REALTIME - CLOCK_BOOTTIME */
	uint32_t root_tgid;                              /* 0: attach */
	bool late;                                       /* processes ran before the watch began */
	void (*alert)(void *arg, const struct alert *a); /* a new alert (not a repeat) */
	void *arg;
};

/* Where the rules that are no cell of the policy look, in words; as flow_rule_moments(). */
bool engine_rule_places(const char *rule, char *out, size_t cap);

/* What was looked at and what was not, for the summary. */
struct engine_totals {
	uint64_t records, bad_records;
	uint64_t bytes_examined;     /* payload scanned */
	uint64_t bytes_missing;      /* gaps in streams */
	uint64_t bytes_held;         /* taken in now, waiting for what belongs before it */
	uint64_t bytes_matched;      /* examined by the kernel's matched lane alone */
	uint64_t bytes_missing_args; /* of argv and environments */
	uint64_t bytes_unscanned;    /* no memory to scan them */
	uint64_t bytes_encrypted;    /* TLS records on sockets: not looked into */
	uint64_t
		bytes_tls; /* of bytes_examined: plaintext of TLS, seen where it went to a library or came from one */
	uint64_t
		bytes_quic; /* of bytes_examined: datagrams of QUIC connections, which are encrypted */
	uint64_t bytes_not_sinks; /* moved where nobody else reads: input files, /dev/null */
	uint64_t bytes_by_sink[SINK_CLASS_MAX];
	uint64_t streams, streams_evicted;
	uint64_t processes, processes_live;
	uint64_t mcp_messages, mcp_broken;
	uint64_t alerts, repeats;
	uint64_t by_severity[SEV_MAX];
	uint64_t overridden[POLICY_MAX_OVERRIDES]; /* findings, by override of the policy */
	uint64_t hits_overflow; /* hits of one message over the cap, reported without place */
	/* Searches of the recent past for what was learnt late: how many, through how much, what they found. */
	uint64_t lookbacks, lookback_bytes, lookback_found;
	uint64_t lookback_left_out; /* values and runs that were over the bounds of one search */
};

int engine_new(const struct engine_config *cfg, struct engine **ret);
struct engine *engine_free(struct engine *e);
/*
 * Other rules and another policy from now on; what has been learnt, and streams and flows, stay. The scans under way are the
 * caller's to move (scanner_replace()). Counts of overrides that the new policy has not are dropped.
 */
void engine_rules(struct engine *e, const struct scanner *sc, const struct policy *p);
/* The clock was set: CLOCK_REALTIME - CLOCK_BOOTTIME from now on. Nothing but what alerts and JWTs say of time goes by it. */
void engine_clock(struct engine *e, uint64_t boot_offset_ns);
/* One raw record. 0; -EBADMSG for a record that is not valid (counted, skipped); -ENOMEM. */
int engine_feed(struct engine *e, struct span record);
/* The same for a record of the past: recorded time passes first, as engine_tick() lets it in a live run. */
int engine_feed_recorded(struct engine *e, struct span record);
/* Now (CLOCK_BOOTTIME ns): lets time-outs pass. */
void engine_tick(struct engine *e, uint64_t now_ns);
/* For poll(2): when engine_tick is wanted next, in ms; -1 when nothing waits for time to pass. */
int engine_timeout_ms(const struct engine *e);
/*
 * The kernel's own counts for a stream: what was not delivered becomes a gap, and `matched` bytes of its gaps are what
 * the matched lane examined.
 */
void engine_stream_final(struct engine *e, const struct bt_file_id *file, enum bt_dir dir,
			 uint64_t pos, uint64_t matched);
/* No more records: everything pending is judged. */
void engine_finish(struct engine *e);
void engine_totals(const struct engine *e, struct engine_totals *ret);
/* TLS of one process: bytes of records on its sockets, and of plaintext at its library. */
struct engine_tls {
	uint32_t tgid;
	char comm[BT_COMM_LEN + 1];
	uint64_t sealed, plain;
};
/* Every process that had TLS traffic. */
void engine_walk_tls(const struct engine *e, void (*fn)(void *arg, const struct engine_tls *use),
		     void *arg);
/* Every alert with its counts, in order of first sight. */
void engine_walk_alerts(struct engine *e, void (*fn)(void *arg, const struct alert *a), void *arg);

#endif /* BT_ENGINE_ENGINE_H */
