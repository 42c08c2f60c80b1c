/* SPDX-License-Identifier: BSD-2-Clause */
/* argv and environment of a program that was just executed. */
#include <stdio.h>
#include "engine/internal.h"
#include "proto/url.h"

struct args_ctx {
	struct engine *e;
	const struct proc *p;
	const struct actor *who;
	bool env;
	bool root;
	struct span name; /* of the variable */
	uint64_t index;
};

static void args_hit(void *arg, const struct hit *hit)
{
	struct args_ctx *c = arg;
	struct redacted red;
	struct sink sink;
	struct span fp;

	redact_hit(&c->e->cfg.fingerprint, hit, &red);
	sink_init(&sink, c->env ? SINK_ENV : SINK_ARGV, c->root ? 0 : SINK_F_CHILD, -1);
	fp = span_str(red.fingerprint);
	if (c->env) {
		snprintf(sink.path, sizeof(sink.path), "%.*s", (int)c->name.len, c->name.p);
		/* A root that executes again, or a child that inherits, shows nothing new. */
		if (table_get(c->e->root_env, fp))
			sink.flags |= SINK_F_INHERITED | SINK_F_CHILD;
		else if (c->root)
			table_put(c->e->root_env, fp, c->e);
	} else {
		snprintf(sink.path, sizeof(sink.path), "argv[%llu]", (unsigned long long)c->index);
	}
	engine_judge(c->e, &red, &sink, NULL, c->who);
	/* What a server was given at its start is looked for wherever it goes from there. */
	if (c->root)
		ledger_learn(c->e->ledger, hit, BIRTH_ENV, c->who->time_ns, c->who->tgid);
}

/* URLs shown to a program, and settings that matter to flow/. */
static void watch_one(struct args_ctx *c, struct span name, struct span s)
{
	struct engine *e = c->e;
	struct sink sink;
	struct engine_at at = { .who = c->who, .sink = &sink };
	struct flow_ctx ctx;
	size_t pos = 0;
	struct span url;

	sink_init(&sink, c->env ? SINK_ENV : SINK_ARGV, c->root ? 0 : SINK_F_CHILD, -1);
	if (c->env)
		snprintf(sink.path, sizeof(sink.path), "%.*s", (int)name.len, name.p);
	else
		snprintf(sink.path, sizeof(sink.path), "argv[%llu]", (unsigned long long)c->index);
	engine_ctx(c->who, &ctx);
	e->at = &at;
	if (c->env) {
		flows_env(e->flows, &ctx, name, s);
	} else {
		while (url_find(s, &pos, &url))
			flows_url(e->flows, &ctx, url);
		flows_argv(e->flows, &ctx, span_str(c->p->exe), s);
	}
	e->at = NULL;
}

static void scan_one(struct args_ctx *c, struct span s)
{
	size_t eq = c->env ? span_find_byte(s, '=') : SIZE_MAX;
	struct span key = SPAN_NONE;

	if (eq != SIZE_MAX) {
		c->name = key = span_sub(s, 0, eq);
		s = span_sub(s, eq + 1, SIZE_MAX);
	}
	watch_one(c, key, s);
	scan_reset(c->e->args_scan, 0, key);
	scan_feed(c->e->args_scan, s, args_hit, c);
	scan_flush(c->e->args_scan, args_hit, c);
}

void engine_args(struct engine *e, const struct event *ev)
{
	struct actor who;
	struct args_ctx c = { .e = e, .who = &who, .env = ev->args.env };
	struct span all;
	size_t nul;

	if (ev->args.lost_len)
		e->totals.bytes_missing_args += ev->args.lost_len;
	e->totals.bytes_examined += ev->args.bytes.len;
	e->totals.bytes_by_sink[c.env ? SINK_ENV : SINK_ARGV] += ev->args.bytes.len;
	if (!ev->args.last)
		return;
	c.p = proc_find(e->procs, ev->tgid, ev->start_ns);
	if (!c.p)
		return;
	actor_of(ev, &who);
	c.root = ev->tgid == ev->root;
	all = c.env ? span_of(c.p->env.p, c.p->env.len) : span_of(c.p->argv.p, c.p->argv.len);
	while (all.len) {
		nul = span_find_byte(all, '\0');
		if (nul == SIZE_MAX)
			nul = all.len;
		scan_one(&c, span_sub(all, 0, nul));
		all = span_sub(all, nul + 1, SIZE_MAX);
		c.index++;
	}
}
