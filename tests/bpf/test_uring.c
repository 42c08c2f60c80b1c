/* SPDX-License-Identifier: BSD-2-Clause */
/* What goes through an io_uring, operation by operation: the same records as for the system call that does the same. */
#include "uring_rig.h"

#include <sys/uio.h>

#define MAX 200009

static const size_t sizes[] = { 1,
				200,
				BT_CHUNK_LEN - 1,
				BT_CHUNK_LEN,
				BT_CHUNK_LEN + 1,
				2 * BT_CHUNK_LEN - 1,
				2 * BT_CHUNK_LEN,
				2 * BT_CHUNK_LEN + 1,
				MAX };

#define N_SIZES (sizeof(sizes) / sizeof(*sizes))

/* One operation in all sizes. */
struct way {
	const char *name;
	int op;
	enum place place;
	enum bt_call call;
	size_t max; /* no size above this */
	unsigned int iovs;
	unsigned int setup; /* IORING_SETUP_* */
	unsigned int flags; /* IOSQE_* */
	bool at;            /* with a file offset */
	bool registered;    /* the file */
};

/* `len` bytes at `p` cut into n pieces, as unlike as can be. */
static void cut(struct iovec *iov, unsigned int n, char *p, size_t len)
{
	for (unsigned int i = 0; i < n; i++) {
		iov[i].iov_base = p;
		iov[i].iov_len = i + 1 == n ? len : len / (n + i);
		p += iov[i].iov_len;
		len -= iov[i].iov_len;
	}
}

static void prepare(struct io_uring *ring, const struct way *w, char *p, size_t len, size_t off)
{
	static struct iovec iov[64];
	static struct msghdr msg;
	struct io_uring_sqe *sqe = io_uring_get_sqe(ring);
	int fd = w->registered ? 0 : FD;

	io_uring_prep_rw(w->op, sqe, fd, p, (unsigned int)len, w->at ? off : (uint64_t)-1);
	if (w->iovs) {
		cut(iov, w->iovs, p, len);
		sqe->addr = (uintptr_t)iov;
		sqe->len = w->iovs;
	}
	switch (w->op) {
	case IORING_OP_SENDMSG:
	case IORING_OP_SENDMSG_ZC:
	case IORING_OP_RECVMSG:
		msg = (struct msghdr){ .msg_iov = iov, .msg_iovlen = w->iovs };
		sqe->addr = (uintptr_t)&msg;
		sqe->len = 1;
		sqe->off = 0;
		break;
	case IORING_OP_SEND:
	case IORING_OP_SEND_ZC:
	case IORING_OP_RECV:
		sqe->off = 0;
		break;
	case IORING_OP_WRITE_FIXED:
	case IORING_OP_READ_FIXED:
		sqe->buf_index = 1;
		break;
	default:
		break;
	}
	sqe->flags = (uint8_t)(w->flags | (w->registered ? IOSQE_FIXED_FILE : 0));
	/* A link of nothing and this. */
	if (w->flags & IOSQE_IO_LINK) {
		struct io_uring_sqe *last = io_uring_get_sqe(ring);

		io_uring_prep_nop(last);
	}
}

static int open_ring(struct io_uring *ring, const struct way *w, char *p)
{
	const struct iovec bufs[2] = { { p, 16 }, { p, MAX } };
	const int file = FD;

	if (io_uring_queue_init(8, ring, w->setup) || io_uring_register_buffers(ring, bufs, 2) ||
	    (w->registered && io_uring_register_files(ring, &file, 1)))
		return -1;
	return 0;
}

/* A zero-copy send has a second completion, of which nothing is made. */
static int result(struct io_uring *ring, const struct way *w)
{
	int res = one(ring);

	if (w->flags & IOSQE_IO_LINK && one(ring))
		return -9998;
	if ((w->op == IORING_OP_SEND_ZC || w->op == IORING_OP_SENDMSG_ZC) && res > 0)
		one(ring);
	return res;
}

static int child_write(void *arg)
{
	const struct way *w = arg;
	char *p = malloc(MAX), *back = malloc(MAX);
	struct io_uring ring;
	size_t off = 0;

	if (!p || !back || open_place(w->place, false) || open_ring(&ring, w, p))
		return 1;
	fcntl(PEER, F_SETPIPE_SZ, 1 << 20);
	for (unsigned int i = 0; i < N_SIZES; i++) {
		size_t got = 0;

		if (sizes[i] > w->max)
			continue;
		rig_pattern(p, sizes[i], i);
		prepare(&ring, w, p, sizes[i], off);
		if (result(&ring, w) != (int)sizes[i])
			return 2;
		off += sizes[i];
		while (w->place != FILE_AT && got < sizes[i]) {
			ssize_t n = read(PEER, back, MAX);

			if (n <= 0)
				return 3;
			got += (size_t)n;
		}
	}
	return 0;
}

static int child_read(void *arg)
{
	const struct way *w = arg;
	char *p = malloc(MAX);
	struct io_uring ring;
	size_t off = 0;

	if (!p || open_place(w->place, true) || open_ring(&ring, w, p))
		return 1;
	fcntl(PEER, F_SETPIPE_SZ, 1 << 20);
	for (unsigned int i = 0; i < N_SIZES; i++) {
		if (sizes[i] > w->max)
			continue;
		rig_pattern(p, sizes[i], i);
		if (write(PEER, p, sizes[i]) != (ssize_t)sizes[i])
			return 2;
		memset(p, 0, sizes[i]);
		prepare(&ring, w, p, sizes[i], off);
		if (result(&ring, w) != (int)sizes[i])
			return 3;
		off += sizes[i];
	}
	return 0;
}

/* All that was moved is there, as one call each. */
static void check(struct rig *rig, const struct way *w, pid_t pid)
{
	enum bt_dir dir = w->call < BT_CALL_READ ? BT_DIR_OUT : BT_DIR_IN;
	struct rig_bytes b = rig_bytes(rig, pid, w->registered ? -1 : FD, dir);
	char *want = malloc(MAX);
	size_t off = 0, calls = 0;
	struct rig_rec *r;

	assert_non_null(want);
	for (unsigned int i = 0; i < N_SIZES; i++) {
		if (sizes[i] > w->max)
			continue;
		rig_pattern(want, sizes[i], i);
		assert_true(off + sizes[i] <= b.len);
		assert_memory_equal(b.p + off, want, sizes[i]);
		off += sizes[i];
		calls++;
	}
	assert_int_equal(b.len, off);
	assert_int_equal(b.calls, calls);
	rig_each(rig, BT_REC_DATA, pid, r)
	{
		if (r->data.fd != (w->registered ? -1 : FD) || r->data.dir != dir)
			continue;
		assert_int_equal(r->data.call, w->call);
		assert_int_equal(r->hdr.tgid, pid);
		assert_int_equal(r->hdr.tid, pid);
		assert_string_equal(r->hdr.comm, "test_uring");
		if (w->at)
			assert_int_equal(r->data.off, r->data.pos);
		else
			assert_int_equal(r->data.off, -1);
	}
	free(b.p);
	free(want);
}

static void all_sizes(struct rig *rig, const struct way *w)
{
	bool out = w->call < BT_CALL_READ;
	struct rig_totals was;

	rig_forget(rig);
	rig_totals(rig, &was);
	print_message("  %s\n", w->name);
	check(rig, w, rig_run(rig, out ? child_write : child_read, (void *)w));
	only_loss(rig, &was, NONE, 0, 0);
}

#define EACH(rig, ...)                                                                             \
	do {                                                                                       \
		static const struct way ways[] = { __VA_ARGS__ };                                  \
                                                                                                   \
		for (size_t i = 0; i < sizeof(ways) / sizeof(*ways); i++)                          \
			all_sizes(rig, &ways[i]);                                                  \
	} while (0)

#define OP(o, where, c, most, ...)                                                                 \
	{                                                                                          \
		.name = #o " " #where " " #__VA_ARGS__, .op = IORING_OP_##o, .place = where,       \
		.call = BT_CALL_##c, .max = most, __VA_ARGS__                                      \
	}

static void writes(void **state)
{
	EACH(*state, OP(WRITE, FILE_AT, PWRITE64, MAX, .at = true), OP(WRITE, FILE_AT, WRITE, MAX),
	     OP(WRITE, PIPE, WRITE, MAX), OP(WRITE, UNIX, WRITE, 40000),
	     OP(WRITE, TCP, WRITE, 40000), OP(WRITE_FIXED, FILE_AT, PWRITE64, MAX, .at = true),
	     OP(WRITE_FIXED, PIPE, WRITE, MAX),
	     OP(WRITEV, FILE_AT, PWRITEV, MAX, .at = true, .iovs = 1),
	     OP(WRITEV, FILE_AT, WRITEV, MAX, .iovs = 7), OP(WRITEV, PIPE, WRITEV, MAX, .iovs = 8),
	     OP(WRITEV, PIPE, WRITEV, MAX, .iovs = 9), OP(WRITEV, TCP, WRITEV, 40000, .iovs = 64));
}

static void sends(void **state)
{
	EACH(*state, OP(SEND, UNIX, SENDTO, 40000), OP(SEND, TCP, SENDTO, 40000),
	     OP(SENDMSG, UNIX, SENDMSG, 40000, .iovs = 3),
	     OP(SENDMSG, TCP, SENDMSG, 40000, .iovs = 9), OP(SEND_ZC, TCP, SENDTO, 40000),
	     OP(SENDMSG_ZC, TCP, SENDMSG, 40000, .iovs = 2), OP(SEND, UDP, SENDTO, 20000),
	     OP(SEND_ZC, UDP, SENDTO, 20000));
}

static void reads(void **state)
{
	EACH(*state, OP(READ, FILE_AT, PREAD64, MAX, .at = true), OP(READ, FILE_AT, READ, MAX),
	     OP(READ, PIPE, READ, MAX), OP(READ, TCP, READ, 200),
	     OP(READ_FIXED, FILE_AT, PREAD64, MAX, .at = true), OP(READ_FIXED, PIPE, READ, MAX),
	     OP(READV, FILE_AT, PREADV, MAX, .at = true, .iovs = 5),
	     OP(READV, PIPE, READV, MAX, .iovs = 20));
}

static void receives(void **state)
{
	EACH(*state, OP(RECV, UNIX, RECVFROM, 40000), OP(RECV, TCP, RECVFROM, 200),
	     OP(RECVMSG, UNIX, RECVMSG, 40000, .iovs = 4),
	     OP(RECVMSG, UNIX, RECVMSG, 40000, .iovs = 12));
}

static void registered_files(void **state)
{
	EACH(*state, OP(WRITE, FILE_AT, PWRITE64, MAX, .at = true, .registered = true),
	     OP(WRITE_FIXED, PIPE, WRITE, MAX, .registered = true),
	     OP(SEND, TCP, SENDTO, 40000, .registered = true),
	     OP(SENDMSG, UNIX, SENDMSG, 40000, .iovs = 2, .registered = true),
	     OP(RECV, UNIX, RECVFROM, 40000, .registered = true),
	     OP(READ, PIPE, READ, MAX, .registered = true));
}

/* By the kernel's own threads in the process. */
static void workers(void **state)
{
	EACH(*state, OP(WRITE, FILE_AT, PWRITE64, MAX, .at = true, .flags = IOSQE_ASYNC),
	     OP(WRITE, PIPE, WRITE, MAX, .flags = IOSQE_ASYNC),
	     OP(WRITEV, PIPE, WRITEV, MAX, .iovs = 9, .flags = IOSQE_ASYNC),
	     OP(SENDMSG, TCP, SENDMSG, 40000, .iovs = 2, .flags = IOSQE_ASYNC),
	     OP(READ, PIPE, READ, MAX, .flags = IOSQE_ASYNC),
	     OP(RECVMSG, UNIX, RECVMSG, 40000, .iovs = 2, .flags = IOSQE_ASYNC));
}

static void submission_thread(void **state)
{
	EACH(*state, OP(WRITE, FILE_AT, PWRITE64, MAX, .at = true, .setup = IORING_SETUP_SQPOLL),
	     OP(WRITE, PIPE, WRITE, MAX, .setup = IORING_SETUP_SQPOLL, .registered = true),
	     OP(WRITEV, PIPE, WRITEV, MAX, .iovs = 9, .setup = IORING_SETUP_SQPOLL),
	     OP(SEND, TCP, SENDTO, 40000, .setup = IORING_SETUP_SQPOLL),
	     OP(RECV, UNIX, RECVFROM, 40000, .setup = IORING_SETUP_SQPOLL),
	     OP(READ, PIPE, READ, MAX, .setup = IORING_SETUP_SQPOLL, .flags = IOSQE_ASYNC));
}

static void deferred(void **state)
{
	EACH(*state,
	     OP(WRITE, PIPE, WRITE, MAX,
		.setup = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN,
		.flags = IOSQE_ASYNC),
	     OP(RECV, UNIX, RECVFROM, 40000,
		.setup = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN),
	     OP(SEND, TCP, SENDTO, 40000, .flags = IOSQE_IO_LINK),
	     OP(WRITE, FILE_AT, PWRITE64, MAX, .at = true, .flags = IOSQE_IO_LINK | IOSQE_ASYNC));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(writes, rig_group_forget),
		cmocka_unit_test_setup(sends, rig_group_forget),
		cmocka_unit_test_setup(reads, rig_group_forget),
		cmocka_unit_test_setup(receives, rig_group_forget),
		cmocka_unit_test_setup(registered_files, rig_group_forget),
		cmocka_unit_test_setup(workers, rig_group_forget),
		cmocka_unit_test_setup(submission_thread, rig_group_forget),
		cmocka_unit_test_setup(deferred, rig_group_forget),
	};

	return cmocka_run_group_tests_name("uring", tests, rig_group_open, rig_group_close);
}
