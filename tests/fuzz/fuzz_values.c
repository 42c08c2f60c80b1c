// SPDX-License-Identifier: BSD-2-Clause
/*
 * The exact-value search. The input is a little program that composes a stream of literal bytes and of values of this process,
 * whole or in part, in an encoding; and adds and removes values between. Each hit must be true, whole raw values
 * must be found, and without changes under way the cut of the stream must not matter.
 * Covers: detect/values.c detect/values_match.c detect/values_norm.c detect/values_scan.c detect/gram.c
 */
#include <stdlib.h>

#include "base/buf.h"
#include "detect/values.h"

#define VALUES 6
#define MARKS 64
#define LINE 48 /* of the log of hits */
#define STREAM_MAX 65536

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const size_t value_len[VALUES] = { 16, 20, 40, 43, 128, 900 };
static const size_t value_prefix[VALUES] = { 0, 0, 4, 0, 0, 300 };

struct mark {
	size_t from, to;
	unsigned int value;
	bool found;
};

/* Values of this run: random, but the same for the same input. */
struct known {
	char text[VALUES][900];
	int64_t id[VALUES];
};

struct run {
	const struct known *known;
	struct span stream;
	struct buf log;
	struct mark *marks;
	size_t n_marks;
	bool fixed; /* no changes under way */
};

static void require(bool ok)
{
	if (!ok)
		abort();
}

static void on_hit(void *arg, const struct hit *h)
{
	struct run *r = arg;
	unsigned int k = 0;

	while (k < VALUES && r->known->id[k] != (int64_t)h->known_id)
		k++;
	require(k < VALUES && h->offset < h->end && h->end <= r->stream.len);
	require(h->whole_len == value_len[k] && h->part_len == h->value.len);
	require(h->part_off + h->part_len <= h->whole_len && h->part_len >= 11);
	require(!memcmp(h->value.p, r->known->text[k] + h->part_off, h->part_len));
	if (h->encoding == ENC_RAW && h->end - h->offset == h->part_len)
		require(!memcmp(r->stream.p + h->offset, h->value.p, h->part_len));
	for (size_t i = 0; i < r->n_marks; i++)
		if (r->marks[i].value == k && h->offset < r->marks[i].to &&
		    h->end > r->marks[i].from)
			r->marks[i].found = true;
	buf_addf(&r->log, "%5zu %5zu %u %u %3u+%3u %5u%*s", (size_t)h->offset, (size_t)h->end, k,
		 h->encoding, h->part_off, h->part_len, h->line, LINE - 29, "\n");
}

static void encode(struct buf *out, const char *p, size_t len, unsigned int how)
{
	static const char base64[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	uint32_t bits = 0;
	unsigned int n = 0;

	for (size_t i = 0; i < len; i++) {
		unsigned int c = (unsigned char)p[i];

		switch (how) {
		case 0:
			buf_add_byte(out, p[i]);
			break;
		case 1:
			buf_addf(out, "%%%02X", c);
			break;
		case 2:
			buf_addf(out, "\\\\u%04x", c);
			break;
		case 3:
			buf_addf(out, "%02x", c);
			break;
		case 4:
			buf_addf(out, "&#%u;", c);
			break;
		case 5:
			buf_add_byte(out, p[i]);
			buf_add_byte(out, '\0');
			break;
		case 6:
			buf_addf(out, "%s%c", i % 9 ? "" : "\r\n\t", p[i]);
			break;
		default:
			bits = bits << 8 | c;
			for (n += 8; n >= 6; n -= 6)
				buf_add_byte(out, base64[bits >> (n - 6) & 63]);
			break;
		}
	}
}

/* Composes the stream of `in` and notes where whole raw values stand. Returns false when it asks for changes. */
static bool compose(struct span in, const struct known *known, struct buf *out, struct mark *marks,
		    size_t *n_marks)
{
	bool fixed = true;

	for (size_t i = 0; i < in.len && out->len < STREAM_MAX; i++) {
		unsigned char op = (unsigned char)in.p[i];
		struct span args = span_sub(in, i + 1, 3);

		if (op < 0x80 || args.len < 3) {
			buf_add_byte(out, (char)op);
		} else if (op < 0xf0) {
			unsigned int k = op % VALUES, how = (unsigned char)args.p[0] % 8;
			size_t from = (unsigned char)args.p[1] % value_len[k];
			size_t len = (unsigned char)args.p[2];

			if (len == 255)
				len = value_len[k];
			if (len > value_len[k] - from)
				len = value_len[k] - from;
			if (how == 0 && len == value_len[k] && *n_marks < MARKS)
				marks[(*n_marks)++] =
					(struct mark){ out->len, out->len + len, k, false };
			encode(out, known->text[k] + from, len, how);
			i += 3;
		} else {
			fixed = false;
		}
	}
	return fixed;
}

static int by_text(const void *a, const void *b)
{
	return memcmp(a, b, LINE);
}

/* Whole values are told at once and parts later, so the order depends on the cut. */
static void sort_log(struct buf *log)
{
	if (log->len)
		qsort(log->p, log->len / LINE, LINE, by_text);
}

static void run(struct run *r, uint32_t seed, bool cut)
{
	/* Indexing takes longer than a search: values that nothing changes serve all inputs. */
	static struct values *kept;
	struct values *v = r->fixed && kept ? kept : values_new(4 + VALUES);
	struct known known = *r->known;
	struct value_scan *s;

	require(v != NULL);
	for (unsigned int k = 0; k < VALUES; k++) {
		known.id[k] = values_add(v, span_of(known.text[k], value_len[k]), SECRET_CODE,
					 value_prefix[k]);
		require(known.id[k] > 0);
	}
	s = value_scan_new(v);
	require(s != NULL);
	r->known = &known;
	for (size_t at = 0; at < r->stream.len;) {
		size_t len = r->stream.len - at, want;
		char *copy;

		seed = seed * 1664525u + 1013904223u;
		want = 1 + (seed >> 24) % 60;
		if (cut && want < len)
			len = want;
		copy = malloc(len);
		require(copy != NULL);
		memcpy(copy, r->stream.p + at, len);
		value_scan_feed(s, span_of(copy, len), on_hit, r);
		free(copy);
		at += len;
		if (!r->fixed && seed >> 26 == 0) {
			unsigned int k = (seed >> 8) % VALUES;

			values_remove(v, known.id[k]);
			known.id[k] =
				values_add(v, span_of(known.text[k], value_len[k]), SECRET_CODE, 0);
		}
	}
	value_scan_flush(s, on_hit, r);
	sort_log(&r->log);
	value_scan_free(s);
	if (r->fixed)
		kept = v;
	else
		values_free(v);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char alphabet[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	struct buf stream = BUF_INIT(0);
	struct mark marks[MARKS];
	struct run whole = { .marks = marks }, pieces = { .marks = marks };
	struct known known;
	uint64_t x = 88172645463325252ull;
	struct span in;

	if (size < 2)
		return 0;
	for (unsigned int k = 0; k < VALUES; k++) {
		for (size_t i = 0; i < value_len[k]; i++) {
			x ^= x << 13;
			x ^= x >> 7;
			x ^= x << 17;
			known.text[k][i] = alphabet[(x * 0x2545f4914f6cdd1dull >> 40) % 64];
		}
	}
	/* Two of them have a start in common. */
	memcpy(known.text[4], known.text[3], 30);
	in = span_of(data + 1, size - 1);
	pieces.fixed = compose(in, &known, &stream, marks, &pieces.n_marks);
	pieces.stream = buf_span(&stream);
	pieces.known = &known;
	run(&pieces, data[0], true);
	if (pieces.fixed) {
		for (size_t i = 0; i < pieces.n_marks; i++)
			require(marks[i].found);
		whole.fixed = true;
		whole.stream = pieces.stream;
		whole.known = &known;
		run(&whole, 0, false);
		require(span_eq(buf_span(&whole.log), buf_span(&pieces.log)));
	}
	buf_release(&whole.log);
	buf_release(&pieces.log);
	buf_release(&stream);
	return 0;
}
