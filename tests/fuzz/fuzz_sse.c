/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Event streams: fed whole and in pieces they say the same. First byte: the pieces' length, and whether a gap comes first.
 * Covers: proto/sse.c
 */
#include "../unit/proto/http_recorder.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void run(struct sse_rec *r, struct span in, size_t step, bool lost)
{
	struct sse *s = sse_new(&sse_rec_ops, r);

	rec_check(s);
	if (lost)
		sse_gap(s);
	for (size_t at = 0; at < in.len; at += step) {
		struct span piece = span_sub(in, at, step);
		char *copy = malloc(piece.len);

		rec_check(copy);
		memcpy(copy, piece.p, piece.len);
		sse_feed(s, span_of(copy, piece.len), at);
		free(copy);
	}
	sse_free(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sse_rec whole = { .log = BUF_INIT_WIPE(0) }, pieces = { .log = BUF_INIT_WIPE(0) };
	struct span in;

	if (size < 2)
		return 0;
	in = span_of(data + 1, size - 1);
	run(&whole, in, in.len, data[0] & 1);
	run(&pieces, in, 1 + (data[0] >> 1) % 24, data[0] & 1);
	rec_check(span_eq(buf_span(&whole.log), buf_span(&pieces.log)));
	buf_release(&whole.log);
	buf_release(&pieces.log);
	return 0;
}
