// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Life of the watched processes: membership passes on at fork, exec is told, the last exit too. */
#include "lib/base.h"
#include "lib/read.h"
#include "lib/scope.h"
#include "lib/emit.h"
#include "lib/emit_proc.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* Runs in the parent, before the child's first instruction. */
SEC("tp_btf/sched_process_fork")
int BPF_PROG(bt_fork, struct task_struct *parent, struct task_struct *child)
{
	struct bt_task *t = scope_of(parent), val = {};
	struct bt_proc proc = {};
	struct bt_rec_fork rec = {};

	if (!t)
		return 0;
	val = *t;
	if (child->tgid != parent->tgid) {
		val.start_ns = child->start_boottime;
		val.flags = 0;
		proc.root = t->root;
		if (!proc_add(child, &proc))
			val.flags |= BT_TASK_NO_PROC;
	}
	scope_add(child, &val);
	if (child->tgid == parent->tgid)
		return 0;
	hdr_fill(&rec.hdr, BT_REC_FORK, sizeof(rec), parent, t, bpf_ktime_get_boot_ns());
	rec.child_start_ns = val.start_ns;
	rec.child_tgid = child->tgid;
	emit_prio(&rec, sizeof(rec), 0);
	return 0;
}

static long args_step_current(u32 i, struct args_ctx *c)
{
	return args_step(c, false);
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(bt_exec, struct task_struct *task, int old_pid, struct linux_binprm *bprm)
{
	struct bt_task *t = scope_of(task);
	u64 now = bpf_ktime_get_boot_ns();
	struct mm_struct *mm;
	struct args_ctx c = {};

	if (!t)
		return 0;
	mm = task->mm;
	c.s = scratch_get();
	if (!c.s || !mm) {
		count_loss(BT_LOSS_HELPER, 0);
		goto out;
	}
	emit_exec(c.s, task, t, now);
	args_begin(&c, task, t, BT_ARGS_ARGV, mm->arg_start, mm->arg_end, now);
	bpf_loop(ARGS_STEPS, args_step_current, &c, 0);
	args_end(&c);
	args_begin(&c, task, t, BT_ARGS_ENV, mm->env_start, mm->env_end, now);
	bpf_loop(ARGS_STEPS, args_step_current, &c, 0);
	args_end(&c);
	for (u32 fd = 0; fd < 3; fd++)
		emit_open_file(c.s, task, t, file_of_fd(task, fd), fd, BT_FILE_STDIO, now);
out:
	if (c.s)
		scratch_put(c.s);
	return 0;
}

static __always_inline s32 wait_status(struct task_struct *task)
{
	struct signal_struct *sig = task->signal;

	if (sig->flags & SIGNAL_GROUP_EXIT)
		return sig->group_exit_code;
	return task->group_leader->exit_code;
}

/*
 * Two threads may both see that no other lives; the one that takes the process off the list tells.
 * Not only for watched threads: marking may have listed a process whose last thread it came too late for.
 */
SEC("tp_btf/sched_process_exit")
int BPF_PROG(bt_exit, struct task_struct *task)
{
	struct bt_task *t = scope_of(task), val = {};
	struct bt_proc *proc;
	struct bt_rec_exit rec = {};
	struct bt_proc_key key;

	if (!proc_is_dead(task))
		return 0;
	proc_key(task, &key);
	proc = bpf_map_lookup_elem(&procs, &key);
	if (proc) {
		val.root = proc->root;
		val.start_ns = key.start_ns;
		if (bpf_map_delete_elem(&procs, &key))
			return 0;
	} else if (t && (t->flags & BT_TASK_NO_PROC)) {
		val = *t;
	} else {
		return 0;
	}
	hdr_fill(&rec.hdr, BT_REC_EXIT, sizeof(rec), task, &val, bpf_ktime_get_boot_ns());
	rec.status = wait_status(task);
	emit_prio(&rec, sizeof(rec), 0);
	return 0;
}
