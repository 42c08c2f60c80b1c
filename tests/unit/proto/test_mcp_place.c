// SPDX-License-Identifier: BSD-2-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>
#include "recorder.h"

/*
 * A line of one direction and the request that it answers (NULL: not seen). Every string that begins
 * with '@' names the place that it has to be found at.
 */
struct shape {
	const char *request;
	const char *line;
};

static size_t check_line(struct mcp_rec *r, struct mcp_session *s, enum mcp_dir dir,
			 const char *request, const char *line)
{
	struct mcp_rec_line *l = &r->line[dir];
	size_t checked = 0;

	if (request) {
		assert_int_equal(mcp_feed(s, !dir, span_str(request), 0), 0);
		mcp_end(s, !dir);
		assert_false(r->line[!dir].msgs[0].broken);
	}
	assert_int_equal(mcp_feed(s, dir, span_str(line), 0), 0);
	mcp_end(s, dir);
	for (size_t i = 0; i < l->n_texts; i++) {
		const struct mcp_text *t = &l->texts[i];
		const char *got = mcp_place_name(mcp_place(&t->where, &l->msgs[t->where.item]));

		if (!t->text.len || t->text.p[0] != '@')
			continue;
		if (strcmp(t->text.p + 1, got) != 0)
			fail_msg("%s\n%s\n%s: %s", request ? request : "", line, t->where.path,
				 got);
		checked++;
	}
	return checked;
}

static void check(enum mcp_dir dir, const struct shape *shapes, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct mcp_rec *r = rec_mcp_new();
		struct mcp_session *s = mcp_session_new(&rec_mcp_ops, r);

		if (!check_line(r, s, dir, shapes[i].request, shapes[i].line))
			fail_msg("nothing to check in %s", shapes[i].line);
		assert_false(r->line[dir].msgs[0].broken);
		mcp_session_free(s);
		rec_mcp_free(r);
	}
}

#define CHECK(dir, a) check(dir, a, sizeof(a) / sizeof((a)[0]))
#define S2C MCP_SERVER_TO_CLIENT
#define C2S MCP_CLIENT_TO_SERVER
#define REQ(m) "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"" m "\"}"
#define CALL "{\"method\":\"tools/call\",\"id\":1,\"params\":{\"name\":\"t\"}}"
#define RES(body) "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":" body "}"

static void tool_results(void **state)
{
	static const char result[] = RES(
		"{\"content\":[{\"type\":\"text\",\"text\":\"@tool-result\",\"_meta\":{\"a\":\"@"
		"tool-result\"}},"
		"{\"type\":\"resource\",\"resource\":{\"uri\":\"@resource\",\"text\":\"@resource\"}"
		"},"
		"{\"resource\":{\"blob\":\"@resource\"},\"type\":\"resource\"},"
		"{\"uri\":\"@resource-link\",\"type\":\"resource_link\",\"name\":\"@tool-result\","
		"\"icons\":[{\"src\":\"@resource-link\"}]},"
		"{\"type\":\"image\",\"data\":\"@tool-result\"}],"
		"\"structuredContent\":{\"accessToken\":\"@tool-result\",\"uri\":\"@tool-result\","
		"\"resource\":{\"text\":\"@tool-result\"},\"a\":[[\"@tool-result\"]]},"
		"\"isError\":true}");
	static const struct shape shapes[] = {
		{ CALL, result },
		{ NULL, result },
		{ REQ("vendor/unknown"), result },
		{ REQ("tasks/result"), result },
		{ CALL,
		  RES("{\"_meta\":{\"x\":\"@tool-result\"},\"custom\":[\"@tool-result\"],\"tools\":"
		      "[{\"description\":\"@tool-result\"}]}") },
		{ CALL, RES("\"@tool-result\"") },
		{ NULL, RES("{\"content\":\"@tool-result\"}") },
		{ NULL, RES("{\"toolResult\":\"@tool-result\"}") },
		{ CALL, "{\"result\":{\"content\":[{\"text\":\"@tool-result\"}]},\"id\":1}" },
		{ NULL, RES("{\"_meta\":{\"x\":\"@other\"}}") },
	};

	CHECK(S2C, shapes);
}

static void resources(void **state)
{
	static const char read[] =
		RES("{\"contents\":[{\"uri\":\"@resource\",\"text\":\"@resource\"},"
		    "{\"blob\":\"@resource\"}],\"ttlMs\":1}");
	static const char list[] = RES(
		"{\"resources\":[{\"uri\":\"@resource-link\",\"name\":\"@instructions\","
		"\"description\":\"@instructions\",\"icons\":[{\"src\":\"@resource-link\"}]}]}");
	static const struct shape shapes[] = {
		{ REQ("resources/read"), read },
		{ NULL, read },
		{ REQ("resources/read"), RES("{\"_meta\":{\"a\":\"@resource\"}}") },
		{ REQ("resources/list"), list },
		{ NULL, list },
		{ REQ("resources/templates/list"),
		  RES("{\"resourceTemplates\":[{\"description\":\"@instructions\","
		      "\"uriTemplate\":\"@resource-link\"}]}") },
	};

	CHECK(S2C, shapes);
}

static void prompts(void **state)
{
	static const char get[] =
		RES("{\"messages\":[{\"role\":\"user\",\"content\":{\"type\":\"text\",\"text\":\"@"
		    "prompt\"}},"
		    "{\"content\":{\"type\":\"resource\",\"resource\":{\"text\":\"@resource\"}}},"
		    "{\"content\":[{\"text\":\"@prompt\"},{\"uri\":\"@resource-link\"}]}]}");
	static const struct shape shapes[] = {
		{ REQ("prompts/get"), get },
		{ NULL, get },
		{ REQ("prompts/get"), RES("{\"description\":\"@prompt\",\"messages\":[]}") },
		{ REQ("prompts/list"),
		  RES("{\"prompts\":[{\"name\":\"@instructions\",\"arguments\":"
		      "[{\"description\":\"@instructions\"}]}]}") },
	};

	CHECK(S2C, shapes);
}

static void instructions(void **state)
{
	static const char init[] = RES(
		"{\"protocolVersion\":\"2025-11-25\",\"serverInfo\":{\"name\":\"@instructions\","
		"\"icons\":[{\"src\":\"@resource-link\"}]},\"capabilities\":{\"x\":\"@"
		"instructions\"},"
		"\"instructions\":\"@instructions\"}");
	static const char tools[] =
		RES("{\"tools\":[{\"name\":\"@instructions\",\"description\":\"@instructions\","
		    "\"inputSchema\":{\"properties\":{\"uri\":{\"default\":\"@instructions\","
		    "\"enum\":[\"@instructions\"]}}},\"icons\":[{\"src\":\"@resource-link\"}]}]}");
	static const struct shape shapes[] = {
		{ REQ("initialize"), init },
		{ NULL, init },
		{ REQ("server/discover"), init },
		{ REQ("server/discover"), RES("{\"_meta\":{\"a\":\"@instructions\"}}") },
		{ REQ("tools/list"), tools },
		{ NULL, tools },
	};

	CHECK(S2C, shapes);
}

static void sampling_and_elicitation(void **state)
{
	static const struct shape shapes[] = {
		{ NULL,
		  "{\"id\":\"s1\",\"method\":\"sampling/createMessage\",\"params\":{\"messages\":"
		  "[{\"content\":{\"text\":\"@sampling\"}}],\"systemPrompt\":\"@sampling\"}}" },
		{ NULL, "{\"params\":{\"url\":\"@elicitation\",\"message\":\"@elicitation\"},"
			"\"method\":\"elicitation/create\",\"id\":9}" },
		/* 2026-07-28: inside a result, the method before or after the params */
		{ CALL, RES("{\"resultType\":\"input_required\",\"inputRequests\":{"
			    "\"a\":{\"method\":\"sampling/"
			    "createMessage\",\"params\":{\"x\":\"@sampling\"}},"
			    "\"b\":{\"params\":{\"x\":\"@sampling\"},\"method\":\"sampling/"
			    "createMessage\"},"
			    "\"c\":{\"params\":{\"messages\":\"@elicitation\"},\"method\":"
			    "\"elicitation/create\"},"
			    "\"d\":{\"method\":\"elicitation/"
			    "create\",\"params\":{\"url\":\"@elicitation\"}}},"
			    "\"requestState\":\"@request-state\"}") },
		/* without a method the members tell */
		{ NULL, RES("{\"inputRequests\":{\"a\":{\"params\":{\"messages\":[{\"content\":\"@"
			    "sampling\"}]}},"
			    "\"b\":{\"params\":{\"message\":\"@elicitation\"}},"
			    "\"c\":{\"params\":{\"systemPrompt\":\"@sampling\"},\"method\":7}}}") },
		/* names that come in several pieces */
		{ CALL, RES("{\"inputRequests\":{\"a\":{\"method\":\"elicitation\\/create\\/\\/\","
			    "\"params\":{\"messages\":\"@elicitation\"}},"
			    "\"b\":{\"method\":\"\\u0073ampling\\/createMessage\","
			    "\"params\":{\"message\":\"@sampling\"}}}}") },
		/* the last of two methods counts; a longer name is another method */
		{ CALL, RES("{\"inputRequests\":{\"a\":{\"method\":\"sampling/createMessage\","
			    "\"method\":\"elicitation/"
			    "create\",\"params\":{\"messages\":\"@elicitation\"}},"
			    "\"b\":{\"method\":\"sampling/"
			    "createMessageX\",\"params\":{\"messages\":\"@elicitation\"}}}}") },
		{ CALL,
		  "{\"id\":1,\"error\":{\"code\":-32042,\"message\":\"@jsonrpc-error\",\"data\":"
		  "{\"elicitations\":[{\"mode\":\"url\",\"url\":\"@elicitation\"}],"
		  "\"other\":\"@jsonrpc-error\"}}}" },
	};

	CHECK(S2C, shapes);
}

static void many_input_requests(void **state)
{
	struct mcp_rec *r = rec_mcp_new();
	struct mcp_session *s = mcp_session_new(&rec_mcp_ops, r);
	struct buf b = BUF_INIT(0);

	buf_add_str(&b, "{\"id\":1,\"result\":{\"inputRequests\":{");
	for (int i = 0; i < 100; i++)
		buf_addf(&b, "%s\"k%d\":{\"params\":{\"x\":\"@%s\"},\"method\":\"%s\"}",
			 i ? "," : "", i, i % 2 && i < 63 ? "sampling" : "elicitation",
			 i % 2 && i < 63 ? "sampling/createMessage" : "elicitation/create");
	buf_add_str(&b, "}}}");
	assert_int_equal(check_line(r, s, S2C, NULL, b.p), 100);
	buf_release(&b);
	mcp_session_free(s);
	rec_mcp_free(r);
}

static void errors(void **state)
{
	static const struct shape shapes[] = {
		{ NULL,
		  "{\"id\":3,\"error\":{\"code\":-32603,\"message\":\"@jsonrpc-error\",\"data\":"
		  "{\"config\":{\"headers\":{\"Authorization\":\"@jsonrpc-error\"}}}}}" },
		{ CALL, "{\"error\":\"@jsonrpc-error\",\"id\":1}" },
		{ NULL, "{\"jsonrpc\":\"2.0\",\"error\":{\"message\":\"@jsonrpc-error\"}}" },
		{ NULL, "{\"id\":3,\"error\":{\"data\":{\"a\":{\"data\":{\"elicitations\":\"@"
			"jsonrpc-error\"}}}}}" },
	};

	CHECK(S2C, shapes);
}

static void logs_and_progress(void **state)
{
	static const struct shape shapes[] = {
		{ NULL,
		  "{\"method\":\"notifications/message\",\"params\":{\"level\":\"debug\","
		  "\"logger\":\"@log-notification\",\"data\":{\"token\":\"@log-notification\"}}}" },
		{ NULL, "{\"params\":{\"data\":\"@log-notification\"},\"method\":\"notifications/"
			"message\"}" },
		{ NULL, "{\"method\":\"notifications/progress\",\"params\":{\"progressToken\":1,"
			"\"message\":\"@progress\"}}" },
		{ NULL, "{\"method\":\"notifications/tasks/"
			"status\",\"params\":{\"statusMessage\":\"@progress\"}}" },
		{ NULL, "{\"method\":\"notifications/"
			"cancelled\",\"params\":{\"reason\":\"@progress\"}}" },
		{ REQ("completion/complete"),
		  RES("{\"completion\":{\"values\":[\"@progress\"]}}") },
		{ NULL, RES("{\"completion\":{\"values\":[\"@progress\"]}}") },
		{ NULL, "{\"method\":\"notifications/resources/"
			"updated\",\"params\":{\"uri\":\"@other\"}}" },
		{ NULL, "{\"id\":1,\"method\":\"roots/list\",\"params\":{\"_meta\":\"@other\"}}" },
	};

	CHECK(S2C, shapes);
}

static void tasks(void **state)
{
	static const struct shape shapes[] = {
		{ CALL, RES("{\"task\":{\"taskId\":\"x\",\"statusMessage\":\"@progress\"}}") },
		{ REQ("tasks/get"),
		  RES("{\"taskId\":\"@progress\",\"statusMessage\":\"@progress\"}") },
		{ REQ("tasks/get"), RES("{\"status\":\"@progress\",\"result\":{\"content\":[{"
					"\"text\":\"@tool-result\"},"
					"{\"resource\":{\"text\":\"@resource\"}}],"
					"\"structuredContent\":{\"a\":\"@tool-result\"}}}") },
		{ REQ("tasks/list"), RES("{\"tasks\":[{\"statusMessage\":\"@progress\"}]}") },
		{ REQ("tasks/result"),
		  RES("{\"content\":[{\"text\":\"@tool-result\"}],\"x\":\"@tool-result\"}") },
	};

	CHECK(S2C, shapes);
}

static void request_state(void **state)
{
	static const struct shape shapes[] = {
		{ CALL, RES("{\"requestState\":\"@request-state\"}") },
		{ NULL, RES("{\"requestState\":{\"a\":\"@request-state\"}}") },
		{ REQ("prompts/get"), RES("{\"requestState\":\"@request-state\"}") },
	};

	CHECK(S2C, shapes);
}

static void no_special_place(void **state)
{
	static const struct shape shapes[] = {
		{ NULL, "{\"error\":\"@other\"}" },
		{ NULL, "{\"params\":{\"data\":\"@other\"}}" },
		{ NULL, "[\"@other\"]" },
		{ NULL, "\"@other\"" },
		{ NULL,
		  "{\"id\":\"@other\",\"result\":{},\"x\":\"@other\",\"jsonrpc\":\"@other\"}" },
		{ NULL, "{\"method\":\"@other\",\"params\":[\"@other\"]}" },
		{ REQ("ping"), RES("{\"a\":\"@other\"}") },
		/* one level too deep for what the names say */
		{ NULL, RES("{\"a\":{\"content\":[{\"text\":\"@other\"}]}}") },
	};

	CHECK(S2C, shapes);
}

static void client_to_server(void **state)
{
	static const struct shape shapes[] = {
		{ NULL, "{\"id\":1,\"method\":\"tools/"
			"call\",\"params\":{\"name\":\"@client-other\",\"arguments\":"
			"{\"token\":\"@tool-argument\",\"a\":[{\"b\":\"@tool-argument\"}]},"
			"\"inputResponses\":{\"k\":\"@client-other\"},\"requestState\":\"@client-"
			"other\"}}" },
		{ NULL, "{\"params\":{\"arguments\":{\"token\":\"@tool-argument\"}},\"method\":"
			"\"tools/call\",\"id\":1}" },
		{ NULL, "{\"id\":1,\"method\":\"prompts/"
			"get\",\"params\":{\"arguments\":{\"a\":\"@client-other\"}}}" },
		{ REQ("elicitation/create"),
		  RES("{\"action\":\"accept\",\"content\":{\"api_key\":\"@client-other\"}}") },
		{ REQ("sampling/createMessage"),
		  RES("{\"content\":{\"text\":\"@client-other\"}}") },
		{ NULL, "{\"id\":1,\"error\":{\"message\":\"@client-other\"}}" },
		{ NULL, "{\"method\":\"notifications/"
			"cancelled\",\"params\":{\"reason\":\"@client-other\"}}" },
		{ NULL, "{\"x\":\"@client-other\"}" },
	};

	CHECK(C2S, shapes);
}

/* A message in the direction that it should not go in is still told by its members. */
static void the_impossible_direction(void **state)
{
	static const struct shape shapes[] = {
		{ NULL, "{\"id\":1,\"method\":\"tools/"
			"call\",\"params\":{\"name\":\"@other\",\"arguments\":"
			"{\"token\":\"@tool-argument\"}}}" },
		{ REQ("tools/call"), RES("{\"content\":[{\"text\":\"@tool-result\"}]}") },
	};
	struct mcp_rec *r = rec_mcp_new();
	struct mcp_session *s = mcp_session_new(&rec_mcp_ops, r);

	CHECK(S2C, shapes);
	check_line(r, s, C2S, CALL, RES("{\"content\":[{\"text\":\"@client-other\"}]}"));
	assert_int_equal(r->line[C2S].msgs[0].kind, MCP_RESULT);
	assert_string_equal(r->line[C2S].msgs[0].method, "tools/call");
	assert_string_equal(r->line[C2S].msgs[0].tool, "t");
	mcp_session_free(s);
	rec_mcp_free(r);
}

/* A line that a gap cut still has its places, by what was seen. */
static void cut_lines(void **state)
{
	static const char *const lines[] = {
		"{\"result\":{\"content\":[{\"text\":\"@tool-result\"",
		"{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"message\":\"@jsonrpc-error\"",
		"{\"method\":\"notifications/message\",\"params\":{\"data\":\"@log-notification\"",
		"{\"result\":{\"inputRequests\":{\"a\":{\"params\":{\"messages\":\"@sampling\"",
		"{\"params\":{\"data\":\"@other\"",
	};

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		struct mcp_rec *r = rec_mcp_new();
		struct mcp_session *s = mcp_session_new(&rec_mcp_ops, r);

		assert_int_equal(check_line(r, s, S2C, NULL, lines[i]), 1);
		assert_true(r->line[S2C].msgs[0].broken);
		mcp_session_free(s);
		rec_mcp_free(r);
	}
}

static void names(void **state)
{
	for (int p = 0; p < MCP_PLACE_MAX; p++) {
		assert_non_null(mcp_place_name((enum mcp_place)p));
		for (int q = 0; q < p; q++)
			assert_string_not_equal(mcp_place_name((enum mcp_place)p),
						mcp_place_name((enum mcp_place)q));
	}
	assert_string_equal(mcp_place_name(MCP_PLACE_TOOL_RESULT), "tool-result");
	assert_string_equal(mcp_place_name(MCP_PLACE_MAX), "other");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tool_results),
		cmocka_unit_test(resources),
		cmocka_unit_test(prompts),
		cmocka_unit_test(instructions),
		cmocka_unit_test(sampling_and_elicitation),
		cmocka_unit_test(many_input_requests),
		cmocka_unit_test(errors),
		cmocka_unit_test(logs_and_progress),
		cmocka_unit_test(tasks),
		cmocka_unit_test(request_state),
		cmocka_unit_test(no_special_place),
		cmocka_unit_test(client_to_server),
		cmocka_unit_test(the_impossible_direction),
		cmocka_unit_test(cut_lines),
		cmocka_unit_test(names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
