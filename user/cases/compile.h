/* SPDX-License-Identifier: BSD-2-Clause */
/* Private to cases/: the compiler of a case's events. */
#ifndef BT_CASES_COMPILE_H
#define BT_CASES_COMPILE_H

#include <cjson/cJSON.h>
#include "base/buf.h"
#include "cases/cases.h"

#define CASE_MAX_LABELS 64
#define CASE_MAX_SEGMENTS 64
#define CASE_MAX_TEXT (4u << 20)

struct case_value {
	char label[96]; /* "gho:a" */
	char *text;
	bool is_public; /* no secret: may be in a report */
};

struct case_file {
	char label[64];
	struct bt_file_id id;
	uint64_t pos[2];
	int fd;
};

/* The first fault is kept in `err`; after that records are no longer given out. */
struct compiler {
	const char *path;
	unsigned int line;
	const struct case_out *out;
	struct error *err;
	int failed;
	struct case_value values[CASE_MAX_LABELS];
	size_t n_values;
	struct case_file files[CASE_MAX_LABELS];
	size_t n_files;
	uint64_t now_ns;
	int64_t wall_s; /* seconds since the epoch at the case's beginning */
	uint32_t root;
	char comm[CASE_MAX_LABELS][BT_COMM_LEN]; /* of process root + index */
	struct rec_totals totals;
};

/* A piece of a payload that becomes one record (or several, when it is long). */
struct segment {
	size_t off, len;
	bool new_call;
	uint64_t lost; /* bytes missing just before it */
};

struct payload {
	struct buf text;
	struct segment seg[CASE_MAX_SEGMENTS];
	size_t n;
};

/* BUF_INIT_WIPE written out: cppcheck does not expand one macro in the braces of another. */
#define PAYLOAD_INIT                                                                               \
	{                                                                                          \
		.text = { NULL, 0, 0, CASE_MAX_TEXT, 0, true }                                     \
	}

/* compile.c */
void case_fail(struct compiler *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Members of an event. A wrong type is a fault; `otherwise` then, and when there is none. */
const char *case_str(struct compiler *c, const cJSON *ev, const char *name, const char *otherwise);
uint64_t case_num(struct compiler *c, const cJSON *ev, const char *name, uint64_t otherwise);
bool case_bool(struct compiler *c, const cJSON *ev, const char *name);

/* value.c: the secrets of a case, and texts with placeholders for them */
/* Expands {{...}} into p (empty before); the result is cut into segments at the markers. */
void case_expand(struct compiler *c, const char *text, struct payload *p);
void case_define(struct compiler *c, const cJSON *ev);
void case_values_release(struct compiler *c);

/* record.c: processes */
/* When a process of a case started, CLOCK_BOOTTIME. */
uint64_t case_start_ns(uint32_t tgid);
void case_fill_hdr(struct compiler *c, const cJSON *ev, enum bt_rec_kind kind, struct bt_hdr *h);
/* One record: fixed part (its header's length is filled in here), then the tail. */
void case_emit(struct compiler *c, void *fixed, size_t len, struct span tail);
void case_exec(struct compiler *c, const cJSON *ev);
void case_args(struct compiler *c, const cJSON *ev);
void case_cgroup(struct compiler *c, const cJSON *ev);
void case_fork(struct compiler *c, const cJSON *ev);
void case_exit(struct compiler *c, const cJSON *ev);
void case_rename(struct compiler *c, const cJSON *ev);
void case_link(struct compiler *c, const cJSON *ev);
void case_unlink(struct compiler *c, const cJSON *ev);
void case_chmod(struct compiler *c, const cJSON *ev);
void case_loss(struct compiler *c, const cJSON *ev);
void case_garbage(struct compiler *c, const cJSON *ev);

/* file.c: file objects and what moves through them */
void case_file(struct compiler *c, const cJSON *ev);
void case_data(struct compiler *c, const cJSON *ev);
void case_server(struct compiler *c, const cJSON *ev);

#endif /* BT_CASES_COMPILE_H */
