/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>

#include "alert/policy.h"
#include "base/buf.h"
#include "leak.h"

#define SECRET_LEN 100

/* One judgement. `rule` NULL: legal. */
struct verdict_case {
	const char *cell;
	enum sink_class sink;
	unsigned int flags;
	enum secret_kind kind;
	enum confidence confidence;
	const char *rule;
	enum severity severity;
	enum encoding encoding;
	unsigned int part; /* bytes of SECRET_LEN that were found; 0 = no known value */
	bool expired;
};

#define GROUP SINK_F_GROUP_READABLE
#define WORLD SINK_F_WORLD_READABLE
#define CHILD SINK_F_CHILD

#define ACCESS SECRET_ACCESS_TOKEN
#define REFRESH SECRET_REFRESH_TOKEN
#define CSECRET SECRET_CLIENT_SECRET
#define REGTOKEN SECRET_REGISTRATION_TOKEN
#define VERIFIER SECRET_VERIFIER

#define HEUR CONF_HEURISTIC
#define PAT CONF_PATTERN
#define VERI CONF_VERIFIED
#define VAL CONF_VALUE

#define SHAPED "token-shaped-bytes"

#define LEGAL(cell_, sink_, flags_, kind_, confidence_)                                            \
	.cell = (cell_), .sink = (sink_), .flags = (flags_), .kind = (kind_),                      \
	.confidence = (confidence_)
#define RAISES(cell_, sink_, flags_, kind_, confidence_, rule_, severity_)                         \
	LEGAL(cell_, sink_, flags_, kind_, confidence_), .rule = (rule_), .severity = (severity_)

static const struct verdict_case cases[] = {
	/* legal by nature */
	{ LEGAL("state-anywhere", SINK_TOOL_RESULT, 0, SECRET_STATE, VAL) },
	{ LEGAL("state-anywhere", SINK_STDERR, 0, SECRET_STATE, HEUR) },
	{ LEGAL("secret-store", SINK_SECRET_STORE, 0, REFRESH, VAL) },
	{ LEGAL("pipe-to-helper", SINK_PIPE, CHILD | SINK_F_HELPER, REFRESH, VAL) },
	{ LEGAL("pipe-own", SINK_PIPE, 0, ACCESS, VAL) },
	{ LEGAL("pipe-own", SINK_PIPE, SINK_F_LOOPBACK, ACCESS, PAT) },
	{ LEGAL("network-loopback", SINK_NETWORK, SINK_F_LOOPBACK, REFRESH, VAL) },
	{ LEGAL("network-tls", SINK_NETWORK, SINK_F_TLS, REFRESH, VAL) },
	{ LEGAL("network-tls", SINK_NETWORK, SINK_F_TLS, ACCESS, VAL), .part = 20 },
	{ LEGAL("env-inherited", SINK_ENV, CHILD | SINK_F_INHERITED, ACCESS, VAL) },
	{ LEGAL("no-rule-yet", SINK_HTTP_URL, 0, ACCESS, VAL) },
	{ LEGAL("no-rule-yet", SINK_COOKIE, 0, REFRESH, PAT) },

	/* the server's own environment */
	{ RAISES("env-own", SINK_ENV, 0, SECRET_API_KEY, PAT, "static-credential-in-env",
		 SEV_INFO) },
	{ RAISES("env-own", SINK_ENV, 0, SECRET_API_KEY, HEUR, "static-credential-in-env",
		 SEV_INFO) },
	{ RAISES("env-own-powerful", SINK_ENV, 0, REFRESH, PAT, "static-credential-in-env",
		 SEV_LOW) },
	{ RAISES("env-own-powerful", SINK_ENV, 0, CSECRET, HEUR, "static-credential-in-env",
		 SEV_LOW) },

	/* parts of known values */
	{ RAISES("part-large", SINK_STDERR, 0, ACCESS, VAL, "partial-secret-logged", SEV_MEDIUM),
	  .part = 50 },
	{ RAISES("part-large", SINK_TOOL_RESULT, 0, REFRESH, VAL, "partial-secret-logged",
		 SEV_MEDIUM),
	  .part = 99 },
	{ RAISES("part-small", SINK_FILE, 0, ACCESS, VAL, "partial-secret-logged", SEV_LOW),
	  .part = 49 },
	{ RAISES("part-small", SINK_TTY, 0, CSECRET, VAL, "partial-secret-logged", SEV_LOW),
	  .part = 12 },
	{ RAISES("part-small", SINK_LOG_FILE, 0, ACCESS, VAL, "partial-secret-logged", SEV_LOW),
	  .encoding = ENC_BASE64, .part = 12 },
	{ LEGAL("network-loopback", SINK_NETWORK, SINK_F_LOOPBACK, ACCESS, VAL), .part = 20 },
	{ RAISES("stderr", SINK_STDERR, 0, ACCESS, VAL, "token-on-stderr", SEV_HIGH), .part = 100 },

	/* in clear, to another machine and to a private address */
	{ RAISES("network-cleartext", SINK_NETWORK, 0, ACCESS, VAL, "token-plaintext-http",
		 SEV_CRITICAL) },
	{ RAISES("network-cleartext-private", SINK_NETWORK, SINK_F_PRIVATE, ACCESS, VAL,
		 "token-plaintext-http", SEV_HIGH) },

	/* to the model or a log, by kind */
	{ RAISES("verifier-to-model", SINK_REQUEST_STATE, 0, VERIFIER, VAL,
		 "pkce-verifier-to-model", SEV_HIGH) },
	{ RAISES("verifier-to-model", SINK_TOOL_RESULT, 0, VERIFIER, VAL, "pkce-verifier-to-model",
		 SEV_HIGH) },
	{ RAISES("verifier-logged", SINK_STDERR, 0, VERIFIER, VAL, "pkce-verifier-logged",
		 SEV_HIGH) },
	{ RAISES("verifier-logged", SINK_SYSLOG, 0, VERIFIER, VAL, "pkce-verifier-logged",
		 SEV_HIGH) },
	{ RAISES("client-secret-to-model-or-log", SINK_TOOL_RESULT, 0, CSECRET, PAT,
		 "client-secret-exposed", SEV_CRITICAL) },
	{ RAISES("client-secret-to-model-or-log", SINK_STDERR, 0, CSECRET, VAL,
		 "client-secret-exposed", SEV_CRITICAL) },
	{ RAISES("client-secret-on-terminal", SINK_TTY, 0, CSECRET, PAT, "client-secret-exposed",
		 SEV_HIGH) },
	{ RAISES("registration-to-model-or-log", SINK_LOG_FILE, 0, REGTOKEN, VAL,
		 "registration-credential-exposed", SEV_HIGH) },
	{ RAISES("device-code-exposed", SINK_STDERR, 0, SECRET_DEVICE_CODE, VAL,
		 "device-code-exposed", SEV_MEDIUM) },
	{ RAISES("device-code-exposed", SINK_TOOL_RESULT, 0, SECRET_DEVICE_CODE, VAL,
		 "device-code-exposed", SEV_MEDIUM) },
	{ RAISES("assertion-to-model-or-log", SINK_STDERR, 0, SECRET_ASSERTION, VERI,
		 "assertion-exposed", SEV_HIGH) },
	{ RAISES("assertion-to-model-or-log", SINK_TOOL_RESULT, 0, SECRET_ASSERTION, VAL,
		 "assertion-exposed", SEV_MEDIUM),
	  .expired = true },
	{ RAISES("code-logged", SINK_STDERR, 0, SECRET_CODE, VAL, "code-logged", SEV_HIGH) },
	{ RAISES("code-logged", SINK_TTY, 0, SECRET_CODE, PAT, "code-logged", SEV_HIGH) },
	{ RAISES("code-logged-spent", SINK_STDERR, SINK_F_SPENT, SECRET_CODE, VAL, "code-logged",
		 SEV_LOW) },
	{ RAISES("access-log-code", SINK_STDERR, SINK_F_ACCESS_LOG, SECRET_CODE, VAL,
		 "access-log-code", SEV_HIGH) },
	{ RAISES("access-log-code-spent", SINK_LOG_FILE, SINK_F_ACCESS_LOG | SINK_F_SPENT,
		 SECRET_CODE, VAL, "access-log-code", SEV_LOW) },
	{ RAISES("access-log-token", SINK_STDERR, SINK_F_ACCESS_LOG, ACCESS, VAL,
		 "access-log-token", SEV_HIGH) },
	{ RAISES("verifier-logged-spent", SINK_STDERR, SINK_F_SPENT, VERIFIER, VAL,
		 "pkce-verifier-logged", SEV_LOW) },
	{ RAISES("elicitation-url", SINK_ELICITATION, SINK_F_URL_MODE, ACCESS, VAL,
		 "elicitation-url-preauthenticated", SEV_HIGH) },
	{ RAISES("html", SINK_HTML, 0, ACCESS, VAL, "token-in-html", SEV_HIGH) },

	/* to the model, by place */
	{ RAISES("resource-link", SINK_RESOURCE, SINK_F_RESOURCE_LINK, ACCESS, VAL,
		 "token-in-resource-link", SEV_HIGH) },
	{ RAISES("tool-result", SINK_TOOL_RESULT, 0, ACCESS, PAT, "token-in-tool-result",
		 SEV_CRITICAL) },
	{ RAISES("tool-result", SINK_TOOL_RESULT, 0, SECRET_CODE, VAL, "token-in-tool-result",
		 SEV_CRITICAL) },
	{ RAISES("tool-result", SINK_TOOL_RESULT, 0, SECRET_BEARER, VERI, "token-in-tool-result",
		 SEV_HIGH),
	  .expired = true },
	{ RAISES("jsonrpc-error", SINK_JSONRPC_ERROR, 0, ACCESS, VAL, "token-in-jsonrpc-error",
		 SEV_CRITICAL) },
	{ RAISES("resource", SINK_RESOURCE, 0, REFRESH, VAL, "token-in-resource", SEV_CRITICAL) },
	{ RAISES("prompt", SINK_PROMPT, 0, SECRET_API_KEY, PAT, "token-in-prompt", SEV_CRITICAL) },
	{ RAISES("instructions", SINK_INSTRUCTIONS, 0, ACCESS, VERI, "token-in-instructions",
		 SEV_CRITICAL) },
	{ RAISES("sampling", SINK_SAMPLING, 0, SECRET_ID_TOKEN, VERI, "token-in-sampling",
		 SEV_CRITICAL) },
	{ RAISES("elicitation", SINK_ELICITATION, 0, ACCESS, VAL, "token-in-elicitation",
		 SEV_HIGH) },
	{ RAISES("log-notification", SINK_LOG_NOTIFICATION, 0, ACCESS, VAL,
		 "token-in-log-notification", SEV_CRITICAL) },
	{ RAISES("progress", SINK_PROGRESS, 0, ACCESS, VAL, "token-in-progress-or-task",
		 SEV_HIGH) },
	{ RAISES("request-state", SINK_REQUEST_STATE, 0, ACCESS, VAL, "token-in-request-state",
		 SEV_HIGH) },
	{ RAISES("request-state", SINK_REQUEST_STATE, 0, ACCESS, VAL, "token-in-request-state",
		 SEV_HIGH),
	  .encoding = ENC_BASE64, .part = 100 },
	{ RAISES("argument-code", SINK_TOOL_ARGUMENT, 0, SECRET_CODE, VAL, "code-via-model",
		 SEV_HIGH) },
	{ RAISES("argument-certain", SINK_TOOL_ARGUMENT, 0, ACCESS, VAL, "token-via-tool-argument",
		 SEV_HIGH) },
	{ RAISES("argument-certain", SINK_TOOL_ARGUMENT, 0, ACCESS, VERI, "token-via-tool-argument",
		 SEV_HIGH) },
	{ RAISES("argument-pattern", SINK_TOOL_ARGUMENT, 0, ACCESS, PAT, "token-via-tool-argument",
		 SEV_MEDIUM) },

	/* logs */
	{ RAISES("stderr-refresh", SINK_STDERR, 0, REFRESH, PAT, "token-on-stderr", SEV_CRITICAL) },
	{ RAISES("stderr", SINK_STDERR, 0, SECRET_ID_TOKEN, VERI, "token-on-stderr", SEV_HIGH) },
	{ RAISES("stdout-raw", SINK_STDOUT, SINK_F_NOT_RPC, ACCESS, PAT, "token-on-stdout-raw",
		 SEV_HIGH) },
	{ RAISES("terminal", SINK_TTY, 0, ACCESS, PAT, "token-on-stdout-raw", SEV_MEDIUM) },
	{ RAISES("log-world-readable", SINK_LOG_FILE, GROUP | WORLD, ACCESS, PAT,
		 "token-in-log-file", SEV_CRITICAL) },
	{ RAISES("log-group-readable", SINK_LOG_FILE, GROUP, ACCESS, PAT, "token-in-log-file",
		 SEV_HIGH) },
	{ RAISES("log-shared-place", SINK_LOG_FILE, SINK_F_SHARED_PLACE, ACCESS, PAT,
		 "token-in-log-file", SEV_HIGH) },
	{ RAISES("log-private", SINK_LOG_FILE, 0, ACCESS, PAT, "token-in-log-file", SEV_MEDIUM) },
	{ RAISES("syslog", SINK_SYSLOG, 0, ACCESS, PAT, "token-to-syslog", SEV_HIGH) },

	/* files */
	{ RAISES("verifier-file-memory", SINK_FILE, SINK_F_MEMORY_FILE, VERIFIER, VAL,
		 "pkce-verifier-persisted", SEV_LOW) },
	{ RAISES("verifier-file-readable", SINK_FILE, GROUP, VERIFIER, VAL,
		 "pkce-verifier-persisted", SEV_HIGH) },
	{ RAISES("verifier-file-shared", SINK_FILE, SINK_F_SHARED_PLACE, VERIFIER, VAL,
		 "pkce-verifier-persisted", SEV_HIGH) },
	{ RAISES("verifier-file", SINK_FILE, 0, VERIFIER, VAL, "pkce-verifier-persisted",
		 SEV_MEDIUM) },
	{ RAISES("client-secret-file-memory", SINK_FILE, SINK_F_MEMORY_FILE, CSECRET, PAT,
		 "client-secret-exposed", SEV_LOW) },
	{ RAISES("client-secret-file-readable", SINK_FILE, WORLD, CSECRET, PAT,
		 "client-secret-exposed", SEV_HIGH) },
	{ RAISES("client-secret-file-shared", SINK_FILE, SINK_F_SHARED_PLACE, CSECRET, PAT,
		 "client-secret-exposed", SEV_HIGH) },
	{ RAISES("client-secret-file", SINK_FILE, 0, CSECRET, PAT, "client-secret-exposed",
		 SEV_MEDIUM) },
	{ RAISES("registration-file-memory", SINK_FILE, SINK_F_MEMORY_FILE, REGTOKEN, VAL,
		 "registration-credential-exposed", SEV_LOW) },
	{ RAISES("registration-file-readable", SINK_FILE, GROUP | WORLD, REGTOKEN, VAL,
		 "registration-credential-exposed", SEV_HIGH) },
	{ RAISES("registration-file-shared", SINK_FILE, SINK_F_SHARED_PLACE, REGTOKEN, VAL,
		 "registration-credential-exposed", SEV_HIGH) },
	{ RAISES("registration-file", SINK_FILE, 0, REGTOKEN, VAL,
		 "registration-credential-exposed", SEV_MEDIUM) },
	{ RAISES("device-code-exposed", SINK_FILE, 0, SECRET_DEVICE_CODE, VAL,
		 "device-code-exposed", SEV_MEDIUM) },
	{ RAISES("file-memory", SINK_FILE, SINK_F_MEMORY_FILE | GROUP | WORLD, REFRESH, PAT,
		 "token-file-plaintext", SEV_LOW) },
	{ RAISES("file-readable", SINK_FILE, GROUP, ACCESS, PAT, "token-file-permissive",
		 SEV_HIGH) },
	{ RAISES("file-readable", SINK_FILE, WORLD, REFRESH, VAL, "token-file-permissive",
		 SEV_HIGH) },
	{ RAISES("file-shared", SINK_FILE, SINK_F_SHARED_PLACE, ACCESS, PAT,
		 "token-file-shared-location", SEV_HIGH) },
	{ RAISES("file-refresh", SINK_FILE, 0, REFRESH, VERI, "token-file-plaintext", SEV_HIGH) },
	{ RAISES("file", SINK_FILE, 0, ACCESS, PAT, "token-file-plaintext", SEV_MEDIUM) },
	{ RAISES("file", SINK_FILE, 0, SECRET_CODE, VAL, "token-file-plaintext", SEV_MEDIUM) },

	/* processes and the network */
	{ RAISES("argv", SINK_ARGV, 0, ACCESS, PAT, "secret-in-argv", SEV_HIGH) },
	{ RAISES("argv", SINK_ARGV, CHILD, CSECRET, VAL, "secret-in-argv", SEV_HIGH) },
	{ RAISES("env-of-child", SINK_ENV, CHILD, ACCESS, VAL, "token-in-env-of-child", SEV_HIGH) },
	{ RAISES("env-of-child", SINK_ENV, CHILD, REFRESH, PAT, "token-in-env-of-child",
		 SEV_HIGH) },
	{ RAISES("pipe-to-child", SINK_PIPE, CHILD, ACCESS, PAT, "token-piped-to-child",
		 SEV_MEDIUM) },
	{ RAISES("network-cleartext", SINK_NETWORK, 0, ACCESS, PAT, "token-plaintext-http",
		 SEV_CRITICAL) },
	{ RAISES("network-cleartext", SINK_NETWORK, 0, CSECRET, VAL, "token-plaintext-http",
		 SEV_CRITICAL),
	  .encoding = ENC_BASE64, .part = 100 },

	/* only a key name says so */
	{ RAISES("shaped-tool-result", SINK_TOOL_RESULT, 0, ACCESS, HEUR, SHAPED, SEV_HIGH) },
	{ RAISES("shaped-low", SINK_TOOL_ARGUMENT, 0, SECRET_CODE, HEUR, SHAPED, SEV_LOW) },
	{ RAISES("shaped-low", SINK_PIPE, CHILD, ACCESS, HEUR, SHAPED, SEV_LOW) },
	{ RAISES("shaped-file-memory", SINK_FILE, SINK_F_MEMORY_FILE, ACCESS, HEUR, SHAPED,
		 SEV_LOW) },
	{ RAISES("shaped", SINK_FILE, GROUP | WORLD, ACCESS, HEUR, SHAPED, SEV_MEDIUM) },
	{ RAISES("shaped", SINK_STDERR, 0, CSECRET, HEUR, SHAPED, SEV_MEDIUM) },
	{ RAISES("shaped", SINK_PROMPT, 0, VERIFIER, HEUR, SHAPED, SEV_MEDIUM) },
	{ RAISES("shaped", SINK_ENV, CHILD, ACCESS, HEUR, SHAPED, SEV_MEDIUM) },
	{ RAISES("shaped", SINK_NETWORK, 0, ACCESS, HEUR, SHAPED, SEV_MEDIUM) },

	/* adjustments */
	{ RAISES("tool-result", SINK_TOOL_RESULT, 0, ACCESS, VAL, "secret-encoded-leak",
		 SEV_CRITICAL),
	  .encoding = ENC_BASE64, .part = 100 },
	{ RAISES("stderr", SINK_STDERR, 0, ACCESS, VAL, "secret-encoded-leak", SEV_HIGH),
	  .encoding = ENC_HEX, .part = 100 },
	{ RAISES("log-private", SINK_LOG_FILE, 0, ACCESS, VAL, "secret-encoded-leak", SEV_MEDIUM),
	  .encoding = ENC_UTF16, .part = 100 },
	{ RAISES("file", SINK_FILE, 0, ACCESS, VAL, "secret-encoded-leak", SEV_MEDIUM),
	  .encoding = ENC_HTML, .part = 100 },
	/* what every writer does to a string is no disguise, and an unknown value has no plain form */
	{ RAISES("stderr", SINK_STDERR, 0, ACCESS, VAL, "token-on-stderr", SEV_HIGH),
	  .encoding = ENC_PERCENT, .part = 100 },
	{ RAISES("stderr", SINK_STDERR, 0, ACCESS, VAL, "token-on-stderr", SEV_HIGH),
	  .encoding = ENC_JSON, .part = 100 },
	{ RAISES("stderr", SINK_STDERR, 0, ACCESS, PAT, "token-on-stderr", SEV_HIGH),
	  .encoding = ENC_BASE64 },
	{ RAISES("env-own", SINK_ENV, 0, ACCESS, VERI, "static-credential-in-env", SEV_INFO),
	  .expired = true },
	{ RAISES("stderr", SINK_STDERR, 0, SECRET_BEARER, VERI, "token-on-stderr", SEV_MEDIUM),
	  .expired = true },
	{ RAISES("tool-result", SINK_TOOL_RESULT, 0, ACCESS, VAL, "secret-encoded-leak", SEV_HIGH),
	  .encoding = ENC_HEX, .part = 100, .expired = true },
};

#define N_CASES (sizeof(cases) / sizeof(cases[0]))

static struct policy *policy;

static int setup(void **state)
{
	struct error err = { 0 };

	if (policy_new(&policy, &err)) {
		print_error("%s\n", err.text);
		return -1;
	}
	return 0;
}

static int teardown(void **state)
{
	policy = policy_free(policy);
	return 0;
}

/* A redacted secret of its kind, from a fresh random value that is put into `value`. */
static struct redacted secret_of(const struct verdict_case *c, char value[SECRET_LEN + 1])
{
	struct fingerprinter key;
	struct redacted r;
	struct hit hit = {
		.rule_id = c->confidence == CONF_VALUE ? "known-value" : "some-rule",
		.prefix = "pre_",
		.kind = c->kind,
		.confidence = c->confidence,
		.encoding = c->encoding,
		.expired = c->expired,
	};

	leak_secret(value, "pre_", SECRET_LEN);
	hit.value = span_of(value, c->part ? c->part : SECRET_LEN);
	if (c->part) {
		hit.known_id = 1;
		hit.whole_len = SECRET_LEN;
		hit.part_len = c->part;
	}
	fingerprinter_random(&key);
	redact_hit(&key, &hit, &r);
	return r;
}

static const char *show(const struct verdict_case *c, char out[200])
{
	snprintf(out, 200, "case %zu (%s: %s %s, flags 0x%x)", (size_t)(c - cases), c->cell,
		 sink_class_name(c->sink), secret_kind_name(c->kind), c->flags);
	return out;
}

static void test_every_case(void **state)
{
	char text[200], value[SECRET_LEN + 1];

	for (const struct verdict_case *c = cases; c < cases + N_CASES; c++) {
		struct redacted r = secret_of(c, value);
		struct sink sink = { .class = c->sink, .flags = c->flags, .fd = 3, .line = 4 };
		struct alert a = { .time_ns = 5, .seen_count = 6 };
		const char *cell = policy_deciding_cell(policy, &r, &sink);
		enum verdict v = policy_judge(policy, &r, &sink, &a);

		if (!cell || strcmp(cell, c->cell) != 0)
			fail_msg("%s: decided by %s", show(c, text), cell ? cell : "no cell");
		if ((v == VERDICT_LEGAL) != !c->rule)
			fail_msg("%s: wrong verdict", show(c, text));
		if (v == VERDICT_LEGAL)
			continue;
		if (strcmp(a.rule, c->rule) != 0 || a.severity != c->severity)
			fail_msg("%s: raised %s %s", show(c, text), a.rule,
				 severity_name(a.severity));
		/* What it fills, and what it leaves. */
		assert_string_equal(a.why, policy_catalogue_find(policy, a.rule)->why);
		assert_int_equal(strlen(a.id), 32);
		assert_memory_equal(&a.secret, &r, sizeof(r));
		assert_int_equal(a.sink.line, 4);
		assert_int_equal(a.sink.flags, c->flags | (c->part ? SINK_F_LEARNT : 0));
		assert_int_equal(a.time_ns, 5);
		assert_int_equal(a.seen_count, 6);
		if (leak_found(&a, sizeof(a), value, strlen("pre_")))
			fail_msg("%s: the alert holds a piece of the secret", show(c, text));
	}
}

static void test_every_cell_is_reached(void **state)
{
	for (size_t i = 0; i < policy_cells_len(policy); i++) {
		const char *id = policy_cell_id(policy, i);
		size_t k;

		for (k = 0; k < N_CASES && strcmp(cases[k].cell, id) != 0; k++)
			;
		if (k == N_CASES)
			fail_msg("no case reaches the cell %s", id);
	}
}

static void test_no_other_than_implemented_rules_is_raised(void **state)
{
	size_t implemented = 0;

	for (size_t i = 0; i < policy_catalogue_len(policy); i++) {
		const struct catalogue_entry *e = policy_catalogue_at(policy, i);
		bool is = !strcmp(e->status, "implemented"), raised = false;

		implemented += is;
		for (size_t k = 0; k < N_CASES; k++)
			raised |= cases[k].rule && !strcmp(cases[k].rule, e->id);
		/* What the matrix does not raise, the flow checks do: their replay cases show it. */
		if (raised && !is)
			fail_msg("%s is \"%s\" and is raised", e->id, e->status);
	}
	assert_true(implemented > 30);
}

static void test_catalogue(void **state)
{
	assert_int_equal(policy_catalogue_len(policy), 123);
	for (size_t i = 0; i < policy_catalogue_len(policy); i++) {
		const struct catalogue_entry *e = policy_catalogue_at(policy, i);

		assert_ptr_equal(policy_catalogue_find(policy, e->id), e);
		assert_non_null(e->references[0]);
		assert_true(strlen(e->why) > 40 && strlen(e->fix) > 15);
		/* The fault of a rule's text is found by eye; that it is a sentence is found here. */
		assert_int_equal(e->why[strlen(e->why) - 1], '.');
		assert_int_equal(e->fix[strlen(e->fix) - 1], '.');
	}
	assert_null(policy_catalogue_at(policy, 123));
	assert_null(policy_catalogue_find(policy, "no-such-rule"));
}

/* Whatever comes: a verdict, a severity in range, and state and mere guesses never too loud. */
static void test_all_combinations(void **state)
{
	static const struct verdict_case any = { .confidence = CONF_VALUE };
	char value[SECRET_LEN + 1];
	struct redacted r = secret_of(&any, value);
	unsigned int f, x;

	for (x = 0; x < SINK_CLASS_MAX * SECRET_KIND_MAX * CONF_MAX * ENC_MAX; x++) {
		unsigned int rest = x;
		struct sink sink = { .class = (enum sink_class)(rest % SINK_CLASS_MAX) };

		rest /= SINK_CLASS_MAX;
		r.kind = (enum secret_kind)(rest % SECRET_KIND_MAX);
		rest /= SECRET_KIND_MAX;
		r.confidence = (enum confidence)(rest % CONF_MAX);
		r.encoding = (enum encoding)(rest / CONF_MAX);
		for (f = 0; f < 0x800; f += 1 + randombytes_uniform(200)) {
			struct alert a;
			enum verdict v;

			sink.flags = f;
			r.expired = f & 1;
			assert_non_null(policy_deciding_cell(policy, &r, &sink));
			v = policy_judge(policy, &r, &sink, &a);
			if (v == VERDICT_LEGAL)
				continue;
			assert_true(a.severity < SEV_MAX);
			assert_int_not_equal(r.kind, SECRET_STATE);
			assert_int_not_equal(sink.class, SINK_SECRET_STORE);
			assert_string_equal(policy_catalogue_find(policy, a.rule)->status,
					    "implemented");
			if (r.confidence == CONF_HEURISTIC && sink.class != SINK_ENV)
				assert_string_equal(a.rule, SHAPED);
		}
	}
}

static void add(struct policy *p, const char *text)
{
	struct error err = { 0 };

	if (policy_add_text(p, "user.json", span_str(text), &err))
		fail_msg("%s", err.text);
}

static void judged(const struct policy *p, const struct verdict_case *c)
{
	char value[SECRET_LEN + 1];
	struct redacted r = secret_of(c, value);
	struct sink sink = { .class = c->sink, .flags = c->flags };
	struct alert a = { 0 };
	enum verdict v = policy_judge(p, &r, &sink, &a);

	assert_string_equal(policy_deciding_cell(p, &r, &sink), c->cell);
	if (!c->rule) {
		assert_int_equal(v, VERDICT_LEGAL);
		return;
	}
	assert_int_equal(v, VERDICT_ALERT);
	assert_string_equal(a.rule, c->rule);
	assert_int_equal(a.severity, c->severity);
}

static void test_users_files(void **state)
{
	struct policy *p;
	size_t cells;

	assert_int_equal(policy_new(&p, NULL), 0);
	cells = policy_cells_len(p);
	/* New cells stand first, in their order; an equal id replaces where it stands. */
	add(p,
	    "{\"kind\":\"policy\",\"groups\":{\"mine\":[\"syslog\",\"@log\"]},\"cells\":["
	    "{\"id\":\"u1\",\"sink\":[\"@mine\"],\"secret\":[\"api_key\"],\"verdict\":\"legal\"},"
	    "{\"id\":\"u2\",\"sink\":[\"stderr\"],\"secret\":[\"api_key\",\"bearer\"],"
	    "\"verdict\":\"alert\",\"rule\":\"token-on-stderr\",\"severity\":\"low\"},"
	    "{\"id\":\"syslog\",\"sink\":[\"syslog\"],\"verdict\":\"alert\","
	    "\"rule\":\"token-to-syslog\",\"severity\":\"critical\"}]}");
	assert_int_equal(policy_cells_len(p), cells + 2);
	assert_string_equal(policy_cell_id(p, 0), "u1");
	assert_string_equal(policy_cell_id(p, 1), "u2");
	judged(p, &(struct verdict_case){ LEGAL("u1", SINK_STDERR, 0, SECRET_API_KEY, PAT) });
	judged(p, &(struct verdict_case){ RAISES("u2", SINK_STDERR, 0, SECRET_BEARER, PAT,
						 "token-on-stderr", SEV_LOW) });
	judged(p, &(struct verdict_case){ RAISES("syslog", SINK_SYSLOG, 0, ACCESS, PAT,
						 "token-to-syslog", SEV_CRITICAL) });

	/* The next file goes before; a rule of one's own, and one changed. */
	add(p, "{\"kind\":\"catalogue\",\"rules\":["
	       "{\"id\":\"house-rule\",\"title\":\"t\",\"severity\":\"info\",\"family\":\"D\","
	       "\"status\":\"implemented\",\"why\":\"w\",\"fix\":\"f\",\"references\":[]},"
	       "{\"id\":\"secret-in-argv\",\"title\":\"t\",\"severity\":\"low\",\"family\":\"D\","
	       "\"status\":\"implemented\",\"why\":\"w\",\"fix\":\"f\",\"references\":[\"r\"]}],"
	       "\"cells\":[{\"id\":\"u3\",\"sink\":[\"stderr\"],\"verdict\":\"alert\","
	       "\"rule\":\"house-rule\"}],"
	       "\"adjustments\":[{\"id\":\"expired\",\"expired\":true,\"lower\":4}]}");
	assert_int_equal(policy_catalogue_len(p), 124);
	assert_string_equal(policy_cell_id(p, 0), "u3");
	judged(p, &(struct verdict_case){ RAISES("u3", SINK_STDERR, 0, SECRET_API_KEY, PAT,
						 "house-rule", SEV_INFO) });
	judged(p, &(struct verdict_case){
			  RAISES("argv", SINK_ARGV, 0, ACCESS, PAT, "secret-in-argv", SEV_LOW) });
	judged(p, &(struct verdict_case){ RAISES("network-cleartext", SINK_NETWORK, 0, ACCESS, PAT,
						 "token-plaintext-http", SEV_INFO),
					  .expired = true });
	/* The built-in policy of others is untouched. */
	judged(policy, &(struct verdict_case){ RAISES("argv", SINK_ARGV, 0, ACCESS, PAT,
						      "secret-in-argv", SEV_HIGH) });
	assert_null(policy_free(p));
	assert_null(policy_free(NULL));
}

#define CELL(members)                                                                              \
	"{\"kind\":\"policy\",\"cells\":[\n{\"id\":\"a\",\"sink\":[\"html\"],\"verdict\":"         \
	"\"legal\"},\n\n{" members "}"                                                             \
	"]"                                                                                        \
	"}"
#define RULE(members)                                                                              \
	"{\"kind\":\"catalogue\",\"rules\":[{\"id\":\"x\",\"severity\":\"low\",\"family\":\"A\","  \
	"\"status\":\"implemented\",\"fix\":\"f\"," members "}]}"

static const struct {
	const char *text, *says;
} faults[] = {
	{ "", "f.json:1: not valid JSON" },
	{ "{\"kind\":\"policy\"", "not valid JSON" },
	{ "{\n\n\"kind\" \"policy\"}", "f.json:3: not valid JSON" },
	{ "{\"kind\":\"policy\"} x", "not valid JSON" },
	{ "[]", "not a JSON object" },
	{ "{}", "\"kind\" is missing" },
	{ "{\"kind\":\"tokens\"}", "kind \"tokens\" is not" },
	{ "{\"kind\":7}", "wrong type" },
	{ "{\"kind\":\"policy\",\"cell\":[]}", "unknown member \"cell\"" },
	{ "{\"kind\":\"policy\",\"Kind\":\"policy\"}", "unknown member \"Kind\"" },
	{ "{\"kind\":\"policy\",\"cells\":{}}", "wrong type" },
	{ "{\"kind\":\"policy\",\"cells\":[7]}", "not an object" },
	{ "{\"kind\":\"policy\",\"groups\":{\"g\":[\"nowhere\"]}}", "\"nowhere\" is not a known" },
	{ "{\"kind\":\"policy\",\"groups\":{\"g\":[]}}", "list of names" },
	{ "{\"kind\":\"policy\",\"groups\":{\"\":[\"file\"]}}", "needs a name" },
	{ CELL("\"verdict\":\"legal\""), "f.json:4: \"id\" is missing" },
	{ CELL("\"id\":\"b\""), "f.json:4: b: \"verdict\" is missing" },
	{ CELL("\"id\":\"b\",\"verdict\":\"maybe\""), "f.json:4: b: \"verdict\" is" },
	{ CELL("\"id\":\"B\",\"verdict\":\"legal\""), "an id has only" },
	{ CELL("\"id\":\"-b\",\"verdict\":\"legal\""), "an id has only" },
	{ CELL("\"id\":\"\",\"verdict\":\"legal\""), "\"id\" must be" },
	{ CELL("\"id\":\"b\",\"id\":\"c\",\"verdict\":\"legal\""), "there twice" },
	{ CELL("\"id\":\"b\",\"verdict\":\"alert\""), "needs a \"rule\"" },
	{ CELL("\"id\":\"b\",\"verdict\":\"legal\",\"rule\":\"secret-in-argv\""), "has neither" },
	{ CELL("\"id\":\"b\",\"verdict\":\"legal\",\"severity\":\"low\""), "has neither" },
	{ CELL("\"id\":\"b\",\"verdict\":\"alert\",\"rule\":\"nothing\""), "not in the catalogue" },
	{ CELL("\"id\":\"b\",\"verdict\":\"alert\",\"rule\":\"secret-in-argv\","
	       "\"severity\":\"huge\""),
	  "severity \"huge\"" },
	{ CELL("\"id\":\"b\",\"verdict\":\"legal\",\"sink\":[]"), "list of names" },
	{ CELL("\"id\":\"b\",\"verdict\":\"legal\",\"sink\":\"stderr\""), "list of names" },
	{ CELL("\"id\":\"b\",\"verdict\":\"legal\",\"sink\":[\"@nobody\"]"), "\"@nobody\" is not" },
	{ CELL("\"id\":\"b\",\"verdict\":\"legal\",\"sink\":[1]"), "\"?\" is not a known sink" },
	{ CELL("\"id\":\"b\",\"verdict\":\"legal\",\"secret\":[\"password\"]"),
	  "\"password\" is not a known secret" },
	{ CELL("\"id\":\"b\",\"verdict\":\"legal\",\"encoding\":[\"rot13\"]"),
	  "\"rot13\" is not a known encoding" },
	{ CELL("\"id\":\"b\",\"verdict\":\"legal\",\"confidence\":\"sure\""),
	  "confidence \"sure\"" },
	{ CELL("\"id\":\"b\",\"verdict\":\"legal\",\"found_percent\":{\"min\":101}"), "0 to 100" },
	{ CELL("\"id\":\"b\",\"verdict\":\"legal\",\"found_percent\":{\"max\":-1}"), "0 to 100" },
	{ CELL("\"id\":\"b\",\"verdict\":\"legal\",\"found_percent\":{\"least\":1}"),
	  "unknown member \"least\"" },
	{ CELL("\"id\":\"b\",\"verdict\":\"legal\",\"when\":{\"sunny\":true}"), "\"sunny\"" },
	{ CELL("\"id\":\"b\",\"verdict\":\"legal\",\"when\":{\"child\":1}"), "\"child\"" },
	{ CELL("\"id\":\"b\",\"verdict\":\"legal\",\"expired\":1"), "wrong type" },
	{ "{\"kind\":\"policy\",\"adjustments\":[{\"id\":\"b\"}]}", "\"rule\" or \"lower\"" },
	{ "{\"kind\":\"policy\",\"adjustments\":[{\"id\":\"b\",\"lower\":0}]}", "from 1 to 4" },
	{ "{\"kind\":\"policy\",\"adjustments\":[{\"id\":\"b\",\"lower\":1e99}]}", "from 1 to 4" },
	{ RULE("\"title\":\"t\",\"why\":\"w\""), "\"references\" is missing" },
	{ RULE("\"title\":\"\",\"why\":\"w\",\"references\":[]"), "\"title\" must be" },
	{ RULE("\"title\":\"\\u001b[2J\",\"why\":\"w\",\"references\":[]"), "\"title\" must be" },
	{ RULE("\"title\":\"\xff\",\"why\":\"w\",\"references\":[]"), "\"title\" must be" },
	{ RULE("\"title\":\"t\",\"why\":\"w\",\"references\":[7]"), "a reference must be" },
	{ "{\"kind\":\"catalogue\",\"rules\":[{\"id\":\"x\",\"severity\":\"low\",\"family\":\"F\","
	  "\"status\":\"implemented\",\"fix\":\"f\",\"title\":\"t\",\"why\":\"w\",\"references\":[]"
	  "}]}",
	  "one of A to E" },
	{ "{\"kind\":\"catalogue\",\"rules\":[{\"id\":\"x\",\"severity\":\"low\",\"family\":\"A\","
	  "\"status\":\"planned: "
	  "\",\"fix\":\"f\",\"title\":\"t\",\"why\":\"w\",\"references\":[]}]}",
	  "\"status\" is" },
};

static void test_faults_are_told(void **state)
{
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
		struct error err = { 0 };
		struct policy *p;
		int r;

		assert_int_equal(policy_new(&p, NULL), 0);
		r = policy_add_text(p, "f.json", span_str(faults[i].text), &err);
		if (r != -EINVAL || err.code != r || !strstr(err.text, faults[i].says) ||
		    strncmp(err.text, "f.json:", 7) != 0)
			fail_msg("%s -> %d \"%s\", not \"%s\"", faults[i].text, r, err.text,
				 faults[i].says);
		/* It can still judge, and be freed. */
		judged(p, &(struct verdict_case){ RAISES("argv", SINK_ARGV, 0, ACCESS, PAT,
							 "secret-in-argv", SEV_HIGH) });
		policy_free(p);
	}
}

static void test_big_files_are_bounded(void **state)
{
	struct buf b = BUF_INIT(0);
	struct error err = { 0 };
	struct policy *p;

	assert_int_equal(policy_new(&p, NULL), 0);
	buf_add_str(&b, "{\"kind\":\"policy\",\"cells\":[");
	for (int i = 0; i < 5000; i++)
		buf_addf(&b, "%s{\"id\":\"c%d\",\"verdict\":\"legal\"}", i ? "," : "", i);
	buf_add_str(&b, "]}");
	assert_int_equal(policy_add_text(p, "f.json", buf_span(&b), &err), -E2BIG);
	assert_non_null(strstr(err.text, "more than 4096 items"));

	err = (struct error){ 0 };
	buf_clear(&b);
	while (b.len <= 4u * 1024 * 1024)
		buf_add_str(&b, "                                                                ");
	assert_int_equal(policy_add_text(p, "f.json", buf_span(&b), &err), -EFBIG);
	buf_release(&b);
	policy_free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_case),
		cmocka_unit_test(test_every_cell_is_reached),
		cmocka_unit_test(test_no_other_than_implemented_rules_is_raised),
		cmocka_unit_test(test_catalogue),
		cmocka_unit_test(test_all_combinations),
		cmocka_unit_test(test_users_files),
		cmocka_unit_test(test_faults_are_told),
		cmocka_unit_test(test_big_files_are_bounded),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
