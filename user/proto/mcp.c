// SPDX-License-Identifier: BSD-2-Clause
#include <errno.h>
#include <stdlib.h>
#include "base/secmem.h"
#include "proto/json_path.h"
#include "proto/mcp.h"
#include "proto/mcp_part.h"
#include "proto/mcp_pending.h"

#define MAX_BATCH 64 /* messages of a batch told apart */

/* The message object being parsed: which members it has had. */
struct members {
	bool open;
	bool jsonrpc;
	bool has_id;
	bool method;
	bool result;
	bool error;
	bool is_params; /* the latest member is params */
	struct mcp_id id;
	unsigned int inputs; /* inputRequests entries seen */
};

enum capture { KEEP_NOTHING, KEEP_ID, KEEP_METHOD, KEEP_TOOL, KEEP_INPUT_METHOD };

struct wire {
	struct mcp_session *session;
	enum mcp_dir dir;
	struct json *json;
	struct table *pending; /* requests of this direction */
	uint64_t next;         /* stream offset of the next byte */
	bool started;
	int err;
	uint64_t rpc, other;

	/* the line */
	bool in_line;
	bool rest; /* what is left of a line that was cut */
	bool batch;
	bool nested; /* its JSON is an object or an array */
	bool blank;
	bool text_open;
	bool number_open;
	enum capture capture; /* of the scalar being read */
	size_t matched;
	enum json_status status;
	uint64_t off;
	uint64_t len;
	struct span key;
	struct mcp_where where;
	struct members m;

	/* messages of the line; msg[n - 1] is the one being parsed */
	struct mcp_message *msg;
	size_t n, cap;

	/* what of the current path is written in where.path, and the part after each step */
	size_t valid;
	size_t whole; /* leading steps that are written whole */
	uint8_t path_end[JSON_MAX_DEPTH + 1];
	uint8_t part[JSON_MAX_DEPTH + 1];
};

struct mcp_session {
	struct mcp_ops ops;
	void *arg;
	struct wire wire[2];
};

/* --- path and part ----------------------------------------------------------------------- */

_Static_assert(sizeof(((struct mcp_where *)0)->path) <= UINT8_MAX + 1, "path_end is too small");

static size_t base_depth(const struct wire *w)
{
	return w->batch ? 1 : 0;
}

/* Brings where.path and `part` to the current path; returns its length. */
static size_t sync_path(struct wire *w)
{
	size_t n, at;
	const struct json_step *step = json_path(w->json, &n);

	if (w->valid > n)
		w->valid = n;
	if (w->valid < w->whole)
		w->whole = w->valid;
	at = w->path_end[w->valid];
	for (size_t i = w->valid; i < n; i++) {
		bool cut = true;

		/* Nothing is written behind a step that was cut. */
		if (w->whole == i)
			at += json_step_text(&step[i], w->where.path + at,
					     sizeof(w->where.path) - 1 - at, &cut);
		if (!cut)
			w->whole = i + 1;
		w->path_end[i + 1] = (uint8_t)at;
		w->part[i + 1] =
			i < base_depth(w)
				? MCP_PART_MESSAGE
				: (uint8_t)mcp_part_next((enum mcp_part)w->part[i], &step[i]);
	}
	w->where.path[at] = '\0';
	/* An array's next element changes the last step without a word. */
	w->valid = n && step[n - 1].is_index ? n - 1 : n;
	return n;
}

static struct span nearest_key(const struct wire *w)
{
	size_t n;
	const struct json_step *step = json_path(w->json, &n);

	if (json_depth(w->json) > n)
		return SPAN_NONE;
	while (n && step[n - 1].is_index)
		n--;
	return n ? span_of(step[n - 1].key, step[n - 1].key_len) : SPAN_NONE;
}

/* --- small members ------------------------------------------------------------------------- */

static struct mcp_message *current(struct wire *w)
{
	return &w->msg[w->n - 1];
}

/* Appends what fits of `s` to the NUL-terminated `name`; what would disturb a terminal becomes '?'. */
static void add_name(char *name, struct span s)
{
	size_t len = strlen(name);

	for (size_t i = 0; i < s.len && len < MCP_MAX_NAME; i++)
		name[len++] = s.p[i] >= 0x20 && s.p[i] < 0x7f ? s.p[i] : '?';
	name[len] = '\0';
}

/* --- messages ------------------------------------------------------------------------------ */

static void begin_message(struct wire *w)
{
	if (w->n == w->cap && w->cap < MAX_BATCH) {
		size_t cap = w->cap ? 2 * w->cap : 1;
		struct mcp_message *msg = realloc(w->msg, cap * sizeof(*msg));

		if (msg) {
			w->msg = msg;
			w->cap = cap;
		} else {
			w->err = -ENOMEM;
		}
	}
	/* Without room the last one stands for this one too. */
	if (w->n < w->cap)
		w->n++;
	memset(current(w), 0, sizeof(*w->msg));
	memset(&w->m, 0, sizeof(w->m));
	current(w)->kind = MCP_NOT_JSON;
	mcp_id_clear(&w->m.id);
	w->m.open = true;
	w->where.item = (uint16_t)(w->n - 1);
	w->where.flags = 0;
}

/* `cut`: the line ended inside the message. */
static void end_message(struct wire *w, bool cut)
{
	struct mcp_message *msg = current(w);
	bool mine = w->m.method, response = !mine && (w->m.has_id || w->m.jsonrpc || cut);

	w->m.open = false;
	if (!mine) /* or begun, and cut */
		msg->method[0] = '\0';
	if (mine)
		msg->kind = w->m.has_id ? MCP_REQUEST : MCP_NOTIFICATION;
	else if (response && w->m.result)
		msg->kind = MCP_RESULT;
	else if (response && w->m.error)
		msg->kind = MCP_ERROR;
	else if (!cut)
		msg->kind = MCP_NOT_RPC;
	if (!mine || strcmp(msg->method, "tools/call") != 0)
		msg->tool[0] = '\0';
	if (!w->m.has_id)
		return;
	memcpy(msg->id, w->m.id.text, sizeof(msg->id));
	if (msg->kind == MCP_REQUEST && mcp_pending_put(w->pending, &w->m.id, msg))
		w->err = -ENOMEM;
	else if (msg->kind == MCP_RESULT || msg->kind == MCP_ERROR)
		mcp_pending_answer(w->session->wire[!w->dir].pending, &w->m.id, msg);
}

/* --- callbacks of the tokenizer ---------------------------------------------------------- */

static void on_open(void *arg, const struct json *j, bool array)
{
	struct wire *w = arg;
	size_t n = sync_path(w);

	if (!n && array) {
		w->nested = w->batch = true;
		return;
	}
	if (n == base_depth(w) && json_depth(j) == n) {
		w->nested = true;
		begin_message(w);
		if (array) /* an element of a batch, but no object */
			w->m.open = false;
		return;
	}
	if (w->part[n] == MCP_PART_INPUT && json_depth(j) == n && !array) {
		w->where.flags =
			(uint8_t)(w->m.inputs < MCP_MAX_INPUTS ? w->m.inputs : MCP_MAX_INPUTS - 1);
		w->m.inputs++;
	}
}

static void on_close(void *arg, const struct json *j, bool array)
{
	struct wire *w = arg;
	size_t n = json_depth(j);

	if (w->valid >= n)
		w->valid = n ? n - 1 : 0;
	if (n == base_depth(w) && w->m.open)
		end_message(w, false);
}

static void on_key(void *arg, const struct json *j)
{
	struct wire *w = arg;
	size_t n, base = base_depth(w);
	const struct json_step *step = json_path(j, &n);

	if (n - 1 < w->valid)
		w->valid = n - 1;
	if (!w->m.open || n > base + 2)
		return;
	if (n == base + 1) {
		sync_path(w);
		w->m.is_params = false;
		/* The last of two equal keys counts, so what the first said is forgotten. */
		switch ((enum mcp_part)w->part[n]) {
		case MCP_PART_JSONRPC:
			w->m.jsonrpc = true;
			break;
		case MCP_PART_ID:
			w->m.has_id = false;
			mcp_id_clear(&w->m.id);
			break;
		case MCP_PART_METHOD:
			w->m.method = false;
			current(w)->method[0] = '\0';
			break;
		case MCP_PART_PARAMS:
			w->m.is_params = true;
			current(w)->tool[0] = '\0';
			break;
		case MCP_PART_RESULT:
			w->m.result = true;
			break;
		case MCP_PART_ERROR:
			w->m.error = true;
			break;
		default:
			break;
		}
	} else if (w->m.is_params && json_step_is(&step[n - 1], "name")) {
		current(w)->tool[0] = '\0';
	}
}

/* The method of one inputRequests entry: is it sampling? */
static void input_method(struct wire *w, struct span decoded, bool first, bool last)
{
	static const char sampling[] = "sampling/createMessage";
	const size_t len = sizeof(sampling) - 1;
	uint64_t bit = 1ull << w->where.flags;

	if (first)
		w->matched = 0;
	if (w->matched <= len && decoded.len <= len - w->matched &&
	    span_eq(decoded, span_of(sampling + w->matched, decoded.len)))
		w->matched += decoded.len;
	else
		w->matched = len + 1; /* another method, whatever follows */
	if (!last)
		return;
	current(w)->inputs_known |= bit;
	if (w->matched == len)
		current(w)->inputs_sampling |= bit;
	else
		current(w)->inputs_sampling &= ~bit;
}

/* What the scalar that begins at the current path is to the message it stands in. */
static enum capture what_to_keep(const struct wire *w, enum json_scalar type, size_t depth)
{
	size_t member = depth - base_depth(w);
	enum mcp_part part = (enum mcp_part)w->where.part;

	if (!w->m.open)
		return KEEP_NOTHING;
	if (part == MCP_PART_ID && member == 1)
		return KEEP_ID;
	if (type != JSON_STRING)
		return KEEP_NOTHING;
	if (part == MCP_PART_METHOD && member == 1)
		return KEEP_METHOD;
	if (part == MCP_PART_PARAMS_NAME && member == 2)
		return KEEP_TOOL;
	return part == MCP_PART_INPUT_METHOD && member == 4 ? KEEP_INPUT_METHOD : KEEP_NOTHING;
}

static void keep(struct wire *w, enum json_scalar type, struct span decoded, bool first, bool last)
{
	static const struct span quote = { "\"", 1 };

	switch (w->capture) {
	case KEEP_NOTHING:
		break;
	case KEEP_ID:
		if (type != JSON_STRING) {
			mcp_id_add(&w->m.id, decoded);
		} else {
			if (first)
				mcp_id_add(&w->m.id, quote);
			mcp_id_add_string(&w->m.id, decoded);
			if (last)
				mcp_id_add(&w->m.id, quote);
		}
		if (last)
			w->m.has_id = true;
		break;
	case KEEP_METHOD:
		add_name(current(w)->method, decoded);
		if (last)
			w->m.method = true;
		break;
	case KEEP_TOOL:
		add_name(current(w)->tool, decoded);
		break;
	case KEEP_INPUT_METHOD:
		input_method(w, decoded, first, last);
		break;
	}
}

static void on_scalar(void *arg, const struct json *j, enum json_scalar type, struct span decoded,
		      uint64_t raw_off, bool first, bool last)
{
	struct wire *w = arg;

	if (first) {
		size_t depth = json_depth(j);

		w->capture = KEEP_NOTHING;
		if (w->batch && depth == 1) { /* an element, but no object */
			begin_message(w);
			w->m.open = false;
		}
		if (type == JSON_STRING || depth == base_depth(w) + 1) {
			w->where.part = w->part[sync_path(w)];
			w->capture = what_to_keep(w, type, depth);
			w->key = nearest_key(w);
		}
	}
	if (w->capture != KEEP_NOTHING)
		keep(w, type, decoded, first, last);
	w->number_open = type == JSON_NUMBER && !last;
	if (type != JSON_STRING)
		return;
	w->text_open = !last;
	if (w->session->ops.text)
		w->session->ops.text(w->session->arg, w->dir, &w->where, w->key, decoded,
				     w->off + raw_off, first, last);
}

/* --- lines ----------------------------------------------------------------------------------- */

static void begin_line(struct wire *w)
{
	w->in_line = true;
	w->batch = w->nested = w->text_open = w->number_open = false;
	w->blank = true;
	w->status = w->rest ? JSON_BROKEN : JSON_MORE;
	w->off = w->next;
	w->len = 0;
	w->n = 0;
	memset(&w->where, 0, sizeof(w->where));
	memset(&w->m, 0, sizeof(w->m));
	w->where.path[0] = '$';
	w->path_end[0] = 1;
	w->part[0] = MCP_PART_MESSAGE;
	w->valid = w->whole = 0;
	json_reset(w->json);
	if (w->session->ops.begin)
		w->session->ops.begin(w->session->arg, w->dir, w->off);
}

static bool is_blank(struct span s)
{
	for (size_t i = 0; i < s.len; i++) {
		if (s.p[i] != ' ' && s.p[i] != '\t' && s.p[i] != '\r')
			return false;
	}
	return true;
}

static void parse(struct wire *w, struct span s)
{
	if (w->status == JSON_MORE) {
		struct json_result r = json_feed(w->json, s);

		w->status = r.status;
		s = span_sub(s, r.consumed, s.len);
	}
	if (w->status == JSON_DONE && !is_blank(s))
		w->status = JSON_BROKEN;
}

static void line_bytes(struct wire *w, struct span s)
{
	if (w->session->ops.raw)
		w->session->ops.raw(w->session->arg, w->dir, s, w->next);
	if (w->blank)
		w->blank = is_blank(s);
	parse(w, s);
	w->next += s.len;
	w->len += s.len;
}

/* `cut`: by something other than its newline or the stream's end. */
static void end_line(struct wire *w, bool cut)
{
	struct mcp_session *s = w->session;
	bool broken, rpc = false;

	if (w->text_open) {
		w->text_open = false;
		if (s->ops.text)
			s->ops.text(s->arg, w->dir, &w->where, w->key, SPAN_NONE, w->next, false,
				    true);
	} else if (w->number_open) {
		parse(w, SPAN_LIT(" ")); /* a number ends only with what follows it */
	}
	broken = cut || w->status != JSON_DONE;
	if (w->m.open)
		end_message(w, true);
	if (!w->n) {
		begin_message(w);
		if (w->nested && !broken)
			current(w)->kind = MCP_NOT_RPC;
	}
	for (size_t i = 0; i < w->n; i++) {
		w->msg[i].dir = w->dir;
		w->msg[i].offset = w->off;
		w->msg[i].length = w->len;
		w->msg[i].broken = broken;
		rpc |= w->msg[i].kind != MCP_NOT_JSON && w->msg[i].kind != MCP_NOT_RPC;
	}
	if (rpc)
		w->rpc++;
	else if (!w->rest && !w->blank)
		w->other++;
	w->in_line = false;
	if (s->ops.end)
		s->ops.end(s->arg, w->dir, w->msg, w->n);
}

/* Ends the line here; what comes up to the next newline is its rest. */
static void cut_line(struct wire *w)
{
	if (w->in_line)
		end_line(w, true);
	w->rest = true;
}

int mcp_feed(struct mcp_session *s, enum mcp_dir dir, struct span in, uint64_t off)
{
	struct wire *w = &s->wire[dir];

	w->err = 0;
	if (w->started && off != w->next)
		cut_line(w);
	w->started = true;
	w->next = off;
	while (in.len) {
		const char *nl;
		size_t len;

		if (*in.p == '\n') {
			if (w->in_line)
				end_line(w, false);
			w->rest = false;
			w->next++;
			in = span_sub(in, 1, in.len);
			continue;
		}
		if (w->in_line && w->len == MCP_MAX_LINE)
			cut_line(w);
		if (!w->in_line)
			begin_line(w);
		nl = memchr(in.p, '\n', in.len);
		len = nl ? (size_t)(nl - in.p) : in.len;
		if (len > MCP_MAX_LINE - w->len)
			len = (size_t)(MCP_MAX_LINE - w->len);
		line_bytes(w, span_sub(in, 0, len));
		in = span_sub(in, len, in.len);
	}
	return w->err;
}

void mcp_gap(struct mcp_session *s, enum mcp_dir dir, uint64_t missing)
{
	struct wire *w = &s->wire[dir];

	if (!missing)
		return;
	cut_line(w);
	w->next += missing;
}

void mcp_end(struct mcp_session *s, enum mcp_dir dir)
{
	struct wire *w = &s->wire[dir];

	if (w->in_line)
		end_line(w, false);
	w->rest = false;
}

void mcp_counts(const struct mcp_session *s, enum mcp_dir dir, uint64_t *rpc, uint64_t *other)
{
	*rpc = s->wire[dir].rpc;
	*other = s->wire[dir].other;
}

/* --- session --------------------------------------------------------------------------------- */

static int wire_init(struct mcp_session *s, enum mcp_dir dir)
{
	static const struct json_ops ops = {
		.open = on_open,
		.close = on_close,
		.key = on_key,
		.scalar = on_scalar,
	};
	struct wire *w = &s->wire[dir];

	w->session = s;
	w->dir = dir;
	w->json = json_new(&ops, w);
	w->pending = mcp_pending_new();
	w->msg = calloc(1, sizeof(*w->msg));
	w->cap = 1;
	return w->json && w->pending && w->msg ? 0 : -ENOMEM;
}

struct mcp_session *mcp_session_new(const struct mcp_ops *ops, void *arg)
{
	struct mcp_session *s = secmem_calloc(1, sizeof(*s)); /* paths hold keys of the input */

	if (!s)
		return NULL;
	s->ops = *ops;
	s->arg = arg;
	if (wire_init(s, MCP_SERVER_TO_CLIENT) || wire_init(s, MCP_CLIENT_TO_SERVER))
		return mcp_session_free(s);
	return s;
}

struct mcp_session *mcp_session_free(struct mcp_session *s)
{
	if (!s)
		return NULL;
	for (size_t i = 0; i < 2; i++) {
		json_free(s->wire[i].json);
		table_free(s->wire[i].pending);
		free(s->wire[i].msg);
	}
	secmem_free(s);
	return NULL;
}
