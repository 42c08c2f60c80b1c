/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A rule file as JSON: parsed with caps, each value's line known, members checked against a table. Every function here that
 * returns an int returns 0 or a negative errno, with "FILE:LINE: what; what to do" in the file's `err`.
 */
#ifndef BT_DETECT_RULES_JSON_H
#define BT_DETECT_RULES_JSON_H

#include <cjson/cJSON.h>
#include "detect/rules_int.h"

struct rule_file {
	struct ruleset *rs;
	const char *name; /* for messages */
	struct span text;
	const cJSON *root;
	struct error *err;
};

struct rf_member {
	const char *name;
	int type; /* cJSON_String, ...; cJSON_True stands for either boolean */
};

/* Sets rf->root; *root (NULL or not, whatever is returned) is the caller's to delete. */
int rf_parse(struct rule_file *rf, cJSON **root);
unsigned int rf_line(const cJSON *node);
/* Says what is wrong with `node`; returns -EINVAL. */
int rf_fail(const struct rule_file *rf, const cJSON *node, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
int rf_no_memory(const struct rule_file *rf);
/* Only the members of `allowed` (ended by a NULL name), each at most once, each of its type. */
int rf_check_members(const struct rule_file *rf, const cJSON *obj, const struct rf_member *allowed);
const cJSON *rf_get(const cJSON *obj, const char *name); /* NULL when it is not there */
int rf_need(const struct rule_file *rf, const cJSON *obj, const char *name, const cJSON **ret);
/* A malloc'ed copy; *ret stays as it is when there is no such member. */
int rf_copy_string(const struct rule_file *rf, const cJSON *obj, const char *name, char **ret);
/* An array of at most `max` strings, added to `ret`. `lines` (may be NULL) gets each one's line, malloc'ed. */
int rf_take_strings(const struct rule_file *rf, const cJSON *arr, size_t max, struct strings *ret,
		    unsigned int **lines);
/* A number from min to max; *ret stays as it is when there is no such member. */
int rf_take_number(const struct rule_file *rf, const cJSON *obj, const char *name, double min,
		   double max, double *ret);

#endif /* BT_DETECT_RULES_JSON_H */
