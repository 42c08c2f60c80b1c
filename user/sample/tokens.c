/* SPDX-License-Identifier: BSD-2-Clause */
#include "sample/tokens.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <sodium.h>
#include <zlib.h>

#define TOK_DIGIT "0123456789"
#define TOK_UPPER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define TOK_LOWER "abcdefghijklmnopqrstuvwxyz"
#define TOK_ALNUM TOK_DIGIT TOK_UPPER TOK_LOWER

/*
 * A template is literal text with {c:n} parts: n random characters of class c.
 *   a [0-9A-Za-z]  l letters  d digits  h lower hex  H upper hex  u [A-Z0-9]  2 base32
 *   w base64url [A-Za-z0-9_-]  v PKCE unreserved [A-Za-z0-9-._~]  b base64 [A-Za-z0-9+/]
 */
struct tok_kind {
	const char *name;
	const char *tmpl;
};

/* Kinds that are one template. Checksum and JWT kinds are in tok_gen(). */
static const struct tok_kind tok_templates[] = {
	/* no prefix: opaque OAuth values */
	{ "opaque43", "{w:43}" },
	{ "opaque30", "{a:30}" },
	{ "hex20", "{h:20}" },
	{ "hex32", "{h:32}" },
	{ "hex40", "{h:40}" },
	{ "hex64", "{h:64}" },
	{ "verifier43", "{w:43}" },
	{ "verifier128", "{v:128}" },
	{ "mcp-sdk-token", "mcp_{h:64}" },
	{ "mcp-sdk-code", "mcp_{h:32}" },
	{ "workers-oauth", "user{d:4}:{w:16}:{w:32}" },
	/* providers */
	{ "ghs", "ghs_{a:36}" },
	{ "ya29", "ya29.a0{w:160}" },
	{ "google-refresh", "1//0{w:99}" },
	{ "google-code", "4/0A{w:69}" },
	{ "google-secret", "GOCSPX-{w:28}" },
	{ "google-api-key", "AIza{w:35}" },
	{ "slack", "xoxb-{d:12}-{d:13}-{a:24}" },
	{ "slack-user", "xoxp-{d:12}-{d:12}-{d:13}-{h:32}" },
	{ "slack-app", "xapp-1-A{u:10}-{d:13}-{h:64}" },
	{ "slack-rotating", "xoxe.xoxb-1-{a:163}" },
	{ "slack-refresh", "xoxe-1-{a:146}" },
	{ "slack-session", "xoxc-{d:12}-{d:12}-{d:13}-{h:64}" },
	{ "entra-refresh", "1.A{w:60}.AgAB{w:300}" },
	{ "entra-secret", "{a:3}8Q~{a:34}" },
	{ "okta-api", "00{w:40}" },
	{ "gitlab-pat", "glpat-{w:20}" },
	{ "gitlab-app-secret", "gloas-{h:64}" },
	{ "linear-oauth", "lin_oauth_{h:64}" },
	{ "linear-api", "lin_api_{a:40}" },
	{ "notion", "ntn_{d:11}{a:35}" },
	{ "notion-secret", "secret_{a:43}" },
	{ "notion-refresh", "nrt_{a:46}" },
	{ "figma-pat", "figd_{w:40}" },
	{ "figma-oauth", "figu_{w:40}" },
	{ "figma-refresh", "figur_{w:40}" },
	{ "stripe", "sk_live_{a:99}" },
	{ "stripe-restricted", "rk_live_{a:99}" },
	{ "stripe-webhook", "whsec_{a:32}" },
	{ "dropbox", "sl.u.{w:135}" },
	{ "hubspot", "pat-na1-{h:8}-{h:4}-{h:4}-{h:4}-{h:12}" },
	{ "salesforce", "00D{a:12}!{a:96}" },
	{ "salesforce-refresh", "5Aep861{a:80}" },
	{ "salesforce-key", "3MVG9{a:80}" },
	{ "shopify", "shpat_{h:32}" },
	{ "shopify-secret", "shpss_{h:32}" },
	{ "asana", "2/{d:16}/{d:16}:{h:32}" },
	{ "sentry-user", "sntryu_{h:64}" },
	{ "sentry-app", "sntrya_{h:64}" },
	{ "cloudflare-user", "cfut_{a:40}{h:8}" },
	{ "cloudflare-account", "cfat_{a:40}{h:8}" },
	{ "digitalocean-pat", "dop_v1_{h:64}" },
	{ "digitalocean-oauth", "doo_v1_{h:64}" },
	{ "digitalocean-refresh", "dor_v1_{h:64}" },
	{ "supabase", "sbp_{h:40}" },
	{ "supabase-oauth", "sbp_oauth_{h:40}" },
	{ "supabase-secret", "sb_secret_{w:31}" },
	{ "anthropic-api", "sk-ant-api03-{w:93}AA" },
	{ "anthropic-oauth", "sk-ant-oat01-{w:93}AA" },
	{ "anthropic-refresh", "sk-ant-ort01-{w:93}AA" },
	{ "openai", "sk-proj-{w:74}T3BlbkFJ{w:74}" },
	{ "openai-legacy", "sk-{a:20}T3BlbkFJ{a:20}" },
	{ "aws-key-id", "AKIA{2:16}" },
	{ "aws-temp-key-id", "ASIA{2:16}" },
	{ "aws-session", "IQoJb3JpZ2luX2Vj{b:400}" },
	{ "pypi", "pypi-AgEIcHlwaS5vcmc{w:150}" },
	{ "huggingface", "hf_{l:34}" },
	{ "ory-access", "ory_at_{w:43}.{w:43}" },
	{ "ory-refresh", "ory_rt_{w:43}.{w:43}" },
	{ "ory-code", "ory_ac_{w:43}.{w:43}" },
	{ "vault", "hvs.{w:95}" },
};

const char *const tok_kinds[] = {
	"opaque43", "opaque30", "hex20", "hex32", "hex40", "hex64", "verifier43", "verifier128",
	"mcp-sdk-token", "mcp-sdk-code", "workers-oauth", "ghs", "ya29", "google-refresh",
	"google-code", "google-secret", "google-api-key", "slack", "slack-user", "slack-app",
	"slack-rotating", "slack-refresh", "slack-session", "entra-refresh", "entra-secret",
	"okta-api", "gitlab-pat", "gitlab-app-secret", "linear-oauth", "linear-api", "notion",
	"notion-secret", "notion-refresh", "figma-pat", "figma-oauth", "figma-refresh", "stripe",
	"stripe-restricted", "stripe-webhook", "dropbox", "hubspot", "salesforce",
	"salesforce-refresh", "salesforce-key", "shopify", "shopify-secret", "asana", "sentry-user",
	"sentry-app", "cloudflare-user", "cloudflare-account", "digitalocean-pat",
	"digitalocean-oauth", "digitalocean-refresh", "supabase", "supabase-oauth",
	"supabase-secret", "anthropic-api", "anthropic-oauth", "anthropic-refresh", "openai",
	"openai-legacy", "aws-key-id", "aws-temp-key-id", "aws-session", "pypi", "huggingface",
	"ory-access", "ory-refresh", "ory-code", "vault",
	/* made by code */
	"gho", "ghu", "ghp", "ghr", "ghs-new", "github_pat", "npm", "vercel", "vercel-refresh",
	"gitlab-routable", "atlassian", "bitbucket", "discord-bot", "sentry-org", "jwt-hs256",
	"jwt-hs384", "jwt-hs512", "jwt-rs256", "jwt-es256", "jwt-eddsa", "jwt-access", "jwt-id",
	"jwt-expired", "jwt-none", "jwe-dir", "jwe-rsa", "basic", NULL
};

struct tok_out {
	char *p;
	size_t len, cap;
};

static void tok_put(struct tok_out *o, const char *s, size_t n)
{
	if (n >= o->cap - o->len) {
		fprintf(stderr, "tokens.h: buffer too small\n");
		abort();
	}
	memcpy(o->p + o->len, s, n);
	o->len += n;
	o->p[o->len] = '\0';
}

static void tok_puts(struct tok_out *o, const char *s)
{
	tok_put(o, s, strlen(s));
}

/* n characters of `set`; from 12 on with two of every class that the set has, so that no test is flaky. */
static void tok_random(struct tok_out *o, const char *set, size_t n)
{
	size_t len = strlen(set), i, at = o->len;
	bool has_d = strpbrk(set, TOK_DIGIT), has_u = strpbrk(set, "GHIJKLXYZ"),
	     has_l = strpbrk(set, TOK_LOWER);
	unsigned int d, u, l;

	for (;;) {
		d = u = l = 0;
		o->len = at;
		for (i = 0; i < n; i++) {
			char c = set[randombytes_uniform((uint32_t)len)];

			d += c >= '0' && c <= '9';
			u += c >= 'A' && c <= 'Z';
			l += c >= 'a' && c <= 'z';
			tok_put(o, &c, 1);
		}
		if (n < 12 || ((!has_d || d >= 2) && (!has_u || u >= 2) && (!has_l || l >= 2)))
			return;
	}
}

static const char *tok_class(char c)
{
	switch (c) {
	case 'a':
		return TOK_ALNUM;
	case 'l':
		return TOK_UPPER TOK_LOWER;
	case 'd':
		return TOK_DIGIT;
	case 'h':
		return TOK_DIGIT "abcdef";
	case 'H':
		return TOK_DIGIT "ABCDEF";
	case 'u':
		return TOK_DIGIT TOK_UPPER;
	case '2':
		return TOK_UPPER "234567";
	case 'w':
		return TOK_ALNUM "_-";
	case 'v':
		return TOK_ALNUM "-._~";
	case 'b':
		return TOK_ALNUM "+/";
	default:
		fprintf(stderr, "tokens.h: no class '%c'\n", c);
		abort();
	}
}

static void tok_template(struct tok_out *o, const char *t)
{
	while (*t) {
		if (t[0] == '{' && t[1] && t[2] == ':') {
			char *end;
			size_t n = strtoul(t + 3, &end, 10);

			tok_random(o, tok_class(t[1]), n);
			t = end + 1;
		} else {
			tok_put(o, t++, 1);
		}
	}
}

static void tok_base_n(char *out, size_t width, uint32_t v, const char *digits)
{
	size_t base = strlen(digits);

	for (size_t i = width; i > 0; i--, v = (uint32_t)(v / base))
		out[i - 1] = digits[v % base];
	out[width] = '\0';
}

static uint32_t tok_crc(const char *p, size_t n)
{
	return (uint32_t)crc32(0, (const Bytef *)p, (uInt)n);
}

static void tok_b64url(struct tok_out *o, const void *p, size_t n)
{
	char tmp[TOK_MAX];

	sodium_bin2base64(tmp, sizeof(tmp), (const unsigned char *)p, n,
			  sodium_base64_VARIANT_URLSAFE_NO_PADDING);
	tok_puts(o, tmp);
}

static void tok_b64url_random(struct tok_out *o, size_t n)
{
	unsigned char raw[1024];

	randombytes_buf(raw, n);
	tok_b64url(o, raw, n);
}

size_t tok_jws(const char *header, const char *payload, size_t sig, char *buf, size_t cap)
{
	struct tok_out o = { buf, 0, cap };

	tok_b64url(&o, header, strlen(header));
	tok_puts(&o, ".");
	tok_b64url(&o, payload, strlen(payload));
	tok_puts(&o, ".");
	tok_b64url_random(&o, sig);
	return o.len;
}

/* header.payload.signature with `sig` random bytes of signature; `claims` is put into the payload. */
static void tok_jwt(struct tok_out *o, const char *alg, const char *typ, const char *claims,
		    int64_t exp, size_t sig)
{
	char header[128], payload[1024];
	unsigned char id[12];
	char sub[32];

	randombytes_buf(id, sizeof(id));
	sodium_bin2hex(sub, sizeof(sub), id, sizeof(id));
	snprintf(header, sizeof(header), "{\"alg\":\"%s\",\"typ\":\"%s\"}", alg, typ);
	snprintf(payload, sizeof(payload),
		 "{\"iss\":\"https://as.example\",\"sub\":\"%s\",\"aud\":\"https://"
		 "mcp.example\",%s\"iat\":%lld,\"exp\":%lld}",
		 sub, claims, (long long)exp - 3600, (long long)exp);
	o->len += tok_jws(header, payload, sig, o->p + o->len, o->cap - o->len);
}

static bool tok_crc62(struct tok_out *o, const char *kind, const char *name, const char *prefix,
		      size_t body)
{
	size_t at;
	char sum[8];

	if (strcmp(kind, name) != 0)
		return false;
	tok_puts(o, prefix);
	at = o->len;
	tok_random(o, TOK_ALNUM, body);
	tok_base_n(sum, 6, tok_crc(o->p + at, body), TOK_ALNUM);
	/* tok_base_n's digits are 0-9A-Za-z, as GitHub has them. */
	tok_puts(o, sum);
	return true;
}

static void tok_b32(char *out, const unsigned char *p, size_t chars)
{
	static const char d[] = TOK_UPPER "234567";

	for (size_t i = 0; i < chars; i++) {
		size_t bit = i * 5;
		unsigned int v = (unsigned int)(p[bit / 8] << 8 | p[bit / 8 + 1]);

		out[i] = d[v >> (11 - bit % 8) & 31];
	}
	out[chars] = '\0';
}

size_t tok_gen(const char *kind, char *buf, size_t cap)
{
	struct tok_out o = { buf, 0, cap };
	int64_t now = (int64_t)time(NULL);
	char sum[16], tmp[128];

	if (sodium_init() < 0)
		abort();
	for (size_t i = 0; i < sizeof(tok_templates) / sizeof(tok_templates[0]); i++) {
		if (!strcmp(kind, tok_templates[i].name)) {
			tok_template(&o, tok_templates[i].tmpl);
			return o.len;
		}
	}
	if (tok_crc62(&o, kind, "gho", "gho_", 30) || tok_crc62(&o, kind, "ghu", "ghu_", 30) ||
	    tok_crc62(&o, kind, "ghp", "ghp_", 30) || tok_crc62(&o, kind, "ghr", "ghr_", 70) ||
	    tok_crc62(&o, kind, "npm", "npm_", 30) || tok_crc62(&o, kind, "vercel", "vca_", 50) ||
	    tok_crc62(&o, kind, "vercel-refresh", "vcr_", 50))
		return o.len;
	if (!strcmp(kind, "ghs-new")) {
		tok_template(&o, "ghs_{d:7}_");
		tok_jwt(&o, "RS256", "JWT", "", now + 3600, 256);
	} else if (!strcmp(kind, "github_pat")) {
		unsigned char h[crypto_hash_sha256_BYTES];

		tok_template(&o, "github_pat_1{a:21}_{a:43}");
		crypto_hash_sha256(h, (const unsigned char *)o.p, o.len);
		tok_b32(sum, h, 8);
		tok_puts(&o, sum);
		tok_random(&o, TOK_ALNUM, 8);
	} else if (!strcmp(kind, "gitlab-routable")) {
		tok_template(&o, "glpat-{w:27}.01.");
		tok_base_n(sum, 2, 27, TOK_DIGIT TOK_LOWER);
		tok_puts(&o, sum);
		tok_base_n(sum, 7, tok_crc(o.p, o.len), TOK_DIGIT TOK_LOWER);
		tok_puts(&o, sum);
	} else if (!strcmp(kind, "atlassian") || !strcmp(kind, "bitbucket")) {
		tok_template(&o, *kind == 'a' ? "ATATT3xFfGF0{w:171}=" : "ATCTT3xFfGN0{w:171}=");
		snprintf(sum, sizeof(sum), "%08X", tok_crc(o.p, o.len));
		tok_puts(&o, sum);
	} else if (!strcmp(kind, "discord-bot")) {
		snprintf(tmp, sizeof(tmp), "1%017llu",
			 (unsigned long long)randombytes_random() * 20000000ULL %
				 100000000000000000ULL);
		tok_b64url(&o, tmp, strlen(tmp));
		tok_template(&o, ".G{w:5}.{w:38}");
	} else if (!strcmp(kind, "sentry-org")) {
		snprintf(tmp, sizeof(tmp),
			 "{\"iat\":%lld.5,\"url\":\"https://sentry.io\",\"org\":\"o%u\"}",
			 (long long)now, randombytes_uniform(100000));
		tok_puts(&o, "sntrys_");
		sodium_bin2base64(buf + o.len, cap - o.len, (const unsigned char *)tmp, strlen(tmp),
				  sodium_base64_VARIANT_ORIGINAL);
		o.len = strlen(buf);
		tok_template(&o, "_{b:43}");
	} else if (!strcmp(kind, "jwt-hs256")) {
		tok_jwt(&o, "HS256", "JWT", "", now + 3600, 32);
	} else if (!strcmp(kind, "jwt-hs384")) {
		tok_jwt(&o, "HS384", "JWT", "", now + 3600, 48);
	} else if (!strcmp(kind, "jwt-hs512")) {
		tok_jwt(&o, "HS512", "JWT", "", now + 3600, 64);
	} else if (!strcmp(kind, "jwt-rs256")) {
		tok_jwt(&o, "RS256", "JWT", "", now + 3600, 256);
	} else if (!strcmp(kind, "jwt-es256")) {
		tok_jwt(&o, "ES256", "JWT", "", now + 3600, 64);
	} else if (!strcmp(kind, "jwt-eddsa")) {
		tok_jwt(&o, "EdDSA", "JWT", "", now + 3600, 64);
	} else if (!strcmp(kind, "jwt-access")) {
		tok_jwt(&o, "RS256", "at+jwt", "\"scope\":\"mcp:read\",\"client_id\":\"c1\",",
			now + 3600, 256);
	} else if (!strcmp(kind, "jwt-id")) {
		tok_jwt(&o, "RS256", "JWT", "\"nonce\":\"n-0S6\",\"at_hash\":\"MTIzNDU2Nzg5MDEy\",",
			now + 3600, 256);
	} else if (!strcmp(kind, "jwt-expired")) {
		tok_jwt(&o, "RS256", "JWT", "", now - 86400, 256);
	} else if (!strcmp(kind, "jwt-none")) {
		tok_jwt(&o, "none", "JWT", "", now + 3600, 0);
	} else if (!strcmp(kind, "jwe-dir") || !strcmp(kind, "jwe-rsa")) {
		bool dir = !strcmp(kind, "jwe-dir");

		snprintf(tmp, sizeof(tmp),
			 "{\"alg\":\"%s\",\"enc\":\"A256GCM\",\"iss\":\"https://as.example/\"}",
			 dir ? "dir" : "RSA-OAEP");
		tok_b64url(&o, tmp, strlen(tmp));
		tok_puts(&o, ".");
		if (!dir)
			tok_b64url_random(&o, 256);
		tok_puts(&o, ".");
		tok_b64url_random(&o, 12);
		tok_puts(&o, ".");
		tok_b64url_random(&o, 200);
		tok_puts(&o, ".");
		tok_b64url_random(&o, 16);
	} else if (!strcmp(kind, "basic")) {
		struct tok_out t = { tmp, 0, sizeof(tmp) };

		/* The value of "Authorization: Basic": base64(client_id ":" client_secret). */
		tok_template(&t, "client-{h:8}:{w:43}");
		sodium_bin2base64(buf, cap, (const unsigned char *)tmp, t.len,
				  sodium_base64_VARIANT_ORIGINAL);
		o.len = strlen(buf);
	} else {
		fprintf(stderr, "tokens.h: unknown kind '%s'\n", kind);
		abort();
	}
	return o.len;
}

char *tok_new(const char *kind)
{
	char *p = malloc(TOK_MAX);

	if (!p)
		abort();
	tok_gen(kind, p, TOK_MAX);
	return p;
}
