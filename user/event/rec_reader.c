/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/fileio.h"
#include "base/secmem.h"
#include "event/rec_format.h"

struct rec_reader {
	int fd;
	int err; /* the first failure: every later call gives it */
	bool ended;
	char *path;
	struct rec_keys *keys;
	struct rec_totals totals;
	size_t len, at;                     /* of batch: bytes in it, bytes given out */
	unsigned char batch[REC_BATCH_LEN]; /* plaintext, wiped when done with */
	unsigned char frame[REC_BATCH_LEN + REC_SEAL_LEN];
};

/* Bytes read, fewer than `len` only at the end of the file, or a negative errno. */
static ssize_t read_full(int fd, void *p, size_t len)
{
	size_t got = 0;

	while (got < len) {
		ssize_t n = read(fd, (char *)p + got, len - got);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (!n)
			break;
		got += (size_t)n;
	}
	return (ssize_t)got;
}

static int cut_short(const struct rec_reader *r, struct error *err)
{
	return error_set(
		err, -EBADMSG,
		"recording %s is cut short: its end is missing, the run may have been killed",
		r->path);
}

static int damaged(const struct rec_reader *r, struct error *err)
{
	return error_set(err, -EBADMSG, "recording %s is damaged or was changed", r->path);
}

static int read_exactly(struct rec_reader *r, void *p, size_t len, struct error *err)
{
	ssize_t n = read_full(r->fd, p, len);

	if (n < 0)
		return error_set(err, (int)n, "cannot read recording %s: %s", r->path,
				 strerror((int)-n));
	return (size_t)n == len ? 0 : cut_short(r, err);
}

/* Reads and decrypts the next frame into r->batch. */
static int read_frame(struct rec_reader *r, const struct rec_header *ad, unsigned char *tag,
		      struct error *err)
{
	unsigned long long len;
	unsigned char head[4];
	uint32_t sealed;
	int ret;

	wipe(r->batch, r->len);
	r->len = 0;
	r->at = 0;
	ret = read_exactly(r, head, sizeof(head), err);
	if (ret)
		return ret;
	sealed = rec_get_u32(head);
	if (sealed < REC_SEAL_LEN || sealed > sizeof(r->frame))
		return damaged(r, err);
	ret = read_exactly(r, r->frame, sealed, err);
	if (ret)
		return ret;
	if (crypto_secretstream_xchacha20poly1305_pull(&r->keys->stream, r->batch, &len, tag,
						       r->frame, sealed, (const unsigned char *)ad,
						       ad ? sizeof(*ad) : 0)) {
		if (!ad)
			return damaged(r, err);
		return error_set(err, -EBADMSG,
				 "cannot decrypt recording %s: the key file is of another "
				 "recording, or the recording was changed",
				 r->path);
	}
	r->len = (size_t)len;
	return 0;
}

static int read_header(struct rec_reader *r, struct rec_header *head, struct error *err)
{
	ssize_t n = read_full(r->fd, head, sizeof(*head));

	if (n < 0)
		return error_set(err, (int)n, "cannot read %s: %s", r->path, strerror((int)-n));
	if (n < REC_MAGIC_LEN || memcmp(head->magic, REC_MAGIC, REC_MAGIC_LEN) != 0)
		return error_set(err, -EBADMSG, "%s is not a beartrap recording", r->path);
	if ((size_t)n < sizeof(*head))
		return cut_short(r, err);
	if (head->byte_order != REC_BYTE_ORDER)
		return error_set(err, -EPROTONOSUPPORT,
				 "recording %s was made on a machine of another byte order",
				 r->path);
	if (rec_get_u32(head->abi) != BT_ABI_VERSION)
		return error_set(err, -EPROTONOSUPPORT,
				 "recording %s has ABI version %u, this program reads %d: replay "
				 "it with the version that made it",
				 r->path, rec_get_u32(head->abi), BT_ABI_VERSION);
	return 0;
}

static int read_key(struct rec_reader *r, const char *key_path, struct error *err)
{
	struct buf key = BUF_INIT_WIPE(0);
	char *beside = NULL;
	int ret;

	if (!key_path) {
		if (asprintf(&beside, "%s.key", r->path) < 0)
			return error_set(err, -ENOMEM, "cannot open %s: out of memory", r->path);
		key_path = beside;
	}
	ret = file_read_all(key_path, 4096, &key, NULL);
	if (ret) {
		error_set(err, ret, "cannot read key file %s of recording %s: %s", key_path,
			  r->path, strerror(-ret));
	} else if (key.len != sizeof(r->keys->key)) {
		ret = error_set(err, -EBADMSG, "%s is not the key file of a recording", key_path);
	} else {
		memcpy(r->keys->key, key.p, key.len);
	}
	buf_release(&key);
	free(beside);
	return ret;
}

static int begin(struct rec_reader *r, const char *key_path, struct error *err)
{
	struct rec_header head;
	unsigned char tag;
	int ret;

	ret = read_header(r, &head, err);
	if (ret)
		return ret;
	ret = read_key(r, key_path, err);
	if (ret)
		return ret;
	if (crypto_secretstream_xchacha20poly1305_init_pull(&r->keys->stream, head.stream,
							    r->keys->key))
		return damaged(r, err);
	ret = read_frame(r, &head, &tag, err);
	if (ret)
		return ret;
	if (tag != crypto_secretstream_xchacha20poly1305_TAG_MESSAGE ||
	    r->len != sizeof(r->keys->info))
		return damaged(r, err);
	memcpy(&r->keys->info, r->batch, sizeof(r->keys->info));
	r->at = r->len;
	return 0;
}

int rec_reader_open(const char *path, const char *key_path, struct rec_reader **ret,
		    struct error *err)
{
	struct rec_reader *r;
	int rc;

	if (sodium_init() < 0)
		return error_set(err, -ENOSYS, "cannot start libsodium");
	r = secmem_calloc(1, sizeof(*r));
	if (r) {
		r->fd = -1;
		r->path = strdup(path);
		r->keys = sodium_malloc(sizeof(*r->keys));
	}
	if (!r || !r->path || !r->keys) {
		rc = error_set(err, -ENOMEM, "cannot open %s: out of memory", path);
		goto fail;
	}
	r->fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (r->fd < 0) {
		rc = error_set(err, -errno, "cannot open %s: %s", path, strerror(errno));
		goto fail;
	}
	rc = begin(r, key_path, err);
	if (rc)
		goto fail;
	*ret = r;
	return 0;
fail:
	rec_reader_free(r);
	return rc;
}

const struct rec_info *rec_reader_info(const struct rec_reader *r)
{
	return &r->keys->info;
}

/* The FINAL frame is in r->batch. Nothing may come after it. */
static int finish(struct rec_reader *r, struct error *err)
{
	char more;
	ssize_t n;

	if (r->len != sizeof(r->totals))
		return damaged(r, err);
	memcpy(&r->totals, r->batch, sizeof(r->totals));
	n = read_full(r->fd, &more, 1);
	if (n < 0)
		return error_set(err, (int)n, "cannot read recording %s: %s", r->path,
				 strerror((int)-n));
	if (n)
		return damaged(r, err);
	r->ended = true;
	return 0;
}

/* The next record of the batch, reading on as needed. As rec_reader_next(). */
static int next(struct rec_reader *r, struct span *ret, struct error *err)
{
	unsigned char tag = 0;
	uint32_t len;
	int rc;

	while (r->at == r->len) {
		rc = read_frame(r, NULL, &tag, err);
		if (rc)
			return rc;
		if (tag == crypto_secretstream_xchacha20poly1305_TAG_FINAL)
			return finish(r, err);
		if (tag != crypto_secretstream_xchacha20poly1305_TAG_MESSAGE)
			return damaged(r, err);
	}
	if (r->len - r->at < REC_ITEM_HEAD_LEN)
		return damaged(r, err);
	len = rec_get_u32(r->batch + r->at);
	r->at += REC_ITEM_HEAD_LEN;
	if (!len || len > REC_RECORD_MAX || len > r->len - r->at)
		return damaged(r, err);
	*ret = span_of(r->batch + r->at, len);
	r->at += len;
	return 1;
}

int rec_reader_next(struct rec_reader *r, struct span *ret, struct error *err)
{
	int rc;

	if (r->err)
		return error_set(err, r->err, "recording %s cannot be read further", r->path);
	if (r->ended)
		return 0;
	rc = next(r, ret, err);
	if (rc < 0)
		r->err = rc;
	return rc;
}

const struct rec_totals *rec_reader_totals(const struct rec_reader *r)
{
	return &r->totals;
}

struct rec_reader *rec_reader_free(struct rec_reader *r)
{
	if (!r)
		return NULL;
	if (r->fd >= 0)
		close(r->fd);
	sodium_free(r->keys);
	free(r->path);
	secmem_free(r);
	return NULL;
}
