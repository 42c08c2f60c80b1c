/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdio.h>
#include <string.h>
#include "cases/expect.h"

/* True when `have` has every member that `want` asks for; null asks that there is none. */
static bool has_all(const cJSON *want, const cJSON *have)
{
	const cJSON *m;

	if (cJSON_IsNull(want))
		return !have || cJSON_IsNull(have);
	if (!cJSON_IsObject(want))
		return have && cJSON_Compare(want, have, true);
	if (!cJSON_IsObject(have))
		return false;
	cJSON_ArrayForEach(m, want)
	{
		if (!has_all(m, cJSON_GetObjectItemCaseSensitive(have, m->string)))
			return false;
	}
	return true;
}

struct assignment {
	cJSON *const *want, *const *have;
	size_t n_have;
	int taken[EXPECT_MAX]; /* index into want, or -1 */
};

/* Augmenting paths: an alert already taken may be given up for another of its own. */
static bool assign(struct assignment *a, int w, bool *seen)
{
	for (size_t h = 0; h < a->n_have; h++) {
		if (seen[h] || !has_all(a->want[w], a->have[h]))
			continue;
		seen[h] = true;
		if (a->taken[h] < 0 || assign(a, a->taken[h], seen)) {
			a->taken[h] = w;
			return true;
		}
	}
	return false;
}

static const char *rule_of(const cJSON *alert)
{
	const cJSON *m = cJSON_GetObjectItemCaseSensitive(alert, "rule");

	return cJSON_IsString(m) ? m->valuestring : "?";
}

static bool any_of_rule(cJSON *const *alerts, size_t n, const char *rule)
{
	for (size_t i = 0; i < n; i++) {
		if (!strcmp(rule_of(alerts[i]), rule))
			return true;
	}
	return false;
}

static void say(struct case_result *ret, enum case_outcome outcome, const char *what,
		const cJSON *alert)
{
	const cJSON *sev = cJSON_GetObjectItemCaseSensitive(alert, "severity");
	size_t n = strlen(ret->why);

	ret->outcome = outcome;
	snprintf(ret->why + n, sizeof(ret->why) - n, "%s%s: %s%s%s", n ? "; " : "", what,
		 rule_of(alert), cJSON_IsString(sev) ? ", " : "",
		 cJSON_IsString(sev) ? sev->valuestring : "");
}

void expect_compare(cJSON *const *want, size_t n_want, cJSON *const *have, size_t n_have,
		    struct case_result *ret)
{
	struct assignment a = { .want = want, .have = have, .n_have = n_have };
	bool seen[EXPECT_MAX];

	ret->why[0] = '\0';
	if (ret->match[0] && !any_of_rule(want, n_want, ret->match)) {
		ret->outcome = CASE_FAULTY;
		snprintf(ret->why, sizeof(ret->why),
			 "says \"match\": \"%s\" and expects no such alert", ret->match);
		return;
	}
	if (ret->nomatch[0] && any_of_rule(want, n_want, ret->nomatch)) {
		ret->outcome = CASE_FAULTY;
		snprintf(ret->why, sizeof(ret->why),
			 "says \"nomatch\": \"%s\" and expects such an alert", ret->nomatch);
		return;
	}
	for (size_t h = 0; h < n_have; h++)
		a.taken[h] = -1;
	ret->outcome = n_want ? CASE_MATCHED : CASE_QUIET;
	for (size_t w = 0; w < n_want; w++) {
		memset(seen, 0, sizeof(seen));
		if (!assign(&a, (int)w, seen))
			say(ret, CASE_MISSED, "not found", want[w]);
	}
	for (size_t h = 0; h < n_have; h++) {
		if (a.taken[h] < 0)
			say(ret, ret->outcome == CASE_MISSED ? CASE_MISSED : CASE_LOUD,
			    "found and not expected", have[h]);
	}
}
