// SPDX-License-Identifier: BSD-2-Clause
#include "proto/mcp_part.h"

struct edge {
	struct span key;
	enum mcp_part to;
};

/*
 * A node without edges keeps everything below it. `rest` is where a key without an edge leads;
 * `through`: an array's elements stand for the array.
 */
struct node {
	const struct edge *edge;
	size_t edges;
	enum mcp_part rest;
	bool through;
};

/* An initializer, not an expression: SPAN_LIT makes none for static storage. */
#define KEY(s)                                                                                     \
	{                                                                                          \
		(s), sizeof(s) - 1                                                                 \
	}

static const struct edge of_message[] = {
	{ KEY("jsonrpc"), MCP_PART_JSONRPC }, { KEY("id"), MCP_PART_ID },
	{ KEY("method"), MCP_PART_METHOD },   { KEY("params"), MCP_PART_PARAMS },
	{ KEY("result"), MCP_PART_RESULT },   { KEY("error"), MCP_PART_ERROR },
};
static const struct edge of_error[] = { { KEY("data"), MCP_PART_ERROR_DATA } };
static const struct edge of_error_data[] = { { KEY("elicitations"), MCP_PART_ERROR_ELICITATION } };
static const struct edge of_params[] = {
	{ KEY("name"), MCP_PART_PARAMS_NAME },
	{ KEY("arguments"), MCP_PART_PARAMS_ARGUMENTS },
};
static const struct edge of_result[] = {
	{ KEY("content"), MCP_PART_CONTENT },
	{ KEY("structuredContent"), MCP_PART_TOOL_OUTPUT },
	{ KEY("toolResult"), MCP_PART_TOOL_OUTPUT },
	{ KEY("contents"), MCP_PART_CONTENTS },
	{ KEY("messages"), MCP_PART_MESSAGES },
	{ KEY("instructions"), MCP_PART_INSTRUCTIONS },
	{ KEY("capabilities"), MCP_PART_INSTRUCTIONS },
	{ KEY("serverInfo"), MCP_PART_LISTED },
	{ KEY("tools"), MCP_PART_LISTED },
	{ KEY("prompts"), MCP_PART_LISTED },
	{ KEY("resources"), MCP_PART_LISTED },
	{ KEY("resourceTemplates"), MCP_PART_LISTED },
	{ KEY("completion"), MCP_PART_COMPLETION },
	{ KEY("task"), MCP_PART_TASK },
	{ KEY("tasks"), MCP_PART_TASK },
	{ KEY("statusMessage"), MCP_PART_TASK },
	{ KEY("result"), MCP_PART_TASK_PAYLOAD },
	{ KEY("requestState"), MCP_PART_REQUEST_STATE },
	{ KEY("inputRequests"), MCP_PART_INPUTS },
};
static const struct edge of_payload[] = { { KEY("content"), MCP_PART_CONTENT } };
static const struct edge of_content[] = {
	{ KEY("resource"), MCP_PART_EMBEDDED },
	{ KEY("uri"), MCP_PART_LINK },
	{ KEY("icons"), MCP_PART_LINK },
};
static const struct edge of_messages[] = { { KEY("content"), MCP_PART_MESSAGE_CONTENT } };
static const struct edge of_listed[] = {
	{ KEY("uri"), MCP_PART_LINK },
	{ KEY("uriTemplate"), MCP_PART_LINK },
	{ KEY("icons"), MCP_PART_LINK },
};
static const struct edge of_input[] = {
	{ KEY("method"), MCP_PART_INPUT_METHOD },
	{ KEY("params"), MCP_PART_INPUT_PARAMS },
};
static const struct edge of_input_params[] = {
	{ KEY("messages"), MCP_PART_INPUT_SAMPLING },
	{ KEY("systemPrompt"), MCP_PART_INPUT_SAMPLING },
	{ KEY("modelPreferences"), MCP_PART_INPUT_SAMPLING },
	{ KEY("stopSequences"), MCP_PART_INPUT_SAMPLING },
	{ KEY("includeContext"), MCP_PART_INPUT_SAMPLING },
	{ KEY("metadata"), MCP_PART_INPUT_SAMPLING },
	{ KEY("tools"), MCP_PART_INPUT_SAMPLING },
};

#define EDGES(a) (a), sizeof(a) / sizeof((a)[0])

static const struct node nodes[MCP_PART_MAX] = {
	[MCP_PART_MESSAGE] = { EDGES(of_message), MCP_PART_OTHER, false },
	[MCP_PART_ERROR] = { EDGES(of_error), MCP_PART_ERROR_BODY, false },
	[MCP_PART_ERROR_DATA] = { EDGES(of_error_data), MCP_PART_ERROR_BODY, false },
	[MCP_PART_PARAMS] = { EDGES(of_params), MCP_PART_PARAMS_BODY, false },
	[MCP_PART_RESULT] = { EDGES(of_result), MCP_PART_RESULT_BODY, false },
	[MCP_PART_CONTENT] = { EDGES(of_content), MCP_PART_CONTENT_BODY, true },
	[MCP_PART_TASK_PAYLOAD] = { EDGES(of_payload), MCP_PART_TOOL_OUTPUT, false },
	[MCP_PART_MESSAGES] = { EDGES(of_messages), MCP_PART_MESSAGE_BODY, true },
	[MCP_PART_MESSAGE_CONTENT] = { EDGES(of_content), MCP_PART_MESSAGE_BODY, true },
	[MCP_PART_LISTED] = { EDGES(of_listed), MCP_PART_LISTED_BODY, true },
	[MCP_PART_INPUTS] = { NULL, 0, MCP_PART_INPUT, false },
	[MCP_PART_INPUT] = { EDGES(of_input), MCP_PART_INPUT_ELICITATION, false },
	[MCP_PART_INPUT_PARAMS] = { EDGES(of_input_params), MCP_PART_INPUT_ELICITATION, false },
};

enum mcp_part mcp_part_next(enum mcp_part from, const struct json_step *s)
{
	const struct node *n = &nodes[from];

	if (!n->edge && !n->rest)
		return from;
	if (s->is_index)
		return n->through ? from : n->rest;
	if (n->edge && !s->key_cut) {
		struct span key = span_of(s->key, s->key_len);

		for (size_t i = 0; i < n->edges; i++) {
			if (span_eq(n->edge[i].key, key))
				return n->edge[i].to;
		}
	}
	return n->rest;
}
