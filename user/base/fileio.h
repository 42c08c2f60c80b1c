/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef BT_BASE_FILEIO_H
#define BT_BASE_FILEIO_H

#include <sys/types.h>
#include "base/buf.h"
#include "base/log.h"

/*
 * Reads a whole file of at most `max` bytes into `out` (appended). 0 or a negative errno, -EFBIG over
 * `max` or over the buffer's own cap; then `out` is as it was, and `err` says why in words.
 */
int file_read_all(const char *path, size_t max, struct buf *out, struct error *err);
/*
 * Opens the regular file at `path` to be read; never a FIFO or a device, whose opening may wait or do something. `ino`: the
 * number that it must have, or 0. Descriptor, or negative errno: -EINVAL for what is no regular file, -ESTALE for another number.
 */
int file_open_regular(const char *path, uint64_t ino);
/* Writes all of it, going on after EINTR, short writes, and EAGAIN (it waits). 0 or negative errno. */
int fd_write_all(int fd, const void *p, size_t len);
/*
 * The same for a reader that may have stopped reading: what is no regular file is waited for no longer than `timeout_ms` in all,
 * then -ETIMEDOUT; some of it may have been written.
 */
int fd_write_within(int fd, const void *p, size_t len, int timeout_ms);
/*
 * A file that appears whole or not at all: open makes a temporary file beside `path` (mode
 * `mode` less the umask, O_EXCL), commit fsyncs and renames it into place, abort unlinks it.
 * A symbolic link is followed: its target is replaced (a link to nothing is replaced itself). What
 * cannot be replaced is written in place, and abort takes nothing back: a FIFO, a device, and
 * whatever is our own stdout or stderr (/dev/stdout, /dev/fd/2, a regular file they go to), which
 * is written through a duplicate of that descriptor. After commit (also a failed one) and abort the
 * struct is empty; abort accepts an empty or zeroed struct.
 */
struct atomic_file {
	char *path;
	char *tmp; /* NULL when written in place */
	int fd;    /* write here */
};
int atomic_file_open(struct atomic_file *f, const char *path, mode_t mode, struct error *err);
int atomic_file_commit(struct atomic_file *f, struct error *err);
void atomic_file_abort(struct atomic_file *f);

#endif /* BT_BASE_FILEIO_H */
