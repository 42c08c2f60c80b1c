/* SPDX-License-Identifier: BSD-2-Clause */
#include <arpa/inet.h>
#include <errno.h>

#include "proto/url.h"

static bool is_alpha(char c)
{
	return (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* WHATWG URL 3.2: C0 control or space. */
static bool is_blank(char c)
{
	return (unsigned char)c <= ' ';
}

static const struct {
	const char *name;
	uint16_t port;
} schemes[] = { { "http", 80 }, { "https", 443 }, { "ws", 80 }, { "wss", 443 } };

/* The default port; 0 when the scheme is not a web one. */
static uint16_t default_port(struct span scheme)
{
	for (size_t i = 0; i < sizeof(schemes) / sizeof(*schemes); i++) {
		if (span_eq_nocase(scheme, span_str(schemes[i].name)))
			return schemes[i].port;
	}
	return 0;
}

/* Bytes before the first of `stops`. */
static struct span until(struct span s, const char *stops)
{
	size_t n = 0;

	while (n < s.len && (!s.p[n] || !strchr(stops, s.p[n])))
		n++;
	return span_sub(s, 0, n);
}

static struct span behind(struct span s, struct span front)
{
	return span_sub(s, front.len, s.len);
}

/* RFC 3986 3.1 */
static size_t scheme_len(struct span s)
{
	size_t n = 0;

	if (!s.len || !is_alpha(s.p[0]))
		return 0;
	while (n < s.len && (is_alpha(s.p[n]) || is_digit(s.p[n]) || s.p[n] == '+' ||
			     s.p[n] == '-' || s.p[n] == '.'))
		n++;
	return n;
}

static int read_port(struct span s, uint16_t *ret)
{
	uint32_t n = 0;

	for (size_t i = 0; i < s.len; i++) {
		if (!is_digit(s.p[i]))
			return -EINVAL;
		n = n * 10 + (uint32_t)(s.p[i] - '0');
		if (n > UINT16_MAX)
			return -EINVAL;
	}
	/* "host:" is the default port (RFC 3986 3.2.3). */
	if (s.len)
		*ret = (uint16_t)n;
	return 0;
}

/* userinfo@host:port */
static int read_authority(struct span s, struct url *ret)
{
	struct span rest = s;

	/* The last '@' counts: a userinfo may hold more. */
	for (size_t i = s.len; i > 0; i--) {
		if (s.p[i - 1] == '@') {
			ret->userinfo = span_sub(s, 0, i - 1);
			rest = span_sub(s, i, s.len);
			break;
		}
	}
	if (rest.len && rest.p[0] == '[') {
		size_t end = span_find_byte(rest, ']');

		if (end == SIZE_MAX)
			return -EINVAL;
		ret->host = span_sub(rest, 1, end - 1);
		rest = span_sub(rest, end + 1, rest.len);
	} else {
		ret->host = until(rest, ":");
		rest = behind(rest, ret->host);
	}
	if (!ret->host.len || (rest.len && rest.p[0] != ':'))
		return -EINVAL;
	return read_port(span_sub(rest, 1, rest.len), &ret->port);
}

static void read_rest(struct span s, struct url *ret)
{
	ret->path = until(s, "?#");
	s = behind(s, ret->path);
	if (s.len && s.p[0] == '?') {
		s = span_sub(s, 1, s.len);
		ret->query = until(s, "#");
		s = behind(s, ret->query);
	}
	ret->fragment = span_sub(s, 1, s.len);
}

int url_parse(struct span s, struct url *ret)
{
	struct span authority;
	const char *slashes;
	size_t n;
	int err;

	memset(ret, 0, sizeof(*ret));
	while (s.len && is_blank(s.p[0]))
		s = span_sub(s, 1, s.len);
	while (s.len && is_blank(s.p[s.len - 1]))
		s.len--;
	n = scheme_len(s);
	ret->scheme = span_sub(s, 0, n);
	ret->port = default_port(ret->scheme);
	slashes = ret->port ? "/\\" : "/";
	s = span_sub(s, n, s.len);
	if (!n || s.len < 3 || s.p[0] != ':' || !s.p[1] || !strchr(slashes, s.p[1]) || !s.p[2] ||
	    !strchr(slashes, s.p[2]))
		return -EINVAL;
	s = span_sub(s, 3, s.len);
	authority = until(s, ret->port ? "/\\?#" : "/?#");
	err = read_authority(authority, ret);
	if (err)
		return err;
	read_rest(behind(s, authority), ret);
	return 0;
}

int url_parse_target(struct span s, struct url *ret)
{
	if (!s.len || s.p[0] != '/')
		return url_parse(s, ret);
	memset(ret, 0, sizeof(*ret));
	read_rest(s, ret);
	return 0;
}

/* Length of the web scheme that ends where `s` does, or 0. */
static size_t web_scheme(struct span s)
{
	static const char *const names[] = { "https", "http" };

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		size_t n = strlen(names[i]);

		if (s.len >= n && span_eq_nocase(span_sub(s, s.len - n, n), span_str(names[i])))
			return n;
	}
	return 0;
}

/* Length of a URL whose first `n` bytes are known to belong to it. */
static size_t url_len(struct span s, size_t n)
{
	size_t round = 0, square = 0;

	for (; n < s.len; n++) {
		char c = s.p[n];

		if (is_blank(c) || c == 0x7f || strchr("\"'`<>\\", c))
			break;
		if ((c == ')' && !round) || (c == ']' && !square))
			break;
		round += c == '(';
		round -= c == ')';
		square += c == '[';
		square -= c == ']';
	}
	while (strchr(".,;:!?", s.p[n - 1]))
		n--;
	return n;
}

bool url_find(struct span text, size_t *pos, struct span *ret)
{
	while (*pos < text.len) {
		struct span rest = span_sub(text, *pos, text.len);
		size_t colon = span_find(rest, SPAN_LIT("://")), scheme, len;

		if (colon == SIZE_MAX)
			break;
		*pos += colon + 3;
		scheme = web_scheme(span_sub(rest, 0, colon));
		if (!scheme)
			continue;
		rest = span_sub(rest, colon - scheme, rest.len);
		len = url_len(rest, scheme + 3);
		if (len == scheme + 3)
			continue;
		*pos += len - (scheme + 3);
		*ret = span_sub(rest, 0, len);
		return true;
	}
	*pos = text.len;
	return false;
}

bool url_host_is_loopback(struct span host)
{
	char text[INET6_ADDRSTRLEN];
	struct in6_addr v6;
	struct in_addr v4;

	if (host.len > 1 && host.p[0] == '[' && host.p[host.len - 1] == ']')
		host = span_sub(host, 1, host.len - 2);
	else if (host.len && host.p[host.len - 1] == '.') /* the root of the name space */
		host.len--;
	if (host.len >= sizeof("localhost") - 1) {
		struct span last = span_sub(host, host.len - 9, 9);

		if (span_eq_nocase(last, SPAN_LIT("localhost")) &&
		    (host.len == 9 || host.p[host.len - 10] == '.'))
			return true;
	}
	if (!host.len || host.len >= sizeof(text) || memchr(host.p, 0, host.len))
		return false;
	memcpy(text, host.p, host.len);
	text[host.len] = '\0';
	if (inet_pton(AF_INET, text, &v4) == 1)
		return (ntohl(v4.s_addr) >> 24) == 127;
	if (inet_pton(AF_INET6, text, &v6) != 1)
		return false;
	if (IN6_IS_ADDR_V4MAPPED(&v6))
		return v6.s6_addr[12] == 127;
	return IN6_IS_ADDR_LOOPBACK(&v6);
}
