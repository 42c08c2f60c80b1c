// SPDX-License-Identifier: BSD-2-Clause
/* From a ruleset to the anchors that a scan looks for. */
#include <errno.h>
#include <stdlib.h>
#include "detect/scan_int.h"

static int add(struct match *m, enum anchor_what what, struct span text, bool fold, uint16_t id,
	       uint8_t sub)
{
	struct anchor a = { .what = (uint8_t)what, .fold = fold, .id = id, .sub = sub, .next = -1 };

	if (!text.p)
		return -EINVAL;
	/* Its end is what the matcher goes by. */
	if (text.len > ANCHOR_MAX_LEN)
		text = span_sub(text, text.len - ANCHOR_MAX_LEN, ANCHOR_MAX_LEN);
	memcpy(a.text, text.p, text.len);
	a.len = (uint8_t)text.len;
	return match_add(m, &a);
}

/* The characters of base64 that lie wholly in `text` when `k` bytes come before it in its group; their number. */
static size_t base64_within(struct span text, unsigned int k, const char *digits, char out[64])
{
	size_t first = (8 * k + 5) / 6, last = 8 * (k + text.len) / 6;

	for (size_t i = first; i < last; i++) {
		unsigned int v = 0;

		for (size_t bit = 6 * i; bit < 6 * i + 6; bit++)
			v = v << 1 | ((uint8_t)text.p[bit / 8 - k] >> (7 - bit % 8) & 1u);
		out[i - first] = digits[v];
	}
	return last - first;
}

/* In both alphabets; `again`: and what becomes of that in base64. */
static int add_base64(struct match *m, struct span text, unsigned int k, bool again)
{
	static const char digits[2][65] = {
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	};
	char out[64];
	int r = 0;

	for (unsigned int a = 0; !r && a < 2; a++) {
		size_t n = base64_within(text, k, digits[a], out);

		r = add(m, ANCHOR_BASE64, span_of(out, n), false, 0, (uint8_t)k);
		for (unsigned int j = 0; !r && again && n >= 8 && j < 3; j++)
			r = add_base64(m, span_of(out, n), j, false);
	}
	return r;
}

/*
 * The same literal in base64 at its three alignments, and in hex: only its last eight bytes, for a line break in the encoded
 * text must not fall into it.
 */
static int add_encoded(struct match *m, struct span text)
{
	static const char digits[] = "0123456789abcdef";
	char hex[16];
	int r = 0;

	if (text.len < 4)
		return 0;
	if (text.len > 8)
		text = span_sub(text, text.len - 8, 8);
	for (unsigned int k = 0; !r && k < 3; k++)
		r = add_base64(m, text, k, true);
	for (size_t i = 0; i < text.len; i++) {
		hex[2 * i] = digits[(uint8_t)text.p[i] >> 4];
		hex[2 * i + 1] = digits[(uint8_t)text.p[i] & 15];
	}
	return r ? r : add(m, ANCHOR_HEX, span_of(hex, 2 * text.len), true, 0, 0);
}

static int add_rule(struct match *m, const struct rule *r, uint16_t id)
{
	/* Beginnings of a base64url JSON object: {" then {, spaces and newlines as pretty printers write them. */
	static const char *const jwt[] = { "eyJ", "eyAi", "ewog", "ewoi", "ew0K" };
	int ret = 0;

	switch (r->type) {
	case RULE_TOKEN:
		for (size_t i = 0; !ret && !r->context_only && i < r->n_patterns; i++) {
			struct span a = r->patterns[i].pat.anchor;

			ret = add(m, ANCHOR_TOKEN, a, false, id, (uint8_t)i);
			if (!ret)
				ret = add_encoded(m, a);
		}
		return ret;
	case RULE_REGEX:
		ret = add(m, ANCHOR_REGEX, span_str(r->anchor), false, id, 0);
		return ret ? ret : add_encoded(m, span_str(r->anchor));
	case RULE_SCHEME:
		ret = add(m, ANCHOR_SCHEME, span_str(r->anchor), true, id, 0);
		return ret ? ret : add_encoded(m, span_str(r->anchor));
	case RULE_JWT:
		for (size_t i = 0; !ret && i < sizeof(jwt) / sizeof(jwt[0]); i++)
			ret = add(m, ANCHOR_JWT, span_str(jwt[i]), false, id, 0);
		/* eyJhbGci = {"alg" */
		return ret ? ret : add_encoded(m, SPAN_LIT("eyJhbGci"));
	default:
		for (size_t i = 0; !ret && i < r->words.n; i++)
			ret = add(m, ANCHOR_KEY, span_str(r->words.v[i]), true, 0, 0);
		return ret;
	}
}

int scanner_new(const struct ruleset *rs, struct scanner **ret, struct error *err)
{
	/* Key names that are looked for in base64 too, as OAuth writes them. */
	static const char *const names[] = { "access_token",  "refresh_token", "client_secret",
					     "code_verifier", "accessToken",   "refreshToken" };
	struct scanner *sc = calloc(1, sizeof(*sc));
	int r = sc ? 0 : -ENOMEM;
	const char *why;

	if (!r) {
		sc->rs = rs;
		byte_set_parse(&sc->jwt_left, SPAN_LIT("A-Za-z0-9_-"), &why);
		sc->match = match_new();
		sc->scans = calloc(1, sizeof(*sc->scans));
		r = sc->match && sc->scans ? key_names_new(rs, &sc->keys) : -ENOMEM;
	}
	for (size_t i = 0; !r && i < rs->rules.n; i++)
		r = add_rule(sc->match, rs->rules.v[i], (uint16_t)i);
	for (size_t i = 0; !r && i < rs->keys.n; i++)
		r = add_rule(sc->match, rs->keys.v[i], (uint16_t)i);
	for (size_t i = 0; !r && rs->keys.n && i < sizeof(names) / sizeof(names[0]); i++)
		r = add_encoded(sc->match, span_str(names[i]));
	if (r) {
		scanner_free(sc);
		return error_set(err, r, "cannot compile the rules: %s", strerror(-r));
	}
	*ret = sc;
	return 0;
}

struct scanner *scanner_free(struct scanner *sc)
{
	if (sc) {
		match_free(sc->match);
		key_names_free(sc->keys);
		free(sc->scans);
	}
	free(sc);
	return NULL;
}
