/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The kernel types that the BPF programs read, and of each only the members they read.
 * The attribute below makes the loader look up every offset in the running kernel's BTF,
 * so order and size here mean nothing; names do, and tests/bpf/test_vmlinux.c holds each
 * of them against /sys/kernel/btf/vmlinux. "Since" is the first kernel with the members as named;
 * none is after 5.8, and none has been renamed up to 6.18.
 *
 * A generated header may take this one's place (make VMLINUX_H=FILE).
 */
#ifndef __VMLINUX_H__
#define __VMLINUX_H__

typedef signed char __s8;
typedef unsigned char __u8;
typedef short __s16;
typedef unsigned short __u16;
typedef int __s32;
typedef unsigned int __u32;
typedef long long __s64;
typedef unsigned long long __u64;
typedef __u16 __be16;
typedef __u32 __be32;
typedef __u32 __wsum;
typedef __u8 u8;
typedef __u16 u16;
typedef __u32 u32;
typedef __u64 u64;
typedef __s32 s32;
typedef __s64 s64;
typedef _Bool bool;

enum { false = 0, true = 1 };

/* include/uapi/linux/bpf.h: part of the system call interface, never renumbered. */
enum bpf_map_type {
	BPF_MAP_TYPE_HASH = 1,
	BPF_MAP_TYPE_ARRAY = 2,
	BPF_MAP_TYPE_PROG_ARRAY = 3,
	BPF_MAP_TYPE_PERCPU_ARRAY = 6,
	BPF_MAP_TYPE_LRU_HASH = 9,
	BPF_MAP_TYPE_RINGBUF = 27,
	BPF_MAP_TYPE_TASK_STORAGE = 29,
};

enum { BPF_ANY = 0, BPF_NOEXIST = 1, BPF_EXIST = 2 };
enum { BPF_F_NO_PREALLOC = 1 };
enum { BPF_LOCAL_STORAGE_GET_F_CREATE = 1 };
enum { BPF_RB_AVAIL_DATA = 0, BPF_RB_RING_SIZE = 1, BPF_RB_CONS_POS = 2, BPF_RB_PROD_POS = 3 };

#ifdef __TARGET_ARCH_x86
#include "regs_x86.h"
#else
#include "regs_arm64.h"
#endif

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

/* Since 2.6; a member of cred since 2.6.29. */
typedef struct {
	unsigned int val;
} kuid_t;

struct cred {
	kuid_t uid;
};

/* inum since 3.19 (before, a member of each namespace). */
struct ns_common {
	unsigned int inum;
};

struct mnt_namespace {
	struct ns_common ns;
};

/* include/linux/xarray.h, since 4.20: under an IDR, which numbers processes since 4.15. */
struct xarray {
	void *xa_head;
};

struct xa_node {
	unsigned char shift;
	void *slots[64];
};

struct idr {
	struct xarray idr_rt;
};

struct pid_namespace {
	struct ns_common ns;
	struct idr idr;
};

/* Since 2.6. */
struct hlist_node {
	struct hlist_node *next;
};

struct hlist_head {
	struct hlist_node *first;
};

/* Since 2.6.24. */
struct upid {
	int nr;
	struct pid_namespace *ns;
};

/* An array of one until 6.2, then flexible. */
struct pid {
	unsigned int level;
	struct hlist_head tasks[4];
	struct upid numbers[1];
};

struct nsproxy {
	struct mnt_namespace *mnt_ns;
};

/* Since 2.6. */
struct qstr {
	union {
		struct {
			u32 hash;
			u32 len;
		};
		u64 hash_len;
	};
	const unsigned char *name;
};

struct inode;
struct dentry {
	struct dentry *d_parent;
	struct qstr d_name;
};

/* Since 2.6. */
struct super_block {
	u32 s_dev;
	unsigned long s_magic;
};

/* A ring of buffers since 5.5. */
struct pipe_buffer {
	unsigned int len;
};

struct pipe_inode_info {
	unsigned int head;
	unsigned int tail;
	unsigned int ring_size;
	struct pipe_buffer *bufs;
};

/* Since 2.6; i_uid a kuid_t since 3.5. */
struct inode {
	unsigned short i_mode;
	kuid_t i_uid;
	struct super_block *i_sb;
	unsigned long i_ino;
	const unsigned int i_nlink;
	u32 i_rdev;
	s64 i_size;
	u32 i_generation;
	struct pipe_inode_info *i_pipe;
};

/* Since 2.6. */
struct vfsmount {
	struct dentry *mnt_root;
};

/* fs/mount.h, since 3.3. */
struct mount {
	struct mount *mnt_parent;
	struct dentry *mnt_mountpoint;
	struct vfsmount mnt;
};

struct path {
	struct vfsmount *mnt;
	struct dentry *dentry;
};

/* f_inode since 3.9. */
struct file {
	void *private_data;
	struct inode *f_inode;
	unsigned int f_flags;
	unsigned int f_mode;
	struct path f_path;
	s64 f_pos;
};

/* Since 2.6; within anonymous structs and unions since 6.3. */
struct vm_area_struct {
	unsigned long vm_start;
	unsigned long vm_end;
	const unsigned long vm_flags;
	unsigned long vm_pgoff;
	struct file *vm_file;
};

struct fs_struct {
	struct path root;
	struct path pwd;
};

/* Since 2.6.25. */
struct fdtable {
	unsigned int max_fds;
	struct file **fd;
};

struct files_struct {
	struct fdtable *fdt;
};

/* arg_start: within an anonymous struct of mm_struct since 4.20. */
struct mm_struct {
	unsigned long arg_start;
	unsigned long arg_end;
	unsigned long env_start;
	unsigned long env_end;
	struct file *exe_file;
};

/* include/linux/types.h, since 2.6. */
typedef struct {
	int counter;
} atomic_t;

/* pids[] since 4.19 (before, in task_struct). */
struct signal_struct {
	atomic_t live;
	int group_exit_code;
	unsigned int flags;
	struct pid *pids[4];
};

/* id since 5.5 (before, a union). */
struct kernfs_node {
	u64 id;
};

/* Since 3.15. */
struct cgroup {
	struct kernfs_node *kn;
};

struct css_set {
	struct cgroup *dfl_cgrp;
};

/* Since 2.6; in the task since 4.9 (x86) and 4.10 (arm64). */
struct thread_info {
	unsigned long flags;
};

/* start_boottime since 5.5 (before, real_start_time), pid_links since 4.19. */
struct task_struct {
	struct thread_info thread_info;
	unsigned int flags;
	struct mm_struct *mm;
	int exit_code;
	int pid;
	int tgid;
	struct task_struct *real_parent;
	struct task_struct *group_leader;
	u64 start_boottime;
	const struct cred *cred;
	char comm[16];
	struct fs_struct *fs;
	struct files_struct *files;
	struct nsproxy *nsproxy;
	struct signal_struct *signal;
	struct css_set *cgroups;
	struct hlist_node pid_links[4];
};

/* The argument of sched_process_exec; nothing in it is read. */
struct linux_binprm;

/* Since 2.6. */
struct in6_addr {
	union {
		u8 u6_addr8[16];
	} in6_u;
};

/* skc_num since 2.6.33 (inet_num before), skc_v6_* since 3.13. */
struct sock_common {
	__be32 skc_daddr;
	__be32 skc_rcv_saddr;
	__be16 skc_dport;
	u16 skc_num;
	unsigned short skc_family;
	volatile unsigned char skc_state;
	struct in6_addr skc_v6_daddr;
	struct in6_addr skc_v6_rcv_saddr;
};

/* Plain u16 members since 5.6 (before, bit-fields). */
struct sock {
	struct sock_common __sk_common;
	u16 sk_type;
	u16 sk_protocol;
};

struct socket {
	struct sock *sk;
};

struct sockaddr_un {
	char sun_path[108];
};

/* An array of zero or flexible, as the compiler of the day wants it. */
struct unix_address {
	int len;
	struct sockaddr_un name[0];
};

struct unix_sock {
	struct unix_address *addr;
	struct sock *peer;
};

/* io_uring: include/linux/io_uring_types.h and io_uring/{rw,net,splice}.h, all since 6.0. */
struct kiocb {
	s64 ki_pos;
};

struct io_cqe {
	u64 user_data;
	s32 res;
	union {
		u32 flags;
		int fd;
	};
};

/* uapi: part of the system call interface. */
struct io_uring_cqe {
	u64 user_data;
	s32 res;
	u32 flags;
};

struct io_ring_ctx;

/* flags: of 64 bits since 6.9; the low ones are what counts. */
struct io_kiocb {
	struct file *file;
	u8 opcode;
	u16 buf_index;
	unsigned int flags;
	struct io_cqe cqe;
	struct io_ring_ctx *ctx;
	void *async_data;
};

/* What an operation keeps in the first bytes of its io_kiocb. */
struct io_rw {
	struct kiocb kiocb;
	u64 addr;
	u32 len;
};

struct io_sr_msg {
	void *buf;
	u32 len;
	u32 done_io;
	u32 msg_flags;
	u16 flags;
};

struct io_accept {
	u32 file_slot;
};

/* The context of tp/syscalls/sys_exit_*: include/trace/events/syscalls.h, since 3.2. */
struct trace_event_raw_sys_exit {
	long ret;
};

/* kernel/bpf/task_iter.c, since 5.8. */
struct bpf_iter__task {
	struct task_struct *task;
};

struct bpf_iter__task_file {
	struct task_struct *task;
	u32 fd;
	struct file *file;
};

#pragma clang attribute pop

#endif /* __VMLINUX_H__ */
