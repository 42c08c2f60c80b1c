/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What beartrap costs and how fast it looks: one line a row,
 *	bench NAME VALUE UNIT target TARGET ok|miss lost BYTES
 * Every value is the median of ROUNDS; a ratio's two sides alternate within the same run. "-" for a target that has
 * not been set. The rows about system calls need root.
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
#include "capture/capture.h"
#include "engine/engine.h"
#include "records.h"

#define ROUNDS 7
#define WRITES 100000
#define QUIET_BYTES (64u << 20)

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *v, size_t n)
{
	qsort(v, n, sizeof(*v), by_value);
	return v[n / 2];
}

static void row(const char *name, double value, const char *unit, double target, bool at_most,
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

/* Log lines as servers write them, with nothing in them. */
static void quiet_text(struct buf *b, size_t len)
{
	static const char *const lines[] = {
		"2026-11-24T06:04:42.113Z INFO  server: handled tools/list in 3 ms (session "
		"4f1c)\n",
		"2026-11-24T06:04:42.207Z DEBUG http: GET /api/issues?state=open 200 1843 bytes\n",
		"2026-11-24T06:04:43.002Z WARN  cache: entry users/17 is stale, fetching again\n",
		"{\"level\":30,\"time\":1790000000000,\"pid\":4242,\"msg\":\"request "
		"completed\"}\n",
	};
	size_t i = 0;

	while (b->len < len && !b->err)
		buf_add_str(b, lines[i++ % 4]);
}

static void bench_engine(const char *name, const struct scanner *sc, const struct policy *pol,
			 struct span text, bool wire, double target)
{
	struct actor_rec a = { 100, 100, 5 };
	struct scene scene = { .now_ns = 1 };
	struct engine_totals t;
	struct object_rec o = object_rec(BT_FILE_PIPE, 11, S_IFIFO | 0600);
	struct engine_config cfg = { .scanner = sc, .policy = pol };
	double rate[ROUNDS];
	struct engine *e;
	uint64_t lost = 0;
	size_t at;
	double s;
	int i;

	for (i = 0; i < ROUNDS; i++) {
		cfg.values = values_new(VALUES_MAX);
		if (!cfg.values || engine_new(&cfg, &e))
			exit(1);
		o.pos[0] = 0;
		engine_feed(e, rec_exec(&scene, &a, 1, "/bin/server"));
		engine_feed(e, rec_file(&scene, &a, &o, wire ? 1 : 2, BT_FILE_STDIO, O_WRONLY, "",
					0, 0));
		s = now();
		for (at = 0; at < text.len; at += 4096)
			engine_feed(e, rec_data(&scene, &a, &o, BT_DIR_OUT, 2, ~0ull,
						span_sub(text, at, 4096)));
		engine_finish(e);
		s = now() - s;
		engine_totals(e, &t);
		lost += t.bytes_missing + t.bytes_unscanned;
		rate[i] = (double)text.len / s / 1e6;
		engine_free(e);
		values_free(cfg.values);
	}
	row(name, median(rate, ROUNDS), "MB/s", target, false, lost);
	buf_release(&scene.rec);
}

int main(void)
{
	struct buf quiet = BUF_INIT(0), rpc = BUF_INIT(0);
	struct ruleset *rules = ruleset_new();
	struct error err = { 0 };
	struct scanner *sc;
	struct policy *pol;
	int i;

	if (!rules || ruleset_add_builtin(rules, &err) || scanner_new(rules, &sc, &err) ||
	    policy_new(&pol, &err)) {
		fprintf(stderr, "%s\n", err.text);
		return 1;
	}
	if (getuid() == 0)
		bench_syscalls();
	else
		fprintf(stderr, "bench: not root: the rows about system calls are left out\n");
	quiet_text(&quiet, QUIET_BYTES);
	for (i = 0; rpc.len < QUIET_BYTES / 4; i++)
		buf_addf(&rpc,
			 "{\"jsonrpc\":\"2.0\",\"id\":%d,\"result\":{\"content\":[{\"type\":"
			 "\"text\","
			 "\"text\":\"Found 12 open issues, the oldest from March; none is "
			 "assigned.\"}],"
			 "\"isError\":false}}\n",
			 i);
	bench_engine("engine-quiet-log", sc, pol, buf_span(&quiet), false, 300);
	bench_engine("engine-mcp-wire", sc, pol, buf_span(&rpc), true, 0);
	buf_release(&quiet);
	buf_release(&rpc);
	policy_free(pol);
	scanner_free(sc);
	ruleset_free(rules);
	return 0;
}
