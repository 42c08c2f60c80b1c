/* SPDX-License-Identifier: BSD-2-Clause */
/* Which process has which file in a writable shared mapping: the books of rescan.c. */
#ifndef BT_CAPTURE_SHARED_H
#define BT_CAPTURE_SHARED_H

#include <time.h>
#include <beartrap/event.h>
#include "base/changes.h"

/* Files that are mapped, or were of late. */
#define SHARED_FILES_MAX 256
/* Mappings of one file. */
#define SHARED_REFS_MAX 1024

/* A mapping; addresses in its process. */
struct shared_ref {
	uint32_t tgid, root;
	uint64_t from, to;
};

struct shared_file {
	/* What it is known by: an inode number is used again, but not with that time of birth. */
	struct shared_key {
		uint64_t ino, dev;
		uint64_t born_ns; /* CLOCK_REALTIME; 0 where file systems do not tell */
	} key;
	int fd; /* -1 while it is not mapped */
	struct shared_ref *refs;
	size_t n_refs;
	uint64_t from, to;    /* the part of it that was ever mapped */
	struct bt_file_id id; /* as it is told of: an object of its own */
	struct bt_hdr who;    /* who had to do with it last */
	bool told;            /* under the name that it has */
	bool over;            /* there was more than may be remembered, and that was told */
	uint16_t path_len;
	char path[BT_PATH_LEN];
	uint64_t pos; /* in the stream of what was found */
	struct changes *changes;
	/* CLOCK_MONOTONIC: when it is looked at next, how soon that may be, and how long to wait after that. */
	uint64_t next_ns, not_before_ns, wait_ns;
	uint64_t used; /* the order of their use */
};

struct shared_files {
	struct shared_file *file[SHARED_FILES_MAX];
	size_t n;
	uint64_t uses;
};

uint64_t shared_now(clockid_t clock);
void shared_release(struct shared_files *s);

/*
 * The file that `fd` is, which is taken over; `known` when it is one of before, with what is remembered of it. NULL when there is
 * no room for one more.
 */
struct shared_file *shared_file_get(struct shared_files *s, const struct bt_file_id *id, int fd,
				    bool *known);
void shared_file_close(struct shared_file *f);
void shared_file_name(struct shared_file *f, struct span path);
/* True when the part that was mapped has grown. */
bool shared_file_range(struct shared_file *f, uint64_t from, uint64_t to);
/* Something has happened to it: to be looked at as soon as may be. */
void shared_file_want(struct shared_file *f);

/* A mapping of the file. False when there are too many. */
bool shared_ref_add(struct shared_file *f, const struct shared_ref *ref);
/* Addresses of the process of `who` hold no mapping any more. True when they held one; its file is wanted then. */
bool shared_drop(struct shared_files *s, const struct bt_hdr *who, uint64_t from, uint64_t to);
void shared_drop_root(struct shared_files *s, uint32_t root);
/* Wants the files that are mapped at these addresses. */
void shared_touch(struct shared_files *s, const struct bt_hdr *who, uint64_t from, uint64_t to);
/* The child has the mappings of its parent. False when there are too many. */
bool shared_fork(struct shared_files *s, uint32_t parent, uint32_t child);

#endif /* BT_CAPTURE_SHARED_H */
