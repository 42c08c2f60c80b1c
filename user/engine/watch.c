/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Text that somebody may read, word by word: authorization URLs in it, request targets as an access log has
 * them, and runs of characters that may be a verifier of a pending flow.
 */
#include <stdlib.h>

#include "base/secmem.h"
#include "engine/internal.h"
#include "proto/url.h"

#define WORD_MAX 8192
#define RUN_MIN 43 /* RFC 7636 4.1 */
#define RUN_MAX 128
#define TARGETS 8

struct watch {
	struct engine *e;
	struct buf word; /* at the end of what was fed */
	bool too_long;
	uint64_t word_off;
	char run[RUN_MAX + 1]; /* at the end of what was fed; full: too long */
	size_t run_len;
	struct target {
		uint64_t from, to;
	} targets[TARGETS]; /* ring of request targets seen */
	size_t n_targets;
};

struct watch *watch_new(struct engine *e)
{
	struct watch *w = calloc(1, sizeof(*w));

	if (!w)
		return NULL;
	w->e = e;
	w->word = (struct buf)BUF_INIT_WIPE(WORD_MAX);
	return w;
}

struct watch *watch_free(struct watch *w)
{
	if (!w)
		return NULL;
	buf_release(&w->word);
	wipe(w->run, sizeof(w->run));
	free(w);
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

static void check_word(struct watch *w, const struct flow_ctx *ctx, struct span word, uint64_t off)
{
	struct buf plain = BUF_INIT_WIPE(WORD_MAX);
	size_t pos = 0;
	struct span url;

	if (word.len > WORD_MAX)
		return;
	if (is_target(word))
		w->targets[w->n_targets++ % TARGETS] = (struct target){ off, off + word.len };
	if (span_find(word, SPAN_LIT("client_id=")) == SIZE_MAX)
		return;
	buf_add_span(&plain, word);
	unescape(&plain);
	while (url_find(buf_span(&plain), &pos, &url))
		flows_url(w->e->flows, ctx, url);
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

/* --- runs that may be a verifier (RFC 7636 4.1) --- */

static bool in_run(unsigned char c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
	       c == '-' || c == '.' || c == '_' || c == '~';
}

static void hold_run(struct watch *w, struct span part)
{
	part = span_sub(part, 0, sizeof(w->run) - w->run_len);
	if (part.len)
		memcpy(w->run + w->run_len, part.p, part.len);
	w->run_len += part.len;
}

static void check_run(struct watch *w, const struct flow_ctx *ctx, struct span run)
{
	if (run.len >= RUN_MIN && run.len <= RUN_MAX && flows_pending(w->e->flows))
		flows_preimage(w->e->flows, ctx, run);
}

static void end_run(struct watch *w, const struct flow_ctx *ctx)
{
	check_run(w, ctx, span_of(w->run, w->run_len));
	w->run_len = 0;
}

/* Every run in `b` that is long enough has a byte at each place looked at, or between two of them ends. */
static void check_runs(struct watch *w, const struct flow_ctx *ctx, struct span b)
{
	size_t floor = 0, from, to;

	for (size_t i = RUN_MIN - 1; i < b.len; i += RUN_MIN) {
		if (!in_run((unsigned char)b.p[i]))
			continue;
		for (from = i; from > floor && in_run((unsigned char)b.p[from - 1]); from--)
			;
		for (to = i; to < b.len && in_run((unsigned char)b.p[to]); to++)
			;
		check_run(w, ctx, span_sub(b, from, to - from));
		floor = i = to;
	}
}

static void feed_runs(struct watch *w, const struct flow_ctx *ctx, struct span b)
{
	size_t first = 0, last = b.len;

	if (w->run_len) {
		while (first < b.len && in_run((unsigned char)b.p[first]))
			first++;
		hold_run(w, span_sub(b, 0, first));
		if (first == b.len)
			return;
		end_run(w, ctx);
	}
	while (last > first && in_run((unsigned char)b.p[last - 1]))
		last--;
	if (flows_pending(w->e->flows))
		check_runs(w, ctx, span_sub(b, first, last - first));
	hold_run(w, span_sub(b, last, SIZE_MAX));
}

/* --- feeding --- */

void watch_feed(struct watch *w, const struct flow_ctx *ctx, struct span bytes, uint64_t off)
{
	size_t at = 0, from, to, name;

	if (w->word.len || w->too_long) {
		at = word_end(bytes, 0);
		hold_word(w, span_sub(bytes, 0, at));
		feed_runs(w, ctx, span_sub(bytes, 0, at));
		if (at == bytes.len)
			return;
		end_word(w, ctx);
	}
	/* Words are looked at, and runs before them and in them tried, in the order in which they end. */
	while ((name = next_name(bytes, at)) != SIZE_MAX) {
		from = word_begin(bytes, name);
		to = word_end(bytes, name);
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
	end_word(w, ctx);
	end_run(w, ctx);
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
