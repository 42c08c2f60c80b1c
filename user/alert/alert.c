/* SPDX-License-Identifier: BSD-2-Clause */
#include "alert/alert.h"

static const char *const severity_names[SEV_MAX] = {
	[SEV_INFO] = "info", [SEV_LOW] = "low",           [SEV_MEDIUM] = "medium",
	[SEV_HIGH] = "high", [SEV_CRITICAL] = "critical",
};

static const char *const sink_class_names[SINK_CLASS_MAX] = {
	[SINK_TOOL_RESULT] = "tool-result",
	[SINK_RESOURCE] = "resource",
	[SINK_PROMPT] = "prompt",
	[SINK_INSTRUCTIONS] = "instructions",
	[SINK_SAMPLING] = "sampling",
	[SINK_ELICITATION] = "elicitation",
	[SINK_JSONRPC_ERROR] = "jsonrpc-error",
	[SINK_LOG_NOTIFICATION] = "log-notification",
	[SINK_PROGRESS] = "progress",
	[SINK_REQUEST_STATE] = "request-state",
	[SINK_TOOL_ARGUMENT] = "tool-argument",
	[SINK_STDOUT] = "stdout",
	[SINK_STDERR] = "stderr",
	[SINK_LOG_FILE] = "log-file",
	[SINK_FILE] = "file",
	[SINK_SYSLOG] = "syslog",
	[SINK_ARGV] = "argv",
	[SINK_ENV] = "env",
	[SINK_PIPE] = "pipe",
	[SINK_HTTP_URL] = "http-url",
	[SINK_HTTP_HEADER] = "http-header",
	[SINK_HTTP_BODY] = "http-body",
	[SINK_NETWORK] = "network",
	[SINK_COOKIE] = "cookie",
	[SINK_HTML] = "html",
	[SINK_SECRET_STORE] = "secret-store",
	[SINK_TTY] = "tty",
};

const char *severity_name(enum severity s)
{
	return (unsigned int)s < SEV_MAX ? severity_names[s] : "unknown";
}

int severity_parse(struct span name, enum severity *ret)
{
	int i = span_index(name, severity_names, SEV_MAX);

	if (i < 0)
		return i;
	*ret = (enum severity)i;
	return 0;
}

const char *sink_class_name(enum sink_class c)
{
	return (unsigned int)c < SINK_CLASS_MAX ? sink_class_names[c] : "unknown";
}

int sink_class_parse(struct span name, enum sink_class *ret)
{
	int i = span_index(name, sink_class_names, SINK_CLASS_MAX);

	if (i < 0)
		return i;
	*ret = (enum sink_class)i;
	return 0;
}
