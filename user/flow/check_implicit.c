/* SPDX-License-Identifier: BSD-2-Clause */
/* Family A: tokens in the front channel. RFC 9700 2.1.2, 2.4, 4.2; OAuth 2.1 10.1. */
#include "flow/check.h"

static bool implicit_response_type(struct fact *f)
{
	if (!list_has(params_get(f->p, "response_type"), "token"))
		return false;
	fact_say(f, "response_type has \"token\" as one of its items");
	f->part = f->par ? FLOW_IN_BODY : FLOW_IN_URL;
	return true;
}

static bool response_type_missing(struct fact *f)
{
	f->part = f->par ? FLOW_IN_BODY : FLOW_IN_URL;
	return f->p && !params_has(f->p, "response_type") && !params_has(f->p, "request_uri") &&
	       !params_has(f->p, "request");
}

static struct span token_param(const struct params *p, enum secret_kind *kind)
{
	*kind = SECRET_ACCESS_TOKEN;
	if (params_has(p, "access_token"))
		return params_get(p, "access_token");
	*kind = SECRET_ID_TOKEN;
	return params_get(p, "id_token");
}

static bool implicit_token_in_callback_query(struct fact *f)
{
	enum secret_kind kind;
	struct span token;

	if (f->x->kind != X_CALLBACK)
		return false;
	token = token_param(f->p, &kind);
	if (!token.len)
		return false;
	fact_secret(f, token, kind, FLOW_IN_URL);
	return true;
}

static bool implicit_form_post_token(struct fact *f)
{
	struct span token = params_get(f->body, "access_token");

	if (f->x->kind != X_CALLBACK || !f->x->post || f->x->json || !token.len)
		return false;
	fact_secret(f, token, SECRET_ACCESS_TOKEN, FLOW_IN_BODY);
	return true;
}

/* A page that reads location.hash was served on this port before, and now the token comes back. */
static bool implicit_fragment_relay(struct fact *f)
{
	struct span token = params_get(f->p, "access_token");
	uint16_t port = f->ctx->local_port;

	if (!token.len)
		token = params_get(f->body, "access_token");
	if (!token.len || !misc_has(f->fs, 'F', span_of(&port, sizeof(port))))
		return false;
	fact_say(f, "the page served before reads location.hash");
	fact_secret(f, token, SECRET_ACCESS_TOKEN,
		    params_has(f->p, "access_token") ? FLOW_IN_URL : FLOW_IN_BODY);
	return true;
}

/* Remembers relay pages; finds nothing itself. */
static bool note_relay_page(struct fact *f)
{
	struct span type = http_field_value(f->m->head, "content-type");
	uint16_t port = f->ctx->local_port;

	if (span_find(type, SPAN_LIT("html")) != SIZE_MAX &&
	    span_find(f->m->body, SPAN_LIT("location.hash")) != SIZE_MAX)
		misc_set(f->fs, 'F', span_of(&port, sizeof(port)));
	return false;
}

static bool implicit_token_in_redirect(struct fact *f)
{
	struct params p = PARAMS_INIT;
	struct span token;
	bool found = false;

	if (params_add_url(&p, http_field_value(f->m->head, "location")))
		goto out;
	token = params_get(&p, "access_token");
	if (!token.len)
		goto out;
	/* The value lies in `p`, which goes: report here. */
	fact_secret(f, token, SECRET_ACCESS_TOKEN, FLOW_IN_HEADER);
	fact_report(f, &(struct flow_check){ .rule = "implicit-token-in-redirect" });
out:
	params_release(&p);
	return found;
}

static bool token_in_referer(struct fact *f)
{
	struct span referer = http_field_value(f->m->head, "referer");
	struct params p = PARAMS_INIT;
	struct sec *s;

	if (!referer.len || params_add_url(&p, referer))
		goto out;
	for (size_t i = 0; i < p.n; i++) {
		struct span name = params_name(&p, i), value = params_value(&p, i);

		s = sec_find_value(f->fs, value);
		if (!s && !(span_eq_str(name, "access_token") && value.len >= 16))
			continue;
		f->level =
			s && s->kind == SECRET_CODE && s->end != SEC_LIVE ? FLOW_LOW : FLOW_DEFAULT;
		fact_secret(f, value, SECRET_ACCESS_TOKEN, FLOW_IN_HEADER);
		fact_report(f, &(struct flow_check){ .rule = "token-in-referer" });
		break;
	}
out:
	params_release(&p);
	return false;
}

static bool ropc_grant(struct fact *f)
{
	f->part = FLOW_IN_BODY;
	return !f->ctx->server && f->x->grant == G_PASSWORD;
}

static const struct flow_check list[] = {
	{ "implicit-response-type", ON_AUTHZ, 0, implicit_response_type },
	{ "response-type-missing", ON_AUTHZ, 0, response_type_missing },
	{ "implicit-token-in-callback-query", ON_SERVER_REQ, CHECK_EACH,
	  implicit_token_in_callback_query },
	{ "implicit-form-post-token", ON_SERVER_REQ, CHECK_EACH, implicit_form_post_token },
	{ "implicit-fragment-relay", ON_SERVER_REQ, CHECK_EACH, implicit_fragment_relay },
	{ "implicit-fragment-relay", ON_SERVER_RESP, CHECK_EACH, note_relay_page },
	{ "implicit-token-in-redirect", ON_SERVER_RESP, CHECK_EACH, implicit_token_in_redirect },
	{ "token-in-referer", ON_SERVER_REQ | ON_CLIENT_REQ, CHECK_EACH, token_in_referer },
	{ "ropc-grant", ON_EXCHANGE, 0, ropc_grant },
};
CHECK_FAMILY(checks_implicit, list);
