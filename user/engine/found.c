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
	struct redacted secret;
	struct sink sink;
	struct alert a;

	if (!at)
		return;
	if (at->sink)
		sink = *at->sink;
	else
		engine_place(e, at->file, at->class, at->flags, at->who, &sink);
	sink.class = class_of(at, sink.class, f->part);
	snprintf(sink.host, sizeof(sink.host), "%s", f->host);
	if (f->secret) {
		redact_hit(&e->cfg.fingerprint, f->secret, &secret);
		redact_text(f->secret, sink.path);
		redact_text(f->secret, sink.host);
	}
	memset(&a, 0, sizeof(a));
	a.secret.confidence = CONF_VERIFIED;
	if (policy_found(e->cfg.policy, f->rule, f->level, f->secret ? &secret : NULL, &sink, &a) ==
	    VERDICT_LEGAL)
		return;
	if (at->mcp)
		a.mcp = *at->mcp;
	if (f->detail[0])
		engine_say(&a, " Seen here: ", f->detail, ".");
	if (f->secret) {
		redact_text(f->secret, a.why);
		engine_story(e, &a, at->who->time_ns);
	}
	engine_tell_flow(&a, &f->flow);
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
	static const struct {
		const char *rule, *places;
	} own[] = {
		{ "form-elicitation-asks-secret", "elicitation" },
		{ "token-file-temp-remnant", "temporary files when the server ends" },
	};

	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
		if (strcmp(rule, own[i].rule) != 0)
			continue;
		snprintf(out, cap, "%s", own[i].places);
		return true;
	}
	return flow_rule_moments(rule, out, cap);
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
