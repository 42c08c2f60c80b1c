/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory for the libraries that hold decoded payload (zlib, brotli, nghttp2): it is wiped when freed, whatever
 * the library does.
 */
#ifndef BT_PROTO_HTTP_MEM_H
#define BT_PROTO_HTTP_MEM_H

#include <stddef.h>

/* Zeroed memory, or NULL (also when n * size overflows). */
void *http_mem_calloc(size_t n, size_t size);
/* As realloc(3), but the old memory is wiped. */
void *http_mem_realloc(void *p, size_t size);
/* Wipes and frees; accepts NULL. */
void http_mem_free(void *p);

#endif /* BT_PROTO_HTTP_MEM_H */
