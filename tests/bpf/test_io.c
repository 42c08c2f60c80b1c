/* SPDX-License-Identifier: BSD-2-Clause */
/* Every one of the sixteen calls, byte by byte, at every size where a bound could be off by one. */
#include "rig.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/uio.h>

/* Where the child has what it writes to: above all that the capture has open. */
#define FD 200
#define FD2 201

static int scratch_file(int flags)
{
	char path[] = "/tmp/beartrap-io-XXXXXX";
	int fd = mkostemp(path, flags);

	if (fd < 0 || unlink(path))
		return -1;
	return fd;
}

static const size_t sizes[] = { 1,     2,     63,    64,    65,    200,    4095,   4096,
				4097,  8191,  8192,  8193,  16383, 16384,  16385,  32767,
				32768, 32769, 65535, 65536, 65537, 200009, 5000001 };
#define N_SIZES (sizeof(sizes) / sizeof(*sizes))
#define MAX_SIZE 5000001

static int child_write_sizes(void *arg)
{
	int fd = scratch_file(0);
	char *p = malloc(MAX_SIZE + 64);

	if (fd < 0 || dup2(fd, FD) != FD || !p)
		return 1;
	for (size_t i = 0; i < N_SIZES; i++) {
		/* Not page aligned, and differently each time. */
		rig_pattern(p + i, sizes[i], i);
		if (write(FD, p + i, sizes[i]) != (ssize_t)sizes[i])
			return 2;
	}
	return 0;
}

static void check_sizes(struct rig *rig, pid_t pid, enum bt_dir dir, enum bt_call call)
{
	struct rig_bytes b = rig_bytes(rig, pid, FD, dir);
	char *want = malloc(MAX_SIZE);
	size_t at = 0, recs = 0;

	assert_non_null(want);
	for (size_t i = 0; i < N_SIZES; i++) {
		rig_pattern(want, sizes[i], i);
		assert_true(at + sizes[i] <= b.len);
		assert_memory_equal(b.p + at, want, sizes[i]);
		at += sizes[i];
		recs += (sizes[i] + BT_CHUNK_LEN - 1) / BT_CHUNK_LEN;
	}
	assert_int_equal(b.len, at);
	assert_int_equal(b.calls, N_SIZES);
	assert_int_equal(b.recs, recs);
	assert_int_equal(b.pos, 0);
	assert_int_equal(b.first->data.call, call);
	assert_int_equal(b.first->data.file.type, BT_FILE_REG);
	free(want);
	free(b.p);
}

static void write_sizes(void **state)
{
	struct rig *rig = *state;
	pid_t pid = rig_run(rig, child_write_sizes, NULL);
	struct rig_rec *r;
	uint64_t call_end = 0;

	check_sizes(rig, pid, BT_DIR_OUT, BT_CALL_WRITE);
	rig_each(rig, BT_REC_DATA, pid, r)
	{
		if (r->data.fd != FD)
			continue;
		assert_int_equal(r->data.call_off, call_end);
		call_end += r->data.data_len;
		assert_int_equal(r->data.last, call_end == r->data.call_len);
		if (r->data.last)
			call_end = 0;
		assert_int_equal(r->data.off, UINT64_MAX);
	}
	rig_no_loss(rig);
}

static int child_read_sizes(void *arg)
{
	int fd = scratch_file(0);
	char *p = malloc(MAX_SIZE + 64);

	if (fd < 0 || !p)
		return 1;
	for (size_t i = 0; i < N_SIZES; i++) {
		rig_pattern(p, sizes[i], i);
		if (write(fd, p, sizes[i]) != (ssize_t)sizes[i])
			return 2;
	}
	if (lseek(fd, 0, SEEK_SET) || dup2(fd, FD) != FD)
		return 3;
	memset(p, 0, MAX_SIZE + 64);
	for (size_t i = 0; i < N_SIZES; i++)
		if (read(FD, p + i, sizes[i]) != (ssize_t)sizes[i])
			return 4;
	return read(FD, p, 1) ? 5 : 0;
}

static void read_sizes(void **state)
{
	pid_t pid = rig_run(*state, child_read_sizes, NULL);

	check_sizes(*state, pid, BT_DIR_IN, BT_CALL_READ);
	rig_no_loss(*state);
}

/* The vector calls, over iovecs that are empty, tiny, and longer than a record. */
static const size_t pieces[] = { 0, 1, 0, 3, 4096, 0, 16384, 5, 16383, 40000, 0, 7, 0 };
#define N_PIECES (sizeof(pieces) / sizeof(*pieces))
#define ALL_PIECES (1 + 3 + 4096 + 16384 + 5 + 16383 + 40000 + 7)

struct vec {
	struct iovec iov[N_PIECES];
	char *p;
};

static int vec_init(struct vec *v, bool fill)
{
	size_t at = 0;

	v->p = malloc(ALL_PIECES * 2);
	if (!v->p)
		return -1;
	if (fill)
		rig_pattern(v->p, ALL_PIECES * 2, 9);
	for (size_t i = 0; i < N_PIECES; i++) {
		/* Apart from each other: a piece too long would show foreign bytes. */
		v->iov[i] = (struct iovec){ v->p + 2 * at, pieces[i] };
		at += pieces[i];
	}
	return 0;
}

static void vec_expect(char *want)
{
	char *p = malloc(ALL_PIECES * 2);
	size_t at = 0;

	assert_non_null(p);
	rig_pattern(p, ALL_PIECES * 2, 9);
	for (size_t i = 0; i < N_PIECES; i++) {
		memcpy(want + at, p + 2 * at, pieces[i]);
		at += pieces[i];
	}
	assert_int_equal(at, ALL_PIECES);
	free(p);
}

static int child_vectors_out(void *arg)
{
	struct vec v;

	if (vec_init(&v, true))
		return 1;
	for (int i = 0; i < 3; i++)
		if (dup2(scratch_file(0), FD + i) != FD + i)
			return 2;
	if (writev(FD, v.iov, N_PIECES) != ALL_PIECES)
		return 3;
	if (pwritev(FD + 1, v.iov, N_PIECES, 12345) != ALL_PIECES)
		return 4;
	if (pwritev2(FD + 2, v.iov, N_PIECES, -1, 0) != ALL_PIECES)
		return 5;
	if (pwritev2(FD + 2, v.iov, N_PIECES, 99999, 0) != ALL_PIECES)
		return 6;
	return 0;
}

static void check_vector(struct rig *rig, pid_t pid, int fd, enum bt_dir dir, enum bt_call call,
			 uint64_t off, size_t calls)
{
	struct rig_bytes b = rig_bytes(rig, pid, fd, dir);
	char *want = malloc(ALL_PIECES);

	assert_non_null(want);
	vec_expect(want);
	assert_int_equal(b.len, calls * ALL_PIECES);
	for (size_t i = 0; i < calls; i++)
		assert_memory_equal(b.p + i * ALL_PIECES, want, ALL_PIECES);
	assert_int_equal(b.calls, calls);
	/* Gathered: as few records as a plain write of the same length. */
	assert_int_equal(b.recs, calls * ((ALL_PIECES + BT_CHUNK_LEN - 1) / BT_CHUNK_LEN));
	assert_int_equal(b.first->data.call, call);
	assert_int_equal(b.first->data.off, off);
	free(want);
	free(b.p);
}

static void vectors_out(void **state)
{
	pid_t pid = rig_run(*state, child_vectors_out, NULL);

	check_vector(*state, pid, FD, BT_DIR_OUT, BT_CALL_WRITEV, UINT64_MAX, 1);
	check_vector(*state, pid, FD + 1, BT_DIR_OUT, BT_CALL_PWRITEV, 12345, 1);
	check_vector(*state, pid, FD + 2, BT_DIR_OUT, BT_CALL_PWRITEV2, UINT64_MAX, 2);
	rig_no_loss(*state);
}

static int child_vectors_in(void *arg)
{
	struct vec v, w;
	int fd = scratch_file(0);

	if (vec_init(&v, true) || vec_init(&w, false) || fd < 0)
		return 1;
	if (pwritev(fd, v.iov, N_PIECES, 0) != ALL_PIECES)
		return 2;
	for (int i = 0; i < 3; i++)
		if (dup2(fd, FD + i) != FD + i)
			return 3;
	if (readv(FD, w.iov, N_PIECES) != ALL_PIECES)
		return 4;
	if (preadv(FD + 1, w.iov, N_PIECES, 0) != ALL_PIECES)
		return 5;
	if (preadv2(FD + 2, w.iov, N_PIECES, 0, 0) != ALL_PIECES)
		return 6;
	return 0;
}

/* Three calls on one open file: its position counts all of them. */
static void vectors_in(void **state)
{
	static const enum bt_call calls[] = { BT_CALL_READV, BT_CALL_PREADV, BT_CALL_PREADV2 };
	pid_t pid = rig_run(*state, child_vectors_in, NULL);

	uint64_t base = 0;

	for (int i = 0; i < 3; i++) {
		struct rig_bytes b;

		check_vector(*state, pid, FD + i, BT_DIR_IN, calls[i], i ? 0 : UINT64_MAX, 1);
		b = rig_bytes(*state, pid, FD + i, BT_DIR_IN);
		if (!i)
			base = b.pos;
		assert_int_equal(b.pos, base + (uint64_t)i * ALL_PIECES);
		free(b.p);
	}
	rig_no_loss(*state);
}

static int child_positioned(void *arg)
{
	char p[5000];

	rig_pattern(p, sizeof(p), 4);
	if (dup2(scratch_file(0), FD) != FD || dup2(scratch_file(O_APPEND), FD2) != FD2)
		return 1;
	if (pwrite(FD, p, sizeof(p), 777) != sizeof(p))
		return 2;
	if (pread(FD, p, sizeof(p), 777) != sizeof(p))
		return 3;
	if (pwrite(FD2, p, 100, 5) != 100 || write(FD2, p, 50) != 50)
		return 4;
	return 0;
}

static void positioned(void **state)
{
	struct rig *rig = *state;
	pid_t pid = rig_run(rig, child_positioned, NULL);
	static const enum bt_call calls[] = { BT_CALL_PWRITE64, BT_CALL_PREAD64 };
	char want[5000];
	struct rig_bytes b;
	struct rig_rec *r;
	bool append = false;

	rig_pattern(want, sizeof(want), 4);
	for (int dir = 0; dir < 2; dir++) {
		b = rig_bytes(rig, pid, FD, dir);
		assert_int_equal(b.len, sizeof(want));
		assert_memory_equal(b.p, want, sizeof(want));
		assert_int_equal(b.first->data.call, calls[dir]);
		assert_int_equal(b.first->data.off, 777);
		free(b.p);
	}
	b = rig_bytes(rig, pid, FD2, BT_DIR_OUT);
	assert_int_equal(b.len, 150);
	assert_int_equal(b.recs, 2);
	free(b.p);
	rig_each(rig, BT_REC_FILE, pid, r) if (r->file.fd == FD2) append =
		r->file.open_flags & O_APPEND;
	assert_true(append);
	rig_no_loss(rig);
}

static int child_many_iovecs(void *arg)
{
	static char p[1024 * 3];
	struct iovec iov[1024];

	rig_pattern(p, sizeof(p), 2);
	for (int i = 0; i < 1024; i++)
		iov[i] = (struct iovec){ p + 3 * i, 3 };
	if (dup2(scratch_file(0), FD) != FD)
		return 1;
	return writev(FD, iov, 1024) == sizeof(p) ? 0 : 2;
}

static void many_iovecs(void **state)
{
	pid_t pid = rig_run(*state, child_many_iovecs, NULL);
	struct rig_bytes b = rig_bytes(*state, pid, FD, BT_DIR_OUT);
	char want[1024 * 3];

	rig_pattern(want, sizeof(want), 2);
	assert_int_equal(b.len, sizeof(want));
	assert_memory_equal(b.p, want, sizeof(want));
	assert_int_equal(b.recs, 1);
	free(b.p);
	rig_no_loss(*state);
}

/* A pipe with room for less than is written: only what went in counts. */
static int child_short_write(void *arg)
{
	static char p[200000];
	struct iovec iov[2] = { { p, 50000 }, { p + 50000, 150000 } };
	int a[2], b[2];

	rig_pattern(p, sizeof(p), 7);
	if (pipe2(a, O_NONBLOCK) || pipe2(b, O_NONBLOCK) || dup2(a[1], FD) != FD ||
	    dup2(b[1], FD2) != FD2)
		return 1;
	if (write(FD, p, sizeof(p)) != 65536)
		return 2;
	if (write(FD, p, sizeof(p)) != -1 || errno != EAGAIN)
		return 3;
	if (read(a[0], p, 4096) != 4096)
		return 4;
	rig_pattern(p, sizeof(p), 7);
	if (write(FD, p + 65536, 100000) != 4096)
		return 5;
	return writev(FD2, iov, 2) == 65536 ? 0 : 6;
}

static void short_write(void **state)
{
	pid_t pid = rig_run(*state, child_short_write, NULL);
	char *want = malloc(200000);

	assert_non_null(want);
	rig_pattern(want, 200000, 7);
	for (int i = 0; i < 2; i++) {
		struct rig_bytes b = rig_bytes(*state, pid, FD + i, BT_DIR_OUT);
		size_t len = i ? 65536 : 65536 + 4096;

		assert_int_equal(b.len, len);
		assert_memory_equal(b.p, want, len);
		assert_int_equal(b.first->data.file.type, BT_FILE_PIPE);
		free(b.p);
	}
	free(want);
	rig_no_loss(*state);
}

static int child_sockets(void *arg)
{
	static char p[40000];
	struct iovec iov[3] = { { p, 10 }, { NULL, 0 }, { p + 10, 30000 } };
	struct iovec in[2] = { { p, 7 }, { p + 7, 40000 - 7 } };
	struct msghdr out_msg = { .msg_iov = iov, .msg_iovlen = 3 };
	struct msghdr in_msg = { .msg_iov = in, .msg_iovlen = 2 };
	int s[2], size = 1 << 20;

	rig_pattern(p, sizeof(p), 11);
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, s) || dup2(s[0], FD) != FD ||
	    dup2(s[1], FD2) != FD2)
		return 1;
	if (setsockopt(FD, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)))
		return 2;
	if (send(FD, p, 20000, 0) != 20000)
		return 3;
	if (recv(FD2, p, 100, MSG_PEEK) != 100)
		return 4;
	if (recv(FD2, p, sizeof(p), 0) != 20000)
		return 5;
	rig_pattern(p, sizeof(p), 11);
	if (sendmsg(FD, &out_msg, 0) != 30010)
		return 6;
	return recvmsg(FD2, &in_msg, 0) == 30010 ? 0 : 7;
}

static void sockets(void **state)
{
	struct rig *rig = *state;
	struct rig_totals before, after;
	char want[40000];
	pid_t pid;

	rig_totals(rig, &before);
	pid = rig_run(rig, child_sockets, NULL);
	rig_pattern(want, sizeof(want), 11);
	for (int i = 0; i < 2; i++) {
		struct rig_bytes b = rig_bytes(rig, pid, FD + i, i ? BT_DIR_IN : BT_DIR_OUT);
		struct rig_rec *r;
		size_t n[BT_CALL_MAX] = { 0 };

		assert_int_equal(b.len, 50010);
		assert_memory_equal(b.p, want, 20000);
		assert_memory_equal(b.p + 20000, want, 30010);
		assert_int_equal(b.calls, 2);
		assert_int_equal(b.first->data.file.type, BT_FILE_UNIX);
		assert_int_equal(b.first->data.file.obj, b.first->data.file.ino);
		rig_each(rig, BT_REC_DATA, pid, r) n[r->data.call] += r->data.data_len;
		assert_int_equal(n[BT_CALL_SENDTO], 20000);
		assert_int_equal(n[BT_CALL_SENDMSG], 30010);
		assert_int_equal(n[BT_CALL_RECVFROM], 20000);
		assert_int_equal(n[BT_CALL_RECVMSG], 30010);
		free(b.p);
	}
	/* What was only peeked at came once. */
	rig_totals(rig, &after);
	assert_int_equal(after.seen[BT_SEEN_SKIPPED].bytes - before.seen[BT_SEEN_SKIPPED].bytes,
			 100);
	rig_no_loss(rig);
}

#define N_MSGS 40

static size_t msg_len(size_t i)
{
	return i % 5 ? i * 100 : 0;
}

static struct sockaddr_in loopback(unsigned short port)
{
	return (struct sockaddr_in){
		.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
}

static int child_datagrams(void *arg)
{
	struct sockaddr_in to = loopback(0), from[N_MSGS];
	struct mmsghdr out[N_MSGS], in[N_MSGS];
	struct iovec iov[N_MSGS], iov_in[N_MSGS];
	static char p[N_MSGS * 100], q[N_MSGS][N_MSGS * 100];
	socklen_t len = sizeof(to);
	char small[10];
	int got = 0;

	memset(out, 0, sizeof(out));
	memset(in, 0, sizeof(in));
	rig_pattern(p, sizeof(p), 3);
	if (dup2(socket(AF_INET, SOCK_DGRAM, 0), FD) != FD ||
	    dup2(socket(AF_INET, SOCK_DGRAM, 0), FD2) != FD2)
		return 1;
	if (bind(FD2, (struct sockaddr *)&to, len) ||
	    getsockname(FD2, (struct sockaddr *)&to, &len))
		return 2;
	for (size_t i = 0; i < N_MSGS; i++) {
		iov[i] = (struct iovec){ p, msg_len(i) };
		out[i].msg_hdr = (struct msghdr){ .msg_name = &to,
						  .msg_namelen = sizeof(to),
						  .msg_iov = &iov[i],
						  .msg_iovlen = 1 };
		iov_in[i] = (struct iovec){ q[i], sizeof(q[i]) };
		in[i].msg_hdr = (struct msghdr){ .msg_name = &from[i],
						 .msg_namelen = sizeof(from[i]),
						 .msg_iov = &iov_in[i],
						 .msg_iovlen = 1 };
	}
	if (sendmmsg(FD, out, N_MSGS, 0) != N_MSGS)
		return 3;
	while (got < N_MSGS) {
		int n = recvmmsg(FD2, in + got, (unsigned int)(N_MSGS - got), 0, NULL);

		if (n <= 0)
			return 4;
		got += n;
	}
	/* One by address, of which the receiver takes only ten bytes though told the full length. */
	if (sendto(FD, p, 1000, 0, (struct sockaddr *)&to, sizeof(to)) != 1000)
		return 5;
	len = sizeof(from[0]);
	return recvfrom(FD2, small, sizeof(small), MSG_TRUNC, (struct sockaddr *)&from[0], &len) ==
			       1000
		       ? 0
		       : 6;
}

static void datagrams(void **state)
{
	struct rig *rig = *state;
	pid_t pid = rig_run(rig, child_datagrams, NULL);
	char want[N_MSGS * 100];

	rig_pattern(want, sizeof(want), 3);
	for (int dir = 0; dir < 2; dir++) {
		struct rig_rec *r;
		size_t i = 0;

		rig_each(rig, BT_REC_DATA, pid, r)
		{
			struct sockaddr_in name;

			if (r->data.dir != dir || r->data.fd != FD + dir)
				continue;
			assert_int_equal(r->data.file.type, BT_FILE_UDP);
			while (i < N_MSGS && !msg_len(i))
				i++;
			if (i < N_MSGS) {
				assert_int_equal(r->data.call,
						 dir ? BT_CALL_RECVMMSG : BT_CALL_SENDMMSG);
				assert_int_equal(r->data.data_len, msg_len(i));
			} else {
				assert_int_equal(r->data.call,
						 dir ? BT_CALL_RECVFROM : BT_CALL_SENDTO);
				assert_int_equal(r->data.data_len, dir ? 10 : 1000);
			}
			i++;
			assert_int_equal(r->data.last, 1);
			assert_int_equal(r->data.call_len, r->data.data_len);
			assert_memory_equal(r->tail, want, r->data.data_len);
			assert_int_equal(r->data.name_len, sizeof(name));
			memcpy(&name, r->tail + r->data.data_len, sizeof(name));
			assert_int_equal(name.sin_family, AF_INET);
			assert_int_equal(ntohl(name.sin_addr.s_addr), INADDR_LOOPBACK);
			assert_true(name.sin_port);
		}
		assert_int_equal(i, N_MSGS + 1);
	}
	rig_no_loss(rig);
}

/* A page that is gone by the time the probe looks costs that page, not the call. */
static int child_hole(void *arg)
{
	char *p = mmap(NULL, 64 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int fd = scratch_file(0);
	char *zero;

	if (p == MAP_FAILED || fd < 0 || ftruncate(fd, 64 * 4096))
		return 1;
	rig_pattern(p, 64 * 4096, 6);
	if (pwrite(fd, p, 64 * 4096, 0) != 64 * 4096 || dup2(fd, FD) != FD)
		return 2;
	/* Never touched: the kernel writes from the page cache's copy, the process has none mapped. */
	zero = mmap(NULL, 64 * 4096, PROT_READ, MAP_PRIVATE, fd, 0);
	if (zero == MAP_FAILED || madvise(zero, 64 * 4096, MADV_RANDOM))
		return 3;
	if (dup2(scratch_file(0), FD2) != FD2)
		return 4;
	return write(FD2, zero + 100, 3 * 4096) == 3 * 4096 ? 0 : 5;
}

/* Written from a file mapping that nobody has touched: by the call's end the kernel has mapped it. */
static void file_mapping(void **state)
{
	pid_t pid = rig_run(*state, child_hole, NULL);
	struct rig_bytes b = rig_bytes(*state, pid, FD2, BT_DIR_OUT);
	char *want = malloc(64 * 4096);

	assert_non_null(want);
	rig_pattern(want, 64 * 4096, 6);
	assert_int_equal(b.len, 3 * 4096);
	assert_memory_equal(b.p, want + 100, b.len);
	free(want);
	free(b.p);
	rig_no_loss(*state);
}

static int child_mute(void *arg)
{
	uint64_t one = 1;
	int fd = (int)syscall(SYS_eventfd2, 0, 0);
	int null = open("/dev/null", O_RDWR), zero = open("/dev/zero", O_RDONLY);

	if (dup2(fd, FD) != FD)
		return 1;
	if (write(FD, &one, 8) != 8 || read(FD, &one, 8) != 8)
		return 2;
	if (write(null, &one, 8) != 8 || read(zero, &one, 8) != 8)
		return 3;
	return 0;
}

static void mute_objects(void **state)
{
	struct rig *rig = *state;
	struct rig_totals before, after;
	struct rig_rec *r;
	pid_t pid;

	rig_totals(rig, &before);
	pid = rig_run(rig, child_mute, NULL);
	rig_totals(rig, &after);
	rig_each(rig, BT_REC_DATA, pid, r) fail_msg("data of fd %d", r->data.fd);
	assert_int_equal(after.seen[BT_SEEN_SKIPPED].events - before.seen[BT_SEEN_SKIPPED].events,
			 4);
	assert_int_equal(after.seen[BT_SEEN_SKIPPED].bytes - before.seen[BT_SEEN_SKIPPED].bytes,
			 32);
	rig_no_loss(rig);
}

#define WRITERS 4
#define WRITES 500

static void *thread_writes(void *arg)
{
	char p[100];

	memset(p, 'a' + (int)(intptr_t)arg, sizeof(p));
	for (size_t i = 0; i < WRITES; i++)
		if (write(FD, p, 1 + i % sizeof(p)) < 0)
			return arg;
	return NULL;
}

static int child_threads(void *arg)
{
	pthread_t t[WRITERS];

	if (dup2(scratch_file(O_APPEND), FD) != FD)
		return 1;
	for (intptr_t i = 0; i < WRITERS; i++)
		if (pthread_create(&t[i], NULL, thread_writes, (void *)i))
			return 2;
	for (size_t i = 0; i < WRITERS; i++)
		pthread_join(t[i], NULL);
	return 0;
}

/* Threads that write to one object at a time: their positions tile it, none twice, none left out. */
static void threads(void **state)
{
	struct rig *rig = *state;
	pid_t pid = rig_run(rig, child_threads, NULL);
	size_t all = WRITERS * WRITES / 100 * 5050, n = 0;
	char *seen = calloc(1, all);
	struct rig_rec *r;

	assert_non_null(seen);
	rig_each(rig, BT_REC_DATA, pid, r)
	{
		if (r->data.fd != FD)
			continue;
		assert_true(r->data.pos + r->data.data_len <= all);
		for (size_t i = 0; i < r->data.data_len; i++)
			assert_int_equal(seen[r->data.pos + i]++, 0);
		n += r->data.data_len;
	}
	assert_int_equal(n, all);
	free(seen);
	rig_no_loss(rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(write_sizes, rig_group_forget),
		cmocka_unit_test_setup(read_sizes, rig_group_forget),
		cmocka_unit_test_setup(vectors_out, rig_group_forget),
		cmocka_unit_test_setup(vectors_in, rig_group_forget),
		cmocka_unit_test_setup(positioned, rig_group_forget),
		cmocka_unit_test_setup(many_iovecs, rig_group_forget),
		cmocka_unit_test_setup(short_write, rig_group_forget),
		cmocka_unit_test_setup(sockets, rig_group_forget),
		cmocka_unit_test_setup(datagrams, rig_group_forget),
		cmocka_unit_test_setup(file_mapping, rig_group_forget),
		cmocka_unit_test_setup(mute_objects, rig_group_forget),
		cmocka_unit_test_setup(threads, rig_group_forget),
	};

	return cmocka_run_group_tests(tests, rig_group_open, rig_group_close);
}
