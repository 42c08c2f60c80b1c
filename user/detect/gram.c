// SPDX-License-Identifier: BSD-2-Clause
#include "detect/gram.h"

#include <errno.h>
#include <stdlib.h>

#include <sodium.h>

#include "base/secmem.h"

/* Bitmap bits for one gram (two of them set): about 1 % of other positions pass. */
#define BITS_PER_GRAM 16
#define BITMAP_MIN_WORDS 64

struct slot {
	uint32_t tag; /* 0: empty */
	uint32_t ref;
};

struct keys {
	uint64_t add, mul; /* bitmap */
	unsigned char sip[crypto_shorthash_KEYBYTES];
};

struct gram_index {
	struct secret *keys;
	uint64_t *bitmap;
	struct slot *slots;
	size_t words; /* of the bitmap: a power of two */
	size_t mask;  /* slots - 1 */
	size_t room;
	unsigned int shift; /* 64 - log2(words) */
};

static const struct keys *keys_of(const struct gram_index *ix)
{
	return (const struct keys *)secret_span(ix->keys).p;
}

struct gram_index *gram_index_new(void)
{
	struct gram_index *ix = calloc(1, sizeof(*ix));
	struct keys k;

	if (!ix || sodium_init() < 0)
		goto fail;
	randombytes_buf(&k, sizeof(k));
	k.mul |= 1;
	ix->keys = secret_new(span_of(&k, sizeof(k)));
	wipe(&k, sizeof(k));
	if (!ix->keys || gram_index_reset(ix, 0))
		goto fail;
	return ix;
fail:
	return gram_index_free(ix);
}

static void release(struct gram_index *ix)
{
	if (ix->bitmap)
		wipe(ix->bitmap, ix->words * sizeof(*ix->bitmap));
	if (ix->slots)
		wipe(ix->slots, (ix->mask + 1) * sizeof(*ix->slots));
	free(ix->bitmap);
	free(ix->slots);
}

struct gram_index *gram_index_free(struct gram_index *ix)
{
	if (ix) {
		release(ix);
		secret_free(ix->keys);
		free(ix);
	}
	return NULL;
}

int gram_index_reset(struct gram_index *ix, size_t grams)
{
	size_t words = BITMAP_MIN_WORDS, slots = BITMAP_MIN_WORDS;
	uint64_t *bitmap;
	struct slot *table;

	while (words * 64 < grams * BITS_PER_GRAM)
		words *= 2;
	while (slots < grams * 2)
		slots *= 2;
	bitmap = calloc(words, sizeof(*bitmap));
	table = calloc(slots, sizeof(*table));
	if (!bitmap || !table) {
		free(bitmap);
		free(table);
		return -ENOMEM;
	}
	release(ix);
	ix->bitmap = bitmap;
	ix->slots = table;
	ix->words = words;
	ix->mask = slots - 1;
	ix->room = slots / 2;
	ix->shift = 64 - (unsigned int)__builtin_ctzll(words);
	return 0;
}

size_t gram_index_room(const struct gram_index *ix)
{
	return ix->room;
}

/* Not a cryptographic hash: its key stays in locked memory and only unordered bits of it are kept. */
static inline uint64_t quick_hash(const unsigned char *gram, uint64_t add, uint64_t mul)
{
	uint64_t x;

	memcpy(&x, gram, sizeof(x));
	return (x + add) * mul;
}

/* Two bits of one word: one load answers for both. */
static inline uint64_t bits_of(uint64_t h)
{
	return 1ull << (h >> 38 & 63) | 1ull << (h >> 32 & 63);
}

static uint32_t tag_of(const struct gram_index *ix, const unsigned char *gram)
{
	unsigned char out[crypto_shorthash_BYTES];
	uint32_t tag;

	crypto_shorthash(out, gram, GRAM_LEN, keys_of(ix)->sip);
	memcpy(&tag, out, sizeof(tag));
	return tag ? tag : 1;
}

bool gram_low_variety(const unsigned char *gram)
{
	unsigned char other = 0;
	bool two = false;

	for (size_t i = 1; i < GRAM_LEN; i++) {
		if (gram[i] == gram[0] || (two && gram[i] == other))
			continue;
		if (two)
			return false;
		two = true;
		other = gram[i];
	}
	return true;
}

void gram_index_add(struct gram_index *ix, const unsigned char *gram, uint32_t ref)
{
	const struct keys *k = keys_of(ix);
	uint64_t h = quick_hash(gram, k->add, k->mul);
	uint32_t tag;
	size_t i, same = 0;

	if (gram_low_variety(gram) || !ix->room)
		return;
	tag = tag_of(ix, gram);
	for (i = tag & ix->mask; ix->slots[i].tag; i = (i + 1) & ix->mask) {
		if (ix->slots[i].tag != tag)
			continue;
		if (ix->slots[i].ref == ref || ++same == GRAM_REFS)
			return;
	}
	ix->slots[i] = (struct slot){ tag, ref };
	ix->bitmap[h >> ix->shift] |= bits_of(h);
	ix->room--;
}

void gram_index_del(struct gram_index *ix, const unsigned char *gram, uint32_t ref)
{
	uint32_t tag = tag_of(ix, gram);
	size_t hole = tag & ix->mask, i;

	while (ix->slots[hole].tag && (ix->slots[hole].tag != tag || ix->slots[hole].ref != ref))
		hole = (hole + 1) & ix->mask;
	if (!ix->slots[hole].tag)
		return;
	/* Linear probing without tombstones: move back what may not stand beyond the hole. */
	for (i = (hole + 1) & ix->mask; ix->slots[i].tag; i = (i + 1) & ix->mask) {
		size_t home = ix->slots[i].tag & ix->mask;

		if (((i - home) & ix->mask) < ((i - hole) & ix->mask))
			continue;
		ix->slots[hole] = ix->slots[i];
		hole = i;
	}
	ix->slots[hole] = (struct slot){ 0, 0 };
}

size_t gram_index_next(const struct gram_index *ix, const unsigned char *b, size_t p, size_t len)
{
	const struct keys *k = keys_of(ix);
	const uint64_t add = k->add, mul = k->mul, *bitmap = ix->bitmap;
	const unsigned int shift = ix->shift;

	for (; p + GRAM_LEN <= len; p += GRAM_STRIDE) {
		uint64_t h = quick_hash(b + p, add, mul), bits = bits_of(h);

		if ((bitmap[h >> shift] & bits) == bits)
			break;
	}
	return p;
}

size_t gram_index_find(const struct gram_index *ix, const unsigned char *gram,
		       uint32_t refs[GRAM_REFS])
{
	uint32_t tag = tag_of(ix, gram);
	size_t n = 0;

	for (size_t i = tag & ix->mask; ix->slots[i].tag; i = (i + 1) & ix->mask)
		if (ix->slots[i].tag == tag && n < GRAM_REFS)
			refs[n++] = ix->slots[i].ref;
	return n;
}
