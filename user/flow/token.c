/* SPDX-License-Identifier: BSD-2-Clause */
/* The token endpoint, from both sides: RFC 6749 4.1.3, 5, 6; RFC 8628 3.4; RFC 8693; RFC 7523. */
#include <stdio.h>
#include <string.h>

#include "detect/validate.h"
#include "flow/check.h"

struct asked {
	uint32_t root;
	bool as_side;
	const struct params *p;
	const char *challenge; /* of the verifier sent */
	const char *redirect_uri, *client_id;
};

static bool by_challenge(const struct flow *f, const void *arg)
{
	const struct asked *a = arg;

	return f->root == a->root && f->as_side == a->as_side && a->challenge[0] &&
	       !strcmp(f->challenge, a->challenge);
}

static bool by_request(const struct flow *f, const void *arg)
{
	const struct asked *a = arg;

	if (f->root != a->root || f->as_side != a->as_side || f->done_ns)
		return false;
	if (a->redirect_uri[0] && f->redirect_uri[0] &&
	    strcmp(a->redirect_uri, f->redirect_uri) != 0)
		return false;
	return !a->client_id[0] || !strcmp(a->client_id, f->client_id);
}

static enum grant grant_of(const struct params *p)
{
	struct span g = params_get(p, "grant_type");

	if (!g.len)
		return params_has(p, "code") ? G_CODE : G_NONE;
	if (span_eq_str(g, "authorization_code"))
		return G_CODE;
	if (span_eq_str(g, "refresh_token"))
		return G_REFRESH;
	if (span_eq_str(g, "client_credentials"))
		return G_CLIENT;
	if (span_eq_str(g, "password"))
		return G_PASSWORD;
	if (span_eq_str(g, "urn:ietf:params:oauth:grant-type:device_code"))
		return G_DEVICE;
	if (span_ends(g, span_str("token-exchange")) || span_ends(g, span_str("jwt-bearer")))
		return G_EXCHANGE;
	return G_NONE;
}

static struct sec *learn(struct flows *fs, const struct flow_ctx *ctx, const struct params *p,
			 const char *name, enum secret_kind kind, const char *how,
			 const struct flow_xchg *x)
{
	struct sec *s = sec_learn(fs, ctx, params_get(p, name), kind,
				  ctx->server ? BIRTH_NETWORK_IN : BIRTH_NETWORK_OUT, how);

	if (s && ctx->server && s->set == SET_OWN && s->born_ns == ctx->now_ns)
		s->set = SET_DOWNSTREAM;
	if (s && !s->issuer[0] && kind != SECRET_CODE)
		copy_text(s->issuer, sizeof(s->issuer), span_str(x->host));
	if (s && !s->flow_id[0])
		memcpy(s->flow_id, x->flow_id, sizeof(s->flow_id));
	return s;
}

/* RFC 6749 2.3.1: client_id and client_secret of the header. */
static void learn_basic(struct flows *fs, const struct flow_ctx *ctx, const struct flow_message *m,
			struct flow_xchg *x)
{
	struct span a = http_field_value(m->head, "authorization");
	struct buf id = BUF_INIT(4096), secret = BUF_INIT_WIPE(4096);
	struct sec *s;

	if (a.len > 6 && span_eq_nocase(span_sub(a, 0, 6), span_str("basic "))) {
		x->client_auth = true;
		if (basic_decode(span_sub(a, 6, SIZE_MAX), &id, &secret)) {
			x->has_secret = true;
			x->secret = tag_of(fs, buf_span(&secret));
			s = sec_learn(fs, ctx, buf_span(&secret), SECRET_CLIENT_SECRET,
				      ctx->server ? BIRTH_NETWORK_IN : BIRTH_NETWORK_OUT,
				      "client authentication");
			if (s && !s->issuer[0])
				copy_text(s->issuer, sizeof(s->issuer), span_str(x->host));
		}
		if (id.len)
			copy_text(x->client_id, sizeof(x->client_id), buf_span(&id));
	}
	buf_release(&id);
	buf_release(&secret);
}

static struct flow *flow_of(struct flows *fs, const struct flow_ctx *ctx, const struct params *p,
			    struct callback *cb, struct flow_xchg *x)
{
	struct asked a = { .root = ctx->root,
			   .as_side = ctx->server,
			   .p = p,
			   .redirect_uri = x->redirect_uri,
			   .client_id = x->client_id };
	struct span v = params_get(p, "code_verifier");
	unsigned char hash[32];
	char challenge[CHALLENGE_LEN + 1] = "";
	struct flow *f = NULL;
	struct sec *s;

	if (cb && cb->flow_id[0])
		f = flow_find(fs, cb->flow_id);
	if (!f && x->grant == G_REFRESH) {
		s = sec_find(fs, &x->refresh);
		f = s ? flow_find(fs, s->flow_id) : NULL;
		return f;
	}
	if (!f && x->grant == G_DEVICE) {
		s = sec_find_value(fs, params_get(p, "device_code"));
		return s ? flow_find(fs, s->flow_id) : NULL;
	}
	if (f || x->grant != G_CODE)
		return f;
	if (x->has_code) {
		s = sec_find(fs, &x->code);
		f = s ? flow_find(fs, s->flow_id) : NULL;
		if (f && f->as_side == ctx->server)
			return f;
	}
	if (v.len) {
		flow_challenge(v, hash, challenge);
		a.challenge = challenge;
		f = flow_search(fs, by_challenge, &a);
		if (f)
			return f;
	}
	return flow_search(fs, by_request, &a);
}

struct by_token {
	const char *url;
	const struct meta *found;
};

static bool has_token_endpoint(void *arg, struct span key, void *value)
{
	struct by_token *b = arg;
	const struct meta *m = value;

	(void)key;
	if (strcmp(m->token, b->url) != 0)
		return true;
	b->found = m;
	return false;
}

/* Of a flow without an authorization endpoint: by the token endpoint that it asks. */
static void find_issuer(struct flows *fs, const struct flow_ctx *ctx, const struct flow_xchg *x,
			struct flow *f)
{
	char url[800];
	struct by_token b = { url, NULL };

	snprintf(url, sizeof(url), "%s://%s%s", ctx->tls ? "https" : "http", x->host, x->path);
	table_walk(fs->metas, has_token_endpoint, &b);
	if (b.found)
		memcpy(f->issuer, b.found->issuer, sizeof(f->issuer));
}

void token_request(struct flows *fs, const struct flow_ctx *ctx, const struct params *p,
		   const struct flow_message *m, struct flow_xchg *x)
{
	struct fact fact = { .fs = fs, .ctx = ctx, .p = p, .m = m, .x = x };
	struct span code = params_get(p, "code"), refresh = params_get(p, "refresh_token");
	struct flow *f;

	x->grant = grant_of(p);
	x->client_auth = params_has(p, "client_secret") || params_has(p, "client_assertion");
	copy_text(x->client_id, sizeof(x->client_id), params_get(p, "client_id"));
	learn_basic(fs, ctx, m, x);
	if (params_has(p, "client_secret")) {
		x->has_secret = true;
		x->secret = tag_of(fs, params_get(p, "client_secret"));
	}
	/* A client that can keep a secret: pkce-missing asks. */
	if (!ctx->server && x->client_auth && x->client_id[0])
		misc_set(fs, 'K', span_str(x->client_id));
	copy_text(x->redirect_uri, sizeof(x->redirect_uri), params_get(p, "redirect_uri"));
	copy_text(x->scope, sizeof(x->scope), params_get(p, "scope"));
	x->has_code = x->grant == G_CODE && code.len;
	if (x->has_code)
		x->code = tag_of(fs, code);
	x->has_refresh = x->grant == G_REFRESH && refresh.len;
	if (x->has_refresh)
		x->refresh = tag_of(fs, refresh);
	x->has_verifier = params_has(p, "code_verifier");
	if (x->has_verifier)
		x->verifier = tag_of(fs, params_get(p, "code_verifier"));
	if (x->has_code && !ctx->server)
		fact.cb = table_get(fs->callbacks, span_of(x->code.b, TAG_LEN));
	f = flow_of(fs, ctx, p, fact.cb, x);
	if (!f && x->grant != G_NONE && x->grant != G_REFRESH) {
		f = flow_new(fs, ctx, ctx->server);
		if (f)
			copy_text(f->client_id, sizeof(f->client_id), span_str(x->client_id));
	}
	fact.f = f;
	if (f) {
		memcpy(x->flow_id, f->id, sizeof(x->flow_id));
		if (!f->issuer[0] && x->grant != G_CODE)
			find_issuer(fs, ctx, x, f);
		if (!f->token_host[0])
			memcpy(f->token_host, x->host, sizeof(f->token_host));
		flow_enter(f,
			   x->grant == G_REFRESH  ? PHASE_REFRESH
			   : x->grant == G_DEVICE ? PHASE_DEVICE
						  : PHASE_EXCHANGE,
			   ctx->now_ns);
		fact.meta = f->endpoint[0] ? table_get(fs->metas, span_str(f->endpoint)) : NULL;
	}
	checks_run(&fact, ON_EXCHANGE);
	learn(fs, ctx, p, "code", SECRET_CODE, "token request", x);
	learn(fs, ctx, p, "code_verifier", SECRET_VERIFIER, "token request", x);
	learn(fs, ctx, p, "refresh_token", SECRET_REFRESH_TOKEN, "refresh request", x);
	learn(fs, ctx, p, "client_secret", SECRET_CLIENT_SECRET, "token request", x);
	learn(fs, ctx, p, "client_assertion", SECRET_ASSERTION, "token request", x);
	learn(fs, ctx, p, "assertion", SECRET_ASSERTION, "token request", x);
	learn(fs, ctx, p, "device_code", SECRET_DEVICE_CODE, "device flow poll", x);
	/* Often a token that is known as such (RFC 8693 2.1). */
	if (!sec_find_value(fs, params_get(p, "subject_token")))
		learn(fs, ctx, p, "subject_token", SECRET_ASSERTION, "token exchange", x);
}

static void learn_token(struct flows *fs, const struct flow_ctx *ctx, const struct params *p,
			const char *name, enum secret_kind kind, const struct flow_xchg *x)
{
	struct sec *s =
		sec_learn(fs, ctx, params_get(p, name), kind,
			  ctx->server ? BIRTH_NETWORK_OUT : BIRTH_NETWORK_IN, "token response");
	int64_t life = params_number(p, "expires_in");

	if (!s)
		return;
	if (!ctx->server)
		s->set = SET_OWN;
	else if (s->born_ns == ctx->now_ns)
		s->set = SET_DOWNSTREAM;
	copy_text(s->issuer, sizeof(s->issuer), span_str(x->host));
	memcpy(s->flow_id, x->flow_id, sizeof(s->flow_id));
	if (kind == SECRET_ACCESS_TOKEN && life > 0)
		s->expires_ns = ctx->now_ns + ((uint64_t)life + 60) * NS;
	if (kind == SECRET_ACCESS_TOKEN)
		s->dpop = span_eq_nocase(params_get(p, "token_type"), span_str("dpop"));
}

static void refused(struct flows *fs, const struct flow_ctx *ctx, const struct params *p,
		    struct flow_xchg *x, struct flow *f)
{
	struct span error = params_get(p, "error");
	struct sec *s;

	if (!span_eq_str(error, "invalid_grant") && !span_eq_str(error, "expired_token") &&
	    !span_eq_str(error, "access_denied"))
		return;
	s = x->has_code ? sec_find(fs, &x->code) : NULL;
	if (s) {
		s->refused = true;
		sec_end(fs, &x->code, SEC_SPENT, ctx->now_ns);
	}
	if (f && x->grant == G_CODE) {
		flow_enter(f, PHASE_FAILED, ctx->now_ns);
		if (f->has_challenge && fs->pending_challenges)
			fs->pending_challenges--;
	}
}

static void spend(struct flows *fs, const struct flow_ctx *ctx, const struct flow_xchg *x,
		  struct span new_refresh)
{
	struct sec *s;

	if (x->has_code) {
		s = sec_find(fs, &x->code);
		/* A proxy may do both with one code. */
		if (s && ctx->server)
			s->granted++;
		else if (s)
			s->redeemed++;
		sec_end(fs, &x->code, SEC_SPENT, ctx->now_ns);
	}
	if (x->has_verifier) {
		s = sec_find(fs, &x->verifier);
		if (s && !ctx->server)
			s->redeemed++;
		sec_end(fs, &x->verifier, SEC_SPENT, ctx->now_ns);
	}
	if (x->has_refresh && new_refresh.len) {
		struct tag t = tag_of(fs, new_refresh);

		if (!tag_eq(&t, &x->refresh))
			sec_end(fs, &x->refresh, SEC_ROTATED, ctx->now_ns);
	}
}

static void learn_tokens(struct flows *fs, const struct flow_ctx *ctx, const struct params *p,
			 const struct flow_xchg *x)
{
	learn_token(fs, ctx, p, "access_token", SECRET_ACCESS_TOKEN, x);
	learn_token(fs, ctx, p, "refresh_token", SECRET_REFRESH_TOKEN, x);
	learn_token(fs, ctx, p, "id_token", SECRET_ID_TOKEN, x);
}

void token_unasked(struct flows *fs, const struct flow_ctx *ctx, const struct params *p,
		   const struct flow_xchg *x)
{
	if (params_has(p, "access_token"))
		learn_tokens(fs, ctx, p, x);
}

void token_response(struct flows *fs, const struct flow_ctx *ctx, const struct params *p,
		    const struct flow_message *m, struct flow_xchg *x)
{
	struct fact fact = { .fs = fs, .ctx = ctx, .p = p, .m = m, .x = x };
	struct flow *f = flow_find(fs, x->flow_id);

	fact.f = f;
	/* GitHub answers 200 to what it refuses. */
	if (!params_has(p, "access_token")) {
		refused(fs, ctx, p, x, f);
		/* What a client may answer with less protection: pkce-downgrade-retry asks. */
		if (f && x->grant == G_CODE && m->head->status >= 400 && m->head->status < 500 &&
		    !span_eq_str(params_get(p, "error"), "use_dpop_nonce"))
			flow_enter(f, PHASE_FAILED, ctx->now_ns);
		return;
	}
	if (m->head->status < 200 || m->head->status > 299)
		return;
	fact.ok = true;
	checks_run(&fact, ON_TOKENS);
	spend(fs, ctx, x, params_get(p, "refresh_token"));
	learn_tokens(fs, ctx, p, x);
	if (!f)
		return;
	f->access = tag_of(fs, params_get(p, "access_token"));
	if (x->grant != G_REFRESH)
		flow_done(fs, f, ctx->now_ns);
	if (params_has(p, "scope"))
		copy_text(f->scope, sizeof(f->scope), params_get(p, "scope"));
	flow_enter(f, PHASE_IN_USE, ctx->now_ns);
}
