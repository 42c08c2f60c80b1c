/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef BT_CLI_RULES_TEST_H
#define BT_CLI_RULES_TEST_H

#include "alert/policy.h"
#include "base/log.h"
#include "detect/rules.h"

/*
 * `rules test`: every token rule on the texts that it carries and, with a `policy` (the built-in one), every rule of the
 * catalogue on its replay cases. Prints what fails, and precision and recall over both. Exit status.
 */
int rules_test(const struct log *log, const struct ruleset *rules, const struct policy *policy,
	       bool verbose);

#endif /* BT_CLI_RULES_TEST_H */
