/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>

#include "detect/validate.h"
#include "flow/params.h"
#include "proto/json.h"
#include "proto/url.h"

static bool begin(struct params *p, struct span name)
{
	struct param *one;

	if (p->n == PARAMS_MAX)
		return false;
	one = &p->list[p->n];
	*one = (struct param){ .name = (uint32_t)p->text.len, .name_len = (uint32_t)name.len };
	if (buf_add_span(&p->text, name))
		return false;
	one->value = (uint32_t)p->text.len;
	return true;
}

static void finish(struct params *p)
{
	if (p->text.err)
		return;
	p->list[p->n].value_len = (uint32_t)p->text.len - p->list[p->n].value;
	p->n++;
}

int params_add_form(struct params *p, struct span form)
{
	struct form_pair pair;

	while (form_next(&form, &pair)) {
		if (!begin(p, pair.name))
			break;
		form_decode(pair.value, true, &p->text);
		finish(p);
	}
	return p->text.err == -ENOMEM ? -ENOMEM : 0;
}

int params_add_url(struct params *p, struct span url)
{
	size_t hash = span_find_byte(url, '#');
	struct span rest = hash == SIZE_MAX ? SPAN_NONE : span_sub(url, hash + 1, SIZE_MAX);
	size_t mark;
	int r;

	url = span_sub(url, 0, hash);
	mark = span_find_byte(url, '?');
	r = mark == SIZE_MAX ? 0 : params_add_form(p, span_sub(url, mark + 1, SIZE_MAX));
	return r ? r : params_add_form(p, rest);
}

struct json_to_params {
	struct params *p;
	bool open, full;
};

static void on_scalar(void *arg, const struct json *j, enum json_scalar type, struct span decoded,
		      uint64_t raw_off, bool first, bool last)
{
	struct json_to_params *c = arg;
	const struct json_step *path;
	size_t len;

	(void)raw_off;
	if (first) {
		path = json_path(j, &len);
		c->open = len && !path[0].is_index && type != JSON_NULL && !c->full &&
			  (len == 1 || (len == 2 && path[1].is_index));
		if (c->open && !begin(c->p, span_of(path[0].key, path[0].key_len))) {
			c->full = true;
			c->open = false;
		}
	}
	if (!c->open)
		return;
	buf_add_span(&c->p->text, decoded);
	if (last)
		finish(c->p);
}

int params_add_json(struct params *p, struct span text)
{
	static const struct json_ops ops = { .scalar = on_scalar };
	struct json_to_params c = { .p = p };
	struct json_result r;
	struct json *j;
	size_t n = p->n, i = 0;

	while (i < text.len && (text.p[i] == ' ' || (text.p[i] >= '\t' && text.p[i] <= '\r')))
		i++;
	if (i == text.len || text.p[i] != '{')
		return -EBADMSG;
	j = json_new(&ops, &c);
	if (!j)
		return -ENOMEM;
	r = json_feed(j, text);
	json_free(j);
	if (r.status != JSON_DONE) {
		p->n = n;
		return -EBADMSG;
	}
	p->json = true;
	return p->text.err == -ENOMEM ? -ENOMEM : 0;
}

void params_release(struct params *p)
{
	buf_release(&p->text);
	p->n = 0;
	p->json = false;
}

struct span params_name(const struct params *p, size_t i)
{
	return span_of(p->text.p + p->list[i].name, p->list[i].name_len);
}

struct span params_value(const struct params *p, size_t i)
{
	return span_of(p->text.p + p->list[i].value, p->list[i].value_len);
}

struct span params_get(const struct params *p, const char *name)
{
	for (size_t i = 0; i < p->n; i++) {
		if (span_eq_str(params_name(p, i), name))
			return params_value(p, i);
	}
	return SPAN_NONE;
}

bool params_has(const struct params *p, const char *name)
{
	return params_get(p, name).len > 0;
}

bool list_next(struct span *rest, struct span *item)
{
	size_t i = 0, from;

	while (i < rest->len && rest->p[i] == ' ')
		i++;
	from = i;
	while (i < rest->len && rest->p[i] != ' ')
		i++;
	*item = span_sub(*rest, from, i - from);
	*rest = span_sub(*rest, i, SIZE_MAX);
	return item->len > 0;
}

bool list_has(struct span list, const char *item)
{
	struct span one;

	while (list_next(&list, &one)) {
		if (span_eq_str(one, item))
			return true;
	}
	return false;
}

int64_t params_number(const struct params *p, const char *name)
{
	struct span s = params_get(p, name);
	int64_t n = 0;

	if (!s.len || s.len > 15)
		return -1;
	for (size_t i = 0; i < s.len; i++) {
		if (s.p[i] < '0' || s.p[i] > '9')
			return s.p[i] == '.' && i ? n : -1;
		n = n * 10 + (s.p[i] - '0');
	}
	return n;
}

static int add_part(struct span part, struct params *p)
{
	struct buf text = BUF_INIT_WIPE(PARAMS_MAX_BYTES);
	int r = -EBADMSG;

	if (base64_decode(part, &text))
		r = p ? params_add_json(p, buf_span(&text)) : 0;
	buf_release(&text);
	return r;
}

int jwt_params(struct span token, struct params *header, struct params *claims, bool *signed_)
{
	size_t a = span_find_byte(token, '.'), b;
	struct span rest;
	int r;

	if (a == SIZE_MAX || a < 8 || token.p[0] != 'e' || token.p[1] != 'y')
		return -EBADMSG;
	rest = span_sub(token, a + 1, SIZE_MAX);
	b = span_find_byte(rest, '.');
	if (b == SIZE_MAX || span_find_byte(span_sub(rest, b + 1, SIZE_MAX), '.') != SIZE_MAX)
		return -EBADMSG;
	r = add_part(span_sub(token, 0, a), header);
	if (!r)
		r = add_part(span_sub(rest, 0, b), claims);
	if (signed_)
		*signed_ = rest.len > b + 1;
	return r;
}
