/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Layer 2: who is watched. A thread is when it has a value in `tasks`; the kernel frees that with
 * the thread. `procs` lists the processes, so that they can be counted and their end be told.
 */
#ifndef BPF_LIB_SCOPE_H
#define BPF_LIB_SCOPE_H

#include "lib/base.h"

/* The first thing every probe does, and all that an unwatched task pays. */
static __always_inline struct bt_task *scope_of(struct task_struct *task)
{
	return bpf_task_storage_get(&tasks, task, NULL, 0);
}

/*
 * The same for a thread that the kernel may have made for io_uring: those share the memory of the process, and no fork
 * event tells of them.
 */
static __always_inline struct bt_task *scope_of_worker(struct task_struct *task)
{
	struct bt_task *t = scope_of(task);

	if (t || !(task->flags & PF_IO_WORKER))
		return t;
	return scope_of(task->group_leader);
}

static __always_inline void proc_key(struct task_struct *task, struct bt_proc_key *key)
{
	key->start_ns = BPF_CORE_READ(task, group_leader, start_boottime);
	key->tgid = task->tgid;
	key->pad = 0;
}

static __always_inline bool proc_is_dead(struct task_struct *task)
{
	return BPF_CORE_READ(task, signal, live.counter) == 0;
}

/*
 * Lists the process of `task`. False when there is no room. A process whose last thread has begun to
 * exit is not listed: its exit probe has run or will, in either order, and takes it off.
 */
static __always_inline bool proc_add(struct task_struct *task, const struct bt_proc *val)
{
	struct bt_proc_key key;
	int err; /* of map operations before 6.4, only 32 bits are defined */

	proc_key(task, &key);
	err = bpf_map_update_elem(&procs, &key, val, BPF_NOEXIST);
	if (proc_is_dead(task))
		bpf_map_delete_elem(&procs, &key);
	if (!err || err == -17 /* EEXIST */)
		return true;
	count_loss(BT_LOSS_MAP_PROC, 0);
	return false;
}

/* Puts a thread in the watch set. False when it was in it already, or cannot be. */
static __always_inline bool scope_add(struct task_struct *task, const struct bt_task *val)
{
	if (scope_of(task))
		return false;
	if (!bt_no_storage &&
	    bpf_task_storage_get(&tasks, task, (void *)val, BPF_LOCAL_STORAGE_GET_F_CREATE))
		return true;
	count_loss(BT_LOSS_STORAGE, 0);
	return false;
}

#endif /* BPF_LIB_SCOPE_H */
