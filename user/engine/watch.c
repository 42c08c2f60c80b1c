/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Text that somebody may read, word by word: authorization URLs in it, request targets as an access log has
 * them, and runs of characters that may be a verifier of a pending flow.
 */
#include <stdlib.h>

#include "base/secmem.h"
#include "engine/internal.h"
#include "engine/run.h"
#include "proto/url.h"

#define WORD_MAX 8192
#define TARGETS 8

struct watch {
	struct engine *e;
	struct past_stream *past;
	struct buf word; /* at the end of what was fed */
	bool too_long;
	uint64_t word_off;
	struct run run; /* at the end of what was fed */
	struct target {
		uint64_t from, to;
	} * targets; /* ring of TARGETS request targets seen; NULL: none yet */
	size_t n_targets;
};

struct watch *watch_new(struct engine *e, struct past_stream *past)
{
	struct watch *w = secmem_calloc(1, sizeof(*w));

	if (!w)
		return NULL;
	w->e = e;
	w->past = past;
	w->word = (struct buf)BUF_INIT_WIPE(WORD_MAX);
	return w;
}

struct watch *watch_free(struct watch *w)
{
	if (!w)
		return NULL;
	buf_release(&w->word);
	free(w->targets);
	secmem_free(w);
	return NULL;
}

/* As JSON writers and shells spell them: \u0026 or &amp; for &, \/ for /. */
static void unescape(struct buf *b)
{
	size_t to = 0;

	for (size_t i = 0; i < b->len; i++) {
		if (b->p[i] == '\\' && i + 5 < b->len && !memcmp(b->p + i, "\\u0026", 6)) {
			b->p[to++] = '&';
			i += 5;
		} else if (b->p[i] == '&' && b->len - i > 4 && !memcmp(b->p + i, "&amp;", 5)) {
			b->p[to++] = '&';
			i += 4;
		} else if (b->p[i] != '\\') {
			b->p[to++] = b->p[i];
		}
	}
	b->len = to;
}

static bool is_target(struct span word)
{
	static const char *const names[] = { "code=", "access_token=", "token=" };
	size_t mark = span_find_byte(word, '?');
	struct span query = span_sub(word, mark, SIZE_MAX);

	if (mark == SIZE_MAX || !(word.p[0] == '/' || span_starts(word, SPAN_LIT("http"))))
		return false;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (span_find(query, span_str(names[i])) != SIZE_MAX)
			return true;
	}
	return false;
}

static void add_target(struct watch *w, uint64_t from, uint64_t to)
{
	if (!w->targets)
		w->targets = calloc(TARGETS, sizeof(*w->targets));
	if (w->targets)
		w->targets[w->n_targets++ % TARGETS] = (struct target){ from, to };
}

/* What is kept and read by others; a terminal shows the same. */
static bool in_log(const struct watch *w)
{
	enum sink_class class;

	if (!w->e->at)
		return false;
	class = w->e->at->sink ? w->e->at->sink->class : w->e->at->class;
	return class == SINK_STDERR || class == SINK_LOG_FILE || class == SINK_SYSLOG ||
	       class == SINK_TTY;
}

static void check_word(struct watch *w, const struct flow_ctx *ctx, struct span word, uint64_t off)
{
	struct buf plain = BUF_INIT_WIPE(WORD_MAX);
	size_t pos = 0;
	struct span url;

	if (word.len > WORD_MAX)
		return;
	if (in_log(w))
		flows_log_word(w->e->flows, ctx, word);
	if (is_target(word))
		add_target(w, off, off + word.len);
	if (span_find(word, SPAN_LIT("client_id=")) == SIZE_MAX)
		return;
	buf_add_span(&plain, word);
	unescape(&plain);
	while (url_find(buf_span(&plain), &pos, &url))
		if (flows_url(w->e->flows, ctx, url) && w->past)
			past_tell(&w->e->past, w->past, off, off + word.len);
	buf_release(&plain);
}

/* --- the word at the end of what was fed: it may go on --- */

static void hold_word(struct watch *w, struct span part)
{
	struct span fits = span_sub(part, 0, WORD_MAX - w->word.len);

	if (buf_add_span(&w->word, fits) || fits.len < part.len)
		w->too_long = true;
}

static void end_word(struct watch *w, const struct flow_ctx *ctx)
{
	if (!w->too_long)
		check_word(w, ctx, buf_span(&w->word), w->word_off);
	buf_clear(&w->word);
	w->too_long = false;
}

static bool in_word(unsigned char c)
{
	return c > ' ' && c != 0x7f && c != '"' && c != '\'' && c != '<' && c != '>' && c != '`';
}

static size_t word_begin(struct span b, size_t at)
{
	while (at > 0 && in_word((unsigned char)b.p[at - 1]))
		at--;
	return at;
}

static size_t word_end(struct span b, size_t at)
{
	while (at < b.len && in_word((unsigned char)b.p[at]))
		at++;
	return at;
}

/* The next '=' that may end a name that a word is looked at for: client_id, code, (access_)token. */
static size_t next_name(struct span b, size_t from)
{
	const char *p = b.p + from, *end = b.p + b.len;

	while (p < end && (p = memchr(p, '=', (size_t)(end - p)))) {
		if (p - b.p > 3 &&
		    (!memcmp(p - 2, "id", 2) || !memcmp(p - 2, "de", 2) || !memcmp(p - 2, "en", 2)))
			return (size_t)(p - b.p);
		p++;
	}
	return SIZE_MAX;
}

/* A byte of the next word to look at. */
static size_t next_word(struct span b, size_t from, bool every)
{
	if (!every)
		return next_name(b, from);
	while (from < b.len && !in_word((unsigned char)b.p[from]))
		from++;
	return from < b.len ? from : SIZE_MAX;
}

/* --- runs that may be a verifier --- */

struct run_ctx {
	struct flows *flows;
	const struct flow_ctx *ctx;
};

static void check_run(void *arg, struct span run)
{
	struct run_ctx *c = arg;

	if (flows_pending(c->flows))
		flows_preimage(c->flows, c->ctx, run);
}

static void feed_runs(struct watch *w, const struct flow_ctx *ctx, struct span b)
{
	struct run_ctx c = { w->e->flows, ctx };

	run_feed(&w->run, b, flows_pending(w->e->flows) ? check_run : NULL, &c);
}

/* --- feeding --- */

void watch_feed(struct watch *w, const struct flow_ctx *ctx, struct span bytes, uint64_t off)
{
	size_t at = 0, from, to, in;
	bool every;

	if (w->word.len || w->too_long) {
		at = word_end(bytes, 0);
		hold_word(w, span_sub(bytes, 0, at));
		feed_runs(w, ctx, span_sub(bytes, 0, at));
		if (at == bytes.len)
			return;
		end_word(w, ctx);
	}
	/* Of a log, flow/ may want to see every word. */
	every = in_log(w) && flows_read_log(w->e->flows, bytes);
	/* Words are looked at, and runs before them and in them tried, in the order in which they end. */
	while ((in = next_word(bytes, at, every)) != SIZE_MAX) {
		from = word_begin(bytes, in);
		to = word_end(bytes, in);
		if (to == bytes.len)
			break;
		feed_runs(w, ctx, span_sub(bytes, at, to - at));
		check_word(w, ctx, span_sub(bytes, from, to - from), off + from);
		at = to;
	}
	feed_runs(w, ctx, span_sub(bytes, at, SIZE_MAX));
	from = word_begin(bytes, bytes.len);
	w->word_off = off + from;
	hold_word(w, span_sub(bytes, from, SIZE_MAX));
}

void watch_end(struct watch *w, const struct flow_ctx *ctx)
{
	struct run_ctx c = { w->e->flows, ctx };

	end_word(w, ctx);
	run_flush(&w->run, check_run, &c);
	w->n_targets = 0;
}

bool watch_in_target(const struct watch *w, uint64_t off)
{
	for (size_t i = 0; i < TARGETS && i < w->n_targets; i++) {
		if (off >= w->targets[i].from && off < w->targets[i].to)
			return true;
	}
	return w->word.len && off >= w->word_off && is_target(buf_span(&w->word));
}
