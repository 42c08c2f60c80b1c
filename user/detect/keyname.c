// SPDX-License-Identifier: BSD-2-Clause
/* Which rule knows a key name: names are filed under their last two letters, so that few are compared. */
#include <errno.h>
#include <stdlib.h>
#include "detect/scan_int.h"

#define ENDS 1024

struct name {
	struct span text;        /* normalised, without '*' */
	bool suffix;             /* any name that ends so */
	const struct rule *rule; /* NULL: a public name */
};

struct key_names {
	struct name *v;           /* by end, in the order of the rules */
	uint16_t first[ENDS + 1]; /* of each end */
};

static unsigned int end_of(struct span name)
{
	return (name.p[name.len - 2] & 31u) << 5 | (name.p[name.len - 1] & 31u);
}

static struct name make_name(const char *text, const struct rule *rule)
{
	struct name n = { span_str(text), *text == '*', rule };

	n.text = span_sub(n.text, n.suffix, SIZE_MAX);
	return n;
}

/* Calls `fn` for every name of every rule, then for the public ones. */
static void walk(const struct ruleset *rs, void (*fn)(struct key_names *to, struct name n),
		 struct key_names *to)
{
	for (size_t i = 0; i < rs->keys.n; i++)
		for (size_t k = 0; k < rs->keys.v[i]->names.n; k++)
			fn(to, make_name(rs->keys.v[i]->names.v[k], rs->keys.v[i]));
	for (size_t k = 0; k < rs->public_names.n; k++)
		fn(to, make_name(rs->public_names.v[k], NULL));
}

static void count(struct key_names *to, struct name n)
{
	to->first[end_of(n.text) + 1]++;
}

/* first[end] moves on to where the next name with this end goes. */
static void put(struct key_names *to, struct name n)
{
	to->v[to->first[end_of(n.text)]++] = n;
}

int key_names_new(const struct ruleset *rs, struct key_names **ret)
{
	struct key_names *kn = calloc(1, sizeof(*kn));

	if (!kn)
		return -ENOMEM;
	walk(rs, count, kn);
	for (size_t i = 0; i < ENDS; i++)
		kn->first[i + 1] += kn->first[i];
	kn->v = calloc(kn->first[ENDS] ? kn->first[ENDS] : 1, sizeof(*kn->v));
	if (!kn->v) {
		free(kn);
		return -ENOMEM;
	}
	walk(rs, put, kn);
	memmove(kn->first + 1, kn->first, ENDS * sizeof(*kn->first));
	kn->first[0] = 0;
	*ret = kn;
	return 0;
}

struct key_names *key_names_free(struct key_names *kn)
{
	if (kn)
		free(kn->v);
	free(kn);
	return NULL;
}

const struct rule *key_lookup(const struct scanner *sc, struct span name)
{
	const struct key_names *kn = sc->keys;
	const struct rule *best = NULL;
	size_t weight, most = 0, public = 0, n;
	char norm[KEY_MAX];
	unsigned int end;
	struct span key;

	n = key_normalise(name, norm, sizeof(norm));
	if (n < 2)
		return NULL;
	key = span_of(norm, n);
	end = end_of(key);
	for (size_t i = kn->first[end]; i < kn->first[end + 1]; i++) {
		const struct name *k = &kn->v[i];

		if (k->suffix ? !span_ends(key, k->text) : !span_eq(key, k->text))
			continue;
		/* The longest wins; of equally long ones that which is the whole name. */
		weight = k->text.len * 2 + !k->suffix;
		if (!k->rule) {
			public = weight > public ? weight : public;
		} else if (weight > most) {
			most = weight;
			best = k->rule;
		}
	}
	return public >= most ? NULL : best;
}
