/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Private to engine/. What was written in the recent past, for values that are learnt after they were written: pieces in
 * locked memory, in order, with what is needed to tell where they went. Bounded in all and for each stream; the oldest
 * pieces go first, wiped.
 */
#ifndef BT_ENGINE_PAST_H
#define BT_ENGINE_PAST_H

#include "alert/place.h"
#include "event/event.h"
#include "proto/mcp.h"

#define PAST_MAX (1024u * 1024)      /* bytes of all pieces, and of what is kept with them */
#define PAST_STREAM_MAX (64u * 1024) /* of one stream; a longer piece is kept in part */
#define PAST_TOLD 512                /* places remembered that were told of */

/* Who did it and when, for an alert: taken from the event at hand. */
struct actor {
	uint32_t tgid, tid, uid, root;
	uint64_t start_ns, time_ns;
	int fd;
	uint16_t mode; /* of the file at that time */
	uint16_t call; /* enum bt_call */
	char comm[BT_COMM_LEN + 1];
};

/* The pieces of one stream. Zeroed is empty. */
struct past_stream {
	uint64_t id; /* 0: none yet */
	struct past_piece *first, *last;
	size_t cost;
};

struct past_place {
	struct actor who;
	struct bt_file_id file;
	enum sink_class class;
	unsigned int flags;
	uint64_t off;  /* stream offset of its first byte */
	uint32_t line; /* 1-based, of its first byte */
	bool begins;   /* what stood before is another text */
	/* Of a line of an MCP wire: what its messages were. */
	bool rpc, root, http;
	const struct mcp_message *msgs;
	size_t n_msgs;
};

struct past_piece {
	struct past_piece *prev, *next; /* of all, in order of time */
	struct past_piece *later;       /* of the same stream */
	struct past_stream *owner;      /* NULL: the stream is over */
	uint64_t id;                    /* the stream's */
	bool first;                     /* no earlier one of its stream is left */
	size_t cost;
	struct past_place place;
	struct span text;
};

struct past_told {
	uint64_t id, from, to;
};

/* Zeroed is empty. */
struct past {
	struct past_piece *oldest, *newest;
	size_t cost;
	uint64_t last_id;
	struct past_told told[PAST_TOLD];
	size_t n_told;
};

/* Keeps a copy. Of what is too long the end is kept, or of a line of a wire the beginning. */
void past_add(struct past *p, struct past_stream *s, const struct past_place *place,
	      struct span bytes);
/* The stream is over; its pieces stay until they are old. */
void past_end_stream(struct past_stream *s);
void past_release(struct past *p);
/* A place that an alert, or a verdict of no alert, was given for. */
void past_tell(struct past *p, struct past_stream *s, uint64_t from, uint64_t to);
bool past_was_told(const struct past *p, uint64_t id, uint64_t from, uint64_t to);

#endif /* BT_ENGINE_PAST_H */
