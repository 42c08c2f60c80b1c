/* SPDX-License-Identifier: BSD-2-Clause */
/* Values that should be random, and how they give themselves away. */
#ifndef BT_FLOW_GUESS_H
#define BT_FLOW_GUESS_H

#include "base/span.h"

/* True when at least half of it is words that people put into such values ("my-secret-state-123"). */
bool guess_is_worded(struct span s);
/* Digits only, as they are or in hex ("31373637..."): a clock or a counter. */
bool guess_is_number(struct span s);
/* One character more each time: "abcdef...", "012345...". */
bool guess_counts_up(struct span s);
/* Bits at most, from its length and the characters used; of what repeats itself, the length of the period. */
double guess_bits(struct span s);

#endif /* BT_FLOW_GUESS_H */
