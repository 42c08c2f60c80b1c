// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * sendfile, splice, copy_file_range: bytes go from one file to another and through no memory of the process. When they come
 * out of a regular file, user space is told which, and reads them there. Out of a pipe or a socket they
 * cannot be had again: counted.
 */
#include "lib/base.h"
#include "lib/regs.h"
#include "lib/read.h"
#include "lib/scope.h"
#include "lib/call.h"
#include "lib/emit.h"
#include "lib/emit_data.h"
#include "lib/open.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* Where the call began to read: it has moved the offset that it was given, or the file's own. */
static __always_inline bool source_offset(u64 file, u64 off_ptr, u64 bytes, u64 *ret)
{
	u64 end = 0;

	if (!off_ptr)
		end = BPF_CORE_READ((struct file *)file, f_pos);
	else if (bpf_probe_read_user(&end, sizeof(end), (void *)off_ptr))
		return false;
	*ret = end - bytes;
	return end >= bytes;
}

static __always_inline bool emit_copy(struct io *io, u64 file, u64 off, u32 from_fd, u64 bytes)
{
	struct bt_scratch *s = io->s;
	struct bt_rec_copy *rec = &s->copy_out.rec;
	struct bt_stream *st = bpf_map_lookup_elem(&streams, &s->key);
	u16 flags = 0;
	u64 len;

	if (!st)
		return false;
	__builtin_memset(rec, 0, sizeof(*rec));
	rec->file = s->data_out.rec.file;
	rec->fd = io->fd;
	rec->from_fd = from_fd;
	rec->from_off = off;
	rec->len = bytes;
	rec->call = io->call;
	file_identify(file, &rec->from);
	len = read_path(s, s->copy_out.path, io->task, file, &flags);
	barrier_var(len);
	if (len >= BT_PATH_LEN)
		len = BT_PATH_LEN - 1;
	rec->path_len = len;
	rec->pos = __sync_fetch_and_add(&st->val.pos, bytes);
	hdr_fill(&rec->hdr, BT_REC_COPY, sizeof(*rec) + len, io->task, io->t, io->now);
	if (bpf_ringbuf_output(&ring_prio, rec, sizeof(*rec) + len, 0))
		stream_lost(s, BT_LOSS_RING_WINDOW, bytes);
	else
		count_seen(BT_SEEN_COPIED, bytes);
	return true;
}

static __always_inline void copied(const struct call_end *e, enum bt_call call, enum bt_loss which)
{
	struct io io = {};
	u64 bytes, file, off_ptr, off;
	struct bt_file_id from;
	u32 from_fd;

	if (e->ret <= 0)
		return;
	bytes = e->ret;
	io.task = e->task;
	io.t = e->t;
	io.now = bpf_ktime_get_boot_ns();
	io.call = call;
	io.dir = BT_DIR_OUT;
	if (call == BT_CALL_SENDFILE) {
		io.fd = e->arg[0];
		from_fd = e->arg[1];
		off_ptr = e->arg[2];
	} else {
		from_fd = e->arg[0];
		off_ptr = e->arg[1];
		io.fd = e->arg[2];
	}
	file = file_of_fd(e->task, from_fd);
	if (!file || !file_identify(file, &from) || from.type != BT_FILE_REG ||
	    !source_offset(file, off_ptr, bytes, &off))
		goto unseen;
	io.s = scratch_get();
	if (!io.s)
		goto unseen;
	count_seen(BT_SEEN_CALLS, bytes);
	if (data_open(&io, bytes) && !emit_copy(&io, file, off, from_fd, bytes))
		count_loss(BT_LOSS_MAP_STREAM, bytes);
	scratch_put(io.s);
	return;
unseen:
	count_loss(which, bytes);
}

CALL_END(bt_sendfile64)
{
	copied(e, BT_CALL_SENDFILE, BT_LOSS_SENDFILE);
}

CALL_END(bt_splice)
{
	copied(e, BT_CALL_SPLICE, BT_LOSS_SPLICE);
}

CALL_END(bt_copy_file_range)
{
	copied(e, BT_CALL_COPY_FILE_RANGE, BT_LOSS_COPY_RANGE);
}
