/* SPDX-License-Identifier: BSD-2-Clause */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "paths.h"

void need(bool good, const char *what)
{
	if (good)
		return;
	fprintf(stderr, "paths: %s: %s\n", what, strerror(errno));
	_exit(errno == ENOSYS || errno == EOPNOTSUPP || errno == EPERM ? NOT_HERE : 1);
}

int a_file(struct leak *l, int flags)
{
	char name[64];
	int fd;

	snprintf(name, sizeof(name), "%s.log", l->way);
	fd = open(name, O_RDWR | O_CREAT | flags, 0644);
	need(fd >= 0, name);
	return fd;
}

int a_socket(int family, int type, const char *name)
{
	struct sockaddr_storage peer = { .ss_family = (sa_family_t)family };
	socklen_t len = sizeof(struct sockaddr_in);
	int server = socket(family, type, 0), fd = socket(family, type, 0);

	need(server >= 0 && fd >= 0, "socket");
	if (family == AF_INET) {
		((struct sockaddr_in *)&peer)->sin_addr.s_addr = inet_addr(HOST);
	} else if (family == AF_INET6) {
		inet_pton(AF_INET6, HOST6, &((struct sockaddr_in6 *)&peer)->sin6_addr);
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

void put_each(struct leak *l, int fd, put_fn *put)
{
	for (int i = 0; l->piece[i]; i++) {
		put(l, fd, l->piece[i], strlen(l->piece[i]));
		l->offset += strlen(l->piece[i]);
	}
}

void all(ssize_t n, size_t len, const char *what)
{
	if (n >= 0 && (size_t)n != len)
		errno = EIO;
	need(n == (ssize_t)len, what);
}

void by_write(struct leak *l, int fd, const char *p, size_t len)
{
	all(write(fd, p, len), len, "write");
}

int source_of(const struct leak *l, const char *p, int flags)
{
	char name[128];
	int fd;

	snprintf(name, sizeof(name), "source-%s-%s-%d", l->way, l->variant, l->piece[0] != p);
	fd = open(name, flags, 0600);
	need(fd >= 0, name);
	return fd;
}
