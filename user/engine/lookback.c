/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is learnt late is searched for in the recent past (past.h): a new value of the ledger, and, when a new code
 * challenge appears, its verifier. One search is for all that was learnt since the one before; it goes over
 * no more than the past holds, and not more often than every LOOK_EVERY_NS.
 */
#include <errno.h>

#include "base/secmem.h"
#include "engine/internal.h"
#include "engine/run.h"

#define LOOK_EVERY_NS 20000000ull
/* Runs that are hashed in one search. */
#define LOOK_MAX_HASHES 4096

static bool same_file(const struct bt_file_id *a, const struct bt_file_id *b)
{
	/* The inode of a TLS connection may not be known at first. */
	return a->obj == b->obj && a->type == b->type &&
	       (a->type == BT_FILE_TLS || (a->ino == b->ino && a->dev == b->dev));
}

void engine_learnt(void *arg, int64_t id)
{
	struct engine *e = arg;
	struct look_for *l;

	if (e->n_look == LOOK_MAX) {
		e->totals.lookback_left_out++;
		return;
	}
	l = &e->look[e->n_look++];
	l->id = (uint64_t)id;
	l->on_connection = e->birth != NULL;
	if (e->birth)
		l->born = *e->birth;
}

bool engine_looks_for(const struct engine *e, const struct past_piece *b, const struct hit *hit)
{
	for (size_t i = 0; hit->known_id && i < e->n_look; i++) {
		const struct look_for *l = &e->look[i];

		if (l->id != hit->known_id)
			continue;
		/* Where it was born it is at home. */
		return !(l->on_connection && same_file(&l->born, &b->place.file)) &&
		       !past_was_told(&e->past, b->id, hit->offset, hit->end);
	}
	return false;
}

/* --- verifiers --- */

struct verifier_ctx {
	struct engine *e;
	const struct past_piece *piece; /* that the run is in, or ended with */
	size_t hashes;
};

static void check_run(void *arg, struct span run)
{
	struct verifier_ctx *c = arg;
	struct flow_ctx ctx;

	if (c->hashes == LOOK_MAX_HASHES) {
		c->e->totals.lookback_left_out++;
		return;
	}
	c->hashes++;
	engine_ctx(&c->piece->place.who, &ctx);
	flows_preimage(c->e->flows, &ctx, run);
}

/* True when `b` goes on where the piece before it in its stream ended. */
static bool goes_on(const struct past_piece *before, const struct past_piece *b)
{
	return before && !b->place.begins && b->place.off == before->place.off + before->text.len;
}

static void find_verifiers(struct engine *e)
{
	struct run *r = secmem_calloc(1, sizeof(*r));
	struct verifier_ctx c = { .e = e };

	for (struct past_piece *first = e->past.oldest; r && first; first = first->next) {
		c.piece = NULL;
		for (struct past_piece *b = first->first ? first : NULL; b; b = b->later) {
			if (!goes_on(c.piece, b))
				run_flush(r, check_run, &c);
			c.piece = b;
			run_feed(r, b->text, check_run, &c);
		}
		run_flush(r, check_run, &c);
	}
	secmem_free(r);
}

/* --- values --- */

struct look_ctx {
	struct engine *e;
	const struct past_piece *first, *last; /* of the text being searched */
};

static void look_hit(void *arg, const struct hit *hit)
{
	struct look_ctx *c = arg;
	struct hit h = *hit;
	const struct past_piece *b = c->first;

	if (!engine_looks_for(c->e, b, hit))
		return;
	/* The piece that its last byte is in: then it was all written. */
	while (b != c->last && hit->end > b->place.off + b->text.len)
		b = b->later;
	h.line += c->first->place.line - 1;
	c->e->totals.lookback_found++;
	engine_judge_text(c->e, &b->place.file, b->place.class, b->place.flags, &h, &b->place.who);
}

static void search_stream(struct engine *e, const struct past_piece *b)
{
	struct look_ctx c = { .e = e };

	for (; b; b = b->later) {
		e->totals.lookback_bytes += b->text.len;
		if (b->place.rpc) {
			wire_again(e, b);
			continue;
		}
		if (!goes_on(c.last, b)) {
			if (c.last)
				scan_flush(e->look_scan, look_hit, &c);
			scan_reset(e->look_scan, b->place.off, SPAN_NONE);
			c.first = b;
		}
		c.last = b;
		scan_feed(e->look_scan, b->text, look_hit, &c);
	}
	if (c.last)
		scan_flush(e->look_scan, look_hit, &c);
	scan_reset(e->look_scan, 0, SPAN_NONE);
}

void engine_look_back(struct engine *e, uint64_t now_ns)
{
	bool challenge = flows_challenges(e->flows) != e->challenges;

	if ((!e->n_look && !challenge) || (now_ns < e->looked_ns + LOOK_EVERY_NS && e->looked_ns))
		return;
	e->looked_ns = now_ns;
	e->totals.lookbacks++;
	if (challenge) {
		e->challenges = flows_challenges(e->flows);
		find_verifiers(e);
	}
	if (!e->look_scan)
		e->look_scan = scan_new(e->cfg.scanner, e->cfg.values);
	if (!e->look_scan)
		e->totals.lookback_left_out += e->n_look;
	for (const struct past_piece *b = e->past.oldest; e->n_look && e->look_scan && b;
	     b = b->next)
		if (b->first)
			search_stream(e, b);
	e->n_look = 0;
}
