/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <stdlib.h>

#include "base/secmem.h"
#include "base/table.h"
#include "event/pipe_store.h"

/* The smallest buffer; they double. */
#define BUF_MIN 256u
/* Stretches of a pipe's bytes that are not here. */
#define HOLES_MAX 16u

struct hole {
	uint64_t from, to;
	bool gone; /* else still waited for */
};

struct kept_pipe {
	struct bt_file_id id;
	struct kept_pipe *prev, *next; /* of those with a buffer, in order of the last write */
	uint64_t from, to;             /* stream positions of the bytes here, holes included */
	char *buf;                     /* byte `pos` is at pos % room */
	size_t room;                   /* a power of two */
	struct hole *holes;            /* HOLES_MAX, ascending; NULL: there was none yet */
	size_t n_holes;
	bool distrusted;
};

struct pipe_store {
	struct pipe_store_limits limits;
	struct table *pipes;
	struct kept_pipe *oldest, *newest;
	size_t size;
};

static struct span key_of(const struct bt_file_id *id, char out[12])
{
	memcpy(out, &id->obj, 8);
	memcpy(out + 8, &id->dev, 4);
	return span_of(out, 12);
}

static struct kept_pipe *find(struct pipe_store *s, const struct bt_file_id *id)
{
	char key[12];

	return table_get(s->pipes, key_of(id, key));
}

static void unlink_pipe(struct pipe_store *s, struct kept_pipe *p)
{
	*(p->prev ? &p->prev->next : &s->oldest) = p->next;
	*(p->next ? &p->next->prev : &s->newest) = p->prev;
	p->prev = p->next = NULL;
}

static void link_pipe(struct pipe_store *s, struct kept_pipe *p)
{
	p->prev = s->newest;
	*(s->newest ? &s->newest->next : &s->oldest) = p;
	s->newest = p;
}

/* Its bytes go; the positions stay. */
static void drop_buffer(struct pipe_store *s, struct kept_pipe *p)
{
	if (!p->buf)
		return;
	unlink_pipe(s, p);
	secmem_free(p->buf);
	p->buf = NULL;
	s->size -= p->room;
	p->room = 0;
}

static void drop_before(struct kept_pipe *p, uint64_t pos)
{
	size_t n = 0;

	if (pos <= p->from)
		return;
	p->from = pos;
	if (p->to < pos)
		p->to = pos;
	for (size_t i = 0; i < p->n_holes; i++) {
		struct hole h = p->holes[i];

		if (h.to <= pos)
			continue;
		if (h.from < pos)
			h.from = pos;
		p->holes[n++] = h;
	}
	p->n_holes = n;
}

/* Room for the bytes from p->from to p->to. False: no memory. */
static bool grow(struct pipe_store *s, struct kept_pipe *p)
{
	uint64_t len = p->to - p->from;
	size_t room = p->room ? p->room : BUF_MIN;
	char *buf;

	while (room < len)
		room *= 2;
	if (room == p->room)
		return true;
	buf = secmem_calloc(1, room);
	if (!buf)
		return false;
	for (uint64_t at = p->from; p->buf && at < p->to && at - p->from < p->room; at++)
		buf[at & (room - 1)] = p->buf[at & (p->room - 1)];
	if (p->buf)
		drop_buffer(s, p);
	p->buf = buf;
	p->room = room;
	s->size += room;
	link_pipe(s, p);
	return true;
}

/* Nothing of what is there can be had. */
static void lose_all(struct pipe_store *s, struct kept_pipe *p)
{
	drop_buffer(s, p);
	drop_before(p, p->to);
}

static void make_room(struct pipe_store *s, const struct kept_pipe *but)
{
	while (s->size > s->limits.max_bytes && s->oldest && s->oldest != but)
		lose_all(s, s->oldest);
}

static void put_bytes(struct kept_pipe *p, uint64_t pos, struct span bytes)
{
	while (bytes.len) {
		size_t at = pos & (p->room - 1), n = p->room - at;

		if (n > bytes.len)
			n = bytes.len;
		memcpy(p->buf + at, bytes.p, n);
		bytes = span_sub(bytes, n, SIZE_MAX);
		pos += n;
	}
}

/* Without memory for it, all up to its end is given up. */
static void insert_hole(struct kept_pipe *p, size_t at, struct hole h)
{
	if (!p->holes)
		p->holes = calloc(HOLES_MAX, sizeof(*p->holes));
	if (!p->holes) {
		drop_before(p, h.to);
		return;
	}
	/* So many pieces: what is before the second of the oldest holes is given up. */
	if (p->n_holes == HOLES_MAX) {
		drop_before(p, p->holes[0].to);
		if (!at--)
			return;
	}
	memmove(p->holes + at + 1, p->holes + at, (p->n_holes - at) * sizeof(*p->holes));
	p->holes[at] = h;
	p->n_holes++;
}

/* The stretch is no longer waited for. */
static void fill_hole(struct kept_pipe *p, uint64_t from, uint64_t to)
{
	for (size_t i = 0; i < p->n_holes; i++) {
		struct hole h = p->holes[i];

		if (h.to <= from || h.from >= to)
			continue;
		p->n_holes--;
		memmove(p->holes + i, p->holes + i + 1, (p->n_holes - i) * sizeof(*p->holes));
		if (h.to > to)
			insert_hole(p, i, (struct hole){ to, h.to, h.gone });
		if (h.from < from)
			insert_hole(p, i, (struct hole){ h.from, from, h.gone });
		/* What was inserted does not meet the stretch. */
		i = (size_t)-1;
	}
}

static void add_hole(struct kept_pipe *p, uint64_t from, uint64_t to, bool gone)
{
	size_t i = 0;

	while (i < p->n_holes && p->holes[i].from < from)
		i++;
	insert_hole(p, i, (struct hole){ from, to, gone });
}

/* Makes positions up to `to` known of; those before `from` that were not are waited for. */
static void extend(struct pipe_store *s, struct kept_pipe *p, uint64_t from, uint64_t to)
{
	uint64_t end = p->to;

	if (to <= end)
		return;
	p->to = to;
	if (from > end)
		add_hole(p, end, from, false);
	if (to - p->from > s->limits.max_pipe_bytes)
		drop_before(p, to - s->limits.max_pipe_bytes);
}

struct pipe_store *pipe_store_new(const struct pipe_store_limits *limits)
{
	struct pipe_store *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->limits = *limits;
	s->pipes = table_new(limits->max_pipes, NULL);
	if (!s->pipes) {
		free(s);
		return NULL;
	}
	return s;
}

static void free_pipe(struct pipe_store *s, struct kept_pipe *p)
{
	drop_buffer(s, p);
	free(p->holes);
	free(p);
}

static bool release_pipe(void *arg, struct span key, void *value)
{
	(void)key;
	free_pipe(arg, value);
	return true;
}

struct pipe_store *pipe_store_free(struct pipe_store *s)
{
	if (s) {
		table_walk(s->pipes, release_pipe, s);
		table_free(s->pipes);
		free(s);
	}
	return NULL;
}

void pipe_store_distrust(struct pipe_store *s, const struct bt_file_id *pipe)
{
	struct kept_pipe *p = find(s, pipe);

	if (!p)
		return;
	drop_buffer(s, p);
	p->distrusted = true;
}

static void forget(struct pipe_store *s, struct kept_pipe *p)
{
	char key[12];

	table_remove(s->pipes, key_of(&p->id, key));
	free_pipe(s, p);
}

int pipe_store_add(struct pipe_store *s, const struct bt_file_id *pipe)
{
	struct kept_pipe *p;
	char key[12];

	if (find(s, pipe))
		return 0;
	p = calloc(1, sizeof(*p));
	if (!p)
		return -ENOMEM;
	p->id = *pipe;
	/* Not by the table: it does not know of the store. */
	while (table_len(s->pipes) >= s->limits.max_pipes)
		forget(s, table_oldest(s->pipes));
	if (table_put(s->pipes, key_of(pipe, key), p)) {
		free(p);
		return -ENOMEM;
	}
	return 0;
}

bool pipe_store_written(struct pipe_store *s, const struct bt_file_id *pipe, uint64_t pos,
			struct span bytes)
{
	struct kept_pipe *p = find(s, pipe);
	uint64_t end = pos + bytes.len;

	if (!p || p->distrusted || end <= p->from)
		return false;
	extend(s, p, pos, end);
	if (pos < p->from) {
		bytes = span_sub(bytes, (size_t)(p->from - pos), SIZE_MAX);
		pos = p->from;
	}
	if (!grow(s, p)) {
		lose_all(s, p);
		return false;
	}
	put_bytes(p, pos, bytes);
	fill_hole(p, pos, end);
	unlink_pipe(s, p);
	link_pipe(s, p);
	make_room(s, p);
	return true;
}

void pipe_store_unknown(struct pipe_store *s, const struct bt_file_id *pipe, uint64_t pos,
			uint64_t len)
{
	struct kept_pipe *p = find(s, pipe);
	uint64_t end = pos + len;

	if (!p || end <= p->from)
		return;
	extend(s, p, pos, end);
	if (pos < p->from)
		pos = p->from;
	if (pos == end)
		return;
	fill_hole(p, pos, end);
	add_hole(p, pos, end, true);
}

void pipe_store_no_more(struct pipe_store *s, const struct bt_file_id *pipe, uint64_t pos)
{
	struct kept_pipe *p = find(s, pipe);

	if (!p)
		return;
	if (pos > p->to)
		pipe_store_unknown(s, pipe, p->to, pos - p->to);
	for (size_t i = 0; i < p->n_holes; i++)
		if (p->holes[i].to <= pos)
			p->holes[i].gone = true;
}

void pipe_store_read(struct pipe_store *s, const struct bt_file_id *pipe, uint64_t pos)
{
	struct kept_pipe *p = find(s, pipe);

	if (!p)
		return;
	drop_before(p, pos);
	if (p->from == p->to)
		drop_buffer(s, p);
}

enum pipe_bytes pipe_store_look(struct pipe_store *s, const struct bt_file_id *pipe, uint64_t pos,
				uint64_t len)
{
	struct kept_pipe *p = find(s, pipe);
	bool later = false;

	if (!p || p->distrusted || pos < p->from)
		return PIPE_GONE;
	for (size_t i = 0; i < p->n_holes; i++) {
		const struct hole *h = &p->holes[i];

		if (h->to <= pos || h->from >= pos + len)
			continue;
		if (h->gone)
			return PIPE_GONE;
		later = true;
	}
	return later || pos + len > p->to ? PIPE_LATER : PIPE_HERE;
}

enum pipe_bytes pipe_store_get(struct pipe_store *s, const struct bt_file_id *pipe, uint64_t pos,
			       struct span *ret)
{
	struct kept_pipe *p = find(s, pipe);
	uint64_t end;
	size_t at;

	if (!p || p->distrusted || pos < p->from)
		return PIPE_GONE;
	end = p->to;
	for (size_t i = 0; i < p->n_holes; i++) {
		const struct hole *h = &p->holes[i];

		if (pos >= h->from && pos < h->to)
			return h->gone ? PIPE_GONE : PIPE_LATER;
		if (h->from > pos && h->from < end)
			end = h->from;
	}
	if (pos >= end)
		return PIPE_LATER;
	at = pos & (p->room - 1);
	if (end - pos > p->room - at)
		end = pos + (p->room - at);
	*ret = span_of(p->buf + at, (size_t)(end - pos));
	return PIPE_HERE;
}

size_t pipe_store_size(const struct pipe_store *s)
{
	return s->size;
}
