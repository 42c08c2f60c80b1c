/* SPDX-License-Identifier: BSD-2-Clause */
/* The values of a case, made afresh, and texts with placeholders for them. */
#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include "base/secmem.h"
#include "cases/compile.h"
#include "sample/tokens.h"

static struct case_value *add_slot(struct compiler *c, const char *label)
{
	struct case_value *v = &c->values[c->n_values];
	size_t len = strlen(label);

	if (c->n_values == CASE_MAX_LABELS || !len || len >= sizeof(v->label)) {
		case_fail(c, "too many values, or a label too long: %s", label);
		return NULL;
	}
	memcpy(v->label, label, len + 1);
	return v;
}

/* The value of that label, made at its first use. "" after a fault. */
static const char *value_of(struct compiler *c, const char *label)
{
	char kind[96];
	struct case_value *v;
	size_t i;

	for (i = 0; i < c->n_values; i++) {
		if (!strcmp(c->values[i].label, label))
			return c->values[i].text;
	}
	v = add_slot(c, label);
	if (!v)
		return "";
	i = strcspn(label, ":");
	memcpy(kind, label, i);
	kind[i] = '\0';
	for (i = 0; tok_kinds[i] && strcmp(tok_kinds[i], kind) != 0; i++)
		;
	if (!tok_kinds[i]) {
		case_fail(c, "no kind of secret \"%s\"", kind);
		return "";
	}
	v->text = tok_new(kind);
	c->n_values++;
	return v->text;
}

static void add_encoded(struct compiler *c, struct buf *out, struct span s, const char *how)
{
	unsigned char hash[crypto_hash_sha256_BYTES];
	size_t cap = 4 * s.len + 64, i;
	char *tmp;

	if (!*how) {
		buf_add_span(out, s);
		return;
	}
	tmp = malloc(cap);
	if (!tmp) {
		out->err = -ENOMEM;
		return;
	}
	if (!strcmp(how, "base64") || !strcmp(how, "base64url")) {
		sodium_bin2base64(tmp, cap, (const unsigned char *)s.p, s.len,
				  how[6] ? sodium_base64_VARIANT_URLSAFE_NO_PADDING
					 : sodium_base64_VARIANT_ORIGINAL);
		buf_add_str(out, tmp);
	} else if (!strcmp(how, "hex")) {
		sodium_bin2hex(tmp, cap, (const unsigned char *)s.p, s.len);
		buf_add_str(out, tmp);
	} else if (!strcmp(how, "s256")) {
		crypto_hash_sha256(hash, (const unsigned char *)s.p, s.len);
		sodium_bin2base64(tmp, cap, hash, sizeof(hash),
				  sodium_base64_VARIANT_URLSAFE_NO_PADDING);
		buf_add_str(out, tmp);
	} else if (!strcmp(how, "percent") || !strcmp(how, "unicode")) {
		for (i = 0; i < s.len; i++)
			buf_addf(out, how[0] == 'p' ? "%%%02X" : "\\u%04x", (unsigned char)s.p[i]);
	} else {
		case_fail(c, "no encoding \"%s\"", how);
	}
	wipe(tmp, cap);
	free(tmp);
}

static void add_segment(struct compiler *c, struct payload *p, bool new_call, uint64_t lost)
{
	if (p->n == CASE_MAX_SEGMENTS)
		case_fail(c, "more than %d pieces", CASE_MAX_SEGMENTS);
	else
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
			case_fail(c, "a slice is [FROM:TO]");
		else if (end[1] != ']')
			to = strtoul(end + 1, NULL, 10);
		if (from >= to || to > s.len) {
			case_fail(c, "slice outside of the value (%zu bytes)", s.len);
			return;
		}
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
		for (unsigned long n = strtoul(spec + 5, NULL, 10); n && !p->text.err; n--)
			buf_add_byte(&p->text, n % 8 ? 'f' : ' ');
	else if (!strcmp(spec, "nul"))
		buf_add_byte(&p->text, '\0');
	else
		add_value(c, p, spec);
}

void case_expand(struct compiler *c, const char *text, struct payload *p)
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
		if ((size_t)(close - open) >= sizeof(spec)) {
			case_fail(c, "a placeholder is too long");
			break;
		}
		memcpy(spec, open, (size_t)(close - open));
		spec[close - open] = '\0';
		add_placeholder(c, p, spec);
		text = close + 2;
	}
	for (size_t i = 0; i < p->n; i++)
		p->seg[i].len = (i + 1 < p->n ? p->seg[i + 1].off : p->text.len) - p->seg[i].off;
	if (p->text.err)
		case_fail(c, "payload too long");
}

/* base64url(header).base64url(claims).signature, RFC 7515 3.1. exp_in and iat_ago are seconds from the case's beginning. */
static void add_jwt(struct compiler *c, const cJSON *ev, cJSON *claims, struct buf *out)
{
	cJSON *header = cJSON_GetObjectItemCaseSensitive(ev, "header");
	const cJSON *in = cJSON_GetObjectItemCaseSensitive(claims, "exp_in");
	const cJSON *ago = cJSON_GetObjectItemCaseSensitive(claims, "iat_ago");
	struct payload p = PAYLOAD_INIT;
	char *head, *body;

	if (in)
		cJSON_AddNumberToObject(claims, "exp", (double)c->wall_s + in->valuedouble);
	if (ago)
		cJSON_AddNumberToObject(claims, "iat", (double)c->wall_s - ago->valuedouble);
	head = cJSON_PrintUnformatted(header);
	body = cJSON_PrintUnformatted(claims);
	if (!head || !body) {
		case_fail(c, "a JWT has a \"header\" and \"claims\"");
		goto out;
	}
	add_encoded(c, out, span_str(head), "base64url");
	buf_add_byte(out, '.');
	case_expand(c, body, &p);
	add_encoded(c, out, buf_span(&p.text), "base64url");
	buf_add_byte(out, '.');
	if (!case_bool(c, ev, "unsigned"))
		buf_add_str(out, value_of(c, case_str(c, ev, "signature", "opaque43:sig")));
out:
	buf_release(&p.text);
	free(head);
	free(body);
}

void case_define(struct compiler *c, const cJSON *ev)
{
	cJSON *claims = cJSON_GetObjectItemCaseSensitive(ev, "claims");
	struct payload p = PAYLOAD_INIT;
	struct buf out = BUF_INIT(CASE_MAX_TEXT);
	struct case_value *v;

	if (claims) {
		add_jwt(c, ev, claims, &out);
	} else {
		case_expand(c, case_str(c, ev, "text", ""), &p);
		add_encoded(c, &out, buf_span(&p.text), case_str(c, ev, "encode", ""));
	}
	buf_release(&p.text);
	v = c->failed ? NULL : add_slot(c, case_str(c, ev, "value", ""));
	if (!v || !out.p) {
		case_fail(c, "an empty value");
		buf_release(&out);
		return;
	}
	v->text = out.p;
	v->is_public = case_bool(c, ev, "public");
	c->n_values++;
}

void case_values_release(struct compiler *c)
{
	for (size_t i = 0; i < c->n_values; i++) {
		wipe(c->values[i].text, strlen(c->values[i].text));
		free(c->values[i].text);
	}
	c->n_values = 0;
}
