// SPDX-License-Identifier: BSD-2-Clause
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include "proto/mcp_pending.h"

struct pending {
	size_t tool; /* offset of the tool's name in text */
	char text[]; /* method, NUL, tool, NUL */
};

void mcp_id_clear(struct mcp_id *id)
{
	memset(id, 0, sizeof(*id));
	id->hash = 0xcbf29ce484222325ull;
}

void mcp_id_add(struct mcp_id *id, struct span text)
{
	for (size_t i = 0; i < text.len; i++) {
		/* FNV-1a; an id is the requester's own, so nobody gains by a collision. */
		id->hash = (id->hash ^ (unsigned char)text.p[i]) * 0x100000001b3ull;
		if (id->len < MCP_MAX_ID)
			id->text[id->len] = text.p[i];
		id->len++;
	}
}

void mcp_id_add_string(struct mcp_id *id, struct span decoded)
{
	for (size_t i = 0; i < decoded.len; i++) {
		unsigned char c = (unsigned char)decoded.p[i];
		char esc[8];

		if (c == '"' || c == '\\')
			mcp_id_add(id, SPAN_LIT("\\"));
		if (c < 0x20 || c == 0x7f)
			mcp_id_add(id,
				   span_of(esc, (size_t)snprintf(esc, sizeof(esc), "\\u%04x", c)));
		else
			mcp_id_add(id, span_of(&decoded.p[i], 1));
	}
}

struct table *mcp_pending_new(void)
{
	return table_new(MCP_MAX_PENDING, free);
}

/* Without padding, and zero behind the text: its bytes are the key. */
_Static_assert(sizeof(struct mcp_id) == MCP_MAX_ID + 8 + 16, "padding in struct mcp_id");

static struct span key_of(const struct mcp_id *id)
{
	return span_of(id, sizeof(*id));
}

int mcp_pending_put(struct table *t, const struct mcp_id *id, const struct mcp_message *msg)
{
	size_t method = strlen(msg->method) + 1, tool = strlen(msg->tool) + 1;
	struct pending *p = malloc(sizeof(*p) + method + tool);

	if (!p)
		return -ENOMEM;
	p->tool = method;
	memcpy(p->text, msg->method, method);
	memcpy(p->text + method, msg->tool, tool);
	if (table_put(t, key_of(id), p)) {
		free(p);
		return -ENOMEM;
	}
	return 0;
}

void mcp_pending_answer(struct table *t, const struct mcp_id *id, struct mcp_message *msg)
{
	struct pending *p = table_take(t, key_of(id));

	if (!p)
		return;
	snprintf(msg->method, sizeof(msg->method), "%s", p->text);
	snprintf(msg->tool, sizeof(msg->tool), "%s", p->text + p->tool);
	free(p);
}
