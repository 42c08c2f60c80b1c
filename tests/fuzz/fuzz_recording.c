/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Recordings of any bytes. First byte of the input:
 *   even: the rest is the file (its key: zeros); nothing of it can be authentic, so it must be refused
 *   odd:  the rest is a list of frames for the harness to encrypt properly, each of a length (2 bytes, little endian,
 *         top two bits: the frame's tag) and plaintext: what a hostile writer with the key could do
 * Covers: event/rec_reader.c event/rec_writer.c
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/fileio.h"
#include "event/rec_format.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const unsigned char zero_key[REC_KEY_LEN];

static void must(bool ok)
{
	if (!ok)
		abort();
}

/* A file in memory that has a path. */
static int memory_file(struct span bytes, char *path, size_t len)
{
	int fd = memfd_create("fuzz", MFD_CLOEXEC);

	must(fd >= 0 && !fd_write_all(fd, bytes.p, bytes.len));
	snprintf(path, len, "/proc/self/fd/%d", fd);
	return fd;
}

static void add_frame(struct buf *out, crypto_secretstream_xchacha20poly1305_state *st,
		      struct span plain, const struct rec_header *ad, unsigned char tag)
{
	unsigned char *frame = malloc(4 + plain.len + REC_SEAL_LEN);

	must(frame != NULL);
	rec_put_u32(frame, (uint32_t)(plain.len + REC_SEAL_LEN));
	crypto_secretstream_xchacha20poly1305_push(
		st, frame + 4, NULL, (const unsigned char *)plain.p, plain.len,
		(const unsigned char *)ad, ad ? sizeof(*ad) : 0, tag);
	buf_add(out, frame, 4 + plain.len + REC_SEAL_LEN);
	free(frame);
}

static void encrypt(struct buf *out, const uint8_t *data, size_t size)
{
	struct rec_header head = { .magic = REC_MAGIC, .byte_order = REC_BYTE_ORDER };
	crypto_secretstream_xchacha20poly1305_state st;
	struct rec_info info = { .root_tgid = 1 };

	rec_put_u32(head.abi, BT_ABI_VERSION);
	crypto_secretstream_xchacha20poly1305_init_push(&st, head.stream, zero_key);
	buf_add(out, &head, sizeof(head));
	add_frame(out, &st, span_of(&info, sizeof(info)), &head, 0);
	while (size >= 2) {
		size_t len = data[0] | (size_t)(data[1] & 0x3f) << 8;
		unsigned char tag = data[1] >> 6;

		data += 2;
		size -= 2;
		if (len > size)
			len = size;
		add_frame(out, &st, span_of(data, len), NULL, tag);
		data += len;
		size -= len;
	}
}

/* Reads on to the end or the first error; which one must it be, when that is known? */
static void read_all(const char *path, const char *key_path, bool must_fail)
{
	struct rec_reader *r = NULL;
	struct error err = { 0 };
	struct span rec;
	int ret = rec_reader_open(path, key_path, &r, &err);

	if (!ret) {
		must(rec_reader_info(r)->root_tgid == 1);
		while ((ret = rec_reader_next(r, &rec, &err)) == 1) {
			char *copy;

			must(rec.len >= 1 && rec.len <= REC_RECORD_MAX);
			copy = malloc(rec.len);
			must(copy != NULL);
			memcpy(copy, rec.p, rec.len);
			free(copy);
		}
		if (ret == 0)
			(void)rec_reader_totals(r);
	}
	must(ret <= 0 && (ret < 0 ? err.code == ret && err.text[0] : !err.code));
	must(!must_fail || ret < 0);
	rec_reader_free(r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf file = BUF_INIT(0);
	char path[32], key_path[32];
	int fd, key_fd;

	must(sodium_init() >= 0);
	if (!size)
		return 0;
	if (data[0] & 1)
		encrypt(&file, data + 1, size - 1);
	else
		buf_add(&file, data + 1, size - 1);
	fd = memory_file(buf_span(&file), path, sizeof(path));
	key_fd = memory_file(span_of(zero_key, sizeof(zero_key)), key_path, sizeof(key_path));
	read_all(path, key_path, !(data[0] & 1));
	close(fd);
	close(key_fd);
	buf_release(&file);
	return 0;
}
