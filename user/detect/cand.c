// SPDX-License-Identifier: BSD-2-Clause
/* Candidates that a rule for tokens opened: prefixed tokens, JWTs, users' regular expressions. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdlib.h>
#include <time.h>
#include "detect/filter.h"
#include "detect/scan_int.h"

#define REGEX_BACK 64 /* bytes before the anchor that a user's expression may match */
/* Of pcre2_match: steps, nesting, KiB. A rule that needs more is cut short, never the scan. */
#define REGEX_MATCH_LIMIT 100000
#define REGEX_DEPTH_LIMIT 500
#define REGEX_HEAP_LIMIT 2048
/* Bits a byte of a token with a prefix: what stays below is a dummy. Slack's are mostly digits. */
#define LEAST_ENTROPY 2.4

/* True when the byte before `pos` lets a token begin there. */
static bool left_is_free(const struct view *v, uint64_t pos, const struct byte_set *left)
{
	if (pos > v->base)
		return !set_has(left, (uint8_t)v->b.p[view_at(v, pos) - 1]);
	return !v->blind;
}

static void token_open(struct lane *l, const struct view *v, size_t end, const struct rule *r,
		       const struct rule_pattern *rp)
{
	uint64_t past = v->base + end + 1;
	size_t back = rp->pat.anchor_at + rp->pat.anchor.len, used;
	struct pattern_state st = { 0, 0, 0 };
	struct cand *c;
	uint64_t start;

	if (past - v->base < back)
		return;
	start = past - back;
	if (!left_is_free(v, start, &rp->left))
		return;
	/* Most anchors fall here. */
	if (pattern_step(&rp->pat, &st, view_span(v, start, view_end(v)), &used) == PATTERN_FAIL)
		return;
	c = lane_open(l, CAND_TOKEN, r, start);
	if (c)
		c->token.rp = rp;
}

void cand_open(struct lane *l, const struct view *v, size_t end, const struct anchor *a)
{
	const struct ruleset *rs = l->s->sc->rs;
	struct cand *c;
	uint64_t start = v->base + end + 1 - a->len;

	switch (a->what) {
	case ANCHOR_TOKEN:
		token_open(l, v, end, rs->rules.v[a->id], &rs->rules.v[a->id]->patterns[a->sub]);
		break;
	case ANCHOR_JWT:
		if (left_is_free(v, start, &l->s->sc->jwt_left))
			lane_open(l, CAND_JWT, rs->rules.v[a->id], start);
		break;
	case ANCHOR_REGEX:
		c = lane_open(l, CAND_REGEX, rs->rules.v[a->id],
			      start - v->base > REGEX_BACK ? start - REGEX_BACK : v->base);
		if (c)
			c->regex.anchor = start;
		break;
	case ANCHOR_KEY:
	case ANCHOR_SCHEME:
		key_open(l, v, end, a);
		break;
	default:
		nested_open(l, v, end, a);
		break;
	}
}

void cand_close(struct cand *c)
{
	if (c->type == CAND_NESTED)
		c->nested.child = scan_free(c->nested.child);
}

/*
 * In the lane over the bytes as they are: an escape ends the value, and what it stands for may go on with it. The
 * other lane decides.
 */
static bool ends_at_escape(const struct lane *l, const struct view *v, uint64_t pos)
{
	char c;

	if (l->unescaped || pos >= view_end(v))
		return false;
	c = v->b.p[view_at(v, pos)];
	return c == '\\' || c == '%';
}

/* The kind that a key name gives to a token that does not say it itself. */
static void refine(const struct lane *l, const struct view *v, uint64_t from, struct hit *hit)
{
	const struct rule *k;

	hit->key = key_before(l->s, v, from);
	if (!hit->key.len)
		return;
	k = key_lookup(l->s->sc, hit->key);
	if (k && k->kind != SECRET_BEARER && k->kind != SECRET_API_KEY)
		hit->kind = k->kind;
}

static void report_token(struct lane *l, const struct view *v, const struct cand *c, uint64_t to)
{
	const struct rule *r = c->rule;
	struct span value = view_span(v, c->start, to);
	struct hit hit = { .rule_id = r->id,
			   .provider = r->provider,
			   .prefix = c->token.rp->prefix,
			   .kind = r->kind,
			   .confidence = CONF_PATTERN,
			   .value = value };

	if (r->contains && span_find(value, span_str(r->contains)) == SIZE_MAX)
		return;
	if (r->check != CHECK_NONE) {
		if (check_token(r->check, value))
			hit.confidence = CONF_VERIFIED;
		else if (!r->check_soft)
			return;
	}
	if (hit.confidence != CONF_VERIFIED &&
	    (is_placeholder(value) ||
	     entropy(value) < (r->entropy > 0 ? r->entropy : LEAST_ENTROPY) ||
	     scan_is_example(l->s->sc->rs, value))) {
		scan_report(l, v, c->start, to, NULL);
		return;
	}
	hit.key = key_before(l->s, v, c->start);
	scan_report(l, v, c->start, to, &hit);
}

static void token_advance(struct lane *l, const struct view *v, struct cand *c, uint64_t limit,
			  bool final)
{
	const struct pattern *p = &c->token.rp->pat;
	enum pattern_result res = PATTERN_MORE;
	size_t used = 0;
	uint64_t to;

	if (c->cur < limit) {
		res = pattern_step(p, &c->token.st, view_span(v, c->cur, limit), &used);
		c->cur += used;
	}
	if (res == PATTERN_MORE && !final)
		return;
	c->dead = true;
	if (res == PATTERN_FAIL || (res == PATTERN_MORE && !pattern_ends(p, &c->token.st)))
		return;
	if (ends_at_escape(l, v, c->cur))
		return;
	to = c->cur;
	/* A full stop after the token is the sentence's. */
	while (to > c->start + p->min_len && v->b.p[view_at(v, to) - 1] == '.')
		to--;
	report_token(l, v, c, to);
}

static void jwt_advance(struct lane *l, const struct view *v, struct cand *c, uint64_t limit,
			bool final)
{
	const struct rule *r = c->rule;
	struct jwt_facts facts;
	struct hit hit = { .rule_id = r->id,
			   .provider = r->provider,
			   .prefix = "eyJ",
			   .confidence = CONF_VERIFIED };

	while (c->cur < limit) {
		char b = v->b.p[view_at(v, c->cur)];

		if (b != '.' && (base64_digit((uint8_t)b) < 0 || b == '+' || b == '/'))
			break;
		c->cur++;
	}
	if (c->cur >= limit && !final)
		return;
	c->dead = true;
	if (ends_at_escape(l, v, c->cur))
		return;
	hit.value = view_span(v, c->start, c->cur);
	if (!jwt_decode(hit.value, (int64_t)time(NULL), &facts))
		return;
	hit.value.len = facts.len;
	hit.expired = facts.expired;
	hit.kind = facts.kind;
	refine(l, v, c->start, &hit);
	if (facts.not_a_secret || scan_is_example(l->s->sc->rs, facts.signature))
		scan_report(l, v, c->start, c->start + facts.len, NULL);
	else
		scan_report(l, v, c->start, c->start + facts.len, &hit);
}

static void regex_advance(struct lane *l, const struct view *v, struct cand *c, uint64_t limit,
			  bool final)
{
	const struct rule *r = c->rule;
	uint64_t most = c->regex.anchor + r->max_len;
	bool whole = final || limit >= most;
	struct span text;
	pcre2_match_data *data;
	pcre2_match_context *ctx;
	size_t from, to;
	int n;

	limit = limit < most ? limit : most;
	text = view_span(v, c->start, limit);
	data = pcre2_match_data_create(2, NULL);
	ctx = pcre2_match_context_create(NULL);
	if (!data || !ctx) {
		c->dead = true;
		goto out;
	}
	pcre2_set_match_limit(ctx, REGEX_MATCH_LIMIT);
	pcre2_set_depth_limit(ctx, REGEX_DEPTH_LIMIT);
	pcre2_set_heap_limit(ctx, REGEX_HEAP_LIMIT);
	n = pcre2_match(r->code, (PCRE2_SPTR)text.p, text.len, 0,
			whole ? 0 : PCRE2_PARTIAL_HARD | PCRE2_NOTEOL, data, ctx);
	if (n == PCRE2_ERROR_PARTIAL)
		goto out;
	/* What does not match yet may do so with more bytes. */
	if (n == PCRE2_ERROR_NOMATCH && !whole)
		goto out;
	c->dead = true;
	if (n < 0)
		goto out;
	from = pcre2_get_ovector_pointer(data)[n > 1 ? 2 : 0];
	to = pcre2_get_ovector_pointer(data)[n > 1 ? 3 : 1];
	if (from < to && to <= text.len) {
		struct hit hit = { .rule_id = r->id,
				   .provider = r->provider,
				   .prefix = "",
				   .kind = r->kind,
				   .confidence = CONF_PATTERN,
				   .value = span_sub(text, from, to - from),
				   .key = key_before(l->s, v, c->start + from) };

		if (ends_at_escape(l, v, c->start + to))
			goto out;
		if (r->check != CHECK_NONE && check_token(r->check, hit.value))
			hit.confidence = CONF_VERIFIED;
		else if (r->check != CHECK_NONE && !r->check_soft)
			goto out;
		if (hit.value.len >= 8 && entropy(hit.value) >= r->entropy)
			scan_report(l, v, c->start + from, c->start + to, &hit);
	}
out:
	pcre2_match_data_free(data);
	pcre2_match_context_free(ctx);
}

void cand_advance(struct lane *l, const struct view *v, struct cand *c, uint64_t limit, bool final)
{
	switch (c->type) {
	case CAND_TOKEN:
		token_advance(l, v, c, limit, final);
		break;
	case CAND_JWT:
		jwt_advance(l, v, c, limit, final);
		break;
	case CAND_REGEX:
		regex_advance(l, v, c, limit, final);
		break;
	case CAND_NESTED:
		nested_advance(l, v, c, limit, final);
		break;
	case CAND_KEY:
		key_advance(l, v, c, limit, final);
		break;
	}
}
