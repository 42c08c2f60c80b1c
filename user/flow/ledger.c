// SPDX-License-Identifier: BSD-2-Clause
#include "flow/ledger.h"

#include <errno.h>
#include <stdlib.h>

/* A value that only a key name speaks for must look like one. */
#define HEURISTIC_MIN_LEN 20

struct ledger {
	struct values *values;
	size_t len;
	void (*on_new)(void *arg, int64_t id);
	void *on_new_arg;
	struct ledger_entry entry[VALUES_MAX];
};

static struct ledger_entry *find(struct ledger *l, int64_t id)
{
	for (size_t i = 0; i < l->len; i++)
		if (l->entry[i].id == id)
			return &l->entry[i];
	return NULL;
}

/* A value that detect/values let go of. */
static void on_drop(void *arg, int64_t id)
{
	struct ledger *l = arg;
	struct ledger_entry *e = find(l, id);

	if (e)
		*e = l->entry[--l->len];
}

static void adopt(void *arg, int64_t id, enum secret_kind kind)
{
	struct ledger *l = arg;

	l->entry[l->len++] = (struct ledger_entry){ .id = id, .kind = kind, .birth = BIRTH_GIVEN };
}

struct ledger *ledger_new(struct values *values)
{
	struct ledger *l = calloc(1, sizeof(*l));

	if (!l)
		return NULL;
	l->values = values;
	values_walk(values, adopt, l);
	values_on_drop(values, on_drop, l);
	return l;
}

struct ledger *ledger_free(struct ledger *l)
{
	if (l)
		values_on_drop(l->values, NULL, NULL);
	free(l);
	return NULL;
}

/*
 * Characters of two classes, and words do not look so: with no digit, the case must change about as
 * often as by chance. Of random base62 of 20 fewer than 1 in 100 fail, of camelCase names nearly all.
 */
static bool has_variety(struct span s)
{
	size_t lower = 0, upper = 0, digits = 0, turns = 0;

	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.p[i];

		lower += c >= 'a' && c <= 'z';
		upper += c >= 'A' && c <= 'Z';
		digits += c >= '0' && c <= '9';
		if (i && ((c ^ (unsigned char)s.p[i - 1]) & 0x20))
			turns++;
	}
	if (digits)
		return lower || upper;
	return lower && upper && turns * 5 >= s.len * 2;
}

static bool is_fit(const struct hit *hit)
{
	size_t min = VALUES_MIN_LEN;

	/* A fragment is no value of its own. */
	if (hit->known_id && hit->part_len < hit->whole_len)
		return false;
	if (hit->confidence != CONF_HEURISTIC)
		return hit->value.len >= min;
	switch (hit->kind) {
	case SECRET_CODE:
	case SECRET_VERIFIER:
	case SECRET_STATE:
	case SECRET_DEVICE_CODE:
		/* GitHub's codes are 20 hex digits; single use, so short ones are in use. */
		break;
	default:
		min = HEURISTIC_MIN_LEN;
		break;
	}
	return hit->value.len >= min && has_variety(hit->value);
}

static size_t public_prefix(const struct hit *hit)
{
	size_t jwt = values_jwt_prefix(hit->value);

	if (jwt)
		return jwt;
	return hit->prefix && span_starts(hit->value, span_str(hit->prefix)) ? strlen(hit->prefix)
									     : 0;
}

static void set_provider(struct ledger_entry *e, const char *provider)
{
	size_t n = provider ? strlen(provider) : 0;

	if (e->provider[0] || !n)
		return;
	if (n >= sizeof(e->provider))
		n = sizeof(e->provider) - 1;
	memcpy(e->provider, provider, n);
	e->provider[n] = '\0';
}

int64_t ledger_learn(struct ledger *l, const struct hit *hit, enum birth birth, uint64_t now_ns,
		     uint32_t tgid)
{
	struct ledger_entry *e;
	bool is_new;
	int64_t id;

	if (!is_fit(hit))
		return -EINVAL;
	id = values_add(l->values, hit->value, hit->kind, public_prefix(hit));
	if (id < 0)
		return id;
	e = find(l, id);
	is_new = !e;
	if (!e) {
		/* As many values as there are entries at most, and each drop was told. */
		e = &l->entry[l->len++];
		*e = (struct ledger_entry){
			.id = id, .kind = hit->kind, .birth = birth, .born_ns = now_ns, .tgid = tgid
		};
	} else if (e->kind == SECRET_BEARER && hit->kind != SECRET_BEARER) {
		e->kind = hit->kind;
		values_set_kind(l->values, id, hit->kind);
	}
	set_provider(e, hit->provider);
	if (is_new && l->on_new)
		l->on_new(l->on_new_arg, id);
	return id;
}

void ledger_on_new(struct ledger *l, void (*fn)(void *arg, int64_t id), void *arg)
{
	l->on_new = fn;
	l->on_new_arg = arg;
}

const struct ledger_entry *ledger_find(const struct ledger *l, int64_t id)
{
	return find((struct ledger *)l, id);
}

size_t ledger_len(const struct ledger *l)
{
	return l->len;
}
