/* SPDX-License-Identifier: BSD-2-Clause */
/* Records of processes: exec, arguments, fork, exit. */
#include <errno.h>
#include <string.h>
#include "cases/compile.h"
#include "event/event.h"

uint64_t case_start_ns(uint32_t tgid)
{
	return 1000000000u + tgid;
}

void case_fill_hdr(struct compiler *c, const cJSON *ev, enum bt_rec_kind kind, struct bt_hdr *h)
{
	uint32_t tgid = (uint32_t)case_num(c, ev, "tgid", c->root);
	const char *comm = case_str(c, ev, "comm", NULL);

	if (tgid < c->root || tgid - c->root >= CASE_MAX_LABELS) {
		case_fail(c, "tgid must be from %u to %u", c->root, c->root + CASE_MAX_LABELS - 1);
		tgid = c->root;
	}
	if (comm)
		strncpy(c->comm[tgid - c->root], comm, BT_COMM_LEN);
	h->kind = (uint16_t)kind;
	h->time_ns = c->now_ns;
	h->start_ns = case_start_ns(tgid);
	h->tgid = tgid;
	h->tid = (uint32_t)case_num(c, ev, "tid", tgid);
	h->root = (uint32_t)case_num(c, ev, "root", c->root);
	h->uid = (uint32_t)case_num(c, ev, "uid", 1000);
	memcpy(h->comm, c->comm[tgid - c->root], BT_COMM_LEN);
}

void case_emit(struct compiler *c, void *fixed, size_t len, struct span tail)
{
	struct buf rec = BUF_INIT_WIPE(0);
	uint32_t whole = (uint32_t)(len + tail.len);
	int ret;

	memcpy(fixed, &whole, sizeof(whole));
	buf_add(&rec, fixed, len);
	buf_add_span(&rec, tail);
	if (rec.err)
		case_fail(c, "a record too long");
	ret = c->failed ? 0 : c->out->record(c->out->arg, buf_span(&rec));
	if (ret)
		c->failed = error_set(c->err, ret, "%s:%u: cannot add a record: %s", c->path,
				      c->line, strerror(-ret));
	buf_release(&rec);
}

void case_exec(struct compiler *c, const cJSON *ev)
{
	const char *path = case_str(c, ev, "path", "/usr/bin/node");
	const char *base = strrchr(path, '/');
	struct bt_rec_exec r = { 0 };
	uint32_t tgid = (uint32_t)case_num(c, ev, "tgid", c->root);

	if (tgid >= c->root && tgid - c->root < CASE_MAX_LABELS)
		strncpy(c->comm[tgid - c->root], base ? base + 1 : path, BT_COMM_LEN);
	case_fill_hdr(c, ev, BT_REC_EXEC, &r.hdr);
	r.ppid = (uint32_t)case_num(c, ev, "ppid", tgid == c->root ? 1 : c->root);
	r.ns_pid = r.hdr.tgid;
	r.exe_ino = 500;
	r.path_len = (uint16_t)strlen(path);
	case_emit(c, &r, sizeof(r), span_str(path));
}

/* "items": the strings of argv or of the environment. */
void case_args(struct compiler *c, const cJSON *ev)
{
	const cJSON *items = cJSON_GetObjectItemCaseSensitive(ev, "items"), *item;
	struct payload p = PAYLOAD_INIT;
	struct bt_rec_args r = { 0 };

	case_fill_hdr(c, ev, BT_REC_ARGS, &r.hdr);
	r.which = !strcmp(case_str(c, ev, "which", "argv"), "env") ? BT_ARGS_ENV : BT_ARGS_ARGV;
	cJSON_ArrayForEach(item, items)
	{
		struct payload one = PAYLOAD_INIT;

		if (!cJSON_IsString(item)) {
			case_fail(c, "\"items\" are strings");
			break;
		}
		case_expand(c, item->valuestring, &one);
		buf_add_span(&p.text, buf_span(&one.text));
		buf_add_byte(&p.text, '\0');
		buf_release(&one.text);
	}
	r.total_len = p.text.len;
	do {
		size_t left = p.text.len - r.off;

		r.data_len = (uint32_t)(left < BT_CHUNK_LEN ? left : BT_CHUNK_LEN);
		r.last = r.off + r.data_len == r.total_len;
		case_emit(c, &r, sizeof(r), span_of(p.text.p + r.off, r.data_len));
		r.off += r.data_len;
	} while (r.off < r.total_len);
	buf_release(&p.text);
}

/* "text": as /proc/PID/cgroup has it. */
void case_cgroup(struct compiler *c, const cJSON *ev)
{
	struct span text = span_str(case_str(c, ev, "text", ""));
	struct bt_rec_cgroup r = { 0 };

	case_fill_hdr(c, ev, BT_REC_CGROUP, &r.hdr);
	r.text_len = (uint32_t)text.len;
	case_emit(c, &r, sizeof(r), text);
}

void case_fork(struct compiler *c, const cJSON *ev)
{
	struct bt_rec_fork r = { 0 };

	case_fill_hdr(c, ev, BT_REC_FORK, &r.hdr);
	r.child_tgid = (uint32_t)case_num(c, ev, "child_tgid", c->root + 1);
	r.child_start_ns = case_start_ns(r.child_tgid);
	case_emit(c, &r, sizeof(r), SPAN_NONE);
}

void case_exit(struct compiler *c, const cJSON *ev)
{
	struct bt_rec_exit r = { 0 };

	case_fill_hdr(c, ev, BT_REC_EXIT, &r.hdr);
	r.status = (int32_t)case_num(c, ev, "status", 0);
	case_emit(c, &r, sizeof(r), SPAN_NONE);
}

/* Counters of the whole run: {"kind": "loss", "cause": "ring-window", "events": 2, "bytes": 400}. */
void case_loss(struct compiler *c, const cJSON *ev)
{
	const char *cause = case_str(c, ev, "cause", "");
	int i;

	for (i = 0; strcmp(event_loss_name((enum bt_loss)i), cause) != 0; i++) {
		if (i == BT_LOSS_MAX - 1) {
			case_fail(c, "no cause of loss \"%s\"", cause);
			return;
		}
	}
	c->totals.loss[i].events += case_num(c, ev, "events", 1);
	c->totals.loss[i].bytes += case_num(c, ev, "bytes", 0);
}

/* A record that no kernel program would write. */
void case_garbage(struct compiler *c, const cJSON *ev)
{
	struct bt_hdr h = { 0 };

	case_fill_hdr(c, ev, BT_REC_KIND_MAX, &h);
	case_emit(c, &h, sizeof(h), SPAN_NONE);
}
