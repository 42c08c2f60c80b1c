/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What becomes of a file after it was written: another name, one more, none, another mode. Names are those that the call was
 * given, made absolute: what is behind them is for the loader to find out.
 */
#include "lib/base.h"
#include "lib/read.h"
#include "lib/scope.h"
#include "lib/call.h"
#include "lib/emit.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* include/uapi/linux/fcntl.h, include/uapi/linux/fs.h */
#define AT_FDCWD -100
#define AT_REMOVEDIR 0x200
#define RENAME_EXCHANGE 2

/* Puts a name behind the `at` bytes of s->name_out.names. Its length; 0 when it cannot be read. */
static __noinline u64 add_name(struct bt_scratch *s, struct task_struct *task, s64 dirfd, u64 name,
			       u64 at)
{
	struct fs_struct *fs = task->fs;
	u8 *names = s->name_out.names;
	u16 flags = 0;
	u64 len = 0;
	u8 first = 0;
	long n;

	if (at > BT_PATH_LEN)
		return 0;
	if (name)
		bpf_probe_read_user(&first, 1, (void *)name);
	if (first != '/') {
		u64 file = 0;

		if ((s32)dirfd != AT_FDCWD)
			file = file_of_fd(task, dirfd);
		barrier_var(at);
		if (at > BT_PATH_LEN)
			return 0;
		path_root(s, task);
		if (file)
			len = read_path_of(s, names + at, file, &flags);
		else if (fs)
			len = read_entry(s, names + at, (u64)BPF_CORE_READ(fs, pwd.dentry),
					 (u64)BPF_CORE_READ(fs, pwd.mnt), &flags);
		/* A descriptor alone, or the empty name that means it. */
		if (!name || !first)
			return len;
		barrier_var(len);
		if (len >= BT_PATH_LEN - 1)
			return 0;
		at += len;
		barrier_var(at);
		if (at >= 2 * BT_PATH_LEN)
			return 0;
		names[at++] = '/';
		len++;
	}
	barrier_var(at);
	if (at >= 2 * BT_PATH_LEN)
		return 0;
	n = bpf_probe_read_user_str(names + at, BT_PATH_LEN, (void *)name);
	if (n <= 1 || len + n - 1 > BT_PATH_LEN)
		return 0;
	return len + n - 1;
}

struct names {
	s64 dirfd, old_dirfd;
	u64 name, old_name;
	u16 what, mode;
};

static __noinline void tell_name(struct bt_scratch *s, struct task_struct *task, struct bt_task *t,
				 const struct names *n)
{
	struct bt_rec_name *rec = &s->name_out.rec;
	u64 len, old = 0, all;

	__builtin_memset(rec, 0, sizeof(*rec));
	rec->what = n->what;
	rec->mode = n->mode;
	len = add_name(s, task, n->dirfd, n->name, 0);
	barrier_var(len);
	if (len > BT_PATH_LEN)
		return;
	if (n->old_name)
		old = add_name(s, task, n->old_dirfd, n->old_name, len);
	barrier_var(old);
	if (old > BT_PATH_LEN)
		return;
	if (!len)
		count_loss(BT_LOSS_PATH, 0);
	rec->path_len = len;
	rec->old_len = old;
	all = sizeof(*rec) + len + old;
	hdr_fill(&rec->hdr, BT_REC_NAME, all, task, t, bpf_ktime_get_boot_ns());
	barrier_var(all);
	if (all > sizeof(*rec) + 2 * BT_PATH_LEN)
		return;
	emit_prio(rec, all, len + old);
}

/* The cookie says what, and where the arguments are (beartrap/call_abi.h). */
CALL_END(bt_named)
{
	u32 what = call_own(e);
	bool at = what & BT_NAME_AT;
	struct names n = { .what = what & BT_NAME_WHAT, .dirfd = AT_FDCWD };
	struct bt_scratch *s;
	u64 arg[6];

	if (e->ret || !call_args(e, arg))
		return;
	if (n.what == BT_NAME_RENAME || n.what == BT_NAME_LINK) {
		n.old_dirfd = at ? (s32)arg[0] : AT_FDCWD;
		n.old_name = at ? arg[1] : arg[0];
		n.dirfd = at ? (s32)arg[2] : AT_FDCWD;
		n.name = at ? arg[3] : arg[1];
	} else {
		if (at || (what & BT_NAME_FD))
			n.dirfd = (s32)arg[0];
		if (!(what & BT_NAME_FD))
			n.name = at ? arg[1] : arg[0];
		if (n.what == BT_NAME_MODE)
			n.mode = at ? arg[2] : arg[1];
		else if (at && (arg[2] & AT_REMOVEDIR))
			return;
	}
	s = scratch_get();
	if (!s) {
		count_loss(BT_LOSS_HELPER, 0);
		return;
	}
	tell_name(s, e->task, e->t, &n);
	scratch_put(s);
}
