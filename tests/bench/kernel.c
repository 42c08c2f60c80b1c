/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the kernel side costs a process, in its own CPU time. "Empty" is the same system calls with a program on their
 * tracepoints that does nothing: what the kernel takes for calling any program at all is no cost of ours.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <linux/bpf.h>
#include <linux/perf_event.h>
#include "bench.h"
#include "capture/internal.h"
#include "detect/prefilter.h"
#include "event/event.h"

#define WRITES 100000
#define MATCHED_WRITES 20000
#define OTHERS 999
#define MATCHED_LEN 16384

static void fail(const char *what)
{
	fprintf(stderr, "bench: %s\n", what);
	exit(1);
}

static int drop_record(void *arg, struct span record)
{
	(void)arg;
	(void)record;
	return 0;
}

static struct capture *open_capture(size_t bulk_len)
{
	struct capture_config cfg = { .record = drop_record, .ring_bulk_len = bulk_len };
	struct error err = { 0 };
	struct capture *c;

	if (capture_open(&cfg, &c, &err))
		fail(err.text);
	return c;
}

/* Closes it; the bytes that it lost. */
static uint64_t close_capture(struct capture *c)
{
	struct bt_counter loss[BT_LOSS_MAX], seen[BT_SEEN_MAX];
	uint64_t lost = 0;

	if (capture_counters(c, loss, seen))
		fail("no counters");
	for (int i = 0; i < BT_LOSS_MAX; i++)
		lost += loss[i].bytes;
	capture_free(c);
	return lost;
}

/* An empty program on the exits of all system calls that ours are on. */
struct empty {
	int fds[BT_CALL_MAX];
	size_t n;
};

static void empty_open(struct empty *e)
{
	static const struct bpf_insn nothing[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	int prog = bpf_prog_load(BPF_PROG_TYPE_TRACEPOINT, "empty", "GPL", nothing, 2, NULL);
	int events = tracefs_open();

	if (prog < 0 || events < 0)
		fail("no empty program");
	e->n = 0;
	for (int call = 1; call <= BT_CALL_RECVMMSG; call++) {
		struct perf_event_attr attr = { .type = PERF_TYPE_TRACEPOINT,
						.size = sizeof(attr),
						.sample_period = 1 };
		char path[96], id[32] = "";
		int fd;

		snprintf(path, sizeof(path), "syscalls/sys_exit_%s/id",
			 event_call_name((enum bt_call)call));
		fd = openat(events, path, O_RDONLY | O_CLOEXEC);
		if (fd < 0 || read(fd, id, sizeof(id) - 1) <= 0)
			fail("no tracepoint");
		close(fd);
		attr.config = strtoull(id, NULL, 10);
		fd = (int)syscall(SYS_perf_event_open, &attr, -1, 0, -1, PERF_FLAG_FD_CLOEXEC);
		if (fd < 0 || ioctl(fd, PERF_EVENT_IOC_SET_BPF, prog))
			fail("cannot attach the empty program");
		e->fds[e->n++] = fd;
	}
	close(prog);
	close(events);
}

static void empty_close(struct empty *e)
{
	while (e->n)
		close(e->fds[--e->n]);
}

/* What servers write, with nothing in it. */
static void quiet_text(char *p, size_t len)
{
	static const char line[] =
		"2026-11-24T06:04:43.002Z WARN  cache: users/17 is stale, fetching\n";

	for (size_t i = 0; i < len; i++)
		p[i] = line[i % (sizeof(line) - 1)];
}

/* In a child: `n` writes of `len` bytes to one place of a file. */
static void child_writes(int go, size_t n, size_t len, volatile double *seconds)
{
	int fd = open("/dev/shm", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	char *p = malloc(len), b;
	double t;

	if (fd < 0 || !p)
		_exit(1);
	quiet_text(p, len);
	if (read(go, &b, 1) != 1)
		_exit(1);
	t = cpu_now();
	for (size_t i = 0; i < n; i++)
		if ((i % 1024 == 0 && lseek(fd, 0, SEEK_SET)) || write(fd, p, len) < 0)
			_exit(1);
	*seconds = cpu_now() - t;
	_exit(0);
}

/* Seconds of CPU for one write; watched when `c` is given, and then read as `run` does. */
static double time_writes(struct capture *c, size_t n, size_t len, volatile double *seconds)
{
	static const struct timespec gather = { .tv_nsec = 1000000 };
	struct error err = { 0 };
	int go[2], pidfd, status;
	pid_t pid;

	if (pipe2(go, O_CLOEXEC))
		fail("no pipe");
	pid = fork();
	if (!pid)
		child_writes(go[0], n, len, seconds);
	pidfd = pidfd_open(pid, 0);
	if (c && capture_watch_child(c, pidfd, pid, &err))
		fail(err.text);
	if (write(go[1], "g", 1) != 1)
		fail("no child");
	while (waitpid(pid, &status, c ? WNOHANG : 0) == 0) {
		capture_drain(c);
		nanosleep(&gather, NULL);
	}
	if (status)
		fail("the child failed");
	close(pidfd);
	close(go[0]);
	close(go[1]);
	return *seconds / (double)n;
}

static void bench_calls(volatile double *sh)
{
	double empty100[ROUNDS], empty200[ROUNDS], idle[ROUNDS], idle_ratio[ROUNDS];
	double watched[ROUNDS], watched_ratio[ROUNDS];
	struct capture *c;
	struct empty e;
	uint64_t lost = 0;

	for (int i = 0; i < ROUNDS; i++) {
		empty_open(&e);
		empty100[i] = time_writes(NULL, WRITES, 100, sh);
		empty200[i] = time_writes(NULL, WRITES, 200, sh);
		empty_close(&e);
		c = open_capture(0);
		idle[i] = time_writes(NULL, WRITES, 100, sh);
		watched[i] = time_writes(c, WRITES, 200, sh);
		lost += close_capture(c);
		idle_ratio[i] = idle[i] / empty100[i];
		watched_ratio[i] = watched[i] / empty200[i];
	}
	row("write-100-unwatched", median(idle_ratio, ROUNDS), "ratio-to-empty", 1.10, true, 0);
	row("write-200-watched", median(watched_ratio, ROUNDS), "ratio-to-empty", 2.0, true, lost);
	row("write-200-empty", median(empty200, ROUNDS) * 1e9, "ns", 0, true, 0);
	row("write-200-watched-ns", median(watched, ROUNDS) * 1e9, "ns", 0, true, lost);
}

/* Processes that wait until they are killed, all watched. */
static void crowd_open(struct capture *c, pid_t pids[OTHERS])
{
	struct error err = { 0 };

	for (size_t i = 0; i < OTHERS; i++) {
		pids[i] = fork();
		if (pids[i] < 0)
			fail("no crowd");
		if (!pids[i])
			for (;;)
				pause();
	}
	/* What is told of each goes through the small ring. */
	for (size_t i = 0; i < OTHERS; i += 100) {
		size_t n = OTHERS - i < 100 ? OTHERS - i : 100;

		if (capture_watch_running(c, pids + i, n, false, &err))
			fail(err.text);
		capture_drain(c);
	}
}

static void crowd_close(pid_t pids[OTHERS])
{
	for (size_t i = 0; i < OTHERS; i++)
		kill(pids[i], SIGKILL);
	for (size_t i = 0; i < OTHERS; i++)
		waitpid(pids[i], NULL, 0);
}

/* A write of one that is watched beside 999 others, against the same of one alone. */
static void bench_crowd(volatile double *sh)
{
	double ratio[ROUNDS], alone, among;
	pid_t pids[OTHERS];
	uint64_t lost = 0;

	for (int i = 0; i < ROUNDS; i++) {
		struct capture *c = open_capture(0);

		/* The first ones pay for what is touched first. */
		time_writes(c, WRITES, 200, sh);
		alone = time_writes(c, WRITES, 200, sh);
		crowd_open(c, pids);
		among = time_writes(c, WRITES, 200, sh);
		crowd_close(pids);
		lost += close_capture(c);
		ratio[i] = among / alone;
	}
	if (!row("extra-server-kernel", median(ratio, ROUNDS), "ratio-to-1", 1.10, true, lost))
		puts("# extra-server-kernel: nothing in the kernel side's path depends on how many "
		     "are "
		     "watched: look for noise");
}

/* All of a write goes by the matched lane when the bulk ring has one page. */
static void bench_matched(volatile double *sh)
{
	struct ruleset *rules = ruleset_new();
	__u64 *bitmap = calloc(BT_MATCH_WORDS, sizeof(*bitmap));
	struct error err = { 0 };
	double per_byte[ROUNDS];
	struct scanner *sc;
	struct capture *c;
	struct empty e;
	uint64_t lost = 0;

	if (!rules || !bitmap || ruleset_add_builtin(rules, &err) || scanner_new(rules, &sc, &err))
		fail(err.text);
	prefilter_anchors(sc, bitmap);
	for (int i = 0; i < ROUNDS; i++) {
		double base;

		empty_open(&e);
		base = time_writes(NULL, MATCHED_WRITES, MATCHED_LEN, sh);
		empty_close(&e);
		c = open_capture(4096);
		capture_match_anchors(c, bitmap);
		per_byte[i] =
			(time_writes(c, MATCHED_WRITES, MATCHED_LEN, sh) - base) / MATCHED_LEN;
		lost += close_capture(c);
	}
	row("matched-lane", median(per_byte, ROUNDS) * 1e9, "ns/B", 1.5, true, lost);
	scanner_free(sc);
	ruleset_free(rules);
	free(bitmap);
}

void bench_kernel(void)
{
	volatile double *sh =
		mmap(NULL, sizeof(*sh), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (sh == MAP_FAILED)
		fail("out of memory");
	bench_calls(sh);
	bench_crowd(sh);
	bench_matched(sh);
	munmap((void *)sh, sizeof(*sh));
}
