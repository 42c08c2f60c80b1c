/* SPDX-License-Identifier: BSD-2-Clause */
/* One argv or environment, put together from ARGS events. Its bytes are wiped whenever they go. */
#ifndef BT_PROC_ARGS_H
#define BT_PROC_ARGS_H

#include "base/buf.h"
#include "event/event.h"

/* Most bytes of argv and environments that a table holds in all. */
#define ARGS_TOTAL_MAX ((size_t)64 * 1024 * 1024)

struct args {
	struct buf text;
	uint64_t next_off; /* behind the last piece, in the process's own memory */
	bool broken;       /* something is missing */
	bool whole;
};

void args_init(struct args *a);
/* A new program starts with `len` bytes of them. `total` counts the bytes of all. */
void args_begin(struct args *a, uint64_t len, size_t *total);
/*
 * Adds a piece. Missing bytes, bytes over BT_ARGS_LEN and bytes over ARGS_TOTAL_MAX make it broken; a NUL stands
 * for a hole, so that the ends of two strings do not read as one. 0 or -ENOMEM.
 */
int args_add(struct args *a, const struct event *ev, size_t *total);
void args_release(struct args *a, size_t *total);
void args_view(const struct args *a, char **p, size_t *len, bool *whole);

#endif /* BT_PROC_ARGS_H */
