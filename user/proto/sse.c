/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/secmem.h"
#include "proto/sse.h"

#define MAX_NAME 5 /* "event"; "data" is the other name of interest */

enum state {
	SSE_BOM,   /* at the begin of the stream: what comes is compared with the mark */
	SSE_NAME,  /* in a field's name; at the start of a line when n_name is 0 */
	SSE_COLON, /* behind the colon: one blank is no part of the value */
	SSE_DATA,
	SSE_EVENT,
	SSE_SKIP, /* in a line of no interest */
	SSE_LOST, /* in a line, and until the next blank one */
};

struct sse {
	const struct sse_ops *ops;
	void *arg;
	enum state state;
	bool after_cr;   /* an LF now belongs to the line end before */
	bool lost_blank; /* SSE_LOST: nothing in this line so far */
	bool has_data;
	char name[MAX_NAME];
	size_t n_name; /* up to MAX_NAME + 1: too long to be of interest */
	size_t n_bom;
	char event[SSE_MAX_EVENT];
	size_t n_event;
};

static const char bom[] = "\xef\xbb\xbf";

struct sse *sse_new(const struct sse_ops *ops, void *arg)
{
	struct sse *s = secmem_calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->ops = ops;
	s->arg = arg;
	return s;
}

struct sse *sse_free(struct sse *s)
{
	secmem_free(s);
	return NULL;
}

void sse_gap(struct sse *s)
{
	s->state = SSE_LOST;
	s->lost_blank = false;
	s->after_cr = false;
	s->has_data = false;
	s->n_event = 0;
}

static void put(struct sse *s, struct span bytes, uint64_t off)
{
	if (bytes.len && s->ops->data)
		s->ops->data(s->arg, bytes, off);
}

static bool name_is(const struct sse *s, const char *name)
{
	return span_eq_str(span_of(s->name, s->n_name < MAX_NAME ? s->n_name : MAX_NAME), name) &&
	       s->n_name <= MAX_NAME;
}

/* The name is whole; `off` is where the value begins. */
static void begin_value(struct sse *s, uint64_t off)
{
	if (name_is(s, "data")) {
		if (s->has_data)
			put(s, SPAN_LIT("\n"), off);
		s->has_data = true;
		s->state = SSE_DATA;
	} else if (name_is(s, "event")) {
		s->n_event = 0;
		s->state = SSE_EVENT;
	} else {
		s->state = SSE_SKIP;
	}
	s->n_name = 0;
}

static void dispatch(struct sse *s)
{
	if (s->has_data && s->ops->end)
		s->ops->end(s->arg,
			    s->n_event ? span_of(s->event, s->n_event) : SPAN_LIT("message"));
	s->has_data = false;
	s->n_event = 0;
}

static void end_line(struct sse *s, uint64_t off)
{
	bool lost = s->state == SSE_LOST && !s->lost_blank;

	/* A line without a colon is a name with an empty value; the value of "data:" at a line's end is empty too. */
	if (s->state == SSE_COLON || (s->state == SSE_NAME && s->n_name))
		begin_value(s, off);
	else if (s->state == SSE_NAME || s->state == SSE_BOM)
		dispatch(s);
	s->state = lost ? SSE_LOST : SSE_NAME;
	s->lost_blank = true;
	s->n_name = 0;
}

/* Bytes of a line, without its end, not empty; the number taken. */
static size_t in_line(struct sse *s, struct span in, uint64_t off)
{
	char c = in.p[0];
	size_t room;

	switch (s->state) {
	case SSE_BOM:
		if (c == bom[s->n_bom]) {
			if (++s->n_bom == sizeof(bom) - 1)
				s->state = SSE_NAME;
			return 1;
		}
		/* Part of a mark is part of a name that nobody knows. */
		s->state = s->n_bom ? SSE_SKIP : SSE_NAME;
		return 0;
	case SSE_NAME:
		if (c == ':') {
			/* No name: a comment. */
			s->state = s->n_name ? SSE_COLON : SSE_SKIP;
		} else if (s->n_name < MAX_NAME) {
			s->name[s->n_name++] = c;
		} else {
			s->n_name = MAX_NAME + 1;
			s->state = SSE_SKIP;
		}
		return 1;
	case SSE_COLON:
		begin_value(s, off + (c == ' '));
		return c == ' ';
	case SSE_DATA:
		put(s, in, off);
		break;
	case SSE_EVENT:
		room = SSE_MAX_EVENT - s->n_event;
		if (room > in.len)
			room = in.len;
		memcpy(s->event + s->n_event, in.p, room);
		s->n_event += room;
		break;
	case SSE_SKIP:
		break;
	case SSE_LOST:
		s->lost_blank = false;
		break;
	}
	return in.len;
}

void sse_feed(struct sse *s, struct span in, uint64_t off)
{
	while (in.len) {
		size_t n = 1;

		if (in.p[0] == '\n' || in.p[0] == '\r') {
			if (in.p[0] == '\r' || !s->after_cr)
				end_line(s, off);
			s->after_cr = in.p[0] == '\r';
		} else {
			struct span line = span_sub(in, 0, span_find_byte(in, '\n'));

			line = span_sub(line, 0, span_find_byte(line, '\r'));
			s->after_cr = false;
			n = in_line(s, line, off);
		}
		in = span_sub(in, n, in.len);
		off += n;
	}
}
