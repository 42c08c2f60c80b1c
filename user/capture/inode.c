/* SPDX-License-Identifier: BSD-2-Clause */
/* A regular file that a record names, opened to be read: it is what is there now, and only if it still is that inode. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "capture/internal.h"

static bool is_it(const struct stat *st, const struct inode_ref *ref, bool by_name)
{
	return S_ISREG(st->st_mode) && st->st_ino == ref->file.ino &&
	       (!by_name || st->st_dev == makedev(ref->file.dev >> 20, ref->file.dev & 0xfffff));
}

int inode_open(const struct inode_ref *ref)
{
	char path[5][64 + BT_PATH_LEN];
	int name_len = (int)ref->path.len;
	struct stat st;

	snprintf(path[0], sizeof(path[0]), "/proc/%u/fd/%d", ref->tgid, ref->fd);
	snprintf(path[1], sizeof(path[1]), "/proc/%u/map_files/%llx-%llx", ref->tgid,
		 (unsigned long long)ref->map_from, (unsigned long long)ref->map_to);
	snprintf(path[2], sizeof(path[2]), "/proc/%u/root%.*s", ref->tgid, name_len, ref->path.p);
	snprintf(path[3], sizeof(path[3]), "/proc/%u/root%.*s", ref->root, name_len, ref->path.p);
	snprintf(path[4], sizeof(path[4]), "%.*s", name_len, ref->path.p);
	for (int i = 0; i < 5; i++) {
		int fd;

		/* Only what is a regular file is opened: a FIFO would wait, a device may do anything. */
		if (stat(path[i], &st) || !is_it(&st, ref, i == 4))
			continue;
		fd = open(path[i], O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
		if (fd < 0)
			continue;
		if (!fstat(fd, &st) && is_it(&st, ref, i == 4))
			return fd;
		close(fd);
	}
	return -1;
}
