/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Messages for the person at the terminal: one line each on stderr, "beartrap: " in front,
 * control characters escaped. Library code below cli/ never calls these: it returns a negative errno and,
 * where words are needed, fills a struct error. No function here takes payload bytes.
 */
#ifndef BT_BASE_LOG_H
#define BT_BASE_LOG_H

#include <stdarg.h>
#include <stddef.h>

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

struct log {
	int fd;               /* where lines go */
	enum log_level level; /* most verbose level printed */
};

void log_at(const struct log *log, enum log_level level, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/*
 * What went wrong, in words: "what, where (file:line), what to do" in one line. Filled once by the
 * function that knows, printed once by the command. `text` never holds a secret.
 */
struct error {
	int code; /* negative errno, 0 when empty */
	char text[512];
};

/* Fills `e` (when it is not NULL and still empty) and returns `code`, for `return error_set(...)`. */
int error_set(struct error *e, int code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#endif /* BT_BASE_LOG_H */
