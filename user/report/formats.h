/* SPDX-License-Identifier: BSD-2-Clause */
/* Private to report/: the formats behind the table, and what they share. */
#ifndef BT_REPORT_FORMATS_H
#define BT_REPORT_FORMATS_H

#include "report/report.h"

int report_text_alert(const struct policy *p, const struct alert *a, struct buf *out);
int report_text_finish(const struct policy *p, const struct alert *const *alerts, size_t n,
		       const struct run_summary *s, struct buf *out);
int report_color_alert(const struct policy *p, const struct alert *a, struct buf *out);
int report_color_finish(const struct policy *p, const struct alert *const *alerts, size_t n,
			const struct run_summary *s, struct buf *out);
int report_jsonl_alert(const struct policy *p, const struct alert *a, struct buf *out);
int report_jsonl_finish(const struct policy *p, const struct alert *const *alerts, size_t n,
			const struct run_summary *s, struct buf *out);

/* report_open() for a format that is already chosen; `path` NULL or "-": default_fd. */
int report_open_as(const struct report_format *format, const char *path, int default_fd,
		   struct report **ret, struct error *err);

#define REPORT_MAX_TEXT (16u * 1024 * 1024) /* of one alert or one end */

/* "clean", "findings" or "incomplete". */
const char *run_summary_verdict(const struct run_summary *s, uint64_t findings);
/* True when the alert is about a part of a known value. */
bool report_is_part(const struct redacted *s);
/* How many findings have each severity, those of processes that died among them; returns how many in all. */
uint64_t report_count(const struct alert *const *alerts, size_t n, const struct run_summary *s,
		      uint64_t by_severity[SEV_MAX]);

#endif /* BT_REPORT_FORMATS_H */
