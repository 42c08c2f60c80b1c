/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Layer 3: a program's beginning (executable, argv, environment), as told at exec and at attach. */
#ifndef BPF_LIB_EMIT_PROC_H
#define BPF_LIB_EMIT_PROC_H

#include "lib/base.h"
#include "lib/regs.h"
#include "lib/read.h"
#include "lib/scope.h"
#include "lib/emit.h"

#define PAGE_LEN 4096

static __always_inline void emit_exec(struct bt_scratch *s, struct task_struct *task,
				      struct bt_task *t, u64 now)
{
	struct bt_rec_exec *rec = &s->exec_out.rec;
	struct mm_struct *mm = task->mm;
	struct file *exe;
	struct inode *inode;
	struct super_block *sb;
	struct upid upid = {};
	struct pid *pid;
	u16 flags = 0;
	u64 len = 0;

	if (!mm)
		return;
	if (!bt_compat_seen && (BPF_CORE_READ(task, thread_info.flags) & TASK_IS_32BIT))
		count_loss(BT_LOSS_COMPAT, 0);
	__builtin_memset(rec, 0, sizeof(*rec));
	exe = BPF_CORE_READ(mm, exe_file);
	if (exe) {
		inode = BPF_CORE_READ(exe, f_inode);
		sb = BPF_CORE_READ(inode, i_sb);
		rec->exe_ino = BPF_CORE_READ(inode, i_ino);
		rec->exe_dev = BPF_CORE_READ(sb, s_dev);
		len = read_path(s, s->exec_out.path, task, (u64)exe, &flags);
	}
	rec->cgroup_id = BPF_CORE_READ(task, cgroups, dfl_cgrp, kn, id);
	rec->args_len = BPF_CORE_READ(mm, arg_end) - BPF_CORE_READ(mm, arg_start);
	rec->env_len = BPF_CORE_READ(mm, env_end) - BPF_CORE_READ(mm, env_start);
	rec->ppid = BPF_CORE_READ(task, real_parent, tgid);
	pid = BPF_CORE_READ(task, signal, pids[PIDTYPE_TGID]);
	bpf_probe_read_kernel(&upid, bpf_core_type_size(struct upid),
			      (void *)pid + bpf_core_field_offset(struct pid, numbers) +
				      BPF_CORE_READ(pid, level) * bpf_core_type_size(struct upid));
	rec->ns_pid = upid.nr;
	rec->pid_ns = BPF_CORE_READ(upid.ns, ns.inum);
	rec->mnt_ns = BPF_CORE_READ(task, nsproxy, mnt_ns, ns.inum);
	barrier_var(len);
	if (len >= BT_PATH_LEN)
		len = BT_PATH_LEN - 1;
	rec->path_len = len;
	hdr_fill(&rec->hdr, BT_REC_EXEC, sizeof(*rec) + len, task, t, now);
	emit_prio(rec, sizeof(*rec) + len, len);
}

struct args_ctx {
	struct bt_scratch *s;
	struct task_struct *task; /* whose memory, NULL: the current one's */
	u64 from;
	u32 len;     /* to be sent */
	u32 off;     /* so far */
	u32 careful; /* see struct bt_walk */
	u32 lost;
};

static __always_inline void args_flush(struct args_ctx *c, u64 n, u32 off)
{
	struct bt_rec_args *rec = &c->s->args_out.rec;

	rec->hdr.len = sizeof(*rec) + n;
	rec->off = off;
	rec->data_len = n;
	rec->lost_len = c->lost;
	rec->last = off + n >= c->len;
	emit_prio(rec, sizeof(*rec) + n, n);
	c->lost = 0;
}

static __always_inline long args_step(struct args_ctx *c, bool foreign)
{
	u64 n = c->len - c->off, from = c->from + c->off, page;
	long err;

	if (c->off >= c->len)
		return 1;
	page = PAGE_LEN - (from & (PAGE_LEN - 1));
	if (n > BT_CHUNK_LEN)
		n = BT_CHUNK_LEN;
	if (c->careful && n > page)
		n = page;
	barrier_var(n);
	if (n > BT_CHUNK_LEN)
		return 1;
	if (foreign)
		err = bpf_copy_from_user_task(c->s->args_out.bytes, n, (void *)from, c->task, 0);
	else
		err = bpf_probe_read_user(c->s->args_out.bytes, n, (void *)from);
	if (err && !c->careful && n > page) {
		c->careful = n;
		return 0;
	}
	if (err) {
		c->lost += n;
		count_loss(BT_LOSS_ARGS, n);
	} else {
		args_flush(c, n, c->off);
	}
	c->careful -= c->careful < n ? c->careful : n;
	c->off += n;
	return 0;
}

static __always_inline void args_begin(struct args_ctx *c, struct task_struct *task,
				       struct bt_task *t, u16 which, u64 from, u64 to, u64 now)
{
	struct bt_rec_args *rec = &c->s->args_out.rec;
	u64 len = to > from ? to - from : 0;

	__builtin_memset(rec, 0, sizeof(*rec));
	hdr_fill(&rec->hdr, BT_REC_ARGS, 0, task, t, now);
	rec->total_len = len;
	rec->which = which;
	if (len > BT_ARGS_LEN) {
		count_loss(BT_LOSS_ARGS, len - BT_ARGS_LEN);
		len = BT_ARGS_LEN;
	}
	c->from = from;
	c->len = len;
	c->off = c->lost = c->careful = 0;
}

/* What could not be read at the very end still has to be told. */
static __always_inline void args_end(struct args_ctx *c)
{
	if (c->lost)
		args_flush(c, 0, c->len);
}

#define ARGS_STEPS (2 * BT_ARGS_LEN / PAGE_LEN)

#endif /* BPF_LIB_EMIT_PROC_H */
