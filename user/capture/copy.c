/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Bytes that went from a regular file without passing through the process (BT_REC_COPY), read where they came from and
 * passed on as the data of that call. It is a look at the result: the file may have been changed since.
 */
#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/secmem.h"
#include "capture/internal.h"

/* Read at most so much for one call, and in a second. */
#define CALL_MAX (4u << 20)
#define SECOND_MAX (32u << 20)

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

/* One piece as a record. */
static int pass_on(struct capture *c, const struct bt_hdr *hdr, const struct event *ev,
		   uint64_t done, size_t len)
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
		.call = (uint16_t)ev->copy.call,
		.dir = BT_DIR_OUT,
		.last = done + len == ev->copy.len,
	};
	rec->hdr.kind = BT_REC_DATA;
	rec->hdr.len = (uint32_t)(sizeof(*rec) + len);
	return c->cfg.record(c->cfg.arg, span_of(c->copies.buf, sizeof(*rec) + len));
}

int copy_record(struct capture *c, struct span raw)
{
	uint64_t done = 0, want;
	struct inode_ref from;
	struct bt_hdr hdr;
	struct event ev;
	ssize_t n = 0;
	int fd, ret = 0;

	if (event_decode(raw, &ev))
		return 0;
	memcpy(&hdr, raw.p, sizeof(hdr));
	from = (struct inode_ref){ .file = ev.copy.from,
				   .tgid = ev.tgid,
				   .root = ev.root,
				   .fd = ev.copy.from_fd,
				   .path = ev.copy.path };
	if (!c->copies.buf)
		c->copies.buf = secmem_calloc(1, sizeof(struct bt_rec_data) + BT_CHUNK_LEN);
	fd = c->copies.buf ? inode_open(&from) : -1;
	want = fd < 0 ? 0 : allowance(&c->copies, ev.copy.len);
	while (done < want && ret >= 0) {
		size_t most = want - done < BT_CHUNK_LEN ? want - done : BT_CHUNK_LEN;

		n = pread(fd, c->copies.buf + sizeof(struct bt_rec_data), most,
			  (off_t)(ev.copy.from_off + done));
		if (n <= 0)
			break;
		ret = pass_on(c, &hdr, &ev, done, (size_t)n);
		done += (uint64_t)n;
	}
	/* The stream shows a gap for what is not here. */
	c->copies.seen += done;
	if (fd >= 0)
		close(fd);
	return ret;
}

void copies_free(struct copies *c)
{
	secmem_free(c->buf);
	c->buf = NULL;
}

uint64_t capture_copied(const struct capture *c)
{
	return c->copies.seen;
}
