// SPDX-License-Identifier: BSD-2-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <malloc.h>
#include <cmocka.h>
#include "recorder.h"

#define S2C MCP_SERVER_TO_CLIENT
#define C2S MCP_CLIENT_TO_SERVER

struct fixture {
	struct mcp_session *s;
	struct mcp_rec *r;
	uint64_t off[2];
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	f->r = rec_mcp_new();
	f->s = mcp_session_new(&rec_mcp_ops, f->r);
	*state = f;
	return f->s ? 0 : -1;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	mcp_session_free(f->s);
	rec_mcp_free(f->r);
	free(f);
	return 0;
}

static void feed(struct fixture *f, enum mcp_dir dir, struct span in)
{
	char *copy = rec_copy(in.p, in.len);

	assert_int_equal(mcp_feed(f->s, dir, span_of(copy, in.len), f->off[dir]), 0);
	f->off[dir] += in.len;
	free(copy);
}

/* Feeds one line (without its newline) and returns its only message. */
static const struct mcp_message *line(struct fixture *f, enum mcp_dir dir, const char *text)
{
	size_t before = f->r->lines;

	feed(f, dir, span_str(text));
	feed(f, dir, SPAN_LIT("\n"));
	assert_int_equal(f->r->lines, before + 1);
	assert_int_equal(f->r->line[dir].n, 1);
	assert_string_equal(f->r->line[dir].raw.p ? f->r->line[dir].raw.p : "", text);
	return &f->r->line[dir].msgs[0];
}

static void is(struct fixture *f, enum mcp_dir dir, const char *text, enum mcp_kind kind,
	       const char *id, const char *method, const char *tool)
{
	const struct mcp_message *m = line(f, dir, text);

	if (m->kind != kind || strcmp(m->id, id) != 0 || strcmp(m->method, method) != 0 ||
	    strcmp(m->tool, tool) != 0)
		fail_msg("%s: kind %d id %s method %s tool %s", text, m->kind, m->id, m->method,
			 m->tool);
	assert_int_equal(m->dir, dir);
	assert_false(m->broken);
}

static void broken(struct fixture *f, enum mcp_dir dir, const char *text, enum mcp_kind kind)
{
	const struct mcp_message *m = line(f, dir, text);

	if (m->kind != kind || !m->broken)
		fail_msg("%s: kind %d broken %d", text, m->kind, m->broken);
}

static void texts(struct fixture *f, enum mcp_dir dir, size_t n)
{
	assert_int_equal(f->r->line[dir].all_texts, n);
}

static void text_is(struct fixture *f, enum mcp_dir dir, size_t i, const char *path,
		    const char *key, const char *text)
{
	const struct mcp_text *t = &f->r->line[dir].texts[i];

	assert_true(i < f->r->line[dir].n_texts);
	assert_string_equal(t->where.path, path);
	assert_string_equal(t->key, key);
	assert_string_equal(t->text.p ? t->text.p : "", text);
}

/* --- kinds --------------------------------------------------------------------------------- */

static void kinds_by_members(void **state)
{
	struct fixture *f = *state;

	is(f, C2S, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}", MCP_REQUEST, "1", "ping",
	   "");
	is(f, C2S, "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/initialized\"}",
	   MCP_NOTIFICATION, "", "notifications/initialized", "");
	is(f, S2C, "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}", MCP_RESULT, "1", "ping", "");
	is(f, S2C, "{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":1}}", MCP_ERROR, "1", "", "");
	is(f, S2C, "{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{}}", MCP_ERROR, "null", "", "");
	is(f, S2C, "{\"jsonrpc\":\"2.0\",\"error\":{}}", MCP_ERROR, "", "", "");
	is(f, S2C, "{\"id\":1,\"result\":\"x\"}", MCP_RESULT, "1", "", "");
	is(f, S2C, "{\"id\":5,\"method\":\"a\",\"result\":{}}", MCP_REQUEST, "5", "a", "");
}

static void not_rpc_and_not_json(void **state)
{
	struct fixture *f = *state;

	is(f, S2C, "{}", MCP_NOT_RPC, "", "", "");
	is(f, S2C, "[]", MCP_NOT_RPC, "", "", "");
	is(f, S2C, "{\"level\":30,\"msg\":\"listening\"}", MCP_NOT_RPC, "", "", "");
	is(f, S2C, "{\"error\":\"no rpc\"}", MCP_NOT_RPC, "", "", "");
	is(f, S2C, "{\"jsonrpc\":\"2.0\"}", MCP_NOT_RPC, "", "", "");
	is(f, S2C, "{\"id\":7}", MCP_NOT_RPC, "7", "", "");
	is(f, S2C, "{\"method\":5}", MCP_NOT_RPC, "", "", "");
	is(f, S2C, "\"x\"", MCP_NOT_JSON, "", "", "");
	texts(f, S2C, 1);
	text_is(f, S2C, 0, "$", "", "x");
	is(f, S2C, "42", MCP_NOT_JSON, "", "", "");
	is(f, S2C, "true", MCP_NOT_JSON, "", "", "");
	is(f, S2C, "[1]", MCP_NOT_JSON, "", "", "");
	is(f, S2C, "[[{\"id\":1,\"method\":\"x\"}]]", MCP_NOT_JSON, "", "", "");
	broken(f, S2C, "Server listening on 3000", MCP_NOT_JSON);
	broken(f, S2C, "{oops", MCP_NOT_JSON);
	broken(f, S2C, "\"unfinished", MCP_NOT_JSON);
	broken(f, S2C, "\"", MCP_NOT_JSON);
	texts(f, S2C, 0);
	broken(f, S2C, "4x", MCP_NOT_JSON);
	broken(f, S2C, "-", MCP_NOT_JSON);
	/* members of members are none of the message's */
	is(f, S2C, "{\"a\":{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"x\"}}", MCP_NOT_RPC, "", "",
	   "");
}

static void any_key_order(void **state)
{
	struct fixture *f = *state;

	is(f, C2S,
	   "{\"params\":{\"arguments\":{\"name\":\"no\"},\"name\":\"get_mail\"},\"method\":\"tools/"
	   "call\","
	   "\"id\":2,\"jsonrpc\":\"2.0\"}",
	   MCP_REQUEST, "2", "tools/call", "get_mail");
	is(f, S2C, "{\"result\":{\"content\":[]},\"id\":2,\"jsonrpc\":\"2.0\"}", MCP_RESULT, "2",
	   "tools/call", "get_mail");
	is(f, S2C, "{\"error\":{\"code\":-1},\"jsonrpc\":\"2.0\"}", MCP_ERROR, "", "", "");
}

static void last_of_equal_keys_wins(void **state)
{
	struct fixture *f = *state;

	is(f, C2S,
	   "{\"id\":1,\"method\":\"a\",\"id\":2,\"method\":\"tools/"
	   "call\",\"params\":{\"name\":\"x\"},"
	   "\"params\":{\"name\":\"y\",\"name\":\"z\"}}",
	   MCP_REQUEST, "2", "tools/call", "z");
	texts(f, C2S, 5);
	text_is(f, C2S, 0, "$.method", "method", "a");
	text_is(f, C2S, 2, "$.params.name", "name", "x");
	is(f, C2S, "{\"id\":1,\"method\":\"a\",\"method\":null}", MCP_NOT_RPC, "1", "", "");
	is(f, C2S, "{\"id\":1,\"method\":\"a\",\"id\":{}}", MCP_NOTIFICATION, "", "a", "");
	is(f, C2S, "{\"id\":3,\"method\":\"tools/call\",\"params\":{\"name\":\"x\"},\"params\":7}",
	   MCP_REQUEST, "3", "tools/call", "");
	is(f, C2S, "{\"id\":3,\"method\":\"tools/call\",\"params\":{\"name\":\"x\",\"name\":7}}",
	   MCP_REQUEST, "3", "tools/call", "");
}

static void tool_only_of_tools_call(void **state)
{
	struct fixture *f = *state;

	is(f, C2S, "{\"id\":1,\"method\":\"prompts/get\",\"params\":{\"name\":\"p\"}}", MCP_REQUEST,
	   "1", "prompts/get", "");
	is(f, C2S,
	   "{\"id\":2,\"method\":\"tools/call\",\"params\":{\"arguments\":{\"name\":\"p\"}}}",
	   MCP_REQUEST, "2", "tools/call", "");
	is(f, C2S, "{\"id\":3,\"method\":\"tools/call\",\"name\":\"p\"}", MCP_REQUEST, "3",
	   "tools/call", "");
}

static void names_are_bounded_and_printable(void **state)
{
	struct fixture *f = *state;
	char text[2100], longname[1001];
	const struct mcp_message *m;

	is(f, C2S,
	   "{\"id\":1,\"method\":\"tools/"
	   "call\",\"params\":{\"name\":\"a\\u001b[31m\\u0000\\n\xc3\xa9\"}}",
	   MCP_REQUEST, "1", "tools/call", "a?[31m????");
	memset(longname, 'n', sizeof(longname) - 1);
	longname[sizeof(longname) - 1] = '\0';
	snprintf(text, sizeof(text), "{\"method\":\"%s\",\"id\":\"%s\"}", longname, longname);
	m = line(f, C2S, text);
	assert_int_equal(strlen(m->method), MCP_MAX_NAME);
	assert_int_equal(strlen(m->id), MCP_MAX_ID);
	assert_false(m->broken);
}

/* --- joining ------------------------------------------------------------------------------- */

static void ids_are_json_text(void **state)
{
	struct fixture *f = *state;

	is(f, C2S, "{\"id\":1,\"method\":\"one\"}", MCP_REQUEST, "1", "one", "");
	is(f, C2S, "{\"id\":\"1\",\"method\":\"string-one\"}", MCP_REQUEST, "\"1\"", "string-one",
	   "");
	is(f, C2S, "{\"id\":1.0,\"method\":\"point\"}", MCP_REQUEST, "1.0", "point", "");
	is(f, C2S, "{\"id\":\"a\\\"\\\\\\u0001\\u00e9\",\"method\":\"esc\"}", MCP_REQUEST,
	   "\"a\\\"\\\\\\u0001\xc3\xa9\"", "esc", "");
	is(f, S2C, "{\"id\":\"1\",\"result\":0}", MCP_RESULT, "\"1\"", "string-one", "");
	is(f, S2C, "{\"id\":1,\"result\":0}", MCP_RESULT, "1", "one", "");
	is(f, S2C, "{\"id\":1.0,\"result\":0}", MCP_RESULT, "1.0", "point", "");
	/* the same string, escaped in another way */
	is(f, S2C, "{\"id\":\"\\u0061\\u0022\\u005c\\u0001\xc3\xa9\",\"result\":0}", MCP_RESULT,
	   "\"a\\\"\\\\\\u0001\xc3\xa9\"", "esc", "");
}

static void long_ids_are_compared_whole(void **state)
{
	struct fixture *f = *state;
	char a[400], text[500];

	memset(a, 'i', sizeof(a));
	for (int i = 0; i < 3; i++) {
		snprintf(text, sizeof(text), "{\"id\":\"%.300s%d\",\"method\":\"m%d\"}", a, i, i);
		line(f, C2S, text);
	}
	snprintf(text, sizeof(text), "{\"id\":\"%.300s1\",\"result\":0}", a);
	assert_string_equal(line(f, S2C, text)->method, "m1");
	snprintf(text, sizeof(text), "{\"id\":\"%.300s\",\"result\":0}", a);
	assert_string_equal(line(f, S2C, text)->method, "");
	snprintf(text, sizeof(text), "{\"id\":\"%.300s2\",\"result\":0}", a);
	assert_string_equal(line(f, S2C, text)->method, "m2");
}

static void answered_once(void **state)
{
	struct fixture *f = *state;

	line(f, C2S, "{\"id\":1,\"method\":\"tools/call\",\"params\":{\"name\":\"t\"}}");
	is(f, S2C, "{\"id\":1,\"result\":{}}", MCP_RESULT, "1", "tools/call", "t");
	is(f, S2C, "{\"id\":1,\"result\":{}}", MCP_RESULT, "1", "", "");
	line(f, C2S, "{\"id\":1,\"method\":\"tools/call\",\"params\":{\"name\":\"t\"}}");
	is(f, S2C, "{\"id\":1,\"error\":{}}", MCP_ERROR, "1", "tools/call", "t");
	is(f, S2C, "{\"id\":1,\"result\":{}}", MCP_RESULT, "1", "", "");
}

static void an_id_seen_again_replaces(void **state)
{
	struct fixture *f = *state;

	line(f, C2S, "{\"id\":1,\"method\":\"tools/call\",\"params\":{\"name\":\"old\"}}");
	line(f, C2S, "{\"id\":1,\"method\":\"prompts/get\"}");
	is(f, S2C, "{\"id\":1,\"result\":{}}", MCP_RESULT, "1", "prompts/get", "");
}

static void both_directions_have_ids_of_their_own(void **state)
{
	struct fixture *f = *state;

	line(f, C2S, "{\"id\":1,\"method\":\"tools/call\",\"params\":{\"name\":\"t\"}}");
	is(f, S2C, "{\"id\":1,\"method\":\"sampling/createMessage\",\"params\":{}}", MCP_REQUEST,
	   "1", "sampling/createMessage", "");
	is(f, C2S, "{\"id\":1,\"result\":{\"role\":\"assistant\"}}", MCP_RESULT, "1",
	   "sampling/createMessage", "");
	is(f, S2C, "{\"id\":1,\"result\":{}}", MCP_RESULT, "1", "tools/call", "t");
}

static void notifications_are_not_remembered(void **state)
{
	struct fixture *f = *state;

	line(f, C2S, "{\"method\":\"notifications/initialized\"}");
	is(f, S2C, "{\"id\":\"\",\"result\":{}}", MCP_RESULT, "\"\"", "", "");
}

static void pending_requests_are_bounded(void **state)
{
	struct fixture *f = *state;
	char text[100];

	for (int i = 0; i <= MCP_MAX_PENDING; i++) {
		snprintf(text, sizeof(text), "{\"id\":%d,\"method\":\"m%d\"}", i, i);
		line(f, C2S, text);
	}
	/* the oldest gave way */
	assert_string_equal(line(f, S2C, "{\"id\":0,\"result\":0}")->method, "");
	assert_string_equal(line(f, S2C, "{\"id\":1,\"result\":0}")->method, "m1");
	snprintf(text, sizeof(text), "{\"id\":%d,\"result\":0}", MCP_MAX_PENDING);
	assert_string_equal(line(f, S2C, text)->method, "m4096");
}

/* --- batches ------------------------------------------------------------------------------- */

static void batches(void **state)
{
	struct fixture *f = *state;
	struct mcp_rec_line *l = &f->r->line[S2C];

	line(f, C2S, "{\"id\":1,\"method\":\"tools/call\",\"params\":{\"name\":\"t\"}}");
	feed(f, C2S,
	     SPAN_LIT("[{\"id\":2,\"method\":\"resources/read\"},{\"id\":3,\"method\":\"prompts/"
		      "get\"}]\n"));
	assert_int_equal(f->r->line[C2S].n, 2);
	feed(f, S2C,
	     SPAN_LIT("[{\"id\":3,\"result\":{\"messages\":[\"p\"]}},{\"id\":2,\"result\":{"
		      "\"contents\":[\"r\"]}},"
		      "{\"result\":{\"content\":[\"t\"]},\"id\":1},\"loose\",7,"
		      "{\"method\":\"notifications/message\",\"params\":{\"data\":\"l\"}}]\n"));
	assert_int_equal(l->n, 6);
	assert_string_equal(l->msgs[0].method, "prompts/get");
	assert_string_equal(l->msgs[1].method, "resources/read");
	assert_string_equal(l->msgs[2].method, "tools/call");
	assert_string_equal(l->msgs[2].tool, "t");
	assert_int_equal(l->msgs[3].kind, MCP_NOT_JSON);
	assert_int_equal(l->msgs[4].kind, MCP_NOT_JSON);
	assert_int_equal(l->msgs[5].kind, MCP_NOTIFICATION);
	assert_int_equal(l->all_texts, 6);
	for (size_t i = 0; i < 6; i++) {
		static const enum mcp_place want[] = {
			MCP_PLACE_PROMPT, MCP_PLACE_RESOURCE, MCP_PLACE_TOOL_RESULT,
			MCP_PLACE_OTHER,  MCP_PLACE_OTHER,    MCP_PLACE_LOG,
		};
		const struct mcp_text *t = &l->texts[i];

		assert_int_equal(l->msgs[i].offset, l->off);
		assert_int_equal(l->msgs[i].length, l->raw.len);
		assert_int_equal(mcp_place(&t->where, &l->msgs[t->where.item]), want[i]);
	}
	text_is(f, S2C, 0, "$[0].result.messages[0]", "messages", "p");
	text_is(f, S2C, 3, "$[3]", "", "loose");
	assert_int_equal(l->texts[5].where.item, 5);
	text_is(f, S2C, 5, "$[5].params.data", "data", "l");
}

static void batch_items_are_capped(void **state)
{
	struct fixture *f = *state;
	struct mcp_rec_line *l = &f->r->line[C2S];
	char text[100];

	for (int i = 0; i < 200; i++) {
		snprintf(text, sizeof(text), "%c{\"id\":%d,\"method\":\"m%d\"}", i ? ',' : '[', i,
			 i);
		feed(f, C2S, span_str(text));
	}
	feed(f, C2S, SPAN_LIT("]\n"));
	assert_int_equal(l->n, 64);
	assert_string_equal(l->msgs[0].id, "0");
	assert_string_equal(l->msgs[62].id, "62");
	assert_string_equal(l->msgs[63].id, "199");
	assert_int_equal(l->texts[62].where.item, 62);
	assert_int_equal(l->texts[63].where.item, 63);
	assert_int_equal(l->texts[150].where.item, 63);
	assert_string_equal(l->texts[150].where.path, "$[150].method");
	/* each was remembered */
	assert_string_equal(line(f, S2C, "{\"id\":150,\"result\":0}")->method, "m150");
}

/* --- lines --------------------------------------------------------------------------------- */

static void line_ends(void **state)
{
	struct fixture *f = *state;
	uint64_t rpc, other;

	feed(f, S2C, SPAN_LIT("\n\n{\"id\":1,\"result\":{}}\r\n \t\r\n\n{\"id\":2,\"result\":{}}"));
	assert_int_equal(f->r->lines, 2); /* empty lines are none, a blank one is */
	mcp_counts(f->s, S2C, &rpc, &other);
	assert_int_equal(rpc, 1);
	assert_int_equal(other, 0);
	mcp_end(f->s, S2C);
	assert_int_equal(f->r->lines, 3);
	assert_string_equal(f->r->line[S2C].msgs[0].id, "2");
	assert_false(f->r->line[S2C].msgs[0].broken);
	assert_int_equal(f->r->line[S2C].msgs[0].offset, 29);
	assert_int_equal(f->r->line[S2C].msgs[0].length, 20);
	mcp_end(f->s, S2C); /* nothing more to end */
	assert_int_equal(f->r->lines, 3);
	line(f, S2C, "{\"id\":3,\"result\":{}}");
}

static void crlf_is_no_harm(void **state)
{
	struct fixture *f = *state;

	is(f, S2C, "{\"id\":1,\"result\":{}}\r", MCP_RESULT, "1", "", "");
	is(f, S2C, "  {\"id\":1,\"result\":{}} \t\r", MCP_RESULT, "1", "", "");
	assert_int_equal(f->r->line[S2C].msgs[0].length, 25);
}

static void counts(void **state)
{
	struct fixture *f = *state;
	uint64_t rpc, other;

	line(f, S2C, "{\"id\":1,\"result\":{}}");
	line(f, S2C, "Listening");
	line(f, S2C, "{\"level\":30}");
	line(f, S2C, "{\"method\":\"x\"}");
	line(f, C2S, "{\"id\":1,\"method\":\"x\"}");
	mcp_counts(f->s, S2C, &rpc, &other);
	assert_int_equal(rpc, 2);
	assert_int_equal(other, 2);
	mcp_counts(f->s, C2S, &rpc, &other);
	assert_int_equal(rpc, 1);
	assert_int_equal(other, 0);
}

static void invalid_json_part_way(void **state)
{
	struct fixture *f = *state;

	broken(f, S2C, "{\"id\":1,\"result\":{\"content\":[{\"text\":\"abc\"}] oops \"later\"",
	       MCP_RESULT);
	texts(f, S2C, 1);
	text_is(f, S2C, 0, "$.result.content[0].text", "text", "abc");
	/* cut inside a string: it gets its last piece (the recorder checks) */
	broken(f, S2C, "{\"id\":1,\"result\":{\"t\":\"abc\\x\"}}", MCP_RESULT);
	text_is(f, S2C, 0, "$.result.t", "t", "abc");
	broken(f, S2C, "{\"id\":1,\"result\":{\"t\":\"abc", MCP_RESULT);
	text_is(f, S2C, 0, "$.result.t", "t", "abc");
	broken(f, S2C, "{\"id\":1,\"result\":{}} trailing", MCP_RESULT);
	broken(f, S2C, "{\"id\":1,\"result\":{}}{\"id\":2,\"result\":{}}", MCP_RESULT);
	assert_string_equal(f->r->line[S2C].msgs[0].id, "1");
	/* a method or an id that is cut is none */
	broken(f, S2C, "{\"method\":\"notif", MCP_NOT_JSON);
	assert_string_equal(f->r->line[S2C].msgs[0].method, "");
	broken(f, S2C, "{\"method\":\"x\",\"id\":\"ab", MCP_NOTIFICATION);
	assert_string_equal(f->r->line[S2C].msgs[0].id, "");
	/* the next line is not touched by it */
	is(f, S2C, "{\"id\":1,\"result\":{}}", MCP_RESULT, "1", "", "");
}

static void nul_bytes(void **state)
{
	static const char doc[] = "{\"id\":1,\"result\":{\"t\":\"a\0b\"}}\n";
	struct fixture *f = *state;
	struct mcp_rec_line *l = &f->r->line[S2C];

	feed(f, S2C, SPAN_LIT(doc));
	assert_int_equal(l->msgs[0].kind, MCP_RESULT);
	assert_false(l->msgs[0].broken);
	assert_true(span_eq(buf_span(&l->texts[0].text), SPAN_LIT("a\0b")));
	assert_true(span_eq(buf_span(&l->raw), span_of(doc, sizeof(doc) - 2)));
	feed(f, S2C, SPAN_LIT("\0{\"id\":1,\"result\":{}}\n"));
	assert_int_equal(l->msgs[0].kind, MCP_NOT_JSON);
	assert_int_equal(l->raw.len, 21);
}

static void offsets(void **state)
{
	struct fixture *f = *state;

	f->off[S2C] = 1000;
	line(f, S2C, "{\"id\":1,\"result\":\"abc\"}");
	assert_int_equal(f->r->line[S2C].off, 1000);
	assert_int_equal(f->r->line[S2C].texts[0].raw_off, 1018);
	line(f, S2C, "{\"id\":1,\"result\":\"abc\"}");
	assert_int_equal(f->r->line[S2C].msgs[0].offset, 1024);
	assert_int_equal(f->r->line[S2C].texts[0].raw_off, 1042);
}

static void keys_and_paths(void **state)
{
	struct fixture *f = *state;

	line(f, S2C,
	     "{\"id\":1,\"result\":{\"a\":[[\"x\",{\"b\":\"y\"},\"z\"],[],\"w\"],\"c "
	     "d\":[\"v\"],\"e\":\"u\"}}");
	texts(f, S2C, 6);
	text_is(f, S2C, 0, "$.result.a[0][0]", "a", "x");
	text_is(f, S2C, 1, "$.result.a[0][1].b", "b", "y");
	text_is(f, S2C, 2, "$.result.a[0][2]", "a", "z");
	text_is(f, S2C, 3, "$.result.a[2]", "a", "w");
	text_is(f, S2C, 4, "$.result['c d'][0]", "c d", "v");
	text_is(f, S2C, 5, "$.result.e", "e", "u");
}

static void long_paths_are_cut(void **state)
{
	struct fixture *f = *state;
	char key[301], text[1000];
	const struct mcp_text *t = f->r->line[S2C].texts;

	memset(key, 'k', 300);
	key[300] = '\0';
	snprintf(text, sizeof(text),
		 "{\"result\":{\"%s\":{\"%s\":\"x\",\"b\":\"y\"},\"c\":\"z\"},\"id\":1}", key, key);
	assert_int_equal(line(f, S2C, text)->kind, MCP_RESULT);
	texts(f, S2C, 3);
	assert_int_equal(strlen(t[0].where.path), sizeof(t[0].where.path) - 1);
	assert_int_equal(strlen(t[0].key), JSON_MAX_KEY);
	assert_string_equal(t[1].key, "b");
	text_is(f, S2C, 2, "$.result.c", "c", "z");
}

static void deep_values_are_delivered(void **state)
{
	struct fixture *f = *state;
	struct buf b = BUF_INIT(0);
	const struct mcp_message *m;

	buf_add_str(&b, "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"content\":");
	for (int i = 0; i < 5000; i++)
		buf_add_byte(&b, '[');
	buf_add_str(&b, "\"deep\"");
	for (int i = 0; i < 5000; i++)
		buf_add_byte(&b, ']');
	buf_add_str(&b, ",\"x\":\"up\"}}");
	m = line(f, S2C, b.p);
	assert_int_equal(m->kind, MCP_RESULT);
	assert_false(m->broken);
	texts(f, S2C, 3);
	assert_string_equal(f->r->line[S2C].texts[1].text.p, "deep");
	assert_string_equal(f->r->line[S2C].texts[1].key, "");
	assert_int_equal(mcp_place(&f->r->line[S2C].texts[1].where, m), MCP_PLACE_TOOL_RESULT);
	text_is(f, S2C, 2, "$.result.x", "x", "up");
	buf_release(&b);
}

static void nothing_follows_a_cut_step(void **state)
{
	struct fixture *f = *state;
	char key[160], text[500], want[200];

	memset(key, 'k', sizeof(key));
	/* one byte is left where the two of the last character should go */
	snprintf(text, sizeof(text),
		 "{\"result\":{\"%.120s\":{\"%.28s\xc3\xa9\":{\"a\":[\"x\"]},\"b\":[\"y\"]}},"
		 "\"id\":1}",
		 key, key);
	snprintf(want, sizeof(want), "$.result.%.120s.%.28s", key, key);
	line(f, S2C, text);
	texts(f, S2C, 2);
	assert_string_equal(f->r->line[S2C].texts[0].where.path, want);
	snprintf(want, sizeof(want), "$.result.%.120s.b[0]", key);
	assert_string_equal(f->r->line[S2C].texts[1].where.path, want);
}

/* --- gaps ---------------------------------------------------------------------------------- */

static void gap_in_a_line(void **state)
{
	struct fixture *f = *state;
	struct mcp_rec_line *l = &f->r->line[S2C];
	uint64_t rpc, other;

	line(f, C2S, "{\"id\":1,\"method\":\"tools/call\",\"params\":{\"name\":\"t\"}}");
	feed(f, S2C, SPAN_LIT("{\"id\":1,\"result\":{\"content\":[{\"text\":\"abc"));
	mcp_gap(f->s, S2C, 0);
	assert_true(l->in_line);
	mcp_gap(f->s, S2C, 100);
	f->off[S2C] += 100;
	assert_false(l->in_line);
	assert_int_equal(l->msgs[0].kind, MCP_RESULT);
	assert_true(l->msgs[0].broken);
	assert_string_equal(l->msgs[0].tool, "t");
	text_is(f, S2C, 0, "$.result.content[0].text", "text", "abc");

	/* What is left of the line is raw only; the next line is parsed. */
	feed(f, S2C, SPAN_LIT("{\"id\":9,\"result\":\"not a line\"}"));
	assert_int_equal(l->off, 141);
	feed(f, S2C, SPAN_LIT("]}}\n{\"id\":2,\"result\":{}}\n"));
	assert_int_equal(f->r->lines, 4);
	assert_non_null(strstr(f->r->log.p, "line 0 @141 {\"id\":9,\"result\":\"not a line\"}]}}\n"
					    "  msg 0 id= method= tool= @141+33 broken\n"
					    "line 0 @175 "));
	assert_string_equal(l->msgs[0].id, "2");
	assert_false(l->msgs[0].broken);
	mcp_counts(f->s, S2C, &rpc, &other);
	assert_int_equal(rpc, 2);
	assert_int_equal(other, 0);
}

static void gap_before_the_first_byte(void **state)
{
	struct fixture *f = *state;

	mcp_gap(f->s, S2C, 5);
	f->off[S2C] = 5;
	broken(f, S2C, "{\"id\":1,\"result\":{}}", MCP_NOT_JSON);
	texts(f, S2C, 0);
	is(f, S2C, "{\"id\":1,\"result\":{}}", MCP_RESULT, "1", "", "");
}

static void a_jump_in_offsets_is_a_gap(void **state)
{
	struct fixture *f = *state;

	feed(f, S2C, SPAN_LIT("{\"id\":1,\"result\":"));
	f->off[S2C] += 10;
	feed(f, S2C, SPAN_LIT("{}}\n"));
	assert_int_equal(f->r->lines, 2);
	assert_true(f->r->line[S2C].msgs[0].broken);
	assert_int_equal(f->r->line[S2C].off, 27);
	is(f, S2C, "{\"id\":1,\"result\":{}}", MCP_RESULT, "1", "", "");
}

static void gap_then_end(void **state)
{
	struct fixture *f = *state;

	feed(f, S2C, SPAN_LIT("{\"id\":1,"));
	mcp_gap(f->s, S2C, 3);
	mcp_end(f->s, S2C);
	assert_int_equal(f->r->lines, 1);
	assert_int_equal(f->r->line[S2C].msgs[0].kind, MCP_NOT_JSON);
	f->off[S2C] += 3;
	is(f, S2C, "{\"id\":1,\"result\":{}}", MCP_RESULT, "1", "", "");
}

static void a_gap_leaves_the_other_direction_alone(void **state)
{
	struct fixture *f = *state;

	feed(f, C2S, SPAN_LIT("{\"id\":1,\"method\""));
	mcp_gap(f->s, S2C, 3);
	feed(f, C2S, SPAN_LIT(":\"x\"}\n"));
	assert_int_equal(f->r->line[C2S].msgs[0].kind, MCP_REQUEST);
	assert_false(f->r->line[C2S].msgs[0].broken);
}

/* --- every cut ----------------------------------------------------------------------------- */

static const struct {
	enum mcp_dir dir;
	struct span bytes;
} talk[] = {
	{ C2S,
	  SPAN_LIT("{\"method\":\"initialize\",\"id\":0,\"jsonrpc\":\"2.0\",\"params\":{"
		   "\"clientInfo\":{}}}\r\n"
		   "{\"id\":\"\\u0061\",\"method\":\"tools\\/call\",\"params\":{\"name\":\"t\\n\","
		   "\"arguments\":{\"a\\\"b\":[\"x\",\"\\ud83d\\ude00\"]}}}\n\n") },
	{ S2C,
	  SPAN_LIT("{\"result\":{\"instructions\":\"i\\\\\"},\"id\":0,\"jsonrpc\":\"2.0\"}\n"
		   "log line \"quoted\n"
		   "{\"id\":\"a\",\"result\":{\"inputRequests\":{\"k\":{\"params\":{\"message\":"
		   "\"m\"},"
		   "\"method\":\"sampling/createMessage\"}},\"requestState\":\"s\",\"n\":-1.5e3}}\n"
		   "[{\"method\":\"notifications/message\",\"params\":{\"data\":\"d\"}},\"s\",12]\n"
		   "{\"id\":1,\"result\":{\"t\":\"cut\\q\"}}\n"
		   "42\n{\"id\":2,\"error\":{\"data\":{\"elicitations\":[{\"url\":\"u\"}]}}} ") },
};

static char *talk_log(size_t which, size_t cut, size_t step)
{
	struct mcp_rec *r = rec_mcp_new();
	struct mcp_session *s = mcp_session_new(&rec_mcp_ops, r);
	char *log;

	for (size_t i = 0; i < 2; i++) {
		struct span in = talk[i].bytes;

		for (size_t at = 0; at < in.len;) {
			size_t len = i != which ? in.len : at ? step : cut;
			char *copy;

			if (!len || len > in.len - at)
				len = in.len - at;
			copy = rec_copy(in.p + at, len);
			assert_int_equal(mcp_feed(s, talk[i].dir, span_of(copy, len), at), 0);
			free(copy);
			at += len;
		}
		mcp_end(s, talk[i].dir);
	}
	mcp_session_free(s);
	log = r->log.p;
	r->log = (struct buf)BUF_INIT(0);
	rec_mcp_free(r);
	return log;
}

static void every_cut_gives_the_same(void **state)
{
	char *whole = talk_log(2, 0, 0);

	assert_non_null(
		strstr(whole, "  sampling $.result.inputRequests.k.params.message message @"));
	assert_non_null(strstr(whole, "  tool-argument $.params.arguments['a\"b'][1] a\"b @"));
	assert_non_null(strstr(whole, "method=tools/call tool=t?"));
	assert_non_null(strstr(whole, "  elicitation $.error.data.elicitations[0].url url @"));
	for (size_t which = 0; which < 2; which++) {
		for (size_t cut = 0; cut < talk[which].bytes.len; cut++) {
			char *log = talk_log(which, cut ? cut : 1, cut ? talk[which].bytes.len : 1);

			assert_string_equal(log, whole);
			free(log);
		}
	}
	free(whole);
}

/* --- long lines ---------------------------------------------------------------------------- */

struct long_rec {
	uint64_t text, raw;
	size_t lines, peak;
	struct mcp_message msg[4];
};

static size_t heap_now(void)
{
	struct mallinfo2 m = mallinfo2();

	return m.uordblks + m.hblkhd;
}

static void long_text(void *arg, enum mcp_dir dir, const struct mcp_where *where, struct span key,
		      struct span s, uint64_t raw_off, bool first, bool last)
{
	struct long_rec *r = arg;
	size_t now = heap_now();

	r->text += s.len;
	if (now > r->peak)
		r->peak = now;
}

static void long_raw(void *arg, enum mcp_dir dir, struct span bytes, uint64_t off)
{
	((struct long_rec *)arg)->raw += bytes.len;
}

static void long_end(void *arg, enum mcp_dir dir, const struct mcp_message *msgs, size_t n)
{
	struct long_rec *r = arg;

	assert_true(r->lines < 4);
	r->msg[r->lines++] = msgs[0];
}

static const struct mcp_ops long_ops = { .text = long_text, .raw = long_raw, .end = long_end };

/* Feeds a result whose line is `len` bytes long. */
static void long_line(struct mcp_session *s, uint64_t len, const char *fill)
{
	static const char head[] = "{\"result\":{\"content\":[{\"text\":\"",
			  tail[] = "\"}]},\"id\":1}";
	const size_t piece = 16384;
	char *chunk = malloc(piece);
	uint64_t off = 0, body = len - (sizeof(head) - 1) - (sizeof(tail) - 1);

	for (size_t i = 0; i < piece; i++)
		chunk[i] = fill[i % strlen(fill)];
	assert_int_equal(mcp_feed(s, S2C, SPAN_LIT(head), off), 0);
	off += sizeof(head) - 1;
	while (body) {
		size_t n = body < piece ? (size_t)body : piece;

		assert_int_equal(mcp_feed(s, S2C, span_of(chunk, n), off), 0);
		off += n;
		body -= n;
	}
	assert_int_equal(mcp_feed(s, S2C, SPAN_LIT(tail), off), 0);
	off += sizeof(tail) - 1;
	assert_int_equal(mcp_feed(s, S2C, SPAN_LIT("\n"), off), 0);
	free(chunk);
}

static void a_line_of_64_mib_is_not_held(void **state)
{
	struct long_rec r = { 0 };
	struct mcp_session *s = mcp_session_new(&long_ops, &r);
	size_t before = heap_now();

	long_line(s, MCP_MAX_LINE, "plain ");
	assert_int_equal(r.lines, 1);
	assert_int_equal(r.raw, MCP_MAX_LINE);
	assert_int_equal(r.text, MCP_MAX_LINE - 43);
	assert_int_equal(r.msg[0].kind, MCP_RESULT);
	assert_int_equal(r.msg[0].length, MCP_MAX_LINE);
	assert_false(r.msg[0].broken);
	/* the feeder's own 16 KiB and nothing else */
	assert_true(r.peak <= before + 16384 + 64);
	mcp_session_free(s);
}

static void a_longer_line_is_cut(void **state)
{
	struct long_rec r = { 0 };
	struct mcp_session *s = mcp_session_new(&long_ops, &r);
	uint64_t rpc, other;

	long_line(s, MCP_MAX_LINE + 10, "plain ");
	assert_int_equal(r.lines, 2);
	assert_int_equal(r.raw, MCP_MAX_LINE + 10);
	assert_int_equal(r.msg[0].kind, MCP_RESULT);
	assert_true(r.msg[0].broken);
	assert_int_equal(r.msg[0].length, MCP_MAX_LINE);
	assert_int_equal(r.msg[1].kind, MCP_NOT_JSON);
	assert_true(r.msg[1].broken);
	assert_int_equal(r.msg[1].offset, MCP_MAX_LINE);
	assert_int_equal(r.msg[1].length, 10);
	mcp_counts(s, S2C, &rpc, &other);
	assert_int_equal(rpc, 1);
	assert_int_equal(other, 0);
	/* and the next is whole again */
	r.lines = 0;
	assert_int_equal(mcp_feed(s, S2C, SPAN_LIT("{\"id\":1,\"result\":0}\n"), MCP_MAX_LINE + 11),
			 0);
	assert_false(r.msg[0].broken);
	mcp_session_free(s);
}

static void callbacks_may_be_null(void **state)
{
	static const struct mcp_ops none = { 0 };
	struct mcp_session *s = mcp_session_new(&none, NULL);
	uint64_t rpc, other;

	assert_int_equal(mcp_feed(s, S2C, SPAN_LIT("{\"id\":1,\"result\":\"x\"}\nx\n"), 0), 0);
	assert_int_equal(mcp_feed(s, S2C, SPAN_LIT("\"open"), 24), 0);
	mcp_end(s, S2C);
	mcp_counts(s, S2C, &rpc, &other);
	assert_int_equal(rpc, 1);
	assert_int_equal(other, 2);
	mcp_session_free(s);
	assert_null(mcp_session_free(NULL));
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(kinds_by_members),
		T(not_rpc_and_not_json),
		T(any_key_order),
		T(last_of_equal_keys_wins),
		T(tool_only_of_tools_call),
		T(names_are_bounded_and_printable),
		T(ids_are_json_text),
		T(long_ids_are_compared_whole),
		T(answered_once),
		T(an_id_seen_again_replaces),
		T(both_directions_have_ids_of_their_own),
		T(notifications_are_not_remembered),
		T(pending_requests_are_bounded),
		T(batches),
		T(batch_items_are_capped),
		T(line_ends),
		T(crlf_is_no_harm),
		T(counts),
		T(invalid_json_part_way),
		T(nul_bytes),
		T(offsets),
		T(keys_and_paths),
		T(long_paths_are_cut),
		T(nothing_follows_a_cut_step),
		T(deep_values_are_delivered),
		T(gap_in_a_line),
		T(gap_before_the_first_byte),
		T(a_jump_in_offsets_is_a_gap),
		T(gap_then_end),
		T(a_gap_leaves_the_other_direction_alone),
		cmocka_unit_test(every_cut_gives_the_same),
		cmocka_unit_test(a_line_of_64_mib_is_not_held),
		cmocka_unit_test(a_longer_line_is_cut),
		cmocka_unit_test(callbacks_may_be_null),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
