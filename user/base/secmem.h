/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Secret bytes at rest in our own memory: locked (mlock, MADV_DONTDUMP), between guard
 * pages, wiped when freed (libsodium sodium_malloc). There is no way from a struct secret to a
 * printf: log.h takes no such type, and only alert/redact.c makes a preview.
 */
#ifndef BT_BASE_SECMEM_H
#define BT_BASE_SECMEM_H

#include "base/span.h"

struct secret;

/* A locked copy of `value`. NULL when memory (or the lock limit) is exhausted: errno is set. */
struct secret *secret_new(struct span value);
struct secret *secret_free(struct secret *s); /* wipes; accepts NULL; returns NULL */
/* The bytes, valid until secret_free. */
struct span secret_span(const struct secret *s);

/*
 * Memory for payload on its way through (what a stream carries over, messages that are not whole yet, decoders' windows): locked,
 * zeroed when given out and wiped when freed, from a pool (base/secpool.h). The pool is the process's, as malloc's
 * memory is. Under AddressSanitizer, which must know every block, all of it comes from the heap.
 */
void *secmem_calloc(size_t n, size_t size); /* NULL when out of memory, or n * size overflows */
void *secmem_realloc(void *p, size_t size); /* as realloc(3); the old memory is wiped */
void secmem_free(void *p);                  /* accepts NULL */
/* The most bytes of it that could not be locked at one time: over the pool's bound, or over the lock limit. */
size_t secmem_unlocked(void);

/* Overwrites memory in a way the compiler keeps. */
void wipe(void *p, size_t len);

/*
 * For a process that will handle secrets: not dumpable (PR_SET_DUMPABLE 0: no core, and no /proc/PID/mem for other
 * processes of the user), the lock limit (RLIMIT_MEMLOCK) raised as far as allowed, libsodium started. Call first in
 * main. 0 or a negative errno. RLIMIT_CORE is left alone: a child that `run` starts would inherit it, while execve
 * resets PR_SET_DUMPABLE (prctl(2)).
 */
int secmem_init(void);

#endif /* BT_BASE_SECMEM_H */
