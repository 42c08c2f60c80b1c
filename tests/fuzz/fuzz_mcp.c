// SPDX-License-Identifier: BSD-2-Clause
/*
 * The MCP session: fed whole and in pieces it has to say the same. First byte: how the rest is cut.
 * In the rest 0xfe changes the direction and 0xff is a gap; neither byte occurs in UTF-8.
 * Covers: proto/mcp.c proto/mcp_part.c proto/mcp_pending.c proto/mcp_place.c
 */
#include "../unit/proto/recorder.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Feeds `in` in pieces of lengths that `seed` gives (whole when not `cut`). */
static void feed(struct mcp_session *s, enum mcp_dir dir, struct span in, uint64_t off, bool cut,
		 uint32_t *seed)
{
	while (in.len) {
		size_t len = in.len, want;
		char *copy;

		*seed = *seed * 1664525u + 1013904223u;
		want = 1 + (*seed >> 24) % 48;
		if (cut && want < len)
			len = want;
		copy = rec_copy(in.p, len);
		mcp_feed(s, dir, span_of(copy, len), off);
		free(copy);
		off += len;
		in = span_sub(in, len, in.len);
	}
}

static void run(struct mcp_rec *r, struct span in, bool cut, uint32_t seed)
{
	struct mcp_session *s = mcp_session_new(&rec_mcp_ops, r);
	enum mcp_dir dir = MCP_CLIENT_TO_SERVER;
	uint64_t off[2] = { 0 };
	size_t from = 0;

	if (!s)
		abort();
	for (size_t i = 0; i <= in.len; i++) {
		unsigned char c = i < in.len ? (unsigned char)in.p[i] : 0xfe;

		if (c < 0xfe)
			continue;
		feed(s, dir, span_sub(in, from, i - from), off[dir], cut, &seed);
		off[dir] += i - from;
		from = i + 1;
		if (c == 0xff) {
			mcp_gap(s, dir, 3);
			off[dir] += 3;
		} else {
			dir = dir == MCP_CLIENT_TO_SERVER ? MCP_SERVER_TO_CLIENT
							  : MCP_CLIENT_TO_SERVER;
		}
	}
	mcp_end(s, MCP_CLIENT_TO_SERVER);
	mcp_end(s, MCP_SERVER_TO_CLIENT);
	mcp_session_free(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mcp_rec *whole, *pieces;

	if (!size)
		return 0;
	whole = rec_mcp_new();
	pieces = rec_mcp_new();
	run(whole, span_of(data + 1, size - 1), false, 0);
	run(pieces, span_of(data + 1, size - 1), true, data[0]);
	if (whole->lines != pieces->lines ||
	    !span_eq(buf_span(&whole->log), buf_span(&pieces->log)))
		abort();
	rec_mcp_free(whole);
	rec_mcp_free(pieces);
	return 0;
}
