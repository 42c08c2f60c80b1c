/* SPDX-License-Identifier: BSD-2-Clause */
/* What moves bytes without a write call of the process. */
#include "paths.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/wait.h>

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

/* The same, written. */
static void by_write_and_splice(struct leak *l, int fd, const char *p, size_t len)
{
	int fds[2];

	need(!pipe(fds), "pipe");
	by_write(l, fds[1], p, len);
	all(splice(fds[0], NULL, fd, NULL, len, 0), len, "splice");
	close(fds[0]);
	close(fds[1]);
}

/* Out of a file, and through two pipes. */
static void by_pipes(struct leak *l, int fd, const char *p, size_t len)
{
	int in = source_of(l, p, O_RDONLY), a[2], b[2];

	need(!pipe(a) && !pipe(b), "pipe");
	all(splice(in, NULL, a[1], NULL, len, 0), len, "splice out of a file");
	all(splice(a[0], NULL, b[1], NULL, len, 0), len, "splice");
	all(splice(b[0], NULL, fd, NULL, len, 0), len, "splice");
	for (int i = 0; i < 2; i++) {
		close(a[i]);
		close(b[i]);
	}
	close(in);
}

static void by_sendfile_and_splice(struct leak *l, int fd, const char *p, size_t len)
{
	int in = source_of(l, p, O_RDONLY), fds[2];

	need(!pipe(fds), "pipe");
	all(sendfile(fds[1], in, NULL, len), len, "sendfile");
	all(splice(fds[0], NULL, fd, NULL, len, 0), len, "splice");
	close(fds[0]);
	close(fds[1]);
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

FILE_WAY(sendfile, by_sendfile, 0)
FILE_WAY(splice, by_splice, 0)
FILE_WAY(splice_written, by_write_and_splice, 0)
FILE_WAY(sendfile_splice, by_sendfile_and_splice, 0)
FILE_WAY(copy_file_range, by_copy_file_range, 0)
SOCKET_WAY(tcp_sendfile, by_sendfile, AF_INET, SOCK_STREAM, NULL)
SOCKET_WAY(tcp_splice, by_splice, AF_INET, SOCK_STREAM, NULL)
SOCKET_WAY(tcp_pipes, by_pipes, AF_INET, SOCK_STREAM, NULL)

static void way_stderr_tee(struct leak *l)
{
	put_each(l, STDERR_FILENO, by_tee);
}

static void way_stderr_vmsplice(struct leak *l)
{
	put_each(l, STDERR_FILENO, by_vmsplice);
}

static void way_stderr_pipes(struct leak *l)
{
	put_each(l, STDERR_FILENO, by_pipes);
}

static void write_memory(struct leak *l, pid_t pid, void *there)
{
	for (int i = 0; l->piece[i]; i++) {
		size_t len = strlen(l->piece[i]);
		struct iovec from = { (void *)l->piece[i], len }, to = { there, len };

		all(process_vm_writev(pid, &from, 1, &to, 1, 0), len, "process_vm_writev");
	}
}

/* Into the memory of paths --receive, which nobody watches. */
static void way_process_vm_writev(struct leak *l)
{
	FILE *f = fopen("receiver", "re");
	void *there;
	int pid;

	need(f && fscanf(f, "%d %p", &pid, &there) == 2, "receiver");
	write_memory(l, pid, there);
	fclose(f);
}

/* Into that of a child. */
static void way_process_vm_writev_own(struct leak *l)
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
	write_memory(l, pid, there);
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

const struct way copy_ways[] = {
	WAY(sendfile),
	WAY(splice),
	WAY(splice_written),
	WAY(sendfile_splice),
	WAY(stderr_tee),
	WAY(stderr_vmsplice),
	WAY(copy_file_range),
	WAY(tcp_sendfile),
	WAY(tcp_splice),
	WAY(tcp_pipes),
	WAY(stderr_pipes),
	WAY(process_vm_writev),
	WAY(process_vm_writev_own),
	WAY(compat_write),
	{ 0 },
};
