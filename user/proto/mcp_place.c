// SPDX-License-Identifier: BSD-2-Clause
#include "proto/mcp.h"
#include "proto/mcp_part.h"

/* What strings of a request's or notification's params are, server to client. */
static const struct {
	const char *method;
	enum mcp_place place;
} by_own_method[] = {
	{ "sampling/createMessage", MCP_PLACE_SAMPLING },
	{ "elicitation/create", MCP_PLACE_ELICITATION },
	{ "notifications/message", MCP_PLACE_LOG },
	{ "notifications/progress", MCP_PLACE_PROGRESS },
	{ "notifications/cancelled", MCP_PLACE_PROGRESS },
	{ "notifications/tasks/status", MCP_PLACE_PROGRESS },
};

/*
 * What strings of a result are, by the method of its request. `shape_first`: the method's
 * results hold several things, so members with a meaning of their own win.
 */
static const struct {
	const char *method;
	enum mcp_place place;
	bool shape_first;
} by_request[] = {
	{ "tools/call", MCP_PLACE_TOOL_RESULT, false },
	{ "tasks/result", MCP_PLACE_TOOL_RESULT, false },
	{ "tasks/get", MCP_PLACE_PROGRESS, true },
	{ "tasks/list", MCP_PLACE_PROGRESS, true },
	{ "tasks/cancel", MCP_PLACE_PROGRESS, true },
	{ "tasks/update", MCP_PLACE_PROGRESS, true },
	{ "resources/read", MCP_PLACE_RESOURCE, false },
	{ "prompts/get", MCP_PLACE_PROMPT, false },
	{ "initialize", MCP_PLACE_INSTRUCTIONS, false },
	{ "server/discover", MCP_PLACE_INSTRUCTIONS, false },
	{ "tools/list", MCP_PLACE_INSTRUCTIONS, false },
	{ "prompts/list", MCP_PLACE_INSTRUCTIONS, false },
	{ "resources/list", MCP_PLACE_INSTRUCTIONS, false },
	{ "resources/templates/list", MCP_PLACE_INSTRUCTIONS, false },
	{ "completion/complete", MCP_PLACE_PROGRESS, false },
};

/* What a member of a result is when its request says nothing. */
static enum mcp_place by_shape(enum mcp_part part)
{
	switch (part) {
	case MCP_PART_CONTENT:
	case MCP_PART_CONTENT_BODY:
	case MCP_PART_TOOL_OUTPUT:
	case MCP_PART_TASK_PAYLOAD:
		return MCP_PLACE_TOOL_RESULT;
	case MCP_PART_CONTENTS:
		return MCP_PLACE_RESOURCE;
	case MCP_PART_MESSAGES:
	case MCP_PART_MESSAGE_BODY:
	case MCP_PART_MESSAGE_CONTENT:
		return MCP_PLACE_PROMPT;
	case MCP_PART_INSTRUCTIONS:
	case MCP_PART_LISTED:
	case MCP_PART_LISTED_BODY:
		return MCP_PLACE_INSTRUCTIONS;
	case MCP_PART_COMPLETION:
	case MCP_PART_TASK:
		return MCP_PLACE_PROGRESS;
	default:
		return MCP_PLACE_OTHER;
	}
}

static enum mcp_place input_place(const struct mcp_where *where, const struct mcp_message *msg)
{
	uint64_t bit = 1ull << (where->flags % MCP_MAX_INPUTS);
	bool sampling = where->part == MCP_PART_INPUT_SAMPLING;

	if (msg->inputs_known & bit)
		sampling = (msg->inputs_sampling & bit) != 0;
	return sampling ? MCP_PLACE_SAMPLING : MCP_PLACE_ELICITATION;
}

static enum mcp_place result_place(enum mcp_part part, const struct mcp_message *msg)
{
	enum mcp_place shape = by_shape(part);

	if (msg->kind != MCP_RESULT || part == MCP_PART_TASK)
		return shape;
	for (size_t i = 0; i < sizeof(by_request) / sizeof(by_request[0]); i++) {
		if (strcmp(msg->method, by_request[i].method) != 0)
			continue;
		if (by_request[i].shape_first && shape != MCP_PLACE_OTHER)
			return shape;
		return by_request[i].place;
	}
	return shape;
}

static enum mcp_place params_place(const struct mcp_message *msg)
{
	for (size_t i = 0; i < sizeof(by_own_method) / sizeof(by_own_method[0]); i++) {
		if (!strcmp(msg->method, by_own_method[i].method))
			return by_own_method[i].place;
	}
	return MCP_PLACE_OTHER;
}

static enum mcp_place server_place(const struct mcp_where *where, const struct mcp_message *msg)
{
	switch ((enum mcp_part)where->part) {
	case MCP_PART_ERROR:
	case MCP_PART_ERROR_BODY:
	case MCP_PART_ERROR_DATA:
		return MCP_PLACE_ERROR;
	case MCP_PART_ERROR_ELICITATION:
		return MCP_PLACE_ELICITATION;
	case MCP_PART_PARAMS:
	case MCP_PART_PARAMS_BODY:
	case MCP_PART_PARAMS_NAME:
	case MCP_PART_PARAMS_ARGUMENTS:
		return params_place(msg);
	case MCP_PART_EMBEDDED:
		return MCP_PLACE_RESOURCE;
	case MCP_PART_LINK:
		return MCP_PLACE_RESOURCE_LINK;
	case MCP_PART_REQUEST_STATE:
		return MCP_PLACE_REQUEST_STATE;
	case MCP_PART_INPUTS:
	case MCP_PART_INPUT:
	case MCP_PART_INPUT_METHOD:
	case MCP_PART_INPUT_PARAMS:
	case MCP_PART_INPUT_SAMPLING:
	case MCP_PART_INPUT_ELICITATION:
		return input_place(where, msg);
	case MCP_PART_OTHER:
	case MCP_PART_MESSAGE:
	case MCP_PART_JSONRPC:
	case MCP_PART_ID:
	case MCP_PART_METHOD:
		return MCP_PLACE_OTHER;
	default:
		return result_place((enum mcp_part)where->part, msg);
	}
}

enum mcp_place mcp_place(const struct mcp_where *where, const struct mcp_message *msg)
{
	bool server = msg->dir == MCP_SERVER_TO_CLIENT;

	if (msg->kind != MCP_NOT_JSON && msg->kind != MCP_NOT_RPC) {
		if (where->part == MCP_PART_PARAMS_ARGUMENTS && !strcmp(msg->method, "tools/call"))
			return MCP_PLACE_TOOL_ARGUMENT;
		if (server)
			return server_place(where, msg);
	}
	return server ? MCP_PLACE_OTHER : MCP_PLACE_CLIENT_OTHER;
}

const char *mcp_place_name(enum mcp_place p)
{
	static const char *const names[MCP_PLACE_MAX] = {
		[MCP_PLACE_OTHER] = "other",
		[MCP_PLACE_TOOL_RESULT] = "tool-result",
		[MCP_PLACE_RESOURCE] = "resource",
		[MCP_PLACE_RESOURCE_LINK] = "resource-link",
		[MCP_PLACE_PROMPT] = "prompt",
		[MCP_PLACE_INSTRUCTIONS] = "instructions",
		[MCP_PLACE_SAMPLING] = "sampling",
		[MCP_PLACE_ELICITATION] = "elicitation",
		[MCP_PLACE_ERROR] = "jsonrpc-error",
		[MCP_PLACE_LOG] = "log-notification",
		[MCP_PLACE_PROGRESS] = "progress",
		[MCP_PLACE_REQUEST_STATE] = "request-state",
		[MCP_PLACE_TOOL_ARGUMENT] = "tool-argument",
		[MCP_PLACE_CLIENT_OTHER] = "client-other",
	};

	return (unsigned int)p < MCP_PLACE_MAX ? names[p] : "other";
}
