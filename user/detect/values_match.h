/* SPDX-License-Identifier: BSD-2-Clause */
/* The matches of one stream's search: runs of the stream that are runs of a value (values_match.c), told by values_scan.c. */
#ifndef BT_DETECT_VALUES_MATCH_H
#define BT_DETECT_VALUES_MATCH_H

#include "detect/values_norm.h"
#include "detect/values_priv.h"

#define BLOCK 2048
/* Normalised bytes kept from before: an unfinished gram and the 14 units that a match may have begun before its first gram. */
#define KEEP_MIN 32
#define KEEP_MAX (KEEP_MIN + 2 * PREFIX_BACK_MAX)
#define MATCHES 32
/* Raw bytes between two fragments that are still one occurrence, and normalised bytes that a part waits for the next. */
#define JOIN_GAP 64
#define HOLD (JOIN_GAP + 2 * GRAM_LEN)
/* What stands between them may by chance go on like the first or end like what precedes the second. */
#define JOIN_OVERLAP 4

/* A run of normalised bytes n0 .. n1 (counted from the start of the stream) equal to units i0 .. i1 of a value's form. */
struct match {
	int64_t id;
	uint64_t n0, n1;
	uint64_t raw0, raw1;
	uint64_t born; /* number of the gram that it was found by */
	uint32_t i0, i1;
	uint32_t line;
	uint16_t slot;
	uint8_t form, flags;
	bool open;   /* it may go on with the next byte */
	bool joined; /* of several fragments: n0 .. n1 holds other bytes too */
};

struct value_scan {
	struct values *v;
	uint64_t gen;
	struct norm norm;
	uint64_t raw_end;      /* raw offset of the next byte to be fed */
	uint64_t n_base;       /* number of the first kept byte */
	uint64_t told0, told1; /* numbers of the bytes last reported */
	uint64_t crowded; /* a match up to here found no room: others are not followed before */
	uint64_t steps;
	uint16_t kept, room;
	uint16_t next; /* first kept byte whose gram was not tried */
	uint8_t n_match;
	unsigned char *keep;   /* kept bytes, `room` of them ... */
	uint32_t *keep_meta;   /* ... and where they were */
	struct match *matches; /* NULL until there is one */
};

/* What is looked at during one feed. */
struct window {
	unsigned char b[KEEP_MAX + NORM_ROOM(BLOCK)];
	uint32_t meta[KEEP_MAX + NORM_ROOM(BLOCK)];
	size_t len;
	uint64_t n_base; /* number of b[0] */
	/* A cursor: raw offset and line before what was dropped before b[at]. Places are asked for in rows. */
	size_t at;
	uint64_t raw;
	uint32_t line;
};

static inline struct value *match_value(const struct value_scan *s, const struct match *m)
{
	return &s->v->val[m->slot];
}

static inline bool match_is_whole(const struct value_scan *s, const struct match *m)
{
	return !m->i0 && m->i1 == form_len(match_value(s, m), (enum form)m->form);
}

/* Takes match `i` out of the list. */
void match_remove(struct value_scan *s, size_t i);
/* One place that the index knows for the gram at w->b[p]: a match, when the bytes are the value's. */
void match_try(struct value_scan *s, struct window *w, size_t p, uint32_t ref);
/* The window's bytes from `p` on against the value's units from m->i1 on. Closes the match or leaves it open. */
void match_go_on(struct value_scan *s, struct window *w, struct match *m, size_t p);
/*
 * A closed match that goes on in the value where an earlier one ended, with little between them in the stream, is the same
 * occurrence (chunked framing, "data:" lines). True when it was joined to the nearest such.
 */
bool match_join(struct value_scan *s, const struct match *m);
/* True when `m` is the whole value or evidence, and not for bytes that were reported just before. */
bool match_is_enough(const struct value_scan *s, const struct match *m);
/* True when match `i` is worth nothing beside another, which has its bytes but for less than a fragment. */
bool match_is_beaten(const struct value_scan *s, size_t i);
/* Takes match `i` out of the list, and the closed ones that are worth nothing beside it. */
void match_take(struct value_scan *s, size_t i);

#endif /* BT_DETECT_VALUES_MATCH_H */
