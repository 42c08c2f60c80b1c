/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One MCP wire: the two directions of a server's stdio. A string's place in a message is known when the
 * line ends ("id" and "method" may come last), so hits wait for that, redacted. Every line is scanned
 * twice: its decoded strings, each with its place, and its bytes as they are, for what is
 * not JSON, or is JSON to one reader and not to another.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include "engine/internal.h"
#include "proto/mcp.h"

/* Decoded pieces of a string are scanned when there is so much of them. */
#define PIECES_MIN 2048

struct pending {
	struct redacted secret;
	struct mcp_where where;
};

struct lane {
	struct wire *wire;
	enum mcp_dir dir;
	struct scan *text;
	struct scan *raw;
	struct scan_sights sights; /* in the line's bytes fed last ... */
	uint64_t fed_off;          /* ... where those began ... */
	uint64_t known;            /* ... and which values were known then (values_generation) */
	struct buf pieces;         /* of a string with escapes, not yet looked at */
	uint64_t text_off;         /* of the string */
	bool text_scanned;         /* it is being scanned */
	struct mcp_where where;    /* its place */
	struct watch *watch, *raw_watch;
	bool not_object; /* the line cannot be JSON-RPC */
	bool line_begun;
	bool asks_secret; /* a form with a field for a credential */
	struct mcp_where asked;
	struct pending *text_hits, *raw_hits; /* WIRE_MAX_PENDING each, on first need */
	size_t n_text, n_raw;
	bool overflow;
	enum sink_class class; /* of what is not JSON-RPC */
	unsigned int flags;
	struct bt_file_id file;
	struct actor last;
	uint64_t pos; /* of HTTP bodies: they have no offsets that follow on */
	struct past_stream past;
	struct buf line; /* for the past, when the line is over */
	uint64_t line_off;
};

struct wire {
	struct engine *e;
	unsigned int
		refs; /* the table's and the taps': an evicted wire lives as long as its streams */
	bool root;
	bool http;                      /* bodies of HTTP messages instead of stdio */
	const struct past_piece *again; /* the line of the past that is being judged */
	struct mcp_session *mcp;
	struct lane lane[2];
};

static const enum sink_class place_sink[MCP_PLACE_MAX] = {
	[MCP_PLACE_OTHER] = SINK_STDOUT,
	[MCP_PLACE_TOOL_RESULT] = SINK_TOOL_RESULT,
	[MCP_PLACE_RESOURCE] = SINK_RESOURCE,
	[MCP_PLACE_RESOURCE_LINK] = SINK_RESOURCE,
	[MCP_PLACE_PROMPT] = SINK_PROMPT,
	[MCP_PLACE_INSTRUCTIONS] = SINK_INSTRUCTIONS,
	[MCP_PLACE_SAMPLING] = SINK_SAMPLING,
	[MCP_PLACE_ELICITATION] = SINK_ELICITATION,
	[MCP_PLACE_ERROR] = SINK_JSONRPC_ERROR,
	[MCP_PLACE_LOG] = SINK_LOG_NOTIFICATION,
	[MCP_PLACE_PROGRESS] = SINK_PROGRESS,
	[MCP_PLACE_REQUEST_STATE] = SINK_REQUEST_STATE,
	[MCP_PLACE_TOOL_ARGUMENT] = SINK_TOOL_ARGUMENT,
	[MCP_PLACE_CLIENT_OTHER] = SINK_TOOL_ARGUMENT,
};

static void keep_hit(struct lane *l, struct pending **hits, size_t *n, const struct hit *hit,
		     const struct mcp_where *where)
{
	struct wire *w = l->wire;
	struct pending *p;

	if (w->again && !engine_looks_for(w->e, w->again, hit))
		return;
	if (w->again)
		w->e->totals.lookback_found++;
	else if (hit->confidence != CONF_HEURISTIC)
		past_tell(&w->e->past, &l->past, hit->offset, hit->end);
	if (!*hits)
		*hits = calloc(WIRE_MAX_PENDING, sizeof(**hits));
	if (!*hits || *n == WIRE_MAX_PENDING) {
		l->overflow = true;
		l->wire->e->totals.hits_overflow++;
		return;
	}
	p = &(*hits)[(*n)++];
	redact_hit(&l->wire->e->cfg.fingerprint, hit, &p->secret);
	p->where = *where;
	/* A key name may be the secret itself. */
	redact_text(hit, p->where.path);
}

static void text_hit(void *arg, const struct hit *hit)
{
	struct lane *l = arg;

	keep_hit(l, &l->text_hits, &l->n_text, hit, &l->where);
}

static void raw_hit(void *arg, const struct hit *hit)
{
	static const struct mcp_where nowhere;
	struct lane *l = arg;

	keep_hit(l, &l->raw_hits, &l->n_raw, hit, &nowhere);
}

static void on_begin(void *arg, enum mcp_dir dir, uint64_t off)
{
	struct lane *l = &((struct wire *)arg)->lane[dir];

	l->n_text = l->n_raw = 0;
	l->overflow = l->line_begun = l->not_object = l->asks_secret = false;
	l->line_off = off;
	scan_reset(l->raw, off, SPAN_NONE);
}

/* Authorization URLs and verifiers in a string or a line; NULL watch: out of memory. */
static void watch_text(struct lane *l, struct watch *w, struct span bytes, uint64_t off, bool end)
{
	struct engine *e = l->wire->e;
	struct engine_at at = {
		.who = &l->last, .file = &l->file, .class = l->class, .flags = l->flags
	};
	struct flow_ctx ctx;

	if (!w || l->dir != MCP_SERVER_TO_CLIENT || l->wire->again)
		return;
	engine_ctx(&l->last, &ctx);
	e->at = &at;
	watch_feed(w, &ctx, bytes, off);
	if (end)
		watch_end(w, &ctx);
	e->at = NULL;
}

static bool names_credential(struct span name)
{
	static const char *const words[] = { "password",
					     "passwd",
					     "secret",
					     "apikey",
					     "accesstoken",
					     "refreshtoken",
					     "authtoken",
					     "bearer",
					     "authorizationcode",
					     "clientsecret",
					     "personalaccesstoken" };
	char text[64];
	size_t n = 0;

	for (size_t i = 0; i < name.len && n < sizeof(text) - 1; i++) {
		char c = name.p[i];

		if (c >= 'A' && c <= 'Z')
			c = (char)(c | 0x20);
		if (c >= 'a' && c <= 'z')
			text[n++] = c;
	}
	text[n] = '\0';
	if (!strcmp(text, "token") || !strcmp(text, "pat"))
		return true;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strstr(text, words[i]))
			return true;
	}
	return false;
}

/* A property of a form-mode elicitation's schema, by name or by title (MCP elicitation). */
static void note_form(struct lane *l, const struct mcp_where *where, struct span key,
		      struct span text)
{
	static const char marker[] = ".requestedSchema.properties.";
	const char *name = strstr(where->path, marker);
	struct span prop;

	if (!name || l->asks_secret || l->wire->again)
		return;
	prop = span_str(name + sizeof(marker) - 1);
	prop = span_sub(prop, 0, span_find_byte(prop, '.'));
	if (!names_credential(prop) && !(span_eq_str(key, "title") && names_credential(text)))
		return;
	l->asks_secret = true;
	l->asked = *where;
}

/*
 * True when the scan of the line as it is has seen all of a string that ends at `end`, and nothing in it. It takes off what
 * escapes the string has.
 */
static bool seen_as_line(const struct lane *l, struct span key, uint64_t end)
{
	return l->text_off >= l->fed_off && l->known == values_generation(l->wire->e->cfg.values) &&
	       !scan_sighted(&l->sights, l->text_off, end) &&
	       !scan_key_counts(l->wire->e->cfg.scanner, key);
}

static void on_text(void *arg, enum mcp_dir dir, const struct mcp_where *where, struct span key,
		    struct span decoded, uint64_t raw_off, bool first, bool last)
{
	struct lane *l = &((struct wire *)arg)->lane[dir];

	if (first) {
		if (dir == MCP_SERVER_TO_CLIENT)
			note_form(l, where, key, decoded);
		l->where = *where;
		l->text_off = raw_off;
		l->text_scanned = false;
	}
	/* A string with escapes comes in many small pieces. */
	if (!last && l->pieces.len + decoded.len < PIECES_MIN && !buf_add_span(&l->pieces, decoded))
		return;
	/* What is learnt from it is searched for in it. */
	watch_text(l, l->watch, buf_span(&l->pieces), raw_off, false);
	watch_text(l, l->watch, decoded, raw_off, last);
	if (!l->text_scanned && !(last && seen_as_line(l, key, raw_off + decoded.len))) {
		l->text_scanned = true;
		scan_reset(l->text, l->text_off, key);
	}
	if (l->text_scanned) {
		scan_feed(l->text, buf_span(&l->pieces), text_hit, l);
		scan_feed(l->text, decoded, text_hit, l);
	}
	buf_release(&l->pieces);
	if (last && l->text_scanned)
		scan_flush(l->text, text_hit, l);
}

/* What goes out: to the client, or from a parent to a child. */
static bool keeps_past(const struct lane *l)
{
	return !l->wire->again && (l->dir == MCP_SERVER_TO_CLIENT || !l->wire->root);
}

static void keep_past(struct lane *l, const struct mcp_message *msgs, size_t n)
{
	struct past_place place = {
		.who = l->last,
		.file = l->file,
		.class = l->class,
		.flags = l->flags,
		.off = l->line_off,
		.line = 1,
		.begins = true,
		.rpc = true,
		.root = l->wire->root,
		.http = l->wire->http,
		.msgs = msgs,
		.n_msgs = n,
	};

	past_add(&l->wire->e->past, &l->past, &place, buf_span(&l->line));
	buf_release(&l->line);
}

static void on_raw(void *arg, enum mcp_dir dir, struct span bytes, uint64_t off)
{
	struct lane *l = &((struct wire *)arg)->lane[dir];

	if (!l->line_begun && bytes.len) {
		l->line_begun = true;
		l->not_object = bytes.p[0] != '{' && bytes.p[0] != '[';
	}
	if (l->not_object)
		watch_text(l, l->raw_watch, bytes, off, false);
	l->fed_off = off;
	l->known = values_generation(l->wire->e->cfg.values);
	if (keeps_past(l))
		buf_add_span(&l->line, span_sub(bytes, 0, PAST_STREAM_MAX - l->line.len));
	scan_feed_noting(l->raw, bytes, raw_hit, l, &l->sights);
}

static void mcp_of(const struct wire *w, const struct mcp_message *m, const char *path,
		   struct alert_mcp *ret)
{
	memset(ret, 0, sizeof(*ret));
	snprintf(ret->transport, sizeof(ret->transport), "%s", w->http ? "http" : "stdio");
	snprintf(ret->direction, sizeof(ret->direction), "%s",
		 m->dir == MCP_SERVER_TO_CLIENT ? "server-to-client" : "client-to-server");
	snprintf(ret->method, sizeof(ret->method), "%s", m->method);
	snprintf(ret->tool, sizeof(ret->tool), "%s", m->tool);
	snprintf(ret->id, sizeof(ret->id), "%s", m->id);
	snprintf(ret->json_path, sizeof(ret->json_path), "%s", path);
}

/* params.url of an elicitation, or one of error.data.elicitations (-32042). */
static bool is_elicited_url(const struct pending *p)
{
	struct span path = span_str(p->where.path);

	return span_ends(path, SPAN_LIT(".params.url")) ||
	       (span_ends(path, SPAN_LIT(".url")) &&
		span_find(path, SPAN_LIT(".elicitations[")) != SIZE_MAX);
}

static void judge_in_message(struct lane *l, const struct pending *p, const struct mcp_message *m)
{
	enum mcp_place place = mcp_place(&p->where, m);
	struct alert_mcp mcp;
	struct sink sink;
	unsigned int flags = 0;

	/* What is no special place of a message still reaches the client. */
	if (place == MCP_PLACE_OTHER && m->kind == MCP_RESULT)
		place = MCP_PLACE_TOOL_RESULT;
	else if (place == MCP_PLACE_OTHER && m->kind == MCP_NOTIFICATION)
		place = MCP_PLACE_LOG;
	if (place == MCP_PLACE_RESOURCE_LINK)
		flags |= SINK_F_RESOURCE_LINK;
	if ((place == MCP_PLACE_ELICITATION || place == MCP_PLACE_ERROR) && is_elicited_url(p))
		flags |= SINK_F_URL_MODE;
	engine_place(l->wire->e, &l->file, place_sink[place], flags, &l->last, &sink);
	sink.offset = p->secret.offset;
	mcp_of(l->wire, m, p->where.path, &mcp);
	engine_judge(l->wire->e, &p->secret, &sink, &mcp, &l->last);
}

/* Bytes on the wire that no JSON-RPC reader would take: a print() that went to stdout. */
static void judge_not_rpc(struct lane *l, const struct pending *p)
{
	struct sink sink;

	if (l->dir == MCP_CLIENT_TO_SERVER && l->wire->root)
		return;
	engine_place(l->wire->e, &l->file, l->class, l->flags | SINK_F_NOT_RPC, &l->last, &sink);
	sink.offset = p->secret.offset;
	engine_judge(l->wire->e, &p->secret, &sink, NULL, &l->last);
}

static void judge_form(struct lane *l, const struct mcp_message *m)
{
	struct sink sink;
	struct engine_at at = { .who = &l->last, .sink = &sink };
	struct flow_finding f = { .rule = "form-elicitation-asks-secret", .level = FLOW_DEFAULT };
	struct alert_mcp mcp;

	if (mcp_place(&l->asked, m) != MCP_PLACE_ELICITATION)
		return;
	engine_place(l->wire->e, &l->file, SINK_ELICITATION, 0, &l->last, &sink);
	mcp_of(l->wire, m, l->asked.path, &mcp);
	at.mcp = &mcp;
	l->wire->e->at = &at;
	engine_found(l->wire->e, &f);
	l->wire->e->at = NULL;
}

static bool is_rpc(const struct mcp_message *m)
{
	return m->kind != MCP_NOT_JSON && m->kind != MCP_NOT_RPC;
}

/* A raw hit that only repeats what the decoded strings gave. */
static bool already(const struct lane *l, const struct redacted *secret)
{
	const struct redacted *t;
	size_t i;

	for (i = 0; i < l->n_text; i++) {
		t = &l->text_hits[i].secret;
		if (!strcmp(t->fingerprint, secret->fingerprint))
			return true;
		if (t->offset < secret->end && secret->offset < t->end)
			return true;
	}
	return false;
}

static void on_end(void *arg, enum mcp_dir dir, const struct mcp_message *msgs, size_t n)
{
	struct wire *w = arg;
	struct lane *l = &w->lane[dir];
	const struct mcp_message *m;
	bool whole;
	size_t i;

	if (l->not_object)
		watch_text(l, l->raw_watch, SPAN_NONE, 0, true);
	scan_flush(l->raw, raw_hit, l);
	if (n && keeps_past(l))
		keep_past(l, msgs, n);
	if (n && w->again && w->again->place.n_msgs) {
		/* As they were then: what a response answers is not known any more. */
		msgs = w->again->place.msgs;
		n = w->again->place.n_msgs;
	}
	if (!n)
		goto out;
	for (i = 0; i < n && !w->again; i++) {
		if (is_rpc(&msgs[i]))
			w->e->totals.mcp_messages++;
		if (msgs[i].broken)
			w->e->totals.mcp_broken++;
	}
	if (l->asks_secret)
		judge_form(l, &msgs[l->asked.item < n ? l->asked.item : n - 1]);
	for (i = 0; i < l->n_text; i++) {
		m = &msgs[l->text_hits[i].where.item < n ? l->text_hits[i].where.item : n - 1];
		if (is_rpc(m))
			judge_in_message(l, &l->text_hits[i], m);
		else
			judge_not_rpc(l, &l->text_hits[i]);
	}
	whole = is_rpc(&msgs[0]) && !msgs[0].broken;
	for (i = 0; i < l->n_raw; i++) {
		if (already(l, &l->raw_hits[i].secret))
			continue;
		/* In a well-formed message a key name's guess was the decoded strings' to make. */
		if (whole && l->raw_hits[i].secret.confidence == CONF_HEURISTIC)
			continue;
		if (is_rpc(&msgs[0]))
			judge_in_message(l, &l->raw_hits[i], &msgs[0]);
		else
			judge_not_rpc(l, &l->raw_hits[i]);
	}
out:
	l->n_text = l->n_raw = 0;
}

static const struct mcp_ops wire_ops = {
	.begin = on_begin,
	.text = on_text,
	.raw = on_raw,
	.end = on_end,
};

static void wire_free(struct wire *w)
{
	int i;

	mcp_session_free(w->mcp);
	for (i = 0; i < 2; i++) {
		scan_free(w->lane[i].text);
		scan_free(w->lane[i].raw);
		buf_release(&w->lane[i].pieces);
		watch_free(w->lane[i].watch);
		watch_free(w->lane[i].raw_watch);
		free(w->lane[i].text_hits);
		free(w->lane[i].raw_hits);
		past_end_stream(&w->lane[i].past);
		buf_release(&w->lane[i].line);
	}
	free(w);
}

void wire_put(void *wire)
{
	struct wire *w = wire;

	if (w && --w->refs == 0)
		wire_free(w);
}

static struct wire *wire_new(struct engine *e, bool root)
{
	struct wire *w = calloc(1, sizeof(*w));
	int i;

	if (!w)
		return NULL;
	w->e = e;
	w->refs = 1;
	w->root = root;
	w->mcp = mcp_session_new(&wire_ops, w);
	if (!w->mcp)
		goto fail;
	for (i = 0; i < 2; i++) {
		w->lane[i].wire = w;
		w->lane[i].dir = (enum mcp_dir)i;
		w->lane[i].pieces = (struct buf)BUF_INIT_WIPE(PIECES_MIN);
		w->lane[i].line = (struct buf)BUF_INIT_WIPE(PAST_STREAM_MAX);
		w->lane[i].text = scan_new(e->cfg.scanner, e->cfg.values);
		w->lane[i].raw = scan_new(e->cfg.scanner, e->cfg.values);
		w->lane[i].watch = watch_new(e, &w->lane[i].past);
		w->lane[i].raw_watch = watch_new(e, &w->lane[i].past);
		if (!w->lane[i].text || !w->lane[i].raw || !w->lane[i].watch ||
		    !w->lane[i].raw_watch)
			goto fail;
		scan_reset(w->lane[i].raw, 0, SPAN_NONE);
	}
	return w;
fail:
	wire_free(w);
	return NULL;
}

struct wire *wire_get(struct engine *e, uint32_t tgid, uint64_t start_ns, bool root)
{
	struct wire *w;
	char kbuf[12];
	struct span key = process_key(tgid, start_ns, kbuf);

	w = table_get(e->wires, key);
	if (!w) {
		w = wire_new(e, root);
		if (w && table_put(e->wires, key, w)) {
			wire_free(w);
			w = NULL;
		}
	}
	if (w)
		w->refs++;
	return w;
}

int wire_data(struct wire *w, const struct tap *t, const struct bt_file_id *file, struct span bytes,
	      uint64_t off)
{
	struct lane *l = &w->lane[t->wire_dir];

	l->class = t->class;
	l->flags = t->flags;
	l->file = *file;
	l->last = t->last;
	return mcp_feed(w->mcp, l->dir, bytes, off);
}

struct wire *wire_ref(struct wire *w)
{
	if (w)
		w->refs++;
	return w;
}

struct wire *wire_for_http(struct engine *e)
{
	struct wire *w = wire_new(e, true);

	if (w)
		w->http = true;
	return w;
}

int wire_body(struct wire *w, enum mcp_dir dir, const struct bt_file_id *file,
	      const struct actor *who, struct span bytes)
{
	struct lane *l = &w->lane[dir];
	int r;

	/* What is no JSON-RPC on a socket is the plain scan's to judge. */
	l->class = SINK_PIPE;
	l->file = *file;
	l->last = *who;
	r = mcp_feed(w->mcp, dir, bytes, l->pos);
	l->pos += bytes.len;
	return r;
}

void wire_again(struct engine *e, const struct past_piece *line)
{
	enum mcp_dir dir = line->place.msgs[0].dir;
	struct wire *w = e->look_wire[line->place.http];
	struct lane *l;

	if (!w)
		w = e->look_wire[line->place.http] = wire_new(e, true);
	if (!w)
		return;
	w->root = line->place.root;
	w->http = line->place.http;
	w->again = line;
	l = &w->lane[dir];
	l->class = line->place.class;
	l->flags = line->place.flags;
	l->file = line->place.file;
	l->last = line->place.who;
	/* Every line is a session of its own: no offset goes on, and no request waits. */
	mcp_session_free(w->mcp);
	w->mcp = mcp_session_new(&wire_ops, w);
	if (w->mcp) {
		mcp_feed(w->mcp, dir, line->text, line->place.off);
		mcp_end(w->mcp, dir);
	}
	w->again = NULL;
}

void wire_gap(struct wire *w, enum mcp_dir dir, uint64_t missing)
{
	mcp_gap(w->mcp, dir, missing);
}

void wire_end(struct wire *w, enum mcp_dir dir)
{
	mcp_end(w->mcp, dir);
}
