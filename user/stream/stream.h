/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Byte streams, one for each file object and direction: puts DATA events in order of their position,
 * drops what was already delivered, marks what is missing. Most events come in order and are passed on
 * without a copy. Held-back bytes (a later piece that came first) are bounded per stream and in all;
 * when a missing piece does not come within the bounds the stream goes on behind a gap.
 */
#ifndef BT_STREAM_STREAM_H
#define BT_STREAM_STREAM_H

#include "event/event.h"

struct stream {
	struct bt_file_id file;
	enum bt_dir dir;
	uint64_t pos;      /* of the next byte to deliver */
	uint64_t examined; /* bytes delivered */
	uint64_t missing;  /* bytes of the gaps so far that nobody looked at */
	uint64_t matched;  /* and of those that the kernel's matched lane examined */
	void *user;        /* the consumer's state; freed with ops->free_user */
};

/* `data` must be given, the others may be NULL. No call may feed, end or tick the table that makes it. */
struct stream_ops {
	/* Bytes in order. `ev` is the event that carried them (its data.bytes may be longer). */
	void (*data)(void *arg, struct stream *s, const struct event *ev, struct span bytes);
	/* `missing` bytes at s->pos do not come (at least 1). Parsers must resync. */
	void (*gap)(void *arg, struct stream *s, uint64_t missing);
	/*
	 * Bytes at `pos`, before s->pos, from within a gap of the matched lane: threads wrote at once, and the window of a
	 * later call overtook this one. A text of its own.
	 */
	void (*late)(void *arg, struct stream *s, const struct event *ev, struct span bytes,
		     uint64_t pos);
	/* The stream ends or is evicted: last chance to report what is pending. */
	void (*end)(void *arg, struct stream *s);
	void (*free_user)(void *user);
};

struct stream_limits {
	size_t max_streams;     /* the least recently used is evicted */
	size_t max_held_stream; /* bytes held back for one stream, and their bookkeeping */
	size_t max_held_total;
};

struct stream_totals {
	uint64_t examined, missing, matched, evicted;
	uint64_t held_now;  /* as the limits count it */
	uint64_t duplicate; /* bytes that came again, or after their gap was reported */
};

struct stream_table;

struct stream_table *stream_table_new(const struct stream_limits *limits,
				      const struct stream_ops *ops, void *arg);
struct stream_table *stream_table_free(struct stream_table *t); /* ends every stream first */
/*
 * A DATA event (any other is ignored). The first event of a stream sets its position (bytes before the watch
 * began are no gap; bytes from before it that come later are not delivered and count as missing).
 * pread/pwrite data (ev->data.off != ~0) is delivered in arrival order like all else.
 * lost_len in the event is a gap before its payload. What is missing before an event of the matched lane is not waited
 * for. 0 or -ENOMEM (bytes then counted missing).
 */
int stream_feed(struct stream_table *t, const struct event *ev);
/*
 * The kernel says this stream got to `pos` in all: what was not delivered is a gap. What is held back is
 * delivered first. Of all that did not come it examined `matched` bytes itself. A stream that is not in the table (evicted, ended, or never seen) is ignored.
 */
void stream_final(struct stream_table *t, const struct bt_file_id *file, enum bt_dir dir,
		  uint64_t pos, uint64_t matched);
/* Ends the streams of this object in both directions, if there are any. */
void stream_end_file(struct stream_table *t, const struct bt_file_id *file);
/* Time passes: gives up on pieces held back for longer than a second (CLOCK_BOOTTIME ns). */
void stream_tick(struct stream_table *t, uint64_t now_ns);
/* Leaves the order of eviction alone. NULL when there is none. */
struct stream *stream_find(struct stream_table *t, const struct bt_file_id *file, enum bt_dir dir);
void stream_table_totals(const struct stream_table *t, struct stream_totals *ret);
size_t stream_table_len(const struct stream_table *t);

#endif /* BT_STREAM_STREAM_H */
