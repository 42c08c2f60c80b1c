/* SPDX-License-Identifier: BSD-2-Clause */
/* Who accepted and who connected. */
#include "rig.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

/* Above all that the capture has open. */
#define FD_LISTEN 200
#define FD_CLIENT 201
#define FD_REFUSED 203

static int put(int fd, int at)
{
	if (fd < 0 || dup2(fd, at) < 0 || close(fd))
		return -1;
	return at;
}

static int listen_on_loopback(struct sockaddr_in *a)
{
	socklen_t len = sizeof(*a);
	int fd = put(socket(AF_INET, SOCK_STREAM, 0), FD_LISTEN);

	*a = (struct sockaddr_in){ .sin_family = AF_INET };
	a->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd < 0 || bind(fd, (void *)a, sizeof(*a)) || listen(fd, 1) ||
	    getsockname(fd, (void *)a, &len))
		return -1;
	return fd;
}

static int child_tcp(void *arg)
{
	int block = arg ? 0 : SOCK_NONBLOCK;
	struct sockaddr_in a;
	int l = listen_on_loopback(&a);
	int c = put(socket(AF_INET, SOCK_STREAM | block, 0), FD_CLIENT);

	if (l < 0 || c < 0)
		return 1;
	if (connect(c, (void *)&a, sizeof(a)) && errno != EINPROGRESS)
		return 2;
	if ((arg ? accept(l, NULL, NULL) : accept4(l, NULL, NULL, SOCK_CLOEXEC)) < 0)
		return 3;
	return 0;
}

static int child_refused(void *arg)
{
	struct sockaddr_in a;
	int l = listen_on_loopback(&a);
	int c = put(socket(AF_INET, SOCK_STREAM, 0), FD_REFUSED);

	if (l < 0 || c < 0 || close(l))
		return 1;
	return connect(c, (void *)&a, sizeof(a)) ? 0 : 2;
}

static int child_unix(void *arg)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX, .sun_path = "\0beartrap-roles" };
	int l = put(socket(AF_UNIX, SOCK_STREAM, 0), FD_LISTEN);
	int c = put(socket(AF_UNIX, SOCK_STREAM, 0), FD_CLIENT);

	if (bind(l, (void *)&a, sizeof(a)) || listen(l, 1) || connect(c, (void *)&a, sizeof(a)) ||
	    accept(l, NULL, NULL) < 0)
		return 1;
	return 0;
}

/* The one FILE record of `pid` with that flag. */
static const struct rig_rec *role(struct rig *rig, pid_t pid, unsigned int flag)
{
	const struct rig_rec *ret = NULL;
	struct rig_rec *r;

	rig_each(rig, BT_REC_FILE, pid, r)
	{
		if (!(r->file.flags & flag))
			continue;
		assert_null(ret);
		ret = r;
	}
	assert_non_null(ret);
	return ret;
}

static void check_tcp(struct rig *rig, pid_t pid)
{
	const struct rig_rec *c = role(rig, pid, BT_FILE_CONNECTED);
	const struct rig_rec *s = role(rig, pid, BT_FILE_ACCEPTED);

	assert_int_equal(c->file.file.type, BT_FILE_TCP);
	assert_int_equal(s->file.file.type, BT_FILE_TCP);
	assert_int_equal(c->file.fd, FD_CLIENT);
	assert_int_equal(c->file.peer_addr[0], 127);
	assert_int_equal(c->file.peer_port, s->file.local_port);
	assert_int_equal(s->file.peer_port, c->file.local_port);
	assert_false(c->file.flags & BT_FILE_ACCEPTED);
}

static void test_tcp(void **state)
{
	struct rig rig;

	rig_open(&rig, 0, 0);
	check_tcp(&rig, rig_run(&rig, child_tcp, NULL));
	check_tcp(&rig, rig_run(&rig, child_tcp, &rig));
	rig_no_loss(&rig);
	rig_close(&rig);
}

static void test_unix(void **state)
{
	const struct rig_rec *c;
	struct rig rig;
	pid_t pid;

	rig_open(&rig, 0, 0);
	pid = rig_run(&rig, child_unix, NULL);
	c = role(&rig, pid, BT_FILE_CONNECTED);
	assert_int_equal(c->file.file.type, BT_FILE_UNIX);
	assert_int_equal(c->file.fd, FD_CLIENT);
	assert_int_equal(role(&rig, pid, BT_FILE_ACCEPTED)->file.file.type, BT_FILE_UNIX);
	rig_close(&rig);
}

static void test_refused(void **state)
{
	struct rig_rec *r;
	struct rig rig;
	pid_t pid;

	rig_open(&rig, 0, 0);
	pid = rig_run(&rig, child_refused, NULL);
	rig_each(&rig, BT_REC_FILE, pid, r)
		assert_false(r->file.flags & (BT_FILE_ACCEPTED | BT_FILE_CONNECTED));
	rig_close(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tcp),
		cmocka_unit_test(test_unix),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
