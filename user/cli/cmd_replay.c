// SPDX-License-Identifier: BSD-2-Clause
/* beartrap replay: a recorded run through the same engine as a live one. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/secmem.h"
#include "cli/commands.h"
#include "cli/outputs.h"
#include "engine/engine.h"
#include "event/recording.h"

enum replay_opt { OPT_KEY = 1 };

static const char help[] =
	"Runs a recording (`beartrap run --record FILE`) through the same engine as the live run, "
	"with the\n"
	"rules of today: to see what a new rule would have found, to make another report, or to "
	"look\n"
	"into a finding again. Needs no privileges; the recording's key file lies beside it.\n"
	"\n"
	"A recording that is cut short or changed is replayed as far as it can be trusted; the "
	"exit\n"
	"status is then 125 whatever was found.\n"
	"\n"
	"Options:\n"
	"  --key FILE              the recording's key (default: "
	"RECORDING.key)\n" SHARED_OPTIONS_HELP "\n"
	"Examples:\n"
	"  beartrap replay run.btrec\n"
	"  beartrap replay --rules new-rules.json --output jsonl:again.jsonl run.btrec\n"
	"\n"
	"Exit status: 0 nothing at or above --fail-on, 10 something, 125 the recording cannot be "
	"read, or\n"
	"the run had not seen everything (and nothing was found in the rest), 2 usage error.\n";

struct replay_job {
	struct outputs *outputs;
	const struct policy *policy;
	uint64_t first_ns, last_ns; /* CLOCK_BOOTTIME, 0 = no record yet */
};

static void on_alert(void *arg, const struct alert *a)
{
	struct replay_job *job = arg;

	outputs_alert(job->outputs, job->policy, a);
}

static int feed(struct replay_job *job, struct engine *engine, struct rec_reader *reader,
		struct error *err)
{
	struct span record;
	struct event ev;
	int rc;

	while ((rc = rec_reader_next(reader, &record, err)) > 0) {
		if (!event_decode(record, &ev)) {
			if (!job->first_ns)
				job->first_ns = ev.time_ns;
			job->last_ns = ev.time_ns;
		}
		/* What does not decode is counted there, and makes the look incomplete. */
		rc = engine_feed_recorded(engine, record);
		if (rc && rc != -EBADMSG)
			return error_set(err, rc, "replay stopped: %s", strerror(-rc));
	}
	return rc;
}

static int replay(const struct log *log, const struct shared *s, const char *path,
		  const char *key_path)
{
	struct run_summary sum = { .command = "replay" };
	const char *notes[2] = { NULL, NULL };
	struct engine_config cfg = { 0 };
	struct rec_reader *reader = NULL;
	struct engine *engine = NULL;
	struct alert_list list = { 0 };
	struct replay_job job = { 0 };
	struct error err = { 0 };
	struct stack stack = { 0 };
	const struct rec_info *info;
	int status = EXIT_OK;
	bool broken;
	int rc;

	rc = rec_reader_open(path, key_path, &reader, &err);
	if (rc) {
		/* Not a fault in the command line, whatever the code says. */
		status = setup_error(log, &err, rc == -EINVAL ? -EBADMSG : rc);
		goto out;
	}
	rc = stack_open(&stack, s, &err);
	if (!rc)
		rc = outputs_open(s, &job.outputs, &err);
	if (rc) {
		status = setup_error(log, &err, rc);
		goto out;
	}
	info = rec_reader_info(reader);
	cfg.scanner = stack.scanner;
	cfg.policy = job.policy = stack.policy;
	cfg.values = stack.values;
	memcpy(cfg.fingerprint.key, info->fingerprint_key, sizeof(cfg.fingerprint.key));
	cfg.boot_offset_ns = info->boot_offset_ns;
	cfg.root_tgid = info->root_tgid;
	cfg.late = info->late;
	cfg.alert = on_alert;
	cfg.arg = &job;
	rc = engine_new(&cfg, &engine);
	wipe(&cfg.fingerprint, sizeof(cfg.fingerprint));
	if (rc) {
		status = setup_error(log, &err, rc);
		goto out;
	}

	broken = feed(&job, engine, reader, &err) < 0;
	engine_finish(engine);
	engine_totals(engine, &sum.totals);
	if (broken) {
		log_at(log, LOG_LEVEL_ERROR, "%s", err.text);
		err = (struct error){ 0 };
		notes[0] = "the recording cannot be trusted to its end: what came later is unknown";
		sum.totals.bad_records++;
	} else {
		memcpy(sum.loss, rec_reader_totals(reader)->loss, sizeof(sum.loss));
		memcpy(sum.seen, rec_reader_totals(reader)->seen, sizeof(sum.seen));
	}
	sum.target = path;
	sum.notes = notes;
	sum.not_looked = !sum.totals.records;
	sum.started_ns = job.first_ns + info->boot_offset_ns;
	sum.ended_ns = job.last_ns + info->boot_offset_ns;
	engine_walk_alerts(engine, alert_list_add, &list);
	status = outputs_conclude(job.outputs, log, s, stack.policy, &list, &sum, EXIT_OK);
	if (broken)
		status = EXIT_WATCH_FAILED;
out:
	engine_free(engine);
	outputs_free(job.outputs);
	stack_release(&stack);
	rec_reader_free(reader);
	return status;
}

static int run(const struct log *log, int argc, char **argv)
{
	static const struct option options[] = {
		{ "key", required_argument, NULL, OPT_KEY },
		SHARED_OPTIONS,
		{ 0 },
	};
	const char *key_path = NULL;
	struct error err = { 0 };
	struct shared s;
	int opt;

	shared_init(&s);
	s.default_fd = STDOUT_FILENO;
	while ((opt = options_next(argc, argv, options, &err)) != -1) {
		if (opt == OPT_HELP) {
			cmd_print_help(&cmd_replay);
			return EXIT_OK;
		}
		if (opt == OPT_KEY)
			key_path = optarg;
		else if (opt == '?' || shared_option(&s, opt, optarg, &err))
			return usage_error(log, &cmd_replay, &err);
	}
	if (argc - optind != 1) {
		error_set(&err, -EINVAL, "give one recording");
		return usage_error(log, &cmd_replay, &err);
	}
	return replay(log, &s, argv[optind], key_path);
}

const struct cmd cmd_replay = {
	.name = "replay",
	.args = "[OPTIONS] RECORDING",
	.brief = "judge a recorded run again",
	.help = help,
	.run = run,
};
