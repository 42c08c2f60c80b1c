/* SPDX-License-Identifier: BSD-2-Clause */
/* The installation's fingerprint key: fingerprints of one secret are equal from run to run. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sodium.h>

#include "alert/redact.h"
#include "base/fileio.h"
#include "base/log.h"
#include "base/secmem.h"

/* secure_getenv: beartrap may run with file capabilities, and then the caller's word counts for nothing. */
static const char *env_path(const char *name)
{
	const char *v = secure_getenv(name);

	return v && v[0] == '/' ? v : NULL;
}

static int state_dir(char out[PATH_MAX], struct error *err)
{
	const char *dir = env_path("BEARTRAP_STATE"), *tail = "";
	int n;

	if (!dir && geteuid() == 0)
		dir = "/var/lib/beartrap";
	if (!dir) {
		dir = env_path("XDG_STATE_HOME");
		tail = "/beartrap";
	}
	if (!dir) {
		dir = env_path("HOME");
		tail = "/.local/state/beartrap";
	}
	if (!dir)
		return error_set(err, -ENOENT,
				 "no place for the fingerprint key: neither BEARTRAP_STATE, "
				 "XDG_STATE_HOME nor HOME is an absolute path; set one");
	n = snprintf(out, PATH_MAX, "%s%s", dir, tail);
	if (n < 0 || n >= PATH_MAX - 64)
		return error_set(err, -ENAMETOOLONG,
				 "the path of the state directory is too long; set BEARTRAP_STATE");
	return 0;
}

static int make_dirs(char *path, struct error *err)
{
	for (char *p = path + 1;; p++) {
		char c = *p;

		if (c && c != '/')
			continue;
		*p = '\0';
		if (mkdir(path, 0700) && errno != EEXIST &&
		    (errno != EROFS || access(path, F_OK))) {
			int e = errno;

			error_set(err, -e,
				  "cannot make the state directory %s: %s; set BEARTRAP_STATE to a "
				  "directory that can be written",
				  path, strerror(e));
			*p = c;
			return -e;
		}
		*p = c;
		if (!c)
			return 0;
	}
}

/* 0, -ENOENT without `err` when there is none yet, or another negative errno with `err`. */
static int read_key(const char *path, struct fingerprinter *f, struct error *err)
{
	struct stat st;
	size_t got = 0;
	ssize_t n = 0;
	int fd, ret = 0;

	/* O_NONBLOCK: a FIFO put there must not hold us up. */
	fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0) {
		ret = -errno;
		if (ret == -ENOENT)
			return ret;
		return error_set(err, ret, "cannot open the fingerprint key %s: %s%s", path,
				 strerror(-ret), ret == -ELOOP ? " (it must not be a link)" : "");
	}
	if (fstat(fd, &st)) {
		ret = -errno;
		error_set(err, ret, "cannot look at the fingerprint key %s: %s", path,
			  strerror(-ret));
	} else if (!S_ISREG(st.st_mode)) {
		ret = error_set(err, -EINVAL,
				"the fingerprint key %s is not a regular file; remove it", path);
	} else if (st.st_uid != geteuid()) {
		ret = error_set(err, -EPERM,
				"the fingerprint key %s belongs to user %u, not to %u; chown it or "
				"remove it",
				path, st.st_uid, geteuid());
	} else if (st.st_mode & 077) {
		ret = error_set(
			err, -EPERM,
			"the fingerprint key %s can be read by others (mode %04o); remove it "
			"and a new one is made",
			path, st.st_mode & 07777u);
	} else if (st.st_size != FINGERPRINT_KEY_LEN) {
		ret = error_set(
			err, -EINVAL,
			"the fingerprint key %s has %lld bytes, not %d; remove it and a new "
			"one is made",
			path, (long long)st.st_size, FINGERPRINT_KEY_LEN);
	}
	while (!ret && got < FINGERPRINT_KEY_LEN) {
		n = read(fd, f->key + got, FINGERPRINT_KEY_LEN - got);
		if (n > 0)
			got += (size_t)n;
		else if (n == 0 || errno != EINTR)
			ret = error_set(err, n ? -errno : -EIO,
					"cannot read the fingerprint key %s: %s", path,
					n ? strerror(errno) : "it became shorter");
	}
	close(fd);
	return ret;
}

/*
 * The key is written to a file of its own name and then linked into place, so whoever comes at the same time
 * finds it whole or not at all. 0 also when another one was faster.
 */
static int create_key(const char *path, struct error *err)
{
	unsigned char key[FINGERPRINT_KEY_LEN], rnd[8];
	char tmp[PATH_MAX], hex[2 * sizeof(rnd) + 1];
	int fd, ret;

	randombytes_buf(rnd, sizeof(rnd));
	sodium_bin2hex(hex, sizeof(hex), rnd, sizeof(rnd));
	if (snprintf(tmp, sizeof(tmp), "%s.%s", path, hex) >= (int)sizeof(tmp))
		return error_set(err, -ENAMETOOLONG, "the path of the fingerprint key is too long");
	fd = open(tmp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return error_set(err, -errno, "cannot make the fingerprint key %s: %s", path,
				 strerror(errno));
	randombytes_buf(key, sizeof(key));
	ret = fd_write_all(fd, key, sizeof(key));
	if (!ret && fsync(fd))
		ret = -errno;
	if (close(fd) && !ret)
		ret = -errno;
	if (!ret && link(tmp, path) && errno != EEXIST)
		ret = -errno;
	unlink(tmp);
	wipe(key, sizeof(key));
	if (ret)
		error_set(err, ret, "cannot write the fingerprint key %s: %s", path,
			  strerror(-ret));
	return ret;
}

int fingerprinter_load(struct fingerprinter *f, struct error *err)
{
	char dir[PATH_MAX], path[PATH_MAX + 32];
	int ret;

	ret = state_dir(dir, err);
	if (ret)
		return ret;
	snprintf(path, sizeof(path), "%s/fingerprint.key", dir);
	ret = read_key(path, f, err);
	if (ret != -ENOENT)
		return ret;
	ret = make_dirs(dir, err);
	if (ret)
		return ret;
	ret = create_key(path, err);
	if (ret)
		return ret;
	ret = read_key(path, f, err);
	if (ret == -ENOENT)
		error_set(err, ret, "the fingerprint key %s went away while it was made", path);
	return ret;
}
