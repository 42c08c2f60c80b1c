/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The verdict: secret x sink -> rule and severity, from data. rules/catalogue.json has one entry for each rule id (title,
 * severity, why, fix, references); rules/policy.json has the matrix: an ordered list of cells, first match wins,
 * and adjustments, of which every one that matches is applied in order to an alert. Schema: rules/schema/policy.schema.json.
 */
#ifndef BT_ALERT_POLICY_H
#define BT_ALERT_POLICY_H

#include "alert/alert.h"
#include "base/log.h"

struct policy;

struct catalogue_entry {
	const char *id, *title, *why, *fix;
	const char *limits; /* what of the rule is not seen, or NULL */
	const char *family; /* "A".."E" */
	const char *status; /* "implemented", "planned: reason", "not observable: reason" */
	enum severity severity;
	const char *const *references; /* NULL-terminated: "RFC 9700 2.1.2", "CWE-532", ... */
};

/* From the built-in files. 0 or negative errno and `err`. */
int policy_new(struct policy **ret, struct error *err);
struct policy *policy_free(struct policy *p);
/*
 * Adds a user's file of kind "catalogue" or "policy" (members rules, groups, cells, adjustments). What has the id of something
 * known replaces it where it stands; new cells go, in their order, before all that are there. Faults are told
 * as "NAME:LINE: what; what to do". After a failure a part of the file may have been taken in. Pointers to catalogue
 * entries are valid until the next call.
 */
int policy_add_text(struct policy *p, const char *name, struct span text, struct error *err);

enum verdict { VERDICT_LEGAL, VERDICT_ALERT };
/*
 * Judges; on VERDICT_ALERT fills alert->{id,rule,severity,why,secret,sink} and leaves the rest as it is. What no cell
 * covers is legal; the built-in matrix ends with a cell that says so. SINK_F_LEARNT is set here.
 */
enum verdict policy_judge(const struct policy *p, const struct redacted *secret,
			  const struct sink *sink, struct alert *alert);

/*
 * A finding of a rule by its own check: fills alert->{id,rule,severity,why,secret,sink}; `severity` < 0 means the
 * catalogue's, `secret` NULL that it is about none. Of the matrix only the user's own cells count. VERDICT_LEGAL when one of
 * them says so, or when the catalogue has no such rule.
 */
enum verdict policy_found(const struct policy *p, const char *rule, int severity,
			  const struct redacted *secret, const struct sink *sink,
			  struct alert *alert);

/*
 * Overrides ("overrides" of a policy file): a rule, narrowed by host, path, tool, executable and what a cell can ask for, and
 * the user's reason. Applied to every finding when all else of it is known; the first that fits counts. Returns its index,
 * or -1. Fills alert->overridden_*, and the severity; a finding that is legal then is the caller's to drop.
 */
#define POLICY_MAX_OVERRIDES 64
int policy_override(const struct policy *p, struct alert *a);
bool policy_override_is_legal(const struct policy *p, size_t i);
size_t policy_overrides_len(const struct policy *p);
const char *policy_override_id(const struct policy *p, size_t i);
const char *policy_override_reason(const struct policy *p, size_t i);
/* `counts`, by index in `from`, become counts by index in `to`: what has the same id is the same override. */
void policy_carry_overrides(const struct policy *from, const struct policy *to,
			    uint64_t counts[POLICY_MAX_OVERRIDES]);
/* Index, or -1. */
int policy_override_find(const struct policy *p, const char *id);

size_t policy_catalogue_len(const struct policy *p);
const struct catalogue_entry *policy_catalogue_at(const struct policy *p, size_t i);
const struct catalogue_entry *policy_catalogue_find(const struct policy *p, const char *id);

/* The cell that decides, for tests and for showing the matrix: its id, or NULL when none does. */
const char *policy_deciding_cell(const struct policy *p, const struct redacted *secret,
				 const struct sink *sink);
size_t policy_cells_len(const struct policy *p);
const char *policy_cell_id(const struct policy *p, size_t i);

#endif /* BT_ALERT_POLICY_H */
