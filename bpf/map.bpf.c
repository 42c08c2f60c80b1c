/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What a watched process maps: executables and libraries, for the loader to look for TLS functions in, and
 * writable shared files, through which bytes move that no call shows.
 */
#include "lib/base.h"
#include "lib/regs.h"
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

/* The rings of an io_uring, which its fd maps: no file (fs/anon_inodes.c names the dentry so). */
static __always_inline bool is_uring(struct task_struct *task, u32 fd)
{
	struct file *f = (void *)file_of_fd(task, fd);
	struct inode *inode;
	char name[16] = {};

	if (!f)
		return false;
	inode = BPF_CORE_READ(f, f_inode);
	if (BPF_CORE_READ(inode, i_sb, s_magic) != ANON_INODE_FS_MAGIC)
		return false;
	bpf_probe_read_kernel_str(name, sizeof(name), BPF_CORE_READ(f, f_path.dentry, d_name.name));
	return !bpf_strncmp(name, sizeof(name), "[io_uring]");
}

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

CALL_END(bt_map)
{
	u64 prot = e->arg[2], flags = e->arg[3], type;

	if ((u64)e->ret >= (u64)-4095L || (flags & MAP_ANONYMOUS))
		return;
	type = flags & MAP_TYPE;
	/* How much is stored through it is not known here. */
	if ((prot & PROT_WRITE) && (type == MAP_SHARED || type == MAP_SHARED_VALIDATE) &&
	    !is_uring(e->task, e->arg[4]))
		count_loss(BT_LOSS_MMAP, 0);
	if (prot & PROT_EXEC)
		tell_executable(e->task, e->t, e->arg[4]);
}
