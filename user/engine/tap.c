/* SPDX-License-Identifier: BSD-2-Clause */
/* Plain streams: what is read or written that is not an MCP wire. */
#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include "alert/place.h"
#include "engine/internal.h"

struct tap_ctx {
	struct engine *e;
	struct stream *s;
	struct tap *t;
};

/* A TLS record header: content type 20..23, version 3.x (RFC 8446 5.1). */
static bool looks_like_tls(struct span b)
{
	return b.len >= 3 && b.p[0] >= 20 && b.p[0] <= 23 && b.p[1] == 3 && (uint8_t)b.p[2] <= 4;
}

/* The header of a handshake packet: form and fixed bit, version 1, 2 or a draft (RFC 9000 17.2, RFC 9369 3.1). */
static bool looks_like_quic(struct span b)
{
	uint32_t version;

	if (b.len < 7 || ((uint8_t)b.p[0] & 0xc0) != 0xc0)
		return false;
	memcpy(&version, b.p + 1, sizeof(version));
	version = be32toh(version);
	return version == 1 || version == 0x6b3343cf || version >> 8 == 0xff0000;
}

static void learn(struct tap_ctx *c, const struct hit *hit, enum birth birth)
{
	if (hit->kind != SECRET_STATE)
		ledger_learn(c->e->ledger, hit, birth, c->t->last.time_ns, c->t->last.tgid);
}

static void tap_hit(void *arg, const struct hit *hit)
{
	struct tap_ctx *c = arg;
	unsigned int flags = c->t->flags;

	/* Of messages that flow/ reads whole a key name says nothing new. */
	if (c->t->link && hit->confidence == CONF_HEURISTIC && link_parses(c->t->link, c->s->dir))
		return;
	if (c->t->role == TAP_LEARN) {
		learn(c, hit, c->s->file.type == BT_FILE_REG ? BIRTH_FILE : BIRTH_NETWORK_IN);
		return;
	}
	if (c->t->watch && watch_in_target(c->t->watch, hit->offset))
		flags |= SINK_F_ACCESS_LOG;
	engine_judge_text(c->e, &c->s->file, c->t->class, flags, hit, &c->t->last);
	/* What was guessed may turn out to be a secret. */
	if (hit->confidence != CONF_HEURISTIC)
		past_tell(&c->e->past, &c->t->past, hit->offset, hit->end);
	if (c->t->class == SINK_NETWORK && (c->t->flags & (SINK_F_LOOPBACK | SINK_F_TLS)))
		learn(c, hit, BIRTH_NETWORK_OUT);
}

static void silent_remove(struct engine *e, struct tap *t)
{
	if (!t->silent)
		return;
	if (t->silent_prev)
		t->silent_prev->silent_next = t->silent_next;
	else
		e->silent = t->silent_next;
	if (t->silent_next)
		t->silent_next->silent_prev = t->silent_prev;
	t->silent_prev = t->silent_next = NULL;
	t->silent = false;
}

static void silent_add(struct engine *e, struct tap *t)
{
	if (t->silent)
		return;
	t->silent = true;
	t->silent_next = e->silent;
	if (e->silent)
		e->silent->silent_prev = t;
	e->silent = t;
}

void engine_peek_silent(struct engine *e, uint64_t now_ns)
{
	struct tap *t, *next;

	for (t = e->silent; t; t = next) {
		struct tap_ctx c = { e, t->stream, t };

		next = t->silent_next;
		if (t->last.time_ns + SILENT_NS > now_ns)
			continue;
		silent_remove(e, t);
		scan_peek(t->scan, tap_hit, &c);
	}
}

static void tap_free(void *user)
{
	struct tap *t = user;

	if (!t)
		return;
	scan_free(t->scan);
	wire_put(t->wire);
	link_put(t->link);
	watch_free(t->watch);
	past_end_stream(&t->past);
	free(t);
}

static struct tap *tap_of(struct engine *e, struct stream *s)
{
	struct tap *t = s->user;

	if (!t) {
		t = calloc(1, sizeof(*t));
		if (!t)
			return NULL;
		t->next_off = ~0ull;
		t->stream = s;
		s->user = t;
	} else if (t->file_known || t->role == TAP_OPAQUE || !proc_file_find(e->procs, &s->file)) {
		return t;
	}
	/* New, or its identity came late (no room in the ring at first; a TLS connection's socket). */
	wire_put(t->wire);
	t->wire = NULL;
	if (engine_classify(e, s, t)) {
		silent_remove(e, t);
		tap_free(t);
		s->user = NULL;
		return NULL;
	}
	return t;
}

static void examined(struct engine *e, const struct tap *t, size_t len)
{
	switch (t->role) {
	case TAP_IGNORE:
		e->totals.bytes_not_sinks += len;
		return;
	case TAP_OPAQUE:
		e->totals.bytes_encrypted += len;
		return;
	default:
		e->totals.bytes_examined += len;
		if (t->role == TAP_SINK || t->role == TAP_WIRE)
			e->totals.bytes_by_sink[t->class] += len;
	}
}

/* Datagrams go where their own address says, whatever the socket is connected to. */
static void scan_datagram(struct tap_ctx *c, struct span bytes)
{
	scan_reset(c->t->scan, c->s->pos, SPAN_NONE);
	scan_feed(c->t->scan, bytes, tap_hit, c);
	scan_flush(c->t->scan, tap_hit, c);
}

static void feed_link(struct tap_ctx *c, struct span bytes)
{
	if (!c->t->link)
		c->t->link = link_get(c->e, &c->s->file);
	if (c->t->link)
		link_data(c->t->link, c->s->dir, &c->t->last, bytes, c->s->pos);
}

/* Text that people read. The place is told to flow/ for what it finds in it. */
static void watch_with(struct tap_ctx *c, struct span bytes, bool end)
{
	struct engine_at at = {
		.who = &c->t->last, .file = &c->s->file, .class = c->t->class, .flags = c->t->flags
	};
	struct flow_ctx ctx;

	engine_ctx(&c->t->last, &ctx);
	c->e->at = &at;
	if (bytes.len)
		watch_feed(c->t->watch, &ctx, bytes, c->s->pos);
	if (end)
		watch_end(c->t->watch, &ctx);
	c->e->at = NULL;
}

static void feed_watch(struct tap_ctx *c, struct span bytes)
{
	if (!c->t->watch)
		c->t->watch = watch_new(c->e, &c->t->past);
	if (c->t->watch)
		watch_with(c, bytes, false);
}

static void keep_past(struct tap_ctx *c, struct span bytes, bool begins)
{
	struct past_place place = {
		.who = c->t->last,
		.file = c->s->file,
		.class = c->t->class,
		.flags = c->t->flags,
		.off = c->s->pos,
		.line = scan_line(c->t->scan),
		.begins = begins,
	};

	if (c->t->role == TAP_SINK)
		past_add(&c->e->past, &c->t->past, &place, bytes);
}

static bool is_connection(const struct stream *s)
{
	return s->file.type == BT_FILE_TCP || s->file.type == BT_FILE_TLS;
}

static void look_at(struct engine *e, struct stream *s, const struct event *ev, struct span bytes)
{
	struct tap_ctx c = { e, s, NULL };
	struct tap *t = tap_of(e, s);
	bool begins = false;

	if (!t) {
		e->totals.bytes_unscanned += bytes.len;
		return;
	}
	c.t = t;
	actor_of(ev, &t->last);
	if (!t->started && (t->role == TAP_LEARN || t->class == SINK_NETWORK) &&
	    looks_like_tls(bytes))
		t->role = TAP_OPAQUE;
	t->started = true;
	examined(e, t, bytes.len);
	engine_note_tls(e, &s->file, t, bytes.len);
	/* Looked through like any datagram: packets after the handshake do not say what they are. */
	if (s->file.type == BT_FILE_UDP && (t->quic || looks_like_quic(bytes))) {
		t->quic = true;
		e->totals.bytes_quic += bytes.len;
	}
	if (t->role == TAP_IGNORE || t->role == TAP_OPAQUE)
		return;
	if (t->role == TAP_WIRE) {
		if (wire_data(t->wire, t, &s->file, bytes, s->pos))
			e->totals.bytes_unscanned += bytes.len;
		return;
	}
	if (is_connection(s))
		feed_link(&c, bytes);
	if (t->role == TAP_SINK && t->class != SINK_NETWORK)
		feed_watch(&c, bytes);
	if (!t->scan) {
		t->scan = scan_new(e->cfg.scanner, e->cfg.values);
		if (!t->scan) {
			e->totals.bytes_unscanned += bytes.len;
			return;
		}
		scan_reset(t->scan, s->pos, SPAN_NONE);
	}
	if (ev->data.name.len || t->datagram) {
		keep_past(&c, bytes, true);
		scan_datagram(&c, bytes);
		return;
	}
	/* Positioned writes that do not follow one another are not one text. */
	if (ev->data.off != ~0ull) {
		begins = t->next_off != ev->data.off + (uint64_t)(bytes.p - ev->data.bytes.p);
		if (begins) {
			scan_flush(t->scan, tap_hit, &c);
			scan_reset(t->scan, s->pos, SPAN_NONE);
		}
		t->next_off = ev->data.off + (uint64_t)(bytes.p - ev->data.bytes.p) + bytes.len;
	}
	keep_past(&c, bytes, begins);
	scan_feed(t->scan, bytes, tap_hit, &c);
	if (scan_undecided(t->scan))
		silent_add(e, t);
	else
		silent_remove(e, t);
}

static void tap_data(void *arg, struct stream *s, const struct event *ev, struct span bytes)
{
	struct engine *e = arg;

	e->birth = is_connection(s) ? &s->file : NULL;
	look_at(e, s, ev, bytes);
	e->birth = NULL;
}

static void tap_gap(void *arg, struct stream *s, uint64_t missing)
{
	struct tap *t = s->user;
	struct tap_ctx c = { arg, s, t };

	if (!t)
		return;
	c.e->birth = is_connection(s) ? &s->file : NULL;
	if (t->link)
		link_gap(t->link, s->dir, missing);
	if (t->watch)
		watch_with(&c, SPAN_NONE, true);
	if (t->role == TAP_WIRE) {
		wire_gap(t->wire, t->wire_dir, missing);
	} else if (t->scan) {
		scan_flush(t->scan, tap_hit, &c);
		scan_reset(t->scan, s->pos + missing, SPAN_NONE);
	}
	c.e->birth = NULL;
}

/* What flow/ reads needs its messages in order: only looked through for secrets. */
static void tap_late(void *arg, struct stream *s, const struct event *ev, struct span bytes,
		     uint64_t pos)
{
	struct engine *e = arg;
	struct tap *t = s->user;
	struct tap_ctx c = { e, s, t };

	if (!t || t->role == TAP_IGNORE || t->role == TAP_OPAQUE || (!t->wire && !t->scan)) {
		if (t)
			examined(e, t, bytes.len);
		return;
	}
	actor_of(ev, &t->last);
	examined(e, t, bytes.len);
	if (t->role == TAP_WIRE) {
		if (wire_data(t->wire, t, &s->file, bytes, pos))
			e->totals.bytes_unscanned += bytes.len;
		return;
	}
	scan_flush(t->scan, tap_hit, &c);
	scan_reset(t->scan, pos, SPAN_NONE);
	scan_feed(t->scan, bytes, tap_hit, &c);
	scan_flush(t->scan, tap_hit, &c);
	scan_reset(t->scan, s->pos, SPAN_NONE);
}

static void tap_end(void *arg, struct stream *s)
{
	struct tap *t = s->user;
	struct tap_ctx c = { arg, s, t };

	if (!t)
		return;
	c.e->birth = is_connection(s) ? &s->file : NULL;
	if (t->link)
		link_end(t->link);
	if (t->watch)
		watch_with(&c, SPAN_NONE, true);
	silent_remove(c.e, t);
	if (t->role == TAP_WIRE)
		wire_end(t->wire, t->wire_dir);
	else if (t->scan)
		scan_flush(t->scan, tap_hit, &c);
	c.e->birth = NULL;
}

const struct stream_ops engine_stream_ops = {
	.data = tap_data,
	.gap = tap_gap,
	.late = tap_late,
	.end = tap_end,
	.free_user = tap_free,
};
