/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>

#include "stream/stream.h"

/* What the consumer saw, as text: plain bytes, [N] for a gap of N, '$' for the end. */
struct seen {
	char text[4096];
	size_t len;
	struct stream *last;
	uint64_t last_off;    /* data.off of the event that came along */
	const char *last_ptr; /* where the bytes were */
	char last_name[16];
	int users_freed;
	int user;
};

static void on_data(void *arg, struct stream *s, const struct event *ev, struct span bytes)
{
	struct seen *seen = arg;

	assert_true(bytes.len > 0);
	assert_true(bytes.p >= ev->data.bytes.p);
	assert_true(bytes.p + bytes.len <= ev->data.bytes.p + ev->data.bytes.len);
	/* s->pos is where `bytes` begin. */
	assert_int_equal(s->pos, ev->data.pos + (uint64_t)(bytes.p - ev->data.bytes.p));
	assert_true(seen->len + bytes.len < sizeof(seen->text));
	memcpy(seen->text + seen->len, bytes.p, bytes.len);
	seen->len += bytes.len;
	seen->text[seen->len] = '\0';
	seen->last = s;
	seen->last_off = ev->data.off;
	seen->last_ptr = bytes.p;
	assert_true(ev->data.name.len < sizeof(seen->last_name));
	memset(seen->last_name, 0, sizeof(seen->last_name));
	if (ev->data.name.len)
		memcpy(seen->last_name, ev->data.name.p, ev->data.name.len);
}

static void on_gap(void *arg, struct stream *s, uint64_t missing)
{
	struct seen *seen = arg;

	assert_true(missing >= 1);
	seen->len += (size_t)snprintf(seen->text + seen->len, sizeof(seen->text) - seen->len,
				      "[%llu]", (unsigned long long)missing);
	seen->last = s;
}

static void on_late(void *arg, struct stream *s, const struct event *ev, struct span bytes,
		    uint64_t pos)
{
	struct seen *seen = arg;

	assert_true(pos + bytes.len <= s->pos);
	assert_ptr_equal(bytes.p, ev->data.bytes.p + (pos - ev->data.pos));
	seen->len +=
		(size_t)snprintf(seen->text + seen->len, sizeof(seen->text) - seen->len,
				 "(%llu:%.*s)", (unsigned long long)pos, (int)bytes.len, bytes.p);
}

static void on_end(void *arg, struct stream *s)
{
	struct seen *seen = arg;

	seen->text[seen->len++] = '$';
	seen->text[seen->len] = '\0';
}

static void on_free(void *user)
{
	(*(int *)user)++;
}

static const struct stream_ops ops = { on_data, on_gap, on_late, on_end, on_free };
static const struct stream_limits limits = { 100, 1 << 16, 1 << 20 };

struct fixture {
	struct stream_table *t;
	struct seen seen;
	uint64_t now;
	struct bt_file_id file;
	enum bt_dir dir;
};

static int setup(void **state)
{
	static struct fixture f;

	f = (struct fixture){ .now = 1, .file = { 10, 11, 12, BT_FILE_PIPE, 0 } };
	f.t = stream_table_new(&limits, &ops, &f.seen);
	*state = &f;
	return f.t ? 0 : -1;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	f->t = stream_table_free(f->t);
	return 0;
}

static struct event event(const struct fixture *f, uint64_t pos, const char *bytes)
{
	struct event ev = { .kind = BT_REC_DATA, .time_ns = f->now };

	ev.data.file = f->file;
	ev.data.dir = f->dir;
	ev.data.pos = pos;
	ev.data.off = ~0ULL;
	ev.data.bytes = span_str(bytes);
	return ev;
}

static void feed(struct fixture *f, uint64_t pos, const char *bytes)
{
	struct event ev = event(f, pos, bytes);

	assert_int_equal(stream_feed(f->t, &ev), 0);
}

static void feed_lost(struct fixture *f, uint64_t pos, uint32_t lost, const char *bytes)
{
	struct event ev = event(f, pos, bytes);

	ev.data.lost_len = lost;
	assert_int_equal(stream_feed(f->t, &ev), 0);
}

static void expect(struct fixture *f, const char *want)
{
	assert_string_equal(f->seen.text, want);
}

static struct stream_totals totals(const struct fixture *f)
{
	struct stream_totals t;

	stream_table_totals(f->t, &t);
	return t;
}

static void test_in_order_bytes_pass_without_a_copy(void **state)
{
	struct fixture *f = *state;
	static const char bytes[] = "abc";

	feed(f, 0, bytes);
	assert_ptr_equal(f->seen.last_ptr, bytes);
	feed(f, 3, "def");
	feed(f, 6, "");
	expect(f, "abcdef");
	assert_int_equal(f->seen.last->pos, 6);
	assert_int_equal(f->seen.last->examined, 6);
	assert_int_equal(f->seen.last->missing, 0);
	assert_int_equal(f->seen.last->dir, BT_DIR_OUT);
	assert_true(f->seen.last->file.obj == 10);
	assert_int_equal(totals(f).examined, 6);
	assert_int_equal(totals(f).held_now, 0);
}

static void test_first_event_sets_the_position(void **state)
{
	struct fixture *f = *state;

	feed(f, 1000, "abc");
	feed(f, 1003, "def");
	expect(f, "abcdef");
	assert_int_equal(totals(f).missing, 0);
}

static void test_bytes_from_before_the_first_event_are_missing(void **state)
{
	struct fixture *f = *state;

	feed(f, 10, "abc");
	feed(f, 4, "xx");
	expect(f, "abc");
	assert_int_equal(totals(f).missing, 6);
	assert_int_equal(f->seen.last->missing, 6);
	feed(f, 6, "xxxx");
	assert_int_equal(totals(f).missing, 6);
	assert_int_equal(totals(f).duplicate, 4);
	/* Partly new: what is new is delivered. */
	feed(f, 2, "0123456789abcdef");
	expect(f, "abcbcdef");
	assert_int_equal(totals(f).missing, 8);
}

static void test_swapped_pieces_are_put_in_order(void **state)
{
	struct fixture *f = *state;

	feed(f, 0, "a");
	feed(f, 3, "def");
	expect(f, "a");
	assert_true(totals(f).held_now > 0);
	feed(f, 6, "g");
	feed(f, 1, "bc");
	expect(f, "abcdefg");
	assert_int_equal(totals(f).held_now, 0);
	assert_int_equal(totals(f).missing, 0);
	assert_int_equal(f->seen.last->pos, 7);
}

static void test_any_order_of_arrival(void **state)
{
	static const int orders[6][3] = { { 1, 2, 3 }, { 1, 3, 2 }, { 2, 1, 3 },
					  { 2, 3, 1 }, { 3, 1, 2 }, { 3, 2, 1 } };

	for (size_t i = 0; i < 6; i++) {
		struct fixture *f = *state;
		char letter[2] = "";

		feed(f, 0, "a");
		for (size_t j = 0; j < 3; j++) {
			letter[0] = (char)('a' + orders[i][j]);
			feed(f, (uint64_t)orders[i][j], letter);
		}
		expect(f, "abcd");
		assert_int_equal(totals(f).held_now, 0);
		teardown(state);
		setup(state);
	}
}

/* A held piece is a copy: its event comes along later with the same contents. */
static void test_held_piece_keeps_its_event(void **state)
{
	struct fixture *f = *state;
	char bytes[] = "cd", name[] = "addr";
	struct event ev;

	feed(f, 0, "a");
	ev = event(f, 2, bytes);
	ev.data.off = 77;
	ev.data.name = span_str(name);
	assert_int_equal(stream_feed(f->t, &ev), 0);
	memset(bytes, 'x', 2);
	memset(name, 'x', 4);
	memset(&ev, 0, sizeof(ev));
	feed(f, 1, "b");
	expect(f, "abcd");
	assert_int_equal(f->seen.last_off, 77);
	assert_string_equal(f->seen.last_name, "addr");
}

static void test_duplicates_and_overlaps_are_trimmed(void **state)
{
	struct fixture *f = *state;

	feed(f, 0, "abcd");
	feed(f, 0, "abcd");
	feed(f, 1, "bc");
	expect(f, "abcd");
	assert_int_equal(totals(f).duplicate, 6);
	feed(f, 2, "cdef");
	expect(f, "abcdef");
	assert_int_equal(totals(f).duplicate, 8);
	/* Among held pieces too. */
	feed(f, 8, "ij");
	feed(f, 8, "ij");
	feed(f, 9, "jk");
	feed(f, 6, "gh");
	expect(f, "abcdefghijk");
	assert_int_equal(totals(f).duplicate, 8 + 3);
	assert_int_equal(totals(f).examined, 11);
	assert_int_equal(totals(f).missing, 0);
	assert_int_equal(totals(f).held_now, 0);
}

static void test_lost_bytes_of_the_call_are_a_gap_at_once(void **state)
{
	struct fixture *f = *state;

	feed(f, 0, "ab");
	feed_lost(f, 5, 3, "fg");
	expect(f, "ab[3]fg");
	assert_int_equal(f->seen.last->pos, 7);
	assert_int_equal(f->seen.last->missing, 3);
	/* Nothing but a loss. */
	feed_lost(f, 11, 4, "");
	expect(f, "ab[3]fg[4]");
	assert_int_equal(f->seen.last->pos, 11);
	feed(f, 11, "l");
	expect(f, "ab[3]fg[4]l");
	assert_int_equal(totals(f).missing, 7);
}

static void test_lost_bytes_of_the_first_event(void **state)
{
	struct fixture *f = *state;

	feed_lost(f, 105, 5, "abc");
	expect(f, "[5]abc");
}

static void test_lost_bytes_behind_a_hole_wait_for_it(void **state)
{
	struct fixture *f = *state;

	feed(f, 0, "a");
	feed_lost(f, 6, 3, "gh");
	expect(f, "a");
	feed(f, 1, "bc");
	expect(f, "abc[3]gh");
	assert_int_equal(totals(f).missing, 3);
}

static void test_tick_gives_up_after_a_second(void **state)
{
	struct fixture *f = *state;

	feed(f, 0, "a");
	feed(f, 3, "d");
	f->now += 500000000;
	feed(f, 6, "g");
	stream_tick(f->t, 1 + 1000000000);
	expect(f, "a");
	stream_tick(f->t, 1 + 1000000001);
	expect(f, "a[2]d");
	/* The later one has half a second left. */
	stream_tick(f->t, 1 + 1400000000);
	expect(f, "a[2]d");
	stream_tick(f->t, 1 + 1500000001);
	expect(f, "a[2]d[2]g");
	assert_int_equal(totals(f).held_now, 0);
	/* What comes now is too late and not delivered twice. */
	feed(f, 1, "bc");
	feed(f, 7, "h");
	expect(f, "a[2]d[2]gh");
	assert_int_equal(totals(f).missing, 4);
	assert_int_equal(totals(f).duplicate, 2);
}

static void test_tick_takes_earlier_pieces_along(void **state)
{
	struct fixture *f = *state;

	feed(f, 0, "a");
	feed(f, 5, "f");
	f->now += 900000000;
	feed(f, 2, "c");
	feed(f, 3, "d");
	feed(f, 6, "g");
	feed(f, 9, "j");
	stream_tick(f->t, 1100000000);
	expect(f, "a[1]cd[1]fg");
	assert_true(totals(f).held_now > 0);
}

/* A piece is held from when it came, also when a backlog makes it old on arrival. */
static void test_backlog_does_not_make_pieces_overdue(void **state)
{
	struct fixture *f = *state;

	feed(f, 0, "a");
	stream_tick(f->t, 10000000000);
	feed(f, 2, "c");
	stream_tick(f->t, 10000000001);
	expect(f, "a");
	feed(f, 1, "b");
	expect(f, "abc");
	/* Time does not go back. */
	feed(f, 4, "e");
	stream_tick(f->t, 5);
	expect(f, "abc");
}

static void use_limits(struct fixture *f, size_t streams, size_t held_stream, size_t held_total)
{
	const struct stream_limits l = { streams, held_stream, held_total };

	stream_table_free(f->t);
	memset(&f->seen, 0, sizeof(f->seen));
	f->t = stream_table_new(&l, &ops, &f->seen);
	assert_non_null(f->t);
}

static void test_nothing_may_be_held(void **state)
{
	struct fixture *f = *state;

	use_limits(f, 10, 0, 0);
	feed(f, 0, "a");
	feed(f, 2, "c");
	expect(f, "a[1]c");
	feed(f, 1, "b");
	expect(f, "a[1]c");
	assert_int_equal(totals(f).held_now, 0);
}

/* The memory that one held piece of one byte takes. */
static size_t cost_of_one(struct fixture *f)
{
	size_t cost;

	feed(f, 0, "a");
	feed(f, 2, "c");
	cost = totals(f).held_now;
	assert_true(cost >= 1);
	return cost;
}

static void test_held_bytes_of_a_stream_are_bounded(void **state)
{
	struct fixture *f = *state;
	size_t one = cost_of_one(f), max = one * 4 - 1;

	use_limits(f, 10, max, 1 << 20);
	feed(f, 0, "a");
	feed(f, 2, "c");
	feed(f, 4, "e");
	feed(f, 6, "g");
	expect(f, "a");
	assert_int_equal(totals(f).held_now, one * 3);
	/* The fourth makes it go on behind the first hole. */
	feed(f, 8, "i");
	expect(f, "a[1]c");
	assert_int_equal(totals(f).held_now, one * 3);
	/* One that comes before all held ones does so at once. */
	feed(f, 3, "d");
	expect(f, "a[1]cde");
	feed(f, 10, "k");
	feed(f, 7, "h");
	expect(f, "a[1]cde[1]ghi");
	for (uint64_t pos = 100; pos < 3000; pos += 2) {
		f->seen.len = 0;
		feed(f, pos, "x");
		assert_true(totals(f).held_now <= max);
	}
}

static void test_held_bytes_in_all_are_bounded(void **state)
{
	struct fixture *f = *state;
	size_t one = cost_of_one(f), max = one * 10;

	use_limits(f, 1000, 1 << 16, max);
	for (uint64_t i = 0; i < 100; i++) {
		f->file.obj = 1000 + i;
		f->seen.len = 0;
		feed(f, 0, "a");
		feed(f, 2, "c");
		feed(f, 4, "e");
		assert_true(totals(f).held_now <= max);
	}
	assert_int_equal(totals(f).held_now, max);
	f->seen.len = 0;
	stream_tick(f->t, 2000000000);
	assert_int_equal(totals(f).held_now, 0);
	assert_int_equal(totals(f).missing, 200);
	assert_int_equal(totals(f).examined, 300);
}

static void test_streams_are_bounded_and_the_oldest_ends(void **state)
{
	struct fixture *f = *state;

	use_limits(f, 2, 1 << 16, 1 << 20);
	f->file.obj = 1;
	feed(f, 0, "a");
	f->file.obj = 2;
	feed(f, 0, "b");
	f->file.obj = 1;
	feed(f, 1, "A");
	f->file.obj = 3;
	feed(f, 0, "c");
	expect(f, "abA$c");
	assert_int_equal(stream_table_len(f->t), 2);
	assert_int_equal(totals(f).evicted, 1);
	f->file.obj = 2;
	assert_null(stream_find(f->t, &f->file, BT_DIR_OUT));
	/* It may begin again, where it is by now. */
	feed(f, 50, "B");
	expect(f, "abA$c$B");
	assert_int_equal(totals(f).missing, 0);
}

static void test_eviction_delivers_what_was_held(void **state)
{
	struct fixture *f = *state;

	use_limits(f, 1, 1 << 16, 1 << 20);
	feed(f, 0, "a");
	feed(f, 2, "c");
	f->file.obj++;
	feed(f, 0, "X");
	expect(f, "a[1]c$X");
	assert_int_equal(totals(f).held_now, 0);
	/* The evicted stream is out of tick's reach. */
	stream_tick(f->t, 9000000000);
}

static void test_ten_thousand_streams(void **state)
{
	struct fixture *f = *state;
	enum { MAX_STREAMS = 1000, MAX_HELD = 100000 };

	use_limits(f, MAX_STREAMS, 10000, MAX_HELD);
	for (uint64_t i = 0; i < 10000; i++) {
		f->file.obj = i;
		f->seen.len = 0;
		feed(f, 0, "a");
		feed(f, 100, "a piece that waits for another");
		assert_true(stream_table_len(f->t) <= MAX_STREAMS);
		assert_true(totals(f).held_now <= MAX_HELD);
	}
	assert_int_equal(stream_table_len(f->t), MAX_STREAMS);
	assert_int_equal(totals(f).evicted, 9000);
	f->seen.len = 0;
	for (uint64_t i = 0; i < 10000; i++) {
		f->file.obj = i;
		stream_end_file(f->t, &f->file);
		f->seen.len = 0;
	}
	assert_int_equal(stream_table_len(f->t), 0);
	assert_int_equal(totals(f).held_now, 0);
	assert_int_equal(totals(f).missing, 10000 * 99);
}

static void test_directions_are_streams_of_their_own(void **state)
{
	struct fixture *f = *state;

	feed(f, 0, "out");
	f->dir = BT_DIR_IN;
	feed(f, 0, "IN");
	f->dir = BT_DIR_OUT;
	feed(f, 5, "!");
	feed(f, 3, "pu");
	f->dir = BT_DIR_IN;
	feed(f, 2, "PUT");
	expect(f, "outINpu!PUT");
	assert_int_equal(stream_table_len(f->t), 2);
	assert_int_equal(stream_find(f->t, &f->file, BT_DIR_OUT)->pos, 6);
	assert_int_equal(stream_find(f->t, &f->file, BT_DIR_IN)->pos, 5);
	/* The object names the stream, not the mode bits or the type seen. */
	f->file.mode = 0777;
	f->file.type = BT_FILE_UNKNOWN;
	assert_non_null(stream_find(f->t, &f->file, BT_DIR_IN));
	f->file.ino++;
	assert_null(stream_find(f->t, &f->file, BT_DIR_IN));
}

static void test_final_position(void **state)
{
	struct fixture *f = *state;

	feed(f, 0, "ab");
	stream_final(f->t, &f->file, BT_DIR_OUT, 2, 0);
	expect(f, "ab");
	feed(f, 4, "e");
	stream_final(f->t, &f->file, BT_DIR_OUT, 9, 0);
	expect(f, "ab[2]e[4]");
	assert_int_equal(totals(f).missing, 6);
	assert_int_equal(totals(f).held_now, 0);
	/* Behind what was delivered: nothing to say. */
	stream_final(f->t, &f->file, BT_DIR_OUT, 3, 0);
	expect(f, "ab[2]e[4]");
	/* Unknown streams are none of ours. */
	stream_final(f->t, &f->file, BT_DIR_IN, 100, 0);
	assert_int_equal(totals(f).missing, 6);
	assert_int_equal(stream_table_len(f->t), 1);
}

static void test_end_file_ends_both_directions(void **state)
{
	struct fixture *f = *state;

	feed(f, 0, "a");
	feed(f, 2, "c");
	f->dir = BT_DIR_IN;
	feed(f, 0, "b");
	f->file.obj++;
	feed(f, 0, "other");
	f->file.obj--;
	stream_end_file(f->t, &f->file);
	expect(f, "abother[1]c$$");
	assert_int_equal(stream_table_len(f->t), 1);
	stream_end_file(f->t, &f->file);
	expect(f, "abother[1]c$$");
	/* Its number may be used again. */
	feed(f, 0, "new");
	expect(f, "abother[1]c$$new");
}

static void test_free_ends_every_stream_and_its_user(void **state)
{
	struct fixture *f = *state;

	feed(f, 0, "a");
	f->seen.last->user = &f->seen.users_freed;
	feed(f, 2, "c");
	f->file.obj++;
	feed(f, 0, "x");
	f->seen.last->user = &f->seen.users_freed;
	f->t = stream_table_free(f->t);
	assert_null(f->t);
	expect(f, "ax[1]c$$");
	assert_int_equal(f->seen.users_freed, 2);
	assert_null(stream_table_free(NULL));
}

static void test_other_events_are_ignored(void **state)
{
	struct fixture *f = *state;
	struct event ev = { .kind = BT_REC_EXIT };

	assert_int_equal(stream_feed(f->t, &ev), 0);
	assert_int_equal(stream_table_len(f->t), 0);
}

static void test_positional_writes_go_in_arrival_order(void **state)
{
	struct fixture *f = *state;
	struct event ev = event(f, 0, "second");

	ev.data.off = 100;
	assert_int_equal(stream_feed(f->t, &ev), 0);
	ev = event(f, 6, "first");
	ev.data.off = 0;
	assert_int_equal(stream_feed(f->t, &ev), 0);
	expect(f, "secondfirst");
	assert_int_equal(f->seen.last_off, 0);
}

static void feed_window(struct fixture *f, uint64_t pos, uint32_t lost, const char *bytes)
{
	struct event ev = event(f, pos, bytes);

	ev.data.matched = true;
	ev.data.lost_len = lost;
	assert_int_equal(stream_feed(f->t, &ev), 0);
}

static void test_windows_do_not_wait(void **state)
{
	struct fixture *f = *state;

	feed(f, 0, "ab");
	feed_window(f, 10, 0, "kl");
	expect(f, "ab[8]kl");
	assert_int_equal(totals(f).matched, 8);
	assert_int_equal(totals(f).missing, 0);
	/* Of this gap the last three bytes are lost. */
	feed_window(f, 20, 3, "uv");
	expect(f, "ab[8]kl[8]uv");
	assert_int_equal(totals(f).matched, 13);
	assert_int_equal(totals(f).missing, 3);
	/* What is held for another reason comes first. */
	feed(f, 30, "EF");
	feed_window(f, 34, 0, "IJ");
	expect(f, "ab[8]kl[8]uv[8]EF[2]IJ");
	assert_int_equal(totals(f).held_now, 0);
	assert_int_equal(totals(f).missing, 11);
	assert_int_equal(totals(f).matched, 15);
}

/* A thread was between moving its bytes and sending its window while a later call overtook it. */
static void test_windows_that_come_late(void **state)
{
	struct fixture *f = *state;

	feed(f, 0, "ab");
	feed_window(f, 20, 0, "uv");
	feed_window(f, 5, 0, "fgh");
	expect(f, "ab[18]uv(5:fgh)");
	/* The same again, with what is new on either side. */
	feed_window(f, 3, 0, "defghijk");
	expect(f, "ab[18]uv(5:fgh)(3:de)(8:ijk)");
	assert_int_equal(totals(f).examined, 12);
	assert_int_equal(totals(f).matched, 10);
	assert_int_equal(totals(f).duplicate, 3);
	/* Over the end of the gap, and on. */
	feed_window(f, 18, 0, "stuvwx");
	expect(f, "ab[18]uv(5:fgh)(3:de)(8:ijk)(18:st)wx");
	assert_int_equal(totals(f).duplicate, 5);
	assert_int_equal(totals(f).matched, 8);
	assert_int_equal(stream_find(f->t, &f->file, BT_DIR_OUT)->pos, 24);
}

static void test_final_tells_matched_from_lost(void **state)
{
	struct fixture *f = *state;

	feed(f, 0, "ab");
	feed_window(f, 10, 0, "kl");
	/* 8 and 18 did not come; the kernel knows which it looked at. */
	stream_final(f->t, &f->file, BT_DIR_OUT, 30, 20);
	expect(f, "ab[8]kl[18]");
	assert_int_equal(totals(f).matched, 20);
	assert_int_equal(totals(f).missing, 6);
	/* More than did not come it cannot have been. */
	stream_final(f->t, &f->file, BT_DIR_OUT, 30, 1000);
	assert_int_equal(totals(f).matched, 26);
	assert_int_equal(totals(f).missing, 0);
}

/* Its positions begin at 0 again: the text goes on. */
static void test_a_stream_that_the_kernel_forgot(void **state)
{
	struct fixture *f = *state;

	feed(f, 0, "ab");
	feed(f, 2, "cd");
	f->now++;
	feed(f, 0, "ef");
	feed(f, 2, "gh");
	f->now++;
	feed(f, 0, "ij");
	expect(f, "abcdefghij");
	assert_int_equal(totals(f).missing, 0);
	assert_int_equal(totals(f).duplicate, 0);
	/* What the kernel says at the end is of the last time only. */
	stream_final(f->t, &f->file, BT_DIR_OUT, 5, 0);
	expect(f, "abcdefghij[3]");
	assert_int_equal(totals(f).missing, 3);
}

/* Attached to amid its life, and forgotten much later. */
static void test_a_late_stream_that_the_kernel_forgot(void **state)
{
	struct fixture *f = *state;

	feed(f, 100, "ab");
	f->now += 2000000000;
	feed(f, 0, "cd");
	feed(f, 2, "ef");
	expect(f, "abcdef");
	assert_int_equal(totals(f).missing, 0);
}

static void test_callbacks_may_be_left_out(void **state)
{
	struct fixture *f = *state;
	const struct stream_ops data_only = { .data = on_data };

	stream_table_free(f->t);
	memset(&f->seen, 0, sizeof(f->seen));
	f->t = stream_table_new(&limits, &data_only, &f->seen);
	feed(f, 0, "a");
	feed_lost(f, 3, 2, "d");
	stream_end_file(f->t, &f->file);
	expect(f, "ad");
	assert_int_equal(totals(f).missing, 2);
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_in_order_bytes_pass_without_a_copy),
		T(test_first_event_sets_the_position),
		T(test_bytes_from_before_the_first_event_are_missing),
		T(test_swapped_pieces_are_put_in_order),
		T(test_any_order_of_arrival),
		T(test_held_piece_keeps_its_event),
		T(test_duplicates_and_overlaps_are_trimmed),
		T(test_lost_bytes_of_the_call_are_a_gap_at_once),
		T(test_lost_bytes_of_the_first_event),
		T(test_lost_bytes_behind_a_hole_wait_for_it),
		T(test_tick_gives_up_after_a_second),
		T(test_tick_takes_earlier_pieces_along),
		T(test_backlog_does_not_make_pieces_overdue),
		T(test_nothing_may_be_held),
		T(test_held_bytes_of_a_stream_are_bounded),
		T(test_held_bytes_in_all_are_bounded),
		T(test_streams_are_bounded_and_the_oldest_ends),
		T(test_eviction_delivers_what_was_held),
		T(test_ten_thousand_streams),
		T(test_directions_are_streams_of_their_own),
		T(test_final_position),
		T(test_end_file_ends_both_directions),
		T(test_free_ends_every_stream_and_its_user),
		T(test_other_events_are_ignored),
		T(test_positional_writes_go_in_arrival_order),
		T(test_windows_do_not_wait),
		T(test_windows_that_come_late),
		T(test_final_tells_matched_from_lost),
		T(test_a_stream_that_the_kernel_forgot),
		T(test_a_late_stream_that_the_kernel_forgot),
		T(test_callbacks_may_be_left_out),
	};

	return cmocka_run_group_tests_name("stream", tests, NULL, NULL);
}
