/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What beartrap costs and how fast it looks: one line a row (bench.h). Every value is the median of ROUNDS; a ratio's two
 * sides alternate within the same run. The rows about system calls need root.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "bench.h"
#include "capture/capture.h"

#define WRITES 100000

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

void row(const char *name, double value, const char *unit, double target, bool at_most,
	 uint64_t lost)
{
	printf("bench %s %.2f %s ", name, value, unit);
	if (target > 0)
		printf("target %.2f %s", target,
		       (at_most ? value <= target : value >= target) ? "ok" : "miss");
	else
		printf("target - ok");
	printf(" lost %llu\n", (unsigned long long)lost);
	fflush(stdout);
}

static double time_writes(int fd, const char *buf, size_t len)
{
	double t = now();
	int i;

	for (i = 0; i < WRITES; i++)
		if (write(fd, buf, len) < 0)
			exit(1);
	return now() - t;
}

static int count_record(void *arg, struct span record)
{
	(void)record;
	++*(uint64_t *)arg;
	return 0;
}

struct shared_times {
	volatile double seconds;
};

/* A child that does the writes on a scratch file it holds at offset 0 and small; watched when `c` is given. */
static double child_writes(struct capture *c, size_t len, struct shared_times *sh)
{
	struct error err = { 0 };
	int go[2], pidfd, st;
	char b = 0;
	pid_t pid;

	if (pipe2(go, O_CLOEXEC))
		exit(1);
	pid = fork();
	if (pid == 0) {
		static char buf[4096];
		int fd = open("/dev/shm", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

		memset(buf, 'x', sizeof(buf));
		buf[len - 1] = '\n';
		if (fd < 0 || read(go[0], &b, 1) != 1)
			_exit(1);
		sh->seconds = time_writes(fd, buf, len);
		_exit(0);
	}
	pidfd = pidfd_open(pid, 0);
	if (c && capture_watch_child(c, pidfd, pid, &err)) {
		fprintf(stderr, "%s\n", err.text);
		exit(1);
	}
	if (write(go[1], "g", 1) != 1)
		exit(1);
	while (waitpid(pid, &st, c ? WNOHANG : 0) == 0)
		if (c)
			capture_drain(c);
	close(pidfd);
	close(go[0]);
	close(go[1]);
	return sh->seconds;
}

static void bench_syscalls(void)
{
	double bare100[ROUNDS], idle[ROUNDS], bare200[ROUNDS], watched[ROUNDS];
	struct bt_counter loss[BT_LOSS_MAX], seen[BT_SEEN_MAX];
	struct capture_config cfg = { .record = count_record };
	struct error err = { 0 };
	struct shared_times *sh;
	struct capture *c;
	uint64_t records = 0, lost = 0;
	int i, j;

	sh = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (sh == MAP_FAILED)
		exit(1);
	cfg.arg = &records;
	for (i = 0; i < ROUNDS; i++) {
		bare100[i] = child_writes(NULL, 100, sh);
		bare200[i] = child_writes(NULL, 200, sh);
		if (capture_open(&cfg, &c, &err)) {
			fprintf(stderr, "%s\n", err.text);
			exit(1);
		}
		idle[i] = child_writes(NULL, 100, sh);
		watched[i] = child_writes(c, 200, sh);
		while (capture_drain(c) > 0)
			;
		if (capture_counters(c, loss, seen))
			exit(1);
		for (j = 0; j < BT_LOSS_MAX; j++)
			lost += loss[j].bytes;
		capture_free(c);
	}
	row("write-100-unwatched", median(idle, ROUNDS) / median(bare100, ROUNDS), "ratio-to-bare",
	    0, true, 0);
	row("write-200-watched", median(watched, ROUNDS) / median(bare200, ROUNDS), "ratio-to-bare",
	    0, true, lost);
	row("write-200-watched-ns", median(watched, ROUNDS) / WRITES * 1e9, "ns", 0, true, lost);
}

int main(void)
{
	if (getuid() == 0)
		bench_syscalls();
	else
		fprintf(stderr, "bench: not root: the rows about system calls are left out\n");
	bench_engine();
	return 0;
}
