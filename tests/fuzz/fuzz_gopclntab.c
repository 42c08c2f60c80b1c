/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Go's function table, whole, cut and made up: names lie in it, and no function is empty.
 * Covers: capture/gopclntab.c
 */
#include <stdlib.h>

#include "capture/gopclntab.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok)
{
	if (!ok)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span table = span_of(data, size);
	struct gopclntab t;
	struct gofunc f;

	if (gopclntab_open(table, &t))
		return 0;
	check(t.n_funcs < size);
	for (uint64_t i = 0; i <= t.n_funcs; i++) {
		if (!gopclntab_func(&t, i, &f))
			continue;
		check(i < t.n_funcs && f.addr < f.end);
		check(f.name.p >= table.p && f.name.p + f.name.len < table.p + table.len);
	}
	check(!gopclntab_func(&t, UINT64_MAX, &f));
	return 0;
}
