/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The verdict: secret x sink -> rule and severity, from data. rules/catalogue.json has one entry for each rule id (title,
 * severity, why, fix, references, cwe); rules/policy.json has the matrix: an ordered list of cells
 * {sink[], kind[], confidence[], when{flag: bool}, rule | "legal", severity}, first match wins.
 */
#ifndef BT_ALERT_POLICY_H
#define BT_ALERT_POLICY_H

#include "alert/alert.h"
#include "base/log.h"

struct policy;

struct catalogue_entry {
	const char *id, *title, *why, *fix;
	const char *family; /* "A".."E" */
	const char *status; /* "implemented", or "planned: reason" */
	enum severity severity;
	const char *const *references; /* NULL-terminated: "RFC 9700 2.1.2", "CWE-532", ... */
};

/* From the built-in files. 0 or negative errno and `err`. */
int policy_new(struct policy **ret, struct error *err);
struct policy *policy_free(struct policy *p);
/* Adds or overrides catalogue entries or cells from a user's file ("catalogue" / "policy" members). */
int policy_add_text(struct policy *p, const char *name, struct span text, struct error *err);

enum verdict { VERDICT_LEGAL, VERDICT_ALERT };
/* Judges; on VERDICT_ALERT fills alert->{id,rule,severity,why,secret,sink} and leaves the rest as it is. */
enum verdict policy_judge(const struct policy *p, const struct redacted *secret,
			  const struct sink *sink, struct alert *alert);

size_t policy_catalogue_len(const struct policy *p);
const struct catalogue_entry *policy_catalogue_at(const struct policy *p, size_t i);
const struct catalogue_entry *policy_catalogue_find(const struct policy *p, const char *id);

#endif /* BT_ALERT_POLICY_H */
