/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "http_recorder.h"

/* Whole, cut at every place, and byte by byte: "@OFFSET=DATA|EVENT" for each event. */
static void expect(struct span in, const char *want)
{
	for (size_t cut = 0; cut <= in.len + 1; cut++) {
		struct sse_rec r = { .log = BUF_INIT_WIPE(0) };
		struct sse *s = sse_new(&sse_rec_ops, &r);

		assert_non_null(s);
		buf_add_str(&r.log, "");
		for (size_t at = 0; at < in.len;) {
			size_t len = cut > in.len ? 1 : at < cut ? cut - at : in.len - at;
			char *copy = malloc(len);

			assert_non_null(copy);
			memcpy(copy, in.p + at, len);
			sse_feed(s, span_of(copy, len), 100 + at);
			free(copy);
			at += len;
		}
		assert_string_equal(r.log.p, want);
		assert_null(sse_free(s));
		buf_release(&r.log);
	}
}

static void test_message(void **state)
{
	expect(SPAN_LIT("event: message\nid: 7\ndata: {\"jsonrpc\":\"2.0\"}\n\n"),
	       "@127={\"jsonrpc\":\"2.0\"}|message\n");
	expect(SPAN_LIT("event: endpoint\r\ndata: /messages?sessionId=1\r\n\r\n"),
	       "@123=/messages?sessionId=1|endpoint\n");
}

static void test_line_ends(void **state)
{
	expect(SPAN_LIT("data:a\rdata: b\r\ndata:  c\n\rdata:d\r\r\n\n"), "@105=a\nb\n c|message\n"
									  "@131=d|message\n");
}

static void test_joined_lines(void **state)
{
	/* The examples of the specification. */
	expect(SPAN_LIT("data: YHOO\ndata: +2\ndata: 10\n\n"), "@106=YHOO\n+2\n10|message\n");
	expect(SPAN_LIT("data\n\ndata\ndata\n\ndata:"), "|message\n@115=\n|message\n");
	expect(SPAN_LIT("data:test\n\ndata: test\n\n"), "@105=test|message\n@117=test|message\n");
}

static void test_other_lines(void **state)
{
	expect(SPAN_LIT(": comment\n\n:\nid: 1\nretry: 5\ndata2: x\ndat: x\nDATA: x\n data: x\n"
			"dataxxxx: y\ndata:z:\n\n"),
	       "@178=z:|message\n");
}

static void test_event_type(void **state)
{
	/* It holds for one event, with data or without; the last one counts; an empty one is the default. */
	expect(SPAN_LIT("event: a\n\ndata: 1\n\nevent: b\nevent: c\ndata: 2\n\ndata:3\nevent\n\n"),
	       "@116=1|message\n@143=2|c\n@151=3|message\n");
	expect(SPAN_LIT("event:"
			"0123456789012345678901234567890123456789012345678901234567890123456789"
			"\ndata:x\n\n"),
	       "@182=x|0123456789012345678901234567890123456789012345678901234567890123\n");
}

static void test_bom(void **state)
{
	expect(SPAN_LIT("\xef\xbb\xbf"
			"data:x\n\n\xef\xbb\xbf"
			"data:y\n\ndata:z\n\n"),
	       "@108=x|message\n@127=z|message\n");
	expect(SPAN_LIT("\xef\xbb"
			"data:x\n\ndata:y\n\n"),
	       "@115=y|message\n");
}

static void test_unfinished(void **state)
{
	/* Pieces come at once, the end never. */
	expect(SPAN_LIT("data: tok"), "@106=tok");
	expect(SPAN_LIT("data: tok\n"), "@106=tok");
}

static void feed(struct sse *s, const char *text)
{
	sse_feed(s, span_str(text), 0);
}

static void gap(struct sse *s, struct sse_rec *r)
{
	sse_gap(s);
	r->open = false;
}

static void test_gap(void **state)
{
	struct sse_rec r = { .log = BUF_INIT_WIPE(0) };
	struct sse *s = sse_new(&sse_rec_ops, &r);

	feed(s, "event: e\ndata: cut");
	gap(s, &r);
	feed(s, "\ndata: still the same\r\n");
	feed(s, "\r\ndata: next\n\n");
	assert_string_equal(r.log.p, "@15=cut@8=next|message\n");
	/* Behind a gap nobody knows whether a line begins. */
	gap(s, &r);
	feed(s, "data: x\n\ndata: y\n\n");
	assert_string_equal(r.log.p, "@15=cut@8=next|message\n@15=y|message\n");
	sse_free(s);
	buf_release(&r.log);
}

static void test_callbacks_may_be_null(void **state)
{
	static const struct sse_ops none = { 0 };
	struct sse *s = sse_new(&none, NULL);

	feed(s, "data: x\ndata: y\n\n");
	sse_free(s);
	assert_null(sse_free(NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_message),
		cmocka_unit_test(test_line_ends),
		cmocka_unit_test(test_joined_lines),
		cmocka_unit_test(test_other_lines),
		cmocka_unit_test(test_event_type),
		cmocka_unit_test(test_bom),
		cmocka_unit_test(test_unfinished),
		cmocka_unit_test(test_gap),
		cmocka_unit_test(test_callbacks_may_be_null),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
