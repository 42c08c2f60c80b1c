/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Writes down what the parsers of proto/ call, pieces joined, so that two runs over the same bytes in
 * different cuts can be compared as text. Used by the unit tests and the fuzz harnesses.
 */
#ifndef BT_TESTS_PROTO_RECORDER_H
#define BT_TESTS_PROTO_RECORDER_H

#include <stdlib.h>
#include "base/buf.h"
#include "proto/json.h"
#include "proto/mcp.h"

/* A copy on the heap of exactly `len` bytes, so that a read behind it is seen by ASan. */
static inline char *rec_copy(const char *p, size_t len)
{
	char *copy = malloc(len ? len : 1);

	if (!copy)
		abort();
	if (len)
		memcpy(copy, p, len);
	return copy;
}

/* --- json -------------------------------------------------------------------------------- */

struct json_rec {
	struct buf log;
	size_t scalars;
	bool open; /* inside a scalar */
};

static inline void rec_json_path(struct json_rec *r, const struct json *j)
{
	size_t n;
	const struct json_step *s = json_path(j, &n);

	for (size_t i = 0; i < n; i++) {
		if (s[i].is_index) {
			buf_addf(&r->log, "[%u]", s[i].index);
		} else {
			buf_addf(&r->log, ".%u:", s[i].key_len);
			buf_add(&r->log, s[i].key, s[i].key_len);
			if (s[i].key_cut)
				buf_add_byte(&r->log, '~');
		}
	}
	buf_addf(&r->log, " %u", json_depth(j));
}

static inline void rec_json_open(void *arg, const struct json *j, bool array)
{
	struct json_rec *r = arg;

	buf_add_str(&r->log, array ? "open[ " : "open{ ");
	rec_json_path(r, j);
	buf_add_byte(&r->log, '\n');
}

static inline void rec_json_close(void *arg, const struct json *j, bool array)
{
	struct json_rec *r = arg;

	buf_add_str(&r->log, array ? "close] " : "close} ");
	rec_json_path(r, j);
	buf_add_byte(&r->log, '\n');
}

static inline void rec_json_key(void *arg, const struct json *j)
{
	struct json_rec *r = arg;

	buf_add_str(&r->log, "key ");
	rec_json_path(r, j);
	buf_add_byte(&r->log, '\n');
}

static inline void rec_json_scalar(void *arg, const struct json *j, enum json_scalar type,
				   struct span s, uint64_t raw_off, bool first, bool last)
{
	struct json_rec *r = arg;

	if (first == r->open)
		abort(); /* `first` is on the first piece and on no other */
	if (first) {
		buf_addf(&r->log, "scalar %d @%llu ", type, (unsigned long long)raw_off);
		rec_json_path(r, j);
		buf_add_byte(&r->log, '=');
		r->scalars++;
	}
	buf_add_span(&r->log, s);
	r->open = !last;
	if (last)
		buf_add_byte(&r->log, '\n');
}

static const struct json_ops rec_json_ops = {
	.open = rec_json_open,
	.close = rec_json_close,
	.key = rec_json_key,
	.scalar = rec_json_scalar,
};

/* --- mcp --------------------------------------------------------------------------------- */

#define REC_MAX_TEXTS 256

struct mcp_text {
	struct mcp_where where;
	char key[JSON_MAX_KEY + 1];
	uint64_t raw_off;
	struct buf text;
};

/* The latest line of each direction, and a log of all lines. */
struct mcp_rec_line {
	uint64_t off;
	struct buf raw;
	struct mcp_text texts[REC_MAX_TEXTS];
	size_t n_texts, all_texts;
	struct mcp_message msgs[64];
	size_t n;
	bool in_line, in_text;
};

struct mcp_rec {
	struct mcp_rec_line line[2];
	struct buf log;
	size_t lines;
};

static inline void rec_mcp_begin(void *arg, enum mcp_dir dir, uint64_t off)
{
	struct mcp_rec_line *l = &((struct mcp_rec *)arg)->line[dir];

	if (l->in_line)
		abort();
	for (size_t i = 0; i < l->n_texts; i++)
		buf_release(&l->texts[i].text);
	buf_clear(&l->raw);
	l->n_texts = l->all_texts = 0;
	l->n = 0;
	l->off = off;
	l->in_line = true;
}

static inline void rec_mcp_text(void *arg, enum mcp_dir dir, const struct mcp_where *where,
				struct span key, struct span s, uint64_t raw_off, bool first,
				bool last)
{
	struct mcp_rec_line *l = &((struct mcp_rec *)arg)->line[dir];
	struct mcp_text *t;

	if (!l->in_line || first == l->in_text)
		abort();
	l->in_text = !last;
	if (first) {
		l->all_texts++;
		if (l->n_texts < REC_MAX_TEXTS) {
			t = &l->texts[l->n_texts++];
			memset(t, 0, sizeof(*t));
			t->where = *where;
			t->raw_off = raw_off;
			memcpy(t->key, key.p ? key.p : "", key.len);
		}
	}
	if (l->all_texts <= REC_MAX_TEXTS)
		buf_add_span(&l->texts[l->n_texts - 1].text, s);
}

static inline void rec_mcp_raw(void *arg, enum mcp_dir dir, struct span bytes, uint64_t off)
{
	struct mcp_rec_line *l = &((struct mcp_rec *)arg)->line[dir];

	if (!l->in_line || off != l->off + l->raw.len)
		abort();
	buf_add_span(&l->raw, bytes);
}

static inline void rec_mcp_end(void *arg, enum mcp_dir dir, const struct mcp_message *msgs,
			       size_t n)
{
	struct mcp_rec *r = arg;
	struct mcp_rec_line *l = &r->line[dir];

	if (!l->in_line || l->in_text || !n || n > 64)
		abort();
	l->in_line = false;
	l->n = n;
	memcpy(l->msgs, msgs, n * sizeof(*msgs));
	r->lines++;
	buf_addf(&r->log, "line %d @%llu ", dir, (unsigned long long)l->off);
	buf_add_span(&r->log, buf_span(&l->raw));
	buf_add_byte(&r->log, '\n');
	for (size_t i = 0; i < n; i++)
		buf_addf(&r->log, "  msg %d id=%s method=%s tool=%s @%llu+%llu%s\n", msgs[i].kind,
			 msgs[i].id, msgs[i].method, msgs[i].tool,
			 (unsigned long long)msgs[i].offset, (unsigned long long)msgs[i].length,
			 msgs[i].broken ? " broken" : "");
	for (size_t i = 0; i < l->n_texts; i++) {
		const struct mcp_text *t = &l->texts[i];

		if (t->where.item >= n)
			abort();
		buf_addf(&r->log, "  %s %s %s @%llu ",
			 mcp_place_name(mcp_place(&t->where, &msgs[t->where.item])), t->where.path,
			 t->key, (unsigned long long)t->raw_off);
		buf_add_span(&r->log, buf_span(&t->text));
		buf_add_byte(&r->log, '\n');
	}
}

static const struct mcp_ops rec_mcp_ops = {
	.begin = rec_mcp_begin,
	.text = rec_mcp_text,
	.raw = rec_mcp_raw,
	.end = rec_mcp_end,
};

static inline struct mcp_rec *rec_mcp_new(void)
{
	struct mcp_rec *r = calloc(1, sizeof(*r));

	if (!r)
		abort();
	return r;
}

static inline void rec_mcp_free(struct mcp_rec *r)
{
	for (size_t d = 0; d < 2; d++) {
		for (size_t i = 0; i < r->line[d].n_texts; i++)
			buf_release(&r->line[d].texts[i].text);
		buf_release(&r->line[d].raw);
	}
	buf_release(&r->log);
	free(r);
}

#endif /* BT_TESTS_PROTO_RECORDER_H */
