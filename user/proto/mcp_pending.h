/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * JSON-RPC ids, and the requests that wait for their response.
 */
#ifndef BT_PROTO_MCP_PENDING_H
#define BT_PROTO_MCP_PENDING_H

#include "base/table.h"
#include "proto/mcp.h"

/* An id as JSON text, in one spelling however the sender escaped it. Begin with mcp_id_clear(). */
struct mcp_id {
	char text[MCP_MAX_ID + 8]; /* at most MCP_MAX_ID bytes and NUL; no padding */
	uint64_t len, hash;        /* of the whole, so that cut ids are told apart */
};

void mcp_id_clear(struct mcp_id *id);
/* Appends JSON text as it stands: a number, a literal, or a string's quote. */
void mcp_id_add(struct mcp_id *id, struct span text);
/* Appends decoded bytes of a string, escaped. */
void mcp_id_add_string(struct mcp_id *id, struct span decoded);

/* At most MCP_MAX_PENDING; the one unused for longest gives way. NULL when out of memory. */
struct table *mcp_pending_new(void);
/* Remembers the request `msg` (method, tool), in place of one with the same id. 0 or -ENOMEM. */
int mcp_pending_put(struct table *t, const struct mcp_id *id, const struct mcp_message *msg);
/* Fills in method and tool of the response `msg` from its request, if there is one, and forgets that. */
void mcp_pending_answer(struct table *t, const struct mcp_id *id, struct mcp_message *msg);

#endif /* BT_PROTO_MCP_PENDING_H */
