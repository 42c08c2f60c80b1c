/* SPDX-License-Identifier: BSD-2-Clause */
/* File objects of a case, and the bytes that move through them. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "cases/compile.h"
#include "event/event.h"

static struct case_file *find_file(struct compiler *c, const cJSON *ev)
{
	const char *label = case_str(c, ev, "file", "");

	for (size_t i = 0; i < c->n_files; i++) {
		if (!strcmp(c->files[i].label, label))
			return &c->files[i];
	}
	case_fail(c, "no file \"%s\" was declared", label);
	return NULL;
}

/* "body" of an HTTP message whose head is in "text": with the Content-Length that it has once expanded. */
static void add_body(struct compiler *c, const cJSON *ev, struct payload *p)
{
	const cJSON *json = cJSON_GetObjectItemCaseSensitive(ev, "json_body");
	char *printed = json ? cJSON_PrintUnformatted(json) : NULL;
	const char *text = printed ? printed : case_str(c, ev, "body", NULL);
	struct payload body = PAYLOAD_INIT;

	if (!text)
		return;
	case_expand(c, text, &body);
	if (json)
		buf_add_str(&p->text, "Content-Type: application/json\r\n");
	buf_addf(&p->text, "Content-Length: %zu\r\n\r\n", body.text.len);
	buf_add_span(&p->text, buf_span(&body.text));
	p->seg[p->n - 1].len = p->text.len - p->seg[p->n - 1].off;
	buf_release(&body.text);
	free(printed);
}

void case_data(struct compiler *c, const cJSON *ev)
{
	const cJSON *json = cJSON_GetObjectItemCaseSensitive(ev, "json");
	struct case_file *f = find_file(c, ev);
	struct payload p = PAYLOAD_INIT;
	struct bt_rec_data r = { 0 };
	const char *call;
	char *text;
	uint64_t off;
	bool in;

	if (!f)
		return;
	in = !strcmp(case_str(c, ev, "dir", strcmp(f->label, "stdin") ? "out" : "in"), "in");
	call = case_str(c, ev, "call", in ? "read" : "write");
	if (json) {
		text = cJSON_PrintUnformatted(json);
		case_expand(c, text ? text : "", &p);
		free(text);
		buf_add_byte(&p.text, '\n');
		p.seg[p.n - 1].len++;
	} else {
		case_expand(c, case_str(c, ev, "text", ""), &p);
		add_body(c, ev, &p);
	}
	case_fill_hdr(c, ev, BT_REC_DATA, &r.hdr);
	r.file = f->id;
	r.file.mode =
		(uint16_t)((f->id.mode & S_IFMT) | strtoul(case_str(c, ev, "mode", "0"), NULL, 8));
	if (!(r.file.mode & 07777))
		r.file.mode = f->id.mode;
	r.fd = (int32_t)case_num(c, ev, "fd", (uint64_t)f->fd);
	r.dir = in;
	for (r.call = 0; strcmp(event_call_name((enum bt_call)r.call), call) != 0; r.call++) {
		if (r.call == BT_CALL_MAX - 1) {
			case_fail(c, "no call \"%s\"", call);
			break;
		}
	}
	off = case_num(c, ev, "off", UINT64_MAX);
	for (size_t i = 0; i < p.n && !c->failed; i++) {
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
			case_emit(c, &r, sizeof(r), span_of(p.text.p + s->off + done, n));
			r.lost_len = 0;
			r.call_off += n;
			f->pos[in] += n;
			done += n;
		} while (done < s->len);
	}
	buf_release(&p.text);
}

/* "203.0.113.5:443" or "[2001:db8::1]:443". */
static void parse_addr(struct compiler *c, const char *text, uint8_t addr[16], uint16_t *port,
		       uint16_t *family)
{
	const char *colon = strrchr(text, ':');
	char host[64];

	if (!colon || (size_t)(colon - text) >= sizeof(host)) {
		case_fail(c, "an address is HOST:PORT");
		return;
	}
	*port = (uint16_t)strtoul(colon + 1, NULL, 10);
	*family = *text == '[' ? AF_INET6 : AF_INET;
	if (*text == '[')
		snprintf(host, sizeof(host), "%.*s", (int)(colon - text) - 2, text + 1);
	else
		snprintf(host, sizeof(host), "%.*s", (int)(colon - text), text);
	if (inet_pton(*family, host, addr) != 1)
		case_fail(c, "no address: %s", host);
}

static uint32_t open_flags(struct compiler *c, const cJSON *ev)
{
	const char *text = case_str(c, ev, "open", "write");

	if (!strcmp(text, "append"))
		return O_WRONLY | O_CREAT | O_APPEND;
	if (!strcmp(text, "write"))
		return O_WRONLY | O_CREAT | O_TRUNC;
	if (!strcmp(text, "read"))
		return O_RDONLY;
	if (!strcmp(text, "rdwr"))
		return O_RDWR;
	case_fail(c, "\"open\" is append, write, read, or rdwr");
	return O_WRONLY;
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

static struct case_file *find_label(struct compiler *c, const char *label)
{
	for (size_t i = 0; i < c->n_files; i++) {
		if (!strcmp(c->files[i].label, label))
			return &c->files[i];
	}
	return NULL;
}

/* Declares a file object, or shows one that is known to another process. */
static struct case_file *declare(struct compiler *c, const cJSON *ev)
{
	const char *label = case_str(c, ev, "file", ""), *type = case_str(c, ev, "type", "file");
	struct case_file *like = find_label(c, case_str(c, ev, "object_of", ""));
	struct case_file *f = find_label(c, label);
	unsigned int t;

	if (f)
		return f;
	if (c->n_files == CASE_MAX_LABELS || strlen(label) >= sizeof(f->label)) {
		case_fail(c, "too many files");
		return NULL;
	}
	for (t = 0; strcmp(event_file_type_name(t), type) != 0; t++) {
		if (t == BT_FILE_TYPE_MAX - 1) {
			case_fail(c, "no file type \"%s\"", type);
			return NULL;
		}
	}
	f = &c->files[c->n_files];
	memcpy(f->label, label, strlen(label) + 1);
	f->id.ino = 7000 + c->n_files;
	f->id.type = (uint16_t)t;
	f->id.mode =
		(uint16_t)(mode_of_type(t) | strtoul(case_str(c, ev, "mode", "0600"), NULL, 8));
	f->id.dev = 8u << 20 | 1;
	f->id.obj = t == BT_FILE_REG || t == BT_FILE_TTY || t == BT_FILE_CHR
			    ? 0xffff000000000000u + 256 * c->n_files
			    : f->id.ino;
	if (like)
		f->id.obj = like->id.obj;
	if (t == BT_FILE_MEM) {
		f->id.obj = case_num(c, ev, "of", 1);
		f->id.ino = case_start_ns((uint32_t)f->id.obj);
		f->id.dev = c->root;
	}
	c->n_files++;
	return f;
}

void case_file(struct compiler *c, const cJSON *ev)
{
	const char *peer = case_str(c, ev, "peer", NULL), *local = case_str(c, ev, "local", NULL);
	const char *path = case_str(c, ev, "path", "");
	struct case_file *f = declare(c, ev), *over;
	struct bt_rec_file r = { 0 };

	if (!f)
		return;
	case_fill_hdr(c, ev, BT_REC_FILE, &r.hdr);
	r.file = f->id;
	r.fd = (int32_t)case_num(c, ev, "fd", 9);
	f->fd = r.fd;
	if (f->id.type == BT_FILE_REG)
		r.open_flags = open_flags(c, ev);
	r.inode_uid = r.hdr.uid;
	r.nlink = 1;
	r.flags = case_bool(c, ev, "stdio") ? BT_FILE_STDIO : 0;
	if (case_bool(c, ev, "snapshot"))
		r.flags |= BT_FILE_SNAPSHOT;
	if (case_bool(c, ev, "accepted"))
		r.flags |= BT_FILE_ACCEPTED;
	if (case_bool(c, ev, "connected"))
		r.flags |= BT_FILE_CONNECTED;
	if (peer)
		parse_addr(c, peer, r.peer_addr, &r.peer_port, &r.sk_family);
	if (local)
		parse_addr(c, local, r.local_addr, &r.local_port, &r.sk_family);
	over = find_label(c, case_str(c, ev, "over", ""));
	if (over) {
		r.sock_ino = over->id.ino;
		r.sock_dev = over->id.dev;
	}
	if (f->id.type == BT_FILE_UNIX)
		r.sk_family = AF_UNIX;
	if (r.sk_family) {
		r.sk_type = f->id.type == BT_FILE_UDP ? SOCK_DGRAM : SOCK_STREAM;
		r.sk_state = 1; /* TCP_ESTABLISHED */
	}
	r.path_len = (uint16_t)strlen(path);
	case_emit(c, &r, sizeof(r), span_str(path));
}

/* A server's start, in short: exec, and its three standard streams as "stdin", "stdout", "stderr". */
void case_server(struct compiler *c, const cJSON *ev)
{
	static const char *const labels[] = { "stdin", "stdout", "stderr" };
	const char *type = case_str(c, ev, "stdio", "pipe");

	case_exec(c, ev);
	for (int fd = 0; fd < 3; fd++) {
		cJSON *file = cJSON_CreateObject();

		cJSON_AddStringToObject(file, "file", labels[fd]);
		cJSON_AddStringToObject(file, "type", type);
		cJSON_AddNumberToObject(file, "fd", fd);
		cJSON_AddBoolToObject(file, "stdio", true);
		case_file(c, file);
		cJSON_Delete(file);
	}
}

/* Of the file labelled so, when there is a label: what the loader finds under its name. */
static void emit_name(struct compiler *c, const cJSON *ev, uint16_t what)
{
	struct case_file *f = find_label(c, case_str(c, ev, "file", ""));
	const char *old = case_str(c, ev, "old", "");
	struct payload p = PAYLOAD_INIT;
	struct bt_rec_name r = { 0 };

	case_fill_hdr(c, ev, BT_REC_NAME, &r.hdr);
	r.what = what;
	r.mode = (uint16_t)strtoul(case_str(c, ev, "mode", "0"), NULL, 8);
	if (f && what == BT_NAME_MODE)
		f->id.mode = (uint16_t)((f->id.mode & S_IFMT) | r.mode);
	if (f)
		r.file = f->id;
	case_expand(c, case_str(c, ev, "path", ""), &p);
	r.path_len = (uint16_t)p.text.len;
	r.old_len = (uint16_t)strlen(old);
	buf_add_str(&p.text, old);
	case_emit(c, &r, sizeof(r), buf_span(&p.text));
	buf_release(&p.text);
}

void case_rename(struct compiler *c, const cJSON *ev)
{
	emit_name(c, ev, BT_NAME_RENAME);
}

void case_link(struct compiler *c, const cJSON *ev)
{
	emit_name(c, ev, BT_NAME_LINK);
}

void case_unlink(struct compiler *c, const cJSON *ev)
{
	emit_name(c, ev, BT_NAME_UNLINK);
}

void case_chmod(struct compiler *c, const cJSON *ev)
{
	emit_name(c, ev, BT_NAME_MODE);
}
