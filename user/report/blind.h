/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What beartrap cannot see, or did not see: the one home of the words for it. The summary says of each cause of loss what
 * it means and what to do; `doctor` says which of these ways there are on this machine.
 */
#ifndef BT_REPORT_BLIND_H
#define BT_REPORT_BLIND_H

#include <beartrap/event.h>

/* Where a blind spot is. */
enum blind_where {
	BLIND_AT_TIMES, /* under load, at a limit, when something goes wrong: counted when it happens */
	BLIND_IO_URING, /* where the kernel lets programs make rings */
	BLIND_COMPAT,   /* where the kernel runs 32-bit programs */
	BLIND_PROGRAM,  /* on every machine: it depends on what the program does */
};

struct blind_spot {
	const char *name;  /* as the summary counts it; "quic" and its like are not counted */
	const char *means; /* what it is, and what is not seen: a phrase */
	const char *mend;  /* what to do: a phrase */
	enum blind_where where;
};

/* All of them, in the order in which people want to read them; ends with NULL. */
extern const struct blind_spot blind_spots[];
/* NULL when there is no such cause. */
const struct blind_spot *blind_spot_find(const char *name);

#endif /* BT_REPORT_BLIND_H */
