/* SPDX-License-Identifier: BSD-2-Clause */
/* A watched child with an io_uring. */
#ifndef BT_TESTS_BPF_URING_RIG_H
#define BT_TESTS_BPF_URING_RIG_H

#include "rig.h"

#include <liburing.h>
#include <netinet/in.h>
#include <sys/socket.h>

/* Where the child has the file at issue, and its other end: above all that the capture has open. */
#define FD 200
#define PEER 201

enum place { FILE_AT, PIPE, UNIX, TCP, UDP };

static inline int at(int fd, int want)
{
	return fd >= 0 && dup2(fd, want) == want && !close(fd) ? 0 : -1;
}

static inline int loopback(int type, struct sockaddr_in *a)
{
	int fd = socket(AF_INET, type, 0);
	socklen_t len = sizeof(*a);

	*a = (struct sockaddr_in){ .sin_family = AF_INET };
	a->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd < 0 || bind(fd, (struct sockaddr *)a, sizeof(*a)) ||
	    (type == SOCK_STREAM && listen(fd, 4)) || getsockname(fd, (struct sockaddr *)a, &len))
		return -1;
	return fd;
}

static inline int open_tcp(void)
{
	struct sockaddr_in a;
	int l = loopback(SOCK_STREAM, &a), c = socket(AF_INET, SOCK_STREAM, 0);

	if (l < 0 || c < 0 || connect(c, (struct sockaddr *)&a, sizeof(a)) || at(c, FD) ||
	    at(accept(l, NULL, NULL), PEER))
		return -1;
	return close(l);
}

static inline int open_udp(int bound, int other, struct sockaddr_in *a)
{
	return at(loopback(SOCK_DGRAM, a), bound) || at(socket(AF_INET, SOCK_DGRAM, 0), other) ? -1
											       : 0;
}

/* FD and PEER, which reads what is written to FD; for reading, the other way round. */
static inline int open_place(enum place place, bool read)
{
	char path[] = "/tmp/beartrap-uring-XXXXXX";
	struct sockaddr_in a;
	int p[2];

	switch (place) {
	case FILE_AT:
		p[0] = mkstemp(path);
		p[1] = open(path, O_RDWR | O_APPEND);
		return unlink(path) || at(p[0], FD) || at(p[1], PEER) ? -1 : 0;
	case PIPE:
		return pipe(p) || at(p[!read], FD) || at(p[read], PEER) ? -1 : 0;
	case UNIX:
		return socketpair(AF_UNIX, SOCK_STREAM, 0, p) || at(p[0], FD) || at(p[1], PEER) ? -1
												: 0;
	case TCP:
		return open_tcp();
	default:
		return open_udp(read ? FD : PEER, read ? PEER : FD, &a) ||
				       connect(read ? PEER : FD, (struct sockaddr *)&a, sizeof(a))
			       ? -1
			       : 0;
	}
}

static inline bool has_op(struct io_uring *ring, int op)
{
	struct io_uring_probe *p = io_uring_get_probe_ring(ring);
	bool ret = p && io_uring_opcode_supported(p, op);

	io_uring_free_probe(p);
	return ret;
}

/* Submits all that has been prepared, waits for one completion and takes it: its result; -9999 when there is none. */
static inline int one(struct io_uring *ring)
{
	struct io_uring_cqe *cqe;
	int res;

	if (io_uring_submit_and_wait(ring, 1) < 0 || io_uring_wait_cqe(ring, &cqe))
		return -9999;
	res = cqe->res;
	io_uring_cqe_seen(ring, cqe);
	return res;
}

/* Counters since `was`: that `cause` has grown by so much, and no other has. */
static inline void only_loss(struct rig *rig, const struct rig_totals *was, int cause,
			     uint64_t events, uint64_t bytes)
{
	struct rig_totals now;

	rig_totals(rig, &now);
	for (int i = 0; i < BT_LOSS_MAX; i++) {
		uint64_t e = now.loss[i].events - was->loss[i].events;
		uint64_t b = now.loss[i].bytes - was->loss[i].bytes;

		if (e != (i == cause ? events : 0) || b != (i == cause ? bytes : 0))
			fail_msg("loss %d: %llu events, %llu bytes", i, (unsigned long long)e,
				 (unsigned long long)b);
	}
	rig_reconcile(rig);
}

#define NONE (-1)

#endif /* BT_TESTS_BPF_URING_RIG_H */
