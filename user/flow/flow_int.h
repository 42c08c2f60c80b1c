/* SPDX-License-Identifier: BSD-2-Clause */
/* Private to flow/: what is remembered, and what the files call of each other. */
#ifndef BT_FLOW_FLOW_INT_H
#define BT_FLOW_FLOW_INT_H

#include "base/table.h"
#include "flow/flow.h"
#include "flow/params.h"
#include "proto/url.h"

#define FLOWS_MAX 256
#define SECS_MAX 1024
#define METAS_MAX 64
#define CALLBACKS_MAX 256
#define MISC_MAX 1024
#define TAG_LEN 16
#define NS 1000000000ull
#define CHALLENGE_LEN 43 /* base64url of a SHA-256 */

/* A secret's keyed hash: equal for equal values, useless to whoever reads it. */
struct tag {
	uint8_t b[TAG_LEN];
};

/* One authorization, of ours at a server (client side) or of a client at ours. */
struct flow {
	char id[17];
	uint32_t root;
	bool as_side;
	enum flow_phase phase;
	uint64_t born_ns, phase_ns, callback_ns, done_ns;
	char client_id[256], endpoint[256]; /* scheme://host[:port]/path it asks */
	char redirect_uri[512], state[1024], challenge[132], method[16], nonce[256];
	char resource[256], scope[512], issuer[256];
	char token_host[256]; /* of the first token request */
	uint16_t redirect_port;
	bool by_reference; /* request_uri or request: parameters are elsewhere */
	bool has_state, has_challenge, state_used, nonce_bad, url_seen;
	struct tag access;    /* the last token */
	uint64_t reported[3]; /* bit by check */
};

enum sec_set {
	SET_OWN,        /* obtained as a client */
	SET_DOWNSTREAM, /* issued by the tree as an authorization server */
	SET_INBOUND,    /* brought by a client of ours */
};

enum sec_end { SEC_LIVE, SEC_SPENT, SEC_ROTATED, SEC_REVOKED };

struct sec {
	struct tag tag;
	enum secret_kind kind;
	int64_t id; /* in the ledger, or < 0 */
	enum sec_set set;
	enum sec_end end;
	uint64_t born_ns, end_ns, expires_ns;
	uint32_t root;
	char flow_id[17];
	char issuer[128]; /* host that it came from */
	char bound[128];  /* host it was first accepted by */
	const char *how;  /* "token response" */
	bool dpop;
	uint32_t redeemed; /* 2xx answers that we traded it in for */
	uint32_t granted;  /* and that we gave for it */
	bool refused;
};

/* An authorization server's metadata (RFC 8414), by its authorization endpoint. */
struct meta {
	char issuer[256], authorization[256], token[256], registration[256];
	char scopes[512]; /* scopes_supported, blank-separated */
	bool s256, iss_supported, issuer_wrong;
	uint64_t moved_ns; /* when the token endpoint became another one, 0 never */
};

struct callback {
	char flow_id[17];
	enum { CB_OK, CB_WRONG_STATE, CB_NO_STATE, CB_UNSOLICITED, CB_REPLAYED } verdict;
	uint64_t ns;
	uint64_t request_ns;
	char iss[256];
	bool has_iss;
};

enum xchg_kind {
	X_OTHER,
	X_TOKEN,
	X_REGISTER,
	X_PAR,
	X_DEVICE,
	X_REVOKE,
	X_INTROSPECT,
	X_RESOURCE_META, /* RFC 9728 */
	X_SERVER_META,   /* RFC 8414, OpenID Connect Discovery */
	X_AUTHORIZE,     /* of ours, as a server */
	X_CALLBACK,
};

enum grant { G_NONE, G_CODE, G_REFRESH, G_DEVICE, G_CLIENT, G_PASSWORD, G_EXCHANGE };

/* A request whose response is awaited. */
struct flow_xchg {
	enum xchg_kind kind;
	enum grant grant;
	char flow_id[17];
	char host[256], path[512], client_id[256];
	char scope[512], redirect_uri[512];
	bool tls, post, json, client_auth, has_bearer, has_cookie;
	bool calls_tool; /* JSON-RPC tools/call or resources/read */
	bool foreign_origin, jwt_unsigned, jwt_expired, jwt_wrong_audience;
	bool known_session; /* the session id was bound to a bearer before */
	struct tag code, refresh, bearer, verifier, revoked, secret;
	bool has_code, has_refresh, has_verifier, has_revoked, has_secret;
	struct params query; /* of a GET that we serve: a redirect may repeat one */
};

struct flows {
	struct flows_config cfg;
	uint8_t key[32], id_key[32];
	struct table *flows;     /* id -> struct flow */
	struct table *secs;      /* tag -> struct sec */
	struct table *metas;     /* authorization endpoint -> struct meta */
	struct table *callbacks; /* tag of the code -> struct callback */
	struct table *misc;      /* "KIND\0..." -> marker: sets of small facts */
	uint64_t last_born_ns;   /* of a flow, and how many were born then */
	uint32_t born_then;
	uint32_t pending_challenges; /* upper bound */
	uint64_t challenges;         /* ever seen */
	bool resource_meta_seen;     /* the tree is an MCP client that discovers */
	char own_resource[256];      /* what our own RFC 9728 metadata says we are */
	char asked_scope[512];       /* what the last 401 named */
	bool sessions;               /* session ids were given out */
	bool session_is_auth;        /* and one of them was all that a call needed */
	unsigned int tls_words; /* of a log, since the name of the variable that turns TLS off */
};

struct fact;

/* flow.c */
void copy_text(char *out, size_t cap, struct span s); /* printable, cut, NUL-terminated */
struct tag tag_of(const struct flows *fs, struct span value);
bool tag_eq(const struct tag *a, const struct tag *b);
struct flow *flow_find(struct flows *fs, const char *id);
struct flow *flow_new(struct flows *fs, const struct flow_ctx *ctx, bool as_side);
/* The first flow, most recent first, for which `fn` says so. */
struct flow *flow_search(struct flows *fs, bool (*fn)(const struct flow *f, const void *arg),
			 const void *arg);
void flow_enter(struct flow *f, enum flow_phase phase, uint64_t now_ns);
/* It has its tokens; none is waited for any more. */
void flow_done(struct flows *fs, struct flow *f, uint64_t now_ns);
void flow_describe(const struct flow *f, uint64_t now_ns, struct flow_brief *ret);
/* Small sets of facts: {what, key}. `set` returns true when it was there. */
bool misc_has(struct flows *fs, char what, struct span key);
bool misc_set(struct flows *fs, char what, struct span key);
/* Registrable domain, roughly: the last two labels, three under a two-letter ccTLD's short second level; "loopback". */
void site_of(struct span host, char out[128]);
/* Equal host names, whatever their ports; all of this machine's are equal. */
bool same_host(struct span a, struct span b);
bool same_site(const char *host_a, const char *host_b);
/* SHA-256 of a verifier, and as a code_challenge (RFC 7636 4.2). */
void flow_challenge(struct span verifier, unsigned char hash[32], char text[CHALLENGE_LEN + 1]);
void url_base(struct span url, char *out, size_t cap); /* without query and fragment */

/* sec.c */
/* The record of a value, made and learnt by the ledger when new. NULL for an empty value or out of memory. */
struct sec *sec_learn(struct flows *fs, const struct flow_ctx *ctx, struct span value,
		      enum secret_kind kind, enum birth birth, const char *how);
struct sec *sec_find(struct flows *fs, const struct tag *t);
struct sec *sec_find_value(struct flows *fs, struct span value);
/*
 * The first secret in a text, for which `fit` says so: runs of characters that tokens have are tried. `which` gets where.
 */
struct sec *sec_in_text(struct flows *fs, struct span text, bool (*fit)(const struct sec *s),
			struct span *which);
void sec_end(struct flows *fs, const struct tag *t, enum sec_end how, uint64_t now_ns);
/* A hit that stands for a value at hand, for a finding. */
void hit_of(struct span value, enum secret_kind kind, bool known, struct hit *ret);

/* authz.c */
/* The flow, new or known; NULL when out of memory. */
struct flow *authz_seen(struct flows *fs, const struct flow_ctx *ctx, const struct params *p,
			struct span url, bool par);
void server_authorize(struct flows *fs, const struct flow_ctx *ctx, const struct params *p,
		      struct flow_xchg *x);
/* `x`: the request that brought it; is told its flow. */
struct callback *callback_seen(struct flows *fs, const struct flow_ctx *ctx, const struct params *p,
			       struct span path, struct flow_xchg *x);

/* token.c */
void token_request(struct flows *fs, const struct flow_ctx *ctx, const struct params *p,
		   const struct flow_message *m, struct flow_xchg *x);
/* Tokens in an answer to a request that was not understood: learnt, and nothing else. */
void token_unasked(struct flows *fs, const struct flow_ctx *ctx, const struct params *p,
		   const struct flow_xchg *x);
void token_response(struct flows *fs, const struct flow_ctx *ctx, const struct params *p,
		    const struct flow_message *m, struct flow_xchg *x);

/* request.c */
/* Adds the members of a JSON body, or the pairs of a form. */
void message_params(const struct flow_message *m, struct params *p);
/* The URL that the request went to. */
void xchg_url(const struct flow_ctx *ctx, const struct flow_xchg *x, char *out, size_t cap);

#endif /* BT_FLOW_FLOW_INT_H */
