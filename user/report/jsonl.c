/* SPDX-License-Identifier: BSD-2-Clause */
/* Schemas: rules/schema/alert.schema.json and summary.schema.json. What is not known is left out, never empty. */
#include "base/jw.h"
#include "event/event.h"
#include "report/formats.h"

static void put_str(struct jw *w, const char *key, const char *value)
{
	if (value[0])
		jw_str(w, key, value);
}

static void put_time(struct jw *w, const char *key, uint64_t ns)
{
	char text[REPORT_TIME_LEN];

	jw_str(w, key, report_time(ns, text));
}

static void put_secret(struct jw *w, const struct redacted *s)
{
	jw_object(w, "secret");
	jw_str(w, "kind", secret_kind_name(s->kind));
	put_str(w, "provider", s->provider);
	jw_str(w, "fingerprint", s->fingerprint);
	jw_str(w, "preview", s->preview);
	jw_u64(w, "length", s->length);
	jw_str(w, "encoding", encoding_name(s->encoding));
	if (report_is_part(s)) {
		jw_object(w, "part");
		jw_u64(w, "offset", s->part_off);
		jw_u64(w, "length", s->part_len);
		jw_u64(w, "of", s->whole_len);
		jw_end_object(w);
	}
	jw_end_object(w);
}

static void put_sink(struct jw *w, const struct sink *s)
{
	jw_object(w, "sink");
	jw_str(w, "class", sink_class_name(s->class));
	put_str(w, "path", s->path);
	if (s->fd >= 0)
		jw_i64(w, "fd", s->fd);
	put_str(w, "peer", s->peer);
	put_str(w, "host", s->host);
	if (s->line)
		jw_u64(w, "line", s->line);
	jw_u64(w, "offset", s->offset);
	if (s->seen)
		jw_str(w, "seen", s->seen);
	jw_end_object(w);
}

static void put_mcp(struct jw *w, const struct alert_mcp *m)
{
	if (!m->transport[0])
		return;
	jw_object(w, "mcp");
	jw_str(w, "transport", m->transport);
	jw_str(w, "direction", m->direction);
	put_str(w, "method", m->method);
	put_str(w, "tool", m->tool);
	put_str(w, "id", m->id);
	put_str(w, "json_path", m->json_path);
	jw_end_object(w);
}

static void put_pid(struct jw *w, const char *key, uint32_t pid)
{
	if (pid)
		jw_u64(w, key, pid);
}

static void put_process(struct jw *w, const struct alert_process *p)
{
	if (!p->pid)
		return;
	jw_object(w, "process");
	put_pid(w, "pid", p->pid);
	put_pid(w, "tid", p->tid);
	put_pid(w, "ppid", p->ppid);
	put_str(w, "comm", p->comm);
	put_str(w, "exe", p->exe);
	jw_u64(w, "uid", p->uid);
	put_str(w, "container", p->container);
	put_str(w, "cgroup", p->cgroup);
	put_str(w, "unit", p->unit);
	jw_end_object(w);
}

static void put_flow(struct jw *w, const struct alert_flow *f)
{
	if (!f->id[0])
		return;
	jw_object(w, "flow");
	jw_str(w, "id", f->id);
	put_str(w, "phase", f->phase);
	put_str(w, "client_id", f->client_id);
	put_str(w, "issuer", f->issuer);
	jw_u64(w, "age_ms", f->age_ms);
	jw_end_object(w);
}

static void put_override(struct jw *w, const struct alert *a)
{
	if (!a->overridden_by[0])
		return;
	jw_object(w, "override");
	jw_str(w, "id", a->overridden_by);
	jw_str(w, "reason", a->overridden_reason);
	jw_str(w, "severity", severity_name(a->overridden_from));
	jw_end_object(w);
}

int report_jsonl_alert(const struct policy *p, const struct alert *a, struct buf *out)
{
	const struct catalogue_entry *e = policy_catalogue_find(p, a->rule);
	struct jw w;

	jw_init(&w, out);
	jw_object(&w, NULL);
	jw_str(&w, "schema", "beartrap.alert/1");
	put_time(&w, "time", a->time_ns);
	jw_str(&w, "id", a->id);
	jw_str(&w, "rule", a->rule);
	jw_str(&w, "title", e ? e->title : a->rule);
	jw_str(&w, "severity", severity_name(a->severity));
	jw_str(&w, "confidence", confidence_name(a->secret.confidence));
	if (a->secret.fingerprint[0])
		put_secret(&w, &a->secret);
	put_sink(&w, &a->sink);
	put_mcp(&w, &a->mcp);
	put_process(&w, &a->process);
	put_flow(&w, &a->flow);
	put_override(&w, a);
	jw_str(&w, "why", a->why);
	put_str(&w, "fix", e ? e->fix : "");
	jw_array(&w, "references");
	for (const char *const *r = e ? e->references : NULL; r && *r; r++)
		jw_str(&w, NULL, *r);
	jw_end_array(&w);
	jw_u64(&w, "seen_count", a->seen_count);
	put_time(&w, "first_seen", a->first_ns);
	put_time(&w, "last_seen", a->last_ns);
	jw_end_object(&w);
	return buf_add_byte(out, '\n');
}

static void put_totals(struct jw *w, const struct engine_totals *t)
{
	jw_object(w, "totals");
	jw_u64(w, "records", t->records);
	jw_u64(w, "bad_records", t->bad_records);
	jw_u64(w, "bytes_examined", t->bytes_examined);
	jw_u64(w, "bytes_missing", t->bytes_missing);
	jw_u64(w, "bytes_matched", t->bytes_matched);
	jw_u64(w, "bytes_missing_args", t->bytes_missing_args);
	jw_u64(w, "bytes_unscanned", t->bytes_unscanned);
	jw_u64(w, "bytes_encrypted", t->bytes_encrypted);
	jw_u64(w, "bytes_tls", t->bytes_tls);
	jw_u64(w, "bytes_quic", t->bytes_quic);
	jw_u64(w, "bytes_not_sinks", t->bytes_not_sinks);
	jw_u64(w, "streams", t->streams);
	jw_u64(w, "streams_evicted", t->streams_evicted);
	jw_u64(w, "processes", t->processes);
	jw_u64(w, "mcp_messages", t->mcp_messages);
	jw_u64(w, "mcp_broken", t->mcp_broken);
	jw_u64(w, "alerts", t->alerts);
	jw_u64(w, "repeats", t->repeats);
	jw_u64(w, "hits_overflow", t->hits_overflow);
	jw_u64(w, "lookbacks", t->lookbacks);
	jw_u64(w, "lookback_bytes", t->lookback_bytes);
	jw_u64(w, "lookback_found", t->lookback_found);
	jw_u64(w, "lookback_left_out", t->lookback_left_out);
	jw_end_object(w);
	jw_object(w, "examined_by_sink");
	for (unsigned int i = 0; i < SINK_CLASS_MAX; i++) {
		if (t->bytes_by_sink[i])
			jw_u64(w, sink_class_name((enum sink_class)i), t->bytes_by_sink[i]);
	}
	jw_end_object(w);
}

static void put_counter(struct jw *w, const char *key, const struct bt_counter *c)
{
	jw_object(w, key);
	jw_u64(w, "events", c->events);
	jw_u64(w, "bytes", c->bytes);
	jw_end_object(w);
}

static void put_seen(struct jw *w, const struct run_summary *s)
{
	jw_object(w, "seen");
	put_counter(w, "calls", &s->seen[BT_SEEN_CALLS]);
	put_counter(w, "sent_bulk", &s->seen[BT_SEEN_SENT_BULK]);
	put_counter(w, "sent_prio", &s->seen[BT_SEEN_SENT_PRIO]);
	put_counter(w, "sent_window", &s->seen[BT_SEEN_SENT_WINDOW]);
	put_counter(w, "matched", &s->seen[BT_SEEN_MATCHED]);
	put_counter(w, "copied", &s->seen[BT_SEEN_COPIED]);
	put_counter(w, "skipped", &s->seen[BT_SEEN_SKIPPED]);
	jw_end_object(w);
}

static void put_balance(struct jw *w, const struct run_summary *s)
{
	struct run_balance b;

	run_summary_balance(s, &b);
	jw_object(w, "balance");
	jw_u64(w, "moved", b.moved);
	jw_u64(w, "sent_up", b.whole);
	jw_u64(w, "matched", b.matched);
	jw_u64(w, "copied", b.copied);
	jw_u64(w, "skipped", b.skipped);
	jw_u64(w, "lost", b.lost);
	jw_bool(w, "adds_up", b.moved == b.accounted);
	jw_end_object(w);
}

static void put_losses(struct jw *w, const struct run_summary *s)
{
	struct run_loss losses[RUN_LOSS_MAX];
	size_t n = run_summary_losses(s, losses);

	jw_u64(w, "bytes_lost", run_summary_lost_bytes(s));
	jw_array(w, "lost");
	for (size_t i = 0; i < n; i++) {
		jw_object(w, NULL);
		jw_str(w, "cause", losses[i].cause);
		jw_u64(w, "events", losses[i].events);
		jw_u64(w, "bytes", losses[i].bytes);
		jw_end_object(w);
	}
	jw_end_array(w);
}

/* What the user decided: findings that were left out or changed, each override by its reason. */
static void put_overrides(struct jw *w, const struct policy *p, const struct run_summary *s)
{
	jw_array(w, "overrides");
	for (size_t i = 0; i < policy_overrides_len(p); i++) {
		if (!s->totals.overridden[i])
			continue;
		jw_object(w, NULL);
		jw_str(w, "id", policy_override_id(p, i));
		jw_str(w, "reason", policy_override_reason(p, i));
		jw_bool(w, "legal", policy_override_is_legal(p, i));
		jw_u64(w, "findings", s->totals.overridden[i]);
		jw_end_object(w);
	}
	jw_end_array(w);
}

/* The lines of the alerts were written at first sight; what came after is told here. */
static void put_repeated(struct jw *w, const struct alert *const *alerts, size_t n)
{
	jw_array(w, "repeated");
	for (size_t i = 0; i < n; i++) {
		if (alerts[i]->seen_count < 2)
			continue;
		jw_object(w, NULL);
		jw_str(w, "id", alerts[i]->id);
		jw_u64(w, "seen_count", alerts[i]->seen_count);
		put_time(w, "last_seen", alerts[i]->last_ns);
		jw_end_object(w);
	}
	jw_end_array(w);
}

int report_jsonl_finish(const struct policy *p, const struct alert *const *alerts, size_t n,
			const struct run_summary *s, struct buf *out)
{
	uint64_t by_severity[SEV_MAX];
	uint64_t findings = report_count(alerts, n, s, by_severity);
	struct jw w;

	jw_init(&w, out);
	jw_object(&w, NULL);
	jw_str(&w, "schema", "beartrap.summary/1");
	jw_str(&w, "command", s->command ? s->command : "");
	jw_str(&w, "target", s->target ? s->target : "");
	put_time(&w, "started", s->started_ns);
	put_time(&w, "ended", s->ended_ns);
	jw_str(&w, "verdict", run_summary_verdict(s, findings));
	jw_bool(&w, "complete", run_summary_complete(s));
	jw_bool(&w, "not_looked", s->not_looked);
	jw_u64(&w, "findings", findings);
	jw_object(&w, "by_severity");
	for (unsigned int i = 0; i < SEV_MAX; i++)
		jw_u64(&w, severity_name((enum severity)i), by_severity[i]);
	jw_end_object(&w);
	put_losses(&w, s);
	put_totals(&w, &s->totals);
	put_seen(&w, s);
	put_balance(&w, s);
	put_repeated(&w, alerts, n);
	put_overrides(&w, p, s);
	jw_array(&w, "notes");
	for (const char *const *note = s->notes; note && *note; note++)
		jw_str(&w, NULL, *note);
	jw_end_array(&w);
	jw_end_object(&w);
	return buf_add_byte(out, '\n');
}
