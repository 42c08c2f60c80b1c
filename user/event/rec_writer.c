/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fileio.h"
#include "base/secmem.h"
#include "event/rec_format.h"

struct rec_writer {
	struct atomic_file file, key_file;
	struct rec_keys *keys;
	char *path, *key_path; /* as given, for messages */
	int err;               /* the first failure: every later call gives it */
	size_t used;
	unsigned char batch[REC_BATCH_LEN]; /* plaintext, wiped when written */
	unsigned char frame[4 + REC_BATCH_LEN + REC_SEAL_LEN];
};

/* Encrypts and writes `len` bytes of w->batch as one frame. */
static int write_frame(struct rec_writer *w, size_t len, const struct rec_header *ad,
		       unsigned char tag)
{
	crypto_secretstream_xchacha20poly1305_push(&w->keys->stream, w->frame + 4, NULL, w->batch,
						   len, (const unsigned char *)ad,
						   ad ? sizeof(*ad) : 0, tag);
	wipe(w->batch, len);
	rec_put_u32(w->frame, (uint32_t)(len + REC_SEAL_LEN));
	return fd_write_all(w->file.fd, w->frame, 4 + len + REC_SEAL_LEN);
}

static int flush(struct rec_writer *w)
{
	size_t len = w->used;

	w->used = 0;
	if (!len)
		return 0;
	return write_frame(w, len, NULL, crypto_secretstream_xchacha20poly1305_TAG_MESSAGE);
}

static int begin(struct rec_writer *w, const struct rec_info *info)
{
	struct rec_header head = { .magic = REC_MAGIC, .byte_order = REC_BYTE_ORDER };
	int err;

	rec_put_u32(head.abi, BT_ABI_VERSION);
	crypto_secretstream_xchacha20poly1305_keygen(w->keys->key);
	crypto_secretstream_xchacha20poly1305_init_push(&w->keys->stream, head.stream,
							w->keys->key);
	err = fd_write_all(w->file.fd, &head, sizeof(head));
	if (err)
		return err;
	memcpy(w->batch, info, sizeof(*info));
	return write_frame(w, sizeof(*info), &head,
			   crypto_secretstream_xchacha20poly1305_TAG_MESSAGE);
}

/* A private file that is new or replaces a regular one; a link or device in its place is refused. */
static int open_private(struct atomic_file *f, const char *path, struct error *err)
{
	struct stat st;
	int ret;

	if (!lstat(path, &st) && !S_ISREG(st.st_mode))
		return error_set(err, -EEXIST, "cannot record to %s: it is not a regular file",
				 path);
	ret = atomic_file_open(f, path, 0600, err);
	if (!ret && !f->tmp) {
		atomic_file_abort(f);
		return error_set(err, -EEXIST, "cannot record to %s: it is in use as our output",
				 path);
	}
	return ret;
}

int rec_writer_open(const char *path, const struct rec_info *info, struct rec_writer **ret,
		    struct error *err)
{
	struct rec_writer *w = NULL;
	int rc;

	if (sodium_init() < 0)
		return error_set(err, -ENOSYS, "cannot start libsodium");
	w = secmem_calloc(1, sizeof(*w));
	if (w) {
		w->keys = sodium_malloc(sizeof(*w->keys));
		w->path = strdup(path);
		if (asprintf(&w->key_path, "%s.key", path) < 0)
			w->key_path = NULL;
	}
	if (!w || !w->keys || !w->path || !w->key_path) {
		rc = error_set(err, -ENOMEM, "cannot record to %s: out of memory", path);
		goto fail;
	}
	rc = open_private(&w->file, path, err);
	if (rc)
		goto fail;
	rc = open_private(&w->key_file, w->key_path, err);
	if (rc)
		goto fail;
	rc = begin(w, info);
	if (rc) {
		error_set(err, rc, "cannot record to %s: %s", path, strerror(-rc));
		goto fail;
	}
	*ret = w;
	return 0;
fail:
	rec_writer_abort(w);
	return rc;
}

int rec_writer_add(struct rec_writer *w, struct span record)
{
	if (w->err)
		return w->err;
	if (!record.len || record.len > REC_RECORD_MAX)
		return -EMSGSIZE;
	if (w->used + REC_ITEM_HEAD_LEN + record.len > REC_BATCH_LEN)
		w->err = flush(w);
	if (w->err)
		return w->err;
	rec_put_u32(w->batch + w->used, (uint32_t)record.len);
	memcpy(w->batch + w->used + REC_ITEM_HEAD_LEN, record.p, record.len);
	w->used += REC_ITEM_HEAD_LEN + record.len;
	return 0;
}

static int finish(struct rec_writer *w, const struct rec_totals *totals)
{
	int err = w->err ? w->err : flush(w);

	if (err)
		return err;
	_Static_assert(sizeof(*totals) <= REC_BATCH_LEN, "fits a frame");
	memcpy(w->batch, totals, sizeof(*totals));
	err = write_frame(w, sizeof(*totals), NULL,
			  crypto_secretstream_xchacha20poly1305_TAG_FINAL);
	return err ? err : fd_write_all(w->key_file.fd, w->keys->key, sizeof(w->keys->key));
}

int rec_writer_close(struct rec_writer *w, const struct rec_totals *totals, struct error *err)
{
	int ret = finish(w, totals);

	if (ret) {
		error_set(err, ret, "cannot record to %s: %s", w->path, strerror(-ret));
		goto out;
	}
	/* Key first: nobody can then see a recording without its key. */
	ret = atomic_file_commit(&w->key_file, err);
	if (ret)
		goto out;
	ret = atomic_file_commit(&w->file, err);
	if (ret)
		unlink(w->key_path);
out:
	rec_writer_abort(w);
	return ret;
}

void rec_writer_abort(struct rec_writer *w)
{
	if (!w)
		return;
	atomic_file_abort(&w->file);
	atomic_file_abort(&w->key_file);
	sodium_free(w->keys);
	free(w->path);
	free(w->key_path);
	secmem_free(w);
}
