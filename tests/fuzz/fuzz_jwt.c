// SPDX-License-Identifier: BSD-2-Clause
/*
 * Offline proofs over any bytes: JWTs, checksums, HTTP Basic. With an even first byte, the input is a header and a payload in clear.
 * Covers: detect/validate.c detect/jwt_token.c
 */
#include <stdlib.h>
#include <sodium.h>
#include "detect/validate.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void base64url(struct buf *out, const uint8_t *p, size_t n)
{
	size_t cap = sodium_base64_ENCODED_LEN(n, sodium_base64_VARIANT_URLSAFE_NO_PADDING);

	if (buf_reserve(out, cap))
		abort();
	sodium_bin2base64(out->p + out->len, cap, p, n, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
	out->len += cap - 1;
}

static void one(struct span token)
{
	struct buf secret = BUF_INIT_WIPE(0);
	struct jwt_facts f;
	char *copy = malloc(token.len ? token.len : 1);

	if (!copy)
		abort();
	if (token.len)
		memcpy(copy, token.p, token.len);
	token.p = copy;
	if (jwt_decode(token, 2000000000, &f) &&
	    (!f.len || f.len > token.len || f.signature.p < copy ||
	     f.signature.p + f.signature.len > copy + token.len || f.kind >= SECRET_KIND_MAX))
		abort();
	for (unsigned int c = 0; c < CHECK_MAX; c++)
		check_token((enum check)c, token);
	if (basic_decode(token, NULL, &secret) && !secret.len)
		abort();
	buf_release(&secret);
	free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char sig[] = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
	struct buf token = BUF_INIT(0);
	const uint8_t *nl;
	size_t head;

	if (!size)
		return 0;
	if (data[0] & 1) {
		one(span_of(data + 1, size - 1));
		return 0;
	}
	data++;
	size--;
	nl = memchr(data, '\n', size);
	head = nl ? (size_t)(nl - data) : size;
	base64url(&token, data, head);
	buf_add_byte(&token, '.');
	if (nl)
		base64url(&token, nl + 1, size - head - 1);
	buf_add_byte(&token, '.');
	buf_add(&token, sig, 43);
	one(buf_span(&token));
	buf_release(&token);
	return 0;
}
