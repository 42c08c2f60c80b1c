/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What beartrap costs and how fast it looks: one line a row (bench.h). Every value is the median of ROUNDS; a ratio's two
 * sides alternate within the same run. The rows about system calls need root.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#include "bench.h"

double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

double cpu_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

double median(double *v, size_t n)
{
	qsort(v, n, sizeof(*v), by_value);
	return v[n / 2];
}

bool row(const char *name, double value, const char *unit, double target, bool at_most,
	 uint64_t lost)
{
	bool ok = target <= 0 || (at_most ? value <= target : value >= target);

	printf("bench %s %.2f %s target ", name, value, unit);
	if (target > 0)
		printf("%.2f", target);
	else
		putchar('-');
	printf(" %s lost %llu\n", ok ? "ok" : "miss", (unsigned long long)lost);
	fflush(stdout);
	return ok;
}

int main(void)
{
	if (getuid() == 0)
		bench_kernel();
	else
		fprintf(stderr, "bench: not root: the rows about system calls are left out\n");
	bench_engine();
	return 0;
}
