/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "base/secmem.h"
#include "base/secpool.h"

#define BLOCK_MIN 64u
#define CHUNK_MIN (64u * 1024)
#define CLASS_HEAP SECPOOL_CLASSES

/* Stands before each block; as wide as the strictest alignment. */
struct secpool_block {
	size_t size;
	uint32_t class;
	/* Of a free block, instead of its first bytes: the next free one. */
	struct secpool_block *next[] __attribute__((aligned(_Alignof(max_align_t))));
};

_Static_assert(sizeof(struct secpool_block) + sizeof(void *) <= BLOCK_MIN, "a free block has room");
_Static_assert(sizeof(struct secpool_block) % _Alignof(max_align_t) == 0, "aligned");

/* Four to each doubling. */
static size_t class_len(unsigned int class)
{
	return ((size_t)BLOCK_MIN + class % 4 * (BLOCK_MIN / 4)) << class / 4;
}

static unsigned int class_of(size_t size)
{
	size_t len = size + sizeof(struct secpool_block);
	unsigned int doublings;

	if (size > class_len(SECPOOL_CLASSES - 1) - sizeof(struct secpool_block))
		return CLASS_HEAP;
	if (len <= BLOCK_MIN)
		return 0;
	doublings = 63 - (unsigned int)__builtin_clzll((len - 1) / BLOCK_MIN);
	len -= (size_t)BLOCK_MIN << doublings;
	return 4 * doublings + (unsigned int)((len - 1) / ((BLOCK_MIN / 4u) << doublings)) + 1;
}

/* More free blocks of a class. False when no more can be locked. */
static bool grow(struct secpool *pool, unsigned int class)
{
	size_t len = class_len(class) > CHUNK_MIN ? class_len(class) : CHUNK_MIN;
	char *p;

	if (len > pool->max || pool->locked > pool->max - len)
		return false;
	/* cppcheck-suppress invalidFunctionArg */
	p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		return false;
	if (mlock(p, len)) {
		munmap(p, len);
		/* The limit is reached, and asking again costs a system call each time. */
		pool->max = pool->locked;
		return false;
	}
	/* Not all kernels have it in every area; without it PR_SET_DUMPABLE still keeps cores from being made. */
	madvise(p, len, MADV_DONTDUMP);
	pool->locked += len;
	for (size_t n = len / class_len(class); n--;) {
		struct secpool_block *b = (void *)(p + n * class_len(class));

		b->next[0] = pool->free[class];
		pool->free[class] = b;
	}
	return true;
}

static struct secpool_block *heap_block(struct secpool *pool, size_t size)
{
	struct secpool_block *b;

	if (size > SIZE_MAX - sizeof(*b))
		return NULL;
	b = calloc(1, sizeof(*b) + size);
	if (!b)
		return NULL;
	pool->heap += size;
	if (pool->heap > pool->heap_peak)
		pool->heap_peak = pool->heap;
	return b;
}

void *secpool_alloc(struct secpool *pool, size_t size)
{
	unsigned int class = class_of(size);
	struct secpool_block *b;

	if (class != CLASS_HEAP && (pool->free[class] || grow(pool, class))) {
		b = pool->free[class];
		pool->free[class] = b->next[0];
		b->next[0] = NULL;
	} else {
		class = CLASS_HEAP;
		b = heap_block(pool, size);
		if (!b)
			return NULL;
	}
	b->size = size;
	b->class = class;
	return b + 1;
}

void secpool_free(struct secpool *pool, void *p)
{
	struct secpool_block *b = p;

	if (!p)
		return;
	b--;
	wipe(p, b->size);
	if (b->class == CLASS_HEAP) {
		pool->heap -= b->size;
		free(b);
		return;
	}
	b->next[0] = pool->free[b->class];
	pool->free[b->class] = b;
}

size_t secpool_size(const void *p)
{
	return ((const struct secpool_block *)p - 1)->size;
}
