/* SPDX-License-Identifier: BSD-2-Clause */
#include <string.h>

#include "engine/run.h"

#define RUN_MIN 43

static bool in_run(unsigned char c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
	       c == '-' || c == '.' || c == '_' || c == '~';
}

static void hold(struct run *r, struct span part)
{
	part = span_sub(part, 0, sizeof(r->text) - r->len);
	if (part.len)
		memcpy(r->text + r->len, part.p, part.len);
	r->len += part.len;
}

static void tell(struct span run, run_fn fn, void *arg)
{
	if (fn && run.len >= RUN_MIN && run.len <= RUN_MAX)
		fn(arg, run);
}

/* Every run in `b` that is long enough has a byte at one of the places looked at. */
static void whole_runs(struct span b, run_fn fn, void *arg)
{
	size_t floor = 0, from, to;

	for (size_t i = RUN_MIN - 1; i < b.len; i += RUN_MIN) {
		if (!in_run((unsigned char)b.p[i]))
			continue;
		for (from = i; from > floor && in_run((unsigned char)b.p[from - 1]); from--)
			;
		for (to = i; to < b.len && in_run((unsigned char)b.p[to]); to++)
			;
		tell(span_sub(b, from, to - from), fn, arg);
		floor = i = to;
	}
}

void run_feed(struct run *r, struct span b, run_fn fn, void *arg)
{
	size_t first = 0, last = b.len;

	if (r->len) {
		while (first < b.len && in_run((unsigned char)b.p[first]))
			first++;
		hold(r, span_sub(b, 0, first));
		if (first == b.len)
			return;
		run_flush(r, fn, arg);
	}
	while (last > first && in_run((unsigned char)b.p[last - 1]))
		last--;
	if (fn)
		whole_runs(span_sub(b, first, last - first), fn, arg);
	hold(r, span_sub(b, last, SIZE_MAX));
}

void run_flush(struct run *r, run_fn fn, void *arg)
{
	tell(span_of(r->text, r->len), fn, arg);
	r->len = 0;
}
