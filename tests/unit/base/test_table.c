/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "base/table.h"

/* Values are counters of how often they were freed. */
static void count_free(void *value)
{
	(*(int *)value)++;
}

static struct span key_of(char *buf, unsigned int i)
{
	return span_of(buf, (size_t)snprintf(buf, 16, "key-%u", i));
}

static void test_put_get_remove(void **state)
{
	struct table *t = table_new(10, count_free);
	int a = 0, b = 0;

	assert_null(table_get(t, SPAN_LIT("x")));
	assert_null(table_oldest(t));
	assert_int_equal(table_put(t, SPAN_LIT("x"), &a), 0);
	assert_int_equal(table_put(t, span_of("x\0", 2), &b), 0);
	assert_ptr_equal(table_get(t, SPAN_LIT("x")), &a);
	assert_ptr_equal(table_get(t, span_of("x\0", 2)), &b);
	assert_int_equal(table_len(t), 2);
	assert_true(table_remove(t, SPAN_LIT("x")));
	assert_int_equal(a, 1);
	assert_false(table_remove(t, SPAN_LIT("x")));
	assert_null(table_get(t, SPAN_LIT("x")));
	assert_int_equal(table_len(t), 1);
	assert_null(table_free(t));
	assert_int_equal(a, 1);
	assert_int_equal(b, 1);
	assert_null(table_free(NULL));
}

static void test_keys_are_copied(void **state)
{
	struct table *t = table_new(10, NULL);
	char key[] = "abc";
	int v = 0;

	table_put(t, span_str(key), &v);
	key[0] = 'z';
	assert_ptr_equal(table_get(t, SPAN_LIT("abc")), &v);
	assert_null(table_get(t, span_str(key)));
	assert_int_equal(table_put(t, SPAN_NONE, &v), 0);
	assert_ptr_equal(table_get(t, SPAN_NONE), &v);
	table_free(t);
}

static void test_replacing_frees_the_old_value(void **state)
{
	struct table *t = table_new(10, count_free);
	int a = 0, b = 0;

	table_put(t, SPAN_LIT("k"), &a);
	table_put(t, SPAN_LIT("k"), &b);
	assert_int_equal(a, 1);
	assert_int_equal(b, 0);
	assert_int_equal(table_len(t), 1);
	table_put(t, SPAN_LIT("k"), &b);
	assert_int_equal(b, 0);
	table_free(t);
	assert_int_equal(b, 1);
}

static void test_take_does_not_free(void **state)
{
	struct table *t = table_new(10, count_free);
	int a = 0;

	table_put(t, SPAN_LIT("k"), &a);
	assert_ptr_equal(table_take(t, SPAN_LIT("k")), &a);
	assert_null(table_take(t, SPAN_LIT("k")));
	assert_int_equal(table_len(t), 0);
	table_free(t);
	assert_int_equal(a, 0);
}

static void test_full_table_evicts_the_least_recently_used(void **state)
{
	struct table *t = table_new(3, count_free);
	int v[5] = { 0 };

	table_put(t, SPAN_LIT("0"), &v[0]);
	table_put(t, SPAN_LIT("1"), &v[1]);
	table_put(t, SPAN_LIT("2"), &v[2]);
	assert_ptr_equal(table_oldest(t), &v[0]);
	table_get(t, SPAN_LIT("0"));
	assert_ptr_equal(table_oldest(t), &v[1]);
	/* peek leaves the order alone. */
	table_peek(t, SPAN_LIT("1"));
	assert_ptr_equal(table_oldest(t), &v[1]);
	table_put(t, SPAN_LIT("3"), &v[3]);
	assert_int_equal(v[1], 1);
	assert_null(table_peek(t, SPAN_LIT("1")));
	assert_int_equal(table_len(t), 3);
	assert_int_equal(table_evicted(t), 1);
	/* Replacing in a full table evicts nobody and makes the entry recent. */
	table_put(t, SPAN_LIT("2"), &v[4]);
	assert_int_equal(v[2], 1);
	assert_int_equal(table_evicted(t), 1);
	assert_ptr_equal(table_oldest(t), &v[0]);
	assert_true(table_remove(t, SPAN_LIT("3")));
	assert_int_equal(table_evicted(t), 1);
	table_free(t);
}

struct order {
	char text[64];
	size_t stop_after;
	struct table *remove_from;
};

static bool note(void *arg, struct span key, void *value)
{
	struct order *o = arg;

	strncat(o->text, key.p, key.len);
	if (o->remove_from)
		assert_true(table_remove(o->remove_from, key));
	return strlen(o->text) < o->stop_after;
}

static void test_walk_goes_from_most_to_least_recent(void **state)
{
	struct table *t = table_new(8, count_free);
	struct order o = { .stop_after = 99 };
	int v = 0;

	table_put(t, SPAN_LIT("a"), &v);
	table_put(t, SPAN_LIT("b"), &v);
	table_put(t, SPAN_LIT("c"), &v);
	table_get(t, SPAN_LIT("a"));
	table_walk(t, note, &o);
	assert_string_equal(o.text, "acb");
	o = (struct order){ .stop_after = 2 };
	table_walk(t, note, &o);
	assert_string_equal(o.text, "ac");
	o = (struct order){ .stop_after = 99, .remove_from = t };
	table_walk(t, note, &o);
	assert_string_equal(o.text, "acb");
	assert_int_equal(table_len(t), 0);
	assert_int_equal(v, 3);
	table_free(t);
}

static void test_many_entries(void **state)
{
	enum { N = 20000 };
	struct table *t = table_new(N / 2, count_free);
	int *v = calloc(N, sizeof(*v));
	char key[16];

	for (unsigned int i = 0; i < N; i++) {
		assert_int_equal(table_put(t, key_of(key, i), &v[i]), 0);
		assert_true(table_len(t) <= N / 2);
	}
	assert_int_equal(table_evicted(t), N / 2);
	for (unsigned int i = 0; i < N; i++) {
		assert_int_equal(v[i], i < N / 2);
		assert_ptr_equal(table_get(t, key_of(key, i)), i < N / 2 ? NULL : &v[i]);
	}
	for (unsigned int i = N / 2; i < N; i += 2)
		assert_true(table_remove(t, key_of(key, i)));
	assert_int_equal(table_len(t), N / 4);
	for (unsigned int i = N / 2; i < N; i++)
		assert_ptr_equal(table_peek(t, key_of(key, i)), i % 2 ? &v[i] : NULL);
	table_free(t);
	for (unsigned int i = 0; i < N; i++)
		assert_int_equal(v[i], 1);
	free(v);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_put_get_remove),
		cmocka_unit_test(test_keys_are_copied),
		cmocka_unit_test(test_replacing_frees_the_old_value),
		cmocka_unit_test(test_take_does_not_free),
		cmocka_unit_test(test_full_table_evicts_the_least_recently_used),
		cmocka_unit_test(test_walk_goes_from_most_to_least_recent),
		cmocka_unit_test(test_many_entries),
	};

	return cmocka_run_group_tests_name("table", tests, NULL, NULL);
}
