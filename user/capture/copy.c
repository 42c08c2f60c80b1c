/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Bytes that went from file to file without passing through the process (BT_REC_COPY), had where they can be, and passed on as the
 * data of that call: read in the regular file that they came from; known from what was written to the pipe that they came
 * out of; or read in the regular file that they went to. A look at a file is one at the result: it may have been
 * changed since.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/secmem.h"
#include "capture/internal.h"

/* Read at most so much for one call, and in a second. */
#define CALL_MAX (4u << 20)
#define SECOND_MAX (32u << 20)
/* Copies out of pipes that wait for the write that put the bytes there to end: how many, and how long. */
#define WAITS_MAX 1024
#define WAIT_NS 10000000000ULL
/* A larger one is passed on as its bytes come: not all of them could be kept. */
#define WHOLE_MAX (256u << 10)

/* A copy out of a pipe. */
struct pipe_wait {
	struct bt_hdr hdr;
	struct event ev;
	uint64_t done;
	bool over;
	char path[BT_PATH_LEN]; /* that ev.copy.path is */
};

/* A regular file of the copy, opened; -1. */
static int open_file(const struct event *ev, const struct bt_file_id *id, int fd_there)
{
	const struct inode_ref ref = { .file = *id,
				       .tgid = ev->tgid,
				       .root = ev->root,
				       .fd = fd_there,
				       .path = ev->copy.path };

	return inode_open(&ref);
}

/* How many bytes may be read now. */
static uint64_t allowance(struct copies *c, uint64_t want)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	if (now.tv_sec != c->second) {
		c->second = now.tv_sec;
		c->used = 0;
	}
	if (want > CALL_MAX)
		want = CALL_MAX;
	if (want > SECOND_MAX - c->used)
		want = SECOND_MAX - c->used;
	c->used += want;
	return want;
}

/* Where the bytes of a piece belong. */
static char *place(struct capture *c)
{
	return c->copies.buf + sizeof(struct bt_rec_data);
}

/* One piece, whose `len` bytes are in their place, as a record. */
static int pass_on(struct capture *c, const struct bt_hdr *hdr, const struct event *ev,
		   enum bt_call call, uint64_t done, size_t len)
{
	struct bt_rec_data *rec = (void *)c->copies.buf;

	*rec = (struct bt_rec_data){
		.hdr = *hdr,
		.file = ev->copy.file,
		.pos = ev->copy.pos + done,
		.off = ~0ull,
		.call_len = ev->copy.len,
		.call_off = done,
		.fd = ev->copy.fd,
		.data_len = (uint32_t)len,
		.call = (uint16_t)call,
		.dir = BT_DIR_OUT,
		.last = done + len == ev->copy.len,
	};
	rec->hdr.kind = BT_REC_DATA;
	rec->hdr.len = (uint32_t)(sizeof(*rec) + len);
	return copies_record(c, span_of(c->copies.buf, sizeof(*rec) + len));
}

/* The stream shows a gap for it. */
static void lose(struct capture *c, const struct event *ev, uint64_t done)
{
	uint64_t left = ev->copy.len - done;

	if (!left)
		return;
	c->copies.lost.events++;
	c->copies.lost.bytes += left;
	if (ev->copy.file.type == BT_FILE_PIPE)
		pipe_store_unknown(c->copies.pipes, &ev->copy.file, ev->copy.pos + done, left);
}

/* Reads the rest of a copy in a file in which it stands at `off`. What cfg->record returned. */
static int read_file(struct capture *c, const struct bt_hdr *hdr, const struct event *ev,
		     enum bt_call call, uint64_t done, uint64_t off, uint64_t *seen)
{
	bool target = call == BT_CALL_SPLICE_FILE;
	int fd = target ? open_file(ev, &ev->copy.file, ev->copy.fd)
			: open_file(ev, &ev->copy.from, ev->copy.from_fd);
	uint64_t want = done;
	int ret = 0;

	if (fd >= 0)
		want += allowance(&c->copies, ev->copy.len - done);
	while (done < want && ret >= 0) {
		size_t most = want - done < BT_CHUNK_LEN ? want - done : BT_CHUNK_LEN;
		ssize_t n = pread(fd, place(c), most, (off_t)(off + done));

		if (n <= 0)
			break;
		ret = pass_on(c, hdr, ev, call, done, (size_t)n);
		done += (uint64_t)n;
		*seen += (uint64_t)n;
	}
	lose(c, ev, done);
	if (fd >= 0)
		close(fd);
	return ret;
}

/* What the pipe does not tell of a copy. */
static int without_pipe(struct capture *c, const struct bt_hdr *hdr, const struct event *ev,
			uint64_t done)
{
	if (ev->copy.to_off != ~0ull)
		return read_file(c, hdr, ev, BT_CALL_SPLICE_FILE, done, ev->copy.to_off,
				 &c->copies.seen.target);
	lose(c, ev, done);
	return 0;
}

/* The pipe was read up to `pos`; what a copy waits for before that is kept. */
static void was_read(struct copies *c, const struct bt_file_id *pipe, uint64_t pos)
{
	for (size_t i = 0; i < c->n_waits; i++) {
		const struct event *ev = &c->waits[i].ev;

		if (!c->waits[i].over && ev->copy.from.obj == pipe->obj &&
		    ev->copy.from.dev == pipe->dev && ev->copy.from_off < pos)
			return;
	}
	pipe_store_read(c->pipes, pipe, pos);
}

/* Passes on what is known of a copy out of a pipe; w->over when nothing is left to wait for. */
static int settle_one(struct capture *c, struct pipe_wait *w, bool *moved)
{
	const struct event *ev = &w->ev;
	struct span bytes;
	int ret = 0;

	/* Nothing before all of it is there: who knows whose bytes it is that do not come. */
	if (ev->copy.len <= WHOLE_MAX &&
	    pipe_store_look(c->copies.pipes, &ev->copy.from, ev->copy.from_off + w->done,
			    ev->copy.len - w->done) == PIPE_LATER)
		return 0;
	while (!w->over && ret >= 0) {
		switch (pipe_store_get(c->copies.pipes, &ev->copy.from, ev->copy.from_off + w->done,
				       &bytes)) {
		case PIPE_LATER:
			return ret;
		case PIPE_GONE:
			w->over = true;
			ret = without_pipe(c, &w->hdr, ev, w->done);
			break;
		case PIPE_HERE:
			bytes = span_sub(bytes, 0, ev->copy.len - w->done);
			bytes = span_sub(bytes, 0, BT_CHUNK_LEN);
			if (bytes.len)
				memcpy(place(c), bytes.p, bytes.len);
			w->done += bytes.len;
			w->over = w->done == ev->copy.len;
			c->copies.seen.pipe += bytes.len;
			ret = pass_on(c, &w->hdr, ev,
				      ev->copy.call == BT_CALL_TEE ? BT_CALL_TEE
								   : BT_CALL_SPLICE_PIPE,
				      w->done - bytes.len, bytes.len);
			break;
		}
		*moved = true;
	}
	if (w->over && ev->copy.call != BT_CALL_TEE)
		was_read(&c->copies, &ev->copy.from, ev->copy.from_off + ev->copy.len);
	return ret;
}

static void drop_waits(struct copies *c)
{
	size_t n = 0;

	for (size_t i = 0; i < c->n_waits; i++)
		if (!c->waits[i].over) {
			c->waits[n] = c->waits[i];
			c->waits[n].ev.copy.path.p = c->waits[n].path;
			n++;
		}
	c->n_waits = n;
}

/* Until no copy that waits gets on: what one passes on may be what another waits for. */
static int settle(struct capture *c)
{
	struct copies *cp = &c->copies;
	bool moved = true;
	int ret = 0;

	if (cp->settling)
		return 0;
	cp->settling = true;
	while (moved && ret >= 0) {
		moved = false;
		for (size_t i = 0; i < cp->n_waits && ret >= 0; i++)
			ret = settle_one(c, &cp->waits[i], &moved);
	}
	cp->settling = false;
	drop_waits(cp);
	return ret;
}

/* Its bytes did not come: they were written by somebody who is not watched, or their records are lost. */
static int give_up(struct capture *c, struct pipe_wait *w)
{
	pipe_store_distrust(c->copies.pipes, &w->ev.copy.from);
	w->over = true;
	return without_pipe(c, &w->hdr, &w->ev, w->done);
}

static int wait_for(struct capture *c, const struct bt_hdr *hdr, const struct event *ev)
{
	struct copies *cp = &c->copies;
	struct pipe_wait *w;

	if (cp->n_waits == WAITS_MAX) {
		give_up(c, &cp->waits[0]);
		drop_waits(cp);
	}
	if (!cp->waits)
		cp->waits = calloc(WAITS_MAX, sizeof(*cp->waits));
	/* The first write to it may not have ended yet. */
	if (!cp->waits || pipe_store_add(cp->pipes, &ev->copy.from))
		return without_pipe(c, hdr, ev, 0);
	w = &cp->waits[cp->n_waits++];
	*w = (struct pipe_wait){ .hdr = *hdr, .ev = *ev };
	memcpy(w->path, ev->copy.path.p, ev->copy.path.len);
	w->ev.copy.path.p = w->path;
	return settle(c);
}

static int copy_record(struct capture *c, const struct bt_hdr *hdr, const struct event *ev)
{
	if (ev->copy.from.type == BT_FILE_REG)
		return read_file(c, hdr, ev, ev->copy.call, 0, ev->copy.from_off,
				 &c->copies.seen.source);
	if (ev->copy.sure)
		return wait_for(c, hdr, ev);
	return without_pipe(c, hdr, ev, 0);
}

static bool copies_ready(struct copies *c)
{
	static const struct pipe_store_limits limits = {
		.max_pipes = 4096,
		.max_pipe_bytes = 512u << 10,
		.max_bytes = 4u << 20,
	};

	if (!c->buf)
		c->buf = secmem_calloc(1, sizeof(struct bt_rec_data) + BT_CHUNK_LEN);
	if (!c->pipes)
		c->pipes = pipe_store_new(&limits);
	return c->buf && c->pipes;
}

static int pipe_written(struct capture *c, const struct event *ev)
{
	struct pipe_store *pipes = c->copies.pipes;
	const struct bt_file_id *pipe = &ev->data.file;

	if (ev->data.matched)
		pipe_store_no_more(pipes, pipe, ev->data.pos);
	if (ev->data.lost_len)
		pipe_store_unknown(pipes, pipe, ev->data.pos - ev->data.lost_len,
				   ev->data.lost_len);
	pipe_store_written(pipes, pipe, ev->data.pos, ev->data.bytes);
	return c->copies.n_waits ? settle(c) : 0;
}

/* What a record says of a pipe. */
static int note_pipe(struct capture *c, const struct event *ev)
{
	struct copies *cp = &c->copies;

	if (ev->kind == BT_REC_FILE && (ev->file.flags & BT_FILE_BORN))
		return pipe_store_add(cp->pipes, &ev->file.file);
	if (ev->kind != BT_REC_DATA)
		return 0;
	if (ev->data.dir == BT_DIR_OUT)
		return pipe_written(c, ev);
	was_read(cp, &ev->data.file, ev->data.pos + ev->data.bytes.len);
	return 0;
}

/* The file of a record of the two kinds of which those of a pipe are of interest here. */
static bool is_of_pipe(struct span raw, const struct bt_hdr *hdr)
{
	struct bt_file_id id;
	size_t at = hdr->kind == BT_REC_DATA   ? offsetof(struct bt_rec_data, file)
		    : hdr->kind == BT_REC_FILE ? offsetof(struct bt_rec_file, file)
					       : SIZE_MAX;

	if (at == SIZE_MAX || raw.len < at + sizeof(id))
		return false;
	memcpy(&id, raw.p + at, sizeof(id));
	return id.type == BT_FILE_PIPE;
}

int copies_record(struct capture *c, struct span raw)
{
	struct bt_hdr hdr;
	struct event ev;
	int ret, err;

	if (raw.len < sizeof(hdr))
		return c->cfg.record(c->cfg.arg, raw);
	memcpy(&hdr, raw.p, sizeof(hdr));
	if (hdr.kind == BT_REC_COPY) {
		if (event_decode(raw, &ev))
			return 0;
		if (copies_ready(&c->copies))
			return copy_record(c, &hdr, &ev);
		c->copies.lost.events++;
		c->copies.lost.bytes += ev.copy.len;
		return 0;
	}
	ret = c->cfg.record(c->cfg.arg, raw);
	if (ret < 0 || !is_of_pipe(raw, &hdr) || event_decode(raw, &ev) ||
	    !copies_ready(&c->copies))
		return ret;
	err = note_pipe(c, &ev);
	return err < 0 ? err : ret;
}

void copies_tick(struct capture *c)
{
	struct copies *cp = &c->copies;
	struct timespec t;
	uint64_t now;

	if (!cp->n_waits)
		return;
	clock_gettime(CLOCK_BOOTTIME, &t);
	now = (uint64_t)t.tv_sec * 1000000000ULL + (uint64_t)t.tv_nsec;
	for (size_t i = 0; i < cp->n_waits; i++)
		if (cp->waits[i].hdr.time_ns + WAIT_NS < now)
			give_up(c, &cp->waits[i]);
	drop_waits(cp);
}

void copies_count(const struct capture *c, struct bt_counter *loss)
{
	const struct copies *cp = &c->copies;

	loss->events += cp->lost.events;
	loss->bytes += cp->lost.bytes;
	for (size_t i = 0; i < cp->n_waits; i++) {
		loss->events++;
		loss->bytes += cp->waits[i].ev.copy.len - cp->waits[i].done;
	}
}

void copies_free(struct copies *c)
{
	secmem_free(c->buf);
	c->buf = NULL;
	c->pipes = pipe_store_free(c->pipes);
	free(c->waits);
	c->waits = NULL;
	c->n_waits = 0;
}

struct capture_copied capture_copied(const struct capture *c)
{
	return c->copies.seen;
}
