/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/secmem.h"

#define BUF_MIN_CAP 64

static int fail(struct buf *b, int err)
{
	if (!b->err)
		b->err = err;
	return b->err;
}

/* Moves the text to memory of `cap` bytes. realloc() would leave an unwiped copy behind. */
static int move(struct buf *b, size_t cap)
{
	char *p;

	if (!b->wipe) {
		p = realloc(b->p, cap);
		if (!p)
			return fail(b, -ENOMEM);
	} else {
		p = secmem_calloc(1, cap);
		if (!p)
			return fail(b, -ENOMEM);
		if (b->p)
			memcpy(p, b->p, b->len);
		secmem_free(b->p);
	}
	b->p = p;
	b->cap = cap;
	b->p[b->len] = '\0';
	return 0;
}

int buf_reserve(struct buf *b, size_t more)
{
	size_t need, cap;

	if (b->err)
		return b->err;
	if (more >= SIZE_MAX / 2 - b->len || (b->max && more > b->max - b->len))
		return fail(b, -E2BIG);
	need = b->len + more + 1;
	if (need <= b->cap)
		return 0;
	cap = b->cap > BUF_MIN_CAP / 2 ? b->cap * 2 : BUF_MIN_CAP;
	if (b->max && cap > b->max + 1)
		cap = b->max + 1;
	return move(b, cap > need ? cap : need);
}

int buf_add(struct buf *b, const void *p, size_t len)
{
	if (buf_reserve(b, len))
		return b->err;
	if (len)
		memcpy(b->p + b->len, p, len);
	b->len += len;
	b->p[b->len] = '\0';
	return 0;
}

int buf_add_span(struct buf *b, struct span s)
{
	return buf_add(b, s.p, s.len);
}

int buf_add_str(struct buf *b, const char *s)
{
	return buf_add_span(b, span_str(s));
}

int buf_add_byte(struct buf *b, char c)
{
	return buf_add(b, &c, 1);
}

int buf_vaddf(struct buf *b, const char *fmt, va_list ap)
{
	va_list again;
	int len;

	if (b->err)
		return b->err;
	va_copy(again, ap);
	len = vsnprintf(NULL, 0, fmt, again);
	va_end(again);
	if (len < 0)
		return fail(b, -E2BIG);
	if (buf_reserve(b, (size_t)len))
		return b->err;
	vsnprintf(b->p + b->len, (size_t)len + 1, fmt, ap);
	b->len += (size_t)len;
	return 0;
}

int buf_addf(struct buf *b, const char *fmt, ...)
{
	va_list ap;
	int err;

	va_start(ap, fmt);
	err = buf_vaddf(b, fmt, ap);
	va_end(ap);
	return err;
}

void buf_drop(struct buf *b, size_t n)
{
	size_t rest;

	if (!b->p)
		return;
	if (n > b->len)
		n = b->len;
	rest = b->len - n;
	memmove(b->p, b->p + n, rest);
	if (b->wipe)
		wipe(b->p + rest, n);
	b->len = rest;
	b->p[rest] = '\0';
}

void buf_clear(struct buf *b)
{
	b->err = 0;
	b->len = 0;
	if (!b->p)
		return;
	if (b->wipe)
		wipe(b->p, b->cap);
	b->p[0] = '\0';
}

void buf_release(struct buf *b)
{
	if (b->wipe)
		secmem_free(b->p);
	else
		free(b->p);
	b->p = NULL;
	b->len = 0;
	b->cap = 0;
	b->err = 0;
}
