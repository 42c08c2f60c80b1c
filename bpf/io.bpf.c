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

static __always_inline u32 recv_flags(const struct call_end *e, enum shape shape)
{
	switch (shape) {
	case SHAPE_TO:
	case SHAPE_MMSG:
		return e->arg[3];
	case SHAPE_MSG:
		return e->arg[2];
	default:
		return 0;
	}
}

struct mmsg_ctx {
	struct io *io;
	u64 msgs;
	u64 bytes;
};

/* First pass: adds up the bytes. */
static long mmsg_add(u32 i, struct mmsg_ctx *c)
{
	struct user_mmsg msg;

	if (!bpf_probe_read_user(&msg, sizeof(msg), (void *)(c->msgs + (u64)i * sizeof(msg))) &&
	    c->bytes + msg.msg_len <= MAX_RW_COUNT)
		c->bytes += msg.msg_len;
	return 0;
}

/* Second: sends them, as many as the first found. */
static long mmsg_step(u32 i, struct mmsg_ctx *c)
{
	struct user_mmsg *msg = &c->io->s->msg;
	u32 len;

	if (bpf_probe_read_user(msg, sizeof(*msg), (void *)(c->msgs + (u64)i * sizeof(*msg)))) {
		count_loss(BT_LOSS_FAULT, 0);
		return 0;
	}
	len = msg->msg_len;
	if (!len || len > c->bytes)
		return 0;
	c->bytes -= len;
	walk_iov(c->io->s, msg->hdr.iov, msg->hdr.iov_len);
	data_name(c->io->s, msg->hdr.name, msg->hdr.name_len);
	data_send(c->io, len);
	return 0;
}

/* A function of its own, for its stack. */
static __noinline u64 mmsg_bytes(u64 msgs, u32 n)
{
	struct mmsg_ctx c = { .msgs = msgs };

	bpf_loop(n, mmsg_add, &c, 0);
	return c.bytes;
}

static __always_inline void send_one(struct io *io, const struct call_end *e, u64 ret,
				     enum shape shape)
{
	struct user_msg *msg = &io->s->msg.hdr;
	u32 name_len;

	io->s->data_out.rec.name_len = 0;
	switch (shape) {
	case SHAPE_PBUF:
		io->off = e->arg[3];
		/* fallthrough */
	case SHAPE_BUF:
		walk_buf(io->s, e->arg[1], ret);
		break;
	case SHAPE_PIOV:
		io->off = e->arg[3];
		/* fallthrough */
	case SHAPE_IOV:
		walk_iov(io->s, e->arg[1], e->arg[2]);
		break;
	case SHAPE_TO:
		walk_buf(io->s, e->arg[1], ret);
		name_len = e->arg[5];
		if (io->dir == BT_DIR_IN && e->arg[4] &&
		    bpf_probe_read_user(&name_len, sizeof(name_len), (void *)e->arg[5]))
			name_len = 0;
		data_name(io->s, e->arg[4], name_len);
		break;
	case SHAPE_MSG:
		if (bpf_probe_read_user(msg, sizeof(*msg), (void *)e->arg[1])) {
			stream_lost(io->s, BT_LOSS_FAULT, ret);
			return;
		}
		walk_iov(io->s, msg->iov, msg->iov_len);
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

/* One program for all seventeen calls, so that it is verified once: which one it is stands in the cookie (enum bt_call). */
CALL_END(bt_io)
{
	struct io io = {};
	enum shape shape;
	u32 flags = 0;
	u64 bytes, call = e->cookie;
	u8 dir;

	if (e->ret <= 0 || call >= BT_CALL_MAX)
		return;
	shape = shapes[call];
	dir = call < BT_CALL_READ ? BT_DIR_OUT : BT_DIR_IN;
	if (call == BT_CALL_VMSPLICE)
		dir = vmsplice_dir(e->task, e->arg[0]);
	bytes = e->ret;
	io.task = e->task;
	io.t = e->t;
	io.now = bpf_ktime_get_boot_ns();
	io.off = ~0ULL;
	io.fd = e->arg[0];
	io.call = call;
	io.dir = dir;
	if (dir == BT_DIR_IN)
		flags = recv_flags(e, shape);
	io.cut = !!(flags & MSG_TRUNC);
	if (shape == SHAPE_MMSG)
		bytes = mmsg_bytes(e->arg[1], e->ret);
	else if (shape == SHAPE_TO && io.cut && bytes > e->arg[2])
		bytes = e->arg[2];
	count_seen(BT_SEEN_CALLS, bytes);
	io.s = scratch_get();
	if (!io.s) {
		count_loss(BT_LOSS_HELPER, bytes);
		return;
	}
	if (!data_open(&io, bytes))
		goto out;
	if (!bytes || recv_gave_nothing(&io, flags)) {
		count_seen(BT_SEEN_SKIPPED, bytes);
		goto out;
	}
	if (shape == SHAPE_MMSG) {
		struct mmsg_ctx c = { .io = &io, .msgs = e->arg[1], .bytes = bytes };

		bpf_loop(e->ret, mmsg_step, &c, 0);
	} else {
		send_one(&io, e, bytes, shape);
		tls_note_socket(&io, bytes);
	}
out:
	scratch_put(io.s);
}
