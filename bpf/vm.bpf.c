// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* process_vm_writev: bytes out of the memory of a watched process into that of another. */
#include "lib/base.h"
#include "lib/read.h"
#include "lib/scope.h"
#include "lib/emit.h"
#include "lib/emit_data.h"
#include "lib/call.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* lib/radix-tree.c: how an entry that is a node is told apart, and what a node holds. */
#define NODE_TAG 2
#define NODE_BITS 6
/* Levels that a pid can need: pid_max is at most 2^22. */
#define NODE_LEVELS 4

/* The struct pid that is number `nr` in the pid namespace of `task`, as an address; 0: there is none. */
static __always_inline u64 pid_of_nr(struct task_struct *task, u32 nr)
{
	u64 size = bpf_core_type_size(struct upid), entry, at;
	struct pid *pid = BPF_CORE_READ(task, signal, pids[PIDTYPE_TGID]);
	u32 numbers = bpf_core_field_offset(struct pid, numbers);
	struct upid upid = {};
	u8 shift;

	at = BPF_CORE_READ(pid, level) * size + numbers;
	bpf_probe_read_kernel(&upid, bpf_core_type_size(struct upid), (void *)pid + at);
	entry = (u64)BPF_CORE_READ(upid.ns, idr.idr_rt.xa_head);
	for (int i = 0; i < NODE_LEVELS && (entry & 3) == NODE_TAG; i++) {
		struct xa_node *node = (void *)(entry & ~3ULL);

		shift = BPF_CORE_READ(node, shift);
		if (shift > 31 || (!i && nr >> shift >> NODE_BITS))
			return 0;
		entry = 0;
		bpf_probe_read_kernel(&entry, sizeof(entry),
				      &node->slots[(nr >> shift) & ((1 << NODE_BITS) - 1)]);
	}
	if (!entry || (entry & 3))
		return 0;
	bpf_probe_read_kernel(&upid, bpf_core_type_size(struct upid), (void *)entry + at);
	return (u32)upid.nr == nr ? entry : 0;
}

/* The group leader of thread `nr`, 0: gone. */
static __always_inline struct task_struct *leader_of_nr(struct task_struct *task, u32 nr)
{
	struct pid *pid = (void *)pid_of_nr(task, nr);
	struct hlist_node *link;
	struct task_struct *found;

	if (!pid)
		return NULL;
	link = BPF_CORE_READ(pid, tasks[PIDTYPE_PID].first);
	if (!link)
		return NULL;
	found = (void *)link - bpf_core_field_offset(struct task_struct, pid_links);
	return BPF_CORE_READ(found, group_leader);
}

/* The other process's comm, for people. */
static __always_inline long tell_process(struct io *io, struct task_struct *other)
{
	struct bt_rec_file *rec = &io->s->file_out.rec;
	u64 len = 0;
	long n;

	__builtin_memset(rec, 0, sizeof(*rec));
	rec->file = io->s->key.file;
	rec->fd = -1;
	if (other) {
		n = bpf_probe_read_kernel_str(io->s->file_out.path, BT_COMM_LEN, &other->comm);
		len = n > 0 ? n - 1 : 0;
	}
	barrier_var(len);
	if (len > BT_COMM_LEN)
		len = BT_COMM_LEN;
	rec->path_len = len;
	hdr_fill(&rec->hdr, BT_REC_FILE, sizeof(*rec) + len, io->task, io->t, io->now);
	return emit_prio(rec, sizeof(*rec) + len, len);
}

CALL_END(bt_vm_writev)
{
	struct task_struct *other;
	struct bt_file_id *id;
	struct bt_stream *st;
	struct io io = {};
	u64 arg[6];

	if (e->ret <= 0 || !call_args(e, arg))
		return;
	io.task = e->task;
	io.t = e->t;
	io.now = bpf_ktime_get_boot_ns();
	io.off = ~0ULL;
	io.fd = -1;
	io.call = BT_CALL_VM_WRITEV;
	io.dir = BT_DIR_OUT;
	count_seen(BT_SEEN_CALLS, e->ret);
	io.s = scratch_get();
	if (!io.s) {
		count_loss(BT_LOSS_HELPER, e->ret);
		return;
	}
	other = leader_of_nr(e->task, arg[0]);
	id = &io.s->key.file;
	__builtin_memset(&io.s->key, 0, sizeof(io.s->key));
	id->type = BT_FILE_MEM;
	id->obj = other ? BPF_CORE_READ(other, tgid) : arg[0];
	id->ino = other ? BPF_CORE_READ(other, start_boottime) : 0;
	id->dev = e->t->root;
	io.s->data_out.rec.file = *id;
	io.s->data_out.rec.name_len = 0;
	st = stream_get(io.s, e->ret);
	if (!st)
		goto out;
	if (!st->ident && !tell_process(&io, other))
		st->ident = 1;
	walk_iov(io.s, arg[1], arg[2], call_is_compat(e));
	data_send(&io, e->ret);
out:
	scratch_put(io.s);
}
