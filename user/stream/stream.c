/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <stdlib.h>

#include "base/secmem.h"
#include "base/table.h"
#include "stream/stream.h"

#define HOLD_NS 1000000000ULL

/* What makes two events the same stream: type and mode of the file add nothing. */
struct key {
	uint64_t obj, ino;
	uint32_t dev, dir;
};

/* A piece that came before what belongs in front of it. `text` is its payload, then its name. */
struct held {
	struct held *next;
	uint64_t start;    /* of the loss before the payload, as far as the event tells */
	uint64_t since_ns; /* when it came */
	size_t cost;       /* as the limits count it */
	struct event ev;
	char text[];
};

/* Gaps of the matched lane that are remembered, for pieces that come late. */
#define LATE_GAPS 8

struct range {
	uint64_t from, to;
};

struct entry {
	struct stream s;
	struct key key;
	struct stream_table *t;
	uint64_t origin;            /* where delivery began: nothing before it was looked at */
	uint64_t base;              /* to be added to the kernel's positions */
	uint64_t begun_ns, last_ns; /* first event, and the youngest */
	struct held *first, *last;  /* in order of start */
	size_t cost;                /* of all of them */
	struct entry *prev_holding, *next_holding;
	struct range *gaps; /* a ring of LATE_GAPS; NULL: none yet */
	unsigned int n_gaps;
};

struct stream_table {
	struct table *entries;
	struct entry *recent;  /* of the last event: most events are in runs */
	struct entry *holding; /* streams with held pieces */
	struct stream_limits limits;
	struct stream_ops ops;
	void *arg;
	uint64_t now_ns; /* the latest time heard of */
	struct stream_totals totals;
};

static struct key make_key(const struct bt_file_id *file, enum bt_dir dir)
{
	return (struct key){ file->obj, file->ino, file->dev, dir };
}

static bool key_eq(const struct key *a, const struct key *b)
{
	return a->obj == b->obj && a->ino == b->ino && a->dev == b->dev && a->dir == b->dir;
}

static void remember_gap(struct entry *e, uint64_t from, uint64_t to)
{
	if (from >= to)
		return;
	if (!e->gaps)
		e->gaps = calloc(LATE_GAPS, sizeof(*e->gaps));
	if (e->gaps)
		e->gaps[e->n_gaps++ % LATE_GAPS] = (struct range){ from, to };
}

/* A gap up to `pos`, of which the kernel's matched lane examined all but `lost` bytes at its end. */
static void gap_to(struct entry *e, uint64_t pos, uint64_t lost)
{
	struct stream_table *t = e->t;
	uint64_t missing = pos - e->s.pos, matched;

	if (pos <= e->s.pos)
		return;
	matched = missing - (lost < missing ? lost : missing);
	e->s.missing += missing - matched;
	t->totals.missing += missing - matched;
	e->s.matched += matched;
	t->totals.matched += matched;
	remember_gap(e, e->s.pos, e->s.pos + matched);
	if (t->ops.gap)
		t->ops.gap(t->arg, &e->s, missing);
	e->s.pos = pos;
}

/* Delivers what of the event's first `len` bytes lies in remembered gaps. Number of bytes. */
static uint64_t deliver_late(struct entry *e, const struct event *ev, uint64_t len)
{
	struct stream_table *t = e->t;
	uint64_t pos = ev->data.pos, n = 0;

	for (unsigned int i = 0; t->ops.late && e->gaps && i < LATE_GAPS; i++) {
		struct range *r = &e->gaps[i], all = *r;
		struct range got = { all.from > pos ? all.from : pos,
				     all.to < pos + len ? all.to : pos + len };

		if (got.from >= got.to)
			continue;
		r->to = got.from;
		remember_gap(e, got.to, all.to);
		n += got.to - got.from;
		t->ops.late(t->arg, &e->s, ev,
			    span_sub(ev->data.bytes, got.from - pos, got.to - got.from), got.from);
	}
	e->s.matched -= n;
	t->totals.matched -= n;
	e->s.examined += n;
	t->totals.examined += n;
	return n;
}

/* Delivers what is new in the event; a hole before it becomes a gap. */
static void deliver(struct entry *e, const struct event *ev)
{
	struct stream_table *t = e->t;
	struct span bytes = ev->data.bytes;
	uint64_t old;

	gap_to(e, ev->data.pos, ev->data.matched ? ev->data.lost_len : UINT64_MAX);
	old = e->s.pos - ev->data.pos;
	if (old > bytes.len)
		old = bytes.len;
	if (old)
		t->totals.duplicate += old - deliver_late(e, ev, old);
	bytes = span_sub(bytes, old, SIZE_MAX);
	if (!bytes.len)
		return;
	e->s.examined += bytes.len;
	t->totals.examined += bytes.len;
	t->ops.data(t->arg, &e->s, ev, bytes);
	e->s.pos += bytes.len;
}

/* --- held pieces --------------------------------------------------------------------------- */

static void free_held(struct held *h)
{
	secmem_free(h);
}

static void deliver_first(struct entry *e)
{
	struct stream_table *t = e->t;
	struct held *h = e->first;

	e->first = h->next;
	e->cost -= h->cost;
	t->totals.held_now -= h->cost;
	if (!e->first) {
		e->last = NULL;
		if (e->prev_holding)
			e->prev_holding->next_holding = e->next_holding;
		else
			t->holding = e->next_holding;
		if (e->next_holding)
			e->next_holding->prev_holding = e->prev_holding;
		e->prev_holding = NULL;
		e->next_holding = NULL;
	}
	deliver(e, &h->ev);
	free_held(h);
}

/* Delivers the pieces whose turn has come. */
static void drain(struct entry *e)
{
	while (e->first && e->first->start <= e->s.pos)
		deliver_first(e);
}

static void deliver_all(struct entry *e)
{
	while (e->first)
		deliver_first(e);
}

static void insert(struct entry *e, struct held *h)
{
	struct held **at = &e->first;

	if (!e->first) {
		e->next_holding = e->t->holding;
		if (e->next_holding)
			e->next_holding->prev_holding = e;
		e->t->holding = e;
	} else if (e->last->start <= h->start) {
		at = &e->last->next;
	} else {
		while (*at && (*at)->start <= h->start)
			at = &(*at)->next;
	}
	h->next = *at;
	*at = h;
	if (!h->next)
		e->last = h;
	e->cost += h->cost;
	e->t->totals.held_now += h->cost;
}

/* Keeps a copy until its turn comes. False when that is over a limit. */
static bool hold(struct entry *e, const struct event *ev, uint64_t start)
{
	struct stream_table *t = e->t;
	size_t bytes = ev->data.bytes.len, name = ev->data.name.len;
	size_t cost = sizeof(struct held) + bytes + name;
	struct held *h;

	if (cost > t->limits.max_held_stream || e->cost > t->limits.max_held_stream - cost ||
	    cost > t->limits.max_held_total || t->totals.held_now > t->limits.max_held_total - cost)
		return false;
	h = secmem_calloc(1, cost);
	if (!h)
		return false;
	h->start = start;
	h->since_ns = t->now_ns;
	h->cost = cost;
	h->ev = *ev;
	if (bytes)
		memcpy(h->text, ev->data.bytes.p, bytes);
	if (name)
		memcpy(h->text + bytes, ev->data.name.p, name);
	h->ev.data.bytes = span_of(h->text, bytes);
	h->ev.data.name = span_of(h->text + bytes, name);
	insert(e, h);
	return true;
}

/* --- the table ----------------------------------------------------------------------------- */

static void end_entry(void *value)
{
	struct entry *e = value;
	struct stream_table *t = e->t;

	if (t->recent == e)
		t->recent = NULL;
	deliver_all(e);
	if (t->ops.end)
		t->ops.end(t->arg, &e->s);
	if (e->s.user && t->ops.free_user)
		t->ops.free_user(e->s.user);
	free(e->gaps);
	free(e);
}

struct stream_table *stream_table_new(const struct stream_limits *limits,
				      const struct stream_ops *ops, void *arg)
{
	struct stream_table *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->entries = table_new(limits->max_streams, end_entry);
	if (!t->entries) {
		free(t);
		return NULL;
	}
	t->limits = *limits;
	t->ops = *ops;
	t->arg = arg;
	return t;
}

struct stream_table *stream_table_free(struct stream_table *t)
{
	if (t) {
		table_free(t->entries);
		free(t);
	}
	return NULL;
}

/* NULL when out of memory. */
static struct entry *find_or_create(struct stream_table *t, const struct event *ev, uint64_t start)
{
	struct key key = make_key(&ev->data.file, ev->data.dir);
	struct entry *e = t->recent;

	/* The recent one is already the table's most recently used. */
	if (e && key_eq(&e->key, &key))
		return e;
	e = table_get(t->entries, span_of(&key, sizeof(key)));
	if (!e) {
		e = calloc(1, sizeof(*e));
		if (!e)
			return NULL;
		e->s.file = ev->data.file;
		e->s.dir = ev->data.dir;
		e->s.pos = start;
		e->origin = start;
		e->begun_ns = ev->time_ns;
		e->key = key;
		e->t = t;
		if (table_put(t->entries, span_of(&key, sizeof(key)), e)) {
			free(e);
			return NULL;
		}
	}
	t->recent = e;
	return e;
}

/*
 * A piece from before the stream's first event: two threads began the stream at once and the second overtook
 * the first. Nobody looked at these bytes, so they are missing and no duplicates.
 */
static void count_before_origin(struct entry *e, uint64_t start)
{
	uint64_t missing = e->origin - start;

	e->origin = start;
	e->s.missing += missing;
	e->t->totals.missing += missing;
}

/*
 * The kernel forgets the stream that has been used least when it has too many, and counts that one's bytes from 0 when it
 * comes up again; here it goes on. A first byte that only was overtaken by those behind it comes soon.
 */
static bool begins_anew(const struct entry *e, const struct event *ev, uint64_t start)
{
	if (start || !ev->data.bytes.len || e->s.pos == e->base || ev->time_ns <= e->last_ns)
		return false;
	for (unsigned int i = 0; e->gaps && i < LATE_GAPS; i++)
		if (e->gaps[i].from <= e->base && e->gaps[i].to > e->base)
			return false;
	return e->origin <= e->base || ev->time_ns > e->begun_ns + HOLD_NS;
}

int stream_feed(struct stream_table *t, const struct event *ev)
{
	uint64_t pos = ev->data.pos, start, end;
	struct event moved;
	struct entry *e;

	if (ev->kind != BT_REC_DATA)
		return 0;
	start = pos - (ev->data.lost_len < pos ? ev->data.lost_len : pos);
	if (ev->time_ns > t->now_ns)
		t->now_ns = ev->time_ns;
	e = find_or_create(t, ev, start);
	if (!e) {
		t->totals.missing += ev->data.bytes.len;
		return -ENOMEM;
	}
	if (begins_anew(e, ev, start)) {
		deliver_all(e);
		e->base = e->s.pos;
		/* Of what the kernel had counted by then nothing more will be heard. */
		e->origin = e->base;
		e->begun_ns = ev->time_ns;
	}
	if (ev->time_ns > e->last_ns)
		e->last_ns = ev->time_ns;
	if (e->base) {
		moved = *ev;
		moved.data.pos += e->base;
		ev = &moved;
		start += e->base;
	}
	end = ev->data.pos + ev->data.bytes.len;
	if (start < e->origin) {
		bool all = end <= e->origin;

		count_before_origin(e, start);
		if (all)
			return 0;
	}
	/* Where it may not wait, the stream goes on behind one hole after the other. */
	while (start > e->s.pos) {
		if (!ev->data.matched && hold(e, ev, start))
			return 0;
		if (!e->first || e->first->start > start)
			break;
		deliver_first(e);
		drain(e);
	}
	deliver(e, ev);
	drain(e);
	return 0;
}

/* Until now the gaps said what they were only as far as the events told. */
static void settle_matched(struct entry *e, uint64_t matched)
{
	uint64_t all = e->s.missing + e->s.matched;

	if (matched > all)
		matched = all;
	e->t->totals.missing += (all - matched) - e->s.missing;
	e->t->totals.matched += matched - e->s.matched;
	e->s.missing = all - matched;
	e->s.matched = matched;
}

void stream_final(struct stream_table *t, const struct bt_file_id *file, enum bt_dir dir,
		  uint64_t pos, uint64_t matched)
{
	struct key key = make_key(file, dir);
	struct entry *e = table_peek(t->entries, span_of(&key, sizeof(key)));

	if (!e)
		return;
	deliver_all(e);
	gap_to(e, e->base + pos, UINT64_MAX);
	/* What it says is of the time since it began anew. */
	if (!e->base)
		settle_matched(e, matched);
}

void stream_end_file(struct stream_table *t, const struct bt_file_id *file)
{
	for (unsigned int dir = BT_DIR_OUT; dir <= BT_DIR_IN; dir++) {
		struct key key = make_key(file, (enum bt_dir)dir);

		table_remove(t->entries, span_of(&key, sizeof(key)));
	}
}

void stream_tick(struct stream_table *t, uint64_t now_ns)
{
	struct entry *next;

	if (now_ns > t->now_ns)
		t->now_ns = now_ns;
	for (struct entry *e = t->holding; e; e = next) {
		size_t n = 0, overdue = 0;

		next = e->next_holding;
		for (const struct held *h = e->first; h; h = h->next) {
			n++;
			if (t->now_ns - h->since_ns > HOLD_NS)
				overdue = n;
		}
		while (overdue--)
			deliver_first(e);
		drain(e);
	}
}

struct stream *stream_find(struct stream_table *t, const struct bt_file_id *file, enum bt_dir dir)
{
	struct key key = make_key(file, dir);
	struct entry *e = table_peek(t->entries, span_of(&key, sizeof(key)));

	return e ? &e->s : NULL;
}

void stream_table_totals(const struct stream_table *t, struct stream_totals *ret)
{
	*ret = t->totals;
	ret->evicted = table_evicted(t->entries);
}

size_t stream_table_len(const struct stream_table *t)
{
	return table_len(t->entries);
}
