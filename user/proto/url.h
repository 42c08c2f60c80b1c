/* SPDX-License-Identifier: BSD-2-Clause */
/* URLs (RFC 3986, as WHATWG receivers tolerate them), query and form data (application/x-www-form-urlencoded). */
#ifndef BT_PROTO_URL_H
#define BT_PROTO_URL_H

#include "base/buf.h"

struct url {
	struct span scheme, userinfo, host, path, query,
		fragment; /* as written; host without brackets; query and fragment without '?' and '#' */
	uint16_t port; /* given, or the scheme's default; 0 unknown */
};

/*
 * An absolute URL with an authority ("https://..."). Blanks and control characters on both sides are ignored; in
 * http, https, ws and wss a backslash is a slash (WHATWG URL 4.4). 0, or -EINVAL: no scheme, no host, or a bad port.
 */
int url_parse(struct span s, struct url *ret);
/* A request target: "/path?query" or absolute. 0 or -EINVAL ("*" and the "host:port" of CONNECT too). */
int url_parse_target(struct span s, struct url *ret);
/*
 * The next absolute http(s) URL in free text (log line, argv, JSON string) from *pos on: true and its span; *pos is then behind it.
 * It ends before a blank, quote ('"', '\'', '`'), '<', '>', a backslash, a control character, an unbalanced ')' or ']', or
 * trailing punctuation (one or more of ".,;:!?").
 */
bool url_find(struct span text, size_t *pos, struct span *ret);
/* 127.0.0.0/8 (four decimal numbers), ::1, localhost, *.localhost (RFC 6761 6.3); with or without brackets. */
bool url_host_is_loopback(struct span host);

/* One name=value pair, still encoded. */
struct form_pair {
	struct span name, value;
};
/* Takes the next pair off *rest ('&' separated; empty pairs skipped). False at the end. */
bool form_next(struct span *rest, struct form_pair *ret);
/* Decodes %XX and '+' (the latter only when `plus`) into `out` (appended). Bad escapes stay as they are. 0 or the buffer's error. */
int form_decode(struct span s, bool plus, struct buf *out);
/* The decoded value of the first pair with that name (itself decoded), appended to `out`; 1 found, 0 not, negative errno. */
int form_get(struct span form, const char *name, struct buf *out);

#endif /* BT_PROTO_URL_H */
