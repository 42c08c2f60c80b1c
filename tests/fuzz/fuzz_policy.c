/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A user's catalogue or policy files on top of a small one (the built-in ones take milliseconds to read). Whatever was
 * taken in, every judgement stays in range and every catalogue entry is whole. First byte: how many files the rest is cut into.
 * Covers: alert/policy.c alert/policy_load.c alert/policy_read.c alert/override.c
 */
#include <stdlib.h>

#include "alert/policy_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char base[] = "{\"kind\":\"policy\",\"rules\":[{\"id\":\"secret-in-argv\",\"title\":"
			   "\"t\",\"severity\":\"high\","
			   "\"family\":\"D\",\"status\":\"implemented\",\"why\":\"w\",\"fix\":"
			   "\"f\",\"references\":[]}],"
			   "\"groups\":{\"log\":[\"stderr\",\"tty\"]},"
			   "\"cells\":[{\"id\":\"argv\",\"sink\":[\"argv\"],\"verdict\":\"alert\","
			   "\"rule\":\"secret-in-argv\"}],"
			   "\"adjustments\":[{\"id\":\"expired\",\"expired\":true,\"lower\":1}]}";

static void check_error(int r, const struct error *err)
{
	if (r > 0 || (r < 0) != (err->code < 0) || (r < 0) != (err->text[0] != '\0'))
		abort();
}

static void judge_some(const struct policy *p, unsigned int seed)
{
	for (unsigned int i = 0; i < SINK_CLASS_MAX * SECRET_KIND_MAX; i++) {
		struct sink sink = { .class = (enum sink_class)(i % SINK_CLASS_MAX) };
		struct redacted secret = {
			.kind = (enum secret_kind)(i / SINK_CLASS_MAX),
			.confidence = (enum confidence)(i % CONF_MAX),
			.encoding = (enum encoding)(i % ENC_MAX),
			.whole_len = 100,
			.part_len = 1 + (i * 7 + seed) % 100,
			.expired = i & 1,
		};
		struct alert a;

		sink.flags = (i * 37 + seed * 101) & 0x7ff;
		if (policy_judge(p, &secret, &sink, &a) == VERDICT_LEGAL)
			continue;
		if ((unsigned int)a.severity >= SEV_MAX || !policy_catalogue_find(p, a.rule) ||
		    !a.why[0])
			abort();
	}
}

static void check_catalogue(const struct policy *p)
{
	for (size_t i = 0; i < policy_catalogue_len(p); i++) {
		const struct catalogue_entry *e = policy_catalogue_at(p, i);

		if (!e->id[0] || strlen(e->id) > 63 || !e->title[0] || !e->why[0] || !e->fix[0] ||
		    (unsigned int)e->severity >= SEV_MAX)
			abort();
		for (const char *const *r = e->references; *r; r++) {
			if (!(*r)[0])
				abort();
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t files = size ? 1 + data[0] % 3 : 1, part = size ? (size - 1) / files : 0;
	struct policy *p;

	p = policy_empty();
	if (!p || policy_add_text(p, "base", span_str(base), NULL))
		abort();
	for (size_t i = 0; size && i < files; i++) {
		size_t len = i + 1 < files ? part : size - 1 - i * part;
		struct error err = { 0 };
		/* A block of its own, so that reading past the text is seen. */
		char *text = malloc(len ? len : 1);

		if (!text)
			abort();
		memcpy(text, data + 1 + i * part, len);
		check_error(policy_add_text(p, "fuzz.json", span_of(text, len), &err), &err);
		free(text);
	}
	check_catalogue(p);
	judge_some(p, size ? data[0] : 0);
	policy_free(p);
	return 0;
}
