/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Text that somebody may read, word by word: authorization URLs in it, request targets as an access log has
 * them, and runs of characters that may be a verifier of a pending flow.
 */
#include "base/secmem.h"
#include "engine/internal.h"
#include "engine/run.h"
#include "proto/url.h"

#define WORD_MAX 8192
#define TARGETS 8

struct watch {
	struct engine *e;
	struct past_stream *past;
	struct buf word;
	bool too_long;
	uint64_t word_off;
	struct run run;
	struct target {
		uint64_t from, to;
	} targets[TARGETS]; /* ring of request targets seen */
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

static void end_word(struct watch *w, const struct flow_ctx *ctx, uint64_t off)
{
	size_t pos = 0;
	struct span url;

	if (!w->word.len || w->too_long)
		goto out;
	if (is_target(buf_span(&w->word)))
		w->targets[w->n_targets++ % TARGETS] = (struct target){ w->word_off, off };
	if (span_find(buf_span(&w->word), SPAN_LIT("client_id=")) == SIZE_MAX)
		goto out;
	unescape(&w->word);
	while (url_find(buf_span(&w->word), &pos, &url))
		if (flows_url(w->e->flows, ctx, url) && w->past)
			past_tell(&w->e->past, w->past, w->word_off, off);
out:
	buf_clear(&w->word);
	w->too_long = false;
}

static void end_run(struct watch *w, const struct flow_ctx *ctx)
{
	if (flows_pending(w->e->flows))
		flows_preimage(w->e->flows, ctx, run_span(&w->run));
	run_clear(&w->run);
}

static bool in_word(unsigned char c)
{
	return c > ' ' && c != 0x7f && c != '"' && c != '\'' && c != '<' && c != '>' && c != '`';
}

void watch_feed(struct watch *w, const struct flow_ctx *ctx, struct span bytes, uint64_t off)
{
	for (size_t i = 0; i < bytes.len; i++) {
		unsigned char c = (unsigned char)bytes.p[i];

		if (in_word(c)) {
			if (!w->word.len)
				w->word_off = off + i;
			if (buf_add_byte(&w->word, (char)c))
				w->too_long = true;
		} else if (w->word.len || w->too_long) {
			end_word(w, ctx, off + i);
		}
		if (run_add(&w->run, c))
			end_run(w, ctx);
	}
}

void watch_end(struct watch *w, const struct flow_ctx *ctx, uint64_t off)
{
	end_word(w, ctx, off);
	if (run_end(&w->run))
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
