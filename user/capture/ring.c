/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <limits.h>
#include <sys/mman.h>
#include <unistd.h>
#include <linux/bpf.h>

#include <beartrap/event.h>
#include "capture/ring.h"

/*
 * How far apart two records may lie in the ring's order and in time: a program takes its time, then
 * works, then sends. Not more than this, in nanoseconds.
 */
#define SKEW_NS 10000000ULL
/* Looks at a record that is being written before leaving it for the next drain. */
#define BUSY_SPINS 2000

int ring_open(struct ring *r, int map_fd, size_t len)
{
	void *p;

	*r = (struct ring){ .len = len, .page = sysconf(_SC_PAGESIZE) };
	p = mmap(NULL, r->page, PROT_READ | PROT_WRITE, MAP_SHARED, map_fd, 0);
	if (p == MAP_FAILED)
		return -errno;
	r->consumer = p;
	p = mmap(NULL, r->page + 2 * len, PROT_READ, MAP_SHARED, map_fd, (off_t)r->page);
	if (p == MAP_FAILED) {
		int err = -errno;

		ring_close(r);
		return err;
	}
	r->producer = p;
	r->data = (const char *)p + r->page;
	/* What is in there is no business of a child's, and copying the page tables makes fork slow. */
	madvise(r->consumer, r->page, MADV_DONTFORK);
	madvise(p, r->page + 2 * len, MADV_DONTFORK);
	r->read = __atomic_load_n(r->consumer, __ATOMIC_ACQUIRE);
	return 0;
}

void ring_close(struct ring *r)
{
	if (r->producer)
		munmap((void *)r->producer, r->page + 2 * r->len);
	if (r->consumer)
		munmap(r->consumer, r->page);
	*r = (struct ring){ 0 };
}

unsigned long ring_produced(const struct ring *r)
{
	return __atomic_load_n(r->producer, __ATOMIC_ACQUIRE);
}

/* Frees everything before `pos` for the kernel. */
static void ring_release(struct ring *r, unsigned long pos)
{
	__atomic_store_n(r->consumer, pos, __ATOMIC_SEQ_CST);
}

static uint32_t ring_header(const struct ring *r, unsigned long pos)
{
	const uint32_t *h = (const void *)(r->data + (pos & (r->len - 1)));

	return __atomic_load_n(h, __ATOMIC_ACQUIRE);
}

/* The next record that has not been looked at. 1; 0 when there is none; -EAGAIN when it is being written. */
static int ring_next(struct ring *r, struct ring_record *ret)
{
	unsigned int spins = 0;

	for (;;) {
		unsigned long pos = r->read;
		uint32_t head, len;

		if (pos == ring_produced(r))
			return 0;
		head = ring_header(r, pos);
		if (head & BPF_RINGBUF_BUSY_BIT) {
			if (++spins > BUSY_SPINS)
				return -EAGAIN;
			continue;
		}
		len = head & ~(uint32_t)BPF_RINGBUF_DISCARD_BIT;
		r->read = pos + ((len + BPF_RINGBUF_HDR_SZ + 7) & ~7UL);
		if (head & BPF_RINGBUF_DISCARD_BIT)
			continue;
		ret->bytes = span_of(r->data + (pos & (r->len - 1)) + BPF_RINGBUF_HDR_SZ, len);
		ret->start = pos;
		ret->end = r->read;
		ret->time_ns = 0;
		if (len >= sizeof(struct bt_hdr))
			memcpy(&ret->time_ns, ret->bytes.p + offsetof(struct bt_hdr, time_ns),
			       sizeof(ret->time_ns));
		return 1;
	}
}

void ring_merge_init(struct ring_merge *m, struct ring *bulk, struct ring *prio)
{
	m->bulk = bulk;
	m->prio = prio;
	m->n = m->at = 0;
	m->have_bulk = false;
	m->told_from = m->told_to = 0;
}

static bool says_who(const struct ring_merge *m, const struct ring_record *rec)
{
	struct bt_hdr hdr;

	if (rec->start < m->told_from || rec->start >= m->told_to || rec->bytes.len < sizeof(hdr))
		return false;
	memcpy(&hdr, rec->bytes.p, sizeof(hdr));
	return hdr.kind == BT_REC_EXEC || hdr.kind == BT_REC_ARGS || hdr.kind == BT_REC_FILE;
}

/* Drops what was delivered, and gives the ring's memory back up to the oldest record that was not. */
static void window_shrink(struct ring_merge *m)
{
	unsigned long pos = m->prio->read;

	if (!m->at)
		return;
	m->n -= m->at;
	memmove(m->window, m->window + m->at, m->n * sizeof(*m->window));
	m->at = 0;
	for (size_t i = 0; i < m->n; i++)
		if ((long)(m->window[i].start - pos) < 0)
			pos = m->window[i].start;
	ring_release(m->prio, pos);
}

static void window_insert(struct ring_merge *m, const struct ring_record *rec)
{
	size_t i = m->n++;

	while (i > m->at && m->window[i - 1].time_ns > rec->time_ns) {
		m->window[i] = m->window[i - 1];
		i--;
	}
	m->window[i] = *rec;
}

/* Looks at the priority ring until its records are surely younger than `until`. As ring_next(). */
static int window_fill(struct ring_merge *m, uint64_t until)
{
	struct ring_record rec;
	int ret;

	if (m->at == m->n || m->at >= RING_WINDOW / 4)
		window_shrink(m);
	while (m->n < RING_WINDOW) {
		if (m->n > m->at && m->window[m->n - 1].time_ns > until + SKEW_NS)
			return 1;
		ret = ring_next(m->prio, &rec);
		if (ret <= 0)
			return ret;
		window_insert(m, &rec);
	}
	return 1;
}

/* Chooses what comes next. 1, 0 when both rings are empty, -EAGAIN when that cannot be known yet. */
static int merge_next(struct ring_merge *m, struct ring_record *ret, bool *from_bulk)
{
	int err;

	/*
	 * Look at one ring, then the other, then the first again: what was sent before the record in hand
	 * can then be seen, whichever ring it is in.
	 */
	err = window_fill(m, 0);
	if (err < 0)
		return err;
	if (!m->have_bulk) {
		err = ring_next(m->bulk, &m->bulk_head);
		if (err < 0)
			return err;
		m->have_bulk = err;
	}
	if (m->have_bulk) {
		err = window_fill(m, m->bulk_head.time_ns);
		if (err < 0)
			return err;
	}
	if (m->at < m->n && (!m->have_bulk || m->window[m->at].time_ns <= m->bulk_head.time_ns)) {
		*ret = m->window[m->at++];
		*from_bulk = false;
		return 1;
	}
	if (!m->have_bulk)
		return 0;
	*ret = m->bulk_head;
	m->have_bulk = false;
	*from_bulk = true;
	return 1;
}

int ring_merge_tell(struct ring_merge *m, int (*record)(void *arg, struct span rec), void *arg)
{
	struct ring ahead = *m->prio;
	struct ring_record rec;
	int err = 0;

	ahead.read = m->told_from;
	while (err >= 0 && ahead.read < m->told_to && ring_next(&ahead, &rec) == 1)
		if (says_who(m, &rec))
			err = record(arg, rec.bytes);
	/* Those behind one that is being written come in their turn. */
	if (ahead.read < m->told_to)
		m->told_to = ahead.read;
	return err < 0 ? err : 0;
}

int ring_merge_drain(struct ring_merge *m, int (*record)(void *arg, struct span rec), void *arg)
{
	unsigned long bulk_end = ring_produced(m->bulk), prio_end = ring_produced(m->prio);
	unsigned long bulk_done = *m->bulk->consumer;
	int n = 0, err = 0;

	while (bulk_done < bulk_end || m->prio->read < prio_end || m->at < m->n) {
		struct ring_record rec;
		bool from_bulk;

		err = merge_next(m, &rec, &from_bulk);
		if (err <= 0)
			break;
		if (from_bulk || !says_who(m, &rec))
			err = record(arg, rec.bytes);
		if (from_bulk) {
			bulk_done = rec.end;
			ring_release(m->bulk, bulk_done);
		}
		if (err < 0)
			break;
		if (n < INT_MAX)
			n++;
	}
	window_shrink(m);
	if (err < 0 && err != -EAGAIN)
		return err;
	return n;
}
