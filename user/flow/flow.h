/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The OAuth flows of the watched process trees: phases, parameters and outcome of each, the secrets that are born and
 * die in them, and the checks (flow/check.h) that need such history. Fed with whole HTTP messages and with URLs
 * seen anywhere; it reads no clock and knows no sockets. What it finds goes to `found`.
 *
 * Secrets are kept as keyed hashes only; their bytes are in the ledger. State, code challenge and client_id are
 * public by design and kept as they are. Everything is bounded: the least recently used goes first.
 */
#ifndef BT_FLOW_FLOW_H
#define BT_FLOW_FLOW_H

#include "flow/ledger.h"
#include "proto/http.h"

#define FLOW_MAX_BODY (64u * 1024) /* of a message, as far as the caller should keep it */

enum flow_phase {
	PHASE_IDLE,
	PHASE_AUTHZ_REQUEST,
	PHASE_CALLBACK,
	PHASE_EXCHANGE,
	PHASE_IN_USE,
	PHASE_REFRESH,
	PHASE_REVOKED,
	PHASE_DEVICE,
	PHASE_FAILED,
	PHASE_MAX
};

const char *flow_phase_name(enum flow_phase p); /* "authz-request" */

/* Severity of a finding; FLOW_DEFAULT is the catalogue's. The order is that of enum severity. */
enum flow_level { FLOW_DEFAULT = -1, FLOW_INFO, FLOW_LOW, FLOW_MEDIUM, FLOW_HIGH, FLOW_CRITICAL };

/* In which part of what is at hand it stood. */
enum flow_part {
	FLOW_HERE,
	FLOW_IN_URL,
	FLOW_IN_HEADER,
	FLOW_IN_BODY,
	FLOW_IN_COOKIE,
};

/* Who moved the bytes, and over what kind of connection. */
struct flow_ctx {
	uint64_t now_ns; /* CLOCK_BOOTTIME */
	uint32_t root;   /* the process tree */
	uint32_t tgid;
	bool server;       /* the watched process accepted the connection */
	bool tls;          /* bytes are the plaintext of a TLS connection */
	bool loopback;     /* the peer is on this machine */
	bool private_peer; /* its address is private or link-local (RFC 1918, RFC 4193, RFC 3927) */
	bool local_loopback; /* our own address is a loopback address */
	uint16_t local_port; /* 0 unknown */
};

struct flow_message {
	const struct http_head *head;
	struct span body; /* decoded, up to FLOW_MAX_BODY of it */
};

/* Of which flow something is; id "": of none. */
struct flow_brief {
	char id[17];
	enum flow_phase phase;
	uint64_t age_ns;
	char client_id[256]; /* "" unknown */
	char issuer
		[256]; /* the server's identifier, or the host of its token endpoint; "" unknown */
};

struct flow_finding {
	const char *rule; /* catalogue id, static */
	enum flow_level level;
	enum flow_part part;
	const struct flow_ctx *ctx;
	const struct hit *secret; /* or NULL: no secret, or not at hand */
	struct flow_brief flow;
	char host[256];   /* of the request or URL, "" */
	char detail[200]; /* what was seen, printable, without a secret; may be "" */
};

/* What is known of a secret of the ledger, for the verdict and the story. */
struct flow_story {
	struct flow_brief flow;
	uint64_t age_ns; /* of the secret */
	bool later;      /* it was born that long after, not before */
	bool dead;       /* spent, rotated, revoked or expired */
	char born[96];   /* "token response of as.example, 41 s ago" */
};

struct flows_config {
	struct ledger *ledger;
	void (*found)(void *arg, const struct flow_finding *f);
	void *arg;
	uint64_t boot_offset_ns; /* CLOCK_REALTIME - CLOCK_BOOTTIME */
	/* Of the installation, 32 bytes: flow ids come from it and from the time, so they are unique across runs. */
	const uint8_t *key;
	bool late; /* joined midway: what needs history stays quiet */
};

struct flows;
struct flow_xchg;

struct flows *flows_new(const struct flows_config *cfg); /* NULL when out of memory */
struct flows *flows_free(struct flows *fs);
/* CLOCK_REALTIME - CLOCK_BOOTTIME is another one from now on. */
void flows_clock(struct flows *fs, uint64_t boot_offset_ns);

/*
 * A URL that the process shows to somebody (log, argv, JSON-RPC string, ...). Only authorization requests matter; true when
 * it was one.
 */
bool flows_url(struct flows *fs, const struct flow_ctx *ctx, struct span url);
/* A program started by the tree: its arguments, one after another. */
void flows_argv(struct flows *fs, const struct flow_ctx *ctx, struct span program, struct span arg);
/* A variable of a started program's environment. */
void flows_env(struct flows *fs, const struct flow_ctx *ctx, struct span name, struct span value);
/* True when a word of this part of a log may be one for flows_log_word(). */
bool flows_read_log(const struct flows *fs, struct span text);
/* A word of text that goes to a log. */
void flows_log_word(struct flows *fs, const struct flow_ctx *ctx, struct span word);
/*
 * A request, whole. The exchange returned (NULL when out of memory, or of no interest) goes with the response, and is the
 * caller's: flow_xchg_free().
 */
struct flow_xchg *flows_request(struct flows *fs, const struct flow_ctx *ctx,
				const struct flow_message *m);
void flows_response(struct flows *fs, const struct flow_ctx *ctx, struct flow_xchg *x,
		    const struct flow_message *m);
struct flow_xchg *flow_xchg_free(struct flow_xchg *x);

/* A run of unreserved characters (RFC 3986): a verifier of a pending flow by its SHA-256? Learnt then; true. */
bool flows_preimage(struct flows *fs, const struct flow_ctx *ctx, struct span run);
bool flows_pending(const struct flows *fs); /* flows_preimage may find something */
uint64_t
flows_challenges(const struct flows *fs); /* how many there were, to know when there is a new one */
/*
 * When the checks of a rule look, in words ("authorization requests, token responses"), appended to `out`. False: no check has
 * that rule.
 */
bool flow_rule_moments(const char *rule, char *out, size_t cap);
/* False when nothing is known of it. */
bool flows_story(struct flows *fs, int64_t ledger_id, uint64_t now_ns, struct flow_story *ret);

#endif /* BT_FLOW_FLOW_H */
