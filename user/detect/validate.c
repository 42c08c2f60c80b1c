// SPDX-License-Identifier: BSD-2-Clause
#include "detect/validate.h"

#include <errno.h>
#include <sodium.h>
#include <time.h>
#include <zlib.h>

static const char digits62[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
static const char digits36[] = "0123456789abcdefghijklmnopqrstuvwxyz";
static const char digits32[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

static const char *const check_names[CHECK_MAX] = {
	[CHECK_NONE] = "",
	[CHECK_CRC32_BASE62] = "crc32-base62",
	[CHECK_SHA256_BASE32] = "sha256-base32",
	[CHECK_CRC32_BASE36] = "crc32-base36",
	[CHECK_CRC32_HEX] = "crc32-hex",
	[CHECK_JWT] = "jwt",
	[CHECK_EMBEDDED_JWT] = "embedded-jwt",
	[CHECK_SNOWFLAKE] = "snowflake",
	[CHECK_PREFIX_JSON] = "prefix-json",
};

const char *check_name(enum check c)
{
	return c < CHECK_MAX ? check_names[c] : "";
}

int check_parse(struct span name, enum check *ret)
{
	for (unsigned int i = 1; i < CHECK_MAX; i++) {
		if (span_eq_str(name, check_names[i])) {
			*ret = (enum check)i;
			return 0;
		}
	}
	return -ENOENT;
}

uint32_t crc32_iso(struct span s)
{
	return (uint32_t)crc32_z(0, (const Bytef *)s.p, s.len);
}

static void put_number(char *out, size_t width, uint32_t v, const char *digits, uint32_t base)
{
	while (width--) {
		out[width] = digits[v % base];
		v /= base;
	}
}

/* Where the check characters are, what they should be. False when the token is too short for it. */
static bool expected(enum check c, struct span t, char want[16], size_t *at, size_t *len)
{
	unsigned char hash[crypto_hash_sha256_BYTES];
	size_t body;

	switch (c) {
	case CHECK_CRC32_BASE62:
		body = span_find_byte(t, '_');
		if (body == SIZE_MAX || t.len < body + 1 + 6 + 8)
			return false;
		*len = 6;
		*at = t.len - 6;
		put_number(want, 6, crc32_iso(span_sub(t, body + 1, *at - body - 1)), digits62, 62);
		return true;
	case CHECK_SHA256_BASE32:
		if (t.len != 93)
			return false;
		crypto_hash_sha256(hash, (const unsigned char *)t.p, 77);
		*len = 8;
		*at = 77;
		for (size_t i = 0; i < 8; i++) {
			size_t bit = i * 5;
			unsigned int two = (unsigned int)hash[bit / 8] << 8 | hash[bit / 8 + 1];

			want[i] = digits32[two >> (11 - bit % 8) & 31];
		}
		return true;
	case CHECK_CRC32_BASE36:
		body = span_find_byte(t, '-');
		if (body == SIZE_MAX || t.len < body + 1 + 27 + 13)
			return false;
		*len = 9;
		*at = t.len - 9;
		put_number(want, 2, (uint32_t)(t.len - 13 - body - 1), digits36, 36);
		/* The CRC covers the length digits too: the two that stand there. */
		put_number(want + 2, 7, crc32_iso(span_sub(t, 0, t.len - 7)), digits36, 36);
		return true;
	case CHECK_CRC32_HEX:
		if (t.len < 32)
			return false;
		*len = 8;
		*at = t.len - 8;
		put_number(want, 8, crc32_iso(span_sub(t, 0, *at)), "0123456789ABCDEF", 16);
		return true;
	default:
		return false;
	}
}

static bool is_snowflake(struct span t)
{
	char buf[32];
	struct buf out = BUF_INIT(sizeof(buf));
	size_t dot = span_find_byte(t, '.');
	bool ok = dot != SIZE_MAX && base64_decode(span_sub(t, 0, dot), &out) && out.len >= 17 &&
		  out.len <= 20;

	for (size_t i = 0; ok && i < out.len; i++)
		ok = out.p[i] >= '0' && out.p[i] <= '9';
	buf_release(&out);
	return ok;
}

static bool is_prefix_json(struct span t)
{
	struct buf out = BUF_INIT_WIPE(4096);
	size_t from = span_find_byte(t, '_'), to;
	bool ok;

	if (from == SIZE_MAX)
		return false;
	t = span_sub(t, from + 1, t.len);
	to = span_find_byte(t, '_');
	ok = to != SIZE_MAX && base64_decode(span_sub(t, 0, to), &out) && out.len > 2 &&
	     out.p[0] == '{' && out.p[1] == '"' && out.p[out.len - 1] == '}';
	buf_release(&out);
	return ok;
}

bool check_token(enum check c, struct span token)
{
	struct jwt_facts facts;
	char want[16];
	size_t at, len;

	switch (c) {
	case CHECK_NONE:
		return true;
	case CHECK_EMBEDDED_JWT:
		at = span_find(token, SPAN_LIT("eyJ"));
		if (at == SIZE_MAX)
			return false;
		return jwt_decode(span_sub(token, at, token.len), 0, &facts);
	case CHECK_JWT:
		return jwt_decode(token, 0, &facts);
	case CHECK_SNOWFLAKE:
		return is_snowflake(token);
	case CHECK_PREFIX_JSON:
		return is_prefix_json(token);
	default:
		return expected(c, token, want, &at, &len) && !memcmp(token.p + at, want, len);
	}
}

bool check_repair(enum check c, char *token, size_t len)
{
	char want[16];
	size_t at, n;

	if (!expected(c, span_of(token, len), want, &at, &n))
		return false;
	memcpy(token + at, want, n);
	/* GitLab's checksum covers the length digits that were only just written. */
	if (expected(c, span_of(token, len), want, &at, &n))
		memcpy(token + at, want, n);
	return true;
}

int base64_digit(uint8_t c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '+' || c == '-')
		return 62;
	if (c == '/' || c == '_')
		return 63;
	return -1;
}

bool base64_decode(struct span in, struct buf *out)
{
	uint32_t acc = 0;
	unsigned int bits = 0;

	while (in.len && in.p[in.len - 1] == '=')
		in.len--;
	for (size_t i = 0; i < in.len; i++) {
		int d = base64_digit((uint8_t)in.p[i]);

		if (d < 0)
			return false;
		acc = acc << 6 | (uint32_t)d;
		bits += 6;
		if (bits >= 8) {
			bits -= 8;
			if (buf_add_byte(out, (char)(acc >> bits)))
				return false;
		}
	}
	/* One digit alone in the last group is no byte. */
	return in.len % 4 != 1;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool add_decoded(struct buf *out, struct span s)
{
	bool ok = true;

	for (size_t i = 0; ok && i < s.len; i++) {
		char c = s.p[i];

		if (c == '%' && i + 2 < s.len && hex_digit(s.p[i + 1]) >= 0 &&
		    hex_digit(s.p[i + 2]) >= 0) {
			c = (char)(hex_digit(s.p[i + 1]) << 4 | hex_digit(s.p[i + 2]));
			i += 2;
		}
		ok = !buf_add_byte(out, c);
	}
	return ok;
}

bool basic_decode(struct span b64, struct buf *user, struct buf *secret)
{
	struct buf out = BUF_INIT_WIPE(4096);
	size_t colon;
	bool ok = base64_decode(b64, &out);

	for (size_t i = 0; ok && i < out.len; i++)
		ok = (uint8_t)out.p[i] > 0x20 && (uint8_t)out.p[i] < 0x7f;
	colon = ok ? span_find_byte(buf_span(&out), ':') : SIZE_MAX;
	ok = colon != SIZE_MAX && colon > 0 && colon + 1 < out.len;
	if (ok && user)
		ok = add_decoded(user, span_sub(buf_span(&out), 0, colon));
	if (ok)
		ok = add_decoded(secret, span_sub(buf_span(&out), colon + 1, SIZE_MAX));
	buf_release(&out);
	return ok;
}
