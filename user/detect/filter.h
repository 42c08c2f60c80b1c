/* SPDX-License-Identifier: BSD-2-Clause */
/* What is no secret though it stands where one would: placeholders, words, identifiers, redactions. */
#ifndef BT_DETECT_FILTER_H
#define BT_DETECT_FILTER_H

#include "base/span.h"

/* Shannon entropy in bits a byte. */
double entropy(struct span s);

/*
 * True for "xxxx", "${TOKEN}", "<token>", "your_...", "REDACTED", "****", an alphabet or digit sequence, a run of
 * one byte, or a value with fewer than 6 different bytes.
 */
bool is_placeholder(struct span value);

/*
 * True when a value known by its key name alone could be random: at least two classes of characters, the entropy that
 * random text of its alphabet and length has (reference/detection.md section 1.5), and not words, an
 * identifier, a URL, a path, a number or a date. Does not look at placeholders.
 */
bool looks_random(struct span value);

#endif /* BT_DETECT_FILTER_H */
