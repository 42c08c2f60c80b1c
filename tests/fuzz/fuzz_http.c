/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * HTTP/1 and HTTP/2: fed whole and in pieces it has to say the same. The input is a row of turns: a control byte (bit 0: responses,
 * bit 1: a gap of the length's bytes in front, bits 2 to 7: the largest piece), two bytes of length, and that many bytes. The first byte
 * says whether the connection is joined midway.
 * Covers: proto/http.c proto/http1.c proto/http1_head.c proto/http_msg.c proto/http_start.c proto/http_list.c proto/h2.c proto/h2_hpack.c proto/h2_stream.c proto/body.c
 */
#include "../unit/proto/http_recorder.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void run(struct http_rec *r, struct span in, bool cut)
{
	struct http_conn *c = http_conn_new(&http_rec_ops, r);
	bool midway = in.p[0] & 1;
	uint64_t off[2] = { midway, midway };

	rec_check(c);
	in = span_sub(in, 1, in.len);
	while (in.len >= 3) {
		unsigned char ctl = (unsigned char)in.p[0];
		enum http_dir dir = ctl & 1 ? HTTP_RESPONSES : HTTP_REQUESTS;
		size_t len = (size_t)(unsigned char)in.p[1] << 8 | (unsigned char)in.p[2];
		size_t step = cut ? (size_t)(ctl >> 2) + 1 : SIZE_MAX;
		struct span bytes = span_sub(in, 3, len);

		in = span_sub(in, 3 + len, in.len);
		if (ctl & 2 && len) {
			http_gap(c, dir, len);
			off[dir] += len;
		}
		while (bytes.len) {
			struct span piece = span_sub(bytes, 0, step);

			http_rec_feed(c, dir, piece, off[dir]);
			off[dir] += piece.len;
			bytes = span_sub(bytes, piece.len, bytes.len);
		}
	}
	http_close(c);
	http_rec_finish(r, c);
	http_conn_free(c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct http_rec *whole, *pieces;

	if (!size)
		return 0;
	whole = http_rec_new();
	pieces = http_rec_new();
	run(whole, span_of(data, size), false);
	run(pieces, span_of(data, size), true);
	rec_check(whole->heads == whole->ends);
	rec_check(span_eq(buf_span(&whole->log), buf_span(&pieces->log)));
	http_rec_free(whole);
	http_rec_free(pieces);
	http_guess(span_of(data, size));
	return 0;
}
