/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <nghttp2/nghttp2.h>
#include <stdio.h>
#include <zlib.h>

#include "http_recorder.h"

#define PREFACE "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

enum { DATA, HEADERS, PRIORITY, RST, SETTINGS, PUSH, PING, GOAWAY, WINDOW, CONTINUATION };
enum { END_STREAM = 1, ACK = 1, END_HEADERS = 4, PADDED = 8, HAS_PRIORITY = 32 };

/* --- a sender: bytes of both directions, in turns ------------------------------------------- */

#define MAX_TURNS 64

struct sender {
	struct turn {
		enum http_dir dir;
		struct buf bytes;
		uint64_t gap; /* bytes that go missing before these */
	} turn[MAX_TURNS];
	size_t n;
	nghttp2_hd_deflater *hpack[2];
};

static int setup(void **state)
{
	struct sender *s = calloc(1, sizeof(*s));

	if (!s || nghttp2_hd_deflate_new(&s->hpack[0], 4096) ||
	    nghttp2_hd_deflate_new(&s->hpack[1], 4096))
		return -1;
	*state = s;
	return 0;
}

static int teardown(void **state)
{
	struct sender *s = *state;

	for (size_t i = 0; i < MAX_TURNS; i++)
		buf_release(&s->turn[i].bytes);
	nghttp2_hd_deflate_del(s->hpack[0]);
	nghttp2_hd_deflate_del(s->hpack[1]);
	free(s);
	return 0;
}

/* The buffer to write into. */
static struct buf *out(struct sender *s, enum http_dir dir)
{
	if (!s->n || s->turn[s->n - 1].dir != dir) {
		assert_true(s->n < MAX_TURNS);
		s->turn[s->n++].dir = dir;
	}
	return &s->turn[s->n - 1].bytes;
}

static void gap(struct sender *s, enum http_dir dir, uint64_t missing)
{
	assert_true(s->n < MAX_TURNS);
	s->turn[s->n].dir = dir;
	s->turn[s->n++].gap = missing;
}

static void frame(struct sender *s, enum http_dir dir, int type, int flags, uint32_t id,
		  struct span payload)
{
	const unsigned char head[9] = { (unsigned char)(payload.len >> 16),
					(unsigned char)(payload.len >> 8),
					(unsigned char)payload.len,
					(unsigned char)type,
					(unsigned char)flags,
					(unsigned char)(id >> 24),
					(unsigned char)(id >> 16),
					(unsigned char)(id >> 8),
					(unsigned char)id };

	buf_add(out(s, dir), head, sizeof(head));
	buf_add_span(out(s, dir), payload);
}

/* A header block of "name: value" lines, which begin at column 0. */
static struct buf block_of(struct sender *s, enum http_dir dir, const char *lines)
{
	struct buf b = BUF_INIT(0);
	nghttp2_nv nv[400];
	size_t n = 0;
	ssize_t len;

	while (*lines) {
		const char *end = strchr(lines, '\n'), *sep = strstr(lines, ": ");

		assert_true(n < 400 && end && sep && sep < end);
		nv[n++] = (nghttp2_nv){ (uint8_t *)lines, (uint8_t *)sep + 2, (size_t)(sep - lines),
					(size_t)(end - sep - 2), NGHTTP2_NV_FLAG_NONE };
		lines = end + 1;
	}
	buf_reserve(&b, nghttp2_hd_deflate_bound(s->hpack[dir], nv, n));
	len = nghttp2_hd_deflate_hd(s->hpack[dir], (uint8_t *)b.p, b.cap, nv, n);
	assert_true(len >= 0);
	b.len = (size_t)len;
	return b;
}

static void headers(struct sender *s, enum http_dir dir, uint32_t id, int flags, const char *lines)
{
	struct buf b = block_of(s, dir, lines);

	frame(s, dir, HEADERS, END_HEADERS | flags, id, buf_span(&b));
	buf_release(&b);
}

static void data(struct sender *s, enum http_dir dir, uint32_t id, int flags, const char *text)
{
	frame(s, dir, DATA, flags, id, span_str(text));
}

#define REQ HTTP_REQUESTS
#define RESP HTTP_RESPONSES

static void begin(struct sender *s)
{
	buf_add_str(out(s, REQ), PREFACE);
	frame(s, REQ, SETTINGS, 0, 0, SPAN_LIT("\0\3\0\0\0\x64"));
	frame(s, RESP, SETTINGS, 0, 0, SPAN_NONE);
	frame(s, RESP, SETTINGS, ACK, 0, SPAN_NONE);
	frame(s, REQ, SETTINGS, ACK, 0, SPAN_NONE);
}

/* --- the receiver --------------------------------------------------------------------------- */

static struct http_rec *run(const struct sender *s, uint64_t start, size_t cut, size_t step)
{
	struct http_rec *r = http_rec_new();
	struct http_conn *c = http_conn_new(&http_rec_ops, r);
	uint64_t off[2] = { start, start };

	for (const struct turn *t = s->turn; t < s->turn + s->n; t++) {
		struct span in = buf_span(&t->bytes);

		if (t->gap)
			http_gap(c, t->dir, t->gap);
		off[t->dir] += t->gap;
		for (size_t first = cut; in.len; first = 0) {
			struct span piece = span_sub(in, 0, step ? step : first ? first : in.len);

			http_rec_feed(c, t->dir, piece, off[t->dir]);
			off[t->dir] += piece.len;
			in = span_sub(in, piece.len, in.len);
		}
	}
	http_close(c);
	http_rec_finish(r, c);
	http_conn_free(c);
	return r;
}

/* Takes " @OFFSET" out: what is compared by hand does not count bytes. */
static void strip_offsets(struct buf *b)
{
	char *to = b->p, *from = b->p;

	while (*from) {
		if (from[0] == ' ' && from[1] == '@') {
			for (from += 2; *from >= '0' && *from <= '9'; from++)
				;
		} else {
			*to++ = *from++;
		}
	}
	*to = '\0';
	b->len = (size_t)(to - b->p);
}

/* In any cut, joined at `start`. */
static void expect_from(const struct sender *s, uint64_t start, const char *want)
{
	struct http_rec *whole = run(s, start, 0, 0);
	size_t longest = 0;

	for (size_t i = 0; i < s->n; i++)
		longest = s->turn[i].bytes.len > longest ? s->turn[i].bytes.len : longest;
	if (longest > 400)
		longest = 400;
	for (size_t cut = 1; cut < longest; cut++) {
		struct http_rec *r = run(s, start, cut, 0);

		assert_string_equal(r->log.p, whole->log.p);
		http_rec_free(r);
	}
	for (size_t step = 1; step < 20; step++) {
		struct http_rec *r = run(s, start, 0, step);

		assert_string_equal(r->log.p, whole->log.p);
		http_rec_free(r);
	}
	strip_offsets(&whole->log);
	assert_string_equal(whole->log.p, want);
	http_rec_free(whole);
}

static void expect(const struct sender *s, const char *want)
{
	expect_from(s, 0, want);
}

#define GET(path) ":method: GET\n:scheme: https\n:authority: api.example\n:path: " path "\n"
#define POST(path) ":method: POST\n:scheme: https\n:authority: api.example\n:path: " path "\n"
#define LOG_GET(xid, path)                                                                         \
	"request " xid " 20 method=GET target=" path " scheme=https authority=api.example\n"
#define LOG_POST(xid, path)                                                                        \
	"request " xid " 20 method=POST target=" path " scheme=https authority=api.example\n"

static void test_exchange(void **state)
{
	struct sender *s = *state;

	begin(s);
	headers(s, REQ, 1, 0, POST("/token?a=b") "content-type: x\nauthorization: Basic eA==\n");
	data(s, REQ, 1, 0, "grant_type=");
	data(s, REQ, 1, END_STREAM, "refresh_token");
	headers(s, RESP, 1, 0, ":status: 200\ncache-control: no-store\n");
	data(s, RESP, 1, 0, "{}");
	data(s, RESP, 1, END_STREAM, "");
	expect(s,
	       LOG_POST("1", "/token?a=b") "  content-type: [x]\n"
					   "  authorization: [Basic eA==]\n"
					   "request-end 1 complete body=grant_type=refresh_token\n"
					   "response 1 20 status=200\n"
					   "  cache-control: [no-store]\n"
					   "response-end 1 complete body={}\n"
					   "counts 1 1 broken=0 unknown=0 skipped=0\n");
}

static void test_offsets(void **state)
{
	struct sender *s = *state;
	struct http_rec *r;

	begin(s);
	headers(s, REQ, 1, 0, POST("/"));
	data(s, REQ, 1, END_STREAM, "x");
	r = run(s, 0, 0, 0);
	/* Preface 24, SETTINGS 9 + 6, its acknowledgement 9: where the HEADERS frame begins. */
	assert_non_null(strstr(r->log.p, "request 1 @48 20 "));
	assert_int_equal(r->last_raw_off, s->turn[0].bytes.len + s->turn[2].bytes.len - 1);
	http_rec_free(r);
}

static void test_interleaved_streams(void **state)
{
	struct sender *s = *state;

	begin(s);
	headers(s, REQ, 1, END_STREAM, GET("/1"));
	headers(s, REQ, 3, 0, POST("/3"));
	headers(s, RESP, 3, 0, ":status: 202\n");
	headers(s, RESP, 1, 0, ":status: 200\n");
	data(s, RESP, 3, 0, "three ");
	data(s, RESP, 1, 0, "one ");
	data(s, RESP, 3, END_STREAM, "3");
	data(s, RESP, 1, END_STREAM, "1");
	data(s, REQ, 3, END_STREAM, "late");
	expect(s, LOG_GET("1", "/1") "request-end 1 complete\n" LOG_POST(
			  "2", "/3") "response 2 20 status=202\n"
				     "response 1 20 status=200\n"
				     "response-end 2 complete body=three 3\n"
				     "response-end 1 complete body=one 1\n"
				     "request-end 2 complete body=late\n"
				     "counts 2 2 broken=0 unknown=0 skipped=0\n");
}

static void test_padding_priority_continuation(void **state)
{
	struct sender *s = *state;
	struct buf p = BUF_INIT(0), b;

	begin(s);
	b = block_of(s, REQ, GET("/padded") "x-long: value\n");
	buf_add(&p, "\3\x80\0\0\0\x10", 6); /* pad length, dependency, weight */
	buf_add_span(&p, span_sub(buf_span(&b), 0, 5));
	buf_add(&p, "\0\0\0", 3);
	frame(s, REQ, HEADERS, END_STREAM | PADDED | HAS_PRIORITY, 1, buf_span(&p));
	frame(s, REQ, CONTINUATION, 0, 1, SPAN_NONE);
	frame(s, REQ, CONTINUATION, 0, 1, span_sub(buf_span(&b), 5, 2));
	frame(s, REQ, CONTINUATION, END_HEADERS, 1, span_sub(buf_span(&b), 7, b.len));
	frame(s, REQ, PRIORITY, 0, 1, SPAN_LIT("\0\0\0\0\5"));
	frame(s, REQ, WINDOW, 0, 0, SPAN_LIT("\0\1\0\0"));
	frame(s, REQ, 0x10, 0, 0, SPAN_LIT("an extension"));
	frame(s, REQ, PING, 0, 0, SPAN_LIT("12345678"));
	headers(s, RESP, 1, 0, ":status: 200\n");
	frame(s, RESP, DATA, PADDED, 1, SPAN_LIT("\4text\0\0\0\0"));
	frame(s, RESP, DATA, PADDED, 1, SPAN_LIT("\0!"));
	/* More padding than there is. */
	frame(s, RESP, DATA, PADDED, 1, SPAN_LIT("\x09no"));
	frame(s, RESP, DATA, PADDED | END_STREAM, 1, SPAN_LIT("\0"));
	expect(s, LOG_GET("1", "/padded") "  x-long: [value]\n"
					  "request-end 1 complete\n"
					  "response 1 20 status=200\n"
					  "response-end 1 complete body=text!\n"
					  "counts 1 1 broken=0 unknown=0 skipped=0\n");
	buf_release(&p);
	buf_release(&b);
}

static void test_interim_and_trailers(void **state)
{
	struct sender *s = *state;

	begin(s);
	headers(s, REQ, 1, END_STREAM, GET("/"));
	headers(s, RESP, 1, 0, ":status: 103\nlink: x\n");
	headers(s, RESP, 1, 0, ":status: 200\n");
	data(s, RESP, 1, 0, "body");
	headers(s, RESP, 1, END_STREAM, "grpc-status: 0\nx-token: seen\n");
	/* The trailers went into the table too. */
	headers(s, REQ, 3, END_STREAM, GET("/"));
	headers(s, RESP, 3, END_STREAM, ":status: 200\nx-token: seen\n");
	expect(s, LOG_GET("1", "/") "request-end 1 complete\n"
				    "response 1 20 status=200\n"
				    "response-end 1 complete body=body\n" LOG_GET(
					    "2", "/") "request-end 2 complete\n"
						      "response 2 20 status=200\n"
						      "  x-token: [seen]\n"
						      "response-end 2 complete\n"
						      "counts 2 2 broken=0 unknown=0 skipped=0\n");
}

static void test_reset_and_goaway(void **state)
{
	struct sender *s = *state;

	begin(s);
	headers(s, REQ, 1, 0, POST("/1"));
	data(s, REQ, 1, 0, "par");
	headers(s, RESP, 1, 0, ":status: 200\n");
	frame(s, RESP, RST, 0, 1, SPAN_LIT("\0\0\0\x08"));
	data(s, REQ, 1, END_STREAM, "tial");
	frame(s, RESP, GOAWAY, 0, 0, SPAN_LIT("\0\0\0\1\0\0\0\0bye"));
	headers(s, REQ, 3, END_STREAM, GET("/3"));
	headers(s, RESP, 3, END_STREAM, ":status: 204\n");
	headers(s, REQ, 5, 0, POST("/5"));
	data(s, REQ, 5, 0, "open at the end");
	expect(s,
	       LOG_POST("1", "/1") "response 1 20 status=200\n"
				   "request-end 1 incomplete body=par\n"
				   "response-end 1 incomplete\n" LOG_GET(
					   "2", "/3") "request-end 2 complete\n"
						      "response 2 20 status=204\n"
						      "response-end 2 complete\n" LOG_POST(
							      "3", "/5") "request-end 3 incomplete "
									 "body=open at the end\n"
									 "counts 3 2 broken=0 "
									 "unknown=0 skipped=4\n");
}

static void test_push(void **state)
{
	struct sender *s = *state;
	struct buf p = BUF_INIT(0), b;

	begin(s);
	headers(s, REQ, 1, END_STREAM, GET("/"));
	b = block_of(s, RESP, GET("/pushed") "x-pushed: 1\n");
	buf_add(&p, "\0\0\0\2", 4);
	buf_add_span(&p, buf_span(&b));
	frame(s, RESP, PUSH, END_HEADERS, 1, buf_span(&p));
	headers(s, RESP, 2, END_STREAM, ":status: 200\nx-pushed: 1\n");
	headers(s, RESP, 1, END_STREAM, ":status: 200\nx-pushed: 1\n");
	expect(s, LOG_GET("1", "/") "request-end 1 complete\n"
				    "response 2 20 status=200\n"
				    "  x-pushed: [1]\n"
				    "response-end 2 complete\n"
				    "response 1 20 status=200\n"
				    "  x-pushed: [1]\n"
				    "response-end 1 complete\n"
				    "counts 1 2 broken=0 unknown=0 skipped=0\n");
	buf_release(&p);
	buf_release(&b);
}

static void test_gzip_body(void **state)
{
	static const char text[] = "{\"access_token\":\"...\"}";
	struct sender *s = *state;
	unsigned char gz[200];
	z_stream z = { .next_in = (unsigned char *)text,
		       .avail_in = sizeof(text) - 1,
		       .next_out = gz,
		       .avail_out = sizeof(gz) };

	assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, MAX_WBITS + 16, 8, Z_DEFAULT_STRATEGY),
			 Z_OK);
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	begin(s);
	headers(s, REQ, 1, END_STREAM, GET("/"));
	headers(s, RESP, 1, 0, ":status: 200\ncontent-encoding: gzip\n");
	frame(s, RESP, DATA, 0, 1, span_of((char *)gz, 11));
	frame(s, RESP, DATA, END_STREAM, 1, span_of((char *)gz + 11, z.total_out - 11));
	expect(s, LOG_GET("1", "/") "request-end 1 complete\n"
				    "response 1 20 status=200\n"
				    "  content-encoding: [gzip]\n"
				    "response-end 1 complete body={\"access_token\":\"...\"}\n"
				    "counts 1 1 broken=0 unknown=0 skipped=0\n");
	deflateEnd(&z);
}

static void test_table_size(void **state)
{
	struct sender *s = *state;

	begin(s);
	headers(s, REQ, 1, END_STREAM, GET("/") "x-a: 1\n");
	/* SETTINGS_HEADER_TABLE_SIZE of the server, taken up by the client in its next block. */
	frame(s, RESP, SETTINGS, 0, 0, SPAN_LIT("\0\1\0\0\0\0"));
	nghttp2_hd_deflate_change_table_size(s->hpack[REQ], 0);
	headers(s, REQ, 3, END_STREAM, GET("/") "x-a: 2\n");
	nghttp2_hd_deflate_change_table_size(s->hpack[REQ], 65536);
	headers(s, REQ, 5, END_STREAM, GET("/") "x-a: 3\n");
	headers(s, REQ, 7, END_STREAM, GET("/") "x-a: 3\n");
#define SEEN(xid, v) LOG_GET(xid, "/") "  x-a: [" v "]\nrequest-end " xid " complete\n"
	expect(s, SEEN("1", "1") SEEN("2", "2") SEEN("3", "3")
			  SEEN("4", "3") "counts 4 0 broken=0 unknown=0 skipped=0\n");
}

/* Drops what the client sent so far: the observer comes later. */
static void forget(struct sender *s)
{
	for (size_t i = 0; i < s->n; i++)
		buf_release(&s->turn[i].bytes);
	s->n = 0;
}

static void test_joined_midway(void **state)
{
	struct sender *s = *state;

	begin(s);
	headers(s, REQ, 1, END_STREAM, GET("/old") "authorization: Bearer old\nx-old: 1\n");
	headers(s, RESP, 1, 0, ":status: 200\nserver: s\n");
	forget(s);
	/* The tail of a body on stream 1, which nobody knows. */
	data(s, RESP, 1, END_STREAM, "tail");
	headers(s, REQ, 3, END_STREAM,
		GET("/new") "authorization: Bearer old\nx-old: 2\nx-new: 3\n");
	headers(s, RESP, 3, END_STREAM, ":status: 200\nserver: s\nx-new: 1\n");
	headers(s, REQ, 5, END_STREAM, GET("/new") "x-old: 2\nx-new: 3\n");
	headers(s, RESP, 5, END_STREAM, ":status: 404\nx-new: 1\n");
	expect_from(s, 1000,
		    "request 1 20 method=GET target=/new scheme=https\n"
		    "  ?[]\n"                         /* :authority */
		    "  authorization: [Bearer old]\n" /* never indexed */
		    "  ?[2]\n"                        /* x-old */
		    "  x-new: [3]\n"
		    "request-end 1 complete\n"
		    "response 1 20 status=200\n"
		    "  ?[]\n"
		    "  x-new: [1]\n"
		    "response-end 1 complete\n"
		    "request 2 20 method=GET target=/new scheme=https\n"
		    "  ?[]\n"
		    "  ?[2]\n"
		    "  x-new: [3]\n"
		    "request-end 2 complete\n"
		    "response 2 20 status=404\n"
		    "  x-new: [1]\n"
		    "response-end 2 complete\n"
		    "counts 2 2 broken=0 unknown=5 skipped=13\n");
}

static void test_joined_inside_a_frame(void **state)
{
	struct sender *s = *state;

	buf_add_str(out(s, REQ), "the rest of a \n\0frame\r\nPOST / HTTP/2\r\n");
	headers(s, REQ, 9, 0, POST("/9"));
	data(s, REQ, 9, END_STREAM, "x");
	headers(s, RESP, 9, END_STREAM, ":status: 200\n");
	/* The response of a request that was missed has a number of its own. */
	headers(s, RESP, 7, END_STREAM, ":status: 201\n");
	expect_from(s, 5,
		    LOG_POST("1", "/9") "request-end 1 complete body=x\n"
					"response 1 20 status=200\n"
					"response-end 1 complete\n"
					"response 2 20 status=201\n"
					"response-end 2 complete\n"
					"counts 1 2 broken=0 unknown=0 skipped=15\n");
}

static void test_gap_inside_a_frame(void **state)
{
	struct sender *s = *state;
	struct buf b;

	begin(s);
	headers(s, REQ, 1, 0, POST("/1"));
	headers(s, REQ, 3, 0, POST("/3"));
	data(s, REQ, 3, 0, "a");
	frame(s, REQ, DATA, 0, 1, SPAN_LIT("0123456789"));
	out(s, REQ)->len -= 8;
	gap(s, REQ, 5);
	buf_add_str(out(s, REQ), "789");
	data(s, REQ, 1, END_STREAM, "more");
	/* Another stream, and the header table, are as they were. */
	data(s, REQ, 3, END_STREAM, "b");
	headers(s, REQ, 5, END_STREAM, GET("/5"));
	/* A header block with a hole: the table is lost, the frames are not. */
	b = block_of(s, REQ, GET("/7") "x-new: 1\n");
	frame(s, REQ, HEADERS, END_HEADERS | END_STREAM, 7, buf_span(&b));
	out(s, REQ)->len -= 4;
	gap(s, REQ, 4);
	headers(s, REQ, 9, END_STREAM, GET("/9") "x-new: 1\n");
	expect(s,
	       LOG_POST("1", "/1") LOG_POST(
		       "2", "/3") "request-end 1 incomplete body=01\n"
				  "request-end 2 complete body=ab\n" LOG_GET(
					  "3",
					  "/5") "request-end 3 complete\n"
						"request 4 20 method=GET target=/9 scheme=https\n"
						"  ?[]\n"
						"  ?[]\n"
						"request-end 4 complete\n"
						"counts 4 0 broken=1 unknown=2 skipped=7\n");
	buf_release(&b);
}

static void test_gap_over_frames(void **state)
{
	struct sender *s = *state;

	begin(s);
	headers(s, REQ, 1, END_STREAM, GET("/1"));
	headers(s, RESP, 1, 0, ":status: 200\nx-a: b\n");
	data(s, RESP, 1, 0, "seen");
	gap(s, RESP, 1000);
	data(s, RESP, 1, 0, "the stream is known, its body is not whole any more");
	frame(s, RESP, WINDOW, 0, 1, SPAN_LIT("\0\0\1\0"));
	headers(s, REQ, 3, END_STREAM, GET("/3"));
	headers(s, RESP, 3, 0, ":status: 200\nx-a: b\n");
	data(s, RESP, 3, END_STREAM, "whole");
	expect(s,
	       LOG_GET("1", "/1") "request-end 1 complete\n"
				  "response 1 20 status=200\n"
				  "  x-a: [b]\n"
				  "response-end 1 incomplete body=seen\n" LOG_GET(
					  "2", "/3") "request-end 2 complete\n"
						     "response 2 20 status=200\n"
						     "  ?[]\n"
						     "response-end 2 complete body=whole\n"
						     "counts 2 2 broken=0 unknown=1 skipped=60\n");
}

static void test_broken_blocks(void **state)
{
	struct sender *s = *state;

	begin(s);
	/* An index of 0 (RFC 7541 6.1), after a field that is fine. */
	frame(s, REQ, HEADERS, END_HEADERS | END_STREAM, 1, SPAN_LIT("\x82\x80\x84"));
	/* Cut in a literal. */
	frame(s, REQ, HEADERS, END_HEADERS | END_STREAM, 3,
	      SPAN_LIT("\x82\x40\x05"
		       "ab"));
	/* A size update behind a field. */
	frame(s, REQ, HEADERS, END_HEADERS | END_STREAM, 5, SPAN_LIT("\x82\x20"));
	/* Padding longer than the frame. */
	frame(s, REQ, HEADERS, END_HEADERS | PADDED, 7, SPAN_LIT("\x09\x82"));
	/* A block that is not continued, and one that did not begin. */
	frame(s, REQ, HEADERS, 0, 9, SPAN_LIT("\x82"));
	frame(s, REQ, PING, 0, 0, SPAN_LIT("12345678"));
	frame(s, REQ, CONTINUATION, END_HEADERS, 9, SPAN_LIT("\x84"));
	/* A table larger than anybody keeps: followed as far as it is kept. */
	frame(s, REQ, HEADERS, END_HEADERS | END_STREAM, 11,
	      SPAN_LIT("\x3f\xe1\xff\xff\x0f\x82\x84\x40\x01"
		       "a\x01"
		       "b\xbe"));
	expect(s, "request 1 20 method=GET cut\nrequest-end 1 complete\n"
		  "request 2 20 method=GET cut\nrequest-end 2 complete\n"
		  "request 3 20 method=GET cut\nrequest-end 3 complete\n"
		  "request 4 20 method=GET target=/\n"
		  "  a: [b]\n"
		  "  a: [b]\n"
		  "request-end 4 complete\n"
		  "counts 4 0 broken=7 unknown=0 skipped=0\n");
}

static void test_broken_frames(void **state)
{
	struct sender *s = *state;

	begin(s);
	headers(s, REQ, 1, 0, POST("/1"));
	data(s, REQ, 1, 0, "x");
	/* A PING on a stream can not be. */
	frame(s, REQ, PING, 0, 1, SPAN_LIT("12345678"));
	headers(s, REQ, 3, END_STREAM, ":method: GET\n:path: /\n");
	expect(s, LOG_POST("1", "/1") "request-end 1 incomplete body=x\n"
				      "request 2 20 method=GET target=/\n"
				      "request-end 2 complete\n"
				      "counts 2 0 broken=1 unknown=0 skipped=17\n");
}

static void test_wrong_preface(void **state)
{
	struct sender *s = *state;

	buf_add_str(out(s, REQ), "PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n");
	headers(s, REQ, 1, END_STREAM, ":method: GET\n:path: /\n");
	expect(s, "request 1 20 method=GET target=/\n"
		  "request-end 1 complete\n"
		  "counts 1 0 broken=1 unknown=0 skipped=24\n");
}

static void test_large_blocks(void **state)
{
	struct sender *s = *state;
	struct buf lines = BUF_INIT(0), big = BUF_INIT(0);
	struct http_rec *r;

	begin(s);
	buf_add_str(&lines, GET("/many"));
	for (int i = 0; i < 300; i++)
		buf_addf(&lines, "x-%d: y\n", i);
	headers(s, REQ, 1, END_STREAM, lines.p);
	/* A block longer than is held, in frames of 16384. */
	buf_reserve(&big, 16384);
	memset(big.p, 0, 16384);
	big.len = 16384;
	frame(s, REQ, HEADERS, END_STREAM, 3, buf_span(&big));
	for (int i = 0; i < 16; i++)
		frame(s, REQ, CONTINUATION, i == 15 ? END_HEADERS : 0, 3, buf_span(&big));
	headers(s, REQ, 5, END_STREAM, ":method: GET\n:path: /after\n");
	for (size_t step = 0; step < 3; step++) {
		r = run(s, 0, 0, step * 1000);
		assert_non_null(
			strstr(r->log.p, "target=/many scheme=https authority=api.example cut\n"));
		assert_non_null(strstr(r->log.p, "  x-0: [y]\n"));
		assert_null(strstr(r->log.p, "  x-299: [y]\n"));
		assert_non_null(strstr(r->log.p, "target=/after\n"));
		assert_non_null(strstr(r->log.p, "counts 2 0 broken=1 unknown=0 skipped=0\n"));
		http_rec_free(r);
	}
	buf_release(&lines);
	buf_release(&big);
}

static void test_many_streams(void **state)
{
	struct sender *s = *state;
	struct http_rec *r;

	begin(s);
	for (uint32_t i = 0; i <= HTTP_MAX_STREAMS; i++)
		headers(s, REQ, 2 * i + 1, 0, POST("/"));
	r = run(s, 0, 0, 0);
	/* The first one had to go. */
	assert_true(strstr(r->log.p, "request-end 1 incomplete\n") <
		    strstr(r->log.p, "request 129 "));
	assert_non_null(strstr(r->log.p, "counts 129 0 broken=1 "));
	http_rec_free(r);
}

static void test_upgrade(void **state)
{
	struct sender *s = *state;

	buf_add_str(out(s, REQ),
		    "GET /up HTTP/1.1\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABk\r\n\r\n");
	buf_add_str(out(s, RESP), "HTTP/1.1 101 Switching Protocols\r\nupgrade: h2c\r\n\r\n");
	frame(s, RESP, SETTINGS, 0, 0, SPAN_NONE);
	headers(s, RESP, 1, 0, ":status: 200\n");
	data(s, RESP, 1, END_STREAM, "upgraded");
	buf_add_str(out(s, REQ), PREFACE);
	frame(s, REQ, SETTINGS, 0, 0, SPAN_NONE);
	headers(s, REQ, 3, END_STREAM, GET("/3"));
	expect(s, "request 1 11 method=GET target=/up\n"
		  "  upgrade: [h2c]\n"
		  "  http2-settings: [AAMAAABk]\n"
		  "request-end 1 complete\n"
		  "response 1 11 status=101\n"
		  "  upgrade: [h2c]\n"
		  "response-end 1 complete\n"
		  "response 1 20 status=200\n"
		  "response-end 1 complete body=upgraded\n" LOG_GET(
			  "2", "/3") "request-end 2 complete\n"
				     "counts 2 2 broken=0 unknown=0 skipped=0\n");
}

static void test_upgrade_preface_first(void **state)
{
	struct sender *s = *state;

	/* Prior knowledge on a connection that spoke HTTP/1 before. */
	buf_add_str(out(s, REQ), "GET /1 HTTP/1.1\r\n\r\n");
	buf_add_str(out(s, RESP), "HTTP/1.1 204 X\r\n\r\n");
	begin(s);
	headers(s, REQ, 1, END_STREAM, GET("/2"));
	headers(s, RESP, 1, END_STREAM, ":status: 204\n");
	expect(s, "request 1 11 method=GET target=/1\n"
		  "request-end 1 complete\n"
		  "response 1 11 status=204\n"
		  "response-end 1 complete\n" LOG_GET(
			  "2", "/2") "request-end 2 complete\n"
				     "response 2 20 status=204\n"
				     "response-end 2 complete\n"
				     "counts 2 2 broken=0 unknown=0 skipped=0\n");
}

static void test_server_speaks_first(void **state)
{
	struct sender *s = *state;

	frame(s, RESP, SETTINGS, 0, 0, SPAN_LIT("\0\3\0\0\0\x64"));
	buf_add_str(out(s, REQ), PREFACE);
	headers(s, REQ, 1, END_STREAM, GET("/"));
	headers(s, RESP, 1, END_STREAM, ":status: 200\n");
	expect(s, LOG_GET("1", "/") "request-end 1 complete\n"
				    "response 1 20 status=200\n"
				    "response-end 1 complete\n"
				    "counts 1 1 broken=0 unknown=0 skipped=0\n");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_exchange),
		TEST(test_offsets),
		TEST(test_interleaved_streams),
		TEST(test_padding_priority_continuation),
		TEST(test_interim_and_trailers),
		TEST(test_reset_and_goaway),
		TEST(test_push),
		TEST(test_gzip_body),
		TEST(test_table_size),
		TEST(test_joined_midway),
		TEST(test_joined_inside_a_frame),
		TEST(test_gap_inside_a_frame),
		TEST(test_gap_over_frames),
		TEST(test_broken_blocks),
		TEST(test_broken_frames),
		TEST(test_wrong_preface),
		TEST(test_large_blocks),
		TEST(test_many_streams),
		TEST(test_upgrade),
		TEST(test_upgrade_preface_first),
		TEST(test_server_speaks_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
