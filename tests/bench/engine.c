/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The engine on records made here: how fast it reads (CPU seconds of one thread), how much memory it holds, and
 * whether one more server costs the same when there are many.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
#include "bench.h"
#include "engine/engine.h"
#include "records.h"

#define TEXT_BYTES (16u << 20)
#define RECORD_BYTES 4096
#define KNOWN 16
#define SERVERS 1000
#define CALLS 10000
#define STREAMS_EACH 10

static struct {
	struct ruleset *rules;
	struct scanner *scanner;
	struct policy *policy;
} with;

static void no(const char *what)
{
	fprintf(stderr, "bench: %s\n", what);
	exit(1);
}

/* With some secrets in the ledger, as after a login. */
static struct engine *engine_with_values(void)
{
	struct engine_config cfg = { .scanner = with.scanner, .policy = with.policy };
	unsigned char value[40];
	struct engine *e;

	cfg.values = values_new(VALUES_MAX);
	for (int i = 0; cfg.values && i < KNOWN; i++) {
		for (size_t k = 0; k < sizeof(value); k++)
			value[k] = (unsigned char)('!' + random() % 90);
		values_add(cfg.values, span_of(value, sizeof(value)), SECRET_ACCESS_TOKEN, 0);
	}
	if (!cfg.values || engine_new(&cfg, &e))
		no("out of memory");
	return e;
}

/* Lines of `n` templates in turn, "%u" in them counted up. */
static void fill(struct buf *b, const char *const *lines, size_t n)
{
	for (unsigned int i = 0; b->len < TEXT_BYTES && !b->err; i++) {
		const char *line = lines[i % n], *mark = strstr(line, "%u");

		buf_add(b, line, mark ? (size_t)(mark - line) : strlen(line));
		if (mark) {
			buf_addf(b, "%u", i);
			buf_add_str(b, mark + 2);
		}
	}
}

/* Bytes up to the end of the record that begins at `at`: one line each, or RECORD_BYTES. */
static size_t record_len(struct span text, size_t at, bool by_line)
{
	size_t n;

	if (!by_line)
		return RECORD_BYTES;
	n = span_find_byte(span_sub(text, at, SIZE_MAX), '\n');
	return n == SIZE_MAX ? text.len - at : n + 1;
}

struct kind {
	const char *name;
	double target;
	bool wire, by_line;
	const char *lines[8];
};

/* Records begin at multiples of 8. */
static void add_record(struct buf *recs, struct span rec)
{
	buf_add_span(recs, rec);
	while (recs->len % 8 && !buf_add_byte(recs, 0))
		;
}

/* The records of a stream that carries `text`, one behind the other. */
static void make_records(struct scene *scene, const struct kind *k, struct span text,
			 struct buf *ret)
{
	struct object_rec o = object_rec(BT_FILE_PIPE, 11, S_IFIFO | 0600);
	struct actor_rec a = { 100, 100, 5 };
	size_t len;

	add_record(ret, rec_exec(scene, &a, 1, "/bin/server"));
	add_record(ret,
		   rec_file(scene, &a, &o, k->wire ? 1 : 2, BT_FILE_STDIO, O_WRONLY, "", 0, 0));
	for (size_t at = 0; at < text.len; at += len) {
		len = record_len(text, at, k->by_line);
		add_record(ret,
			   rec_data(scene, &a, &o, BT_DIR_OUT, 2, ~0ull, span_sub(text, at, len)));
	}
	if (ret->err)
		no("out of memory");
}

static void feed_records(struct engine *e, struct span recs)
{
	while (recs.len) {
		struct bt_hdr h;

		memcpy(&h, recs.p, sizeof(h));
		engine_feed(e, span_sub(recs, 0, h.len));
		recs = span_sub(recs, (h.len + 7) & ~7u, SIZE_MAX);
	}
}

static void bench_rate(const struct kind *k)
{
	struct buf text = BUF_INIT(0), recs = BUF_INIT(0);
	struct scene scene = { .now_ns = 1 };
	double rate[ROUNDS], t0;
	uint64_t lost = 0;
	size_t n = 0;

	while (n < 8 && k->lines[n])
		n++;
	fill(&text, k->lines, n);
	make_records(&scene, k, buf_span(&text), &recs);
	for (int i = 0; i < ROUNDS; i++) {
		struct engine *e = engine_with_values();
		struct engine_totals t;

		t0 = cpu_now();
		feed_records(e, buf_span(&recs));
		engine_finish(e);
		rate[i] = (double)text.len / (cpu_now() - t0) / 1e6;
		engine_totals(e, &t);
		if (t.bytes_examined != text.len)
			no("not all was examined");
		lost += t.bytes_missing + t.bytes_unscanned;
		engine_free(e);
	}
	if (!row(k->name, median(rate, ROUNDS), "MB/s", k->target, false, lost))
		printf("# %s: tests/bench/README.md has the instructions of each step\n", k->name);
	buf_release(&scene.rec);
	buf_release(&text);
	buf_release(&recs);
}

static const struct kind kinds[] = {
	{ "engine-quiet-log",
	  300,
	  false,
	  false,
	  { "2026-11-24T06:04:42.113Z INFO  server: handled tools/list in 3 ms (session %u)\n",
	    "2026-11-24T06:04:42.207Z DEBUG http: GET /api/issues?state=open 200 %u bytes\n",
	    "2026-11-24T06:04:43.002Z WARN  cache: entry users/%u is stale, fetching again\n",
	    "{\"level\":30,\"time\":1790000000000,\"pid\":%u,\"msg\":\"request completed\"}\n" } },
	/* The same with what a server's log has besides: percent signs, escapes, queries, words that OAuth uses too. */
	{ "engine-mixed-log",
	  0,
	  false,
	  false,
	  { "2026-11-24T06:04:42.113Z INFO  server: handled tools/list in 3 ms (session %u)\n",
	    "2026-11-24T06:04:42.207Z DEBUG http: GET /api/issues?state=open&page=%u 200\n",
	    "2026-11-24T06:04:43.002Z WARN  cache: 92% full, C:\\cache\\users\\%u is stale\n",
	    "{\"level\":30,\"pid\":%u,\"msg\":\"state of \\\"users\\\" refreshed, code 200\"}\n",
	    "    at Client.request (file:///srv/node_modules/sdk/client/index.js:%u:15)\n",
	    "2026-11-24T06:04:44.419Z INFO  auth: token for user %u expires in 3600 s\n" } },
	{ "engine-quiet-log-by-line",
	  0,
	  false,
	  true,
	  { "2026-11-24T06:04:42.113Z INFO  server: handled tools/list in 3 ms (session %u)\n",
	    "2026-11-24T06:04:42.207Z DEBUG http: GET /api/issues?state=open 200 %u bytes\n" } },
	{ "engine-mcp-wire",
	  60,
	  true,
	  false,
	  { "{\"jsonrpc\":\"2.0\",\"id\":%u,\"result\":{\"content\":[{\"type\":\"text\","
	    "\"text\":\"Found 12 open issues, the oldest from March; none is assigned.\"}],"
	    "\"isError\":false}}\n" } },
	/* Most tools answer with JSON in a JSON string. */
	{ "engine-mcp-wire-json-in-json",
	  30,
	  true,
	  false,
	  { "{\"jsonrpc\":\"2.0\",\"id\":%u,\"result\":{\"content\":[{\"type\":\"text\","
	    "\"text\":\"{\\n  \\\"issues\\\": [\\n    {\\n      \\\"title\\\": \\\"Login page is "
	    "slow\\\",\\n      \\\"state\\\": \\\"open\\\",\\n      \\\"labels\\\": [\\\"bug\\\", "
	    "\\\"ui\\\"]\\n    }\\n  ]\\n}\"}]}}\n" } },
};

/* --- many servers --- */

static double resident_mib(void)
{
	FILE *f = fopen("/proc/self/statm", "re");
	long all, resident;

	if (!f || fscanf(f, "%ld %ld", &all, &resident) != 2)
		no("cannot read /proc/self/statm");
	fclose(f);
	return (double)resident * (double)sysconf(_SC_PAGESIZE) / (1 << 20);
}

/* Server `i` of many: its process, its wire, and STREAMS_EACH streams in all. */
static void start_server(struct engine *e, struct scene *scene, uint32_t i)
{
	struct actor_rec a = { 1000 + i, 1000 + i, 5 + i };

	engine_feed(e, rec_exec(scene, &a, 1, "/usr/bin/node"));
	for (int fd = 0; fd < STREAMS_EACH; fd++) {
		struct object_rec o = object_rec(BT_FILE_PIPE, 1 + i * STREAMS_EACH + (uint32_t)fd,
						 S_IFIFO | 0600);

		engine_feed(e, rec_file(scene, &a, &o, fd, fd < 3 ? BT_FILE_STDIO : 0,
					fd ? O_WRONLY : O_RDONLY, "", 0, 0));
	}
}

/* One tools/call: a request, its answer, and a line in each of the other streams; at `at[]` of each. */
static void use_server(struct engine *e, struct scene *scene, uint32_t i, unsigned int round)
{
	static const char *const text[] = {
		"{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"tools/"
		"call\",\"params\":{\"name\":\"list\"}}\n",
		"{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":{\"content\":[{\"type\":\"text\","
		"\"text\":"
		"\"12 open issues\"}]}}\n",
		"2026-11-24T06:04:42.113Z INFO  server: handled tools/call in 3 ms\n",
	};
	struct actor_rec a = { 1000 + i, 1000 + i, 5 + i };

	for (int fd = 0; fd < STREAMS_EACH; fd++) {
		struct object_rec o = object_rec(BT_FILE_PIPE, 1 + i * STREAMS_EACH + (uint32_t)fd,
						 S_IFIFO | 0600);
		struct span line = span_str(text[fd < 2 ? fd : 2]);
		enum bt_dir dir = fd ? BT_DIR_OUT : BT_DIR_IN;

		o.pos[dir] = (uint64_t)round * line.len;
		engine_feed(e, rec_data(scene, &a, &o, dir, fd, ~0ull, line));
	}
}

/* In a process of its own, so that nothing else is in its memory. */
static void bench_memory(void)
{
	struct scene scene = { .now_ns = 1 };
	double before = resident_mib(), after;
	struct engine *e;
	pid_t pid = fork();
	int st;

	if (pid) {
		if (waitpid(pid, &st, 0) < 0 || st)
			no("the measurement of memory failed");
		return;
	}
	e = engine_with_values();
	for (uint32_t i = 0; i < SERVERS; i++)
		start_server(e, &scene, i);
	for (unsigned int round = 0; round < 3; round++)
		for (uint32_t i = 0; i < SERVERS; i++)
			use_server(e, &scene, i, round);
	after = resident_mib();
	row("engine-memory-1000-servers", after, "MiB", 0, true, 0);
	row("engine-memory-per-stream", (after - before) * 1024 / SERVERS / STREAMS_EACH, "KiB", 0,
	    true, 0);
	_exit(0);
}

/*
 * What one call costs when so many servers are there, and `busy` of them make CALLS in turn; in seconds of CPU. All have
 * made one before.
 */
static double call_cost(unsigned int servers, unsigned int busy)
{
	struct engine *e = engine_with_values();
	struct scene scene = { .now_ns = 1 };
	double t;

	for (uint32_t s = 0; s < servers; s++)
		start_server(e, &scene, s);
	for (uint32_t s = 0; s < servers; s++)
		use_server(e, &scene, s, 0);
	t = cpu_now();
	for (unsigned int r = 1; r <= CALLS / busy; r++)
		for (uint32_t s = 0; s < busy; s++)
			use_server(e, &scene, s, r);
	t = cpu_now() - t;
	engine_free(e);
	buf_release(&scene.rec);
	return t / CALLS;
}

static void bench_many(void)
{
	double alone[ROUNDS], idle[ROUNDS], busy[ROUNDS];

	for (int i = 0; i < ROUNDS; i++) {
		/* To and fro, so that none always comes first. */
		if (i % 2)
			idle[i] = call_cost(SERVERS, 1);
		alone[i] = call_cost(1, 1);
		if (!(i % 2))
			idle[i] = call_cost(SERVERS, 1);
		idle[i] /= alone[i];
		busy[i] = call_cost(SERVERS, SERVERS) / alone[i];
	}
	row("engine-call-of-1-server", median(alone, ROUNDS) * 1e6, "us", 0, true, 0);
	if (!row("extra-server-engine", median(idle, ROUNDS), "ratio-to-1", 1.10, true, 0))
		puts("# extra-server-engine: nothing in the engine's path depends on how many are "
		     "idle: "
		     "look for noise");
	if (!row("extra-server-engine-all-busy", median(busy, ROUNDS), "ratio-to-1", 1.5, true, 0))
		puts("# extra-server-engine-all-busy: the instructions are the same (README.md); "
		     "the "
		     "state of 10,000 streams, 15 MiB, is in no cache when its turn comes");
}

void bench_engine(void)
{
	struct error err = { 0 };

	with.rules = ruleset_new();
	if (!with.rules || ruleset_add_builtin(with.rules, &err) ||
	    scanner_new(with.rules, &with.scanner, &err) || policy_new(&with.policy, &err))
		no(err.text);
	bench_memory();
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		bench_rate(&kinds[i]);
	bench_many();
	policy_free(with.policy);
	scanner_free(with.scanner);
	ruleset_free(with.rules);
}
