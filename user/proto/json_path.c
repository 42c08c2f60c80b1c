// SPDX-License-Identifier: BSD-2-Clause
#include <stdio.h>
#include "proto/json_path.h"

struct out {
	char *p;
	size_t len;
	size_t cap;
	bool full;
};

/* All or nothing, and nothing more after the first thing that had no room. */
static void put(struct out *o, const char *p, size_t len)
{
	if (o->full || len > o->cap - o->len) {
		o->full = true;
		return;
	}
	memcpy(o->p + o->len, p, len);
	o->len += len;
}

static bool name_first(unsigned char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c >= 0x80;
}

/* RFC 9535 2.5.1.1, member-name-shorthand. */
static bool is_shorthand(const struct json_step *s)
{
	if (!s->key_len || s->key_cut || !name_first((unsigned char)s->key[0]))
		return false;
	for (size_t i = 1; i < s->key_len; i++) {
		unsigned char c = (unsigned char)s->key[i];

		if (!name_first(c) && !(c >= '0' && c <= '9'))
			return false;
	}
	return true;
}

/* Length of the UTF-8 sequence at `p`; 1 for what is none, so that it is passed on as it is. */
static size_t sequence(const char *p, size_t len)
{
	unsigned char c = (unsigned char)*p;
	size_t want = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : c >= 0xc0 ? 2 : 1;

	if (want > len)
		return 1;
	for (size_t i = 1; i < want; i++) {
		if (((unsigned char)p[i] & 0xc0) != 0x80)
			return 1;
	}
	return want;
}

static void put_name(struct out *o, const char *key, size_t len, bool quoted)
{
	for (size_t i = 0; i < len;) {
		unsigned char c = (unsigned char)key[i];
		size_t n = sequence(key + i, len - i);
		char esc[8];

		if (quoted && (c == '\'' || c == '\\')) {
			esc[0] = '\\';
			esc[1] = (char)c;
			put(o, esc, 2);
		} else if (c < 0x20 || c == 0x7f) {
			put(o, esc, (size_t)snprintf(esc, sizeof(esc), "\\u%04x", c));
		} else {
			put(o, key + i, n);
		}
		i += n;
	}
}

static void put_index(struct out *o, uint32_t index)
{
	char text[12], *p = text + sizeof(text);

	*--p = ']';
	do {
		*--p = (char)('0' + index % 10);
		index /= 10;
	} while (index);
	*--p = '[';
	put(o, p, (size_t)(text + sizeof(text) - p));
}

size_t json_step_text(const struct json_step *s, char *out, size_t cap, bool *cut)
{
	struct out o = { .p = out, .cap = cap };

	if (s->is_index) {
		put_index(&o, s->index);
	} else if (is_shorthand(s)) {
		put(&o, ".", 1);
		if (s->key_len < cap) /* as nearly always: nothing to cut */
			put(&o, s->key, s->key_len);
		else
			put_name(&o, s->key, s->key_len, false);
	} else {
		put(&o, "['", 2);
		put_name(&o, s->key, s->key_len, true);
		if (s->key_cut)
			put(&o, "\xe2\x80\xa6", 3);
		put(&o, "']", 2);
	}
	*cut = o.full;
	return o.len;
}

size_t json_path_text(const struct json *j, char *out, size_t cap)
{
	size_t steps, len = 0;
	bool cut = false;
	const struct json_step *path = json_path(j, &steps);

	if (!cap)
		return 0;
	if (cap > 1)
		out[len++] = '$';
	for (size_t i = 0; i < steps && !cut; i++)
		len += json_step_text(&path[i], out + len, cap - 1 - len, &cut);
	out[len] = '\0';
	return len;
}

bool json_step_is(const struct json_step *s, const char *key)
{
	size_t len = strlen(key);

	return !s->is_index && !s->key_cut && s->key_len == len && !memcmp(s->key, key, len);
}
