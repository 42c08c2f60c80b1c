/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * 32-bit system calls (int 0x80) of a 64-bit program: other registers, other layouts in memory. Seen with fexit; with tracepoints
 * they are not, for those skip them: README and `doctor` say so.
 */
#include "rig.h"

#include <sys/socket.h>

#define FD 200
#define FD_SEND 201
#define FD_RECV 202

#define LEN 100
#define OFFSET 5000000000ull

/* arch/x86/entry/syscalls/syscall_32.tbl. */
enum {
	NR_READ = 3,
	NR_WRITE = 4,
	NR_SOCKETCALL = 102,
	NR_READV = 145,
	NR_WRITEV = 146,
	NR_PREAD64 = 180,
	NR_PWRITE64 = 181,
	NR_PREADV = 333,
	NR_PWRITEV = 334,
	NR_RECVMMSG = 337,
	NR_SENDMMSG = 345,
	NR_SENDTO = 369,
	NR_SENDMSG = 370,
	NR_RECVFROM = 371,
	NR_RECVMSG = 372,
	NR_PREADV2 = 378,
	NR_PWRITEV2 = 379,
	NR_RECVMMSG64 = 417,
};

enum how { BUF, PBUF, IOV, PIOV, TO, MSG, MMSG, SOCKETCALL_BUF, SOCKETCALL_MSG };

struct call {
	int nr;
	enum how how;
	enum bt_call call;
	enum bt_dir dir;
	uint32_t function; /* of socketcall */
};

static const struct call on_file[] = {
	{ NR_WRITE, BUF, BT_CALL_WRITE, BT_DIR_OUT, 0 },
	{ NR_PWRITE64, PBUF, BT_CALL_PWRITE64, BT_DIR_OUT, 0 },
	{ NR_WRITEV, IOV, BT_CALL_WRITEV, BT_DIR_OUT, 0 },
	{ NR_PWRITEV, PIOV, BT_CALL_PWRITEV, BT_DIR_OUT, 0 },
	{ NR_PWRITEV2, PIOV, BT_CALL_PWRITEV2, BT_DIR_OUT, 0 },
	{ NR_PREAD64, PBUF, BT_CALL_PREAD64, BT_DIR_IN, 0 },
	{ NR_PREADV, PIOV, BT_CALL_PREADV, BT_DIR_IN, 0 },
	{ NR_PREADV2, PIOV, BT_CALL_PREADV2, BT_DIR_IN, 0 },
};

/* The datagram that one call sends is received by the next. */
static const struct call on_socket[] = {
	{ NR_SENDTO, TO, BT_CALL_SENDTO, BT_DIR_OUT, 0 },
	{ NR_RECVFROM, TO, BT_CALL_RECVFROM, BT_DIR_IN, 0 },
	{ NR_SENDMSG, MSG, BT_CALL_SENDMSG, BT_DIR_OUT, 0 },
	{ NR_RECVMSG, MSG, BT_CALL_RECVMSG, BT_DIR_IN, 0 },
	{ NR_SENDMMSG, MMSG, BT_CALL_SENDMMSG, BT_DIR_OUT, 0 },
	{ NR_RECVMMSG, MMSG, BT_CALL_RECVMMSG, BT_DIR_IN, 0 },
	{ NR_WRITE, BUF, BT_CALL_WRITE, BT_DIR_OUT, 0 },
	{ NR_RECVMMSG64, MMSG, BT_CALL_RECVMMSG, BT_DIR_IN, 0 },
	{ NR_SOCKETCALL, SOCKETCALL_BUF, BT_CALL_SENDTO, BT_DIR_OUT, 9 },
	{ NR_SOCKETCALL, SOCKETCALL_BUF, BT_CALL_RECVFROM, BT_DIR_IN, 10 },
	{ NR_SOCKETCALL, SOCKETCALL_MSG, BT_CALL_SENDMSG, BT_DIR_OUT, 16 },
	{ NR_SOCKETCALL, SOCKETCALL_MSG, BT_CALL_RECVMSG, BT_DIR_IN, 17 },
	{ NR_WRITEV, IOV, BT_CALL_WRITEV, BT_DIR_OUT, 0 },
	{ NR_READV, IOV, BT_CALL_READV, BT_DIR_IN, 0 },
	{ NR_WRITE, BUF, BT_CALL_WRITE, BT_DIR_OUT, 0 },
	{ NR_READ, BUF, BT_CALL_READ, BT_DIR_IN, 0 },
};

#define N_ON_FILE (sizeof(on_file) / sizeof(*on_file))
#define N_ON_SOCKET (sizeof(on_socket) / sizeof(*on_socket))

/* What is at addresses of 32 bits. */
struct low {
	uint32_t array[6];
	struct {
		uint32_t base, len;
	} iov[3];
	struct {
		uint32_t name;
		int32_t name_len;
		uint32_t iov, iov_len, control, control_len, flags;
		uint32_t msg_len;
	} msg;
	char buf[LEN];
};

static uint32_t low(const void *p)
{
	return (uint32_t)(uintptr_t)p;
}

static long call32(long nr, const uint32_t a[6])
{
#ifdef __x86_64__
	register const uint32_t *p __asm__("r8") = a;
	long ret;

	/* The sixth is in ebp; the red zone is left alone. */
	__asm__ volatile("lea -128(%%rsp), %%rsp\n\t"
			 "push %%rbp\n\t"
			 "mov 20(%%r8), %%ebp\n\t"
			 "int $0x80\n\t"
			 "pop %%rbp\n\t"
			 "lea 128(%%rsp), %%rsp"
			 : "=a"(ret), "+r"(p)
			 : "a"(nr), "b"(a[0]), "c"(a[1]), "d"(a[2]), "S"(a[3]), "D"(a[4])
			 : "memory", "r9", "r10", "r11");
	return (int)ret;
#else
	return -ENOSYS;
#endif
}

static long do_call(struct low *l, const struct call *c, int fd)
{
	uint32_t buf[6] = { (uint32_t)fd, low(l->buf), LEN };
	uint32_t vec[6] = { (uint32_t)fd, low(l->iov), 3 };
	uint32_t msg[6] = { (uint32_t)fd, low(&l->msg) };

	switch (c->how) {
	case PBUF:
		buf[3] = (uint32_t)OFFSET;
		buf[4] = (uint32_t)(OFFSET >> 32);
		/* fallthrough */
	case BUF:
	case TO:
		return call32(c->nr, buf);
	case PIOV:
		vec[3] = (uint32_t)OFFSET;
		vec[4] = (uint32_t)(OFFSET >> 32);
		/* fallthrough */
	case IOV:
		return call32(c->nr, vec);
	case MMSG:
		msg[2] = 1;
		l->msg.msg_len = LEN;
		return call32(c->nr, msg) == 1 ? (long)l->msg.msg_len : -1;
	case MSG:
		return call32(c->nr, msg);
	case SOCKETCALL_BUF:
		memcpy(l->array, buf, sizeof(buf));
		/* What is behind send's arguments is none of its business. */
		l->array[4] = low(l);
		l->array[5] = 16;
		break;
	case SOCKETCALL_MSG:
		memcpy(l->array, msg, sizeof(msg));
		break;
	}
	return call32(c->nr, (uint32_t[6]){ c->function, low(l->array) });
}

static void not_here(int sig)
{
	_exit(0);
}

/* `arg`: shared; set when the kernel has such calls (CONFIG_IA32_EMULATION). */
static int child_calls(void *arg)
{
	bool *here = arg;
	struct low *l = mmap(NULL, sizeof(*l), PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	int sv[2];

	if (l == MAP_FAILED || dup2(memfd_create("file", 0), FD) != FD ||
	    socketpair(AF_UNIX, SOCK_DGRAM, 0, sv) || dup2(sv[0], FD_SEND) != FD_SEND ||
	    dup2(sv[1], FD_RECV) != FD_RECV)
		return 1;
	signal(SIGSEGV, not_here);
	*here = call32(NR_WRITE, (uint32_t[6]){ FD, low(l->buf), 0 }) == 0;
	if (!*here)
		return 0;
	l->iov[0].base = low(l->buf);
	l->iov[0].len = 33;
	l->iov[1].base = low(l->buf + 33);
	l->iov[1].len = 1;
	l->iov[2].base = low(l->buf + 34);
	l->iov[2].len = LEN - 34;
	l->msg.iov = low(l->iov);
	l->msg.iov_len = 3;
	for (unsigned int i = 0; i < N_ON_FILE; i++) {
		rig_pattern(l->buf, LEN, i);
		if (do_call(l, &on_file[i], FD) != LEN)
			return 10 + (int)i;
	}
	for (unsigned int i = 0; i < N_ON_SOCKET; i++) {
		bool out = on_socket[i].dir == BT_DIR_OUT;

		rig_pattern(l->buf, LEN, i);
		if (do_call(l, &on_socket[i], out ? FD_SEND : FD_RECV) != LEN)
			return 30 + (int)i;
	}
	return 0;
}

/* The next record of the child on one of the descriptors; NULL when there is none. */
static struct rig_rec *next_data(struct rig *rig, pid_t pid, size_t *at)
{
	struct rig_rec *r;

	while ((r = rig_find(rig, BT_REC_DATA, pid, at)))
		if (r->data.fd >= FD && r->data.fd <= FD_RECV)
			return r;
	return NULL;
}

static void check_call(struct rig *rig, pid_t pid, size_t *at, const struct call *c, int fd,
		       unsigned int seed)
{
	struct rig_rec *r = next_data(rig, pid, at);
	char want[LEN];

	assert_non_null(r);
	assert_int_equal(r->data.call, c->call);
	assert_int_equal(r->data.fd, fd);
	assert_int_equal(r->data.dir, c->dir);
	assert_int_equal(r->data.call_len, LEN);
	assert_int_equal(r->data.name_len, 0);
	assert_int_equal(r->data.off, c->how == PBUF || c->how == PIOV ? OFFSET : (uint64_t)-1);
	rig_pattern(want, LEN, seed);
	assert_int_equal(r->data.data_len, LEN);
	assert_memory_equal(r->tail, want, LEN);
}

static void calls(void **state)
{
	struct rig *rig = *state;
	bool *here = mmap(NULL, sizeof(*here), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
			  -1, 0);
	size_t at = 0;
	pid_t pid;

	assert_true(here != MAP_FAILED);
	pid = rig_run(rig, child_calls, here);
	if (*here && capture_backend(rig->c) == CAPTURE_FEXIT) {
		/* What was read is what was written there last. */
		for (unsigned int i = 0; i < N_ON_FILE; i++)
			check_call(rig, pid, &at, &on_file[i], FD,
				   on_file[i].dir == BT_DIR_OUT ? i : 4);
		for (unsigned int i = 0; i < N_ON_SOCKET; i++)
			check_call(rig, pid, &at, &on_socket[i], i % 2 ? FD_RECV : FD_SEND,
				   i - i % 2);
	}
	assert_null(next_data(rig, pid, &at));
	munmap(here, sizeof(*here));
	rig_no_loss(rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(calls, rig_group_forget),
	};

	return cmocka_run_group_tests(tests, rig_group_open, rig_group_close);
}
