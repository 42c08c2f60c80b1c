/* SPDX-License-Identifier: BSD-2-Clause */
/* What the tests of TLS share: a directory with a certificate, for programs that wait there for a file "go". */
#ifndef BT_TESTS_BPF_TLS_RIG_H
#define BT_TESTS_BPF_TLS_RIG_H

#include "rig.h"

#include <ftw.h>
#include <sys/stat.h>

static char dir[] = "/tmp/beartrap-tls-XXXXXX";

static inline int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	return remove(path);
}

static inline int tls_group_open(void **state)
{
	if (!mkdtemp(dir))
		return -1;
	setenv("BT_TLS_DIR", dir, 1);
	return system("cd $BT_TLS_DIR && openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem "
		      "-out cert.pem -days 2 -subj /CN=localhost "
		      "-addext subjectAltName=DNS:localhost 2>/dev/null");
}

static inline int tls_group_close(void **state)
{
	return nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static inline const char *path_of(const char *name, char path[64])
{
	snprintf(path, 64, "%s/%s", dir, name);
	return path;
}

static inline void make_file(const char *name)
{
	char path[64];
	int fd = open(path_of(name, path), O_WRONLY | O_CREAT, 0600);

	assert_true(fd >= 0);
	close(fd);
}

static inline void remove_file(const char *name)
{
	char path[64];

	unlink(path_of(name, path));
}

static inline void wait_for_file(const char *name)
{
	uint64_t end = rig_now_ms() + RIG_WAIT_MS;
	char path[64];

	while (access(path_of(name, path), F_OK)) {
		assert_true(rig_now_ms() < end);
		usleep(10000);
	}
}

/* Of the socket that the connection is said to be on. */
static inline unsigned int role_of(struct rig *rig, pid_t pid, uint64_t ino, uint32_t dev)
{
	unsigned int flags = 0;
	struct rig_rec *r;

	rig_each(rig, BT_REC_FILE, pid, r) if (r->file.file.type == BT_FILE_TCP &&
					       r->file.file.ino == ino && r->file.file.dev == dev)
		flags |= r->file.flags;
	return flags & (BT_FILE_ACCEPTED | BT_FILE_CONNECTED);
}

#endif /* BT_TESTS_BPF_TLS_RIG_H */
