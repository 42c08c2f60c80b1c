/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The ways out of a process: a file for each family of them, a table in each; main.c goes through the tables.
 */
#ifndef BT_TESTS_PATHS_H
#define BT_TESTS_PATHS_H

#define _GNU_SOURCE
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

/* Exit status: this machine does not have the way. */
#define NOT_HERE 3
/* Expected to be addresses of the machine. */
#define HOST "192.0.2.1"
#define HOST6 "2001:db8::1"

struct leak {
	const char *way; /* its name, for files */
	const char *variant;
	const char *piece[3]; /* NULL-terminated */
	size_t offset;        /* where the next piece goes */
};

/* A table ends with a row without a name. */
struct way {
	const char *name;
	void (*go)(struct leak *l);
};

#define WAY(name)                                                                                  \
	{                                                                                          \
#name, way_##name                                                                  \
	}

extern const struct way call_ways[], copy_ways[], file_ways[], process_ways[], uring_ways[];

/* --- place.c --- */

/* Ends the process when not; with NOT_HERE when errno says that the machine has no such thing. */
void need(bool good, const char *what);
/* That n, what a call returned, is len. */
void all(ssize_t n, size_t len, const char *what);

/* A file of this way's own. */
int a_file(struct leak *l, int flags);
/* A socket connected with a peer of the same process, which never reads: what is sent finds room in its buffer. */
int a_socket(int family, int type, const char *name);
/* The file of paths --prepare with the piece in it. */
int source_of(const struct leak *l, const char *p, int flags);

typedef void put_fn(struct leak *l, int fd, const char *p, size_t len);
/* Every piece by the call. */
void put_each(struct leak *l, int fd, put_fn *put);
void by_write(struct leak *l, int fd, const char *p, size_t len);

#define FILE_WAY(name, put, flags)                                                                 \
	static void way_##name(struct leak *l)                                                     \
	{                                                                                          \
		put_each(l, a_file(l, flags), put);                                                \
	}

#define SOCKET_WAY(name, put, ...)                                                                 \
	static void way_##name(struct leak *l)                                                     \
	{                                                                                          \
		put_each(l, a_socket(__VA_ARGS__), put);                                           \
	}

#endif /* BT_TESTS_PATHS_H */
