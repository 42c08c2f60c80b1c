/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>

#include "proto/url.h"

/* scheme|userinfo|host|port|path|query|fragment */
static const char *text_of(const struct url *u, char *out, size_t size)
{
	snprintf(out, size, "%.*s|%.*s|%.*s|%u|%.*s|%.*s|%.*s", (int)u->scheme.len, u->scheme.p,
		 (int)u->userinfo.len, u->userinfo.p, (int)u->host.len, u->host.p, u->port,
		 (int)u->path.len, u->path.p, (int)u->query.len, u->query.p, (int)u->fragment.len,
		 u->fragment.p);
	return out;
}

struct row {
	const char *in, *want; /* NULL: -EINVAL */
};

static void check(const struct row *rows, size_t n, int (*parse)(struct span, struct url *))
{
	char text[512];
	struct url u;

	for (size_t i = 0; i < n; i++) {
		int err = parse(span_str(rows[i].in), &u);

		if (!rows[i].want) {
			assert_int_equal(err, -EINVAL);
			continue;
		}
		assert_int_equal(err, 0);
		assert_string_equal(text_of(&u, text, sizeof(text)), rows[i].want);
	}
}

#define COUNT(a) (sizeof(a) / sizeof(*(a)))

static void test_parse(void **state)
{
	static const struct row rows[] = {
		{ "https://as.example/authorize?client_id=x&state=y#z",
		  "https||as.example|443|/authorize|client_id=x&state=y|z" },
		{ "http://127.0.0.1:3334/cb", "http||127.0.0.1|3334|/cb||" },
		{ "HTTPS://u:p@h", "HTTPS|u:p|h|443|||" },
		{ "https://a@b@h:/", "https|a@b|h|443|/||" },
		{ "http://[::1]:8080/x", "http||::1|8080|/x||" },
		{ "http://[::1]", "http||::1|80|||" },
		{ "ws://h?q", "ws||h|80||q|" },
		{ "wss://h#f?g", "wss||h|443|||f?g" },
		{ "cursor://some.extension/oauth/callback?code=1",
		  "cursor||some.extension|0|/oauth/callback|code=1|" },
		{ " \n https://h/ \t", "https||h|443|/||" },
		{ "https:\\\\h\\p?q\\r", "https||h|443|\\p|q\\r|" },
		{ "https:/\\h", "https||h|443|||" },
		{ "https://h?a#b#c", "https||h|443||a|b#c" },
		{ "https://h/?", "https||h|443|/||" },
		{ "x+y-z.1://h", "x+y-z.1||h|0|||" },
		{ "http://h:65535", "http||h|65535|||" },
		{ "http://h:65536", NULL },
		{ "http://h:12a", NULL },
		{ "http://[::1", NULL },
		{ "http://[::1]x", NULL },
		{ "http:///path", NULL },
		{ "http://user@/x", NULL },
		{ "http://:80", NULL },
		{ "http:/h", NULL },
		{ "http:", NULL },
		{ "http:/", NULL },
		{ "1http://h", NULL },
		{ "://h", NULL },
		{ "app:\\\\h", NULL },
		{ "mailto:x@y", NULL },
		{ "/path", NULL },
		{ "", NULL },
	};

	check(rows, COUNT(rows), url_parse);
}

static void test_target(void **state)
{
	static const struct row rows[] = {
		{ "/cb?code=c&state=s", "|||0|/cb|code=c&state=s|" },
		{ "/", "|||0|/||" },
		{ "//h/p", "|||0|//h/p||" },
		{ "/p#f", "|||0|/p||f" },
		{ "http://h:1/p?q", "http||h|1|/p|q|" },
		{ "*", NULL },
		{ "h:443", NULL },
		{ "", NULL },
	};

	check(rows, COUNT(rows), url_parse_target);
}

static void test_find(void **state)
{
	static const struct {
		const char *text, *want; /* the URLs, each followed by a space */
	} rows[] = {
		{ "Please visit: https://as/authorize?x=y&z=1.", "https://as/authorize?x=y&z=1 " },
		{ "http://a, then HTTPS://b! (see http://c/d_(e)) \"http://f\"",
		  "http://a HTTPS://b http://c/d_(e) http://f " },
		{ "[x](https://h/p?[1]) <https://i>'http://j'`http://k`",
		  "https://h/p?[1] https://i http://j http://k " },
		{ "[http://[::1]:80/x]", "http://[::1]:80/x " },
		{ "url=https://h/?q=http://i/;next", "https://h/?q=http://i/;next " },
		{ "https://h\\n https://i\x7f https://j\n", "https://h https://i https://j " },
		{ "ftp://x file:///y ://z http:// https://?! http", "" },
		{ "xhttp://a httpshttps://b", "http://a https://b " },
		{ "https://h/caf\xc3\xa9?!.", "https://h/caf\xc3\xa9 " },
		{ "a://https://b", "https://b " },
		{ "", "" },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct span text = span_str(rows[i].text), url;
		struct buf got = BUF_INIT(0);
		size_t pos = 0;

		buf_add_str(&got, "");
		while (url_find(text, &pos, &url)) {
			/* *pos is just behind it. */
			assert_ptr_equal(url.p + url.len, text.p + pos);
			buf_add_span(&got, url);
			buf_add_byte(&got, ' ');
		}
		assert_int_equal(pos, text.len);
		assert_string_equal(got.p, rows[i].want);
		buf_release(&got);
	}
}

static void test_loopback(void **state)
{
	static const char *const yes[] = {
		"localhost",   "LOCALHOST", "localhost.", "a.b.localhost",   "127.0.0.1",
		"127.255.1.2", "::1",       "[::1]",      "0:0:0:0:0:0:0:1", "::ffff:127.0.0.1"
	};
	static const char *const no[] = { "",
					  "example.org",
					  "localhost.evil",
					  "notlocalhost",
					  "128.0.0.1",
					  "127.0.0.1.evil",
					  "127.1",
					  "::2",
					  "::ffff:10.0.0.1",
					  "0.0.0.0",
					  ".",
					  "[]",
					  "127.0.0.1x",
					  "[localhost" };

	for (size_t i = 0; i < COUNT(yes); i++)
		assert_true(url_host_is_loopback(span_str(yes[i])));
	for (size_t i = 0; i < COUNT(no); i++)
		assert_false(url_host_is_loopback(span_str(no[i])));
	assert_false(url_host_is_loopback(SPAN_LIT("127.0.0.1\0.evil.example")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_target),
		cmocka_unit_test(test_find),
		cmocka_unit_test(test_loopback),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
