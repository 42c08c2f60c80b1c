/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "engine/past.h"

#define HEAD sizeof(struct past_piece)

static char text[2 * PAST_STREAM_MAX];

static void add(struct past *p, struct past_stream *s, uint64_t off, size_t len)
{
	const struct past_place place = { .off = off, .line = 1 };

	past_add(p, s, &place, span_of(text, len));
}

static size_t count(const struct past *p)
{
	size_t n = 0, cost = 0;

	for (const struct past_piece *b = p->oldest; b; b = b->next) {
		assert_ptr_equal(b->next ? b->next->prev : p->newest, b);
		n++;
		cost += b->cost;
	}
	assert_int_equal(cost, p->cost);
	assert_true(cost <= PAST_MAX);
	return n;
}

static void one_stream_keeps_its_window_to_the_byte(void **state)
{
	struct past p = { 0 };
	struct past_stream s = { 0 };

	(void)state;
	add(&p, &s, 0, 100);
	add(&p, &s, 100, PAST_STREAM_MAX - 2 * HEAD - 100);
	assert_int_equal(count(&p), 2);
	assert_int_equal(s.cost, PAST_STREAM_MAX);
	assert_true(p.oldest->first);
	assert_false(p.newest->first);
	/* One byte more than fits: the oldest piece goes, whole. */
	past_end_stream(&s);
	past_release(&p);
	add(&p, &s, 0, 100);
	add(&p, &s, 100, PAST_STREAM_MAX - 2 * HEAD - 99);
	assert_int_equal(count(&p), 1);
	assert_int_equal(p.oldest->place.off, 100);
	assert_true(p.oldest->first);
	assert_ptr_equal(s.first, s.last);
	past_end_stream(&s);
	past_release(&p);
}

static void of_a_long_piece_the_end_is_kept(void **state)
{
	static const size_t most = PAST_STREAM_MAX - HEAD;
	struct past p = { 0 };
	struct past_stream s = { 0 };

	(void)state;
	memset(text, 'x', sizeof(text));
	text[0] = text[1] = '\n';
	add(&p, &s, 10, most);
	assert_int_equal(p.oldest->place.off, 10);
	assert_int_equal(p.oldest->text.len, most);
	assert_false(p.oldest->place.begins);
	add(&p, &s, 10, most + 1);
	assert_int_equal(count(&p), 1);
	assert_int_equal(p.oldest->place.off, 11);
	assert_int_equal(p.oldest->place.line, 2);
	assert_int_equal(p.oldest->text.p[0], '\n');
	assert_true(p.oldest->place.begins);
	add(&p, &s, 10, 0);
	assert_int_equal(count(&p), 1);
	past_end_stream(&s);
	past_release(&p);
}

static void all_streams_share_the_bound_and_outlive_their_end(void **state)
{
	struct past p = { 0 };
	struct past_stream s[20] = { 0 };
	uint64_t first;

	(void)state;
	for (size_t i = 0; i < 16; i++)
		add(&p, &s[i], 0, PAST_STREAM_MAX - HEAD);
	assert_int_equal(count(&p), 16);
	assert_int_equal(p.cost, PAST_MAX);
	first = p.oldest->id;
	past_end_stream(&s[0]);
	past_end_stream(&s[1]);
	assert_int_equal(count(&p), 16);
	assert_int_equal(p.oldest->id, first);
	add(&p, &s[16], 0, 1);
	assert_int_equal(count(&p), 16);
	assert_int_not_equal(p.oldest->id, first);
	/* An address that is used again is another stream. */
	add(&p, &s[0], 0, 1);
	assert_int_equal(count(&p), 17);
	assert_int_not_equal(p.newest->id, first);
	assert_true(p.newest->first);
	for (size_t i = 0; i < 20; i++)
		past_end_stream(&s[i]);
	past_release(&p);
	assert_int_equal(p.cost, 0);
}

static void any_order_keeps_the_lists_whole(void **state)
{
	struct past p = { 0 };
	struct past_stream s[30] = { 0 };
	uint64_t off[30] = { 0 };

	(void)state;
	srand(7);
	for (size_t i = 0; i < 20000; i++) {
		size_t k = (size_t)rand() % 30, len = (size_t)rand() % (rand() % 10 ? 300 : 70000);

		if (!(rand() % 100)) {
			past_end_stream(&s[k]);
			off[k] = 0;
			continue;
		}
		add(&p, &s[k], off[k], len);
		off[k] += len;
		if (i % 1000)
			continue;
		count(&p);
		for (k = 0; k < 30; k++) {
			size_t cost = 0;

			for (const struct past_piece *b = s[k].first; b; b = b->later) {
				assert_int_equal(b->first, b == s[k].first);
				assert_ptr_equal(b->owner, &s[k]);
				cost += b->cost;
			}
			assert_int_equal(cost, s[k].cost);
			assert_true(cost <= PAST_STREAM_MAX);
		}
	}
	for (size_t k = 0; k < 30; k++)
		past_end_stream(&s[k]);
	past_release(&p);
}

static void what_was_told(void **state)
{
	struct past p = { 0 };
	struct past_stream s = { 0 }, other = { 0 };

	(void)state;
	past_tell(&p, &s, 100, 140);
	past_tell(&p, &other, 0, 1);
	assert_true(past_was_told(&p, s.id, 139, 150));
	assert_true(past_was_told(&p, s.id, 90, 101));
	assert_false(past_was_told(&p, s.id, 140, 150));
	assert_false(past_was_told(&p, s.id, 90, 100));
	assert_false(past_was_told(&p, other.id, 100, 140));
	for (size_t i = 0; i < PAST_TOLD - 2; i++)
		past_tell(&p, &other, 0, 1);
	assert_true(past_was_told(&p, s.id, 100, 140));
	past_tell(&p, &other, 0, 1);
	assert_false(past_was_told(&p, s.id, 100, 140));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_stream_keeps_its_window_to_the_byte),
		cmocka_unit_test(of_a_long_piece_the_end_is_kept),
		cmocka_unit_test(all_streams_share_the_bound_and_outlive_their_end),
		cmocka_unit_test(any_order_keeps_the_lists_whole),
		cmocka_unit_test(what_was_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
