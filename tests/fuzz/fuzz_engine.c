/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The whole engine on hostile records. The input is a list of steps: an opcode byte picks the record's kind
 * and object, a length byte its payload. Every fed byte must be accounted for.
 * Covers: engine/engine.c engine/tap.c engine/wire.c engine/http.c engine/classify.c engine/judge.c engine/found.c engine/lookback.c engine/past.c engine/run.c
 */
#include <stdlib.h>
#include "base/secmem.h"
#include "engine/engine.h"
#include "records.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct world {
	struct ruleset *rules;
	struct scanner *scanner;
	struct policy *policy;
};

/* Compiled once: libFuzzer calls thousands of times a second. */
static const struct world *world(void)
{
	static struct world w;

	if (!w.scanner) {
		w.rules = ruleset_new();
		if (!w.rules || ruleset_add_builtin(w.rules, NULL) ||
		    scanner_new(w.rules, &w.scanner, NULL) || policy_new(&w.policy, NULL))
			abort();
	}
	return &w;
}

static void account(struct engine *e, uint64_t fed)
{
	struct engine_totals t;

	engine_finish(e);
	engine_totals(e, &t);
	if (t.bytes_examined + t.bytes_not_sinks + t.bytes_encrypted + t.bytes_unscanned != fed)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint16_t types[] = { BT_FILE_PIPE, BT_FILE_UNIX, BT_FILE_REG, BT_FILE_TCP,
					  BT_FILE_TTY,  BT_FILE_UDP,  BT_FILE_CHR, BT_FILE_SOCK };
	static const char *const paths[] = { "", "/tmp/x", "/home/u/a.log", "/dev/log" };
	struct engine_config cfg = { .scanner = world()->scanner, .policy = world()->policy };
	struct actor_rec procs[3] = { { 10, 10, 1 }, { 11, 10, 2 }, { 12, 12, 3 } };
	struct object_rec obj[16];
	struct scene sc = { .now_ns = 1 };
	struct engine *e;
	uint64_t fed = 0;
	size_t i, len;
	struct span s;
	void *copy;

	cfg.values = values_new(VALUES_MAX);
	if (!cfg.values || engine_new(&cfg, &e))
		abort();
	for (i = 0; i < 16; i++)
		obj[i] = object_rec(types[i % 8], 100 + i, 0644);
	while (size >= 3) {
		uint8_t op = data[0], what = data[1];
		struct actor_rec *a = &procs[op % 3];
		struct object_rec *o = &obj[what % 16];

		len = data[2];
		data += 3;
		size -= 3;
		if (len > size)
			len = size;
		switch (op / 3 % 8) {
		case 0:
			s = rec_exec(&sc, a, 1, "/bin/x");
			break;
		case 1:
			s = rec_file(&sc, a, o, what / 16 % 4, what & 0x80 ? BT_FILE_STDIO : 0, 0,
				     paths[len % 4], what & 0x40 ? 0x7f000001 : 0x01020304, 80);
			break;
		case 2:
			s = rec_fork(&sc, a, &procs[what % 3]);
			break;
		case 3:
			s = rec_args(&sc, a, what & 1, span_of(data, len));
			fed += len;
			break;
		default:
			s = rec_data(&sc, a, o, what & 0x80 ? BT_DIR_IN : BT_DIR_OUT, 3,
				     what & 0x40 ? what : ~0ull, span_of(data, len));
			fed += len;
		}
		data += len;
		size -= len;
		/* Its own allocation, so that a read past it is seen. */
		copy = malloc(s.len);
		if (!copy)
			abort();
		memcpy(copy, s.p, s.len);
		if (engine_feed(e, span_of(copy, s.len)))
			abort();
		free(copy);
		engine_tick(e, sc.now_ns);
	}
	account(e, fed);
	engine_free(e);
	values_free(cfg.values);
	buf_release(&sc.rec);
	return 0;
}
