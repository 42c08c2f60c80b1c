/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <sodium.h>

#include "alert/policy.h"

static struct policy *with(const char *items)
{
	struct policy *p = NULL;
	struct error err = { 0 };
	char text[2048];

	assert_int_equal(policy_new(&p, &err), 0);
	snprintf(text, sizeof(text), "{\"kind\": \"policy\", %s}", items);
	if (policy_add_text(p, "mine.json", span_str(text), &err))
		fail_msg("%s", err.text);
	return p;
}

static struct redacted secret_of(enum secret_kind kind)
{
	struct redacted r = { .kind = kind, .confidence = CONF_VALUE, .fingerprint = "ab" };

	return r;
}

/* A finding of a flow check at an HTTP header. */
static struct alert found(const struct policy *p, const char *rule, const struct redacted *secret,
			  const char *host)
{
	struct sink sink = { .class = SINK_HTTP_HEADER, .fd = -1 };
	struct alert a = { 0 };

	snprintf(sink.host, sizeof(sink.host), "%s", host);
	assert_int_equal(policy_found(p, rule, -1, secret, &sink, &a), VERDICT_ALERT);
	return a;
}

static void hosts(void **state)
{
	static const struct {
		const char *host, *peer;
		int index;
	} cases[] = {
		{ "up.example", "", 0 },
		{ "up.example:8443", "", 0 },
		{ "UP.example", "", -1 },
		{ "up.example.evil.test", "", -1 },
		{ "x.corp.example", "", 0 },
		{ "corp.example", "", -1 },
		{ "", "203.0.113.5:443", 0 },
		{ "", "[2001:db8::1]:443", 0 },
		{ "2001:db8::1", "", 0 },
		{ "", "", -1 },
		{ "other.test", "203.0.113.6:443", -1 },
	};
	struct policy *p =
		with("\"overrides\": [{\"id\": \"a\", \"rule\": [\"token-passthrough\"], "
		     "\"host\": [\"up.example\", \"*.corp.example\", \"203.0.113.5\", "
		     "\"*2001:db8::1*\"], \"verdict\": \"legal\", \"reason\": \"r\"}]");
	struct redacted s = secret_of(SECRET_ACCESS_TOKEN);

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct alert a = found(p, "token-passthrough", &s, cases[i].host);

		snprintf(a.sink.peer, sizeof(a.sink.peer), "%s", cases[i].peer);
		if (policy_override(p, &a) != cases[i].index)
			fail_msg("host \"%s\", peer \"%s\"", cases[i].host, cases[i].peer);
	}
	policy_free(p);
}

static void first_that_fits(void **state)
{
	struct policy *p = with(
		"\"overrides\": ["
		"{\"id\": \"store\", \"rule\": [\"token-file-plaintext\"], \"path\": "
		"[\"/home/*/a\"], "
		"\"verdict\": \"legal\", \"reason\": \"encrypted\"},"
		"{\"id\": \"tool\", \"rule\": \"any\", \"tool\": [\"show\"], \"secret\": "
		"[\"access_token\"], \"severity\": \"low\", \"reason\": \"its purpose\"},"
		"{\"id\": \"rest\", \"rule\": \"any\", \"exe\": [\"/usr/bin/node\"], \"severity\": "
		"\"info\", \"reason\": \"known\"}]");
	struct redacted s = secret_of(SECRET_ACCESS_TOKEN), r = secret_of(SECRET_REFRESH_TOKEN);
	struct alert a = found(p, "token-in-query", &s, "h");

	assert_int_equal(policy_overrides_len(p), 3);
	assert_int_equal(policy_override(p, &a), -1);
	assert_string_equal(a.overridden_by, "");
	snprintf(a.mcp.tool, sizeof(a.mcp.tool), "show");
	snprintf(a.process.exe, sizeof(a.process.exe), "/usr/bin/node");
	assert_int_equal(policy_override(p, &a), 1);
	assert_int_equal(a.severity, SEV_LOW);
	assert_int_equal(a.overridden_from, SEV_HIGH);
	assert_string_equal(a.overridden_by, "tool");
	assert_string_equal(a.overridden_reason, "its purpose");
	assert_false(policy_override_is_legal(p, 1));
	/* Another kind of secret: the next one. */
	a = found(p, "token-in-query", &r, "h");
	snprintf(a.mcp.tool, sizeof(a.mcp.tool), "show");
	snprintf(a.process.exe, sizeof(a.process.exe), "/usr/bin/node");
	assert_int_equal(policy_override(p, &a), 2);
	/* No secret is none of those asked for. */
	a = found(p, "pkce-missing", NULL, "h");
	snprintf(a.mcp.tool, sizeof(a.mcp.tool), "show");
	assert_int_equal(policy_override(p, &a), -1);
	/* A path, for its rule alone. */
	a = found(p, "token-file-plaintext", &s, "");
	snprintf(a.sink.path, sizeof(a.sink.path), "/home/u/a");
	assert_int_equal(policy_override(p, &a), 0);
	assert_true(policy_override_is_legal(p, 0));
	a = found(p, "token-file-permissive", &s, "");
	snprintf(a.sink.path, sizeof(a.sink.path), "/home/u/a");
	assert_int_equal(policy_override(p, &a), -1);
	policy_free(p);
}

static void users_cells_reach_checks(void **state)
{
	struct policy *p = with("\"cells\": [{\"id\": \"out\", \"sink\": [\"http-header\"], "
				"\"secret\": [\"bearer\"], \"verdict\": \"legal\"},"
				"{\"id\": \"q\", \"sink\": [\"http-header\"], \"secret\": "
				"[\"access_token\"], \"verdict\": \"alert\", \"rule\": "
				"\"token-in-query\", \"severity\": \"info\"}]");
	struct redacted bearer = secret_of(SECRET_BEARER), s = secret_of(SECRET_ACCESS_TOKEN);
	struct sink sink = { .class = SINK_HTTP_HEADER, .fd = -1 };
	struct alert a = { 0 };

	assert_int_equal(policy_found(p, "token-passthrough", -1, &bearer, &sink, &a),
			 VERDICT_LEGAL);
	assert_int_equal(found(p, "token-in-query", &s, "h").severity, SEV_INFO);
	/* The cell is for another rule. */
	assert_int_equal(found(p, "token-passthrough", &s, "h").severity, SEV_CRITICAL);
	assert_int_equal(policy_found(p, "no-such-rule", -1, &s, &sink, &a), VERDICT_LEGAL);
	policy_free(p);
	/* The built-in matrix calls HTTP legal; the checks know better. */
	p = with("\"cells\": []");
	assert_int_equal(found(p, "token-passthrough", &bearer, "h").severity, SEV_CRITICAL);
	policy_free(p);
}

static void faults(void **state)
{
	static const struct {
		const char *item, *what;
	} cases[] = {
		{ "{\"id\": \"a\", \"rule\": \"any\", \"verdict\": \"legal\"}", "\"reason\"" },
		{ "{\"id\": \"a\", \"verdict\": \"legal\", \"reason\": \"r\"}", "\"rule\"" },
		{ "{\"id\": \"a\", \"rule\": [\"nope\"], \"verdict\": \"legal\", \"reason\": "
		  "\"r\"}",
		  "not in the catalogue" },
		{ "{\"id\": \"a\", \"rule\": \"any\", \"reason\": \"r\"}", "\"severity\"" },
		{ "{\"id\": \"a\", \"rule\": \"any\", \"reason\": \"r\", \"verdict\": \"alert\"}",
		  "\"legal\"" },
		{ "{\"id\": \"a\", \"rule\": \"any\", \"reason\": \"r\", \"verdict\": \"legal\", "
		  "\"severity\": \"low\"}",
		  "keep one" },
		{ "{\"id\": \"a\", \"rule\": \"any\", \"reason\": \"r\", \"severity\": \"dire\"}",
		  "dire" },
		{ "{\"id\": \"a\", \"rule\": \"any\", \"reason\": \"r\", \"severity\": \"low\", "
		  "\"host\": []}",
		  "\"host\"" },
		{ "{\"id\": \"a\", \"rule\": \"any\", \"reason\": \"r\", \"severity\": \"low\", "
		  "\"hots\": [\"h\"]}",
		  "hots" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct policy *p = NULL;
		struct error err = { 0 };
		char text[512];

		assert_int_equal(policy_new(&p, &err), 0);
		snprintf(text, sizeof(text), "{\"kind\": \"policy\",\n\"overrides\": [\n%s]}",
			 cases[i].item);
		assert_int_equal(policy_add_text(p, "mine.json", span_str(text), &err), -EINVAL);
		if (strncmp(err.text, "mine.json:3: a: ", 16) != 0 ||
		    !strstr(err.text, cases[i].what))
			fail_msg("%s: %s", cases[i].item, err.text);
		policy_free(p);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(hosts),
		cmocka_unit_test(first_that_fits),
		cmocka_unit_test(users_cells_reach_checks),
		cmocka_unit_test(faults),
	};

	if (sodium_init() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
