// SPDX-License-Identifier: BSD-2-Clause
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "detect/scan_int.h"

#define TESTS "\"tests\": {\"match\": [\"{{token}}\"], \"nomatch\": [\"x\"]}"
#define GOOD_HEAD "\"id\": \"acme\", \"title\": \"Acme\", \"kind\": \"api_key\""

static void print_failure(void *arg, const char *rule, const char *file, unsigned int line,
			  const char *what)
{
	fprintf(stderr, "%s:%u: %s: %s\n", file, line, rule, what);
}

static void builtin_rules_pass_their_cases(void **state)
{
	struct ruleset *rs = ruleset_new();
	struct rules_test_result res;
	struct error err = { 0, "" };

	assert_int_equal(ruleset_add_builtin(rs, &err), 0);
	assert_int_equal(ruleset_test(rs, print_failure, NULL, &res, &err), 0);
	assert_int_equal(res.fn, 0);
	assert_int_equal(res.fp, 0);
	assert_int_equal(res.rules, ruleset_len(rs));
	assert_true(res.rules > 80);
	assert_true(res.tp > 600);
	assert_true(res.tn > 400);
	ruleset_free(rs);
}

static void builtin_files(void **state)
{
	size_t n;
	const struct rules_builtin_file *f = rules_builtin(&n);
	bool schema = false, tokens = false;

	assert_true(n >= 6);
	for (size_t i = 0; i < n; i++) {
		assert_true(f[i].text.len > 2);
		assert_int_equal(f[i].text.p[0], '{');
		schema |= !strcmp(f[i].name, "schema/rules.schema.json");
		tokens |= !strcmp(f[i].name, "tokens.json");
	}
	assert_true(schema && tokens);
}

static void rows(void **state)
{
	struct ruleset *rs = ruleset_new();
	struct error err = { 0, "" };
	bool github = false, key = false;

	assert_int_equal(ruleset_add_builtin(rs, &err), 0);
	for (size_t i = 0; i < ruleset_len(rs); i++) {
		struct rule_info info;

		ruleset_info(rs, i, &info);
		assert_true(info.id[0] && info.title[0] && info.file[0] && info.line > 1);
		assert_non_null(info.provider);
		assert_true(info.kind < SECRET_KIND_MAX);
		if (!strcmp(info.id, "github-oauth")) {
			github = true;
			assert_string_equal(info.check, "crc32-base62");
			assert_string_equal(info.provider, "github");
			assert_int_equal(info.kind, SECRET_ACCESS_TOKEN);
			assert_int_equal(info.confidence, CONF_VERIFIED);
		}
		if (!strcmp(info.id, "key-refresh-token")) {
			key = true;
			assert_int_equal(info.confidence, CONF_HEURISTIC);
			assert_string_equal(info.check, "");
		}
	}
	assert_true(github && key);
	ruleset_free(rs);
}

/* Every fault is named with its line; `line` 0: the file as a whole. */
static void faults(void **state)
{
	static const struct {
		const char *text;
		unsigned int line;
		const char *says;
	} cases[] = {
		{ "", 1, "not JSON" },
		{ "{\n\"kind\": tokens}", 2, "not JSON" },
		{ "[]", 1, "one JSON object" },
		{ "{}", 1, "\"kind\" is missing" },
		{ "{\"kind\": \"tokens\"}", 1, "\"rules\" is missing" },
		{ "{\n\"kind\": \"nonsense\"}", 2, "unknown kind" },
		{ "{\"kind\": \"tokens\", \"rules\": []}\nx", 2, "text after" },
		{ "{\"kind\": \"tokens\",\n\"rulez\": []}", 2, "unknown member \"rulez\"" },
		{ "{\"kind\": \"tokens\", \"rules\": [\n\n5]}", 3, "objects only" },
		{ "{\"kind\": \"tokens\", \"rules\": [\n{" GOOD_HEAD ",\n\"patern\": \"x\"}]}", 3,
		  "unknown member \"patern\"" },
		{ "{\"kind\": \"tokens\", \"rules\": [\n{" GOOD_HEAD ",\n\"patterns\": \"x\"}]}", 3,
		  "must be an array" },
		{ "{\"kind\": \"tokens\", \"rules\": [\n{" GOOD_HEAD ",\n\"id\": \"b\"}]}", 3,
		  "stands twice" },
		{ "{\"kind\": \"tokens\", \"rules\": [\n{" GOOD_HEAD "}]}", 2,
		  "\"tests\" is missing" },
		{ "{\"kind\": \"tokens\", \"rules\": [{" GOOD_HEAD
		  ",\n\"tests\": {\"match\": [\"a\"],\n"
		  "\"nomatch\": []}}]}",
		  2, "at least one" },
		{ "{\"kind\": \"tokens\", \"rules\": [{" GOOD_HEAD ", " TESTS "}]}", 1,
		  "\"patterns\" is missing" },
		{ "{\"kind\": \"tokens\", \"rules\": [{" GOOD_HEAD ", " TESTS ",\n\"patterns\": [\n"
		  "\"acme_[a-z{20}\"]}]}",
		  3, "'[' without ']'" },
		{ "{\"kind\": \"tokens\", \"rules\": [{" GOOD_HEAD ", " TESTS ",\n\"patterns\": [\n"
		  "\"[a-z]{20}\"]}]}",
		  3, "no literal" },
		{ "{\"kind\": \"tokens\", \"rules\": [{" GOOD_HEAD ", " TESTS ",\n\"patterns\": [\n"
		  "\"acme_[a-z]{3}\"]}]}",
		  3, "fewer than 16" },
		{ "{\"kind\": \"tokens\", \"rules\": [{" GOOD_HEAD ", " TESTS ",\n\"entropy\": 9,\n"
		  "\"patterns\": [\"acme_[a-z]{30}\"]}]}",
		  2, "from 0 to 8" },
		{ "{\"kind\": \"tokens\", \"rules\": [{" GOOD_HEAD ", " TESTS
		  ",\n\"check\": \"md5\",\n"
		  "\"patterns\": [\"acme_[a-z]{30}\"]}]}",
		  2, "unknown check" },
		{ "{\"kind\": \"tokens\", \"rules\": [{\"id\": \"Acme\", \"title\": \"x\", "
		  "\"kind\": \"api_key\"}]}",
		  1, "an id has" },
		{ "{\"kind\": \"tokens\", \"rules\": [{\"id\": \"acme\", \"title\": "
		  "\"x\",\n\"kind\": \"apikey\"}]}",
		  2, "unknown kind" },
		{ "{\"kind\": \"tokens\", \"rules\": [{" GOOD_HEAD
		  ", \"patterns\": [\"acme_[a-z]{30}\"],\n"
		  "\"tests\": {\"match\": [\n\"{{tokn}}\"], \"nomatch\": [\"x\"]}}]}",
		  3, "unknown {{...}}" },
		{ "{\"kind\": \"tokens\", \"rules\": [{" GOOD_HEAD
		  ", \"patterns\": [\"acme_[a-z]{30}\"],\n"
		  "\"tests\": {\"match\": [\"{{token}}\"], \"nomatch\": [\n\"{{badsum}}\"]}}]}",
		  3, "needs a rule with a check" },
		{ "{\"kind\": \"tokens\", \"rules\": [{" GOOD_HEAD ", " TESTS
		  ", \"patterns\": [\"acme_[a-z]{30}\"]},\n{" GOOD_HEAD ", " TESTS
		  ", \"patterns\": [\"acme_[a-z]{30}\"]}]}",
		  2, "stands twice in this file" },
		{ "{\"kind\": \"tokens\", \"rules\": [{" GOOD_HEAD
		  ", \"type\": \"regex\", \"anchor\": \"acme_\",\n\"regex\": \"acme_(\",\n"
		  "\"tests\": {\"match\": [\"acme_{{hex:20}}\"], \"nomatch\": [\"x\"]}}]}",
		  2, "regex: " },
		{ "{\"kind\": \"tokens\", \"rules\": [{" GOOD_HEAD
		  ", \"type\": \"regex\", \"regex\": \"acme_[a-f]+\",\n"
		  "\"tests\": {\"match\": [\"acme_{{hex:20}}\"], \"nomatch\": [\"x\"]}}]}",
		  1, "\"anchor\" is missing" },
		{ "{\"kind\": \"keys\", \"keys\": [{\"id\": \"k\", \"title\": \"x\", \"kind\": "
		  "\"code\",\n"
		  "\"names\": [\"a*b\"], " TESTS "}]}",
		  2, "'*' may only stand in front" },
		{ "{\"kind\": \"keys\",\n\"examples\": [\n\"xyz\"]}", 3, "SHA-256" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ruleset *rs = ruleset_new();
		struct error err = { 0, "" };
		char want[32];

		if (ruleset_add_text(rs, "my.json", span_str(cases[i].text), &err) >= 0)
			fail_msg("accepted: %s", cases[i].text);
		snprintf(want, sizeof(want), "my.json:%u: ", cases[i].line);
		if (strncmp(err.text, want, strlen(want)) != 0 || !strstr(err.text, cases[i].says))
			fail_msg("case %zu: want '%s...%s', got '%s'", i, want, cases[i].says,
				 err.text);
		ruleset_free(rs);
	}
}

static void caps(void **state)
{
	struct ruleset *rs = ruleset_new();
	struct error err = { 0, "" };
	struct buf deep = BUF_INIT(0);

	for (unsigned int i = 0; i < 100; i++)
		buf_add_str(&deep, "{\"a\":[");
	assert_int_equal(ruleset_add_text(rs, "deep", buf_span(&deep), &err), -EINVAL);
	assert_non_null(strstr(err.text, "nested"));
	err.code = 0;
	assert_int_equal(ruleset_add_text(rs, "nul", SPAN_LIT("{\0}"), &err), -EINVAL);
	buf_release(&deep);
	ruleset_free(rs);
}

static void other_kinds_are_left_alone(void **state)
{
	struct ruleset *rs = ruleset_new();
	struct error err = { 0, "" };

	assert_int_equal(
		ruleset_add_text(rs, "p", SPAN_LIT("{\"kind\":\"policy\",\"cells\":1}"), &err), 0);
	assert_int_equal(ruleset_add_text(rs, "c", SPAN_LIT("{\"kind\":\"catalogue\"}"), &err), 0);
	assert_int_equal(ruleset_len(rs), 0);
	ruleset_free(rs);
}

static const char own_rule[] =
	"{\"kind\": \"tokens\", \"rules\": [{" GOOD_HEAD ", \"provider\": \"acme\",\n"
	"\"patterns\": [\"acme_[a-z0-9]{30}\"], " TESTS "}]}";
static const char own_regex[] =
	"{\"kind\": \"tokens\", \"rules\": [{" GOOD_HEAD ", \"type\": \"regex\",\n"
	"\"regex\": \"key=(ACME-[0-9A-F]{8}-[0-9A-F]{8})(?![0-9A-F])\", \"anchor\": \"ACME-\",\n"
	"\"tests\": {\"match\": [\"key=ACME-01234567-{{digits:8}};\", "
	"\"key=ACME-{{digits:8}}-{{digits:8}}\"],\n"
	"\"nomatch\": [\"key=ACME-{{digits:8}}-{{digits:7}};\", "
	"\"ACME-{{digits:8}}-{{digits:8}}\",\n"
	"\"key=ACME-{{digits:8}}-{{digits:9}}\"]}}]}";

static void a_rule_of_ones_own(void **state)
{
	const char *texts[] = { own_rule, own_regex };

	for (size_t i = 0; i < 2; i++) {
		struct ruleset *rs = ruleset_new();
		struct error err = { 0, "" };
		struct rules_test_result res;

		if (ruleset_add_text(rs, "own.json", span_str(texts[i]), &err))
			fail_msg("%s", err.text);
		assert_int_equal(ruleset_test(rs, print_failure, NULL, &res, &err), 0);
		assert_int_equal(res.fn + res.fp, 0);
		assert_true(res.tp >= 1 && res.tn >= 1);
		ruleset_free(rs);
	}
}

/* A user's file takes the place of a built-in rule with the same id, and adds others. */
static void override_by_id(void **state)
{
	struct ruleset *rs = ruleset_new();
	struct error err = { 0, "" };
	struct rule_info info;
	size_t before;

	assert_int_equal(ruleset_add_text(rs, "a.json", span_str(own_rule), &err), 0);
	before = ruleset_len(rs);
	assert_int_equal(ruleset_add_text(rs, "b.json", span_str(own_regex), &err), 0);
	assert_int_equal(ruleset_len(rs), before);
	ruleset_info(rs, 0, &info);
	assert_string_equal(info.file, "b.json");
	ruleset_free(rs);
}

/* A wrong rule is reported as missed or loud, with the line of the case and without its text. */
static unsigned int failed_line;

static void take_failure(void *arg, const char *rule, const char *file, unsigned int line,
			 const char *what)
{
	failed_line = line;
	assert_string_equal(rule, "acme");
	assert_null(strstr(what, "acme_"));
}

static void failing_cases_are_told(void **state)
{
	static const char text[] =
		"{\"kind\": \"tokens\", \"rules\": [{" GOOD_HEAD ",\n"
		"\"patterns\": [\"acme_[a-z0-9]{30}\"], \"tests\": {\"match\": [\n"
		"\"acme_{{hex:29}}\"],\n\"nomatch\": [\n\"{{token}}\"]}}]}";
	struct ruleset *rs = ruleset_new();
	struct error err = { 0, "" };
	struct rules_test_result res;

	assert_int_equal(ruleset_add_text(rs, "own.json", span_str(text), &err), 0);
	assert_int_equal(ruleset_test(rs, take_failure, NULL, &res, &err), 0);
	assert_int_equal(res.fn, 1);
	assert_int_equal(res.fp, 1);
	assert_int_equal(failed_line, 5);
	ruleset_free(rs);
}

static void put_file(const char *dir, const char *name, const char *text)
{
	char path[256];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void files_and_directories(void **state)
{
	char dir[] = "/tmp/bt-rules-XXXXXX", path[300];
	struct ruleset *rs = ruleset_new();
	struct error err = { 0, "" };
	struct rule_info info;

	assert_non_null(mkdtemp(dir));
	assert_int_equal(ruleset_add_path(rs, dir, &err), -ENOENT);
	err.code = 0;
	put_file(dir, "b.json", own_regex);
	put_file(dir, "a.json", own_rule);
	put_file(dir, "notes.txt", "not JSON");
	assert_int_equal(ruleset_add_path(rs, dir, &err), 0);
	assert_int_equal(ruleset_len(rs), 1);
	ruleset_info(rs, 0, &info);
	assert_non_null(strstr(info.file, "/b.json"));
	snprintf(path, sizeof(path), "%s/notes.txt", dir);
	assert_true(ruleset_add_path(rs, path, &err) < 0);
	err.code = 0;
	snprintf(path, sizeof(path), "%s/none", dir);
	assert_int_equal(ruleset_add_path(rs, path, &err), -ENOENT);
	assert_non_null(strstr(err.text, path));
	for (unsigned int i = 0; i < 3; i++) {
		static const char *const names[] = { "a.json", "b.json", "notes.txt" };

		snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		unlink(path);
	}
	rmdir(dir);
	ruleset_free(rs);
}

static void key_names(void **state)
{
#define KEY(id, names)                                                                             \
	"{\"id\": \"" id "\", \"title\": \"t\", \"kind\": \"access_token\", \"names\": [" names    \
	"], \"tests\": {\"match\": [\"x_token={{token}}\"], \"nomatch\": [\"x\"]}}"
	static const char text[] =
		"{\"kind\": \"keys\", \"keys\": [" KEY("any", "\"*token\"") ", " KEY(
			"access",
			"\"*access_token\", \"key\"") ", " KEY("whole",
							       "\"token\"") "], \"public\": "
									    "[\"csrf_token\", "
									    "\"*page_token\"]}";
#undef KEY
	static const struct {
		const char *name, *rule;
	} cases[] = {
		{ "secret", NULL },
		{ "t", NULL },
		{ "", NULL },
		{ "id_token", "any" },
		{ "token", "whole" },
		{ "TOKEN", "whole" },
		{ "accessToken", "access" },
		{ "my-access_token", "access" },
		{ "csrf_token", NULL },
		{ "x_csrf_token", "any" },
		{ "nextPageToken", NULL },
		{ "key", "access" },
		{ "my_key", NULL },
	};
	struct ruleset *rs = ruleset_new();
	struct error err = { 0, "" };
	struct scanner *sc;
	char norm[16];

	assert_int_equal(key_normalise(SPAN_LIT("X-Api_Key"), norm, sizeof(norm)), 7);
	assert_memory_equal(norm, "xapikey", 7);
	assert_int_equal(key_normalise(SPAN_LIT("abcdefghijklmnopq"), norm, sizeof(norm)), 0);
	if (ruleset_add_text(rs, "keys.json", span_str(text), &err))
		fail_msg("%s", err.text);
	assert_int_equal(scanner_new(rs, &sc, &err), 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct rule *r = key_lookup(sc, span_str(cases[i].name));

		if (strcmp(r ? r->id : "-", cases[i].rule ? cases[i].rule : "-") != 0)
			fail_msg("%s: %s", cases[i].name, r ? r->id : "-");
	}
	scanner_free(sc);
	ruleset_free(rs);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(builtin_rules_pass_their_cases),
		cmocka_unit_test(builtin_files),
		cmocka_unit_test(rows),
		cmocka_unit_test(faults),
		cmocka_unit_test(caps),
		cmocka_unit_test(other_kinds_are_left_alone),
		cmocka_unit_test(a_rule_of_ones_own),
		cmocka_unit_test(override_by_id),
		cmocka_unit_test(failing_cases_are_told),
		cmocka_unit_test(files_and_directories),
		cmocka_unit_test(key_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
