/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <sodium.h>

#include "base/fileio.h"
#include "base/secmem.h"

#define READ_LEN 65536

/* Appends up to the end of the file; `limit` is the most that `out` may then hold. */
static int read_to_end(int fd, size_t limit, struct buf *out)
{
	for (;;) {
		size_t room = limit - out->len;
		char probe;
		ssize_t n;

		if (room > READ_LEN)
			room = READ_LEN;
		if (buf_reserve(out, room))
			return out->err;
		/* At the limit one more byte tells a file that is too long from one that just fits. */
		n = read(fd, room ? out->p + out->len : &probe, room ? room : 1);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n && !room)
			return -EFBIG;
		out->len += (size_t)n;
		out->p[out->len] = '\0';
		if (!n)
			return 0;
	}
}

int file_read_all(const char *path, size_t max, struct buf *out, struct error *err)
{
	size_t before = out->len, limit = max < SIZE_MAX / 4 ? before + max : SIZE_MAX / 2;
	int fd, ret = out->err;

	if (ret)
		return error_set(err, ret, "cannot read %s: %s", path, strerror(-ret));
	if (out->max && out->max < limit)
		limit = out->max;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return error_set(err, -errno, "cannot open %s: %s", path, strerror(errno));
	ret = read_to_end(fd, limit, out);
	close(fd);
	if (!ret)
		return 0;
	if (out->p) {
		if (out->wipe)
			wipe(out->p + before, out->len - before);
		out->len = before;
		out->p[before] = '\0';
	}
	if (ret == -EFBIG)
		return error_set(err, ret, "%s is too big: the limit is %zu bytes", path,
				 limit - before);
	return error_set(err, ret, "cannot read %s: %s", path, strerror(-ret));
}

int file_open_regular(const char *path, uint64_t ino)
{
	int at = open(path, O_PATH | O_CLOEXEC), ret;
	char self[64];
	struct stat st;

	if (at < 0)
		return -errno;
	if (fstat(at, &st)) {
		ret = -errno;
	} else if (!S_ISREG(st.st_mode)) {
		ret = -EINVAL;
	} else if (ino && st.st_ino != ino) {
		ret = -ESTALE;
	} else {
		snprintf(self, sizeof(self), "/proc/self/fd/%d", at);
		ret = open(self, O_RDONLY | O_CLOEXEC);
		if (ret < 0)
			ret = -errno;
	}
	close(at);
	return ret;
}

int fd_write_all(int fd, const void *p, size_t len)
{
	const char *at = p;

	while (len) {
		ssize_t n = write(fd, at, len);

		if (n < 0 && errno == EAGAIN) {
			/* A terminal or pipe may be non-blocking because somebody else made it so. */
			struct pollfd wait = { .fd = fd, .events = POLLOUT };

			if (poll(&wait, 1, -1) < 0 && errno != EINTR)
				return -errno;
			continue;
		}
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		at += n;
		len -= (size_t)n;
	}
	return 0;
}

/* What a pipe that poll(2) calls writable takes without waiting (pipe(7)). */
#define PIECE_LEN 4096

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int fd_write_within(int fd, const void *p, size_t len, int timeout_ms)
{
	int64_t end = now_ms() + timeout_ms, left;
	const char *at = p;
	struct stat st;
	int ret = 0;

	if (fstat(fd, &st) || S_ISREG(st.st_mode))
		return fd_write_all(fd, p, len);
	while (len && !ret) {
		struct pollfd wait = { .fd = fd, .events = POLLOUT };
		size_t n = len < PIECE_LEN ? len : PIECE_LEN;

		left = end - now_ms();
		if (poll(&wait, 1, left > 0 ? (int)left : 0) < 0 && errno != EINTR)
			return -errno;
		if (wait.revents)
			ret = fd_write_all(fd, at, n);
		else if (left <= 0)
			ret = -ETIMEDOUT;
		else
			continue;
		at += n;
		len -= n;
	}
	return ret;
}

/* A new descriptor of our stdout or stderr when `st` is the same object, else -1. */
static int dup_same(const struct stat *st)
{
	for (int fd = STDOUT_FILENO; fd <= STDERR_FILENO; fd++) {
		struct stat own;

		if (!fstat(fd, &own) && own.st_dev == st->st_dev && own.st_ino == st->st_ino)
			return fcntl(fd, F_DUPFD_CLOEXEC, 3);
	}
	return -1;
}

/* Temporary file ".NAME.RANDOM.tmp" in the directory of f->path. */
static int open_tmp(struct atomic_file *f, mode_t mode)
{
	const char *slash = strrchr(f->path, '/');
	int dir_len = slash ? (int)(slash - f->path) + 1 : 0;
	unsigned char salt[8];
	char hex[sizeof(salt) * 2 + 1];

	randombytes_buf(salt, sizeof(salt));
	sodium_bin2hex(hex, sizeof(hex), salt, sizeof(salt));
	if (asprintf(&f->tmp, "%.*s.%s.%s.tmp", dir_len, f->path, f->path + dir_len, hex) < 0) {
		f->tmp = NULL;
		return -ENOMEM;
	}
	f->fd = open(f->tmp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
	if (f->fd < 0) {
		int err = -errno;

		free(f->tmp);
		f->tmp = NULL;
		return err;
	}
	return 0;
}

int atomic_file_open(struct atomic_file *f, const char *path, mode_t mode, struct error *err)
{
	struct stat st;
	bool exists;
	int ret = 0;

	*f = (struct atomic_file){ .fd = -1 };
	if (sodium_init() < 0)
		return error_set(err, -ENOSYS, "cannot start libsodium");
	exists = !stat(path, &st);
	if (exists) {
		if (S_ISDIR(st.st_mode))
			return error_set(err, -EISDIR, "cannot write %s: it is a directory", path);
		f->fd = dup_same(&st);
		if (f->fd < 0 && !S_ISREG(st.st_mode)) {
			f->fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
			if (f->fd < 0) {
				ret = -errno;
				goto fail;
			}
		}
	}
	/* Behind a symbolic link it is the link's target that is replaced. */
	f->path = exists && f->fd < 0 ? realpath(path, NULL) : strdup(path);
	if (!f->path) {
		ret = -errno;
		goto fail;
	}
	if (f->fd < 0)
		ret = open_tmp(f, mode);
	if (!ret)
		return 0;
fail:
	atomic_file_abort(f);
	return error_set(err, ret, "cannot write %s: %s", path, strerror(-ret));
}

/* The name is durable only when the directory is. Not every file system can do it: best effort. */
static void sync_dir(const char *path)
{
	char *dir = strdup(path);
	char *slash = dir ? strrchr(dir, '/') : NULL;
	int fd;

	if (slash)
		slash[slash == dir ? 1 : 0] = '\0';
	fd = open(slash ? dir : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0) {
		(void)fsync(fd);
		close(fd);
	}
	free(dir);
}

int atomic_file_commit(struct atomic_file *f, struct error *err)
{
	int ret = 0;

	/* Pipes, terminals and the like answer EINVAL. */
	if (fsync(f->fd) && f->tmp)
		ret = -errno;
	if (close(f->fd) && errno != EINTR && !ret)
		ret = -errno;
	f->fd = -1;
	if (!ret && f->tmp) {
		if (rename(f->tmp, f->path)) {
			ret = -errno;
		} else {
			free(f->tmp);
			f->tmp = NULL;
			sync_dir(f->path);
		}
	}
	if (ret)
		error_set(err, ret, "cannot write %s: %s", f->path, strerror(-ret));
	atomic_file_abort(f);
	return ret;
}

void atomic_file_abort(struct atomic_file *f)
{
	/* A struct that is all zeros holds nothing, not descriptor 0. */
	if (f->fd > 0)
		close(f->fd);
	if (f->tmp)
		unlink(f->tmp);
	free(f->tmp);
	free(f->path);
	*f = (struct atomic_file){ .fd = -1 };
}
