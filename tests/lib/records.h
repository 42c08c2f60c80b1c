/* SPDX-License-Identifier: BSD-2-Clause */
/* Kernel records as a test wants them: what bpf/ would have sent for a small scene. */
#ifndef BT_TESTS_RECORDS_H
#define BT_TESTS_RECORDS_H

#include <beartrap/event.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "base/buf.h"

/* A process that records are about. */
struct actor_rec {
	uint32_t tgid, root;
	uint64_t start_ns;
};

/* An object and where its next byte stands in each direction. */
struct object_rec {
	struct bt_file_id id;
	uint64_t pos[2];
	uint64_t sock_ino; /* of a TLS connection, on the device of all else */
};

struct scene {
	uint64_t now_ns;
	struct buf rec; /* the record made last */
};

static inline void scene_hdr(struct scene *sc, struct bt_hdr *h, const struct actor_rec *a,
			     enum bt_rec_kind kind, size_t len)
{
	memset(h, 0, sizeof(*h));
	h->len = (uint32_t)len;
	h->kind = (uint16_t)kind;
	h->time_ns = ++sc->now_ns;
	h->start_ns = a->start_ns;
	h->tgid = h->tid = a->tgid;
	h->root = a->root;
	strcpy(h->comm, "server");
}

static inline struct span scene_put(struct scene *sc, const void *rec, size_t len, struct span tail)
{
	buf_clear(&sc->rec);
	buf_add(&sc->rec, rec, len);
	buf_add_span(&sc->rec, tail);
	return buf_span(&sc->rec);
}

static inline struct object_rec object_rec(uint16_t type, uint64_t ino, uint16_t mode)
{
	struct object_rec o = {
		.id = { .obj = ino, .ino = ino, .dev = 1, .type = type, .mode = mode }
	};

	return o;
}

static inline struct span rec_data(struct scene *sc, const struct actor_rec *a,
				   struct object_rec *o, enum bt_dir dir, int fd, uint64_t off,
				   struct span bytes)
{
	struct bt_rec_data r;

	memset(&r, 0, sizeof(r));
	scene_hdr(sc, &r.hdr, a, BT_REC_DATA, sizeof(r) + bytes.len);
	r.file = o->id;
	r.pos = o->pos[dir];
	r.off = off;
	r.call_len = bytes.len;
	r.fd = fd;
	r.data_len = (uint32_t)bytes.len;
	r.call = dir == BT_DIR_OUT ? BT_CALL_WRITE : BT_CALL_READ;
	r.dir = (uint8_t)dir;
	r.last = 1;
	o->pos[dir] += bytes.len;
	return scene_put(sc, &r, sizeof(r), bytes);
}

/* `flags` BT_FILE_*; `port` of the peer and `addr` its IPv4 address in host order, for sockets. */
static inline struct span rec_file(struct scene *sc, const struct actor_rec *a,
				   const struct object_rec *o, int fd, unsigned int flags,
				   unsigned int open_flags, const char *path, uint32_t addr,
				   uint16_t port)
{
	struct span p = span_str(path);
	struct bt_rec_file r;

	memset(&r, 0, sizeof(r));
	scene_hdr(sc, &r.hdr, a, BT_REC_FILE, sizeof(r) + p.len);
	r.file = o->id;
	r.fd = fd;
	r.flags = (uint16_t)flags;
	r.open_flags = open_flags;
	r.nlink = 1;
	r.sock_ino = o->sock_ino;
	r.sock_dev = o->sock_ino ? o->id.dev : 0;
	r.path_len = (uint16_t)p.len;
	if (o->id.type == BT_FILE_UNIX) {
		r.sk_family = 1;
		r.sk_type = 1;
	}
	if (o->id.type == BT_FILE_TCP || o->id.type == BT_FILE_UDP) {
		r.sk_family = 2;
		r.sk_type = o->id.type == BT_FILE_TCP ? 1 : 2;
		r.peer_port = port;
		r.peer_addr[0] = (uint8_t)(addr >> 24);
		r.peer_addr[1] = (uint8_t)(addr >> 16);
		r.peer_addr[2] = (uint8_t)(addr >> 8);
		r.peer_addr[3] = (uint8_t)addr;
	}
	return scene_put(sc, &r, sizeof(r), p);
}

static inline struct span rec_exec(struct scene *sc, const struct actor_rec *a, uint32_t ppid,
				   const char *exe)
{
	struct span p = span_str(exe);
	struct bt_rec_exec r;

	memset(&r, 0, sizeof(r));
	scene_hdr(sc, &r.hdr, a, BT_REC_EXEC, sizeof(r) + p.len);
	r.ppid = ppid;
	r.path_len = (uint16_t)p.len;
	return scene_put(sc, &r, sizeof(r), p);
}

static inline struct span rec_args(struct scene *sc, const struct actor_rec *a, bool env,
				   struct span strings)
{
	struct bt_rec_args r;

	memset(&r, 0, sizeof(r));
	scene_hdr(sc, &r.hdr, a, BT_REC_ARGS, sizeof(r) + strings.len);
	r.total_len = strings.len;
	r.data_len = (uint32_t)strings.len;
	r.which = env ? BT_ARGS_ENV : BT_ARGS_ARGV;
	r.last = 1;
	return scene_put(sc, &r, sizeof(r), strings);
}

static inline struct span rec_fork(struct scene *sc, const struct actor_rec *a,
				   const struct actor_rec *child)
{
	struct bt_rec_fork r;

	memset(&r, 0, sizeof(r));
	scene_hdr(sc, &r.hdr, a, BT_REC_FORK, sizeof(r));
	r.child_tgid = child->tgid;
	r.child_start_ns = child->start_ns;
	return scene_put(sc, &r, sizeof(r), SPAN_NONE);
}

#endif /* BT_TESTS_RECORDS_H */
