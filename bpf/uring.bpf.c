// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * What a watched process writes and reads by io_uring.
 *
 * Where the bytes are is noted when a request is submitted: the lists of iovecs, messages and addresses belong to the caller
 * again after that. The bytes themselves are taken when it completes: only then is it known how many were moved, a request
 * linked to another may find its buffer filled only by that one, and until the completion is told the buffer is still the
 * kernel's. Completions are told by a thread of the process, which has its memory: the one that submitted, or one of
 * those that the kernel made for the purpose. What fails or is cancelled has moved nothing, and is not told of.
 *
 * Counted, because it cannot be seen: requests that were to complete in silence (IOSQE_CQE_SKIP_SUCCESS), those submitted
 * before the watch began, completions that found the queue full, and those told by the kernel after the process is gone.
 */
#include "lib/base.h"
#include "lib/read.h"
#include "lib/scope.h"
#include "lib/emit.h"
#include "lib/emit_data.h"
#include "lib/open.h"
#include "lib/tls.h"
#include "lib/uring.h"
#include "lib/uring_buf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* io_uring_complete has a struct io_uring_cqe (since 6.16), instead of its members. Set by the loader. */
const volatile bool bt_uring_cqe = false;

/* Fills s->uring. */
static __always_inline void note(struct bt_scratch *s, struct io_kiocb *req, u8 op, u8 kind)
{
	const struct io_sr_msg *sr = (void *)req;
	const struct io_rw *rw = (void *)req;
	struct bt_uring *u = &s->uring;
	struct user_msg *msg = &s->msg;
	u64 i = op;

	barrier_var(i);
	if (i >= URING_OPS)
		return;
	u->call = uring_ops[i].call;
	switch (kind) {
	case URING_BUF:
	case URING_IOV:
		u->off = BPF_CORE_READ(rw, kiocb.ki_pos);
		if (u->off != ~0ULL)
			u->call = uring_ops[i].call_at;
		u->addr = BPF_CORE_READ(rw, addr);
		u->len = BPF_CORE_READ(rw, len);
		if (kind == URING_IOV)
			uring_iov(u, u->addr, u->len);
		break;
	case URING_NET:
		u->addr = (u64)BPF_CORE_READ(sr, buf);
		u->len = BPF_CORE_READ(sr, len);
		if (u->call == BT_CALL_SENDTO) {
			if (BPF_CORE_READ(sr, flags) & SEND_VECTORIZED)
				uring_iov(u, u->addr, u->len);
			uring_send_name(req, u);
		}
		break;
	case URING_MSG:
		u->msg = (u64)BPF_CORE_READ(sr, buf);
		if (bpf_probe_read_user(msg, sizeof(*msg), (void *)u->msg)) {
			uring_no_iov(u);
			break;
		}
		uring_iov(u, msg->iov, msg->iov_len);
		if (BPF_CORE_READ(sr, flags) & RECV_MULTISHOT)
			u->len = RECVMSG_OUT_LEN + msg->name_len + msg->control_len;
		if (u->call == BT_CALL_SENDMSG) {
			data_name(s, msg->name, msg->name_len);
			u->name_len = s->data_out.rec.name_len;
			__builtin_memcpy(u->name, s->name, sizeof(u->name));
		}
		break;
	}
}

/* The end of io_submit_sqe()'s preparations. */
SEC("tp_btf/io_uring_submit_req")
int BPF_PROG(bt_uring_submit, struct io_kiocb *req)
{
	struct bt_task *t = scope_of_worker(bpf_get_current_task_btf());
	struct bt_uring *was;
	struct bt_scratch *s;
	struct uring_key key;
	u32 flags;
	u8 op, kind;

	if (!t)
		return 0;
	op = BPF_CORE_READ(req, opcode);
	kind = uring_kind(op);
	if (!kind_moves(kind) && kind != URING_ACCEPT && kind != URING_CONNECT)
		return 0;
	bpf_core_read(&flags, sizeof(flags), &req->flags);
	if (flags & REQ_CQE_SKIP) {
		u32 len = kind == URING_BUF   ? BPF_CORE_READ((struct io_rw *)req, len)
			  : kind == URING_NET ? BPF_CORE_READ((struct io_sr_msg *)req, len)
					      : 0;

		count_loss(BT_LOSS_IO_URING, len);
		return 0;
	}
	/* That there was none is seen when the request completes, and how much it moved. */
	s = scratch_get();
	if (!s)
		return 0;
	__builtin_memset(&s->uring, 0, __builtin_offsetof(struct bt_uring, iov));
	s->uring.start_ns = t->start_ns;
	s->uring.req = (u64)req;
	s->uring.kind = kind;
	s->uring.off = ~0ULL;
	if (flags & REQ_BUFFER_SELECT)
		s->uring.group = BPF_CORE_READ(req, buf_index);
	s->uring.fd = flags & REQ_FIXED_FILE ? -1 : BPF_CORE_READ(req, cqe.fd);
	note(s, req, op, kind);
	uring_key(req, op, kind, &key);
	was = bpf_map_lookup_elem(&urings, &key);
	/* Two with the same user_data: their completions cannot be told apart. */
	if (was && key.whose != (u64)req && kind_moves(kind))
		s->uring.kind = URING_UNKNOWN;
	bpf_map_update_elem(&urings, &key, &s->uring, BPF_ANY);
	scratch_put(s);
	return 0;
}

/* What is known of a completion. */
struct done {
	struct io_kiocb
		*req; /* of several completions, the one that they all belong to; NULL: not known */
	struct uring_key key;
	s64 res;
	u32 cflags;
	u8 kind;
	bool last;
};

/* Until 6.14 or so: the address of a chosen buffer is put where the caller's would be. */
struct io_kiocb___puts {
	void *buf_list;
} __attribute__((preserve_access_index));

/*
 * The buffer that a receive was given, moved on by what an earlier try received; 0: to be looked for. The message header
 * of a request that goes on is still its own.
 */
static __always_inline u64 received_at(struct io_kiocb *req)
{
	struct io_async_msghdr___uring *hdr = (void *)BPF_CORE_READ(req, async_data);
	const struct io_sr_msg *sr = (void *)req;

	if (bpf_core_field_exists(struct io_kiocb___puts, buf_list))
		return (u64)BPF_CORE_READ(sr, buf) - BPF_CORE_READ(sr, done_io);
	if (!hdr || BPF_CORE_READ(hdr, msg.msg_iter.iter_type) != ITER_UBUF)
		return 0;
	return (u64)BPF_CORE_READ(hdr, msg.msg_iter.ubuf);
}

/* When it was for the kernel to choose a buffer, of those provided: which. False when it is not known. */
static __always_inline bool chosen_buffer(struct bt_uring *u, const struct done *d)
{
	const struct io_sr_msg *sr = (void *)d->req;
	const struct io_rw *rw = (void *)d->req;
	struct io_kiocb *req = d->req;
	u32 flags;

	bpf_core_read(&flags, sizeof(flags), &req->flags);
	if (!(flags & REQ_BUFFER_SELECT))
		return true;
	u->n_iov = 0;
	switch (u->kind) {
	case URING_BUF:
	case URING_IOV:
		u->addr = BPF_CORE_READ(rw, addr);
		return true;
	case URING_NET:
		u->len = ~0U;
		u->addr = BPF_CORE_READ(sr, flags) & NET_BUNDLE ? 0 : received_at(req);
		break;
	case URING_MSG:
		/* Of many, each begins with a struct io_uring_recvmsg_out. */
		u->addr = u->len ? (u64)BPF_CORE_READ(sr, buf) : 0;
		break;
	}
	if (u->addr)
		return true;
	if (!ring_buffers(u, (u64)BPF_CORE_READ(req, ctx), d->cflags, d->res))
		return false;
	if (u->kind == URING_MSG && u->len) {
		u->n_iov = 0;
		u->addr = u->iov[0].base;
	}
	return true;
}

/* The sockaddr of a message, into s->name; where one of many has that in front of its bytes, steps over it. */
static __always_inline void message_name(struct bt_scratch *s)
{
	struct user_msg *msg = &s->msg;
	struct bt_uring *u = &s->uring;
	u64 len = u->name_len;

	if (len) {
		barrier_var(len);
		if (len > NAME_LEN)
			return;
		bpf_probe_read_kernel(s->name, len, u->name);
	}
	s->data_out.rec.name_len = len;
	if (u->kind == URING_MSG && u->len) {
		u32 name_len = 0;

		bpf_probe_read_user(&name_len, sizeof(name_len), (void *)u->addr);
		data_name(s, u->addr + RECVMSG_OUT_LEN, name_len);
		u->addr += u->len;
	} else if (u->call == BT_CALL_RECVMSG &&
		   !bpf_probe_read_user(msg, sizeof(*msg), (void *)u->msg))
		data_name(s, msg->name, msg->name_len);
}

/* With s->uring, of a request of this process that has moved something. */
static __always_inline void moved(struct io *io, const struct done *d)
{
	const struct io_sr_msg *sr = (void *)d->req;
	struct io_kiocb *req = d->req;
	struct bt_scratch *s = io->s;
	struct bt_uring *u = &s->uring;
	u32 msg_flags = 0;
	u64 bytes = d->res;

	if (u->start_ns != io->t->start_ns || u->kind == URING_UNKNOWN || !chosen_buffer(u, d)) {
		count_loss(BT_LOSS_IO_URING, bytes);
		return;
	}
	io->now = bpf_ktime_get_boot_ns();
	io->off = u->off;
	io->fd = u->fd;
	io->call = u->call;
	io->dir = u->call < BT_CALL_READ ? BT_DIR_OUT : BT_DIR_IN;
	if (u->kind == URING_MSG && u->len)
		bytes = bytes > u->len ? bytes - u->len : 0;
	if (u->kind >= URING_NET && io->dir == BT_DIR_IN) {
		msg_flags = BPF_CORE_READ(sr, msg_flags);
		io->cut = !!(msg_flags & MSG_TRUNC);
		if (io->cut && u->kind == URING_NET && bytes > u->len)
			bytes = u->len;
	}
	count_seen(BT_SEEN_CALLS, bytes);
	s->file = (u64)BPF_CORE_READ(req, file);
	if (!data_open_file(io, bytes))
		return;
	/* The position that a pipe or a socket is given means nothing. */
	if (s->key.file.type != BT_FILE_REG)
		io->off = ~0ULL;
	if (!bytes || recv_gave_nothing(io, msg_flags)) {
		count_seen(BT_SEEN_SKIPPED, bytes);
		return;
	}
	message_name(s);
	uring_walk(s, bytes);
	data_send(io, bytes);
	tls_note_socket(io, bytes);
}

/* A socket: which end of its connection the process is. */
static __always_inline void role(struct bt_scratch *s, struct task_struct *task, struct bt_task *t,
				 const struct done *d)
{
	const struct io_accept *accept = (void *)d->req;
	struct io_kiocb *req = d->req;
	u64 file, flags = BT_FILE_CONNECTED;
	s32 fd = s->uring.fd;
	u32 slot;

	if (d->kind == URING_ACCEPT) {
		flags = BT_FILE_ACCEPTED;
		slot = BPF_CORE_READ(accept, file_slot);
		if (slot) {
			slot = slot == FILE_INDEX_ALLOC ? (u32)d->res : slot - 1;
			file = uring_file(BPF_CORE_READ(req, ctx), slot);
			fd = -1;
		} else {
			file = file_of_fd(task, d->res);
			fd = d->res;
		}
	} else {
		file = (u64)BPF_CORE_READ(req, file);
	}
	emit_open_file(s, task, t, file, (u32)fd, flags, bpf_ktime_get_boot_ns());
}

/* include/uapi/asm-generic/errno.h. */
#define EINPROGRESS 115

static __always_inline int finish(struct task_struct *task, struct bt_task *t, const struct done *d)
{
	bool good = d->kind == URING_CONNECT  ? !d->res || d->res == -EINPROGRESS
		    : d->kind == URING_ACCEPT ? d->res >= 0
					      : d->res > 0;
	struct bt_uring *u = bpf_map_lookup_elem(&urings, &d->key);
	struct io io = { .task = task, .t = t };

	if (good && d->kind == URING_SPLICE)
		count_loss(BT_LOSS_SPLICE, d->res);
	else if (good && d->kind == URING_CMD)
		count_loss(BT_LOSS_IO_URING, 0);
	else if (good && !u && kind_moves(d->kind))
		count_loss(BT_LOSS_IO_URING, d->res);
	if (!u)
		return 0;
	if (good)
		io.s = scratch_get();
	if (io.s)
		bpf_probe_read_kernel(&io.s->uring, sizeof(io.s->uring), u);
	else if (good)
		count_loss(BT_LOSS_IO_URING, kind_moves(d->kind) ? d->res : 0);
	if (d->last)
		bpf_map_delete_elem(&urings, &d->key);
	if (!io.s)
		return 0;
	if (kind_moves(d->kind))
		moved(&io, d);
	else
		role(io.s, task, t, d);
	scratch_put(io.s);
	return 0;
}

/* A thread of the kernel's that no process owns tells of requests when their process is about to be gone. */
static __always_inline int finish_late(const struct done *d)
{
	struct bt_uring *u = bpf_map_lookup_elem(&urings, &d->key);

	if (!u)
		return 0;
	if (d->res > 0 && kind_moves(d->kind))
		count_loss(BT_LOSS_IO_URING, d->res);
	bpf_map_delete_elem(&urings, &d->key);
	return 0;
}

SEC("tp_btf/io_uring_complete")
int bt_uring_complete(u64 *ctx)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct bt_task *t = scope_of_worker(task);
	struct io_kiocb *req;
	struct done d = {};
	struct bt_uring *u;
	u8 op;

	if (!t && !(task->flags & PF_KTHREAD))
		return 0;
	req = (void *)ctx[1];
	if (req) {
		op = BPF_CORE_READ(req, opcode);
		d.kind = uring_kind(op);
		if (d.kind == URING_OTHER)
			return 0;
		d.req = req;
		d.res = BPF_CORE_READ(req, cqe.res);
		d.cflags = BPF_CORE_READ(req, cqe.flags);
		d.last = true;
		uring_key(req, op, d.kind, &d.key);
		return t ? finish(task, t, &d) : finish_late(&d);
	}
	if (!t)
		return 0;
	d.key.whose = ctx[0];
	if (bt_uring_cqe) {
		const struct io_uring_cqe *cqe = (void *)ctx[2];

		d.key.user_data = BPF_CORE_READ(cqe, user_data);
		d.res = BPF_CORE_READ(cqe, res);
		d.cflags = BPF_CORE_READ(cqe, flags);
	} else {
		d.key.user_data = ctx[2];
		d.res = (s32)ctx[3];
		d.cflags = ctx[4];
	}
	u = bpf_map_lookup_elem(&urings, &d.key);
	if (u) {
		d.req = (void *)u->req;
		d.kind = u->kind;
		return finish(task, t, &d);
	}
	if (d.res > 0 && (d.cflags & CQE_BUFFER))
		count_loss(BT_LOSS_IO_URING, d.res);
	return 0;
}

/* Of these nothing else is told, and what they are about is not known. */
SEC("tp_btf/io_uring_cqe_overflow")
int BPF_PROG(bt_uring_overflow, void *ring, u64 user_data, s32 res, u32 cflags, void *ocqe)
{
	if (scope_of_worker(bpf_get_current_task_btf()) && res > 0)
		count_loss(BT_LOSS_IO_URING, res);
	return 0;
}
