/* SPDX-License-Identifier: BSD-2-Clause */
/* Whose TLS could be looked into: plaintext comes from library calls, and not every library is known. */
#include <stdlib.h>
#include "engine/internal.h"

static struct engine_tls *use_of(struct engine *e, const struct actor *who)
{
	struct engine_tls *use;
	struct span key;
	char kbuf[12];

	key = process_key(who->tgid, who->start_ns, kbuf);
	use = table_get(e->tls, key);
	if (use)
		return use;
	use = calloc(1, sizeof(*use));
	if (!use)
		return NULL;
	use->tgid = who->tgid;
	memcpy(use->comm, who->comm, sizeof(use->comm));
	if (table_put(e->tls, key, use)) {
		free(use);
		return NULL;
	}
	return use;
}

void engine_note_tls(struct engine *e, const struct bt_file_id *file, const struct tap *t,
		     size_t len)
{
	bool sealed = t->role == TAP_OPAQUE, plain = !sealed && file->type == BT_FILE_TLS;
	struct engine_tls *use;

	if (!sealed && !plain)
		return;
	if (plain)
		e->totals.bytes_tls += len;
	use = use_of(e, &t->last);
	if (use && sealed)
		use->sealed += len;
	else if (use)
		use->plain += len;
}

struct walk {
	void (*fn)(void *arg, const struct engine_tls *use);
	void *arg;
};

static bool give(void *arg, struct span key, void *value)
{
	const struct walk *w = arg;

	w->fn(w->arg, value);
	return true;
}

void engine_walk_tls(const struct engine *e, void (*fn)(void *arg, const struct engine_tls *use),
		     void *arg)
{
	struct walk w = { fn, arg };

	table_walk(e->tls, give, &w);
}
