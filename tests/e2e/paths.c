/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * paths VALUES NAME...: each of the ways out named, three times: the value written whole, in two pieces, and in base64. VALUES
 * lists what is written, {"way": "WAY.VARIANT", "access_token": "VALUE"} a line. paths --list names the ways; one that this
 * machine does not have ends in 3. Each way has its own process, in the current directory; 192.0.2.1 and 2001:db8::1 are
 * expected to be addresses of the machine, and /run/systemd/journal to be there. Before that, paths --prepare VALUES NAME... writes the
 * files that some ways send from.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define NOT_HERE 3
#define HOST "192.0.2.1"

struct leak {
	const char *way; /* its name, for files */
	const char *variant;
	const char *piece[3]; /* NULL-terminated */
	size_t offset;        /* where the next piece goes */
};

extern char **environ;

static void need(bool good, const char *what)
{
	if (good)
		return;
	fprintf(stderr, "paths: %s: %s\n", what, strerror(errno));
	_exit(errno == ENOSYS || errno == EOPNOTSUPP || errno == EPERM ? NOT_HERE : 1);
}

/* --- places ------------------------------------------------------------------------------ */

/* A file of this way's own. */
static int a_file(struct leak *l, int flags)
{
	char name[64];
	int fd;

	snprintf(name, sizeof(name), "%s.log", l->way);
	fd = open(name, O_RDWR | O_CREAT | flags, 0644);
	need(fd >= 0, name);
	return fd;
}

/* A socket connected with a peer of the same process, which never reads: what is sent finds room in its buffer. */
static int a_socket(int family, int type, const char *name)
{
	struct sockaddr_storage peer = { .ss_family = (sa_family_t)family };
	socklen_t len = sizeof(struct sockaddr_in);
	int server = socket(family, type, 0), fd = socket(family, type, 0);

	need(server >= 0 && fd >= 0, "socket");
	if (family == AF_INET) {
		((struct sockaddr_in *)&peer)->sin_addr.s_addr = inet_addr(HOST);
	} else if (family == AF_INET6) {
		inet_pton(AF_INET6, "2001:db8::1", &((struct sockaddr_in6 *)&peer)->sin6_addr);
		len = sizeof(struct sockaddr_in6);
	} else {
		/* "@" stands for the byte that begins an abstract name. */
		unlink(name);
		strcpy(((struct sockaddr_un *)&peer)->sun_path, name);
		if (*name == '@')
			((struct sockaddr_un *)&peer)->sun_path[0] = 0;
		len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name) + 1);
	}
	need(!bind(server, (struct sockaddr *)&peer, len), "bind");
	need(!getsockname(server, (struct sockaddr *)&peer, &len), "getsockname");
	if (type == SOCK_STREAM)
		need(!listen(server, 1), "listen");
	need(!connect(fd, (struct sockaddr *)&peer, len), "connect");
	if (type == SOCK_STREAM)
		need(accept(server, NULL, NULL) >= 0, "accept");
	return fd;
}

/* --- calls ------------------------------------------------------------------------------- */

typedef void put_fn(struct leak *l, int fd, const char *p, size_t len);

static void put_each(struct leak *l, int fd, put_fn *put)
{
	for (int i = 0; l->piece[i]; i++) {
		put(l, fd, l->piece[i], strlen(l->piece[i]));
		l->offset += strlen(l->piece[i]);
	}
}

static void all(ssize_t n, size_t len, const char *what)
{
	if (n >= 0 && (size_t)n != len)
		errno = EIO;
	need(n == (ssize_t)len, what);
}

static void by_write(struct leak *l, int fd, const char *p, size_t len)
{
	all(write(fd, p, len), len, "write");
}

static void by_pwrite(struct leak *l, int fd, const char *p, size_t len)
{
	all(pwrite(fd, p, len, (off_t)l->offset), len, "pwrite");
}

/* The vector calls cut once more. */
static int two_vectors(struct iovec v[2], const char *p, size_t len)
{
	v[0] = (struct iovec){ (void *)p, len / 2 };
	v[1] = (struct iovec){ (void *)(p + len / 2), len - len / 2 };
	return 2;
}

static void by_writev(struct leak *l, int fd, const char *p, size_t len)
{
	struct iovec v[2];

	all(writev(fd, v, two_vectors(v, p, len)), len, "writev");
}

static void by_pwritev(struct leak *l, int fd, const char *p, size_t len)
{
	struct iovec v[2];

	all(pwritev(fd, v, two_vectors(v, p, len), (off_t)l->offset), len, "pwritev");
}

static void by_pwritev2(struct leak *l, int fd, const char *p, size_t len)
{
	struct iovec v[2];

	all(pwritev2(fd, v, two_vectors(v, p, len), (off_t)l->offset, RWF_DSYNC), len, "pwritev2");
}

static void by_send(struct leak *l, int fd, const char *p, size_t len)
{
	all(send(fd, p, len, 0), len, "send");
}

static void by_sendmsg(struct leak *l, int fd, const char *p, size_t len)
{
	struct iovec v[2];
	struct msghdr m = { .msg_iov = v, .msg_iovlen = (size_t)two_vectors(v, p, len) };

	all(sendmsg(fd, &m, 0), len, "sendmsg");
}

static void by_sendmmsg(struct leak *l, int fd, const char *p, size_t len)
{
	struct iovec v[2];
	struct mmsghdr m[2] = { 0 };

	two_vectors(v, p, len);
	for (int i = 0; i < 2; i++)
		m[i].msg_hdr = (struct msghdr){ .msg_iov = &v[i], .msg_iovlen = 1 };
	all(sendmmsg(fd, m, 2, 0), 2, "sendmmsg");
}

/* The file of paths --prepare with the piece in it. */
static int source_of(const struct leak *l, const char *p, int flags)
{
	char name[128];
	int fd;

	snprintf(name, sizeof(name), "source-%s-%s-%d", l->way, l->variant, l->piece[0] != p);
	fd = open(name, flags, 0600);
	need(fd >= 0, name);
	return fd;
}

static void by_sendfile(struct leak *l, int fd, const char *p, size_t len)
{
	int in = source_of(l, p, O_RDONLY);

	all(sendfile(fd, in, &(off_t){ 0 }, len), len, "sendfile");
	close(in);
}

static void by_copy_file_range(struct leak *l, int fd, const char *p, size_t len)
{
	int in = source_of(l, p, O_RDONLY);

	all(copy_file_range(in, &(off_t){ 0 }, fd, NULL, len, 0), len, "copy_file_range");
	close(in);
}

/* A pipe with the piece in it. */
static int holding(const char *p, size_t len)
{
	int fds[2];

	need(!pipe(fds), "pipe");
	all(vmsplice(fds[1], &(struct iovec){ (void *)p, len }, 1, 0), len, "vmsplice");
	close(fds[1]);
	return fds[0];
}

static void by_splice(struct leak *l, int fd, const char *p, size_t len)
{
	int in = holding(p, len);

	all(splice(in, NULL, fd, NULL, len, 0), len, "splice");
	close(in);
}

static void by_tee(struct leak *l, int fd, const char *p, size_t len)
{
	int in = holding(p, len);

	all(tee(in, fd, len, 0), len, "tee");
	close(in);
}

static void by_vmsplice(struct leak *l, int fd, const char *p, size_t len)
{
	all(vmsplice(fd, &(struct iovec){ (void *)p, len }, 1, 0), len, "vmsplice");
}

static void by_mapping(struct leak *l, int fd, const char *p, size_t len)
{
	char *map;

	need(!ftruncate(fd, (off_t)(l->offset + len)), "ftruncate");
	map = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	need(map != MAP_FAILED, "mmap");
	memcpy(map + l->offset, p, len);
	munmap(map, 4096);
}

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

/* --- the ways ---------------------------------------------------------------------------- */

#define FILE_WAY(name, put, flags)                                                                 \
	static void way_##name(struct leak *l)                                                     \
	{                                                                                          \
		put_each(l, a_file(l, flags), put);                                                \
	}
FILE_WAY(write, by_write, 0)
FILE_WAY(pwrite64, by_pwrite, 0)
FILE_WAY(writev, by_writev, 0)
FILE_WAY(pwritev, by_pwritev, 0)
FILE_WAY(pwritev2, by_pwritev2, 0)
FILE_WAY(append, by_write, O_APPEND)
FILE_WAY(sync, by_write, O_SYNC)
FILE_WAY(sendfile, by_sendfile, 0)
FILE_WAY(splice, by_splice, 0)
FILE_WAY(copy_file_range, by_copy_file_range, 0)
FILE_WAY(shared_mapping, by_mapping, 0)
FILE_WAY(uring_write, by_uring_write, 0)
FILE_WAY(uring_fixed, by_uring_fixed, 0)
FILE_WAY(uring_sqpoll, by_uring_sqpoll, 0)

#define SOCKET_WAY(name, put, ...)                                                                 \
	static void way_##name(struct leak *l)                                                     \
	{                                                                                          \
		put_each(l, a_socket(__VA_ARGS__), put);                                           \
	}
SOCKET_WAY(tcp_write, by_write, AF_INET, SOCK_STREAM, NULL)
SOCKET_WAY(tcp_sendto, by_send, AF_INET, SOCK_STREAM, NULL)
SOCKET_WAY(tcp_sendmsg, by_sendmsg, AF_INET, SOCK_STREAM, NULL)
SOCKET_WAY(tcp_sendmmsg, by_sendmmsg, AF_INET, SOCK_STREAM, NULL)
SOCKET_WAY(tcp6_sendto, by_send, AF_INET6, SOCK_STREAM, NULL)
SOCKET_WAY(udp_sendto, by_send, AF_INET, SOCK_DGRAM, NULL)
SOCKET_WAY(syslog_stream, by_write, AF_UNIX, SOCK_STREAM, "/run/systemd/journal/stdout")
SOCKET_WAY(syslog_dgram, by_send, AF_UNIX, SOCK_DGRAM, "/run/systemd/journal/dev-log")
SOCKET_WAY(unix_abstract, by_sendmsg, AF_UNIX, SOCK_STREAM, "@beartrap-way")
SOCKET_WAY(tcp_sendfile, by_sendfile, AF_INET, SOCK_STREAM, NULL)
SOCKET_WAY(tcp_splice, by_splice, AF_INET, SOCK_STREAM, NULL)
SOCKET_WAY(uring_send, by_uring_send, AF_INET, SOCK_STREAM, NULL)

static void way_stdout(struct leak *l)
{
	put_each(l, STDOUT_FILENO, by_write);
}

static void way_stderr(struct leak *l)
{
	put_each(l, STDERR_FILENO, by_write);
}

static void way_stdout_dup(struct leak *l)
{
	int fd = dup(STDOUT_FILENO);

	dup2(STDERR_FILENO, STDOUT_FILENO);
	put_each(l, fd, by_write);
}

static void way_stderr_tee(struct leak *l)
{
	put_each(l, STDERR_FILENO, by_tee);
}

static void way_stderr_vmsplice(struct leak *l)
{
	put_each(l, STDERR_FILENO, by_vmsplice);
}

static void way_tcp_fastopen(struct leak *l)
{
	struct sockaddr_in peer = { .sin_family = AF_INET, .sin_addr.s_addr = inet_addr(HOST) };
	socklen_t len = sizeof(peer);
	int server = socket(AF_INET, SOCK_STREAM, 0), fd = socket(AF_INET, SOCK_STREAM, 0);

	need(!setsockopt(server, IPPROTO_TCP, TCP_FASTOPEN, &(int){ 5 }, sizeof(int)),
	     "TCP_FASTOPEN");
	need(!bind(server, (struct sockaddr *)&peer, len) && !listen(server, 1) &&
		     !getsockname(server, (struct sockaddr *)&peer, &len),
	     "listen");
	for (int i = 0; l->piece[i]; i++)
		all(sendto(fd, l->piece[i], strlen(l->piece[i]), i ? 0 : MSG_FASTOPEN,
			   (struct sockaddr *)&peer, len),
		    strlen(l->piece[i]), "sendto");
}

static void way_pipe(struct leak *l)
{
	int fds[2];

	need(!pipe(fds), "pipe");
	put_each(l, fds[1], by_write);
}

static void way_fifo(struct leak *l)
{
	int fd;

	need(!mkfifo("fifo", 0644) || errno == EEXIST, "mkfifo");
	fd = open("fifo", O_RDWR);
	need(fd >= 0, "fifo");
	put_each(l, fd, by_write);
}

static void way_pty(struct leak *l)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY), slave;

	need(master >= 0 && !grantpt(master) && !unlockpt(master), "pty");
	slave = open(ptsname(master), O_RDWR | O_NOCTTY);
	need(slave >= 0, "pty");
	put_each(l, slave, by_write);
}

static void way_memfd(struct leak *l)
{
	int fd = memfd_create("state", 0);

	need(fd >= 0, "memfd_create");
	put_each(l, fd, by_write);
}

static void way_dev_shm(struct leak *l)
{
	int fd = shm_open("/beartrap-way", O_RDWR | O_CREAT | O_TRUNC, 0644);

	need(fd >= 0, "shm_open");
	put_each(l, fd, by_write);
	shm_unlink("/beartrap-way");
}

static void way_rename(struct leak *l)
{
	put_each(l, a_file(l, 0), by_write);
	need(!rename("rename.log", "renamed.log"), "rename");
}

static void way_tmpfile(struct leak *l)
{
	int fd = open(".", O_TMPFILE | O_RDWR, 0644);
	char name[64];

	need(fd >= 0, "O_TMPFILE");
	put_each(l, fd, by_write);
	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	unlink("linked.log");
	need(!linkat(AT_FDCWD, name, AT_FDCWD, "linked.log", AT_SYMLINK_FOLLOW), "linkat");
}

/* The descriptor crosses to another process, which was started before it was opened. */
static void way_passed_fd(struct leak *l)
{
	char room[CMSG_SPACE(sizeof(int))] = { 0 };
	struct msghdr m = { .msg_iov = &(struct iovec){ (char[1]){ 0 }, 1 },
			    .msg_iovlen = 1,
			    .msg_control = room,
			    .msg_controllen = sizeof(room) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);
	int sockets[2], status;
	pid_t pid;

	need(!socketpair(AF_UNIX, SOCK_STREAM, 0, sockets), "socketpair");
	pid = fork();
	if (pid == 0) {
		need(recvmsg(sockets[1], &m, 0) == 1, "recvmsg");
		c = CMSG_FIRSTHDR(&m);
		put_each(l, *(int *)CMSG_DATA(c), by_write);
		_exit(0);
	}
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	*(int *)CMSG_DATA(c) = a_file(l, 0);
	need(sendmsg(sockets[0], &m, 0) == 1, "sendmsg");
	waitpid(pid, &status, 0);
}

static void *in_thread(void *arg)
{
	put_each(arg, a_file(arg, 0), by_write);
	return NULL;
}

static void way_thread(struct leak *l)
{
	pthread_t t;

	need(!pthread_create(&t, NULL, in_thread, l), "pthread_create");
	pthread_join(t, NULL);
}

static void spawn(char **argv, char **envp, int in)
{
	posix_spawn_file_actions_t actions;
	int status;
	pid_t pid;

	posix_spawn_file_actions_init(&actions);
	if (in >= 0)
		posix_spawn_file_actions_adddup2(&actions, in, STDIN_FILENO);
	need(!posix_spawnp(&pid, argv[0], &actions, NULL, argv, envp), "posix_spawn");
	waitpid(pid, &status, 0);
}

static void way_argv(struct leak *l)
{
	spawn((char *[]){ "true", (char *)l->piece[0], (char *)l->piece[1], NULL }, environ, -1);
}

static void way_environment(struct leak *l)
{
	char one[256], two[256];

	snprintf(one, sizeof(one), "TOKEN=%s", l->piece[0]);
	snprintf(two, sizeof(two), "MORE=%s", l->piece[1] ? l->piece[1] : "");
	spawn((char *[]){ "true", NULL }, (char *[]){ one, two, "PATH=/usr/bin:/bin", NULL }, -1);
}

/* Into the standard input of a child that has been there for a while. */
static void way_child_stdin(struct leak *l)
{
	int in[2], ready[2], status;
	pid_t pid;

	need(!pipe2(in, O_CLOEXEC) && !pipe2(ready, O_CLOEXEC), "pipe");
	pid = fork();
	if (pid == 0) {
		dup2(in[0], STDIN_FILENO);
		execlp("cat", "cat", "-", (char *)NULL);
		_exit(1);
	}
	close(ready[1]);
	need(!read(ready[0], &(char){ 0 }, 1), "read"); /* closed by exec */
	put_each(l, in[1], by_write);
	close(in[1]);
	waitpid(pid, &status, 0);
}

/* A grandchild, by a shell: from its input to a file. */
static void way_grandchild(struct leak *l)
{
	int fds[2];

	need(!pipe2(fds, O_CLOEXEC), "pipe");
	put_each(l, fds[1], by_write);
	close(fds[1]);
	spawn((char *[]){ "sh", "-c", "(tr a a >grandchild.log)", NULL }, environ, fds[0]);
}

static void way_inherited(struct leak *l)
{
	int fd = a_file(l, 0), status;
	pid_t pid = fork();

	if (pid == 0) {
		put_each(l, fd, by_write);
		_exit(0);
	}
	waitpid(pid, &status, 0);
}

static void way_process_vm_writev(struct leak *l)
{
	char *there = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int gate[2], status;
	pid_t pid;

	need(!pipe(gate), "pipe");
	pid = fork();
	if (pid == 0) {
		close(gate[1]);
		_exit((int)read(gate[0], there, 1));
	}
	for (int i = 0; l->piece[i]; i++) {
		size_t len = strlen(l->piece[i]);
		struct iovec from = { (void *)l->piece[i], len }, to = { there, len };

		all(process_vm_writev(pid, &from, 1, &to, 1, 0), len, "process_vm_writev");
	}
	close(gate[1]);
	waitpid(pid, &status, 0);
}

static void not_here(int sig)
{
	_exit(NOT_HERE);
}

/* The 32-bit entry: its numbers and pointers are its own. */
static void way_compat_write(struct leak *l)
{
#ifdef __x86_64__
	int fd = a_file(l, 0);

	signal(SIGSEGV, not_here); /* where the kernel has no such entry */
	for (int i = 0; l->piece[i]; i++) {
		size_t len = strlen(l->piece[i]);
		char *low = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
				 MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
		long ret;

		memcpy(low, l->piece[i], len);
		__asm__ volatile("int $0x80"
				 : "=a"(ret)
				 : "a"(4L), "b"((long)fd), "c"(low), "d"(len)
				 : "memory");
		errno = ret < 0 ? (int)-ret : 0;
		all(ret, len, "write by int 0x80");
	}
#else
	_exit(NOT_HERE);
#endif
}

static const struct way {
	const char *name;
	void (*go)(struct leak *l);
} ways[] = {
#define WAY(name)                                                                                  \
	{                                                                                          \
#name, way_##name                                                                  \
	}
	WAY(stdout),
	WAY(stderr),
	WAY(stdout_dup),
	WAY(write),
	WAY(pwrite64),
	WAY(writev),
	WAY(pwritev),
	WAY(pwritev2),
	WAY(append),
	WAY(sync),
	WAY(tcp_write),
	WAY(tcp_sendto),
	WAY(tcp_sendmsg),
	WAY(tcp_sendmmsg),
	WAY(tcp6_sendto),
	WAY(tcp_fastopen),
	WAY(udp_sendto),
	WAY(syslog_stream),
	WAY(syslog_dgram),
	WAY(unix_abstract),
	WAY(pipe),
	WAY(fifo),
	WAY(pty),
	WAY(memfd),
	WAY(dev_shm),
	WAY(rename),
	WAY(tmpfile),
	WAY(passed_fd),
	WAY(inherited),
	WAY(thread),
	WAY(argv),
	WAY(environment),
	WAY(child_stdin),
	WAY(grandchild),
	WAY(sendfile),
	WAY(splice),
	WAY(stderr_tee),
	WAY(stderr_vmsplice),
	WAY(copy_file_range),
	WAY(shared_mapping),
	WAY(tcp_sendfile),
	WAY(tcp_splice),
	WAY(process_vm_writev),
	WAY(compat_write),
	WAY(uring_write),
	WAY(uring_fixed),
	WAY(uring_sqpoll),
	WAY(uring_send),
};

static void base64(const char *in, size_t len, char *out)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	for (size_t i = 0; i < len; i += 3) {
		uint32_t v = (uint32_t)(unsigned char)in[i] << 16;

		v |= i + 1 < len ? (uint32_t)(unsigned char)in[i + 1] << 8 : 0;
		v |= i + 2 < len ? (unsigned char)in[i + 2] : 0;
		for (int k = 0; k < 4; k++)
			*out++ = i + (size_t)k > len ? '=' : digits[v >> (18 - 6 * k) & 63];
	}
	*out = 0;
}

/* What by_sendfile() and the like move is in files that are there already. */
static void prepare(struct leak *l)
{
	for (int i = 0; l->piece[i]; i++) {
		int fd = source_of(l, l->piece[i], O_WRONLY | O_CREAT | O_TRUNC);

		by_write(l, fd, l->piece[i], strlen(l->piece[i]));
		close(fd);
	}
}

/* One way in one variant, in a process of its own. */
static int go(const struct way *way, const char *variant, const char *value, bool prepares)
{
	char text[512], first[256], second[256];
	struct leak l = { .way = way->name, .variant = variant, .piece = { text } };
	int status;
	pid_t pid = fork();

	if (pid < 0)
		return 1;
	if (pid) {
		waitpid(pid, &status, 0);
		return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
	}
	alarm(60);
	snprintf(text, sizeof(text), " %s\n", value);
	if (!strcmp(variant, "encoded"))
		base64(value, strlen(value), text);
	if (!strcmp(variant, "split")) {
		snprintf(first, sizeof(first), "%.*s", (int)(strlen(text) / 2), text);
		snprintf(second, sizeof(second), "%s", text + strlen(first));
		l.piece[0] = first;
		l.piece[1] = second;
	}
	if (prepares)
		prepare(&l);
	else
		way->go(&l);
	_exit(0); /* the list's offset is shared */
}

int main(int argc, char **argv)
{
	char line[512];
	bool prepares = false;
	FILE *values;
	int ret = 0;

	signal(SIGPIPE, SIG_IGN);
	if (argc == 2 && !strcmp(argv[1], "--list")) {
		for (size_t i = 0; i < sizeof(ways) / sizeof(*ways); i++)
			puts(ways[i].name);
		return 0;
	}
	if (argc > 1 && !strcmp(argv[1], "--prepare")) {
		prepares = true;
		argv++;
		argc--;
	}
	values = argc > 2 ? fopen(argv[1], "re") : NULL;
	if (!values)
		return 2;
	while (fgets(line, sizeof(line), values)) {
		char name[64], variant[64], value[256];

		if (sscanf(line, "{\"way\": \"%63[^.].%63[^\"]\", \"access_token\": \"%255[^\"]\"}",
			   name, variant, value) != 3)
			return 2;
		for (int a = 2; a < argc; a++) {
			for (size_t i = 0;
			     !strcmp(argv[a], name) && i < sizeof(ways) / sizeof(*ways); i++) {
				if (!strcmp(ways[i].name, name)) {
					int status = go(&ways[i], variant, value, prepares);

					ret = status > ret ? status : ret;
				}
			}
		}
	}
	return ret;
}
