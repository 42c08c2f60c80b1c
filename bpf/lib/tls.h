/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Layer 3: TLS connections and the sockets under them, and what the calls on sockets and the calls into TLS libraries
 * know of each other.
 */
#ifndef BPF_LIB_TLS_H
#define BPF_LIB_TLS_H

#include "lib/base.h"
#include "lib/emit_data.h"

/* The cookie of a link says which function it is on; as in user/capture/uprobe.c. */
#define TLS_READ 1
#define TLS_WRITE 2
#define TLS_EX 4
#define TLS_LONG 8 /* returns ssize_t, else int */
#define TLS_FREE 16
#define TLS_SHAKE 32 /* moves nothing, but shows the socket */

/* Of one thread. */
struct bt_tls_thread {
	struct bt_file_id sock; /* on which it moved a TLS record last */
	u64 moves;              /* how often it did */
	u64 done;               /* calls into the library that were sent */
	u64 done_obj;           /* of the last of them */
	s32 fd;
	u16 done_dir;
	u16 fresh; /* it has read from `sock`, and not called the library since */
};

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct bt_tls_thread);
} tls_threads __weak SEC(".maps");

/* A connection: the address of the library's object. */
struct bt_conn_key {
	u64 obj;
	u64 tgid;
};

struct bt_conn {
	u64 serial;   /* another one for every connection in the same memory */
	u64 sock_ino; /* 0: not known yet */
	u32 sock_dev;
	s32 fd;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, struct bt_conn_key);
	__type(value, struct bt_conn);
} tls_conns __weak SEC(".maps");

/* A TLS record begins with its content type, 20 to 23, and version 3.x (RFC 8446 5.1). */
static __always_inline bool begins_tls_record(const u8 *p)
{
	return p[0] >= 20 && p[0] <= 23 && p[1] == 3 && p[2] <= 4;
}

/* After a call's bytes were sent: remembers the socket of a TLS record. */
static __always_inline void tls_note_socket(struct io *io, u64 bytes)
{
	struct bt_tls_thread *th;

	if (io->s->key.file.type != BT_FILE_TCP || bytes < 3 || !begins_tls_record(io->s->head))
		return;
	/* A thread of io_uring's moves what another gave it: most likely the one there is. */
	if (io->task->flags & PF_IO_WORKER)
		th = bpf_task_storage_get(&tls_threads, io->task->group_leader, NULL,
					  BPF_LOCAL_STORAGE_GET_F_CREATE);
	else
		th = bpf_task_storage_get(&tls_threads, io->task, NULL,
					  BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!th)
		return;
	th->sock = io->s->key.file;
	th->fd = io->fd;
	th->moves++;
	th->fresh = io->dir == BT_DIR_IN;
}

/* The connection of a key, begun when there is none. NULL when that fails. */
static __always_inline struct bt_conn *conn_get(const struct bt_conn_key *key)
{
	struct bt_conn *conn = bpf_map_lookup_elem(&tls_conns, key), fresh = {};

	if (conn)
		return conn;
	fresh.serial = bpf_ktime_get_boot_ns();
	bpf_map_update_elem(&tls_conns, key, &fresh, BPF_NOEXIST);
	return bpf_map_lookup_elem(&tls_conns, key);
}

static __always_inline void conn_set_socket(struct bt_conn *conn, const struct bt_file_id *sock,
					    s32 fd)
{
	conn->sock_dev = sock->dev;
	conn->fd = fd;
	conn->sock_ino = sock->ino;
}

/* The identity of the connection at hand, with its socket when that is known. Negative when it was not sent. */
static __always_inline long emit_conn(struct io *io, const struct bt_conn *conn)
{
	struct bt_scratch *s = io->s;
	struct bt_rec_file *rec = &s->file_out.rec;

	__builtin_memset(rec, 0, sizeof(*rec));
	rec->file = s->key.file;
	rec->fd = io->fd;
	rec->sock_ino = conn->sock_ino;
	rec->sock_dev = conn->sock_dev;
	hdr_fill(&rec->hdr, BT_REC_FILE, sizeof(*rec), io->task, io->t, io->now);
	return emit_prio(rec, sizeof(*rec), 0);
}

/* With io->s there already: plaintext that a call has moved. */
static __always_inline void tls_send_in(struct io *io, const struct bt_conn_key *key, u64 buf,
					u64 bytes)
{
	struct bt_conn *conn = conn_get(key);
	struct bt_scratch *s = io->s;
	struct bt_stream *st;
	u64 ident, was;

	if (!conn) {
		count_loss(BT_LOSS_HELPER, bytes);
		return;
	}
	__builtin_memset(&s->key, 0, sizeof(s->key));
	s->key.dir = io->dir;
	s->key.file.type = BT_FILE_TLS;
	s->key.file.obj = (key->obj ^ bt_addr_mask) + key->tgid * 0x9e3779b97f4a7c15ULL;
	s->key.file.ino = conn->serial;
	io->fd = conn->sock_ino ? conn->fd : -1;
	s->data_out.rec.file = s->key.file;
	st = stream_get(s, bytes);
	if (!st)
		return;
	ident = conn->sock_ino ? 2 : 1;
	was = st->ident;
	if (was != ident && !emit_conn(io, conn))
		__sync_val_compare_and_swap(&st->ident, was, ident);
	s->data_out.rec.name_len = 0;
	walk_buf(s, buf, bytes);
	data_send(io, bytes);
}

/* Sends what a call has read or written (io->dir) by the connection of `key`: `bytes` at the user address `buf`. */
static __always_inline void tls_send(struct io *io, const struct bt_conn_key *key, u64 buf,
				     u64 bytes)
{
	count_seen(BT_SEEN_CALLS, bytes);
	io->now = bpf_ktime_get_boot_ns();
	io->off = ~0ULL;
	io->call = io->dir == BT_DIR_IN ? BT_CALL_TLS_READ : BT_CALL_TLS_WRITE;
	io->s = scratch_get();
	if (!io->s) {
		count_loss(BT_LOSS_HELPER, bytes);
		return;
	}
	tls_send_in(io, key, buf, bytes);
	scratch_put(io->s);
}

#endif /* BPF_LIB_TLS_H */
