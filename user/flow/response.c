/* SPDX-License-Identifier: BSD-2-Clause */
/* HTTP responses: what the answer to each OAuth message says. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flow/check.h"

/* The redirect URIs of a client of ours, by registration or by its own document. */
static void note_client(struct flows *fs, const struct params *p)
{
	struct span id = params_get(p, "client_id");
	char key[800];
	struct url u;
	int n;

	misc_set(fs, 'C', id);
	for (size_t i = 0; i < p->n; i++) {
		struct span uri = params_value(p, i);

		if (!span_eq_str(params_name(p, i), "redirect_uris"))
			continue;
		n = snprintf(key, sizeof(key), "%.*s %.*s", (int)(id.len < 255 ? id.len : 255),
			     id.p, (int)(uri.len < 511 ? uri.len : 511), uri.p);
		misc_set(fs, 'R', span_of(key, (size_t)n));
		/* The port of a loopback redirect may be any (RFC 8252 7.3). */
		if (url_parse(uri, &u) || !url_host_is_loopback(u.host))
			continue;
		n = snprintf(key, sizeof(key), "%.*s loopback%.*s",
			     (int)(id.len < 255 ? id.len : 255), id.p,
			     (int)(u.path.len < 500 ? u.path.len : 500), u.path.p ? u.path.p : "");
		misc_set(fs, 'R', span_of(key, (size_t)n));
	}
}

static void on_register(struct flows *fs, const struct flow_ctx *ctx, const struct params *p,
			struct flow_xchg *x)
{
	enum birth birth = ctx->server ? BIRTH_NETWORK_OUT : BIRTH_NETWORK_IN;
	struct span id = params_get(p, "client_id");
	struct sec *s;

	if (!id.len)
		return;
	s = sec_learn(fs, ctx, params_get(p, "client_secret"), SECRET_CLIENT_SECRET, birth,
		      "registration response");
	if (s && !s->issuer[0])
		copy_text(s->issuer, sizeof(s->issuer), span_str(x->host));
	if (s && !ctx->server)
		misc_set(fs, 'K', id);
	sec_learn(fs, ctx, params_get(p, "registration_access_token"), SECRET_REGISTRATION_TOKEN,
		  birth, "registration response");
	if (ctx->server)
		note_client(fs, p);
}

/* A client that is named by the URL of a document about it, which we fetch (MCP, Client ID Metadata Documents). */
static void on_client_document(struct flows *fs, const struct flow_ctx *ctx, const struct params *p,
			       const struct flow_xchg *x)
{
	char url[800];

	xchg_url(ctx, x, url, sizeof(url));
	if (params_has(p, "redirect_uris") && span_eq_str(params_get(p, "client_id"), url))
		note_client(fs, p);
}

static void on_device(struct flows *fs, const struct flow_ctx *ctx, const struct params *p,
		      struct flow_xchg *x)
{
	struct sec *s = sec_learn(fs, ctx, params_get(p, "device_code"), SECRET_DEVICE_CODE,
				  ctx->server ? BIRTH_NETWORK_OUT : BIRTH_NETWORK_IN,
				  "device authorization response");
	struct flow *f;

	if (!s)
		return;
	f = flow_new(fs, ctx, ctx->server);
	if (!f)
		return;
	memcpy(f->client_id, x->client_id, sizeof(f->client_id));
	flow_enter(f, PHASE_DEVICE, ctx->now_ns);
	memcpy(s->flow_id, f->id, sizeof(s->flow_id));
	memcpy(x->flow_id, f->id, sizeof(x->flow_id));
}

static void note_hosts(struct flows *fs, const struct flow_ctx *ctx, struct span url)
{
	struct url u;

	char base[800];

	if (ctx->private_peer || ctx->loopback || url_parse(url, &u))
		return;
	misc_set(fs, 'D', u.host);
	url_base(url, base, sizeof(base));
	misc_set(fs, 'E', span_str(base));
}

/* One more item of a blank-separated list; what has no room is left out. */
static void add_item(char *list, size_t cap, struct span item)
{
	size_t n = strlen(list);

	if (n + item.len + 2 > cap)
		return;
	snprintf(list + n, cap - n, "%s%.*s", n ? " " : "", (int)item.len, item.p);
}

static void on_server_meta(struct flows *fs, const struct flow_ctx *ctx, const struct params *p,
			   struct flow_xchg *x)
{
	struct span endpoint = params_get(p, "authorization_endpoint");
	struct fact fact = { .fs = fs, .ctx = ctx, .p = p, .x = x };
	struct meta *m, *old;
	char key[256];

	if (!params_has(p, "issuer") || ctx->server)
		return;
	m = calloc(1, sizeof(*m));
	if (!m)
		return;
	copy_text(m->issuer, sizeof(m->issuer), params_get(p, "issuer"));
	copy_text(m->token, sizeof(m->token), params_get(p, "token_endpoint"));
	copy_text(m->registration, sizeof(m->registration), params_get(p, "registration_endpoint"));
	url_base(endpoint, m->authorization, sizeof(m->authorization));
	memcpy(key, m->authorization, sizeof(key));
	for (size_t i = 0; i < p->n; i++) {
		if (span_eq_str(params_name(p, i), "code_challenge_methods_supported") &&
		    span_eq_str(params_value(p, i), "S256"))
			m->s256 = true;
		if (span_eq_str(params_name(p, i), "scopes_supported"))
			add_item(m->scopes, sizeof(m->scopes), params_value(p, i));
	}
	m->iss_supported = span_eq_str(
		params_get(p, "authorization_response_iss_parameter_supported"), "true");
	for (size_t i = 0; i < p->n; i++) {
		if (span_ends(params_name(p, i), span_str("_endpoint")) ||
		    span_eq_str(params_name(p, i), "jwks_uri"))
			note_hosts(fs, ctx, params_value(p, i));
	}
	fact.meta = m;
	old = table_get(fs->metas, span_str(key));
	if (old && old->issuer_wrong)
		m->issuer_wrong = true;
	if (old)
		m->moved_ns = strcmp(old->token, m->token) != 0 ? ctx->now_ns : old->moved_ns;
	checks_run(&fact, ON_METADATA);
	if (table_put(fs->metas, span_str(key), m))
		free(m);
}

static void on_resource_meta(struct flows *fs, const struct flow_ctx *ctx, const struct params *p)
{
	if (ctx->server) {
		copy_text(fs->own_resource, sizeof(fs->own_resource), params_get(p, "resource"));
		return;
	}
	if (!params_has(p, "authorization_servers") && !params_has(p, "resource"))
		return;
	fs->resource_meta_seen = true;
	for (size_t i = 0; i < p->n; i++) {
		if (span_eq_str(params_name(p, i), "authorization_servers"))
			note_hosts(fs, ctx, params_value(p, i));
	}
}

/* A refresh token takes the access tokens of its grant along (RFC 7009 2.1). */
static void on_revoked(struct flows *fs, const struct flow_ctx *ctx, struct flow_xchg *x)
{
	struct sec *s = sec_find(fs, &x->revoked);
	struct flow *f = s ? flow_find(fs, s->flow_id) : NULL;

	sec_end(fs, &x->revoked, SEC_REVOKED, ctx->now_ns);
	if (!f)
		return;
	if (s->kind == SECRET_REFRESH_TOKEN)
		sec_end(fs, &f->access, SEC_REVOKED, ctx->now_ns);
	flow_enter(f, PHASE_REVOKED, ctx->now_ns);
}

/* The value of a quoted parameter of WWW-Authenticate (RFC 9110 11.6.1). */
static struct span challenge_param(struct span a, struct span name_and_quote)
{
	size_t i = span_find(a, name_and_quote);
	struct span v;

	if (i == SIZE_MAX)
		return SPAN_NONE;
	v = span_sub(a, i + name_and_quote.len, SIZE_MAX);
	return span_sub(v, 0, span_find_byte(v, '"'));
}

/* The URL of the metadata that a 401 points to (RFC 9728 5.1), and the scope that it asks for. */
static void on_challenge(struct flows *fs, const struct flow_ctx *ctx, const struct flow_message *m)
{
	struct span a = http_field_value(m->head, "www-authenticate");
	struct span url = challenge_param(a, SPAN_LIT("resource_metadata=\""));

	if (url.len)
		note_hosts(fs, ctx, url);
	copy_text(fs->asked_scope, sizeof(fs->asked_scope),
		  challenge_param(a, SPAN_LIT("scope=\"")));
}

static void after_bearer(struct flows *fs, const struct flow_ctx *ctx, struct flow_xchg *x,
			 const struct flow_message *m)
{
	struct sec *s = sec_find(fs, &x->bearer);

	if (!s || ctx->server)
		return;
	if (m->head->status >= 200 && m->head->status < 300 && !s->bound[0])
		copy_text(s->bound, sizeof(s->bound), span_str(x->host));
	if (m->head->status == 401 && span_find(http_field_value(m->head, "www-authenticate"),
						SPAN_LIT("invalid_token")) != SIZE_MAX)
		sec_end(fs, &x->bearer, SEC_SPENT, ctx->now_ns);
}

/* A redirect of ours: to an authorization server, or back to a client of ours with a code. */
static void on_location(struct flows *fs, const struct flow_ctx *ctx, struct flow_xchg *x,
			struct span location)
{
	struct params p = PARAMS_INIT;
	struct flow *f = flow_find(fs, x->flow_id);
	struct sec *s;

	if (!flows_url(fs, ctx, location) && !params_add_url(&p, location) &&
	    params_has(&p, "code")) {
		s = sec_learn(fs, ctx, params_get(&p, "code"), SECRET_CODE, BIRTH_NETWORK_OUT,
			      "own authorization response");
		if (s) {
			s->set = SET_DOWNSTREAM;
			if (f)
				memcpy(s->flow_id, f->id, sizeof(s->flow_id));
		}
	}
	params_release(&p);
}

void flows_response(struct flows *fs, const struct flow_ctx *ctx, struct flow_xchg *x,
		    const struct flow_message *m)
{
	struct params p = PARAMS_INIT;
	struct fact fact = { .fs = fs, .ctx = ctx, .m = m, .x = x };
	struct span location = http_field_value(m->head, "location");
	bool ok = m->head->status >= 200 && m->head->status < 300;
	struct flow *failed;

	if (m->body.len)
		message_params(m, &p);
	switch (x->kind) {
	case X_TOKEN:
		token_response(fs, ctx, &p, m, x);
		break;
	case X_REGISTER:
		if (ok)
			on_register(fs, ctx, &p, x);
		break;
	case X_DEVICE:
		if (ok)
			on_device(fs, ctx, &p, x);
		break;
	case X_SERVER_META:
		if (ok)
			on_server_meta(fs, ctx, &p, x);
		break;
	case X_RESOURCE_META:
		if (ok)
			on_resource_meta(fs, ctx, &p);
		break;
	case X_REVOKE:
		if (ok && x->has_revoked)
			on_revoked(fs, ctx, x);
		break;
	case X_PAR:
		failed = !ctx->server && m->head->status >= 400 && m->head->status < 500
				 ? flow_find(fs, x->flow_id)
				 : NULL;
		if (failed)
			flow_enter(failed, PHASE_FAILED, ctx->now_ns);
		break;
	case X_INTROSPECT:
		if (ok && !ctx->server && span_eq_str(params_get(&p, "active"), "false"))
			misc_set(fs, 'X', span_of(x->revoked.b, TAG_LEN));
		break;
	default:
		if (ok && !ctx->server) {
			token_unasked(fs, ctx, &p, x);
			on_client_document(fs, ctx, &p, x);
		}
		break;
	}
	if (!ctx->server && m->head->status == 401)
		on_challenge(fs, ctx, m);
	fact.f = flow_find(fs, x->flow_id);
	fact.ok = ok;
	fact.p = &x->query;
	fact.body = &p;
	fact.bearer = x->has_bearer ? sec_find(fs, &x->bearer) : NULL;
	checks_run(&fact, ctx->server ? ON_SERVER_RESP : ON_CLIENT_RESP);
	if (x->has_bearer)
		after_bearer(fs, ctx, x, m);
	if (ctx->server && location.len)
		on_location(fs, ctx, x, location);
	if (ctx->server && m->head->status == 401 &&
	    http_field_value(m->head, "www-authenticate").len)
		misc_set(fs, 'U', span_str(x->path));
	params_release(&p);
}
