/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>

#include "proto/h2.h"
#include "proto/http_conn.h"

#define MAX_METHOD 32

/* RFC 9110 5.6.2 */
static bool is_tchar(char c)
{
	return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') ||
	       (c && strchr("!#$%&'*+-.^_`|~", c));
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* "HTTP/1." DIGIT at the front. 1, 0, or -EAGAIN when `s` ends before that. */
static int is_version(struct span s)
{
	struct span want = SPAN_LIT("HTTP/1.");
	size_t n = s.len < want.len ? s.len : want.len;

	if (!span_eq(span_sub(s, 0, n), span_sub(want, 0, n)))
		return 0;
	if (s.len <= want.len)
		return -EAGAIN;
	return is_digit(s.p[want.len]);
}

/* The line's text, and whether it has its LF. */
static bool cut_line(struct span *line)
{
	if (!line->len || line->p[line->len - 1] != '\n')
		return false;
	line->len--;
	if (line->len && line->p[line->len - 1] == '\r')
		line->len--;
	return true;
}

static int is_request_line(struct span line)
{
	bool whole = cut_line(&line);
	size_t method = 0, end = line.len;

	while (method < line.len && is_tchar(line.p[method]))
		method++;
	if (method > MAX_METHOD || (method < line.len && (!method || line.p[method] != ' ')))
		return 0;
	for (size_t i = method; i < line.len; i++) {
		unsigned char c = (unsigned char)line.p[i];

		/* The CR of a CRLF that is not whole yet may stand last. */
		if ((c < 0x20 || c == 0x7f) && (whole || c != '\r' || i + 1 < line.len))
			return 0;
	}
	if (!whole)
		return -EAGAIN;
	while (end && line.p[end - 1] == ' ')
		end--;
	/* METHOD SP target SP HTTP/1.x */
	return end >= method + 11 && line.p[end - 9] == ' ' &&
	       is_version(span_sub(line, end - 8, 8)) == 1;
}

static int is_status_line(struct span line)
{
	bool whole = cut_line(&line);
	int r = is_version(line);

	if (r != 1)
		return whole && r == -EAGAIN ? 0 : r;
	for (size_t i = 8; i < 12; i++) {
		if (i == line.len)
			return whole ? 0 : -EAGAIN;
		if (i == 8 ? line.p[i] != ' ' : !is_digit(line.p[i]))
			return 0;
	}
	if (line.len > 12 && line.p[12] != ' ' && (whole || line.p[12] != '\r'))
		return 0;
	return whole ? 1 : -EAGAIN;
}

int http1_is_start(enum http_dir dir, struct span line)
{
	return dir == HTTP_REQUESTS ? is_request_line(line) : is_status_line(line);
}

static bool is_known_method(struct span s)
{
	static const char *const known[] = { "GET",   "HEAD",  "POST",    "PUT",     "DELETE",
					     "PATCH", "TRACE", "CONNECT", "OPTIONS", "PRI" };

	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++) {
		if (span_eq_str(s, known[i]))
			return true;
	}
	return false;
}

int http_guess(struct span first)
{
	struct span line;
	size_t lf, sp;
	int request, response;

	while (first.len && (first.p[0] == '\r' || first.p[0] == '\n'))
		first = span_sub(first, 1, first.len);
	if (!first.len)
		return -EAGAIN;
	/* A server's HTTP/2 connection begins with SETTINGS (RFC 9113 3.4). */
	if (!first.p[0]) {
		if (first.len < H2_FRAME_HEAD)
			return -EAGAIN;
		return h2_is_first_settings(first) ? 0 : -1;
	}
	lf = span_find_byte(first, '\n');
	line = span_sub(first, 0, lf == SIZE_MAX ? first.len : lf + 1);
	sp = span_find_byte(line, ' ');
	if (sp != SIZE_MAX && is_known_method(span_sub(line, 0, sp)))
		return 1;
	request = line.len > HTTP_MAX_HEAD ? 0 : http1_is_start(HTTP_REQUESTS, line);
	response = http1_is_start(HTTP_RESPONSES, span_sub(line, 0, 13));
	if (response == -EAGAIN && line.len > 12)
		response = 1; /* what is left is the reason phrase */
	if (request == 1 || response == 1)
		return request == 1;
	return request == -EAGAIN || response == -EAGAIN ? -EAGAIN : -1;
}
