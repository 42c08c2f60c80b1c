/* SPDX-License-Identifier: BSD-2-Clause */
/* Family E, first part: where secrets are sent. RFC 6750 2.3, 5.3; RFC 9700 4.9; MCP Token Passthrough. */
#include <string.h>

#include "detect/validate.h"
#include "flow/check.h"

static const char *const query_names[] = { "access_token", "token", "oauth_token", "auth_token",
					   "bearer_token" };

static bool is_oauth_endpoint(const struct flow_xchg *x)
{
	return x->kind == X_TOKEN || x->kind == X_REVOKE || x->kind == X_INTROSPECT ||
	       x->kind == X_PAR || x->kind == X_DEVICE || x->kind == X_REGISTER;
}

static bool token_in_query(struct fact *f)
{
	struct span v;
	struct sec *s;

	if (f->x->kind == X_CALLBACK)
		return false;
	for (size_t i = 0; i < sizeof(query_names) / sizeof(query_names[0]); i++) {
		v = params_get(f->p, query_names[i]);
		s = sec_find_value(f->fs, v);
		if (!s && !(i == 0 && v.len >= 16))
			continue;
		if (s && (s->kind == SECRET_STATE || s->kind == SECRET_CODE))
			continue;
		fact_secret(f, v, SECRET_ACCESS_TOKEN, FLOW_IN_URL);
		return true;
	}
	return false;
}

static bool client_secret_in_query(struct fact *f)
{
	struct span v = params_get(f->p, "client_secret");

	if (!v.len)
		return false;
	fact_secret(f, v, SECRET_CLIENT_SECRET, FLOW_IN_URL);
	return true;
}

static bool is_telemetry(const struct fact *f)
{
	static const char *const paths[] = { "/v1/logs", "/v1/traces", "/v1/metrics", "/envelope/",
					     "/store/" };
	static const char *const hosts[] = { "sentry.io",   "datadoghq.com", "newrelic.com",
					     "segment.io",  "mixpanel.com",  "honeycomb.io",
					     "posthog.com", "amplitude.com", "bugsnag.com" };

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		if (span_ends(span_str(f->x->path), span_str(paths[i])))
			return true;
	}
	for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
		if (same_site(f->x->host, hosts[i]))
			return true;
	}
	return false;
}

/* A host that the token says it is for, in its audience or by the resource of its flow. */
static bool is_declared(const struct fact *f, const struct sec *s)
{
	struct params claims = PARAMS_INIT;
	struct flow *flow = flow_find(f->fs, s->flow_id);
	struct url u;
	bool is = flow && flow->resource[0] && !url_parse(span_str(flow->resource), &u) &&
		  same_host(u.host, span_str(f->x->host));

	if (!is && !jwt_params(f->token, NULL, &claims, NULL)) {
		for (size_t i = 0; i < claims.n; i++)
			is |= span_eq_str(params_name(&claims, i), "aud") &&
			      !url_parse(params_value(&claims, i), &u) &&
			      same_host(u.host, span_str(f->x->host));
	}
	params_release(&claims);
	return is;
}

/* A token that the tree obtained, at another site than the one it was issued by or first accepted at. */
static bool token_to_unexpected_host(struct fact *f)
{
	struct sec *s = f->bearer;

	if (!s || s->set != SET_OWN || !s->bound[0] || s->kind == SECRET_REFRESH_TOKEN)
		return false;
	if (same_site(s->bound, f->x->host) || (s->issuer[0] && same_site(s->issuer, f->x->host)))
		return false;
	if (is_oauth_endpoint(f->x) || is_declared(f, s))
		return false;
	fact_say(f, "until now it was used at %.100s", s->bound);
	fact_secret(f, f->token, SECRET_ACCESS_TOKEN, FLOW_IN_HEADER);
	return true;
}

static bool is_own(const struct sec *s)
{
	return s->set == SET_OWN && s->kind != SECRET_STATE;
}

static bool is_clients(const struct sec *s)
{
	return s->set == SET_INBOUND || s->set == SET_DOWNSTREAM;
}

static bool is_refresh(const struct sec *s)
{
	return s->kind == SECRET_REFRESH_TOKEN && s->set == SET_OWN;
}

/* The collector's own key is in its header and from no flow. */
static bool token_to_telemetry(struct fact *f)
{
	struct span which;

	if (!is_telemetry(f))
		return false;
	if (f->bearer && f->bearer->set == SET_OWN && f->bearer->bound[0] &&
	    !same_site(f->bearer->bound, f->x->host)) {
		fact_secret(f, f->token, SECRET_ACCESS_TOKEN, FLOW_IN_HEADER);
		return true;
	}
	if (!sec_in_text(f->fs, f->m->body, is_own, &which))
		return false;
	fact_secret(f, which, SECRET_ACCESS_TOKEN, FLOW_IN_BODY);
	return true;
}

static bool token_passthrough(struct fact *f)
{
	struct sec *s = f->bearer;
	struct span which;

	if (s && s->set != SET_OWN) {
		fact_say(f, s->set == SET_INBOUND ? "it came in a client's Authorization header"
						  : "this server issued it to a client of its own");
		fact_secret(f, f->token, SECRET_ACCESS_TOKEN, FLOW_IN_HEADER);
		return true;
	}
	/* Exchange, introspection and revocation are what RFC 8693, 7662 and 7009 are for. */
	if (is_oauth_endpoint(f->x))
		return false;
	for (size_t i = 0; i < f->p->n; i++) {
		s = sec_find_value(f->fs, params_value(f->p, i));
		if (!s || s->set == SET_OWN)
			continue;
		fact_secret(f, params_value(f->p, i), SECRET_ACCESS_TOKEN, FLOW_IN_URL);
		return true;
	}
	if (!sec_in_text(f->fs, f->m->body, is_clients, &which))
		return false;
	fact_secret(f, which, SECRET_ACCESS_TOKEN, FLOW_IN_BODY);
	return true;
}

static bool refresh_token_to_resource(struct fact *f)
{
	struct span v;
	struct sec *s = f->bearer;

	if (s && s->kind == SECRET_REFRESH_TOKEN) {
		fact_secret(f, f->token, SECRET_REFRESH_TOKEN, FLOW_IN_HEADER);
		return true;
	}
	if (is_oauth_endpoint(f->x))
		return false;
	for (size_t i = 0; i < f->p->n; i++) {
		v = params_value(f->p, i);
		s = sec_find_value(f->fs, v);
		if (s && s->kind == SECRET_REFRESH_TOKEN) {
			fact_secret(f, v, SECRET_REFRESH_TOKEN, FLOW_IN_URL);
			return true;
		}
	}
	s = sec_in_text(f->fs, f->m->body, is_refresh, &v);
	if (s && s->issuer[0] && !same_site(s->issuer, f->x->host)) {
		fact_secret(f, v, SECRET_REFRESH_TOKEN, FLOW_IN_BODY);
		return true;
	}
	return false;
}

static bool id_token_as_bearer(struct fact *f)
{
	struct params head = PARAMS_INIT, claims = PARAMS_INIT;
	struct span typ, aud;
	bool is = false;

	if (!f->token.len || jwt_params(f->token, &head, &claims, NULL))
		goto out;
	typ = params_get(&head, "typ");
	aud = params_get(&claims, "aud");
	is = params_has(&claims, "nonce") || params_has(&claims, "at_hash") ||
	     (f->f && f->f->client_id[0] && span_eq_str(aud, f->f->client_id) &&
	      !span_eq_nocase(typ, span_str("at+jwt")));
	if (is)
		fact_secret(f, f->token, SECRET_ID_TOKEN, FLOW_IN_HEADER);
out:
	params_release(&head);
	params_release(&claims);
	return is;
}

static bool dpop_downgrade(struct fact *f)
{
	struct span a = http_field_value(f->m->head, "authorization");

	if (!f->bearer || !f->bearer->dpop ||
	    !span_eq_nocase(span_sub(a, 0, 7), span_str("bearer ")))
		return false;
	fact_secret(f, f->token, SECRET_ACCESS_TOKEN, FLOW_IN_HEADER);
	return true;
}

static bool dpop_proof_replayed(struct fact *f)
{
	struct span proof = http_field_value(f->m->head, "dpop");

	f->part = FLOW_IN_HEADER;
	return proof.len && misc_set(f->fs, 'J', proof);
}

static bool is_mirror(struct span name)
{
	return span_eq_nocase(span_sub(name, 0, 10), span_str("mcp-param-")) ||
	       span_eq_nocase(name, span_str("mcp-name"));
}

static bool is_secret(const struct sec *s)
{
	return s->kind != SECRET_STATE;
}

/* As it is, or as MCP 2026-07-28 wraps what no header may hold: =?base64?...?= */
static bool token_in_mcp_header(struct fact *f)
{
	const struct http_head *h = f->m->head;
	struct buf decoded = BUF_INIT_WIPE(8192);
	struct span v, which, wrapped;
	bool found = false;

	for (size_t i = 0; i < h->n_fields && !found; i++) {
		if (!is_mirror(h->fields[i].name))
			continue;
		v = h->fields[i].value;
		found = sec_in_text(f->fs, v, is_secret, &which) != NULL;
		if (!found && span_starts(v, SPAN_LIT("=?base64?"))) {
			wrapped = span_sub(v, 9, SIZE_MAX);
			wrapped = span_sub(wrapped, 0, span_find(wrapped, SPAN_LIT("?=")));
			buf_clear(&decoded);
			if (base64_decode(wrapped, &decoded) &&
			    sec_in_text(f->fs, buf_span(&decoded), is_secret, &which)) {
				/* The value lies in `decoded`, which goes: report here. */
				fact_secret(f, which, SECRET_ACCESS_TOKEN, FLOW_IN_HEADER);
				fact_report(f,
					    &(struct flow_check){ .rule = "token-in-mcp-header" });
				break;
			}
		}
	}
	if (found)
		fact_secret(f, which, SECRET_ACCESS_TOKEN, FLOW_IN_HEADER);
	buf_release(&decoded);
	return found;
}

static bool token_in_cookie(struct fact *f)
{
	const struct http_head *h = f->m->head;
	size_t eq, end;
	struct span v;
	struct sec *s;

	for (size_t i = 0; i < h->n_fields; i++) {
		if (!span_eq_nocase(h->fields[i].name, span_str("set-cookie")))
			continue;
		v = h->fields[i].value;
		eq = span_find_byte(v, '=');
		end = span_find_byte(v, ';');
		if (eq == SIZE_MAX || (end != SIZE_MAX && end < eq))
			continue;
		s = sec_find_value(f->fs,
				   span_sub(v, eq + 1, end == SIZE_MAX ? SIZE_MAX : end - eq - 1));
		if (!s || s->kind == SECRET_STATE)
			continue;
		f->level = span_find(v, SPAN_LIT("Secure")) == SIZE_MAX ? FLOW_HIGH : FLOW_DEFAULT;
		fact_secret(f, span_sub(v, eq + 1, end == SIZE_MAX ? SIZE_MAX : end - eq - 1),
			    SECRET_ACCESS_TOKEN, FLOW_IN_COOKIE);
		return true;
	}
	return false;
}

/* A token of the upstream flow in the answer to our own client. */
static bool upstream_token_in_answer(struct fact *f)
{
	struct span v = params_get(f->p, "access_token");
	struct sec *s = f->ctx->server ? sec_find_value(f->fs, v) : NULL;

	if (!s || s->set != SET_OWN)
		return false;
	fact_say(f, "the server hands on the token that %.80s gave to it", s->issuer);
	fact_secret(f, v, SECRET_ACCESS_TOKEN, FLOW_IN_BODY);
	return true;
}

static const struct flow_check list[] = {
	{ "token-in-query", ON_CLIENT_REQ | ON_SERVER_REQ, CHECK_EACH, token_in_query },
	{ "client-secret-in-query", ON_CLIENT_REQ | ON_SERVER_REQ, CHECK_EACH,
	  client_secret_in_query },
	{ "token-to-unexpected-host", ON_CLIENT_REQ, CHECK_EACH, token_to_unexpected_host },
	{ "token-to-telemetry", ON_CLIENT_REQ, CHECK_EACH, token_to_telemetry },
	{ "token-passthrough", ON_CLIENT_REQ, CHECK_EACH, token_passthrough },
	{ "token-passthrough", ON_TOKENS, CHECK_EACH, upstream_token_in_answer },
	{ "refresh-token-to-resource", ON_CLIENT_REQ, CHECK_EACH, refresh_token_to_resource },
	{ "id-token-as-bearer", ON_CLIENT_REQ | ON_SERVER_REQ, CHECK_EACH, id_token_as_bearer },
	{ "dpop-downgrade", ON_CLIENT_REQ, CHECK_EACH, dpop_downgrade },
	{ "dpop-proof-replayed", ON_CLIENT_REQ, CHECK_EACH, dpop_proof_replayed },
	{ "token-in-mcp-header", ON_CLIENT_REQ | ON_SERVER_REQ, CHECK_EACH, token_in_mcp_header },
	{ "token-in-cookie", ON_SERVER_RESP, CHECK_EACH, token_in_cookie },
};
CHECK_FAMILY(checks_use, list);
