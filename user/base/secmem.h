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

/* Overwrites memory in a way the compiler keeps. */
void wipe(void *p, size_t len);

/*
 * For a process that will handle secrets: no core dump (RLIMIT_CORE 0, PR_SET_DUMPABLE 0), the
 * lock limit (RLIMIT_MEMLOCK) raised as far as allowed, and libsodium started. Call first in main. 0 or a negative errno.
 * PR_SET_DUMPABLE is reset by execve, so a child that `run` starts is not affected.
 */
int secmem_init(void);

#endif /* BT_BASE_SECMEM_H */
