/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vmsplice, splice and tee out of pipes, process_vm_writev: bytes that no write call has, and that are known all the same;
 * or else are counted, never wrong ones given.
 */
#include "rig.h"

#include <sched.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>

#define FD 200
#define PIPE 210 /* its ends: PIPE and PIPE + 1 */
#define ROOM 65536

static char text[4 * ROOM];

/* A pipe at descriptors of its own. */
static bool a_pipe(int at)
{
	int p[2];

	if (pipe(p) || dup2(p[0], at) != at || dup2(p[1], at + 1) != at + 1)
		return false;
	close(p[0]);
	close(p[1]);
	return true;
}

static bool a_target(int fd)
{
	return dup2(fd, FD) == FD;
}

static bool a_socket(void)
{
	int p[2], big = 4 * ROOM;

	return !socketpair(AF_UNIX, SOCK_STREAM, 0, p) &&
	       !setsockopt(p[0], SOL_SOCKET, SO_SNDBUF, &big, sizeof(big)) && a_target(p[0]);
}

static bool put(int fd, const char *p, size_t len)
{
	return write(fd, p, len) == (ssize_t)len;
}

/* Moves exactly `len` bytes from `from` to `to`. */
static bool move(int from, int to, size_t len)
{
	while (len) {
		ssize_t n = splice(from, NULL, to, NULL, len, SPLICE_F_MOVE);

		if (n <= 0)
			return false;
		len -= (size_t)n;
	}
	return true;
}

static void expect(struct rig *rig, pid_t pid, const void *want, size_t len, enum bt_call call)
{
	struct rig_bytes b = rig_bytes(rig, pid, FD, BT_DIR_OUT);

	assert_int_equal(b.len, len);
	assert_memory_equal(b.p, want, len);
	assert_int_equal(b.first->data.call, call);
	free(b.p);
	rig_reconcile(rig);
}

static struct bt_counter lost(struct rig *rig, enum bt_loss which)
{
	struct rig_totals t;

	rig_totals(rig, &t);
	return t.loss[which];
}

/* Nothing of a target's stream is known, and `len` bytes are counted, as `which`. */
static void expect_lost(struct rig *rig, pid_t pid, struct bt_counter before, enum bt_loss which,
			size_t len)
{
	struct rig_bytes b = rig_bytes(rig, pid, FD, BT_DIR_OUT);

	assert_int_equal(b.len, 0);
	assert_int_equal(lost(rig, which).bytes - before.bytes, len);
	assert_true(lost(rig, which).events > before.events);
	rig_reconcile(rig);
}

/* --- vmsplice --- */

static const size_t sizes[] = { 1,        4096, BT_CHUNK_LEN - 1, BT_CHUNK_LEN, BT_CHUNK_LEN + 1,
				ROOM - 1, ROOM };

#define N_SIZES (sizeof(sizes) / sizeof(*sizes))

/* In two pieces each, and read again, by read and by the same call. */
static int child_vmsplice(void *arg)
{
	static char there[ROOM] __attribute__((aligned(4096)));
	static char page[4 * ROOM] __attribute__((aligned(4096)));

	memcpy(page, text, sizeof(page));
	if (!a_pipe(PIPE))
		return 1;
	for (size_t i = 0; i < N_SIZES; i++) {
		/* At the beginning of a page, so that a full pipe is 16 pages. */
		struct iovec from[2] = { { page, sizes[i] / 4096 / 2 * 4096 }, { NULL, 0 } };
		struct iovec to = { there, sizes[i] };
		size_t got = 0;

		from[1].iov_base = page + from[0].iov_len;
		from[1].iov_len = sizes[i] - from[0].iov_len;
		if (vmsplice(PIPE + 1, from, 2, 0) != (ssize_t)sizes[i])
			return 2;
		while (got < sizes[i]) {
			ssize_t n = i % 2 ? vmsplice(PIPE, &to, 1, 0)
					  : read(PIPE, to.iov_base, to.iov_len);

			if (n <= 0)
				return 3;
			got += (size_t)n;
			to.iov_base = there + got;
			to.iov_len = sizes[i] - got;
		}
		if (memcmp(there, text, sizes[i]))
			return 4;
	}
	return 0;
}

static void with_vmsplice(void **state)
{
	struct rig *rig = *state;
	pid_t pid = rig_run(rig, child_vmsplice, NULL);
	struct rig_bytes out = rig_bytes(rig, pid, PIPE + 1, BT_DIR_OUT);
	struct rig_bytes in = rig_bytes(rig, pid, PIPE, BT_DIR_IN);
	size_t at = 0;

	assert_int_equal(out.len, in.len);
	for (size_t i = 0; i < N_SIZES; i++) {
		assert_memory_equal(out.p + at, text, sizes[i]);
		assert_memory_equal(in.p + at, text, sizes[i]);
		at += sizes[i];
	}
	assert_int_equal(out.len, at);
	assert_int_equal(out.first->data.call, BT_CALL_VMSPLICE);
	rig_no_loss(rig);
	free(out.p);
	free(in.p);
}

/* --- splice, tee --- */

static int child_sizes(void *arg)
{
	if (!a_pipe(PIPE) || !a_target(memfd_create("sink", 0)))
		return 1;
	for (size_t i = 0; i < N_SIZES; i++)
		if (!put(PIPE + 1, text, sizes[i]) || !move(PIPE, FD, sizes[i]))
			return 2;
	return 0;
}

static void of_any_size(void **state)
{
	struct rig *rig = *state;
	pid_t pid = rig_run(rig, child_sizes, NULL);
	struct rig_bytes b = rig_bytes(rig, pid, FD, BT_DIR_OUT);
	size_t at = 0;

	for (size_t i = 0; i < N_SIZES; i++, at += sizes[i - 1])
		assert_memory_equal(b.p + at, text, sizes[i]);
	assert_int_equal(b.len, at);
	assert_int_equal(b.first->data.call, BT_CALL_SPLICE_PIPE);
	rig_no_loss(rig);
	free(b.p);
}

/* Piece by piece, some of it by read; and when there is nothing to take. */
static int child_pieces(void *arg)
{
	char c[7];

	if (!a_pipe(PIPE) || !a_socket() || !put(PIPE + 1, text, 100) || !move(PIPE, FD, 10))
		return 1;
	if (read(PIPE, c, 7) != 7 || !move(PIPE, FD, 1) || read(PIPE, c, 2) != 2)
		return 2;
	if (!put(PIPE + 1, text + 100, 50) || !move(PIPE, FD, 130))
		return 3;
	if (splice(PIPE, NULL, FD, NULL, 10, SPLICE_F_NONBLOCK) != -1 || errno != EAGAIN)
		return 4;
	return put(PIPE + 1, "end", 3) && move(PIPE, FD, 3) ? 0 : 5;
}

static void in_pieces(void **state)
{
	struct rig *rig = *state;
	pid_t pid = rig_run(rig, child_pieces, NULL);
	char want[144];

	memcpy(want, text, 10);
	want[10] = text[17];
	memcpy(want + 11, text + 20, 130);
	memcpy(want + 141, "end", 3);
	expect(rig, pid, want, sizeof(want), BT_CALL_SPLICE_PIPE);
	rig_no_loss(rig);
}

/* To /dev/null, where nobody reads it: still taken out of the pipe. */
static int child_past(void *arg)
{
	int null = open("/dev/null", O_WRONLY);

	if (!a_pipe(PIPE) || !a_socket() || !put(PIPE + 1, text, 100) || !move(PIPE, null, 60))
		return 1;
	return move(PIPE, FD, 40) ? 0 : 2;
}

static void some_to_nowhere(void **state)
{
	struct rig *rig = *state;
	pid_t pid = rig_run(rig, child_past, NULL);

	expect(rig, pid, text + 60, 40, BT_CALL_SPLICE_PIPE);
	rig_no_loss(rig);
}

/* A tee looks, and does not take. */
static int child_tee(void *arg)
{
	int sink = memfd_create("sink", 0);

	if (!a_pipe(PIPE) || !a_pipe(FD - 1) || !put(PIPE + 1, text, 5000))
		return 1;
	if (tee(PIPE, FD, 3000, 0) != 3000 || !move(PIPE, sink, 1000) ||
	    tee(PIPE, FD, 100, 0) != 100)
		return 2;
	/* And out of the second pipe what the first had. */
	return a_pipe(FD + 20) && move(FD - 1, FD + 21, 3100) ? 0 : 3;
}

static void tee_then_splice(void **state)
{
	struct rig *rig = *state;
	pid_t pid = rig_run(rig, child_tee, NULL);
	struct rig_bytes b;
	char want[3100];

	memcpy(want, text, 3000);
	memcpy(want + 3000, text + 1000, 100);
	expect(rig, pid, want, sizeof(want), BT_CALL_TEE);
	b = rig_bytes(rig, pid, FD + 21, BT_DIR_OUT);
	assert_int_equal(b.len, sizeof(want));
	assert_memory_equal(b.p, want, sizeof(want));
	free(b.p);
	rig_no_loss(rig);
}

/* Out of a file into a pipe and on: as coreutils and proxies do. */
static int child_through(void *arg)
{
	char path[64];
	int in, i;

	snprintf(path, sizeof(path), "/dev/shm/bt-splice-%d", (int)getpid());
	in = open(path, O_RDWR | O_CREAT | O_EXCL, 0600);
	if (in < 0 || !a_pipe(PIPE) || !a_pipe(PIPE + 2) || !a_socket())
		return 1;
	for (i = 0; i < 4; i++)
		if (!put(in, text + i * ROOM, ROOM))
			return 2;
	lseek(in, 0, SEEK_SET);
	for (i = 0; i < 3; i++)
		if (!move(in, PIPE + 1, 5000) || sendfile(PIPE + 1, in, NULL, 5000) != 5000 ||
		    !move(PIPE, PIPE + 3, 10000) || !move(PIPE + 2, FD, 10000))
			return 3;
	/* The file is read afterwards, when this process may be gone. */
	return 0;
}

static void file_to_pipe_to_socket(void **state)
{
	struct rig *rig = *state;
	pid_t pid = rig_run(rig, child_through, NULL);
	char path[64];

	expect(rig, pid, text, 30000, BT_CALL_SPLICE_PIPE);
	rig_no_loss(rig);
	snprintf(path, sizeof(path), "/dev/shm/bt-splice-%d", (int)pid);
	unlink(path);
}

/* One write of more than the pipe holds is told of when it ends: long after the first bytes are gone on. */
static int child_large(void *arg)
{
	int status;
	pid_t pid;

	if (!a_pipe(PIPE) || !a_target(memfd_create("sink", 0)))
		return 1;
	pid = fork();
	if (!pid)
		_exit(put(PIPE + 1, text, sizeof(text)) && put(PIPE + 1, "end", 3) ? 0 : 1);
	if (!move(PIPE, FD, sizeof(text) + 3) || waitpid(pid, &status, 0) != pid)
		return 2;
	return status;
}

static void larger_than_the_pipe(void **state)
{
	struct rig *rig = *state;
	pid_t pid = rig_run(rig, child_large, NULL);
	char *want = malloc(sizeof(text) + 3);

	assert_non_null(want);
	memcpy(want, text, sizeof(text));
	memcpy(want + sizeof(text), "end", 3);
	expect(rig, pid, want, sizeof(text) + 3, BT_CALL_SPLICE_PIPE);
	rig_no_loss(rig);
	free(want);
}

/* Two processes read, one after the other. */
static int child_two_readers(void *arg)
{
	int status;
	pid_t pid;

	if (!a_pipe(PIPE) || !a_socket() || !put(PIPE + 1, text, 1000))
		return 1;
	pid = fork();
	if (!pid)
		_exit(move(PIPE, FD, 300) ? 0 : 1);
	if (waitpid(pid, &status, 0) != pid || status)
		return 2;
	return move(PIPE, FD, 700) ? 0 : 3;
}

static void two_readers(void **state)
{
	struct rig *rig = *state;
	pid_t pid = rig_run(rig, child_two_readers, NULL);
	struct rig_rec *r;
	size_t n = 0;

	rig_each(rig, BT_REC_DATA, 0, r)
	{
		if (r->data.fd != FD || r->data.dir != BT_DIR_OUT)
			continue;
		assert_int_equal(r->hdr.tgid == (uint32_t)pid, r->data.pos >= 300);
		assert_memory_equal(r->tail, text + r->data.pos, r->data.data_len);
		n += r->data.data_len;
	}
	assert_int_equal(n, 1000);
	rig_no_loss(rig);
}

/* --- what cannot be known --- */

/* A pipe from before the watch, in which somebody else's bytes are. */
static int foreign[2];

static int child_foreign(void *arg)
{
	if (!a_socket() || !put(foreign[1], text, 90))
		return 1;
	return move(foreign[0], FD, 100) ? 0 : 2;
}

static void not_from_the_beginning(void **state)
{
	struct rig *rig = *state;
	struct bt_counter before = lost(rig, BT_LOSS_SPLICE);

	assert_int_equal(pipe(foreign), 0);
	assert_true(put(foreign[1], "0123456789", 10));
	expect_lost(rig, rig_run(rig, child_foreign, NULL), before, BT_LOSS_SPLICE, 100);
	close(foreign[0]);
	close(foreign[1]);
}

/* The same, but where they go they can be read. */
static int child_foreign_file(void *arg)
{
	int out = open(arg, O_WRONLY | O_CREAT | O_EXCL, 0600);

	if (!a_target(out) || !put(FD, "<", 1) || !put(foreign[1], text, 90))
		return 1;
	return move(foreign[0], FD, 100) && put(FD, ">", 1) ? 0 : 2;
}

static void read_where_they_went(void **state)
{
	struct rig *rig = *state;
	struct bt_counter before = lost(rig, BT_LOSS_SPLICE), moved = lost(rig, BT_LOSS_MOVED);
	char path[64], want[102];
	struct rig_rec *r;
	bool seen = false;
	pid_t pid;

	snprintf(path, sizeof(path), "/dev/shm/bt-splice-to-%d", (int)getpid());
	assert_int_equal(pipe(foreign), 0);
	assert_true(put(foreign[1], "0123456789", 10));
	pid = rig_run(rig, child_foreign_file, path);
	memcpy(want, "<0123456789", 11);
	memcpy(want + 11, text, 90);
	want[101] = '>';
	expect(rig, pid, want, sizeof(want), BT_CALL_WRITE);
	rig_each(rig, BT_REC_DATA, pid, r) seen |= r->data.call == BT_CALL_SPLICE_FILE;
	assert_true(seen);
	assert_int_equal(lost(rig, BT_LOSS_SPLICE).bytes, before.bytes);
	assert_int_equal(lost(rig, BT_LOSS_MOVED).bytes, moved.bytes);
	unlink(path);
	close(foreign[0]);
	close(foreign[1]);
}

struct meeting {
	sem_t *made, *go;
	int fd;       /* of the pipe, in the child */
	bool reading; /* somebody else reads, else he writes */
};

static int child_intruded(void *arg)
{
	struct meeting *m = arg;

	if (!a_pipe(PIPE) || !a_socket() || !put(PIPE + 1, text, 100))
		return 1;
	sem_post(m->made);
	rig_sem_wait(m->go);
	if (!m->reading)
		return move(PIPE, FD, 105) ? 0 : 2;
	return move(PIPE, FD, 95) ? 0 : 3;
}

/* Somebody who is not watched takes from the pipe of a watched process, or puts something in. */
static void intruded(struct rig *rig, bool reading)
{
	struct meeting m = { rig_sem(), rig_sem(), 0, reading };
	struct bt_counter splice = lost(rig, BT_LOSS_SPLICE), moved = lost(rig, BT_LOSS_MOVED);
	struct rig_child child;
	struct rig_bytes b;
	char path[64], c[5];
	int fd;

	rig_fork(&child, child_intruded, &m);
	rig_watch(rig, &child);
	rig_go(&child);
	rig_sem_wait(m.made);
	snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)child.pid, reading ? PIPE : PIPE + 1);
	fd = open(path, reading ? O_RDONLY : O_WRONLY);
	assert_true(fd >= 0);
	assert_int_equal(reading ? read(fd, c, 5) : write(fd, "extra", 5), 5);
	sem_post(m.go);
	rig_wait_exit(rig, child.pid);
	assert_int_equal(rig_reap(&child), 0);
	b = rig_bytes(rig, child.pid, FD, BT_DIR_OUT);
	assert_int_equal(b.len, 0);
	assert_int_equal(lost(rig, BT_LOSS_SPLICE).bytes - splice.bytes +
				 lost(rig, BT_LOSS_MOVED).bytes - moved.bytes,
			 reading ? 95 : 105);
	rig_reconcile(rig);
	close(fd);
	munmap(m.made, sizeof(*m.made));
	munmap(m.go, sizeof(*m.go));
}

static void somebody_else_reads(void **state)
{
	intruded(*state, true);
}

static void somebody_else_writes(void **state)
{
	intruded(*state, false);
}

/* Out of a socket, through a pipe: not known; but what follows in the pipe is. */
static int child_from_socket(void *arg)
{
	int s[2];

	if (!a_pipe(PIPE) || !a_socket() || socketpair(AF_UNIX, SOCK_STREAM, 0, s) ||
	    !put(s[0], text, 50))
		return 1;
	if (!put(PIPE + 1, "a", 1) || !move(s[1], PIPE + 1, 50) || !put(PIPE + 1, "z", 1))
		return 2;
	return move(PIPE, FD, 1) && move(PIPE, FD, 50) && move(PIPE, FD, 1) ? 0 : 3;
}

static void out_of_a_socket(void **state)
{
	struct rig *rig = *state;
	struct bt_counter before = lost(rig, BT_LOSS_MOVED);
	pid_t pid = rig_run(rig, child_from_socket, NULL);
	struct rig_rec *r;
	char got[3] = "";
	size_t n = 0;

	rig_each(rig, BT_REC_DATA, pid, r)
	{
		if (r->data.fd != FD)
			continue;
		assert_int_equal(r->data.data_len, 1);
		assert_true(n < 2);
		assert_int_equal(r->data.pos, n ? 51 : 0);
		got[n++] = *r->tail;
	}
	assert_string_equal(got, "az");
	/* On its way in, and on its way out. */
	assert_int_equal(lost(rig, BT_LOSS_MOVED).bytes - before.bytes, 100);
	rig_reconcile(rig);
}

/* The same into a file: which is read; only what went into the pipe is counted. */
static int child_socket_to_file(void *arg)
{
	int out = open(arg, O_WRONLY | O_CREAT | O_EXCL, 0600), s[2];

	if (!a_pipe(PIPE) || !a_target(out) || socketpair(AF_UNIX, SOCK_STREAM, 0, s))
		return 1;
	return put(s[0], text, 50) && move(s[1], PIPE + 1, 50) && move(PIPE, FD, 50) ? 0 : 2;
}

static void out_of_a_socket_into_a_file(void **state)
{
	struct rig *rig = *state;
	char path[64];

	snprintf(path, sizeof(path), "/dev/shm/bt-splice-to-%d", (int)getpid());
	expect(rig, rig_run(rig, child_socket_to_file, path), text, 50, BT_CALL_SPLICE_FILE);
	assert_int_equal(lost(rig, BT_LOSS_MOVED).bytes, 50);
	unlink(path);
}

/* Pipes without end, each with something in it; the last one is known. */
static int child_many_pipes(void *arg)
{
	if (!a_socket())
		return 1;
	for (int i = 0; i < 6000; i++)
		if (!a_pipe(PIPE) || !put(PIPE + 1, text + i, 100))
			return 2;
	return move(PIPE, FD, 100) ? 0 : 3;
}

static void many_pipes(void **state)
{
	struct rig *rig = *state;

	expect(rig, rig_run(rig, child_many_pipes, NULL), text + 5999, 100, BT_CALL_SPLICE_PIPE);
	rig_no_loss(rig);
}

/* --- process_vm_writev --- */

static char there[ROOM];

/* To a process by its number in a namespace of its own. */
static int child_vm_writev(void *arg)
{
	struct iovec from[2] = { { text, 30000 }, { text + 30000, 20000 } };
	struct iovec to = { there, sizeof(there) };
	int gate[2], status;
	pid_t pid;

	if (!pipe(gate) && arg && !unshare(CLONE_NEWPID)) {
		pid = fork();
		if (!pid)
			_exit(child_vm_writev(NULL));
		return waitpid(pid, &status, 0) == pid ? status : 1;
	}
	for (int i = 0; i < 70; i++) {
		pid = fork();
		if (!pid) {
			close(gate[1]);
			_exit((int)read(gate[0], &status, 1));
		}
	}
	if (process_vm_writev(pid, from, 2, &to, 1, 0) != 50000)
		return 2;
	close(gate[1]);
	while (wait(&status) > 0)
		;
	return 0;
}

static void into_another_process(struct rig *rig, void *arg)
{
	pid_t pid = rig_run(rig, child_vm_writev, arg), last = 0;
	struct rig_rec *r, *file = NULL;
	size_t n = 0;

	rig_each(rig, BT_REC_FORK, 0, r) last = (pid_t)r->fork.child_tgid;
	rig_each(rig, BT_REC_FILE, 0, r) if (r->file.file.type == BT_FILE_MEM) file = r;
	rig_each(rig, BT_REC_DATA, 0, r)
	{
		if (r->data.file.type != BT_FILE_MEM)
			continue;
		assert_int_equal(r->data.call, BT_CALL_VM_WRITEV);
		assert_int_equal(r->data.file.obj, last);
		assert_int_equal(r->data.file.dev, pid);
		assert_true(r->data.file.ino);
		assert_memory_equal(r->tail, text + r->data.pos, r->data.data_len);
		n += r->data.data_len;
	}
	assert_int_equal(n, 50000);
	assert_non_null(file);
	assert_int_equal(file->tail_len, strlen("test_splice"));
	assert_memory_equal(file->tail, "test_splice", file->tail_len);
	rig_no_loss(rig);
}

static void with_process_vm_writev(void **state)
{
	into_another_process(*state, NULL);
}

static void in_a_pid_namespace(void **state)
{
	into_another_process(*state, "");
}

static int open_rig(void **state)
{
	rig_pattern(text, sizeof(text), 5);
	return rig_group_open(state);
}

/* Each with counters of its own. */
static int new_rig(void **state)
{
	struct rig *rig = *state;

	rig_close(rig);
	rig_open(rig, 0, 0);
	return 0;
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup(fn, rig_group_forget)
	const struct CMUnitTest tests[] = {
		TEST(with_vmsplice),
		TEST(of_any_size),
		TEST(in_pieces),
		TEST(some_to_nowhere),
		TEST(tee_then_splice),
		TEST(file_to_pipe_to_socket),
		TEST(larger_than_the_pipe),
		TEST(two_readers),
		TEST(with_process_vm_writev),
		TEST(in_a_pid_namespace),
		TEST(many_pipes),
		TEST(read_where_they_went),
		/* From here on something is lost. */
		TEST(not_from_the_beginning),
		TEST(somebody_else_reads),
		cmocka_unit_test_setup(out_of_a_socket, new_rig),
		cmocka_unit_test_setup(out_of_a_socket_into_a_file, new_rig),
		cmocka_unit_test_setup(somebody_else_writes, new_rig),
	};

	return cmocka_run_group_tests_name("splice", tests, open_rig, rig_group_close);
}
