/* SPDX-License-Identifier: BSD-2-Clause */
/* Parameters of forms, queries and JSON; sites and hosts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "flow/flow_int.h"

#define assert_span(s, text) assert_true(span_eq_str(s, text))

static void test_form(void **state)
{
	struct params p = PARAMS_INIT;

	(void)state;
	assert_int_equal(params_add_form(&p, SPAN_LIT("a=1&b=x%20y+z&c=&a=2&d")), 0);
	assert_span(params_get(&p, "a"), "1");
	assert_span(params_get(&p, "b"), "x y z");
	assert_false(params_has(&p, "c"));
	assert_non_null(params_get(&p, "c").p);
	assert_null(params_get(&p, "e").p);
	params_release(&p);
}

static void test_url_has_query_and_fragment(void **state)
{
	struct params p = PARAMS_INIT;

	(void)state;
	assert_int_equal(params_add_url(&p, SPAN_LIT("https://a.example/x?q=1#access_token=t")), 0);
	assert_span(params_get(&p, "q"), "1");
	assert_span(params_get(&p, "access_token"), "t");
	params_release(&p);
}

static void test_json(void **state)
{
	struct params p = PARAMS_INIT;

	(void)state;
	assert_int_equal(
		params_add_json(&p, SPAN_LIT(" {\"t\":\"a\\u0062\",\"n\":7,\"l\":[\"x\",\"y\"],"
					     "\"o\":{\"t\":\"no\"},\"z\":null}")),
		0);
	assert_span(params_get(&p, "t"), "ab");
	assert_int_equal(params_number(&p, "n"), 7);
	assert_null(params_get(&p, "z").p);
	assert_int_equal(p.n, 4);
	assert_span(params_value(&p, 3), "y");
	assert_true(p.json);
	params_release(&p);
	assert_int_not_equal(params_add_json(&p, SPAN_LIT("{\"t\":\"a\"")), 0);
	assert_int_equal(p.n, 0);
	assert_int_not_equal(params_add_json(&p, SPAN_LIT("[1]")), 0);
	params_release(&p);
}

static void test_bounded(void **state)
{
	struct params p = PARAMS_INIT;
	struct buf form = BUF_INIT(0);

	(void)state;
	for (int i = 0; i < 1000; i++)
		buf_addf(&form, "n%d=v&", i);
	assert_int_equal(params_add_form(&p, buf_span(&form)), 0);
	assert_int_equal(p.n, PARAMS_MAX);
	params_release(&p);
	buf_release(&form);
}

static void test_lists(void **state)
{
	(void)state;
	assert_true(list_has(SPAN_LIT("code token"), "token"));
	assert_false(list_has(SPAN_LIT("id_token code"), "token"));
	assert_false(list_has(SPAN_NONE, "token"));
}

static void test_jwt(void **state)
{
	/* {"alg":"none"} . {"aud":["a","b"],"exp":5} */
	static const char jwt[] = "eyJhbGciOiJub25lIn0"
				  ".eyJhdWQiOlsiYSIsImIiXSwiZXhwIjo1fQ"
				  ".";
	struct params head = PARAMS_INIT, claims = PARAMS_INIT;
	bool is_signed = true;

	(void)state;
	assert_int_equal(jwt_params(span_str(jwt), &head, &claims, &is_signed), 0);
	assert_false(is_signed);
	assert_span(params_get(&head, "alg"), "none");
	assert_int_equal(params_number(&claims, "exp"), 5);
	assert_int_equal(claims.n, 3);
	params_release(&head);
	params_release(&claims);
	assert_int_not_equal(jwt_params(SPAN_LIT("abc.def.ghi"), NULL, NULL, NULL), 0);
}

static void test_sites(void **state)
{
	char site[128];

	(void)state;
	site_of(SPAN_LIT("www.googleapis.com:443"), site);
	assert_string_equal(site, "googleapis.com");
	site_of(SPAN_LIT("api.shop.co.uk"), site);
	assert_string_equal(site, "shop.co.uk");
	site_of(SPAN_LIT("127.0.0.1:9000"), site);
	assert_string_equal(site, "loopback");
	site_of(SPAN_LIT("203.0.113.5"), site);
	assert_string_equal(site, "203.0.113.5");
	site_of(SPAN_LIT("localhost"), site);
	assert_string_equal(site, "loopback");
	assert_true(same_site("a.example.com", "b.example.com"));
	assert_false(same_site("example.com", "example.org"));
	assert_true(same_host(SPAN_LIT("A.example:443"), SPAN_LIT("a.example")));
	assert_true(same_host(SPAN_LIT("localhost:1"), SPAN_LIT("127.0.0.1")));
	assert_false(same_host(SPAN_LIT("a.example"), SPAN_LIT("b.example")));
}

/* RFC 7636 Appendix B. */
static void test_challenge(void **state)
{
	static const char verifier[] = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r"
				       "_wW1gFWFOEjXk";
	unsigned char hash[32];
	char text[CHALLENGE_LEN + 1];

	(void)state;
	flow_challenge(span_str(verifier), hash, text);
	assert_string_equal(text, "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_form),  cmocka_unit_test(test_url_has_query_and_fragment),
		cmocka_unit_test(test_json),  cmocka_unit_test(test_bounded),
		cmocka_unit_test(test_lists), cmocka_unit_test(test_jwt),
		cmocka_unit_test(test_sites), cmocka_unit_test(test_challenge),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
