/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Index of 8-byte grams: which known value, in which form and at which place, holds these 8 bytes. Two stages: a
 * bitmap that a multiplicative hash is tried against at every third stream position, and, for what passes, a table keyed by
 * SipHash-2-4. Neither holds a byte of any value; both hashes are under keys drawn for this index and kept in locked
 * memory, without which grams cannot be told from the bits and tags here.
 */
#ifndef BT_DETECT_GRAM_H
#define BT_DETECT_GRAM_H

#include "base/span.h"

#define GRAM_LEN 8
/*
 * Every GRAM_STRIDE-th stream position is tried. A form in which every t-th gram is indexed (t prime to the stride) is
 * found in any run of GRAM_STRIDE * t + GRAM_LEN - 1 of its bytes.
 */
#define GRAM_STRIDE 3
/* Places remembered for one gram. What more values share (claims that every token of an issuer has) says little. */
#define GRAM_REFS 8

struct gram_index;

/* NULL when out of memory. */
struct gram_index *gram_index_new(void);
struct gram_index *gram_index_free(struct gram_index *ix); /* wipes; accepts NULL; returns NULL */
/*
 * Empties the index and sizes it for `grams` grams. 0, or -ENOMEM with the index as it was.
 * gram_index_add must not be called for more than that.
 */
int gram_index_reset(struct gram_index *ix, size_t grams);
size_t gram_index_room(const struct gram_index *ix); /* grams that may still be added */
/* A gram of fewer than 3 different bytes: runs of one byte are in everything. */
bool gram_low_variety(const unsigned char *gram);
/* A gram of low variety is left out. */
void gram_index_add(struct gram_index *ix, const unsigned char *gram, uint32_t ref);
/* Its bits in the bitmap stay until the next reset, so its room does too. */
void gram_index_del(struct gram_index *ix, const unsigned char *gram, uint32_t ref);
/*
 * The first position p, p + GRAM_STRIDE, ... with p + GRAM_LEN <= len whose gram may be indexed; else the first
 * position that has no whole gram (> len - GRAM_LEN).
 */
size_t gram_index_next(const struct gram_index *ix, const unsigned char *b, size_t p, size_t len);
/* The places of a gram. Returns how many were stored. Tags may collide: the caller compares the bytes. */
size_t gram_index_find(const struct gram_index *ix, const unsigned char *gram,
		       uint32_t refs[GRAM_REFS]);

#endif /* BT_DETECT_GRAM_H */
