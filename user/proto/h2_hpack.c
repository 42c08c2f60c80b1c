/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <nghttp2/nghttp2.h>

#include "base/secmem.h"
#include "proto/h2_hpack.h"

struct h2_hpack {
	nghttp2_mem mem; /* the inflater keeps a pointer to it */
	nghttp2_hd_inflater *nv;
};

/* A table size update to H2_MAX_TABLE (RFC 7541 6.3). */
static const unsigned char grow[] = { 0x3f, 0xe1, 0xff, 0x0f };
_Static_assert(H2_MAX_TABLE == 0x1f + 0x61 + (0x7f << 7) + (0x0f << 14), "grow[] says it");

static void *mem_malloc(size_t size, void *user)
{
	return secmem_calloc(1, size);
}

static void *mem_calloc(size_t n, size_t size, void *user)
{
	return secmem_calloc(n, size);
}

static void *mem_realloc(void *p, size_t size, void *user)
{
	return secmem_realloc(p, size);
}

static void mem_free(void *p, void *user)
{
	secmem_free(p);
}

static int error_of(ssize_t n)
{
	return n == NGHTTP2_ERR_NOMEM ? -ENOMEM : -EBADMSG;
}

/* Gives bytes that make no field. */
static int prime(struct h2_hpack *h, const void *p, size_t len)
{
	nghttp2_nv nv;
	int flags = 0;
	ssize_t n = nghttp2_hd_inflate_hd2(h->nv, &nv, &flags, p, len, 0);

	return n < 0 ? error_of(n) : 0;
}

struct h2_hpack *h2_hpack_new(bool midway)
{
	struct h2_hpack *h = secmem_calloc(1, sizeof(*h));

	if (!h)
		return NULL;
	h->mem = (nghttp2_mem){ NULL, mem_malloc, mem_free, mem_calloc, mem_realloc };
	if (nghttp2_hd_inflate_new2(&h->nv, &h->mem) ||
	    nghttp2_hd_inflate_change_table_size(h->nv, H2_MAX_TABLE))
		return h2_hpack_free(h);
	/* A table that is larger than the sender's only keeps entries that are not referred to any more. */
	if (midway && prime(h, grow, sizeof(grow)))
		return h2_hpack_free(h);
	return h;
}

struct h2_hpack *h2_hpack_free(struct h2_hpack *h)
{
	if (!h)
		return NULL;
	if (h->nv)
		nghttp2_hd_inflate_del(h->nv);
	secmem_free(h);
	return NULL;
}

/* An integer with a prefix of `bits` (RFC 7541 5.1). Its length; 0 when it is cut or over 32 bits. */
static size_t integer(struct span s, unsigned bits, uint64_t *ret)
{
	uint64_t v = (unsigned char)s.p[0] & ((1u << bits) - 1);
	size_t i = 1;

	*ret = v;
	if (v < (1u << bits) - 1)
		return i;
	for (unsigned shift = 0; i < s.len && shift < 32; shift += 7) {
		unsigned char c = (unsigned char)s.p[i++];

		v += (uint64_t)(c & 0x7f) << shift;
		if (!(c & 0x80)) {
			*ret = v;
			return v <= UINT32_MAX ? i : 0;
		}
	}
	return 0;
}

/* Table size updates at the front of a block; one over what is followed is cut to it. Their length, or a negative errno. */
static ssize_t size_updates(struct h2_hpack *h, struct span block)
{
	size_t at = 0;

	while (at < block.len && ((unsigned char)block.p[at] & 0xe0) == 0x20) {
		struct span s = span_sub(block, at, block.len);
		uint64_t size;
		size_t len = integer(s, 5, &size);
		int err;

		if (!len)
			return -EBADMSG;
		if (size > H2_MAX_TABLE) {
			err = prime(h, grow, sizeof(grow));
		} else {
			err = prime(h, s.p, len);
		}
		if (err)
			return err;
		at += len;
	}
	return (ssize_t)at;
}

/*
 * Looks at the representation at the front of `s` (RFC 7541 6.1, 6.2). When it refers to an unseen entry, *replace is what
 * to decode in place of the first bytes, whose length is returned: the same with an empty literal name (and
 * value). Else 0 and nothing to replace.
 */
static size_t unseen(struct h2_hpack *h, struct span s, struct span *replace)
{
	unsigned char c = (unsigned char)s.p[0];
	unsigned bits = c & 0x80 ? 7 : c & 0x40 ? 6 : 4;
	bool is_update = (c & 0xe0) == 0x20; /* wrong here; nghttp2 says so */
	uint64_t index;
	size_t len = integer(s, bits, &index);

	if (!len || is_update || index <= nghttp2_hd_inflate_get_num_table_entries(h->nv))
		return 0;
	if (c & 0x80)
		*replace = SPAN_LIT("\x00\x00\x00");
	else
		*replace = c & 0x40 ? SPAN_LIT("\x40\x00") : SPAN_LIT("\x00\x00");
	return len;
}

/* Decodes one field from `s`, the rest of the block; the bytes taken, or a negative errno. */
static ssize_t one_field(struct h2_hpack *h, struct span s, bool last, h2_field_fn fn, void *arg)
{
	nghttp2_nv nv;
	int flags = 0;
	ssize_t n = nghttp2_hd_inflate_hd2(h->nv, &nv, &flags, (const uint8_t *)s.p, s.len, last);

	if (n < 0)
		return error_of(n);
	if (flags & NGHTTP2_HD_INFLATE_EMIT) {
		struct http_field f = {
			.name = span_of(nv.name, nv.namelen),
			.value = span_of(nv.value, nv.valuelen),
			.unknown = !nv.namelen, /* no field has an empty name (RFC 9110 5.1) */
		};

		fn(arg, &f);
	} else if (last && !(flags & NGHTTP2_HD_INFLATE_FINAL)) {
		return -EBADMSG; /* cut in the middle of a field */
	}
	return n;
}

int h2_hpack_decode(struct h2_hpack *h, struct span block, h2_field_fn fn, void *arg)
{
	ssize_t n = size_updates(h, block);

	if (n < 0)
		return (int)n;
	block = span_sub(block, (size_t)n, block.len);
	while (block.len) {
		struct span replace = SPAN_NONE;
		size_t skip = unseen(h, block, &replace);

		if (skip) {
			n = one_field(h, replace, false, fn, arg);
			if (n < 0)
				return (int)n;
			block = span_sub(block, skip, block.len);
			if (replace.len == 3)
				continue;
			if (!block.len)
				return -EBADMSG;
		}
		n = one_field(h, block, true, fn, arg);
		if (n < 0)
			return (int)n;
		if (!n)
			return -EBADMSG;
		block = span_sub(block, (size_t)n, block.len);
	}
	nghttp2_hd_inflate_end_headers(h->nv);
	return 0;
}
