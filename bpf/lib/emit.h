/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Layer 3: records into rings, always of their exact size, and what did not fit counted. */
#ifndef BPF_LIB_EMIT_H
#define BPF_LIB_EMIT_H

#include "lib/base.h"
#include "lib/read.h"
#include "lib/scope.h"

static __always_inline void hdr_fill(struct bt_hdr *h, u16 kind, u32 len, struct task_struct *task,
				     const struct bt_task *t, u64 now)
{
	h->len = len;
	h->kind = kind;
	h->cpu = bpf_get_smp_processor_id();
	h->time_ns = now;
	h->start_ns = t->start_ns;
	h->tgid = task->tgid;
	h->root = t->root;
	h->uid = BPF_CORE_READ(task, cred, uid.val);
	/* What the kernel's own threads in a process do, the process does. */
	if (task->flags & PF_IO_WORKER) {
		h->tid = task->tgid;
		BPF_CORE_READ_INTO(&h->comm, task, group_leader, comm);
		return;
	}
	h->tid = task->pid;
	bpf_probe_read_kernel(h->comm, sizeof(h->comm), task->comm);
}

/* `tail`: bytes of the record beyond its fixed part. */
static __always_inline long emit_prio(void *rec, u64 len, u64 tail)
{
	long err = bpf_ringbuf_output(&ring_prio, rec, len, 0);

	if (err)
		count_loss(BT_LOSS_RING_PRIO, tail);
	else
		count_seen(BT_SEEN_SENT_PRIO, tail);
	return err;
}

/* emit_file() but for what it takes from the task. Verified by itself. */
__weak __noinline long file_send(u64 slot, u64 fd_flags)
{
	struct bt_scratch *s = scratch_at(slot);
	struct bt_rec_file *rec;
	struct inode *inode;
	u16 flags = fd_flags >> 32;
	struct file *f;
	u64 len = 0;

	if (!s)
		return -1;
	rec = &s->file_out.rec;
	f = (void *)s->file;
	inode = BPF_CORE_READ(f, f_inode);
	__builtin_memset(&rec->file, 0, sizeof(*rec) - sizeof(rec->hdr));
	rec->file = s->key.file;
	rec->file.mode = BPF_CORE_READ(inode, i_mode);
	rec->size = BPF_CORE_READ(inode, i_size);
	rec->fd = (u32)fd_flags;
	rec->open_flags = BPF_CORE_READ(f, f_flags);
	rec->inode_uid = BPF_CORE_READ(inode, i_uid.val);
	rec->nlink = BPF_CORE_READ(inode, i_nlink);
	switch (rec->file.type) {
	case BT_FILE_UNIX:
	case BT_FILE_TCP:
	case BT_FILE_UDP:
	case BT_FILE_SOCK:
		len = read_socket(s->file, rec, s->file_out.path);
		break;
	default:
		len = read_path_of(s, s->file_out.path, s->file, &flags);
		if (!rec->nlink)
			flags |= BT_FILE_DELETED;
		break;
	}
	rec->flags = flags;
	barrier_var(len);
	if (len >= BT_PATH_LEN)
		len = BT_PATH_LEN - 1;
	rec->path_len = len;
	rec->hdr.len = sizeof(*rec) + len;
	return emit_prio(rec, sizeof(*rec) + len, len);
}

/* The identity of the file at s->file, s->key.file; `fd_flags`: BT_FILE_* << 32 | fd. Negative when it was not sent. */
static __always_inline long emit_file(struct bt_scratch *s, struct task_struct *task,
				      struct bt_task *t, u64 fd_flags, u64 now)
{
	path_root(s, task);
	hdr_fill(&s->file_out.rec.hdr, BT_REC_FILE, 0, task, t, now);
	return file_send(s->slot, fd_flags);
}

/* The stream of s->key, begun when there is none yet. NULL when there is no room; counted. */
static __always_inline struct bt_stream *stream_get(struct bt_scratch *s, u64 bytes)
{
	struct bt_stream *st = bpf_map_lookup_elem(&streams, &s->key), fresh = {};

	if (st)
		return st;
	fresh.wire = s->key.file.type == BT_FILE_TCP || s->key.file.type == BT_FILE_TLS;
	bpf_map_update_elem(&streams, &s->key, &fresh, BPF_NOEXIST);
	st = bpf_map_lookup_elem(&streams, &s->key);
	if (!st)
		count_loss(BT_LOSS_MAP_STREAM, bytes);
	return st;
}

/* The standard streams of a watch root, over which its parent may speak MCP: not a file, and not standard error. */
static __always_inline void stream_mark_wire(struct bt_scratch *s, u32 fd)
{
	u16 type = s->key.file.type;
	struct bt_stream *st;

	if (fd > 1 || (type != BT_FILE_PIPE && type != BT_FILE_UNIX && type != BT_FILE_TTY))
		return;
	s->key.file.mode = 0;
	s->key.dir = fd ? BT_DIR_OUT : BT_DIR_IN;
	st = stream_get(s, 0);
	if (st)
		st->wire = 1;
}

/* Identity of an open file that is told unasked: at exec and attach. */
static __always_inline void emit_open_file(struct bt_scratch *s, struct task_struct *task,
					   struct bt_task *t, u64 file, u32 fd, u64 flags, u64 now)
{
	if (!file)
		return;
	s->file = file;
	file_identify(file, &s->key.file);
	emit_file(s, task, t, flags << 32 | fd, now);
	if ((flags & BT_FILE_STDIO) && t->root == (u32)task->tgid)
		stream_mark_wire(s, fd);
}

#endif /* BPF_LIB_EMIT_H */
