/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <cjson/cJSON.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fileio.h"
#include "event/event.h"
#include "report/blind.h"
#include "report/formats.h"
#include "samples.h"

static struct policy *policy;
static char dir[64], path[128];

static int setup(void **state)
{
	strcpy(dir, "/tmp/bt-report-XXXXXX");
	if (!mkdtemp(dir) || policy_new(&policy, NULL))
		return -1;
	snprintf(path, sizeof(path), "%s/out", dir);
	return 0;
}

static int teardown(void **state)
{
	char cmd[100];

	policy = policy_free(policy);
	snprintf(cmd, sizeof(cmd), "rm -r '%s'", dir);
	return system(cmd);
}

static int fresh(void **state)
{
	unlink(path);
	return 0;
}

static struct alert known_alert(void)
{
	struct alert a = { .time_ns = 1767323045123456789u, .seen_count = 1 };
	struct sink sink = { .class = SINK_TOOL_RESULT, .fd = 1, .line = 3, .offset = 99 };
	struct redacted r = { .kind = SECRET_ACCESS_TOKEN,
			      .confidence = CONF_VERIFIED,
			      .length = 40,
			      .preview = "gho_AbCd...(40)",
			      .provider = "github",
			      .fingerprint = "00112233445566778899aabbccddeeff" };

	assert_int_equal(policy_judge(policy, &r, &sink, &a), VERDICT_ALERT);
	a.first_ns = a.last_ns = a.time_ns;
	strcpy(a.id, "0123456789abcdef0123456789abcdef");
	strcpy(a.mcp.transport, "stdio");
	strcpy(a.mcp.direction, "server-to-client");
	strcpy(a.mcp.method, "tools/call");
	strcpy(a.mcp.tool, "get_token");
	strcpy(a.mcp.id, "7");
	strcpy(a.mcp.json_path, "$.result.content[0].text");
	a.process = (struct alert_process){ .pid = 42, .uid = 1000, .comm = "node" };
	strcpy(a.process.exe, "/usr/bin/node");
	return a;
}

static struct run_summary looked(void)
{
	return (struct run_summary){
		.command = "run",
		.target = "node server.js",
		.started_ns = 1767323045000000000u,
		.ended_ns = 1767323046000000000u,
		.totals = { .bytes_examined = 1234, .streams = 3, .processes = 2 },
	};
}

/* --- the summary ---------------------------------------------------------------------------- */

static void test_complete_only_without_any_loss(void **state)
{
	struct run_summary s = looked();

	assert_true(run_summary_complete(&s));
	assert_int_equal(run_summary_lost_bytes(&s), 0);
	s.not_looked = true;
	assert_false(run_summary_complete(&s));
	for (unsigned int i = 0; i < BT_LOSS_MAX; i++) {
		s = looked();
		s.loss[i].events = 1;
		assert_false(run_summary_complete(&s));
	}
#define LOSS(member)                                                                               \
	do {                                                                                       \
		s = looked();                                                                      \
		s.totals.member = 7;                                                               \
		assert_false(run_summary_complete(&s));                                            \
	} while (0)
	LOSS(bytes_missing);
	LOSS(bytes_missing_args);
	LOSS(bytes_unscanned);
	LOSS(bad_records);
	LOSS(streams_evicted);
	s = looked();
	s.totals.bytes_encrypted = s.totals.bytes_not_sinks = 7;
	s.seen[BT_SEEN_SKIPPED].bytes = 7;
	assert_true(run_summary_complete(&s));
}

static void test_lost_bytes_are_not_counted_twice(void **state)
{
	struct run_summary s = looked();

	s.loss[BT_LOSS_RING_WINDOW].bytes = 100;
	s.loss[BT_LOSS_FAULT].bytes = 10;
	s.totals.bytes_missing = 90;
	assert_int_equal(run_summary_lost_bytes(&s), 110);
	s.totals.bytes_missing = 120;
	assert_int_equal(run_summary_lost_bytes(&s), 120);
	s.loss[BT_LOSS_ARGS].bytes = 5;
	s.totals.bytes_missing_args = 4;
	assert_int_equal(run_summary_lost_bytes(&s), 125);
	s.totals.bytes_unscanned = 1;
	s.loss[BT_LOSS_PATH].bytes = 1000;
	assert_int_equal(run_summary_lost_bytes(&s), 126);
}

static void test_what_calls_moved_is_all_accounted_for(void **state)
{
	struct run_summary s = looked();
	struct run_balance b;

	s.seen[BT_SEEN_CALLS].bytes = 1000;
	s.seen[BT_SEEN_SENT_BULK].bytes = 500;
	s.seen[BT_SEEN_SENT_WINDOW].bytes = 100;
	s.seen[BT_SEEN_MATCHED].bytes = 200;
	s.seen[BT_SEEN_COPIED].bytes = 50;
	s.seen[BT_SEEN_SKIPPED].bytes = 150;
	run_summary_balance(&s, &b);
	assert_int_equal(b.accounted, 1000);
	assert_int_equal(b.whole, 600);
	assert_true(run_summary_complete(&s));
	/* Bytes that no call is known to have moved are in none of these. */
	s.loss[BT_LOSS_SENDFILE].bytes = 7;
	run_summary_balance(&s, &b);
	assert_int_equal(b.accounted, 1000);
	s = looked();
	s.seen[BT_SEEN_CALLS].bytes = 1000;
	s.seen[BT_SEEN_SENT_BULK].bytes = 990;
	assert_false(run_summary_complete(&s));
	assert_int_equal(run_summary_lost_bytes(&s), 10);
	s.seen[BT_SEEN_SENT_BULK].bytes = 1001;
	assert_false(run_summary_complete(&s));
}

static void test_a_worker_that_died_is_no_clean_run(void **state)
{
	struct run_summary s = looked();
	uint64_t by_severity[SEV_MAX];

	s.restarted.events = 1;
	assert_false(run_summary_complete(&s));
	s.restarted.bytes = 5;
	assert_int_equal(run_summary_lost_bytes(&s), 5);
	s.earlier[SEV_HIGH] = 2;
	assert_int_equal(report_count(NULL, 0, &s, by_severity), 2);
	assert_int_equal(by_severity[SEV_HIGH], 2);
	s = looked();
	s.unread_bytes = 3;
	assert_false(run_summary_complete(&s));
	assert_int_equal(run_summary_lost_bytes(&s), 3);
}

static void test_verdict(void **state)
{
	struct run_summary s = looked();

	assert_string_equal(run_summary_verdict(&s, 0), "clean");
	assert_string_equal(run_summary_verdict(&s, 1), "findings");
	s.totals.bytes_missing = 1;
	assert_string_equal(run_summary_verdict(&s, 0), "incomplete");
	assert_string_equal(run_summary_verdict(&s, 1), "findings");
}

/* --- text ----------------------------------------------------------------------------------- */

static void test_text_of_an_alert(void **state)
{
	struct alert a = known_alert();
	struct buf out = BUF_INIT(0);

	assert_int_equal(report_text_alert(policy, &a, &out), 0);
	assert_non_null(
		strstr(out.p, "CRITICAL token-in-tool-result: Secret in a tools/call result\n"));
	assert_non_null(strstr(out.p,
			       "    secret   access_token (github) gho_AbCd...(40); verified, "
			       "fingerprint 001122334455\n"));
	assert_non_null(strstr(out.p,
			       "    where    tool-result, method tools/call, tool get_token, "
			       "request 7, $.result.content[0].text, line 3, fd 1\n"));
	assert_non_null(strstr(out.p, "    process  node[42] /usr/bin/node\n"));
	assert_non_null(strstr(out.p, "\n    why      "));
	assert_non_null(strstr(out.p, "\n    fix      "));
	assert_non_null(strstr(out.p, "CWE-200"));
	assert_null(strstr(out.p, "\n    seen "));
	for (char *line = strtok(out.p, "\n"); line; line = strtok(NULL, "\n"))
		assert_true(strlen(line) <= 110);
	buf_clear(&out);
	a.sink.seen = "afterwards, in the source file";
	assert_int_equal(report_text_alert(policy, &a, &out), 0);
	assert_non_null(strstr(out.p, "fd 1\n    seen     afterwards, in the source file\n"));
	buf_release(&out);
}

static void finish_text(const struct run_summary *s, const struct alert *a, struct buf *out)
{
	const struct alert *list[1] = { a };

	buf_clear(out);
	assert_int_equal(report_text_finish(policy, list, a ? 1 : 0, s, out), 0);
}

static void test_text_of_the_end(void **state)
{
	static const char *const notes[] = { "uprobes are refused here", NULL };
	struct run_summary s = looked();
	struct alert a = known_alert();
	struct buf out = BUF_INIT(0);

	finish_text(&s, NULL, &out);
	assert_string_equal(out.p,
			    "run node server.js: examined 1234 bytes, 3 streams, 2 processes\n"
			    "clean: nothing found, every byte examined\n");

	s.notes = notes;
	s.totals.bytes_encrypted = 55;
	a.seen_count = 3;
	finish_text(&s, &a, &out);
	assert_non_null(strstr(out.p,
			       "seen 3 times: token-in-tool-result, fingerprint 001122334455, "
			       "tool-result\n"));
	assert_non_null(strstr(out.p, "note: 55 bytes of TLS records cannot be looked into"));
	assert_non_null(strstr(out.p, "note: uprobes are refused here\n"));
	assert_non_null(strstr(out.p, "FOUND: 1 finding: 1 critical\n"));
	assert_null(strstr(out.p, "clean"));
	assert_null(strstr(out.p, "CLEAN"));

	s.totals.bytes_tls = 44;
	finish_text(&s, &a, &out);
	assert_non_null(strstr(out.p, "note: of TLS, 44 bytes of plaintext were examined"));
	assert_null(strstr(out.p, "cannot be looked into"));

	s.totals.bytes_quic = 33;
	finish_text(&s, NULL, &out);
	assert_non_null(strstr(out.p, "note: 33 bytes are of QUIC (HTTP/3): encrypted"));
	assert_non_null(strstr(out.p, "every byte examined, but for what is encrypted\n"));

	s.loss[BT_LOSS_RING_WINDOW] = (struct bt_counter){ .events = 2, .bytes = 300 };
	s.totals.bytes_missing = 20;
	finish_text(&s, NULL, &out);
	assert_non_null(strstr(out.p,
			       "NOT CLEAN: 300 bytes were not examined (ring-window 300 bytes 2 "
			       "events; gap 20 bytes)\n"
			       "    ring-window: the ring for what stands around a hit was full"));
	assert_non_null(strstr(
		out.p, "\n    gap: bytes are missing in the middle of a stream. To mend it: "));
	assert_null(strstr(out.p, "clean:"));
	finish_text(&s, &a, &out);
	assert_non_null(strstr(out.p, "FOUND: "));
	assert_non_null(strstr(out.p, "NOT CLEAN: "));

	s = looked();
	s.not_looked = true;
	finish_text(&s, NULL, &out);
	assert_non_null(strstr(out.p, "NOT CLEAN: nothing was examined\n"));
	assert_null(strstr(out.p, "clean:"));
	buf_release(&out);
}

/* Printable bytes, line ends, and well-formed UTF-8 that turns nothing round. */
static void no_terminal_tricks(const struct buf *b)
{
	for (size_t i = 0; i < b->len; i++) {
		unsigned char c = (unsigned char)b->p[i];

		assert_true((c >= 0x20 && c != 0x7f && c != 0xff) || c == '\n');
	}
	assert_null(strstr(b->p, "\xe2\x80\xae"));
}

static void test_hostile_names_are_escaped(void **state)
{
	struct run_summary s = looked();
	struct alert a = known_alert();
	struct buf out = BUF_INIT(0);

	strcpy(a.sink.path, SAMPLE_HOSTILE);
	strcpy(a.process.exe, SAMPLE_HOSTILE);
	strcpy(a.mcp.tool, SAMPLE_HOSTILE);
	assert_int_equal(report_text_alert(policy, &a, &out), 0);
	no_terminal_tricks(&out);
	assert_non_null(
		strstr(out.p, "tool x\\x1b]0;t\\x07\\xff\"<b>\\x0a\\xe2\\x80\\xae|\xc3\xa9,"));
	s.target = SAMPLE_HOSTILE;
	finish_text(&s, NULL, &out);
	no_terminal_tricks(&out);
	buf_release(&out);
}

/* --- JSONL ---------------------------------------------------------------------------------- */

static const char *str_at(const cJSON *o, const char *a, const char *b)
{
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(o, a);

	if (b)
		v = cJSON_GetObjectItemCaseSensitive(v, b);
	return cJSON_IsString(v) ? v->valuestring : "(none)";
}

static long long num_at(const cJSON *o, const char *a, const char *b)
{
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(o, a);

	if (b)
		v = cJSON_GetObjectItemCaseSensitive(v, b);
	return cJSON_IsNumber(v) ? (long long)v->valuedouble : -1;
}

static cJSON *one_line(const struct buf *out)
{
	cJSON *o;

	assert_int_equal(span_find_byte(buf_span(out), '\n'), out->len - 1);
	o = cJSON_ParseWithLength(out->p, out->len);
	assert_non_null(o);
	return o;
}

static void test_jsonl_of_an_alert(void **state)
{
	struct alert a = known_alert();
	struct buf out = BUF_INIT(0);
	cJSON *o;

	assert_int_equal(report_jsonl_alert(policy, &a, &out), 0);
	o = one_line(&out);
	assert_string_equal(str_at(o, "schema", NULL), "beartrap.alert/1");
	assert_string_equal(str_at(o, "time", NULL), "2026-01-02T03:04:05.123456Z");
	assert_string_equal(str_at(o, "rule", NULL), "token-in-tool-result");
	assert_string_equal(str_at(o, "severity", NULL), "critical");
	assert_string_equal(str_at(o, "confidence", NULL), "verified");
	assert_string_equal(str_at(o, "secret", "kind"), "access_token");
	assert_string_equal(str_at(o, "secret", "preview"), "gho_AbCd...(40)");
	assert_string_equal(str_at(o, "secret", "encoding"), "raw");
	assert_int_equal(num_at(o, "secret", "length"), 40);
	assert_string_equal(str_at(o, "sink", "class"), "tool-result");
	assert_int_equal(num_at(o, "sink", "line"), 3);
	assert_int_equal(num_at(o, "sink", "offset"), 99);
	assert_int_equal(num_at(o, "sink", "fd"), 1);
	assert_string_equal(str_at(o, "mcp", "tool"), "get_token");
	assert_string_equal(str_at(o, "mcp", "id"), "7");
	assert_int_equal(num_at(o, "process", "pid"), 42);
	assert_int_equal(num_at(o, "process", "uid"), 1000);
	/* Unknown is absent. */
	assert_string_equal(str_at(o, "sink", "path"), "(none)");
	assert_string_equal(str_at(o, "process", "unit"), "(none)");
	assert_null(cJSON_GetObjectItemCaseSensitive(o, "flow"));
	cJSON_Delete(o);

	buf_clear(&out);
	a.mcp.transport[0] = '\0';
	a.process.pid = 0;
	a.sink.fd = -1;
	a.sink.line = 0;
	a.secret.known_id = 1;
	a.secret.whole_len = 80;
	a.secret.part_off = 4;
	a.secret.part_len = 40;
	assert_int_equal(report_jsonl_alert(policy, &a, &out), 0);
	o = one_line(&out);
	assert_null(cJSON_GetObjectItemCaseSensitive(o, "mcp"));
	assert_null(cJSON_GetObjectItemCaseSensitive(o, "process"));
	assert_int_equal(num_at(o, "sink", "fd"), -1);
	assert_int_equal(num_at(o, "sink", "line"), -1);
	assert_int_equal(num_at(cJSON_GetObjectItemCaseSensitive(o, "secret"), "part", "of"), 80);
	cJSON_Delete(o);
	buf_release(&out);
}

static void test_jsonl_of_the_end(void **state)
{
	struct run_summary s = looked();
	struct alert a = known_alert(), b = known_alert();
	const struct alert *list[2] = { &a, &b };
	struct buf out = BUF_INIT(0);
	const cJSON *lost, *repeated;
	cJSON *o;

	b.severity = SEV_LOW;
	b.seen_count = 4;
	strcpy(b.id, "ffffffffffffffffffffffffffffffff");
	s.loss[BT_LOSS_FAULT] = (struct bt_counter){ .events = 2, .bytes = 30 };
	assert_int_equal(report_jsonl_finish(policy, list, 2, &s, &out), 0);
	o = one_line(&out);
	assert_string_equal(str_at(o, "schema", NULL), "beartrap.summary/1");
	assert_string_equal(str_at(o, "verdict", NULL), "findings");
	assert_true(cJSON_IsFalse(cJSON_GetObjectItemCaseSensitive(o, "complete")));
	assert_int_equal(num_at(o, "findings", NULL), 2);
	assert_int_equal(num_at(o, "by_severity", "critical"), 1);
	assert_int_equal(num_at(o, "by_severity", "low"), 1);
	assert_int_equal(num_at(o, "by_severity", "info"), 0);
	assert_int_equal(num_at(o, "bytes_lost", NULL), 30);
	assert_int_equal(num_at(o, "totals", "bytes_examined"), 1234);
	lost = cJSON_GetObjectItemCaseSensitive(o, "lost");
	assert_int_equal(cJSON_GetArraySize(lost), 1);
	assert_string_equal(str_at(lost->child, "cause", NULL), "fault");
	assert_int_equal(num_at(lost->child, "events", NULL), 2);
	repeated = cJSON_GetObjectItemCaseSensitive(o, "repeated");
	assert_int_equal(cJSON_GetArraySize(repeated), 1);
	assert_string_equal(str_at(repeated->child, "id", NULL), b.id);
	assert_int_equal(num_at(repeated->child, "seen_count", NULL), 4);
	cJSON_Delete(o);
	buf_release(&out);
}

/* Whatever the alert, no format shows a piece of its secret. */
static void test_no_report_shows_a_secret(void **state)
{
	struct run_summary s = looked();
	unsigned int alerts = 0;

	for (unsigned int n = 0; n < SAMPLES_MAX; n++) {
		char value[SAMPLE_LEN + 1];
		struct buf out = BUF_INIT(0);
		struct alert a;
		const struct alert *list[1] = { &a };

		if (!sample_alert(policy, n, &a, value))
			continue;
		alerts++;
		for (const struct report_format *f = report_formats; f->name; f++) {
			assert_int_equal(f->alert(policy, &a, &out), 0);
			assert_int_equal(f->finish(policy, list, 1, &s, &out), 0);
			if (f->color)
				assert_int_equal(f->color->alert(policy, &a, &out), 0);
		}
		assert_false(leak_found(out.p, out.len, value, strlen(SAMPLE_PREFIX)));
		buf_release(&out);
	}
	assert_true(alerts > SAMPLES_MAX / 2);
}

/* --- opening and writing -------------------------------------------------------------------- */

static char *content(void)
{
	struct buf b = BUF_INIT(0);

	assert_int_equal(file_read_all(path, 1 << 20, &b, NULL), 0);
	return b.p ? b.p : strdup("");
}

static void open_refused(const char *spec, const char *says)
{
	struct report *r = NULL;
	struct error err = { 0 };
	int rc = report_open(spec, -1, &r, &err);

	assert_true(rc < 0);
	assert_int_equal(err.code, rc);
	assert_null(r);
	if (!strstr(err.text, says))
		fail_msg("%s: \"%s\" does not say \"%s\"", spec, err.text, says);
}

static void test_wrong_specs(void **state)
{
	char spec[200];

	open_refused("xml", "\"xml\" is not known; use one of: text, jsonl");
	open_refused("", "\"\" is not known");
	open_refused("TEXT:/x", "\"TEXT\" is not known");
	open_refused("jsonl:", "names no file");
	open_refused("jsonl:/nonexistent/x", "/nonexistent/x: No such file");
	snprintf(spec, sizeof(spec), "text:%s", dir);
	open_refused(spec, "Is a directory");
	assert_int_equal(symlink("/dev/null", path), 0);
	snprintf(spec, sizeof(spec), "text:%s", path);
	open_refused(spec, "not written through a link");
}

static void test_stream_is_written_line_by_line(void **state)
{
	struct run_summary s = looked();
	struct alert a = known_alert();
	const struct alert *list[1] = { &a };
	struct report *r;
	struct error err = { 0 };
	struct stat st;
	char spec[200], *text;
	int fd;

	/* What was there before is cut at once. */
	fd = open(path, O_WRONLY | O_CREAT, 0600);
	assert_int_equal(write(fd, "old", 3), 3);
	close(fd);
	snprintf(spec, sizeof(spec), "jsonl:%s", path);
	assert_int_equal(report_open(spec, -1, &r, &err), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_size, 0);
	assert_int_equal(report_alert(r, policy, &a), 0);
	text = content();
	assert_int_equal(text[strlen(text) - 1], '\n');
	assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
	free(text);
	/* Given up: the lines that were written stay, each whole. */
	report_abort(r);
	text = content();
	assert_non_null(strstr(text, "beartrap.alert/1"));
	assert_null(strstr(text, "beartrap.summary/1"));
	free(text);

	assert_int_equal(unlink(path), 0);
	umask(0);
	assert_int_equal(report_open(spec, -1, &r, &err), 0);
	umask(022);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(report_finish(r, policy, list, 1, &s, &err), 0);
	text = content();
	assert_non_null(strstr(text, "beartrap.summary/1"));
	free(text);
	report_abort(NULL);
}

static int one_word(const struct policy *p, const struct alert *const *alerts, size_t n,
		    const struct run_summary *s, struct buf *out)
{
	return buf_addf(out, "%zu alerts\n", n);
}

/* A format that is no stream appears whole at the end, or not at all. */
static void test_whole_report(void **state)
{
	static const struct report_format whole = { .name = "whole", .finish = one_word };
	struct run_summary s = looked();
	struct alert a = known_alert();
	const struct alert *list[1] = { &a };
	struct report *r;
	struct error err = { 0 };
	char *text;

	assert_int_equal(report_open_as(&whole, path, -1, &r, &err), 0);
	assert_int_equal(report_alert(r, policy, &a), 0);
	assert_int_equal(access(path, F_OK), -1);
	report_abort(r);
	assert_int_equal(access(path, F_OK), -1);

	assert_int_equal(report_open_as(&whole, path, -1, &r, &err), 0);
	assert_int_equal(report_finish(r, policy, list, 1, &s, &err), 0);
	text = content();
	assert_string_equal(text, "1 alerts\n");
	free(text);
}

static void test_default_descriptor_is_kept_open(void **state)
{
	static const char *const specs[] = { "text", "text:-" };
	struct run_summary s = looked();
	struct report *r;
	int fd = open(path, O_RDWR | O_CREAT | O_APPEND, 0600);

	assert_true(fd >= 0);
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(report_open(specs[i], fd, &r, NULL), 0);
		assert_int_equal(report_finish(r, policy, NULL, 0, &s, NULL), 0);
		assert_true(fcntl(fd, F_GETFD) >= 0);
		report_abort(NULL);
	}
	assert_true(lseek(fd, 0, SEEK_END) > 100);
	close(fd);
}

static void test_write_errors_are_told_at_the_end(void **state)
{
	struct run_summary s = looked();
	struct alert a = known_alert();
	struct report *r;
	struct error err = { 0 };

	assert_int_equal(report_open("jsonl:/dev/full", -1, &r, &err), 0);
	assert_int_equal(report_alert(r, policy, &a), -ENOSPC);
	assert_int_equal(report_finish(r, policy, NULL, 0, &s, &err), -ENOSPC);
	assert_non_null(strstr(err.text, "/dev/full could not be written whole: No space left"));
}

/* What the text report puts on a terminal of its own. */
static void on_terminal(char *out, size_t cap)
{
	struct run_summary s = looked();
	struct alert a = known_alert();
	const struct alert *list[1] = { &a };
	struct report *r;
	int master = posix_openpt(O_RDWR | O_NOCTTY), slave;
	ssize_t n;

	assert_true(master >= 0);
	assert_int_equal(grantpt(master), 0);
	assert_int_equal(unlockpt(master), 0);
	slave = open(ptsname(master), O_RDWR | O_NOCTTY);
	assert_true(slave >= 0);
	assert_int_equal(report_open("text", slave, &r, NULL), 0);
	assert_int_equal(report_finish(r, policy, list, 1, &s, NULL), 0);
	n = read(master, out, cap - 1);
	assert_true(n > 0);
	out[n] = '\0';
	close(slave);
	close(master);
}

static void test_colors_only_on_a_terminal_that_wants_them(void **state)
{
	char out[4096], *text;
	struct run_summary s = looked();
	struct report *r;
	char spec[200];

	unsetenv("NO_COLOR");
	on_terminal(out, sizeof(out));
	assert_non_null(strstr(out, "\033[31mFOUND\033[0m"));
	setenv("NO_COLOR", "", 1);
	on_terminal(out, sizeof(out));
	assert_non_null(strstr(out, "\033["));
	setenv("NO_COLOR", "1", 1);
	on_terminal(out, sizeof(out));
	assert_null(strchr(out, '\033'));
	assert_non_null(strstr(out, "FOUND"));
	unsetenv("NO_COLOR");
	snprintf(spec, sizeof(spec), "text:%s", path);
	assert_int_equal(report_open(spec, -1, &r, NULL), 0);
	assert_int_equal(report_finish(r, policy, NULL, 0, &s, NULL), 0);
	text = content();
	assert_null(strchr(text, '\033'));
	free(text);
}

static void test_formats_are_found_by_name(void **state)
{
	assert_string_equal(report_format_find(SPAN_LIT("jsonl"))->name, "jsonl");
	assert_string_equal(report_format_find(SPAN_LIT("text"))->name, "text");
	assert_null(report_format_find(SPAN_LIT("json")));
	assert_null(report_format_find(SPAN_NONE));
}

/* Every cause of loss has its words, and only once. */
static void test_every_cause_is_explained(void **state)
{
	struct run_summary s = looked();
	struct run_loss losses[RUN_LOSS_MAX];
	size_t n;

	for (unsigned int i = 0; i < BT_LOSS_MAX; i++)
		s.loss[i].events = 1;
	s.totals.bytes_missing = s.totals.bytes_missing_args = s.totals.bytes_unscanned = 1;
	s.totals.bad_records = s.totals.streams_evicted = 1;
	s.restarted.events = s.unread_bytes = 1;
	s.seen[BT_SEEN_CALLS].bytes = 99;
	n = run_summary_losses(&s, losses);
	assert_int_equal(n, RUN_LOSS_MAX);
	for (size_t i = 0; i < n; i++) {
		if (!blind_spot_find(losses[i].cause))
			fail_msg("no words for %s", losses[i].cause);
	}
	for (const struct blind_spot *b = blind_spots; b->name; b++) {
		assert_ptr_equal(blind_spot_find(b->name), b);
		assert_true(strlen(b->means) > 20 && strlen(b->mend) >= 4);
		assert_true(strlen(b->name) + strlen(b->means) + strlen(b->mend) < 480);
	}
	assert_null(blind_spot_find("nothing"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_complete_only_without_any_loss),
		cmocka_unit_test(test_lost_bytes_are_not_counted_twice),
		cmocka_unit_test(test_verdict),
		cmocka_unit_test(test_every_cause_is_explained),
		cmocka_unit_test(test_what_calls_moved_is_all_accounted_for),
		cmocka_unit_test(test_a_worker_that_died_is_no_clean_run),
		cmocka_unit_test(test_text_of_an_alert),
		cmocka_unit_test(test_text_of_the_end),
		cmocka_unit_test(test_hostile_names_are_escaped),
		cmocka_unit_test(test_jsonl_of_an_alert),
		cmocka_unit_test(test_jsonl_of_the_end),
		cmocka_unit_test(test_no_report_shows_a_secret),
		cmocka_unit_test(test_formats_are_found_by_name),
		cmocka_unit_test_setup(test_wrong_specs, fresh),
		cmocka_unit_test_setup(test_stream_is_written_line_by_line, fresh),
		cmocka_unit_test_setup(test_whole_report, fresh),
		cmocka_unit_test_setup(test_default_descriptor_is_kept_open, fresh),
		cmocka_unit_test_setup(test_write_errors_are_told_at_the_end, fresh),
		cmocka_unit_test_setup(test_colors_only_on_a_terminal_that_wants_them, fresh),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
