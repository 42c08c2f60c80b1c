/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "base/secmem.h"
#include "cases/expect.h"
#include "report/formats.h"

struct run {
	const struct case_runner *runner;
	struct engine *engine;
	cJSON *want[EXPECT_MAX], *have[EXPECT_MAX];
	size_t n_want, n_have;
	bool overflow;
	int err;
};

static void on_alert(void *arg, const struct alert *a)
{
	struct run *run = arg;
	struct buf text = BUF_INIT(REPORT_MAX_TEXT);
	cJSON *json = NULL;

	if (run->n_have == EXPECT_MAX) {
		run->overflow = true;
		return;
	}
	if (!report_jsonl_alert(run->runner->policy, a, &text))
		json = cJSON_ParseWithLength(text.p, text.len);
	buf_release(&text);
	if (json)
		run->have[run->n_have++] = json;
	else
		run->err = -ENOMEM;
}

static int on_record(void *arg, struct span record)
{
	struct run *run = arg;
	int r = engine_feed_recorded(run->engine, record);

	/* A record that does not decode is what a case may be about. */
	return r == -EBADMSG ? 0 : r;
}

static void fault(struct case_result *ret, const char *why)
{
	ret->outcome = CASE_FAULTY;
	snprintf(ret->why, sizeof(ret->why), "%s", why);
}

static bool read_expect(struct run *run, struct span expect, struct case_result *ret)
{
	struct span line;

	if (!expect_head(&expect, ret)) {
		fault(ret, "the first line of what is expected is no JSON object");
		return false;
	}
	while (expect_next(&expect, &line)) {
		cJSON *json =
			run->n_want < EXPECT_MAX ? cJSON_ParseWithLength(line.p, line.len) : NULL;

		if (!json) {
			fault(ret, "an expected alert is no JSON, or there are too many");
			return false;
		}
		run->want[run->n_want++] = json;
	}
	return true;
}

static int run_events(struct run *run, const struct case_text *c, struct case_result *ret,
		      struct error *err)
{
	struct values *values = values_new(VALUES_MAX);
	struct engine_config cfg = {
		.scanner = run->runner->scanner,
		.policy = run->runner->policy,
		.values = values,
		.alert = on_alert,
		.arg = run,
	};
	struct case_out out = { on_record, NULL, run };
	struct rec_totals totals;
	struct error fault_text = { 0 };
	struct rec_info info;
	int r = values ? 0 : -ENOMEM;

	if (r)
		goto out;
	case_info(c->events, run->runner->wall_ns, &info);
	memcpy(cfg.fingerprint.key, info.fingerprint_key, sizeof(cfg.fingerprint.key));
	cfg.boot_offset_ns = info.boot_offset_ns;
	cfg.root_tgid = info.root_tgid;
	cfg.late = info.late;
	r = engine_new(&cfg, &run->engine);
	wipe(&cfg.fingerprint, sizeof(cfg.fingerprint));
	if (r)
		goto out;
	r = case_compile(c->name, c->events, &info, &out, &totals, &fault_text);
	if (r == -EINVAL) {
		fault(ret, fault_text.text);
		r = 0;
		goto out;
	}
	engine_finish(run->engine);
	if (!r)
		r = run->err;
	if (!r && run->overflow)
		fault(ret, "more alerts than a case may have");
	else if (!r)
		expect_compare(run->want, run->n_want, run->have, run->n_have, ret);
out:
	engine_free(run->engine);
	values_free(values);
	return r ? error_set(err, r, "cannot run case %s: %s", c->name, strerror(-r)) : 0;
}

int case_run(const struct case_runner *r, const struct case_text *c, struct case_result *ret,
	     struct error *err)
{
	struct run run = { .runner = r };
	int rc = 0;

	memset(ret, 0, sizeof(*ret));
	if (read_expect(&run, c->expect, ret))
		rc = run_events(&run, c, ret, err);
	for (size_t i = 0; i < run.n_want; i++)
		cJSON_Delete(run.want[i]);
	for (size_t i = 0; i < run.n_have; i++)
		cJSON_Delete(run.have[i]);
	return rc;
}
