/* SPDX-License-Identifier: BSD-2-Clause */
/* The calls that write and send, and what they write to. */
#include "paths.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>

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

FILE_WAY(write, by_write, 0)
FILE_WAY(pwrite64, by_pwrite, 0)
FILE_WAY(writev, by_writev, 0)
FILE_WAY(pwritev, by_pwritev, 0)
FILE_WAY(pwritev2, by_pwritev2, 0)
FILE_WAY(append, by_write, O_APPEND)
FILE_WAY(sync, by_write, O_SYNC)

SOCKET_WAY(tcp_write, by_write, AF_INET, SOCK_STREAM, NULL)
SOCKET_WAY(tcp_sendto, by_send, AF_INET, SOCK_STREAM, NULL)
SOCKET_WAY(tcp_sendmsg, by_sendmsg, AF_INET, SOCK_STREAM, NULL)
SOCKET_WAY(tcp_sendmmsg, by_sendmmsg, AF_INET, SOCK_STREAM, NULL)
SOCKET_WAY(tcp6_sendto, by_send, AF_INET6, SOCK_STREAM, NULL)
SOCKET_WAY(udp_sendto, by_send, AF_INET, SOCK_DGRAM, NULL)
SOCKET_WAY(syslog_stream, by_write, AF_UNIX, SOCK_STREAM, "/run/systemd/journal/stdout")
SOCKET_WAY(syslog_dgram, by_send, AF_UNIX, SOCK_DGRAM, "/run/systemd/journal/dev-log")
SOCKET_WAY(unix_abstract, by_sendmsg, AF_UNIX, SOCK_STREAM, "@beartrap-way")

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

const struct way call_ways[] = {
	WAY(stdout),      WAY(stderr),        WAY(stdout_dup),   WAY(write),
	WAY(pwrite64),    WAY(writev),        WAY(pwritev),      WAY(pwritev2),
	WAY(append),      WAY(sync),          WAY(tcp_write),    WAY(tcp_sendto),
	WAY(tcp_sendmsg), WAY(tcp_sendmmsg),  WAY(tcp6_sendto),  WAY(tcp_fastopen),
	WAY(udp_sendto),  WAY(syslog_stream), WAY(syslog_dgram), WAY(unix_abstract),
	WAY(pipe),        WAY(fifo),          WAY(pty),          WAY(memfd),
	WAY(dev_shm),     WAY(rename),        WAY(tmpfile),      { 0 },
};
