// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * sendfile, splice, tee, copy_file_range: bytes go from one file to another and through no memory of the process. User space is
 * told where they can be had: read in the regular file that they came from; known from what was written to the
 * pipe that they came out of; read in the regular file that they went to. Else they are counted as lost.
 */
#include "lib/base.h"
#include "lib/read.h"
#include "lib/scope.h"
#include "lib/emit.h"
#include "lib/emit_data.h"
#include "lib/open.h"
#include "lib/call.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* More buffers than a pipe of 1 MiB (fs.pipe-max-size) has. */
#define PIPE_BUFS_MAX 1024

/* One call; besides struct io, which is about where the bytes go. */
struct copy {
	u64 from; /* struct file */
	u64 to;
	u64 from_off_ptr, to_off_ptr;
	u64 bytes;
	u32 from_fd;
	u32 off32; /* the offset at from_off_ptr has 32 bits */
	enum bt_loss which;
};

/* Where in the file a call began: it has moved the offset that it was given, or the file's own. */
static __always_inline bool file_began(u64 file, u64 off_ptr, bool off32, u64 bytes, u64 *ret)
{
	u64 end = 0;
	long err = 0;

	if (!off_ptr)
		end = BPF_CORE_READ((struct file *)file, f_pos);
	else if (off32)
		err = bpf_probe_read_user(&end, sizeof(u32), (void *)off_ptr);
	else
		err = bpf_probe_read_user(&end, sizeof(end), (void *)off_ptr);
	if (err)
		return false;
	*ret = end - bytes;
	return end >= bytes;
}

struct queued_ctx {
	u64 bufs;
	u32 tail, mask;
	u64 bytes;
};

static long queued_step(u32 i, struct queued_ctx *c)
{
	u64 at = (c->tail + i) & c->mask;
	struct pipe_buffer *buf = (void *)c->bufs + at * bpf_core_type_size(struct pipe_buffer);

	c->bytes += BPF_CORE_READ(buf, len);
	return 0;
}

/* Bytes that are in a pipe now. */
static __always_inline u64 pipe_queued(u64 file)
{
	struct inode *inode = BPF_CORE_READ((struct file *)file, f_inode);
	struct pipe_inode_info *pipe = BPF_CORE_READ(inode, i_pipe);
	struct queued_ctx c = {
		.bufs = (u64)BPF_CORE_READ(pipe, bufs),
		.tail = BPF_CORE_READ(pipe, tail),
		.mask = BPF_CORE_READ(pipe, ring_size) - 1,
	};
	u32 n = BPF_CORE_READ(pipe, head) - c.tail;

	if (n > PIPE_BUFS_MAX)
		return 0;
	bpf_loop(n, queued_step, &c, 0);
	return c.bytes;
}

/*
 * The call has taken bytes out of the pipe s->key.file, or looked at them. True when they are those that had been written to it
 * from position `off` on. Both directions must have been counted from its beginning; and when less is in the pipe than
 * was put in and not taken out, somebody else took some, or is about to be counted: which bytes were whose is then not known.
 */
static __noinline bool pipe_took(struct bt_scratch *s, struct copy *c, u64 *off, bool consumed)
{
	struct bt_stream *in, *out;
	u64 end, written;

	s->key.dir = BT_DIR_IN;
	in = bpf_map_lookup_elem(&streams, &s->key);
	s->key.dir = BT_DIR_OUT;
	out = bpf_map_lookup_elem(&streams, &s->key);
	if (!in || !in->born)
		return false;
	if (consumed)
		end = *off = __sync_fetch_and_add(&in->val.pos, c->bytes);
	else
		end = *off = in->val.pos;
	if (!out || !out->born)
		return false;
	if (consumed)
		end += c->bytes;
	written = out->val.pos;
	return end + pipe_queued(c->from) >= written;
}

/* True when what is put into the pipe s->key.file has to be counted, though it is not known. */
static __always_inline bool pipe_is_kept(struct bt_scratch *s)
{
	struct bt_stream *out;

	s->key.dir = BT_DIR_OUT;
	out = bpf_map_lookup_elem(&streams, &s->key);
	return out && out->born;
}

/* False when the bytes are nowhere to be had. Fills in where, and leaves s->key.file undefined. */
static __always_inline bool find_bytes(struct io *io, struct copy *c)
{
	struct bt_rec_copy *rec = &io->s->copy_out.rec;
	struct bt_scratch *s = io->s;
	bool had = false;

	file_identify(c->from, &rec->from);
	s->key.file = rec->from;
	s->key.file.mode = 0;
	if (rec->from.type == BT_FILE_REG)
		return file_began(c->from, c->from_off_ptr, c->off32, c->bytes, &rec->from_off);
	if (rec->from.type == BT_FILE_PIPE &&
	    pipe_took(s, c, &rec->from_off, io->call != BT_CALL_TEE)) {
		rec->flags = BT_COPY_SURE;
		had = true;
	}
	/* Nothing is read in where they went but what can be: /dev/null and its like are for data_open(). */
	if (!c->to || !file_identify(c->to, &s->key.file))
		return true;
	s->key.file.mode = 0;
	if (s->key.file.type == BT_FILE_REG)
		had |= file_began(c->to, c->to_off_ptr, false, c->bytes, &rec->to_off);
	else if (s->key.file.type == BT_FILE_PIPE)
		had |= pipe_is_kept(s);
	return had;
}

static __always_inline bool emit_copy(struct io *io, struct copy *c)
{
	struct bt_scratch *s = io->s;
	struct bt_rec_copy *rec = &s->copy_out.rec;
	struct bt_stream *st = bpf_map_lookup_elem(&streams, &s->key);
	u16 flags = 0;
	u64 len;

	if (!st)
		return false;
	rec->file = s->data_out.rec.file;
	rec->fd = io->fd;
	rec->from_fd = c->from_fd;
	rec->len = c->bytes;
	rec->call = io->call;
	len = read_path(s, s->copy_out.path, io->task,
			rec->from.type == BT_FILE_REG ? c->from : c->to, &flags);
	barrier_var(len);
	if (len >= BT_PATH_LEN)
		len = BT_PATH_LEN - 1;
	rec->path_len = len;
	rec->pos = __sync_fetch_and_add(&st->val.pos, c->bytes);
	hdr_fill(&rec->hdr, BT_REC_COPY, sizeof(*rec) + len, io->task, io->t, io->now);
	if (bpf_ringbuf_output(&ring_prio, rec, sizeof(*rec) + len, 0))
		stream_lost(s, BT_LOSS_RING_WINDOW, c->bytes);
	else
		count_seen(BT_SEEN_COPIED, c->bytes);
	return true;
}

static __always_inline void copied(const struct call_end *e, enum bt_call call, enum bt_loss which)
{
	struct copy c = {};
	struct io io = {};
	u64 arg[6];

	if (e->ret <= 0 || !call_args(e, arg))
		return;
	c.bytes = e->ret;
	io.task = e->task;
	io.t = e->t;
	io.now = bpf_ktime_get_boot_ns();
	io.call = call;
	io.dir = BT_DIR_OUT;
	if (call == BT_CALL_SENDFILE) {
		io.fd = arg[0];
		c.from_fd = arg[1];
		c.from_off_ptr = arg[2];
		c.off32 = call_own(e) == BT_COOKIE_OFF32;
	} else {
		c.from_fd = arg[0];
		io.fd = call == BT_CALL_TEE ? arg[1] : arg[2];
		if (call != BT_CALL_TEE) {
			c.from_off_ptr = arg[1];
			c.to_off_ptr = arg[3];
		}
	}
	c.from = file_of_fd(e->task, c.from_fd);
	c.to = file_of_fd(e->task, io.fd);
	if (!c.from)
		goto unseen;
	io.s = scratch_get();
	if (!io.s)
		goto unseen;
	__builtin_memset(&io.s->copy_out.rec, 0, sizeof(io.s->copy_out.rec));
	io.s->copy_out.rec.to_off = ~0ULL;
	if (!find_bytes(&io, &c))
		goto unseen;
	count_seen(BT_SEEN_CALLS, c.bytes);
	if (data_open(&io, c.bytes) && !emit_copy(&io, &c))
		count_loss(BT_LOSS_MAP_STREAM, c.bytes);
	scratch_put(io.s);
	return;
unseen:
	if (io.s)
		scratch_put(io.s);
	count_loss(which, c.bytes);
}

CALL_END(bt_sendfile64)
{
	copied(e, BT_CALL_SENDFILE, BT_LOSS_SENDFILE);
}

CALL_END(bt_splice)
{
	copied(e, BT_CALL_SPLICE, BT_LOSS_SPLICE);
}

CALL_END(bt_tee)
{
	copied(e, BT_CALL_TEE, BT_LOSS_SPLICE);
}

CALL_END(bt_copy_file_range)
{
	copied(e, BT_CALL_COPY_FILE_RANGE, BT_LOSS_COPY_RANGE);
}

/*
 * pipe, pipe2: from now on what is put in and taken out is counted, so that it is known which bytes a call takes. Not of a
 * pipe that was there before the watch, nor of a FIFO, which anybody may have opened before.
 */
CALL_END(bt_pipe)
{
	const struct bt_stream fresh = { .born = 1 };
	struct bt_scratch *s;
	u64 arg[6], file;
	u32 fd = 0;

	if (e->ret || !call_args(e, arg))
		return;
	s = scratch_get();
	if (!s)
		return;
	if (bpf_probe_read_user(&fd, sizeof(fd), (void *)arg[0]))
		goto out;
	file = file_of_fd(e->task, fd);
	if (!file || !file_identify(file, &s->key.file) || s->key.file.type != BT_FILE_PIPE)
		goto out;
	s->key.file.mode = 0;
	s->key.dir = BT_DIR_IN;
	if (bpf_map_update_elem(&streams, &s->key, &fresh, BPF_NOEXIST))
		goto out;
	s->key.dir = BT_DIR_OUT;
	bpf_map_update_elem(&streams, &s->key, &fresh, BPF_NOEXIST);
out:
	scratch_put(s);
}
