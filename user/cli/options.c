// SPDX-License-Identifier: BSD-2-Clause
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "cli/commands.h"

#define SUGGEST_MAX_LEN 64

/* Edit distance with neighbouring letters swapped as one edit (optimal string alignment). */
static size_t edit_distance(const char *a, const char *b)
{
	size_t n = strnlen(a, SUGGEST_MAX_LEN), m = strnlen(b, SUGGEST_MAX_LEN);
	size_t row[3][SUGGEST_MAX_LEN + 1];

	for (size_t j = 0; j <= m; j++)
		row[0][j] = j;
	for (size_t i = 1; i <= n; i++) {
		size_t *cur = row[i % 3], *up = row[(i - 1) % 3];

		cur[0] = i;
		for (size_t j = 1; j <= m; j++) {
			size_t d = up[j - 1] + (a[i - 1] != b[j - 1]);

			if (up[j] + 1 < d)
				d = up[j] + 1;
			if (cur[j - 1] + 1 < d)
				d = cur[j - 1] + 1;
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
			    row[(i - 2) % 3][j - 2] + 1 < d)
				d = row[(i - 2) % 3][j - 2] + 1;
			cur[j] = d;
		}
	}
	return row[n % 3][m];
}

void suggest_start(struct suggestion *s, const char *wanted)
{
	*s = (struct suggestion){ .wanted = wanted, .distance = SIZE_MAX };
}

void suggest_offer(struct suggestion *s, const char *name)
{
	size_t len = strlen(s->wanted);
	size_t d = edit_distance(s->wanted, name);

	/* A third of the letters may differ; a part of a name that is long enough to mean something is near too. */
	if (d > (len + 2) / 3) {
		if (len < 4 || !strstr(name, s->wanted))
			return;
		d = len;
	}
	if (d < s->distance) {
		s->distance = d;
		s->best = name;
	}
}

int options_next(int argc, char **argv, const struct option *options, struct error *err)
{
	/* Taken before the call: getopt moves on past a bad word. */
	const char *word = optind < argc ? argv[optind] : "";
	char letters[64] = "+:";
	size_t n = 2;
	int opt;

	for (const struct option *o = options; o->name && n < sizeof(letters) - 2; o++) {
		if (o->val > ' ' && o->val < 0x7f) {
			letters[n++] = (char)o->val;
			if (o->has_arg == required_argument)
				letters[n++] = ':';
		}
	}
	letters[n] = '\0';
	opterr = 0;
	opt = getopt_long(argc, argv, letters, options, NULL);
	if (opt == ':') {
		error_set(err, -EINVAL, "option %s needs a value", word);
		return '?';
	}
	if (opt == '?') {
		char name[SUGGEST_MAX_LEN + 1];
		size_t len = strcspn(word, "=");
		struct suggestion s;

		if (len > SUGGEST_MAX_LEN)
			len = SUGGEST_MAX_LEN;
		memcpy(name, word, len);
		name[len] = '\0';
		suggest_start(&s, name + strspn(name, "-"));
		for (const struct option *o = options; o->name; o++) {
			if (!strcmp(o->name, s.wanted)) {
				error_set(err, -EINVAL, "option %s takes no value", name);
				return '?';
			}
			suggest_offer(&s, o->name);
		}
		if (s.best)
			error_set(err, -EINVAL, "unknown option %s; did you mean --%s?", name,
				  s.best);
		else
			error_set(err, -EINVAL, "unknown option %s", name);
	}
	return opt;
}

int usage_error(const struct log *log, const struct cmd *c, const struct error *err)
{
	log_at(log, LOG_LEVEL_ERROR, "%s: %s (see `beartrap %s --help`)", c->name, err->text,
	       c->name);
	return EXIT_USAGE;
}

int setup_error(const struct log *log, const struct error *err, int rc)
{
	log_at(log, LOG_LEVEL_ERROR, "%s", err->code ? err->text : strerror(-rc));
	return rc == -EINVAL ? EXIT_USAGE : EXIT_WATCH_FAILED;
}

void command_find(const char *name, char *ret, size_t len)
{
	const char *path = getenv("PATH");

	snprintf(ret, len, "%s", name);
	if (strchr(name, '/'))
		return;
	for (*ret = '\0'; path && *path; path += *path == ':') {
		size_t n = strcspn(path, ":");

		snprintf(ret, len, "%.*s%s%s", (int)n, path, n ? "/" : "", name);
		if (!access(ret, X_OK))
			return;
		*ret = '\0';
		path += n;
	}
}

void cmd_print_help(const struct cmd *c)
{
	printf("usage: beartrap %s%s%s\n\n%s", c->name, *c->args ? " " : "", c->args, c->help);
}
