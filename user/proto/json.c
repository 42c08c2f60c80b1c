// SPDX-License-Identifier: BSD-2-Clause
#include <limits.h>
#include "base/secmem.h"
#include "proto/json.h"

/*
 * Containers whose kind ('[' or '{') is remembered. Deeper ones are walked without grammar: whatever
 * string comes is handed out, brackets only count. Nobody but an attacker nests that deep.
 */
#define MAX_TRACKED 2048

enum state {
	ST_VALUE,
	ST_FIRST_ELEMENT, /* after '[': a value or ']' */
	ST_FIRST_KEY,     /* after '{': a key or '}' */
	ST_KEY,
	ST_COLON,
	ST_AFTER,  /* after a value inside a container */
	ST_DEEP,   /* inside a container deeper than MAX_TRACKED */
	ST_STRING, /* of a value, or of a key when `in_key` */
	ST_ESCAPE, /* after the backslash */
	ST_HEX,    /* in the digits of \uXXXX */
	ST_NUMBER,
	ST_LITERAL,
	ST_DONE,
	ST_BROKEN,
};

/* RFC 8259 section 6, by what was read last. */
enum number { N_MINUS, N_ZERO, N_INT, N_DOT, N_FRAC, N_E, N_E_SIGN, N_EXP };

struct json {
	struct json_ops ops;
	void *arg;
	enum state state;
	unsigned int depth;
	uint64_t base;     /* offset of the current input's first byte */
	const char *input; /* first byte of the current input */

	bool in_key;
	bool first; /* no piece of this scalar was handed out yet */
	enum json_scalar type;
	enum number number;
	uint8_t got; /* hex digits, or bytes of a literal, read */
	uint16_t unit;
	uint16_t high;     /* a high surrogate that waits for its low one; 0 none */
	uint64_t esc_off;  /* of the backslash of the escape being read */
	uint64_t high_off; /* of that of the high surrogate */

	uint8_t is_array[MAX_TRACKED / 8];
	struct json_step step[JSON_MAX_DEPTH];
};

static const struct span literals[] = {
	[JSON_TRUE] = { "true", 4 },
	[JSON_FALSE] = { "false", 5 },
	[JSON_NULL] = { "null", 4 },
};

struct json *json_new(const struct json_ops *ops, void *arg)
{
	struct json *j = secmem_calloc(1, sizeof(*j)); /* keys come from the input */

	if (!j)
		return NULL;
	j->ops = *ops;
	j->arg = arg;
	json_reset(j);
	return j;
}

struct json *json_free(struct json *j)
{
	secmem_free(j);
	return NULL;
}

void json_reset(struct json *j)
{
	j->state = ST_VALUE;
	j->depth = 0;
	j->base = 0;
	j->in_key = false;
	j->high = 0;
}

const struct json_step *json_path(const struct json *j, size_t *len)
{
	*len = j->depth < JSON_MAX_DEPTH ? j->depth : JSON_MAX_DEPTH;
	return j->step;
}

unsigned int json_depth(const struct json *j)
{
	return j->depth;
}

static uint64_t offset_of(const struct json *j, const char *p)
{
	return j->base + (uint64_t)(p - j->input);
}

static bool top_is_array(const struct json *j)
{
	unsigned int top = j->depth - 1;

	return j->is_array[top / 8] >> (top % 8) & 1;
}

/* The step of the innermost container, or NULL when it is too deep to have one. */
static struct json_step *top_step(struct json *j)
{
	return j->depth <= JSON_MAX_DEPTH ? &j->step[j->depth - 1] : NULL;
}

static void open_container(struct json *j, bool array)
{
	struct json_step *step;

	if (j->ops.open)
		j->ops.open(j->arg, j, array);
	j->depth++;
	if (j->depth > MAX_TRACKED) {
		j->state = ST_DEEP;
		return;
	}
	if (array)
		j->is_array[(j->depth - 1) / 8] |= (uint8_t)(1u << ((j->depth - 1) % 8));
	else
		j->is_array[(j->depth - 1) / 8] &= (uint8_t) ~(1u << ((j->depth - 1) % 8));
	step = top_step(j);
	if (step) {
		step->is_index = array;
		step->index = 0;
		step->key_len = 0;
		step->key_cut = false;
	}
	j->state = array ? ST_FIRST_ELEMENT : ST_FIRST_KEY;
}

static void value_done(struct json *j)
{
	if (!j->depth)
		j->state = ST_DONE;
	else
		j->state = j->depth > MAX_TRACKED ? ST_DEEP : ST_AFTER;
}

static void close_container(struct json *j, bool array)
{
	j->depth--;
	if (j->ops.close)
		j->ops.close(j->arg, j, array);
	value_done(j);
}

static void begin_string(struct json *j, bool key)
{
	j->in_key = key;
	j->first = true;
	j->type = JSON_STRING;
	j->high = 0;
	j->state = ST_STRING;
	if (key && top_step(j)) {
		top_step(j)->key_len = 0;
		top_step(j)->key_cut = false;
	}
}

static void piece(struct json *j, const char *p, size_t len, uint64_t off, bool last)
{
	bool first = j->first;

	if (j->in_key) {
		struct json_step *step = top_step(j);
		size_t room = step ? JSON_MAX_KEY - step->key_len : 0;

		if (!step)
			return;
		if (len > room) {
			step->key_cut = true;
			len = room;
		}
		if (len)
			memcpy(step->key + step->key_len, p, len);
		step->key_len = (uint8_t)(step->key_len + len);
		return;
	}
	j->first = false;
	if (j->ops.scalar)
		j->ops.scalar(j->arg, j, j->type, span_of(p, len), off, first, last);
}

static void string_done(struct json *j)
{
	if (!j->in_key) {
		value_done(j);
		return;
	}
	j->in_key = false;
	j->state = ST_COLON;
	if (top_step(j) && j->ops.key)
		j->ops.key(j->arg, j);
}

static void code_point(struct json *j, uint32_t cp, uint64_t off)
{
	char utf8[4];
	size_t len;

	if (cp < 0x80) {
		utf8[0] = (char)cp;
		len = 1;
	} else if (cp < 0x800) {
		utf8[0] = (char)(0xc0 | cp >> 6);
		utf8[1] = (char)(0x80 | (cp & 0x3f));
		len = 2;
	} else if (cp < 0x10000) {
		utf8[0] = (char)(0xe0 | cp >> 12);
		utf8[1] = (char)(0x80 | (cp >> 6 & 0x3f));
		utf8[2] = (char)(0x80 | (cp & 0x3f));
		len = 3;
	} else {
		utf8[0] = (char)(0xf0 | cp >> 18);
		utf8[1] = (char)(0x80 | (cp >> 12 & 0x3f));
		utf8[2] = (char)(0x80 | (cp >> 6 & 0x3f));
		utf8[3] = (char)(0x80 | (cp & 0x3f));
		len = 4;
	}
	piece(j, utf8, len, off, false);
}

static void lone_surrogate(struct json *j)
{
	j->high = 0;
	code_point(j, 0xfffd, j->high_off);
}

static void utf16_unit(struct json *j)
{
	uint32_t unit = j->unit;
	bool low = unit >= 0xdc00 && unit < 0xe000;

	j->state = ST_STRING;
	if (j->high && low) {
		uint32_t cp = 0x10000 + ((uint32_t)(j->high - 0xd800) << 10) + (unit - 0xdc00);

		j->high = 0;
		code_point(j, cp, j->high_off);
		return;
	}
	if (j->high)
		lone_surrogate(j);
	if (unit >= 0xd800 && unit < 0xdc00) {
		j->high = (uint16_t)unit;
		j->high_off = j->esc_off;
	} else {
		code_point(j, low ? 0xfffd : unit, j->esc_off);
	}
}

/* First '"' or '\\' in [p, end), or end. Eight bytes at a time: most of all input is read here. */
static const char *string_special(const char *p, const char *end)
{
	const uint64_t ones = 0x0101010101010101ull, highs = 0x8080808080808080ull;

	for (; end - p >= 8; p += 8) {
		uint64_t w, quote, slash;

		memcpy(&w, p, sizeof(w));
		quote = w ^ ones * '"';
		slash = w ^ ones * '\\';
		if ((((quote - ones) & ~quote) | ((slash - ones) & ~slash)) & highs)
			break;
	}
	while (p < end && *p != '"' && *p != '\\')
		p++;
	return p;
}

static const char *broken(struct json *j, const char *at)
{
	j->state = ST_BROKEN;
	return at;
}

/* Hands out what stands between escapes; the first `taken` bytes of it are text whatever they are. */
static const char *string_run(struct json *j, const char *p, const char *end, size_t taken)
{
	const char *q = string_special(p + taken, end);
	bool closed = q < end && *q == '"';

	if (q > p || closed)
		piece(j, p, (size_t)(q - p), offset_of(j, p), closed);
	if (q == end)
		return end;
	if (closed) {
		string_done(j);
	} else {
		j->esc_off = offset_of(j, q);
		j->state = ST_ESCAPE;
	}
	return q + 1;
}

/* `p` is behind a backslash. */
static const char *escape(struct json *j, const char *p, const char *end)
{
	const char *control = NULL;

	switch (*p) {
	case '"':
	case '\\':
	case '/':
		/* The byte stands for itself, so the run of text begins with it and nothing is copied. */
		if (j->high)
			lone_surrogate(j);
		j->state = ST_STRING;
		return string_run(j, p, end, 1);
	case 'b':
		control = "\b";
		break;
	case 'f':
		control = "\f";
		break;
	case 'n':
		control = "\n";
		break;
	case 'r':
		control = "\r";
		break;
	case 't':
		control = "\t";
		break;
	case 'u':
		j->unit = 0;
		j->got = 0;
		j->state = ST_HEX;
		return p + 1;
	default:
		return broken(j, p);
	}
	if (j->high)
		lone_surrogate(j);
	piece(j, control, 1, j->esc_off, false);
	j->state = ST_STRING;
	return p + 1;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* True when `c` goes on with the number. */
static bool number_takes(struct json *j, char c)
{
	bool digit = c >= '0' && c <= '9';

	switch (j->number) {
	case N_MINUS:
		j->number = c == '0' ? N_ZERO : N_INT;
		return digit;
	case N_ZERO:
	case N_INT:
		if (digit)
			return j->number == N_INT;
		if (c == '.')
			j->number = N_DOT;
		else if (c == 'e' || c == 'E')
			j->number = N_E;
		else
			return false;
		return true;
	case N_DOT:
		j->number = N_FRAC;
		return digit;
	case N_FRAC:
		if (c == 'e' || c == 'E') {
			j->number = N_E;
			return true;
		}
		return digit;
	case N_E:
		j->number = digit ? N_EXP : N_E_SIGN;
		return digit || c == '+' || c == '-';
	case N_E_SIGN:
		j->number = N_EXP;
		return digit;
	case N_EXP:
		return digit;
	}
	return false;
}

static const char *number_run(struct json *j, const char *p, const char *end, size_t taken)
{
	const char *q = p + taken;
	enum number before = j->number;

	while (q < end && (before = j->number, number_takes(j, *q)))
		q++;
	if (q == end) {
		piece(j, p, (size_t)(q - p), offset_of(j, p), false);
		return q;
	}
	if (before != N_ZERO && before != N_INT && before != N_FRAC && before != N_EXP) {
		if (q > p)
			piece(j, p, (size_t)(q - p), offset_of(j, p), false);
		return broken(j, q);
	}
	piece(j, p, (size_t)(q - p), offset_of(j, p), true);
	value_done(j);
	return q;
}

/* `p` is at a value's first byte. */
static const char *begin_value(struct json *j, const char *p, const char *end)
{
	j->in_key = false;
	switch (*p) {
	case '"':
		begin_string(j, false);
		return p + 1;
	case '{':
	case '[':
		if (j->depth == UINT_MAX)
			return broken(j, p);
		open_container(j, *p == '[');
		return p + 1;
	case 't':
		j->type = JSON_TRUE;
		break;
	case 'f':
		j->type = JSON_FALSE;
		break;
	case 'n':
		j->type = JSON_NULL;
		break;
	case '-':
	case '0' ... '9':
		j->type = JSON_NUMBER;
		j->number = *p == '-' ? N_MINUS : *p == '0' ? N_ZERO : N_INT;
		j->first = true;
		j->state = ST_NUMBER;
		return number_run(j, p, end, 1);
	default:
		return broken(j, p);
	}
	j->first = true;
	j->got = 1;
	j->state = ST_LITERAL;
	return p + 1;
}

static const char *literal(struct json *j, const char *p)
{
	struct span word = literals[j->type];

	if (*p != word.p[j->got])
		return broken(j, p);
	j->got++;
	if (j->got == word.len) {
		piece(j, word.p, word.len, offset_of(j, p) + 1 - word.len, true);
		value_done(j);
	}
	return p + 1;
}

static const char *after_value(struct json *j, const char *p)
{
	bool array = top_is_array(j);

	if (*p == (array ? ']' : '}')) {
		close_container(j, array);
	} else if (*p == ',') {
		struct json_step *step = top_step(j);

		if (array && step && step->index < UINT32_MAX)
			step->index++;
		j->state = array ? ST_VALUE : ST_KEY;
	} else {
		return broken(j, p);
	}
	return p + 1;
}

static const char *hex(struct json *j, const char *p)
{
	int digit = hex_digit(*p);

	if (digit < 0)
		return broken(j, p);
	j->unit = (uint16_t)(j->unit << 4 | digit);
	j->got++;
	if (j->got == 4)
		utf16_unit(j);
	return p + 1;
}

/* One step. Returns where to go on; when that is ST_BROKEN, where it is not JSON. */
static const char *advance(struct json *j, const char *p, const char *end)
{
	switch (j->state) {
	case ST_STRING:
		if (j->high && *p != '\\')
			lone_surrogate(j);
		return string_run(j, p, end, 0);
	case ST_ESCAPE:
		return escape(j, p, end);
	case ST_HEX:
		return hex(j, p);
	case ST_NUMBER:
		return number_run(j, p, end, 0);
	case ST_LITERAL:
		return literal(j, p);
	case ST_AFTER:
		return after_value(j, p);
	case ST_FIRST_KEY:
		if (*p == '}') {
			close_container(j, false);
			return p + 1;
		}
		/* fallthrough */
	case ST_KEY:
		if (*p != '"')
			return broken(j, p);
		begin_string(j, true);
		return p + 1;
	case ST_COLON:
		if (*p != ':')
			return broken(j, p);
		j->state = ST_VALUE;
		return p + 1;
	case ST_FIRST_ELEMENT:
		if (*p == ']') {
			close_container(j, true);
			return p + 1;
		}
		/* fallthrough */
	case ST_VALUE:
		return begin_value(j, p, end);
	case ST_DEEP:
		if (*p == ',' || *p == ':')
			return p + 1;
		if (*p == ']' || *p == '}') {
			close_container(j, *p == ']');
			return p + 1;
		}
		return begin_value(j, p, end);
	case ST_DONE:
	case ST_BROKEN:
		break;
	}
	return p;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* States in which a blank is a byte of something. */
static bool in_token(enum state state)
{
	return state >= ST_STRING && state <= ST_LITERAL;
}

struct json_result json_feed(struct json *j, struct span in)
{
	struct json_result r = { JSON_MORE, 0 };

	if (in.len && j->state < ST_DONE) {
		const char *p = in.p, *end = in.p + in.len;

		j->input = p;
		while (p < end && j->state < ST_DONE) {
			if (is_blank(*p) && !in_token(j->state))
				p++;
			else
				p = advance(j, p, end);
		}
		r.consumed = (size_t)(p - in.p);
		j->base += r.consumed;
	}
	if (j->state == ST_DONE)
		r.status = JSON_DONE;
	else if (j->state == ST_BROKEN)
		r.status = JSON_BROKEN;
	return r;
}
