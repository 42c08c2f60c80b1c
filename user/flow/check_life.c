/* SPDX-License-Identifier: BSD-2-Clause */
/* Family E, third part: lives of codes and tokens, scopes, resource. RFC 6749 4.1.2, 6; RFC 8707; OAuth 2.1 4.3. */
#include <string.h>

#include "flow/check.h"

#define DAY 86400

static struct sec *refresh_sent(const struct fact *f)
{
	return !f->ctx->server && f->x->has_refresh ? sec_find(f->fs, &f->x->refresh) : NULL;
}

static bool refresh_reuse(struct fact *f)
{
	struct sec *s = refresh_sent(f);
	uint64_t age;

	if (!s || s->end != SEC_ROTATED)
		return false;
	age = f->ctx->now_ns - s->end_ns;
	/* Parallel refreshes, and the grace that many servers give. */
	if (age <= 60 * NS)
		f->level = FLOW_LOW;
	fact_say(f, "a newer one was issued %llu s ago", (unsigned long long)(age / NS));
	fact_secret(f, params_get(f->p, "refresh_token"), SECRET_REFRESH_TOKEN, FLOW_IN_BODY);
	return true;
}

static bool refresh_not_rotated(struct fact *f)
{
	struct span fresh = params_get(f->p, "refresh_token");
	struct tag t;

	if (f->ctx->server || f->x->grant != G_REFRESH || f->x->client_auth ||
	    span_eq_nocase(params_get(f->p, "token_type"), span_str("dpop")))
		return false;
	f->part = FLOW_IN_BODY;
	if (!fresh.len)
		return true;
	t = tag_of(f->fs, fresh);
	return tag_eq(&t, &f->x->refresh);
}

static bool code_replay(struct fact *f)
{
	struct sec *s = !f->ctx->server && f->x->has_code ? sec_find(f->fs, &f->x->code) : NULL;

	if (!s || (!s->redeemed && !s->refused))
		return false;
	if (!s->redeemed)
		f->level = FLOW_LOW;
	fact_say(f, s->redeemed ? "tokens were already issued for it"
				: "the server had refused it as invalid");
	fact_secret(f, params_get(f->p, "code"), SECRET_CODE, FLOW_IN_BODY);
	return true;
}

static bool code_stale(struct fact *f)
{
	f->part = FLOW_IN_BODY;
	if (f->ctx->server || !f->cb || f->ctx->now_ns - f->cb->ns <= 600 * NS)
		return false;
	fact_say(f, "the callback came %llu s ago",
		 (unsigned long long)((f->ctx->now_ns - f->cb->ns) / NS));
	return true;
}

static bool used_after_revocation(struct fact *f)
{
	struct sec *s = f->bearer;

	if (!s || s->end != SEC_REVOKED || f->ctx->now_ns - s->end_ns < 5 * NS)
		return false;
	fact_secret(f, f->token, SECRET_ACCESS_TOKEN, FLOW_IN_HEADER);
	return true;
}

static bool used_after_expiry(struct fact *f)
{
	struct sec *s = f->bearer;

	if (!s || s->set != SET_OWN || !s->expires_ns || f->ctx->now_ns <= s->expires_ns)
		return false;
	fact_say(f, "it expired %llu s ago",
		 (unsigned long long)((f->ctx->now_ns - s->expires_ns) / NS) + 60);
	fact_secret(f, f->token, SECRET_ACCESS_TOKEN, FLOW_IN_HEADER);
	return true;
}

/* The item of a scope that gives everything, or NULL. */
static const char *broad_scope(struct span scope)
{
	static const char *const broad[] = { "*",
					     "all",
					     "full",
					     "admin",
					     "root",
					     "full_access",
					     "https://mail.google.com/",
					     "https://www.googleapis.com/auth/cloud-platform" };

	for (size_t i = 0; i < sizeof(broad) / sizeof(broad[0]); i++) {
		if (list_has(scope, broad[i]))
			return broad[i];
	}
	return list_has(scope, "repo") && list_has(scope, "delete_repo") ? "repo and delete_repo"
									 : NULL;
}

static bool long_lived(struct fact *f)
{
	int64_t life = params_number(f->p, "expires_in");
	struct params claims = PARAMS_INIT;
	int64_t exp, iat;

	f->part = FLOW_IN_BODY;
	if (!jwt_params(params_get(f->p, "access_token"), NULL, &claims, NULL)) {
		exp = params_number(&claims, "exp");
		iat = params_number(&claims, "iat");
		if (exp > 0 && iat > 0 && exp - iat > life)
			life = exp - iat;
	}
	params_release(&claims);
	if (life > DAY) {
		fact_say(f, "it lives %lld hours", (long long)life / 3600);
		if (!span_eq_nocase(params_get(f->p, "token_type"), span_str("dpop")) && f->f &&
		    broad_scope(span_str(f->f->scope)))
			f->level = FLOW_MEDIUM;
		return true;
	}
	if (life >= 0 || params_has(f->p, "refresh_token"))
		return false;
	f->level = FLOW_INFO;
	fact_say(f, "no expiry is named, and no refresh token came with it");
	return true;
}

/* Everything that the server has, although it had asked for less. */
static bool all_scopes(struct span scope, const char *supported, const char *asked)
{
	struct span rest = span_str(supported), item;
	size_t n = 0, n_asked = 0;

	while (list_next(&rest, &item)) {
		char text[128];

		copy_text(text, sizeof(text), item);
		if (!list_has(scope, text))
			return false;
		n++;
	}
	rest = span_str(asked);
	while (list_next(&rest, &item))
		n_asked++;
	return n_asked && n > n_asked;
}

static bool scope_overbroad(struct fact *f)
{
	struct span scope = params_get(f->p, "scope");
	const char *which = broad_scope(scope);

	f->part = f->par ? FLOW_IN_BODY : FLOW_IN_URL;
	if (which) {
		fact_say(f, "scope has %s", which);
		return true;
	}
	if (!f->meta || !all_scopes(scope, f->meta->scopes, f->fs->asked_scope))
		return false;
	fact_say(f, "it is all of scopes_supported; the server had asked for %.80s",
		 f->fs->asked_scope);
	return true;
}

/* ".default" of a client that acts for itself: every permission that the application was ever given. */
static bool scope_default(struct fact *f)
{
	f->part = FLOW_IN_BODY;
	return !f->ctx->server && f->x->grant == G_CLIENT &&
	       span_ends(span_str(f->x->scope), SPAN_LIT("/.default"));
}

/* An item that was not asked for; what a vendor adds or spells otherwise is left out. */
static bool exceeds(struct span granted, struct span asked, struct span *which)
{
	static const char *const harmless[] = { "openid", "profile", "email", "offline_access" };
	struct span rest = granted, item, one, list;
	bool known;

	while (list_next(&rest, &item)) {
		known = false;
		for (size_t i = 0; i < sizeof(harmless) / sizeof(harmless[0]); i++)
			known |= span_eq_str(item, harmless[i]);
		list = asked;
		while (!known && list_next(&list, &one))
			known = span_eq(one, item) || span_ends(item, one) || span_ends(one, item);
		if (!known) {
			*which = item;
			return true;
		}
	}
	return false;
}

static bool scope_granted_beyond(struct fact *f)
{
	struct span asked, granted = params_get(f->p, "scope"), which;

	if (f->ctx->server || !f->f || !granted.len)
		return false;
	asked = span_str(f->x->scope[0] ? f->x->scope : f->f->scope);
	if (!asked.len || !exceeds(granted, asked, &which))
		return false;
	f->part = FLOW_IN_BODY;
	fact_say(f, "granted beyond the request: %.*s", (int)(which.len < 80 ? which.len : 80),
		 which.p);
	return true;
}

static bool scope_refresh_beyond(struct fact *f)
{
	struct span which;

	if (f->ctx->server || f->x->grant != G_REFRESH || !f->f || !f->f->scope[0] ||
	    !f->x->scope[0] || !exceeds(span_str(f->x->scope), span_str(f->f->scope), &which))
		return false;
	f->part = FLOW_IN_BODY;
	fact_say(f, "asked at refresh beyond the grant: %.*s",
		 (int)(which.len < 80 ? which.len : 80), which.p);
	return true;
}

static bool resource_missing_at_authz(struct fact *f)
{
	f->part = f->par ? FLOW_IN_BODY : FLOW_IN_URL;
	return f->fs->resource_meta_seen && !f->f->by_reference && !params_has(f->p, "resource");
}

static bool resource_missing_at_exchange(struct fact *f)
{
	f->part = FLOW_IN_BODY;
	return f->fs->resource_meta_seen && !f->ctx->server && f->x->grant == G_CODE && f->f &&
	       f->f->resource[0] && !params_has(f->p, "resource");
}

static bool resource_mismatch(struct fact *f)
{
	struct span r = params_get(f->p, "resource");

	if (f->ctx->server || !f->f || !f->f->resource[0] || !r.len ||
	    span_eq_str(r, f->f->resource))
		return false;
	f->part = FLOW_IN_BODY;
	fact_say(f, "the authorization request named %.120s", f->f->resource);
	return true;
}

/* The token of a flow that was for one server, at another. */
static bool resource_elsewhere(struct fact *f)
{
	struct url u;

	if (!f->bearer || f->bearer->set != SET_OWN || !f->f || f->f->as_side ||
	    !f->f->resource[0] || url_parse(span_str(f->f->resource), &u) || f->x->kind != X_OTHER)
		return false;
	if (same_host(u.host, span_str(f->x->host)) || same_site(f->bearer->issuer, f->x->host))
		return false;
	fact_say(f, "the token was asked for with resource %.120s", f->f->resource);
	fact_secret(f, f->token, SECRET_ACCESS_TOKEN, FLOW_IN_HEADER);
	return true;
}

static const struct flow_check list[] = {
	{ "refresh-reuse-after-rotation", ON_EXCHANGE, CHECK_EACH, refresh_reuse },
	{ "refresh-not-rotated", ON_TOKENS, 0, refresh_not_rotated },
	{ "code-replay", ON_EXCHANGE, CHECK_EACH, code_replay },
	{ "code-stale-exchange", ON_EXCHANGE, 0, code_stale },
	{ "token-used-after-revocation", ON_CLIENT_REQ, CHECK_EACH, used_after_revocation },
	{ "token-used-after-expiry", ON_CLIENT_REQ, CHECK_EACH, used_after_expiry },
	{ "long-lived-token", ON_TOKENS, 0, long_lived },
	{ "scope-overbroad", ON_AUTHZ, 0, scope_overbroad },
	{ "scope-overbroad", ON_EXCHANGE, 0, scope_default },
	{ "scope-escalation", ON_TOKENS, 0, scope_granted_beyond },
	{ "scope-escalation", ON_EXCHANGE, 0, scope_refresh_beyond },
	{ "resource-param-missing", ON_AUTHZ, 0, resource_missing_at_authz },
	{ "resource-param-missing", ON_EXCHANGE, 0, resource_missing_at_exchange },
	{ "resource-param-mismatch", ON_EXCHANGE, 0, resource_mismatch },
	{ "resource-param-mismatch", ON_CLIENT_REQ, 0, resource_elsewhere },
};
CHECK_FAMILY(checks_life, list);
