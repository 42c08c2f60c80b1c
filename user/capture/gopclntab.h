/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The function table that every Go program carries for its own stack traces, stripped or not (section .gopclntab;
 * src/runtime/symtab.go of Go): where each function begins, and its name. 64 bits, the machine's byte order.
 */
#ifndef BT_CAPTURE_GOPCLNTAB_H
#define BT_CAPTURE_GOPCLNTAB_H

#include "base/span.h"

struct gopclntab {
	uint64_t n_funcs;
	uint64_t
		text_start; /* address that those of the functions count from; 0: not in the table */
	size_t text_at;     /* offset of that in the table, 0: addresses are absolute */
	/* Its own. */
	struct span names, funcs;
	size_t entry_len;
};

struct gofunc {
	uint64_t addr, end; /* the next function's address: padding included */
	struct span name;   /* into the table, without its NUL */
};

/* The oldest Go 1.N that has the layout of the table that begins with `head`, or -1. */
int gopclntab_minor(struct span head);

/*
 * Takes in the layouts of Go 1.16 (and 1.17), 1.18 and 1.20 (and later). `table` must outlive `ret`. 0; -ENOTSUP for another
 * layout; -EBADMSG for what is none, or cut.
 */
int gopclntab_open(struct span table, struct gopclntab *ret);

/*
 * The function number `i`, from 0; addresses from t->text_start on. False when there is none, or it is broken, or its
 * name is beyond 4095 bytes.
 */
bool gopclntab_func(const struct gopclntab *t, uint64_t i, struct gofunc *ret);

#endif /* BT_CAPTURE_GOPCLNTAB_H */
