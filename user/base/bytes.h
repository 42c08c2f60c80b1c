/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef BT_BASE_BYTES_H
#define BT_BASE_BYTES_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define BYTES_SET 6

/*
 * Length of the run at the start of `p` without any byte of `set` (repeat one to fill it up). Inlined with a constant set:
 * 16 bytes at a time.
 */
static inline __attribute__((always_inline)) size_t
bytes_run_without(const unsigned char *p, size_t len, const unsigned char set[BYTES_SET])
{
	typedef unsigned char vec __attribute__((vector_size(16)));
	size_t i = 0;

	for (; i + sizeof(vec) <= len; i += sizeof(vec)) {
		uint64_t any[2];
		vec x;

		memcpy(&x, p + i, sizeof(x));
		__auto_type hit = (x == set[0]) | (x == set[1]) | (x == set[2]) | (x == set[3]) |
				  (x == set[4]) | (x == set[5]);
		memcpy(any, &hit, sizeof(any));
		if (any[0] | any[1])
			break;
	}
	while (i < len && p[i] != set[0] && p[i] != set[1] && p[i] != set[2] && p[i] != set[3] &&
	       p[i] != set[4] && p[i] != set[5])
		i++;
	return i;
}

#endif /* BT_BASE_BYTES_H */
