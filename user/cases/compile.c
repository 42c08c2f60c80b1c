/* SPDX-License-Identifier: BSD-2-Clause */
#include "cases/compile.h"

#include <errno.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/secmem.h"

#define FIRST_NS 5000000000u /* CLOCK_BOOTTIME of the beginning */
#define STEP_NS 1000000u     /* between two events */
#define ROOT_TGID 100u
#define NS 1000000000u

static const char attach_mark[] = "# attach\n";

void case_fail(struct compiler *c, const char *fmt, ...)
{
	char text[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (!c->failed)
		c->failed = error_set(c->err, -EINVAL, "%s:%u: %s", c->path, c->line, text);
}

const char *case_str(struct compiler *c, const cJSON *ev, const char *name, const char *otherwise)
{
	const cJSON *m = cJSON_GetObjectItemCaseSensitive(ev, name);

	if (!m)
		return otherwise;
	if (cJSON_IsString(m))
		return m->valuestring;
	case_fail(c, "\"%s\" must be a string", name);
	return otherwise;
}

uint64_t case_num(struct compiler *c, const cJSON *ev, const char *name, uint64_t otherwise)
{
	const cJSON *m = cJSON_GetObjectItemCaseSensitive(ev, name);

	if (!m)
		return otherwise;
	if (cJSON_IsNumber(m) && m->valuedouble >= 0)
		return (uint64_t)m->valuedouble;
	case_fail(c, "\"%s\" must be a number", name);
	return otherwise;
}

bool case_bool(struct compiler *c, const cJSON *ev, const char *name)
{
	const cJSON *m = cJSON_GetObjectItemCaseSensitive(ev, name);

	if (m && !cJSON_IsBool(m))
		case_fail(c, "\"%s\" must be true or false", name);
	return cJSON_IsTrue(m);
}

static void compile_line(struct compiler *c, struct span text)
{
	static const struct {
		const char *kind;
		void (*compile)(struct compiler *c, const cJSON *ev);
	} kinds[] = {
		{ "data", case_data },     { "file", case_file },     { "exec", case_exec },
		{ "args", case_args },     { "fork", case_fork },     { "exit", case_exit },
		{ "rename", case_rename }, { "link", case_link },     { "unlink", case_unlink },
		{ "chmod", case_chmod },   { "loss", case_loss },     { "garbage", case_garbage },
		{ "server", case_server }, { "define", case_define }, { "cgroup", case_cgroup },
	};
	cJSON *ev = cJSON_ParseWithLength(text.p, text.len);
	const char *kind = case_str(c, ev, "kind", "");
	size_t i;

	c->now_ns += case_num(c, ev, "wait_ms", 0) * 1000000u + STEP_NS;
	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (!strcmp(kinds[i].kind, kind)) {
			kinds[i].compile(c, ev);
			break;
		}
	}
	if (!cJSON_IsObject(ev))
		case_fail(c, "not a JSON object");
	else if (i == sizeof(kinds) / sizeof(kinds[0]))
		case_fail(c, "no kind of event \"%s\"", kind);
	cJSON_Delete(ev);
}

void case_info(struct span events, uint64_t wall_ns, struct rec_info *ret)
{
	*ret = (struct rec_info){ .root_tgid = ROOT_TGID, .boot_offset_ns = wall_ns - FIRST_NS };
	/* As `attach` would have recorded it. */
	if (span_starts(events, SPAN_LIT(attach_mark))) {
		ret->root_tgid = 0;
		ret->late = 1;
	}
	randombytes_buf(ret->fingerprint_key, sizeof(ret->fingerprint_key));
}

int case_compile(const char *path, struct span events, const struct rec_info *info,
		 const struct case_out *out, struct rec_totals *totals, struct error *err)
{
	struct compiler *c = calloc(1, sizeof(*c));
	int ret;

	if (!c)
		return error_set(err, -ENOMEM, "out of memory for a case");
	c->path = path;
	c->out = out;
	c->err = err;
	c->root = ROOT_TGID;
	c->now_ns = FIRST_NS;
	c->wall_s = (int64_t)((info->boot_offset_ns + FIRST_NS) / NS);
	while (events.len && !c->failed) {
		size_t n = span_find_byte(events, '\n');
		struct span line = span_sub(events, 0, n);

		events = n == SIZE_MAX ? SPAN_NONE : span_sub(events, n + 1, SIZE_MAX);
		c->line++;
		if (line.len && line.p[0] != '#')
			compile_line(c, line);
	}
	ret = c->failed;
	if (!ret) {
		*totals = c->totals;
		for (size_t i = 0; i < c->n_values && out->secret; i++) {
			if (!c->values[i].is_public)
				out->secret(out->arg, c->values[i].text);
		}
	}
	case_values_release(c);
	free(c);
	return ret;
}
