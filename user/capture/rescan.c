/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a process stores through a shared mapping of a file is in the page cache at once, and no call carries it: so the file is read
 * when it is mapped, at msync, munmap, exec and exit, and now and then while it is mapped, and what has changed is passed
 * on as data written to it (BT_CALL_MMAP). It is a look at the result: who else writes to the file is not told apart.
 */
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>
#include <linux/magic.h>

#include "base/changes.h"
#include "base/secmem.h"
#include "capture/internal.h"
#include "capture/shared.h"

#define WINDOW (64u << 10)
#define MARGIN CHANGES_WORD_MAX
#define RANGES_MAX (WINDOW / CHANGES_PAGE * CHANGES_MAX)

/* Read at most so much in a second. */
#define SECOND_MAX (512u << 20)
/* Remembered of one file, and of all; copies of pages in locked memory. */
#define FILE_PAGES (256u << 20 >> 12)
#define ALL_PAGES (2 * FILE_PAGES)
#define ALL_COPIES 1024

/* While a file is mapped, it is looked at so soon after something happened, then ever less often. */
#define SOON_NS 50000000ull
#define SELDOM_NS 10000000000ull
/* And looking at it takes not more than one part of so many, when nothing happens, and when much does. */
#define IDLE_SHARE 50
#define BUSY_SHARE 8

/* How coarse a file's times may be. */
#define TICK_NS 20000000ull
#define SECOND_NS 1000000000ull

struct rescan {
	struct changes_budget budget;
	struct shared_files files;
	char *buf;             /* MARGIN, WINDOW, MARGIN */
	char *rec;             /* one record */
	uint64_t started_ns;   /* CLOCK_REALTIME */
	uint64_t second, used; /* in which `used` bytes were read */
	struct bt_counter lost;
	uint64_t mappings; /* that were looked at */
};

struct rescan *rescan_new(void)
{
	struct rescan *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	randombytes_buf(r->budget.key, sizeof(r->budget.key));
	r->budget.pages = ALL_PAGES;
	r->budget.copies = ALL_COPIES;
	r->started_ns = shared_now(CLOCK_REALTIME);
	return r;
}

struct rescan *rescan_free(struct rescan *r)
{
	if (!r)
		return NULL;
	shared_release(&r->files);
	secmem_free(r->buf);
	secmem_free(r->rec);
	free(r);
	return NULL;
}

struct bt_counter rescan_lost(const struct rescan *r)
{
	return r->lost;
}

static void lose(struct rescan *r, uint64_t bytes)
{
	r->lost.events++;
	r->lost.bytes += bytes;
}

/* --- what has changed, passed on --- */

/* One look at one file. */
struct look {
	struct capture *c;
	struct shared_file *f;
	bool tell;      /* else it is only remembered */
	bool last;      /* there will not be another */
	bool cut;       /* more is to be read than may be now */
	uint64_t over;  /* bytes for which there was no room */
	uint64_t found; /* bytes passed on in this look */
	uint64_t size;  /* of the file */
	int ret;
};

static int give(struct look *l, const void *head, size_t head_len, struct span tail)
{
	char *rec = l->c->rescan->rec;

	memcpy(rec, head, head_len);
	if (tail.len)
		memcpy(rec + head_len, tail.p, tail.len);
	return l->c->cfg.record(l->c->cfg.arg, span_of(rec, head_len + tail.len));
}

static struct bt_hdr head_of(const struct look *l, enum bt_rec_kind kind, size_t len)
{
	struct bt_hdr hdr = l->f->who;

	hdr.kind = (uint16_t)kind;
	hdr.len = (uint32_t)len;
	hdr.time_ns = shared_now(CLOCK_BOOTTIME);
	return hdr;
}

/* Who is written to: before its first bytes, and when it has got another name. */
static int tell_file(struct look *l)
{
	const struct shared_file *f = l->f;
	struct bt_rec_file rec = {
		.hdr = head_of(l, BT_REC_FILE, sizeof(rec) + f->path_len),
		.file = f->id,
		.size = l->size,
		.fd = -1,
		.open_flags = O_RDWR,
		.path_len = f->path_len,
	};
	struct stat st;

	if (fstat(f->fd, &st))
		return 0;
	rec.inode_uid = st.st_uid;
	rec.nlink = (uint32_t)st.st_nlink;
	rec.flags = st.st_nlink ? 0 : BT_FILE_DELETED;
	return give(l, &rec, sizeof(rec), span_of(f->path, f->path_len));
}

/* Bytes at file offset `off`, as the data of one call. */
static int tell_bytes(struct look *l, struct span bytes, uint64_t off)
{
	struct shared_file *f = l->f;
	int ret = 0;

	if (!f->told)
		ret = tell_file(l);
	f->told = true;
	for (size_t done = 0; done < bytes.len && ret >= 0;) {
		struct span part = span_sub(bytes, done, BT_CHUNK_LEN);
		const struct bt_rec_data rec = {
			.hdr = head_of(l, BT_REC_DATA, sizeof(rec) + part.len),
			.file = f->id,
			.pos = f->pos,
			.off = off + done,
			.call_len = bytes.len,
			.call_off = done,
			.fd = -1,
			.data_len = (uint32_t)part.len,
			.call = BT_CALL_MMAP,
			.dir = BT_DIR_OUT,
			.last = done + part.len == bytes.len,
		};

		ret = give(l, &rec, sizeof(rec), part);
		done += part.len;
		f->pos += part.len;
	}
	l->found += bytes.len;
	return ret;
}

/* --- what has changed, found --- */

static size_t read_at(int fd, char *to, uint64_t off, size_t len)
{
	ssize_t n = pread(fd, to, len, (off_t)off);

	return n > 0 ? (size_t)n : 0;
}

/* The ranges of the window at `off`, `n` bytes at `buf + MARGIN`, that are to be told of. */
static void tell_ranges(struct look *l, uint64_t off, size_t n, const struct range *ranges,
			size_t n_ranges)
{
	char *buf = l->c->rescan->buf;
	size_t before = off < MARGIN ? (size_t)off : MARGIN;
	struct range at = { 0 };
	struct span text;

	if (read_at(l->f->fd, buf + MARGIN - before, off - before, before) < before)
		before = 0;
	n += read_at(l->f->fd, buf + MARGIN + n, off + n, MARGIN);
	text = span_of(buf + MARGIN - before, before + n);
	for (size_t i = 0; i < n_ranges && l->ret >= 0; i++) {
		struct range r = { ranges[i].from + before, ranges[i].to + before };

		r = changes_widen(text, r);
		if (i && r.from <= at.to) {
			at.to = r.to > at.to ? r.to : at.to;
			continue;
		}
		if (i)
			l->ret = tell_bytes(l, span_sub(text, at.from, at.to - at.from),
					    off - before + at.from);
		at = r;
	}
	if (l->ret >= 0)
		l->ret = tell_bytes(l, span_sub(text, at.from, at.to - at.from),
				    off - before + at.from);
}

static void look_window(struct look *l, uint64_t off, size_t len)
{
	struct rescan *r = l->c->rescan;
	char *buf = r->buf + MARGIN;
	struct range ranges[RANGES_MAX];
	size_t n = read_at(l->f->fd, buf, off, len), n_ranges = 0;

	r->used += n;
	for (size_t at = 0; at < n; at += CHANGES_PAGE) {
		struct range *to = ranges + n_ranges;
		int k;

		if (n - at < CHANGES_PAGE)
			memset(buf + n, 0, CHANGES_PAGE - (n - at));
		k = changes_look(l->f->changes, (off + at) / CHANGES_PAGE, buf + at, to);
		if (k < 0)
			l->over += CHANGES_PAGE;
		for (int i = 0; i < k; i++) {
			to[i].from += at;
			to[i].to = to[i].to + at < n ? to[i].to + at : n;
		}
		n_ranges += k > 0 ? (size_t)k : 0;
	}
	if (n_ranges && l->tell)
		tell_ranges(l, off, n, ranges, n_ranges);
}

/* Whether so much more may be read in this second. */
static bool may_read(struct rescan *r, size_t len)
{
	uint64_t now = shared_now(CLOCK_MONOTONIC) / SECOND_NS;

	if (now != r->second)
		r->used = 0;
	r->second = now;
	return r->used + len <= SECOND_MAX;
}

/* A part of the file in which there is data. */
static void look_data(struct look *l, uint64_t from, uint64_t to)
{
	while (from < to && l->ret >= 0 && !l->cut) {
		size_t len = to - from < WINDOW ? (size_t)(to - from) : WINDOW;

		if (!l->tell || may_read(l->c->rescan, len)) {
			look_window(l, from, len);
			from += len;
		} else {
			l->cut = true;
			l->over += l->last ? to - from : 0;
		}
	}
}

static void look_range(struct look *l, uint64_t from, uint64_t to)
{
	int fd = l->f->fd;

	while (from < to && l->ret >= 0 && !l->cut) {
		off_t data = lseek(fd, (off_t)from, SEEK_DATA), hole;

		if (data < 0 && errno == ENXIO)
			return;
		if (data < 0)
			data = (off_t)from; /* a file system that does not know */
		hole = lseek(fd, data, SEEK_HOLE);
		if (hole < 0 || (uint64_t)hole > to)
			hole = (off_t)to;
		data &= ~(off_t)(CHANGES_PAGE - 1);
		look_data(l, (uint64_t)data, (uint64_t)hole);
		from = (uint64_t)hole;
	}
}

/* After a look that began at that time. */
static void plan(struct shared_file *f, uint64_t begun, bool found)
{
	uint64_t now = shared_now(CLOCK_MONOTONIC), took = now - begun;

	f->wait_ns = found ? SOON_NS : 2 * f->wait_ns;
	if (f->wait_ns < SOON_NS)
		f->wait_ns = SOON_NS;
	if (f->wait_ns > SELDOM_NS)
		f->wait_ns = SELDOM_NS;
	if (f->wait_ns < IDLE_SHARE * took)
		f->wait_ns = IDLE_SHARE * took;
	f->not_before_ns = now + BUSY_SHARE * took;
	f->next_ns = now + f->wait_ns;
}

static int look(struct capture *c, struct shared_file *f, bool tell, bool last)
{
	struct look l = { .c = c, .f = f, .tell = tell, .last = last };
	uint64_t begun = shared_now(CLOCK_MONOTONIC);
	struct stat st;

	if (fstat(f->fd, &st))
		return 0;
	l.size = (uint64_t)st.st_size;
	f->id.mode = (uint16_t)st.st_mode;
	look_range(&l, f->from, f->to < l.size ? f->to : l.size);
	if (l.over && !f->over)
		lose(c->rescan, l.over);
	f->over |= l.over > 0;
	plan(f, begun, l.found || l.cut);
	return l.ret;
}

/* --- mappings come and go --- */

/* The process has not touched a page of its mapping as yet, and still has it. */
static bool is_unfaulted(const struct inode_ref *ref)
{
	uint64_t entries[512], at = ref->map_from / CHANGES_PAGE, end = ref->map_to / CHANGES_PAGE;
	bool ret = false;
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%u/pagemap", ref->tgid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	while (fd >= 0 && at < end) {
		size_t n = end - at < 512 ? (size_t)(end - at) : 512;

		if (pread(fd, entries, n * 8, (off_t)(at * 8)) != (ssize_t)(n * 8))
			break;
		/* Documentation/admin-guide/mm/pagemap.rst: present, or swapped out. */
		for (size_t i = 0; i < n; i++, at++)
			if (entries[i] >> 62)
				goto out;
		ret = at == end;
	}
out:
	if (fd >= 0)
		close(fd);
	return ret;
}

/*
 * Nothing can have been stored yet: the file's times are from before it was mapped. Memory file systems do not note
 * what is stored through mappings: there the pages tell.
 */
static bool is_untouched(const struct shared_file *f, const struct inode_ref *ref,
			 uint64_t mapped_ns)
{
	struct statfs fs;
	struct stat st;

	if (fstatfs(f->fd, &fs) || fstat(f->fd, &st))
		return false;
	if (fs.f_type == TMPFS_MAGIC || fs.f_type == RAMFS_MAGIC || fs.f_type == HUGETLBFS_MAGIC)
		return is_unfaulted(ref);
	return (uint64_t)st.st_mtim.tv_sec * SECOND_NS + (uint64_t)st.st_mtim.tv_nsec + TICK_NS <
	       mapped_ns;
}

/* The first look. What was there before the watch, or before the mapping, is no news, where that can be told. */
static int first_look(struct capture *c, struct shared_file *f, const struct inode_ref *ref,
		      uint64_t mapped_ns, bool late)
{
	struct rescan *r = c->rescan;
	bool is_new = f->key.born_ns + TICK_NS >= r->started_ns;
	int ret = 0;

	if (late || (!is_new && is_untouched(f, ref, mapped_ns))) {
		ret = look(c, f, false, false);
		if (late || is_untouched(f, ref, mapped_ns))
			return ret;
		/* While we looked. */
		changes_free(f->changes);
		f->changes = changes_new(&r->budget, FILE_PAGES);
	}
	return f->changes ? look(c, f, true, false) : -ENOMEM;
}

static bool buffers(struct rescan *r)
{
	if (!r->buf)
		r->buf = secmem_calloc(1, MARGIN + WINDOW + MARGIN);
	if (!r->rec)
		r->rec = secmem_calloc(1, sizeof(struct bt_rec_file) + sizeof(struct bt_rec_data) +
						  BT_CHUNK_LEN);
	return r->buf && r->rec;
}

/*
 * The file of a mapping, open. NULL when it cannot be looked at. `fd` is taken over. Files of sysfs and procfs are doors to
 * something else, and to read them may do something.
 */
static struct shared_file *file_of(struct rescan *r, const struct bt_file_id *id, int fd,
				   bool *known)
{
	struct shared_file *f = NULL;
	struct statfs fs;

	if (fd >= 0 && !fstatfs(fd, &fs) && fs.f_type != SYSFS_MAGIC &&
	    fs.f_type != PROC_SUPER_MAGIC && buffers(r))
		f = shared_file_get(&r->files, id, fd, known);
	else if (fd >= 0)
		close(fd);
	if (!f || f->changes)
		return f;
	crypto_shorthash((unsigned char *)&f->id.obj, (const unsigned char *)&f->key,
			 sizeof(f->key), r->budget.key);
	f->changes = changes_new(&r->budget, FILE_PAGES);
	return f->changes ? f : NULL;
}

static int add(struct capture *c, const struct bt_hdr *who, const struct inode_ref *ref,
	       uint64_t off, bool late)
{
	struct rescan *r = c->rescan;
	uint64_t mapped_ns = who->time_ns + shared_now(CLOCK_REALTIME) - shared_now(CLOCK_BOOTTIME);
	const struct shared_ref m = {
		.tgid = ref->tgid, .root = ref->root, .from = ref->map_from, .to = ref->map_to
	};
	struct shared_file *f;
	bool known, wider;

	f = file_of(r, &ref->file, inode_open(ref), &known);
	if (!f) {
		lose(r, 0);
		return 0;
	}
	r->mappings++;
	f->who = *who;
	shared_file_name(f, ref->path);
	wider = shared_file_range(f, off, off + (ref->map_to - ref->map_from));
	if (!shared_ref_add(f, &m)) {
		lose(r, 0);
		return 0;
	}
	if (!known || wider)
		return first_look(c, f, ref, mapped_ns, late);
	shared_file_want(f);
	return 0;
}

static uint64_t page_up(uint64_t len)
{
	return (len + CHANGES_PAGE - 1) & ~(uint64_t)(CHANGES_PAGE - 1);
}

static int on_shared(struct capture *c, const struct bt_hdr *hdr, const struct event *ev)
{
	uint64_t from = ev->shared.addr, to = page_up(from + ev->shared.len);
	const struct inode_ref ref = { .file = ev->shared.file,
				       .tgid = ev->tgid,
				       .root = ev->root,
				       .fd = ev->shared.fd,
				       .map_from = from,
				       .map_to = to,
				       .path = ev->shared.path };

	switch (ev->shared.what) {
	case BT_SHARED_MAP:
		/* What was mapped there before is gone. */
		shared_drop(&c->rescan->files, hdr, from, to);
		return add(c, hdr, &ref, ev->shared.off, false);
	case BT_SHARED_UNMAP:
		shared_drop(&c->rescan->files, hdr, from, to);
		return 0;
	default:
		shared_touch(&c->rescan->files, hdr, from, to);
		return 0;
	}
}

/* --- processes that were running before --- */

struct late_arg {
	struct capture *c;
	const struct bt_hdr *who;
	uint64_t from, to; /* of what was found */
	int ret;
};

static void late_map(void *arg, const struct procfs_map *m)
{
	struct late_arg *a = arg;
	const struct inode_ref ref = {
		.file = { .ino = m->ino, .dev = m->major << 20 | m->minor, .type = BT_FILE_REG },
		.tgid = a->who->tgid,
		.root = a->who->root,
		.fd = -1,
		.map_from = m->from,
		.map_to = m->to,
		.path = m->path,
	};

	if (!m->write || !m->shared || a->ret < 0 || !span_starts(m->path, SPAN_LIT("/")) ||
	    span_starts(m->path, SPAN_LIT("/dev/zero")) || span_starts(m->path, SPAN_LIT("/SYSV")))
		return;
	if (!a->from || m->from < a->from)
		a->from = m->from;
	if (m->to > a->to)
		a->to = m->to;
	a->ret = add(a->c, a->who, &ref, m->off, true);
}

/* A program that has just begun has none; one that is watched from now on may. */
static int on_exec(struct capture *c, const struct bt_hdr *hdr)
{
	struct late_arg a = { .c = c, .who = hdr };
	struct {
		__u64 start_ns;
		__u32 tgid, pad;
	} key = { hdr->start_ns, hdr->tgid, 0 };
	__u64 span[2];

	maps_each(hdr->tgid, late_map, &a);
	span[0] = a.from;
	span[1] = a.to;
	if (a.to)
		bpf_map_update_elem(bpf_map__fd(c->skel->maps.sharers), &key, span, BPF_ANY);
	return a.ret;
}

/* --- */

/* Looks at what is due by `now`, or at all that has something to be looked at when `all`. */
static int look_due(struct capture *c, uint64_t now, bool all)
{
	struct shared_files *files = &c->rescan->files;
	int ret = 0;

	for (size_t i = 0; i < files->n && ret >= 0; i++) {
		struct shared_file *f = files->file[i];

		if (f->fd < 0 || (f->n_refs && !all && f->next_ns > now))
			continue;
		ret = look(c, f, true, all || !f->n_refs);
		if (!f->n_refs)
			shared_file_close(f);
	}
	return ret;
}

int rescan_record(struct capture *c, struct span raw)
{
	struct rescan *r = c->rescan;
	struct bt_hdr hdr;
	struct event ev;
	int ret = 0;

	if (raw.len < sizeof(hdr))
		return 0;
	memcpy(&hdr, raw.p, sizeof(hdr));
	switch (hdr.kind) {
	case BT_REC_SHARED:
		return event_decode(raw, &ev) ? 0 : on_shared(c, &hdr, &ev);
	case BT_REC_FORK:
		if (r->files.n && !event_decode(raw, &ev) &&
		    !shared_fork(&r->files, hdr.tgid, ev.fork.child_tgid))
			lose(r, 0);
		return 0;
	case BT_REC_EXEC:
	case BT_REC_EXIT:
		if (shared_drop(&r->files, &hdr, 0, UINT64_MAX))
			ret = look_due(c, 0, false);
		return ret < 0 || hdr.kind == BT_REC_EXIT ? ret : on_exec(c, &hdr);
	default:
		return 0;
	}
}

int rescan_tick(struct capture *c)
{
	return c->rescan->files.n ? look_due(c, shared_now(CLOCK_MONOTONIC), false) : 0;
}

void rescan_unwatch(struct capture *c, uint32_t root)
{
	shared_drop_root(&c->rescan->files, root);
	look_due(c, 0, false);
}

int capture_last_look(struct capture *c)
{
	return look_due(c, 0, true);
}

uint64_t capture_mappings(const struct capture *c)
{
	return c->rescan->mappings;
}

int capture_timeout_ms(const struct capture *c)
{
	const struct shared_files *files = &c->rescan->files;
	uint64_t now = shared_now(CLOCK_MONOTONIC), next = UINT64_MAX;

	for (size_t i = 0; i < files->n; i++)
		if (files->file[i]->fd >= 0 && files->file[i]->next_ns < next)
			next = files->file[i]->next_ns;
	if (next == UINT64_MAX)
		return -1;
	return next <= now ? 0 : (int)((next - now) / 1000000) + 1;
}
