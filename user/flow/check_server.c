/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the tree does as a server: authorization server or proxy (redirects, consent, token answers), and resource
 * server (which bearers it lets in). RFC 9700 4.1, 4.11; RFC 9068 4; MCP Authorization, Security Best Practices.
 */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "flow/check.h"
#include "flow/guess.h"

static struct span location_of(const struct fact *f)
{
	return http_field_value(f->m->head, "location");
}

static bool is_redirect(const struct fact *f)
{
	return f->m->head->status >= 300 && f->m->head->status < 400 && location_of(f).len;
}

struct by_state {
	uint32_t root;
	const char *state;
};

static bool of_client(const struct flow *f, const void *arg)
{
	const struct by_state *b = arg;

	return f->root == b->root && f->as_side && !strcmp(f->state, b->state);
}

/* Registered, or the same loopback redirect with another port (RFC 8252 7.3). */
static bool is_registered(struct flows *fs, const char *client_id, const char *uri)
{
	struct url u;
	char key[1600];
	int n = snprintf(key, sizeof(key), "%s %s", client_id, uri);

	if (misc_has(fs, 'R', span_of(key, (size_t)n)))
		return true;
	if (url_parse(span_str(uri), &u) || !url_host_is_loopback(u.host))
		return false;
	/* Any registered one with this path: the port may be any; it is part of no key then. */
	n = snprintf(key, sizeof(key), "%s loopback%.*s", client_id, (int)u.path.len, u.path.p);
	return misc_has(fs, 'R', span_of(key, (size_t)n));
}

static bool redirect_uri_unregistered(struct fact *f)
{
	struct params p = PARAMS_INIT;
	char base[512], state[1024];
	struct by_state b = { f->ctx->root, state };
	struct flow *flow;
	bool found = false;

	if (!is_redirect(f) || params_add_url(&p, location_of(f)) || !params_has(&p, "code"))
		goto out;
	url_base(location_of(f), base, sizeof(base));
	copy_text(state, sizeof(state), params_get(&p, "state"));
	flow = flow_search(f->fs, of_client, &b);
	/* A registration that was not seen says nothing. */
	if (!flow || !misc_has(f->fs, 'C', span_str(flow->client_id)))
		goto out;
	found = !is_registered(f->fs, flow->client_id, base);
	f->part = FLOW_IN_HEADER;
	if (found)
		fact_say(f, "client %.60s did not register %.100s", flow->client_id, base);
out:
	params_release(&p);
	return found;
}

static bool open_redirect(struct fact *f)
{
	struct span to = location_of(f);
	struct url u;

	if (!is_redirect(f) || f->x->kind == X_AUTHORIZE || url_parse(to, &u))
		return false;
	if (same_host(u.host, span_str(f->x->host)))
		return false;
	for (size_t i = 0; i < f->p->n; i++) {
		struct span name = params_name(f->p, i);

		if (span_eq_str(name, "redirect_uri") || !span_eq(params_value(f->p, i), to))
			continue;
		f->part = FLOW_IN_HEADER;
		fact_say(f, "Location repeats the request's parameter %.*s",
			 (int)(name.len < 40 ? name.len : 40), name.p);
		return true;
	}
	return false;
}

/* Straight on to another authorization server, for a client that registered itself. */
static bool confused_deputy(struct fact *f)
{
	struct params p = PARAMS_INIT;
	bool found = false;

	if (f->x->kind != X_AUTHORIZE)
		return false;
	if (f->m->head->status == 200) {
		misc_set(f->fs, 'P', span_str(f->x->client_id));
		return false;
	}
	if (!is_redirect(f) || f->x->has_cookie ||
	    misc_has(f->fs, 'P', span_str(f->x->client_id)) ||
	    !misc_has(f->fs, 'C', span_str(f->x->client_id)) || params_add_url(&p, location_of(f)))
		goto out;
	found = params_has(&p, "client_id") && params_has(&p, "response_type") &&
		!span_eq_str(params_get(&p, "client_id"), f->x->client_id);
	f->part = FLOW_IN_HEADER;
	if (found)
		fact_say(f, "no page was shown to the person before, and no cookie was sent");
out:
	params_release(&p);
	return found;
}

static bool code_reuse_accepted(struct fact *f)
{
	struct sec *s = f->ctx->server && f->x->has_code ? sec_find(f->fs, &f->x->code) : NULL;

	f->part = FLOW_IN_BODY;
	return s && s->granted;
}

static bool token_response_cacheable(struct fact *f)
{
	struct span c = http_field_value(f->m->head, "cache-control");

	f->part = FLOW_IN_HEADER;
	return f->ctx->server && span_find(c, SPAN_LIT("no-store")) == SIZE_MAX;
}

/* --- resource server --- */

static bool is_result(const struct fact *f)
{
	return f->ok && span_find(f->m->body, SPAN_LIT("\"result\"")) != SIZE_MAX;
}

static bool aud_fits(const struct fact *f, struct span aud)
{
	struct url u, own;

	if (f->fs->own_resource[0] && span_eq_str(aud, f->fs->own_resource))
		return true;
	/* An identifier that is no URL says nothing about where it is for. */
	if (url_parse(aud, &u))
		return !f->fs->own_resource[0];
	if (f->fs->own_resource[0] && !url_parse(span_str(f->fs->own_resource), &own))
		return same_host(u.host, own.host);
	return same_host(u.host, span_str(f->x->host));
}

/* What a bearer says of itself is noted with the request; that it was let in is the fault. */
static bool note_jwt(struct fact *f)
{
	struct params head = PARAMS_INIT, claims = PARAMS_INIT;
	bool is_signed = true, any = false, fits = false;
	int64_t exp;

	if (!f->token.len || jwt_params(f->token, &head, &claims, &is_signed))
		goto out;
	f->x->jwt_unsigned =
		!is_signed || span_eq_nocase(params_get(&head, "alg"), span_str("none"));
	exp = params_number(&claims, "exp");
	f->x->jwt_expired =
		exp > 0 && (uint64_t)exp + 60 < (f->ctx->now_ns + f->fs->cfg.boot_offset_ns) / NS;
	for (size_t i = 0; i < claims.n; i++) {
		if (!span_eq_str(params_name(&claims, i), "aud"))
			continue;
		any = true;
		fits |= aud_fits(f, params_value(&claims, i));
	}
	f->x->jwt_wrong_audience = any && !fits;
out:
	params_release(&head);
	params_release(&claims);
	return false;
}

static bool audience_mismatch(struct fact *f)
{
	f->part = FLOW_IN_BODY;
	return f->x->jwt_wrong_audience && is_result(f);
}

static bool jwt_unsigned(struct fact *f)
{
	f->part = FLOW_IN_BODY;
	return f->x->jwt_unsigned && f->ok;
}

static bool expired_token(struct fact *f)
{
	f->part = FLOW_IN_BODY;
	if (!f->ok || !f->x->has_bearer)
		return false;
	if (!misc_has(f->fs, 'X', span_of(f->x->bearer.b, TAG_LEN)))
		return f->x->jwt_expired;
	fact_say(f, "introspection had answered that it is not active");
	return true;
}

static bool let_in_without_bearer(struct fact *f)
{
	return f->x->post && f->x->calls_tool && !f->x->has_bearer && is_result(f) &&
	       misc_has(f->fs, 'U', span_str(f->x->path));
}

static bool unauthenticated_accepted(struct fact *f)
{
	f->part = FLOW_IN_BODY;
	return let_in_without_bearer(f) && !f->x->known_session;
}

static bool session_as_auth(struct fact *f)
{
	bool is = let_in_without_bearer(f) && f->x->known_session;

	f->part = FLOW_IN_BODY;
	f->fs->session_is_auth |= is;
	return is;
}

/* Where a number at the end of a session id begins; its value in `ret`, as far as 18 digits say. */
static size_t trailing_number(struct span id, uint64_t *ret)
{
	size_t from = id.len;
	uint64_t unit = 1;

	*ret = 0;
	while (from && id.p[from - 1] >= '0' && id.p[from - 1] <= '9' && id.len - from < 18) {
		from--;
		*ret += (uint64_t)(id.p[from] - '0') * unit;
		unit *= 10;
	}
	return from;
}

/* The same as the one before, but for a number that is a little higher. */
static bool follows_last(struct flows *fs, struct span id)
{
	char key[300];
	uint64_t number, step;
	size_t from = trailing_number(id, &number);
	int n;

	if (from == id.len || id.len > 200)
		return false;
	for (step = 1; step <= 8 && step <= number; step++) {
		n = snprintf(key, sizeof(key), "%.*s#%llu", (int)from, id.p,
			     (unsigned long long)(number - step));
		if (misc_has(fs, 'Q', span_of(key, (size_t)n)))
			return true;
	}
	n = snprintf(key, sizeof(key), "%.*s#%llu", (int)from, id.p, (unsigned long long)number);
	misc_set(fs, 'Q', span_of(key, (size_t)n));
	return false;
}

static bool session_id_weak(struct fact *f)
{
	struct span id = http_field_value(f->m->head, "mcp-session-id");

	if (!id.len)
		return false;
	f->fs->sessions = true;
	misc_set(f->fs, 'I', id);
	f->part = FLOW_IN_HEADER;
	if (follows_last(f->fs, id)) {
		fact_say(f, "it is the one before, counted up");
		return true;
	}
	if (id.len >= 16 && guess_bits(id) >= 64 && !guess_is_worded(id) && !guess_counts_up(id) &&
	    !(guess_is_number(id) && id.len < 30))
		return false;
	fact_say(f, "%zu characters%s", id.len,
		 guess_is_number(id) ? ", digits only" : ", which repeat or are words");
	return true;
}

/* A session id that was given out, in a log. */
static bool session_id_logged(struct fact *f)
{
	size_t from, i = 0;
	struct span run;

	while (i < f->value.len) {
		from = i;
		while (i < f->value.len && (isalnum((unsigned char)f->value.p[i]) ||
					    f->value.p[i] == '-' || f->value.p[i] == '_'))
			i++;
		run = span_sub(f->value, from, i - from);
		if (run.len >= 8 && misc_has(f->fs, 'I', run)) {
			/* Common, and harmless as long as it is no credential. */
			f->level = f->fs->session_is_auth ? FLOW_MEDIUM : FLOW_LOW;
			fact_say(f, "a session id of %zu characters is in a log", run.len);
			return !misc_set(f->fs, 'G', run);
		}
		i += i == from;
	}
	return false;
}

/* Inbound /authorize for a token: refused, as it should be, but somebody asked. */
static bool implicit_refused(struct fact *f)
{
	struct params p = PARAMS_INIT;

	if (f->x->kind != X_AUTHORIZE || !list_has(params_get(f->p, "response_type"), "token"))
		return false;
	if (is_redirect(f) && !params_add_url(&p, location_of(f)) &&
	    span_eq_str(params_get(&p, "error"), "unsupported_response_type")) {
		f->level = FLOW_INFO;
		fact_say(f, "a client of this server asked for it, and was refused");
	}
	params_release(&p);
	f->part = FLOW_IN_URL;
	return f->level == FLOW_INFO;
}

/* A page of another site may reach a server on loopback by DNS rebinding. */
static bool note_origin(struct fact *f)
{
	struct span origin = http_field_value(f->m->head, "origin");
	struct url u;

	f->x->foreign_origin = f->ctx->local_loopback && f->x->post && origin.len &&
			       !url_parse(origin, &u) && !url_host_is_loopback(u.host) &&
			       !same_host(u.host, span_str(f->x->host));
	return false;
}

static bool origin_not_checked(struct fact *f)
{
	f->part = FLOW_IN_HEADER;
	return f->x->foreign_origin && f->ok &&
	       span_find(f->m->body, SPAN_LIT("\"jsonrpc\"")) != SIZE_MAX;
}

struct on_port {
	uint32_t root;
	uint16_t port;
};

static bool redirects_to(const struct flow *f, const void *arg)
{
	const struct on_port *d = arg;

	return f->root == d->root && !f->as_side && f->redirect_port == d->port;
}

static bool callback_listener_lingers(struct fact *f)
{
	struct on_port d;
	struct span key = span_of(&d, sizeof(d));
	struct flow *flow;

	memset(&d, 0, sizeof(d)); /* the padding is part of the key */
	d.root = f->ctx->root;
	d.port = f->ctx->local_port;
	if (!d.port)
		return false;
	flow = flow_search(f->fs, redirects_to, &d);
	/* A port that serves anything else is the server's own, not a callback listener. */
	if (!flow || f->x->post)
		misc_set(f->fs, 'L', key);
	if (!flow || !flow->done_ns || f->ctx->now_ns - flow->done_ns <= 60 * NS ||
	    misc_has(f->fs, 'L', key))
		return false;
	fact_say(f, "port %u answers %llu s after the token response", d.port,
		 (unsigned long long)((f->ctx->now_ns - flow->done_ns) / NS));
	return true;
}

/* Only the port of a redirect URI that names loopback. */
static bool callback_nonloopback(struct fact *f)
{
	struct flow *flow = f->f;
	struct url u;

	if (!flow || f->ctx->local_loopback || !f->ctx->local_port ||
	    flow->redirect_port != f->ctx->local_port ||
	    url_parse(span_str(flow->redirect_uri), &u) || !url_host_is_loopback(u.host))
		return false;
	return true;
}

static const struct flow_check list[] = {
	{ "redirect-uri-unregistered", ON_SERVER_RESP, CHECK_EACH, redirect_uri_unregistered },
	{ "open-redirect-on-callback", ON_SERVER_RESP, CHECK_EACH, open_redirect },
	{ "confused-deputy-no-consent", ON_SERVER_RESP, CHECK_HISTORY | CHECK_EACH,
	  confused_deputy },
	{ "code-reuse-accepted-by-as", ON_TOKENS, CHECK_EACH, code_reuse_accepted },
	{ "token-response-cacheable", ON_TOKENS, 0, token_response_cacheable },
	{ "audience-mismatch-accepted", ON_SERVER_REQ, CHECK_EACH, note_jwt },
	{ "audience-mismatch-accepted", ON_SERVER_RESP, CHECK_EACH, audience_mismatch },
	{ "jwt-unsigned-accepted", ON_SERVER_RESP, CHECK_EACH, jwt_unsigned },
	{ "expired-token-accepted", ON_SERVER_RESP, CHECK_EACH, expired_token },
	{ "unauthenticated-request-accepted", ON_SERVER_RESP, CHECK_EACH,
	  unauthenticated_accepted },
	{ "session-id-as-auth", ON_SERVER_RESP, CHECK_EACH, session_as_auth },
	{ "session-id-weak-or-logged", ON_SERVER_RESP, CHECK_EACH, session_id_weak },
	{ "session-id-weak-or-logged", ON_LOG, CHECK_EACH, session_id_logged },
	{ "implicit-response-type", ON_SERVER_RESP, CHECK_EACH, implicit_refused },
	{ "origin-not-checked", ON_SERVER_REQ, CHECK_EACH, note_origin },
	{ "origin-not-checked", ON_SERVER_RESP, CHECK_EACH, origin_not_checked },
	{ "callback-listener-lingers", ON_SERVER_REQ, CHECK_HISTORY, callback_listener_lingers },
	{ "callback-listener-nonloopback", ON_CALLBACK, 0, callback_nonloopback },
};
CHECK_FAMILY(checks_server, list);
