/* SPDX-License-Identifier: BSD-2-Clause */
#include "report/formats.h"

static const struct report_format color_text = {
	.name = "text",
	.streaming = true,
	.alert = report_color_alert,
	.finish = report_color_finish,
};

const struct report_format report_formats[] = {
	{ "text", "for people: each finding as it comes, and a verdict", true, report_text_alert,
	  report_text_finish, &color_text },
	{ "jsonl", "one JSON object a line: alerts as they come, then a summary", true,
	  report_jsonl_alert, report_jsonl_finish, NULL },
	{ 0 },
};

const struct report_format *report_format_find(struct span name)
{
	for (const struct report_format *f = report_formats; f->name; f++) {
		if (span_eq_str(name, f->name))
			return f;
	}
	return NULL;
}
