/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A pool of locked memory (mlock, MADV_DONTDUMP) for many small and short-lived blocks, where a struct secret with its guard
 * pages costs too much. Blocks are of one of four sizes between a power of two and the next; freed ones are wiped and used again. What does
 * not fit (its bound, or the system's lock limit, is reached, or the block is larger than 1 MiB) comes from the heap and is
 * wiped when freed all the same; how much that is, is counted. Not thread-safe. Used through base/secmem.h.
 */
#ifndef BT_BASE_SECPOOL_H
#define BT_BASE_SECPOOL_H

#include <stdbool.h>
#include <stddef.h>

#define SECPOOL_CLASSES 57 /* 64 B to 1 MiB, with a block's head */

struct secpool_block;

/* All zero, but for `max`, is an empty pool. */
struct secpool {
	size_t max;       /* bytes to lock at most */
	size_t locked;    /* bytes locked by now */
	size_t heap;      /* bytes in use that are not locked ... */
	size_t heap_peak; /* ... and the most that were at once */
	struct secpool_block *free[SECPOOL_CLASSES];
};

/* Zeroed, aligned as malloc(3) does. NULL when out of memory. */
void *secpool_alloc(struct secpool *pool, size_t size);
void secpool_free(struct secpool *pool, void *p); /* wipes; accepts NULL */
size_t secpool_size(const void *p);               /* as asked for */

#endif /* BT_BASE_SECPOOL_H */
