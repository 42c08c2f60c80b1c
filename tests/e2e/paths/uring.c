/* SPDX-License-Identifier: BSD-2-Clause */
/* By io_uring. */
#include "paths.h"

#include <linux/io_uring.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>

/* One entry submitted and waited for. */
static void uring(int op, int fd, const void *p, size_t len, off_t offset, unsigned int setup,
		  bool fixed)
{
	struct io_uring_params params = { .flags = setup, .sq_thread_idle = 1000 };
	int ring = (int)syscall(SYS_io_uring_setup, 4, &params);
	struct io_uring_sqe *sqe;
	struct io_uring_cqe *cqe;
	unsigned int *tail, head;
	char *sq, *cq;

	need(ring >= 0, "io_uring_setup");
	sq = mmap(NULL, params.sq_off.array + params.sq_entries * 4, PROT_READ | PROT_WRITE,
		  MAP_SHARED, ring, IORING_OFF_SQ_RING);
	cq = mmap(NULL, params.cq_off.cqes + params.cq_entries * sizeof(*cqe),
		  PROT_READ | PROT_WRITE, MAP_SHARED, ring, IORING_OFF_CQ_RING);
	sqe = mmap(NULL, params.sq_entries * sizeof(*sqe), PROT_READ | PROT_WRITE, MAP_SHARED, ring,
		   IORING_OFF_SQES);
	need(sq != MAP_FAILED && cq != MAP_FAILED && sqe != MAP_FAILED, "mmap");
	if (fixed)
		need(!syscall(SYS_io_uring_register, ring, IORING_REGISTER_BUFFERS,
			      &(struct iovec){ (void *)p, len }, 1),
		     "io_uring_register");
	*sqe = (struct io_uring_sqe){ .opcode = (uint8_t)op,
				      .fd = fd,
				      .addr = (uintptr_t)p,
				      .len = (uint32_t)len,
				      .off = (uint64_t)offset };
	*(unsigned int *)(sq + params.sq_off.array) = 0;
	tail = (unsigned int *)(sq + params.sq_off.tail);
	__atomic_store_n(tail, *tail + 1, __ATOMIC_RELEASE);
	need(syscall(SYS_io_uring_enter, ring, 1, 1,
		     IORING_ENTER_GETEVENTS |
			     (setup & IORING_SETUP_SQPOLL ? IORING_ENTER_SQ_WAKEUP : 0),
		     NULL, 0) >= 0,
	     "io_uring_enter");
	head = *(unsigned int *)(cq + params.cq_off.head);
	cqe = (struct io_uring_cqe *)(cq + params.cq_off.cqes) +
	      (head & *(unsigned int *)(cq + params.cq_off.ring_mask));
	errno = cqe->res < 0 ? -cqe->res : 0;
	all(cqe->res, op == IORING_OP_SENDMSG || op != IORING_OP_WRITEV ? len : (size_t)cqe->res,
	    "io_uring");
	close(ring);
}

static void by_uring_write(struct leak *l, int fd, const char *p, size_t len)
{
	uring(IORING_OP_WRITE, fd, p, len, (off_t)l->offset, 0, false);
}

static void by_uring_fixed(struct leak *l, int fd, const char *p, size_t len)
{
	uring(IORING_OP_WRITE_FIXED, fd, p, len, (off_t)l->offset, 0, true);
}

static void by_uring_sqpoll(struct leak *l, int fd, const char *p, size_t len)
{
	uring(IORING_OP_WRITE, fd, p, len, (off_t)l->offset, IORING_SETUP_SQPOLL, false);
}

static void by_uring_send(struct leak *l, int fd, const char *p, size_t len)
{
	uring(IORING_OP_SEND, fd, p, len, 0, 0, false);
}

FILE_WAY(uring_write, by_uring_write, 0)
FILE_WAY(uring_fixed, by_uring_fixed, 0)
FILE_WAY(uring_sqpoll, by_uring_sqpoll, 0)
SOCKET_WAY(uring_send, by_uring_send, AF_INET, SOCK_STREAM, NULL)

const struct way uring_ways[] = {
	WAY(uring_write), WAY(uring_fixed), WAY(uring_sqpoll), WAY(uring_send), { 0 },
};
