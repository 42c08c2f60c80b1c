// SPDX-License-Identifier: BSD-2-Clause
/*
 * Values that a name points at: JSON, JavaScript and Python literals, YAML, forms and queries, headers, environment,
 * command line, XML. And values after an HTTP authentication scheme.
 */
#include "base/secmem.h"
#include "detect/filter.h"
#include "detect/scan_int.h"

#define OAUTH_NEAR 128 /* bytes round a `code` parameter in which others must stand */

static bool is_word(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
	       c == '_';
}

static bool is_name(char c)
{
	return is_word(c) || c == '-' || c == '.';
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static bool is_quote(char c)
{
	return c == '"' || c == '\'' || c == '`';
}

/* --- names --- */

const struct rule *key_lookup(const struct ruleset *rs, struct span name)
{
	const struct rule *best = NULL;
	size_t weight, most = 0, n;
	unsigned int end;
	char norm[KEY_MAX];

	n = key_normalise(name, norm, sizeof(norm));
	if (n < 2)
		return NULL;
	/* Most names fall here. */
	end = key_end(norm, n);
	if (!(rs->key_ends[end / 32] >> end % 32 & 1))
		return NULL;
	for (size_t i = 0; i < rs->keys.n; i++) {
		weight = names_match(&rs->keys.v[i]->names, span_of(norm, n));
		if (weight > most) {
			most = weight;
			best = rs->keys.v[i];
		}
	}
	if (best && names_match(&rs->public_names, span_of(norm, n)) >= most)
		return NULL;
	return best;
}

/* The name that ends at `end`: without leading dashes, and only what follows the last dot. */
static struct span name_ending_at(const struct view *v, uint64_t end)
{
	size_t e = view_at(v, end), i = e;

	while (i > 0 && e - i < KEY_MAX && is_name(v->b.p[i - 1]))
		i--;
	/* Too long, or its beginning is not at hand. */
	if (e - i == KEY_MAX || (!i && v->blind))
		return SPAN_NONE;
	for (size_t k = i; k < e; k++) {
		if (v->b.p[k] == '.')
			i = k + 1;
	}
	while (i < e && v->b.p[i] == '-')
		i++;
	return span_of(v->b.p + i, e - i);
}

/* "refresh token" for "token" where a word and a space stand before the name. */
static struct span with_word_before(const struct view *v, struct span name)
{
	size_t at = (size_t)(name.p - v->b.p), i;

	if (at < 2 || v->b.p[at - 1] != ' ' || !is_word(v->b.p[at - 2]))
		return name;
	for (i = at - 1; i > 0 && is_word(v->b.p[i - 1]); i--)
		;
	return span_of(v->b.p + i, at + name.len - i);
}

/* --- opening --- */

static void scheme_open(struct lane *l, const struct view *v, size_t end, const struct rule *r,
			size_t len)
{
	size_t at = end + 1 - len;
	struct cand *c;

	if (at > 0 ? is_word(v->b.p[at - 1]) : v->blind)
		return;
	c = lane_open(l, CAND_KEY, r, v->base + at);
	if (!c)
		return;
	c->key.style = STYLE_SCHEME;
	c->key.key_end = c->cur = v->base + end + 1;
}

void key_open(struct lane *l, const struct view *v, size_t end, const struct anchor *a)
{
	const struct ruleset *rs = l->s->sc->rs;
	const struct rule *r, *longer;
	struct span name, more;
	struct cand *c;

	if (a->what == ANCHOR_SCHEME) {
		scheme_open(l, v, end, rs->rules.v[a->id], a->len);
		return;
	}
	/* The name must end here. */
	if (end + 1 < v->b.len && is_word(v->b.p[end + 1]))
		return;
	if (memchr(a->text, ' ', a->len))
		name = span_sub(v->b, end + 1 - a->len, a->len);
	else
		name = name_ending_at(v, v->base + end + 1);
	r = key_lookup(rs, name);
	/* In prose: "registration access token". */
	more = name;
	for (unsigned int words = 0; name.len && words < 2; words++) {
		more = with_word_before(v, more);
		longer = key_lookup(rs, more);
		if (longer) {
			name = more;
			r = longer;
		}
	}
	if (!r)
		return;
	/* Several words of one rule set may end here. */
	for (size_t i = 0; i < l->n_cands; i++) {
		if (l->cands[i].type == CAND_KEY && l->cands[i].rule == r &&
		    l->cands[i].key.key_end == v->base + end + 1)
			return;
	}
	c = lane_open(l, CAND_KEY, r, v->base + (size_t)(name.p - v->b.p));
	if (c)
		c->key.key_end = c->cur = v->base + end + 1;
}

/* The rule by which a whole text is the value of a name. */
static const struct rule *whole_rule(const struct scanner *sc, struct span key)
{
	const struct rule *r = key_lookup(sc->rs, key);

	return r && !r->oauth_only ? r : NULL;
}

bool scan_key_counts(const struct scanner *sc, struct span key)
{
	return whole_rule(sc, key) != NULL;
}

void lane_open_whole(struct lane *l)
{
	const struct rule *r = whole_rule(l->s->sc, span_of(l->s->key, l->s->key_len));
	struct cand *c;

	if (!r)
		return;
	c = lane_open(l, CAND_KEY, r, 0);
	if (c)
		c->key.style = STYLE_WHOLE;
}

/* --- from the name to the value --- */

enum step { STEP_MORE, STEP_FAIL, STEP_OK };

/* Reads on from `at`; *at moves. */
struct reader {
	const struct view *v;
	uint64_t at, limit;
};

static int peek(const struct reader *r)
{
	return r->at < r->limit ? (uint8_t)r->v->b.p[view_at(r->v, r->at)] : -1;
}

static unsigned int skip_blanks(struct reader *r, unsigned int most)
{
	unsigned int n = 0;

	while (n < most && peek(r) >= 0 && is_blank((char)peek(r))) {
		r->at++;
		n++;
	}
	return n;
}

static char before_name(const struct view *v, const struct cand *c, unsigned int back)
{
	size_t i = view_at(v, c->start);

	return i >= back ? v->b.p[i - back] : '\0';
}

/* What stands between an HTTP scheme and its credentials. */
static enum step scheme_separator(struct reader *r)
{
	if (peek(r) == '+') {
		r->at++; /* form-encoded space */
		return STEP_OK;
	}
	if (!skip_blanks(r, 8) && peek(r) >= 0)
		return STEP_FAIL;
	return peek(r) < 0 ? STEP_MORE : STEP_OK;
}

/* The separator between a name and its value: sets style, quote, equals. */
static enum step separator(struct reader *r, struct cand *c)
{
	bool dashes = before_name(r->v, c, 1) == '-' && before_name(r->v, c, 2) == '-';
	unsigned int blanks;
	int b = peek(r);

	if (b >= 0 && is_quote((char)b)) {
		r->at++;
		b = peek(r);
	}
	if (b == ']') {
		r->at++; /* map["name"] = */
	}
	blanks = skip_blanks(r, 16);
	b = peek(r);
	if (b < 0)
		return STEP_MORE;
	if (b == ':' || b == '=') {
		r->at++;
		c->key.equals = b == '=';
		/* "=>" and ":=" are assignments too, "==" is not. */
		if (peek(r) < 0)
			return STEP_MORE;
		if (b == '=' && peek(r) == '>')
			r->at++;
		else if (b == ':' && peek(r) == '=')
			r->at++;
		else if (peek(r) == '=')
			return STEP_FAIL;
	} else if (b == '>' && before_name(r->v, c, 1) == '<') {
		r->at++;
		c->key.style = STYLE_TAG;
		return STEP_OK;
	} else if (dashes && b == 0) {
		r->at++; /* --name NUL value, as argv has it */
	} else if (!dashes || !blanks) {
		return STEP_FAIL;
	}
	return STEP_OK;
}

/* Words that may stand between "Authorization:" and the value; schemes with rules of their own are left to those. */
static enum step skip_scheme(struct reader *r, const struct cand *c)
{
	static const char *const skip[] = { "token ", "bot ", "apikey ", "ssws ", "oauth " };
	static const char *const own[] = { "bearer ", "basic ", "dpop " };
	struct span rest = view_span(r->v, r->at, r->limit);
	size_t n;

	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
		n = strlen(own[i]);
		if (span_eq_nocase(span_sub(rest, 0, n), span_str(own[i])))
			return STEP_FAIL;
	}
	for (size_t i = 0; i < sizeof(skip) / sizeof(skip[0]); i++) {
		n = strlen(skip[i]);
		if (span_eq_nocase(span_sub(rest, 0, n), span_str(skip[i]))) {
			r->at += n;
			break;
		}
	}
	return STEP_OK;
}

static enum step find_value(const struct view *v, struct cand *c, uint64_t limit, bool final)
{
	struct reader r = { v, c->key.key_end, limit };
	enum step st;
	int b;

	if (c->key.style == STYLE_WHOLE) {
		c->key.value = 0;
		return STEP_OK;
	}
	if (c->key.style == STYLE_SCHEME) {
		st = scheme_separator(&r);
		c->key.value = r.at;
		return st;
	}
	c->key.style = STYLE_NONE;
	c->key.equals = false;
	c->key.quote = 0;
	st = separator(&r, c);
	if (st != STEP_OK)
		return st;
	if (c->key.style == STYLE_NONE) {
		c->key.style = STYLE_BARE;
		skip_blanks(&r, 16);
		if (peek(&r) == '[') {
			r.at++; /* ["value"] */
			skip_blanks(&r, 16);
		}
		b = peek(&r);
		if (b < 0)
			return STEP_MORE;
		/* b'value', r"value" */
		if (strchr("bru", b) && b && r.at + 1 < limit &&
		    is_quote(v->b.p[view_at(v, r.at + 1)])) {
			r.at++;
			b = peek(&r);
		} else if (strchr("bru", b) && b && r.at + 1 >= limit && !final) {
			return STEP_MORE;
		}
		if (is_quote((char)b)) {
			c->key.style = STYLE_QUOTED;
			c->key.quote = (char)b;
			r.at++;
		}
	}
	/* Long enough to know a scheme. */
	if (limit - r.at < 8 && !final)
		return STEP_MORE;
	c->key.value = r.at;
	st = skip_scheme(&r, c);
	c->key.value = r.at;
	return st;
}

/* --- the value --- */

/* Moves c->cur over the value. STEP_OK: it ends at c->cur. */
static enum step take_value(const struct lane *l, const struct view *v, struct cand *c,
			    uint64_t limit)
{
	for (; c->cur < limit; c->cur++) {
		char b = v->b.p[view_at(v, c->cur)];
		bool odd = (uint8_t)b <= 0x20 || (uint8_t)b >= 0x7f;

		switch (c->key.style) {
		case STYLE_SCHEME:
			if (b == '\\' || b == '%')
				return l->unescaped ? STEP_OK : STEP_FAIL;
			if (odd || !(is_word(b) || strchr("-.~+/=:!|", b)))
				return STEP_OK;
			break;
		case STYLE_WHOLE:
			if (odd || b == '\\')
				return STEP_FAIL;
			break;
		case STYLE_QUOTED:
			if (b == c->key.quote)
				return STEP_OK;
			if (odd || b == '\\')
				return STEP_FAIL;
			break;
		default:
			/* The other lane sees what an escape stands for. */
			if (!l->unescaped && (b == '\\' || b == '%'))
				return STEP_FAIL;
			if (odd || strchr("\"'`&<>;,)]}|\\#", b))
				return STEP_OK;
			if (strchr("({[$", b))
				return STEP_FAIL;
			break;
		}
	}
	return STEP_MORE;
}

/* Is `code` an OAuth parameter here? STEP_MORE: what follows may tell. */
static enum step oauth_near(const struct view *v, const struct cand *c, uint64_t limit, bool final)
{
	static const char *const words[] = { "state=",        "grant_type", "redirect_uri",
					     "code_verifier", "client_id",  "callback",
					     "oauth",         "iss=" };
	uint64_t from = c->start > v->base + OAUTH_NEAR ? c->start - OAUTH_NEAR : v->base;
	uint64_t to = c->key.value_end, most = to + OAUTH_NEAR;
	struct span before = view_span(v, from, c->start), after;
	size_t i;

	/* Only what stands on the same line before, and in the same word after. */
	for (i = before.len; i > 0 && before.p[i - 1] != '\n'; i--)
		;
	before = span_sub(before, i, before.len);
	while (to < limit && to < most && (uint8_t)v->b.p[view_at(v, to)] > 0x20 &&
	       v->b.p[view_at(v, to)] != '"')
		to++;
	after = view_span(v, c->key.value_end, to);
	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (span_find_nocase(before, span_str(words[i])) != SIZE_MAX ||
		    span_find_nocase(after, span_str(words[i])) != SIZE_MAX)
			return STEP_OK;
	}
	return to == limit && to < most && !final ? STEP_MORE : STEP_FAIL;
}

/* A rule without an anchor that the value fits wholly. */
static const struct rule_pattern *fits(const struct rule *r, struct span value)
{
	for (size_t i = 0; i < r->n_patterns; i++) {
		struct pattern_state st = { 0, 0, 0 };
		size_t used;

		if (pattern_step(&r->patterns[i].pat, &st, value, &used) == PATTERN_MORE &&
		    pattern_ends(&r->patterns[i].pat, &st) &&
		    (r->check == CHECK_NONE || check_token(r->check, value)))
			return &r->patterns[i];
	}
	return NULL;
}

static void judge_by_shape(const struct ruleset *rs, struct hit *hit)
{
	for (size_t i = 0; i < rs->rules.n; i++) {
		const struct rule *r = rs->rules.v[i];
		const struct rule_pattern *rp;

		if (r->type != RULE_TOKEN || !r->context_only)
			continue;
		rp = fits(r, hit->value);
		if (!rp)
			continue;
		hit->rule_id = r->id;
		hit->provider = r->provider;
		hit->prefix = rp->prefix;
		hit->confidence = r->check != CHECK_NONE ? CONF_VERIFIED : CONF_PATTERN;
		if (r->kind != SECRET_BEARER)
			hit->kind = r->kind;
		return;
	}
}

static void report_basic(struct lane *l, const struct view *v, uint64_t from, uint64_t to,
			 struct hit *hit)
{
	struct buf secret = BUF_INIT_WIPE(4096);

	if (basic_decode(hit->value, &secret) && !scan_is_example(l->s->sc->rs, hit->value)) {
		hit->value = buf_span(&secret);
		if (hit->value.len >= 8 && !is_placeholder(hit->value) &&
		    looks_random(hit->value) && !scan_is_example(l->s->sc->rs, hit->value)) {
			hit->encoding = ENC_BASE64;
			scan_report(l, v, from, to, hit);
		}
	}
	buf_release(&secret);
}

static void report_key(struct lane *l, const struct view *v, const struct cand *c)
{
	const struct ruleset *rs = l->s->sc->rs;
	const struct rule *r = c->rule, *k;
	uint64_t from = c->key.value, to = c->key.value_end;
	struct hit hit = { .rule_id = r->id,
			   .provider = r->provider,
			   .prefix = "",
			   .kind = r->kind,
			   .confidence = CONF_HEURISTIC };

	if (c->key.style == STYLE_BARE || c->key.style == STYLE_SCHEME) {
		/* Full stops and colons at the end are the text's. */
		while (to > from && strchr(".:!|", v->b.p[view_at(v, to) - 1]))
			to--;
	}
	hit.value = view_span(v, from, to);
	if (to - from < r->min_len || scan_reported(l, v, from, to))
		return;
	if (c->key.style == STYLE_SCHEME) {
		hit.key = key_before(l->s, v, c->start);
		hit.confidence = CONF_PATTERN;
		k = hit.key.len && r->kind == SECRET_BEARER ? key_lookup(rs, hit.key) : NULL;
		if (k && k->kind != SECRET_API_KEY)
			hit.kind = k->kind;
		if (r->kind == SECRET_CLIENT_SECRET) {
			report_basic(l, v, from, to, &hit);
			return;
		}
	} else if (c->key.style == STYLE_WHOLE) {
		hit.key = span_of(l->s->key, l->s->key_len);
	} else {
		hit.key = view_span(v, c->start, c->key.key_end);
	}
	if (is_placeholder(hit.value) || scan_is_example(rs, hit.value))
		return;
	/* The header of a JWT alone is public. */
	if (hit.value.len < 40 && span_starts(hit.value, SPAN_LIT("eyJ")))
		return;
	if (c->key.style != STYLE_SCHEME)
		judge_by_shape(rs, &hit);
	if (hit.confidence == CONF_HEURISTIC || c->key.style == STYLE_SCHEME
		    ? !looks_random(hit.value)
		    : entropy(hit.value) < 2.8)
		return;
	scan_report(l, v, from, to, &hit);
}

void key_advance(struct lane *l, const struct view *v, struct cand *c, uint64_t limit, bool final)
{
	enum step st;

	if (limit < c->key.key_end && !final)
		return;
	if (!c->key.value_end) {
		if (!c->key.value && !(c->key.style == STYLE_WHOLE && c->cur)) {
			/* The name may go on: then it is another. */
			if (c->key.style != STYLE_WHOLE && limit > c->key.key_end &&
			    is_word(v->b.p[view_at(v, c->key.key_end)])) {
				c->dead = true;
				return;
			}
			st = find_value(v, c, limit, final);
			if (st != STEP_OK) {
				c->dead = st == STEP_FAIL || final;
				c->key.value = 0;
				return;
			}
			c->cur = c->key.value;
		}
		st = take_value(l, v, c, limit);
		if (st == STEP_MORE && !final)
			return;
		if (st == STEP_FAIL || c->cur == c->key.value) {
			c->dead = true;
			return;
		}
		c->key.value_end = c->cur;
	}
	if (c->rule->oauth_only) {
		if (!c->key.equals || c->key.style != STYLE_BARE) {
			c->dead = true;
			return;
		}
		st = oauth_near(v, c, limit, final);
		c->dead = st == STEP_FAIL;
		if (st != STEP_OK)
			return;
	}
	c->dead = true;
	report_key(l, v, c);
}

/* --- from a value back to its name --- */

struct span key_before(const struct scan *s, const struct view *v, uint64_t pos)
{
	const char *p = v->b.p;
	size_t i = view_at(v, pos), word;

	if (i > 0 && is_quote(p[i - 1]))
		i--;
	/* A scheme: a word and one space before the value. */
	if (i > 1 && p[i - 1] == ' ' && is_word(p[i - 2])) {
		for (word = i - 1; word > 0 && is_word(p[word - 1]); word--)
			;
		if (i - word <= 8)
			i = word;
		if (i > 0 && is_quote(p[i - 1]))
			i--;
	}
	if (!i && !v->base && s->key_len)
		return span_of(s->key, s->key_len);
	if (i > 0 && p[i - 1] == '[')
		i--;
	while (i > 0 && is_blank(p[i - 1]))
		i--;
	if (i > 1 && p[i - 1] == '>' && p[i - 2] == '=')
		i -= 2;
	else if (i > 0 && (p[i - 1] == '=' || p[i - 1] == ':' || p[i - 1] == '>' || !p[i - 1]))
		i--;
	else
		return SPAN_NONE;
	while (i > 0 && is_blank(p[i - 1]))
		i--;
	if (i > 0 && p[i - 1] == ']')
		i--;
	if (i > 0 && is_quote(p[i - 1]))
		i--;
	return name_ending_at(v, v->base + i);
}
