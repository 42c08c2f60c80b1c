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
	struct bt_conn_key key = { .obj = obj, .tgid = bpf_get_current_pid_tgid() >> 32 };
	struct bt_conn *conn = conn_get(&key);

	if (conn && !conn->sock_ino)
		conn_set_socket(conn, &th->sock, th->fd);
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
		struct bt_conn_key conn = { .obj = val.obj, .tgid = key.pid_tgid >> 32 };

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

SEC("uretprobe")
int bt_tls_leave(struct pt_regs *ctx)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct bt_task *t = scope_of(task);
	struct call_key key = {};
	struct bt_conn_key conn;
	struct call_val *found, call;
	struct bt_tls_thread *th;
	struct io io = {};
	u64 bytes;

	if (!t)
		return 0;
	key.pid_tgid = bpf_get_current_pid_tgid();
	key.frame = FN_FRAME_AT_RETURN(ctx);
	found = bpf_map_lookup_elem(&tls_calls, &key);
	if (!found) {
		/* The thread was not watched yet when it called, or there was no room for its call. */
		if ((s64)(s32)FN_RET(ctx) > 0)
			count_loss(BT_LOSS_TLS_CALL, 0);
		return 0;
	}
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
	io.task = task;
	io.t = t;
	tls_send(&io, &conn, call.buf, bytes);
	return 0;
}
