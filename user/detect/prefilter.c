// SPDX-License-Identifier: BSD-2-Clause
#include "detect/prefilter.h"

#include "detect/scan_int.h"
#include "detect/values_priv.h"

static void set4(__u64 *bitmap, const char gram[4])
{
	uint32_t g;

	memcpy(&g, gram, sizeof(g));
	bt_match_set(bitmap, bt_match_hash4(g | BT_MATCH_FOLD));
}

static bool is_letter(char c)
{
	return (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
}

/* The 5 bytes of a literal whose two grams are the least like words: those with digits and underscores in them. */
static struct span rarest(struct span text)
{
	size_t best = 0;
	int most = -1;

	for (size_t i = 0; i + 5 <= text.len; i++) {
		bool middle = false;
		int odd;

		for (size_t k = 1; k < 4; k++)
			middle |= !is_letter(text.p[i + k]) && text.p[i + k] != ' ';
		odd = 2 * middle + !is_letter(text.p[i]) + !is_letter(text.p[i + 4]);
		if (odd > most) {
			most = odd;
			best = i;
		}
	}
	return span_sub(text, best, 5);
}

/*
 * One literal, at an even place and at an odd one. What is shorter than 5 bytes stands in a gram with every byte that may be
 * beside it; beyond ASCII nothing is.
 */
static void add_literal(__u64 *bitmap, struct span text)
{
	char gram[6];

	if (text.len < 3)
		return;
	if (text.len >= 5) {
		text = rarest(text);
		set4(bitmap, text.p);
		set4(bitmap, text.p + 1);
		return;
	}
	for (unsigned int c = 0; c < 128; c++) {
		if (!(c & 0x20))
			continue;
		memcpy(gram + 1, text.p, text.len);
		gram[0] = gram[1 + text.len] = (char)c;
		set4(bitmap, text.len == 4 ? gram + 1 : gram);
		set4(bitmap, text.len == 4 ? gram + 2 : gram + 1);
	}
}

/* Is there a key name that consists of this word alone, or ends with it whatever stands before? */
static bool stands_alone(const struct rule_list *keys, struct span word)
{
	for (size_t i = 0; i < keys->n; i++) {
		for (size_t k = 0; k < keys->v[i]->names.n; k++) {
			const char *name = keys->v[i]->names.v[k];

			if (span_eq_str(word, name + (name[0] == '*')))
				return true;
		}
	}
	return false;
}

/*
 * A word that ends key names. When it is none by itself, what stands before it is looked for with it: "response" is in every
 * log, "samlresponse" is not.
 */
static void add_key_word(__u64 *bitmap, const struct rule_list *keys, const struct rule *r,
			 struct span word)
{
	static const char joints[] = { '_', '-', ' ' };
	char norm[KEY_MAX], text[5];
	size_t n = key_normalise(word, norm, sizeof(norm));
	struct span w = span_of(norm, n), name;

	if (n < 3 || stands_alone(keys, w)) {
		add_literal(bitmap, word);
		return;
	}
	for (size_t i = 0; i < r->names.n; i++) {
		name = span_str(r->names.v[i]);
		if (!span_ends(name, w) || name.len < w.len + 2)
			continue;
		memcpy(text, name.p + name.len - w.len - 2, 2);
		memcpy(text + 2, word.p, 3);
		add_literal(bitmap, span_of(text, 5));
		memcpy(text + 3, word.p, 2);
		for (size_t k = 0; k < sizeof(joints); k++) {
			text[2] = joints[k];
			add_literal(bitmap, span_of(text, 5));
		}
	}
}

void prefilter_anchors(const struct scanner *sc, __u64 *bitmap)
{
	const struct rule_list *keys = &sc->rs->keys;

	for (size_t i = 0; i < sc->match->n; i++) {
		const struct anchor *a = &sc->match->anchors[i];

		if (a->what == ANCHOR_TOKEN || a->what == ANCHOR_REGEX ||
		    a->what == ANCHOR_SCHEME || a->what == ANCHOR_JWT)
			add_literal(bitmap, span_of(a->text, a->len));
	}
	for (size_t i = 0; i < keys->n; i++)
		for (size_t k = 0; k < keys->v[i]->words.n; k++)
			add_key_word(bitmap, keys, keys->v[i], span_str(keys->v[i]->words.v[k]));
}

static void add_value(__u64 *bitmap, const struct bt_match_key *key, const struct value *val)
{
	struct span raw = span_sub(secret_span(val->raw), val->prefix, BT_MATCH_VALUE_LEN);
	__u64 gram;

	for (size_t i = 0; i + sizeof(gram) <= raw.len; i++) {
		memcpy(&gram, raw.p + i, sizeof(gram));
		if (!gram_low_variety((const unsigned char *)raw.p + i))
			bt_match_set(bitmap, bt_match_hash8(gram, key));
	}
	wipe(&gram, sizeof(gram));
}

bool prefilter_values(const struct values *v, const struct bt_match_key *key, __u64 *bitmap,
		      uint64_t *gen)
{
	/* values.gen counts from 0. */
	if (*gen == v->gen + 1)
		return false;
	*gen = v->gen + 1;
	memset(bitmap, 0, BT_MATCH_WORDS * sizeof(*bitmap));
	for (size_t i = 0; i < VALUES_MAX; i++)
		if (v->val[i].id)
			add_value(bitmap, key, &v->val[i]);
	return true;
}
