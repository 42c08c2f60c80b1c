/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>

#include "alert/redact.h"
#include "leak.h"

static struct fingerprinter key;

static int setup(void **state)
{
	fingerprinter_random(&key);
	return 0;
}

static struct hit hit_of(const char *value, const char *prefix)
{
	return (struct hit){
		.rule_id = "some-rule",
		.provider = "github",
		.prefix = prefix,
		.kind = SECRET_REFRESH_TOKEN,
		.confidence = CONF_VERIFIED,
		.encoding = ENC_HEX,
		.value = span_str(value),
		.offset = 77,
		.end = 117,
		.line = 3,
		.key = SPAN_LIT("refresh_token"),
		.expired = true,
	};
}

static void test_facts_are_kept(void **state)
{
	char v[41];
	struct hit hit;
	struct redacted r;

	leak_secret(v, "gho_", 40);
	hit = hit_of(v, "gho_");
	hit.known_id = 9;
	hit.whole_len = hit.part_len = 40;
	redact_hit(&key, &hit, &r);
	assert_int_equal(r.kind, SECRET_REFRESH_TOKEN);
	assert_int_equal(r.confidence, CONF_VERIFIED);
	assert_int_equal(r.encoding, ENC_HEX);
	assert_string_equal(r.rule_id, "some-rule");
	assert_string_equal(r.provider, "github");
	assert_string_equal(r.key, "refresh_token");
	assert_int_equal(r.length, 40);
	assert_int_equal(r.offset, 77);
	assert_int_equal(r.end, 117);
	assert_int_equal(r.line, 3);
	assert_int_equal(r.known_id, 9);
	assert_int_equal(r.whole_len, 40);
	assert_int_equal(r.part_len, 40);
	assert_true(r.expired);
}

static void test_preview_is_prefix_and_four(void **state)
{
	char v[41], want[48];
	struct hit hit;
	struct redacted r;

	leak_secret(v, "gho_", 40);
	hit = hit_of(v, "gho_");
	redact_hit(&key, &hit, &r);
	snprintf(want, sizeof(want), "%.8s...(40)", v);
	assert_string_equal(r.preview, want);

	/* A prefix that the value does not have is not shown. */
	hit.prefix = "ya29.";
	redact_hit(&key, &hit, &r);
	snprintf(want, sizeof(want), "%.4s...(40)", v);
	assert_string_equal(r.preview, want);
	hit.prefix = "";
	redact_hit(&key, &hit, &r);
	assert_string_equal(r.preview, want);
}

static void test_short_values_show_nothing(void **state)
{
	char v[41];
	struct hit hit;
	struct redacted r;

	leak_secret(v, "", 15);
	hit = hit_of(v, "");
	redact_hit(&key, &hit, &r);
	assert_string_equal(r.preview, "...(15)");

	/* What counts is the secret's own part. */
	leak_secret(v, "gho_", 19);
	hit = hit_of(v, "gho_");
	redact_hit(&key, &hit, &r);
	assert_string_equal(r.preview, "gho_...(19)");

	hit = hit_of("", "");
	redact_hit(&key, &hit, &r);
	assert_string_equal(r.preview, "...(0)");
}

/* Different parts of one value must not add up. */
static void test_parts_show_nothing_of_their_own(void **state)
{
	char v[101];
	struct hit hit;
	struct redacted r;

	leak_secret(v, "gho_", 100);
	hit = hit_of(v, "gho_");
	hit.value = span_of(v + 30, 40);
	hit.known_id = 1;
	hit.whole_len = 100;
	hit.part_off = 30;
	hit.part_len = 40;
	redact_hit(&key, &hit, &r);
	assert_string_equal(r.preview, "...(40)");

	hit.value = span_of(v, 40);
	hit.part_off = 0;
	redact_hit(&key, &hit, &r);
	assert_string_equal(r.preview, "gho_...(40)");
}

static void test_preview_is_printable_and_bounded(void **state)
{
	char v[200], *p = v;
	struct hit hit;
	struct redacted r;

	memset(v, 'a', sizeof(v));
	memcpy(v, "\x1b[2J\xff", 5);
	hit = hit_of("", "");
	hit.value = span_of(v, sizeof(v));
	redact_hit(&key, &hit, &r);
	assert_string_equal(r.preview, "?[2J...(200)");

	/* A user's rule that calls nearly everything a prefix. */
	leak_secret(p, "", sizeof(v) - 1);
	hit = hit_of(v, v);
	redact_hit(&key, &hit, &r);
	assert_true(strlen(r.preview) < 40);
}

static void test_fingerprint_follows_the_value_and_the_key(void **state)
{
	struct fingerprinter other;
	char v[41], w[41];
	struct hit hit;
	struct redacted a, b;

	leak_secret(v, "gho_", 40);
	leak_secret(w, "gho_", 40);
	hit = hit_of(v, "gho_");
	redact_hit(&key, &hit, &a);
	assert_int_equal(strlen(a.fingerprint), FINGERPRINT_TEXT_LEN);
	assert_int_equal(strspn(a.fingerprint, "0123456789abcdef"), FINGERPRINT_TEXT_LEN);

	/* Where and how it was found makes no difference: known or not, encoded or not. */
	hit.encoding = ENC_BASE64;
	hit.kind = SECRET_BEARER;
	hit.rule_id = "known-value";
	hit.known_id = 5;
	hit.whole_len = hit.part_len = 40;
	redact_hit(&key, &hit, &b);
	assert_string_equal(a.fingerprint, b.fingerprint);

	hit.value = span_str(w);
	redact_hit(&key, &hit, &b);
	assert_string_not_equal(a.fingerprint, b.fingerprint);

	fingerprinter_random(&other);
	hit.value = span_str(v);
	redact_hit(&other, &hit, &b);
	assert_string_not_equal(a.fingerprint, b.fingerprint);
}

/* Nothing in the struct, in whatever member, is a piece of the secret. */
static void test_nothing_of_the_secret_is_inside(void **state)
{
	static const char *const prefixes[] = { "", "gho_", "ya29.", "sk-ant-api03-" };

	for (int round = 0; round < 200; round++) {
		const char *prefix = prefixes[round % 4];
		size_t len = strlen(prefix) + 8 + randombytes_uniform(200);
		char v[300], name[400];
		struct hit hit;
		struct redacted r;

		leak_secret(v, prefix, len);
		hit = hit_of(v, prefix);
		hit.confidence = (enum confidence)(round % CONF_MAX);
		if (round & 1) {
			/* The key name itself repeats the secret. */
			snprintf(name, sizeof(name), "x%sx", v);
			hit.key = span_str(name);
		}
		memset(&r, 0xff, sizeof(r));
		redact_hit(&key, &hit, &r);
		assert_false(leak_found(&r, sizeof(r), v, strlen(prefix)));
	}
}

static void test_text_beside_is_masked(void **state)
{
	char v[41], text[200], want[200];
	struct hit hit;

	leak_secret(v, "gho_", 40);
	hit = hit_of(v, "gho_");
	snprintf(text, sizeof(text), "/tmp/%s.json", v);
	redact_text(&hit, text);
	memset(want, 0, sizeof(want));
	strcpy(want, "/tmp/gho_");
	memset(want + 9, '*', 36);
	strcat(want, ".json");
	assert_string_equal(text, want);

	/* Pieces at either end of the text, apart and joined; four bytes are not a piece. */
	snprintf(text, sizeof(text), "%.6s-%.4s-%.7s%.5s", v + 10, v + 20, v + 20, v + 30);
	redact_text(&hit, text);
	snprintf(want, sizeof(want), "******-%.4s-************", v + 20);
	assert_string_equal(text, want);

	snprintf(text, sizeof(text), "/home/user/.config/tokens.json");
	redact_text(&hit, text);
	assert_string_equal(text, "/home/user/.config/tokens.json");
	text[0] = '\0';
	redact_text(&hit, text);
	assert_string_equal(text, "");
	strcpy(text, "abc");
	redact_text(&hit, text);
	assert_string_equal(text, "abc");
	/* A value too short to have pieces. */
	hit.value = span_str("abc");
	redact_text(&hit, text);
	assert_string_equal(text, "abc");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_facts_are_kept),
		cmocka_unit_test(test_preview_is_prefix_and_four),
		cmocka_unit_test(test_short_values_show_nothing),
		cmocka_unit_test(test_parts_show_nothing_of_their_own),
		cmocka_unit_test(test_preview_is_printable_and_bounded),
		cmocka_unit_test(test_fingerprint_follows_the_value_and_the_key),
		cmocka_unit_test(test_nothing_of_the_secret_is_inside),
		cmocka_unit_test(test_text_beside_is_masked),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
