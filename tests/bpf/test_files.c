/* SPDX-License-Identifier: BSD-2-Clause */
/* What a file record says: type, identity, path, addresses. */
#include "rig.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pty.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>

/* Where the child has what it writes to: above all that the capture has open. */
#define FD 200

/* The record of the file at `fd` that came before its first data; it has to have come. */
static struct rig_rec *file_of(struct rig *rig, pid_t pid, int fd)
{
	struct rig_rec *file = NULL;

	for (size_t i = 0; i < rig->n; i++) {
		struct rig_rec *r = rig->recs[i];

		if (r->hdr.tgid != (uint32_t)pid)
			continue;
		if (r->hdr.kind == BT_REC_FILE && r->file.fd == fd)
			file = r;
		if (r->hdr.kind != BT_REC_DATA || r->data.fd != fd)
			continue;
		assert_non_null(file);
		assert_memory_equal(&r->data.file, &file->file.file, sizeof(r->data.file));
		return file;
	}
	fail_msg("no data of fd %d", fd);
	return NULL;
}

static void assert_path(const struct rig_rec *r, const char *want)
{
	char got[BT_PATH_LEN + 1];

	assert_true(r->tail_len <= BT_PATH_LEN);
	memcpy(got, r->tail, r->tail_len);
	got[r->tail_len] = '\0';
	assert_string_equal(got, want);
}

struct shared {
	char dir[64];
	char path[4096];
	char path2[4096];
	struct stat st, st2;
};

static int put(int fd)
{
	return write(fd, "x", 1) == 1 ? 0 : -1;
}

static int child_regular(void *arg)
{
	struct shared *sh = arg;
	int fd = open(sh->path, O_WRONLY | O_CREAT | O_APPEND, 0640);

	if (fd < 0 || dup2(fd, FD) != FD || fstat(FD, &sh->st) || put(FD))
		return 1;
	/* Opened by a relative name, through a symbolic link. */
	if (symlink(sh->dir, "/tmp/beartrap-link") || chdir("/tmp/beartrap-link"))
		return 2;
	fd = open("./a/../deep-relative", O_WRONLY | O_CREAT, 0600);
	unlink("/tmp/beartrap-link");
	return fd < 0 || dup2(fd, FD + 1) != FD + 1 || put(FD + 1) ? 3 : 0;
}

static struct shared *shared_new(void)
{
	struct shared *sh =
		mmap(NULL, sizeof(*sh), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	assert_true(sh != MAP_FAILED);
	strcpy(sh->dir, "/tmp/beartrap-files-XXXXXX");
	assert_non_null(mkdtemp(sh->dir));
	return sh;
}

static void shared_free(struct shared *sh)
{
	char cmd[512];

	snprintf(cmd, sizeof(cmd), "rm -rf %s", sh->dir);
	assert_int_equal(system(cmd), 0);
	munmap(sh, sizeof(*sh));
}

static void regular(void **state)
{
	struct shared *sh = shared_new();
	char path[2048];
	struct rig_rec *r;
	size_t len;
	pid_t pid;

	len = (size_t)snprintf(path, sizeof(path), "%s/a", sh->dir);
	mkdir(path, 0700);
	for (int i = 0; i < 15; i++) {
		len += (size_t)snprintf(path + len, sizeof(path) - len, "/directory-%02d", i);
		assert_int_equal(mkdir(path, 0700), 0);
	}
	snprintf(sh->path, sizeof(sh->path), "%s/log file \xc3\xa9", path);
	pid = rig_run(*state, child_regular, sh);
	r = file_of(*state, pid, FD);
	assert_path(r, sh->path);
	assert_int_equal(r->file.file.type, BT_FILE_REG);
	assert_int_equal(r->file.file.ino, sh->st.st_ino);
	assert_int_equal(r->file.file.dev, major(sh->st.st_dev) << 20 | minor(sh->st.st_dev));
	assert_int_equal(r->file.file.mode, sh->st.st_mode);
	assert_int_equal(r->file.nlink, 1);
	assert_int_equal(r->file.inode_uid, getuid());
	assert_true(r->file.open_flags & O_APPEND);
	assert_int_equal(r->file.flags, 0);
	assert_int_equal(r->hdr.uid, getuid());
	r = file_of(*state, pid, FD + 1);
	snprintf(path, sizeof(path), "%s/deep-relative", sh->dir);
	assert_path(r, path);
	shared_free(sh);
	rig_no_loss(*state);
}

/* Deeper than BT_PATH_DEPTH, and longer than BT_PATH_LEN: the end is there, and the flag. */
static int child_too_deep(void *arg)
{
	struct shared *sh = arg;
	int fd;

	for (int kind = 0; kind < 2; kind++) {
		char name[256];

		memset(name, 'n', sizeof(name));
		name[kind ? 255 : 2] = '\0';
		if (chdir(sh->dir))
			return 1;
		for (int i = 0; i < (kind ? 6 : BT_PATH_DEPTH + 5); i++)
			if (mkdir(name, 0700) || chdir(name))
				return 2;
		fd = open("the-end", O_WRONLY | O_CREAT, 0600);
		if (fd < 0 || dup2(fd, FD + kind) != FD + kind || put(FD + kind))
			return 3;
	}
	return 0;
}

static void too_deep(void **state)
{
	struct shared *sh = shared_new();
	pid_t pid = rig_run(*state, child_too_deep, sh);
	struct rig_totals t;

	for (int kind = 0; kind < 2; kind++) {
		struct rig_rec *r = file_of(*state, pid, FD + kind);

		assert_true(r->file.flags & BT_FILE_PATH_CUT);
		assert_true(r->tail_len > 100);
		assert_memory_equal(r->tail + r->tail_len - 8, "/the-end", 8);
		assert_memory_equal(r->tail + r->tail_len - 10, "nn", 2);
	}
	rig_totals(*state, &t);
	assert_int_equal(t.loss[BT_LOSS_PATH].events, 2);
	shared_free(sh);
}

static int child_gone_files(void *arg)
{
	struct shared *sh = arg;
	int fd = open(sh->path, O_WRONLY | O_CREAT, 0600);
	int mem = memfd_create("scratchpad", 0);

	if (fd < 0 || mem < 0 || unlink(sh->path))
		return 1;
	if (dup2(fd, FD) != FD || dup2(mem, FD + 1) != FD + 1)
		return 2;
	return put(FD) || put(FD + 1) ? 3 : 0;
}

static void gone_files(void **state)
{
	struct shared *sh = shared_new();
	struct rig_rec *r;
	pid_t pid;

	snprintf(sh->path, sizeof(sh->path), "%s/gone", sh->dir);
	pid = rig_run(*state, child_gone_files, sh);
	r = file_of(*state, pid, FD);
	assert_path(r, sh->path);
	assert_int_equal(r->file.flags, BT_FILE_DELETED);
	assert_int_equal(r->file.nlink, 0);
	r = file_of(*state, pid, FD + 1);
	assert_path(r, "/memfd:scratchpad");
	assert_int_equal(r->file.file.type, BT_FILE_REG);
	assert_int_equal(r->file.flags, BT_FILE_DELETED);
	shared_free(sh);
}

/*
 * The same struct file, inode number and fd, again and again, for other names: each has to be told of anew.
 */
static int child_reused(void *arg)
{
	struct shared *sh = arg;

	for (int i = 0; i < 20; i++) {
		char path[4200];
		int fd;

		snprintf(path, sizeof(path), "%s/name-%02d", sh->dir, i);
		fd = open(path, O_WRONLY | O_CREAT, 0600);
		if (fd < 0 || put(fd) || unlink(path) || close(fd))
			return 1;
	}
	return 0;
}

static void reused(void **state)
{
	struct shared *sh = shared_new();
	pid_t pid = rig_run(*state, child_reused, sh);
	struct rig *rig = *state;
	char name[32] = "", want[32];
	int n = 0;

	for (size_t i = 0; i < rig->n; i++) {
		struct rig_rec *r = rig->recs[i];

		if (r->hdr.tgid != (uint32_t)pid)
			continue;
		if (r->hdr.kind == BT_REC_FILE) {
			assert_true(r->tail_len > 8);
			snprintf(name, sizeof(name), "%.8s", r->tail + r->tail_len - 8);
		} else if (r->hdr.kind == BT_REC_DATA) {
			snprintf(want, sizeof(want), "/name-%02d", n++);
			assert_string_equal(name, want);
		}
	}
	assert_int_equal(n, 20);
	shared_free(sh);
}

static int child_terminal(void *arg)
{
	int master, slave;

	if (openpty(&master, &slave, NULL, NULL, NULL))
		return 1;
	if (dup2(master, FD) != FD || dup2(slave, FD + 1) != FD + 1)
		return 2;
	return put(FD + 1) || put(FD) ? 3 : 0;
}

static void terminal(void **state)
{
	pid_t pid = rig_run(*state, child_terminal, NULL);
	struct rig_rec *r = file_of(*state, pid, FD + 1);

	assert_int_equal(r->file.file.type, BT_FILE_TTY);
	assert_true(r->tail_len > 9);
	assert_memory_equal(r->tail, "/dev/pts/", 9);
	r = file_of(*state, pid, FD);
	assert_int_equal(r->file.file.type, BT_FILE_TTY);
}

static int child_fifo(void *arg)
{
	struct shared *sh = arg;
	int fd, p[2];

	if (mkfifo(sh->path, 0600))
		return 1;
	fd = open(sh->path, O_RDWR);
	if (fd < 0 || dup2(fd, FD) != FD || put(FD) || fstat(FD, &sh->st))
		return 2;
	if (pipe(p) || dup2(p[1], FD + 1) != FD + 1 || dup2(p[0], FD + 2) != FD + 2)
		return 3;
	if (put(FD + 1) || read(FD + 2, sh->path2, 1) != 1 || fstat(FD + 1, &sh->st2))
		return 4;
	return 0;
}

static void fifo_and_pipe(void **state)
{
	struct shared *sh = shared_new();
	struct rig_rec *r;
	pid_t pid;

	snprintf(sh->path, sizeof(sh->path), "%s/fifo", sh->dir);
	pid = rig_run(*state, child_fifo, sh);
	r = file_of(*state, pid, FD);
	assert_int_equal(r->file.file.type, BT_FILE_PIPE);
	assert_int_equal(r->file.file.obj, sh->st.st_ino);
	assert_path(r, sh->path);
	/* Both ends are the same object. */
	for (int end = 1; end < 3; end++) {
		r = file_of(*state, pid, FD + end);
		assert_int_equal(r->file.file.type, BT_FILE_PIPE);
		assert_int_equal(r->file.file.obj, sh->st2.st_ino);
		assert_path(r, "");
	}
	shared_free(sh);
}

/* A listener, a client and the accepted socket. The client is FD, the server FD + 1. */
static int connect_pair(int family, const void *addr, socklen_t len)
{
	int l = socket(family, SOCK_STREAM, 0), c = socket(family, SOCK_STREAM, 0);
	struct sockaddr_storage name;
	socklen_t name_len = sizeof(name);
	int s;

	if (bind(l, addr, len) || listen(l, 1) || getsockname(l, (void *)&name, &name_len))
		return -1;
	if (connect(c, (void *)&name, name_len))
		return -1;
	s = accept(l, NULL, NULL);
	if (s < 0 || dup2(c, FD) != FD || dup2(s, FD + 1) != FD + 1)
		return -1;
	return put(FD) || put(FD + 1);
}

static int child_unix(void *arg)
{
	struct sockaddr_un *addr = arg;
	socklen_t len =
		addr->sun_path[0] ? sizeof(*addr) : offsetof(struct sockaddr_un, sun_path) + 10;

	return connect_pair(AF_UNIX, addr, len) ? 1 : 0;
}

static void unix_names(void **state)
{
	struct shared *sh = shared_new();
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	struct rig_rec *r;
	pid_t pid;

	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/socket", sh->dir);
	pid = rig_run(*state, child_unix, &addr);
	for (int end = 0; end < 2; end++) {
		r = file_of(*state, pid, FD + end);
		assert_int_equal(r->file.file.type, BT_FILE_UNIX);
		assert_int_equal(r->file.sk_family, AF_UNIX);
		assert_int_equal(r->file.sk_type, SOCK_STREAM);
		assert_true(r->tail_len >= strlen(addr.sun_path));
		assert_memory_equal(r->tail, addr.sun_path, strlen(addr.sun_path));
	}
	rig_forget(*state);
	memcpy(addr.sun_path, "\0beartrap9", 10);
	pid = rig_run(*state, child_unix, &addr);
	for (int end = 0; end < 2; end++) {
		r = file_of(*state, pid, FD + end);
		assert_int_equal(r->tail_len, 10);
		assert_memory_equal(r->tail, "\0beartrap9", 10);
	}
	shared_free(sh);
}

static int child_tcp4(void *arg)
{
	struct sockaddr_in addr = { .sin_family = AF_INET,
				    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

	return connect_pair(AF_INET, &addr, sizeof(addr)) ? 1 : 0;
}

static int child_tcp6(void *arg)
{
	struct sockaddr_in6 addr = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };

	return connect_pair(AF_INET6, &addr, sizeof(addr)) ? 1 : 0;
}

static void inet_names(void **state)
{
	static const struct in6_addr loop6 = IN6ADDR_LOOPBACK_INIT;
	static const unsigned char loop4[4] = { 127, 0, 0, 1 };

	for (int six = 0; six < 2; six++) {
		pid_t pid = rig_run(*state, six ? child_tcp6 : child_tcp4, NULL);
		const void *addr = six ? (const void *)&loop6 : loop4;
		size_t len = six ? 16 : 4;
		struct rig_rec *c = file_of(*state, pid, FD), *s = file_of(*state, pid, FD + 1);

		assert_int_equal(c->file.file.type, BT_FILE_TCP);
		assert_int_equal(c->file.sk_family, six ? AF_INET6 : AF_INET);
		assert_int_equal(c->file.sk_protocol, IPPROTO_TCP);
		assert_int_equal(c->file.sk_state, 1 /* TCP_ESTABLISHED */);
		assert_memory_equal(c->file.local_addr, addr, len);
		assert_memory_equal(c->file.peer_addr, addr, len);
		assert_memory_equal(s->file.peer_addr, addr, len);
		assert_true(c->file.peer_port && c->file.local_port);
		assert_int_equal(c->file.peer_port, s->file.local_port);
		assert_int_equal(s->file.peer_port, c->file.local_port);
		assert_int_not_equal(c->file.peer_port, c->file.local_port);
	}
}

/* A process in a root directory of its own names files from there. */
static int child_chroot(void *arg)
{
	struct shared *sh = arg;
	int fd;

	if (chroot(sh->dir) || chdir("/") || mkdir("sub", 0700))
		return 1;
	fd = open("/sub/file", O_WRONLY | O_CREAT, 0600);
	return fd < 0 || dup2(fd, FD) != FD || put(FD) ? 2 : 0;
}

static void own_root(void **state)
{
	struct shared *sh = shared_new();
	pid_t pid = rig_run(*state, child_chroot, sh);

	assert_path(file_of(*state, pid, FD), "/sub/file");
	shared_free(sh);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(regular, rig_group_forget),
		cmocka_unit_test_setup(gone_files, rig_group_forget),
		cmocka_unit_test_setup(reused, rig_group_forget),
		cmocka_unit_test_setup(terminal, rig_group_forget),
		cmocka_unit_test_setup(fifo_and_pipe, rig_group_forget),
		cmocka_unit_test_setup(unix_names, rig_group_forget),
		cmocka_unit_test_setup(inet_names, rig_group_forget),
		cmocka_unit_test_setup(own_root, rig_group_forget),
		cmocka_unit_test_setup(too_deep, rig_group_forget),
	};

	return cmocka_run_group_tests(tests, rig_group_open, rig_group_close);
}
