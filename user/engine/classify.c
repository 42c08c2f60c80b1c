/* SPDX-License-Identifier: BSD-2-Clause */
/* What a file object is to us: an MCP wire, a sink, a place to learn from, or nothing. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include "alert/place.h"
#include "engine/internal.h"

/* enum sock_type of Linux, as a record has it (sys/socket.h is not for this layer). */
#define SK_DGRAM 2
#define SK_SEQPACKET 5

struct span file_key(const struct bt_file_id *id, char out[20])
{
	memcpy(out, &id->obj, 8);
	memcpy(out + 8, &id->ino, 8);
	memcpy(out + 16, &id->dev, 4);
	return span_of(out, 20);
}

struct span process_key(uint32_t tgid, uint64_t start_ns, char out[12])
{
	memcpy(out, &tgid, 4);
	memcpy(out + 4, &start_ns, 8);
	return span_of(out, 12);
}

/*
 * A standard stream is known by its file object, taken at exec or at attach: descriptor numbers move
 * (a server may dup its stdout away), the object stays. A root's roles win over those that its
 * descendants see for the same object.
 */
void engine_learn_stdio(struct engine *e, const struct event *ev)
{
	struct stdio_role *r;
	struct span key;
	char kbuf[20];
	bool root = ev->tgid == ev->root;

	if (!(ev->file.flags & BT_FILE_STDIO) || ev->file.fd < 0 || ev->file.fd > 2)
		return;
	if (ev->file.file.type == BT_FILE_CHR)
		return;
	/* A child that writes into a file writes into a file, by whatever number. */
	if (!root && ev->file.file.type != BT_FILE_PIPE && ev->file.file.type != BT_FILE_UNIX)
		return;
	key = file_key(&ev->file.file, kbuf);
	r = table_get(e->roles, key);
	if (r && r->root == root) {
		r->fds |= (uint8_t)(1u << ev->file.fd);
		return;
	}
	if (r && r->root)
		return;
	r = calloc(1, sizeof(*r));
	if (!r)
		return;
	r->id = ev->file.file;
	r->tgid = ev->tgid;
	r->start_ns = ev->start_ns;
	r->fds = (uint8_t)(1u << ev->file.fd);
	r->root = root;
	if (table_put(e->roles, key, r))
		free(r);
}

static bool is_secret_store(const char *peer)
{
	return strstr(peer, "/dbus") || strstr(peer, "/bus") || strstr(peer, "/keyring/") ||
	       strstr(peer, "S.gpg-agent") || strstr(peer, "/ssh-agent");
}

static void sink_tap(struct tap *t, enum sink_class class, unsigned int flags)
{
	t->role = TAP_SINK;
	t->class = class;
	t->flags = flags;
}

/*
 * A child's own stdio, apart from its parent's: a wire when it speaks JSON-RPC, else a pipe. Both ends
 * of a pipe are seen, under one identity; the writer's end is the one that is followed. The two ends
 * of a socket pair have identities of their own, and only the child's is known to be its stdio.
 */
static int classify_child_stdio(struct engine *e, const struct stdio_role *r,
				const struct stream *s, struct tap *t)
{
	const struct proc *p = proc_find(e->procs, r->tgid, r->start_ns);
	bool in = s->dir == BT_DIR_IN;
	bool pipe = s->file.type == BT_FILE_PIPE;

	if (pipe ? in : (in && !(r->fds & 1))) {
		t->role = TAP_IGNORE;
		return 0;
	}
	if (!(r->fds & 3) || (!pipe && !in && !(r->fds & 2))) {
		sink_tap(t, SINK_PIPE, 0);
		return 0;
	}
	t->wire = wire_get(e, r->tgid, r->start_ns, false);
	if (!t->wire)
		return -ENOMEM;
	t->role = TAP_WIRE;
	t->class = SINK_PIPE;
	t->wire_dir = MCP_SERVER_TO_CLIENT;
	if (pipe ? r->fds & 1 : in) {
		t->wire_dir = MCP_CLIENT_TO_SERVER;
		t->flags = SINK_F_CHILD;
		if (p && p->exe && exe_is_secret_helper(p->exe))
			t->flags |= SINK_F_HELPER;
	}
	return 0;
}

static int classify_root_stdio(struct engine *e, const struct stdio_role *r, const struct stream *s,
			       struct tap *t)
{
	bool tty = s->file.type == BT_FILE_TTY;

	if (s->dir == BT_DIR_IN && !(r->fds & 1)) {
		t->role = TAP_IGNORE;
		return 0;
	}
	if (s->dir == BT_DIR_OUT && !(r->fds & 2)) {
		/* Only fd 0: something is written to one's own stdin, as a tty allows. */
		sink_tap(t, r->fds & 4 ? SINK_STDERR : tty ? SINK_TTY : SINK_PIPE, 0);
		return 0;
	}
	t->wire = wire_get(e, r->tgid, r->start_ns, true);
	if (!t->wire)
		return -ENOMEM;
	t->role = TAP_WIRE;
	t->class = tty ? SINK_TTY : SINK_STDOUT;
	t->wire_dir = s->dir == BT_DIR_IN ? MCP_CLIENT_TO_SERVER : MCP_SERVER_TO_CLIENT;
	return 0;
}

static int classify_stdio(struct engine *e, const struct stdio_role *r, const struct stream *s,
			  struct tap *t)
{
	if (r->root)
		return classify_root_stdio(e, r, s, t);
	return classify_child_stdio(e, r, s, t);
}

/* The memory of another process: the server's own, or out of its hands as a child's input is. */
static void classify_memory(struct engine *e, const struct stream *s, struct tap *t)
{
	const struct proc *p = proc_find(e->procs, (uint32_t)s->file.obj, s->file.ino);

	sink_tap(t, SINK_PIPE, p && p->root == s->file.dev ? 0 : SINK_F_CHILD);
}

static void classify_out(const struct stream *s, const struct proc_file *f, struct tap *t)
{
	struct sink place;

	switch (s->file.type) {
	case BT_FILE_PIPE:
		/* A FIFO has a name, which whoever has the right to may open. */
		if (!f || !f->path || f->path[0] != '/') {
			sink_tap(t, SINK_PIPE, 0);
			break;
		}
		/* fallthrough */
	case BT_FILE_REG:
		sink_init(&place, SINK_FILE, 0, -1);
		sink_of_file(&place, f && f->path ? f->path : "", s->file.mode & 07777,
			     f ? f->open_flags : 0);
		sink_tap(t, place.class, place.flags);
		break;
	case BT_FILE_TTY:
		sink_tap(t, SINK_TTY, 0);
		break;
	case BT_FILE_UNIX:
		if (f && f->path && peer_is_syslog(f->path))
			sink_tap(t, SINK_SYSLOG, 0);
		else if (f && f->path && is_secret_store(f->path))
			sink_tap(t, SINK_SECRET_STORE, 0);
		else
			sink_tap(t, SINK_PIPE, SINK_F_LOOPBACK);
		break;
	case BT_FILE_TLS:
		sink_tap(t, SINK_NETWORK,
			 SINK_F_TLS | (f && proc_file_peer_is_loopback(f) ? SINK_F_LOOPBACK : 0));
		break;
	case BT_FILE_TCP:
	case BT_FILE_UDP:
		sink_tap(t, SINK_NETWORK,
			 !f                              ? 0
			 : proc_file_peer_is_loopback(f) ? SINK_F_LOOPBACK
			 : proc_file_peer_is_private(f)  ? SINK_F_PRIVATE
							 : 0);
		break;
	default:
		t->role = TAP_IGNORE;
	}
}

int engine_classify(struct engine *e, const struct stream *s, struct tap *t)
{
	const struct proc_file *f = proc_file_find(e->procs, &s->file);
	struct stdio_role *r;
	char kbuf[20];

	/* Where a TLS connection leads is known once its socket is. */
	t->file_known = f && (s->file.type != BT_FILE_TLS || f->sk_family);
	t->datagram = s->file.type == BT_FILE_UDP ||
		      (f && (f->sk_type == SK_DGRAM || f->sk_type == SK_SEQPACKET));
	r = table_get(e->roles, file_key(&s->file, kbuf));
	if (r)
		return classify_stdio(e, r, s, t);
	if (s->file.type == BT_FILE_MEM) {
		classify_memory(e, s, t);
		return 0;
	}
	if (s->dir == BT_DIR_OUT) {
		classify_out(s, f, t);
		return 0;
	}
	t->role = TAP_IGNORE;
	if (s->file.type == BT_FILE_TCP || s->file.type == BT_FILE_TLS ||
	    (s->file.type == BT_FILE_REG && f && f->path && file_is_settings(f->path)))
		t->role = TAP_LEARN;
	return 0;
}

void engine_place(struct engine *e, const struct bt_file_id *file, enum sink_class class,
		  unsigned int flags, const struct actor *who, struct sink *ret)
{
	const struct proc_file *f = proc_file_find(e->procs, file);

	sink_init(ret, class, flags, who->fd);
	if (file->type == BT_FILE_MEM)
		snprintf(ret->peer, sizeof(ret->peer), "process %u%s%s", (unsigned int)file->obj,
			 f && f->path ? " " : "", f && f->path ? f->path : "");
	if (!f)
		return;
	switch (file->type) {
	case BT_FILE_REG:
		/* The mode may have changed since: every record has that of its own time. */
		if (class == SINK_FILE || class == SINK_LOG_FILE)
			sink_of_file(ret, f->path ? f->path : "", who->mode & 07777, f->open_flags);
		else if (f->path)
			snprintf(ret->path, sizeof(ret->path), "%s", f->path);
		break;
	case BT_FILE_TTY:
		if (f->path)
			snprintf(ret->path, sizeof(ret->path), "%s", f->path);
		break;
	case BT_FILE_TCP:
	case BT_FILE_TLS:
	case BT_FILE_UDP:
	case BT_FILE_UNIX:
		proc_file_peer_text(f, ret->peer, sizeof(ret->peer));
		break;
	default:
		break;
	}
}
