// SPDX-License-Identifier: BSD-2-Clause
/*
 * The OAuth flows, fed with whole messages and URLs. The input is a list of lines, each ended by a newline; the
 * first byte of a line says what it is: '?' a URL that is shown, 'o' 'i' a request sent or received ("TARGET BODY"),
 * 'O' 'I' the response to the last one ("STATUS BODY"), 'b' a bearer for the next request, 'w' a word of text.
 * Covers: flow/flow.c flow/request.c flow/authz.c flow/token.c flow/params.c flow/ledger.c flow/check_state.c flow/check_pkce.c flow/check_implicit.c
 */
#include <stdlib.h>
#include "flow/flow.h"
#include "flow/params.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct run {
	struct flows *fs;
	struct flow_xchg *x[2];
	struct flow_ctx ctx;
	struct span bearer;
};

static void found(void *arg, const struct flow_finding *f)
{
	size_t *n = arg;

	if (!f->rule[0] || strlen(f->detail) >= sizeof(f->detail))
		abort();
	if (f->secret && f->secret->value.len && !f->secret->value.p)
		abort();
	(*n)++;
}

static void message(struct run *r, char what, struct span line)
{
	bool response = what == 'O' || what == 'I';
	bool server = what == 'i' || what == 'I';
	size_t blank = span_find_byte(line, ' ');
	struct span first = span_sub(line, 0, blank);
	struct http_field fields[3] = {
		{ SPAN_LIT("content-type"), SPAN_LIT("application/x-www-form-urlencoded"), false },
		{ SPAN_LIT("authorization"), r->bearer, false },
		{ SPAN_LIT("location"), first, false },
	};
	struct http_head head = { .dir = response ? HTTP_RESPONSES : HTTP_REQUESTS,
				  .version = 11,
				  .method = SPAN_LIT("POST"),
				  .target = first,
				  .authority = SPAN_LIT("as.example:443"),
				  .status = 200,
				  .fields = fields,
				  .n_fields = 3 };
	struct flow_message m = { &head, SPAN_NONE };

	if (blank != SIZE_MAX)
		m.body = span_sub(line, blank + 1, SIZE_MAX);
	if (response && first.len && first.p[0] != '2')
		head.status = first.p[0] == '3' ? 302 : 400;
	if (!response && !m.body.len)
		head.method = SPAN_LIT("GET");
	r->ctx.server = server;
	if (response) {
		if (r->x[server])
			flows_response(r->fs, &r->ctx, r->x[server], &m);
		return;
	}
	flow_xchg_free(r->x[server]);
	r->x[server] = flows_request(r->fs, &r->ctx, &m);
}

static void line(struct run *r, struct span s)
{
	struct flow_story story;
	struct span rest = span_sub(s, 1, SIZE_MAX);

	r->ctx.now_ns += 1000000000;
	switch (s.p[0]) {
	case '?':
		r->ctx.server = false;
		flows_url(r->fs, &r->ctx, rest);
		break;
	case 'w':
		flows_preimage(r->fs, &r->ctx, rest);
		flows_argv(r->fs, &r->ctx, SPAN_LIT("/bin/sh"), rest);
		flows_log_word(r->fs, &r->ctx, rest);
		flows_env(r->fs, &r->ctx, rest, SPAN_LIT("0"));
		flows_story(r->fs, 1 + (int64_t)(rest.len % 8), r->ctx.now_ns, &story);
		break;
	case 'b':
		r->bearer = rest;
		break;
	default:
		message(r, s.p[0], rest);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct values *v = values_new(16);
	struct ledger *l = v ? ledger_new(v) : NULL;
	char *copy = malloc(size ? size : 1);
	struct span rest;
	size_t n = 0;
	struct run r = { .ctx = { .now_ns = 1000000000, .root = 1, .local_port = 3334 } };
	static const uint8_t key[32];
	struct flows_config cfg = { .ledger = l, .found = found, .arg = &n, .key = key };

	if (!l || !copy)
		abort();
	memcpy(copy, data, size);
	rest = span_of(copy, size);
	r.fs = flows_new(&cfg);
	if (!r.fs)
		abort();
	while (rest.len) {
		size_t end = span_find_byte(rest, '\n');

		if (end)
			line(&r, span_sub(rest, 0, end));
		rest = end == SIZE_MAX ? SPAN_NONE : span_sub(rest, end + 1, SIZE_MAX);
	}
	flow_xchg_free(r.x[0]);
	flow_xchg_free(r.x[1]);
	flows_free(r.fs);
	ledger_free(l);
	values_free(v);
	free(copy);
	return 0;
}
