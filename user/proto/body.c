/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <brotli/decode.h>
#include <zlib.h>

#include "base/secmem.h"
#include "proto/body.h"
#include "proto/http.h"
#include "proto/http_list.h"

#define OUT_SIZE (16u * 1024)

enum step_state {
	STEP_START,  /* nothing came yet */
	STEP_SNIFF,  /* deflate: one byte is held, the second says whether it is zlib or raw */
	STEP_RUN,    /* inside the coded data */
	STEP_MEMBER, /* gzip: a member ended, another may follow */
	STEP_END,
};

/* One coding; its output goes to the next one, the last one's to the user. */
struct step {
	enum body_coding coding;
	enum step_state state;
	unsigned char held;
	bool z_open;
	z_stream z;
	BrotliDecoderState *br;
	uint64_t out_total;
	unsigned char *out; /* OUT_SIZE */
};

struct body {
	body_fn fn;
	void *arg;
	uint64_t raw_total; /* bytes that the first step has taken */
	uint64_t raw_off;   /* of the piece being decoded */
	int err;            /* sticky */
	bool slow; /* one raw byte at a time, so that the growth limit falls on an exact byte */
	size_t n;
	struct step step[BODY_MAX_CODINGS]; /* outermost coding first */
};

static int feed_step(struct body *b, size_t i, struct span in);

static bool coding_of(struct span name, enum body_coding *ret)
{
	static const struct {
		const char *name;
		enum body_coding coding;
	} known[] = {
		{ "gzip", BODY_GZIP },
		{ "x-gzip", BODY_GZIP }, /* RFC 9110 8.4.1.3 */
		{ "deflate", BODY_DEFLATE },
		{ "br", BODY_BR },
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++) {
		if (span_eq_nocase(name, span_str(known[i].name))) {
			*ret = known[i].coding;
			return true;
		}
	}
	return false;
}

void body_codings_add(struct body_codings *l, struct span value)
{
	struct span member;
	enum body_coding c;

	while (http_list_next(&value, &member)) {
		if (span_eq_nocase(member, SPAN_LIT("identity")) ||
		    span_eq_nocase(member, SPAN_LIT("chunked")))
			continue;
		if (!coding_of(member, &c)) {
			l->n = 0;
		} else {
			if (l->n == BODY_MAX_CODINGS)
				l->n = 0;
			l->c[l->n++] = c;
		}
	}
}

static void *z_alloc(void *opaque, unsigned n, unsigned size)
{
	return secmem_calloc(n, size);
}

static void z_free(void *opaque, void *p)
{
	secmem_free(p);
}

static void *br_alloc(void *opaque, size_t size)
{
	return secmem_calloc(1, size);
}

static void br_free(void *opaque, void *p)
{
	secmem_free(p);
}

struct body *body_new(const struct body_codings *l, body_fn fn, void *arg)
{
	struct body *b = secmem_calloc(1, sizeof(*b));

	if (!b)
		return NULL;
	b->fn = fn;
	b->arg = arg;
	b->n = l->n;
	for (size_t i = 0; i < b->n; i++) {
		struct step *s = &b->step[i];

		s->coding = l->c[l->n - 1 - i];
		s->z.zalloc = z_alloc;
		s->z.zfree = z_free;
		/* brotli drops what it decoded before an error in the same call. */
		b->slow |= b->n > 1 || s->coding == BODY_BR;
		s->out = secmem_calloc(1, OUT_SIZE);
		if (!s->out)
			return body_free(b);
	}
	return b;
}

struct body *body_free(struct body *b)
{
	if (!b)
		return NULL;
	for (size_t i = 0; i < b->n; i++) {
		struct step *s = &b->step[i];

		if (s->z_open)
			inflateEnd(&s->z);
		if (s->br)
			BrotliDecoderDestroyInstance(s->br);
		secmem_free(s->out);
	}
	secmem_free(b);
	return NULL;
}

/* Most bytes that any step may have put out by now. */
static uint64_t limit(const struct body *b)
{
	return b->raw_total * HTTP_MAX_RATIO + BODY_RATIO_SLACK;
}

/* Passes on `len` decoded bytes of step `i`, up to the growth limit. */
static int put(struct body *b, size_t i, size_t len)
{
	struct step *s = &b->step[i];
	uint64_t room = limit(b) - s->out_total;
	int err = 0;

	if (len > room) {
		len = (size_t)room;
		err = -EBADMSG;
	}
	s->out_total += len;
	/*
	 * How far a decoder has read when its output buffer is full depends on the pieces it was given, by a few
	 * bytes. Far below the limit that does not matter; nearer to it the bytes are given singly.
	 */
	if (s->out_total > limit(b) / 4)
		b->slow = true;
	if (!len)
		return err;
	if (i + 1 < b->n) {
		int later = feed_step(b, i + 1, span_of(s->out, len));

		return later ? later : err;
	}
	b->fn(b->arg, span_of(s->out, len), b->raw_off);
	return err;
}

static int z_start(struct step *s, int window_bits)
{
	if (inflateInit2(&s->z, window_bits) != Z_OK)
		return -ENOMEM;
	s->z_open = true;
	s->state = STEP_RUN;
	return 0;
}

/* All of `in`, or what belongs to the coded data; the number of bytes taken is added to *taken. */
static int run_zlib(struct body *b, size_t i, struct span in, size_t *taken)
{
	struct step *s = &b->step[i];
	int z = Z_OK, err;

	s->z.next_in = (unsigned char *)in.p;
	s->z.avail_in = (unsigned)in.len;
	do {
		unsigned before = s->z.avail_in;

		s->z.next_out = s->out;
		s->z.avail_out = OUT_SIZE;
		z = inflate(&s->z, Z_NO_FLUSH);
		*taken += before - s->z.avail_in;
		if (!i)
			b->raw_total += before - s->z.avail_in;
		err = put(b, i, OUT_SIZE - s->z.avail_out);
		if (err)
			return err;
	} while (z == Z_OK && (s->z.avail_in ? !b->slow : !s->z.avail_out));
	if (z == Z_STREAM_END)
		s->state = s->coding == BODY_GZIP ? STEP_MEMBER : STEP_END;
	else if (z == Z_MEM_ERROR)
		return -ENOMEM;
	else if (z != Z_OK && z != Z_BUF_ERROR)
		return -EBADMSG;
	return 0;
}

static int run_brotli(struct body *b, size_t i, struct span in, size_t *taken)
{
	struct step *s = &b->step[i];
	const uint8_t *next_in = (const uint8_t *)in.p;
	size_t avail_in = in.len;
	BrotliDecoderResult r;
	int err;

	do {
		size_t before = avail_in, room = OUT_SIZE;
		uint8_t *next_out = s->out;

		r = BrotliDecoderDecompressStream(s->br, &avail_in, &next_in, &room, &next_out,
						  NULL);
		*taken += before - avail_in;
		if (!i)
			b->raw_total += before - avail_in;
		err = put(b, i, OUT_SIZE - room);
		if (err)
			return err;
	} while (r == BROTLI_DECODER_RESULT_NEEDS_MORE_OUTPUT);
	if (r == BROTLI_DECODER_RESULT_ERROR) {
		/* -2x: an allocation failed. */
		err = BrotliDecoderGetErrorCode(s->br);
		return err <= BROTLI_DECODER_ERROR_ALLOC_CONTEXT_MODES &&
				       err >= BROTLI_DECODER_ERROR_ALLOC_BLOCK_TYPE_TREES
			       ? -ENOMEM
			       : -EBADMSG;
	}
	if (r == BROTLI_DECODER_RESULT_SUCCESS)
		s->state = STEP_END;
	return 0;
}

/* RFC 9110 8.4.1.2: "deflate" is the zlib format, but some send raw deflate: the zlib header (RFC 1950 2.2) tells. */
static int start_deflate(struct body *b, size_t i, unsigned char second)
{
	struct step *s = &b->step[i];
	bool zlib = (s->held & 0x0f) == Z_DEFLATED && (s->held << 8 | second) % 31 == 0;
	unsigned char first = s->held;
	size_t taken = 0;
	int err = z_start(s, zlib ? MAX_WBITS : -MAX_WBITS);

	if (!err)
		err = run_zlib(b, i, span_of(&first, 1), &taken);
	return err;
}

static int start(struct body *b, size_t i, struct span in, size_t *taken)
{
	struct step *s = &b->step[i];

	switch (s->coding) {
	case BODY_GZIP:
		return z_start(s, MAX_WBITS + 16);
	case BODY_BR:
		s->br = BrotliDecoderCreateInstance(br_alloc, br_free, NULL);
		if (!s->br)
			return -ENOMEM;
		s->state = STEP_RUN;
		return 0;
	case BODY_DEFLATE:
		break;
	}
	s->held = (unsigned char)in.p[0];
	s->state = STEP_SNIFF;
	*taken = 1;
	return 0;
}

static int feed_step(struct body *b, size_t i, struct span in)
{
	struct step *s = &b->step[i];
	int err = 0;

	while (in.len && !err && s->state != STEP_END) {
		struct span piece = !i && b->slow ? span_sub(in, 0, 1) : in;
		size_t taken = 0;

		switch (s->state) {
		case STEP_START:
			err = start(b, i, piece, &taken);
			break;
		case STEP_SNIFF:
			err = start_deflate(b, i, (unsigned char)piece.p[0]);
			break;
		case STEP_MEMBER:
			/* Anything but another member is padding. */
			if ((unsigned char)piece.p[0] != 0x1f)
				s->state = STEP_END;
			else if (inflateReset(&s->z) != Z_OK)
				err = -EBADMSG;
			else
				s->state = STEP_RUN;
			break;
		case STEP_RUN:
			err = s->coding == BODY_BR ? run_brotli(b, i, piece, &taken)
						   : run_zlib(b, i, piece, &taken);
			break;
		case STEP_END:
			break;
		}
		in = span_sub(in, taken, in.len);
	}
	return err;
}

int body_feed(struct body *b, struct span raw, uint64_t raw_off)
{
	while (raw.len && !b->err) {
		/* zlib counts in unsigned int. */
		struct span piece = span_sub(raw, 0, 1u << 30);

		b->raw_off = raw_off;
		b->err = feed_step(b, 0, piece);
		raw = span_sub(raw, piece.len, raw.len);
		raw_off += piece.len;
	}
	return b->err;
}

bool body_complete(const struct body *b)
{
	bool nothing = true;

	if (b->err)
		return false;
	for (size_t i = 0; i < b->n; i++)
		nothing &= b->step[i].state == STEP_START;
	for (size_t i = 0; i < b->n && !nothing; i++) {
		if (b->step[i].state != STEP_MEMBER && b->step[i].state != STEP_END)
			return false;
	}
	return true;
}
