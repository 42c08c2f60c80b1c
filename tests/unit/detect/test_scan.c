// SPDX-License-Identifier: BSD-2-Clause
/* What a hit says: place, line, key, kind, confidence, encoding; what is said once; what stays bounded. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <sodium.h>
#include "base/buf.h"
#include "base/secmem.h"
#include "detect/values.h"
#include "scan_hits.h"
#include "sample/tokens.h"

struct fixture {
	struct ruleset *rs;
	struct scanner *sc;
	struct scan *scan;
	struct hits got;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct error err = { 0, "" };

	f->rs = ruleset_new();
	assert_int_equal(ruleset_add_builtin(f->rs, &err), 0);
	assert_int_equal(scanner_new(f->rs, &f->sc, &err), 0);
	f->scan = scan_new(f->sc, NULL);
	assert_non_null(f->scan);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	hits_clear(&f->got);
	scan_free(f->scan);
	scanner_free(f->sc);
	ruleset_free(f->rs);
	free(f);
	return 0;
}

static void scan_text(struct fixture *f, struct span text)
{
	scan_pieces(f->scan, text, SPAN_NONE, text.len, text.len, &f->got);
}

static void scan_format(struct fixture *f, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static void scan_format(struct fixture *f, const char *fmt, ...)
{
	struct buf b = BUF_INIT_WIPE(0);
	va_list ap;

	va_start(ap, fmt);
	buf_vaddf(&b, fmt, ap);
	va_end(ap);
	scan_text(f, buf_span(&b));
	buf_release(&b);
}

static const struct hit *only(struct fixture *f)
{
	if (f->got.n != 1)
		hits_print("wanted one", &f->got);
	assert_int_equal(f->got.n, 1);
	return &f->got.v[0].h;
}

static void everything_a_hit_says(void **state)
{
	struct fixture *f = *state;
	char tok[TOK_MAX];
	const struct hit *h;

	tok_gen("gho", tok, sizeof(tok));
	scan_format(f, "one\ntwo\n{\"githubToken\": \"%s\"}\n", tok);
	h = only(f);
	assert_string_equal(h->rule_id, "github-oauth");
	assert_string_equal(h->provider, "github");
	assert_string_equal(h->prefix, "gho_");
	assert_int_equal(h->kind, SECRET_ACCESS_TOKEN);
	assert_int_equal(h->confidence, CONF_VERIFIED);
	assert_int_equal(h->encoding, ENC_RAW);
	assert_true(span_eq_str(h->value, tok));
	assert_int_equal(h->offset, 25);
	assert_int_equal(h->end, 65);
	assert_int_equal(h->line, 3);
	assert_string_equal(f->got.v[0].key, "githubToken");
	assert_int_equal(h->known_id, 0);
	assert_false(h->expired);
}

static void dresses(void **state)
{
	static const struct {
		const char *before, *after;
		enum encoding enc;
	} cases[] = {
		{ "\"", "\"", ENC_RAW },         { "\\\"", "\\\"", ENC_RAW },
		{ "\\n", "\\n", ENC_RAW },       { "%3D", "%26", ENC_RAW },
		{ "&quot;", "&quot;", ENC_RAW }, { "\x1b[1m", "\x1b[0m", ENC_RAW },
	};
	struct fixture *f = *state;
	char tok[TOK_MAX], enc[TOK_MAX * 6];
	size_t n;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		tok_gen("gho", tok, sizeof(tok));
		scan_format(f, "x%s%s%sy", cases[i].before, tok, cases[i].after);
		assert_int_equal(only(f)->offset, 1 + strlen(cases[i].before));
		assert_int_equal(only(f)->end, 1 + strlen(cases[i].before) + 40);
		assert_int_equal(only(f)->encoding, cases[i].enc);
		assert_true(span_eq_str(only(f)->value, tok));
	}
	tok_gen("gho", tok, sizeof(tok));
	for (unsigned int form = 0; form < 4; form++) {
		static const enum encoding forms[] = { ENC_JSON, ENC_PERCENT, ENC_HTML, ENC_UTF16 };

		n = 0;
		for (size_t i = 0; i < 40; i++) {
			unsigned char c = (unsigned char)tok[i];

			if (form == 0)
				n += (size_t)sprintf(enc + n, "\\u%04x", c);
			else if (form == 1)
				n += (size_t)sprintf(enc + n, "%%%02x", c);
			else if (form == 2)
				n += (size_t)sprintf(enc + n, "&#%u;", c);
			else
				n += (size_t)sprintf(enc + n, "%c%c", c, 0);
		}
		scan_text(f, span_of(enc, n));
		assert_true(span_eq_str(only(f)->value, tok));
		assert_int_equal(only(f)->encoding, forms[form]);
		assert_int_equal(only(f)->offset, 0);
	}
}

/* In each of the dresses that one-line strings have. */
static void dress(const char *text, unsigned int how, struct buf *out)
{
	size_t len = strlen(text);
	char enc[TOK_MAX * 2 + 4];

	switch (how) {
	case 0:
		buf_add_str(out, text);
		break;
	case 1:
		for (size_t i = 0; i < len; i++)
			buf_addf(out, "%%%02X", (unsigned char)text[i]);
		break;
	case 2:
		for (size_t i = 0; i < len; i++)
			buf_addf(out, "&#%u;", (unsigned char)text[i]);
		break;
	case 3:
		sodium_bin2base64(enc, sizeof(enc), (const unsigned char *)text, len,
				  sodium_base64_VARIANT_ORIGINAL);
		buf_add_str(out, enc);
		break;
	default:
		sodium_bin2hex(enc, sizeof(enc), (const unsigned char *)text, len);
		buf_add_str(out, enc);
		break;
	}
}

/* So that a string without a sight need not be scanned again on its own. */
static void what_is_found_is_sighted(void **state)
{
	const struct span head = SPAN_LIT("{\"title\":\"of no interest\",\"text\":\"");
	struct fixture *f = *state;
	struct scan_sights sights;
	struct scan *line = scan_new(f->sc, NULL);
	struct hits *ignored = calloc(1, sizeof(*ignored));
	struct buf text = BUF_INIT_WIPE(0);
	char tok[TOK_MAX];
	size_t found = 0;

	assert_non_null(line);
	for (size_t k = 0; tok_kinds[k]; k++) {
		for (unsigned int how = 0; how < 5; how++) {
			tok_gen(tok_kinds[k], tok, sizeof(tok));
			buf_clear(&text);
			dress(tok, how, &text);
			scan_text(f, buf_span(&text));
			scan_reset(line, 1000, SPAN_NONE);
			scan_feed_noting(line, head, hits_add, ignored, &sights);
			assert_false(scan_sighted(&sights, 1000, 1000 + head.len));
			buf_add_str(&text, "\"}");
			scan_feed_noting(line, buf_span(&text), hits_add, ignored, &sights);
			if (f->got.n &&
			    !scan_sighted(&sights, 1000 + head.len, 1000 + head.len + text.len - 2))
				fail_msg("%s in dress %u", tok_kinds[k], how);
			found += f->got.n > 0;
			scan_flush(line, hits_add, ignored);
			hits_clear(ignored);
		}
	}
	assert_true(found > 100);
	hits_clear(ignored);
	free(ignored);
	buf_release(&text);
	scan_free(line);
}

static void base64_and_hex(void **state)
{
	struct fixture *f = *state;
	char tok[TOK_MAX], text[TOK_MAX * 3], enc[TOK_MAX * 6];
	const struct hit *h;

	for (unsigned int pad = 0; pad < 9; pad++) {
		tok_gen("gho", tok, sizeof(tok));
		snprintf(text, sizeof(text), "%.*s{\"t\":\"%s\"} end", (int)pad, "aaaaaaaaa", tok);
		sodium_bin2base64(enc, sizeof(enc), (unsigned char *)text, strlen(text),
				  sodium_base64_VARIANT_ORIGINAL);
		scan_format(f, "\n\nblob: %s\n", enc);
		h = only(f);
		assert_true(span_eq_str(h->value, tok));
		assert_int_equal(h->encoding, ENC_BASE64);
		assert_int_equal(h->line, 3);
		/* Its place is known to the group of four characters. */
		assert_true(h->offset >= 8 + (pad + 6) * 4 / 3 - 4 &&
			    h->offset <= 8 + (pad + 6) * 4 / 3);
		assert_true(h->end <= 8 + strlen(enc));
	}
	/* Twice encoded, and a JWT within. */
	tok_gen("jwt-es256", tok, sizeof(tok));
	sodium_bin2base64(enc, sizeof(enc), (unsigned char *)tok, strlen(tok),
			  sodium_base64_VARIANT_URLSAFE);
	snprintf(text, sizeof(text), "x=%.4000s", enc);
	sodium_bin2base64(enc, sizeof(enc), (unsigned char *)text, strlen(text),
			  sodium_base64_VARIANT_ORIGINAL);
	scan_format(f, "%s", enc);
	assert_true(span_eq_str(only(f)->value, tok));
	/* A value that only its name tells. */
	tok_gen("opaque43", tok, sizeof(tok));
	snprintf(text, sizeof(text), "{\"access_token\":\"%s\"}", tok);
	sodium_bin2base64(enc, sizeof(enc), (unsigned char *)text, strlen(text),
			  sodium_base64_VARIANT_ORIGINAL);
	scan_format(f, "state=%s", enc);
	assert_true(span_eq_str(only(f)->value, tok));
	assert_int_equal(only(f)->kind, SECRET_ACCESS_TOKEN);
	tok_gen("gho", tok, sizeof(tok));
	sodium_bin2hex(enc, sizeof(enc), (unsigned char *)tok, strlen(tok));
	scan_format(f, "dump %s.", enc);
	assert_true(span_eq_str(only(f)->value, tok));
	assert_int_equal(only(f)->encoding, ENC_HEX);
	assert_int_equal(only(f)->offset, 5);
	assert_int_equal(only(f)->end, 85);
}

/* MIME wraps at 76 columns, PEM at 64. */
static void wrapped_base64(void **state)
{
	static const struct {
		size_t columns;
		const char *eol;
	} wraps[] = { { 64, "\n" }, { 76, "\r\n" }, { 76, "\n" } };
	struct fixture *f = *state;
	char tok[TOK_MAX], text[TOK_MAX * 3], enc[TOK_MAX * 6];

	for (size_t i = 0; i < 3; i++) {
		struct buf b = BUF_INIT(0);

		tok_gen("github_pat", tok, sizeof(tok));
		snprintf(text, sizeof(text), "some text before: %s and after it", tok);
		sodium_bin2base64(enc, sizeof(enc), (unsigned char *)text, strlen(text),
				  sodium_base64_VARIANT_ORIGINAL);
		for (size_t at = 0; at < strlen(enc); at += wraps[i].columns)
			buf_addf(&b, "%.*s%s", (int)wraps[i].columns, enc + at, wraps[i].eol);
		scan_text(f, buf_span(&b));
		assert_true(span_eq_str(only(f)->value, tok));
		buf_release(&b);
	}
}

static void kinds_from_names(void **state)
{
	static const struct {
		const char *fmt;
		enum secret_kind kind;
	} cases[] = {
		{ "{\"id_token\":\"%s\"}", SECRET_ID_TOKEN },
		{ "refresh_token=%s&x=1", SECRET_REFRESH_TOKEN },
		{ "client_assertion=%s&x=1", SECRET_ASSERTION },
		{ "\\\"accessToken\\\":\\\"%s\\\"", SECRET_ACCESS_TOKEN },
		{ "Authorization: Bearer %s", SECRET_BEARER },
		{ "registration_access_token: %s", SECRET_REGISTRATION_TOKEN },
	};
	struct fixture *f = *state;
	char tok[TOK_MAX];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct buf b = BUF_INIT(0);
		const char *at = strstr(cases[i].fmt, "%s");

		tok_gen("jwt-es256", tok, sizeof(tok));
		buf_add(&b, cases[i].fmt, (size_t)(at - cases[i].fmt));
		buf_addf(&b, "%s%s", tok, at + 2);
		scan_text(f, buf_span(&b));
		assert_string_equal(only(f)->rule_id, "jwt");
		assert_int_equal(only(f)->kind, cases[i].kind);
		buf_release(&b);
	}
}

static void basic_credentials_are_decoded(void **state)
{
	struct fixture *f = *state;
	char tok[TOK_MAX], pair[TOK_MAX + 32], enc[TOK_MAX * 2];

	tok_gen("opaque43", tok, sizeof(tok));
	snprintf(pair, sizeof(pair), "my-client:%s", tok);
	sodium_bin2base64(enc, sizeof(enc), (unsigned char *)pair, strlen(pair),
			  sodium_base64_VARIANT_ORIGINAL);
	scan_format(f, "Authorization: Basic %s\r\n", enc);
	assert_true(span_eq_str(only(f)->value, tok));
	assert_int_equal(only(f)->kind, SECRET_CLIENT_SECRET);
	assert_int_equal(only(f)->encoding, ENC_BASE64);
	assert_int_equal(only(f)->offset, 21);
	assert_int_equal(only(f)->end, 21 + strlen(enc));
	assert_string_equal(f->got.v[0].key, "Authorization");
}

/* One place, one hit: the stronger; the same secret at two places, two. */
static void said_once(void **state)
{
	struct fixture *f = *state;
	char tok[TOK_MAX];

	tok_gen("gho", tok, sizeof(tok));
	scan_format(f, "{\"Authorization\":\"Bearer %s\"}", tok);
	assert_string_equal(only(f)->rule_id, "github-oauth");
	scan_format(f, "{\\\"access_token\\\":\\\"%s\\\"} %%41", tok);
	assert_string_equal(only(f)->rule_id, "github-oauth");
	scan_format(f, "%s %s", tok, tok);
	assert_int_equal(f->got.n, 2);
	tok_gen("opaque43", tok, sizeof(tok));
	scan_format(f, "Authorization: Bearer %s\n{\"token\":\"%s\"}\\n", tok, tok);
	assert_int_equal(f->got.n, 2);
}

static void partial_tokens_are_no_hits(void **state)
{
	static const char *const kinds[] = { "gho", "github_pat", "npm", "jwt-rs256",
					     "linear-oauth" };
	struct fixture *f = *state;
	char tok[TOK_MAX];

	for (size_t i = 0; i < 5; i++) {
		size_t len = tok_gen(kinds[i], tok, sizeof(tok));

		scan_format(f, "token starts with %.20s", tok);
		assert_int_equal(f->got.n, 0);
		scan_format(f, "cut %.*s", (int)len - 1, tok);
		assert_int_equal(f->got.n, 0);
		scan_format(f, "cut %s", tok + 1);
		assert_int_equal(f->got.n, 0);
	}
}

/* What MCP and OAuth show in the open. */
static void public_by_design(void **state)
{
	struct fixture *f = *state;
	char a[TOK_MAX], b[TOK_MAX], c[TOK_MAX];

	tok_gen("opaque43", a, sizeof(a));
	tok_gen("opaque43", b, sizeof(b));
	tok_gen("hex32", c, sizeof(c));
	scan_format(
		f,
		"Open https://as.example/authorize?response_type=code&client_id=%s&redirect_uri="
		"http%%3A%%2F%%2Flocalhost%%3A3000%%2Fcallback&state=%s&code_challenge=%s"
		"&code_challenge_method=S256&scope=openid%%20mcp",
		c, a, b);
	assert_int_equal(f->got.n, 0);
	scan_format(f, "{\"progressToken\":\"%s\",\"nextCursor\":\"%s\"}", a, b);
	assert_int_equal(f->got.n, 0);
	scan_format(f, "Mcp-Session-Id: %s\r\ntraceparent: 00-%s-0123456789abcdef-01\r\n", c, c);
	assert_int_equal(f->got.n, 0);
	scan_format(f,
		    "{\"user_code\":\"WDJB-MJHT\",\"verification_uri\":\"https://as.example/d\"}");
	assert_int_equal(f->got.n, 0);
	scan_format(f, "{\"code\":-32603,\"data\":{\"code\":\"%s\"}}", a);
	assert_int_equal(f->got.n, 0);
	/* The RFCs' own examples, put together here. */
	scan_format(f, "{\"access_token\":\"2YotnFZFEj%s\"}", "r1zCsicMWpAA");
	assert_int_equal(f->got.n, 0);
	scan_format(f, "code_verifier=%s%s", "dBjftJeZ4CVP-mB92K27", "uhbUJU1p1r_wW1gFWFOEjXk");
	assert_int_equal(f->got.n, 0);
	scan_format(f, "GET /cb?code=SplxlOBeZQQ%s&state=xyz", "YbYS6WxSbIA");
	assert_int_equal(f->got.n, 0);
}

static void code_needs_oauth_around_it(void **state)
{
	struct fixture *f = *state;
	char tok[TOK_MAX];

	tok_gen("opaque43", tok, sizeof(tok));
	scan_format(f, "GET /cb?code=%s&state=abc HTTP/1.1\r\n", tok);
	assert_int_equal(only(f)->kind, SECRET_CODE);
	assert_string_equal(f->got.v[0].key, "code");
	scan_format(f, "GET /cb?code=%s HTTP/1.1\r\n", tok);
	assert_int_equal(f->got.n, 0);
	scan_format(f, "GET /oauth/callback?code=%s", tok);
	assert_int_equal(only(f)->kind, SECRET_CODE);
}

static void whole_value_of_a_key(void **state)
{
	struct fixture *f = *state;
	char tok[TOK_MAX], bearer[TOK_MAX + 8];
	struct span t;

	t = span_of(tok, tok_gen("opaque43", tok, sizeof(tok)));
	scan_pieces(f->scan, t, SPAN_LIT("access_token"), t.len, t.len, &f->got);
	assert_int_equal(only(f)->kind, SECRET_ACCESS_TOKEN);
	assert_int_equal(only(f)->confidence, CONF_HEURISTIC);
	assert_string_equal(f->got.v[0].key, "access_token");
	for (size_t step = 1; step < 5; step++) {
		scan_pieces(f->scan, t, SPAN_LIT("access_token"), step, step, &f->got);
		assert_true(span_eq_str(only(f)->value, tok));
	}
	scan_pieces(f->scan, t, SPAN_LIT("nextCursor"), t.len, t.len, &f->got);
	assert_int_equal(f->got.n, 0);
	scan_pieces(f->scan, t, SPAN_LIT("code"), t.len, t.len, &f->got);
	assert_int_equal(f->got.n, 0);
	t = SPAN_LIT("The access token is kept in the keyring, entry number 12.");
	scan_pieces(f->scan, t, SPAN_LIT("access_token"), t.len, t.len, &f->got);
	assert_int_equal(f->got.n, 0);
	/* A token that has a format keeps it, and gets the name. */
	t = span_of(tok, tok_gen("jwt-es256", tok, sizeof(tok)));
	scan_pieces(f->scan, t, SPAN_LIT("id_token"), t.len, t.len, &f->got);
	assert_string_equal(only(f)->rule_id, "jwt");
	assert_int_equal(only(f)->kind, SECRET_ID_TOKEN);
	assert_string_equal(f->got.v[0].key, "id_token");
	t = span_of(bearer, (size_t)snprintf(bearer, sizeof(bearer), "Bearer %s", tok));
	scan_pieces(f->scan, t, SPAN_LIT("Authorization"), t.len, t.len, &f->got);
	assert_string_equal(only(f)->rule_id, "jwt");
	assert_string_equal(f->got.v[0].key, "Authorization");
}

static void expired_and_unexpired(void **state)
{
	struct fixture *f = *state;
	char tok[TOK_MAX];

	tok_gen("jwt-expired", tok, sizeof(tok));
	scan_format(f, "%s", tok);
	assert_true(only(f)->expired);
	tok_gen("jwt-rs256", tok, sizeof(tok));
	scan_format(f, "%s", tok);
	assert_false(only(f)->expired);
}

static void reported_with_the_byte_after_it(void **state)
{
	struct fixture *f = *state;
	char tok[TOK_MAX];
	struct span t;

	t = span_of(tok, tok_gen("gho", tok, sizeof(tok)));
	hits_clear(&f->got);
	scan_reset(f->scan, 0, SPAN_NONE);
	scan_feed(f->scan, t, hits_add, &f->got);
	assert_int_equal(f->got.n, 0);
	scan_feed(f->scan, SPAN_LIT(","), hits_add, &f->got);
	assert_int_equal(f->got.n, 1);
	scan_flush(f->scan, hits_add, &f->got);
	assert_int_equal(f->got.n, 1);
}

static void offsets_go_on_from_reset(void **state)
{
	struct fixture *f = *state;
	char tok[TOK_MAX];
	struct span t;

	t = span_of(tok, tok_gen("gho", tok, sizeof(tok)));
	hits_clear(&f->got);
	scan_reset(f->scan, 1ULL << 40, SPAN_NONE);
	scan_feed(f->scan, SPAN_LIT("ab\ncd "), hits_add, &f->got);
	scan_feed(f->scan, t, hits_add, &f->got);
	scan_flush(f->scan, hits_add, &f->got);
	assert_int_equal(only(f)->offset, (1ULL << 40) + 6);
	assert_int_equal(only(f)->line, 2);
	/* What stood before a reset says nothing about what comes after. */
	hits_clear(&f->got);
	scan_reset(f->scan, 0, SPAN_NONE);
	scan_feed(f->scan, SPAN_LIT("flags_"), hits_add, &f->got);
	scan_reset(f->scan, 6, SPAN_NONE);
	scan_feed(f->scan, t, hits_add, &f->got);
	scan_flush(f->scan, hits_add, &f->got);
	assert_int_equal(only(f)->offset, 6);
	assert_int_equal(only(f)->line, 1);
}

static void memory_is_bounded(void **state)
{
	static const char *const hostile[] = {
		"ya29.a0", "Bearer ", "access_token=", "eyJ",           "-sk-ant-oat01-",
		"\\u0067", "Z2hvX",   "%2525",         "code=a&state=", "x",
		"\\",      "&amp;"
	};
	struct fixture *f = *state;
	struct scan *fresh = scan_new(f->sc, NULL);
	size_t most = 0;

	scan_feed(fresh, SPAN_LIT("quiet text, nothing in it\n"), hits_add, &f->got);
	assert_true(scan_memory(fresh) < 512);
	scan_free(fresh);
	for (size_t i = 0; i < sizeof(hostile) / sizeof(hostile[0]); i++) {
		struct span h = span_str(hostile[i]);

		hits_clear(&f->got);
		scan_reset(f->scan, 0, SPAN_NONE);
		for (unsigned int n = 0; n < 20000; n++) {
			if (f->got.n > HITS_MAX / 2)
				hits_clear(&f->got);
			scan_feed(f->scan, h, hits_add, &f->got);
			if (scan_memory(f->scan) > most)
				most = scan_memory(f->scan);
		}
		/* An endless value: one beginning, then bytes of its alphabet. */
		for (unsigned int n = 0; n < 3000; n++) {
			if (f->got.n > HITS_MAX / 2)
				hits_clear(&f->got);
			scan_feed(f->scan, SPAN_LIT("aB3dE5gH7jK9"), hits_add, &f->got);
			if (scan_memory(f->scan) > most)
				most = scan_memory(f->scan);
		}
		scan_flush(f->scan, hits_add, &f->got);
	}
	assert_true(most < 1u << 20);
	scan_reset(f->scan, 0, SPAN_NONE);
	assert_true(scan_memory(f->scan) < 8192);
}

static void longest_token(void **state)
{
	struct fixture *f = *state;
	struct buf b = BUF_INIT_WIPE(0);

	buf_add_str(&b, "ya29.");
	for (unsigned int i = 0; i < 40000; i++)
		buf_add_byte(&b, "0123456789abcdef"[randombytes_uniform(16)]);
	scan_text(f, buf_span(&b));
	assert_int_equal(only(f)->offset, 0);
	assert_true(only(f)->value.len >= SCAN_MAX_TOKEN &&
		    only(f)->value.len <= SCAN_MAX_TOKEN + 4096);
	buf_release(&b);
}

static void user_regex_in_pieces(void **state)
{
	static const char rules[] =
		"{\"kind\":\"tokens\",\"rules\":[{\"id\":\"acme\",\"title\":\"t\",\"kind\":\"api_"
		"key\",\"type\":"
		"\"regex\",\"regex\":\"(?<![a-z])ACME-[0-9a-f]{24}\\\\b\",\"anchor\":\"ACME-\","
		"\"tests\":{\"match\":"
		"[\"ACME-{{hex:24}}\"],\"nomatch\":[\"xACME-{{hex:24}}\",\"ACME-{{hex:25}}\"]}}]}";
	struct ruleset *rs = ruleset_new();
	struct error err = { 0, "" };
	struct scanner *sc;
	struct hits got = { 0 };
	struct scan *s;
	char tok[TOK_MAX], text[TOK_MAX * 2];

	assert_int_equal(ruleset_add_text(rs, "own", span_str(rules), &err), 0);
	assert_int_equal(scanner_new(rs, &sc, &err), 0);
	s = scan_new(sc, NULL);
	for (unsigned int tail = 0; tail < 3; tail++) {
		tok_gen("hex64", tok, sizeof(tok));
		snprintf(text, sizeof(text), "key ACME-%.24s%s", tok,
			 (const char *[]){ "", " more", "f" }[tail]);
		for (size_t step = 1; step < 40; step++) {
			scan_pieces(s, span_str(text), SPAN_NONE, step, step, &got);
			assert_int_equal(got.n, tail < 2 ? 1 : 0);
			if (got.n) {
				assert_int_equal(got.v[0].h.offset, 4);
				assert_int_equal(got.v[0].h.end, 33);
			}
		}
	}
	hits_clear(&got);
	scan_free(s);
	scanner_free(sc);
	ruleset_free(rs);
}

/* An expression that would run for ages is stopped by its limits, and the scan goes on. */
static void runaway_regex(void **state)
{
	static const char rules[] = "{\"kind\":\"tokens\",\"rules\":[{\"id\":\"acme\",\"title\":"
				    "\"t\",\"kind\":\"api_key\",\"type\":"
				    "\"regex\",\"regex\":\"ACME(a+)+(b+)+(a+b+)+Z\",\"anchor\":"
				    "\"ACME\",\"max\":4096,\"tests\":{\"match\":"
				    "[\"ACMEabababZ\"],\"nomatch\":[\"ACME\"]}}]}";
	struct ruleset *rs = ruleset_new();
	struct error err = { 0, "" };
	struct scanner *sc;
	struct hits got = { 0 };
	struct scan *s;
	struct buf b = BUF_INIT(0);

	assert_int_equal(ruleset_add_text(rs, "own", span_str(rules), &err), 0);
	assert_int_equal(scanner_new(rs, &sc, &err), 0);
	s = scan_new(sc, NULL);
	buf_add_str(&b, "ACME");
	for (unsigned int i = 0; i < 3000; i++)
		buf_add_byte(&b, "aaab"[i % 4]);
	buf_add_str(&b, " ACMEabababababZ ");
	scan_pieces(s, buf_span(&b), SPAN_NONE, 700, 700, &got);
	assert_int_equal(got.n, 1);
	hits_clear(&got);
	buf_release(&b);
	scan_free(s);
	scanner_free(sc);
	ruleset_free(rs);
}

static void known_values_win(void **state)
{
	struct fixture *f = *state;
	struct values *v = values_new(0);
	struct scan *s = scan_new(f->sc, v);
	char gho[TOK_MAX], opaque[TOK_MAX], other[TOK_MAX];
	struct buf b = BUF_INIT_WIPE(0);
	int64_t id, id2;

	tok_gen("gho", gho, sizeof(gho));
	tok_gen("opaque43", opaque, sizeof(opaque));
	tok_gen("gho", other, sizeof(other));
	id = values_add(v, span_str(gho), SECRET_ACCESS_TOKEN, 4);
	id2 = values_add(v, span_str(opaque), SECRET_REFRESH_TOKEN, 0);
	assert_true(id > 0 && id2 > 0);
	buf_addf(&b, "{\"token\":\"%s\"} refresh_token=%s&x=%s\n{\\\"t\\\":\\\"%s\\\"}", gho,
		 opaque, other, gho);
	for (size_t step = 1; step < 60; step += 7) {
		scan_pieces(s, buf_span(&b), SPAN_NONE, step, step, &f->got);
		if (f->got.n != 4)
			hits_print("known", &f->got);
		assert_int_equal(f->got.n, 4);
		assert_string_equal(f->got.v[0].h.rule_id, "known-value");
		assert_int_equal(f->got.v[0].h.known_id, id);
		assert_int_equal(f->got.v[0].h.confidence, CONF_VALUE);
		assert_int_equal(f->got.v[1].h.known_id, id2);
		assert_int_equal(f->got.v[1].h.kind, SECRET_REFRESH_TOKEN);
		assert_string_equal(f->got.v[2].h.rule_id, "github-oauth");
		assert_int_equal(f->got.v[3].h.known_id, id);
	}
	/* The first half alone is a part of it. */
	buf_clear(&b);
	buf_addf(&b, "token %.25s is shown", gho);
	for (size_t step = 1; step < 60; step += 7) {
		scan_pieces(s, buf_span(&b), SPAN_NONE, step, step, &f->got);
		assert_int_equal(only(f)->known_id, id);
		assert_int_equal(only(f)->whole_len, 40);
		assert_true(only(f)->part_len < 40);
	}
	buf_release(&b);
	scan_free(s);
	values_free(v);
}

/* A new token that has its claims in common with a known one is itself, however the text is cut. */
static void token_that_shares_a_part(void **state)
{
	struct fixture *f = *state;
	struct values *v = values_new(0);
	struct scan *s = scan_new(f->sc, v);
	char a[TOK_MAX], b[TOK_MAX];
	size_t len = tok_gen("jwt-rs256", a, sizeof(a));
	const char *sig = strrchr(a, '.') + 1;

	assert_true(values_add(v, span_of(a, len), SECRET_ACCESS_TOKEN,
			       values_jwt_prefix(span_of(a, len))) > 0);
	memcpy(b, a, sizeof(b));
	for (char *p = b + (sig - a); *p; p++)
		*p = *p == 'A' ? 'B' : 'A' + (char)randombytes_uniform(26);
	for (size_t step = 1; step < 700; step += 50) {
		char text[TOK_MAX + 16];
		size_t n = (size_t)snprintf(text, sizeof(text), "new: %s done", b);

		scan_pieces(s, span_of(text, n), SPAN_NONE, step, step, &f->got);
		assert_string_equal(only(f)->rule_id, "jwt");
		assert_true(span_eq_str(only(f)->value, b));
	}
	scan_free(s);
	values_free(v);
}

/* A rule for "own_" and 32 hexadecimal digits, and one for another beginning. */
static struct scanner *own_scanner(const char *prefix, struct ruleset **rs)
{
	struct error err = { 0, "" };
	struct scanner *sc;
	char text[512];

	snprintf(
		text, sizeof(text),
		"{\"kind\": \"tokens\", \"rules\": [{\"id\": \"own-token\", \"title\": \"Ours\", "
		"\"provider\": \"own\", \"kind\": \"api_key\", \"patterns\": [\"%s[0-9a-f]{32}\"], "
		"\"tests\": {\"match\": [\"a {{token}} b\"], \"nomatch\": [\"a b\"]}}]}",
		prefix);
	*rs = ruleset_new();
	assert_int_equal(ruleset_add_text(*rs, "own", span_str(text), &err), 0);
	assert_int_equal(scanner_new(*rs, &sc, &err), 0);
	return sc;
}

#define HALF "9f86d081884c7d65"
#define HALF2 "9a2feaa0c55ad015"
#define DIGITS HALF HALF2

static void feed_str(struct scan *s, const char *text, struct hits *got)
{
	scan_feed(s, span_str(text), hits_add, got);
}

/* A text goes on under other rules, from its next byte on; what had begun ends by those that it began with. */
static void rules_are_replaced_amid_a_text(void **state)
{
	struct fixture *f = *state;
	struct ruleset *old_rs, *new_rs;
	struct scanner *old = own_scanner("old_", &old_rs), *new = own_scanner("new_", &new_rs);
	struct scan *idle = scan_new(old, NULL), *amid = scan_new(old, NULL);

	feed_str(idle, "text ne", &f->got);
	feed_str(amid, "text old_" HALF, &f->got);
	assert_int_equal(scanner_replace(old, new), 1);
	/* The token's beginning had gone by. */
	feed_str(idle, "w_" DIGITS " old_" DIGITS " ", &f->got);
	assert_int_equal(f->got.n, 1);
	assert_int_equal(f->got.v[0].h.offset, 5);
	assert_string_equal(f->got.v[0].h.prefix, "new_");
	feed_str(amid, HALF2 " ", &f->got);
	assert_int_equal(f->got.n, 2);
	assert_string_equal(f->got.v[1].h.prefix, "old_");
	assert_int_equal(scanner_replace(old, new), 0);
	scanner_free(old);
	ruleset_free(old_rs);
	feed_str(amid, "new_" DIGITS " ", &f->got);
	assert_int_equal(f->got.n, 3);
	scan_free(idle);
	scan_free(amid);
	scanner_free(new);
	ruleset_free(new_rs);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(everything_a_hit_says),
		cmocka_unit_test(dresses),
		cmocka_unit_test(what_is_found_is_sighted),
		cmocka_unit_test(base64_and_hex),
		cmocka_unit_test(wrapped_base64),
		cmocka_unit_test(kinds_from_names),
		cmocka_unit_test(basic_credentials_are_decoded),
		cmocka_unit_test(said_once),
		cmocka_unit_test(partial_tokens_are_no_hits),
		cmocka_unit_test(public_by_design),
		cmocka_unit_test(code_needs_oauth_around_it),
		cmocka_unit_test(whole_value_of_a_key),
		cmocka_unit_test(expired_and_unexpired),
		cmocka_unit_test(reported_with_the_byte_after_it),
		cmocka_unit_test(offsets_go_on_from_reset),
		cmocka_unit_test(memory_is_bounded),
		cmocka_unit_test(longest_token),
		cmocka_unit_test(user_regex_in_pieces),
		cmocka_unit_test(runaway_regex),
		cmocka_unit_test(known_values_win),
		cmocka_unit_test(token_that_shares_a_part),
		cmocka_unit_test_setup_teardown(rules_are_replaced_amid_a_text, setup, teardown),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
