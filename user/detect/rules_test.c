// SPDX-License-Identifier: BSD-2-Clause
/*
 * Rules carry their own true and false positives. The texts hold no token: {{...}} is filled with random bytes when the test runs.
 *
 *	{{token}} {{token2}}	values that the rule finds: the same at each place in a text
 *	{{badsum}}		{{token}} with a wrong check character
 *	{{short}} {{long}}	one byte less than the shortest, one more than the longest
 *	{{token:base64}} {{token:hex}} {{token:percent}} {{token:unicode}} {{token:utf16}}	{{token}} in that dress
 *	{{hex:40}} {{alnum:20}} {{b64url:43}} {{digits:10}}	random text
 *	{{x:36}} {{A:1}} {{a:10}} {{b:10}}	one letter over and over: a placeholder that only looks like a token
 *	{{jwt}} {{nul}} {{esc}}
 */
#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include "detect/filter.h"
#include "detect/rules_int.h"
#include "detect/scan.h"

#define MAX_TEXT (1u << 20)

static int random_of(const char *set, size_t n, struct buf *out)
{
	struct byte_set bs;
	const char *why;

	byte_set_parse(&bs, span_str(set), &why);
	return byte_set_generate(&bs, n, out);
}

static int add_base64url(struct buf *out, struct span in)
{
	size_t cap = sodium_base64_ENCODED_LEN(in.len, sodium_base64_VARIANT_URLSAFE_NO_PADDING);

	if (buf_reserve(out, cap))
		return out->err;
	sodium_bin2base64(out->p + out->len, cap, (const unsigned char *)in.p, in.len,
			  sodium_base64_VARIANT_URLSAFE_NO_PADDING);
	out->len += cap - 1;
	return 0;
}

static int add_jwt(struct buf *out)
{
	struct buf json = BUF_INIT_WIPE(512);
	unsigned char sig[32];

	add_base64url(out, SPAN_LIT("{\"alg\":\"HS256\",\"typ\":\"JWT\"}"));
	buf_add_byte(out, '.');
	buf_add_str(&json, "{\"sub\":\"");
	random_of("a-z0-9", 16, &json);
	buf_add_str(&json, "\",\"exp\":32503680000}");
	add_base64url(out, buf_span(&json));
	buf_add_byte(out, '.');
	randombytes_buf(sig, sizeof(sig));
	add_base64url(out, span_of(sig, sizeof(sig)));
	buf_release(&json);
	return out->err;
}

/* A name alone is no proof: now and then a random value does not look like one, and another is taken. */
static int add_opaque(struct buf *out)
{
	size_t at = out->len;
	int r;

	do {
		out->len = at;
		r = random_of("A-Za-z0-9_-", 43, out);
	} while (!r && !looks_random(span_of(out->p + at, 43)));
	return r;
}

static int add_basic(struct buf *out)
{
	struct buf pair = BUF_INIT_WIPE(256);

	buf_add_str(&pair, "client:");
	add_opaque(&pair);
	add_base64url(out, buf_span(&pair));
	buf_release(&pair);
	return out->err;
}

/* Puts what a rule asks for beyond the shape into a generated token. */
static int mend(const struct rule *r, struct buf *tok)
{
	size_t n = r->contains ? strlen(r->contains) : 0;
	struct buf json = BUF_INIT(128), mended = BUF_INIT_WIPE(MAX_TEXT);
	size_t at;

	if (n && n < tok->len && span_find(buf_span(tok), span_str(r->contains)) == SIZE_MAX)
		memcpy(tok->p + (tok->len - n) / 2, r->contains, n);
	switch (r->check) {
	case CHECK_SNOWFLAKE:
		/* base64 of a decimal number of 18 digits, in place of the first part */
		at = span_find_byte(buf_span(tok), '.');
		if (at == SIZE_MAX)
			break;
		buf_drop(tok, at);
		random_of("1-9", 18, &json);
		add_base64url(&mended, buf_span(&json));
		buf_add_span(&mended, buf_span(tok));
		buf_clear(tok);
		buf_add_span(tok, buf_span(&mended));
		break;
	case CHECK_EMBEDDED_JWT:
		at = span_find(buf_span(tok), SPAN_LIT("eyJ"));
		if (at != SIZE_MAX) {
			tok->len = at;
			add_jwt(tok);
		}
		break;
	case CHECK_PREFIX_JSON:
		at = span_find_byte(buf_span(tok), '_');
		if (at == SIZE_MAX)
			break;
		tok->len = at + 1;
		buf_add_str(&json, "{\"iat\":1700000000.5,\"url\":\"https://s.example\",\"o\":\"");
		random_of("a-z", 12, &json);
		buf_add_str(&json, "\"}");
		add_base64url(tok, buf_span(&json));
		buf_add_byte(tok, '_');
		random_of("A-Za-z0-9", 43, tok);
		break;
	default:
		check_repair(r->check, tok->p, tok->len);
		break;
	}
	buf_release(&json);
	buf_release(&mended);
	return tok->err;
}

int rule_generate(const struct rule *r, unsigned int extra, struct buf *out)
{
	struct buf tok = BUF_INIT_WIPE(MAX_TEXT);
	int ret = 0;

	switch (r->type) {
	case RULE_TOKEN:
		ret = pattern_generate(
			&r->patterns[randombytes_uniform((uint32_t)r->n_patterns)].pat, extra,
			&tok);
		if (!ret)
			ret = mend(r, &tok);
		break;
	case RULE_JWT:
		ret = add_jwt(&tok);
		break;
	case RULE_SCHEME:
		ret = r->kind == SECRET_CLIENT_SECRET ? add_basic(&tok) : add_opaque(&tok);
		break;
	case RULE_KEY:
		ret = add_opaque(&tok);
		break;
	case RULE_REGEX:
		ret = -EINVAL;
		break;
	}
	if (!ret)
		ret = buf_add_span(out, buf_span(&tok));
	buf_release(&tok);
	return ret;
}

static int add_short(const struct rule *r, struct buf *out)
{
	size_t at = out->len;
	int ret = pattern_generate(&r->patterns[0].pat, 0, out);

	if (!ret && out->len > at)
		out->len--;
	return ret;
}

static int add_long(const struct rule *r, struct buf *out)
{
	const struct pattern *p = &r->patterns[0].pat;
	int ret = pattern_generate(p, UINT32_MAX, out);

	return ret ? ret : byte_set_generate(&p->tail, 1, out);
}

static void add_badsum(const struct rule *r, struct span token, struct buf *out)
{
	size_t at;

	if (buf_add_span(out, token))
		return;
	if (r->check == CHECK_SHA256_BASE32) {
		at = out->len - 10;
	} else if (r->type == RULE_JWT || r->check == CHECK_EMBEDDED_JWT) {
		out->len--; /* a signature of the wrong length */
		return;
	} else {
		at = out->len - 1;
	}
	out->p[at] = out->p[at] == 'A' ? 'B' : 'A';
}

enum dress { DRESS_BASE64, DRESS_HEX, DRESS_PERCENT, DRESS_UNICODE, DRESS_UTF16, DRESS_NONE };

static void add_dressed(enum dress d, struct span in, struct buf *out)
{
	if (d == DRESS_BASE64) {
		add_base64url(out, in);
		return;
	}
	for (size_t i = 0; i < in.len; i++) {
		uint8_t c = (uint8_t)in.p[i];

		if (d == DRESS_HEX) {
			buf_addf(out, "%02x", c);
		} else if (d == DRESS_PERCENT) {
			buf_addf(out, "%%%02X", c);
		} else if (d == DRESS_UNICODE) {
			buf_addf(out, "\\u%04x", c);
		} else {
			buf_add_byte(out, (char)c);
			if (d == DRESS_UTF16)
				buf_add_byte(out, '\0');
		}
	}
}

struct expansion {
	const struct rule *r;
	bool dry; /* only says whether the text is right */
	struct buf *out, *token;
	struct buf second; /* {{token2}} */
	const char *why;
};

static bool has_tokens(struct expansion *x)
{
	if (x->r->type != RULE_REGEX)
		return true;
	x->why = "a \"regex\" rule has no {{token}}; use {{alnum:N}}, {{hex:N}} or {{b64url:N}}";
	return false;
}

static bool need_token(struct expansion *x)
{
	if (!has_tokens(x))
		return false;
	return x->dry || x->token->len || !rule_generate(x->r, 8, x->token);
}

static bool with_count(struct expansion *x, struct span name)
{
	static const struct {
		const char *name, *set;
	} sets[] = { { "hex:", "0-9a-f" },
		     { "alnum:", "0-9A-Za-z" },
		     { "x:", "x" },
		     { "A:", "A" },
		     { "a:", "a" },
		     { "b:", "b" },
		     { "b64url:", "0-9A-Za-z_-" },
		     { "digits:", "0-9" } };
	char digits[8] = "";

	for (size_t i = 0; i < sizeof(sets) / sizeof(sets[0]); i++) {
		struct span rest = span_sub(name, strlen(sets[i].name), name.len);
		long n;

		if (!span_starts(name, span_str(sets[i].name)))
			continue;
		if (!rest.len || rest.len >= sizeof(digits))
			return false;
		memcpy(digits, rest.p, rest.len);
		n = strtol(digits, NULL, 10);
		if (n < 1 || n > 16384 || strspn(digits, "0123456789") != rest.len)
			return false;
		return x->dry || !random_of(sets[i].set, (size_t)n, x->out);
	}
	return false;
}

static bool expand_one(struct expansion *x, struct span name)
{
	static const char *const dresses[] = { "token:base64",  "token:hex",   "token:percent",
					       "token:unicode", "token:utf16", "token" };
	bool patterned = x->r->type == RULE_TOKEN;

	x->why = "unknown {{...}}; see schema/rules.schema.json for what may stand there";
	for (unsigned int i = 0; i <= DRESS_NONE; i++) {
		if (!span_eq_str(name, dresses[i]))
			continue;
		if (!need_token(x))
			return false;
		if (!x->dry)
			add_dressed((enum dress)i, buf_span(x->token), x->out);
		return true;
	}
	if (span_eq_str(name, "token2")) {
		if (!has_tokens(x))
			return false;
		if (!x->dry && !x->second.len && rule_generate(x->r, 5, &x->second))
			return false;
		return !buf_add_span(x->out, buf_span(&x->second));
	}
	if (span_eq_str(name, "badsum")) {
		x->why = "{{badsum}} needs a rule with a check";
		if ((x->r->check == CHECK_NONE && x->r->type != RULE_JWT) || !need_token(x))
			return false;
		if (!x->dry)
			add_badsum(x->r, buf_span(x->token), x->out);
		return true;
	}
	if (span_eq_str(name, "short")) {
		x->why = "{{short}} needs a rule with patterns";
		return patterned && (x->dry || !add_short(x->r, x->out));
	}
	if (span_eq_str(name, "long")) {
		x->why = "{{long}} needs a rule with patterns that have a greatest length";
		return patterned && x->r->patterns[0].pat.max_len <= SCAN_MAX_TOKEN &&
		       (x->dry || !add_long(x->r, x->out));
	}
	if (span_eq_str(name, "jwt"))
		return x->dry || !add_jwt(x->out);
	if (span_eq_str(name, "nul"))
		return !buf_add_byte(x->out, '\0');
	if (span_eq_str(name, "esc"))
		return !buf_add_byte(x->out, 0x1b);
	return with_count(x, name);
}

static int expand(struct expansion *x, const char *text)
{
	const char *p = text, *open, *end;

	x->why = "out of memory";
	while ((open = strstr(p, "{{"))) {
		end = strstr(open, "}}");
		if (!end) {
			x->why = "'{{' without '}}'";
			return -EINVAL;
		}
		buf_add(x->out, p, (size_t)(open - p));
		if (!expand_one(x, span_of(open + 2, (size_t)(end - open) - 2)))
			return -EINVAL;
		p = end + 2;
	}
	return buf_add_str(x->out, p);
}

int rule_expand(const struct rule *r, const char *text, struct buf *out, struct buf *token,
		const char **why)
{
	struct expansion x = { .r = r, .out = out, .token = token };
	int ret;

	x.second = (struct buf)BUF_INIT_WIPE(MAX_TEXT);
	ret = expand(&x, text);
	*why = x.why;
	buf_release(&x.second);
	return ret;
}

int rule_check_text(const struct rule *r, const char *text, const char **why)
{
	struct buf out = BUF_INIT(MAX_TEXT);
	struct expansion x = { .r = r, .dry = true, .out = &out, .token = &out };
	int ret = expand(&x, text);

	*why = x.why;
	buf_release(&out);
	return ret;
}

/* --- running the cases --- */

struct seen {
	const struct rule *r;
	struct span token; /* what must be found; empty: anything */
	bool by_rule, other;
};

static void on_hit(void *arg, const struct hit *hit)
{
	struct seen *s = arg;

	if (strcmp(hit->rule_id, s->r->id) != 0)
		return;
	/* Basic credentials come out decoded. */
	if (!s->token.len || span_eq(hit->value, s->token) || s->r->kind == SECRET_CLIENT_SECRET)
		s->by_rule = true;
	else
		s->other = true;
}

struct run {
	const struct scanner *sc;
	void (*failure)(void *arg, const char *rule, const char *file, unsigned int line,
			const char *what);
	void *arg;
	struct rules_test_result *res;
};

static int run_case(const struct run *run, const struct rule *r, const char *text,
		    unsigned int line, bool match)
{
	struct buf out = BUF_INIT_WIPE(MAX_TEXT), token = BUF_INIT_WIPE(MAX_TEXT);
	struct scan *scan = scan_new(run->sc, NULL);
	struct seen seen = { r, SPAN_NONE, false, false };
	const char *why;
	int ret = scan ? rule_expand(r, text, &out, &token, &why) : -ENOMEM;

	if (!ret) {
		if (match)
			seen.token = buf_span(&token);
		scan_feed(scan, buf_span(&out), on_hit, &seen);
		scan_flush(scan, on_hit, &seen);
		if (match)
			*(seen.by_rule ? &run->res->tp : &run->res->fn) += 1;
		else
			*(seen.by_rule || seen.other ? &run->res->fp : &run->res->tn) += 1;
		why = NULL;
		if (match && !seen.by_rule)
			why = seen.other ? "\"match\": found, but not as the whole token"
					 : "\"match\": not found";
		else if (!match && (seen.by_rule || seen.other))
			why = "\"nomatch\": found";
		if (why && run->failure)
			run->failure(run->arg, r->id, r->file, line, why);
	}
	scan_free(scan);
	buf_release(&out);
	buf_release(&token);
	return ret;
}

static int run_rule(const struct run *run, const struct rule *r)
{
	int ret = 0;

	run->res->rules++;
	for (size_t i = 0; !ret && i < r->match.n; i++)
		ret = run_case(run, r, r->match.v[i], r->match_line[i], true);
	for (size_t i = 0; !ret && i < r->nomatch.n; i++)
		ret = run_case(run, r, r->nomatch.v[i], r->nomatch_line[i], false);
	return ret;
}

int ruleset_test(const struct ruleset *rs,
		 void (*failure)(void *arg, const char *rule, const char *file, unsigned int line,
				 const char *what),
		 void *arg, struct rules_test_result *ret, struct error *err)
{
	struct scanner *sc;
	struct run run = { NULL, failure, arg, ret };
	int r = scanner_new(rs, &sc, err);

	memset(ret, 0, sizeof(*ret));
	if (r)
		return r;
	run.sc = sc;
	for (size_t i = 0; !r && i < rs->rules.n; i++)
		r = run_rule(&run, rs->rules.v[i]);
	for (size_t i = 0; !r && i < rs->keys.n; i++)
		r = run_rule(&run, rs->keys.v[i]);
	scanner_free(sc);
	return r ? error_set(err, r, "cannot run the rules' own tests: %s", strerror(-r)) : 0;
}
