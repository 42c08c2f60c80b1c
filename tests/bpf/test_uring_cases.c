/* SPDX-License-Identifier: BSD-2-Clause */
/* io_uring where a request is not simply done: short, failed, cancelled, linked, chosen buffers, many completions, none. */
#include "uring_rig.h"

#include <sys/uio.h>

#define LEN 10000

/* Newer than the headers. */
#define OP_READ_MULTISHOT 49
#define OP_WRITEV_FIXED 61
#define SEND_VECTORIZED (1U << 5)
#define RECVSEND_BUNDLE (1U << 4)

static struct rig_bytes bytes_of(struct rig *rig, pid_t pid, int fd, enum bt_dir dir,
				 const char *want, size_t len)
{
	struct rig_bytes b = rig_bytes(rig, pid, fd, dir);

	assert_int_equal(b.len, len);
	assert_memory_equal(b.p, want, len);
	return b;
}

static void is_text(struct rig *rig, pid_t pid, int fd, enum bt_dir dir, const char *want)
{
	free(bytes_of(rig, pid, fd, dir, want, strlen(want)).p);
}

/* A watched child; then the counters may have grown by this only. */
static pid_t run(struct rig *rig, int (*fn)(void *arg), void *arg, int cause, uint64_t events,
		 uint64_t bytes)
{
	struct rig_totals was;
	pid_t pid;

	rig_forget(rig);
	rig_totals(rig, &was);
	pid = rig_run(rig, fn, arg);
	only_loss(rig, &was, cause, events, bytes);
	return pid;
}

/* What is written is what the request before it read. */
static int child_link(void *arg)
{
	char buf[16] = "not yet there";
	struct io_uring ring;
	int p[2];

	if (open_place(PIPE, true) || pipe(p) || at(p[1], 202) || io_uring_queue_init(8, &ring, 0))
		return 1;
	if (write(PEER, "by the reader", 13) != 13)
		return 2;
	io_uring_prep_read(io_uring_get_sqe(&ring), FD, buf, 13, 0);
	ring.sq.sqes[0].flags = IOSQE_IO_LINK;
	io_uring_prep_write(io_uring_get_sqe(&ring), 202, buf, 13, 0);
	return one(&ring) == 13 && one(&ring) == 13 ? 0 : 3;
}

static void linked(void **state)
{
	pid_t pid = run(*state, child_link, NULL, NONE, 0, 0);

	is_text(*state, pid, FD, BT_DIR_IN, "by the reader");
	is_text(*state, pid, 202, BT_DIR_OUT, "by the reader");
}

/* The list of iovecs is the caller's again once the request is submitted; the last write shows the position. */
static int child_reused_iov(void *arg)
{
	unsigned int n = *(unsigned int *)arg;
	char to[64] = "", after[8];
	struct io_uring ring;
	struct iovec iov[16];

	if (open_place(PIPE, true) || io_uring_queue_init(8, &ring, 0))
		return 1;
	for (unsigned int i = 0; i < n; i++)
		iov[i] = (struct iovec){ to + 4 * i, 4 };
	io_uring_prep_readv(io_uring_get_sqe(&ring), FD, iov, n, 0);
	if (io_uring_submit(&ring) != 1)
		return 2;
	memset(iov, 0x11, sizeof(iov));
	if (write(PEER, "0123456789abcdefghijklmnopqrstuvwxyz", 36) != 36)
		return 3;
	if (one(&ring) != (n * 4 < 36 ? (int)n * 4 : 36))
		return 4;
	return write(PEER, "after", 5) == 5 && read(FD, after, 5) == 5 ? 0 : 5;
}

static void reused_iovecs(void **state)
{
	unsigned int few = 3, many = 9;
	pid_t pid = run(*state, child_reused_iov, &few, NONE, 0, 0);
	struct rig_rec *r, *last = NULL;

	free(bytes_of(*state, pid, FD, BT_DIR_IN, "0123456789abcdefg", 17).p);
	pid = run(*state, child_reused_iov, &many, BT_LOSS_FAULT, 1, 36);
	rig_each((struct rig *)*state, BT_REC_DATA, pid, r) if (r->data.fd == FD) last = r;
	assert_non_null(last);
	assert_int_equal(last->data.pos, 36);
	assert_memory_equal(last->tail, "after", 5);
}

/* Short, then whole again. */
static int child_short(void *arg)
{
	char *p = malloc(LEN);
	struct io_uring ring;
	int n;

	if (!p || open_place(PIPE, false) || io_uring_queue_init(8, &ring, 0) ||
	    fcntl(FD, F_SETFL, O_NONBLOCK) || fcntl(FD, F_SETPIPE_SZ, 4096) != 4096)
		return 1;
	rig_pattern(p, LEN, 1);
	io_uring_prep_write(io_uring_get_sqe(&ring), FD, p, LEN, 0);
	n = one(&ring);
	if (n != 4096)
		return 2;
	if (read(PEER, p, 4096) != 4096)
		return 3;
	io_uring_prep_write(io_uring_get_sqe(&ring), FD, p + n, 100, 0);
	return one(&ring) == 100 ? 0 : 4;
}

static void short_write(void **state)
{
	pid_t pid = run(*state, child_short, NULL, NONE, 0, 0);
	char *want = malloc(LEN);
	struct rig_bytes b;

	rig_pattern(want, LEN, 1);
	b = bytes_of(*state, pid, FD, BT_DIR_OUT, want, 4196);
	assert_int_equal(b.calls, 2);
	free(b.p);
	free(want);
}

/* Written to nobody, to nothing, read and cancelled, and cut off a chain. */
static int child_failed(void *arg)
{
	struct io_uring ring;
	char buf[8];

	if (open_place(PIPE, true) || io_uring_queue_init(8, &ring, 0))
		return 1;
	signal(SIGPIPE, SIG_IGN);
	io_uring_prep_read(io_uring_get_sqe(&ring), FD, buf, 8, 0);
	ring.sq.sqes[0].user_data = 7;
	if (io_uring_submit(&ring) != 1)
		return 2;
	io_uring_prep_cancel64(io_uring_get_sqe(&ring), 7, 0);
	if (one(&ring) + one(&ring) != -ECANCELED)
		return 3;
	close(FD);
	io_uring_prep_write(io_uring_get_sqe(&ring), PEER, "broken", 6, 0);
	if (one(&ring) != -EPIPE)
		return 4;
	io_uring_prep_write(io_uring_get_sqe(&ring), 999, "nowhere", 7, 0);
	if (one(&ring) != -EBADF)
		return 5;
	io_uring_prep_write(io_uring_get_sqe(&ring), PEER, "head", 4, 0);
	ring.sq.sqes[(ring.sq.sqe_tail - 1) & 7].flags = IOSQE_IO_LINK;
	io_uring_prep_write(io_uring_get_sqe(&ring), 2, "rest", 4, 0);
	return one(&ring) == -EPIPE && one(&ring) == -ECANCELED ? 0 : 6;
}

static void failed(void **state)
{
	pid_t pid = run(*state, child_failed, NULL, NONE, 0, 0);
	struct rig_rec *r;

	rig_each((struct rig *)*state, BT_REC_DATA, pid, r) fail_msg("data that never moved");
}

static int child_silent(void *arg)
{
	struct io_uring ring;

	if (open_place(PIPE, false) || io_uring_queue_init(8, &ring, 0))
		return 1;
	io_uring_prep_write(io_uring_get_sqe(&ring), FD, "12345", 5, 0);
	ring.sq.sqes[0].flags = IOSQE_CQE_SKIP_SUCCESS;
	return io_uring_submit(&ring) == 1 && read(PEER, (char[8]){ 0 }, 8) == 5 ? 0 : 2;
}

static void completed_in_silence(void **state)
{
	run(*state, child_silent, NULL, BT_LOSS_IO_URING, 1, 5);
}

/* 16 writes, room for 8 completions. */
static int child_overflow(void *arg)
{
	struct io_uring_params params = { .flags = IORING_SETUP_CQSIZE, .cq_entries = 8 };
	struct io_uring ring;

	if (open_place(PIPE, false) || io_uring_queue_init_params(8, &ring, &params))
		return 1;
	for (int i = 0; i < 2; i++) {
		for (int j = 0; j < 8; j++)
			io_uring_prep_write(io_uring_get_sqe(&ring), FD, "123", 3, 0);
		if (io_uring_submit(&ring) != 8)
			return 2;
	}
	for (int i = 0; i < 16; i++)
		if (one(&ring) != 3)
			return 3;
	return 0;
}

static void overflow(void **state)
{
	struct rig *rig = *state;
	struct rig_totals was, now;
	struct rig_bytes b;
	uint64_t lost;
	pid_t pid;

	rig_totals(rig, &was);
	pid = rig_run(rig, child_overflow, NULL);
	rig_totals(rig, &now);
	b = rig_bytes(rig, pid, FD, BT_DIR_OUT);
	lost = now.loss[BT_LOSS_IO_URING].bytes - was.loss[BT_LOSS_IO_URING].bytes;
	assert_int_equal(b.len + lost, 48);
	assert_true(b.len >= 24);
	free(b.p);
}

/* Closed before it is done: the request holds the file. */
static int child_closed(void *arg)
{
	struct io_uring ring;
	char buf[8];

	if (open_place(PIPE, true) || io_uring_queue_init(8, &ring, 0))
		return 1;
	io_uring_prep_read(io_uring_get_sqe(&ring), FD, buf, 8, 0);
	if (io_uring_submit(&ring) != 1 || close(FD) || write(PEER, "late", 4) != 4)
		return 2;
	return one(&ring) == 4 ? 0 : 3;
}

static void closed_meanwhile(void **state)
{
	pid_t pid = run(*state, child_closed, NULL, NONE, 0, 0);

	is_text(*state, pid, FD, BT_DIR_IN, "late");
}

/* A registered buffer is written from although nothing is mapped there any more. */
static int child_unmapped(void *arg)
{
	char *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct io_uring ring;

	if (p == MAP_FAILED || open_place(PIPE, false) || io_uring_queue_init(8, &ring, 0) ||
	    io_uring_register_buffers(&ring, &(struct iovec){ p, 4096 }, 1) || munmap(p, 4096))
		return 1;
	io_uring_prep_write_fixed(io_uring_get_sqe(&ring), FD, p, 100, 0, 0);
	return one(&ring) == 100 && write(FD, "after", 5) == 5 ? 0 : 2;
}

static void unmapped(void **state)
{
	pid_t pid = run(*state, child_unmapped, NULL, BT_LOSS_FAULT, 1, 100);
	struct rig_rec *r, *last = NULL;

	rig_each((struct rig *)*state, BT_REC_DATA, pid, r) last = r;
	assert_non_null(last);
	assert_int_equal(last->data.pos, 100);
}

static sem_t *submitted;

static int child_early(void *arg)
{
	struct io_uring ring;
	char buf[8];

	if (open_place(PIPE, true) || io_uring_queue_init(8, &ring, 0))
		return 1;
	io_uring_prep_read(io_uring_get_sqe(&ring), FD, buf, 8, 0);
	if (io_uring_submit(&ring) != 1)
		return 2;
	sem_post(&submitted[0]);
	rig_sem_wait(arg);
	if (write(PEER, "before", 6) != 6 || one(&ring) != 6)
		return 3;
	io_uring_prep_read(io_uring_get_sqe(&ring), FD, buf, 8, 0);
	return write(PEER, "then", 4) == 4 && one(&ring) == 4 ? 0 : 4;
}

/* A request that was under way when the watch began; the ring is then seen. */
static void before_the_watch(void **state)
{
	struct rig *rig = *state;
	sem_t *watched = rig_sem();
	struct rig_child child;
	struct rig_totals was;

	submitted = rig_sem();
	rig_totals(rig, &was);
	rig_fork(&child, child_early, watched);
	rig_go(&child);
	rig_sem_wait(submitted);
	rig_watch(rig, &child);
	sem_post(watched);
	rig_wait_exit(rig, child.pid);
	assert_int_equal(rig_reap(&child), 0);
	only_loss(rig, &was, BT_LOSS_IO_URING, 1, 6);
	is_text(rig, child.pid, FD, BT_DIR_IN, "then");
}

static int child_plain(void *arg)
{
	struct io_uring ring;
	int status = *(int *)arg;

	if (open_place(PIPE, false) || io_uring_queue_init(8, &ring, IORING_SETUP_SQPOLL))
		return 1;
	io_uring_prep_write(io_uring_get_sqe(&ring), FD, "nobody's", 8, 0);
	return one(&ring) == 8 ? status : 2;
}

static void unwatched(void **state)
{
	struct rig *rig = *state;
	struct rig_totals was, now;
	struct rig_child child;
	int status = 0;

	rig_totals(rig, &was);
	rig_fork(&child, child_plain, &status);
	rig_go(&child);
	assert_int_equal(rig_reap(&child), 0);
	rig_drain(rig);
	rig_totals(rig, &now);
	assert_int_equal(rig->n, 0);
	assert_memory_equal(&was, &now, sizeof(was));
}

static int child_splice(void *arg)
{
	struct io_uring ring;
	int p[2];

	if (open_place(PIPE, true) || pipe(p) || io_uring_queue_init(8, &ring, 0) ||
	    write(PEER, "spliced", 7) != 7)
		return 1;
	io_uring_prep_splice(io_uring_get_sqe(&ring), FD, -1, p[1], -1, 100, 0);
	return one(&ring) == 7 ? 0 : 2;
}

static void spliced(void **state)
{
	run(*state, child_splice, NULL, BT_LOSS_SPLICE, 1, 7);
}

/* --- addresses --- */

static int child_addresses(void *arg)
{
	struct sockaddr_in to, from;
	struct iovec iov = { "by message", 10 };
	struct msghdr msg = { &to, sizeof(to), &iov, 1, NULL, 0, 0 };
	struct io_uring_sqe *sqe;
	struct io_uring ring;
	char buf[16];

	if (open_udp(PEER, FD, &to) || io_uring_queue_init(8, &ring, 0))
		return 1;
	io_uring_prep_sendmsg(io_uring_get_sqe(&ring), FD, &msg, 0);
	if (one(&ring) != 10)
		return 2;
	sqe = io_uring_get_sqe(&ring);
	io_uring_prep_send_zc(sqe, FD, "to", 2, 0, 0);
	io_uring_prep_send_set_addr(sqe, (struct sockaddr *)&to, sizeof(to));
	if (one(&ring) != 2 || one(&ring) != 0)
		return 3;
	msg.msg_name = &from;
	iov = (struct iovec){ buf, sizeof(buf) };
	io_uring_prep_recvmsg(io_uring_get_sqe(&ring), PEER, &msg, 0);
	return one(&ring) == 10 ? 0 : 4;
}

static void addresses(void **state)
{
	pid_t pid = run(*state, child_addresses, NULL, NONE, 0, 0);
	struct rig_rec *r;
	unsigned int n = 0;

	rig_each((struct rig *)*state, BT_REC_DATA, pid, r)
	{
		struct sockaddr_in a;

		assert_int_equal(r->data.name_len, sizeof(a));
		memcpy(&a, r->tail + r->data.data_len, sizeof(a));
		assert_int_equal(a.sin_family, AF_INET);
		assert_int_equal(a.sin_addr.s_addr, htonl(INADDR_LOOPBACK));
		n++;
	}
	assert_int_equal(n, 3);
}

/* Peeked at, it comes again; a datagram cut off gives what there was room for. */
static int child_peek(void *arg)
{
	struct io_uring ring;
	char buf[4];

	if (open_place(UDP, false) || write(FD, "datagram", 8) != 8 ||
	    io_uring_queue_init(8, &ring, 0))
		return 1;
	io_uring_prep_recv(io_uring_get_sqe(&ring), PEER, buf, 4, MSG_PEEK);
	if (one(&ring) != 4)
		return 2;
	io_uring_prep_recv(io_uring_get_sqe(&ring), PEER, buf, 4, MSG_TRUNC);
	return one(&ring) == 8 ? 0 : 3;
}

static void peeked_and_cut(void **state)
{
	pid_t pid = run(*state, child_peek, NULL, NONE, 0, 0);

	is_text(*state, pid, PEER, BT_DIR_IN, "data");
}

/* --- which end --- */

static unsigned int roles(struct rig *rig, pid_t pid, unsigned int flag, int fd)
{
	unsigned int n = 0;
	struct rig_rec *r;

	rig_each(rig, BT_REC_FILE, pid, r)
	{
		if (!(r->file.flags & flag))
			continue;
		assert_int_equal(r->file.file.type, BT_FILE_TCP);
		assert_int_equal(r->file.fd, fd);
		n++;
	}
	return n;
}

enum accepting { ONCE, DIRECT, DIRECT_ANY, MANY, MANY_DIRECT };

static int child_accept(void *arg)
{
	enum accepting how = *(enum accepting *)arg;
	struct io_uring_sqe *sqe;
	struct io_uring ring;
	struct sockaddr_in a;

	if (at(loopback(SOCK_STREAM, &a), FD) || at(socket(AF_INET, SOCK_STREAM, 0), PEER) ||
	    io_uring_queue_init(8, &ring, 0) || io_uring_register_files_sparse(&ring, 8))
		return 1;
	/* The next descriptor is 202. */
	while (fcntl(0, F_DUPFD, 3) != 202)
		;
	close(202);
	sqe = io_uring_get_sqe(&ring);
	if (how == ONCE)
		io_uring_prep_accept(sqe, FD, NULL, NULL, 0);
	else if (how == DIRECT)
		io_uring_prep_accept_direct(sqe, FD, NULL, NULL, 0, 5);
	else if (how == DIRECT_ANY)
		io_uring_prep_accept_direct(sqe, FD, NULL, NULL, 0, IORING_FILE_INDEX_ALLOC - 1);
	else if (how == MANY)
		io_uring_prep_multishot_accept(sqe, FD, NULL, NULL, 0);
	else
		io_uring_prep_multishot_accept_direct(sqe, FD, NULL, NULL, 0);
	sqe->user_data = 1;
	if (io_uring_submit(&ring) != 1)
		return 2;
	io_uring_prep_connect(io_uring_get_sqe(&ring), PEER, (struct sockaddr *)&a, sizeof(a));
	if (one(&ring) < 0 || one(&ring) < 0)
		return 3;
	/* Through it, as its descriptor or its number. */
	sqe = io_uring_get_sqe(&ring);
	io_uring_prep_send(sqe,
			   how == DIRECT                ? 5
			   : how == ONCE || how == MANY ? 202
							: 0,
			   "hi", 2, 0);
	if (how != ONCE && how != MANY)
		sqe->flags = IOSQE_FIXED_FILE;
	return one(&ring) == 2 ? 0 : 4;
}

static void accepted_and_connected(void **state)
{
	enum accepting how[] = { ONCE, DIRECT, DIRECT_ANY, MANY, MANY_DIRECT };

	for (size_t i = 0; i < sizeof(how) / sizeof(*how); i++) {
		bool fd = how[i] == ONCE || how[i] == MANY;
		pid_t pid = run(*state, child_accept, &how[i], NONE, 0, 0);

		assert_int_equal(roles(*state, pid, BT_FILE_CONNECTED, PEER), 1);
		assert_int_equal(roles(*state, pid, BT_FILE_ACCEPTED, fd ? 202 : -1), 1);
		is_text(*state, pid, fd ? 202 : -1, BT_DIR_OUT, "hi");
	}
}

/* --- buffers that the kernel chooses --- */

#define GROUP 3
#define N_BUFS 4
#define BUF_LEN 64
/* A struct io_uring_recvmsg_out and the name behind it. */
#define OUT_LEN (16 + sizeof(struct sockaddr_in))

struct chosen {
	int op;
	bool ring; /* the buffers in a ring, else provided by a request */
	enum place place;
	unsigned int many; /* completions of the one request; 0: it has one */
	unsigned int ioprio;
	/* Where newer kernels keep the address of such a buffer nowhere until the end: it may be counted instead. */
	bool lossy;
};

static char buffers[N_BUFS][BUF_LEN];

static int provide(struct io_uring *ring, bool in_ring)
{
	struct io_uring_buf_reg reg = { .ring_entries = N_BUFS, .bgid = GROUP };
	struct io_uring_buf_ring *br;

	if (!in_ring) {
		io_uring_prep_provide_buffers(io_uring_get_sqe(ring), buffers, BUF_LEN, N_BUFS,
					      GROUP, 0);
		return one(ring);
	}
	br = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	reg.ring_addr = (uintptr_t)br;
	if (br == MAP_FAILED || io_uring_register_buf_ring(ring, &reg, 0))
		return -1;
	io_uring_buf_ring_init(br);
	/* Not in the order of their numbers. */
	for (unsigned int i = 0; i < N_BUFS; i++)
		io_uring_buf_ring_add(br, buffers[N_BUFS - 1 - i], BUF_LEN,
				      (unsigned short)(N_BUFS - 1 - i), N_BUFS - 1, (int)i);
	io_uring_buf_ring_advance(br, N_BUFS);
	return 0;
}

static const char *const said[] = { "the first", "a second", "and the third" };

static int child_chosen(void *arg)
{
	const struct chosen *c = arg;
	struct sockaddr_in from;
	struct iovec iov = { NULL, BUF_LEN };
	struct msghdr msg = { &from, sizeof(from), &iov, 1, NULL, 0, 0 };
	bool is_msg = c->op == IORING_OP_RECVMSG;
	unsigned int n = c->many ? c->many : 1;
	struct io_uring_sqe *sqe;
	struct io_uring ring;

	if (open_place(c->place, true) || io_uring_queue_init(8, &ring, 0))
		return 1;
	if (provide(&ring, c->ring))
		return 2;
	if (!has_op(&ring, c->op))
		return 0;
	if (!c->many && write(PEER, said[0], strlen(said[0])) < 0)
		return 3;
	if (is_msg && c->many)
		msg.msg_iovlen = 0;
	sqe = io_uring_get_sqe(&ring);
	io_uring_prep_rw(c->op, sqe, FD, is_msg ? &msg : NULL,
			 is_msg    ? 1
			 : c->many ? 0
				   : BUF_LEN,
			 0);
	sqe->flags = IOSQE_BUFFER_SELECT;
	sqe->buf_group = GROUP;
	sqe->ioprio = (uint16_t)c->ioprio;
	sqe->user_data = 77;
	for (unsigned int i = 0; i < n; i++) {
		size_t want = strlen(said[i]) + (is_msg && c->many ? OUT_LEN : 0);

		if (c->many && write(PEER, said[i], strlen(said[i])) < 0)
			return 4;
		if (one(&ring) != (int)want)
			return 5;
	}
	return 0;
}

static void one_choice(struct rig *rig, const struct chosen *c)
{
	struct rig_totals was, now;
	struct rig_bytes b;
	char want[128] = "";
	uint64_t lost;
	pid_t pid;

	rig_forget(rig);
	rig_totals(rig, &was);
	pid = rig_run(rig, child_chosen, (void *)c);
	rig_totals(rig, &now);
	lost = now.loss[BT_LOSS_IO_URING].bytes - was.loss[BT_LOSS_IO_URING].bytes;
	if (!c->lossy)
		only_loss(rig, &was, NONE, 0, 0);
	for (unsigned int j = 0; j < (c->many ? c->many : 1); j++)
		strcat(want, said[j]);
	b = rig_bytes(rig, pid, FD, BT_DIR_IN);
	/* Not every kernel has it. */
	if (c->op != OP_READ_MULTISHOT || b.len) {
		assert_int_equal(b.len + lost, strlen(want));
		assert_memory_equal(b.p ? b.p : "", want, b.len);
	}
	if (c->place == UDP)
		assert_int_equal(b.first->data.name_len, sizeof(struct sockaddr_in));
	free(b.p);
}

static void chosen_buffers(void **state)
{
	static const struct chosen cases[] = {
		{ IORING_OP_READ, false, PIPE, 0, 0, false },
		{ IORING_OP_READ, true, PIPE, 0, 0, false },
		{ IORING_OP_RECV, false, UNIX, 0, 0, true },
		{ IORING_OP_RECV, true, UNIX, 0, 0, false },
		{ IORING_OP_RECV, false, TCP, 3, IORING_RECV_MULTISHOT, false },
		{ IORING_OP_RECV, true, UNIX, 3, IORING_RECV_MULTISHOT, false },
		{ OP_READ_MULTISHOT, true, PIPE, 3, 0, false },
		{ IORING_OP_RECVMSG, true, UDP, 0, 0, false },
		{ IORING_OP_RECVMSG, true, UDP, 3, IORING_RECV_MULTISHOT, false },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		print_message("  case %zu\n", i);
		one_choice(*state, &cases[i]);
	}
}

/* One completion for what went into several buffers. */
static int child_bundle(void *arg)
{
	unsigned int many = *(unsigned int *)arg;
	char p[100];
	struct io_uring_sqe *sqe;
	struct io_uring ring;
	int res;

	if (open_place(UNIX, true) || io_uring_queue_init(8, &ring, 0) || provide(&ring, true))
		return 1;
	rig_pattern(p, sizeof(p), 5);
	if (write(PEER, p, sizeof(p)) != sizeof(p))
		return 2;
	sqe = io_uring_get_sqe(&ring);
	io_uring_prep_recv(sqe, FD, NULL, 0, 0);
	sqe->flags = IOSQE_BUFFER_SELECT;
	sqe->buf_group = GROUP;
	sqe->ioprio = (uint16_t)(RECVSEND_BUNDLE | many);
	res = one(&ring);
	/* Not every kernel has it, or fills more than one for a single receive. */
	if (res == -EINVAL)
		res = 0;
	while (res < (int)sizeof(p)) {
		int n = many && res ? one(&ring) : (int)read(FD, p, sizeof(p));

		if (n <= 0)
			return 3;
		res += n;
	}
	return 0;
}

static void bundles(void **state)
{
	unsigned int many[] = { 0, IORING_RECV_MULTISHOT };
	char want[100];

	rig_pattern(want, sizeof(want), 5);
	for (size_t i = 0; i < 2; i++) {
		pid_t pid = run(*state, child_bundle, &many[i], NONE, 0, 0);

		free(bytes_of(*state, pid, FD, BT_DIR_IN, want, sizeof(want)).p);
	}
}

/* Two receives for each other's completions. */
static int child_twins(void *arg)
{
	struct io_uring_sqe *sqe;
	struct io_uring ring;
	int p[2];

	if (open_place(UNIX, true) || socketpair(AF_UNIX, SOCK_STREAM, 0, p) ||
	    io_uring_queue_init(8, &ring, 0) || provide(&ring, true))
		return 1;
	for (int i = 0; i < 2; i++) {
		sqe = io_uring_get_sqe(&ring);
		io_uring_prep_recv_multishot(sqe, i ? FD : p[0], NULL, 0, 0);
		sqe->flags = IOSQE_BUFFER_SELECT;
		sqe->buf_group = GROUP;
		sqe->user_data = 5;
	}
	if (io_uring_submit(&ring) != 2 || write(PEER, "whose?", 6) != 6)
		return 2;
	return one(&ring) == 6 ? 0 : 3;
}

static void not_to_be_told_apart(void **state)
{
	run(*state, child_twins, NULL, BT_LOSS_IO_URING, 1, 6);
}

/* --- what only newer kernels have --- */

static int child_vectors(void *arg)
{
	struct iovec iov[2] = { { "in two ", 7 }, { "parts", 5 } };
	char *p = malloc(64);
	struct io_uring_sqe *sqe;
	struct io_uring ring;
	int res;

	if (open_place(TCP, false) || io_uring_queue_init(8, &ring, 0) ||
	    io_uring_register_buffers(&ring, &(struct iovec){ p, 64 }, 1))
		return 1;
	sqe = io_uring_get_sqe(&ring);
	io_uring_prep_send(sqe, FD, iov, 2, 0);
	sqe->ioprio = SEND_VECTORIZED;
	res = one(&ring);
	if (res == -EINVAL && write(FD, "in two parts", 12) == 12)
		res = 12;
	if (res != 12)
		return 2;
	memcpy(p, "registered", 10);
	iov[0] = (struct iovec){ p, 4 };
	iov[1] = (struct iovec){ p + 4, 6 };
	if (!has_op(&ring, OP_WRITEV_FIXED))
		return write(FD, p, 10) == 10 ? 0 : 3;
	io_uring_prep_rw(OP_WRITEV_FIXED, io_uring_get_sqe(&ring), FD, iov, 2, 0);
	return one(&ring) == 10 ? 0 : 4;
}

static void vectors(void **state)
{
	pid_t pid = run(*state, child_vectors, NULL, NONE, 0, 0);

	is_text(*state, pid, FD, BT_DIR_OUT, "in two partsregistered");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(linked, rig_group_forget),
		cmocka_unit_test_setup(reused_iovecs, rig_group_forget),
		cmocka_unit_test_setup(short_write, rig_group_forget),
		cmocka_unit_test_setup(failed, rig_group_forget),
		cmocka_unit_test_setup(completed_in_silence, rig_group_forget),
		cmocka_unit_test_setup(overflow, rig_group_forget),
		cmocka_unit_test_setup(closed_meanwhile, rig_group_forget),
		cmocka_unit_test_setup(unmapped, rig_group_forget),
		cmocka_unit_test_setup(before_the_watch, rig_group_forget),
		cmocka_unit_test_setup(unwatched, rig_group_forget),
		cmocka_unit_test_setup(spliced, rig_group_forget),
		cmocka_unit_test_setup(addresses, rig_group_forget),
		cmocka_unit_test_setup(peeked_and_cut, rig_group_forget),
		cmocka_unit_test_setup(accepted_and_connected, rig_group_forget),
		cmocka_unit_test_setup(chosen_buffers, rig_group_forget),
		cmocka_unit_test_setup(bundles, rig_group_forget),
		cmocka_unit_test_setup(not_to_be_told_apart, rig_group_forget),
		cmocka_unit_test_setup(vectors, rig_group_forget),
	};

	return cmocka_run_group_tests_name("uring-cases", tests, rig_group_open, rig_group_close);
}
