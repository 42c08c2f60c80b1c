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
 * For a process that will handle secrets: not dumpable (PR_SET_DUMPABLE 0: no core, and no /proc/PID/mem for other
 * processes of the user), the lock limit (RLIMIT_MEMLOCK) raised as far as allowed, libsodium started. Call first in
 * main. 0 or a negative errno. RLIMIT_CORE is left alone: a child that `run` starts would inherit it, while execve
 * resets PR_SET_DUMPABLE (prctl(2)).
 */
int secmem_init(void);

#endif /* BT_BASE_SECMEM_H */
