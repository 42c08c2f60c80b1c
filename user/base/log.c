/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "base/fileio.h"
#include "base/log.h"
#include "base/utf8.h"

#define LOG_PREFIX "beartrap: "
#define LOG_TEXT_LEN 2048
/* Nobody who does not read shall keep us. */
#define LOG_WAIT_MS 2000
#define LOG_LINE_LEN (sizeof(LOG_PREFIX) + LOG_TEXT_LEN * 4)

/* Room for 4 characters a byte is the caller's. Returns the end. */
static char *escape_byte(char *out, unsigned char c)
{
	static const char hex[] = "0123456789abcdef";

	*out++ = '\\';
	switch (c) {
	case '\n':
		*out++ = 'n';
		return out;
	case '\r':
		*out++ = 'r';
		return out;
	case '\t':
		*out++ = 't';
		return out;
	default:
		*out++ = 'x';
		*out++ = hex[c >> 4];
		*out++ = hex[c & 0xf];
		return out;
	}
}

void log_at(const struct log *log, enum log_level level, const char *fmt, ...)
{
	char text[LOG_TEXT_LEN], line[LOG_LINE_LEN], *end = line + sizeof(LOG_PREFIX) - 1;
	struct span rest;
	va_list ap;
	int len;

	if (!log || level > log->level)
		return;
	va_start(ap, fmt);
	len = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (len < 0)
		return;
	memcpy(line, LOG_PREFIX, sizeof(LOG_PREFIX) - 1);
	rest = span_str(text);
	while (rest.len) {
		uint32_t code = 0;
		size_t n;
		bool plain = utf8_next(rest, &n, &code) && !utf8_is_control(code);

		for (size_t i = 0; i < n; i++) {
			if (plain)
				*end++ = rest.p[i];
			else
				end = escape_byte(end, (unsigned char)rest.p[i]);
		}
		rest = span_sub(rest, n, SIZE_MAX);
	}
	*end++ = '\n';
	/* One write, so that lines of several processes on one terminal stay whole. */
	(void)fd_write_within(log->fd, line, (size_t)(end - line), LOG_WAIT_MS);
}

int error_set(struct error *e, int code, const char *fmt, ...)
{
	va_list ap;

	if (e && !e->code) {
		e->code = code;
		va_start(ap, fmt);
		vsnprintf(e->text, sizeof(e->text), fmt, ap);
		va_end(ap);
	}
	return code;
}
