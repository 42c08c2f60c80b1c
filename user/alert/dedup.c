/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <stdlib.h>

#include <sodium.h>

#include "alert/dedup.h"
#include "base/table.h"

#define KEY_LEN 32

/* A ring of entries in order of first sight, so that an evicted entry takes itself out. */
struct link {
	struct link *prev, *next;
};

struct entry {
	struct link link; /* first: a struct link * of the ring is the entry */
	struct alert alert;
};

struct dedup {
	struct table *entries;
	struct link head;
};

static void entry_free(void *value)
{
	struct entry *e = value;

	e->link.prev->next = e->link.next;
	e->link.next->prev = e->link.prev;
	free(e);
}

struct dedup *dedup_new(size_t max)
{
	struct dedup *d = calloc(1, sizeof(*d));

	if (!d)
		return NULL;
	d->head.prev = d->head.next = &d->head;
	d->entries = table_new(max, entry_free);
	if (!d->entries)
		return dedup_free(d);
	return d;
}

struct dedup *dedup_free(struct dedup *d)
{
	if (!d)
		return NULL;
	table_free(d->entries);
	free(d);
	return NULL;
}

static void add_field(crypto_generichash_state *st, const char *s)
{
	/* With its NUL: two fields never run together. */
	crypto_generichash_update(st, (const unsigned char *)s, strlen(s) + 1);
}

static void make_key(const struct alert *a, unsigned char key[KEY_LEN])
{
	crypto_generichash_state st;

	crypto_generichash_init(&st, NULL, 0, KEY_LEN);
	add_field(&st, a->rule);
	add_field(&st, a->secret.fingerprint);
	add_field(&st, sink_class_name(a->sink.class));
	add_field(&st, a->sink.path);
	add_field(&st, a->sink.peer);
	add_field(&st, a->mcp.tool);
	add_field(&st, a->process.exe);
	/* Without a secret, what is wrong with one flow is not what is wrong with the next. */
	if (!a->secret.fingerprint[0])
		add_field(&st, a->flow.id);
	crypto_generichash_final(&st, key, KEY_LEN);
}

bool dedup_add(struct dedup *d, const struct alert *a)
{
	unsigned char key[KEY_LEN];
	struct span k = span_of(key, sizeof(key));
	struct entry *e;

	make_key(a, key);
	e = table_get(d->entries, k);
	if (e) {
		e->alert.seen_count++;
		if (a->last_ns > e->alert.last_ns)
			e->alert.last_ns = a->last_ns;
		return false;
	}
	e = malloc(sizeof(*e));
	if (!e)
		return true;
	e->alert = *a;
	e->link.prev = d->head.prev;
	e->link.next = &d->head;
	e->link.prev->next = &e->link;
	d->head.prev = &e->link;
	if (table_put(d->entries, k, e))
		entry_free(e);
	return true;
}

size_t dedup_len(const struct dedup *d)
{
	return table_len(d->entries);
}

void dedup_walk(struct dedup *d, void (*fn)(void *arg, const struct alert *a), void *arg)
{
	for (struct link *l = d->head.next; l != &d->head; l = l->next)
		fn(arg, &((struct entry *)l)->alert);
}
