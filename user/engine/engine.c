/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <stdlib.h>
#include "base/secmem.h"
#include "engine/internal.h"

/* How much recorded time passes between two ticks: a live run's poll interval. */
#define RECORDED_TICK_NS 100000000u

int engine_new(const struct engine_config *cfg, struct engine **ret)
{
	static const struct stream_limits limits = {
		.max_streams = ENGINE_MAX_STREAMS,
		.max_held_stream = ENGINE_MAX_HELD_STREAM,
		.max_held_total = ENGINE_MAX_HELD_TOTAL,
	};
	struct engine *e;

	e = calloc(1, sizeof(*e));
	if (!e)
		return -ENOMEM;
	e->cfg = *cfg;
	e->procs = proc_table_new(ENGINE_MAX_PROCS, ENGINE_MAX_FILES);
	e->streams = stream_table_new(&limits, &engine_stream_ops, e);
	e->dedup = dedup_new(ENGINE_MAX_ALERTS);
	e->ledger = ledger_new(cfg->values);
	if (e->ledger)
		ledger_on_new(e->ledger, engine_learnt, e);
	e->links = table_new(ENGINE_MAX_LINKS, link_put);
	e->flows = flows_new(&(struct flows_config){
		.ledger = e->ledger,
		.found = engine_found,
		.arg = e,
		.boot_offset_ns = cfg->boot_offset_ns,
		.key = cfg->fingerprint.key,
		.late = cfg->late,
	});
	e->roles = table_new(ENGINE_MAX_FILES, free);
	e->wires = table_new(ENGINE_MAX_WIRES, wire_put);
	e->tls = table_new(ENGINE_MAX_PROCS, free);
	e->root_env = table_new(ENGINE_MAX_ALERTS, NULL);
	e->kept = table_new(ENGINE_MAX_KEPT, free);
	e->args_scan = scan_new(cfg->scanner, cfg->values);
	if (!e->procs || !e->streams || !e->dedup || !e->ledger || !e->roles || !e->wires ||
	    !e->tls || !e->root_env || !e->args_scan || !e->kept || !e->links || !e->flows) {
		engine_free(e);
		return -ENOMEM;
	}
	*ret = e;
	return 0;
}

struct engine *engine_free(struct engine *e)
{
	if (!e)
		return NULL;
	/* Streams end into wires, and both judge with all that follows. */
	stream_table_free(e->streams);
	table_free(e->wires);
	table_free(e->links);
	table_free(e->roles);
	table_free(e->tls);
	table_free(e->root_env);
	table_free(e->kept);
	scan_free(e->args_scan);
	scan_free(e->look_scan);
	wire_put(e->look_wire[0]);
	wire_put(e->look_wire[1]);
	past_release(&e->past);
	flows_free(e->flows);
	ledger_free(e->ledger);
	dedup_free(e->dedup);
	proc_table_free(e->procs);
	wipe(&e->cfg.fingerprint, sizeof(e->cfg.fingerprint));
	free(e);
	return NULL;
}

void actor_of(const struct event *ev, struct actor *ret)
{
	*ret = (struct actor){
		.tgid = ev->tgid,
		.tid = ev->tid,
		.uid = ev->uid,
		.root = ev->root,
		.start_ns = ev->start_ns,
		.time_ns = ev->time_ns,
		.fd = ev->kind == BT_REC_DATA ? ev->data.fd : -1,
		.mode = ev->kind == BT_REC_DATA ? ev->data.file.mode : 0,
		.call = ev->kind == BT_REC_DATA ? (uint16_t)ev->data.call : BT_CALL_NONE,
	};
	memcpy(ret->comm, ev->comm, sizeof(ret->comm));
}

void engine_rules(struct engine *e, const struct scanner *sc, const struct policy *p)
{
	policy_carry_overrides(e->cfg.policy, p, e->totals.overridden);
	e->cfg.scanner = sc;
	e->cfg.policy = p;
}

void engine_clock(struct engine *e, uint64_t boot_offset_ns)
{
	e->cfg.boot_offset_ns = boot_offset_ns;
	flows_clock(e->flows, boot_offset_ns);
}

int engine_feed(struct engine *e, struct span record)
{
	struct event ev;
	int err;

	e->totals.records++;
	err = event_decode(record, &ev);
	if (err) {
		e->totals.bad_records++;
		return err;
	}
	err = proc_table_feed(e->procs, &ev);
	if (err)
		return err;
	switch (ev.kind) {
	case BT_REC_DATA:
		err = stream_feed(e->streams, &ev);
		break;
	case BT_REC_FILE:
		engine_learn_stdio(e, &ev);
		break;
	case BT_REC_ARGS:
		engine_args(e, &ev);
		break;
	case BT_REC_NAME:
		engine_name(e, &ev);
		break;
	case BT_REC_EXIT:
		engine_kept_exit(e, &ev);
		break;
	default:
		break;
	}
	engine_look_back(e, ev.time_ns);
	return err;
}

int engine_feed_recorded(struct engine *e, struct span record)
{
	struct event ev;

	if (!event_decode(record, &ev)) {
		if (!e->ticked_ns)
			e->ticked_ns = ev.time_ns;
		if (ev.time_ns > e->ticked_ns + RECORDED_TICK_NS) {
			e->ticked_ns = ev.time_ns;
			engine_tick(e, ev.time_ns);
		}
	}
	return engine_feed(e, record);
}

void engine_tick(struct engine *e, uint64_t now_ns)
{
	stream_tick(e->streams, now_ns);
	engine_peek_silent(e, now_ns);
	engine_look_back(e, now_ns);
}

int engine_timeout_ms(const struct engine *e)
{
	struct stream_totals st;

	if (e->silent || e->n_look)
		return (int)(SILENT_NS / 1000000);
	stream_table_totals(e->streams, &st);
	return st.held_now ? ENGINE_HELD_MS : -1;
}

void engine_stream_final(struct engine *e, const struct bt_file_id *file, enum bt_dir dir,
			 uint64_t pos, uint64_t matched)
{
	stream_final(e->streams, file, dir, pos, matched);
}

void engine_finish(struct engine *e)
{
	if (!e->streams)
		return;
	/* What waits for a missing piece waits in vain; ending a stream flushes its scan and its wire. */
	stream_tick(e->streams, UINT64_MAX);
	stream_table_totals(e->streams, &e->stream_totals);
	e->totals.streams += stream_table_len(e->streams);
	e->streams = stream_table_free(e->streams);
	engine_look_back(e, UINT64_MAX);
}

void engine_totals(const struct engine *e, struct engine_totals *ret)
{
	struct stream_totals st = e->stream_totals;

	*ret = e->totals;
	if (e->streams) {
		stream_table_totals(e->streams, &st);
		ret->streams += stream_table_len(e->streams);
	}
	ret->bytes_held = st.held_now;
	ret->bytes_missing = st.missing;
	ret->bytes_matched = st.matched;
	ret->streams_evicted = st.evicted;
	ret->streams += st.evicted;
	ret->processes = proc_table_evicted(e->procs) + proc_table_len(e->procs);
	ret->processes_live = proc_table_live(e->procs);
}

void engine_walk_alerts(struct engine *e, void (*fn)(void *arg, const struct alert *a), void *arg)
{
	dedup_walk(e->dedup, fn, arg);
}
