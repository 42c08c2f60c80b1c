/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Offline proofs: checksums and structures that a random string of the right shape does not have.
 * Algorithms as in reference/detection.md section 1.1.
 */
#ifndef BT_DETECT_VALIDATE_H
#define BT_DETECT_VALIDATE_H

#include "base/buf.h"
#include "detect/hit.h"

enum check {
	CHECK_NONE,
	CHECK_CRC32_BASE62, /* GitHub classic, npm, Vercel: last 6 = base62(CRC-32 of the body after the first '_') */
	CHECK_SHA256_BASE32, /* GitHub fine-grained: bytes 77..84 = base32(SHA-256 of the first 77) */
	CHECK_CRC32_BASE36, /* GitLab routable: ".01." LL CCCCCCC */
	CHECK_CRC32_HEX,    /* Atlassian: last 8 = upper-case hex CRC-32 of all before */
	CHECK_JWT,          /* JWS or JWE compact serialization (RFC 7515, RFC 7516) */
	CHECK_EMBEDDED_JWT, /* the same, after a prefix: from the first "eyJ" */
	CHECK_SNOWFLAKE,    /* Discord: the first part is base64 of a decimal number */
	CHECK_PREFIX_JSON, /* Sentry: after the first '_', base64 of a JSON object up to the next '_' */
	CHECK_MAX
};

const char *check_name(enum check c); /* "crc32-base62"; "" for none */
int check_parse(struct span name, enum check *ret);
/* True when the token passes. Never reads outside `token`. */
bool check_token(enum check c, struct span token);
/*
 * Makes `token`, a random text of the right shape, pass: rewrites its check characters in place. For tests of rules.
 * False when the check has none to rewrite (jwt, snowflake, prefix-json).
 */
bool check_repair(enum check c, char *token, size_t len);

uint32_t crc32_iso(struct span s); /* CRC-32/ISO-HDLC, as in zlib */

/* What a JWT says of itself. */
struct jwt_facts {
	enum secret_kind kind; /* SECRET_BEARER when it does not say */
	size_t len; /* of the token within the text given: a trailing '.' or 4th part is not its own */
	bool jwe;
	bool expired;      /* `exp` lies before `now` */
	bool not_a_secret; /* a proof or request object (typ dpop+jwt, oauth-authz-req+jwt) */
	struct span signature;
};
/*
 * Decodes a compact JWS (three parts) or JWE (five, the second may be empty). True when the header is a JSON object with an "alg"
 * and, for a JWS, the payload is a JSON object and the signature has the length that `alg` makes.
 * `now`: seconds since 1970.
 */
bool jwt_decode(struct span token, int64_t now, struct jwt_facts *ret);

/*
 * RFC 7617 user-pass from base64, percent-decoded (RFC 6749 2.3.1): `user`, when not NULL, gets the part before the colon (the
 * client_id), `secret` the part after it. `secret` should be a wiping buffer. False when it is not that.
 */
bool basic_decode(struct span b64, struct buf *user, struct buf *secret);

/* Decodes base64 or base64url, padding or not. False on any other byte. */
bool base64_decode(struct span in, struct buf *out);
/* 0..63, or -1; both alphabets. */
int base64_digit(uint8_t c);

#endif /* BT_DETECT_VALIDATE_H */
