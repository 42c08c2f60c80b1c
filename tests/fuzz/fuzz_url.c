/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * URLs and form data: every part of a URL lies in it, found URLs parse or have a reason not to, and decoding never grows.
 * Covers: proto/url.c proto/form.c
 */
#include <stdlib.h>

#include "proto/url.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok)
{
	if (!ok)
		abort();
}

static void inside(struct span part, struct span whole)
{
	check(!part.len || (part.p >= whole.p && part.p + part.len <= whole.p + whole.len));
}

static void check_url(struct span s)
{
	struct url u;

	if (url_parse(s, &u) && url_parse_target(s, &u))
		return;
	inside(u.scheme, s);
	inside(u.userinfo, s);
	inside(u.host, s);
	inside(u.path, s);
	inside(u.query, s);
	inside(u.fragment, s);
	check(!u.scheme.len || u.host.len);
	url_host_is_loopback(u.host);
}

static void check_form(struct span s)
{
	struct buf out = BUF_INIT_WIPE(0), again = BUF_INIT_WIPE(0);
	struct span rest = s;
	struct form_pair p;

	while (form_next(&rest, &p)) {
		inside(p.name, s);
		inside(p.value, s);
		check(p.name.len + p.value.len < s.len || !memchr(s.p, '&', s.len));
		buf_clear(&out);
		check(!form_decode(p.name, true, &out) && out.len <= p.name.len);
		/* The first pair with a name that is a C string is the one that is found. */
		buf_clear(&again);
		if (!memchr(out.len ? out.p : "", 0, out.len))
			check(form_get(s, out.len ? out.p : "", &again) == 1);
	}
	buf_release(&out);
	buf_release(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *copy = malloc(size ? size : 1);
	struct span text, url, last = SPAN_NONE;
	size_t pos = 0;

	check(copy);
	if (size)
		memcpy(copy, data, size);
	text = span_of(copy, size);
	check_url(text);
	check_form(text);
	url_host_is_loopback(text);
	while (url_find(text, &pos, &url)) {
		inside(url, text);
		check(url.len > 7 && url.p + url.len == text.p + pos);
		check(!last.p || url.p >= last.p + last.len);
		check_url(url);
		last = url;
	}
	check(pos >= text.len);
	free(copy);
	return 0;
}
