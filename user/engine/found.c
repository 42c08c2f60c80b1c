/* SPDX-License-Identifier: BSD-2-Clause */
/* Findings of the flow checks, as alerts. */
#include <stdio.h>

#include "engine/internal.h"

static enum sink_class class_of(const struct engine_at *at, enum sink_class class,
				enum flow_part part)
{
	switch (part) {
	case FLOW_IN_COOKIE:
		return SINK_COOKIE;
	case FLOW_IN_URL:
		return at->http ? SINK_HTTP_URL : class;
	case FLOW_IN_HEADER:
		return at->http ? SINK_HTTP_HEADER : class;
	case FLOW_IN_BODY:
		return at->http ? SINK_HTTP_BODY : class;
	default:
		return class;
	}
}

void engine_say(struct alert *a, const char *before, const char *text, const char *after)
{
	size_t n = strlen(a->why);

	snprintf(a->why + n, sizeof(a->why) - n, "%s%s%s", before, text, after);
}

void engine_found(void *arg, const struct flow_finding *f)
{
	struct engine *e = arg;
	const struct engine_at *at = e->at;
	struct alert a;

	if (!at)
		return;
	memset(&a, 0, sizeof(a));
	if (policy_found(e->cfg.policy, f->rule, f->level, &a) == VERDICT_LEGAL)
		return;
	a.secret.confidence = CONF_VERIFIED;
	if (at->sink)
		a.sink = *at->sink;
	else
		engine_place(e, at->file, at->class, at->flags, at->who, &a.sink);
	a.sink.class = class_of(at, a.sink.class, f->part);
	snprintf(a.sink.host, sizeof(a.sink.host), "%s", f->host);
	if (at->mcp)
		a.mcp = *at->mcp;
	if (f->detail[0])
		engine_say(&a, " Seen here: ", f->detail, ".");
	if (f->secret) {
		redact_hit(&e->cfg.fingerprint, f->secret, &a.secret);
		redact_text(f->secret, a.sink.path);
		redact_text(f->secret, a.sink.host);
		redact_text(f->secret, a.why);
		engine_story(e, &a, at->who->time_ns);
	}
	if (f->flow_id[0]) {
		snprintf(a.flow_id, sizeof(a.flow_id), "%s", f->flow_id);
		snprintf(a.flow_phase, sizeof(a.flow_phase), "%s", flow_phase_name(f->phase));
		a.flow_age_ms = f->flow_age_ns / 1000000;
	}
	engine_raise(e, &a, at->who);
}

void engine_ctx(const struct actor *who, struct flow_ctx *ret)
{
	*ret = (struct flow_ctx){
		.now_ns = who->time_ns,
		.root = who->root,
		.tgid = who->tgid,
		.loopback = true,
		.local_loopback = true,
	};
}

bool engine_rule_places(const char *rule, char *out, size_t cap)
{
	if (strcmp(rule, "form-elicitation-asks-secret") != 0)
		return flow_rule_moments(rule, out, cap);
	snprintf(out, cap, "elicitation");
	return true;
}

struct html_ctx {
	struct engine *e;
	const struct sink *sink;
	const struct actor *who;
};

static void html_hit(void *arg, const struct hit *hit)
{
	struct html_ctx *c = arg;
	struct redacted red;
	struct sink sink = *c->sink;

	sink.class = SINK_HTML;
	sink.offset = hit->offset;
	sink.line = hit->line;
	redact_hit(&c->e->cfg.fingerprint, hit, &red);
	engine_judge(c->e, &red, &sink, NULL, c->who);
}

void engine_scan_html(struct engine *e, const struct sink *sink, const struct actor *who,
		      struct span page)
{
	struct html_ctx c = { e, sink, who };

	scan_reset(e->args_scan, 0, SPAN_NONE);
	scan_feed(e->args_scan, page, html_hit, &c);
	scan_flush(e->args_scan, html_hit, &c);
}
