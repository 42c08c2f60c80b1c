/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdio.h>

#include <sodium.h>

#include "alert/redact.h"
#include "base/secmem.h"

#define FINGERPRINT_LEN (FINGERPRINT_TEXT_LEN / 2)
#define PREVIEW_MAX_PREFIX 24 /* a user's rule could call its whole token a prefix */
#define PREVIEW_CHARS 4
#define PREVIEW_MIN_SECRET 16 /* of a shorter one, four characters would be too much */
/* Shortest run of a secret's bytes that redact_text() takes for a piece of it. */
#define PIECE_LEN (PREVIEW_CHARS + 1)

static size_t public_prefix_len(const struct hit *hit)
{
	struct span prefix = span_str(hit->prefix);

	/* A part from the middle of a known value does not begin with the format's prefix. */
	if (hit->part_off || !span_starts(hit->value, prefix))
		return 0;
	return prefix.len < PREVIEW_MAX_PREFIX ? prefix.len : PREVIEW_MAX_PREFIX;
}

static char printable(char c)
{
	return c > 0x20 && c < 0x7f ? c : '?';
}

static bool is_part(const struct hit *hit)
{
	return hit->whole_len && hit->part_len < hit->whole_len;
}

static void make_preview(const struct hit *hit, char *out, size_t cap)
{
	size_t prefix = public_prefix_len(hit), show = prefix, i;

	/* Different parts of one value must not add up to more than four characters. */
	if (hit->value.len - prefix >= PREVIEW_MIN_SECRET && !is_part(hit))
		show += PREVIEW_CHARS;
	for (i = 0; i < show; i++)
		out[i] = printable(hit->value.p[i]);
	snprintf(out + i, cap - i, "...(%zu)", hit->value.len);
}

static void make_fingerprint(const struct fingerprinter *f, struct span value,
			     char out[FINGERPRINT_TEXT_LEN + 1])
{
	unsigned char hash[FINGERPRINT_LEN];

	crypto_generichash(hash, sizeof(hash), (const unsigned char *)value.p, value.len, f->key,
			   sizeof(f->key));
	sodium_bin2hex(out, FINGERPRINT_TEXT_LEN + 1, hash, sizeof(hash));
}

static void copy_printable(char *out, size_t cap, struct span s)
{
	size_t n = s.len < cap ? s.len : cap - 1;

	for (size_t i = 0; i < n; i++)
		out[i] = printable(s.p[i]);
	out[n] = '\0';
}

/* One bit for each possible hash of a PIECE_LEN gram; enough to make nearly every compare needless. */
#define GRAM_BITS 16

static uint32_t gram_hash(const char *p)
{
	uint64_t v = 0;

	memcpy(&v, p, PIECE_LEN);
	return (uint32_t)((v * 0x9e3779b97f4a7c15ull) >> (64 - GRAM_BITS));
}

void redact_text(const struct hit *hit, char *text)
{
	struct span secret = span_sub(hit->value, public_prefix_len(hit), SIZE_MAX);
	uint8_t grams[(1u << GRAM_BITS) / 8];
	size_t len = strlen(text), masked_to = 0, i;

	if (!secret.p || secret.len < PIECE_LEN || len < PIECE_LEN)
		return;
	memset(grams, 0, sizeof(grams));
	for (i = 0; i + PIECE_LEN <= secret.len; i++) {
		uint32_t h = gram_hash(secret.p + i);

		grams[h / 8] |= (uint8_t)(1u << (h % 8));
	}
	for (i = 0; i + PIECE_LEN <= len; i++) {
		uint32_t h = gram_hash(text + i);
		bool piece = grams[h / 8] & (1u << (h % 8)) &&
			     span_find(secret, span_of(text + i, PIECE_LEN)) != SIZE_MAX;

		/* One behind: no later gram holds this byte, so masking it hides none of them. */
		if (i && i - 1 < masked_to)
			text[i - 1] = '*';
		if (piece)
			masked_to = i + PIECE_LEN;
	}
	for (i--; i < masked_to; i++)
		text[i] = '*';
	wipe(grams, sizeof(grams));
}

void fingerprinter_random(struct fingerprinter *f)
{
	randombytes_buf(f->key, sizeof(f->key));
}

void redact_hit(const struct fingerprinter *f, const struct hit *hit, struct redacted *ret)
{
	memset(ret, 0, sizeof(*ret));
	ret->kind = hit->kind;
	ret->confidence = hit->confidence;
	ret->encoding = hit->encoding;
	snprintf(ret->rule_id, sizeof(ret->rule_id), "%s", hit->rule_id ? hit->rule_id : "");
	snprintf(ret->provider, sizeof(ret->provider), "%s", hit->provider ? hit->provider : "");
	make_fingerprint(f, hit->value, ret->fingerprint);
	make_preview(hit, ret->preview, sizeof(ret->preview));
	ret->length = (uint32_t)hit->value.len;
	ret->whole_len = hit->whole_len;
	ret->part_off = hit->part_off;
	ret->part_len = hit->part_len;
	ret->known_id = hit->known_id;
	ret->offset = hit->offset;
	ret->end = hit->end;
	ret->line = hit->line;
	copy_printable(ret->key, sizeof(ret->key), hit->key);
	redact_text(hit, ret->key);
	ret->expired = hit->expired;
}
