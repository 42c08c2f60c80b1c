/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Replay cases (tests/replay/README.md): small runs written by hand as text, and what must be found in them. The text has
 * placeholders for secrets; those are made afresh each time a case is compiled, so none is ever in the tree.
 */
#ifndef BT_CASES_CASES_H
#define BT_CASES_CASES_H

#include "alert/policy.h"
#include "detect/scan.h"
#include "event/recording.h"

/* Where a compiled case goes. */
struct case_out {
	/* One raw record, as the kernel side would have written it. A negative errno ends the compilation. */
	int (*record)(void *arg, struct span record);
	/* Each secret that was made, when all is done; or NULL. */
	void (*secret)(void *arg, const char *text);
	void *arg;
};

/*
 * What holds for the whole run that `events` (events.jsonl) tells of; it begins at `wall_ns` (CLOCK_REALTIME). The fingerprint
 * key is fresh.
 */
void case_info(struct span events, uint64_t wall_ns, struct rec_info *ret);
/*
 * Compiles `events` into records. `path` is for messages. 0; -EINVAL with `err` (file:line) for a case that is not well formed,
 * what out->record returned, or -ENOMEM. `totals` is filled when all went well.
 */
int case_compile(const char *path, struct span events, const struct rec_info *info,
		 const struct case_out *out, struct rec_totals *totals, struct error *err);

/*
 * A bundle is the text of many cases, one after another: "@case NAME", the lines of events.jsonl, "@expect", those of
 * expect.jsonl. The first line of the latter may say which rule of the catalogue the case is for: "match", a true positive
 * of that rule, or "nomatch", what looks alike and is none.
 */
struct case_text {
	char name[96];
	struct span events, expect;
};

/* Every case of tests/replay/cases, as this program was built with them. */
struct span cases_builtin(void);
/* Cuts the next case off `bundle`. False at its end. */
bool cases_next(struct span *bundle, struct case_text *ret);

enum case_outcome {
	CASE_MATCHED, /* found what was to be found, and nothing else */
	CASE_QUIET,   /* nothing was to be found, and nothing was */
	CASE_MISSED,
	CASE_LOUD,   /* found what was not there */
	CASE_FAULTY, /* the case itself is not well formed */
};

struct case_result {
	enum case_outcome outcome;
	char match[64], nomatch[64]; /* the rule it is for, "" */
	char why[512];               /* of a failure, without a secret */
};

/* What it takes to run cases. */
struct case_runner {
	const struct scanner *scanner;
	const struct policy *policy;
	uint64_t wall_ns; /* CLOCK_REALTIME at which cases begin */
};

/* Compiles a case and runs it through an engine of its own. 0, also for one that fails; or -ENOMEM with `err`. */
int case_run(const struct case_runner *r, const struct case_text *c, struct case_result *ret,
	     struct error *err);

/* How many cases a rule has of its own. */
struct case_count {
	unsigned int match, nomatch;
};
/* counts[i] belongs to policy_catalogue_at(p, i). */
void cases_count(const struct policy *p, struct span bundle, struct case_count *counts);
/*
 * Holds the catalogue to account: an implemented rule has cases of its own of both kinds, one that is not observable has none.
 * True when it is so; else `why` says what is wanting.
 */
bool case_count_is_fit(const struct catalogue_entry *e, const struct case_count *n, char *why,
		       size_t cap);

#endif /* BT_CASES_CASES_H */
