/* SPDX-License-Identifier: BSD-2-Clause */
#include "engine/past.h"

#include "base/secmem.h"

static void remove_piece(struct past *p, struct past_piece *b)
{
	if (b->prev)
		b->prev->next = b->next;
	else
		p->oldest = b->next;
	if (b->next)
		b->next->prev = b->prev;
	else
		p->newest = b->prev;
	/* Pieces of a stream go in order, so that it is its stream's first. */
	if (b->later)
		b->later->first = true;
	if (b->owner) {
		b->owner->first = b->later;
		b->owner->cost -= b->cost;
		if (!b->later)
			b->owner->last = NULL;
	}
	p->cost -= b->cost;
	secmem_free(b);
}

static void make_room(struct past *p, struct past_stream *s, size_t cost)
{
	while (s->first && s->cost + cost > PAST_STREAM_MAX)
		remove_piece(p, s->first);
	while (p->oldest && p->cost + cost > PAST_MAX)
		remove_piece(p, p->oldest);
}

static uint32_t count_lines(struct span s)
{
	uint32_t n = 0;
	size_t at;

	while ((at = span_find_byte(s, '\n')) != SIZE_MAX) {
		n++;
		s = span_sub(s, at + 1, SIZE_MAX);
	}
	return n;
}

void past_add(struct past *p, struct past_stream *s, const struct past_place *place,
	      struct span bytes)
{
	size_t msgs = place->n_msgs * sizeof(*place->msgs), head = sizeof(struct past_piece) + msgs;
	size_t skip = 0;
	struct past_piece *b;
	char *at;

	if (!bytes.p || !bytes.len || head >= PAST_STREAM_MAX)
		return;
	if (bytes.len > PAST_STREAM_MAX - head) {
		if (!place->rpc)
			skip = bytes.len - (PAST_STREAM_MAX - head);
		bytes = span_of(bytes.p + skip, PAST_STREAM_MAX - head);
	}
	make_room(p, s, head + bytes.len);
	b = secmem_calloc(1, head + bytes.len);
	if (!b)
		return;
	if (!s->id)
		s->id = ++p->last_id;
	b->owner = s;
	b->id = s->id;
	b->cost = head + bytes.len;
	b->place = *place;
	b->first = !s->last;
	b->place.begins |= skip > 0;
	b->place.off += skip;
	if (skip)
		b->place.line += count_lines(span_of(bytes.p - skip, skip));
	at = (char *)(b + 1);
	if (place->msgs)
		memcpy(at, place->msgs, msgs);
	b->place.msgs = (const struct mcp_message *)(const void *)at;
	memcpy(at + msgs, bytes.p, bytes.len);
	b->text = span_of(at + msgs, bytes.len);
	b->prev = p->newest;
	if (p->newest)
		p->newest->next = b;
	else
		p->oldest = b;
	p->newest = b;
	if (s->last)
		s->last->later = b;
	else
		s->first = b;
	s->last = b;
	s->cost += b->cost;
	p->cost += b->cost;
}

void past_end_stream(struct past_stream *s)
{
	for (struct past_piece *b = s->first; b; b = b->later)
		b->owner = NULL;
	*s = (struct past_stream){ 0 };
}

void past_release(struct past *p)
{
	while (p->oldest)
		remove_piece(p, p->oldest);
}

void past_tell(struct past *p, struct past_stream *s, uint64_t from, uint64_t to)
{
	if (!s->id)
		s->id = ++p->last_id;
	p->told[p->n_told++ % PAST_TOLD] = (struct past_told){ s->id, from, to };
}

bool past_was_told(const struct past *p, uint64_t id, uint64_t from, uint64_t to)
{
	for (size_t i = 0; i < PAST_TOLD && i < p->n_told; i++) {
		const struct past_told *t = &p->told[i];

		if (t->id == id && from < t->to && t->from < to)
			return true;
	}
	return false;
}
