/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/changes.h"

#include <errno.h>
#include <sodium.h>
#include <stdlib.h>

#include "base/secmem.h"
#include "base/table.h"

/* Changes that are not further apart are one. */
#define NEAR 32
/* Pages of one file: a big one leaves room for others. */
#define COPIES_MAX 128
/* Between a name and its word, and in the name. */
#define MARKS_MAX 6
#define NAME_MAX_LEN 32

struct page {
	uint64_t digest;
	char *copy; /* or NULL */
};

struct changes {
	struct changes_budget *budget;
	struct table *pages; /* number -> struct page; one that is not there is all zeros */
	size_t max;
	size_t copies;
};

static const char zeros[CHANGES_PAGE];

/* The value's owner cannot be told when it is freed: the copy is given back before that. */
static bool give_back(void *arg, struct span key, void *value)
{
	struct changes *c = arg;
	struct page *p = value;

	c->budget->pages++;
	c->budget->copies += p->copy != NULL;
	secmem_free(p->copy);
	p->copy = NULL;
	return true;
}

struct changes *changes_new(struct changes_budget *budget, size_t max_pages)
{
	struct changes *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->budget = budget;
	c->max = max_pages;
	c->pages = table_new(max_pages, free);
	if (!c->pages) {
		free(c);
		return NULL;
	}
	return c;
}

struct changes *changes_free(struct changes *c)
{
	if (!c)
		return NULL;
	table_walk(c->pages, give_back, c);
	table_free(c->pages);
	free(c);
	return NULL;
}

static uint64_t digest_of(const struct changes *c, const char *page)
{
	uint64_t ret;

	_Static_assert(crypto_shorthash_BYTES == sizeof(ret) &&
			       crypto_shorthash_KEYBYTES == sizeof(c->budget->key),
		       "the sizes of SipHash-2-4");
	crypto_shorthash((unsigned char *)&ret, (const unsigned char *)page, CHANGES_PAGE,
			 c->budget->key);
	return ret;
}

/* The bytes in which two pages differ. */
static int differ(const char *was, const char *is, struct range *ret)
{
	int n = 0;

	for (size_t i = 0; i < CHANGES_PAGE; i++) {
		if (!(i % 64) && !memcmp(was + i, is + i, 64)) {
			i += 63;
			continue;
		}
		if (was[i] == is[i])
			continue;
		if (n && (i - ret[n - 1].to <= NEAR || n == CHANGES_MAX))
			ret[n - 1].to = i + 1;
		else
			ret[n++] = (struct range){ i, i + 1 };
	}
	return n;
}

static void keep(struct changes *c, struct page *p, const char *page)
{
	p->digest = digest_of(c, page);
	if (!p->copy && c->budget->copies && c->copies < COPIES_MAX) {
		p->copy = secmem_calloc(1, CHANGES_PAGE);
		c->budget->copies -= p->copy != NULL;
		c->copies += p->copy != NULL;
	}
	if (p->copy)
		memcpy(p->copy, page, CHANGES_PAGE);
}

int changes_look(struct changes *c, uint64_t number, const char *page,
		 struct range ret[CHANGES_MAX])
{
	struct span key = span_of(&number, sizeof(number));
	struct page *p = table_get(c->pages, key);
	int n;

	if (!p) {
		n = differ(zeros, page, ret);
		if (!n)
			return 0;
		if (table_len(c->pages) == c->max || !c->budget->pages)
			return -ENOSPC;
		p = calloc(1, sizeof(*p));
		if (!p)
			return -ENOMEM;
		if (table_put(c->pages, key, p)) {
			free(p);
			return -ENOMEM;
		}
		c->budget->pages--;
		keep(c, p, page);
		return n;
	}
	if (p->copy ? !memcmp(p->copy, page, CHANGES_PAGE) : p->digest == digest_of(c, page))
		return 0;
	if (p->copy) {
		n = differ(p->copy, page, ret);
	} else {
		n = 1;
		ret[0] = (struct range){ 0, CHANGES_PAGE };
	}
	keep(c, p, page);
	return n;
}

/* A token, an encoded one, a URL's query: what stands between blanks, quotes and brackets. */
static bool in_word(unsigned char b)
{
	return b > ' ' && b < 0x7f && !strchr("\"'`<>()[]{},;\\", b);
}

static bool in_name(unsigned char b)
{
	return (b >= '0' && b <= '9') || (b >= 'A' && b <= 'Z') || (b >= 'a' && b <= 'z') ||
	       b == '_' || b == '-';
}

static bool is_mark(unsigned char b)
{
	return b && strchr(" \t\"':=", b);
}

/* Where the name before the word at `from` begins, or `from` when there is none. */
static size_t with_name(struct span text, size_t from)
{
	size_t at = from, end;

	while (at && from - at < MARKS_MAX && is_mark((unsigned char)text.p[at - 1]))
		at--;
	end = at;
	while (at && end - at <= NAME_MAX_LEN && in_name((unsigned char)text.p[at - 1]))
		at--;
	/* A longer one is no name. */
	return end == from || end == at || end - at > NAME_MAX_LEN ? from : at;
}

struct range changes_widen(struct span text, struct range r)
{
	size_t from = r.from, to = r.to;

	while (from && r.from - from < CHANGES_WORD_MAX && in_word((unsigned char)text.p[from - 1]))
		from--;
	while (to < text.len && to - r.to < CHANGES_WORD_MAX && in_word((unsigned char)text.p[to]))
		to++;
	return (struct range){ with_name(text, from), to };
}
