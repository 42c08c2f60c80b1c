/* SPDX-License-Identifier: BSD-2-Clause */
/* The lives of secrets: born, spent, rotated, revoked. Bytes are in the ledger, here is their keyed hash. */
#include <stdlib.h>

#include "detect/values.h"
#include "flow/flow_int.h"

void hit_of(struct span value, enum secret_kind kind, bool known, struct hit *ret)
{
	*ret = (struct hit){
		.rule_id = known ? "known-value" : "flow",
		.provider = "",
		.prefix = "",
		.kind = kind,
		.confidence = CONF_VALUE,
		.encoding = ENC_RAW,
		.value = value,
		.end = value.len,
		.line = 0,
		.whole_len = (uint32_t)value.len,
		.part_len = (uint32_t)value.len,
	};
}

struct sec *sec_find(struct flows *fs, const struct tag *t)
{
	return table_get(fs->secs, span_of(t->b, TAG_LEN));
}

struct sec *sec_find_value(struct flows *fs, struct span value)
{
	struct tag t;

	if (!value.len)
		return NULL;
	t = tag_of(fs, value);
	return sec_find(fs, &t);
}

struct sec *sec_learn(struct flows *fs, const struct flow_ctx *ctx, struct span value,
		      enum secret_kind kind, enum birth birth, const char *how)
{
	struct tag t;
	struct sec *s;
	struct hit hit;

	if (!value.len)
		return NULL;
	t = tag_of(fs, value);
	hit_of(value, kind, false, &hit);
	s = sec_find(fs, &t);
	if (s) {
		if (s->kind == SECRET_BEARER)
			s->kind = kind;
		/* The ledger may have let it go meanwhile. */
		if (s->end == SEC_LIVE)
			s->id = ledger_learn(fs->cfg.ledger, &hit, birth, ctx->now_ns, ctx->tgid);
		return s;
	}
	s = calloc(1, sizeof(*s));
	if (!s)
		return NULL;
	s->tag = t;
	s->kind = kind;
	s->root = ctx->root;
	s->born_ns = ctx->now_ns;
	s->how = how;
	s->id = ledger_learn(fs->cfg.ledger, &hit, birth, ctx->now_ns, ctx->tgid);
	if (table_put(fs->secs, span_of(t.b, TAG_LEN), s)) {
		free(s);
		return NULL;
	}
	return s;
}

static bool in_token(unsigned char c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
	       c == '-' || c == '.' || c == '_' || c == '~' || c == '+' || c == '/';
}

struct sec *sec_in_text(struct flows *fs, struct span text, bool (*fit)(const struct sec *s),
			struct span *which)
{
	size_t from, i = 0;
	struct sec *s;

	while (i < text.len) {
		from = i;
		while (i < text.len && in_token((unsigned char)text.p[i]))
			i++;
		*which = span_sub(text, from, i - from);
		s = which->len >= VALUES_MIN_LEN ? sec_find_value(fs, *which) : NULL;
		if (s && fit(s))
			return s;
		i += i == from;
	}
	return NULL;
}

void sec_end(struct flows *fs, const struct tag *t, enum sec_end how, uint64_t now_ns)
{
	struct sec *s = sec_find(fs, t);

	if (!s || s->end != SEC_LIVE)
		return;
	s->end = how;
	s->end_ns = now_ns;
}
