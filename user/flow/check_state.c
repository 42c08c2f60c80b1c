/* SPDX-License-Identifier: BSD-2-Clause */
/* Family C, first half: state and nonce. RFC 6749 10.12; RFC 9700 2.1, 4.7; OpenID Connect Core 3.1.3.7. */
#include <ctype.h>
#include <math.h>
#include <string.h>

#include "detect/validate.h"
#include "flow/check.h"
#include "flow/guess.h"

#define STATE_LIFE_NS (600 * NS)

static void in_request(struct fact *f)
{
	f->part = f->par ? FLOW_IN_BODY : FLOW_IN_URL;
}

static bool state_missing(struct fact *f)
{
	in_request(f);
	if (f->f->has_state || f->f->by_reference)
		return false;
	if (f->f->has_challenge && !strcmp(f->f->method, "S256") && f->meta && f->meta->s256) {
		f->level = FLOW_MEDIUM;
		fact_say(f, "PKCE with S256, which the server says it supports, stands in for it");
	} else if (f->f->nonce[0]) {
		f->level = FLOW_MEDIUM;
		fact_say(f, "an OpenID Connect nonce stands in for it");
	} else {
		fact_say(f, f->f->has_challenge
				    ? "and the server was not seen to support PKCE, which could "
				      "stand in for it"
				    : "and no PKCE to stand in for it");
	}
	return true;
}

/* Upper bound on the bits in a state. */
static double state_bits(struct span s)
{
	bool seen[256] = { false };
	unsigned int distinct = 0;
	size_t digits = 0, hex = 0, repeats = 0;
	double per;

	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.p[i];

		distinct += !seen[c];
		seen[c] = true;
		digits += isdigit(c) != 0;
		hex += isxdigit(c) || c == '-';
		repeats += i && s.p[i] == s.p[i - 1];
	}
	if (digits == s.len) /* 10 or 13 digits that begin so are a clock's */
		return (s.len == 10 || s.len == 13) && s.p[0] == '1' ? 0 : 3.32 * (double)s.len;
	per = hex == s.len ? 4 : 6;
	if (repeats * 2 > s.len)
		return (double)distinct;
	/* Few characters do not show their whole alphabet. */
	return fmin(per, log2((double)distinct + 1) + 2.5) * (double)s.len;
}

static bool is_uuid1(struct span s)
{
	return s.len == 36 && s.p[8] == '-' && s.p[13] == '-' && s.p[14] == '1' && s.p[18] == '-';
}

static bool state_low_entropy(struct fact *f)
{
	struct span s = params_get(f->p, "state");
	double bits;

	in_request(f);
	if (!s.len)
		return false;
	bits = state_bits(s);
	if (!strcmp(f->f->state, f->f->client_id) || !strcmp(f->f->state, f->f->redirect_uri) ||
	    is_uuid1(s) || guess_is_worded(s) || guess_is_number(s))
		bits = 0;
	if (bits >= 96)
		return false;
	f->level = bits < 32 ? FLOW_HIGH : FLOW_MEDIUM;
	fact_say(f, "%zu characters, at most about %.0f bits", s.len, bits);
	return true;
}

static bool state_reused(struct fact *f)
{
	in_request(f);
	if (!f->other || !f->f->has_state || strcmp(f->other->state, f->f->state) != 0)
		return false;
	fact_say(f, "an earlier authorization request, %llu s ago, had the same state",
		 (unsigned long long)((f->ctx->now_ns - f->other->born_ns) / NS));
	return true;
}

/* `arg`: const char *, what the first of them holds. */
static void note_sensitive(void *arg, struct span text)
{
	static const char *const names[] = { "\"access_token\"", "\"refresh_token\"", "\"session",
					     "\"id_token\"", "\"password\"" };
	const char **what = arg;
	size_t at = span_find_byte(text, '@');

	if (**what)
		return;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (span_find(text, span_str(names[i])) != SIZE_MAX) {
			*what = i == 2 ? "a session" : "a token";
			return;
		}
	}
	/* An e-mail address: word@word.word */
	if (at != SIZE_MAX && at > 1 && at + 4 < text.len &&
	    isalnum((unsigned char)text.p[at - 1]) && isalnum((unsigned char)text.p[at + 1]) &&
	    span_find_byte(span_sub(text, at, 64), '.') != SIZE_MAX)
		*what = "an e-mail address";
}

static bool readable(struct span s)
{
	for (size_t i = 0; i < s.len; i++) {
		if (((uint8_t)s.p[i] < 0x20 && s.p[i] != '\n') || (uint8_t)s.p[i] > 0x7e)
			return false;
	}
	return s.len > 0;
}

/* A state and its readable decoded forms, one after another. */
static void each_form(struct span state, void (*fn)(void *arg, struct span text), void *arg)
{
	struct buf decoded = BUF_INIT_WIPE(4096);
	struct span rest = state;
	size_t dot;

	fn(arg, state);
	while (rest.len) {
		dot = span_find_byte(rest, '.');
		buf_clear(&decoded);
		if (base64_decode(span_sub(rest, 0, dot), &decoded) && readable(buf_span(&decoded)))
			fn(arg, buf_span(&decoded));
		rest = dot == SIZE_MAX ? SPAN_NONE : span_sub(rest, dot + 1, SIZE_MAX);
	}
	buf_release(&decoded);
}

static bool state_sensitive_content(struct fact *f)
{
	struct span s = params_get(f->p, "state");
	const char *what = "";

	in_request(f);
	if (s.len)
		each_form(s, note_sensitive, &what);
	if (!*what)
		return false;
	if (!strcmp(what, "a token"))
		f->level = FLOW_CRITICAL;
	fact_say(f, "it holds %s that anybody can decode", what);
	return true;
}

/* In a decoded state. */
struct holds {
	struct span what;
	bool is;
};

static void look_for(void *arg, struct span text)
{
	struct holds *h = arg;

	h->is |= span_find(text, h->what) != SIZE_MAX;
}

/* Where the person is sent after the callback was read from the state, which anybody can write. */
static bool state_says_where(struct fact *f)
{
	struct span to = http_field_value(f->m->head, "location");
	struct holds h = { to, false };
	struct url u;

	if (f->x->kind != X_CALLBACK || !f->f || !to.len || url_parse(to, &u))
		return false;
	each_form(span_str(f->f->state), look_for, &h);
	f->part = FLOW_IN_HEADER;
	if (h.is)
		fact_say(f, "the browser is redirected to the address that it holds");
	return h.is;
}

/* --- the answer, and what was done with it --- */

static bool accepted(const struct fact *f, int verdict)
{
	return !f->ctx->server && f->cb && f->x->grant == G_CODE && (int)f->cb->verdict == verdict;
}

static bool state_mismatch_accepted(struct fact *f)
{
	f->part = FLOW_IN_BODY;
	if (!accepted(f, CB_WRONG_STATE))
		return false;
	fact_say(f, "the callback's state is that of no pending request, and its code is redeemed");
	return true;
}

static bool state_absent_accepted(struct fact *f)
{
	f->part = FLOW_IN_BODY;
	if (!accepted(f, CB_NO_STATE))
		return false;
	fact_say(f, "a state was sent, the callback had none, and its code is redeemed");
	return true;
}

static bool callback_unsolicited(struct fact *f)
{
	f->part = FLOW_IN_BODY;
	if (!accepted(f, CB_UNSOLICITED))
		return false;
	fact_say(f, "no authorization request was pending when the callback came");
	return true;
}

static bool state_replayed(struct fact *f)
{
	f->part = FLOW_IN_BODY;
	return accepted(f, CB_REPLAYED);
}

static bool state_stale(struct fact *f)
{
	f->part = FLOW_IN_BODY;
	if (!accepted(f, CB_OK) || !f->cb->request_ns ||
	    f->cb->ns - f->cb->request_ns <= STATE_LIFE_NS)
		return false;
	fact_say(f, "the callback came %llu s after the request",
		 (unsigned long long)((f->cb->ns - f->cb->request_ns) / NS));
	return true;
}

/* Notes the mismatch; the use of the access token is the fault. */
static bool note_nonce(struct fact *f)
{
	struct params claims = PARAMS_INIT;
	struct span token = params_get(f->p, "id_token");

	if (f->f && f->f->nonce[0] && f->x->grant == G_CODE && token.len && !f->ctx->server &&
	    !jwt_params(token, NULL, &claims, NULL))
		f->f->nonce_bad = !span_eq_str(params_get(&claims, "nonce"), f->f->nonce);
	params_release(&claims);
	return false;
}

static bool nonce_mismatch_accepted(struct fact *f)
{
	f->part = FLOW_IN_HEADER;
	if (!f->f || !f->f->nonce_bad || !f->bearer || !tag_eq(&f->bearer->tag, &f->f->access))
		return false;
	fact_say(f, "the access token that came with the ID token is now used");
	return true;
}

static const struct flow_check list[] = {
	{ "state-missing", ON_AUTHZ, 0, state_missing },
	{ "state-low-entropy", ON_AUTHZ, 0, state_low_entropy },
	{ "state-reused", ON_AUTHZ, 0, state_reused },
	{ "state-sensitive-content", ON_AUTHZ, 0, state_sensitive_content },
	{ "state-sensitive-content", ON_SERVER_RESP, 0, state_says_where },
	{ "state-mismatch-accepted", ON_EXCHANGE, CHECK_HISTORY | CHECK_EACH,
	  state_mismatch_accepted },
	{ "state-absent-accepted", ON_EXCHANGE, CHECK_EACH, state_absent_accepted },
	{ "callback-unsolicited-accepted", ON_EXCHANGE, CHECK_HISTORY | CHECK_EACH,
	  callback_unsolicited },
	{ "state-replayed", ON_EXCHANGE, CHECK_EACH, state_replayed },
	{ "state-stale-accepted", ON_EXCHANGE, 0, state_stale },
	{ "oidc-nonce-mismatch-accepted", ON_TOKENS, CHECK_EACH, note_nonce },
	{ "oidc-nonce-mismatch-accepted", ON_CLIENT_REQ, 0, nonce_mismatch_accepted },
};
CHECK_FAMILY(checks_state, list);
