/* SPDX-License-Identifier: BSD-2-Clause */
/* Authorization requests and responses: RFC 6749 4.1.1 and 4.1.2, RFC 9126, RFC 9207. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flow/check.h"

#define REPRINT_NS (60 * NS) /* the same URL shown again that soon after its exchange is an echo */

struct wanted {
	uint32_t root;
	bool as_side;
	const char *client_id, *state, *challenge, *redirect_uri;
	const struct flow *not_this;
	uint16_t port;
	const char *path;
};

static bool same_request(const struct flow *f, const void *arg)
{
	const struct wanted *w = arg;

	return f->root == w->root && f->as_side == w->as_side && f->url_seen &&
	       !strcmp(f->client_id, w->client_id) && !strcmp(f->state, w->state) &&
	       !strcmp(f->challenge, w->challenge) && !f->by_reference;
}

static bool shares_challenge(const struct flow *f, const void *arg)
{
	const struct wanted *w = arg;

	return f != w->not_this && f->root == w->root && f->as_side == w->as_side &&
	       w->challenge[0] && !strcmp(f->challenge, w->challenge);
}

static bool shares_state(const struct flow *f, const void *arg)
{
	const struct wanted *w = arg;

	return f != w->not_this && f->root == w->root && f->as_side == w->as_side && w->state[0] &&
	       !strcmp(f->state, w->state);
}

static bool failed_before(const struct flow *f, const void *arg)
{
	const struct wanted *w = arg;

	return f != w->not_this && f->root == w->root && f->as_side == w->as_side &&
	       f->phase == PHASE_FAILED && !strcmp(f->client_id, w->client_id);
}

static bool pushed(const struct flow *f, const void *arg)
{
	const struct wanted *w = arg;

	return f->root == w->root && f->as_side == w->as_side && !f->done_ns && !f->callback_ns &&
	       !strcmp(f->client_id, w->client_id);
}

/* The metadata of the server that it asks, and so its issuer; NULL when none was read. */
static struct meta *find_issuer(struct flows *fs, struct flow *f)
{
	struct meta *m = f->endpoint[0] ? table_get(fs->metas, span_str(f->endpoint)) : NULL;

	if (m)
		memcpy(f->issuer, m->issuer, sizeof(f->issuer));
	return m;
}

static void take(const struct params *p, const char *name, char *out, size_t cap)
{
	copy_text(out, cap, params_get(p, name));
}

static void fill(struct flow *f, const struct params *p)
{
	struct url u;

	take(p, "client_id", f->client_id, sizeof(f->client_id));
	take(p, "redirect_uri", f->redirect_uri, sizeof(f->redirect_uri));
	take(p, "state", f->state, sizeof(f->state));
	take(p, "code_challenge", f->challenge, sizeof(f->challenge));
	take(p, "code_challenge_method", f->method, sizeof(f->method));
	take(p, "nonce", f->nonce, sizeof(f->nonce));
	take(p, "resource", f->resource, sizeof(f->resource));
	take(p, "scope", f->scope, sizeof(f->scope));
	f->has_state = params_has(p, "state");
	f->has_challenge = params_has(p, "code_challenge");
	f->by_reference = params_has(p, "request_uri") || params_has(p, "request");
	if (f->redirect_uri[0] && !url_parse(span_str(f->redirect_uri), &u))
		f->redirect_port = u.port;
}

/* Every earlier flow that the checks of an authorization request ask about. */
static void run_with(struct fact *fact, bool (*fn)(const struct flow *f, const void *arg),
		     const struct wanted *w, unsigned int moment)
{
	fact->other = flow_search(fact->fs, fn, w);
	if (fact->other)
		checks_run(fact, moment);
}

struct flow *authz_seen(struct flows *fs, const struct flow_ctx *ctx, const struct params *p,
			struct span url, bool par)
{
	char state[1024], challenge[132], client_id[256], base[256];
	struct wanted w = {
		.root = ctx->root, .client_id = client_id, .state = state, .challenge = challenge
	};
	struct fact fact = { .fs = fs, .ctx = ctx, .p = p, .url = url, .par = par };
	struct flow *f;

	take(p, "state", state, sizeof(state));
	take(p, "code_challenge", challenge, sizeof(challenge));
	take(p, "client_id", client_id, sizeof(client_id));
	url_base(url, base, sizeof(base));
	if (!par && params_has(p, "request_uri")) {
		/* What was pushed before is now used (RFC 9126 4). */
		f = flow_search(fs, pushed, &w);
		if (f) {
			copy_text(f->endpoint, sizeof(f->endpoint), span_str(base));
			find_issuer(fs, f);
			if (!f->callback_ns)
				flow_enter(f, PHASE_AUTHZ_REQUEST, ctx->now_ns);
			return f;
		}
	}
	f = flow_search(fs, same_request, &w);
	if (f && (!f->done_ns || ctx->now_ns - f->done_ns < REPRINT_NS))
		return f;
	f = flow_new(fs, ctx, false);
	if (!f)
		return NULL;
	fill(f, p);
	f->url_seen = true;
	copy_text(f->endpoint, sizeof(f->endpoint), par ? SPAN_NONE : span_str(base));
	flow_enter(f, PHASE_AUTHZ_REQUEST, ctx->now_ns);
	if (f->has_challenge) {
		fs->pending_challenges++;
		fs->challenges++;
	}
	fact.f = f;
	w.not_this = f;
	fact.meta = find_issuer(fs, f);
	checks_run(&fact, ON_AUTHZ);
	run_with(&fact, shares_challenge, &w, ON_AUTHZ);
	run_with(&fact, shares_state, &w, ON_AUTHZ);
	run_with(&fact, failed_before, &w, ON_AUTHZ);
	return f;
}

void server_authorize(struct flows *fs, const struct flow_ctx *ctx, const struct params *p,
		      struct flow_xchg *x)
{
	char state[1024], challenge[132], client_id[256];
	struct wanted w = { .root = ctx->root,
			    .as_side = true,
			    .client_id = client_id,
			    .state = state,
			    .challenge = challenge };
	struct flow *f;

	take(p, "state", state, sizeof(state));
	take(p, "code_challenge", challenge, sizeof(challenge));
	take(p, "client_id", client_id, sizeof(client_id));
	f = flow_search(fs, same_request, &w);
	if (!f) {
		f = flow_new(fs, ctx, true);
		if (!f)
			return;
		fill(f, p);
		f->url_seen = true;
		flow_enter(f, PHASE_AUTHZ_REQUEST, ctx->now_ns);
	}
	memcpy(x->flow_id, f->id, sizeof(x->flow_id));
}

/* --- callbacks --- */

static bool by_state(const struct flow *f, const void *arg)
{
	const struct wanted *w = arg;

	return f->root == w->root && !f->as_side && f->has_state && !strcmp(f->state, w->state);
}

/* The redirect URI of a flow that still waits: same path, and the port when both are known. */
static bool by_redirect(const struct flow *f, const void *arg)
{
	const struct wanted *w = arg;
	struct url u;

	if (f->root != w->root || f->as_side || f->callback_ns || f->done_ns)
		return false;
	if (!f->redirect_uri[0])
		return true;
	if (url_parse(span_str(f->redirect_uri), &u))
		return false;
	return span_eq_str(u.path.len ? u.path : span_str("/"), w->path);
}

static bool waits(const struct flow *f, const void *arg)
{
	const struct wanted *w = arg;

	return f->root == w->root && !f->as_side && !f->callback_ns && !f->done_ns;
}

/* The implicit grant brings its tokens with the callback (RFC 6749 4.2.2). */
static void learn_delivered(struct flows *fs, const struct flow_ctx *ctx, const struct params *p,
			    struct flow *f)
{
	static const struct {
		const char *name;
		enum secret_kind kind;
	} tokens[] = { { "access_token", SECRET_ACCESS_TOKEN }, { "id_token", SECRET_ID_TOKEN } };

	for (size_t i = 0; i < sizeof(tokens) / sizeof(tokens[0]); i++) {
		struct sec *s = sec_learn(fs, ctx, params_get(p, tokens[i].name), tokens[i].kind,
					  BIRTH_NETWORK_IN, "authorization callback");

		if (s && f)
			memcpy(s->flow_id, f->id, sizeof(s->flow_id));
	}
	if (!f || f->done_ns || !params_has(p, "access_token"))
		return;
	f->access = tag_of(fs, params_get(p, "access_token"));
	flow_done(fs, f, ctx->now_ns);
	flow_enter(f, PHASE_CALLBACK, ctx->now_ns);
}

struct callback *callback_seen(struct flows *fs, const struct flow_ctx *ctx, const struct params *p,
			       struct span path, struct flow_xchg *x)
{
	struct span code = params_get(p, "code");
	char state[1024], path_text[256];
	struct wanted w = { .root = ctx->root, .state = state, .path = path_text };
	struct fact fact = { .fs = fs, .ctx = ctx, .p = p };
	struct callback *cb = NULL;
	struct tag t = { { 0 } };
	struct flow *f = NULL;
	struct sec *s;

	take(p, "state", state, sizeof(state));
	copy_text(path_text, sizeof(path_text), path.len ? path : span_str("/"));
	if (code.len) {
		t = tag_of(fs, code);
		/* A browser may load the page twice. */
		if (table_get(fs->callbacks, span_of(t.b, TAG_LEN)))
			return NULL;
		cb = calloc(1, sizeof(*cb));
		if (!cb)
			return NULL;
		cb->ns = ctx->now_ns;
	}
	if (state[0])
		f = flow_search(fs, by_state, &w);
	if (cb && f)
		cb->verdict = f->state_used ? CB_REPLAYED : CB_OK;
	if (!f) {
		f = flow_search(fs, by_redirect, &w);
		if (!f)
			f = flow_search(fs, waits, &w);
		if (cb && !f)
			cb->verdict = CB_UNSOLICITED;
		else if (cb && f->has_state)
			cb->verdict = state[0] ? CB_WRONG_STATE : CB_NO_STATE;
	}
	fact.f = f;
	fact.cb = cb;
	if (f)
		memcpy(x->flow_id, f->id, sizeof(x->flow_id));
	learn_delivered(fs, ctx, p, f);
	if (cb) {
		cb->has_iss = params_has(p, "iss");
		take(p, "iss", cb->iss, sizeof(cb->iss));
		cb->request_ns = f ? f->born_ns : 0;
		if (f)
			memcpy(cb->flow_id, f->id, sizeof(cb->flow_id));
		if (table_put(fs->callbacks, span_of(t.b, TAG_LEN), cb)) {
			free(cb);
			return NULL;
		}
		s = sec_learn(fs, ctx, code, SECRET_CODE, BIRTH_NETWORK_IN,
			      "authorization callback");
		if (s && f)
			memcpy(s->flow_id, f->id, sizeof(s->flow_id));
	}
	checks_run(&fact, ON_CALLBACK);
	if (!f)
		return cb;
	if (cb && (cb->verdict == CB_OK || cb->verdict == CB_REPLAYED)) {
		f->state_used = true;
		if (!f->callback_ns)
			f->callback_ns = ctx->now_ns;
		flow_enter(f, PHASE_CALLBACK, ctx->now_ns);
	} else if (params_has(p, "error") && (!f->has_state || !strcmp(f->state, state))) {
		f->state_used = true;
		flow_enter(f, PHASE_FAILED, ctx->now_ns);
	}
	return cb;
}
