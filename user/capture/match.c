/* SPDX-License-Identifier: BSD-2-Clause */
/* What the matched lane looks for (beartrap/match_abi.h): memory that the programs and we share. */
#include "capture/internal.h"

/* Word by word, so that what stays is never away. */
static void fill(__u64 *to, const __u64 *from)
{
	for (size_t i = 0; i < BT_MATCH_WORDS; i++)
		if (to[i] != from[i])
			__atomic_store_n(&to[i], from[i], __ATOMIC_RELAXED);
}

void capture_match_anchors(struct capture *c, const __u64 *bitmap)
{
	fill(c->skel->bss->bt_match_anchors, bitmap);
}

void capture_match_values(struct capture *c, const __u64 *bitmap)
{
	fill(c->skel->bss->bt_match_values, bitmap);
}

struct bt_match_key capture_match_key(const struct capture *c)
{
	return c->match_key;
}
