/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A bounded hash table from byte-string keys to pointers, with LRU order. Keys are hashed
 * with SipHash-2-4 under a key random for each table (libsodium crypto_shorthash), since keys
 * come from hostile input. The table owns copies of its keys, never the values: `free_value`
 * is called for a value that is replaced, removed, evicted, or left at release.
 */
#ifndef BT_BASE_TABLE_H
#define BT_BASE_TABLE_H

#include "base/span.h"

struct table;
typedef void (*table_free_fn)(void *value);
/* Return false to stop the walk. The entry given may be removed by the callee, no other. */
typedef bool (*table_walk_fn)(void *arg, struct span key, void *value);

/* `max` entries at most (> 0). NULL when out of memory. */
struct table *table_new(size_t max, table_free_fn free_value);
void *table_free(struct table *t); /* accepts NULL, returns NULL */
/* Value or NULL; makes the entry the most recently used. */
void *table_get(struct table *t, struct span key);
/* As table_get, leaving the order alone. */
void *table_peek(const struct table *t, struct span key);
/* Puts a value, replacing (and freeing) an old one, unless it is the same pointer. A full table evicts its least recently
 * used entry first and counts it. 0 or -ENOMEM (then the value stays the caller's). */
int table_put(struct table *t, struct span key, void *value);
/* True when there was one; its value is freed. */
bool table_remove(struct table *t, struct span key);
/* Takes the value out without freeing it; NULL when there was none. */
void *table_take(struct table *t, struct span key);
size_t table_len(const struct table *t);
uint64_t table_evicted(const struct table *t);
/* From the most to the least recently used. */
void table_walk(struct table *t, table_walk_fn fn, void *arg);
/* Value of the least recently used entry, or NULL. */
void *table_oldest(const struct table *t);

#endif /* BT_BASE_TABLE_H */
