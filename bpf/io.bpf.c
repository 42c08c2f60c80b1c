// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * What a watched process writes and reads by system call. Exit only: by then the return value says how
 * much was moved, and the arguments are still in the saved registers.
 */
#include "lib/base.h"
#include "lib/regs.h"
#include "lib/read.h"
#include "lib/scope.h"
#include "lib/call.h"
#include "lib/emit.h"
#include "lib/emit_data.h"
#include "lib/open.h"
#include "lib/tls.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* How the arguments say where the bytes are. */
enum shape {
	SHAPE_BUF,  /* fd, buf, len */
	SHAPE_PBUF, /* fd, buf, len, offset */
	SHAPE_IOV,  /* fd, iov, iovcnt */
	SHAPE_PIOV, /* fd, iov, iovcnt, offset */
	SHAPE_TO,   /* fd, buf, len, flags, address, its length */
	SHAPE_MSG,  /* fd, message, flags */
	SHAPE_MMSG, /* fd, messages, count, flags */
};

static __always_inline u32 recv_flags(const u64 *arg, enum shape shape)
{
	switch (shape) {
	case SHAPE_TO:
	case SHAPE_MMSG:
		return arg[3];
	case SHAPE_MSG:
		return arg[2];
	default:
		return 0;
	}
}

/* Into s->msg. */
static __always_inline long read_msg(struct bt_scratch *s, u64 addr)
{
	struct user_msg32 *msg32 = &s->msg32;
	long err;

	if (!s->compat)
		return bpf_probe_read_user(&s->msg, sizeof(s->msg), (void *)addr);
	err = bpf_probe_read_user(msg32, sizeof(*msg32), (void *)addr);
	if (err)
		return err;
	s->msg.name = msg32->name;
	s->msg.name_len = msg32->name_len;
	s->msg.iov = msg32->iov;
	s->msg.iov_len = msg32->iov_len;
	return 0;
}

/* Where the message number `i` of the call at hand is. */
static __always_inline u64 mmsg_at(const struct bt_scratch *s, u32 i)
{
	return s->arg[1] + (u64)i * (s->compat ? MMSG32_LEN : MMSG_LEN);
}

static __always_inline long mmsg_len(const struct bt_scratch *s, u32 i, u32 *len)
{
	u64 at = mmsg_at(s, i) + (s->compat ? sizeof(struct user_msg32) : sizeof(struct user_msg));

	return bpf_probe_read_user(len, sizeof(*len), (void *)at);
}

struct mmsg_ctx {
	struct bt_scratch *s;
};

/* First pass: adds up the bytes. */
static long mmsg_add(u32 i, struct mmsg_ctx *c)
{
	struct bt_scratch *s = c->s;
	u32 len;

	if (!mmsg_len(s, i, &len) && s->msgs_left + len <= MAX_RW_COUNT)
		s->msgs_left += len;
	return 0;
}

static __always_inline u64 mmsg_bytes(struct bt_scratch *s, u32 n)
{
	struct mmsg_ctx c = { .s = s };

	s->msgs_left = 0;
	bpf_loop(n, mmsg_add, &c, 0);
	return s->msgs_left;
}

/* Second: sends them, as many as the first found. */
static long mmsg_step(u32 i, struct io *io)
{
	struct bt_scratch *s = io->s;
	u32 len;

	if (mmsg_len(s, i, &len) || read_msg(s, mmsg_at(s, i))) {
		count_loss(BT_LOSS_FAULT, 0);
		return 0;
	}
	if (!len || len > s->msgs_left)
		return 0;
	s->msgs_left -= len;
	walk_iov(s, s->msg.iov, s->msg.iov_len, s->compat);
	data_name(s, s->msg.name, s->msg.name_len);
	data_send(io, len);
	return 0;
}

/* Of a pread or pwrite; a 32-bit call has it in two halves. */
static __always_inline u64 call_offset(const struct bt_scratch *s)
{
	return s->compat ? s->arg[4] << 32 | s->arg[3] : s->arg[3];
}

static __always_inline void send_one(struct io *io, u64 ret, enum shape shape)
{
	const u64 *arg = io->s->arg;
	struct user_msg *msg = &io->s->msg;
	u32 name_len;

	io->s->data_out.rec.name_len = 0;
	switch (shape) {
	case SHAPE_PBUF:
		io->off = call_offset(io->s);
		/* fallthrough */
	case SHAPE_BUF:
		walk_buf(io->s, arg[1], ret);
		break;
	case SHAPE_PIOV:
		io->off = call_offset(io->s);
		/* fallthrough */
	case SHAPE_IOV:
		walk_iov(io->s, arg[1], arg[2], io->s->compat);
		break;
	case SHAPE_TO:
		walk_buf(io->s, arg[1], ret);
		name_len = arg[5];
		if (io->dir == BT_DIR_IN && arg[4] &&
		    bpf_probe_read_user(&name_len, sizeof(name_len), (void *)arg[5]))
			name_len = 0;
		data_name(io->s, arg[4], name_len);
		break;
	case SHAPE_MSG:
		if (read_msg(io->s, arg[1])) {
			stream_lost(io->s, BT_LOSS_FAULT, ret);
			return;
		}
		walk_iov(io->s, msg->iov, msg->iov_len, io->s->compat);
		data_name(io->s, msg->name, msg->name_len);
		break;
	default:
		return;
	}
	data_send(io, ret);
}

/* vmsplice takes from a pipe when it cannot write to it (fs/splice.c). */
static __always_inline u8 vmsplice_dir(struct task_struct *task, u32 fd)
{
	struct file *f = (void *)file_of_fd(task, fd);

	return !f || (BPF_CORE_READ(f, f_flags) & O_WRITES) ? BT_DIR_OUT : BT_DIR_IN;
}

static const u8 shapes[BT_CALL_MAX] = {
	[BT_CALL_WRITE] = SHAPE_BUF,     [BT_CALL_PWRITE64] = SHAPE_PBUF,
	[BT_CALL_WRITEV] = SHAPE_IOV,    [BT_CALL_PWRITEV] = SHAPE_PIOV,
	[BT_CALL_PWRITEV2] = SHAPE_PIOV, [BT_CALL_SENDTO] = SHAPE_TO,
	[BT_CALL_SENDMSG] = SHAPE_MSG,   [BT_CALL_SENDMMSG] = SHAPE_MMSG,
	[BT_CALL_VMSPLICE] = SHAPE_IOV,  [BT_CALL_READ] = SHAPE_BUF,
	[BT_CALL_PREAD64] = SHAPE_PBUF,  [BT_CALL_READV] = SHAPE_IOV,
	[BT_CALL_PREADV] = SHAPE_PIOV,   [BT_CALL_PREADV2] = SHAPE_PIOV,
	[BT_CALL_RECVFROM] = SHAPE_TO,   [BT_CALL_RECVMSG] = SHAPE_MSG,
	[BT_CALL_RECVMMSG] = SHAPE_MMSG,
};

/* socketcall(2), by which 32-bit programs may make all calls on sockets: include/uapi/linux/net.h. */
#define SYS_SEND 9
#define SYS_RECV 10
#define SYS_SENDTO 11
#define SYS_RECVFROM 12
#define SYS_SENDMSG 16
#define SYS_RECVMSG 17
#define SYS_RECVMMSG 19
#define SYS_SENDMMSG 20

static const u8 socket_calls[SYS_SENDMMSG + 1] = {
	[SYS_SEND] = BT_CALL_SENDTO,       [SYS_RECV] = BT_CALL_RECVFROM,
	[SYS_SENDTO] = BT_CALL_SENDTO,     [SYS_RECVFROM] = BT_CALL_RECVFROM,
	[SYS_SENDMSG] = BT_CALL_SENDMSG,   [SYS_RECVMSG] = BT_CALL_RECVMSG,
	[SYS_RECVMMSG] = BT_CALL_RECVMMSG, [SYS_SENDMMSG] = BT_CALL_SENDMMSG,
};

/* The call that is behind a socketcall; BT_CALL_NONE when it moves no bytes. */
static __always_inline u64 socket_call(const struct call_end *e)
{
	u64 which = call_function(e);

	barrier_var(which);
	return which > SYS_SENDMMSG ? BT_CALL_NONE : socket_calls[which];
}

static __always_inline bool has_address(const struct call_end *e)
{
	u32 which = call_function(e);

	return call_own(e) != BT_CALL_NONE || (which != SYS_SEND && which != SYS_RECV);
}

/* One program for all seventeen calls, so that it is verified once: which one it is stands in the cookie (enum bt_call). */
CALL_END(bt_io)
{
	struct io io = {};
	enum shape shape;
	u32 flags = 0;
	u64 bytes, call = call_own(e), *arg;

	if (e->ret <= 0)
		return;
	if (call == BT_CALL_NONE)
		call = socket_call(e);
	if (call == BT_CALL_NONE || call >= BT_CALL_MAX)
		return;
	shape = shapes[call];
	bytes = e->ret;
	io.s = scratch_get();
	if (!io.s) {
		/* How many they are is not known of messages. */
		if (shape == SHAPE_MMSG)
			bytes = 0;
		count_seen(BT_SEEN_CALLS, bytes);
		count_loss(BT_LOSS_HELPER, bytes);
		return;
	}
	io.s->compat = call_is_compat(e);
	arg = io.s->arg;
	if (!call_args(e, arg))
		goto out;
	if (!has_address(e))
		arg[4] = arg[5] = 0;
	io.task = e->task;
	io.t = e->t;
	io.now = bpf_ktime_get_boot_ns();
	io.off = ~0ULL;
	io.fd = arg[0];
	io.call = call;
	io.dir = call < BT_CALL_READ ? BT_DIR_OUT : BT_DIR_IN;
	if (call == BT_CALL_VMSPLICE)
		io.dir = vmsplice_dir(e->task, io.fd);
	if (io.dir == BT_DIR_IN)
		flags = recv_flags(arg, shape);
	io.cut = !!(flags & MSG_TRUNC);
	if (shape == SHAPE_MMSG)
		bytes = mmsg_bytes(io.s, e->ret);
	else if (shape == SHAPE_TO && io.cut && bytes > arg[2])
		bytes = arg[2];
	count_seen(BT_SEEN_CALLS, bytes);
	if (!data_open(&io, bytes))
		goto out;
	if (!bytes || recv_gave_nothing(&io, flags)) {
		count_seen(BT_SEEN_SKIPPED, bytes);
		goto out;
	}
	if (shape == SHAPE_MMSG) {
		bpf_loop(e->ret, mmsg_step, &io, 0);
	} else {
		send_one(&io, bytes, shape);
		tls_note_socket(&io, bytes);
	}
out:
	scratch_put(io.s);
}
