/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef BT_BASE_FILEIO_H
#define BT_BASE_FILEIO_H

#include <sys/types.h>
#include "base/buf.h"
#include "base/log.h"

/* Reads a whole file of at most `max` bytes into `out` (appended). Fills `err` in words. */
int file_read_all(const char *path, size_t max, struct buf *out, struct error *err);
/* Writes all of it, going on after EINTR and short writes. 0 or negative errno. */
int fd_write_all(int fd, const void *p, size_t len);
/*
 * A file that appears whole or not at all: open makes a temporary file beside `path` (mode
 * `mode`, O_EXCL), commit fsyncs and renames it into place, abort unlinks it.
 */
struct atomic_file {
	char *path;
	char *tmp;
	int fd;
};
int atomic_file_open(struct atomic_file *f, const char *path, mode_t mode, struct error *err);
int atomic_file_commit(struct atomic_file *f, struct error *err);
void atomic_file_abort(struct atomic_file *f);

#endif /* BT_BASE_FILEIO_H */
