/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdio.h>
#include "engine/internal.h"
#include "proc/cgroup.h"

void sink_init(struct sink *s, enum sink_class class, unsigned int flags, int fd)
{
	memset(s, 0, sizeof(*s));
	s->class = class;
	s->flags = flags;
	s->fd = fd;
}

static void fill_process(struct engine *e, const struct actor *who, struct alert_process *ret)
{
	const struct proc *p = proc_find(e->procs, who->tgid, who->start_ns);
	struct cgroup_identity id;

	memset(ret, 0, sizeof(*ret));
	ret->pid = who->tgid;
	ret->tid = who->tid;
	ret->uid = who->uid;
	snprintf(ret->comm, sizeof(ret->comm), "%s", who->comm);
	if (!p)
		return;
	ret->ppid = p->ppid;
	if (p->exe)
		snprintf(ret->exe, sizeof(ret->exe), "%s", p->exe);
	if (!p->cgroup)
		return;
	snprintf(ret->cgroup, sizeof(ret->cgroup), "%s", p->cgroup);
	cgroup_identify(span_str(p->cgroup), &id);
	snprintf(ret->container, sizeof(ret->container), "%s", id.container);
	snprintf(ret->unit, sizeof(ret->unit), "%s", id.unit);
}

void engine_raise(struct engine *e, struct alert *a, const struct actor *who)
{
	int override;

	fill_process(e, who, &a->process);
	a->sink.seen = event_call_seen((enum bt_call)who->call);
	override = policy_override(e->cfg.policy, a);
	if (override >= 0) {
		e->totals.overridden[override]++;
		if (policy_override_is_legal(e->cfg.policy, (size_t) override))
			return;
	}
	a->time_ns = who->time_ns + e->cfg.boot_offset_ns;
	a->first_ns = a->last_ns = a->time_ns;
	a->seen_count = 1;
	if (!dedup_add(e->dedup, a)) {
		e->totals.repeats++;
		return;
	}
	e->totals.alerts++;
	e->totals.by_severity[a->severity]++;
	if (e->cfg.alert)
		e->cfg.alert(e->cfg.arg, a);
}

void engine_tell_flow(struct alert *a, const struct flow_brief *f)
{
	if (!f->id[0])
		return;
	snprintf(a->flow.id, sizeof(a->flow.id), "%s", f->id);
	snprintf(a->flow.phase, sizeof(a->flow.phase), "%s", flow_phase_name(f->phase));
	snprintf(a->flow.client_id, sizeof(a->flow.client_id), "%s", f->client_id);
	snprintf(a->flow.issuer, sizeof(a->flow.issuer), "%s", f->issuer);
	a->flow.age_ms = f->age_ns / 1000000;
}

bool engine_story(struct engine *e, struct alert *a, uint64_t now_ns)
{
	struct flow_story s;
	char age[60];

	if (!a->secret.known_id || !flows_story(e->flows, (int64_t)a->secret.known_id, now_ns, &s))
		return false;
	snprintf(age, sizeof(age), ", %llu s %s%s.", (unsigned long long)(s.age_ns / 1000000000),
		 s.later ? "after it was written" : "before", s.dead ? "; it is spent" : "");
	engine_say(a, " It was first seen in: ", s.born, age);
	engine_tell_flow(a, &s.flow);
	return s.dead;
}

static bool is_spent(struct engine *e, const struct redacted *secret, uint64_t now_ns)
{
	struct flow_story s;

	return secret->known_id && flows_story(e->flows, (int64_t)secret->known_id, now_ns, &s) &&
	       s.dead;
}

void engine_judge(struct engine *e, const struct redacted *secret, struct sink *sink,
		  const struct alert_mcp *mcp, const struct actor *who)
{
	struct alert a;

	if (secret->known_id)
		sink->flags |= SINK_F_LEARNT;
	if (is_spent(e, secret, who->time_ns))
		sink->flags |= SINK_F_SPENT;
	memset(&a, 0, sizeof(a));
	if (policy_judge(e->cfg.policy, secret, sink, &a) == VERDICT_LEGAL)
		return;
	if (mcp)
		a.mcp = *mcp;
	engine_story(e, &a, who->time_ns);
	engine_raise(e, &a, who);
}

void engine_judge_text(struct engine *e, const struct bt_file_id *file, enum sink_class class,
		       unsigned int flags, const struct hit *hit, const struct actor *who)
{
	struct redacted red;
	struct sink sink;

	redact_hit(&e->cfg.fingerprint, hit, &red);
	engine_place(e, file, class, flags, who, &sink);
	redact_text(hit, sink.path);
	sink.line = hit->line;
	sink.offset = hit->offset;
	engine_judge(e, &red, &sink, NULL, who);
	engine_keep(e, file, &red, &sink, who);
}
