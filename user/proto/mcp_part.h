/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The parts of a JSON-RPC message that matter to mcp_place(), as the nodes of a small tree that is walked one
 * path step at a time while the line is parsed. What a part means depends on the method, known at the end.
 */
#ifndef BT_PROTO_MCP_PART_H
#define BT_PROTO_MCP_PART_H

#include "proto/json.h"

#define MCP_MAX_INPUTS                                                                             \
	64 /* entries of result.inputRequests told apart; the last stands for the rest */

enum mcp_part {
	MCP_PART_OTHER,
	MCP_PART_MESSAGE, /* the message itself */
	MCP_PART_JSONRPC,
	MCP_PART_ID,
	MCP_PART_METHOD,
	MCP_PART_ERROR,
	MCP_PART_ERROR_BODY,
	MCP_PART_ERROR_DATA,
	MCP_PART_ERROR_ELICITATION, /* error.data.elicitations (-32042) */
	MCP_PART_PARAMS,
	MCP_PART_PARAMS_BODY,
	MCP_PART_PARAMS_NAME,
	MCP_PART_PARAMS_ARGUMENTS,
	MCP_PART_RESULT,
	MCP_PART_RESULT_BODY,  /* members without a part of their own */
	MCP_PART_CONTENT,      /* tool result content, and what a tool result holds beside it */
	MCP_PART_CONTENT_BODY, /* inside one content block */
	MCP_PART_TOOL_OUTPUT,  /* structuredContent and the like */
	MCP_PART_TASK_PAYLOAD, /* result.result: a task's outcome */
	MCP_PART_EMBEDDED,     /* content[].resource */
	MCP_PART_LINK,         /* uri, icons */
	MCP_PART_CONTENTS,     /* resources/read */
	MCP_PART_MESSAGES,     /* prompts/get */
	MCP_PART_MESSAGE_BODY,
	MCP_PART_MESSAGE_CONTENT,
	MCP_PART_INSTRUCTIONS,
	MCP_PART_LISTED, /* tools, prompts, resources, serverInfo: elements of lists */
	MCP_PART_LISTED_BODY,
	MCP_PART_COMPLETION,
	MCP_PART_TASK, /* task and status members */
	MCP_PART_REQUEST_STATE,
	MCP_PART_INPUTS, /* result.inputRequests */
	MCP_PART_INPUT,  /* one entry */
	MCP_PART_INPUT_METHOD,
	MCP_PART_INPUT_PARAMS,
	MCP_PART_INPUT_SAMPLING,    /* a member that only sampling params have */
	MCP_PART_INPUT_ELICITATION, /* any other */
	MCP_PART_MAX
};

/* The part that step `s` leads to from `from`. */
enum mcp_part mcp_part_next(enum mcp_part from, const struct json_step *s);

#endif /* BT_PROTO_MCP_PART_H */
