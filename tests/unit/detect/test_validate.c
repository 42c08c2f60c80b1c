// SPDX-License-Identifier: BSD-2-Clause
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>
#include <sodium.h>
#include <errno.h>
#include "base/secmem.h"
#include "detect/validate.h"
#include "sample/tokens.h"

static const struct {
	const char *kind;
	enum check check;
	size_t broken; /* from the end: a character that the check covers */
} checked[] = {
	{ "gho", CHECK_CRC32_BASE62, 1 },
	{ "ghu", CHECK_CRC32_BASE62, 10 },
	{ "ghp", CHECK_CRC32_BASE62, 36 },
	{ "ghr", CHECK_CRC32_BASE62, 40 },
	{ "npm", CHECK_CRC32_BASE62, 1 },
	{ "vercel", CHECK_CRC32_BASE62, 20 },
	{ "github_pat", CHECK_SHA256_BASE32, 30 },
	{ "github_pat", CHECK_SHA256_BASE32, 80 },
	{ "gitlab-routable", CHECK_CRC32_BASE36, 1 },
	{ "gitlab-routable", CHECK_CRC32_BASE36, 20 },
	{ "atlassian", CHECK_CRC32_HEX, 30 },
	{ "bitbucket", CHECK_CRC32_HEX, 100 },
	{ "ghs-new", CHECK_EMBEDDED_JWT, 0 },
	{ "jwt-rs256", CHECK_JWT, 0 },
	{ "discord-bot", CHECK_SNOWFLAKE, 0 },
	{ "sentry-org", CHECK_PREFIX_JSON, 0 },
};

/* The generators in tests/lib/tokens.h compute checksums on their own. */
static void accepts_valid_refuses_changed(void **state)
{
	char tok[TOK_MAX];

	for (size_t i = 0; i < sizeof(checked) / sizeof(checked[0]); i++) {
		for (unsigned int round = 0; round < 200; round++) {
			size_t len = tok_gen(checked[i].kind, tok, sizeof(tok));
			char *c = &tok[len - checked[i].broken];

			assert_true(check_token(checked[i].check, span_of(tok, len)));
			if (!checked[i].broken)
				continue;
			*c = *c == 'A' ? 'B' : 'A';
			assert_false(check_token(checked[i].check, span_of(tok, len)));
		}
	}
}

/* Pieces of a token, cut anywhere, are refused and never read over their end. */
static void refuses_cut_tokens(void **state)
{
	char tok[TOK_MAX];

	for (size_t i = 0; i < sizeof(checked) / sizeof(checked[0]); i++) {
		size_t len = tok_gen(checked[i].kind, tok, sizeof(tok));

		if (checked[i].check >= CHECK_JWT)
			continue;
		for (size_t n = 0; n < len; n++) {
			char *copy = malloc(n ? n : 1);

			memcpy(copy, tok, n);
			assert_false(check_token(checked[i].check, span_of(copy, n)));
			free(copy);
		}
	}
}

static void repair(void **state)
{
	static const char *const kinds[] = { "gho", "github_pat", "gitlab-routable", "atlassian" };
	static const enum check checks[] = { CHECK_CRC32_BASE62, CHECK_SHA256_BASE32,
					     CHECK_CRC32_BASE36, CHECK_CRC32_HEX };
	char tok[TOK_MAX];

	for (size_t i = 0; i < 4; i++) {
		size_t len = tok_gen(kinds[i], tok, sizeof(tok));

		tok[20] = tok[20] == 'a' ? 'b' : 'a';
		assert_false(check_token(checks[i], span_of(tok, len)));
		assert_true(check_repair(checks[i], tok, len));
		assert_true(check_token(checks[i], span_of(tok, len)));
	}
	assert_false(check_repair(CHECK_JWT, tok, 10));
}

static void crc_of_known_text(void **state)
{
	/* The check value of CRC-32/ISO-HDLC. */
	assert_int_equal(crc32_iso(SPAN_LIT("123456789")), 0xcbf43926);
}

static void check_names_parse(void **state)
{
	enum check c;

	for (unsigned int i = 1; i < CHECK_MAX; i++) {
		assert_int_equal(check_parse(span_str(check_name(i)), &c), 0);
		assert_int_equal(c, i);
	}
	assert_int_equal(check_parse(SPAN_LIT(""), &c), -ENOENT);
	assert_int_equal(check_parse(SPAN_LIT("md5"), &c), -ENOENT);
}

static struct jwt_facts facts_of(const char *kind)
{
	struct jwt_facts f;
	char tok[TOK_MAX];
	size_t len = tok_gen(kind, tok, sizeof(tok));

	assert_true(jwt_decode(span_of(tok, len), time(NULL), &f));
	assert_int_equal(f.len, len);
	return f;
}

static void jwt_kinds(void **state)
{
	static const char *const plain[] = { "jwt-hs256", "jwt-hs384", "jwt-hs512", "jwt-rs256",
					     "jwt-es256", "jwt-eddsa", "jwt-none" };

	for (size_t i = 0; i < 7; i++) {
		struct jwt_facts f = facts_of(plain[i]);

		assert_int_equal(f.kind, SECRET_BEARER);
		assert_false(f.jwe);
		assert_false(f.expired);
		assert_false(f.not_a_secret);
	}
	assert_int_equal(facts_of("jwt-access").kind, SECRET_ACCESS_TOKEN);
	assert_int_equal(facts_of("jwt-id").kind, SECRET_ID_TOKEN);
	assert_true(facts_of("jwt-expired").expired);
	assert_true(facts_of("jwe-dir").jwe);
	assert_true(facts_of("jwe-rsa").jwe);
}

static void jwt_claims_that_tell(void **state)
{
	static const struct {
		const char *typ, *claims;
		enum secret_kind kind;
		bool not_a_secret;
	} cases[] = {
		{ "JWT", "\"typ\":\"Refresh\",", SECRET_REFRESH_TOKEN, false },
		{ "JWT", "\"typ\":\"ID\",", SECRET_ID_TOKEN, false },
		{ "JWT", "\"token_use\":\"access\",", SECRET_ACCESS_TOKEN, false },
		{ "JWT", "\"scope\":\"a\",", SECRET_ACCESS_TOKEN, false },
		{ "JWT", "\"scope\":\"a\",\"nonce\":\"n\",", SECRET_BEARER, false },
		{ "application/at+jwt", "", SECRET_ACCESS_TOKEN, false },
		{ "oauth-id-jag+jwt", "", SECRET_ASSERTION, false },
		{ "dpop+jwt", "", SECRET_BEARER, true },
		{ "oauth-authz-req+jwt", "", SECRET_BEARER, true },
		{ "JWT", "\"iss\":\"supabase\",\"role\":\"anon\",", SECRET_BEARER, true },
		{ "JWT", "\"iss\":\"supabase\",\"role\":\"service_role\",", SECRET_BEARER, false },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char tok[TOK_MAX], header[128], payload[512];
		struct jwt_facts f;
		size_t len;

		snprintf(header, sizeof(header), "{\"alg\":\"ES256\",\"typ\":\"%s\"}",
			 cases[i].typ);
		snprintf(payload, sizeof(payload),
			 "{\"iss\":\"https://as.example\",%s\"exp\":4102444800}", cases[i].claims);
		len = tok_jws(header, payload, 64, tok, sizeof(tok));
		assert_true(jwt_decode(span_of(tok, len), 0, &f));
		assert_int_equal(f.kind, cases[i].kind);
		assert_int_equal(f.not_a_secret, cases[i].not_a_secret);
	}
}

static bool decodes(const char *header, const char *payload, size_t sig)
{
	char tok[TOK_MAX];
	size_t len = tok_jws(header, payload, sig, tok, sizeof(tok));
	struct jwt_facts f;

	return jwt_decode(span_of(tok, len), 0, &f);
}

static void not_a_jwt(void **state)
{
	assert_true(decodes("{\"alg\":\"HS256\"}", "{}", 32));
	assert_true(decodes(" {\n \"typ\" : \"JWT\" , \"alg\" : \"HS256\" }\n",
			    "{\"a\":[{\"b\":\"}\"}]}", 32));
	assert_false(decodes("{\"alg\":\"HS256\"}", "{}", 31));
	assert_false(decodes("{\"alg\":\"HS256\"}", "{}", 64));
	assert_false(decodes("{\"alg\":\"RS256\"}", "{}", 32));
	assert_false(decodes("{\"alg\":\"none\"}", "{}", 3));
	assert_false(decodes("{\"typ\":\"JWT\"}", "{}", 32));
	assert_false(decodes("{\"alg\":5}", "{}", 32));
	assert_false(decodes("{\"alg\":\"HS256\"", "{}", 32));
	assert_false(decodes("{\"alg\":\"HS256\",}x", "{}", 32));
	assert_false(decodes("{\"alg\":\"HS256\"}", "[1]", 32));
	assert_false(decodes("{\"alg\":\"HS256\"}", "{\"a\"}", 32));
	assert_false(decodes("{\"alg\":\"HS256\"}", "{\"a\":}", 32));
	assert_false(decodes("{\"alg\":\"HS256\"}", "{\"a\":\"b}", 32));
	assert_false(decodes("[\"alg\",\"HS256\"]", "{}", 32));
}

static void jwt_and_what_follows_it(void **state)
{
	struct jwt_facts f;
	char tok[TOK_MAX];
	size_t len = tok_gen("jwt-es256", tok, sizeof(tok) - 8);

	memcpy(tok + len, ".next", 5);
	assert_true(jwt_decode(span_of(tok, len + 1), 0, &f));
	assert_int_equal(f.len, len);
	assert_true(jwt_decode(span_of(tok, len + 5), 0, &f));
	assert_int_equal(f.len, len);
	assert_false(jwt_decode(span_of(tok, len - 1), 0, &f));
	assert_false(jwt_decode(SPAN_NONE, 0, &f));
	assert_false(jwt_decode(SPAN_LIT(".."), 0, &f));
	assert_false(jwt_decode(SPAN_LIT("...."), 0, &f));
}

static void basic(void **state)
{
	static const struct {
		const char *pair, *user, *secret; /* NULL: not credentials */
	} cases[] = {
		{ "client:s3cret", "client", "s3cret" },
		{ "id%3A1:a%20b%2", "id:1", "a b%2" },
		{ "user:pass:word", "user", "pass:word" },
		{ "nocolon", NULL, NULL },
		{ ":secret", NULL, NULL },
		{ "id:", NULL, NULL },
		{ "id:two words", NULL, NULL },
		{ "id:\xc3\xa9t\xc3\xa9", NULL, NULL },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct buf user = BUF_INIT(256), secret = BUF_INIT_WIPE(256);
		char b64[256];
		bool ok;

		sodium_bin2base64(b64, sizeof(b64), (const unsigned char *)cases[i].pair,
				  strlen(cases[i].pair), sodium_base64_VARIANT_ORIGINAL);
		ok = basic_decode(span_str(b64), &user, &secret);
		assert_int_equal(ok, cases[i].secret != NULL);
		if (ok) {
			assert_true(span_eq_str(buf_span(&user), cases[i].user));
			assert_true(span_eq_str(buf_span(&secret), cases[i].secret));
		}
		buf_release(&user);
		buf_release(&secret);
	}
}

static void base64(void **state)
{
	for (size_t n = 0; n < 64; n++) {
		unsigned char raw[64];
		char text[128];
		struct buf out = BUF_INIT(256);

		randombytes_buf(raw, sizeof(raw));
		sodium_bin2base64(text, sizeof(text), raw, n,
				  n % 2 ? sodium_base64_VARIANT_ORIGINAL
					: sodium_base64_VARIANT_URLSAFE_NO_PADDING);
		assert_true(base64_decode(span_str(text), &out));
		assert_true(span_eq(buf_span(&out), span_of(raw, n)));
		buf_release(&out);
	}
	for (size_t i = 0; i < 2; i++) {
		struct buf out = BUF_INIT(256);

		assert_false(base64_decode(span_str(i ? "ab*d" : "abcde"), &out));
		buf_release(&out);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(accepts_valid_refuses_changed),
		cmocka_unit_test(refuses_cut_tokens),
		cmocka_unit_test(repair),
		cmocka_unit_test(crc_of_known_text),
		cmocka_unit_test(check_names_parse),
		cmocka_unit_test(jwt_kinds),
		cmocka_unit_test(jwt_claims_that_tell),
		cmocka_unit_test(not_a_jwt),
		cmocka_unit_test(jwt_and_what_follows_it),
		cmocka_unit_test(basic),
		cmocka_unit_test(base64),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
