// SPDX-License-Identifier: BSD-2-Clause
#define PCRE2_CODE_UNIT_WIDTH 8
#include "detect/rules_int.h"

#include <dirent.h>
#include <errno.h>
#include <pcre2.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include "base/fileio.h"

#define RULES_MAX_DIR_FILES 256

size_t key_normalise(struct span name, char *out, size_t cap)
{
	size_t n = 0;

	for (size_t i = 0; i < name.len; i++) {
		char c = name.p[i];

		if (c == '_' || c == '-' || c == ' ')
			continue;
		if (n == cap)
			return 0;
		out[n++] = c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
	}
	return n;
}

int strings_add(struct strings *s, struct span text)
{
	char **v = realloc(s->v, (s->n + 1) * sizeof(*v));

	if (!v)
		return -ENOMEM;
	s->v = v;
	v[s->n] = strndup(text.p ? text.p : "", text.len);
	if (!v[s->n])
		return -ENOMEM;
	s->n++;
	return 0;
}

void strings_release(struct strings *s)
{
	for (size_t i = 0; i < s->n; i++)
		free(s->v[i]);
	free(s->v);
	s->v = NULL;
	s->n = 0;
}

struct rule *rule_free(struct rule *r)
{
	if (!r)
		return NULL;
	free(r->id);
	free(r->title);
	free(r->provider);
	free(r->file);
	free(r->contains);
	free(r->patterns);
	free(r->regex);
	free(r->anchor);
	pcre2_code_free(r->code);
	strings_release(&r->names);
	strings_release(&r->words);
	strings_release(&r->match);
	strings_release(&r->nomatch);
	free(r->match_line);
	free(r->nomatch_line);
	free(r);
	return NULL;
}

int rule_list_put(struct rule_list *l, struct rule *r)
{
	for (size_t i = 0; i < l->n; i++) {
		if (!strcmp(l->v[i]->id, r->id)) {
			rule_free(l->v[i]);
			l->v[i] = r;
			return 0;
		}
	}
	if (l->n == RULES_MAX)
		return -E2BIG;
	if (l->n == l->cap) {
		size_t cap = l->cap ? l->cap * 2 : 64;
		struct rule **v = realloc(l->v, cap * sizeof(struct rule *));

		if (!v)
			return -ENOMEM;
		l->v = v;
		l->cap = cap;
	}
	l->v[l->n++] = r;
	return 0;
}

static void rule_list_release(struct rule_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		rule_free(l->v[i]);
	free(l->v);
}

struct ruleset *ruleset_new(void)
{
	return calloc(1, sizeof(struct ruleset));
}

struct ruleset *ruleset_free(struct ruleset *rs)
{
	if (!rs)
		return NULL;
	rule_list_release(&rs->rules);
	rule_list_release(&rs->keys);
	strings_release(&rs->public_names);
	strings_release(&rs->examples);
	free(rs);
	return NULL;
}

static int add_file(struct ruleset *rs, const char *path, struct error *err)
{
	struct buf text = BUF_INIT(RULES_MAX_FILE);
	int r = file_read_all(path, RULES_MAX_FILE, &text, err);

	if (!r)
		r = ruleset_add_text(rs, path, buf_span(&text), err);
	buf_release(&text);
	return r;
}

static int is_json(const struct dirent *e)
{
	return e->d_name[0] != '.' && span_ends(span_str(e->d_name), SPAN_LIT(".json"));
}

int ruleset_add_path(struct ruleset *rs, const char *path, struct error *err)
{
	struct dirent **names = NULL;
	struct stat st;
	char file[4096];
	int n, r = 0;

	if (stat(path, &st))
		return error_set(err, -errno, "%s: %s; name a rule file or a directory of them",
				 path, strerror(errno));
	if (!S_ISDIR(st.st_mode))
		return add_file(rs, path, err);
	n = scandir(path, &names, is_json, alphasort);
	if (n < 0)
		return error_set(err, -errno, "%s: %s", path, strerror(errno));
	if (!n)
		r = error_set(err, -ENOENT, "%s: no *.json in it; put rule files there", path);
	else if (n > RULES_MAX_DIR_FILES)
		r = error_set(err, -E2BIG, "%s: more than %d rule files; join some", path,
			      RULES_MAX_DIR_FILES);
	for (int i = 0; i < n; i++) {
		if (!r && snprintf(file, sizeof(file), "%s/%s", path, names[i]->d_name) >=
				  (int)sizeof(file))
			r = error_set(err, -ENAMETOOLONG, "%s: path too long", path);
		if (!r)
			r = add_file(rs, file, err);
		free(names[i]);
	}
	free(names);
	return r;
}

int ruleset_add_builtin(struct ruleset *rs, struct error *err)
{
	const struct rules_builtin_file *f;
	size_t n;
	int r = 0;

	f = rules_builtin(&n);
	for (size_t i = 0; !r && i < n; i++) {
		if (!span_ends(span_str(f[i].name), SPAN_LIT(".schema.json")))
			r = ruleset_add_text(rs, f[i].name, f[i].text, err);
	}
	return r;
}

size_t ruleset_len(const struct ruleset *rs)
{
	return rs->rules.n + rs->keys.n;
}

static enum confidence rule_confidence(const struct rule *r)
{
	if (r->type == RULE_KEY)
		return CONF_HEURISTIC;
	return r->type == RULE_JWT || r->check != CHECK_NONE ? CONF_VERIFIED : CONF_PATTERN;
}

void ruleset_info(const struct ruleset *rs, size_t i, struct rule_info *ret)
{
	const struct rule *r = i < rs->rules.n ? rs->rules.v[i] : rs->keys.v[i - rs->rules.n];

	*ret = (struct rule_info){ .id = r->id,
				   .title = r->title,
				   .provider = r->provider,
				   .file = r->file,
				   .line = r->line,
				   .kind = r->kind,
				   .confidence = rule_confidence(r),
				   .check = r->type == RULE_JWT ? "jwt" : check_name(r->check) };
}
