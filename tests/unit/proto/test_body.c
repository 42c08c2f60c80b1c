/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <zlib.h>

#include "http_recorder.h"
#include "proto/body.h"

/* --- senders -------------------------------------------------------------------------------- */

static struct buf text_of(size_t len)
{
	struct buf b = BUF_INIT(0);
	uint32_t x = 1;

	while (b.len < len) {
		x = x * 1664525u + 1013904223u;
		buf_addf(&b, "{\"n\":%u,\"access_token\":\"%08x\"}", (unsigned)b.len, x);
	}
	b.len = len;
	return b;
}

/* window_bits as zlib has them: +16 gzip, negative raw. */
static struct buf deflated(struct span in, int window_bits)
{
	struct buf out = BUF_INIT(0);
	z_stream z = { 0 };

	assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, window_bits, 8, Z_DEFAULT_STRATEGY), Z_OK);
	buf_reserve(&out, deflateBound(&z, in.len) + 64);
	z.next_in = (unsigned char *)in.p;
	z.avail_in = (unsigned)in.len;
	z.next_out = (unsigned char *)out.p;
	z.avail_out = (unsigned)out.cap;
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	out.len = z.total_out;
	deflateEnd(&z);
	return out;
}

static struct buf gzipped(struct span in)
{
	return deflated(in, MAX_WBITS + 16);
}

/* The encoder is no part of the program: it is loaded here only (brotli/encode.h, BrotliEncoderCompress). */
static struct buf brotlied(struct span in)
{
	typedef int (*compress_fn)(int quality, int lgwin, int mode, size_t in_size,
				   const uint8_t *in, size_t *out_size, uint8_t *out);
	void *lib = dlopen("libbrotlienc.so.1", RTLD_NOW);
	struct buf out = BUF_INIT(0);
	compress_fn compress;
	size_t size;

	assert_non_null(lib);
	*(void **)&compress = dlsym(lib, "BrotliEncoderCompress");
	assert_non_null(compress);
	buf_reserve(&out, in.len + 1024);
	size = out.cap;
	assert_true(compress(5, 18, 0, in.len, (const uint8_t *)in.p, &size, (uint8_t *)out.p));
	out.len = size;
	dlclose(lib);
	return out;
}

/* --- receiver ------------------------------------------------------------------------------- */

static void collect(void *arg, struct span bytes, uint64_t raw_off)
{
	assert_true(bytes.len > 0);
	buf_add_span(arg, bytes);
}

/* Decodes `in` in pieces of `step` (0: whole) into `out`; body_feed's result, `*complete` says how it ended. */
static int decode(struct span in, const char *codings, size_t step, struct buf *out, bool *complete)
{
	struct body_codings l = { 0 };
	struct body *b;
	int err = 0;

	body_codings_add(&l, span_str(codings));
	b = body_new(&l, collect, out);
	assert_non_null(b);
	for (size_t at = 0; at < in.len; at += step ? step : in.len) {
		struct span piece = span_sub(in, at, step ? step : in.len);
		char *copy = malloc(piece.len ? piece.len : 1);

		assert_non_null(copy);
		if (!piece.p)
			break;
		memcpy(copy, piece.p, piece.len);
		err = body_feed(b, span_of(copy, piece.len), at);
		free(copy);
		if (err)
			assert_int_equal(body_feed(b, piece, at), err);
	}
	*complete = body_complete(b);
	assert_null(body_free(b));
	return err;
}

static const size_t steps[] = { 0, 1, 2, 3, 7, 100, 4096 };
#define N_STEPS (sizeof(steps) / sizeof(*steps))

static void expect(struct span in, const char *codings, struct span want, bool want_complete)
{
	for (size_t i = 0; i < N_STEPS; i++) {
		struct buf out = BUF_INIT(0);
		bool complete;

		assert_int_equal(decode(in, codings, steps[i], &out, &complete), 0);
		assert_int_equal(out.len, want.len);
		assert_true(span_eq(buf_span(&out), want));
		assert_int_equal(complete, want_complete);
		buf_release(&out);
	}
}

/* What is decoded before the error is the same in any cut; its length is returned. */
static size_t expect_error(struct span in, const char *codings, struct span begin)
{
	size_t len = 0;

	for (size_t i = 0; i < N_STEPS; i++) {
		struct buf out = BUF_INIT(0);
		bool complete;

		assert_int_equal(decode(in, codings, steps[i], &out, &complete), -EBADMSG);
		assert_false(complete);
		if (i)
			assert_int_equal(out.len, len);
		len = out.len;
		if (begin.len)
			assert_true(span_eq(buf_span(&out), span_sub(begin, 0, len)));
		buf_release(&out);
	}
	return len;
}

/* --- tests ---------------------------------------------------------------------------------- */

static void test_codings_list(void **state)
{
	struct body_codings l = { 0 };

	body_codings_add(&l, SPAN_LIT(" identity ,, GZIP, x-gzip;q=1,Chunked"));
	body_codings_add(&l, SPAN_LIT("deflate"));
	body_codings_add(&l, SPAN_LIT("br"));
	assert_int_equal(l.n, 4);
	assert_int_equal(l.c[0], BODY_GZIP);
	assert_int_equal(l.c[1], BODY_GZIP);
	assert_int_equal(l.c[2], BODY_DEFLATE);
	assert_int_equal(l.c[3], BODY_BR);
	/* One too many, one unknown: only what was applied after it can be undone. */
	body_codings_add(&l, SPAN_LIT("br"));
	assert_int_equal(l.n, 1);
	body_codings_add(&l, SPAN_LIT("zstd, gzip"));
	assert_int_equal(l.n, 1);
	assert_int_equal(l.c[0], BODY_GZIP);
	body_codings_add(&l, SPAN_LIT("zstd"));
	assert_int_equal(l.n, 0);
}

static void test_each_coding(void **state)
{
	static const size_t sizes[] = { 0, 1, 300, 100000 };

	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		struct buf text = text_of(sizes[i]);
		struct buf gz = gzipped(buf_span(&text));
		struct buf zl = deflated(buf_span(&text), MAX_WBITS);
		struct buf raw = deflated(buf_span(&text), -MAX_WBITS);
		struct buf br = brotlied(buf_span(&text));

		expect(buf_span(&gz), "gzip", buf_span(&text), true);
		expect(buf_span(&zl), "deflate", buf_span(&text), true);
		expect(buf_span(&raw), "deflate", buf_span(&text), true);
		expect(buf_span(&br), "br", buf_span(&text), true);
		buf_release(&text);
		buf_release(&gz);
		buf_release(&zl);
		buf_release(&raw);
		buf_release(&br);
	}
}

static void test_chain(void **state)
{
	struct buf text = text_of(20000);
	struct buf a = deflated(buf_span(&text), -MAX_WBITS);
	struct buf b = gzipped(buf_span(&a));
	struct buf c = brotlied(buf_span(&b));

	expect(buf_span(&c), "deflate, gzip, br", buf_span(&text), true);
	expect(span_sub(buf_span(&c), 0, c.len - 1), "deflate, gzip, br", buf_span(&text), false);
	buf_release(&text);
	buf_release(&a);
	buf_release(&b);
	buf_release(&c);
}

static void test_gzip_members(void **state)
{
	struct buf a = gzipped(SPAN_LIT("first,")), b = gzipped(SPAN_LIT("second"));

	buf_add_span(&a, buf_span(&b));
	expect(buf_span(&a), "gzip", SPAN_LIT("first,second"), true);
	expect(span_sub(buf_span(&a), 0, a.len - 9), "gzip", SPAN_LIT("first,second"), false);
	/* Padding is no member, whatever comes behind it. */
	buf_add(&a, "\0\0\0", 3);
	buf_add_span(&a, buf_span(&b));
	expect(buf_span(&a), "gzip", SPAN_LIT("first,second"), true);
	buf_release(&a);
	buf_release(&b);
}

static void test_bytes_behind_the_end(void **state)
{
	struct buf zl = deflated(SPAN_LIT("text"), MAX_WBITS), br = brotlied(SPAN_LIT("text"));

	buf_add_str(&zl, "junk");
	buf_add_str(&br, "junk");
	expect(buf_span(&zl), "deflate", SPAN_LIT("text"), true);
	expect(buf_span(&br), "br", SPAN_LIT("text"), true);
	buf_release(&zl);
	buf_release(&br);
}

static void test_truncated(void **state)
{
	struct buf text = text_of(50000), gz = gzipped(buf_span(&text)),
		   br = brotlied(buf_span(&text));
	struct buf out = BUF_INIT(0);
	bool complete;

	/* What there is comes at once. */
	assert_int_equal(decode(span_sub(buf_span(&gz), 0, gz.len - 8), "gzip", 0, &out, &complete),
			 0);
	assert_false(complete);
	assert_true(span_eq(buf_span(&out), buf_span(&text)));
	buf_clear(&out);
	assert_int_equal(decode(span_sub(buf_span(&br), 0, br.len / 2), "br", 0, &out, &complete),
			 0);
	assert_false(complete);
	assert_true(out.len > 10000);
	assert_true(span_eq(buf_span(&out), span_sub(buf_span(&text), 0, out.len)));
	buf_release(&out);
	expect(SPAN_LIT("x"), "deflate", SPAN_NONE, false);
	expect(SPAN_NONE, "gzip", SPAN_NONE, true);
	buf_release(&text);
	buf_release(&gz);
	buf_release(&br);
}

static void test_broken(void **state)
{
	struct buf text = text_of(50000), gz = gzipped(buf_span(&text)),
		   br = brotlied(buf_span(&text)), a = gzipped(SPAN_LIT("member"));

	expect_error(SPAN_LIT("no gzip at all"), "gzip", SPAN_NONE);
	expect_error(SPAN_LIT("\x11 reserved"), "br", SPAN_NONE);
	/* The checksum: all was handed out. */
	gz.p[gz.len - 5] ^= 1;
	assert_int_equal(expect_error(buf_span(&gz), "gzip", buf_span(&text)), text.len);
	memset(gz.p + gz.len / 2, 0xff, 32);
	assert_true(expect_error(buf_span(&gz), "gzip", SPAN_NONE) > 10000);
	for (size_t i = br.len / 2; i < br.len; i++)
		br.p[i] = (char)(i * 7);
	assert_true(expect_error(buf_span(&br), "br", SPAN_NONE) > 10000);
	/* A second member that is none. */
	buf_add_str(&a, "\x1f?");
	assert_int_equal(expect_error(buf_span(&a), "gzip", SPAN_LIT("member")), 6);
	/* A preset dictionary (RFC 1950 2.2) that nobody has. */
	expect_error(SPAN_LIT("\x78\xbb\x01\x02\x03\x04xxxx"), "deflate", SPAN_NONE);
	buf_release(&text);
	buf_release(&gz);
	buf_release(&br);
	buf_release(&a);
}

static void test_growth(void **state)
{
	struct buf zeros = BUF_INIT(0), gz, twice, br;
	size_t len;

	/* Little input may grow by any factor, up to the slack. */
	buf_reserve(&zeros, 16 << 20);
	memset(zeros.p, 0, 16 << 20);
	zeros.len = 30000;
	br = brotlied(buf_span(&zeros));
	assert_true(zeros.len / br.len > HTTP_MAX_RATIO);
	expect(buf_span(&br), "br", buf_span(&zeros), true);
	buf_release(&br);
	/* gzip grows by 1030 at most; that alone is over the limit. */
	zeros.len = 16 << 20;
	gz = gzipped(buf_span(&zeros));
	len = expect_error(buf_span(&gz), "gzip", buf_span(&zeros));
	assert_true(len <= gz.len * HTTP_MAX_RATIO + BODY_RATIO_SLACK);
	assert_true(len > (16 << 20) - (1 << 19));
	twice = gzipped(buf_span(&gz));
	len = expect_error(buf_span(&twice), "gzip, gzip", SPAN_NONE);
	assert_true(len <= twice.len * HTTP_MAX_RATIO + BODY_RATIO_SLACK);
	br = brotlied(buf_span(&zeros));
	len = expect_error(buf_span(&br), "br", SPAN_NONE);
	assert_true(len <= br.len * HTTP_MAX_RATIO + BODY_RATIO_SLACK);
	buf_release(&zeros);
	buf_release(&gz);
	buf_release(&twice);
	buf_release(&br);
}

/* In messages: the codings of the head, and a chunk size may stand anywhere in the coded bytes. */
static void test_in_http(void **state)
{
	struct buf text = text_of(3000), gz = gzipped(buf_span(&text)), in = BUF_INIT(0);
	struct buf want = BUF_INIT(0);

	buf_add_str(
		&in,
		"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ntransfer-encoding: chunked\r\n\r\n");
	for (size_t at = 0; at < gz.len; at += 50) {
		struct span piece = span_sub(buf_span(&gz), at, 50);

		buf_addf(&in, "%zx\r\n", piece.len);
		buf_add_span(&in, piece);
		buf_add_str(&in, "\r\n");
	}
	buf_add_str(&in, "0\r\n\r\n");
	buf_addf(&in, "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: %zu\r\n\r\n",
		 gz.len - 4);
	buf_add_span(&in, span_sub(buf_span(&gz), 0, gz.len - 4));
	buf_addf(&in, "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: "
		      "4\r\n\r\nnogzHTTP/1.1 304 X\r\n"
		      "content-encoding: gzip\r\n\r\n");
	for (size_t step = 0; step < 30; step++) {
		struct http_rec *r = http_rec_new();
		struct http_conn *c = http_conn_new(&http_rec_ops, r);
		struct http_counts n;

		for (size_t at = 0; at < in.len; at += step ? step : in.len)
			http_rec_feed(c, HTTP_RESPONSES,
				      span_sub(buf_span(&in), at, step ? step : in.len), at);
		http_close(c);
		buf_clear(&want);
		buf_add_str(&want, "\nresponse-end 0 complete body=");
		buf_add_span(&want, buf_span(&text));
		buf_add_str(&want, "\n");
		assert_non_null(strstr(r->log.p, want.p));
		buf_clear(&want);
		buf_add_str(&want, "\nresponse-end 0 incomplete body=");
		buf_add_span(&want, buf_span(&text));
		buf_add_str(&want, "\n");
		assert_non_null(strstr(r->log.p, want.p));
		assert_non_null(strstr(r->log.p, "\nresponse-end 0 incomplete\n"));
		assert_non_null(strstr(r->log.p, "\nresponse-end 0 complete\n"));
		http_counts(c, &n);
		assert_int_equal(n.responses, 4);
		assert_int_equal(n.broken, 1);
		assert_int_equal(n.skipped_bytes, 0);
		http_conn_free(c);
		http_rec_free(r);
	}
	buf_release(&text);
	buf_release(&gz);
	buf_release(&in);
	buf_release(&want);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_codings_list),
		cmocka_unit_test(test_each_coding),
		cmocka_unit_test(test_chain),
		cmocka_unit_test(test_gzip_members),
		cmocka_unit_test(test_bytes_behind_the_end),
		cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_broken),
		cmocka_unit_test(test_growth),
		cmocka_unit_test(test_in_http),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
