// SPDX-License-Identifier: BSD-2-Clause
/*
 * The JSON tokenizer: fed whole and in pieces it has to say the same. First byte: how the rest is cut.
 * Covers: proto/json.c proto/json_path.c
 */
#include "../unit/proto/recorder.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* `cut`: in pieces, of lengths that `seed` gives; else whole. */
static struct json_result run(struct json_rec *r, struct span in, bool cut, uint32_t seed)
{
	struct json *j = json_new(&rec_json_ops, r);
	struct json_result res = { JSON_MORE, 0 };

	if (!j)
		abort();
	for (size_t at = 0; at < in.len && res.status == JSON_MORE;) {
		size_t len = in.len - at, want;
		struct json_result got;
		char *copy;

		seed = seed * 1664525u + 1013904223u;
		want = 1 + (seed >> 24) % 24;
		if (cut && want < len)
			len = want;
		copy = rec_copy(in.p + at, len);
		got = json_feed(j, span_of(copy, len));
		free(copy);
		if (got.consumed > len || (got.status == JSON_MORE && got.consumed != len))
			abort();
		res.status = got.status;
		res.consumed += got.consumed;
		at += len;
	}
	json_free(j);
	return res;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct json_rec whole = { 0 }, pieces = { 0 };
	struct json_result a, b;
	struct span in;

	if (!size)
		return 0;
	in = span_of(data + 1, size - 1);
	a = run(&whole, in, false, 0);
	b = run(&pieces, in, true, data[0]);
	if (a.status != b.status || a.consumed != b.consumed || whole.open != pieces.open ||
	    !span_eq(buf_span(&whole.log), buf_span(&pieces.log)))
		abort();
	buf_release(&whole.log);
	buf_release(&pieces.log);
	return 0;
}
