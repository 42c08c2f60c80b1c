/* SPDX-License-Identifier: BSD-2-Clause */
/* Family C, second half: mix-up, metadata, authorization URLs. RFC 9207; RFC 9700 4.4; RFC 8414 3.3. */
#include <stdio.h>
#include <string.h>

#include "flow/check.h"

static bool redeems_callback(const struct fact *f)
{
	return !f->ctx->server && f->cb && f->x->grant == G_CODE && f->f && f->f->issuer[0];
}

static bool mixup_iss_mismatch(struct fact *f)
{
	size_t n, m;

	f->part = FLOW_IN_BODY;
	if (!redeems_callback(f) || !f->cb->has_iss || !strcmp(f->cb->iss, f->f->issuer))
		return false;
	n = strlen(f->cb->iss);
	m = strlen(f->f->issuer);
	/* A mismatch by the letter of RFC 9207, harmless in practice. */
	if ((n == m + 1 && f->cb->iss[m] == '/' && !strncmp(f->cb->iss, f->f->issuer, m)) ||
	    (m == n + 1 && f->f->issuer[n] == '/' && !strncmp(f->cb->iss, f->f->issuer, n)))
		f->level = FLOW_MEDIUM;
	fact_say(f, "iss was %.80s, the request went to %.80s", f->cb->iss, f->f->issuer);
	return true;
}

static bool mixup_iss_missing(struct fact *f)
{
	f->part = FLOW_IN_BODY;
	return redeems_callback(f) && f->meta && f->meta->iss_supported && !f->cb->has_iss;
}

static bool same_endpoint(const struct fact *f, const char *endpoint)
{
	struct url u;

	if (url_parse(span_str(endpoint), &u))
		return true;
	return same_host(span_str(f->x->host), u.host) &&
	       span_eq_str(u.path.len ? u.path : span_str("/"), f->x->path);
}

struct registrar {
	const char *issuer, *host;
	bool found;
};

/* One server's metadata may name a token endpoint on another site than its registration endpoint. */
static bool is_registrar(void *arg, struct span key, void *value)
{
	struct registrar *r = arg;
	const struct meta *m = value;
	struct url reg, token;

	r->found |= !url_parse(span_str(m->registration), &reg) &&
		    !url_parse(span_str(m->token), &token) &&
		    same_host(reg.host, span_str(r->issuer)) &&
		    same_host(token.host, span_str(r->host));
	return !r->found;
}

static bool secret_to_other_server(struct fact *f)
{
	struct sec *s = f->x->has_secret ? sec_find(f->fs, &f->x->secret) : NULL;
	struct registrar r = { .host = f->x->host };

	if (!s || !s->issuer[0] || same_site(s->issuer, f->x->host))
		return false;
	r.issuer = s->issuer;
	table_walk(f->fs->metas, is_registrar, &r);
	if (r.found)
		return false;
	fact_say(f, "the client secret belongs to %.100s", s->issuer);
	fact_secret(f, params_get(f->p, "client_secret"), SECRET_CLIENT_SECRET,
		    params_has(f->p, "client_secret") ? FLOW_IN_BODY : FLOW_IN_HEADER);
	return true;
}

static bool mixup_foreign_token_endpoint(struct fact *f)
{
	struct sec *s;

	f->part = FLOW_IN_BODY;
	if (f->ctx->server)
		return false;
	if (secret_to_other_server(f))
		return true;
	if (f->x->grant == G_CODE && f->meta && f->meta->token[0]) {
		if (same_endpoint(f, f->meta->token) &&
		    !(f->f && f->meta->moved_ns > f->f->born_ns))
			return false;
		if (same_endpoint(f, f->meta->token))
			fact_say(f,
				 "the metadata named another token endpoint when the request was "
				 "made");
		else
			fact_say(f, "the issuer's token endpoint is %.120s", f->meta->token);
		fact_secret(f, params_get(f->p, "code"), SECRET_CODE, FLOW_IN_BODY);
		return true;
	}
	if (f->x->grant != G_REFRESH)
		return false;
	s = sec_find(f->fs, &f->x->refresh);
	if (!s || !s->issuer[0] || same_site(s->issuer, f->x->host))
		return false;
	fact_say(f, "the refresh token was issued by %.100s", s->issuer);
	fact_secret(f, params_get(f->p, "refresh_token"), SECRET_REFRESH_TOKEN, FLOW_IN_BODY);
	return true;
}

/* The issuer that a metadata URL speaks for, in each of the three layouts (RFC 8414 3.1, OIDC Discovery 4). */
static bool issuer_fits(const struct flow_xchg *x, const char *issuer)
{
	static const char *const names[] = { "/.well-known/oauth-authorization-server",
					     "/.well-known/openid-configuration" };
	char want[800];
	const char *at;

	for (size_t i = 0; i < 2; i++) {
		at = strstr(x->path, names[i]);
		if (!at)
			continue;
		snprintf(want, sizeof(want), "%s://%s%.*s%s", x->tls ? "https" : "http", x->host,
			 (int)(at - x->path), x->path, at + strlen(names[i]));
		if (!strcmp(issuer, want))
			return true;
		/* An issuer without path may be written with its slash. */
		if (strlen(issuer) == strlen(want) + 1 && !strncmp(issuer, want, strlen(want)) &&
		    issuer[strlen(want)] == '/')
			return true;
	}
	return false;
}

/* Notes it; going on with such a document is the fault. */
static bool note_issuer(struct fact *f)
{
	f->meta->issuer_wrong = !issuer_fits(f->x, f->meta->issuer);
	return false;
}

static bool as_metadata_issuer_mismatch(struct fact *f)
{
	f->part = FLOW_IN_URL;
	if (!f->meta || !f->meta->issuer_wrong)
		return false;
	fact_say(f, "the document names %.120s as its issuer", f->meta->issuer);
	return true;
}

/* What a browser may be sent to: https, and http on this machine. */
static bool is_safe(const char *url)
{
	struct url u;

	return !url_parse(span_str(url), &u) &&
	       (span_eq_nocase(u.scheme, SPAN_LIT("https")) ||
		(span_eq_nocase(u.scheme, SPAN_LIT("http")) && url_host_is_loopback(u.host)));
}

static bool dangerous_metadata(struct fact *f)
{
	struct span endpoint = params_get(f->p, "authorization_endpoint");
	char text[256];

	copy_text(text, sizeof(text), endpoint);
	if (!endpoint.len || is_safe(text))
		return false;
	f->part = FLOW_IN_BODY;
	fact_say(f, "authorization_endpoint is %.40s...", text);
	return true;
}

static bool is_shell(struct span program)
{
	static const char *const names[] = { "/sh",  "/bash",    "/dash", "/zsh",
					     "/ksh", "/cmd.exe", "/pwsh", "/powershell.exe" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (span_ends(program, span_str(names[i])))
			return true;
	}
	return false;
}

/* One string for a shell with the URL inside: what is in the URL is then code. A URL of its own is data. */
static bool url_through_shell(struct fact *f)
{
	size_t from = 0;
	struct span url;

	if (!is_shell(f->url) || span_find_byte(f->value, ' ') == SIZE_MAX)
		return false;
	while (url_find(f->value, &from, &url)) {
		if (url.len < f->value.len && span_find(url, SPAN_LIT("client_id=")) != SIZE_MAX &&
		    (span_find(url, SPAN_LIT("response_type=")) != SIZE_MAX ||
		     span_find(url, SPAN_LIT("redirect_uri=")) != SIZE_MAX)) {
			fact_say(f, "a shell was given a command line with the URL in it");
			return true;
		}
	}
	return false;
}

static const struct flow_check list[] = {
	{ "mixup-iss-mismatch-accepted", ON_EXCHANGE, CHECK_EACH, mixup_iss_mismatch },
	{ "mixup-iss-missing-accepted", ON_EXCHANGE, CHECK_EACH, mixup_iss_missing },
	{ "mixup-foreign-token-endpoint", ON_EXCHANGE, CHECK_EACH, mixup_foreign_token_endpoint },
	{ "as-metadata-issuer-mismatch", ON_METADATA, CHECK_EACH, note_issuer },
	{ "as-metadata-issuer-mismatch", ON_AUTHZ, 0, as_metadata_issuer_mismatch },
	{ "authz-url-dangerous-scheme", ON_METADATA, CHECK_EACH, dangerous_metadata },
	{ "authz-url-dangerous-scheme", ON_ARGV, CHECK_EACH, url_through_shell },
};
CHECK_FAMILY(checks_mixup, list);
