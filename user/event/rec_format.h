/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the writer and the reader of recordings agree on; recording.h gives the outline. Numbers of
 * the format itself are little endian; info, totals and records are in the byte order
 * that the header names, as the machine that made them had them in memory.
 */
#ifndef BT_EVENT_REC_FORMAT_H
#define BT_EVENT_REC_FORMAT_H

#include <sodium.h>

#include "event/recording.h"

#define REC_MAGIC "BTREC1\n"
#define REC_MAGIC_LEN 7
#define REC_STREAM_HEADER_LEN crypto_secretstream_xchacha20poly1305_HEADERBYTES
#define REC_KEY_LEN crypto_secretstream_xchacha20poly1305_KEYBYTES
#define REC_SEAL_LEN crypto_secretstream_xchacha20poly1305_ABYTES
#define REC_BATCH_LEN 65536 /* most plaintext in a frame */
#define REC_ITEM_HEAD_LEN 4 /* of an item: u32 length of the record behind it */

/* The plain header. It is also the additional data of the first frame, so all of it is authentic. */
struct rec_header {
	char magic[REC_MAGIC_LEN];
	char byte_order; /* REC_BYTE_ORDER of the writer */
	unsigned char abi[4];
	unsigned char stream[REC_STREAM_HEADER_LEN];
};

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define REC_BYTE_ORDER 'L'
#else
#define REC_BYTE_ORDER 'B'
#endif

_Static_assert(sizeof(struct rec_header) == REC_MAGIC_LEN + 1 + 4 + REC_STREAM_HEADER_LEN,
	       "no padding in the file");

static inline void rec_put_u32(unsigned char *p, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		p[i] = (unsigned char)(v >> (8 * i));
}

static inline uint32_t rec_get_u32(const void *from)
{
	const unsigned char *p = from;

	return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

/* What must not be in ordinary memory; allocated with sodium_malloc(). */
struct rec_keys {
	struct rec_info info;
	unsigned char key[REC_KEY_LEN];
	crypto_secretstream_xchacha20poly1305_state stream;
};

#endif /* BT_EVENT_REC_FORMAT_H */
