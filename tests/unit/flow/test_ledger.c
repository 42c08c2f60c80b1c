/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <sodium.h>

#include "flow/ledger.h"
#include "sample/tokens.h"

struct fixture {
	struct values *v;
	struct ledger *l;
	char tok[TOK_MAX];
};

static struct hit hit_of(const char *value, enum secret_kind kind, enum confidence conf)
{
	return (struct hit){ .rule_id = "r",
			     .provider = "",
			     .prefix = "",
			     .kind = kind,
			     .confidence = conf,
			     .value = span_str(value) };
}

static int64_t learn(struct fixture *f, const char *value, enum secret_kind kind,
		     enum confidence conf)
{
	struct hit hit = hit_of(value, kind, conf);

	return ledger_learn(f->l, &hit, BIRTH_NETWORK_IN, 1000, 42);
}

static void test_birth_is_kept(void **state)
{
	struct fixture *f = *state;
	const struct ledger_entry *e;
	struct hit hit;
	int64_t id;

	tok_gen("opaque43", f->tok, sizeof(f->tok));
	hit = hit_of(f->tok, SECRET_ACCESS_TOKEN, CONF_PATTERN);
	hit.provider = "github";
	id = ledger_learn(f->l, &hit, BIRTH_NETWORK_IN, 1000, 42);
	assert_true(id > 0);
	hit.provider = "other";
	assert_int_equal(ledger_learn(f->l, &hit, BIRTH_FILE, 2000, 43), id);
	e = ledger_find(f->l, id);
	assert_non_null(e);
	assert_int_equal(e->birth, BIRTH_NETWORK_IN);
	assert_int_equal(e->born_ns, 1000);
	assert_int_equal(e->tgid, 42);
	assert_string_equal(e->provider, "github");
	assert_int_equal(ledger_len(f->l), 1);
	assert_null(ledger_find(f->l, id + 1));
}

static void count_kind(void *arg, const struct hit *hit)
{
	enum secret_kind *kind = arg;

	*kind = hit->kind;
}

static void test_kind_only_gets_more_exact(void **state)
{
	struct fixture *f = *state;
	enum secret_kind seen = SECRET_KIND_MAX;
	struct value_scan *s;
	int64_t id;

	tok_gen("opaque43", f->tok, sizeof(f->tok));
	id = learn(f, f->tok, SECRET_BEARER, CONF_PATTERN);
	assert_true(id > 0);
	assert_int_equal(learn(f, f->tok, SECRET_ACCESS_TOKEN, CONF_PATTERN), id);
	assert_int_equal(ledger_find(f->l, id)->kind, SECRET_ACCESS_TOKEN);
	learn(f, f->tok, SECRET_BEARER, CONF_VERIFIED);
	learn(f, f->tok, SECRET_REFRESH_TOKEN, CONF_PATTERN);
	assert_int_equal(ledger_find(f->l, id)->kind, SECRET_ACCESS_TOKEN);
	/* And hits carry it. */
	s = value_scan_new(f->v);
	assert_non_null(s);
	value_scan_feed(s, span_str(f->tok), count_kind, &seen);
	assert_int_equal(seen, SECRET_ACCESS_TOKEN);
	value_scan_free(s);
}

static void test_unfit(void **state)
{
	struct fixture *f = *state;
	static const char *const words[] = { "your_access_token_here", "getAccessTokenFromStoreNow",
					     "ACCESS_TOKEN_PLACEHOLDER", "12345678908642097531",
					     "the-quick-brown-fox-jumps" };
	struct hit hit;

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		assert_int_equal(learn(f, words[i], SECRET_ACCESS_TOKEN, CONF_HEURISTIC), -EINVAL);
	tok_gen("opaque43", f->tok, sizeof(f->tok));
	f->tok[0] = '7';
	f->tok[1] = 'q';
	f->tok[19] = '\0';
	assert_int_equal(learn(f, f->tok, SECRET_ACCESS_TOKEN, CONF_HEURISTIC), -EINVAL);
	assert_int_equal(learn(f, f->tok, SECRET_CLIENT_SECRET, CONF_HEURISTIC), -EINVAL);
	assert_true(learn(f, f->tok, SECRET_CODE, CONF_HEURISTIC) > 0);
	f->tok[15] = '\0';
	assert_int_equal(learn(f, f->tok, SECRET_CODE, CONF_HEURISTIC), -EINVAL);
	assert_int_equal(learn(f, f->tok, SECRET_ACCESS_TOKEN, CONF_VERIFIED), -EINVAL);
	/* A fragment of a known value. */
	tok_gen("opaque43", f->tok, sizeof(f->tok));
	hit = hit_of(f->tok, SECRET_ACCESS_TOKEN, CONF_VALUE);
	hit.known_id = 1;
	hit.part_len = 43;
	hit.whole_len = 80;
	assert_int_equal(ledger_learn(f->l, &hit, BIRTH_FILE, 0, 0), -EINVAL);
	assert_int_equal(ledger_len(f->l), 1);
}

static void test_every_kind_of_token_is_fit(void **state)
{
	struct fixture *f = *state;
	static const char *const kinds[] = { "hex20",    "hex32",    "hex40",      "hex64",
					     "opaque30", "opaque43", "verifier128" };

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		tok_gen(kinds[i], f->tok, sizeof(f->tok));
		/* The one digit that 1 random value in many thousands lacks. */
		f->tok[3] = '4';
		f->tok[4] = 'b';
		assert_true(learn(f, f->tok, SECRET_CODE, CONF_HEURISTIC) > 0);
	}
}

static void count_hit(void *arg, const struct hit *hit)
{
	size_t *n = arg;

	(void)hit;
	(*n)++;
}

/* Hits in `len` bytes. */
static size_t hits_in(struct fixture *f, const char *p, size_t len)
{
	struct value_scan *s = value_scan_new(f->v);
	size_t n = 0;

	assert_non_null(s);
	value_scan_feed(s, span_of(p, len), count_hit, &n);
	value_scan_flush(s, count_hit, &n);
	value_scan_free(s);
	return n;
}

static void test_public_parts(void **state)
{
	struct fixture *f = *state;
	struct hit hit;
	size_t header, signature;

	tok_gen("jwt-rs256", f->tok, sizeof(f->tok));
	assert_true(learn(f, f->tok, SECRET_ACCESS_TOKEN, CONF_VERIFIED) > 0);
	header = strcspn(f->tok, ".") + 1;
	assert_true(header > VALUES_MIN_PART);
	assert_int_equal(hits_in(f, f->tok, header), 0);
	/* Claims are public too. */
	signature = (size_t)(strrchr(f->tok, '.') - f->tok) + 1;
	assert_true(signature > header + VALUES_MIN_PART);
	assert_int_equal(hits_in(f, f->tok, signature), 0);
	assert_int_equal(hits_in(f, f->tok, signature + 11), 0);
	assert_int_equal(hits_in(f, f->tok, signature + 12), 1);
	assert_int_equal(hits_in(f, f->tok, strlen(f->tok)), 1);

	tok_gen("linear-oauth", f->tok, sizeof(f->tok));
	hit = hit_of(f->tok, SECRET_ACCESS_TOKEN, CONF_PATTERN);
	hit.prefix = "lin_oauth_";
	assert_true(ledger_learn(f->l, &hit, BIRTH_ENV, 0, 0) > 0);
	/* 64 hex digits: 16 of them are needed. */
	assert_int_equal(hits_in(f, f->tok, 10 + 15), 0);
	assert_int_equal(hits_in(f, f->tok, 10 + 16), 1);
}

static void test_goes_with_its_value(void **state)
{
	struct fixture *f = *state;
	struct values *v = values_new(4);
	struct ledger *l = ledger_new(v);
	int64_t id[6];

	assert_non_null(l);
	for (size_t i = 0; i < 6; i++) {
		struct hit hit;

		tok_gen("opaque43", f->tok, sizeof(f->tok));
		hit = hit_of(f->tok, SECRET_CODE, CONF_PATTERN);
		id[i] = ledger_learn(l, &hit, BIRTH_NETWORK_IN, i, 0);
		assert_true(id[i] > 0);
	}
	assert_int_equal(ledger_len(l), 4);
	assert_null(ledger_find(l, id[0]));
	assert_null(ledger_find(l, id[1]));
	for (size_t i = 2; i < 6; i++)
		assert_int_equal(ledger_find(l, id[i])->born_ns, i);
	values_remove(v, id[3]);
	assert_null(ledger_find(l, id[3]));
	assert_int_equal(ledger_len(l), 3);
	assert_int_equal(ledger_find(l, id[5])->born_ns, 5);
	/* The values outlive the ledger and no longer speak to it. */
	ledger_free(l);
	values_remove(v, id[5]);
	assert_int_equal(values_len(v), 2);
	values_free(v);
}

static void test_given_values(void **state)
{
	struct fixture *f = *state;
	struct values *v = values_new(0);
	struct ledger *l;
	int64_t id;

	tok_gen("opaque43", f->tok, sizeof(f->tok));
	id = values_add(v, span_str(f->tok), SECRET_BEARER, 0);
	l = ledger_new(v);
	assert_non_null(l);
	assert_int_equal(ledger_len(l), 1);
	assert_int_equal(ledger_find(l, id)->birth, BIRTH_GIVEN);
	ledger_free(l);
	values_free(v);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	if (!f)
		return -1;
	f->v = values_new(0);
	f->l = f->v ? ledger_new(f->v) : NULL;
	*state = f;
	return f->l ? 0 : -1;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	ledger_free(f->l);
	values_free(f->v);
	free(f);
	return 0;
}

#define TEST(t) cmocka_unit_test_setup_teardown(t, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_birth_is_kept), TEST(test_kind_only_gets_more_exact),
		TEST(test_unfit),         TEST(test_every_kind_of_token_is_fit),
		TEST(test_public_parts),  TEST(test_goes_with_its_value),
		TEST(test_given_values),
	};

	return cmocka_run_group_tests_name("ledger", tests, NULL, NULL);
}
