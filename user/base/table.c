/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <stdlib.h>

#include <sodium.h>

#include "base/table.h"

#define TABLE_MIN_BUCKETS 16 /* a power of two, as every later size */

struct entry {
	struct entry *next; /* in its bucket */
	struct entry *newer, *older;
	uint64_t hash;
	void *value;
	size_t key_len;
	char key[];
};

struct table {
	struct entry **buckets;
	size_t n_buckets;
	size_t len, max;
	uint64_t evicted;
	struct entry *newest, *oldest;
	table_free_fn free_value;
	unsigned char hash_key[crypto_shorthash_KEYBYTES];
};

static uint64_t hash(const struct table *t, struct span key)
{
	unsigned char out[crypto_shorthash_BYTES];
	uint64_t h;

	crypto_shorthash(out, (const unsigned char *)key.p, key.len, t->hash_key);
	memcpy(&h, out, sizeof(h));
	return h;
}

/* Where the pointer to the entry is, or would be. */
static struct entry **find(const struct table *t, struct span key, uint64_t h)
{
	struct entry **at = &t->buckets[h & (t->n_buckets - 1)];

	while (*at && ((*at)->hash != h || !span_eq(span_of((*at)->key, (*at)->key_len), key)))
		at = &(*at)->next;
	return at;
}

static void lru_unlink(struct table *t, struct entry *e)
{
	if (e->newer)
		e->newer->older = e->older;
	else
		t->newest = e->older;
	if (e->older)
		e->older->newer = e->newer;
	else
		t->oldest = e->newer;
}

static void lru_push(struct table *t, struct entry *e)
{
	e->newer = NULL;
	e->older = t->newest;
	if (t->newest)
		t->newest->newer = e;
	else
		t->oldest = e;
	t->newest = e;
}

static void lru_touch(struct table *t, struct entry *e)
{
	if (t->newest == e)
		return;
	lru_unlink(t, e);
	lru_push(t, e);
}

/* Takes the entry at `at` out and gives back its value. */
static void *detach(struct table *t, struct entry **at)
{
	struct entry *e = *at;
	void *value = e->value;

	*at = e->next;
	lru_unlink(t, e);
	t->len--;
	free(e);
	return value;
}

static void discard(struct table *t, void *value)
{
	if (t->free_value)
		t->free_value(value);
}

static void remove_oldest(struct table *t)
{
	struct entry **at = &t->buckets[t->oldest->hash & (t->n_buckets - 1)];

	while (*at != t->oldest)
		at = &(*at)->next;
	discard(t, detach(t, at));
}

/* Failure is harmless: the chains only get longer. */
static void grow(struct table *t)
{
	size_t n = t->n_buckets * 2;
	struct entry **buckets = calloc(n, sizeof(struct entry *));

	if (!buckets)
		return;
	for (struct entry *e = t->oldest; e; e = e->newer) {
		struct entry **at = &buckets[e->hash & (n - 1)];

		e->next = *at;
		*at = e;
	}
	free(t->buckets);
	t->buckets = buckets;
	t->n_buckets = n;
}

struct table *table_new(size_t max, table_free_fn free_value)
{
	struct table *t;

	if (sodium_init() < 0)
		return NULL;
	t = calloc(1, sizeof(*t));
	if (!t)
		return NULL;
	t->n_buckets = TABLE_MIN_BUCKETS;
	t->buckets = calloc(t->n_buckets, sizeof(struct entry *));
	if (!t->buckets) {
		free(t);
		return NULL;
	}
	t->max = max;
	t->free_value = free_value;
	crypto_shorthash_keygen(t->hash_key);
	return t;
}

void *table_free(struct table *t)
{
	if (!t)
		return NULL;
	while (t->oldest)
		remove_oldest(t);
	free(t->buckets);
	free(t);
	return NULL;
}

void *table_get(struct table *t, struct span key)
{
	struct entry *e = *find(t, key, hash(t, key));

	if (!e)
		return NULL;
	lru_touch(t, e);
	return e->value;
}

void *table_peek(const struct table *t, struct span key)
{
	const struct entry *e = *find(t, key, hash(t, key));

	return e ? e->value : NULL;
}

int table_put(struct table *t, struct span key, void *value)
{
	uint64_t h = hash(t, key);
	struct entry *e = *find(t, key, h);
	struct entry **at;

	if (e) {
		void *old = e->value;

		e->value = value;
		lru_touch(t, e);
		if (old != value)
			discard(t, old);
		return 0;
	}
	e = malloc(sizeof(*e) + key.len);
	if (!e)
		return -ENOMEM;
	e->hash = h;
	e->value = value;
	e->key_len = key.len;
	if (key.len)
		memcpy(e->key, key.p, key.len);
	while (t->len >= t->max && t->oldest) {
		t->evicted++;
		remove_oldest(t);
	}
	if (t->len >= t->n_buckets)
		grow(t);
	at = &t->buckets[h & (t->n_buckets - 1)];
	e->next = *at;
	*at = e;
	lru_push(t, e);
	t->len++;
	return 0;
}

bool table_remove(struct table *t, struct span key)
{
	struct entry **at = find(t, key, hash(t, key));

	if (!*at)
		return false;
	discard(t, detach(t, at));
	return true;
}

void *table_take(struct table *t, struct span key)
{
	struct entry **at = find(t, key, hash(t, key));

	return *at ? detach(t, at) : NULL;
}

size_t table_len(const struct table *t)
{
	return t->len;
}

uint64_t table_evicted(const struct table *t)
{
	return t->evicted;
}

void table_walk(struct table *t, table_walk_fn fn, void *arg)
{
	for (struct entry *e = t->newest, *older; e; e = older) {
		older = e->older;
		if (!fn(arg, span_of(e->key, e->key_len), e->value))
			return;
	}
}

void *table_oldest(const struct table *t)
{
	return t->oldest ? t->oldest->value : NULL;
}
