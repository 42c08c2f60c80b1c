// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Plaintext of Go's crypto/tls: (*Conn).Read and (*Conn).Write take (connection, slice) and return (length, error),
 * in registers (ABIInternal, since Go 1.17). A goroutine may end a call on another thread than it began it on, and
 * its stack may move meanwhile: so a uretprobe, which puts its own return address on the stack, would crash it, and a
 * probe is on every return instruction instead. What stays is the goroutine and the depth of its stack.
 */
#include "lib/base.h"
#include "lib/regs.h"
#include "lib/read.h"
#include "lib/scope.h"
#include "lib/emit.h"
#include "lib/emit_data.h"
#include "lib/tls.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

struct go_key {
	u64 tgid;
	u64 g;     /* address of the goroutine */
	u64 depth; /* of its stack, at entry and at return alike */
};

struct go_call {
	u64 conn;
	u64 buf; /* the slice's bytes, or how far below the stack's top they are */
	u64 on_stack;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, struct go_key);
	__type(value, struct go_call);
} go_calls SEC(".maps");

/* runtime.g begins with the bounds of its stack. */
struct go_stack {
	u64 lo;
	u64 hi;
};

static __always_inline bool go_key_of(struct pt_regs *ctx, struct go_key *key,
				      struct go_stack *stack)
{
	key->tgid = bpf_get_current_pid_tgid() >> 32;
	key->g = GO_G(ctx);
	if (bpf_probe_read_user(stack, sizeof(*stack), (void *)key->g))
		return false;
	key->depth = stack->hi - GO_SP(ctx);
	return true;
}

/* A function whose stack is too small begins anew once that has grown: then this is seen twice, the second time valid. */
SEC("uprobe")
int bt_go_enter(struct pt_regs *ctx)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct go_call call = {};
	struct go_stack stack;
	struct go_key key;
	int err; /* see proc_add() */

	if (!scope_of(task))
		return 0;
	if (!go_key_of(ctx, &key, &stack)) {
		count_loss(BT_LOSS_HELPER, 0);
		return 0;
	}
	call.conn = GO_ARG0(ctx);
	call.buf = GO_ARG1(ctx);
	if (call.buf >= stack.lo && call.buf < stack.hi) {
		call.on_stack = 1;
		call.buf = stack.hi - call.buf;
	}
	err = bpf_map_update_elem(&go_calls, &key, &call, BPF_ANY);
	if (err)
		count_loss(BT_LOSS_HELPER, 0);
	return 0;
}

/* Of net.TCPConn: a pointer to net.netFD, which begins with poll.FD, which begins so (since Go 1.9). */
struct go_poll_fd {
	u64 state;
	u32 rsema;
	u32 wsema;
	s64 sysfd;
};

#define GO_FD_CLOSED 1 /* in `state` */
#define GO_FD_MAX (1 << 20)

/* The socket under a tls.Conn, which begins with an interface of type net.Conn: usually a *net.TCPConn. */
static __always_inline s32 go_socket(struct task_struct *task, u64 conn, struct bt_file_id *sock)
{
	struct go_poll_fd fd;
	u64 inner, at, file;

	if (bpf_probe_read_user(&inner, sizeof(inner), (void *)(conn + 8)) ||
	    bpf_probe_read_user(&at, sizeof(at), (void *)inner) ||
	    bpf_probe_read_user(&fd, sizeof(fd), (void *)at))
		return -1;
	if ((fd.state & GO_FD_CLOSED) || fd.sysfd < 0 || fd.sysfd >= GO_FD_MAX)
		return -1;
	file = file_of_fd(task, fd.sysfd);
	if (!file || !file_identify(file, sock) || sock->type != BT_FILE_TCP)
		return -1;
	return fd.sysfd;
}

/* Nobody tells when a connection is over and its memory used for another: that has another socket. */
static __always_inline void learn_socket(struct task_struct *task, const struct bt_conn_key *key)
{
	struct bt_file_id sock = {};
	struct bt_conn *conn;
	s32 fd = go_socket(task, key->obj, &sock);

	if (fd < 0)
		return;
	conn = conn_get(key);
	if (conn && conn->sock_ino && conn->sock_ino != sock.ino) {
		bpf_map_delete_elem(&tls_conns, key);
		conn = conn_get(key);
	}
	if (conn && !conn->sock_ino)
		conn_set_socket(conn, &sock, fd);
}

/*
 * The bytes that a call moved, and for which connection and to or from where; 0: nothing to send. A function of its own, for
 * its stack: what sends goes deep.
 */
static __noinline s64 go_returned(struct pt_regs *ctx, struct bt_conn_key *conn, u64 *buf)
{
	struct go_call *found, call;
	struct go_stack stack;
	struct go_key key;
	s64 bytes = GO_RET(ctx);

	if (!go_key_of(ctx, &key, &stack)) {
		count_loss(BT_LOSS_HELPER, 0);
		return 0;
	}
	found = bpf_map_lookup_elem(&go_calls, &key);
	if (found) {
		call = *found;
		bpf_map_delete_elem(&go_calls, &key);
	}
	if (bytes <= 0 || bytes > MAX_RW_COUNT)
		return 0;
	/* Begun before the probe was there, or pushed out by too many others. */
	if (!found) {
		count_loss(BT_LOSS_TLS_CALL, bytes);
		return 0;
	}
	*buf = call.on_stack ? stack.hi - call.buf : call.buf;
	conn->obj = call.conn;
	conn->tgid = key.tgid;
	learn_socket(bpf_get_current_task_btf(), conn);
	return bytes;
}

SEC("uprobe")
int bt_go_leave(struct pt_regs *ctx)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct bt_task *t = scope_of(task);
	struct bt_conn_key conn = {};
	struct io io = {};
	u64 buf = 0;
	s64 bytes;

	if (!t)
		return 0;
	bytes = go_returned(ctx, &conn, &buf);
	if (bytes <= 0 || bytes > MAX_RW_COUNT)
		return 0;
	io.task = task;
	io.t = t;
	io.dir = bpf_get_attach_cookie(ctx) & TLS_READ ? BT_DIR_IN : BT_DIR_OUT;
	tls_send(&io, &conn, buf, bytes);
	return 0;
}
