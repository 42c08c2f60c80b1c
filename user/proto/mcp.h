/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * MCP over stdio (specification 2024-11-05 to 2026-07-28, "Transports"): newline-delimited JSON-RPC 2.0.
 * One struct mcp_session has the two directions of a wire; it joins a response to its request by
 * id, to learn method and tool name. Lines may come in any cut and be up to 64 MiB (nothing
 * but the path and small members is held); keys in any order; batch arrays (2025-03-26) accepted.
 *
 * Per line the consumer sees: begin, then text pieces (every string value of the line, decoded, each with its
 * place), then end with the whole classification, since "id" and "method" may come last. Empty lines are skipped.
 */
#ifndef BT_PROTO_MCP_H
#define BT_PROTO_MCP_H

#include "proto/json.h"

#define MCP_MAX_LINE (64ull * 1024 * 1024)
#define MCP_MAX_NAME 256     /* bytes kept of a method or tool name, printable */
#define MCP_MAX_ID 64        /* bytes kept of an id, as JSON text: 7 or "abc" */
#define MCP_MAX_PENDING 4096 /* requests remembered for each direction */

enum mcp_dir { MCP_SERVER_TO_CLIENT, MCP_CLIENT_TO_SERVER };

enum mcp_kind {
	MCP_NOT_JSON,     /* the line is not JSON or not an object/array of objects */
	MCP_NOT_RPC,      /* JSON without JSON-RPC members */
	MCP_REQUEST,      /* method and id */
	MCP_NOTIFICATION, /* method, no id */
	MCP_RESULT,       /* result and id (or jsonrpc, or cut before the id came) */
	MCP_ERROR,        /* error and id (or jsonrpc, or cut before the id came) */
};

/*
 * Where in a message a string stands, oauth-and-mcp.md 3.2. The place is known only at
 * the message's end (mcp_place()), from its members and the request it answers.
 */
enum mcp_place {
	MCP_PLACE_OTHER,         /* in a message, no special place */
	MCP_PLACE_TOOL_RESULT,   /* tools/call result: content, structuredContent, task results */
	MCP_PLACE_RESOURCE,      /* resources/read contents; embedded resource in content */
	MCP_PLACE_RESOURCE_LINK, /* resource_link uri, resources/list uri, icons src */
	MCP_PLACE_PROMPT,        /* prompts/get messages */
	MCP_PLACE_INSTRUCTIONS,  /* initialize/discover instructions, */
				 /* tools/list descriptions and schemas, serverInfo */
	MCP_PLACE_SAMPLING,      /* sampling/createMessage params, also inside inputRequests */
	MCP_PLACE_ELICITATION,   /* elicitation/create params, also inside inputRequests */
	MCP_PLACE_ERROR,         /* error.message, error.data */
	MCP_PLACE_LOG,           /* notifications/message params */
	MCP_PLACE_PROGRESS,      /* notifications/progress, tasks status, cancelled, completion */
	MCP_PLACE_REQUEST_STATE, /* result.requestState */
	MCP_PLACE_TOOL_ARGUMENT, /* tools/call params.arguments */
	MCP_PLACE_CLIENT_OTHER,  /* any other client-to-server place */
	MCP_PLACE_MAX
};

/* A string value's place as far as its path tells; kept small, for hits that wait for the end. */
struct mcp_where {
	char path[160]; /* json_path_text, cut */
	uint16_t item;  /* index in a batch, 0 otherwise */
	uint8_t part;   /* private to mcp.c */
	uint8_t flags;  /* private to mcp.c */
};

struct mcp_message {
	enum mcp_dir dir;
	enum mcp_kind kind;
	char id[MCP_MAX_ID + 1]; /* JSON text, "" when absent */
	char method[MCP_MAX_NAME +
		    1]; /* own, or of the request that a response answers; "" unknown */
	char tool[MCP_MAX_NAME + 1]; /* params.name of tools/call (own, or of the request) */
	uint64_t offset;             /* stream offset of the line's first byte */
	uint64_t length;             /* bytes of the line, without its newline */
	bool broken;                 /* not JSON to its end, or cut by a gap or MCP_MAX_LINE */
	uint64_t inputs_known;       /* private to mcp_place(): result.inputRequests entries */
	uint64_t inputs_sampling;    /* whose method is known, and is sampling */
};

struct mcp_session;

struct mcp_ops {
	/* A line begins at stream offset `off`. Any of these may be NULL. */
	void (*begin)(void *arg, enum mcp_dir dir, uint64_t off);
	/*
	 * Decoded text of a string value, in pieces as in json_ops.scalar; `key` is the nearest object key
	 * (that of the array for an array element; empty at the top and below JSON_MAX_DEPTH). `where` is
	 * complete on `first`. `raw_off` is a stream offset, as `off` is. A string that the line's end or a gap
	 * cuts gets an empty last piece.
	 */
	void (*text)(void *arg, enum mcp_dir dir, const struct mcp_where *where, struct span key,
		     struct span decoded, uint64_t raw_off, bool first, bool last);
	/*
	 * Bytes of the line as they are, in order, for every line (also when it is JSON): what is not JSON
	 * to somebody is still scanned.
	 */
	void (*raw)(void *arg, enum mcp_dir dir, struct span bytes, uint64_t off);
	/*
	 * The line is over. `msgs` has one element (n for a batch: mcp_where.item is the index, capped:
	 * the last stands for all over 64).
	 */
	void (*end)(void *arg, enum mcp_dir dir, const struct mcp_message *msgs, size_t n);
};

struct mcp_session *mcp_session_new(const struct mcp_ops *ops, void *arg);
struct mcp_session *mcp_session_free(struct mcp_session *s);
/*
 * Bytes of one direction, in order; `off` is the stream offset of in.p[0]; one that does not follow on from the
 * bytes before is a gap. 0, or -ENOMEM: all was delivered, but a request was not remembered or a
 * batch's messages share an element of `msgs`.
 */
int mcp_feed(struct mcp_session *s, enum mcp_dir dir, struct span in, uint64_t off);
/*
 * `missing` bytes are lost (none when 0): the current line ends as broken, parsing goes on at the next newline.
 * What comes before that is delivered as a line that is MCP_NOT_JSON and broken; so is what a line
 * has over MCP_MAX_LINE.
 */
void mcp_gap(struct mcp_session *s, enum mcp_dir dir, uint64_t missing);
/* No more bytes: a last line without newline is ended. */
void mcp_end(struct mcp_session *s, enum mcp_dir dir);
/* The place of a string, from where it stood and what its message turned out to be. */
enum mcp_place mcp_place(const struct mcp_where *where, const struct mcp_message *msg);
const char *mcp_place_name(enum mcp_place p);
/* Lines that were JSON-RPC / that were not, of this direction so far; blank lines and rests of cut ones are neither. */
void mcp_counts(const struct mcp_session *s, enum mcp_dir dir, uint64_t *rpc, uint64_t *other);

#endif /* BT_PROTO_MCP_H */
