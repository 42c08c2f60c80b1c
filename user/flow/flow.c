/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <sodium.h>

#include "base/secmem.h"
#include "flow/check.h"

static const char *const phase_names[PHASE_MAX] = {
	[PHASE_IDLE] = "idle",         [PHASE_AUTHZ_REQUEST] = "authz-request",
	[PHASE_CALLBACK] = "callback", [PHASE_EXCHANGE] = "exchange",
	[PHASE_IN_USE] = "in-use",     [PHASE_REFRESH] = "refresh",
	[PHASE_REVOKED] = "revoked",   [PHASE_DEVICE] = "device",
	[PHASE_FAILED] = "failed",
};

const char *flow_phase_name(enum flow_phase p)
{
	return p < PHASE_MAX ? phase_names[p] : "unknown";
}

static void meta_free(void *m)
{
	free(m);
}

struct flows *flows_new(const struct flows_config *cfg)
{
	struct flows *fs = calloc(1, sizeof(*fs));

	if (!fs)
		return NULL;
	fs->cfg = *cfg;
	randombytes_buf(fs->key, sizeof(fs->key));
	crypto_generichash(fs->id_key, sizeof(fs->id_key), (const unsigned char *)"flow id", 7,
			   cfg->key, 32);
	fs->cfg.key = NULL;
	fs->flows = table_new(FLOWS_MAX, secmem_free);
	fs->secs = table_new(SECS_MAX, free);
	fs->metas = table_new(METAS_MAX, meta_free);
	fs->callbacks = table_new(CALLBACKS_MAX, free);
	fs->misc = table_new(MISC_MAX, NULL);
	if (!fs->flows || !fs->secs || !fs->metas || !fs->callbacks || !fs->misc)
		return flows_free(fs);
	return fs;
}

void flows_clock(struct flows *fs, uint64_t boot_offset_ns)
{
	fs->cfg.boot_offset_ns = boot_offset_ns;
}

struct flows *flows_free(struct flows *fs)
{
	if (!fs)
		return NULL;
	table_free(fs->flows);
	table_free(fs->secs);
	table_free(fs->metas);
	table_free(fs->callbacks);
	table_free(fs->misc);
	wipe(fs->key, sizeof(fs->key));
	wipe(fs->id_key, sizeof(fs->id_key));
	free(fs);
	return NULL;
}

void copy_text(char *out, size_t cap, struct span s)
{
	size_t n = s.len < cap - 1 ? s.len : cap - 1;

	for (size_t i = 0; i < n; i++)
		out[i] = s.p[i] >= 0x20 && s.p[i] < 0x7f ? s.p[i] : '?';
	out[n] = '\0';
}

struct tag tag_of(const struct flows *fs, struct span value)
{
	struct tag t;

	crypto_generichash(t.b, sizeof(t.b), (const unsigned char *)value.p, value.len, fs->key,
			   sizeof(fs->key));
	return t;
}

bool tag_eq(const struct tag *a, const struct tag *b)
{
	return !memcmp(a->b, b->b, TAG_LEN);
}

struct flow *flow_find(struct flows *fs, const char *id)
{
	return id[0] ? table_get(fs->flows, span_str(id)) : NULL;
}

/*
 * A keyed hash of when the flow was born and in which tree: another one in every run and on every machine, and the same
 * again when a recording of the run is replayed.
 */
static void make_id(struct flows *fs, const struct flow_ctx *ctx, char out[17])
{
	struct {
		uint64_t wall_ns;
		uint32_t root, nth;
	} in = { ctx->now_ns + fs->cfg.boot_offset_ns, ctx->root, 0 };
	unsigned char hash[16];
	char hex[33];

	fs->born_then = fs->last_born_ns == ctx->now_ns ? fs->born_then + 1 : 0;
	fs->last_born_ns = ctx->now_ns;
	in.nth = fs->born_then;
	crypto_generichash(hash, sizeof(hash), (const unsigned char *)&in, sizeof(in), fs->id_key,
			   sizeof(fs->id_key));
	sodium_bin2hex(hex, sizeof(hex), hash, sizeof(hash));
	snprintf(out, 17, "f%.15s", hex);
}

struct flow *flow_new(struct flows *fs, const struct flow_ctx *ctx, bool as_side)
{
	struct flow *f = secmem_calloc(1, sizeof(*f));

	if (!f)
		return NULL;
	make_id(fs, ctx, f->id);
	f->root = ctx->root;
	f->as_side = as_side;
	f->born_ns = f->phase_ns = ctx->now_ns;
	if (table_put(fs->flows, span_str(f->id), f)) {
		secmem_free(f);
		return NULL;
	}
	return f;
}

struct search {
	bool (*fn)(const struct flow *f, const void *arg);
	const void *arg;
	struct flow *found;
};

static bool search_one(void *arg, struct span key, void *value)
{
	struct search *s = arg;
	struct flow *f = value;

	(void)key;
	/* The newest wins, whatever was used last. */
	if (s->fn(f, s->arg) && (!s->found || f->born_ns >= s->found->born_ns))
		s->found = f;
	return true;
}

struct flow *flow_search(struct flows *fs, bool (*fn)(const struct flow *f, const void *arg),
			 const void *arg)
{
	struct search s = { fn, arg, NULL };

	table_walk(fs->flows, search_one, &s);
	return s.found;
}

void flow_enter(struct flow *f, enum flow_phase phase, uint64_t now_ns)
{
	f->phase = phase;
	f->phase_ns = now_ns;
}

void flow_done(struct flows *fs, struct flow *f, uint64_t now_ns)
{
	f->done_ns = now_ns;
	if (f->has_challenge && fs->pending_challenges)
		fs->pending_challenges--;
}

void flow_describe(const struct flow *f, uint64_t now_ns, struct flow_brief *ret)
{
	memcpy(ret->id, f->id, sizeof(ret->id));
	ret->phase = f->phase;
	ret->age_ns = now_ns > f->born_ns ? now_ns - f->born_ns : 0;
	memcpy(ret->client_id, f->client_id, sizeof(ret->client_id));
	memcpy(ret->issuer, f->issuer[0] ? f->issuer : f->token_host, sizeof(ret->issuer));
}

static struct span misc_key(struct flows *fs, char what, struct span key, char out[TAG_LEN + 1])
{
	struct tag t = tag_of(fs, key);

	out[0] = what;
	memcpy(out + 1, t.b, TAG_LEN);
	return span_of(out, TAG_LEN + 1);
}

bool misc_has(struct flows *fs, char what, struct span key)
{
	char k[TAG_LEN + 1];

	return table_get(fs->misc, misc_key(fs, what, key, k)) != NULL;
}

bool misc_set(struct flows *fs, char what, struct span key)
{
	char k[TAG_LEN + 1];
	struct span s = misc_key(fs, what, key, k);
	bool was = table_get(fs->misc, s) != NULL;

	if (!was)
		table_put(fs->misc, s, fs);
	return was;
}

bool host_is_local(struct span host)
{
	struct url u;
	char text[300];

	snprintf(text, sizeof(text), "http://%.*s/", (int)(host.len < 256 ? host.len : 256),
		 host.p ? host.p : "");
	return !url_parse(span_str(text), &u) && url_host_is_loopback(u.host);
}

/* Second-level labels under which countries register names. */
static bool is_short_second_level(struct span label)
{
	static const char *const names[] = { "co",  "com", "org", "net", "ac",
					     "gov", "edu", "ne",  "or" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (span_eq_str(label, names[i]))
			return true;
	}
	return false;
}

void site_of(struct span host, char out[128])
{
	struct url u;
	char text[300];
	size_t dots = 0, i, end, last = 0;

	out[0] = '\0';
	snprintf(text, sizeof(text), "http://%.*s/", (int)(host.len < 256 ? host.len : 256),
		 host.p ? host.p : "");
	if (url_parse(span_str(text), &u) || !u.host.len)
		return;
	if (url_host_is_loopback(u.host)) {
		memcpy(out, "loopback", 9);
		return;
	}
	end = u.host.len;
	/* An address is its own site. */
	if (u.host.p[end - 1] >= '0' && u.host.p[end - 1] <= '9') {
		copy_text(out, 128, u.host);
		return;
	}
	for (i = end; i-- > 0;) {
		if (u.host.p[i] != '.')
			continue;
		dots++;
		if (dots == 1)
			last = i;
		if (dots == 2 && !(end - last == 3 &&
				   is_short_second_level(span_sub(u.host, i + 1, last - i - 1))))
			break;
		if (dots == 3)
			break;
	}
	copy_text(out, 128, span_sub(u.host, i == SIZE_MAX ? 0 : i + 1, SIZE_MAX));
	for (i = 0; out[i]; i++) {
		if (out[i] >= 'A' && out[i] <= 'Z')
			out[i] = (char)(out[i] | 0x20);
	}
}

static struct span bare_host(struct span authority, char buf[300], struct url *u)
{
	snprintf(buf, 300, "http://%.*s/", (int)(authority.len < 256 ? authority.len : 256),
		 authority.p ? authority.p : "");
	return url_parse(span_str(buf), u) ? SPAN_NONE : u->host;
}

bool same_host(struct span a, struct span b)
{
	char text_a[300], text_b[300];
	struct url ua, ub;
	struct span ha = bare_host(a, text_a, &ua), hb = bare_host(b, text_b, &ub);

	return span_eq_nocase(ha, hb) || (url_host_is_loopback(ha) && url_host_is_loopback(hb));
}

bool same_site(const char *host_a, const char *host_b)
{
	char a[128], b[128];

	site_of(span_str(host_a), a);
	site_of(span_str(host_b), b);
	return !strcmp(a, b);
}

void url_base(struct span url, char *out, size_t cap)
{
	size_t end = 0;

	while (end < url.len && url.p[end] != '?' && url.p[end] != '#')
		end++;
	copy_text(out, cap, span_sub(url, 0, end));
}

/* --- verifiers before they are sent --- */

void flow_challenge(struct span verifier, unsigned char hash[32], char text[CHALLENGE_LEN + 1])
{
	crypto_hash_sha256(hash, (const unsigned char *)verifier.p, verifier.len);
	sodium_bin2base64(text, CHALLENGE_LEN + 1, hash, crypto_hash_sha256_BYTES,
			  sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

bool flows_pending(const struct flows *fs)
{
	return fs->pending_challenges > 0;
}

uint64_t flows_challenges(const struct flows *fs)
{
	return fs->challenges;
}

static bool is_pending_challenge(const struct flow *f, const void *arg)
{
	return f->has_challenge && !f->done_ns && !strcmp(f->challenge, arg);
}

bool flows_preimage(struct flows *fs, const struct flow_ctx *ctx, struct span run)
{
	unsigned char hash[crypto_hash_sha256_BYTES];
	char text[CHALLENGE_LEN + 1];
	struct flow *f;
	struct sec *s;

	if (!fs->pending_challenges || run.len < 43 || run.len > 128)
		return false;
	flow_challenge(run, hash, text);
	f = flow_search(fs, is_pending_challenge, text);
	if (!f)
		return false;
	s = sec_learn(fs, ctx, run, SECRET_VERIFIER, BIRTH_FILE,
		      "hashes to the code_challenge of a pending authorization");
	if (s)
		memcpy(s->flow_id, f->id, sizeof(s->flow_id));
	return s != NULL;
}

/* --- stories --- */

struct by_id {
	int64_t id;
	struct sec *found;
};

static bool match_id(void *arg, struct span key, void *value)
{
	struct by_id *b = arg;
	struct sec *s = value;

	(void)key;
	if (s->id != b->id)
		return true;
	b->found = s;
	return false;
}

bool flows_story(struct flows *fs, int64_t ledger_id, uint64_t now_ns, struct flow_story *ret)
{
	struct by_id b = { ledger_id, NULL };
	struct flow *f;
	struct sec *s;

	memset(ret, 0, sizeof(*ret));
	table_walk(fs->secs, match_id, &b);
	s = b.found;
	if (!s)
		return false;
	ret->later = s->born_ns > now_ns;
	ret->age_ns = ret->later ? s->born_ns - now_ns : now_ns - s->born_ns;
	ret->dead = s->end != SEC_LIVE || (s->expires_ns && now_ns > s->expires_ns);
	snprintf(ret->born, sizeof(ret->born), "%s%s%.60s", s->how, s->issuer[0] ? " of " : "",
		 s->issuer);
	f = flow_find(fs, s->flow_id);
	if (f)
		flow_describe(f, now_ns, &ret->flow);
	return true;
}
