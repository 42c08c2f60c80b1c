/* SPDX-License-Identifier: BSD-2-Clause */
/* HTTP requests: which OAuth message each is, by what it holds and by who sent it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/secmem.h"
#include "flow/check.h"

struct request {
	struct params query, body;
	struct span path;
	struct span token; /* of the Authorization header */
	bool dpop;
};

static bool path_has(const struct flow_xchg *x, const char *part)
{
	return strstr(x->path, part) != NULL;
}

/* What documentation writes for a client_id; the last is that of RFC 6749. */
static bool is_placeholder(struct span id)
{
	static const char *const marks[] = { "your",      "YOUR",      "Your",      "<",
					     "{",         "$",         "xxx",       "XXX",
					     "client_id", "CLIENT_ID", "s6BhdRkqt3" };

	for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++) {
		if (span_find(id, span_str(marks[i])) != SIZE_MAX)
			return true;
	}
	return false;
}

static bool is_url_with(const struct params *p)
{
	struct span id = params_get(p, "client_id");

	if (!id.len || is_placeholder(id))
		return false;
	return params_has(p, "response_type") || params_has(p, "request_uri") ||
	       params_has(p, "request") || params_has(p, "redirect_uri");
}

bool flows_url(struct flows *fs, const struct flow_ctx *ctx, struct span url)
{
	struct params p = PARAMS_INIT;
	bool is = false;
	struct url u;

	if (span_find_byte(url, '?') == SIZE_MAX || url_parse(url, &u))
		return false;
	if (!params_add_url(&p, url) && is_url_with(&p) && !params_has(&p, "grant_type") &&
	    !params_has(&p, "code") && !params_has(&p, "access_token")) {
		is = true;
		authz_seen(fs, ctx, &p, url, false);
	}
	params_release(&p);
	return is;
}

void flows_argv(struct flows *fs, const struct flow_ctx *ctx, struct span program, struct span arg)
{
	struct fact fact = { .fs = fs, .ctx = ctx, .url = program, .value = arg };

	checks_run(&fact, ON_ARGV);
}

void flows_env(struct flows *fs, const struct flow_ctx *ctx, struct span name, struct span value)
{
	struct fact fact = { .fs = fs, .ctx = ctx, .url = name, .value = value };

	checks_run(&fact, ON_ENV);
}

/* Looked for by its byte `at`, which logs seldom hold: every log is asked. */
static bool has_word(struct span text, struct span word, size_t at)
{
	const char *p = text.p, *end = text.p + text.len;

	while (p < end && (p = memchr(p, word.p[at], (size_t)(end - p)))) {
		if ((size_t)(p - text.p) >= at && (size_t)(end - p) >= word.len - at &&
		    !memcmp(p - at, word.p, word.len))
			return true;
		p++;
	}
	return false;
}

bool flows_read_log(const struct flows *fs, struct span text)
{
	return fs->sessions || fs->tls_words || has_word(text, SPAN_LIT("TLS_REJECT"), 7) ||
	       has_word(text, SPAN_LIT("InsecureRequestWarning"), 15);
}

void flows_log_word(struct flows *fs, const struct flow_ctx *ctx, struct span word)
{
	struct fact fact = { .fs = fs, .ctx = ctx, .value = word };

	if (flows_read_log(fs, word))
		checks_run(&fact, ON_LOG);
}

static bool is_form(const struct flow_message *m)
{
	struct span type = http_field_value(m->head, "content-type");

	return span_find(type, SPAN_LIT("x-www-form-urlencoded")) != SIZE_MAX;
}

void message_params(const struct flow_message *m, struct params *p)
{
	size_t i = 0;

	while (i < m->body.len && (uint8_t)m->body.p[i] <= ' ')
		i++;
	if (i < m->body.len && m->body.p[i] == '{')
		params_add_json(p, m->body);
	/* Node's http sends a form without saying so, and servers take it. */
	else if (is_form(m) ||
		 (m->head->dir == HTTP_REQUESTS &&
		  !http_field_value(m->head, "content-type").len) ||
		 (m->head->dir == HTTP_RESPONSES &&
		  span_starts(m->body, SPAN_LIT("access_token="))))
		params_add_form(p, m->body);
}

/* Bearer (RFC 6750), DPoP (RFC 9449), and GitHub's "token". */
static void parse_authorization(const struct http_head *h, struct request *r)
{
	struct span a = http_field_value(h, "authorization");
	size_t blank = span_find_byte(a, ' ');
	struct span scheme = span_sub(a, 0, blank);

	if (blank == SIZE_MAX)
		return;
	r->dpop = span_eq_nocase(scheme, span_str("dpop"));
	if (r->dpop || span_eq_nocase(scheme, span_str("bearer")) ||
	    span_eq_nocase(scheme, span_str("token")))
		r->token = span_sub(a, blank + 1, SIZE_MAX);
	while (r->token.len && r->token.p[0] == ' ')
		r->token = span_sub(r->token, 1, SIZE_MAX);
}

static bool looks_like_callback(const struct flow_xchg *x, const struct params *p)
{
	if (!params_has(p, "code") && !params_has(p, "error") && !params_has(p, "access_token") &&
	    !params_has(p, "id_token"))
		return false;
	return params_has(p, "state") || params_has(p, "iss") || params_has(p, "session_state") ||
	       path_has(x, "callback") || path_has(x, "oauth") || path_has(x, "redirect") ||
	       !strcmp(x->path, "/cb");
}

static enum xchg_kind kind_of(const struct flow_ctx *ctx, const struct flow_xchg *x,
			      const struct request *r)
{
	const struct params *b = &r->body;

	if (strstr(x->path, "/.well-known/oauth-protected-resource"))
		return X_RESOURCE_META;
	if (strstr(x->path, "/.well-known/oauth-authorization-server") ||
	    strstr(x->path, "/.well-known/openid-configuration"))
		return X_SERVER_META;
	if (x->post) {
		if (params_has(b, "jsonrpc"))
			return X_OTHER;
		if (params_has(b, "grant_type") || params_has(&r->query, "grant_type") ||
		    (params_has(b, "code") && params_has(b, "client_id")))
			return X_TOKEN;
		if (params_has(b, "redirect_uris"))
			return X_REGISTER;
		if (params_has(b, "response_type") && params_has(b, "client_id"))
			return ctx->server && !path_has(x, "par") ? X_AUTHORIZE : X_PAR;
		if (params_has(b, "token") && path_has(x, "introspect"))
			return X_INTROSPECT;
		if (params_has(b, "token") &&
		    (path_has(x, "revo") || params_has(b, "token_type_hint")))
			return X_REVOKE;
		if (params_has(b, "client_id") && path_has(x, "device"))
			return X_DEVICE;
		if (ctx->server && looks_like_callback(x, b))
			return X_CALLBACK;
	}
	if (ctx->server && is_url_with(&r->query))
		return X_AUTHORIZE;
	if (ctx->server && looks_like_callback(x, &r->query))
		return X_CALLBACK;
	return X_OTHER;
}

static void describe(const struct flow_ctx *ctx, const struct flow_message *m, struct request *r,
		     struct flow_xchg *x)
{
	struct url u;

	x->tls = ctx->tls;
	x->post = span_eq_str(m->head->method, "POST");
	copy_text(x->host, sizeof(x->host), m->head->authority);
	if (!url_parse_target(m->head->target, &u)) {
		r->path = u.path;
		if (u.host.len)
			copy_text(x->host, sizeof(x->host), u.host);
	}
	copy_text(x->path, sizeof(x->path), r->path);
	params_add_url(&r->query, m->head->target);
	if (x->post && m->body.len)
		message_params(m, &r->body);
	parse_authorization(m->head, r);
	x->json = r->body.json;
	x->has_bearer = r->token.len > 0;
	x->has_cookie = http_field_value(m->head, "cookie").len > 0;
	x->calls_tool = span_eq_str(params_get(&r->body, "method"), "tools/call") ||
			span_eq_str(params_get(&r->body, "method"), "resources/read");
	x->kind = kind_of(ctx, x, r);
}

void xchg_url(const struct flow_ctx *ctx, const struct flow_xchg *x, char *out, size_t cap)
{
	snprintf(out, cap, "%s://%s%s", ctx->tls ? "https" : "http", x->host, x->path);
}

static void learn_bearer(struct flows *fs, const struct flow_ctx *ctx, struct request *r,
			 struct flow_xchg *x, struct fact *fact)
{
	struct sec *s = sec_find_value(fs, r->token);

	if (!s) {
		s = sec_learn(fs, ctx, r->token, SECRET_BEARER,
			      ctx->server ? BIRTH_NETWORK_IN : BIRTH_NETWORK_OUT,
			      "Authorization header");
		if (s && ctx->server)
			s->set = SET_INBOUND;
	}
	x->bearer = tag_of(fs, r->token);
	fact->bearer = s;
	fact->token = r->token;
	if (s)
		memcpy(x->flow_id, s->flow_id, sizeof(x->flow_id));
}

static void note_session(struct flows *fs, const struct flow_ctx *ctx, const struct http_head *h,
			 struct flow_xchg *x)
{
	struct span id = http_field_value(h, "mcp-session-id");

	if (!ctx->server || !id.len)
		return;
	x->known_session = misc_has(fs, 'S', id);
	if (x->has_bearer)
		misc_set(fs, 'S', id);
}

static void handle_request(struct flows *fs, const struct flow_ctx *ctx,
			   const struct flow_message *m, struct request *r, struct flow_xchg *x,
			   struct fact *fact)
{
	const struct params *p = r->body.n ? &r->body : &r->query;
	struct span token = params_get(p, "token");
	struct flow *f;
	char url[800];

	xchg_url(ctx, x, url, sizeof(url));
	switch (x->kind) {
	case X_TOKEN:
		token_request(fs, ctx, p, m, x);
		break;
	case X_PAR:
		if (ctx->server)
			break;
		f = authz_seen(fs, ctx, p, span_str(url), true);
		if (f)
			memcpy(x->flow_id, f->id, sizeof(x->flow_id));
		if (params_has(p, "client_secret"))
			misc_set(fs, 'K', params_get(p, "client_id"));
		sec_learn(fs, ctx, params_get(p, "client_secret"), SECRET_CLIENT_SECRET,
			  BIRTH_NETWORK_OUT, "pushed authorization request");
		break;
	case X_DEVICE:
		copy_text(x->client_id, sizeof(x->client_id), params_get(p, "client_id"));
		break;
	case X_REGISTER:
		fact->p = p;
		checks_run(fact, ON_REGISTER);
		break;
	case X_REVOKE:
	case X_INTROSPECT:
		x->has_revoked = x->kind == X_REVOKE;
		if (token.len)
			x->revoked = tag_of(fs, token);
		break;
	case X_AUTHORIZE:
		copy_text(x->client_id, sizeof(x->client_id), params_get(p, "client_id"));
		copy_text(x->redirect_uri, sizeof(x->redirect_uri), params_get(p, "redirect_uri"));
		server_authorize(fs, ctx, p, x);
		break;
	case X_CALLBACK:
		callback_seen(fs, ctx, params_has(&r->query, "state") || !r->body.n ? &r->query : p,
			      r->path, x);
		break;
	default:
		break;
	}
}

struct flow_xchg *flows_request(struct flows *fs, const struct flow_ctx *ctx,
				const struct flow_message *m)
{
	struct flow_xchg *x = secmem_calloc(1, sizeof(*x));
	struct request r = { .query = PARAMS_INIT, .body = PARAMS_INIT };
	struct fact fact = { .fs = fs, .ctx = ctx, .m = m, .x = x };

	if (!x)
		return NULL;
	x->query = (struct params)PARAMS_INIT;
	describe(ctx, m, &r, x);
	if (x->has_bearer)
		learn_bearer(fs, ctx, &r, x, &fact);
	note_session(fs, ctx, m->head, x);
	handle_request(fs, ctx, m, &r, x, &fact);
	fact.f = flow_find(fs, x->flow_id);
	fact.p = &r.query;
	fact.body = &r.body;
	checks_run(&fact, ctx->server ? ON_SERVER_REQ : ON_CLIENT_REQ);
	if (ctx->server) {
		x->query = r.query;
		r.query = (struct params)PARAMS_INIT;
	}
	params_release(&r.query);
	params_release(&r.body);
	return x;
}

struct flow_xchg *flow_xchg_free(struct flow_xchg *x)
{
	if (x)
		params_release(&x->query);
	secmem_free(x);
	return NULL;
}
