/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fresh, valid-looking secrets for tests and for the rules' own cases, made from random bytes when they run, so that none
 * is ever in the tree. Checksums are computed here on their own and not with the code under test.
 *
 *	char tok[TOK_MAX];
 *	size_t len = tok_gen("gho", tok, sizeof(tok));
 *	char *jwt = tok_new("jwt-rs256");
 */
#ifndef BT_SAMPLE_TOKENS_H
#define BT_SAMPLE_TOKENS_H

#include <stddef.h>

#define TOK_MAX 4096

extern const char *const tok_kinds[]; /* every kind; ends with NULL */

/* Writes a fresh value of `kind` and a NUL; returns its length. Aborts on an unknown kind or a buffer too small. */
size_t tok_gen(const char *kind, char *buf, size_t cap);
/* The same, malloc'ed; never NULL. */
char *tok_new(const char *kind);
/* A JWS (RFC 7515 3.1) of that header and payload with `sig` random bytes of signature, and a NUL; returns its length. */
size_t tok_jws(const char *header, const char *payload, size_t sig, char *buf, size_t cap);

#endif /* BT_SAMPLE_TOKENS_H */
