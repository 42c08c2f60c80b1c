// SPDX-License-Identifier: BSD-2-Clause
/*
 * replay_case EVENTS.jsonl OUT.btrec OUT.secrets
 *
 * Compiles a replay case (tests/replay/README.md) into a recording with its key beside it, and a file
 * of the secrets that were generated for it, one a line. Every run makes other secrets.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <cjson/cJSON.h>
#include "base/fileio.h"
#include "event/event.h"
#include "event/recording.h"
#include "tokens.h"

#define MAX_LABELS 64
#define MAX_SEGMENTS 64
#define MAX_TEXT (4u << 20)
#define STEP_NS 1000000u /* between two events */

struct value {
	char label[96]; /* "gho:a" */
	char *text;
	bool is_public; /* no secret: may be in a report */
};

struct file {
	char label[64];
	struct bt_file_id id;
	uint64_t pos[2];
	int fd;
};

struct compiler {
	const char *path;
	unsigned int line;
	struct rec_writer *out;
	struct value values[MAX_LABELS];
	size_t n_values;
	struct file files[MAX_LABELS];
	size_t n_files;
	uint64_t now_ns;
	uint32_t root;
	char comm[MAX_LABELS][BT_COMM_LEN]; /* of process root + index */
	struct rec_totals totals;
};

/* A piece of a payload that becomes one record (or several, when it is long). */
struct segment {
	size_t off, len;
	bool new_call;
	uint64_t lost; /* bytes missing just before it */
};

struct payload {
	struct buf text;
	struct segment seg[MAX_SEGMENTS];
	size_t n;
};

static void __attribute__((noreturn, format(printf, 2, 3)))
die(const struct compiler *c, const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "%s:%u: ", c->path, c->line);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(1);
}

/* --- JSON members ---------------------------------------------------------------------------- */

static const char *get_str(const struct compiler *c, const cJSON *ev, const char *name,
			   const char *otherwise)
{
	const cJSON *m = cJSON_GetObjectItemCaseSensitive(ev, name);

	if (!m)
		return otherwise;
	if (!cJSON_IsString(m))
		die(c, "\"%s\" must be a string", name);
	return m->valuestring;
}

static uint64_t get_num(const struct compiler *c, const cJSON *ev, const char *name,
			uint64_t otherwise)
{
	const cJSON *m = cJSON_GetObjectItemCaseSensitive(ev, name);

	if (!m)
		return otherwise;
	if (!cJSON_IsNumber(m) || m->valuedouble < 0)
		die(c, "\"%s\" must be a number", name);
	return (uint64_t)m->valuedouble;
}

static bool get_bool(const struct compiler *c, const cJSON *ev, const char *name)
{
	const cJSON *m = cJSON_GetObjectItemCaseSensitive(ev, name);

	if (m && !cJSON_IsBool(m))
		die(c, "\"%s\" must be true or false", name);
	return cJSON_IsTrue(m);
}

/* --- placeholders ------------------------------------------------------------------------------ */

static const char *value_of(struct compiler *c, const char *label)
{
	char kind[96];
	struct value *v;
	size_t i;

	for (i = 0; i < c->n_values; i++) {
		if (!strcmp(c->values[i].label, label))
			return c->values[i].text;
	}
	if (c->n_values == MAX_LABELS || strlen(label) >= sizeof(v->label))
		die(c, "too many values, or a label too long: %s", label);
	snprintf(kind, sizeof(kind), "%.*s", (int)strcspn(label, ":"), label);
	for (i = 0; tok_kinds[i] && strcmp(tok_kinds[i], kind) != 0; i++)
		;
	if (!tok_kinds[i])
		die(c, "no kind of secret \"%s\" (mktoken --list has them)", kind);
	v = &c->values[c->n_values++];
	snprintf(v->label, sizeof(v->label), "%s", label);
	v->text = tok_new(kind);
	return v->text;
}

static void add_encoded(const struct compiler *c, struct buf *out, struct span s, const char *how)
{
	unsigned char hash[crypto_hash_sha256_BYTES];
	char *tmp = malloc(4 * s.len + 64);
	size_t i;

	if (!tmp)
		abort();
	if (!*how) {
		buf_add_span(out, s);
	} else if (!strcmp(how, "base64") || !strcmp(how, "base64url")) {
		sodium_bin2base64(tmp, 4 * s.len + 8, (const unsigned char *)s.p, s.len,
				  how[6] ? sodium_base64_VARIANT_URLSAFE_NO_PADDING
					 : sodium_base64_VARIANT_ORIGINAL);
		buf_add_str(out, tmp);
	} else if (!strcmp(how, "hex")) {
		sodium_bin2hex(tmp, 4 * s.len + 8, (const unsigned char *)s.p, s.len);
		buf_add_str(out, tmp);
	} else if (!strcmp(how, "s256")) {
		crypto_hash_sha256(hash, (const unsigned char *)s.p, s.len);
		sodium_bin2base64(tmp, 4 * s.len + 64, hash, sizeof(hash),
				  sodium_base64_VARIANT_URLSAFE_NO_PADDING);
		buf_add_str(out, tmp);
	} else if (!strcmp(how, "percent") || !strcmp(how, "unicode")) {
		for (i = 0; i < s.len; i++)
			buf_addf(out, how[0] == 'p' ? "%%%02X" : "\\u%04x", (unsigned char)s.p[i]);
	} else {
		die(c, "no encoding \"%s\"", how);
	}
	free(tmp);
}

static void add_segment(const struct compiler *c, struct payload *p, bool new_call, uint64_t lost)
{
	if (p->n == MAX_SEGMENTS)
		die(c, "more than %d pieces", MAX_SEGMENTS);
	p->seg[p->n++] = (struct segment){ p->text.len, 0, new_call, lost };
}

/* KIND:NAME, with [FROM:TO] and |ENCODING if wanted. */
static void add_value(struct compiler *c, struct payload *p, char *spec)
{
	char *how = strchr(spec, '|'), *slice = strchr(spec, '[');
	unsigned long from = 0, to;
	struct span s;
	char *end;

	if (how)
		*how++ = '\0';
	if (slice)
		*slice++ = '\0';
	s = span_str(value_of(c, spec));
	to = s.len;
	if (slice) {
		from = strtoul(slice, &end, 10);
		if (*end != ':')
			die(c, "a slice is [FROM:TO]");
		if (end[1] != ']')
			to = strtoul(end + 1, NULL, 10);
		if (from >= to || to > s.len)
			die(c, "slice outside of the value (%zu bytes)", s.len);
	}
	add_encoded(c, &p->text, span_sub(s, from, to - from), how ? how : "");
}

static void add_placeholder(struct compiler *c, struct payload *p, char *spec)
{
	if (!strcmp(spec, "|"))
		add_segment(c, p, true, 0);
	else if (!strcmp(spec, "+"))
		add_segment(c, p, false, 0);
	else if (!strncmp(spec, "gap:", 4))
		add_segment(c, p, false, strtoull(spec + 4, NULL, 10));
	else if (!strncmp(spec, "skip:", 5))
		add_segment(c, p, true, strtoull(spec + 5, NULL, 10));
	else if (!strncmp(spec, "fill:", 5))
		for (unsigned long n = strtoul(spec + 5, NULL, 10); n; n--)
			buf_add_byte(&p->text, n % 8 ? 'f' : ' ');
	else if (!strcmp(spec, "nul"))
		buf_add_byte(&p->text, '\0');
	else
		add_value(c, p, spec);
}

/* Expands {{...}}; the result is cut into segments at the markers. */
static void expand(struct compiler *c, const char *text, struct payload *p)
{
	char spec[160];

	add_segment(c, p, true, 0);
	while (*text) {
		const char *open = strstr(text, "{{");
		const char *close = open ? strstr(open, "}}") : NULL;

		if (!close) {
			buf_add_str(&p->text, text);
			break;
		}
		buf_add(&p->text, text, (size_t)(open - text));
		open += 2;
		if ((size_t)(close - open) >= sizeof(spec))
			die(c, "a placeholder is too long");
		memcpy(spec, open, (size_t)(close - open));
		spec[close - open] = '\0';
		add_placeholder(c, p, spec);
		text = close + 2;
	}
	for (size_t i = 0; i < p->n; i++)
		p->seg[i].len = (i + 1 < p->n ? p->seg[i + 1].off : p->text.len) - p->seg[i].off;
	if (p->text.err)
		die(c, "payload too long");
}

/* --- records ------------------------------------------------------------------------------------- */

static void fill_hdr(struct compiler *c, const cJSON *ev, enum bt_rec_kind kind, struct bt_hdr *h)
{
	uint32_t tgid = (uint32_t)get_num(c, ev, "tgid", c->root);
	const char *comm = get_str(c, ev, "comm", NULL);

	if (tgid < c->root || tgid - c->root >= MAX_LABELS)
		die(c, "tgid must be from %u to %u", c->root, c->root + MAX_LABELS - 1);
	if (comm)
		strncpy(c->comm[tgid - c->root], comm, BT_COMM_LEN);
	h->kind = (uint16_t)kind;
	h->time_ns = c->now_ns;
	h->start_ns = 1000000000u + tgid;
	h->tgid = tgid;
	h->tid = (uint32_t)get_num(c, ev, "tid", tgid);
	h->root = (uint32_t)get_num(c, ev, "root", c->root);
	h->uid = (uint32_t)get_num(c, ev, "uid", 1000);
	memcpy(h->comm, c->comm[tgid - c->root], BT_COMM_LEN);
}

/* One record: fixed part (its header's length is filled in here), then the tail. */
static void emit(struct compiler *c, void *fixed, size_t len, struct span tail)
{
	struct buf rec = BUF_INIT(0);
	uint32_t whole = (uint32_t)(len + tail.len);

	memcpy(fixed, &whole, sizeof(whole));
	buf_add(&rec, fixed, len);
	buf_add_span(&rec, tail);
	if (rec.err || rec_writer_add(c->out, buf_span(&rec)))
		die(c, "cannot add a record");
	buf_release(&rec);
}

static struct file *find_file(const struct compiler *c, const cJSON *ev)
{
	const char *label = get_str(c, ev, "file", "");

	for (size_t i = 0; i < c->n_files; i++) {
		if (!strcmp(c->files[i].label, label))
			return (struct file *)&c->files[i];
	}
	die(c, "no file \"%s\" was declared", label);
}

/* "body" of an HTTP message whose head is in "text": with the Content-Length that it has once expanded. */
static void add_body(struct compiler *c, const cJSON *ev, struct payload *p)
{
	const cJSON *json = cJSON_GetObjectItemCaseSensitive(ev, "json_body");
	char *printed = json ? cJSON_PrintUnformatted(json) : NULL;
	const char *text = printed ? printed : get_str(c, ev, "body", NULL);
	struct payload body = { .text = BUF_INIT(MAX_TEXT) };

	if (!text)
		return;
	expand(c, text, &body);
	if (json)
		buf_add_str(&p->text, "Content-Type: application/json\r\n");
	buf_addf(&p->text, "Content-Length: %zu\r\n\r\n", body.text.len);
	buf_add_span(&p->text, buf_span(&body.text));
	p->seg[p->n - 1].len = p->text.len - p->seg[p->n - 1].off;
	buf_release(&body.text);
	free(printed);
}

static void compile_data(struct compiler *c, const cJSON *ev)
{
	const cJSON *json = cJSON_GetObjectItemCaseSensitive(ev, "json");
	struct file *f = find_file(c, ev);
	bool in = !strcmp(get_str(c, ev, "dir", strcmp(f->label, "stdin") ? "out" : "in"), "in");
	const char *call = get_str(c, ev, "call", in ? "read" : "write");
	struct payload p = { .text = BUF_INIT(MAX_TEXT) };
	struct bt_rec_data r = { 0 };
	uint64_t off;

	if (json) {
		char *text = cJSON_PrintUnformatted(json);
		char *line;

		if (!text || asprintf(&line, "%s\n", text) < 0)
			abort();
		expand(c, line, &p);
		free(line);
		free(text);
	} else {
		expand(c, get_str(c, ev, "text", ""), &p);
		add_body(c, ev, &p);
	}
	fill_hdr(c, ev, BT_REC_DATA, &r.hdr);
	r.file = f->id;
	r.file.mode =
		(uint16_t)((f->id.mode & S_IFMT) | strtoul(get_str(c, ev, "mode", "0"), NULL, 8));
	if (!(r.file.mode & 07777))
		r.file.mode = f->id.mode;
	r.fd = (int32_t)get_num(c, ev, "fd", (uint64_t)f->fd);
	r.dir = in;
	for (r.call = 0; strcmp(event_call_name((enum bt_call)r.call), call) != 0; r.call++) {
		if (r.call == BT_CALL_MAX)
			die(c, "no call \"%s\"", call);
	}
	off = get_num(c, ev, "off", UINT64_MAX);
	for (size_t i = 0; i < p.n; i++) {
		struct segment *s = &p.seg[i];
		size_t done = 0;

		if (s->new_call) {
			r.call_off = r.call_len = 0;
			for (size_t j = i; j < p.n && (j == i || !p.seg[j].new_call); j++)
				r.call_len += p.seg[j].len + (j == i ? 0 : p.seg[j].lost);
			/* Lost in front of a call: a call of its own, of which nothing is known. */
			f->pos[in] += s->lost;
			s->lost = 0;
		}
		r.lost_len = (uint32_t)s->lost;
		f->pos[in] += s->lost;
		r.call_off += s->lost;
		do {
			size_t n = s->len - done < BT_CHUNK_LEN ? s->len - done : BT_CHUNK_LEN;

			r.pos = f->pos[in];
			r.off = off == UINT64_MAX ? off : off + r.call_off;
			r.data_len = (uint32_t)n;
			r.last = r.call_off + n == r.call_len;
			emit(c, &r, sizeof(r), span_of(p.text.p + s->off + done, n));
			r.lost_len = 0;
			r.call_off += n;
			f->pos[in] += n;
			done += n;
		} while (done < s->len);
	}
	buf_release(&p.text);
}

/* "203.0.113.5:443" or "[2001:db8::1]:443". */
static void parse_addr(const struct compiler *c, const char *text, uint8_t addr[16], uint16_t *port,
		       uint16_t *family)
{
	const char *colon = strrchr(text, ':');
	char host[64];

	if (!colon || (size_t)(colon - text) >= sizeof(host))
		die(c, "an address is HOST:PORT");
	*port = (uint16_t)strtoul(colon + 1, NULL, 10);
	*family = *text == '[' ? AF_INET6 : AF_INET;
	if (*text == '[')
		snprintf(host, sizeof(host), "%.*s", (int)(colon - text) - 2, text + 1);
	else
		snprintf(host, sizeof(host), "%.*s", (int)(colon - text), text);
	if (inet_pton(*family, host, addr) != 1)
		die(c, "no address: %s", host);
}

static uint32_t open_flags(const struct compiler *c, const cJSON *ev)
{
	const char *text = get_str(c, ev, "open", "write");

	if (!strcmp(text, "append"))
		return O_WRONLY | O_CREAT | O_APPEND;
	if (!strcmp(text, "write"))
		return O_WRONLY | O_CREAT | O_TRUNC;
	if (!strcmp(text, "read"))
		return O_RDONLY;
	if (!strcmp(text, "rdwr"))
		return O_RDWR;
	die(c, "\"open\" is append, write, read, or rdwr");
}

static uint16_t mode_of_type(unsigned int type)
{
	switch (type) {
	case BT_FILE_REG:
		return S_IFREG;
	case BT_FILE_PIPE:
		return S_IFIFO;
	case BT_FILE_TTY:
	case BT_FILE_CHR:
		return S_IFCHR;
	default:
		return S_IFSOCK;
	}
}

/* Declares a file object, or shows one that is known to another process. */
static struct file *declare(struct compiler *c, const cJSON *ev)
{
	const char *label = get_str(c, ev, "file", ""), *type = get_str(c, ev, "type", "file");
	struct file *f;
	unsigned int t;

	for (size_t i = 0; i < c->n_files; i++) {
		if (!strcmp(c->files[i].label, label))
			return &c->files[i];
	}
	if (c->n_files == MAX_LABELS || strlen(label) >= sizeof(f->label))
		die(c, "too many files");
	for (t = 0; strcmp(event_file_type_name(t), type) != 0; t++) {
		if (t == BT_FILE_TYPE_MAX)
			die(c, "no file type \"%s\"", type);
	}
	f = &c->files[c->n_files];
	snprintf(f->label, sizeof(f->label), "%s", label);
	f->id.ino = 7000 + c->n_files;
	f->id.type = (uint16_t)t;
	f->id.mode = (uint16_t)(mode_of_type(t) | strtoul(get_str(c, ev, "mode", "0600"), NULL, 8));
	f->id.dev = 8u << 20 | 1;
	f->id.obj = t == BT_FILE_REG || t == BT_FILE_TTY || t == BT_FILE_CHR
			    ? 0xffff000000000000u + 256 * c->n_files
			    : f->id.ino;
	c->n_files++;
	return f;
}

static void compile_file(struct compiler *c, const cJSON *ev)
{
	const char *peer = get_str(c, ev, "peer", NULL), *local = get_str(c, ev, "local", NULL);
	const char *path = get_str(c, ev, "path", "");
	struct file *f = declare(c, ev);
	struct bt_rec_file r = { 0 };

	fill_hdr(c, ev, BT_REC_FILE, &r.hdr);
	r.file = f->id;
	r.fd = (int32_t)get_num(c, ev, "fd", 9);
	f->fd = r.fd;
	if (f->id.type == BT_FILE_REG)
		r.open_flags = open_flags(c, ev);
	r.inode_uid = r.hdr.uid;
	r.nlink = 1;
	r.flags = get_bool(c, ev, "stdio") ? BT_FILE_STDIO : 0;
	if (get_bool(c, ev, "snapshot"))
		r.flags |= BT_FILE_SNAPSHOT;
	if (get_bool(c, ev, "accepted"))
		r.flags |= BT_FILE_ACCEPTED;
	if (get_bool(c, ev, "connected"))
		r.flags |= BT_FILE_CONNECTED;
	if (peer)
		parse_addr(c, peer, r.peer_addr, &r.peer_port, &r.sk_family);
	if (local)
		parse_addr(c, local, r.local_addr, &r.local_port, &r.sk_family);
	if (f->id.type == BT_FILE_UNIX)
		r.sk_family = AF_UNIX;
	if (r.sk_family) {
		r.sk_type = f->id.type == BT_FILE_UDP ? SOCK_DGRAM : SOCK_STREAM;
		r.sk_state = 1; /* TCP_ESTABLISHED */
	}
	r.path_len = (uint16_t)strlen(path);
	emit(c, &r, sizeof(r), span_str(path));
}

static void compile_exec(struct compiler *c, const cJSON *ev)
{
	const char *path = get_str(c, ev, "path", "/usr/bin/node");
	const char *base = strrchr(path, '/');
	struct bt_rec_exec r = { 0 };
	uint32_t tgid = (uint32_t)get_num(c, ev, "tgid", c->root);

	if (tgid >= c->root && tgid - c->root < MAX_LABELS)
		strncpy(c->comm[tgid - c->root], base ? base + 1 : path, BT_COMM_LEN);
	fill_hdr(c, ev, BT_REC_EXEC, &r.hdr);
	r.ppid = (uint32_t)get_num(c, ev, "ppid", tgid == c->root ? 1 : c->root);
	r.ns_pid = r.hdr.tgid;
	r.exe_ino = 500;
	r.path_len = (uint16_t)strlen(path);
	emit(c, &r, sizeof(r), span_str(path));
}

/* A server's start, in short: exec, and its three standard streams as "stdin", "stdout", "stderr". */
static void compile_server(struct compiler *c, const cJSON *ev)
{
	static const char *const labels[] = { "stdin", "stdout", "stderr" };
	const char *type = get_str(c, ev, "stdio", "pipe");

	compile_exec(c, ev);
	for (int fd = 0; fd < 3; fd++) {
		cJSON *file = cJSON_CreateObject();

		cJSON_AddStringToObject(file, "file", labels[fd]);
		cJSON_AddStringToObject(file, "type", type);
		cJSON_AddNumberToObject(file, "fd", fd);
		cJSON_AddBoolToObject(file, "stdio", true);
		compile_file(c, file);
		cJSON_Delete(file);
	}
}

/* "items": the strings of argv or of the environment. */
static void compile_args(struct compiler *c, const cJSON *ev)
{
	const cJSON *items = cJSON_GetObjectItemCaseSensitive(ev, "items"), *item;
	struct payload p = { .text = BUF_INIT(MAX_TEXT) };
	struct bt_rec_args r = { 0 };

	fill_hdr(c, ev, BT_REC_ARGS, &r.hdr);
	r.which = !strcmp(get_str(c, ev, "which", "argv"), "env") ? BT_ARGS_ENV : BT_ARGS_ARGV;
	cJSON_ArrayForEach(item, items)
	{
		struct payload one = { .text = BUF_INIT(MAX_TEXT) };

		if (!cJSON_IsString(item))
			die(c, "\"items\" are strings");
		expand(c, item->valuestring, &one);
		buf_add_span(&p.text, buf_span(&one.text));
		buf_add_byte(&p.text, '\0');
		buf_release(&one.text);
	}
	r.total_len = p.text.len;
	do {
		size_t left = p.text.len - r.off;

		r.data_len = (uint32_t)(left < BT_CHUNK_LEN ? left : BT_CHUNK_LEN);
		r.last = r.off + r.data_len == r.total_len;
		emit(c, &r, sizeof(r), span_of(p.text.p + r.off, r.data_len));
		r.off += r.data_len;
	} while (r.off < r.total_len);
	buf_release(&p.text);
}

static void compile_fork(struct compiler *c, const cJSON *ev)
{
	struct bt_rec_fork r = { 0 };

	fill_hdr(c, ev, BT_REC_FORK, &r.hdr);
	r.child_tgid = (uint32_t)get_num(c, ev, "child_tgid", c->root + 1);
	r.child_start_ns = 1000000000u + r.child_tgid;
	emit(c, &r, sizeof(r), SPAN_NONE);
}

static void compile_exit(struct compiler *c, const cJSON *ev)
{
	struct bt_rec_exit r = { 0 };

	fill_hdr(c, ev, BT_REC_EXIT, &r.hdr);
	r.status = (int32_t)get_num(c, ev, "status", 0);
	emit(c, &r, sizeof(r), SPAN_NONE);
}

/* Counters of the whole run: {"kind": "loss", "cause": "ring-window", "events": 2, "bytes": 400}. */
static void compile_loss(struct compiler *c, const cJSON *ev)
{
	const char *cause = get_str(c, ev, "cause", "");
	int i;

	for (i = 0; strcmp(event_loss_name((enum bt_loss)i), cause) != 0; i++) {
		if (i == BT_LOSS_MAX)
			die(c, "no cause of loss \"%s\"", cause);
	}
	c->totals.loss[i].events += get_num(c, ev, "events", 1);
	c->totals.loss[i].bytes += get_num(c, ev, "bytes", 0);
}

/* A record that no kernel program would write. */
static void compile_garbage(struct compiler *c, const cJSON *ev)
{
	struct bt_hdr h = { 0 };

	fill_hdr(c, ev, BT_REC_KIND_MAX, &h);
	emit(c, &h, sizeof(h), SPAN_NONE);
}

/*
 * A value of one's own: "text", encoded if wanted, or a JWT of "header" and "claims" with a random signature. A claim
 * "exp_in" or "iat_ago" becomes exp or iat, that many seconds from the case's beginning.
 */
static void compile_define(struct compiler *c, const cJSON *ev)
{
	cJSON *header = cJSON_GetObjectItemCaseSensitive(ev, "header");
	cJSON *claims = cJSON_GetObjectItemCaseSensitive(ev, "claims");
	const char *label = get_str(c, ev, "value", "");
	struct payload p = { .text = BUF_INIT(MAX_TEXT) };
	struct buf out = BUF_INIT(MAX_TEXT);
	struct value *v;

	if (c->n_values == MAX_LABELS || strlen(label) >= sizeof(v->label) || !*label)
		die(c, "too many values, or a label too long: %s", label);
	if (claims) {
		double now = (double)time(NULL);
		const cJSON *in = cJSON_GetObjectItemCaseSensitive(claims, "exp_in");
		const cJSON *ago = cJSON_GetObjectItemCaseSensitive(claims, "iat_ago");
		char *head = cJSON_PrintUnformatted(header), *body;

		if (in)
			cJSON_AddNumberToObject(claims, "exp", now + in->valuedouble);
		if (ago)
			cJSON_AddNumberToObject(claims, "iat", now - ago->valuedouble);
		body = cJSON_PrintUnformatted(claims);
		add_encoded(c, &out, span_str(head), "base64url");
		buf_add_byte(&out, '.');
		expand(c, body, &p);
		add_encoded(c, &out, buf_span(&p.text), "base64url");
		buf_add_byte(&out, '.');
		if (!get_bool(c, ev, "unsigned"))
			buf_add_str(&out, value_of(c, get_str(c, ev, "signature", "opaque43:sig")));
		free(head);
		free(body);
	} else {
		expand(c, get_str(c, ev, "text", ""), &p);
		add_encoded(c, &out, buf_span(&p.text), get_str(c, ev, "encode", ""));
	}
	v = &c->values[c->n_values++];
	snprintf(v->label, sizeof(v->label), "%s", label);
	v->text = out.p;
	v->is_public = get_bool(c, ev, "public");
	buf_release(&p.text);
}

static void compile_line(struct compiler *c, const char *text)
{
	static const struct {
		const char *kind;
		void (*compile)(struct compiler *c, const cJSON *ev);
	} kinds[] = {
		{ "data", compile_data },     { "file", compile_file },
		{ "exec", compile_exec },     { "args", compile_args },
		{ "fork", compile_fork },     { "exit", compile_exit },
		{ "loss", compile_loss },     { "garbage", compile_garbage },
		{ "server", compile_server }, { "define", compile_define },
	};
	cJSON *ev = cJSON_Parse(text);
	const char *kind;
	size_t i;

	if (!cJSON_IsObject(ev))
		die(c, "not a JSON object");
	kind = get_str(c, ev, "kind", "");
	c->now_ns += get_num(c, ev, "wait_ms", 0) * 1000000u + STEP_NS;
	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (!strcmp(kinds[i].kind, kind)) {
			kinds[i].compile(c, ev);
			cJSON_Delete(ev);
			return;
		}
	}
	die(c, "no kind of event \"%s\"", kind);
}

static void write_secrets(const struct compiler *c, const char *path)
{
	FILE *f = fopen(path, "w");

	if (!f)
		die(c, "%s: %m", path);
	for (size_t i = 0; i < c->n_values; i++)
		if (!c->values[i].is_public)
			fprintf(f, "%s\n", c->values[i].text);
	if (fclose(f))
		die(c, "%s: %m", path);
}

int main(int argc, char **argv)
{
	struct compiler c = { .root = 100, .now_ns = 5000000000u };
	struct rec_info info = { .root_tgid = 100 };
	struct buf text = BUF_INIT(MAX_TEXT);
	struct error err = { 0 };
	struct timespec now;
	char *line, *next;

	if (argc != 4) {
		fprintf(stderr, "usage: replay_case EVENTS.jsonl OUT.btrec OUT.secrets\n");
		return 2;
	}
	c.path = argv[1];
	if (sodium_init() < 0 || file_read_all(argv[1], MAX_TEXT, &text, &err))
		die(&c, "%s", err.text);
	/* As `attach` would have recorded it. */
	if (text.p && !strncmp(text.p, "# attach\n", 9)) {
		info.root_tgid = 0;
		info.late = 1;
	}
	clock_gettime(CLOCK_REALTIME, &now);
	info.boot_offset_ns = (uint64_t)now.tv_sec * 1000000000u;
	randombytes_buf(info.fingerprint_key, sizeof(info.fingerprint_key));
	umask(077);
	if (rec_writer_open(argv[2], &info, &c.out, &err))
		die(&c, "%s", err.text);
	for (line = text.p; line && *line; line = next) {
		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		c.line++;
		if (*line && *line != '#')
			compile_line(&c, line);
	}
	if (rec_writer_close(c.out, &c.totals, &err))
		die(&c, "%s", err.text);
	write_secrets(&c, argv[3]);
	buf_release(&text);
	for (size_t i = 0; i < c.n_values; i++)
		free(c.values[i].text);
	return 0;
}
