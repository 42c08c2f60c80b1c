/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What changes in a file from one look to the next. Of every page that is not all zeros a keyed digest is kept, and, while there
 * is room, a copy in locked memory: with it the bytes that changed are known, without it only that the page did.
 */
#ifndef BT_BASE_CHANGES_H
#define BT_BASE_CHANGES_H

#include "base/span.h"

#define CHANGES_PAGE 4096
/* Ranges of one page at most; what would be more is put together. */
#define CHANGES_MAX 16
/* How far changes_widen() goes, in bytes. */
#define CHANGES_WORD_MAX 4096

/* What all files share: how many more pages may be remembered and copied, and under which key digests are made. */
struct changes_budget {
	size_t pages, copies;
	unsigned char key[16]; /* random */
};

/* Bytes [from, to) of a text. */
struct range {
	size_t from, to;
};

struct changes;

/* Of a file that is all zeros as yet. At most `max_pages` of it are remembered. NULL: out of memory. */
struct changes *changes_new(struct changes_budget *budget, size_t max_pages);
struct changes *changes_free(struct changes *c); /* wipes; gives what it has back to the budget */
/*
 * Looks at the page of that number, CHANGES_PAGE bytes (zeros behind a file's end), and remembers it. Fills `ret`, in order,
 * with what is not as it was. Number of ranges; -ENOSPC when no more may be remembered, -ENOMEM.
 */
int changes_look(struct changes *c, uint64_t number, const char *page,
		 struct range ret[CHANGES_MAX]);
/*
 * Widens a range of changed bytes so that what they are a part of is whole: to the ends of the words it begins and ends in, and
 * to the name that stands before the first (as in `"name": "word"` or `name=word`), not more than CHANGES_WORD_MAX each way.
 * What is beyond has not changed and is not taken in.
 */
struct range changes_widen(struct span text, struct range r);

#endif /* BT_BASE_CHANGES_H */
