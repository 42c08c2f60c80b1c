/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Records of any bytes: decoding, and the process table behind it. Input: items of a length (2 bytes, little
 * endian; its top bit set: put the true length into the record's header, else it is rarely right) and bytes.
 * Covers: event/event.c proc/table.c proc/args.c proc/text.c proc/cgroup.c
 */
#include <stdlib.h>

#include "event/event.h"
#include "proc/proc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool ok)
{
	if (!ok)
		abort();
}

static void check_inside(struct span rec, struct span part)
{
	must(!part.len || (part.p >= rec.p && part.p + part.len <= rec.p + rec.len));
}

static void check_text(const char *s)
{
	for (; s && *s; s++)
		must((unsigned char)*s >= 0x20 && *s != 0x7f);
}

static void check_event(struct span rec, const struct event *ev)
{
	must(memchr(ev->comm, '\0', sizeof(ev->comm)) != NULL);
	check_text(ev->comm);
	switch (ev->kind) {
	case BT_REC_DATA:
		check_inside(rec, ev->data.bytes);
		check_inside(rec, ev->data.name);
		must(ev->data.bytes.len <= BT_CHUNK_LEN && ev->data.dir <= BT_DIR_IN);
		must(ev->data.pos + ev->data.bytes.len >= ev->data.pos);
		must(ev->data.pos >= ev->data.lost_len);
		must(ev->data.call_off + ev->data.bytes.len <= ev->data.call_len);
		must(event_call_name(ev->data.call) && event_file_type_name(ev->data.file.type));
		break;
	case BT_REC_FILE:
		check_inside(rec, ev->file.path);
		must(ev->file.path.len <= BT_PATH_LEN);
		break;
	case BT_REC_EXEC:
		check_inside(rec, ev->exec.path);
		must(ev->exec.path.len <= BT_PATH_LEN);
		break;
	case BT_REC_ARGS:
		check_inside(rec, ev->args.bytes);
		must(ev->args.off + ev->args.bytes.len <= ev->args.total_len);
		break;
	case BT_REC_MAP:
		check_inside(rec, ev->map.path);
		must(ev->map.path.len <= BT_PATH_LEN);
		break;
	case BT_REC_CGROUP:
		check_inside(rec, ev->cgroup.text);
		must(ev->cgroup.text.len <= BT_CGROUP_LEN);
		break;
	case BT_REC_COPY:
		check_inside(rec, ev->copy.path);
		must(ev->copy.path.len <= BT_PATH_LEN);
		must(ev->copy.pos + ev->copy.len >= ev->copy.pos);
		must(ev->copy.from_off + ev->copy.len <= INT64_MAX);
		break;
	case BT_REC_SHARED:
		check_inside(rec, ev->shared.path);
		must(ev->shared.path.len <= BT_PATH_LEN && ev->shared.what <= BT_SHARED_UNMAP);
		must(ev->shared.addr + ev->shared.len >= ev->shared.addr);
		must(ev->shared.off + ev->shared.len <= INT64_MAX);
		break;
	case BT_REC_NAME:
		check_inside(rec, ev->name.path);
		check_inside(rec, ev->name.old);
		must(ev->name.path.len <= BT_PATH_LEN && ev->name.old.len <= BT_PATH_LEN);
		must(ev->name.what <= BT_NAME_MODE && ev->name.mode <= 07777);
		break;
	case BT_REC_FORK:
	case BT_REC_EXIT:
		break;
	case BT_REC_KIND_MAX:
		abort();
	}
}

static bool check_proc(void *arg, const struct proc *p)
{
	check_text(p->exe);
	check_text(p->comm);
	must(p->argv.len <= BT_ARGS_LEN && p->env.len <= BT_ARGS_LEN);
	must(!p->argv.len || p->argv.p[p->argv.len] == '\0');
	++*(size_t *)arg;
	return true;
}

static void run_record(struct proc_table *t, const uint8_t *data, size_t len, bool fix_len)
{
	/* An odd address, as in a recording. */
	char *copy = malloc(1 + len);
	struct bt_hdr hdr;
	struct span rec;
	struct event ev;
	char text[64];

	must(copy != NULL);
	memcpy(copy + 1, data, len);
	rec = span_of(copy + 1, len);
	if (fix_len && len >= sizeof(hdr)) {
		memcpy(&hdr, rec.p, sizeof(hdr));
		hdr.len = (uint32_t)len;
		memcpy(copy + 1, &hdr, sizeof(hdr));
	}
	if (!event_decode(rec, &ev)) {
		check_event(rec, &ev);
		must(proc_table_feed(t, &ev) == 0);
		if (ev.kind == BT_REC_FILE) {
			const struct proc_file *f = proc_file_find(t, &ev.file.file);

			must(f != NULL);
			check_text(proc_file_peer_text(f, text, sizeof(text)));
			(void)proc_file_peer_is_loopback(f);
		}
	}
	free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	enum { MAX_PROCS = 4 };
	struct proc_table *t = proc_table_new(MAX_PROCS, 4);
	size_t n = 0;

	must(t != NULL);
	while (size >= 2) {
		size_t len = data[0] | (size_t)(data[1] & 0x7f) << 8;
		bool fix_len = data[1] & 0x80;

		data += 2;
		size -= 2;
		if (len > size)
			len = size;
		run_record(t, data, len, fix_len);
		data += len;
		size -= len;
	}
	proc_walk(t, check_proc, &n);
	must(n <= MAX_PROCS && proc_table_live(t) <= n);
	proc_table_free(t);
	return 0;
}
