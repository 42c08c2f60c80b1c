/* SPDX-License-Identifier: BSD-2-Clause */
/* Private to cases/: expect.jsonl. */
#ifndef BT_CASES_EXPECT_H
#define BT_CASES_EXPECT_H

#include <cjson/cJSON.h>
#include "cases/cases.h"

#define EXPECT_MAX 64 /* alerts of a case, expected or found */

/* The next line that is no comment and not empty. */
bool expect_next(struct span *rest, struct span *line);
/* Reads the first line: which rule the case is for. False when it is no JSON object. */
bool expect_head(struct span *rest, struct case_result *ret);
/*
 * Compares: every alert wanted has one of its own in `have` with at least the members wanted, and none is left over. Fills
 * outcome and why.
 */
void expect_compare(cJSON *const *want, size_t n_want, cJSON *const *have, size_t n_have,
		    struct case_result *ret);

#endif /* BT_CASES_EXPECT_H */
