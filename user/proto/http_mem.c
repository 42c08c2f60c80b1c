/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdlib.h>

#include "base/secmem.h"
#include "proto/http_mem.h"

/* Stands before each allocation; as wide as the strictest alignment. */
union header {
	size_t size;
	max_align_t align;
};

void *http_mem_calloc(size_t n, size_t size)
{
	union header *h;

	if (size && n > (SIZE_MAX - sizeof(*h)) / size)
		return NULL;
	h = calloc(1, sizeof(*h) + n * size);
	if (!h)
		return NULL;
	h->size = n * size;
	return h + 1;
}

void *http_mem_realloc(void *p, size_t size)
{
	size_t old = p ? ((union header *)p - 1)->size : 0;
	void *new = http_mem_calloc(1, size);

	if (!new)
		return NULL;
	if (old)
		memcpy(new, p, old < size ? old : size);
	http_mem_free(p);
	return new;
}

void http_mem_free(void *p)
{
	union header *h = p;

	if (!p)
		return;
	h--;
	wipe(h, sizeof(*h) + h->size);
	free(h);
}
