/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of this layer share. */
#ifndef BT_CAPTURE_INTERNAL_H
#define BT_CAPTURE_INTERNAL_H

#include <linux/types.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include "beartrap.skel.h"
#include "base/log.h"
#include "base/procfs.h"
#include "capture/capture.h"
#include "capture/ring.h"
#include "event/event.h"
#include "event/pipe_store.h"

#define BTF_PATH "/sys/kernel/btf/vmlinux"

/* As in bpf/iter.bpf.c. */
enum walk_mode { MODE_LIST = 0, MODE_MARK = 1, MODE_UNMARK = 2, MODE_CLEAR = 3 };

/* More than there are programs. */
#define LINKS_MAX 64

/* Bytes that went past the process, had afterwards (copy.c). */
struct copies {
	char *buf; /* one record */
	struct capture_copied seen;
	struct bt_counter lost; /* BT_LOSS_MOVED */
	int64_t second;         /* in which `used` bytes were read */
	uint64_t used;
	struct pipe_store *pipes;
	struct pipe_wait *waits; /* copies out of pipes, oldest first */
	size_t n_waits;
	bool settling;
};

/* Where watched processes are in the cgroup trees (cgroup.c). */
struct cgroups {
	int mount_fd;        /* of cgroup v2, -1: none */
	char mount[64];      /* its path */
	struct table *texts; /* id of a cgroup -> text, when v2 is all there is */
	uint64_t pid_ns;     /* our own */
};

struct rescan;

struct capture {
	struct capture_config cfg;
	struct beartrap_bpf *skel;
	struct bpf_link *links[LINKS_MAX];
	size_t n_links;
	struct fexit *fexit; /* NULL: the system calls are looked at with tracepoints */
	struct ring bulk, prio;
	struct ring_merge merge;
	bool tell; /* ring_merge_tell() is due */
	int epoll_fd;
	struct uprobes *uprobes;
	__u32 round; /* of capture_watch_running() */
	struct bt_match_key match_key;
	struct copies copies;
	struct cgroups cgroups;
	struct rescan *rescan;
	char describe[256];
};

/*
 * Opens "events" of a tracefs that nobody else sees: the mounted one when there is one, else a detached
 * mount that goes when the descriptor is closed. The descriptor, or negative errno.
 */
int tracefs_open(void);
/*
 * Attaches a program to the tracepoint `name` (CATEGORY/NAME) through `events_fd`; the program finds `cookie` with
 * bpf_get_attach_cookie(). NULL with errno set when that fails.
 */
struct bpf_link *tracepoint_attach(int events_fd, const struct bpf_program *prog, const char *name,
				   __u64 cookie);

/*
 * fexit.c. Finds the functions to attach to and tries one. Negative errno when this kernel does not let programs be
 * attached to them, or does not know all of them.
 */
int fexit_open(struct fexit **ret);
/* Takes its programs off. NULL is fine. */
struct fexit *fexit_free(struct fexit *f);
/* Between open and load: chooses the programs to be loaded. Negative errno. */
int fexit_prepare(struct capture *c);
int fexit_attach(struct capture *c, struct error *err);
/* Links held; puts their descriptors into `fds` unless that is NULL. */
size_t fexit_fds(const struct fexit *f, int *fds);
/* Adds how often the kernel left out one of its programs (counters.c). Negative errno. */
int fexit_misses(const struct fexit *f, __u64 *misses);

/* counters.c: adds how often the kernel left out a program. Negative errno. */
int add_misses(int prog_fd, __u64 *misses);

/* uprobe.c. NULL: out of memory. */
struct uprobes *uprobes_new(void);
/* Takes its uprobes off. NULL is fine. */
struct uprobes *uprobes_free(struct uprobes *u);
/* Between open and load: how the programs will be attached. Negative errno. */
int uprobes_prepare(struct capture *c);
/* Hooks the TLS libraries that are where distributions put them. */
void uprobes_usual(struct capture *c);
/* Hooks what a process has mapped, when the record tells of that. */
void uprobes_record(struct capture *c, struct span rec);
/* Hooks what a process has mapped now. */
void uprobes_process(struct capture *c, uint32_t tgid);
/* Links held, and their descriptors. */
size_t uprobes_links(const struct uprobes *u);
void uprobes_fds(const struct uprobes *u, int *fds);

/* How to find a file that a record tells of. */
struct inode_ref {
	struct bt_file_id file;
	uint32_t tgid, root;       /* who had it */
	int32_t fd;                /* there, or -1 */
	uint64_t map_from, map_to; /* where it is mapped there, or 0 */
	struct span path;          /* as the process names it */
};

/*
 * Opens a regular file to read it, if it still is that inode: by its descriptor, by its mapping, by its path as the process and as
 * the watch root name it, and, when these are gone, as we do. -1.
 */
int inode_open(const struct inode_ref *ref);

/* maps.c: the files that a process has mapped now, as far as it can be read; a path ends with a NUL. */
void maps_each(uint32_t tgid, void (*fn)(void *arg, const struct procfs_map *m), void *arg);

/* name.c: completes a BT_REC_NAME by what is there now, and passes it on. What cfg->record returned. */
int name_record(struct capture *c, struct span raw);

/* rescan.c: what is stored through shared mappings of files. NULL: out of memory. */
struct rescan *rescan_new(void);
struct rescan *rescan_free(struct rescan *r); /* NULL is fine */
/* Takes in a record before it is passed on. What cfg->record returned for what that made it find. */
int rescan_record(struct capture *c, struct span raw);
/* Looks at what is due. The same. */
int rescan_tick(struct capture *c);
/* The watch of a root ends: its mappings are looked at no more. */
void rescan_unwatch(struct capture *c, uint32_t root);
/* What could not be looked at, as BT_LOSS_MMAP counts it. */
struct bt_counter rescan_lost(const struct rescan *r);

/*
 * uring.c, between open and load: chooses the programs for io_uring by what this kernel has; where it is not what they
 * need, only that a ring was made is counted.
 */
void uring_prepare(struct capture *c);

/*
 * copy.c: hands a record on to cfg->record; a BT_REC_COPY becomes the data that it tells of, which may be later, when what was
 * written to a pipe is known. What cfg->record returned.
 */
int copies_record(struct capture *c, struct span raw);
/* Gives up copies that have waited too long. */
void copies_tick(struct capture *c);
/* Adds what was told of and was not to be had. */
void copies_count(const struct capture *c, struct bt_counter *loss);
void copies_free(struct copies *c);

/* 0 or -ENOMEM. */
int cgroups_open(struct cgroups *g);
void cgroups_close(struct cgroups *g);
/* Makes a BT_REC_CGROUP for the process of an EXEC, when it can be found out. What cfg->record returned, or 0. */
int cgroups_record(struct capture *c, struct span exec);

/* As in bpf/lib/base.h. */
struct proc_key {
	__u64 start_ns;
	__u32 tgid, pad;
};

struct proc_val {
	__u32 root, round;
};

/* watch.c: tells of every watched process anew, and hooks what it has mapped. Negative errno. */
int watch_again(struct capture *c);
/* counters.c: calls `fn` for the entries of a hash map, some thousand at a time. Negative errno. */
int map_each(const struct bpf_map *map, void (*fn)(void *arg, const void *key, const void *val),
	     void *arg);

/* attach.c: between open and load: chooses the programs to be loaded. Negative errno. */
int capture_prepare(struct capture *c);
/* All programs that are not walks or uprobes. 0 or negative errno with `err`. */
int capture_attach(struct capture *c, struct error *err);
void capture_detach(struct capture *c);

#endif /* BT_CAPTURE_INTERNAL_H */
