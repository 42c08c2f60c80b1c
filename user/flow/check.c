/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "flow/check.h"

static const struct check_family *const families[] = {
	&checks_implicit, &checks_pkce, &checks_state,     &checks_mixup,
	&checks_server,   &checks_use,  &checks_transport, &checks_life,
};

static const char *const moment_names[] = {
	"authorization requests",
	"authorization responses",
	"token requests",
	"token responses",
	"requests sent",
	"responses received",
	"requests received",
	"responses sent",
	"authorization server metadata",
	"command lines",
	"environments",
	"client registrations",
	"log lines",
};

bool flow_rule_moments(const char *rule, char *out, size_t cap)
{
	unsigned int moments = 0;
	size_t n = strlen(out);

	for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++) {
		for (size_t k = 0; k < families[i]->n; k++) {
			if (!strcmp(families[i]->checks[k].rule, rule))
				moments |= families[i]->checks[k].on;
		}
	}
	for (size_t i = 0; i < sizeof(moment_names) / sizeof(moment_names[0]); i++) {
		if (moments >> i & 1 && n < cap)
			n += (size_t)snprintf(out + n, cap - n, "%s%s", n ? ", " : "",
					      moment_names[i]);
	}
	return moments != 0;
}

void fact_say(struct fact *f, const char *fmt, ...)
{
	char text[sizeof(f->detail)];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (n > 0)
		copy_text(f->detail, sizeof(f->detail), span_str(text));
}

void fact_secret(struct fact *f, struct span value, enum secret_kind kind, enum flow_part part)
{
	struct sec *s = sec_find_value(f->fs, value);

	hit_of(value, s ? s->kind : kind, s != NULL, &f->hit);
	if (s && s->id > 0)
		f->hit.known_id = (uint64_t)s->id;
	f->has_hit = value.len > 0;
	f->part = part;
}

static void set_host(const struct fact *f, struct flow_finding *ret)
{
	struct url u;

	if (f->x && f->x->host[0])
		memcpy(ret->host, f->x->host, sizeof(ret->host));
	else if (f->m && f->m->head->authority.len)
		copy_text(ret->host, sizeof(ret->host), f->m->head->authority);
	else if (f->url.len && !url_parse(f->url, &u))
		copy_text(ret->host, sizeof(ret->host), u.host);
}

void fact_report(struct fact *f, const struct flow_check *c)
{
	struct flow_finding out = {
		.rule = c->rule,
		.level = f->level,
		.part = f->part,
		.ctx = f->ctx,
		.secret = f->has_hit ? &f->hit : NULL,
	};

	if (f->f)
		flow_describe(f->f, f->ctx->now_ns, &out.flow);
	set_host(f, &out);
	memcpy(out.detail, f->detail, sizeof(out.detail));
	f->fs->cfg.found(f->fs->cfg.arg, &out);
}

void checks_run(struct fact *f, unsigned int moment)
{
	unsigned int bit = 0;

	for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++) {
		for (size_t k = 0; k < families[i]->n; k++, bit++) {
			const struct flow_check *c = &families[i]->checks[k];
			uint64_t *seen = f->f ? &f->f->reported[bit / 64 % 3] : NULL;

			if (!(c->on & moment) || ((c->flags & CHECK_HISTORY) && f->fs->cfg.late))
				continue;
			if (seen && !(c->flags & CHECK_EACH) && (*seen >> bit % 64 & 1))
				continue;
			f->level = FLOW_DEFAULT;
			f->part = FLOW_HERE;
			f->has_hit = false;
			f->detail[0] = '\0';
			if (!c->holds(f))
				continue;
			if (seen)
				*seen |= 1ull << bit % 64;
			fact_report(f, c);
		}
	}
}
