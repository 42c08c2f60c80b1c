/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is known of the watched processes and of the file objects they use, from events alone: it reads no
 * /proc, so a replay knows exactly what the live run knew. Bounded; the least recently used goes first,
 * exited processes before live ones.
 */
#ifndef BT_PROC_PROC_H
#define BT_PROC_PROC_H

#include "event/event.h"

struct proc_file;

struct proc {
	uint32_t tgid, ppid, root, uid;
	uint64_t start_ns;
	uint64_t cgroup_id;
	uint32_t ns_pid, pid_ns, mnt_ns;
	char comm[BT_COMM_LEN + 1];
	char *exe;    /* path, printable, or NULL when unknown */
	char *cgroup; /* path that tells most (cgroup_path()), printable, or NULL when unknown */
	bool exited;
	int status; /* as wait(2), when exited; 0 when known only from a later process with this tgid */
	uint32_t execs;
	/*
	 * File objects that were fd 0, 1, 2 at the last exec (or at attach); obj == 0: unknown. What FILE events with
	 * a time before the EXEC's said is forgotten at the EXEC, whichever record came first.
	 */
	struct bt_file_id stdio[3];
	/*
	 * argv and environment of the last exec as far as received: NUL-separated, wiped at free, gone at the
	 * next exec. At most BT_ARGS_LEN bytes each and 64 MiB in all: over that the ones of exited processes go
	 * early, then pieces are left out. `whole`: every byte is there.
	 */
	struct {
		char *p;
		size_t len;
		bool whole;
	} argv, env;
};

/* A file object as BT_REC_FILE described it;
 * BT_FILE_ACCEPTED and _CONNECTED stay once told. A BT_FILE_TLS has the sk_* members, ends and role of its socket. */
struct proc_file {
	struct bt_file_id id;
	uint64_t size;
	uint32_t open_flags, inode_uid, nlink;
	uint16_t flags;
	uint16_t sk_family, sk_type, sk_protocol, local_port, peer_port;
	uint8_t sk_state;
	uint8_t local_addr[16], peer_addr[16];
	char *path;    /* or unix peer, printable; NULL when unknown */
	bool abstract; /* unix peer is in the abstract namespace */
};

struct proc_table;

struct proc_table *proc_table_new(size_t max_procs, size_t max_files);
struct proc_table *proc_table_free(struct proc_table *t);
/*
 * Takes in FILE, EXEC, ARGS, FORK, EXIT, CGROUP (and DATA, to learn a process seen first there). A process seen first
 * in any of them gets an entry with what the event tells. A child has its parent's exe, stdio, cgroup and
 * namespaces until its exec. 0 or -ENOMEM. Pointers that the functions below gave out end here.
 */
int proc_table_feed(struct proc_table *t, const struct event *ev);
/* NULL when not known. Never the wrong life of a reused pid: start_ns must match. */
const struct proc *proc_find(struct proc_table *t, uint32_t tgid, uint64_t start_ns);
/* The process that lives (or lived last) under this tgid. */
const struct proc *proc_find_tgid(struct proc_table *t, uint32_t tgid);
const struct proc_file *proc_file_find(struct proc_table *t, const struct bt_file_id *id);
size_t proc_table_len(const struct proc_table *t);  /* exited ones too */
size_t proc_table_live(const struct proc_table *t); /* processes not exited */
uint64_t proc_table_evicted(const struct proc_table *t);
/* Calls fn for every process not evicted; stop by returning false. */
void proc_walk(struct proc_table *t, bool (*fn)(void *arg, const struct proc *p), void *arg);

/* True when both name the same file object. */
static inline bool file_id_eq(const struct bt_file_id *a, const struct bt_file_id *b)
{
	return a->obj == b->obj && a->ino == b->ino && a->dev == b->dev;
}

/* True for 127.0.0.0/8, ::1, ::ffff:127.0.0.0/104 and unix sockets: bytes that stay on the machine. */
bool proc_file_peer_is_loopback(const struct proc_file *f);
bool proc_file_peer_is_private(const struct proc_file *f); /* not loopback; false when unknown */
/* The same of its own end. */
bool proc_file_local_is_loopback(const struct proc_file *f);
/* "203.0.113.5:443", "[2001:db8::1]:443", "unix:/dev/log", "unix:@abstract",
 * "" for what is no socket of these families; cut to `len`. Returns `out`. */
const char *proc_file_peer_text(const struct proc_file *f, char *out, size_t len);

#endif /* BT_PROC_PROC_H */
