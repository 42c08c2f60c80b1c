// SPDX-License-Identifier: BSD-2-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>
#include <cjson/cJSON.h>
#include "recorder.h"

/* The log of `doc` fed in pieces that end at `cut` and then every `step` bytes. */
static struct json_result run(struct json_rec *r, struct span doc, size_t cut, size_t step)
{
	struct json *j;
	struct json_result res = { JSON_MORE, 0 }, got;

	memset(r, 0, sizeof(*r));
	j = json_new(&rec_json_ops, r);
	assert_non_null(j);
	for (size_t at = 0; at < doc.len;) {
		size_t len = at ? step : cut;
		char *copy;

		if (!len || len > doc.len - at)
			len = doc.len - at;
		copy = rec_copy(doc.p + at, len);
		got = json_feed(j, span_of(copy, len));
		free(copy);
		assert_true(got.consumed <= len);
		res.status = got.status;
		res.consumed += got.consumed;
		if (got.status != JSON_MORE) {
			/* Nothing is eaten any more. */
			got = json_feed(j, doc);
			assert_int_equal(got.status, res.status);
			assert_int_equal(got.consumed, 0);
			break;
		}
		assert_int_equal(got.consumed, len);
		at += len;
	}
	json_free(j);
	buf_add_byte(&r->log, '.');
	assert_int_equal(r->log.err, 0);
	return res;
}

/* Runs whole, byte by byte and in two parts at every place; all must agree. Leaves the whole run's log in `r`. */
static struct json_result run_all(struct json_rec *r, struct span doc)
{
	struct json_result whole = run(r, doc, doc.len, doc.len);

	for (size_t cut = 0; cut <= doc.len; cut++) {
		struct json_rec other;
		/* cut 0: byte by byte */
		struct json_result res = run(&other, doc, cut ? cut : 1, cut ? doc.len : 1);

		assert_int_equal(res.status, whole.status);
		assert_int_equal(res.consumed, whole.consumed);
		if (!span_eq(buf_span(&other.log), buf_span(&r->log)))
			fail_msg("cut %zu of %.*s:\n%s---\n%s", cut, (int)doc.len, doc.p, r->log.p,
				 other.log.p);
		buf_release(&other.log);
	}
	return whole;
}

static void check(const char *doc, enum json_status status, size_t consumed, const char *log)
{
	struct json_rec r;
	struct json_result res = run_all(&r, span_str(doc));

	if (res.status != status || res.consumed != consumed)
		fail_msg("%s: status %d at %zu", doc, res.status, res.consumed);
	if (log) {
		r.log.p[r.log.len - 1] = '\0';
		assert_string_equal(r.log.p, log);
	}
	buf_release(&r.log);
}

static void ok(const char *doc, const char *log)
{
	check(doc, JSON_DONE, strlen(doc), log);
}

static void structure(void **state)
{
	ok("{\"a\":[1,{\"b\":\"x\"},[]],\"c\":null}", "open{  0\n"
						      "key .1:a 1\n"
						      "open[ .1:a 1\n"
						      "scalar 1 @6 .1:a[0] 2=1\n"
						      "open{ .1:a[1] 2\n"
						      "key .1:a[1].1:b 3\n"
						      "scalar 0 @14 .1:a[1].1:b 3=x\n"
						      "close} .1:a[1] 2\n"
						      "open[ .1:a[2] 2\n"
						      "close] .1:a[2] 2\n"
						      "close] .1:a 1\n"
						      "key .1:c 1\n"
						      "scalar 4 @26 .1:c 1=null\n"
						      "close}  0\n");
	ok(" \t\r\n{ \"a\" : [ ] }",
	   "open{  0\nkey .1:a 1\nopen[ .1:a 1\nclose] .1:a 1\nclose}  0\n");
	ok("[true,false,null,-0.5e+3]", "open[  0\n"
					"scalar 2 @1 [0] 1=true\n"
					"scalar 3 @6 [1] 1=false\n"
					"scalar 4 @12 [2] 1=null\n"
					"scalar 1 @17 [3] 1=-0.5e+3\n"
					"close]  0\n");
}

static void any_value_at_the_top(void **state)
{
	ok("\"x\"", "scalar 0 @1  0=x\n");
	ok("true", "scalar 2 @0  0=true\n");
	ok("{}", "open{  0\nclose}  0\n");
	/* A number ends only where something else begins, which is not eaten. */
	check("12 ", JSON_DONE, 2, "scalar 1 @0  0=12\n");
	check("12", JSON_MORE, 2, NULL);
	check("0 ", JSON_DONE, 1, NULL);
	check("", JSON_MORE, 0, "");
	check(" \n", JSON_MORE, 2, "");
}

static void consumed_is_where_the_value_ends(void **state)
{
	check("{\"a\":1} {\"b\":2}", JSON_DONE, 7, NULL);
	check("\"a\"x", JSON_DONE, 3, NULL);
	check("[]]", JSON_DONE, 2, NULL);
	check("nullx", JSON_DONE, 4, NULL);
}

static void strings_are_decoded(void **state)
{
	ok("\"a\\\"b\\\\c\\/d\"", "scalar 0 @1  0=a\"b\\c/d\n");
	ok("\"\\b\\f\\n\\r\\t\"", "scalar 0 @1  0=\b\f\n\r\t\n");
	ok("\"\\u0041\\u00e9\\u20AC\"", "scalar 0 @1  0=A\xc3\xa9\xe2\x82\xac\n");
	ok("\"\\ud83d\\ude00\"", "scalar 0 @1  0=\xf0\x9f\x98\x80\n");
	ok("\"\"", "scalar 0 @1  0=\n");
	/* The offset of an escape that stands for itself is that of the byte, of any other its backslash's. */
	ok("\"\\\\n\"", "scalar 0 @2  0=\\n\n");
	ok("\"\\\\\\\"\\\\\"", "scalar 0 @2  0=\\\"\\\n");
	/* Bytes that are not ASCII are passed on as they are, valid UTF-8 or not. */
	ok("\"\xc3\xa9\xff\"", "scalar 0 @1  0=\xc3\xa9\xff\n");
}

static void lone_surrogates(void **state)
{
	static const char *const docs[] = {
		"\"\\ud800\"",        "\"\\udc00\"",
		"\"\\ud800x\"",       "\"\\ud800\\n\"",
		"\"\\ud800\\\\\"",    "\"\\ud800\\u0041\"",
		"\"\\ud800\\udbff\"", "\"\\ud800\\ud83d\\ude00\"",
	};
	static const char *const want[] = {
		"\xef\xbf\xbd",
		"\xef\xbf\xbd",
		"\xef\xbf\xbdx",
		"\xef\xbf\xbd\n",
		"\xef\xbf\xbd\\",
		"\xef\xbf\xbd\x41",
		"\xef\xbf\xbd\xef\xbf\xbd",
		"\xef\xbf\xbd\xf0\x9f\x98\x80",
	};

	for (size_t i = 0; i < sizeof(docs) / sizeof(docs[0]); i++) {
		char log[64];

		snprintf(log, sizeof(log), "scalar 0 @1  0=%s\n", want[i]);
		ok(docs[i], log);
	}
}

static void raw_control_characters_and_nul(void **state)
{
	static const char doc[] = "[\"a\0b\x01\n\t\"]";
	static const char log[] = "open[  0\nscalar 0 @2 [0] 1=a\0b\x01\n\t\nclose]  0\n.";
	struct json_rec r;
	struct json_result res = run_all(&r, SPAN_LIT(doc));

	assert_int_equal(res.status, JSON_DONE);
	assert_true(span_eq(buf_span(&r.log), SPAN_LIT(log)));
	buf_release(&r.log);

	res = run_all(&r, SPAN_LIT("[\"a\\u0000b\"]"));
	assert_int_equal(res.status, JSON_DONE);
	assert_true(span_eq(buf_span(&r.log),
			    SPAN_LIT("open[  0\nscalar 0 @2 [0] 1=a\0b\nclose]  0\n.")));
	buf_release(&r.log);
}

static void duplicate_keys(void **state)
{
	ok("{\"a\":\"1\",\"a\":\"2\"}", "open{  0\nkey .1:a 1\nscalar 0 @6 .1:a 1=1\n"
					"key .1:a 1\nscalar 0 @14 .1:a 1=2\nclose}  0\n");
}

static void not_json(void **state)
{
	static const struct {
		const char *doc;
		size_t at;
	} bad[] = {
		{ "x", 0 },
		{ "{x", 1 },
		{ "{\"a\"}", 4 },
		{ "{\"a\":}", 5 },
		{ "{\"a\":1,}", 7 },
		{ "[1,]", 3 },
		{ "[1 2]", 3 },
		{ "[}", 1 },
		{ "{]", 1 },
		{ "[1}", 2 },
		{ "{\"a\":1]", 6 },
		{ "\"\\x\"", 2 },
		{ "\"\\u12g4\"", 5 },
		{ "tru3", 3 },
		{ "nul ", 3 },
		{ "[-]", 2 },
		{ "[01]", 2 },
		{ "[1.]", 3 },
		{ "[1e]", 3 },
		{ "[1e+]", 4 },
		{ "[.5]", 1 },
		{ "[+1]", 1 },
		{ "[NaN]", 1 },
		{ "{1:2}", 1 },
		{ "{\"a\":1 \"b\"}", 7 },
		{ "]", 0 },
		{ ",", 0 },
		{ "\xef\xbb\xbf{}", 0 },
		{ "{,}", 1 },
		{ "[,1]", 1 },
		{ "{\"a\"::1}", 5 },
		{ "\"\\ud800\\x\"", 8 },
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		check(bad[i].doc, JSON_BROKEN, bad[i].at, NULL);
	check("{\"a\":\"unfinished", JSON_MORE, 16, NULL);
	check("[[[", JSON_MORE, 3, NULL);
}

static void strings_before_the_break_are_handed_out(void **state)
{
	check("[\"a\",\"b\\x\"]", JSON_BROKEN, 8,
	      "open[  0\nscalar 0 @2 [0] 1=a\nscalar 0 @6 [1] 1=b");
}

static void reset_starts_over(void **state)
{
	struct json_rec r = { 0 };
	struct json *j = json_new(&rec_json_ops, &r);
	struct json_result res;

	res = json_feed(j, SPAN_LIT("[{\"a\":\"\\ud800"));
	assert_int_equal(res.status, JSON_MORE);
	json_reset(j);
	buf_clear(&r.log);
	r.open = false;
	res = json_feed(j, SPAN_LIT("!"));
	assert_int_equal(res.status, JSON_BROKEN);
	json_reset(j);
	res = json_feed(j, SPAN_LIT("[\"x\"]"));
	assert_int_equal(res.status, JSON_DONE);
	assert_string_equal(r.log.p, "open[  0\nscalar 0 @2 [0] 1=x\nclose]  0\n");
	buf_release(&r.log);
	json_free(j);
	assert_null(json_free(NULL));
}

/* A string without escapes comes as one piece that points into the input. */
struct piece_rec {
	struct span input;
	size_t pieces;
	bool foreign;
};

static void count_piece(void *arg, const struct json *j, enum json_scalar type, struct span s,
			uint64_t raw_off, bool first, bool last)
{
	struct piece_rec *r = arg;

	r->pieces++;
	if (s.p < r->input.p || s.p > r->input.p + r->input.len)
		r->foreign = true;
	else if (s.p != r->input.p + raw_off)
		r->foreign = true;
}

static void pieces_are_not_copied(void **state)
{
	static const struct json_ops ops = { .scalar = count_piece };
	struct piece_rec r = { .input = SPAN_LIT("[\"abcdefghijklmnopqrstuvwxyz\"]") };
	struct json *j = json_new(&ops, &r);

	json_feed(j, r.input);
	assert_int_equal(r.pieces, 1);
	assert_false(r.foreign);

	/* Escaped quotes and backslashes neither. */
	json_reset(j);
	r = (struct piece_rec){ .input = SPAN_LIT("[\"abc\\\"def\\\\\\\\ghi\\/jkl\"]") };
	json_feed(j, r.input);
	assert_false(r.foreign);
	assert_int_equal(r.pieces, 5);
	json_free(j);
}

static void callbacks_may_be_null(void **state)
{
	static const struct json_ops none = { 0 };
	struct json *j = json_new(&none, NULL);
	struct json_result r = json_feed(j, SPAN_LIT("{\"a\":[1,\"x\\n\",true]}"));

	assert_int_equal(r.status, JSON_DONE);
	assert_int_equal(r.consumed, 20);
	json_free(j);
}

static void keys(void **state)
{
	char key[400], doc[500];
	struct json_rec r;

	/* Escapes in keys are decoded, in any cut. */
	ok("{\"\\u0061\\\"\\n\\ud83d\\ude00\":1}", "open{  0\n"
						   "key .7:a\"\n\xf0\x9f\x98\x80 1\n"
						   "scalar 1 @26 .7:a\"\n\xf0\x9f\x98\x80 1=1\n"
						   "close}  0\n");
	for (size_t len = JSON_MAX_KEY - 1; len <= JSON_MAX_KEY + 1; len++) {
		bool cut = len > JSON_MAX_KEY;
		char want[500];

		memset(key, 'k', sizeof(key));
		key[len] = '\0';
		snprintf(doc, sizeof(doc), "{\"%s\":1}", key);
		run_all(&r, span_str(doc));
		key[cut ? JSON_MAX_KEY : len] = '\0';
		snprintf(want, sizeof(want), "open{  0\nkey .%zu:%s%s 1\n", strlen(key), key,
			 cut ? "~" : "");
		assert_memory_equal(r.log.p, want, strlen(want));
		buf_release(&r.log);
	}
	/* The next key is whole again. */
	memset(key, 'k', sizeof(key));
	snprintf(doc, sizeof(doc), "{\"%.300s\":1,\"b\":2}", key);
	run_all(&r, span_str(doc));
	assert_non_null(strstr(r.log.p, "key .1:b 1\n"));
	buf_release(&r.log);
}

static char *nested(size_t depth, const char *open, const char *inner, const char *close)
{
	size_t lo = strlen(open), lc = strlen(close), li = strlen(inner);
	char *doc = malloc(depth * (lo + lc) + li + 1), *p = doc;

	assert_non_null(doc);
	for (size_t i = 0; i < depth; i++, p += lo)
		memcpy(p, open, lo);
	memcpy(p, inner, li);
	p += li;
	for (size_t i = 0; i < depth; i++, p += lc)
		memcpy(p, close, lc);
	*p = '\0';
	return doc;
}

static void deep_nesting(void **state)
{
	static const size_t depths[] = { 63, 64, 65, 100, 2047, 2048, 2049, 100000 };

	for (size_t i = 0; i < sizeof(depths) / sizeof(depths[0]); i++) {
		for (int object = 0; object < 2; object++) {
			char *doc = object ? nested(depths[i], "{\"a\":", "\"x\\n\"", "}")
					   : nested(depths[i], "[", "\"x\\n\"", "]");
			struct json_rec r, bytes;
			struct json_result res = run(&r, span_str(doc), 7, 11);
			char want[64];

			assert_int_equal(res.status, JSON_DONE);
			assert_int_equal(res.consumed, strlen(doc));
			/* Below MAX_TRACKED a key is taken for a string: nothing is missed. */
			assert_true(r.scalars == 1 || (object && depths[i] > 2048));
			snprintf(want, sizeof(want), " %zu=x\n\n", depths[i]);
			assert_non_null(strstr(r.log.p, want));
			res = run(&bytes, span_str(doc), 1, 1);
			assert_int_equal(res.status, JSON_DONE);
			assert_true(span_eq(buf_span(&bytes.log), buf_span(&r.log)));
			buf_release(&bytes.log);
			buf_release(&r.log);
			free(doc);
		}
	}
}

static void path_of_a_deep_value_is_cut(void **state)
{
	struct json_rec r;
	char *doc = nested(70, "{\"a\":", "[\"x\"]", "}");
	char *scalar;
	struct buf more = BUF_INIT(0);
	size_t steps = 0;

	run(&r, span_str(doc), 3, 3);
	scalar = strstr(r.log.p, "scalar");
	assert_non_null(scalar);
	for (char *p = scalar; (p = strstr(p, ".1:a")); p++)
		steps++;
	assert_true(steps >= JSON_MAX_DEPTH);
	assert_null(strstr(scalar, "[0] 71"));
	buf_release(&r.log);
	free(doc);

	/* Coming back up, paths are right again. */
	doc = nested(70, "[", "\"x\"", "]");
	buf_add(&more, doc, strlen(doc) - 1);
	buf_add_str(&more, ",{\"k\":\"y\"}]");
	free(doc);
	run(&r, buf_span(&more), 3, 3);
	assert_non_null(strstr(r.log.p, " [1].1:k 2=y\n"));
	buf_release(&r.log);
	buf_release(&more);
}

/* --- path text ----------------------------------------------------------------------------- */

struct path_rec {
	char text[512];
	size_t len, cap;
};

static void take_path(void *arg, const struct json *j, enum json_scalar type, struct span s,
		      uint64_t raw_off, bool first, bool last)
{
	struct path_rec *r = arg;

	memset(r->text, '#', sizeof(r->text));
	r->len = json_path_text(j, r->text, r->cap);
}

static void path_is(const char *doc, size_t cap, const char *want)
{
	static const struct json_ops ops = { .scalar = take_path };
	struct path_rec r = { .cap = cap };
	struct json *j = json_new(&ops, &r);

	json_feed(j, span_str(doc));
	json_free(j);
	assert_string_equal(r.text, want);
	assert_int_equal(r.len, strlen(want));
	assert_int_equal(r.text[cap], '#');
}

static void path_text(void **state)
{
	static const char doc[] = "{\"result\":{\"content\":[{\"text\":\"x\"}]}}";

	path_is(doc, 200, "$.result.content[0].text");
	path_is("\"x\"", 200, "$");
	path_is("[1,2,\"x\"]", 200, "$[2]");
	path_is("{\"a-b\":1}", 200, "$['a-b']");
	path_is("{\"\":1}", 200, "$['']");
	path_is("{\"1a\":1}", 200, "$['1a']");
	path_is("{\"a1_\":1}", 200, "$.a1_");
	path_is("{\"\xc3\xa9\":1}", 200, "$.\xc3\xa9");
	path_is("{\"it's\\\\\":1}", 200, "$['it\\'s\\\\']");
	path_is("{\"a\\nb\\u001b\":1}", 200, "$['a\\u000ab\\u001b']");
	/* cut to the space there is, never inside a character */
	path_is(doc, 1, "");
	path_is(doc, 2, "$");
	path_is(doc, 9, "$.result");
	path_is("{\"a\xc3\xa9\":1}", 5, "$.a");
	path_is("{\"a\xc3\xa9\":{\"b\":1}}", 5, "$.a");
	path_is("{\"a\xc3\xa9\":1}", 6, "$.a\xc3\xa9");
}

static void path_text_of_a_cut_key(void **state)
{
	char doc[300], want[300], key[200];

	memset(key, 'k', sizeof(key));
	snprintf(doc, sizeof(doc), "{\"%.130s\":1}", key);
	snprintf(want, sizeof(want), "$['%.128s\xe2\x80\xa6']", key);
	path_is(doc, 300, want);
}

static void path_text_without_room(void **state)
{
	struct json *j = json_new(&(struct json_ops){ 0 }, NULL);
	char none = '#';

	assert_int_equal(json_path_text(j, &none, 0), 0);
	assert_int_equal(none, '#');
	json_free(j);
}

static void step_is(void **state)
{
	struct json_step s = { .key_len = 4, .key = "text" };

	assert_true(json_step_is(&s, "text"));
	assert_false(json_step_is(&s, "tex"));
	assert_false(json_step_is(&s, "texts"));
	assert_false(json_step_is(&s, "Text"));
	s.key_cut = true;
	assert_false(json_step_is(&s, "text"));
	s = (struct json_step){ .is_index = true };
	assert_false(json_step_is(&s, ""));
}

/* --- against cJSON ----------------------------------------------------------------------- */

static uint32_t seed;

static uint32_t rnd(uint32_t n)
{
	seed = seed * 1664525u + 1013904223u;
	return (seed >> 8) % n;
}

static void make_string(struct buf *b)
{
	static const char *const parts[] = { "a",
					     "Z",
					     "0",
					     " ",
					     "\\n",
					     "\\\"",
					     "\\\\",
					     "\\/",
					     "\\u0041",
					     "\\u00e9",
					     "\\t",
					     "\xc3\xa9",
					     "\\ud83d\\ude00",
					     "\\u20ac",
					     "text",
					     "a long run of plain bytes without any escape",
					     "-",
					     "'" };

	buf_add_byte(b, '"');
	for (uint32_t n = rnd(7); n; n--)
		buf_add_str(b, parts[rnd(sizeof(parts) / sizeof(parts[0]))]);
	buf_add_byte(b, '"');
}

static void make_blank(struct buf *b)
{
	if (!rnd(8))
		buf_add_str(b, rnd(2) ? " " : "\r\n\t ");
}

static void make_value(struct buf *b, unsigned int depth)
{
	static const char *const scalars[] = { "true", "false", "null", "0",
					       "-1",   "1.5",   "2e3",  "-0.25E-2" };
	uint32_t kind = rnd(depth > 6 ? 2 : 6);
	bool array = rnd(2);

	make_blank(b);
	if (kind == 0) {
		buf_add_str(b, scalars[rnd(8)]);
	} else if (kind < 3) {
		make_string(b);
	} else {
		buf_add_byte(b, array ? '[' : '{');
		for (uint32_t n = rnd(5), i = 0; i < n; i++) {
			if (i)
				buf_add_byte(b, ',');
			make_blank(b);
			if (!array) {
				make_string(b);
				make_blank(b);
				buf_add_byte(b, ':');
			}
			make_value(b, depth + 1);
		}
		buf_add_byte(b, array ? ']' : '}');
	}
	make_blank(b);
}

/* What the recorder should have written about the scalars, from cJSON's tree; offsets and numbers apart. */
static void expect(struct buf *out, const cJSON *item, const char *path, unsigned int depth)
{
	char sub[4096];
	const cJSON *child;
	unsigned int i = 0;

	if (cJSON_IsArray(item) || cJSON_IsObject(item)) {
		cJSON_ArrayForEach(child, item)
		{
			if (cJSON_IsArray(item))
				snprintf(sub, sizeof(sub), "%s[%u]", path, i++);
			else if (strlen(child->string) > JSON_MAX_KEY)
				snprintf(sub, sizeof(sub), "%s.%u:%.*s~", path, JSON_MAX_KEY,
					 JSON_MAX_KEY, child->string);
			else
				snprintf(sub, sizeof(sub), "%s.%zu:%s", path, strlen(child->string),
					 child->string);
			expect(out, child, sub, depth + 1);
		}
		return;
	}
	buf_addf(out, "%s %u=", path, depth);
	if (cJSON_IsString(item))
		buf_add_str(out, item->valuestring);
	else if (cJSON_IsNumber(item))
		buf_addf(out, "%g", item->valuedouble);
	else
		buf_add_str(out, cJSON_IsTrue(item)    ? "true"
				 : cJSON_IsFalse(item) ? "false"
						       : "null");
	buf_add_byte(out, '\n');
}

struct diff_rec {
	struct buf out;
	struct buf number;
};

static void diff_scalar(void *arg, const struct json *j, enum json_scalar type, struct span s,
			uint64_t raw_off, bool first, bool last)
{
	struct diff_rec *r = arg;

	if (first) {
		struct json_rec path = { .log = r->out };

		rec_json_path(&path, j);
		r->out = path.log;
		buf_add_byte(&r->out, '=');
	}
	buf_add_span(type == JSON_NUMBER ? &r->number : &r->out, s);
	if (!last)
		return;
	if (type == JSON_NUMBER)
		buf_addf(&r->out, "%g", strtod(r->number.p, NULL));
	buf_clear(&r->number);
	buf_add_byte(&r->out, '\n');
}

static void agrees_with_cjson(void **state)
{
	static const struct json_ops ops = { .scalar = diff_scalar };
	size_t compared = 0;

	for (uint32_t doc = 0; doc < 3000; doc++) {
		struct buf text = BUF_INIT(0), want = BUF_INIT(0);
		struct diff_rec r = { .out = BUF_INIT(0), .number = BUF_INIT(0) };
		struct json *j = json_new(&ops, &r);
		struct json_result res = { JSON_MORE, 0 };
		size_t at = 0;
		cJSON *tree;

		seed = doc;
		buf_add_byte(&text, '['); /* so that a number has an end */
		make_value(&text, 0);
		buf_add_byte(&text, ']');
		tree = cJSON_ParseWithLength(text.p, text.len);
		assert_non_null(tree);
		expect(&want, tree, "", 0);
		cJSON_Delete(tree);
		while (at < text.len) {
			size_t len = 1 + rnd(20);
			char *copy;

			if (len > text.len - at)
				len = text.len - at;
			copy = rec_copy(text.p + at, len);
			res = json_feed(j, span_of(copy, len));
			free(copy);
			at += len;
		}
		assert_int_equal(res.status, JSON_DONE);
		if (!span_eq(buf_span(&r.out), buf_span(&want)))
			fail_msg("%s\n--- cJSON\n%s--- ours\n%s", text.p, want.p, r.out.p);
		compared += want.len;
		json_free(j);
		buf_release(&text);
		buf_release(&want);
		buf_release(&r.out);
		buf_release(&r.number);
	}
	assert_true(compared > 100000);
}

/* Whatever cJSON takes with one byte changed, we take too, and the other way round save for the superset. */
static void refuses_what_cjson_refuses(void **state)
{
	static const char bytes[] = "{}[],:\"\\tn0-.eu ";
	size_t refused = 0;

	for (uint32_t doc = 0; doc < 3000; doc++) {
		struct buf text = BUF_INIT(0);
		struct json_rec r = { 0 };
		struct json *j = json_new(&rec_json_ops, &r);
		struct json_result res;
		cJSON *tree;

		seed = 77777 + doc;
		buf_add_byte(&text, '[');
		make_value(&text, 0);
		buf_add_byte(&text, ']');
		text.p[rnd((uint32_t)text.len)] = bytes[rnd(sizeof(bytes) - 1)];
		tree = cJSON_ParseWithOpts(text.p, NULL, true);
		res = json_feed(j, buf_span(&text));
		if (tree && (res.status == JSON_BROKEN || res.status == JSON_MORE)) {
			/* cJSON is lax about numbers (01, 1.) only. */
			assert_int_equal(res.status, JSON_BROKEN);
			assert_non_null(strpbrk(text.p, "0123456789"));
		}
		if (res.status == JSON_BROKEN) {
			refused++;
			assert_true(res.consumed < text.len);
		}
		cJSON_Delete(tree);
		json_free(j);
		buf_release(&r.log);
		buf_release(&text);
	}
	assert_true(refused > 300);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(structure),
		cmocka_unit_test(any_value_at_the_top),
		cmocka_unit_test(consumed_is_where_the_value_ends),
		cmocka_unit_test(strings_are_decoded),
		cmocka_unit_test(lone_surrogates),
		cmocka_unit_test(raw_control_characters_and_nul),
		cmocka_unit_test(duplicate_keys),
		cmocka_unit_test(not_json),
		cmocka_unit_test(strings_before_the_break_are_handed_out),
		cmocka_unit_test(reset_starts_over),
		cmocka_unit_test(pieces_are_not_copied),
		cmocka_unit_test(callbacks_may_be_null),
		cmocka_unit_test(keys),
		cmocka_unit_test(deep_nesting),
		cmocka_unit_test(path_of_a_deep_value_is_cut),
		cmocka_unit_test(path_text),
		cmocka_unit_test(path_text_of_a_cut_key),
		cmocka_unit_test(path_text_without_room),
		cmocka_unit_test(step_is),
		cmocka_unit_test(agrees_with_cjson),
		cmocka_unit_test(refuses_what_cjson_refuses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
