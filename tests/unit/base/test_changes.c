/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <sodium.h>

#include "base/changes.h"
#include "base/secmem.h"

#define PAGE CHANGES_PAGE

static struct changes_budget budget_of(size_t pages, size_t copies)
{
	struct changes_budget b = { .pages = pages, .copies = copies };

	randombytes_buf(b.key, sizeof(b.key));
	return b;
}

static void assert_range(struct range r, size_t from, size_t to)
{
	assert_int_equal(r.from, from);
	assert_int_equal(r.to, to);
}

static void test_first_look(void **state)
{
	struct changes_budget b = budget_of(10, 10);
	struct changes *c = changes_new(&b, 10);
	struct range r[CHANGES_MAX];
	char page[PAGE] = { 0 };

	assert_int_equal(changes_look(c, 7, page, r), 0);
	/* All zeros is how every page begins, and costs nothing. */
	assert_int_equal(b.pages, 10);
	memcpy(page + 100, "text", 4);
	page[PAGE - 1] = 'x';
	assert_int_equal(changes_look(c, 7, page, r), 2);
	assert_range(r[0], 100, 104);
	assert_range(r[1], PAGE - 1, PAGE);
	assert_int_equal(changes_look(c, 7, page, r), 0);
	/* Another page is another. */
	assert_int_equal(changes_look(c, 1ull << 40, page, r), 2);
	assert_int_equal(b.pages, 8);
	assert_int_equal(b.copies, 8);
	changes_free(c);
	assert_int_equal(b.pages, 10);
	assert_int_equal(b.copies, 10);
}

static void test_only_changes(void **state)
{
	struct changes_budget b = budget_of(10, 10);
	struct changes *c = changes_new(&b, 10);
	struct range r[CHANGES_MAX];
	char page[PAGE];

	memset(page, 'a', sizeof(page));
	assert_int_equal(changes_look(c, 0, page, r), 1);
	assert_range(r[0], 0, PAGE);
	page[0] = 'b';
	page[63] = page[64] = 'b'; /* over a block of the comparison: far from the first */
	page[64 + 33] = 'b';       /* near that */
	page[PAGE - 1] = 'b';
	assert_int_equal(changes_look(c, 0, page, r), 3);
	assert_range(r[0], 0, 1);
	assert_range(r[1], 63, 98);
	assert_range(r[2], PAGE - 1, PAGE);
	/* Back to what it was, and to zeros. */
	page[0] = 'a';
	assert_int_equal(changes_look(c, 0, page, r), 1);
	assert_range(r[0], 0, 1);
	memset(page, 0, sizeof(page));
	assert_int_equal(changes_look(c, 0, page, r), 1);
	assert_range(r[0], 0, PAGE);
	assert_int_equal(changes_look(c, 0, page, r), 0);
	changes_free(c);
}

static void test_many_ranges(void **state)
{
	struct changes_budget b = budget_of(10, 10);
	struct changes *c = changes_new(&b, 10);
	struct range r[CHANGES_MAX];
	char page[PAGE] = { 0 };

	for (size_t i = 0; i < PAGE; i += 50)
		page[i] = 'x';
	assert_int_equal(changes_look(c, 0, page, r), CHANGES_MAX);
	for (size_t i = 0; i < CHANGES_MAX - 1; i++)
		assert_range(r[i], i * 50, i * 50 + 1);
	/* The last has all that is left. */
	assert_range(r[CHANGES_MAX - 1], (CHANGES_MAX - 1) * 50, 4051);
	changes_free(c);
}

/* Without a copy it is only known that the page has changed. */
static void test_no_copy(void **state)
{
	struct changes_budget b = budget_of(10, 0);
	struct changes *c = changes_new(&b, 10);
	struct range r[CHANGES_MAX];
	char page[PAGE] = { 0 };

	page[5] = 'x';
	assert_int_equal(changes_look(c, 0, page, r), 1);
	assert_range(r[0], 5, 6);
	assert_int_equal(changes_look(c, 0, page, r), 0);
	page[6] = 'x';
	assert_int_equal(changes_look(c, 0, page, r), 1);
	assert_range(r[0], 0, PAGE);
	/* As soon as there is room for one. */
	b.copies = 1;
	page[7] = 'x';
	assert_int_equal(changes_look(c, 0, page, r), 1);
	page[8] = 'x';
	assert_int_equal(changes_look(c, 0, page, r), 1);
	assert_range(r[0], 8, 9);
	changes_free(c);
	assert_int_equal(b.copies, 1);
}

static void test_bounds(void **state)
{
	struct changes_budget b = budget_of(3, 100);
	struct changes *c = changes_new(&b, 2), *d = changes_new(&b, 2);
	struct range r[CHANGES_MAX];
	char page[PAGE] = { 'x' };

	assert_int_equal(changes_look(c, 0, page, r), 1);
	assert_int_equal(changes_look(c, 1, page, r), 1);
	assert_int_equal(changes_look(c, 2, page, r), -ENOSPC);
	/* What is remembered is not forgotten for it. */
	assert_int_equal(changes_look(c, 0, page, r), 0);
	assert_int_equal(changes_look(d, 0, page, r), 1);
	assert_int_equal(changes_look(d, 1, page, r), -ENOSPC);
	changes_free(c);
	assert_int_equal(changes_look(d, 1, page, r), 1);
	changes_free(d);
	assert_int_equal(b.pages, 3);
	assert_null(changes_free(NULL));
}

/* A big file leaves copies for others. */
static void test_share_of_copies(void **state)
{
	struct changes_budget b = budget_of(1000, 1000);
	struct changes *c = changes_new(&b, 1000);
	struct range r[CHANGES_MAX];
	char page[PAGE] = { 'x' };

	for (uint64_t i = 0; i < 500; i++)
		assert_int_equal(changes_look(c, i, page, r), 1);
	assert_int_equal(b.pages, 500);
	assert_in_range(b.copies, 800, 999);
	changes_free(c);
	assert_int_equal(b.copies, 1000);
}

/* `[...]` in the text is what changed, `{...}` what is to be told; the marks themselves are not in it. */
static void widens(const char *marked)
{
	struct range changed = { 0 }, want = { 0 }, got;
	char text[256];
	size_t n = 0;

	for (const char *p = marked; *p; p++) {
		if (*p == '[')
			changed.from = n;
		else if (*p == ']')
			changed.to = n;
		else if (*p == '{')
			want.from = n;
		else if (*p == '}')
			want.to = n;
		else
			text[n++] = *p;
	}
	got = changes_widen(span_of(text, n), changed);
	if (got.from != want.from || got.to != want.to)
		fail_msg("%s: told of \"%.*s\"", marked, (int)(got.to - got.from), text + got.from);
}

static void test_widen(void **state)
{
	widens("{[]}");
	widens("a, {[word]} b");
	widens("a, {w[or]d} b");
	widens("other=thing, {name=wo[r]d} next=thing");
	widens("\"other\": \"thing\", \"{name\": \"w[ord]}\", \"next\": 1");
	widens("x {Authorization: w[ord]}\r\nother");
	widens("Authorization: {Bearer w[ord]}\r\nother");
	widens("{?a=b&[c]}");
	/* What stands before is a word itself, too long for a name. */
	widens("abcdefghijklmnopqrstuvwxyz0123456789 {w[ord]} b");
	widens("abcdefghijklmnopqrstuvwxyz0123456789\n{two [words here ]}");
}

/* Not further than CHANGES_WORD_MAX. */
static void test_widen_bounds(void **state)
{
	static char text[3 * CHANGES_WORD_MAX];
	const size_t mid = sizeof(text) / 2;
	struct range r = { mid, mid + 1 };

	memset(text, 'w', sizeof(text));
	r = changes_widen(span_of(text, sizeof(text)), r);
	assert_range(r, mid - CHANGES_WORD_MAX, mid + 1 + CHANGES_WORD_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_first_look),  cmocka_unit_test(test_only_changes),
		cmocka_unit_test(test_many_ranges), cmocka_unit_test(test_no_copy),
		cmocka_unit_test(test_bounds),      cmocka_unit_test(test_share_of_copies),
		cmocka_unit_test(test_widen),       cmocka_unit_test(test_widen_bounds),
	};

	if (secmem_init())
		return 1;
	return cmocka_run_group_tests_name("changes", tests, NULL, NULL);
}
