/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The consumer's side of BPF ring buffers, and the merge of two of them in time order. libbpf's own consumer calls
 * back for one ring after the other; a merge needs to look at both heads first. The memory layout is the
 * kernel's user interface (kernel/bpf/ringbuf.c, since 5.8): a page with the consumer's position, one with the
 * producer's, then the data, mapped twice so that a record never wraps.
 */
#ifndef BT_CAPTURE_RING_H
#define BT_CAPTURE_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/span.h"

struct ring {
	unsigned long *consumer;       /* position of ours, read by the kernel */
	const unsigned long *producer; /* position of the kernel's */
	const char *data;
	size_t len, page;
	unsigned long read; /* position of the first record not yet looked at */
};

/* Maps a ring of `len` data bytes. Negative errno. */
int ring_open(struct ring *r, int map_fd, size_t len);
void ring_close(struct ring *r);

/* A record that has been looked at but not been given back. */
struct ring_record {
	uint64_t time_ns;
	unsigned long start, end; /* positions */
	struct span bytes;
};

#define RING_WINDOW 1024

struct ring_merge {
	struct ring *bulk, *prio;
	/* Records of `prio` that have been looked at, in time order. */
	struct ring_record window[RING_WINDOW];
	size_t n, at;
	struct ring_record bulk_head;
	bool have_bulk;
	/* What stands there in `prio` and says who is who has been given out ahead of all else. */
	unsigned long told_from, told_to;
};

void ring_merge_init(struct ring_merge *m, struct ring *bulk, struct ring *prio);

/* Where the next record will stand. */
unsigned long ring_produced(const struct ring *r);
/*
 * Gives the EXEC, ARGS and FILE records in m->told_* out, before older ones that are about the same processes. Once, before
 * the first ring_merge_drain(), which leaves them out then. 0 or the negative value that `record` returned.
 */
int ring_merge_tell(struct ring_merge *m, int (*record)(void *arg, struct span rec), void *arg);
/*
 * Gives every record that was there when the call began (and perhaps younger ones) to `record`, oldest first,
 * and its memory back to the kernel afterwards. Two promises beyond time order: a record of the
 * priority ring that was sent before a bulk one comes before it, and the other way round.
 * Number of records, or the negative value that `record` returned.
 */
int ring_merge_drain(struct ring_merge *m, int (*record)(void *arg, struct span rec), void *arg);

#endif /* BT_CAPTURE_RING_H */
