/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Rule files: JSON, schema in rules/schema/rules.schema.json. The files under rules/ are built into the program
 * (rules_builtin()); a user's own are added or override by id. A rule file is hostile input:
 * sizes, depths and counts are capped, and every fault is reported as "FILE:LINE: what; what to do".
 */
#ifndef BT_DETECT_RULES_H
#define BT_DETECT_RULES_H

#include "base/buf.h"
#include "base/log.h"
#include "detect/hit.h"

#define RULES_MAX_FILE (4u * 1024 * 1024)

struct ruleset;

struct rules_builtin_file {
	const char *name; /* "tokens.json" */
	struct span text;
};
/* The built-in files; *n of them. */
const struct rules_builtin_file *rules_builtin(size_t *n);

struct ruleset *ruleset_new(void);
struct ruleset *ruleset_free(struct ruleset *rs);
/* Adds the rules of one file's text; `name` is for messages. 0 or negative errno and `err`. */
int ruleset_add_text(struct ruleset *rs, const char *name, struct span text, struct error *err);
/* A file, or a directory's *.json in name order. */
int ruleset_add_path(struct ruleset *rs, const char *path, struct error *err);
/* All built-in files. */
int ruleset_add_builtin(struct ruleset *rs, struct error *err);

/* For `rules list`, `explain`: rows of every token rule and key rule. */
struct rule_info {
	const char *id, *title, *provider, *file;
	unsigned int line;
	enum secret_kind kind;
	enum confidence confidence;
	const char *check; /* "crc32-base62", "jwt", ... or "" */
};
size_t ruleset_len(const struct ruleset *rs);
void ruleset_info(const struct ruleset *rs, size_t i, struct rule_info *ret);

/* Result of running every rule's own true and false positives. */
struct rules_test_result {
	unsigned int rules, tp, fn, tn,
		fp; /* cases found / missed / rightly quiet / wrongly loud */
};
/* `failure` (may be NULL) is called for each case that fails, with a text that holds no token. */
int ruleset_test(const struct ruleset *rs,
		 void (*failure)(void *arg, const char *rule, const char *file, unsigned int line,
				 const char *what),
		 void *arg, struct rules_test_result *ret, struct error *err);

#endif /* BT_DETECT_RULES_H */
