/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <stdlib.h>

#include "base/table.h"
#include "proc/args.h"
#include "proc/cgroup.h"
#include "proc/proc.h"
#include "proc/text.h"

struct proc_entry {
	struct proc p; /* first: proc_find() hands it out */
	struct proc_table *t;
	struct args argv, env;
	uint64_t stdio_ns[3]; /* when p.stdio[] was described */
};

struct life {
	uint64_t start_ns;
	uint64_t tgid;
};

struct file_key {
	uint64_t obj, ino, dev;
};

struct proc_table {
	struct table *live,
		*exited;       /* struct life -> struct proc_entry, together at most max_procs */
	struct table *by_tgid; /* the latest life; does not own it */
	struct table *files;   /* struct file_key -> struct proc_file */
	struct proc_entry *recent; /* of the last event: most events are in runs */
	size_t max_procs;
	size_t args_total; /* bytes of argv and environments held */
	uint64_t evicted;
};

#define KEY(key) span_of(&(key), sizeof(key))

static struct life life_of(const struct proc *p)
{
	return (struct life){ p->start_ns, p->tgid };
}

static struct span tgid_key(const uint32_t *tgid)
{
	return span_of(tgid, sizeof(*tgid));
}

/* --- processes ----------------------------------------------------------------------------- */

static void publish_args(struct proc_entry *pe)
{
	args_view(&pe->argv, &pe->p.argv.p, &pe->p.argv.len, &pe->p.argv.whole);
	args_view(&pe->env, &pe->p.env.p, &pe->p.env.len, &pe->p.env.whole);
}

static void free_entry(void *value)
{
	struct proc_entry *pe = value;
	struct proc_table *t = pe->t;

	if (t->recent == pe)
		t->recent = NULL;
	if (table_peek(t->by_tgid, tgid_key(&pe->p.tgid)) == pe)
		table_remove(t->by_tgid, tgid_key(&pe->p.tgid));
	args_release(&pe->argv, &t->args_total);
	args_release(&pe->env, &t->args_total);
	free(pe->p.exe);
	free(pe->p.cgroup);
	free(pe);
}

static struct proc_entry *find(struct proc_table *t, uint32_t tgid, uint64_t start_ns)
{
	struct life life = { start_ns, tgid };
	struct proc_entry *pe = t->recent;

	/* The recent one is already its table's most recently used. */
	if (pe && pe->p.tgid == tgid && pe->p.start_ns == start_ns)
		return pe;
	pe = table_get(t->live, KEY(life));
	if (!pe)
		pe = table_get(t->exited, KEY(life));
	if (pe)
		t->recent = pe;
	return pe;
}

/* Moves a process to the exited ones. On -ENOMEM it is gone altogether. */
static int set_exited(struct proc_table *t, struct proc_entry *pe, int status)
{
	struct life life = life_of(&pe->p);

	if (pe->p.exited)
		return 0;
	pe->p.exited = true;
	pe->p.status = status;
	table_take(t->live, KEY(life));
	if (table_put(t->exited, KEY(life), pe)) {
		free_entry(pe);
		return -ENOMEM;
	}
	return 0;
}

static void make_room(struct proc_table *t)
{
	while (table_len(t->live) + table_len(t->exited) >= t->max_procs) {
		struct table *from = table_len(t->exited) ? t->exited : t->live;
		const struct proc_entry *pe = table_oldest(from);
		struct life life;

		if (!pe)
			return;
		life = life_of(&pe->p);
		t->evicted++;
		table_remove(from, KEY(life));
	}
}

static struct proc_entry *new_entry(struct proc_table *t, const struct event *ev, uint32_t tgid,
				    uint64_t start_ns)
{
	struct proc_entry *pe = calloc(1, sizeof(*pe));

	if (!pe)
		return NULL;
	pe->t = t;
	pe->p.tgid = tgid;
	pe->p.start_ns = start_ns;
	pe->p.root = ev->root;
	pe->p.uid = ev->uid;
	memcpy(pe->p.comm, ev->comm, sizeof(pe->p.comm));
	args_init(&pe->argv);
	args_init(&pe->env);
	return pe;
}

/* Puts a new process into the table, which owns it from then on; frees it on -ENOMEM. */
static int add_entry(struct proc_table *t, struct proc_entry *pe)
{
	struct proc_entry *other = table_peek(t->by_tgid, tgid_key(&pe->p.tgid));
	struct life life = life_of(&pe->p);

	/* Two lives under one tgid: the earlier one has ended, though its EXIT was lost or is late. */
	if (other && other->p.start_ns > pe->p.start_ns)
		pe->p.exited = true;
	else if (other)
		(void)set_exited(t, other, 0);
	make_room(t);
	if (table_put(pe->p.exited ? t->exited : t->live, KEY(life), pe)) {
		free_entry(pe);
		return -ENOMEM;
	}
	if (!pe->p.exited && table_put(t->by_tgid, tgid_key(&pe->p.tgid), pe)) {
		table_remove(t->live, KEY(life));
		return -ENOMEM;
	}
	return 0;
}

static struct proc_entry *find_or_add(struct proc_table *t, const struct event *ev)
{
	struct proc_entry *pe = find(t, ev->tgid, ev->start_ns);

	if (pe)
		return pe;
	pe = new_entry(t, ev, ev->tgid, ev->start_ns);
	if (!pe || add_entry(t, pe))
		return NULL;
	t->recent = pe;
	return pe;
}

/* --- events -------------------------------------------------------------------------------- */

static int feed_exec(struct proc_entry *pe, const struct event *ev)
{
	struct proc_table *t = pe->t;
	char *exe = NULL;
	int err = text_printable(ev->exec.path, &exe);

	free(pe->p.exe);
	pe->p.exe = exe;
	pe->p.execs++;
	pe->p.ppid = ev->exec.ppid;
	pe->p.cgroup_id = ev->exec.cgroup_id;
	pe->p.ns_pid = ev->exec.ns_pid;
	pe->p.pid_ns = ev->exec.pid_ns;
	pe->p.mnt_ns = ev->exec.mnt_ns;
	memcpy(pe->p.comm, ev->comm, sizeof(pe->p.comm));
	args_begin(&pe->argv, ev->exec.args_len, &t->args_total);
	args_begin(&pe->env, ev->exec.env_len, &t->args_total);
	publish_args(pe);
	/* The FILE events of this exec have its time, or a later one, whichever record came first. */
	for (int fd = 0; fd < 3; fd++) {
		if (pe->stdio_ns[fd] < ev->time_ns)
			pe->p.stdio[fd] = (struct bt_file_id){ 0 };
	}
	return err;
}

static bool drop_args(void *arg, struct span key, void *value)
{
	struct proc_entry *pe = value;

	args_release(&pe->argv, &pe->t->args_total);
	args_release(&pe->env, &pe->t->args_total);
	publish_args(pe);
	return true;
}

static int feed_args(struct proc_entry *pe, const struct event *ev)
{
	struct proc_table *t = pe->t;
	int err;

	if (t->args_total + ev->args.bytes.len > ARGS_TOTAL_MAX)
		table_walk(t->exited, drop_args, NULL);
	err = args_add(ev->args.env ? &pe->env : &pe->argv, ev, &t->args_total);
	publish_args(pe);
	return err;
}

static int inherit(char **to, const char *from)
{
	if (*to || !from)
		return 0;
	*to = strdup(from);
	return *to ? 0 : -ENOMEM;
}

static int feed_cgroup(struct proc_entry *pe, const struct event *ev)
{
	free(pe->p.cgroup);
	return text_printable_all(cgroup_path(ev->cgroup.text), &pe->p.cgroup);
}

static int feed_fork(struct proc_entry *parent, const struct event *ev)
{
	struct proc_table *t = parent->t;
	struct proc_entry *child = find(t, ev->fork.child_tgid, ev->fork.child_start_ns);
	bool known = child != NULL;

	if (!known)
		child = new_entry(t, ev, ev->fork.child_tgid, ev->fork.child_start_ns);
	if (!child)
		return -ENOMEM;
	/* Until its exec the child is the same program with the same files. */
	if (!child->p.execs) {
		child->p.ppid = parent->p.tgid;
		child->p.cgroup_id = parent->p.cgroup_id;
		child->p.pid_ns = parent->p.pid_ns;
		child->p.mnt_ns = parent->p.mnt_ns;
		for (int fd = 0; fd < 3; fd++) {
			if (child->p.stdio[fd].obj)
				continue;
			child->p.stdio[fd] = parent->p.stdio[fd];
			child->stdio_ns[fd] = parent->stdio_ns[fd];
		}
		if (inherit(&child->p.exe, parent->p.exe) ||
		    inherit(&child->p.cgroup, parent->p.cgroup)) {
			if (!known)
				free_entry(child);
			return -ENOMEM;
		}
	}
	/* The last touch of the parent: making room may evict it. */
	return known ? 0 : add_entry(t, child);
}

/* A TLS connection has the two ends, and the role, of the socket under it, whose `obj` is its inode number. */
static void take_socket(struct proc_table *t, struct proc_file *f, uint64_t ino, uint32_t dev)
{
	struct file_key key = { ino, ino, dev };
	const struct proc_file *sock = table_get(t->files, KEY(key));

	if (!sock)
		return;
	f->flags |= sock->flags & (BT_FILE_ACCEPTED | BT_FILE_CONNECTED);
	f->sk_family = sock->sk_family;
	f->sk_type = sock->sk_type;
	f->sk_protocol = sock->sk_protocol;
	f->sk_state = sock->sk_state;
	f->local_port = sock->local_port;
	f->peer_port = sock->peer_port;
	memcpy(f->local_addr, sock->local_addr, sizeof(f->local_addr));
	memcpy(f->peer_addr, sock->peer_addr, sizeof(f->peer_addr));
}

static int feed_file(struct proc_entry *pe, const struct event *ev)
{
	struct proc_table *t = pe->t;
	struct file_key key = { ev->file.file.obj, ev->file.file.ino, ev->file.file.dev };
	struct span path = ev->file.path;
	struct proc_file *f;
	uint16_t role;
	char *text;
	bool abstract;

	if (ev->file.flags & BT_FILE_STDIO && ev->file.fd >= 0 && ev->file.fd < 3) {
		pe->p.stdio[ev->file.fd] = ev->file.file;
		pe->stdio_ns[ev->file.fd] = ev->time_ns;
	}
	/* unix(7): a name that begins with a NUL is abstract, and every byte of it counts. */
	abstract = ev->file.file.type == BT_FILE_UNIX && path.len > 1 && !path.p[0];
	if (abstract ? text_printable_all(span_sub(path, 1, SIZE_MAX), &text)
		     : text_printable(path, &text))
		return -ENOMEM;
	f = table_get(t->files, KEY(key));
	if (!f) {
		f = calloc(1, sizeof(*f));
		if (!f || table_put(t->files, KEY(key), f)) {
			free(f);
			free(text);
			return -ENOMEM;
		}
	}
	/* Which end of a connection this is was told once; the other records of the socket do not know. */
	role = f->flags & (BT_FILE_ACCEPTED | BT_FILE_CONNECTED);
	free(f->path);
	*f = (struct proc_file){
		.id = ev->file.file,
		.size = ev->file.size,
		.open_flags = ev->file.open_flags,
		.inode_uid = ev->file.inode_uid,
		.nlink = ev->file.nlink,
		.flags = ev->file.flags | role,
		.sk_family = ev->file.sk_family,
		.sk_type = ev->file.sk_type,
		.sk_protocol = ev->file.sk_protocol,
		.local_port = ev->file.local_port,
		.peer_port = ev->file.peer_port,
		.sk_state = ev->file.sk_state,
		.path = text,
		.abstract = abstract,
	};
	memcpy(f->local_addr, ev->file.local_addr, sizeof(f->local_addr));
	memcpy(f->peer_addr, ev->file.peer_addr, sizeof(f->peer_addr));
	if (f->id.type == BT_FILE_TLS && ev->file.sock_ino)
		take_socket(t, f, ev->file.sock_ino, ev->file.sock_dev);
	return 0;
}

int proc_table_feed(struct proc_table *t, const struct event *ev)
{
	struct proc_entry *pe = find_or_add(t, ev);

	if (!pe)
		return -ENOMEM;
	pe->p.uid = ev->uid;
	pe->p.root = ev->root;
	/* Other threads have names of their own. */
	if (ev->tid == ev->tgid)
		memcpy(pe->p.comm, ev->comm, sizeof(pe->p.comm));
	switch (ev->kind) {
	case BT_REC_FILE:
		return feed_file(pe, ev);
	case BT_REC_EXEC:
		return feed_exec(pe, ev);
	case BT_REC_ARGS:
		return feed_args(pe, ev);
	case BT_REC_FORK:
		return feed_fork(pe, ev);
	case BT_REC_CGROUP:
		return feed_cgroup(pe, ev);
	case BT_REC_EXIT:
		return set_exited(t, pe, ev->exit.status);
	case BT_REC_DATA:
	case BT_REC_MAP:
	case BT_REC_COPY:
	case BT_REC_SHARED:
	case BT_REC_NAME:
	case BT_REC_KIND_MAX:
		break;
	}
	return 0;
}

/* --- the table ----------------------------------------------------------------------------- */

static void free_file(void *value)
{
	struct proc_file *f = value;

	free(f->path);
	free(f);
}

struct proc_table *proc_table_new(size_t max_procs, size_t max_files)
{
	struct proc_table *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->max_procs = max_procs;
	t->live = table_new(max_procs, free_entry);
	t->exited = table_new(max_procs, free_entry);
	t->by_tgid = table_new(max_procs, NULL);
	t->files = table_new(max_files, free_file);
	if (!t->live || !t->exited || !t->by_tgid || !t->files)
		return proc_table_free(t);
	return t;
}

struct proc_table *proc_table_free(struct proc_table *t)
{
	if (!t)
		return NULL;
	table_free(t->live);
	table_free(t->exited);
	table_free(t->by_tgid);
	table_free(t->files);
	free(t);
	return NULL;
}

const struct proc *proc_find(struct proc_table *t, uint32_t tgid, uint64_t start_ns)
{
	struct proc_entry *pe = find(t, tgid, start_ns);

	return pe ? &pe->p : NULL;
}

const struct proc *proc_find_tgid(struct proc_table *t, uint32_t tgid)
{
	const struct proc_entry *pe = table_peek(t->by_tgid, tgid_key(&tgid));

	return pe ? proc_find(t, tgid, pe->p.start_ns) : NULL;
}

const struct proc_file *proc_file_find(struct proc_table *t, const struct bt_file_id *id)
{
	struct file_key key = { id->obj, id->ino, id->dev };

	return table_get(t->files, KEY(key));
}

size_t proc_table_len(const struct proc_table *t)
{
	return table_len(t->live) + table_len(t->exited);
}

size_t proc_table_live(const struct proc_table *t)
{
	return table_len(t->live);
}

uint64_t proc_table_evicted(const struct proc_table *t)
{
	return t->evicted;
}

struct walk {
	bool (*fn)(void *arg, const struct proc *p);
	void *arg;
	bool stopped;
};

static bool walk_one(void *arg, struct span key, void *value)
{
	struct walk *w = arg;
	const struct proc_entry *pe = value;

	w->stopped = !w->fn(w->arg, &pe->p);
	return !w->stopped;
}

void proc_walk(struct proc_table *t, bool (*fn)(void *arg, const struct proc *p), void *arg)
{
	struct walk w = { fn, arg, false };

	table_walk(t->live, walk_one, &w);
	if (!w.stopped)
		table_walk(t->exited, walk_one, &w);
}
