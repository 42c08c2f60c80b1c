/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What a watched process maps: executables and libraries, for the loader to look for TLS functions in, and
 * shared mappings of files, through which bytes move that no call shows: the loader looks at the file for them.
 */
#include "lib/base.h"
#include "lib/read.h"
#include "lib/scope.h"
#include "lib/call.h"
#include "lib/emit.h"

#define PROT_WRITE 2
#define PROT_EXEC 4
#define MAP_SHARED 0x01
#define MAP_SHARED_VALIDATE 0x03
#define MAP_TYPE 0x0f
#define MAP_ANONYMOUS 0x20

/* include/linux/fs.h, include/linux/mm.h */
#define FMODE_WRITE 0x2
#define VM_WRITE 0x2
#define VM_SHARED 0x8

#define PAGE_SHIFT 12
/* Mappings that one mprotect is followed through. */
#define VMAS_MAX 8

/* Between which addresses a process has shared mappings that are writable or may be made so. It only grows. */
struct bt_span {
	u64 from, to;
};

/* Taken over by the loader for processes that run already. What is evicted is looked at less often, until it exits. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, struct bt_proc_key);
	__type(value, struct bt_span);
} sharers SEC(".maps");

static __always_inline void tell_executable(struct task_struct *task, struct bt_task *t, u32 fd)
{
	struct super_block *sb;
	struct bt_rec_map *rec;
	struct bt_scratch *s;
	struct inode *inode;
	struct file *f;
	u16 flags = 0;
	u64 len;

	f = (void *)file_of_fd(task, fd);
	if (!f)
		return;
	s = scratch_get();
	if (!s) {
		count_loss(BT_LOSS_HELPER, 0);
		return;
	}
	rec = &s->map_out.rec;
	__builtin_memset(rec, 0, sizeof(*rec));
	inode = BPF_CORE_READ(f, f_inode);
	sb = BPF_CORE_READ(inode, i_sb);
	rec->ino = BPF_CORE_READ(inode, i_ino);
	rec->dev = BPF_CORE_READ(sb, s_dev);
	len = read_path(s, s->map_out.path, task, (u64)f, &flags);
	barrier_var(len);
	if (len >= BT_PATH_LEN)
		len = BT_PATH_LEN - 1;
	rec->path_len = len;
	hdr_fill(&rec->hdr, BT_REC_MAP, sizeof(*rec) + len, task, t, bpf_ktime_get_boot_ns());
	emit_prio(rec, sizeof(*rec) + len, len);
	scratch_put(s);
}

static __always_inline struct bt_span *sharer_of(struct task_struct *task)
{
	struct bt_proc_key key;

	proc_key(task, &key);
	return bpf_map_lookup_elem(&sharers, &key);
}

static __always_inline bool sharer_has(struct task_struct *task, u64 addr, u64 len)
{
	struct bt_span *have = sharer_of(task);

	return have && addr < have->to && addr + len > have->from;
}

static __always_inline void sharer_grow(struct task_struct *task, u64 addr, u64 len)
{
	struct bt_span *have = sharer_of(task), fresh = { addr, addr + len };
	struct bt_proc_key key;

	if (have) {
		if (addr < have->from)
			have->from = addr;
		if (addr + len > have->to)
			have->to = addr + len;
		return;
	}
	proc_key(task, &key);
	bpf_map_update_elem(&sharers, &key, &fresh, BPF_ANY);
}

/* One mapping, as the probes describe it. */
struct shared {
	u64 file;
	u64 addr, len, off;
	u64 flags; /* VM_* */
	s32 fd;
};

/* The mapping is of something whose bytes do not stay in it, and which the loader cannot read. */
static __always_inline bool is_device(const struct bt_file_id *id, bool speaks)
{
	return speaks && id->type != BT_FILE_REG;
}

static __always_inline void tell_shared(struct task_struct *task, struct bt_task *t,
					const struct shared *m, u16 what)
{
	struct bt_scratch *s = scratch_get();
	struct bt_rec_shared *rec;
	u16 flags = 0;
	u64 len = 0;
	bool speaks;

	if (!s) {
		count_loss(BT_LOSS_HELPER, 0);
		return;
	}
	rec = &s->shared_out.rec;
	__builtin_memset(rec, 0, sizeof(*rec));
	rec->addr = m->addr;
	rec->len = m->len;
	rec->off = m->off;
	rec->fd = m->fd;
	rec->what = what;
	if (what == BT_SHARED_MAP) {
		speaks = file_identify(m->file, &rec->file);
		if (is_device(&rec->file, speaks))
			count_loss(BT_LOSS_MMAP, 0);
		if (!speaks || rec->file.type != BT_FILE_REG)
			goto out;
		len = read_path(s, s->shared_out.path, task, m->file, &flags);
	}
	barrier_var(len);
	if (len >= BT_PATH_LEN)
		len = BT_PATH_LEN - 1;
	rec->path_len = len;
	hdr_fill(&rec->hdr, BT_REC_SHARED, sizeof(*rec) + len, task, t, bpf_ktime_get_boot_ns());
	if (emit_prio(rec, sizeof(*rec) + len, len) && what == BT_SHARED_MAP)
		count_loss(BT_LOSS_MMAP, 0);
out:
	scratch_put(s);
}

static long take_vma(struct task_struct *task, struct vm_area_struct *vma, struct shared *m)
{
	m->addr = vma->vm_start;
	m->len = vma->vm_end - vma->vm_start;
	m->off = vma->vm_pgoff << PAGE_SHIFT;
	m->flags = vma->vm_flags;
	m->file = (u64)BPF_CORE_READ(vma, vm_file);
	return 0;
}

/* Those of the mappings in a range that are shared and writable now. */
static __always_inline void tell_range(struct task_struct *task, struct bt_task *t, u64 addr,
				       u64 len)
{
	u64 end = addr + len;

	for (int i = 0; i < VMAS_MAX && addr < end; i++) {
		struct shared m = { .fd = -1 };

		if (bpf_find_vma(task, addr, take_vma, &m, 0)) {
			count_loss(BT_LOSS_MMAP, 0);
			return;
		}
		if (m.file && (m.flags & VM_SHARED) && (m.flags & VM_WRITE))
			tell_shared(task, t, &m, BT_SHARED_MAP);
		addr = m.addr + m.len;
	}
}

CALL_END(bt_map)
{
	u64 arg[6], prot, flags, type;
	struct shared m = {};
	struct file *file;

	if ((u64)e->ret >= (u64)-4095L || !call_args(e, arg))
		return;
	prot = arg[2];
	flags = arg[3];
	if (flags & MAP_ANONYMOUS)
		return;
	type = flags & MAP_TYPE;
	if (prot & PROT_EXEC)
		tell_executable(e->task, e->t, arg[4]);
	if (type != MAP_SHARED && type != MAP_SHARED_VALIDATE)
		return;
	m.fd = arg[4];
	m.addr = e->ret;
	m.len = arg[1];
	m.off = arg[5];
	/* mmap2(2) of 32-bit programs counts in pages. */
	if (call_is_compat(e) && !(e->cookie & BT_COOKIE_ARRAY0))
		m.off <<= PAGE_SHIFT;
	file = (void *)file_of_fd(e->task, m.fd);
	/* Closed by another thread meanwhile. */
	if (!file) {
		if (prot & PROT_WRITE)
			count_loss(BT_LOSS_MMAP, 0);
		return;
	}
	if (!(BPF_CORE_READ(file, f_mode) & FMODE_WRITE))
		return;
	m.file = (u64)file;
	sharer_grow(e->task, m.addr, m.len);
	if (prot & PROT_WRITE)
		tell_shared(e->task, e->t, &m, BT_SHARED_MAP);
}

/* mprotect, pkey_mprotect */
CALL_END(bt_mprotect)
{
	u64 arg[6];

	if (!e->ret && call_args(e, arg) && (arg[2] & PROT_WRITE) &&
	    sharer_has(e->task, arg[0], arg[1]))
		tell_range(e->task, e->t, arg[0], arg[1]);
}

CALL_END(bt_mremap)
{
	struct shared m = { .fd = -1 };
	u64 arg[6];

	if ((u64)e->ret >= (u64)-4095L || !call_args(e, arg))
		return;
	m.addr = arg[0];
	m.len = arg[1];
	/* An old length of zero makes a second mapping of the same. */
	if (!sharer_has(e->task, m.addr, m.len ?: 1))
		return;
	if (m.len)
		tell_shared(e->task, e->t, &m, BT_SHARED_UNMAP);
	sharer_grow(e->task, e->ret, arg[2]);
	tell_range(e->task, e->t, e->ret, arg[2]);
}

/* msync and munmap; the cookie is what to tell. */
CALL_END(bt_mapped)
{
	struct shared m = { .fd = -1 };
	u64 arg[6];

	if (e->ret || !call_args(e, arg))
		return;
	m.addr = arg[0];
	m.len = arg[1];
	if (sharer_has(e->task, m.addr, m.len))
		tell_shared(e->task, e->t, &m, call_own(e));
}

/* A child has its parent's mappings. */
SEC("tp_btf/sched_process_fork")
int BPF_PROG(bt_map_fork, struct task_struct *parent, struct task_struct *child)
{
	struct bt_proc_key key = { .start_ns = child->start_boottime, .tgid = child->tgid };
	struct bt_span *have, copy;

	if (!scope_of(parent) || child->tgid == parent->tgid)
		return 0;
	have = sharer_of(parent);
	if (!have)
		return 0;
	copy = *have;
	bpf_map_update_elem(&sharers, &key, &copy, BPF_ANY);
	return 0;
}
