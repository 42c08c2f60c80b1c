/* SPDX-License-Identifier: BSD-2-Clause */
/* What the measurements share. */
#ifndef BT_BENCH_H
#define BT_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ROUNDS 7

double now(void);
/* CPU seconds of this process: what others do on a shared machine counts little. */
double cpu_now(void);
/* Sorts `v`. */
double median(double *v, size_t n);
/* Prints "bench NAME VALUE UNIT target TARGET ok|miss lost BYTES"; a target of 0 or less is none. False: a miss. */
bool row(const char *name, double value, const char *unit, double target, bool at_most,
	 uint64_t lost);

/* kernel.c: the BPF programs; needs root. */
void bench_kernel(void);
/* engine.c: user space alone, on records made here. */
void bench_engine(void);

#endif /* BT_BENCH_H */
