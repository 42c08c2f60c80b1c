/* SPDX-License-Identifier: BSD-2-Clause */
/* Family B: PKCE. RFC 7636; RFC 9700 2.1.1, 4.8; OAuth 2.1 4.1.1, 7.5. */
#include <string.h>

#include "detect/validate.h"
#include "flow/check.h"
#include "flow/guess.h"

static bool asks_code(const struct fact *f)
{
	struct span type = params_get(f->p, "response_type");

	return (!type.len || list_has(type, "code")) && !params_has(f->p, "request_uri") &&
	       !params_has(f->p, "request");
}

static void in_request(struct fact *f)
{
	f->part = f->par ? FLOW_IN_BODY : FLOW_IN_URL;
}

static bool pkce_missing(struct fact *f)
{
	in_request(f);
	if (f->f->has_challenge || !asks_code(f))
		return false;
	fact_say(f, "no code_challenge in the authorization request");
	/* A secret at the exchange and a nonce in the ID token do part of its work (RFC 9700 2.1.1). */
	if (f->f->nonce[0] && misc_has(f->fs, 'K', span_str(f->f->client_id)))
		f->level = FLOW_MEDIUM;
	return true;
}

static bool pkce_plain(struct fact *f)
{
	in_request(f);
	return f->f->has_challenge && !strcmp(f->f->method, "plain");
}

static bool pkce_method_defaulted(struct fact *f)
{
	in_request(f);
	return f->f->has_challenge && !f->f->method[0];
}

static bool is_base64url(const char *s)
{
	return s[strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")] ==
	       '\0';
}

static bool pkce_challenge_malformed(struct fact *f)
{
	in_request(f);
	if (strcmp(f->f->method, "S256") != 0 || !f->f->has_challenge)
		return false;
	if (strlen(f->f->challenge) == CHALLENGE_LEN && is_base64url(f->f->challenge))
		return false;
	fact_say(f, "%zu characters, where SHA-256 gives 43", strlen(f->f->challenge));
	return true;
}

static bool pkce_challenge_reused(struct fact *f)
{
	in_request(f);
	if (!f->other || !f->f->has_challenge || strcmp(f->other->challenge, f->f->challenge) != 0)
		return false;
	fact_say(f, "an earlier authorization request, %llu s ago, had the same challenge",
		 (unsigned long long)((f->ctx->now_ns - f->other->born_ns) / NS));
	return true;
}

static bool pkce_verifier_in_authz_request(struct fact *f)
{
	struct span v = params_get(f->p, "code_verifier");

	if (!v.len)
		return false;
	fact_secret(f, v, SECRET_VERIFIER, f->par ? FLOW_IN_BODY : FLOW_IN_URL);
	return true;
}

static bool pkce_downgrade_retry(struct fact *f)
{
	in_request(f);
	if (!f->other || f->other->phase != PHASE_FAILED || !f->other->has_challenge)
		return false;
	if (f->f->has_challenge &&
	    (strcmp(f->other->method, "S256") != 0 || !strcmp(f->f->method, "S256")))
		return false;
	fact_say(f, "the request that failed before used code_challenge_method=%s",
		 f->other->method[0] ? f->other->method : "plain");
	return true;
}

static bool pkce_unsupported_proceed(struct fact *f)
{
	in_request(f);
	if (!f->meta || f->meta->s256)
		return false;
	/* Only an MCP client must refuse; other authorization servers often just do not say. */
	f->level = f->fs->resource_meta_seen ? FLOW_MEDIUM : FLOW_INFO;
	return true;
}

/* --- at the exchange --- */

static struct span verifier_of(const struct fact *f)
{
	return f->x->grant == G_CODE ? params_get(f->p, "code_verifier") : SPAN_NONE;
}

static bool pkce_verifier_missing(struct fact *f)
{
	if (f->ctx->server || f->x->grant != G_CODE || verifier_of(f).len)
		return false;
	/* Without a challenge there is nothing to prove: pkce-missing has said so. */
	if (f->f && f->f->url_seen && !f->f->has_challenge)
		return false;
	f->part = FLOW_IN_BODY;
	if (params_get(f->p, "code_verifier").p)
		fact_say(f, "code_verifier is there and empty");
	return true;
}

static bool same_challenge(const struct flow *f, const void *arg)
{
	return f->has_challenge && !f->as_side && !strcmp(f->challenge, arg);
}

static bool pkce_verifier_mismatch(struct fact *f)
{
	struct span v = verifier_of(f);
	char text[CHALLENGE_LEN + 1];
	unsigned char hash[32];

	if (!v.len || f->ctx->server || !f->f || !f->f->has_challenge)
		return false;
	flow_challenge(v, hash, text);
	if (!strcmp(text, f->f->challenge) || span_eq_str(v, f->f->challenge))
		return false;
	f->part = FLOW_IN_BODY;
	if (flow_search(f->fs, same_challenge, text)) {
		f->level = FLOW_MEDIUM;
		fact_say(f, "the verifier belongs to another pending authorization");
	}
	return true;
}

static bool unreserved(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
	       c == '-' || c == '.' || c == '_' || c == '~';
}

static bool pkce_verifier_malformed(struct fact *f)
{
	struct span v = verifier_of(f);
	bool bad = v.len < 43 || v.len > 128;

	if (!v.len || f->ctx->server)
		return false;
	for (size_t i = 0; i < v.len; i++)
		bad |= !unreserved(v.p[i]);
	f->part = FLOW_IN_BODY;
	if (bad)
		fact_say(f, "%zu characters; 43 to 128 of A-Z a-z 0-9 - . _ ~ are allowed", v.len);
	return bad;
}

static bool pkce_verifier_low_entropy(struct fact *f)
{
	/* RFC 7636 Appendix B. */
	static const char sample[] = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
	struct span v = verifier_of(f);

	if (!v.len || f->ctx->server)
		return false;
	f->part = FLOW_IN_BODY;
	if (span_eq_str(v, sample)) {
		fact_say(f, "it is the example of RFC 7636 Appendix B");
		return true;
	}
	if (guess_is_number(v) || guess_counts_up(v)) {
		fact_say(f, "digits only, or characters in order");
		return true;
	}
	if (guess_is_worded(v)) {
		fact_say(f, "it is made of words");
		return true;
	}
	if (guess_bits(v) < 100) {
		fact_say(f, "its characters repeat: under 100 bits");
		return true;
	}
	return false;
}

static bool pkce_verifier_reused(struct fact *f)
{
	struct sec *v = sec_find_value(f->fs, verifier_of(f)), *code;

	if (f->ctx->server || !v || !v->redeemed)
		return false;
	/* The same code again is code-replay. */
	code = sec_find(f->fs, &f->x->code);
	if (code && code->redeemed)
		return false;
	f->part = FLOW_IN_BODY;
	return true;
}

static bool pkce_plain_verifier_shown(struct fact *f)
{
	struct span v = verifier_of(f);

	if (!v.len || f->ctx->server || !f->f || !f->f->has_challenge ||
	    !span_eq_str(v, f->f->challenge))
		return false;
	fact_say(f, "the verifier is the code_challenge that the authorization URL showed");
	fact_secret(f, v, SECRET_VERIFIER, FLOW_IN_BODY);
	return true;
}

static bool contains(struct span text, struct span part)
{
	struct buf decoded = BUF_INIT_WIPE(4096);
	bool is = span_find(text, part) != SIZE_MAX;

	if (!is && base64_decode(text, &decoded))
		is = span_find(buf_span(&decoded), part) != SIZE_MAX;
	buf_release(&decoded);
	return is;
}

static bool pkce_verifier_in_state(struct fact *f)
{
	struct span v = verifier_of(f), state, rest;
	size_t dot;

	if (v.len < 16 || f->ctx->server || !f->f || !f->f->has_state)
		return false;
	f->part = FLOW_IN_URL;
	rest = state = span_str(f->f->state);
	if (contains(state, v))
		return true;
	/* The parts of a JWT. */
	while (rest.len) {
		dot = span_find_byte(rest, '.');
		if (contains(span_sub(rest, 0, dot), v))
			return true;
		rest = dot == SIZE_MAX ? SPAN_NONE : span_sub(rest, dot + 1, SIZE_MAX);
	}
	return false;
}

static bool pkce_verifier_without_challenge(struct fact *f)
{
	f->part = FLOW_IN_BODY;
	return verifier_of(f).len && !f->ctx->server && f->f && f->f->url_seen &&
	       !f->f->has_challenge && !f->f->by_reference;
}

static bool pkce_verifier_to_foreign_host(struct fact *f)
{
	struct url u;

	if (!verifier_of(f).len || f->ctx->server || !f->meta ||
	    url_parse(span_str(f->meta->token), &u))
		return false;
	if (same_host(span_str(f->x->host), u.host))
		return false;
	fact_say(f, "the token endpoint of this flow is at another host");
	fact_secret(f, verifier_of(f), SECRET_VERIFIER, FLOW_IN_BODY);
	return true;
}

static const struct flow_check list[] = {
	{ "pkce-missing", ON_AUTHZ, 0, pkce_missing },
	{ "pkce-plain", ON_AUTHZ, 0, pkce_plain },
	{ "pkce-method-defaulted", ON_AUTHZ, 0, pkce_method_defaulted },
	{ "pkce-challenge-malformed", ON_AUTHZ, 0, pkce_challenge_malformed },
	{ "pkce-challenge-reused", ON_AUTHZ, 0, pkce_challenge_reused },
	{ "pkce-verifier-in-authz-request", ON_AUTHZ, 0, pkce_verifier_in_authz_request },
	{ "pkce-downgrade-retry", ON_AUTHZ, 0, pkce_downgrade_retry },
	{ "pkce-unsupported-proceed", ON_AUTHZ, 0, pkce_unsupported_proceed },
	{ "pkce-verifier-missing-at-exchange", ON_EXCHANGE, 0, pkce_verifier_missing },
	{ "pkce-verifier-mismatch", ON_EXCHANGE, 0, pkce_verifier_mismatch },
	{ "pkce-verifier-malformed", ON_EXCHANGE, 0, pkce_verifier_malformed },
	{ "pkce-verifier-low-entropy", ON_EXCHANGE, 0, pkce_verifier_low_entropy },
	{ "pkce-verifier-reused", ON_EXCHANGE, 0, pkce_verifier_reused },
	{ "pkce-verifier-in-authz-request", ON_EXCHANGE, 0, pkce_plain_verifier_shown },
	{ "pkce-verifier-in-state", ON_EXCHANGE, 0, pkce_verifier_in_state },
	{ "pkce-verifier-without-challenge", ON_EXCHANGE, CHECK_HISTORY,
	  pkce_verifier_without_challenge },
	{ "pkce-verifier-to-foreign-host", ON_EXCHANGE, 0, pkce_verifier_to_foreign_host },
};
CHECK_FAMILY(checks_pkce, list);
