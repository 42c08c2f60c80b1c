// SPDX-License-Identifier: BSD-2-Clause
/*
 * Rule files are hostile input: any text is loaded or refused with words, and what is loaded compiles and scans.
 * Covers: detect/rules.c detect/rules_json.c detect/rules_load.c detect/pattern.c detect/filter.c
 */
#include <stdlib.h>
#include "detect/scan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void on_hit(void *arg, const struct hit *h)
{
	if (!h->value.len)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ruleset *rs = ruleset_new();
	struct error err = { 0, "" };
	struct scanner *sc;
	struct scan *s;

	if (!rs)
		abort();
	if (ruleset_add_text(rs, "fuzz.json", span_of(data, size), &err)) {
		if (!err.code || strncmp(err.text, "fuzz.json:", 10) != 0)
			abort();
		ruleset_free(rs);
		return 0;
	}
	for (size_t i = 0; i < ruleset_len(rs); i++) {
		struct rule_info info;

		ruleset_info(rs, i, &info);
		if (!info.id[0] || !info.line)
			abort();
	}
	if (ruleset_len(rs) < 8 && !scanner_new(rs, &sc, &err)) {
		s = scan_new(sc, NULL);
		if (!s)
			abort();
		/* Its own text holds its anchors. */
		for (size_t i = 0; i < size; i += 100)
			scan_feed(s, span_sub(span_of(data, size), i, 100), on_hit, NULL);
		scan_flush(s, on_hit, NULL);
		scan_free(s);
		scanner_free(sc);
	}
	ruleset_free(rs);
	return 0;
}
