// SPDX-License-Identifier: BSD-2-Clause
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/fileio.h"
#include "base/secmem.h"
#include "cli/outputs.h"

#define POLICY_MAX_FILE (4u * 1024 * 1024)

void shared_init(struct shared *s)
{
	*s = (struct shared){
		.fail_on = SEV_HIGH,
		.exit_code = EXIT_FOUND,
		.default_fd = STDERR_FILENO,
	};
}

static int list_add(const char **list, size_t *n, const char *arg, const char *option,
		    struct error *err)
{
	if (*n == OUTPUTS_MAX)
		return error_set(err, -EINVAL, "more than %d of %s", OUTPUTS_MAX, option);
	if (!*arg)
		return error_set(err, -EINVAL, "%s needs a value that is not empty", option);
	list[(*n)++] = arg;
	return 0;
}

static int parse_fail_on(struct shared *s, const char *arg, struct error *err)
{
	if (!strcmp(arg, "never")) {
		s->fail_on = SEV_MAX;
		return 0;
	}
	if (severity_parse(span_str(arg), &s->fail_on))
		return error_set(err, -EINVAL,
				 "--fail-on takes info, low, medium, high, critical, or never");
	return 0;
}

static int parse_exit_code(struct shared *s, const char *arg, struct error *err)
{
	char *end;
	long n;

	errno = 0;
	n = strtol(arg, &end, 10);
	if (errno || end == arg || *end || n < 0 || n > 255)
		return error_set(err, -EINVAL, "--exit-code takes a number from 0 to 255");
	s->exit_code = (int)n;
	return 0;
}

int shared_option(struct shared *s, int opt, const char *arg, struct error *err)
{
	switch (opt) {
	case OPT_OUTPUT:
		return list_add(s->outputs, &s->n_outputs, arg, "--output", err);
	case OPT_RULES:
		return list_add(s->rules, &s->n_rules, arg, "--rules", err);
	case OPT_POLICY:
		return list_add(s->policies, &s->n_policies, arg, "--policy", err);
	case OPT_KNOWN:
		s->known = arg;
		return 0;
	case OPT_FAIL_ON:
		return parse_fail_on(s, arg, err);
	case OPT_EXIT_CODE:
		return parse_exit_code(s, arg, err);
	case OPT_DEBUG:
		s->debug = true;
		return 0;
	}
	return -ENOENT;
}

static int add_policies(struct policy *p, const struct shared *s, struct error *err)
{
	for (size_t i = 0; i < s->n_policies; i++) {
		struct buf text = BUF_INIT(POLICY_MAX_FILE);
		int rc = file_read_all(s->policies[i], POLICY_MAX_FILE, &text, err);

		if (!rc)
			rc = policy_add_text(p, s->policies[i], buf_span(&text), err);
		buf_release(&text);
		if (rc)
			return rc;
	}
	return 0;
}

int stack_open_rules(struct stack *st, const struct shared *s, struct error *err)
{
	int rc;

	*st = (struct stack){ 0 };
	st->rules = ruleset_new();
	if (!st->rules) {
		rc = error_set(err, -ENOMEM, "out of memory for the rules");
		goto fail;
	}
	rc = ruleset_add_builtin(st->rules, err);
	for (size_t i = 0; !rc && i < s->n_rules; i++)
		rc = ruleset_add_path(st->rules, s->rules[i], err);
	if (!rc)
		rc = scanner_new(st->rules, &st->scanner, err);
	if (!rc)
		rc = policy_new(&st->policy, err);
	if (!rc)
		rc = add_policies(st->policy, s, err);
	if (!rc)
		return 0;
fail:
	stack_release(st);
	return rc;
}

int stack_open_secrets(struct stack *st, const struct shared *s, struct error *err)
{
	const struct log log = { .fd = STDERR_FILENO, .level = LOG_LEVEL_DEBUG };
	struct error why = { 0 };
	int rc = 0;

	st->values = values_new(VALUES_MAX);
	if (!st->values)
		return error_set(err, -ENOMEM, "out of memory for the values");
	if (s->known)
		rc = values_add_file(st->values, s->known, err);
	if (rc)
		return rc;
	/* Without the installation's key, fingerprints of two runs cannot be compared; no reason not to look. */
	if (fingerprinter_load(&st->fingerprint, &why)) {
		fingerprinter_random(&st->fingerprint);
		if (s->debug)
			log_at(&log, LOG_LEVEL_WARN, "%s; fingerprints are good for this run only",
			       why.text);
	}
	return 0;
}

int stack_open(struct stack *st, const struct shared *s, struct error *err)
{
	int rc = stack_open_rules(st, s, err);

	if (!rc)
		rc = stack_open_secrets(st, s, err);
	if (rc)
		stack_release(st);
	return rc;
}

void stack_release(struct stack *st)
{
	st->scanner = scanner_free(st->scanner);
	st->rules = ruleset_free(st->rules);
	st->policy = policy_free(st->policy);
	st->values = values_free(st->values);
	wipe(&st->fingerprint, sizeof(st->fingerprint));
}

struct outputs {
	struct report *reports[OUTPUTS_MAX];
	size_t n;
	struct error err; /* first one of outputs_alert() */
};

/* The FILE of "FORMAT:FILE", or "-" for the default descriptor. */
static const char *output_file(const char *spec)
{
	const char *colon = strchr(spec, ':');

	return colon ? colon + 1 : "-";
}

int outputs_open(const struct shared *s, struct outputs **ret, struct error *err)
{
	struct outputs *o;
	int rc = 0;

	for (size_t i = 0; i < s->n_outputs; i++) {
		const char *file = output_file(s->outputs[i]);

		for (size_t j = 0; j < i; j++) {
			if (!strcmp(output_file(s->outputs[j]), file))
				return error_set(err, -EINVAL,
						 "--output %s and %s go to one place; give one a "
						 "FILE of its own",
						 s->outputs[j], s->outputs[i]);
		}
	}
	o = calloc(1, sizeof(*o));
	if (!o)
		return error_set(err, -ENOMEM, "out of memory for the reports");
	if (!s->n_outputs) {
		rc = report_open("text", STDERR_FILENO, &o->reports[0], err);
		o->n = !rc;
	}
	for (size_t i = 0; !rc && i < s->n_outputs; i++) {
		rc = report_open(s->outputs[i], s->default_fd, &o->reports[i], err);
		if (!rc)
			o->n++;
	}
	if (rc) {
		outputs_free(o);
		return rc;
	}
	*ret = o;
	return 0;
}

void outputs_wait(struct outputs *o, int ms)
{
	for (size_t i = 0; i < o->n; i++)
		report_wait(o->reports[i], ms);
}

void outputs_alert(struct outputs *o, const struct policy *p, const struct alert *a)
{
	for (size_t i = 0; i < o->n; i++) {
		int rc = report_alert(o->reports[i], p, a);

		if (rc)
			error_set(&o->err, rc, "cannot write a report: %s", strerror(-rc));
	}
}

int outputs_finish(struct outputs *o, const struct policy *p, const struct alert *const *alerts,
		   size_t n, const struct run_summary *sum, struct error *err)
{
	int rc = 0;

	for (size_t i = 0; i < o->n; i++) {
		int one = report_finish(o->reports[i], p, alerts, n, sum, err);

		if (!rc)
			rc = one;
	}
	o->n = 0;
	if (!rc && o->err.code)
		rc = error_set(err, o->err.code, "%s", o->err.text);
	return rc;
}

struct outputs *outputs_free(struct outputs *o)
{
	if (o) {
		for (size_t i = 0; i < o->n; i++)
			report_abort(o->reports[i]);
		free(o);
	}
	return NULL;
}

static bool found_at_or_above(enum severity level, const struct alert *const *alerts, size_t n,
			      const struct run_summary *sum)
{
	for (size_t i = 0; i < n; i++) {
		if (alerts[i]->severity >= level)
			return true;
	}
	for (int s = (int)level; s < SEV_MAX; s++) {
		if (sum->totals.by_severity[s])
			return true;
	}
	return false;
}

int shared_exit_status(const struct shared *s, const struct alert *const *alerts, size_t n,
		       const struct run_summary *sum, int clean)
{
	if (found_at_or_above(s->fail_on, alerts, n, sum))
		return s->exit_code;
	if (!run_summary_complete(sum))
		return EXIT_WATCH_FAILED;
	return clean;
}

void alert_list_add(void *arg, const struct alert *a)
{
	struct alert_list *list = arg;

	if (list->n == list->cap) {
		size_t cap = list->cap ? 2 * list->cap : 64;
		const struct alert **alerts = reallocarray(list->alerts, cap, sizeof(void *));

		if (!alerts) {
			list->err = -ENOMEM;
			return;
		}
		list->alerts = alerts;
		list->cap = cap;
	}
	list->alerts[list->n++] = a;
}

int outputs_conclude(struct outputs *o, const struct log *log, const struct shared *s,
		     const struct policy *p, struct alert_list *list, const struct run_summary *sum,
		     int clean)
{
	int status = shared_exit_status(s, list->alerts, list->n, sum, clean);
	struct error err = { 0 };
	int rc = outputs_finish(o, p, list->alerts, list->n, sum, &err);

	if (rc || list->err) {
		log_at(log, LOG_LEVEL_ERROR, "%s", rc ? err.text : "out of memory for the report");
		status = EXIT_WATCH_FAILED;
	}
	free(list->alerts);
	*list = (struct alert_list){ 0 };
	return status;
}
