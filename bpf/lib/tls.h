/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Layer 3: what the calls on sockets and the calls into TLS libraries know of each other. */
#ifndef BPF_LIB_TLS_H
#define BPF_LIB_TLS_H

#include "lib/base.h"
#include "lib/emit_data.h"

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

/* A TLS record begins with its content type, 20 to 23, and version 3.x (RFC 8446 5.1). */
static __always_inline bool begins_tls_record(const u8 *p)
{
	return p[0] >= 20 && p[0] <= 23 && p[1] == 3 && p[2] <= 4;
}

/* After a call's bytes were sent: remembers the socket of a TLS record. */
static __always_inline void tls_note_socket(struct io *io, u64 bytes)
{
	struct bt_tls_thread *th;

	if (io->s->key.file.type != BT_FILE_TCP || bytes < 3 || bytes > BT_CHUNK_LEN ||
	    !begins_tls_record(io->s->head))
		return;
	th = bpf_task_storage_get(&tls_threads, io->task, NULL, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!th)
		return;
	th->sock = io->s->key.file;
	th->fd = io->fd;
	th->moves++;
	th->fresh = io->dir == BT_DIR_IN;
}

#endif /* BPF_LIB_TLS_H */
