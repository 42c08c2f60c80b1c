/* SPDX-License-Identifier: BSD-2-Clause */
/* Overrides: what a user has decided about findings, whatever found them, with the reason. */
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>

#include "alert/policy_read.h"

#define MAX_REASON (ALERT_REASON_LEN - 1)

/* --- reading ----------------------------------------------------------------------------------- */

/* A list of texts; of rules, each must be in the catalogue. */
static int read_list(const struct load *l, const char *name, bool rules, const cJSON **ret)
{
	const cJSON *list = cJSON_GetObjectItemCaseSensitive(l->item, name), *e;

	*ret = NULL;
	if (!list || (rules && cJSON_IsString(list) && !strcmp(list->valuestring, "any")))
		return 0;
	if (!cJSON_IsArray(list) || !list->child)
		return policy_fault(l, "\"%s\" is a list of %s%s", name,
				    rules ? "rules" : "names, in which * stands for anything",
				    rules ? ", or \"any\"" : "");
	cJSON_ArrayForEach(e, list)
	{
		if (!policy_text_is_fit(e, MAX_REASON))
			return policy_fault(l, "\"%s\" has an element that is no text", name);
		if (rules && policy_entry_index(l->p, e->valuestring) == POLICY_NO_RULE)
			return policy_fault(
				l,
				"rule \"%.63s\" is not in the catalogue; see `beartrap rules list`",
				e->valuestring);
	}
	*ret = list;
	return 0;
}

static int read_answer(const struct load *l, struct override *o)
{
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(l->item, "verdict");
	enum severity sev;
	int r;

	o->severity = -1;
	if (v && strcmp(v->valuestring, "legal") != 0)
		return policy_fault(l, "\"verdict\" is \"legal\"; or leave it out and give a "
				       "\"severity\"");
	if (!cJSON_GetObjectItemCaseSensitive(l->item, "severity"))
		return v ? 0
			 : policy_fault(l, "an override has a \"severity\", or \"verdict\": "
					   "\"legal\"");
	if (v)
		return policy_fault(l, "what is legal has no \"severity\"; keep one of them");
	r = policy_read_severity(l, &sev);
	o->severity = r ? -1 : (int)sev;
	return r;
}

int policy_load_override(struct load *l)
{
	static const struct member members[] = {
		POLICY_MATCH_MEMBERS,
		{ "host", cJSON_Array, false },
		{ "path", cJSON_Array, false },
		{ "tool", cJSON_Array, false },
		{ "exe", cJSON_Array, false },
		{ "verdict", cJSON_String, false },
		{ "severity", cJSON_String, false },
		{ "rule", 0, true },
		{ "reason", cJSON_String, true },
	};
	struct policy *p = l->p;
	struct override o = { 0 };
	int r;

	r = policy_check_members(l, l->item, members, sizeof(members) / sizeof(members[0]));
	if (r || (r = policy_read_id(l, &o.id)) ||
	    (r = policy_read_text(l, "reason", MAX_REASON, &o.reason)) ||
	    (r = policy_read_match(l, &o.match)) || (r = read_list(l, "rule", true, &o.rules)) ||
	    (r = read_list(l, "host", false, &o.hosts)) ||
	    (r = read_list(l, "path", false, &o.paths)) ||
	    (r = read_list(l, "tool", false, &o.tools)) ||
	    (r = read_list(l, "exe", false, &o.exes)) || (r = read_answer(l, &o)))
		return r;
	o.needs_secret = cJSON_GetObjectItemCaseSensitive(l->item, "secret") != NULL;
	return policy_put(l, (void **)&p->overrides, &p->n_overrides, &o, sizeof(o),
			  POLICY_MAX_OVERRIDES);
}

/* --- applying ---------------------------------------------------------------------------------- */

static bool in_list(const cJSON *list, const char *text)
{
	const cJSON *e;

	if (!list)
		return true;
	cJSON_ArrayForEach(e, list)
	{
		if (text[0] && !fnmatch(e->valuestring, text, 0))
			return true;
	}
	return false;
}

/* The host that was named, or the address behind it; either without its port. */
static bool host_fits(const cJSON *list, const struct sink *sink)
{
	const char *names[] = { sink->host, sink->peer };
	char bare[sizeof(sink->host)];

	if (!list)
		return true;
	for (size_t i = 0; i < 2; i++) {
		char *colon;

		snprintf(bare, sizeof(bare), "%s", names[i]);
		colon = strrchr(bare, ':');
		/* "[2001:db8::1]:443", and an IPv6 address alone. */
		if (colon && (bare[0] == '[' ? colon[-1] == ']' : strchr(bare, ':') == colon))
			*colon = '\0';
		if (in_list(list, bare))
			return true;
	}
	return false;
}

static bool applies(const struct override *o, const struct alert *a)
{
	if (!in_list(o->rules, a->rule) || !host_fits(o->hosts, &a->sink) ||
	    !in_list(o->paths, a->sink.path) || !in_list(o->tools, a->mcp.tool) ||
	    !in_list(o->exes, a->process.exe))
		return false;
	/* A finding about no secret is about none of those that are asked for. */
	if (o->needs_secret && !a->secret.fingerprint[0])
		return false;
	return policy_matches(&o->match, &a->secret, &a->sink, a->sink.flags);
}

int policy_override(const struct policy *p, struct alert *a)
{
	for (size_t i = 0; i < p->n_overrides; i++) {
		const struct override *o = &p->overrides[i];

		if (!applies(o, a))
			continue;
		snprintf(a->overridden_by, sizeof(a->overridden_by), "%s", o->id);
		snprintf(a->overridden_reason, sizeof(a->overridden_reason), "%s", o->reason);
		a->overridden_from = a->severity;
		if (o->severity >= 0)
			a->severity = (enum severity)o->severity;
		return (int)i;
	}
	return -1;
}

bool policy_override_is_legal(const struct policy *p, size_t i)
{
	return p->overrides[i].severity < 0;
}

size_t policy_overrides_len(const struct policy *p)
{
	return p->n_overrides;
}

const char *policy_override_id(const struct policy *p, size_t i)
{
	return p->overrides[i].id;
}

const char *policy_override_reason(const struct policy *p, size_t i)
{
	return p->overrides[i].reason;
}

int policy_override_find(const struct policy *p, const char *id)
{
	for (size_t i = 0; i < p->n_overrides; i++) {
		if (!strcmp(p->overrides[i].id, id))
			return (int)i;
	}
	return -1;
}

void policy_carry_overrides(const struct policy *from, const struct policy *to,
			    uint64_t counts[POLICY_MAX_OVERRIDES])
{
	uint64_t old[POLICY_MAX_OVERRIDES];

	memcpy(old, counts, sizeof(old));
	memset(counts, 0, sizeof(old));
	for (size_t i = 0; i < from->n_overrides; i++) {
		int k = policy_override_find(to, from->overrides[i].id);

		if (k >= 0)
			counts[k] = old[i];
	}
}
