/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One alert for one fact: same rule, same secret (fingerprint), same sink (class, path or peer, tool, executable) is the same
 * alert, counted; where there is no secret, the flow takes its place. Bounded; what is evicted would alert anew.
 */
#ifndef BT_ALERT_DEDUP_H
#define BT_ALERT_DEDUP_H

#include "alert/alert.h"

struct dedup;

struct dedup *dedup_new(size_t max);
struct dedup *dedup_free(struct dedup *d);
/* True when `a` is new (a copy is kept); else the kept one's seen_count and last_ns are advanced. -ENOMEM -> true. */
bool dedup_add(struct dedup *d, const struct alert *a);
size_t dedup_len(const struct dedup *d);
/* Every kept alert, in order of first sight, with its counts. */
void dedup_walk(struct dedup *d, void (*fn)(void *arg, const struct alert *a), void *arg);

#endif /* BT_ALERT_DEDUP_H */
