/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <inttypes.h>

#include "base/jw.h"
#include "base/utf8.h"

#define JW_DEPTH_MAX 63

/* Two-character escape of RFC 8259 section 7, or NULL. */
static const char *short_escape(uint32_t code)
{
	switch (code) {
	case '"':
		return "\\\"";
	case '\\':
		return "\\\\";
	case '\b':
		return "\\b";
	case '\f':
		return "\\f";
	case '\n':
		return "\\n";
	case '\r':
		return "\\r";
	case '\t':
		return "\\t";
	default:
		return NULL;
	}
}

int json_escape(struct buf *out, struct span s)
{
	struct span plain = SPAN_NONE; /* seen and not yet written */

	while (s.len) {
		uint32_t code = 0;
		size_t n;
		bool valid = utf8_next(s, &n, &code);
		const char *two = valid ? short_escape(code) : NULL;

		if (valid && !two && !utf8_is_control(code) && code != 0x2028 && code != 0x2029 &&
		    code != '<') {
			if (!plain.len)
				plain.p = s.p;
			plain.len += n;
		} else {
			buf_add_span(out, plain);
			plain = SPAN_NONE;
			if (!valid)
				buf_add_str(out, "\xef\xbf\xbd"); /* U+FFFD */
			else if (two)
				buf_add_str(out, two);
			else
				buf_addf(out, "\\u%04" PRIx32, code);
		}
		s = span_sub(s, n, SIZE_MAX);
	}
	return buf_add_span(out, plain);
}

void jw_init(struct jw *w, struct buf *out)
{
	*w = (struct jw){ .out = out };
}

static void fail(struct jw *w, int err)
{
	if (!w->out->err)
		w->out->err = err;
}

/* What stands before a value. Values at the top follow each other as the caller separates them. */
static void lead(struct jw *w, const char *key)
{
	uint64_t bit = 1ULL << w->depth;

	if (w->depth && !(w->first & bit))
		buf_add_byte(w->out, ',');
	w->first &= ~bit;
	if (key) {
		buf_add_byte(w->out, '"');
		json_escape(w->out, span_str(key));
		buf_add_str(w->out, "\":");
	}
}

static void begin(struct jw *w, const char *key, char bracket)
{
	if (w->depth == JW_DEPTH_MAX) {
		fail(w, -E2BIG);
		return;
	}
	lead(w, key);
	buf_add_byte(w->out, bracket);
	w->depth++;
	w->first |= 1ULL << w->depth;
}

static void end(struct jw *w, char bracket)
{
	if (!w->depth) {
		fail(w, -EINVAL);
		return;
	}
	buf_add_byte(w->out, bracket);
	w->depth--;
}

void jw_object(struct jw *w, const char *key)
{
	begin(w, key, '{');
}

void jw_array(struct jw *w, const char *key)
{
	begin(w, key, '[');
}

void jw_end_object(struct jw *w)
{
	end(w, '}');
}

void jw_end_array(struct jw *w)
{
	end(w, ']');
}

void jw_string(struct jw *w, const char *key, struct span value)
{
	lead(w, key);
	buf_add_byte(w->out, '"');
	json_escape(w->out, value);
	buf_add_byte(w->out, '"');
}

void jw_str(struct jw *w, const char *key, const char *value)
{
	if (value)
		jw_string(w, key, span_str(value));
	else
		jw_null(w, key);
}

void jw_u64(struct jw *w, const char *key, uint64_t value)
{
	lead(w, key);
	buf_addf(w->out, "%" PRIu64, value);
}

void jw_i64(struct jw *w, const char *key, int64_t value)
{
	lead(w, key);
	buf_addf(w->out, "%" PRId64, value);
}

void jw_bool(struct jw *w, const char *key, bool value)
{
	lead(w, key);
	buf_add_str(w->out, value ? "true" : "false");
}

void jw_null(struct jw *w, const char *key)
{
	lead(w, key);
	buf_add_str(w->out, "null");
}
