/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>

#include "alert/dedup.h"

static struct alert alert_of(const char *rule, uint64_t when)
{
	struct alert a = { .seen_count = 1, .time_ns = when, .first_ns = when, .last_ns = when };

	snprintf(a.rule, sizeof(a.rule), "%s", rule);
	return a;
}

struct seen {
	size_t n;
	struct alert a[8];
};

static void take(void *arg, const struct alert *a)
{
	struct seen *s = arg;

	assert_true(s->n < 8);
	s->a[s->n++] = *a;
}

static void test_the_same_is_counted(void **state)
{
	struct dedup *d = dedup_new(10);
	struct alert a = alert_of("one", 100);
	struct seen s = { 0 };

	assert_non_null(d);
	assert_true(dedup_add(d, &a));
	a.last_ns = 200;
	strcpy(a.id, "another");
	assert_false(dedup_add(d, &a));
	/* A late record does not turn the time back. */
	a.last_ns = 150;
	assert_false(dedup_add(d, &a));
	assert_int_equal(dedup_len(d), 1);
	dedup_walk(d, take, &s);
	assert_int_equal(s.n, 1);
	assert_int_equal(s.a[0].seen_count, 3);
	assert_int_equal(s.a[0].first_ns, 100);
	assert_int_equal(s.a[0].last_ns, 200);
	assert_string_equal(s.a[0].id, "");
	dedup_free(d);
}

/* Each of the members that make an alert what it is, and one that does not. */
static void test_what_makes_a_difference(void **state)
{
	struct dedup *d = dedup_new(100);
	struct alert base = alert_of("one", 1), a;

	assert_true(dedup_add(d, &base));
#define DIFFERS(change)                                                                            \
	do {                                                                                       \
		a = base;                                                                          \
		change;                                                                            \
		assert_true(dedup_add(d, &a));                                                     \
		assert_false(dedup_add(d, &a));                                                    \
	} while (0)
	DIFFERS(strcpy(a.rule, "two"));
	DIFFERS(strcpy(a.secret.fingerprint, "x"));
	DIFFERS(a.sink.class = SINK_FILE);
	DIFFERS(strcpy(a.sink.path, "x"));
	DIFFERS(strcpy(a.sink.peer, "x"));
	DIFFERS(strcpy(a.mcp.tool, "x"));
	DIFFERS(strcpy(a.process.exe, "x"));
	/* The borders of members count. */
	DIFFERS((strcpy(a.sink.path, "ab"), strcpy(a.sink.peer, "c")));
	DIFFERS((strcpy(a.sink.path, "a"), strcpy(a.sink.peer, "bc")));
	assert_int_equal(dedup_len(d), 10);

	a = base;
	a.process.pid = 7;
	a.sink.line = 9;
	a.sink.offset = 10;
	strcpy(a.mcp.id, "8");
	a.severity = SEV_CRITICAL;
	assert_false(dedup_add(d, &a));
	dedup_free(d);
}

static void test_order_and_bound(void **state)
{
	static const char *const names[] = { "a", "b", "c", "d" };
	struct dedup *d = dedup_new(3);
	struct seen s = { 0 };
	struct alert a;

	for (size_t i = 0; i < 3; i++) {
		a = alert_of(names[i], i);
		assert_true(dedup_add(d, &a));
	}
	/* "a" is used last, so "b" is what has to go; "a" keeps its place in the order. */
	a = alert_of("a", 9);
	assert_false(dedup_add(d, &a));
	a = alert_of("d", 10);
	assert_true(dedup_add(d, &a));
	assert_int_equal(dedup_len(d), 3);
	dedup_walk(d, take, &s);
	assert_int_equal(s.n, 3);
	assert_string_equal(s.a[0].rule, "a");
	assert_string_equal(s.a[1].rule, "c");
	assert_string_equal(s.a[2].rule, "d");
	a = alert_of("b", 11);
	assert_true(dedup_add(d, &a));
	assert_null(dedup_free(d));
	assert_null(dedup_free(NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_same_is_counted),
		cmocka_unit_test(test_what_makes_a_difference),
		cmocka_unit_test(test_order_and_bound),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
