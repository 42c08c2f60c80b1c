/* SPDX-License-Identifier: BSD-2-Clause */
/* Private to alert/policy*.c: reading one JSON file with every fault told by its line. */
#ifndef BT_ALERT_POLICY_READ_H
#define BT_ALERT_POLICY_READ_H

#include "alert/policy_internal.h"

struct load {
	struct policy *p;
	const char *name;
	struct span text;
	const cJSON *doc;
	const cJSON *item; /* the rule, cell or adjustment at hand; NULL at the top */
	struct error *err;
};

struct member {
	const char *name;
	int type; /* cJSON type flag; 0 = the reader checks it */
	bool required;
};

/* Fills the error "NAME:LINE: ID: what" for the item at hand; returns -EINVAL. */
int policy_fault(const struct load *l, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
int policy_no_memory(const struct load *l);

/* Every member is known, of its type, and there once; every required one is there. */
int policy_check_members(const struct load *l, const cJSON *obj, const struct member *members,
			 size_t n);
/* Words that go to a terminal: 1 to `max` bytes of well-formed UTF-8 without control characters. */
bool policy_text_is_fit(const cJSON *s, size_t max);
/* The item's member `name`, borrowed. */
int policy_read_text(const struct load *l, const char *name, size_t max, const char **ret);
int policy_read_id(const struct load *l, const char **ret);
int policy_read_severity(const struct load *l, enum severity *ret);
/* What an item asks for of secret and sink. */
int policy_read_match(const struct load *l, struct match *m);
/* Its members, beside id and note. */
#define POLICY_MATCH_MEMBERS                                                                       \
	{ "id", cJSON_String, true }, { "sink", 0, false }, { "secret", 0, false },                \
		{ "encoding", cJSON_Array, false }, { "confidence", cJSON_String, false },         \
		{ "found_percent", cJSON_Object, false },                                          \
		{ "expired", cJSON_True | cJSON_False, false }, { "when", cJSON_Object, false },   \
	{                                                                                          \
		"note", cJSON_String, false                                                        \
	}
/* override.c: one element of "overrides". */
int policy_load_override(struct load *l);
/* Makes room for one more element of `size` bytes in an array of `n`. */
int policy_grow(const struct load *l, void **array, size_t n, size_t size, size_t max);
/* Copies `item`, which begins with its name (const char *), over the element of that name, or to the end of the array. */
int policy_put(const struct load *l, void **array, size_t *n, const void *item, size_t size,
	       size_t max);

#endif /* BT_ALERT_POLICY_READ_H */
