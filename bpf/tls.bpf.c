// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Plaintext of TLS connections, where programs hand it to their library or take it from there: OpenSSL's and
 * BoringSSL's SSL_read, SSL_write and _ex, GnuTLS's gnutls_record_recv and _send. All take (connection, buffer,
 * length), and _ex the address of the length done. Sent at return, for then it is known that, and how much, was
 * moved: a write that has to wait is called again with the same buffer.
 */
#include "lib/base.h"
#include "lib/regs.h"
#include "lib/read.h"
#include "lib/scope.h"
#include "lib/emit.h"
#include "lib/emit_data.h"
#include "lib/tls.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* The cookie of a link says which function it is on; as in user/capture/uprobe.c. */
#define TLS_READ 1
#define TLS_WRITE 2
#define TLS_EX 4
#define TLS_LONG 8 /* returns ssize_t, else int */
#define TLS_FREE 16
#define TLS_SHAKE 32 /* moves nothing, but shows the socket */

/*
 * One call that has not returned. By thread and by place on its stack: a library may call another or itself (TLS
 * within TLS, a _ex that is made of the plain one), and a longjmp may leave a call for good.
 */
struct call_key {
	u64 pid_tgid;
	u64 frame;
};

struct call_val {
	u64 obj;
	u64 buf;
	u64 done_at; /* _ex: where the length will be */
	u64 moves;   /* of struct bt_tls_thread, when it began */
	u64 done;
	u64 what;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, struct call_key);
	__type(value, struct call_val);
} tls_calls SEC(".maps");

/* The socket under a connection. */
struct conn_key {
	u64 obj;
	u64 tgid;
};

struct conn_val {
	u64 ino;
	u32 dev;
	s32 fd;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, struct conn_key);
	__type(value, struct conn_val);
} tls_conns SEC(".maps");

static __always_inline struct bt_tls_thread *thread_of(struct task_struct *task, u64 flags)
{
	return bpf_task_storage_get(&tls_threads, task, NULL, flags);
}

/*
 * Which socket is the connection's? The one on which the thread moved a TLS record during the call. A program that
 * gives the library memory in place of a socket (node, asyncio) reads from the socket, and calls the library next.
 * Once learnt it stays, until the connection is freed: node may do anything within a call, from callbacks.
 */
static __always_inline void learn_socket(struct bt_tls_thread *th, u64 obj)
{
	struct conn_key key = { .obj = obj, .tgid = bpf_get_current_pid_tgid() >> 32 };
	struct conn_val val = { .ino = th->sock.ino, .dev = th->sock.dev, .fd = th->fd };

	bpf_map_update_elem(&tls_conns, &key, &val, BPF_NOEXIST);
}

SEC("uprobe")
int bt_tls_enter(struct pt_regs *ctx)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct bt_task *t = scope_of(task);
	struct bt_tls_thread *th;
	struct call_key key;
	struct call_val val = {};
	int err; /* see proc_add() */

	if (!t)
		return 0;
	val.what = bpf_get_attach_cookie(ctx);
	val.obj = FN_ARG0(ctx);
	key.pid_tgid = bpf_get_current_pid_tgid();
	if (val.what & TLS_FREE) {
		struct conn_key conn = { .obj = val.obj, .tgid = key.pid_tgid >> 32 };

		bpf_map_delete_elem(&tls_conns, &conn);
		return 0;
	}
	key.frame = FN_FRAME_AT_ENTRY(ctx);
	val.buf = FN_ARG1(ctx);
	if (val.what & TLS_EX)
		val.done_at = FN_ARG3(ctx);
	th = thread_of(task, 0);
	if (th) {
		val.moves = th->moves;
		val.done = th->done;
		if (th->fresh && (val.what & TLS_READ))
			learn_socket(th, val.obj);
		if (val.what & TLS_READ)
			th->fresh = 0;
	}
	err = bpf_map_update_elem(&tls_calls, &key, &val, BPF_ANY);
	if (err)
		count_loss(BT_LOSS_HELPER, 0);
	return 0;
}

/* Bytes that the call moved, 0 when it failed or has to be called again. */
static __always_inline u64 moved(struct pt_regs *ctx, struct call_val *call)
{
	u64 ret = FN_RET(ctx), bytes = 0;

	if (call->what & TLS_SHAKE)
		return 0;
	if (!(call->what & TLS_LONG))
		ret = (s64)(s32)ret;
	if (!(call->what & TLS_EX))
		return (s64)ret > 0 ? ret : 0;
	if (ret != 1 || bpf_probe_read_user(&bytes, sizeof(bytes), (void *)call->done_at))
		return 0;
	return bytes <= MAX_RW_COUNT ? bytes : 0;
}

/* The identity of the connection at hand; what is known of its socket has been told of that. */
static __always_inline long emit_conn(struct io *io)
{
	struct bt_scratch *s = io->s;
	struct bt_rec_file *rec = &s->file_out.rec;

	__builtin_memset(rec, 0, sizeof(*rec));
	rec->file = s->key.file;
	rec->fd = io->fd;
	hdr_fill(&rec->hdr, BT_REC_FILE, sizeof(*rec), io->task, io->t, io->now);
	return emit_prio(rec, sizeof(*rec), 0);
}

static __always_inline void send(struct io *io, struct call_val *call, struct conn_key *key,
				 u64 bytes)
{
	struct conn_val *conn = bpf_map_lookup_elem(&tls_conns, key);
	struct bt_scratch *s = io->s;
	struct bt_stream *st;

	__builtin_memset(&s->key, 0, sizeof(s->key));
	s->key.dir = io->dir;
	s->key.file.type = BT_FILE_TLS;
	s->key.file.obj = (call->obj ^ bt_addr_mask) + key->tgid * 0x9e3779b97f4a7c15ULL;
	io->fd = -1;
	if (conn) {
		s->key.file.ino = conn->ino;
		s->key.file.dev = conn->dev;
		io->fd = conn->fd;
	}
	s->data_out.rec.file = s->key.file;
	st = stream_get(s, bytes);
	if (!st)
		return;
	if (!st->ident && !emit_conn(io))
		__sync_val_compare_and_swap(&st->ident, 0, 1);
	s->data_out.rec.name_len = 0;
	walk_buf(s, call->buf, bytes);
	data_send(io, bytes);
}

SEC("uretprobe")
int bt_tls_leave(struct pt_regs *ctx)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct bt_task *t = scope_of(task);
	struct call_key key = {};
	struct conn_key conn;
	struct call_val *found, call;
	struct bt_tls_thread *th;
	struct io io = {};
	u64 bytes;

	if (!t)
		return 0;
	key.pid_tgid = bpf_get_current_pid_tgid();
	key.frame = FN_FRAME_AT_RETURN(ctx);
	found = bpf_map_lookup_elem(&tls_calls, &key);
	if (!found)
		return 0;
	call = *found;
	bpf_map_delete_elem(&tls_calls, &key);
	conn.obj = call.obj;
	conn.tgid = key.pid_tgid >> 32;
	io.dir = call.what & TLS_READ ? BT_DIR_IN : BT_DIR_OUT;
	th = thread_of(task, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!th) {
		count_loss(BT_LOSS_STORAGE, 0);
		return 0;
	}
	if (th->moves != call.moves)
		learn_socket(th, call.obj);
	bytes = moved(ctx, &call);
	if (!bytes)
		return 0;
	/* A function that is made of another one of them: that has sent these bytes. */
	if (th->done != call.done && th->done_obj == call.obj && th->done_dir == io.dir)
		return 0;
	th->done++;
	th->done_obj = call.obj;
	th->done_dir = io.dir;
	count_seen(BT_SEEN_CALLS, bytes);
	io.task = task;
	io.t = t;
	io.now = bpf_ktime_get_boot_ns();
	io.off = ~0ULL;
	io.call = io.dir == BT_DIR_IN ? BT_CALL_TLS_READ : BT_CALL_TLS_WRITE;
	io.s = scratch_get();
	if (!io.s) {
		count_loss(BT_LOSS_HELPER, bytes);
		return 0;
	}
	send(&io, &call, &conn, bytes);
	scratch_put(io.s);
	return 0;
}
