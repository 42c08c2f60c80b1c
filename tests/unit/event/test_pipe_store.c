/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "event/pipe_store.h"

#define MAX 16384u

static const struct pipe_store_limits small = {
	.max_pipes = 3,
	.max_pipe_bytes = MAX,
	.max_bytes = 2 * MAX,
};

static struct bt_file_id pipe_no(uint64_t n)
{
	return (struct bt_file_id){ .obj = n, .ino = n, .type = BT_FILE_PIPE };
}

static int setup(void **state)
{
	*state = pipe_store_new(&small);
	return *state ? 0 : -1;
}

static int teardown(void **state)
{
	pipe_store_free(*state);
	return 0;
}

static void write_str(struct pipe_store *s, const struct bt_file_id *id, uint64_t pos,
		      const char *text)
{
	pipe_store_written(s, id, pos, span_str(text));
}

/* The store has exactly `text` in one piece at `pos`. */
static void expect(struct pipe_store *s, const struct bt_file_id *id, uint64_t pos,
		   const char *text)
{
	struct span got;

	assert_int_equal(pipe_store_get(s, id, pos, &got), PIPE_HERE);
	assert_int_equal(got.len, strlen(text));
	assert_memory_equal(got.p, text, got.len);
}

static void expect_not(struct pipe_store *s, const struct bt_file_id *id, uint64_t pos,
		       enum pipe_bytes why)
{
	struct span got;

	assert_int_equal(pipe_store_get(s, id, pos, &got), why);
}

static void written_then_read(void **state)
{
	struct bt_file_id a = pipe_no(1), other = pipe_no(2);

	assert_int_equal(pipe_store_add(*state, &a), 0);
	assert_int_equal(pipe_store_add(*state, &a), 0);
	expect_not(*state, &a, 0, PIPE_LATER);
	write_str(*state, &a, 0, "hello ");
	write_str(*state, &a, 6, "world");
	expect(*state, &a, 0, "hello world");
	expect(*state, &a, 6, "world");
	expect_not(*state, &a, 11, PIPE_LATER);
	assert_int_equal(pipe_store_look(*state, &a, 2, 9), PIPE_HERE);
	assert_int_equal(pipe_store_look(*state, &a, 2, 10), PIPE_LATER);
	pipe_store_read(*state, &a, 6);
	expect(*state, &a, 6, "world");
	expect_not(*state, &a, 5, PIPE_GONE);
	assert_int_equal(pipe_store_look(*state, &a, 5, 2), PIPE_GONE);
	pipe_store_read(*state, &a, 11);
	assert_int_equal(pipe_store_size(*state), 0);
	expect_not(*state, &a, 11, PIPE_LATER);
	/* Of a pipe that was never added nothing is known. */
	write_str(*state, &other, 0, "x");
	expect_not(*state, &other, 0, PIPE_GONE);
}

/* The reader's record came before the writer's. */
static void read_before_written(void **state)
{
	struct bt_file_id a = pipe_no(1);

	pipe_store_add(*state, &a);
	pipe_store_read(*state, &a, 5);
	write_str(*state, &a, 0, "hello");
	expect_not(*state, &a, 0, PIPE_GONE);
	write_str(*state, &a, 5, "more");
	expect(*state, &a, 5, "more");
	/* The part that is not read yet. */
	pipe_store_read(*state, &a, 12);
	write_str(*state, &a, 9, "abcdef");
	expect(*state, &a, 12, "def");
}

static void holes(void **state)
{
	struct bt_file_id a = pipe_no(1);

	pipe_store_add(*state, &a);
	write_str(*state, &a, 4, "later");
	expect_not(*state, &a, 0, PIPE_LATER);
	expect(*state, &a, 4, "later");
	write_str(*state, &a, 1, "b");
	expect(*state, &a, 1, "b");
	expect_not(*state, &a, 2, PIPE_LATER);
	write_str(*state, &a, 0, "a");
	write_str(*state, &a, 2, "cd");
	expect(*state, &a, 0, "abcdlater");
	/* What is not known at all does not come, and what stands behind it does. */
	pipe_store_unknown(*state, &a, 9, 3);
	write_str(*state, &a, 12, "end");
	expect(*state, &a, 0, "abcdlater");
	assert_int_equal(pipe_store_look(*state, &a, 0, 10), PIPE_GONE);
	expect_not(*state, &a, 9, PIPE_GONE);
	expect_not(*state, &a, 11, PIPE_GONE);
	expect(*state, &a, 12, "end");
	pipe_store_read(*state, &a, 10);
	expect_not(*state, &a, 10, PIPE_GONE);
	pipe_store_unknown(*state, &a, 20, 5);
	expect_not(*state, &a, 15, PIPE_LATER);
	pipe_store_unknown(*state, &a, 15, 5);
	expect_not(*state, &a, 15, PIPE_GONE);
}

static void no_more(void **state)
{
	struct bt_file_id a = pipe_no(1);

	pipe_store_add(*state, &a);
	write_str(*state, &a, 3, "abc");
	expect_not(*state, &a, 0, PIPE_LATER);
	pipe_store_no_more(*state, &a, 10);
	write_str(*state, &a, 10, "def");
	expect_not(*state, &a, 0, PIPE_GONE);
	expect(*state, &a, 3, "abc");
	expect_not(*state, &a, 6, PIPE_GONE);
	expect_not(*state, &a, 9, PIPE_GONE);
	expect(*state, &a, 10, "def");
	expect_not(*state, &a, 13, PIPE_LATER);
}

/* Every second byte, so many that the oldest are given up. */
static void many_holes(void **state)
{
	struct bt_file_id a = pipe_no(1);

	pipe_store_add(*state, &a);
	for (uint64_t i = 0; i < 200; i++)
		write_str(*state, &a, 2 * i + 1, "x");
	expect_not(*state, &a, 1, PIPE_GONE);
	expect(*state, &a, 399, "x");
	expect_not(*state, &a, 398, PIPE_LATER);
	write_str(*state, &a, 380, "0123456789");
	expect(*state, &a, 380, "0123456789");
}

static void fill(char *p, size_t len, uint64_t pos)
{
	for (size_t i = 0; i < len; i++)
		p[i] = (char)((pos + i) * 2654435761u >> 13);
}

/* One byte less than a pipe's bound, that, and one more; in pieces of any size. */
static void bounds(void **state)
{
	static const size_t sizes[] = { 1, 4095, 4096, 4097, MAX - 1, MAX, MAX + 1, 3 * MAX + 7 };
	char *p = malloc(4 * MAX);
	uint64_t no = 0;

	assert_non_null(p);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		for (size_t piece = 1000; piece <= 3 * MAX + 7; piece += 9001) {
			struct bt_file_id id = pipe_no(++no);
			size_t from = sizes[i] > MAX ? sizes[i] - MAX : 0;

			pipe_store_add(*state, &id);
			for (size_t at = 0; at < sizes[i]; at += piece) {
				size_t n = sizes[i] - at < piece ? sizes[i] - at : piece;

				fill(p, n, at);
				pipe_store_written(*state, &id, at, span_of(p, n));
			}
			if (from)
				expect_not(*state, &id, from - 1, PIPE_GONE);
			for (size_t at = from; at < sizes[i];) {
				struct span got;

				assert_int_equal(pipe_store_get(*state, &id, at, &got), PIPE_HERE);
				fill(p, got.len, at);
				assert_memory_equal(got.p, p, got.len);
				at += got.len;
			}
			expect_not(*state, &id, sizes[i], PIPE_LATER);
			assert_true(pipe_store_size(*state) <= small.max_bytes);
		}
	}
	free(p);
}

/* The one that was written to least recently loses its bytes, the one used least recently is forgotten. */
static void many_pipes(void **state)
{
	struct bt_file_id id[4];
	char p[MAX];
	struct span got;

	for (size_t i = 0; i < 3; i++) {
		id[i] = pipe_no(i + 1);
		pipe_store_add(*state, &id[i]);
		fill(p, sizeof(p), 0);
		pipe_store_written(*state, &id[i], 0, span_of(p, sizeof(p)));
	}
	assert_int_equal(pipe_store_size(*state), 2 * MAX);
	expect_not(*state, &id[0], 0, PIPE_GONE);
	expect_not(*state, &id[0], MAX, PIPE_LATER);
	assert_int_equal(pipe_store_get(*state, &id[1], 0, &got), PIPE_HERE);
	write_str(*state, &id[0], MAX, "again");
	expect(*state, &id[0], MAX, "again");
	expect_not(*state, &id[1], 0, PIPE_GONE);
	id[3] = pipe_no(4);
	pipe_store_add(*state, &id[3]);
	expect_not(*state, &id[2], MAX, PIPE_GONE);
}

static void distrust(void **state)
{
	struct bt_file_id a = pipe_no(1);

	pipe_store_add(*state, &a);
	write_str(*state, &a, 0, "abc");
	pipe_store_distrust(*state, &a);
	assert_int_equal(pipe_store_size(*state), 0);
	expect_not(*state, &a, 0, PIPE_GONE);
	assert_int_equal(pipe_store_add(*state, &a), 0);
	write_str(*state, &a, 3, "def");
	expect_not(*state, &a, 3, PIPE_GONE);
	assert_int_equal(pipe_store_look(*state, &a, 3, 3), PIPE_GONE);
}

/* Pieces in any order, reads and what is unknown in between, against an array. */
static void as_a_model(void **state)
{
	enum { SEEN = 1, LOST };
	struct pipe_store *s = pipe_store_new(&(struct pipe_store_limits){ 1, 65536, 65536 });
	struct bt_file_id a = pipe_no(1);
	static char what[60000], want[60000], have[60000];
	size_t end = 0, begin = 0;

	srand(7);
	assert_non_null(s);
	pipe_store_add(s, &a);
	fill(want, sizeof(want), 0);
	for (int round = 0; round < 3000; round++) {
		/* Never far from the front: else holes would be given up. */
		size_t at = end > 300 && rand() % 3 ? end - (size_t)(rand() % 300) : end;
		size_t len = (size_t)(rand() % 100) + 1;

		if (at < begin)
			at = begin;
		if (at + len > sizeof(what))
			break;
		if (rand() % 8) {
			pipe_store_written(s, &a, at, span_of(want + at, len));
			memset(what + at, SEEN, len);
		} else {
			pipe_store_unknown(s, &a, at, len);
			memset(what + at, LOST, len);
		}
		if (at + len > end)
			end = at + len;
		if (rand() % 16 == 0 && end > begin + 600) {
			begin = end - 600;
			pipe_store_read(s, &a, begin);
		}
		for (size_t i = end > 50 ? end - 50 : 0; i < end; i++) {
			struct span got = SPAN_NONE;
			enum pipe_bytes is = pipe_store_get(s, &a, i, &got);

			if (is == PIPE_HERE) {
				assert_int_equal(what[i], SEEN);
				assert_int_equal(*got.p, want[i]);
			}
			if (i >= begin && what[i] == SEEN && is != PIPE_HERE)
				have[i]++;
		}
	}
	/* No byte that was seen and not read had to be given up so near the front. */
	for (size_t i = begin; i < end; i++)
		assert_int_equal(have[i], 0);
	pipe_store_free(s);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(written_then_read),
		TEST(read_before_written),
		TEST(holes),
		TEST(many_holes),
		TEST(bounds),
		TEST(many_pipes),
		TEST(distrust),
		TEST(no_more),
		TEST(as_a_model),
	};

	return cmocka_run_group_tests_name("pipe_store", tests, NULL, NULL);
}
