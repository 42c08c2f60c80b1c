/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Layer 3: which blocks of the text at hand hold a gram of the bitmaps. Free of branches, 64 bytes a callback: a loop that skips
 * ahead is refused by the verifier, and a callback for every byte costs ten times as much.
 */
#ifndef BPF_LIB_MATCH_H
#define BPF_LIB_MATCH_H

#include "lib/base.h"

/*
 * Blocks begin so many bytes before the piece: enough for a gram of a value that the end of the last call cut. All
 * of it is at a distance that both strides divide.
 */
#define MATCH_BACK 16
#define TEXT_BASE (CARRY_LEN - MATCH_BACK)

/* Keeps the compiler from doing all loads first: their results have no room on the stack. */
#define one_by_one(hit) asm volatile("" : "+r"(hit) : : "memory")

struct match_ctx {
	struct bt_scratch *s;
};

static long match_block(u32 i, struct match_ctx *ctx)
{
	struct bt_scratch *s = ctx->s;
	const struct bt_match_key key = { bt_match_add, bt_match_mul };
	const u8 *p = (const u8 *)s->text + TEXT_BASE;
	u64 n = i, hit = 0;

	barrier_var(n);
	if (n >= BLOCKS_MAX)
		return 1;
	p += n * BLOCK_LEN;
#pragma unroll
	for (int k = 0; k < BLOCK_LEN; k += 2) {
		u64 gram = *(const u32 *)(p + k);

		hit |= bt_match_test(bt_match_anchors, bt_match_hash4(gram | BT_MATCH_FOLD));
		one_by_one(hit);
	}
#pragma unroll
	for (int k = 0; k < BLOCK_LEN; k += 8) {
		hit |= bt_match_test(bt_match_values, bt_match_hash8(*(const u64 *)(p + k), &key));
		one_by_one(hit);
	}
	hit &= 1;
	s->look.hit[n] = hit;
	s->look.any |= hit;
	return 0;
}

#endif /* BPF_LIB_MATCH_H */
