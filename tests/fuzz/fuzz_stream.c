/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Streams whose pieces come in any order, overlap, and get lost. Byte number p of stream k is always byte_at(k, p), so
 * every delivered byte can be checked, and positions must add up. Input: steps of 6 bytes: what to do and with
 * which stream, position (2), length, loss, time.
 * Covers: stream/stream.c
 */
#include <stdlib.h>

#include "stream/stream.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { STREAMS = 4, MAX_STREAMS = 3, MAX_HELD_STREAM = 2048, MAX_HELD_TOTAL = 4096 };

/* The consumer's own idea of a stream. */
struct model {
	uint64_t first, next;
	uint64_t delivered,
		gaps; /* what came late is both no gap and not in order: it is taken off the gaps */
};

struct run {
	uint64_t examined, missing;
};

static void must(bool ok)
{
	if (!ok)
		abort();
}

static char byte_at(uint64_t k, uint64_t pos)
{
	return (char)(pos * 167 + k * 31 + (pos >> 8));
}

static struct model *model_of(struct stream *s)
{
	struct model *m = s->user;

	if (!m) {
		m = calloc(1, sizeof(*m));
		must(m != NULL);
		m->first = s->pos;
		m->next = s->pos;
		s->user = m;
	}
	must(m->next == s->pos);
	return m;
}

static void on_data(void *arg, struct stream *s, const struct event *ev, struct span bytes)
{
	struct run *run = arg;
	struct model *m = model_of(s);

	must(bytes.len && ev->data.file.obj == s->file.obj && ev->data.dir == s->dir);
	for (size_t i = 0; i < bytes.len; i++)
		must(bytes.p[i] == byte_at(s->file.obj, s->pos + i));
	m->next += bytes.len;
	m->delivered += bytes.len;
	run->examined += bytes.len;
	must(s->examined == m->delivered);
}

static void on_gap(void *arg, struct stream *s, uint64_t missing)
{
	struct run *run = arg;
	struct model *m = model_of(s);

	must(missing >= 1);
	m->next += missing;
	m->gaps += missing;
	run->missing += missing;
	/* Bytes from before the first event are missing, too, but are no gap. */
	must(s->missing + s->matched >= m->gaps);
}

static void on_late(void *arg, struct stream *s, const struct event *ev, struct span bytes,
		    uint64_t pos)
{
	struct run *run = arg;
	struct model *m = model_of(s);

	must(bytes.len && pos + bytes.len <= s->pos && m->gaps >= bytes.len);
	for (size_t i = 0; i < bytes.len; i++)
		must(bytes.p[i] == byte_at(s->file.obj, pos + i));
	m->delivered += bytes.len;
	m->gaps -= bytes.len;
	run->examined += bytes.len;
	run->missing -= bytes.len;
}

static void on_end(void *arg, struct stream *s)
{
	const struct model *m = model_of(s);

	must(m->next == m->first + m->delivered + m->gaps);
}

static void feed(struct stream_table *t, uint64_t k, const uint8_t *step, uint64_t now)
{
	/* One of the streams runs up to the last position that there is. */
	uint64_t base = k == 3 ? UINT64_MAX - 66000 : 0;
	size_t len = step[3];
	char *bytes = malloc(len ? len : 1);
	struct event ev = { .kind = BT_REC_DATA, .time_ns = now };

	must(bytes != NULL);
	ev.data.file = (struct bt_file_id){ .obj = k, .type = BT_FILE_PIPE };
	ev.data.dir = k & 1 ? BT_DIR_IN : BT_DIR_OUT;
	ev.data.pos = base + (step[1] | (uint64_t)step[2] << 8);
	ev.data.off = ~0ULL;
	ev.data.matched = step[0] >> 5 == 7;
	ev.data.lost_len = step[4] < ev.data.pos ? step[4] : (uint32_t)ev.data.pos;
	for (size_t i = 0; i < len; i++)
		bytes[i] = byte_at(k, ev.data.pos + i);
	ev.data.bytes = span_of(bytes, len);
	ev.data.name = span_of(bytes, len / 8);
	must(stream_feed(t, &ev) == 0);
	free(bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct stream_limits limits = { MAX_STREAMS, MAX_HELD_STREAM, MAX_HELD_TOTAL };
	const struct stream_ops ops = { on_data, on_gap, on_late, on_end, free };
	struct stream_totals totals;
	struct run run = { 0 };
	struct stream_table *t = stream_table_new(&limits, &ops, &run);
	uint64_t now = 0;

	must(t != NULL);
	for (; size >= 6; data += 6, size -= 6) {
		uint64_t k = data[0] % STREAMS;
		struct bt_file_id file = { .obj = k };

		now += (uint64_t)data[5] << 23;
		switch (data[0] >> 5) {
		case 0:
			stream_tick(t, now);
			break;
		case 1:
			stream_final(t, &file, k & 1 ? BT_DIR_IN : BT_DIR_OUT,
				     data[1] | (uint64_t)data[2] << 8, data[3]);
			break;
		case 2:
			if (data[1] < 32)
				stream_end_file(t, &file);
			break;
		default:
			feed(t, k, data, now);
			break;
		}
		stream_table_totals(t, &totals);
		must(totals.held_now <= MAX_HELD_TOTAL && stream_table_len(t) <= MAX_STREAMS);
		must(totals.examined == run.examined &&
		     totals.missing + totals.matched >= run.missing);
	}
	stream_table_free(t);
	return 0;
}
