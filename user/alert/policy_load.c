/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads catalogue and policy files. They may come from anybody: everything is checked, nothing is guessed. */
#include <errno.h>
#include <stdlib.h>

#include "alert/policy_read.h"
#include "detect/rules.h"

#define MAX_TITLE 120
#define MAX_WORDS 511 /* struct alert.why */
#define MAX_REFERENCE 200
#define MAX_REFERENCES 32

/* --- catalogue ----------------------------------------------------------------------------- */

static int read_references(const struct load *l, const char *const **ret)
{
	const cJSON *refs = cJSON_GetObjectItemCaseSensitive(l->item, "references"), *r;
	const char **list;
	size_t n = 0;

	if (cJSON_GetArraySize(refs) > MAX_REFERENCES)
		return policy_fault(l, "more than %d references; keep the ones that matter",
				    MAX_REFERENCES);
	cJSON_ArrayForEach(r, refs)
	{
		if (!policy_text_is_fit(r, MAX_REFERENCE))
			return policy_fault(l,
					    "a reference must be a text of 1 to %d bytes; mend it",
					    MAX_REFERENCE);
		n++;
	}
	list = calloc(n + 1, sizeof(*list));
	if (!list)
		return policy_no_memory(l);
	n = 0;
	cJSON_ArrayForEach(r, refs) list[n++] = r->valuestring;
	*ret = list;
	return 0;
}

static bool status_is_fit(const char *s)
{
	static const char *const with_reason[] = { "planned: ", "not observable: " };

	for (size_t i = 0; i < sizeof(with_reason) / sizeof(with_reason[0]); i++) {
		size_t n = strlen(with_reason[i]);

		if (!strncmp(s, with_reason[i], n) && s[n])
			return true;
	}
	return !strcmp(s, "implemented");
}

static int load_rule(struct load *l)
{
	static const struct member members[] = {
		{ "id", cJSON_String, true },       { "title", cJSON_String, true },
		{ "severity", cJSON_String, true }, { "family", cJSON_String, true },
		{ "status", cJSON_String, true },   { "why", cJSON_String, true },
		{ "fix", cJSON_String, true },      { "references", cJSON_Array, true },
		{ "limits", cJSON_String, false },
	};
	struct catalogue_entry e = { 0 };
	struct policy *p = l->p;
	size_t i;
	int r;

	r = policy_check_members(l, l->item, members, sizeof(members) / sizeof(members[0]));
	if (r || (r = policy_read_id(l, &e.id)) ||
	    (r = policy_read_text(l, "title", MAX_TITLE, &e.title)) ||
	    (r = policy_read_text(l, "why", MAX_WORDS, &e.why)) ||
	    (r = policy_read_text(l, "fix", MAX_WORDS, &e.fix)) ||
	    (r = policy_read_text(l, "family", 1, &e.family)) ||
	    (r = policy_read_text(l, "status", MAX_TITLE, &e.status)) ||
	    (r = policy_read_severity(l, &e.severity)))
		return r;
	if (cJSON_GetObjectItemCaseSensitive(l->item, "limits") &&
	    (r = policy_read_text(l, "limits", MAX_WORDS, &e.limits)))
		return r;
	if (e.family[0] < 'A' || e.family[0] > 'E')
		return policy_fault(l, "\"family\" is one of A to E");
	if (!status_is_fit(e.status))
		return policy_fault(l,
				    "\"status\" is \"implemented\", \"planned: REASON\" or \"not "
				    "observable: REASON\"");
	i = policy_entry_index(p, e.id);
	if (i == POLICY_NO_RULE) {
		r = policy_grow(l, (void **)&p->entries, p->n_entries, sizeof(e), POLICY_MAX_ITEMS);
		if (r)
			return r;
	}
	r = read_references(l, &e.references);
	if (r)
		return r;
	if (i == POLICY_NO_RULE)
		i = p->n_entries++;
	else
		free((void *)p->entries[i].references);
	p->entries[i] = e;
	return 0;
}

/* --- conditions ---------------------------------------------------------------------------- */

static const struct {
	const char *name;
	unsigned int mask;
} flag_names[] = {
	{ "group_readable", SINK_F_GROUP_READABLE },
	{ "world_readable", SINK_F_WORLD_READABLE },
	{ "others_readable", SINK_F_GROUP_READABLE | SINK_F_WORLD_READABLE },
	{ "shared_place", SINK_F_SHARED_PLACE },
	{ "loopback", SINK_F_LOOPBACK },
	{ "child", SINK_F_CHILD },
	{ "helper", SINK_F_HELPER },
	{ "inherited", SINK_F_INHERITED },
	{ "not_rpc", SINK_F_NOT_RPC },
	{ "learnt", SINK_F_LEARNT },
	{ "resource_link", SINK_F_RESOURCE_LINK },
	{ "memory_file", SINK_F_MEMORY_FILE },
	{ "tls", SINK_F_TLS },
	{ "private", SINK_F_PRIVATE },
	{ "spent", SINK_F_SPENT },
	{ "access_log", SINK_F_ACCESS_LOG },
	{ "url_mode", SINK_F_URL_MODE },
};

#define N_FLAG_NAMES (sizeof(flag_names) / sizeof(flag_names[0]))
_Static_assert(N_FLAG_NAMES <= POLICY_MAX_FLAGS, "a cell may ask for every flag");

/* Bits of one name: 0 when it is not known. */
typedef uint32_t (*bits_fn)(const struct load *l, const char *name);

static uint32_t sink_bits(const struct load *l, const char *name)
{
	enum sink_class c;

	if (name[0] == '@') {
		for (size_t i = 0; i < l->p->n_groups; i++) {
			if (!strcmp(l->p->groups[i].name, name + 1))
				return l->p->groups[i].sinks;
		}
		return 0;
	}
	return sink_class_parse(span_str(name), &c) ? 0 : 1u << c;
}

static uint32_t kind_bits(const struct load *l, const char *name)
{
	enum secret_kind k;

	return secret_kind_parse(span_str(name), &k) ? 0 : 1u << k;
}

static uint32_t encoding_bits(const struct load *l, const char *name)
{
	for (unsigned int i = 0; i < ENC_MAX; i++) {
		if (!strcmp(encoding_name((enum encoding)i), name))
			return 1u << i;
	}
	return 0;
}

/* A list of names, or "any". */
static int read_set(const struct load *l, const cJSON *v, const char *what, bits_fn bits,
		    uint32_t *ret)
{
	const cJSON *e;
	uint32_t set = 0;

	if (cJSON_IsString(v) && !strcmp(v->valuestring, "any")) {
		*ret = UINT32_MAX;
		return 0;
	}
	if (!cJSON_IsArray(v) || !v->child)
		return policy_fault(l, "\"%s\" is \"any\" or a list of names", what);
	cJSON_ArrayForEach(e, v)
	{
		uint32_t b = cJSON_IsString(e) ? bits(l, e->valuestring) : 0;

		if (!b)
			return policy_fault(l,
					    "\"%.40s\" is not a known %s; see policy.schema.json",
					    cJSON_IsString(e) ? e->valuestring : "?", what);
		set |= b;
	}
	*ret = set;
	return 0;
}

static int read_percent(const struct load *l, const cJSON *v, struct match *m)
{
	static const struct member members[] = {
		{ "min", cJSON_Number, false },
		{ "max", cJSON_Number, false },
	};
	const cJSON *min, *max;
	int r = policy_check_members(l, v, members, 2);

	if (r)
		return r;
	min = cJSON_GetObjectItemCaseSensitive(v, "min");
	max = cJSON_GetObjectItemCaseSensitive(v, "max");
	/* Written so that a NaN fails too. */
	if ((min && !(min->valuedouble >= 0 && min->valuedouble <= 100)) ||
	    (max && !(max->valuedouble >= 0 && max->valuedouble <= 100)))
		return policy_fault(l, "\"found_percent\" is from 0 to 100");
	m->percent_min = min ? (unsigned int)min->valuedouble : 0;
	m->percent_max = max ? (unsigned int)max->valuedouble : 100;
	return 0;
}

static int read_flags(const struct load *l, const cJSON *v, struct match *m)
{
	const cJSON *c;
	size_t i;

	cJSON_ArrayForEach(c, v)
	{
		for (i = 0; i < N_FLAG_NAMES && strcmp(flag_names[i].name, c->string) != 0; i++)
			;
		if (i == N_FLAG_NAMES || !cJSON_IsBool(c))
			return policy_fault(
				l,
				"\"%.40s\" in \"when\" is not a known flag with true or "
				"false; see policy.schema.json",
				c->string);
		if (m->n_flags == POLICY_MAX_FLAGS)
			return policy_fault(l, "\"when\" names a flag twice; keep one");
		m->flags[m->n_flags++] = (struct match_flag){ flag_names[i].mask, cJSON_IsTrue(c) };
	}
	return 0;
}

int policy_read_match(const struct load *l, struct match *m)
{
	const cJSON *v;
	int r = 0;

	*m = (struct match){ .sinks = UINT32_MAX,
			     .kinds = UINT32_MAX,
			     .encodings = UINT32_MAX,
			     .percent_max = 100,
			     .expired = -1 };
	if ((v = cJSON_GetObjectItemCaseSensitive(l->item, "sink")))
		r = read_set(l, v, "sink", sink_bits, &m->sinks);
	if (!r && (v = cJSON_GetObjectItemCaseSensitive(l->item, "secret")))
		r = read_set(l, v, "secret", kind_bits, &m->kinds);
	if (!r && (v = cJSON_GetObjectItemCaseSensitive(l->item, "encoding")))
		r = read_set(l, v, "encoding", encoding_bits, &m->encodings);
	if (!r && (v = cJSON_GetObjectItemCaseSensitive(l->item, "confidence")) &&
	    confidence_parse(span_str(v->valuestring), &m->confidence))
		r = policy_fault(
			l,
			"confidence \"%.40s\" is not known; use heuristic, pattern, verified or "
			"value",
			v->valuestring);
	if (!r && (v = cJSON_GetObjectItemCaseSensitive(l->item, "found_percent")))
		r = read_percent(l, v, m);
	if (!r && (v = cJSON_GetObjectItemCaseSensitive(l->item, "when")))
		r = read_flags(l, v, m);
	if ((v = cJSON_GetObjectItemCaseSensitive(l->item, "expired")))
		m->expired = cJSON_IsTrue(v);
	return r;
}

static int read_rule(const struct load *l, size_t *ret)
{
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(l->item, "rule");

	*ret = POLICY_NO_RULE;
	if (!v)
		return 0;
	*ret = policy_entry_index(l->p, v->valuestring);
	if (*ret == POLICY_NO_RULE)
		return policy_fault(
			l, "rule \"%.63s\" is not in the catalogue; see `beartrap rules list`",
			v->valuestring);
	return 0;
}

/* --- cells and adjustments ----------------------------------------------------------------- */

static int read_cell(const struct load *l, struct cell *ret)
{
	static const struct member members[] = {
		POLICY_MATCH_MEMBERS,
		{ "rule", cJSON_String, false },
		{ "verdict", cJSON_String, true },
		{ "severity", cJSON_String, false },
	};
	const cJSON *v;
	enum severity sev;
	int r = policy_check_members(l, l->item, members, sizeof(members) / sizeof(members[0]));

	if (r || (r = policy_read_id(l, &ret->id)) || (r = policy_read_match(l, &ret->match)) ||
	    (r = read_rule(l, &ret->rule)))
		return r;
	v = cJSON_GetObjectItemCaseSensitive(l->item, "verdict");
	ret->legal = !strcmp(v->valuestring, "legal");
	if (!ret->legal && strcmp(v->valuestring, "alert") != 0)
		return policy_fault(l, "\"verdict\" is \"legal\" or \"alert\"");
	ret->severity = -1;
	if (cJSON_GetObjectItemCaseSensitive(l->item, "severity")) {
		r = policy_read_severity(l, &sev);
		if (r)
			return r;
		ret->severity = (int)sev;
	}
	if (ret->legal != (ret->rule == POLICY_NO_RULE) || (ret->legal && ret->severity >= 0))
		return policy_fault(
			l, "\"alert\" needs a \"rule\"; \"legal\" has neither \"rule\" nor "
			   "\"severity\"");
	return 0;
}

/* New cells of one file stay in order, before those of the files before: `at` is where the next one goes. */
static int load_cell(struct load *l, size_t *at)
{
	struct policy *p = l->p;
	struct cell cell;
	int r = read_cell(l, &cell);

	if (r)
		return r;
	cell.user = p->built;
	for (size_t i = 0; i < p->n_cells; i++) {
		if (!strcmp(p->cells[i].id, cell.id)) {
			p->cells[i] = cell;
			return 0;
		}
	}
	r = policy_grow(l, (void **)&p->cells, p->n_cells, sizeof(cell), POLICY_MAX_ITEMS);
	if (r)
		return r;
	memmove(p->cells + *at + 1, p->cells + *at, (p->n_cells - *at) * sizeof(cell));
	p->cells[(*at)++] = cell;
	p->n_cells++;
	return 0;
}

static int load_adjustment(struct load *l)
{
	static const struct member members[] = {
		POLICY_MATCH_MEMBERS,
		{ "rule", cJSON_String, false },
		{ "lower", cJSON_Number, false },
	};
	struct policy *p = l->p;
	struct adjustment adj = { 0 };
	const cJSON *lower;
	int r = policy_check_members(l, l->item, members, sizeof(members) / sizeof(members[0]));

	if (r || (r = policy_read_id(l, &adj.id)) || (r = policy_read_match(l, &adj.match)) ||
	    (r = read_rule(l, &adj.rule)))
		return r;
	lower = cJSON_GetObjectItemCaseSensitive(l->item, "lower");
	if (lower && !(lower->valuedouble >= 1 && lower->valuedouble < SEV_MAX))
		return policy_fault(l, "\"lower\" is from 1 to %d", SEV_MAX - 1);
	if (lower)
		adj.lower = (unsigned int)lower->valuedouble;
	if (!lower && adj.rule == POLICY_NO_RULE)
		return policy_fault(l, "an adjustment has a \"rule\" or \"lower\"");
	return policy_put(l, (void **)&p->adjustments, &p->n_adjustments, &adj, sizeof(adj),
			  POLICY_MAX_ITEMS);
}

static int load_group(struct load *l, const cJSON *v)
{
	struct policy *p = l->p;
	struct group g = { .name = v->string };
	int r;

	if (!g.name[0])
		return policy_fault(l, "a group needs a name");
	r = read_set(l, v, "sink", sink_bits, &g.sinks);
	if (r)
		return r;
	return policy_put(l, (void **)&p->groups, &p->n_groups, &g, sizeof(g), POLICY_MAX_ITEMS);
}

/* --- files --------------------------------------------------------------------------------- */

static int load_items(struct load *l, const char *name, int (*load_one)(struct load *l, size_t *at))
{
	const cJSON *array = cJSON_GetObjectItemCaseSensitive(l->doc, name), *e;
	size_t at = 0;
	int r = 0;

	cJSON_ArrayForEach(e, array)
	{
		l->item = e;
		if (!cJSON_IsObject(e))
			r = policy_fault(
				l, "\"%s\" has an element that is not an object; remove it", name);
		else
			r = load_one(l, &at);
		if (r)
			break;
	}
	l->item = NULL;
	return r;
}

static int load_one_rule(struct load *l, size_t *at)
{
	return load_rule(l);
}

static int load_one_adjustment(struct load *l, size_t *at)
{
	return load_adjustment(l);
}

static int load_one_override(struct load *l, size_t *at)
{
	return policy_load_override(l);
}

static int load_doc(struct load *l)
{
	static const struct member members[] = {
		{ "$schema", cJSON_String, false },  { "kind", cJSON_String, true },
		{ "rules", cJSON_Array, false },     { "groups", cJSON_Object, false },
		{ "cells", cJSON_Array, false },     { "adjustments", cJSON_Array, false },
		{ "overrides", cJSON_Array, false },
	};
	const cJSON *kind, *g;
	int r;

	if (!cJSON_IsObject(l->doc))
		return policy_fault(l, "the file is not a JSON object");
	r = policy_check_members(l, l->doc, members, sizeof(members) / sizeof(members[0]));
	if (r)
		return r;
	kind = cJSON_GetObjectItemCaseSensitive(l->doc, "kind");
	if (strcmp(kind->valuestring, "catalogue") != 0 && strcmp(kind->valuestring, "policy") != 0)
		return policy_fault(l, "kind \"%.40s\" is not \"catalogue\" or \"policy\"",
				    kind->valuestring);
	r = load_items(l, "rules", load_one_rule);
	if (r)
		return r;
	cJSON_ArrayForEach(g, cJSON_GetObjectItemCaseSensitive(l->doc, "groups"))
	{
		r = load_group(l, g);
		if (r)
			return r;
	}
	r = load_items(l, "cells", load_cell);
	if (r)
		return r;
	r = load_items(l, "adjustments", load_one_adjustment);
	if (r)
		return r;
	return load_items(l, "overrides", load_one_override);
}

static unsigned int line_at(struct span text, const char *end)
{
	unsigned int line = 1;

	for (size_t i = 0; i < text.len && text.p + i < end; i++)
		line += text.p[i] == '\n';
	return line;
}

int policy_add_text(struct policy *p, const char *name, struct span text, struct error *err)
{
	struct load l = { .p = p, .name = name, .text = text, .err = err };
	const char *end = NULL;
	cJSON *doc;
	int r;

	if (text.len > RULES_MAX_FILE)
		return error_set(err, -EFBIG, "%s: over %u bytes; split it", name, RULES_MAX_FILE);
	r = policy_grow(&l, (void **)&p->docs, p->n_docs, sizeof(*p->docs), POLICY_MAX_DOCS);
	if (r)
		return r;
	doc = cJSON_ParseWithLengthOpts(text.p ? text.p : "", text.len, &end, false);
	while (doc && end < text.p + text.len && strchr(" \t\r\n", *end) && *end)
		end++;
	if (!doc || end != text.p + text.len) {
		cJSON_Delete(doc);
		return error_set(err, -EINVAL, "%s:%u: not valid JSON here; mend the syntax", name,
				 end ? line_at(text, end) : 1);
	}
	/* Kept also when it turns out to be at fault: what was read of it so far points into it. */
	p->docs[p->n_docs++].root = doc;
	l.doc = doc;
	return load_doc(&l);
}
