/* SPDX-License-Identifier: BSD-2-Clause */
/* By io_uring. */
#include "paths.h"

#include <linux/io_uring.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>

struct how {
	int op;
	unsigned int setup; /* IORING_SETUP_* */
	unsigned int flags; /* IOSQE_* */
	bool fixed;         /* a registered buffer */
	bool registered;    /* a registered file */
};

struct ring {
	int fd;
	struct io_uring_params params;
	char *sq, *cq;
	struct io_uring_sqe *sqes;
};

static void ring_open(struct ring *r, unsigned int setup)
{
	r->params = (struct io_uring_params){ .flags = setup, .sq_thread_idle = 1000 };
	r->fd = (int)syscall(SYS_io_uring_setup, 4, &r->params);
	need(r->fd >= 0, "io_uring_setup");
	r->sq = mmap(NULL, r->params.sq_off.array + r->params.sq_entries * 4,
		     PROT_READ | PROT_WRITE, MAP_SHARED, r->fd, IORING_OFF_SQ_RING);
	r->cq = mmap(NULL,
		     r->params.cq_off.cqes + r->params.cq_entries * sizeof(struct io_uring_cqe),
		     PROT_READ | PROT_WRITE, MAP_SHARED, r->fd, IORING_OFF_CQ_RING);
	r->sqes = mmap(NULL, r->params.sq_entries * sizeof(*r->sqes), PROT_READ | PROT_WRITE,
		       MAP_SHARED, r->fd, IORING_OFF_SQES);
	need(r->sq != MAP_FAILED && r->cq != MAP_FAILED && r->sqes != MAP_FAILED, "mmap");
}

/* Submits n entries, waits for as many completions, and returns the result of the n-th. */
static int ring_run(struct ring *r, unsigned int n)
{
	unsigned int *array = (unsigned int *)(r->sq + r->params.sq_off.array);
	unsigned int *tail = (unsigned int *)(r->sq + r->params.sq_off.tail);
	unsigned int *done = (unsigned int *)(r->cq + r->params.cq_off.tail);
	unsigned int wake = r->params.flags & IORING_SETUP_SQPOLL ? IORING_ENTER_SQ_WAKEUP : 0;
	struct io_uring_cqe *cqe = (struct io_uring_cqe *)(r->cq + r->params.cq_off.cqes);

	for (unsigned int i = 0; i < n; i++)
		array[i] = i;
	__atomic_store_n(tail, *tail + n, __ATOMIC_RELEASE);
	need(syscall(SYS_io_uring_enter, r->fd, n, n, IORING_ENTER_GETEVENTS | wake, NULL, 0) >= 0,
	     "io_uring_enter");
	while (__atomic_load_n(done, __ATOMIC_ACQUIRE) < n)
		syscall(SYS_io_uring_enter, r->fd, 0, n, IORING_ENTER_GETEVENTS, NULL, 0);
	return cqe[n - 1].res;
}

/* Behind another entry when they are to be linked. */
static void uring(const struct how *how, int fd, const char *p, size_t len, size_t offset)
{
	struct iovec iov[2] = { { (void *)p, len / 3 }, { (void *)(p + len / 3), len - len / 3 } };
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = 2 };
	unsigned int n = how->flags & IOSQE_IO_LINK ? 2 : 1;
	struct io_uring_sqe sqe = {
		.opcode = (uint8_t)how->op, .fd = fd, .addr = (uintptr_t)p, .len = (uint32_t)len
	};
	struct ring r;
	int res;

	ring_open(&r, how->setup);
	if (how->fixed)
		need(!syscall(SYS_io_uring_register, r.fd, IORING_REGISTER_BUFFERS,
			      &(struct iovec){ (void *)p, len }, 1),
		     "io_uring_register");
	if (how->registered) {
		need(!syscall(SYS_io_uring_register, r.fd, IORING_REGISTER_FILES, &fd, 1),
		     "io_uring_register");
		sqe.fd = 0;
		sqe.flags = IOSQE_FIXED_FILE;
	}
	switch (how->op) {
	case IORING_OP_WRITEV:
		sqe.addr = (uintptr_t)iov;
		sqe.len = 2;
		sqe.off = offset;
		break;
	case IORING_OP_SENDMSG:
	case IORING_OP_SENDMSG_ZC:
		sqe.addr = (uintptr_t)&msg;
		sqe.len = 1;
		break;
	case IORING_OP_WRITE:
	case IORING_OP_WRITE_FIXED:
		sqe.off = offset;
		break;
	default:
		break;
	}
	sqe.flags |= (uint8_t)(how->flags & ~(unsigned int)IOSQE_IO_LINK);
	r.sqes[0] = (struct io_uring_sqe){ .opcode = IORING_OP_NOP, .flags = IOSQE_IO_LINK };
	r.sqes[n - 1] = sqe;
	res = ring_run(&r, n);
	errno = res < 0 ? -res : 0;
	all(res, len, "io_uring");
	close(r.fd);
}

#define URING(name, ...)                                                                           \
	static void by_##name(struct leak *l, int fd, const char *p, size_t len)                   \
	{                                                                                          \
		static const struct how how = { __VA_ARGS__ };                                     \
                                                                                                   \
		uring(&how, fd, p, len, l->offset);                                                \
	}

#define URING_FILE(name, ...)                                                                      \
	URING(name, __VA_ARGS__)                                                                   \
	FILE_WAY(name, by_##name, 0)

#define URING_SOCKET(name, ...)                                                                    \
	URING(name, __VA_ARGS__)                                                                   \
	SOCKET_WAY(name, by_##name, AF_INET, SOCK_STREAM, NULL)

URING_FILE(uring_write, .op = IORING_OP_WRITE)
URING_FILE(uring_writev, .op = IORING_OP_WRITEV)
URING_FILE(uring_fixed, .op = IORING_OP_WRITE_FIXED, .fixed = true)
URING_FILE(uring_registered, .op = IORING_OP_WRITE, .registered = true)
URING_FILE(uring_linked, .op = IORING_OP_WRITE, .flags = IOSQE_IO_LINK)
URING_FILE(uring_async, .op = IORING_OP_WRITE, .flags = IOSQE_ASYNC)
URING_FILE(uring_sqpoll, .op = IORING_OP_WRITE, .setup = IORING_SETUP_SQPOLL)
URING_SOCKET(uring_send, .op = IORING_OP_SEND)
URING_SOCKET(uring_sendmsg, .op = IORING_OP_SENDMSG)
URING_SOCKET(uring_send_zc, .op = IORING_OP_SEND_ZC)
URING_SOCKET(uring_sqpoll_send, .op = IORING_OP_SEND, .setup = IORING_SETUP_SQPOLL,
	     .registered = true)

const struct way uring_ways[] = {
	WAY(uring_write),   WAY(uring_writev),  WAY(uring_fixed),       WAY(uring_registered),
	WAY(uring_linked),  WAY(uring_async),   WAY(uring_sqpoll),      WAY(uring_send),
	WAY(uring_sendmsg), WAY(uring_send_zc), WAY(uring_sqpoll_send), { 0 },
};
