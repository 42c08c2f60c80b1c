/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The contract of the matched lane: under pressure the BPF programs look for grams themselves and send only what stands
 * around them. User space fills two bitmaps, the programs probe them:
 *
 *	anchors	grams of 4 bytes, folded by | 0x20202020, probed at every second byte: every anchor is in it for both alignments;
 *	values	grams of 8 bytes as they are, probed at every eighth byte: of a value all that begin in its first
 *		BT_MATCH_VALUE_LEN bytes, so that any BT_MATCH_VALUE_RUN bytes of these in a row are found.
 *
 * A gram sets two bits of one 64-bit word: one load answers. Neither bitmap holds a byte of a value, and without the
 * key, drawn for every load, grams of values cannot be told from their bits.
 */
#ifndef BEARTRAP_MATCH_ABI_H
#define BEARTRAP_MATCH_ABI_H

#ifndef __VMLINUX_H__
#include <linux/types.h>
#endif

/* 64-bit words of one bitmap: 128 KiB. */
#define BT_MATCH_WORDS 16384
#define BT_MATCH_FOLD 0x20202020u
#define BT_MATCH_VALUE_LEN 64
#define BT_MATCH_VALUE_RUN 15

/* The key of the values' bitmap. */
struct bt_match_key {
	__u64 add, mul; /* mul is odd */
};

/* `gram`: 4 bytes in memory order, folded. */
static inline __u64 bt_match_hash4(__u32 gram)
{
	return gram * 0x9e3779b97f4a7c15ULL;
}

static inline __u64 bt_match_hash8(__u64 gram, const struct bt_match_key *key)
{
	return (gram + key->add) * key->mul;
}

/* Which word of the bitmap, below BT_MATCH_WORDS. */
static inline __u64 bt_match_word(__u64 hash)
{
	return hash >> 50;
}

static inline void bt_match_set(__u64 *bitmap, __u64 hash)
{
	bitmap[bt_match_word(hash)] |= 1ULL << (hash >> 44 & 63) | 1ULL << (hash >> 38 & 63);
}

/* In bit 0, the others undefined. */
static inline __u64 bt_match_test(const __u64 *bitmap, __u64 hash)
{
	__u64 w = bitmap[bt_match_word(hash)];

	return w >> (hash >> 44 & 63) & w >> (hash >> 38 & 63);
}

#endif /* BEARTRAP_MATCH_ABI_H */
