/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The report for people. Names in it come from the watched program: nothing that a terminal would act on, or that
 * would reorder the line, is passed on.
 */
#include <inttypes.h>
#include <stdio.h>

#include "base/print.h"
#include "report/blind.h"
#include "report/formats.h"

#define LABEL_WIDTH 9
#define INDENT 4
#define SHORT_FINGERPRINT 12

#define SGR_RESET "\033[0m"

static const char *const severity_sgr[SEV_MAX] = {
	[SEV_INFO] = "\033[36m", [SEV_LOW] = "\033[34m",        [SEV_MEDIUM] = "\033[33m",
	[SEV_HIGH] = "\033[31m", [SEV_CRITICAL] = "\033[1;31m",
};

static const char *const severity_words[SEV_MAX] = {
	[SEV_INFO] = "INFO", [SEV_LOW] = "LOW",           [SEV_MEDIUM] = "MEDIUM",
	[SEV_HIGH] = "HIGH", [SEV_CRITICAL] = "CRITICAL",
};

static void put_safe_str(struct buf *out, const char *s)
{
	buf_add_printable(out, span_str(s));
}

static void begin_field(struct buf *out, const char *label)
{
	buf_addf(out, "%*s%-*s", INDENT, "", LABEL_WIDTH, label);
}

/* A label and words. */
static void put_field(struct buf *out, const char *label, const char *words)
{
	begin_field(out, label);
	buf_add_wrapped(out, INDENT + LABEL_WIDTH, INDENT + LABEL_WIDTH, span_str(words));
}

static void put_secret(struct buf *out, const struct redacted *s)
{
	begin_field(out, "secret");
	buf_add_str(out, secret_kind_name(s->kind));
	if (s->provider[0]) {
		buf_add_str(out, " (");
		put_safe_str(out, s->provider);
		buf_add_byte(out, ')');
	}
	buf_add_byte(out, ' ');
	put_safe_str(out, s->preview);
	if (report_is_part(s))
		buf_addf(out, ", bytes %" PRIu32 "-%" PRIu32 " of %" PRIu32, s->part_off,
			 s->part_off + s->part_len, s->whole_len);
	if (s->encoding != ENC_RAW)
		buf_addf(out, ", %s-encoded", encoding_name(s->encoding));
	if (s->key[0]) {
		buf_add_str(out, ", at ");
		put_safe_str(out, s->key);
	}
	if (s->expired)
		buf_add_str(out, ", expired");
	buf_addf(out, "; %s, fingerprint %.*s\n", confidence_name(s->confidence), SHORT_FINGERPRINT,
		 s->fingerprint);
}

static void put_part(struct buf *out, const char *before, const char *text)
{
	if (!text[0])
		return;
	buf_add_str(out, before);
	put_safe_str(out, text);
}

static void put_where(struct buf *out, const struct alert *a)
{
	begin_field(out, "where");
	buf_add_str(out, sink_class_name(a->sink.class));
	put_part(out, " ", a->sink.path);
	put_part(out, " to ", a->sink.peer);
	put_part(out, ", host ", a->sink.host);
	put_part(out, ", method ", a->mcp.method);
	put_part(out, ", tool ", a->mcp.tool);
	put_part(out, ", request ", a->mcp.id);
	put_part(out, ", ", a->mcp.json_path);
	if (a->sink.line)
		buf_addf(out, ", line %" PRIu64, a->sink.line);
	if (a->sink.fd >= 0)
		buf_addf(out, ", fd %d", a->sink.fd);
	buf_add_byte(out, '\n');
	if (a->sink.seen)
		put_field(out, "seen", a->sink.seen);
}

static void put_process(struct buf *out, const struct alert_process *p)
{
	if (!p->pid)
		return;
	begin_field(out, "process");
	put_safe_str(out, p->comm[0] ? p->comm : "?");
	buf_addf(out, "[%" PRIu32 "]", p->pid);
	put_part(out, " ", p->exe);
	put_part(out, ", container ", p->container);
	put_part(out, ", unit ", p->unit);
	buf_add_byte(out, '\n');
}

static void put_flow(struct buf *out, const struct alert_flow *f)
{
	if (!f->id[0])
		return;
	begin_field(out, "flow");
	put_safe_str(out, f->id);
	put_part(out, ", ", f->phase);
	put_part(out, ", client ", f->client_id);
	put_part(out, " at ", f->issuer);
	buf_addf(out, ", begun %" PRIu64 ".%03u s before\n", f->age_ms / 1000,
		 (unsigned int)(f->age_ms % 1000));
}

static void put_references(struct buf *out, const struct catalogue_entry *e)
{
	struct buf refs = BUF_INIT(0);

	for (const char *const *r = e->references; *r; r++) {
		if (refs.len)
			buf_add_str(&refs, "; ");
		buf_add_str(&refs, *r);
	}
	if (refs.len)
		put_field(out, "see", refs.p);
	buf_release(&refs);
}

static int put_alert(const struct policy *p, const struct alert *a, struct buf *out, bool color)
{
	const struct catalogue_entry *e = policy_catalogue_find(p, a->rule);

	buf_addf(out, "%s%s%s %s: ", color ? severity_sgr[a->severity] : "",
		 severity_words[a->severity], color ? SGR_RESET : "", a->rule);
	put_safe_str(out, e ? e->title : a->rule);
	buf_add_byte(out, '\n');
	if (a->secret.fingerprint[0])
		put_secret(out, &a->secret);
	put_where(out, a);
	put_process(out, &a->process);
	put_flow(out, &a->flow);
	if (a->overridden_by[0]) {
		begin_field(out, "policy");
		buf_addf(out, "%s, not %s, by override ", severity_name(a->severity),
			 severity_name(a->overridden_from));
		put_safe_str(out, a->overridden_by);
		put_part(out, ": ", a->overridden_reason);
		buf_add_byte(out, '\n');
	}
	put_field(out, "why", a->why);
	if (e) {
		put_field(out, "fix", e->fix);
		put_references(out, e);
	}
	return buf_add_byte(out, '\n');
}

static void put_repeated(struct buf *out, const struct alert *const *alerts, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (alerts[i]->seen_count > 1)
			buf_addf(out, "seen %" PRIu64 " times: %s, %s%.*s, %s\n",
				 alerts[i]->seen_count, alerts[i]->rule,
				 alerts[i]->secret.fingerprint[0] ? "fingerprint " : "flow ",
				 SHORT_FINGERPRINT,
				 alerts[i]->secret.fingerprint[0] ? alerts[i]->secret.fingerprint
								  : alerts[i]->flow.id,
				 sink_class_name(alerts[i]->sink.class));
	}
}

static void put_examined(struct buf *out, const struct run_summary *s)
{
	const struct engine_totals *t = &s->totals;
	uint64_t matched = s->seen[BT_SEEN_MATCHED].bytes;
	struct run_balance b;

	run_summary_balance(s, &b);
	put_safe_str(out, s->command ? s->command : "beartrap");
	if (s->target && s->target[0])
		put_part(out, " ", s->target);
	buf_addf(out, ": examined %" PRIu64 " bytes", t->bytes_examined);
	if (t->streams)
		buf_addf(out, ", %" PRIu64 " streams", t->streams);
	if (t->processes)
		buf_addf(out, ", %" PRIu64 " processes", t->processes);
	if (t->mcp_messages)
		buf_addf(out, ", %" PRIu64 " MCP messages", t->mcp_messages);
	buf_add_byte(out, '\n');
	if (matched)
		buf_addf(
			out,
			"note: %" PRIu64 " more bytes were examined by matching only: under load, "
			"for what tokens begin with, key names and known values, nothing encoded\n",
			matched);
	if (b.moved)
		buf_addf(out,
			 "bytes: %" PRIu64 " moved = %" PRIu64 " sent up + %" PRIu64
			 " matched + %" PRIu64 " copied + %" PRIu64 " skipped + %" PRIu64
			 " lost%s\n",
			 b.moved, b.whole, b.matched, b.copied, b.skipped, b.lost,
			 b.moved == b.accounted ? "" : "; that does not add up");
	if (t->bytes_tls)
		buf_addf(out,
			 "note: of TLS, %" PRIu64
			 " bytes of plaintext were examined at library calls; %" PRIu64
			 " bytes of records on sockets are sealed\n",
			 t->bytes_tls, t->bytes_encrypted);
	else if (t->bytes_encrypted)
		buf_addf(out, "note: %" PRIu64 " bytes of TLS records cannot be looked into\n",
			 t->bytes_encrypted);
	if (t->bytes_quic)
		buf_addf(out,
			 "note: %" PRIu64
			 " bytes are of QUIC (HTTP/3): encrypted, they cannot be looked into\n",
			 t->bytes_quic);
	for (const char *const *note = s->notes; note && *note; note++) {
		buf_add_str(out, "note: ");
		put_safe_str(out, *note);
		buf_add_byte(out, '\n');
	}
}

static void put_overrides(struct buf *out, const struct policy *p, const struct run_summary *s)
{
	for (size_t i = 0; i < policy_overrides_len(p); i++) {
		uint64_t n = s->totals.overridden[i];

		if (!n)
			continue;
		buf_addf(out, "override: %" PRIu64 " finding%s %s by ", n, n == 1 ? "" : "s",
			 policy_override_is_legal(p, i) ? "left out" : "changed");
		put_safe_str(out, policy_override_id(p, i));
		put_part(out, ": ", policy_override_reason(p, i));
		buf_add_byte(out, '\n');
	}
}

/* How many. */
static uint64_t put_found(struct buf *out, const struct alert *const *alerts, size_t n,
			  const struct run_summary *s, bool color)
{
	uint64_t by_severity[SEV_MAX], all;
	const char *before = ": ";

	all = report_count(alerts, n, s, by_severity);
	if (!all)
		return 0;
	buf_addf(out, "%sFOUND%s: %" PRIu64 " finding%s", color ? severity_sgr[SEV_HIGH] : "",
		 color ? SGR_RESET : "", all, all == 1 ? "" : "s");
	for (unsigned int i = SEV_MAX; i--;) {
		if (!by_severity[i])
			continue;
		buf_addf(out, "%s%" PRIu64 " %s", before, by_severity[i],
			 severity_name((enum severity)i));
		before = ", ";
	}
	buf_add_byte(out, '\n');
	return all;
}

/* What a cause of loss means, and what to do. */
static void put_cause(struct buf *out, const char *cause)
{
	const struct blind_spot *b = blind_spot_find(cause);
	char words[512];

	if (!b)
		return;
	snprintf(words, sizeof(words), "%s: %s. To mend it: %s.", b->name, b->means, b->mend);
	buf_addf(out, "%*s", INDENT, "");
	buf_add_wrapped(out, INDENT, INDENT * 2, span_str(words));
}

static void put_incomplete(struct buf *out, const struct run_summary *s, bool color)
{
	struct run_loss losses[RUN_LOSS_MAX];
	size_t n = run_summary_losses(s, losses);

	buf_addf(out, "%sNOT CLEAN%s: ", color ? severity_sgr[SEV_MEDIUM] : "",
		 color ? SGR_RESET : "");
	if (s->not_looked)
		buf_addf(out, "nothing was examined%s", n ? "; " : "");
	if (n)
		buf_addf(out, "%" PRIu64 " bytes were not examined (", run_summary_lost_bytes(s));
	for (size_t i = 0; i < n; i++) {
		buf_addf(out, "%s%s", i ? "; " : "", losses[i].cause);
		if (losses[i].bytes)
			buf_addf(out, " %" PRIu64 " bytes", losses[i].bytes);
		if (losses[i].events)
			buf_addf(out, " %" PRIu64 " events", losses[i].events);
	}
	buf_add_str(out, n ? ")\n" : "\n");
	for (size_t i = 0; i < n; i++)
		put_cause(out, losses[i].cause);
}

static int put_finish(const struct policy *p, const struct alert *const *alerts, size_t n,
		      const struct run_summary *s, struct buf *out, bool color)
{
	bool complete = run_summary_complete(s);
	uint64_t found;

	put_repeated(out, alerts, n);
	put_examined(out, s);
	put_overrides(out, p, s);
	found = put_found(out, alerts, n, s, color);
	if (!complete)
		put_incomplete(out, s, color);
	if (!found && complete)
		buf_addf(out, "%sclean%s: nothing found, every byte examined%s%s\n",
			 color ? "\033[32m" : "", color ? SGR_RESET : "",
			 s->seen[BT_SEEN_MATCHED].bytes ? ", some by matching only" : "",
			 s->totals.bytes_quic || (s->totals.bytes_encrypted && !s->totals.bytes_tls)
				 ? ", but for what is encrypted"
				 : "");
	return out->err;
}

int report_text_alert(const struct policy *p, const struct alert *a, struct buf *out)
{
	return put_alert(p, a, out, false);
}

int report_text_finish(const struct policy *p, const struct alert *const *alerts, size_t n,
		       const struct run_summary *s, struct buf *out)
{
	return put_finish(p, alerts, n, s, out, false);
}

int report_color_alert(const struct policy *p, const struct alert *a, struct buf *out)
{
	return put_alert(p, a, out, true);
}

int report_color_finish(const struct policy *p, const struct alert *const *alerts, size_t n,
			const struct run_summary *s, struct buf *out)
{
	return put_finish(p, alerts, n, s, out, true);
}
