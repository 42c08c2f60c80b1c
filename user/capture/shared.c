/* SPDX-License-Identifier: BSD-2-Clause */
#include "capture/shared.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

uint64_t shared_now(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* --- files --- */

static struct shared_file *file_free(struct shared_file *f)
{
	if (!f)
		return NULL;
	shared_file_close(f);
	changes_free(f->changes);
	free(f->refs);
	free(f);
	return NULL;
}

void shared_release(struct shared_files *s)
{
	for (size_t i = 0; i < s->n; i++)
		file_free(s->file[i]);
	s->n = 0;
}

void shared_file_close(struct shared_file *f)
{
	if (f->fd >= 0)
		close(f->fd);
	f->fd = -1;
}

static uint64_t birth_of(int fd)
{
	struct statx x;

	if (statx(fd, "", AT_EMPTY_PATH, STATX_BTIME, &x) || !(x.stx_mask & STATX_BTIME))
		return 0;
	return (uint64_t)x.stx_btime.tv_sec * 1000000000u + x.stx_btime.tv_nsec;
}

/* Where one more goes: behind the others, or in place of the one that is not mapped for the longest. NULL: nowhere. */
static struct shared_file **place(struct shared_files *s)
{
	struct shared_file **oldest = NULL;

	if (s->n < SHARED_FILES_MAX) {
		s->file[s->n] = NULL;
		return &s->file[s->n++];
	}
	for (size_t i = 0; i < s->n; i++)
		if (s->file[i]->fd < 0 && (!oldest || s->file[i]->used < (*oldest)->used))
			oldest = &s->file[i];
	if (oldest)
		*oldest = file_free(*oldest);
	return oldest;
}

struct shared_file *shared_file_get(struct shared_files *s, const struct bt_file_id *id, int fd,
				    bool *known)
{
	const struct shared_key key = { id->ino, id->dev, birth_of(fd) };
	struct shared_file **to, *f;

	*known = true;
	for (size_t i = 0; i < s->n; i++) {
		f = s->file[i];
		if (!span_eq(span_of(&f->key, sizeof(key)), span_of(&key, sizeof(key))))
			continue;
		f->used = ++s->uses;
		if (f->fd < 0)
			f->fd = fd;
		else
			close(fd);
		return f;
	}
	*known = false;
	f = calloc(1, sizeof(*f));
	to = f ? place(s) : NULL;
	if (!to) {
		free(f);
		close(fd);
		return NULL;
	}
	*to = f;
	f->key = key;
	f->id = *id;
	f->fd = fd;
	f->from = UINT64_MAX;
	f->used = ++s->uses;
	return f;
}

void shared_file_name(struct shared_file *f, struct span path)
{
	path = span_sub(path, 0, sizeof(f->path));
	if (span_eq(path, span_of(f->path, f->path_len)))
		return;
	if (path.len)
		memcpy(f->path, path.p, path.len);
	f->path_len = (uint16_t)path.len;
	f->told = false;
}

bool shared_file_range(struct shared_file *f, uint64_t from, uint64_t to)
{
	bool wider = from < f->from || to > f->to;

	if (from < f->from)
		f->from = from;
	if (to > f->to)
		f->to = to;
	return wider;
}

void shared_file_want(struct shared_file *f)
{
	if (f->not_before_ns < f->next_ns)
		f->next_ns = f->not_before_ns;
	f->wait_ns = 0;
}

/* --- mappings --- */

bool shared_ref_add(struct shared_file *f, const struct shared_ref *ref)
{
	struct shared_ref *refs;

	if (f->n_refs == SHARED_REFS_MAX)
		return false;
	/* Grows by doubling: at every power of two. */
	if (!(f->n_refs & (f->n_refs - 1))) {
		refs = realloc(f->refs, (f->n_refs ? 2 * f->n_refs : 1) * sizeof(*refs));
		if (!refs)
			return false;
		f->refs = refs;
	}
	f->refs[f->n_refs++] = *ref;
	return true;
}

static bool overlaps(const struct shared_ref *ref, uint32_t tgid, uint64_t from, uint64_t to)
{
	return ref->tgid == tgid && from < ref->to && ref->from < to;
}

/* Takes addresses out of one mapping, of which up to two parts stay. */
static void cut(struct shared_file *f, size_t i, uint64_t from, uint64_t to)
{
	struct shared_ref ref = f->refs[i], rest = ref;

	f->refs[i] = f->refs[--f->n_refs];
	rest.to = from;
	if (ref.from < from)
		shared_ref_add(f, &rest);
	rest.from = to;
	rest.to = ref.to;
	if (to < ref.to)
		shared_ref_add(f, &rest);
}

bool shared_drop(struct shared_files *s, const struct bt_hdr *who, uint64_t from, uint64_t to)
{
	bool ret = false;

	for (size_t i = 0; i < s->n; i++) {
		struct shared_file *f = s->file[i];
		bool had = false;

		/* What stays of one is put behind the others, and does not overlap any more. */
		for (size_t k = f->n_refs; k--;) {
			if (!overlaps(&f->refs[k], who->tgid, from, to))
				continue;
			cut(f, k, from, to);
			had = true;
		}
		if (!had)
			continue;
		f->who = *who;
		shared_file_want(f);
		ret = true;
	}
	return ret;
}

void shared_drop_root(struct shared_files *s, uint32_t root)
{
	for (size_t i = 0; i < s->n; i++) {
		struct shared_file *f = s->file[i];
		size_t n = 0;

		for (size_t k = 0; k < f->n_refs; k++)
			if (f->refs[k].root != root)
				f->refs[n++] = f->refs[k];
		f->n_refs = n;
	}
}

void shared_touch(struct shared_files *s, const struct bt_hdr *who, uint64_t from, uint64_t to)
{
	for (size_t i = 0; i < s->n; i++) {
		struct shared_file *f = s->file[i];

		for (size_t k = 0; k < f->n_refs; k++) {
			if (!overlaps(&f->refs[k], who->tgid, from, to))
				continue;
			f->who = *who;
			shared_file_want(f);
		}
	}
}

bool shared_fork(struct shared_files *s, uint32_t parent, uint32_t child)
{
	bool ret = true;

	for (size_t i = 0; i < s->n; i++) {
		struct shared_file *f = s->file[i];

		for (size_t k = 0, n = f->n_refs; k < n; k++) {
			struct shared_ref ref = f->refs[k];

			ref.tgid = child;
			if (f->refs[k].tgid == parent)
				ret &= shared_ref_add(f, &ref);
		}
	}
	return ret;
}
