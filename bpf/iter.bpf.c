// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Walks over running tasks, run by the loader: puts processes in the watch set or takes them out, and
 * tells of those put in what exec would have told.
 */
#include "lib/base.h"
#include "lib/read.h"
#include "lib/scope.h"
#include "lib/emit.h"
#include "lib/emit_proc.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* Threads at issue, by pidfd: put there by the loader, which may not know their numbers here. */
struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, u32);
} wanted SEC(".maps");

/* Processes at issue: tgid -> the root they belong to. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, BT_MAX_PROCS);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, u32);
	__type(value, u32);
} targets SEC(".maps");

enum { MODE_LIST = 0, MODE_MARK = 1, MODE_UNMARK = 2, MODE_CLEAR = 3 };

/* Set by the loader before a walk. */
__u32 bt_mode = 0;
__u32 bt_round = 0;
bool bt_descendants = false;
/* What a walk has changed; the loader walks until nothing is. */
__u64 bt_changed = 0;

static __always_inline u32 target_add(u32 tgid, u32 root)
{
	if (bpf_map_update_elem(&targets, &tgid, &root, BPF_ANY))
		count_loss(BT_LOSS_MAP_PROC, 0);
	else
		__sync_fetch_and_add(&bt_changed, 1);
	return root;
}

/* Root of the process of `task` when it is at issue, else 0. */
static __always_inline u32 target_root(struct task_struct *task)
{
	u32 tgid = task->tgid, parent;
	u32 *root = bpf_map_lookup_elem(&targets, &tgid);
	struct bt_proc_key key;
	struct bt_proc *proc;

	if (root)
		return *root;
	if (bpf_task_storage_get(&wanted, task, NULL, 0))
		return target_add(tgid, tgid);
	if (!bt_descendants)
		return 0;
	parent = BPF_CORE_READ(task, real_parent, tgid);
	root = bpf_map_lookup_elem(&targets, &parent);
	if (root)
		return target_add(tgid, *root);
	if (bt_mode != MODE_UNMARK)
		return 0;
	/* An orphan of the root, re-parented to init. */
	proc_key(task, &key);
	proc = bpf_map_lookup_elem(&procs, &key);
	return proc && bpf_map_lookup_elem(&targets, &proc->root) ? proc->root : 0;
}

static __always_inline void unmark(struct task_struct *task)
{
	struct bt_proc_key key;

	proc_key(task, &key);
	bpf_map_delete_elem(&procs, &key);
	if (!bpf_task_storage_delete(&tasks, task))
		__sync_fetch_and_add(&bt_changed, 1);
}

/*
 * A child of an unmarked thread may be born beside a walk. It is on the task list before the fork
 * probe looks at its parent: either that finds the mark, or the next walk finds the child.
 */
SEC("iter/task")
int bt_mark(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	struct bt_proc proc = {};
	struct bt_task val = {};
	u32 root;

	if (!task)
		return 0;
	if (bt_mode == MODE_CLEAR) {
		if (scope_of(task))
			unmark(task);
		return 0;
	}
	if (!task->mm)
		return 0;
	root = target_root(task);
	if (!root)
		return 0;
	if (bt_mode == MODE_UNMARK) {
		unmark(task);
		return 0;
	}
	if (scope_of(task) || proc_is_dead(task))
		return 0;
	proc.root = root;
	proc.round = bt_round;
	if (!proc_add(task, &proc))
		val.flags |= BT_TASK_NO_PROC;
	if (bt_mode == MODE_LIST)
		return 0;
	val.root = root;
	val.start_ns = BPF_CORE_READ(task, group_leader, start_boottime);
	if (scope_add(task, &val))
		__sync_fetch_and_add(&bt_changed, 1);
	return 0;
}

/* True when the process of `task` has been listed in this round and not told of; fills `t`. */
static __always_inline bool is_fresh(struct task_struct *task, struct bt_task *t)
{
	struct bt_proc_key key;
	struct bt_proc *proc;

	proc_key(task, &key);
	proc = bpf_map_lookup_elem(&procs, &key);
	if (!proc || proc->round != bt_round)
		return false;
	t->start_ns = key.start_ns;
	t->root = proc->root;
	return true;
}

static long args_step_foreign(u32 i, struct args_ctx *c)
{
	return args_step(c, true);
}

/* Sleepable: another process's memory may have to be paged in. */
SEC("iter.s/task")
int bt_tell_exec(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	u64 now = bpf_ktime_get_boot_ns();
	struct args_ctx c = {};
	struct mm_struct *mm;
	struct bt_task t = {};

	if (!task || task->pid != task->tgid || !is_fresh(task, &t))
		return 0;
	mm = task->mm;
	if (!mm)
		return 0;
	c.task = task;
	c.s = scratch_get();
	if (!c.s) {
		count_loss(BT_LOSS_HELPER, 0);
		return 0;
	}
	emit_exec(c.s, task, &t, now);
	args_begin(&c, task, &t, BT_ARGS_ARGV, mm->arg_start, mm->arg_end, now);
	bpf_loop(ARGS_STEPS, args_step_foreign, &c, 0);
	args_end(&c);
	args_begin(&c, task, &t, BT_ARGS_ENV, mm->env_start, mm->env_end, now);
	bpf_loop(ARGS_STEPS, args_step_foreign, &c, 0);
	args_end(&c);
	scratch_put(c.s);
	return 0;
}

SEC("iter/task_file")
int bt_tell_files(struct bpf_iter__task_file *ctx)
{
	struct task_struct *task = ctx->task;
	struct bt_scratch *s;
	struct bt_task t = {};
	u64 flags = BT_FILE_SNAPSHOT, file = 0;

	if (!task || !ctx->file || !is_fresh(task, &t))
		return 0;
	/* As a number: the verifier would not let a pointer become a name. */
	bpf_core_read(&file, sizeof(file), &ctx->file);
	s = scratch_get();
	if (!s) {
		count_loss(BT_LOSS_HELPER, 0);
		return 0;
	}
	if (ctx->fd < 3)
		flags |= BT_FILE_STDIO;
	emit_open_file(s, task, &t, file, ctx->fd, flags, bpf_ktime_get_boot_ns());
	scratch_put(s);
	return 0;
}
