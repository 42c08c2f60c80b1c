/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a scanner and a set of values look for, as the bitmaps of the kernel's matched lane (beartrap/match_abi.h): that lane
 * sends every text around which a scan of it could find a token, a key's value or a whole value in the clear. What is
 * encoded (base64, hex, UTF-16, JSON escapes within the anchor) is not in them.
 */
#ifndef BT_DETECT_PREFILTER_H
#define BT_DETECT_PREFILTER_H

#include <beartrap/match_abi.h>
#include "detect/scan.h"
#include "detect/values.h"

/* Sets the anchors' bits in `bitmap`, BT_MATCH_WORDS zeroed words. */
void prefilter_anchors(const struct scanner *sc, __u64 *bitmap);
/*
 * Fills `bitmap`, BT_MATCH_WORDS words, with the grams of all values. False, and nothing done, when nothing has changed
 * since `*gen` was set; 0 to begin.
 */
bool prefilter_values(const struct values *v, const struct bt_match_key *key, __u64 *bitmap,
		      uint64_t *gen);

#endif /* BT_DETECT_PREFILTER_H */
