/* SPDX-License-Identifier: BSD-2-Clause */
/* Alerts of every shape for tests of reports: made as the engine makes them, from fresh random secrets. */
#ifndef BT_TESTS_SAMPLES_H
#define BT_TESTS_SAMPLES_H

#include <stdio.h>

#include "alert/policy.h"
#include "leak.h"

#define SAMPLE_PREFIX "pre_"
#define SAMPLE_LEN 60

/* Names as a hostile server would choose them. */
#define SAMPLE_HOSTILE "x\033]0;t\007\xff\"<b>\n\xe2\x80\xae|\xc3\xa9"

/*
 * The n-th sample: goes through all sink classes, kinds, encodings and confidences; every third has all optional
 * members, with hostile names, every third none. False when the place is a legal one. The secret is put into `value`.
 */
static inline bool sample_alert(const struct policy *p, unsigned int n, struct alert *a,
				char value[SAMPLE_LEN + 1])
{
	static const unsigned int flags[] = { 0, SINK_F_CHILD, SINK_F_WORLD_READABLE,
					      SINK_F_SHARED_PLACE | SINK_F_CHILD };
	struct fingerprinter key;
	struct redacted r;
	struct sink sink = {
		.class = (enum sink_class)(n % SINK_CLASS_MAX),
		.flags = flags[n / SINK_CLASS_MAX % 4],
		.fd = -1,
	};
	struct hit hit = {
		.rule_id = "some-rule",
		.prefix = SAMPLE_PREFIX,
		.kind = (enum secret_kind)(n % SECRET_KIND_MAX),
		.confidence = (enum confidence)(n % CONF_MAX),
		.encoding = (enum encoding)(n % ENC_MAX),
		.expired = n % 5 == 0,
	};
	bool full = n % 3 == 0;

	leak_secret(value, SAMPLE_PREFIX, SAMPLE_LEN);
	hit.value = span_str(value);
	if (hit.confidence == CONF_VALUE) {
		hit.known_id = n + 1;
		hit.whole_len = SAMPLE_LEN;
		hit.part_len = n % 2 ? SAMPLE_LEN : 20 + n % 20;
		hit.value.len = hit.part_len;
	}
	if (full) {
		hit.provider = "github";
		hit.key = SPAN_LIT(SAMPLE_HOSTILE);
		hit.line = n + 1;
		hit.offset = UINT64_MAX;
		sink.fd = (int)n;
		sink.line = hit.line;
		sink.offset = hit.offset;
		snprintf(sink.path, sizeof(sink.path), "/tmp/" SAMPLE_HOSTILE);
		snprintf(sink.peer, sizeof(sink.peer), "192.0.2.1:443");
		snprintf(sink.host, sizeof(sink.host), SAMPLE_HOSTILE);
	}
	fingerprinter_random(&key);
	redact_hit(&key, &hit, &r);
	memset(a, 0, sizeof(*a));
	if (policy_judge(p, &r, &sink, a) == VERDICT_LEGAL)
		return false;
	a->time_ns = a->first_ns = 1767323045123456789u + n;
	a->last_ns = a->first_ns + 5000000000u;
	a->seen_count = 1 + n % 4;
	if (n % 3 == 1)
		return true;
	a->process =
		(struct alert_process){ .pid = 1000 + n, .tid = 1001 + n, .ppid = 1, .uid = 0 };
	snprintf(a->mcp.transport, sizeof(a->mcp.transport), "stdio");
	snprintf(a->mcp.direction, sizeof(a->mcp.direction), "server-to-client");
	if (!full)
		return true;
	snprintf(a->mcp.method, sizeof(a->mcp.method), "tools/call");
	snprintf(a->mcp.tool, sizeof(a->mcp.tool), SAMPLE_HOSTILE);
	snprintf(a->mcp.id, sizeof(a->mcp.id), "\"" SAMPLE_HOSTILE "\"");
	snprintf(a->mcp.json_path, sizeof(a->mcp.json_path), "$.result['" SAMPLE_HOSTILE "']");
	snprintf(a->process.comm, sizeof(a->process.comm), "node");
	snprintf(a->process.exe, sizeof(a->process.exe), "/usr/bin/" SAMPLE_HOSTILE);
	snprintf(a->process.container, sizeof(a->process.container), SAMPLE_HOSTILE);
	snprintf(a->process.cgroup, sizeof(a->process.cgroup), "/" SAMPLE_HOSTILE);
	snprintf(a->process.unit, sizeof(a->process.unit), SAMPLE_HOSTILE);
	snprintf(a->flow.id, sizeof(a->flow.id), "f1");
	snprintf(a->flow.phase, sizeof(a->flow.phase), "exchange");
	a->flow.age_ms = 12;
	return true;
}

/* Enough for every combination of the cycles above that matters. */
#define SAMPLES_MAX 2000

#endif /* BT_TESTS_SAMPLES_H */
