/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The ledger of live secrets: values learnt where they legally appear (a token response, a callback, a token
 * request, ...), kept in locked memory through detect/values and looked for everywhere else. Capped;
 * the least recently seen goes first. A value's birth is kept for the alert's story.
 */
#ifndef BT_FLOW_LEDGER_H
#define BT_FLOW_LEDGER_H

#include "detect/hit.h"
#include "detect/values.h"

/* Where a secret was born. */
enum birth {
	BIRTH_NETWORK_IN,  /* read from a socket: token response, callback */
	BIRTH_NETWORK_OUT, /* written to a socket: token request, Authorization header */
	BIRTH_FILE,        /* read from a file */
	BIRTH_ENV,         /* in the environment or argv at start */
	BIRTH_GIVEN,       /* --known */
	BIRTH_MAX
};

struct ledger_entry {
	int64_t id;
	enum secret_kind kind;
	enum birth birth;
	uint64_t born_ns; /* CLOCK_BOOTTIME */
	uint32_t tgid;    /* who */
	char provider[32];
};

struct ledger;

/*
 * `values` is the caller's and outlives the ledger, which is its one listener (values_on_drop): an entry goes with its value.
 * Values that are there already are entered as BIRTH_GIVEN, born at 0. NULL when out of memory.
 */
struct ledger *ledger_new(struct values *values);
struct ledger *ledger_free(struct ledger *l); /* accepts NULL; returns NULL; the values stay */
/*
 * Learns from a hit (its value is copied into locked memory). An equal value already there counts as seen and keeps its
 * birth; its kind is made more exact when it was SECRET_BEARER, and never less. Not fit, besides what values_add
 * refuses: a fragment of a known value; a heuristic hit whose characters look like words, or of fewer than 20 bytes (16 for
 * code, verifier, state and device code). A JWT's header, or else hit.prefix, is public.
 * Returns the entry's id, or -EINVAL when the value is not fit, -ENOMEM.
 */
int64_t ledger_learn(struct ledger *l, const struct hit *hit, enum birth birth, uint64_t now_ns,
		     uint32_t tgid);
/* Calls `fn` whenever ledger_learn() enters a new value. One listener; NULL takes it away. */
void ledger_on_new(struct ledger *l, void (*fn)(void *arg, int64_t id), void *arg);
/* NULL when there is none. Valid until the next ledger or values call that may add or remove. */
const struct ledger_entry *ledger_find(const struct ledger *l, int64_t id);
size_t ledger_len(const struct ledger *l);

#endif /* BT_FLOW_LEDGER_H */
