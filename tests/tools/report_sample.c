/* SPDX-License-Identifier: BSD-2-Clause */
/* Prints a JSONL report with alerts of every shape and a summary: what the schemas must accept. */
#include <stdlib.h>

#include "base/fileio.h"
#include "report/report.h"
#include "samples.h"

int main(void)
{
	static const char *const notes[] = { SAMPLE_HOSTILE, NULL };
	static struct alert alerts[SAMPLES_MAX];
	static const struct alert *list[SAMPLES_MAX];
	struct run_summary s = { .command = "run", .target = SAMPLE_HOSTILE, .notes = notes };
	const struct report_format *jsonl = report_format_find(SPAN_LIT("jsonl"));
	struct buf out = BUF_INIT(0);
	char value[SAMPLE_LEN + 1];
	struct policy *policy;
	size_t n = 0;
	int r;

	if (policy_new(&policy, NULL))
		return 1;
	for (unsigned int i = 0; i < SAMPLES_MAX; i++) {
		if (!sample_alert(policy, i, &alerts[n], value))
			continue;
		jsonl->alert(policy, &alerts[n], &out);
		list[n] = &alerts[n];
		n++;
	}
	for (unsigned int i = 0; i < BT_LOSS_MAX; i++)
		s.loss[i] = (struct bt_counter){ .events = 1, .bytes = UINT64_MAX };
	for (unsigned int i = 0; i < SINK_CLASS_MAX; i++)
		s.totals.bytes_by_sink[i] = i;
	s.totals.bytes_missing = s.totals.bytes_missing_args = s.totals.bytes_unscanned = 1;
	s.totals.bad_records = s.totals.streams_evicted = 1;
	r = jsonl->finish(policy, list, n, &s, &out);
	if (!r)
		r = fd_write_all(1, out.p, out.len);
	buf_release(&out);
	policy_free(policy);
	return r ? 1 : 0;
}
