/* SPDX-License-Identifier: BSD-2-Clause */
/* Private to alert/policy*.c: the matrix in memory. */
#ifndef BT_ALERT_POLICY_INTERNAL_H
#define BT_ALERT_POLICY_INTERNAL_H

#include <cjson/cJSON.h>

#include "alert/policy.h"

#define POLICY_MAX_ITEMS 4096 /* of each sort */
#define POLICY_MAX_DOCS 256   /* files */
#define POLICY_MAX_FLAGS 17
#define POLICY_NO_RULE SIZE_MAX

_Static_assert(SINK_CLASS_MAX <= 32 && SECRET_KIND_MAX <= 32 && ENC_MAX <= 32,
	       "the sets of struct match are 32 bits");

struct match_flag {
	unsigned int mask; /* SINK_F_*; any of them */
	bool set;
};

/* What a cell or an adjustment asks for; everything must hold. */
struct match {
	uint32_t sinks, kinds, encodings; /* bit sets */
	enum confidence confidence;       /* at least */
	unsigned int percent_min, percent_max;
	int expired; /* -1: either */
	size_t n_flags;
	struct match_flag flags[POLICY_MAX_FLAGS];
};

struct cell {
	const char *id;
	struct match match;
	bool legal;
	bool user;    /* not one of the built-in ones */
	size_t rule;  /* index in entries */
	int severity; /* -1: the rule's own */
};

struct adjustment {
	const char *id;
	struct match match;
	size_t rule;        /* index in entries, or POLICY_NO_RULE */
	unsigned int lower; /* severity levels */
};

struct override {
	const char *id, *reason;
	struct match match;
	bool needs_secret;
	const cJSON *rules, *hosts, *paths, *tools, *exes; /* lists, or NULL: any */
	int severity;                                      /* -1: legal */
};

struct group {
	const char *name;
	uint32_t sinks;
};

/* A parsed file: the strings of what was read from it point into it. */
struct doc {
	cJSON *root;
};

struct policy {
	struct doc *docs;
	struct catalogue_entry *entries;
	struct cell *cells;
	struct adjustment *adjustments;
	struct group *groups;
	struct override *overrides;
	size_t n_docs, n_entries, n_cells, n_adjustments, n_groups, n_overrides;
	bool built; /* the built-in files are in: what comes now is the user's */
};

/* Without catalogue and cells. NULL when out of memory. */
struct policy *policy_empty(void);
/* Index of the entry, or POLICY_NO_RULE. */
size_t policy_entry_index(const struct policy *p, const char *id);
/* True when everything that `m` asks for holds. */
bool policy_matches(const struct match *m, const struct redacted *secret, const struct sink *sink,
		    unsigned int sink_flags);

#endif /* BT_ALERT_POLICY_INTERNAL_H */
