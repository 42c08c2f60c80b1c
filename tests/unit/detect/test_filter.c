// SPDX-License-Identifier: BSD-2-Clause
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include "detect/filter.h"
#include "sample/tokens.h"

static void entropy_of_known_text(void **state)
{
	assert_true(entropy(SPAN_NONE) == 0);
	assert_true(entropy(SPAN_LIT("aaaaaaaa")) == 0);
	assert_true(entropy(SPAN_LIT("abababab")) == 1);
	assert_true(entropy(SPAN_LIT("abcdefgh")) == 3);
}

static void random_values_pass(void **state)
{
	static const char *const kinds[] = { "opaque43", "opaque30",   "hex32",      "hex40",
					     "hex64",    "verifier43", "verifier128" };
	char tok[TOK_MAX];

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		unsigned int missed = 0;

		for (unsigned int n = 0; n < 2000; n++) {
			struct span v = span_of(tok, tok_gen(kinds[i], tok, sizeof(tok)));

			assert_false(is_placeholder(v));
			missed += !looks_random(v);
		}
		/* 1 in 1000 is expected; 12 of 2000 would be a fault (p < 1e-5). */
		if (missed > 12)
			fail_msg("%s: %u of 2000 not taken for random", kinds[i], missed);
	}
}

static void words_do_not_pass(void **state)
{
	static const char *const words[] = {
		"recallNoticesRecallBusinessUnits",
		"your_personal_access_token_here",
		"application/x-www-form-urlencoded",
		"get_access_token_from_request_2",
		"oauth2AuthorizationServerMetadata",
		"urn:ietf:params:oauth:token-type",
		"https://as.example/token/abc123def456",
		"/var/lib/service/token-store-2024",
		"2026-11-24T06:00:00.000Z",
		"12345678901234567890",
		"com.example.auth.TokenProvider2",
		"my-service-account-2024-prod",
		"settings.github.access_token_v2",
		"AbstractSingletonProxyFactoryBean",
		"authorization_endpoint",
		"ABCDEFGHIJKLMNOPQRSTUVWX",
		"",
		"a1B2",
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (looks_random(span_str(words[i])))
			fail_msg("taken for random: %s", words[i]);
	}
}

static void placeholders(void **state)
{
	static const char *const yes[] = {
		"xxxxxxxxxxxxxxxxxxxx", "********************", "${ACCESS_TOKEN_1}",
		"<your access token>",  "{{access_token}}",     "%(access_token)s",
		"$ACCESS_TOKEN",        "YOUR_ACCESS_TOKEN_1",  "my-Example-key-123",
		"changeme1234changeme", "[REDACTED]",           "a1b2c3...x7y8z9",
		"abcdefghijklmnop1",    "0123456789abcdef0",    "token-000000000001"
	};
	static const char *const no[] = { "q7Zp0Lx93mVt", "sample7Qz", "0f3a9c7be81d" };

	for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++) {
		if (!is_placeholder(span_str(yes[i])))
			fail_msg("not taken for a placeholder: %s", yes[i]);
	}
	for (size_t i = 0; i < sizeof(no) / sizeof(no[0]); i++)
		assert_false(is_placeholder(span_str(no[i])));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(entropy_of_known_text),
		cmocka_unit_test(random_values_pass),
		cmocka_unit_test(words_do_not_pass),
		cmocka_unit_test(placeholders),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
