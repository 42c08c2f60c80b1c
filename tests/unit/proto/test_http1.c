/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>

#include "http_recorder.h"

#define MAX_TURNS 8

/* Bytes of one direction; a NULL text is a gap of `gap` bytes. */
struct turn {
	enum http_dir dir;
	const char *text;
	uint64_t gap;
};

#define REQ(s)                                                                                     \
	{                                                                                          \
		HTTP_REQUESTS, (s), 0                                                              \
	}
#define RESP(s)                                                                                    \
	{                                                                                          \
		HTTP_RESPONSES, (s), 0                                                             \
	}
#define GAP(d, n)                                                                                  \
	{                                                                                          \
		(d), NULL, (n)                                                                     \
	}

static void run(struct http_rec *r, const struct turn *turns, size_t cut, size_t step)
{
	struct http_conn *c = http_conn_new(&http_rec_ops, r);
	uint64_t off[2] = { 0, 0 };

	assert_non_null(c);
	for (const struct turn *t = turns; t < turns + MAX_TURNS && (t->text || t->gap); t++) {
		struct span s = span_str(t->text);

		if (!t->text) {
			http_gap(c, t->dir, t->gap);
			off[t->dir] += t->gap;
			continue;
		}
		while (s.len) {
			struct span piece = span_sub(s, 0, step ? step : cut ? cut : s.len);

			http_rec_feed(c, t->dir, piece, off[t->dir]);
			off[t->dir] += piece.len;
			s = span_sub(s, piece.len, s.len);
			cut = 0;
		}
	}
	http_close(c);
	http_rec_finish(r, c);
	http_conn_free(c);
}

/* The turns say `want`, whole, cut once at every place, and byte by byte. */
static void expect(const struct turn *turns, const char *want)
{
	size_t longest = 0;

	for (size_t i = 0; i < MAX_TURNS; i++) {
		size_t len = turns[i].text ? strlen(turns[i].text) : 0;

		longest = len > longest ? len : longest;
	}
	for (size_t cut = 0; cut <= longest + 1; cut++) {
		struct http_rec *r = http_rec_new();

		run(r, turns, cut, cut > longest ? 1 : 0);
		assert_string_equal(r->log.p, want);
		http_rec_free(r);
	}
	for (size_t step = 2; step < 40; step++) {
		struct http_rec *r = http_rec_new();

		run(r, turns, 0, step);
		assert_string_equal(r->log.p, want);
		http_rec_free(r);
	}
}

#define EXPECT(want, ...) expect((const struct turn[MAX_TURNS]){ __VA_ARGS__ }, want)

static void test_exchange(void **state)
{
	EXPECT("request 1 @0 11 method=POST target=/mcp?x=1 authority=h:80\n"
	       "  Host: [h:80]\n"
	       "  Content-Length: [5]\n"
	       "request-end 1 complete body=hello\n"
	       "response 1 @0 11 status=200\n"
	       "  content-length: [2]\n"
	       "response-end 1 complete body=ok\n"
	       "counts 1 1 broken=0 unknown=0 skipped=0\n",
	       REQ("POST /mcp?x=1 HTTP/1.1\r\nHost: h:80\r\nContent-Length:5 \r\n\r\n"),
	       REQ("hello"), RESP("HTTP/1.1 200 OK\r\ncontent-length:\t2\r\n\r\nok"));
}

static void test_keep_alive_and_version_10(void **state)
{
	EXPECT("request 1 @0 10 method=GET target=/a\n"
	       "request-end 1 complete\n"
	       "response 1 @0 10 status=404\n"
	       "  Content-Length: [0]\n"
	       "response-end 1 complete\n"
	       "request 2 @22 11 method=DELETE target=/b\n"
	       "request-end 2 complete\n"
	       "response 2 @42 11 status=299\n"
	       "response-end 2 complete body=till the end\n"
	       "counts 2 2 broken=0 unknown=0 skipped=0\n",
	       REQ("GET /a HTTP/1.0\r\n\r\n"), RESP("HTTP/1.0 404 No\r\nContent-Length: 0\r\n\r\n"),
	       REQ("\r\n\nDELETE /b HTTP/1.1\r\n\r\n"),
	       RESP("\r\n\r\nHTTP/1.1 299\r\n\r\ntill the end"));
}

static void test_pipelining(void **state)
{
	EXPECT("request 1 @0 11 method=GET target=/1\n"
	       "request-end 1 complete\n"
	       "request 2 @19 11 method=POST target=/2\n"
	       "  content-length: [1]\n"
	       "request-end 2 complete body=x\n"
	       "request 3 @59 11 method=HEAD target=/3\n"
	       "request-end 3 complete\n"
	       "response 1 @0 11 status=200\n"
	       "  content-length: [1]\n"
	       "response-end 1 complete body=a\n"
	       "response 2 @39 11 status=204\n"
	       "  content-length: [7]\n"
	       "response-end 2 complete\n"
	       "response 3 @75 11 status=200\n"
	       "  content-length: [7]\n"
	       "response-end 3 complete\n"
	       "counts 3 3 broken=0 unknown=0 skipped=0\n",
	       REQ("GET /1 HTTP/1.1\r\n\r\nPOST /2 HTTP/1.1\r\ncontent-length: 1\r\n\r\nx"
		   "HEAD /3 HTTP/1.1\r\n\r\n"),
	       RESP("HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\na"
		    "HTTP/1.1 204 \r\ncontent-length: 7\r\n\r\n"
		    "HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\n"));
}

static void test_chunked(void **state)
{
	EXPECT("request 1 @0 11 method=GET target=/\n"
	       "request-end 1 complete\n"
	       "response 1 @0 11 status=200\n"
	       "  Transfer-Encoding: [Chunked]\n"
	       "response-end 1 complete body=tok-en-0123456789abcdef.\n"
	       "response 0 @135 11 status=304\n"
	       "response-end 0 complete\n"
	       "counts 1 2 broken=0 unknown=0 skipped=0\n",
	       REQ("GET / HTTP/1.1\r\n\r\n"),
	       RESP("HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n"
		    "4\r\ntok-\r\n3 ;ext=\"1\"; y\r\nen-\r\n0011\r\n0123456789abcdef.\r\n"
		    "000;last\r\nTrailer: x\r\nOther: y\r\n\r\n"
		    "HTTP/1.1 304 Not Modified\r\n\r\n"));
}

static void test_chunked_bare_lf(void **state)
{
	EXPECT("request 1 @0 11 method=PUT target=/ authority=h\n"
	       "  transfer-encoding: [gzip;q=1, chunked]\n"
	       "  content-encoding: [what]\n"
	       "  host: [h]\n"
	       "request-end 1 incomplete\n"
	       "request 2 @92 11 method=GET target=/\n"
	       "request-end 2 complete\n"
	       "counts 2 0 broken=1 unknown=0 skipped=0\n",
	       REQ("PUT / HTTP/1.1\ntransfer-encoding: gzip;q=1, chunked\ncontent-encoding: what\n"
		   "host: h\n\n2\n??\n0\n\nGET / HTTP/1.1\n\n"));
}

static void test_broken_chunks(void **state)
{
	/* The body ends at what is no chunk; the next start line is found. */
	EXPECT("request 1 @0 11 method=PUT target=/\n"
	       "  transfer-encoding: [chunked]\n"
	       "request-end 1 incomplete body=ab\n"
	       "request 2 @58 11 method=GET target=/x\n"
	       "request-end 2 complete\n"
	       "counts 2 0 broken=1 unknown=0 skipped=6\n",
	       REQ("PUT / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n2\r\nabzzzzz\r\n"
		   "GET /x HTTP/1.1\r\n\r\n"));
	EXPECT("request 1 @0 11 method=PUT target=/\n"
	       "  transfer-encoding: [chunked]\n"
	       "request-end 1 incomplete\n"
	       "counts 1 0 broken=1 unknown=0 skipped=5\n",
	       REQ("PUT / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\nfffffffffffffffff\r\nab"));
	EXPECT("request 1 @0 11 method=PUT target=/\n"
	       "  transfer-encoding: [chunked]\n"
	       "request-end 1 incomplete\n"
	       "counts 1 0 broken=1 unknown=0 skipped=0\n",
	       REQ("PUT / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n \n"));
}

static void test_conflicts(void **state)
{
	/* Transfer-Encoding wins. */
	EXPECT("request 1 @0 11 method=POST target=/\n"
	       "  content-length: [3]\n"
	       "  transfer-encoding: [chunked]\n"
	       "request-end 1 complete body=abcd\n"
	       "counts 1 0 broken=1 unknown=0 skipped=0\n",
	       REQ("POST / HTTP/1.1\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n"
		   "4\r\nabcd\r\n0\r\n\r\n"));
	/* The first number counts; equal ones are one. */
	EXPECT("request 1 @0 11 method=POST target=/\n"
	       "  content-length: [2]\n"
	       "  content-length: [3]\n"
	       "request-end 1 complete body=ab\n"
	       "request 2 @59 11 method=POST target=/\n"
	       "  content-length: [2, 2]\n"
	       "request-end 2 complete body=ab\n"
	       "request 3 @102 11 method=POST target=/\n"
	       "  content-length: [x]\n"
	       "  no colon: []\n"
	       "request-end 3 complete\n"
	       "counts 3 0 broken=2 unknown=0 skipped=0\n",
	       REQ("POST / HTTP/1.1\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\nab"
		   "POST / HTTP/1.1\r\ncontent-length: 2, 2\r\n\r\nab"
		   "POST / HTTP/1.1\r\ncontent-length: x\r\nno line\r\nno colon:\r\n: y\r\n\r\n"));
}

static void test_fields(void **state)
{
	EXPECT("request 1 @0 11 method=GET target=/a b authority=x.example\n"
	       "  HOST: [x.example]\n"
	       "  Folded: [one   two \t\tthree]\n"
	       "  Spaced: [v : w]\n"
	       "  Empty: []\n"
	       "request-end 1 complete\n"
	       "counts 1 0 broken=0 unknown=0 skipped=0\n",
	       REQ("GET /a b HTTP/1.1\r\nHOST:x.example\r\nFolded: one\r\n two\n\t\tthree\r\n"
		   "Spaced \t:  v : w\t \r\nEmpty:\r\n\r\n"));
}

static void test_targets(void **state)
{
	EXPECT("request 1 @0 11 method=GET target=http://u@p.example:8080/x?y scheme=http"
	       " authority=u@p.example:8080\n"
	       "  host: [other]\n"
	       "request-end 1 complete\n"
	       "request 2 @57 11 method=OPTIONS target=* authority=h\n"
	       "  host: [h]\n"
	       "request-end 2 complete\n"
	       "request 3 @88 11 method=GET target=/r?u=http://a/ authority=h\n"
	       "  host: [h]\n"
	       "request-end 3 complete\n"
	       "request 4 @128 11 method=GET target=https://q?c=1 scheme=https authority=q\n"
	       "request-end 4 complete\n"
	       "counts 4 0 broken=0 unknown=0 skipped=0\n",
	       REQ("GET http://u@p.example:8080/x?y HTTP/1.1\r\nhost: other\r\n\r\n"
		   "OPTIONS * HTTP/1.1\r\nhost: h\r\n\r\n"
		   "GET /r?u=http://a/ HTTP/1.1\r\nhost: h\r\n\r\n"
		   "GET https://q?c=1 HTTP/1.1\r\n\r\n"));
}

static void test_interim(void **state)
{
	EXPECT("request 1 @0 11 method=POST target=/\n"
	       "  expect: [100-continue]\n"
	       "  content-length: [2]\n"
	       "request-end 1 complete body=ab\n"
	       "response 1 @65 11 status=201\n"
	       "  content-length: [0]\n"
	       "response-end 1 complete\n"
	       "counts 1 1 broken=0 unknown=0 skipped=0\n",
	       REQ("POST / HTTP/1.1\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\n"),
	       RESP("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n"),
	       REQ("ab"), RESP("HTTP/1.1 201 Created\r\ncontent-length: 0\r\n\r\n"));
}

static void test_until_close(void **state)
{
	EXPECT("request 1 @0 11 method=GET target=/sse\n"
	       "request-end 1 complete\n"
	       "response 1 @0 11 status=200\n"
	       "  content-type: [text/event-stream]\n"
	       "response-end 1 complete body=data: 1\n\nHTTP/1.1 200 OK\r\n\r\n\n"
	       "counts 1 1 broken=0 unknown=0 skipped=0\n",
	       REQ("GET /sse HTTP/1.1\r\n\r\n"),
	       RESP("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\ndata: 1\n\n"),
	       RESP("HTTP/1.1 200 OK\r\n\r\n"));
	/* A body whose length is known is cut by the end. */
	EXPECT("request 1 @0 11 method=GET target=/\n"
	       "request-end 1 complete\n"
	       "response 1 @0 11 status=200\n"
	       "  content-length: [9]\n"
	       "response-end 1 incomplete body=abc\n"
	       "counts 1 1 broken=0 unknown=0 skipped=0\n",
	       REQ("GET / HTTP/1.1\r\n\r\n"),
	       RESP("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc"));
}

static void test_switching(void **state)
{
	EXPECT("request 1 @0 11 method=GET target=/chat\n"
	       "  upgrade: [websocket]\n"
	       "request-end 1 complete\n"
	       "response 1 @0 11 status=101\n"
	       "  upgrade: [websocket]\n"
	       "response-end 1 complete\n"
	       "other 0 @42 bytes=\x81\x05HTTP/1.1\n"
	       "other 1 @56 bytes=\x81\x03"
	       "frm\n"
	       "counts 1 1 broken=0 unknown=0 skipped=0\n",
	       REQ("GET /chat HTTP/1.1\r\nupgrade: websocket\r\n\r\n"),
	       RESP("HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\n\r\n\x81\x03"
		    "frm"),
	       REQ("\x81\x05HTTP/1.1"));
	EXPECT("request 1 @0 11 method=CONNECT target=api.example:443 authority=api.example:443\n"
	       "  host: [x]\n"
	       "request-end 1 complete\n"
	       "response 1 @0 11 status=200\n"
	       "  content-length: [5]\n"
	       "response-end 1 complete\n"
	       "other 0 @45 bytes=\x16\x03\x01\n"
	       "other 1 @38 bytes=\x16\x03\x03\n"
	       "counts 1 1 broken=0 unknown=0 skipped=0\n",
	       REQ("CONNECT api.example:443 HTTP/1.1\r\nhost: x\r\n\r\n"),
	       RESP("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n"), REQ("\x16\x03\x01"),
	       RESP("\x16\x03\x03"));
	/* A proxy says no, and is asked again. */
	EXPECT("request 1 @0 11 method=CONNECT target=a:1 authority=a:1\n"
	       "request-end 1 complete\n"
	       "response 1 @0 11 status=407\n"
	       "  content-length: [2]\n"
	       "response-end 1 complete body=no\n"
	       "request 2 @24 11 method=CONNECT target=a:1 authority=a:1\n"
	       "request-end 2 complete\n"
	       "other 0 @48 bytes=\x16\x03\x01\n"
	       "counts 2 1 broken=0 unknown=0 skipped=0\n",
	       REQ("CONNECT a:1 HTTP/1.1\r\n\r\n"),
	       RESP("HTTP/1.1 407 Auth\r\ncontent-length: 2\r\n\r\nno"),
	       REQ("CONNECT a:1 HTTP/1.1\r\n\r\n"), REQ("\x16\x03\x01"));
}

static void test_not_http(void **state)
{
	EXPECT("other 0 @0 bytes=EHLO example.org\r\nGET / HTTP/1.1\r\n\r\n\n"
	       "other 1 @0 bytes=220 ready\r\nHTTP/1.1 200 OK\r\n\r\n\n"
	       "counts 0 0 broken=0 unknown=0 skipped=0\n",
	       REQ("EHLO example.org\r\nGET / HTTP/1.1\r\n\r\n"),
	       RESP("220 ready\r\nHTTP/1.1 200 OK\r\n\r\n"));
	EXPECT("other 0 @0 bytes=\x16\x03\x01 GET\n"
	       "counts 0 0 broken=0 unknown=0 skipped=0\n",
	       REQ("\x16\x03\x01 GET"));
	/* What the other direction shows decides for what is still held. */
	EXPECT("other 0 @0 bytes=GET /\n"
	       "other 1 @0 bytes=SSH-2.0\n"
	       "counts 0 0 broken=0 unknown=0 skipped=0\n",
	       REQ("GET /"), RESP("SSH-2.0"));
	/* Too little to say. */
	EXPECT("other 0 @0 bytes=GE\n"
	       "counts 0 0 broken=0 unknown=0 skipped=0\n",
	       REQ("GE"));
}

static void test_joined_midway(void **state)
{
	/* A gap at the front says so. */
	EXPECT("request 1 @110 11 method=GET target=/\n"
	       "request-end 1 complete\n"
	       "response 1 @35 11 status=200\n"
	       "  content-length: [2]\n"
	       "response-end 1 complete body=ok\n"
	       "counts 1 1 broken=0 unknown=0 skipped=44\n",
	       GAP(HTTP_REQUESTS, 100), REQ("rest of \r\nGET / HTTP/1.1\r\n\r\n"),
	       GAP(HTTP_RESPONSES, 1),
	       RESP("x HTTP/1.1 200 OK\r\n  HTTP/1.1 no\r\nHTTP/1.1 200 OK\r\n"),
	       RESP("content-length: 2\r\n\r\nok"));
}

static void test_lost_bytes_between(void **state)
{
	/* Nobody answers in HTTP, then somebody does. */
	EXPECT("request 1 @0 11 method=GET target=/\n"
	       "request-end 1 complete\n"
	       "response 1 @9 11 status=200\n"
	       "  content-length: [1]\n"
	       "response-end 1 complete body=x\n"
	       "counts 1 1 broken=1 unknown=0 skipped=9\n",
	       REQ("GET / HTTP/1.1\r\n\r\n"),
	       RESP("garbage\r\nHTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nx"));
}

static void test_gap_in_body(void **state)
{
	/* Inside a body of known length: what looks like a message there is none. */
	EXPECT("request 1 @0 11 method=POST target=/\n"
	       "  content-length: [30]\n"
	       "request-end 1 incomplete body=ab\n"
	       "request 2 @69 11 method=GET target=/n\n"
	       "request-end 2 complete\n"
	       "counts 2 0 broken=0 unknown=0 skipped=24\n",
	       REQ("POST / HTTP/1.1\r\ncontent-length: 30\r\n\r\nab"), GAP(HTTP_REQUESTS, 4),
	       REQ("\r\nGET /no HTTP/1.1\r\n\r\n  GET /n HTTP/1.1\r\n\r\n"));
	EXPECT("request 1 @0 11 method=PUT target=/\n"
	       "  transfer-encoding: [chunked]\n"
	       "request-end 1 incomplete body=a\n"
	       "request 2 @68 11 method=GET target=/n\n"
	       "request-end 2 complete\n"
	       "counts 2 0 broken=0 unknown=0 skipped=4\n",
	       REQ("PUT / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n5\r\na"),
	       GAP(HTTP_REQUESTS, 2), REQ("de\r\n2\r\nfg\r\n0\r\n\r\nGET /n HTTP/1.1\r\n\r\n"));
	/* Beyond it. */
	EXPECT("request 1 @0 11 method=POST target=/\n"
	       "  content-length: [3]\n"
	       "request-end 1 incomplete body=a\n"
	       "request 2 @1045 11 method=GET target=/n\n"
	       "request-end 2 complete\n"
	       "counts 2 0 broken=0 unknown=0 skipped=6\n",
	       REQ("POST / HTTP/1.1\r\ncontent-length: 3\r\n\r\na"), GAP(HTTP_REQUESTS, 1000),
	       REQ("tail\r\nGET /n HTTP/1.1\r\n\r\n"));
}

static void test_gap_in_head(void **state)
{
	/* The fields that were seen are handed out; the one that was cut is not. */
	EXPECT("request 1 @0 11 method=GET target=/ cut\n"
	       "  authorization: [Bearer x]\n"
	       "request-end 1 incomplete\n"
	       "request 2 @66 11 method=GET target=/n\n"
	       "request-end 2 complete\n"
	       "counts 2 0 broken=0 unknown=0 skipped=0\n",
	       REQ("GET / HTTP/1.1\r\nauthorization: Bearer x\r\ncookie: abcde"),
	       GAP(HTTP_REQUESTS, 12), REQ("GET /n HTTP/1.1\r\n\r\n"));
	EXPECT("request 1 @0 11 method=POST target=/ cut\n"
	       "  content-length: [5]\n"
	       "request-end 1 incomplete\n"
	       "counts 1 0 broken=0 unknown=0 skipped=0\n",
	       REQ("POST / HTTP/1.1\r\ncontent-length: 5\r\ncook"));
	/* A start line is no head yet. */
	EXPECT("request 1 @0 11 method=GET target=/\n"
	       "request-end 1 complete\n"
	       "counts 1 0 broken=0 unknown=0 skipped=10\n",
	       REQ("GET / HTTP/1.1\r\n\r\nGET /other"), GAP(HTTP_REQUESTS, 1));
}

static void test_pairing_after_loss(void **state)
{
	/* The response to /1 was lost: the next one is that of the latest request. */
	EXPECT("request 1 @0 11 method=GET target=/1\n"
	       "request-end 1 complete\n"
	       "request 2 @19 11 method=GET target=/2\n"
	       "request-end 2 complete\n"
	       "response 2 @50 11 status=204\n"
	       "response-end 2 complete\n"
	       "counts 2 1 broken=0 unknown=0 skipped=0\n",
	       REQ("GET /1 HTTP/1.1\r\n\r\n"), GAP(HTTP_RESPONSES, 50),
	       REQ("GET /2 HTTP/1.1\r\n\r\n"), RESP("HTTP/1.1 204 X\r\n\r\n"));
	/* Of a pipelined connection nothing is known then. */
	EXPECT("request 1 @0 11 method=GET target=/1\n"
	       "request-end 1 complete\n"
	       "request 2 @19 11 method=GET target=/2\n"
	       "request-end 2 complete\n"
	       "response 0 @50 11 status=204\n"
	       "response-end 0 complete\n"
	       "request 3 @38 11 method=GET target=/3\n"
	       "request-end 3 complete\n"
	       "response 3 @68 11 status=204\n"
	       "response-end 3 complete\n"
	       "counts 3 2 broken=0 unknown=0 skipped=0\n",
	       REQ("GET /1 HTTP/1.1\r\n\r\nGET /2 HTTP/1.1\r\n\r\n"), GAP(HTTP_RESPONSES, 50),
	       RESP("HTTP/1.1 204 X\r\n\r\n"), REQ("GET /3 HTTP/1.1\r\n\r\n"),
	       RESP("HTTP/1.1 204 X\r\n\r\n"));
}

static void feed_text(struct http_conn *c, enum http_dir dir, const char *s, uint64_t *off)
{
	http_rec_feed(c, dir, span_str(s), *off);
	*off += strlen(s);
}

static void test_many_pending(void **state)
{
	struct http_rec *r = http_rec_new();
	struct http_conn *c = http_conn_new(&http_rec_ops, r);
	uint64_t off[2] = { 0, 0 };

	for (int i = 0; i < HTTP_MAX_PENDING + 2; i++)
		feed_text(c, HTTP_REQUESTS, "GET / HTTP/1.1\r\n\r\n", &off[0]);
	for (int i = 0; i < HTTP_MAX_PENDING + 2; i++) {
		buf_clear(&r->log);
		feed_text(c, HTTP_RESPONSES, "HTTP/1.1 204 X\r\n\r\n", &off[1]);
		if (i == HTTP_MAX_PENDING - 1)
			assert_non_null(strstr(r->log.p, "response 256 "));
		if (i >= HTTP_MAX_PENDING)
			assert_non_null(strstr(r->log.p, "response 0 "));
	}
	buf_clear(&r->log);
	feed_text(c, HTTP_REQUESTS, "GET / HTTP/1.1\r\n\r\n", &off[0]);
	feed_text(c, HTTP_RESPONSES, "HTTP/1.1 204 X\r\n\r\n", &off[1]);
	assert_non_null(strstr(r->log.p, "response 259 "));
	http_conn_free(c);
	http_rec_free(r);
}

static void test_long_head(void **state)
{
	for (size_t step = 0; step < 3; step++) {
		struct http_rec *r = http_rec_new();
		struct http_conn *c = http_conn_new(&http_rec_ops, r);
		struct buf in = BUF_INIT(0);
		size_t piece;

		buf_add_str(&in, "GET /long HTTP/1.1\r\nfirst: 1\r\nbig: ");
		for (size_t i = 0; i < HTTP_MAX_HEAD; i++)
			buf_add_byte(&in, 'x');
		buf_add_str(&in, "\r\nlast: 1\r\ncontent-length: 3\r\n\r\nGET / HTTP/1.1\r\n\r\n");
		piece = step == 0 ? in.len : step == 1 ? 1 : 40000;
		for (size_t at = 0; at < in.len; at += piece)
			http_rec_feed(c, HTTP_REQUESTS, span_sub(buf_span(&in), at, piece), at);
		assert_string_equal(r->log.p, "request 1 @0 11 method=GET target=/long cut\n"
					      "  first: [1]\n"
					      "request-end 1 complete\n"
					      "request 2 @65603 11 method=GET target=/\n"
					      "request-end 2 complete\n");
		http_conn_free(c);
		http_rec_free(r);
		buf_release(&in);
	}
}

static void test_many_fields(void **state)
{
	struct http_rec *r = http_rec_new();
	struct http_conn *c = http_conn_new(&http_rec_ops, r);
	struct buf in = BUF_INIT(0);

	buf_add_str(&in, "GET / HTTP/1.1\r\n");
	for (size_t i = 0; i < HTTP_MAX_FIELDS + 1; i++)
		buf_add_str(&in, "a: b\r\n");
	buf_add_str(&in, "\r\n");
	http_rec_feed(c, HTTP_REQUESTS, buf_span(&in), 0);
	assert_non_null(strstr(r->log.p, "target=/ cut\n"));
	http_conn_free(c);
	http_rec_free(r);
	buf_release(&in);
}

/* Not a byte of an identity body is copied, and each piece says where it stood. */
static void test_no_copy(void **state)
{
	static const char text[] = "POST / HTTP/1.1\r\ncontent-length: 8\r\n\r\nabcdefgh";
	struct http_rec *r = http_rec_new();
	struct http_conn *c = http_conn_new(&http_rec_ops, r);

	assert_int_equal(http_feed(c, HTTP_REQUESTS, SPAN_LIT(text), 0), 0);
	assert_ptr_equal(r->last_piece, text + 38);
	assert_int_equal(r->last_raw_off, 38);
	assert_int_equal(r->pieces, 1);
	http_conn_free(c);
	http_rec_free(r);
}

static void test_callbacks_may_be_null(void **state)
{
	static const struct http_ops none = { 0 };
	struct http_conn *c = http_conn_new(&none, NULL);
	struct http_counts n;

	assert_int_equal(http_feed(c, HTTP_REQUESTS,
				   SPAN_LIT("POST / HTTP/1.1\r\ncontent-length: 1\r\n\r\nx"), 0),
			 0);
	assert_int_equal(http_feed(c, HTTP_RESPONSES, SPAN_LIT("HTTP/1.1 101 X\r\n\r\nyyy"), 0), 0);
	http_close(c);
	http_close(c);
	/* Nothing follows a close. */
	assert_int_equal(http_feed(c, HTTP_RESPONSES, SPAN_LIT("HTTP/1.1 200 X\r\n\r\n"), 21), 0);
	http_gap(c, HTTP_RESPONSES, 1);
	http_counts(c, &n);
	assert_int_equal(n.requests, 1);
	assert_int_equal(n.responses, 1);
	assert_null(http_conn_free(c));
	assert_null(http_conn_free(NULL));
}

static void test_field_value(void **state)
{
	const struct http_field f[] = { { SPAN_LIT("Authorization"), SPAN_LIT("a"), false },
					{ SPAN_LIT("authorization"), SPAN_LIT("b"), false } };
	const struct http_head h = { .fields = f, .n_fields = 2 };

	assert_true(span_eq_str(http_field_value(&h, "AUTHORIZATION"), "a"));
	assert_null(http_field_value(&h, "authorizatio").p);
}

static void test_guess(void **state)
{
	static const struct {
		struct span s;
		int want;
	} rows[] = {
		{ SPAN_LIT("GET /"), 1 },
		{ SPAN_LIT("GET"), -EAGAIN },
		{ SPAN_LIT(""), -EAGAIN },
		{ SPAN_LIT("\r\nPATCH x"), 1 },
		{ SPAN_LIT("PROPFIND / HTTP/1.1\r\n"), 1 },
		{ SPAN_LIT("PROPFIND / HTTP/1"), -EAGAIN },
		{ SPAN_LIT("PROPFIND / IMAP/4\r\n"), -1 },
		{ SPAN_LIT("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), 1 },
		{ SPAN_LIT("HTTP/1.1 200 OK\r\n"), 0 },
		{ SPAN_LIT("HTTP/1.0 404\r\n"), 0 },
		{ SPAN_LIT("HTTP/1.1 200 O"), 0 },
		{ SPAN_LIT("HTTP/1.1 200"), -EAGAIN },
		{ SPAN_LIT("HTTP/"), -EAGAIN },
		{ SPAN_LIT("HTTP/1.1 2x0 OK\r\n"), -1 },
		{ SPAN_LIT("\x16\x03\x01\x02"), -1 },
		{ SPAN_LIT("SSH-2.0-x\r\n"), -1 },
		{ SPAN_LIT("{\"jsonrpc\":\"2.0\"}\n"), -1 },
		{ SPAN_LIT("\0\0\6\4\0\0\0\0\0\0\3"), 0 },
		{ SPAN_LIT("\0\0\6\4\0"), -EAGAIN },
		{ SPAN_LIT("\0\0\5\4\0\0\0\0\0"), -1 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		assert_int_equal(http_guess(rows[i].s), rows[i].want);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_exchange),
		cmocka_unit_test(test_keep_alive_and_version_10),
		cmocka_unit_test(test_pipelining),
		cmocka_unit_test(test_chunked),
		cmocka_unit_test(test_chunked_bare_lf),
		cmocka_unit_test(test_broken_chunks),
		cmocka_unit_test(test_conflicts),
		cmocka_unit_test(test_fields),
		cmocka_unit_test(test_targets),
		cmocka_unit_test(test_interim),
		cmocka_unit_test(test_until_close),
		cmocka_unit_test(test_switching),
		cmocka_unit_test(test_not_http),
		cmocka_unit_test(test_joined_midway),
		cmocka_unit_test(test_lost_bytes_between),
		cmocka_unit_test(test_gap_in_body),
		cmocka_unit_test(test_gap_in_head),
		cmocka_unit_test(test_pairing_after_loss),
		cmocka_unit_test(test_many_pending),
		cmocka_unit_test(test_long_head),
		cmocka_unit_test(test_many_fields),
		cmocka_unit_test(test_no_copy),
		cmocka_unit_test(test_callbacks_may_be_null),
		cmocka_unit_test(test_field_value),
		cmocka_unit_test(test_guess),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
