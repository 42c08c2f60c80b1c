/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What was written into pipes and has not been read yet, by stream position: for calls that move bytes out of a pipe
 * with no memory of a process to read them in. A pipe holds little (64 KiB, unless it was enlarged), and so does this of each; in locked
 * memory, wiped when all has been read; the pipe written to least recently loses its bytes first when there are too many.
 */
#ifndef BT_EVENT_PIPE_STORE_H
#define BT_EVENT_PIPE_STORE_H

#include "event/event.h"

struct pipe_store;

struct pipe_store_limits {
	size_t max_pipes;      /* the least recently used is forgotten */
	size_t max_pipe_bytes; /* kept of one, a power of two; the oldest bytes go first */
	size_t max_bytes;      /* in all, buffers with their room */
};

enum pipe_bytes {
	PIPE_HERE,  /* they are at hand */
	PIPE_LATER, /* not written as far as is known; the record of that may be on its way */
	PIPE_GONE,  /* never kept, or no longer */
};

/* NULL: out of memory. */
struct pipe_store *pipe_store_new(const struct pipe_store_limits *limits);
struct pipe_store *pipe_store_free(struct pipe_store *s); /* accepts NULL, returns NULL */
/* A pipe to keep the bytes of, from its beginning. 0 or -ENOMEM. */
int pipe_store_add(struct pipe_store *s, const struct bt_file_id *pipe);
/*
 * Bytes written at stream position `pos`; of a pipe that was not added nothing is kept. Later positions may come first: what is
 * between is waited for. True when something was kept.
 */
bool pipe_store_written(struct pipe_store *s, const struct bt_file_id *pipe, uint64_t pos,
			struct span bytes);
/* Written, but not known: `len` bytes at `pos`. */
void pipe_store_unknown(struct pipe_store *s, const struct bt_file_id *pipe, uint64_t pos,
			uint64_t len);
/* What has not come of the bytes before `pos` is not coming. */
void pipe_store_no_more(struct pipe_store *s, const struct bt_file_id *pipe, uint64_t pos);
/* All before `pos` has been read. */
void pipe_store_read(struct pipe_store *s, const struct bt_file_id *pipe, uint64_t pos);
/* What is true of all `len` bytes from `pos` on; PIPE_GONE when it is of some. */
enum pipe_bytes pipe_store_look(struct pipe_store *s, const struct bt_file_id *pipe, uint64_t pos,
				uint64_t len);
/* What was written at `pos`, as much as lies in one piece; `ret` is valid until the next call. */
enum pipe_bytes pipe_store_get(struct pipe_store *s, const struct bt_file_id *pipe, uint64_t pos,
			       struct span *ret);
/* It turned out that not all is seen that is written to it: these bytes and all to come are PIPE_GONE. */
void pipe_store_distrust(struct pipe_store *s, const struct bt_file_id *pipe);
/* Bytes of memory in use for pipes' bytes. */
size_t pipe_store_size(const struct pipe_store *s);

#endif /* BT_EVENT_PIPE_STORE_H */
