/* SPDX-License-Identifier: BSD-2-Clause */
/* The bitmaps of the kernel's matched lane, probed here as it probes them: nothing that a scan finds in the clear slips by. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include "detect/prefilter.h"
#include "detect/rules_int.h"

struct fixture {
	struct ruleset *rs;
	struct scanner *sc;
	__u64 *bitmap;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct error err = { 0 };

	if (!f)
		return -1;
	f->rs = ruleset_new();
	f->bitmap = calloc(BT_MATCH_WORDS, sizeof(*f->bitmap));
	if (!f->rs || !f->bitmap || ruleset_add_builtin(f->rs, &err) ||
	    scanner_new(f->rs, &f->sc, &err))
		return -1;
	prefilter_anchors(f->sc, f->bitmap);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	scanner_free(f->sc);
	ruleset_free(f->rs);
	free(f->bitmap);
	free(f);
	return 0;
}

/* How many grams hit when the text begins at an even (0) or odd (1) place. */
static size_t probe4(const __u64 *bitmap, struct span text, size_t odd)
{
	size_t n = 0;
	uint32_t g;

	for (size_t i = odd; i + sizeof(g) <= text.len; i += 2) {
		memcpy(&g, text.p + i, sizeof(g));
		n += bt_match_test(bitmap, bt_match_hash4(g | BT_MATCH_FOLD)) & 1;
	}
	return n;
}

static size_t probe8(const __u64 *bitmap, const struct bt_match_key *key, struct span text,
		     size_t from)
{
	size_t n = 0;
	__u64 g;

	for (size_t i = from; i + sizeof(g) <= text.len; i += 8) {
		memcpy(&g, text.p + i, sizeof(g));
		n += bt_match_test(bitmap, bt_match_hash8(g, key)) & 1;
	}
	return n;
}

static void every_case(const struct fixture *f, const struct rule *r)
{
	struct buf text = BUF_INIT_WIPE(65536), token = BUF_INIT_WIPE(65536);
	const char *why = NULL;

	for (size_t i = 0; i < r->match.n; i++) {
		/* In another dress than its own, {{token:base64}}: that lane does not look into these. */
		if (strstr(r->match.v[i], "{{token:"))
			continue;
		buf_clear(&text);
		buf_clear(&token);
		buf_add_byte(&text, ' ');
		assert_int_equal(rule_expand(r, r->match.v[i], &text, &token, &why), 0);
		buf_add_byte(&text, '\n');
		for (size_t odd = 0; odd < 2; odd++)
			if (!probe4(f->bitmap, buf_span(&text), odd))
				fail_msg("%s, case %zu: not seen at alignment %zu", r->id, i, odd);
	}
	buf_release(&text);
	buf_release(&token);
}

static void test_rules_own_cases(void **state)
{
	const struct fixture *f = *state;

	for (size_t i = 0; i < f->rs->rules.n; i++)
		if (!f->rs->rules.v[i]->context_only)
			every_case(f, f->rs->rules.v[i]);
	for (size_t i = 0; i < f->rs->keys.n; i++)
		every_case(f, f->rs->keys.v[i]);
}

/* What everybody writes all the time must not open windows, or the lane saves nothing. */
static void test_quiet_text(void **state)
{
	static const char *const lines[] = {
		"2026-11-24T06:04:42.113Z INFO  server: handled tools/list in 3 ms (session "
		"4f1c)\n",
		"2026-11-24T06:04:42.207Z DEBUG http: GET /api/issues?state=open 200 1843 bytes\n",
		"2026-11-24T06:04:43.002Z WARN  cache: entry users/17 is stale, fetching again\n",
		"{\"level\":30,\"time\":1790000000000,\"pid\":4242,\"msg\":\"request "
		"completed\"}\n",
		"{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":{\"content\":[{\"type\":\"text\","
		"\"text\":\"Found 12 "
		"open issues, the oldest from March; none is assigned.\"}],\"isError\":false}}\n",
		"The quick brown fox jumps over the lazy dog, and the response was sent to the "
		"client.\n",
	};
	const struct fixture *f = *state;
	size_t n = 0;

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		for (size_t odd = 0; odd < 2; odd++)
			n += probe4(f->bitmap, span_str(lines[i]), odd);
	/* One of these grams shares its two bits with others. */
	assert_true(n <= 1);
}

/* Less than one gram in 500 of random text passes: 64 bytes have 32. */
static void test_random_text(void **state)
{
	const struct fixture *f = *state;
	static char text[1 << 20];
	uint32_t x = 1;

	for (size_t i = 0; i < sizeof(text); i++) {
		x = x * 1664525u + 1013904223u;
		text[i] = (char)(x >> 24);
	}
	assert_true(probe4(f->bitmap, span_of(text, sizeof(text)), 0) < sizeof(text) / 2 / 500);
}

static void test_values(void **state)
{
	static const char value[] = "q8Zt3LkP0vXw5RbN7yHs2MdF9cJg4TaEuQ6iBnVr1oWpKxYzClDhGeSfAmUj";
	const struct bt_match_key key = { 0x123456789abcdefull, 0xfedcba987654321ull };
	__u64 *bitmap = calloc(BT_MATCH_WORDS, sizeof(*bitmap));
	struct values *v = values_new(0);
	uint64_t gen = 0;
	char text[256];
	int64_t id;

	assert_non_null(v);
	assert_non_null(bitmap);
	assert_true(prefilter_values(v, &key, bitmap, &gen));
	assert_false(prefilter_values(v, &key, bitmap, &gen));
	id = values_add(v, SPAN_LIT(value), SECRET_ACCESS_TOKEN, 4);
	assert_true(id > 0);
	assert_true(prefilter_values(v, &key, bitmap, &gen));
	for (size_t at = 0; at < 8; at++) {
		memset(text, '-', sizeof(text));
		memcpy(text + 32 + at, value, sizeof(value) - 1);
		assert_true(probe8(bitmap, &key, span_of(text, sizeof(text)), 0) > 0);
		/* A part of the least length, wherever it is taken from behind the public prefix. */
		for (size_t from = 4; from + BT_MATCH_VALUE_RUN < sizeof(value); from++) {
			memset(text, '-', sizeof(text));
			memcpy(text + 32 + at, value + from, BT_MATCH_VALUE_RUN);
			assert_true(probe8(bitmap, &key, span_of(text, sizeof(text)), 0) > 0);
		}
	}
	memset(text, '-', sizeof(text));
	assert_int_equal(probe8(bitmap, &key, span_of(text, sizeof(text)), 0), 0);
	values_remove(v, id);
	assert_true(prefilter_values(v, &key, bitmap, &gen));
	for (size_t i = 0; i < BT_MATCH_WORDS; i++)
		assert_int_equal(bitmap[i], 0);
	values_free(v);
	free(bitmap);
	(void)state;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rules_own_cases),
		cmocka_unit_test(test_quiet_text),
		cmocka_unit_test(test_random_text),
		cmocka_unit_test(test_values),
	};

	return cmocka_run_group_tests_name("prefilter", tests, setup, teardown);
}
