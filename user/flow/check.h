/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The checks: each a rule of the catalogue, the moments at which it looks, and one small function that
 * says whether it holds. A new check is a function and a row in its family's table.
 */
#ifndef BT_FLOW_CHECK_H
#define BT_FLOW_CHECK_H

#include "flow/flow_int.h"

/* Moments. */
#define ON_AUTHZ 0x1u        /* an authorization request was seen: f, p, url */
#define ON_CALLBACK 0x2u     /* an authorization response reached us: p */
#define ON_EXCHANGE 0x4u     /* a token request: f or NULL, p, x, cb or NULL */
#define ON_TOKENS 0x8u       /* its 2xx response: p */
#define ON_CLIENT_REQ 0x10u  /* any request that the tree sends: m, x, p = query */
#define ON_CLIENT_RESP 0x20u /* its response */
#define ON_SERVER_REQ 0x40u  /* any request that it receives */
#define ON_SERVER_RESP 0x80u /* the response that it sends */
#define ON_METADATA 0x100u   /* authorization server metadata was read: meta */
#define ON_ARGV 0x200u       /* a program was started: url = program, value = one argument */
#define ON_ENV 0x400u        /* with a variable: url = name, value */
#define ON_REGISTER 0x800u   /* a registration request: p */
#define ON_LOG 0x1000u       /* a word of text that goes to a log: value */

#define CHECK_HISTORY 0x1u /* says nothing when beartrap joined midway */
#define CHECK_EACH 0x2u    /* may be found more than once in a flow */

/* What a check looks at, and what it says. Not all is there at every moment; see above. */
struct fact {
	struct flows *fs;
	const struct flow_ctx *ctx;
	struct flow *f;
	struct flow *other;            /* an earlier flow that matters to the check */
	const struct params *p, *body; /* of a request: its query, and its form or JSON body */
	const struct flow_message *m;
	struct flow_xchg *x;
	struct callback *cb;
	struct meta *meta;
	struct sec *bearer; /* of it */
	struct span url;
	struct span value, token; /* token: what the Authorization header holds, .p NULL without */
	bool par, ok;             /* pushed request; the response is a 2xx */
	/* The check's answer. */
	enum flow_level level;
	enum flow_part part;
	struct hit hit;
	bool has_hit;
	char detail[200];
};

struct flow_check {
	const char *rule;
	unsigned int on, flags;
	bool (*holds)(struct fact *f);
};

struct check_family {
	const struct flow_check *checks;
	size_t n;
};

extern const struct check_family checks_implicit, checks_pkce, checks_state, checks_mixup,
	checks_server, checks_use, checks_transport, checks_life;

#define CHECK_FAMILY(name, list)                                                                   \
	const struct check_family name = { list, sizeof(list) / sizeof((list)[0]) }

/* Runs every check that looks at `moment`. */
void checks_run(struct fact *f, unsigned int moment);
/* Reports, as a check of that rule would. */
void fact_report(struct fact *f, const struct flow_check *c);
void fact_say(struct fact *f, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void fact_secret(struct fact *f, struct span value, enum secret_kind kind, enum flow_part part);
bool host_is_local(struct span host);

#endif /* BT_FLOW_CHECK_H */
