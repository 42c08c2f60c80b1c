/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdio.h>
#include "engine/internal.h"

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
}

void engine_judge(struct engine *e, const struct redacted *secret, struct sink *sink,
		  const struct alert_mcp *mcp, const struct actor *who)
{
	struct alert a;

	if (secret->known_id)
		sink->flags |= SINK_F_LEARNT;
	memset(&a, 0, sizeof(a));
	if (policy_judge(e->cfg.policy, secret, sink, &a) == VERDICT_LEGAL)
		return;
	if (mcp)
		a.mcp = *mcp;
	fill_process(e, who, &a.process);
	a.time_ns = who->time_ns + e->cfg.boot_offset_ns;
	a.first_ns = a.last_ns = a.time_ns;
	a.seen_count = 1;
	if (!dedup_add(e->dedup, &a)) {
		e->totals.repeats++;
		return;
	}
	e->totals.alerts++;
	e->totals.by_severity[a.severity]++;
	if (e->cfg.alert)
		e->cfg.alert(e->cfg.arg, &a);
}
