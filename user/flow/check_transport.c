/* SPDX-License-Identifier: BSD-2-Clause */
/* Family E, second part: cleartext and wrong places. OAuth 2.1 1.5; RFC 8414 6.1; RFC 9728 7. */
#include <stdio.h>
#include <string.h>

#include "flow/check.h"

static bool in_clear(const struct fact *f)
{
	return !f->ctx->tls && !f->ctx->loopback;
}

static bool token_endpoint_plaintext(struct fact *f)
{
	f->part = FLOW_IN_BODY;
	return in_clear(f) &&
	       (f->x->kind == X_TOKEN || f->x->kind == X_REGISTER || f->x->kind == X_REVOKE ||
		f->x->kind == X_INTROSPECT || f->x->kind == X_PAR || f->x->kind == X_DEVICE);
}

static bool is_clear_url(struct span text)
{
	struct url u;

	return !url_parse(text, &u) && span_eq_nocase(u.scheme, span_str("http")) &&
	       !url_host_is_loopback(u.host);
}

static bool authz_endpoint_http(struct fact *f)
{
	f->part = FLOW_IN_URL;
	return !f->par && is_clear_url(f->url);
}

static bool redirect_uri_insecure(struct fact *f)
{
	f->part = f->url.len ? FLOW_IN_URL : FLOW_IN_BODY;
	for (size_t i = 0; i < f->p->n; i++) {
		struct span name = params_name(f->p, i);

		if (!span_eq_str(name, "redirect_uri") && !span_eq_str(name, "redirect_uris"))
			continue;
		if (!is_clear_url(params_value(f->p, i)))
			continue;
		fact_say(f, "redirect_uri is %.*s",
			 (int)(params_value(f->p, i).len < 120 ? params_value(f->p, i).len : 120),
			 params_value(f->p, i).p);
		return true;
	}
	return false;
}

static bool metadata_over_http(struct fact *f)
{
	f->part = FLOW_IN_URL;
	return in_clear(f) && (f->x->kind == X_RESOURCE_META || f->x->kind == X_SERVER_META ||
			       strstr(f->x->path, "jwks") != NULL);
}

/* A host, or a whole URL, that a public server's challenge or metadata named; its address is private all the same. */
static bool metadata_ssrf_target(struct fact *f)
{
	char url[800];
	struct url u;

	if (!f->ctx->private_peer)
		return false;
	snprintf(url, sizeof(url), "%s://%s%s", f->x->tls ? "https" : "http", f->x->host,
		 f->x->path);
	f->part = FLOW_IN_URL;
	if (url_parse(span_str(url), &u))
		return false;
	if (f->x->kind == X_OTHER ? !misc_has(f->fs, 'E', span_str(url))
				  : !misc_has(f->fs, 'D', u.host))
		return false;
	fact_say(f, "a public server named this %s, whose address is private",
		 f->x->kind == X_OTHER ? "URL" : "host");
	return true;
}

static bool tls_off_env(struct fact *f)
{
	return (span_eq_str(f->url, "NODE_TLS_REJECT_UNAUTHORIZED") ||
		span_eq_str(f->url, "PYTHONHTTPSVERIFY")) &&
	       span_eq_str(f->value, "0") &&
	       !misc_set(f->fs, 'T', f->url); /* children inherit it */
}

static bool tls_off_argv(struct fact *f)
{
	return span_eq_str(f->value, "--insecure") ||
	       span_eq_str(f->value, "--no-check-certificate") ||
	       (span_ends(f->url, span_str("/curl")) && span_eq_str(f->value, "-k"));
}

/* How far behind the variable's name the warning says what it does. */
#define TLS_WARNING_WORDS 24

/* What Node prints when a program sets the variable itself, and what Python's urllib3 does. */
static bool tls_off_warning(struct fact *f)
{
	struct flows *fs = f->fs;
	bool node = false;

	if (span_find(f->value, SPAN_LIT("NODE_TLS_REJECT_UNAUTHORIZED")) != SIZE_MAX)
		fs->tls_words = TLS_WARNING_WORDS;
	else if (fs->tls_words && --fs->tls_words && span_eq_str(f->value, "insecure"))
		node = true;
	if (!node && !span_starts(f->value, SPAN_LIT("InsecureRequestWarning")))
		return false;
	fs->tls_words = 0;
	fact_say(f, "%s warns that certificates are not verified", node ? "Node" : "urllib3");
	return !misc_set(fs, 'W', node ? SPAN_LIT("node") : SPAN_LIT("urllib3"));
}

static const struct flow_check list[] = {
	{ "token-endpoint-plaintext-http", ON_CLIENT_REQ, CHECK_EACH, token_endpoint_plaintext },
	{ "authz-endpoint-http", ON_AUTHZ, 0, authz_endpoint_http },
	{ "redirect-uri-insecure", ON_AUTHZ, 0, redirect_uri_insecure },
	{ "redirect-uri-insecure", ON_REGISTER, 0, redirect_uri_insecure },
	{ "metadata-over-http", ON_CLIENT_REQ, CHECK_EACH, metadata_over_http },
	{ "metadata-ssrf-target", ON_CLIENT_REQ, CHECK_EACH, metadata_ssrf_target },
	{ "tls-verification-disabled", ON_ENV, CHECK_EACH, tls_off_env },
	{ "tls-verification-disabled", ON_ARGV, CHECK_EACH, tls_off_argv },
	{ "tls-verification-disabled", ON_LOG, CHECK_EACH, tls_off_warning },
};
CHECK_FAMILY(checks_transport, list);
