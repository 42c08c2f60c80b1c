/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Layer 1: what a file object is. A file comes as a plain address: it was taken out of an fd
 * table without a reference, so every read through it goes by bpf_probe_read_kernel().
 */
#ifndef BPF_LIB_READ_H
#define BPF_LIB_READ_H

#include "lib/base.h"

/* Address of the struct file behind `fd` of `task`, 0 when there is none. */
static __always_inline u64 file_of_fd(struct task_struct *task, u32 fd)
{
	struct files_struct *files = task->files;
	struct fdtable *fdt;
	u64 file = 0;

	if (!files)
		return 0;
	fdt = files->fdt;
	if (!fdt || fd >= fdt->max_fds)
		return 0;
	bpf_probe_read_kernel(&file, sizeof(file), fdt->fd + fd);
	return file;
}

/* Documentation/admin-guide/devices.txt: the majors under which terminals live. */
static __always_inline bool is_tty_major(u32 major)
{
	return (major >= 136 && major <= 143) || major == 4 || major == 5 || major == 2 ||
	       major == 3 || major == 166 || major == 188 || major == 204 || major == 229;
}

/* null, zero, full, random, urandom: they drop what is written and make up what is read. */
static __always_inline bool is_mute_device(u32 rdev)
{
	u32 minor = rdev & 0xfffff;

	return rdev >> 20 == 1 && (minor == 3 || minor == 5 || (minor >= 7 && minor <= 9));
}

static __always_inline u16 socket_type(struct file *f)
{
	struct socket *sock = BPF_CORE_READ(f, private_data);
	struct sock *sk = BPF_CORE_READ(sock, sk);
	u16 family = BPF_CORE_READ(sk, __sk_common.skc_family);

	if (family == AF_UNIX)
		return BT_FILE_UNIX;
	if (family == AF_INET || family == AF_INET6) {
		u16 type = BPF_CORE_READ(sk, sk_type);

		if (type == SOCK_STREAM)
			return BT_FILE_TCP;
		if (type == SOCK_DGRAM)
			return BT_FILE_UDP;
	}
	return BT_FILE_SOCK;
}

/* Any two words into one, as the likes of FxHash do. */
static __always_inline u64 mix(u64 h, u64 v)
{
	return (h ^ v) * 0x9e3779b97f4a7c15ULL;
}

/*
 * The name of an open file description. Its address alone would soon come again, and often for a new file
 * on the inode number of a deleted one: so the inode's generation and the dentry are in it too.
 */
static __always_inline u64 file_obj(struct file *f, struct inode *inode)
{
	u64 h = mix(bt_addr_mask, (u64)f);

	h = mix(h, BPF_CORE_READ(inode, i_generation));
	return mix(h, (u64)BPF_CORE_READ(f, f_path.dentry));
}

/*
 * Fills `id`. False when bytes on this object reach nobody: directories, anonymous inodes such as
 * eventfd, and /dev/null and its like.
 */
static __always_inline bool file_identify(u64 addr, struct bt_file_id *id)
{
	struct file *f = (void *)addr;
	struct inode *inode = BPF_CORE_READ(f, f_inode);
	struct super_block *sb = BPF_CORE_READ(inode, i_sb);
	u16 mode = BPF_CORE_READ(inode, i_mode);
	bool speaks = true;
	u32 rdev;

	id->ino = BPF_CORE_READ(inode, i_ino);
	id->dev = BPF_CORE_READ(sb, s_dev);
	id->mode = mode;
	switch (mode & S_IFMT) {
	case S_IFIFO:
		id->type = BT_FILE_PIPE;
		id->obj = id->ino;
		return true;
	case S_IFSOCK:
		id->type = socket_type(f);
		id->obj = id->ino;
		return true;
	case S_IFCHR:
		rdev = BPF_CORE_READ(inode, i_rdev);
		id->type = is_tty_major(rdev >> 20) ? BT_FILE_TTY : BT_FILE_CHR;
		speaks = !is_mute_device(rdev);
		break;
	case S_IFDIR:
		id->type = BT_FILE_DIR;
		speaks = false;
		break;
	case S_IFREG:
		id->type = BT_FILE_REG;
		/* Anonymous inodes look like regular files since 6.17, and like nothing before. */
		if (BPF_CORE_READ(sb, s_magic) != ANON_INODE_FS_MAGIC)
			break;
		/* fallthrough */
	case 0:
		id->type = BT_FILE_OTHER;
		speaks = false;
		break;
	default:
		id->type = BT_FILE_OTHER;
		break;
	}
	id->obj = file_obj(f, inode);
	return speaks;
}

/*
 * A number that changes when a file record sent for the same bt_file_id is no longer true: the file was renamed or
 * its flags set, or file_obj() was the same for another. Never 0. Sockets and pipes do not change, and
 * their inode numbers are not used again.
 */
static __always_inline u64 file_ident(u64 addr, u16 type)
{
	struct file *f = (void *)addr;
	struct dentry *dentry;
	u64 h;

	if (type != BT_FILE_REG && type != BT_FILE_CHR && type != BT_FILE_TTY)
		return 1;
	dentry = BPF_CORE_READ(f, f_path.dentry);
	h = mix(0, (u64)BPF_CORE_READ(dentry, d_parent));
	h = mix(h, BPF_CORE_READ(dentry, d_name.hash_len));
	h = mix(h, BPF_CORE_READ(f, f_flags));
	return h | 1;
}

struct path_walk {
	struct bt_scratch *s;
	struct dentry *dentry, *root_dentry;
	struct vfsmount *mnt, *root_mnt;
	u32 pos; /* first used byte of s->path */
	bool done;
	bool detached;
};

static long path_step(u32 i, struct path_walk *w)
{
	struct dentry *d = w->dentry, *parent;
	struct vfsmount *mnt = w->mnt;
	u64 len, at;

	if (d == w->root_dentry && mnt == w->root_mnt)
		goto done;
	if (d == BPF_CORE_READ(mnt, mnt_root)) {
		u32 off = bpf_core_field_offset(struct mount, mnt);
		struct mount *m = (void *)mnt - off;
		struct mount *above = BPF_CORE_READ(m, mnt_parent);

		if (!above || above == m)
			goto done;
		w->dentry = BPF_CORE_READ(m, mnt_mountpoint);
		w->mnt = (void *)above + off;
		return 0;
	}
	parent = BPF_CORE_READ(d, d_parent);
	len = BPF_CORE_READ(d, d_name.len);
	if (parent == d || !parent) { /* on no tree: memfd, pipe, socket */
		parent = NULL;
		w->detached = true;
		if (!len)
			goto done;
	}
	if (len > 255 || len + 1 > w->pos)
		return 1;
	at = w->pos - len;
	barrier_var(at);
	at &= BT_PATH_LEN - 1;
	barrier_var(len);
	len &= 255;
	if (bpf_probe_read_kernel(w->s->path + at, len, BPF_CORE_READ(d, d_name.name)))
		return 1;
	at--;
	barrier_var(at);
	at &= BT_PATH_LEN - 1;
	w->s->path[at] = '/';
	w->pos = at;
	w->dentry = parent;
	if (parent)
		return 0;
done:
	w->done = true;
	return 1;
}

/* What path_build() says of s->path, beside where the path begins. */
#define PATH_POS 0xffff
#define PATH_CUT 0x10000
#define PATH_DETACHED 0x20000

/* Puts a path at the end of the front half of s->path. Verified by itself. */
__weak __noinline u64 path_build(u64 slot, u64 dentry, u64 mnt)
{
	struct bt_scratch *s = scratch_at(slot);
	struct path_walk w = { .pos = BT_PATH_LEN };
	u64 ret;

	if (!s)
		return BT_PATH_LEN | PATH_DETACHED;
	w.s = s;
	w.dentry = (void *)dentry;
	w.mnt = (void *)mnt;
	w.root_dentry = (void *)s->root_dentry;
	w.root_mnt = (void *)s->root_mnt;
	if (!w.dentry)
		return BT_PATH_LEN | PATH_DETACHED;
	bpf_loop(BT_PATH_DEPTH, path_step, &w, 0);
	ret = w.pos;
	if (!w.done) {
		ret |= PATH_CUT;
		count_loss(BT_LOSS_PATH, 0);
	}
	if (w.detached)
		ret |= PATH_DETACHED;
	return ret;
}

/* As which directory's paths the next files are named. */
static __always_inline void path_root(struct bt_scratch *s, struct task_struct *task)
{
	struct fs_struct *fs = task->fs;

	s->root_dentry = fs ? (u64)BPF_CORE_READ(fs, root.dentry) : 0;
	s->root_mnt = fs ? (u64)BPF_CORE_READ(fs, root.mnt) : 0;
}

/*
 * Path of a directory entry below path_root(), at most BT_PATH_LEN - 1 bytes into
 * `to`. Length; sets BT_FILE_PATH_CUT in `flags` when the front is missing. 0 for what has no path.
 */
static __always_inline u32 read_entry(struct bt_scratch *s, u8 *to, u64 dentry, u64 mnt, u16 *flags)
{
	u64 built = path_build(s->slot, dentry, mnt), pos = built & PATH_POS, len;

	if (built & PATH_CUT)
		*flags |= BT_FILE_PATH_CUT;
	if (pos >= BT_PATH_LEN) {
		to[0] = '/';
		return !(built & PATH_DETACHED);
	}
	len = BT_PATH_LEN - pos;
	barrier_var(pos);
	pos &= BT_PATH_LEN - 1;
	barrier_var(len);
	if (len >= BT_PATH_LEN)
		len = BT_PATH_LEN - 1;
	bpf_probe_read_kernel(to, len, s->path + pos);
	return len;
}

/* The same of an open file. */
static __always_inline u32 read_path_of(struct bt_scratch *s, u8 *to, u64 addr, u16 *flags)
{
	struct file *f = (void *)addr;

	return read_entry(s, to, (u64)BPF_CORE_READ(f, f_path.dentry),
			  (u64)BPF_CORE_READ(f, f_path.mnt), flags);
}

/* The same as `task` names it. */
static __always_inline u32 read_path(struct bt_scratch *s, u8 *to, struct task_struct *task,
				     u64 addr, u16 *flags)
{
	path_root(s, task);
	return read_path_of(s, to, addr, flags);
}

/* The sockets' part of a file record. Length of the name put into `to` (BT_UNIX_PATH_LEN). */
static __always_inline u32 read_socket(u64 addr, struct bt_rec_file *rec, u8 *to)
{
	struct file *f = (void *)addr;
	struct socket *sock = BPF_CORE_READ(f, private_data);
	struct sock *sk = BPF_CORE_READ(sock, sk);
	struct unix_address *name;
	struct unix_sock *un;
	u64 len;

	rec->sk_family = BPF_CORE_READ(sk, __sk_common.skc_family);
	rec->sk_type = BPF_CORE_READ(sk, sk_type);
	rec->sk_protocol = BPF_CORE_READ(sk, sk_protocol);
	rec->sk_state = BPF_CORE_READ(sk, __sk_common.skc_state);
	switch (rec->sk_family) {
	case AF_INET:
		BPF_CORE_READ_INTO((u32 *)rec->local_addr, sk, __sk_common.skc_rcv_saddr);
		BPF_CORE_READ_INTO((u32 *)rec->peer_addr, sk, __sk_common.skc_daddr);
		break;
	case AF_INET6:
		BPF_CORE_READ_INTO(&rec->local_addr, sk, __sk_common.skc_v6_rcv_saddr);
		BPF_CORE_READ_INTO(&rec->peer_addr, sk, __sk_common.skc_v6_daddr);
		break;
	case AF_UNIX:
		/* An accepted socket carries its listener's name, its peer usually none. */
		un = (void *)BPF_CORE_READ((struct unix_sock *)sk, peer);
		name = un ? BPF_CORE_READ(un, addr) : NULL;
		if (!name)
			name = BPF_CORE_READ((struct unix_sock *)sk, addr);
		if (!name)
			return 0;
		len = (u32)BPF_CORE_READ(name, len) - sizeof(u16); /* counts sun_family too */
		barrier_var(len);
		if (len > BT_UNIX_PATH_LEN)
			return 0;
		bpf_core_read(to, len, &name->name[0].sun_path);
		/* A name in the file system ends with NUL, an abstract one begins with it. */
		if (len > 1 && to[0] && !to[(len - 1) & 127])
			len--;
		return len;
	default:
		return 0;
	}
	rec->local_port = BPF_CORE_READ(sk, __sk_common.skc_num);
	rec->peer_port = __builtin_bswap16(BPF_CORE_READ(sk, __sk_common.skc_dport));
	return 0;
}

#endif /* BPF_LIB_READ_H */
