/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which secrets are in which files, by fingerprint: a file that gets another name or mode is judged again, and a temporary one
 * that is left when its server ends is told of. Bounded; what is forgotten is judged no more.
 */
#include <stdio.h>
#include <stdlib.h>

#include "alert/place.h"
#include "engine/internal.h"
#include "proc/text.h"

/* Secrets of one file: the first ones. */
#define KEEP_SECRETS 8

struct kept {
	struct bt_file_id id;
	struct sink
		sink; /* where the first was written; class and flags are those of its place now */
	unsigned int open_flags;
	uint32_t root;
	size_t n;
	struct redacted secrets[KEEP_SECRETS];
};

static struct span key_of(const struct bt_file_id *id, char out[12])
{
	memcpy(out, &id->ino, 8);
	memcpy(out + 8, &id->dev, 4);
	return span_of(out, 12);
}

void engine_keep(struct engine *e, const struct bt_file_id *file, const struct redacted *secret,
		 const struct sink *sink, const struct actor *who)
{
	const struct proc_file *f = proc_file_find(e->procs, file);
	struct kept *k;
	char kbuf[12];

	/* Without a name it cannot get another. */
	if (file->type != BT_FILE_REG || !f || f->flags & BT_FILE_DELETED ||
	    (sink->class != SINK_FILE && sink->class != SINK_LOG_FILE))
		return;
	k = table_get(e->kept, key_of(file, kbuf));
	if (!k) {
		k = calloc(1, sizeof(*k));
		if (!k)
			return;
		if (table_put(e->kept, key_of(file, kbuf), k)) {
			free(k);
			return;
		}
	}
	k->id = *file;
	k->sink = *sink;
	k->sink.line = k->sink.offset = 0; /* of one of them */
	k->open_flags = f->open_flags;
	k->root = who->root;
	for (size_t i = 0; i < k->n; i++)
		if (!strcmp(k->secrets[i].fingerprint, secret->fingerprint))
			return;
	if (k->n < KEEP_SECRETS)
		k->secrets[k->n++] = *secret;
}

struct find {
	const char *path;
	const struct kept * not ;
	struct kept *found;
};

static bool has_path(void *arg, struct span key, void *value)
{
	struct find *f = arg;
	struct kept *k = value;

	if (k != f->not &&!strcmp(k->sink.path, f->path))
		f->found = k;
	return !f->found;
}

static struct kept *find_path(struct engine *e, const char *path, const struct kept * not )
{
	struct find f = { .path = path, .not = not };

	if (path[0])
		table_walk(e->kept, has_path, &f);
	return f.found;
}

static void forget(struct engine *e, struct kept *k)
{
	char kbuf[12];

	if (k)
		table_remove(e->kept, key_of(&k->id, kbuf));
}

/* Under its new name or mode it is worse off, or is something else. */
static bool is_news(const struct alert *was, enum verdict before, const struct alert *is)
{
	if (before == VERDICT_LEGAL || is->severity > was->severity)
		return true;
	return is->severity == was->severity && strcmp(is->rule, was->rule) != 0;
}

static void judge_again(struct engine *e, const struct kept *k, const struct sink *before,
			const struct actor *who)
{
	for (size_t i = 0; i < k->n; i++) {
		struct alert was, is;
		enum verdict v;

		memset(&was, 0, sizeof(was));
		memset(&is, 0, sizeof(is));
		v = policy_judge(e->cfg.policy, &k->secrets[i], before, &was);
		if (policy_judge(e->cfg.policy, &k->secrets[i], &k->sink, &is) == VERDICT_ALERT &&
		    is_news(&was, v, &is)) {
			struct sink sink = k->sink;

			engine_judge(e, &k->secrets[i], &sink, NULL, who);
		}
	}
}

static void mask(void *arg, const struct hit *hit)
{
	redact_text(hit, arg);
}

/* A name can be a secret. */
static void set_place(struct engine *e, struct kept *k, const char *path, unsigned int mode)
{
	char text[sizeof(k->sink.path)];

	snprintf(text, sizeof(text), "%s", path);
	scan_reset(e->args_scan, 0, SPAN_NONE);
	scan_feed(e->args_scan, span_str(path), mask, text);
	scan_flush(e->args_scan, mask, text);
	sink_of_file(&k->sink, text, mode, k->open_flags);
	k->id.mode = (uint16_t)mode;
}

static void take(struct engine *e, const struct event *ev, const char *path, const char *old)
{
	char kbuf[12];
	struct kept *k =
		ev->name.file.type ? table_get(e->kept, key_of(&ev->name.file, kbuf)) : NULL;
	unsigned int mode;
	struct actor who;
	struct sink before;

	if (ev->name.what == BT_NAME_UNLINK) {
		forget(e, find_path(e, path, NULL));
		return;
	}
	if (!k)
		k = find_path(e, ev->name.what == BT_NAME_MODE ? path : old, NULL);
	/* Whose name that was is gone. */
	if (ev->name.what == BT_NAME_RENAME)
		forget(e, find_path(e, path, k));
	if (!k)
		return;
	actor_of(ev, &who);
	before = k->sink;
	mode = ev->name.what == BT_NAME_MODE ? ev->name.mode : k->id.mode & 07777u;
	set_place(e, k, ev->name.what == BT_NAME_MODE ? k->sink.path : path, mode);
	judge_again(e, k, &before, &who);
	/* It still has the other name, which counts unless it was for the time being. */
	if (ev->name.what == BT_NAME_LINK && !file_is_temporary(before.path))
		k->sink = before;
}

void engine_name(struct engine *e, const struct event *ev)
{
	char *path = NULL, *old = NULL;

	if (table_len(e->kept) && !text_printable(ev->name.path, &path) &&
	    !text_printable(ev->name.old, &old))
		take(e, ev, path ? path : "", old ? old : "");
	free(path);
	free(old);
}

struct left {
	struct engine *e;
	const struct event *ev;
	struct actor who;
};

static bool tell_left(void *arg, struct span key, void *value)
{
	struct left *l = arg;
	const struct kept *k = value;

	if (k->root != l->ev->root || !file_is_temporary(k->sink.path))
		return true;
	for (size_t i = 0; i < k->n; i++) {
		struct alert a;

		memset(&a, 0, sizeof(a));
		if (policy_found(l->e->cfg.policy, "token-file-temp-remnant", -1, &k->secrets[i],
				 &k->sink, &a) == VERDICT_LEGAL)
			continue;
		engine_story(l->e, &a, l->who.time_ns);
		engine_raise(l->e, &a, &l->who);
	}
	return true;
}

void engine_kept_exit(struct engine *e, const struct event *ev)
{
	struct left l = { .e = e, .ev = ev };

	if (ev->tgid != ev->root)
		return;
	actor_of(ev, &l.who);
	table_walk(e->kept, tell_left, &l);
}
