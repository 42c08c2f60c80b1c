/* SPDX-License-Identifier: BSD-2-Clause */
/* Text that holds no value gives no hit, and text made to cost much does not. Work is counted, not timed. */
#include "detect/values_priv.h"

#include "test_values_lib.h"

#define MB (1024 * 1024)

struct fixture {
	struct rng rng;
	struct collector got;
	struct values *v;
	struct value_scan *s;
	char *text;
};

/* VALUES_MAX values of the usual kinds. */
static void add_values(struct fixture *f)
{
	static const struct {
		const char *alphabet;
		size_t len;
	} kinds[] = { { ALPHA_HEX, 40 },  { ALPHA_URL, 43 },   { ALPHA_ALNUM, 40 },
		      { ALPHA_HEX, 64 },  { ALPHA_PKCE, 128 }, { ALPHA_URL, 900 },
		      { ALPHA_ALNUM, 16 } };
	char value[1024];

	for (size_t i = 0; values_len(f->v) < VALUES_MAX; i++) {
		size_t k = i % (sizeof(kinds) / sizeof(kinds[0]));

		random_text(&f->rng, kinds[k].alphabet, value, kinds[k].len);
		assert_true(values_add(f->v, span_of(value, kinds[k].len), SECRET_CODE, 0) > 0);
	}
}

static void scan_all(struct fixture *f, size_t len)
{
	f->got.n = 0;
	value_scan_reset(f->s, 0);
	for (size_t at = 0; at < len; at += 16384)
		value_scan_feed(f->s, span_sub(span_of(f->text, len), at, 16384), collect, &f->got);
	value_scan_flush(f->s, collect, &f->got);
}

static void test_no_false_hit(void **state)
{
	struct fixture *f = *state;
	static const char *const words[] = { "GET /mcp/v1/tools HTTP/1.1 ",
					     "\"level\":\"info\",",
					     "request handled in ",
					     "\\\"id\\\": ",
					     "%20retry&n=",
					     "AAAAAAAA",
					     "2026-07-28T12:00:00Z ",
					     "\n",
					     "&amp;" };
	size_t n = 0;

	add_values(f);
	random_text(&f->rng, ALPHA_STD, f->text, 4 * MB);
	scan_all(f, 4 * MB);
	assert_int_equal(f->got.n, 0);
	random_text(&f->rng, ALPHA_HEX, f->text, 4 * MB);
	scan_all(f, 4 * MB);
	assert_int_equal(f->got.n, 0);
	for (size_t i = 0; i < 4 * MB; i++)
		f->text[i] = (char)rng_next(&f->rng);
	scan_all(f, 4 * MB);
	assert_int_equal(f->got.n, 0);
	while (n < 4 * MB - 64) {
		const char *w = words[rng_below(&f->rng, sizeof(words) / sizeof(words[0]))];

		memcpy(f->text + n, w, strlen(w));
		n += strlen(w);
		n += (size_t)sprintf(f->text + n, "%u", (unsigned int)rng_below(&f->rng, 100000));
	}
	scan_all(f, n);
	assert_int_equal(f->got.n, 0);
}

/* Zero runs of two base64 texts have "AAAA" in common, and nothing that is secret. */
static void test_runs_are_no_evidence(void **state)
{
	struct fixture *f = *state;
	char value[100], text[64];

	random_text(&f->rng, ALPHA_URL, value, 100);
	memset(value + 30, 'A', 40);
	assert_true(values_add(f->v, span_of(value, 100), SECRET_CODE, 0) > 0);
	/* At each place that the stride of the search has. */
	for (size_t at = 40; at < 43; at++) {
		memset(text, 'A', sizeof(text));
		memcpy(text + at, value + 70, 3);
		scan_text(f->s, text, 64, SIZE_MAX, &f->got);
		assert_int_equal(f->got.n, 0);
	}
	scan_text(f->s, value, 100, SIZE_MAX, &f->got);
	assert_int_equal(f->got.n, 1);
	assert_int_equal(f->got.hit[0].part_len, 100);
}

/* Steps per byte of 1 MB made of `unit` over and over. */
static void check_steps(struct fixture *f, const char *unit, size_t len, unsigned int most)
{
	uint64_t before = value_scan_steps(f->s);

	for (size_t i = 0; i < MB; i++)
		f->text[i] = unit[i % len];
	scan_all(f, MB);
	if (value_scan_steps(f->s) - before > (uint64_t)most * MB) {
		print_error("%u steps per byte\n",
			    (unsigned int)((value_scan_steps(f->s) - before) / MB));
		fail();
	}
}

static void test_work_is_linear(void **state)
{
	struct fixture *f = *state;
	static char value[VALUES_MAX_LEN], unit[VALUES_MAX_LEN];
	const size_t len = sizeof(value);

	/* A long value, its grams over and over. */
	random_text(&f->rng, ALPHA_URL, value, len);
	assert_true(values_add(f->v, span_of(value, len), SECRET_CODE, 0) > 0);
	for (size_t n = 8; n <= 40; n++)
		check_steps(f, value + 1000, n, 20);
	check_steps(f, value, len, 20);
	check_steps(f, value + 1, len - 2, 20);

	/* One that repeats itself as far as a value may: period 65. */
	for (size_t i = 65; i < len; i++)
		value[i] = value[i - 65];
	assert_true(values_add(f->v, span_of(value, len), SECRET_CODE, 0) > 0);
	check_steps(f, value, 65, 40);
	memcpy(unit, value, 200);
	unit[200] = ' ';
	check_steps(f, unit, 201, 40);

	/* 40 that begin alike, and that beginning. */
	random_text(&f->rng, ALPHA_URL, value, 8000);
	for (size_t i = 0; i < 40; i++) {
		random_text(&f->rng, ALPHA_URL, value + 8000, 1000);
		assert_true(values_add(f->v, span_of(value, 9000), SECRET_CODE, 0) > 0);
	}
	check_steps(f, value, 8000, 60);
	check_steps(f, value + 3, 7000, 60);
	check_steps(f, value, 30, 60);
	/* Each jump to another place of the beginning is a match on a new diagonal. */
	for (size_t i = 0; i < 8000; i += 16)
		memcpy(unit + i, value + rng_below(&f->rng, 7900), 16);
	check_steps(f, unit, 8000, 60);
}

/* Escapes that never end, and runs that are dropped. */
static void test_escape_floods(void **state)
{
	struct fixture *f = *state;
	static const char *const units[] = {
		"%",   "\\",    "&",  "&#",        "%25", "\\u00",
		"%5C", "&amp;", "\n", "&aaaaaaaa", "%2",  "\\\\u0025"
	};
	char value[40], *end;
	int64_t id;
	uint64_t len;

	random_text(&f->rng, ALPHA_URL, value, 40);
	id = values_add(f->v, span_of(value, 40), SECRET_CODE, 0);
	for (size_t u = 0; u < sizeof(units) / sizeof(units[0]); u++) {
		for (size_t i = 0; i < 300000; i++)
			f->text[i] = units[u][i % strlen(units[u])];
		end = f->text + 300000;
		*end++ = ' ';
		memcpy(end, value, 40);
		len = (uint64_t)(end + 40 - f->text);
		scan_all(f, len);
		assert_int_equal(f->got.n, 1);
		assert_int_equal(f->got.hit[0].id, id);
		assert_int_equal(f->got.hit[0].offset, len - 40);
		assert_int_equal(f->got.hit[0].end, len);
	}
	/* NULs, more than is ever dropped at once. */
	memset(f->text, 0, 200000);
	memcpy(f->text + 200000, value, 40);
	scan_all(f, 200040);
	assert_int_equal(f->got.n, 1);
	assert_int_equal(f->got.hit[0].offset, 200000);
	assert_int_equal(f->got.hit[0].encoding, ENC_RAW);
}

/* A stream of many different fragments reports them all, in order, however many are pending. */
static void test_fragment_flood(void **state)
{
	struct fixture *f = *state;
	char value[VALUES_MAX_LEN];
	size_t n = 0, at = 0;

	random_text(&f->rng, ALPHA_URL, value, sizeof(value));
	assert_true(values_add(f->v, span_of(value, sizeof(value)), SECRET_CODE, 0) > 0);
	for (size_t from = sizeof(value) - 12; n < 60; from -= 200, n++) {
		memcpy(f->text + at, value + from, 12);
		f->text[at + 12] = ' ';
		at += 13;
	}
	for (size_t cut = 1; cut < at; cut += 10) {
		scan_text(f->s, f->text, at, cut, &f->got);
		assert_int_equal(f->got.n, 60);
		for (size_t i = 0; i < 60; i++)
			assert_int_equal(f->got.hit[i].offset, i * 13);
	}
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	if (!f)
		return -1;
	f->rng.x = 0xda3e39cb94b95bdbull;
	f->v = values_new(0);
	f->s = f->v ? value_scan_new(f->v) : NULL;
	f->text = malloc(4 * MB);
	*state = f;
	return f->s && f->text ? 0 : -1;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	value_scan_free(f->s);
	values_free(f->v);
	free(f->text);
	free(f);
	return 0;
}

#define TEST(t) cmocka_unit_test_setup_teardown(t, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_no_false_hit),   TEST(test_runs_are_no_evidence),
		TEST(test_work_is_linear), TEST(test_escape_floods),
		TEST(test_fragment_flood),
	};

	return cmocka_run_group_tests_name("values: hostile", tests, NULL, NULL);
}
