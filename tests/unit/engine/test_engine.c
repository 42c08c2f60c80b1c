/* SPDX-License-Identifier: BSD-2-Clause */
/* Scenes of records through the whole engine with the built-in rules and policy. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>
#include <sodium.h>
#include "alert/dedup.h"
#include "base/secmem.h"
#include "engine/engine.h"
#include "records.h"
#include "sample/tokens.h"

#define MAX_ALERTS 64

struct fixture {
	struct scene sc;
	struct ruleset *rules;
	struct scanner *scanner;
	struct policy *policy;
	struct values *values;
	struct engine *engine;
	struct alert alerts[MAX_ALERTS];
	size_t n;
	uint64_t fed; /* payload bytes */
	struct actor_rec root;
	struct object_rec in, out, err;
};

static void on_alert(void *arg, const struct alert *a)
{
	struct fixture *f = arg;

	assert_true(f->n < MAX_ALERTS);
	f->alerts[f->n++] = *a;
}

static void feed(struct fixture *f, struct span rec)
{
	assert_int_equal(engine_feed(f->engine, rec), 0);
}

static void moved(struct fixture *f, const struct actor_rec *a, struct object_rec *o,
		  enum bt_dir dir, const char *text)
{
	f->fed += strlen(text);
	feed(f, rec_data(&f->sc, a, o, dir, 7, ~0ull, span_str(text)));
}

/* A root process whose stdio is three pipes, as a Python client gives them. */
static int setup(void **state)
{
	struct engine_config cfg = { .alert = on_alert };
	struct fixture *f = calloc(1, sizeof(*f));
	struct error err = { 0 };
	int i;

	assert_non_null(f);
	f->sc.now_ns = 1000;
	f->rules = ruleset_new();
	assert_int_equal(ruleset_add_builtin(f->rules, &err), 0);
	assert_int_equal(scanner_new(f->rules, &f->scanner, &err), 0);
	assert_int_equal(policy_new(&f->policy, &err), 0);
	f->values = values_new(VALUES_MAX);
	assert_non_null(f->values);
	cfg.scanner = f->scanner;
	cfg.policy = f->policy;
	cfg.values = f->values;
	cfg.boot_offset_ns = 1000000;
	cfg.root_tgid = 100;
	cfg.arg = f;
	fingerprinter_random(&cfg.fingerprint);
	assert_int_equal(engine_new(&cfg, &f->engine), 0);
	f->root = (struct actor_rec){ 100, 100, 5 };
	f->in = object_rec(BT_FILE_PIPE, 10, S_IFIFO | 0600);
	f->out = object_rec(BT_FILE_PIPE, 11, S_IFIFO | 0600);
	f->err = object_rec(BT_FILE_PIPE, 12, S_IFIFO | 0600);
	feed(f, rec_exec(&f->sc, &f->root, 1, "/usr/bin/node"));
	for (i = 0; i < 3; i++)
		feed(f, rec_file(&f->sc, &f->root,
				 i == 0   ? &f->in
				 : i == 1 ? &f->out
					  : &f->err,
				 i, BT_FILE_STDIO, i ? O_WRONLY : O_RDONLY, "", 0, 0));
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	engine_free(f->engine);
	scanner_free(f->scanner);
	ruleset_free(f->rules);
	policy_free(f->policy);
	values_free(f->values);
	buf_release(&f->sc.rec);
	free(f);
	return 0;
}

static char *fmt(const char *format, ...) __attribute__((format(printf, 1, 2)));
static char *fmt(const char *format, ...)
{
	va_list ap;
	char *s;

	va_start(ap, format);
	assert_true(vasprintf(&s, format, ap) >= 0);
	va_end(ap);
	return s;
}

static const struct alert *only(struct fixture *f, const char *rule)
{
	if (f->n != 1 || strcmp(f->alerts[0].rule, rule)) {
		size_t i;

		for (i = 0; i < f->n; i++)
			print_message("# alert %s at %s\n", f->alerts[i].rule,
				      sink_class_name(f->alerts[i].sink.class));
		fail_msg("wanted one %s, got %zu alerts", rule, f->n);
	}
	return &f->alerts[0];
}

static void call(struct fixture *f, const char *tool, int id)
{
	char *s = fmt("{\"jsonrpc\":\"2.0\",\"id\":%d,\"method\":\"tools/"
		      "call\",\"params\":{\"name\":\"%s\","
		      "\"arguments\":{}}}\n",
		      id, tool);

	moved(f, &f->root, &f->in, BT_DIR_IN, s);
	free(s);
}

static void tool_result_names_tool_and_request(void **state)
{
	struct fixture *f = *state;
	char *tok = tok_new("gho");
	char *s = fmt("{\"result\":{\"content\":[{\"type\":\"text\",\"text\":\"token: %s\"}]},"
		      "\"id\":7,\"jsonrpc\":\"2.0\"}\n",
		      tok);
	const struct alert *a;

	call(f, "whoami", 7);
	moved(f, &f->root, &f->out, BT_DIR_OUT, s);
	a = only(f, "token-in-tool-result");
	assert_string_equal(a->mcp.tool, "whoami");
	assert_string_equal(a->mcp.id, "7");
	assert_string_equal(a->mcp.method, "tools/call");
	assert_string_equal(a->mcp.direction, "server-to-client");
	assert_string_equal(a->mcp.json_path, "$.result.content[0].text");
	assert_int_equal(a->sink.class, SINK_TOOL_RESULT);
	assert_int_equal(a->severity, SEV_CRITICAL);
	assert_int_equal(a->secret.confidence, CONF_VERIFIED);
	assert_int_equal(a->process.pid, 100);
	assert_string_equal(a->process.exe, "/usr/bin/node");
	assert_int_equal(a->time_ns, a->first_ns);
	assert_true(a->time_ns > 1000000);
	free(s);
	free(tok);
}

static void repeats_are_counted_not_repeated(void **state)
{
	struct fixture *f = *state;
	struct engine_totals t;
	char *tok = tok_new("gho");
	char *s = fmt("auth %s\n", tok);
	int i;

	for (i = 0; i < 5; i++)
		moved(f, &f->root, &f->err, BT_DIR_OUT, s);
	only(f, "token-on-stderr");
	engine_totals(f->engine, &t);
	assert_int_equal(t.alerts, 1);
	assert_int_equal(t.repeats, 4);
	free(s);
	free(tok);
}

static void stdout_that_is_no_json_rpc(void **state)
{
	struct fixture *f = *state;
	char *tok = tok_new("gho");
	char *s = fmt("debug: got %s\n", tok);

	moved(f, &f->root, &f->out, BT_DIR_OUT, s);
	assert_int_equal(only(f, "token-on-stdout-raw")->sink.class, SINK_STDOUT);
	free(s);
	free(tok);
}

/* JSON to one reader and not to another: what a parser gives up on is still looked at. */
static void broken_json_is_scanned_as_bytes(void **state)
{
	struct fixture *f = *state;
	char *tok = tok_new("gho");
	char *s = fmt("{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"content\":[}} %s\n", tok);

	call(f, "x", 1);
	moved(f, &f->root, &f->out, BT_DIR_OUT, s);
	assert_int_equal(f->n, 1);
	free(s);
	free(tok);
}

static void object_key_is_looked_at(void **state)
{
	struct fixture *f = *state;
	char *tok = tok_new("gho");
	char *s = fmt(
		"{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"structuredContent\":{\"%s\":1}}}\n",
		tok);

	call(f, "x", 1);
	moved(f, &f->root, &f->out, BT_DIR_OUT, s);
	only(f, "token-in-tool-result");
	free(s);
	free(tok);
}

static void one_object_for_stdout_and_stderr(void **state)
{
	struct fixture *f = *state;
	char *tok = tok_new("gho");
	char *s = fmt("{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"content\":[{\"type\":\"text\","
		      "\"text\":\"%s\"}]}}\n",
		      tok);

	feed(f, rec_file(&f->sc, &f->root, &f->out, 2, BT_FILE_STDIO, O_WRONLY, "", 0, 0));
	call(f, "x", 1);
	moved(f, &f->root, &f->out, BT_DIR_OUT, s);
	only(f, "token-in-tool-result");
	free(s);
	free(tok);
}

/* A host that is watched starts a server of its own: socket pairs, as Node gives them. */
static void server_below_a_watched_host(void **state)
{
	struct fixture *f = *state;
	struct actor_rec child = { 200, 100, 9 };
	struct object_rec in = object_rec(BT_FILE_UNIX, 20, S_IFSOCK | 0777);
	struct object_rec out = object_rec(BT_FILE_UNIX, 21, S_IFSOCK | 0777);
	char *tok = tok_new("gho");
	char *s =
		fmt("{\"jsonrpc\":\"2.0\",\"id\":\"a\",\"result\":{\"content\":[{\"type\":\"text\","
		    "\"text\":\"%s\"}]}}\n",
		    tok);

	feed(f, rec_fork(&f->sc, &f->root, &child));
	feed(f, rec_exec(&f->sc, &child, 100, "/usr/bin/python3"));
	feed(f, rec_file(&f->sc, &child, &in, 0, BT_FILE_STDIO, O_RDWR, "", 0, 0));
	feed(f, rec_file(&f->sc, &child, &out, 1, BT_FILE_STDIO, O_RDWR, "", 0, 0));
	moved(f, &child, &in, BT_DIR_IN,
	      "{\"jsonrpc\":\"2.0\",\"id\":\"a\",\"method\":\"tools/call\","
	      "\"params\":{\"name\":\"leak\"}}\n");
	moved(f, &child, &out, BT_DIR_OUT, s);
	assert_string_equal(only(f, "token-in-tool-result")->mcp.tool, "leak");
	free(s);
	free(tok);
}

/* `gh auth token`: a helper hands its parent a token on its own stdout pipe. */
static void helper_output_to_its_parent_is_quiet(void **state)
{
	struct fixture *f = *state;
	struct actor_rec child = { 200, 100, 9 };
	struct object_rec out = object_rec(BT_FILE_PIPE, 21, S_IFIFO | 0600);
	char *tok = tok_new("gho");
	char *s = fmt("%s\n", tok);

	feed(f, rec_fork(&f->sc, &f->root, &child));
	feed(f, rec_exec(&f->sc, &child, 100, "/usr/bin/gh"));
	feed(f, rec_file(&f->sc, &child, &out, 1, BT_FILE_STDIO, O_WRONLY, "", 0, 0));
	moved(f, &child, &out, BT_DIR_OUT, s);
	moved(f, &f->root, &out, BT_DIR_IN, s);
	engine_finish(f->engine);
	assert_int_equal(f->n, 0);
	free(s);
	free(tok);
}

static void pipe_to_a_child(void **state)
{
	struct fixture *f = *state;
	struct actor_rec child = { 200, 100, 9 };
	struct object_rec in = object_rec(BT_FILE_PIPE, 21, S_IFIFO | 0600);
	char *tok = tok_new("gho");
	char *s = fmt("%s\n", tok);

	feed(f, rec_fork(&f->sc, &f->root, &child));
	feed(f, rec_exec(&f->sc, &child, 100, "/usr/bin/xclip"));
	feed(f, rec_file(&f->sc, &child, &in, 0, BT_FILE_STDIO, O_RDONLY, "", 0, 0));
	moved(f, &f->root, &in, BT_DIR_OUT, s);
	only(f, "token-piped-to-child");
	free(s);
	free(tok);
}

static void learnt_from_a_token_response(void **state)
{
	struct fixture *f = *state;
	struct object_rec sock = object_rec(BT_FILE_TCP, 30, S_IFSOCK | 0777);
	char *tok = tok_new("opaque43");
	char *s = fmt("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n"
		      "{\"access_token\":\"%s\",\"token_type\":\"Bearer\"}",
		      tok);
	char *leak = fmt("now using %s here\n", tok);

	feed(f, rec_file(&f->sc, &f->root, &sock, 9, 0, O_RDWR, "", 0x7f000001, 8080));
	moved(f, &f->root, &sock, BT_DIR_IN, s);
	assert_int_equal(f->n, 0);
	moved(f, &f->root, &f->err, BT_DIR_OUT, leak);
	assert_int_equal(only(f, "token-on-stderr")->secret.confidence, CONF_VALUE);
	free(leak);
	free(s);
	free(tok);
}

static void cleartext_to_another_host(void **state)
{
	struct fixture *f = *state;
	struct object_rec near = object_rec(BT_FILE_TCP, 30, S_IFSOCK | 0777);
	struct object_rec far = object_rec(BT_FILE_TCP, 31, S_IFSOCK | 0777);
	char *tok = tok_new("gho");
	char *s = fmt("GET / HTTP/1.1\r\nAuthorization: Bearer %s\r\n\r\n", tok);
	const struct alert *a;

	feed(f, rec_file(&f->sc, &f->root, &near, 9, 0, O_RDWR, "", 0x7f000001, 8080));
	feed(f, rec_file(&f->sc, &f->root, &far, 10, 0, O_RDWR, "", 0xcb007105, 80));
	moved(f, &f->root, &near, BT_DIR_OUT, s);
	assert_int_equal(f->n, 0);
	moved(f, &f->root, &far, BT_DIR_OUT, s);
	a = only(f, "token-plaintext-http");
	assert_string_equal(a->sink.peer, "203.0.113.5:80");
	free(s);
	free(tok);
}

static void tls_is_counted_as_not_looked_into(void **state)
{
	struct fixture *f = *state;
	struct object_rec sock = object_rec(BT_FILE_TCP, 30, S_IFSOCK | 0777);
	struct engine_totals t;
	static const char hello[] = "\x16\x03\x01\x01\x02then ciphertext";

	feed(f, rec_file(&f->sc, &f->root, &sock, 9, 0, O_RDWR, "", 0xcb007105, 443));
	feed(f, rec_data(&f->sc, &f->root, &sock, BT_DIR_OUT, 9, ~0ull,
			 span_of(hello, sizeof(hello) - 1)));
	engine_totals(f->engine, &t);
	assert_int_equal(t.bytes_encrypted, sizeof(hello) - 1);
}

static void quic_is_named_and_its_socket_searched(void **state)
{
	static const char first[] = "\xc3\0\0\0\1\x08 ciphertext", later[] = "Xciphertext";
	struct object_rec quic = object_rec(BT_FILE_UDP, 30, S_IFSOCK | 0777);
	struct object_rec other = object_rec(BT_FILE_UDP, 31, S_IFSOCK | 0777);
	struct fixture *f = *state;
	struct engine_totals t;
	char *tok = tok_new("gho"), *s = fmt("key %s\n", tok);

	feed(f, rec_file(&f->sc, &f->root, &quic, 9, 0, O_RDWR, "", 0xcb007105, 443));
	feed(f, rec_file(&f->sc, &f->root, &other, 10, 0, O_RDWR, "", 0xcb007105, 443));
	feed(f, rec_data(&f->sc, &f->root, &other, BT_DIR_OUT, 10, ~0ull,
			 span_of("\xc3\0\0\1\1\x08 other", 12)));
	engine_totals(f->engine, &t);
	assert_int_equal(t.bytes_quic, 0);
	feed(f, rec_data(&f->sc, &f->root, &quic, BT_DIR_OUT, 9, ~0ull,
			 span_of(first, sizeof(first) - 1)));
	feed(f, rec_data(&f->sc, &f->root, &quic, BT_DIR_OUT, 9, ~0ull,
			 span_of(later, sizeof(later) - 1)));
	engine_totals(f->engine, &t);
	assert_int_equal(t.bytes_quic, sizeof(first) - 1 + sizeof(later) - 1);
	assert_int_equal(f->n, 0);
	/* What only looks like it is not let by. */
	moved(f, &f->root, &quic, BT_DIR_OUT, s);
	assert_int_equal(f->n, 1);
	free(s);
	free(tok);
}

static void keep_tls(void *arg, const struct engine_tls *use)
{
	struct engine_tls *ret = arg;

	assert_int_equal(ret->tgid, 0); /* called once */
	*ret = *use;
}

static void tls_plaintext_is_learnt_from_and_legal(void **state)
{
	struct fixture *f = *state;
	struct object_rec sock = object_rec(BT_FILE_TCP, 30, S_IFSOCK | 0777);
	struct object_rec tls = object_rec(BT_FILE_TLS, 0xabcdef, 0);
	struct engine_tls use = { 0 };
	struct engine_totals t;
	char *known = tok_new("gho");
	char *request = fmt("POST /token HTTP/1.1\r\nAuthorization: Bearer %s\r\n\r\n", known);
	char *opaque = tok_new("opaque43"); /* in no format that is known */
	char *answer = fmt("{\"access_token\": \"%s\"}", opaque);
	char *line = fmt("debug: %s\n", opaque);

	tls.sock_ino = 30;
	feed(f,
	     rec_file(&f->sc, &f->root, &sock, 9, BT_FILE_CONNECTED, O_RDWR, "", 0xcb007105, 443));
	feed(f, rec_file(&f->sc, &f->root, &tls, 9, 0, 0, "", 0, 0));
	moved(f, &f->root, &sock, BT_DIR_OUT, "\x16\x03\x01 ciphertext");
	moved(f, &f->root, &tls, BT_DIR_OUT, request);
	moved(f, &f->root, &tls, BT_DIR_IN, answer);
	assert_int_equal(f->n, 0);
	moved(f, &f->root, &f->err, BT_DIR_OUT, line);
	assert_int_equal(only(f, "token-on-stderr")->secret.confidence, CONF_VALUE);
	engine_totals(f->engine, &t);
	assert_int_equal(t.bytes_tls, strlen(request) + strlen(answer));
	assert_int_equal(t.bytes_encrypted, 14);
	engine_walk_tls(f->engine, keep_tls, &use);
	assert_int_equal(use.tgid, 100);
	assert_int_equal(use.plain, t.bytes_tls);
	assert_int_equal(use.sealed, 14);
	free(line);
	free(answer);
	free(opaque);
	free(request);
	free(known);
}

/* The socket is known after the first bytes: text and message go on, and where they lead is known from then on. */
static void tls_whose_socket_becomes_known_midway(void **state)
{
	struct fixture *f = *state;
	struct object_rec sock = object_rec(BT_FILE_TCP, 30, S_IFSOCK | 0777);
	struct object_rec tls = object_rec(BT_FILE_TLS, 0xabcdef, 0);
	char *opaque = tok_new("opaque43"), *known = tok_new("gho");
	char *body = fmt("{\"access_token\": \"%s\", \"token_type\": \"Bearer\"}", opaque);
	char *head = fmt("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
			 "Content-Length: %zu\r\n\r\n%.30s",
			 strlen(body), body);
	char *request = fmt("GET /?access_token=%s HTTP/1.1\r\nHost: api.example\r\n\r\n", known);
	char *line = fmt("debug: %s\n", opaque);

	feed(f,
	     rec_file(&f->sc, &f->root, &sock, 9, BT_FILE_CONNECTED, O_RDWR, "", 0xcb007105, 443));
	feed(f, rec_file(&f->sc, &f->root, &tls, -1, 0, 0, "", 0, 0));
	moved(f, &f->root, &tls, BT_DIR_OUT,
	      "POST /token HTTP/1.1\r\nHost: as.example\r\n"
	      "Content-Length: 0\r\n\r\n");
	moved(f, &f->root, &tls, BT_DIR_IN, head);
	tls.sock_ino = 30;
	feed(f, rec_file(&f->sc, &f->root, &tls, 9, 0, 0, "", 0, 0));
	moved(f, &f->root, &tls, BT_DIR_IN, body + 30);
	assert_int_equal(f->n, 0);
	moved(f, &f->root, &f->err, BT_DIR_OUT, line);
	assert_int_equal(only(f, "token-on-stderr")->secret.confidence, CONF_VALUE);
	f->n = 0;
	moved(f, &f->root, &tls, BT_DIR_OUT, request);
	assert_string_equal(only(f, "token-in-query")->sink.peer, "203.0.113.5:443");
	free(line);
	free(request);
	free(head);
	free(body);
	free(known);
	free(opaque);
}

static void files_by_mode_and_place(void **state)
{
	struct fixture *f = *state;
	struct object_rec open_ = object_rec(BT_FILE_REG, 40, S_IFREG | 0644);
	struct object_rec tight = object_rec(BT_FILE_REG, 41, S_IFREG | 0600);
	struct object_rec log = object_rec(BT_FILE_REG, 42, S_IFREG | 0640);
	char *tok = tok_new("gho");
	char *s = fmt("{\"access_token\": \"%s\"}\n", tok);

	feed(f, rec_file(&f->sc, &f->root, &open_, 9, 0, O_WRONLY, "/home/u/.config/x/token.json",
			 0, 0));
	feed(f, rec_file(&f->sc, &f->root, &tight, 10, 0, O_WRONLY, "/home/u/.config/x/tight.json",
			 0, 0));
	feed(f, rec_file(&f->sc, &f->root, &log, 11, 0, O_WRONLY | O_APPEND, "/home/u/server.log",
			 0, 0));
	moved(f, &f->root, &open_, BT_DIR_OUT, s);
	moved(f, &f->root, &tight, BT_DIR_OUT, s);
	moved(f, &f->root, &log, BT_DIR_OUT, s);
	assert_int_equal(f->n, 3);
	assert_string_equal(f->alerts[0].rule, "token-file-permissive");
	assert_string_equal(f->alerts[0].sink.path, "/home/u/.config/x/token.json");
	assert_string_equal(f->alerts[1].rule, "token-file-plaintext");
	assert_string_equal(f->alerts[2].rule, "token-in-log-file");
	free(s);
	free(tok);
}

/* Two halves of a token at one another's place in the file are a token; at distant places they are not. */
static void positioned_writes_join_where_they_meet(void **state)
{
	struct fixture *f = *state;
	struct object_rec a = object_rec(BT_FILE_REG, 40, S_IFREG | 0644);
	struct object_rec b = object_rec(BT_FILE_REG, 41, S_IFREG | 0644);
	char *tok = tok_new("gho");
	struct span t = span_str(tok);

	feed(f, rec_file(&f->sc, &f->root, &a, 9, 0, O_WRONLY, "/home/u/a", 0, 0));
	feed(f, rec_file(&f->sc, &f->root, &b, 10, 0, O_WRONLY, "/home/u/b", 0, 0));
	feed(f, rec_data(&f->sc, &f->root, &a, BT_DIR_OUT, 9, 0, span_sub(t, 0, 20)));
	feed(f, rec_data(&f->sc, &f->root, &a, BT_DIR_OUT, 9, 4096, span_sub(t, 20, 20)));
	feed(f, rec_data(&f->sc, &f->root, &a, BT_DIR_OUT, 9, 9000, SPAN_LIT("\n")));
	assert_int_equal(f->n, 0);
	feed(f, rec_data(&f->sc, &f->root, &b, BT_DIR_OUT, 9, 100, span_sub(t, 0, 20)));
	feed(f, rec_data(&f->sc, &f->root, &b, BT_DIR_OUT, 9, 120, span_sub(t, 20, 20)));
	feed(f, rec_data(&f->sc, &f->root, &b, BT_DIR_OUT, 9, 140, SPAN_LIT("\n")));
	only(f, "token-file-permissive");
	free(tok);
}

static void syslog_socket(void **state)
{
	struct fixture *f = *state;
	struct object_rec sock = object_rec(BT_FILE_UNIX, 30, S_IFSOCK | 0777);
	char *tok = tok_new("gho");
	char *s = fmt("<14>server: token %s", tok);

	feed(f, rec_file(&f->sc, &f->root, &sock, 9, 0, O_RDWR, "/dev/log", 0, 0));
	moved(f, &f->root, &sock, BT_DIR_OUT, s);
	engine_finish(f->engine);
	only(f, "token-to-syslog");
	free(s);
	free(tok);
}

/* A token file without a line end: nothing comes after the token, and nobody closes in our sight. */
static void token_at_the_end_of_a_silent_file(void **state)
{
	struct fixture *f = *state;
	struct object_rec reg = object_rec(BT_FILE_REG, 40, S_IFREG | 0644);
	char *tok = tok_new("gho");

	feed(f, rec_file(&f->sc, &f->root, &reg, 9, 0, O_WRONLY, "/home/u/token", 0, 0));
	assert_int_equal(engine_timeout_ms(f->engine), -1);
	moved(f, &f->root, &reg, BT_DIR_OUT, tok);
	assert_int_equal(f->n, 0);
	assert_true(engine_timeout_ms(f->engine) > 0);
	engine_tick(f->engine, f->sc.now_ns + 1000000000);
	only(f, "token-file-permissive");
	assert_int_equal(engine_timeout_ms(f->engine), -1);
	engine_finish(f->engine);
	only(f, "token-file-permissive");
	free(tok);
}

/* The first half falls silent; with the second one it is a token all the same. */
static void silence_amid_a_token(void **state)
{
	struct fixture *f = *state;
	char *tok = tok_new("gho");
	char *a = fmt("x %.*s", 20, tok), *b = fmt("%s\n", tok + 20);

	moved(f, &f->root, &f->err, BT_DIR_OUT, a);
	engine_tick(f->engine, f->sc.now_ns + 1000000000);
	assert_int_equal(f->n, 0);
	moved(f, &f->root, &f->err, BT_DIR_OUT, b);
	only(f, "token-on-stderr");
	free(a);
	free(b);
	free(tok);
}

static void environment_of_root_and_child(void **state)
{
	struct fixture *f = *state;
	struct actor_rec child = { 200, 100, 9 };
	char *own = tok_new("ghp"), *fresh = tok_new("gho");
	char *env = fmt("PATH=/bin%cGITHUB_TOKEN=%s%c", '\0', own, '\0');
	char *env2 = fmt("GITHUB_TOKEN=%s%cACCESS=%s%c", own, '\0', fresh, '\0');
	size_t len = sizeof("PATH=/bin") + sizeof("GITHUB_TOKEN=") + strlen(own);
	size_t len2 = sizeof("GITHUB_TOKEN=") + strlen(own) + sizeof("ACCESS=") + strlen(fresh);

	feed(f, rec_args(&f->sc, &f->root, true, span_of(env, len)));
	assert_int_equal(only(f, "static-credential-in-env")->severity, SEV_INFO);
	assert_string_equal(f->alerts[0].sink.path, "GITHUB_TOKEN");
	/* The root executes again (npx, sh, node): nothing new. */
	feed(f, rec_exec(&f->sc, &f->root, 1, "/bin/sh"));
	feed(f, rec_args(&f->sc, &f->root, true, span_of(env, len)));
	assert_int_equal(f->n, 1);
	feed(f, rec_fork(&f->sc, &f->root, &child));
	feed(f, rec_exec(&f->sc, &child, 100, "/usr/bin/curl"));
	feed(f, rec_args(&f->sc, &child, true, span_of(env2, len2)));
	assert_int_equal(f->n, 2);
	assert_string_equal(f->alerts[1].rule, "token-in-env-of-child");
	assert_string_equal(f->alerts[1].sink.path, "ACCESS");
	free(env);
	free(env2);
	free(own);
	free(fresh);
}

static void command_line(void **state)
{
	struct fixture *f = *state;
	struct actor_rec child = { 200, 100, 9 };
	char *tok = tok_new("gho");
	char *argv = fmt("curl%c-H%cAuthorization: Bearer %s%c", '\0', '\0', tok, '\0');
	size_t len = sizeof("curl") + sizeof("-H") + sizeof("Authorization: Bearer ") + strlen(tok);

	feed(f, rec_fork(&f->sc, &f->root, &child));
	feed(f, rec_exec(&f->sc, &child, 100, "/usr/bin/curl"));
	feed(f, rec_args(&f->sc, &child, false, span_of(argv, len)));
	assert_string_equal(only(f, "secret-in-argv")->sink.path, "argv[2]");
	free(argv);
	free(tok);
}

static void token_across_writes_and_a_gap(void **state)
{
	struct fixture *f = *state;
	char *tok = tok_new("gho");
	char *a = fmt("x %.*s", 20, tok), *b = fmt("%s\n", tok + 20);

	moved(f, &f->root, &f->err, BT_DIR_OUT, a);
	moved(f, &f->root, &f->err, BT_DIR_OUT, b);
	only(f, "token-on-stderr");
	f->n = 0;
	free(tok);
	tok = tok_new("gho");
	free(a);
	free(b);
	a = fmt("x %.*s", 20, tok);
	b = fmt("%s\n", tok + 20);
	moved(f, &f->root, &f->err, BT_DIR_OUT, a);
	f->err.pos[BT_DIR_OUT] += 5;
	moved(f, &f->root, &f->err, BT_DIR_OUT, b);
	engine_tick(f->engine, f->sc.now_ns + 10000000000ull);
	engine_finish(f->engine);
	assert_int_equal(f->n, 0);
	free(a);
	free(b);
	free(tok);
}

/* The identity of an object came late: what is written afterwards is judged with it. */
static void late_file_record(void **state)
{
	struct fixture *f = *state;
	struct object_rec sock = object_rec(BT_FILE_UNIX, 30, S_IFSOCK | 0777);
	char *tok = tok_new("gho");
	char *s = fmt("%s\n", tok);

	moved(f, &f->root, &sock, BT_DIR_OUT, "hello\n");
	feed(f, rec_file(&f->sc, &f->root, &sock, 9, 0, O_RDWR, "/dev/log", 0, 0));
	moved(f, &f->root, &sock, BT_DIR_OUT, s);
	only(f, "token-to-syslog");
	free(s);
	free(tok);
}

/* More servers than there are wires: an evicted one's streams go on safely. */
static void many_servers(void **state)
{
	struct fixture *f = *state;
	struct object_rec out;
	struct actor_rec a;
	uint32_t i;

	for (i = 0; i < 1500; i++) {
		a = (struct actor_rec){ 1000 + i, 1000 + i, 50 + i };
		out = object_rec(BT_FILE_PIPE, 5000 + i, S_IFIFO | 0600);
		feed(f, rec_exec(&f->sc, &a, 1, "/bin/server"));
		feed(f, rec_file(&f->sc, &a, &out, 1, BT_FILE_STDIO, O_WRONLY, "", 0, 0));
		moved(f, &a, &out, BT_DIR_OUT, "{\"jsonrpc\":\"2.0\",");
	}
	for (i = 0; i < 1500; i++) {
		a = (struct actor_rec){ 1000 + i, 1000 + i, 50 + i };
		out = object_rec(BT_FILE_PIPE, 5000 + i, S_IFIFO | 0600);
		out.pos[BT_DIR_OUT] = strlen("{\"jsonrpc\":\"2.0\",");
		moved(f, &a, &out, BT_DIR_OUT, "\"method\":\"ping\",\"id\":1}\n");
	}
	assert_int_equal(f->n, 0);
}

/* Every byte that was fed is accounted for, once. */
static void bytes_reconcile(void **state)
{
	struct fixture *f = *state;
	struct object_rec reg = object_rec(BT_FILE_REG, 40, S_IFREG | 0644);
	struct object_rec sock = object_rec(BT_FILE_TCP, 30, S_IFSOCK | 0777);
	struct engine_totals t;

	feed(f, rec_file(&f->sc, &f->root, &sock, 9, 0, O_RDWR, "", 0xcb007105, 443));
	moved(f, &f->root, &f->in, BT_DIR_IN, "{\"jsonrpc\":\"2.0\",\"method\":\"x\"}\n");
	moved(f, &f->root, &f->out, BT_DIR_OUT, "{\"jsonrpc\":\"2.0\",\"method\":\"x\"}\n");
	moved(f, &f->root, &f->err, BT_DIR_OUT, "hello\n");
	moved(f, &f->root, &reg, BT_DIR_OUT, "data\n");
	moved(f, &f->root, &reg, BT_DIR_IN, "input\n");
	moved(f, &f->root, &sock, BT_DIR_OUT, "\x17\x03\x03zzz");
	engine_finish(f->engine);
	engine_totals(f->engine, &t);
	assert_int_equal(t.bytes_examined + t.bytes_not_sinks + t.bytes_encrypted +
				 t.bytes_unscanned,
			 f->fed);
	assert_int_equal(t.bytes_missing, 0);
	assert_int_equal(t.mcp_messages, 2);
	assert_int_equal(t.bytes_by_sink[SINK_STDERR], 6);
}

static void bad_records_are_counted(void **state)
{
	struct fixture *f = *state;
	struct engine_totals t;

	assert_int_equal(engine_feed(f->engine, SPAN_LIT("nonsense")), -EBADMSG);
	engine_totals(f->engine, &t);
	assert_int_equal(t.bad_records, 1);
}

/* No alert holds more of a secret than its public prefix and four characters. */
static void alerts_hold_no_secret(void **state)
{
	struct fixture *f = *state;
	char *tok = tok_new("gho");
	char *s = fmt("{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"content\":[{\"type\":\"text\","
		      "\"text\":\"%s\"}]}}\n",
		      tok);
	size_t i;

	call(f, "x", 1);
	moved(f, &f->root, &f->out, BT_DIR_OUT, s);
	only(f, "token-in-tool-result");
	for (i = 4; i + 5 <= strlen(tok); i++)
		assert_null(memmem(&f->alerts[0], sizeof(f->alerts[0]), tok + i, 5));
	free(s);
	free(tok);
}

/* An authorization URL, then the verifier of its challenge, known by nothing else: in two writes cut anywhere. */
static void verifier_after_its_url_in_any_cut(void **state)
{
	unsigned char hash[crypto_hash_sha256_BYTES];
	char challenge[64], *verifier = tok_new("verifier43"), *text, *again;
	size_t found = 0;

	crypto_hash_sha256(hash, (const unsigned char *)verifier, strlen(verifier));
	sodium_bin2base64(challenge, sizeof(challenge), hash, sizeof(hash),
			  sodium_base64_VARIANT_URLSAFE_NO_PADDING);
	text = fmt(
		"open \"https://as.example/authorize?response_type=code&client_id=c&redirect_uri="
		"http%%3A%%2F%%2F127.0.0.1%%3A3000%%2Fcb&code_challenge=%s&code_challenge_method="
		"S256\" "
		"then\n%s\n",
		challenge, verifier);
	again = fmt("sent %s\n", verifier);
	for (size_t cut = 0; cut<strlen(text); cut += cut> 240 ? 3 : 11) {
		struct fixture *f = *state;
		char *head = fmt("%.*s", (int)cut, text);

		moved(f, &f->root, &f->err, BT_DIR_OUT, head);
		moved(f, &f->root, &f->err, BT_DIR_OUT, text + cut);
		moved(f, &f->root, &f->err, BT_DIR_OUT, again);
		found = 0;
		for (size_t i = 0; i < f->n; i++)
			found += f->alerts[i].secret.kind == SECRET_VERIFIER;
		if (found != 1)
			fail_msg("cut at %zu: %zu alerts", cut, found);
		free(head);
		teardown(state);
		setup(state);
	}
	free(again);
	free(text);
	free(verifier);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

/* What a step of CLOCK_REALTIME changes is what alerts say of time; records go by CLOCK_BOOTTIME, in any order. */
static void the_clock_is_set_back_and_records_come_with_earlier_times(void **state)
{
	struct fixture *f = *state;
	struct engine_totals t;
	char token[TOK_MAX];

	tok_gen("gho", token, sizeof(token));
	f->sc.now_ns = 5000000000u;
	engine_clock(f->engine, 1000000000000u);
	moved(f, &f->root, &f->err, BT_DIR_OUT, "token ");
	moved(f, &f->root, &f->err, BT_DIR_OUT, token);
	engine_clock(f->engine, 0);
	f->sc.now_ns = 1000000u;
	moved(f, &f->root, &f->err, BT_DIR_OUT, " end\n");
	engine_tick(f->engine, 1);
	only(f, "token-on-stderr");
	assert_true(f->alerts[0].time_ns < 6000000000u);
	engine_tick(f->engine, 10000000000u);
	engine_tick(f->engine, 0);
	engine_finish(f->engine);
	engine_totals(f->engine, &t);
	assert_int_equal(t.bytes_missing, 0);
	assert_int_equal(t.bytes_examined, f->fed);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		T(tool_result_names_tool_and_request),
		T(repeats_are_counted_not_repeated),
		T(stdout_that_is_no_json_rpc),
		T(broken_json_is_scanned_as_bytes),
		T(object_key_is_looked_at),
		T(one_object_for_stdout_and_stderr),
		T(server_below_a_watched_host),
		T(helper_output_to_its_parent_is_quiet),
		T(pipe_to_a_child),
		T(learnt_from_a_token_response),
		T(cleartext_to_another_host),
		T(tls_is_counted_as_not_looked_into),
		T(quic_is_named_and_its_socket_searched),
		T(tls_plaintext_is_learnt_from_and_legal),
		T(tls_whose_socket_becomes_known_midway),
		T(files_by_mode_and_place),
		T(positioned_writes_join_where_they_meet),
		T(syslog_socket),
		T(token_at_the_end_of_a_silent_file),
		T(silence_amid_a_token),
		T(environment_of_root_and_child),
		T(command_line),
		T(token_across_writes_and_a_gap),
		T(late_file_record),
		T(many_servers),
		T(bytes_reconcile),
		T(bad_records_are_counted),
		T(the_clock_is_set_back_and_records_come_with_earlier_times),
		T(alerts_hold_no_secret),
		T(verifier_after_its_url_in_any_cut),
	};

	if (sodium_init() < 0)
		return 1;
	return cmocka_run_group_tests_name("engine", tests, NULL, NULL);
}
