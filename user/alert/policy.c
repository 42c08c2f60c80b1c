/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <sodium.h>

#include "alert/policy_internal.h"
#include "detect/rules.h"

static int add_builtin(struct policy *p, const char *name, struct error *err)
{
	size_t n;
	const struct rules_builtin_file *files = rules_builtin(&n);

	for (size_t i = 0; i < n; i++) {
		if (!strcmp(files[i].name, name))
			return policy_add_text(p, name, files[i].text, err);
	}
	return error_set(err, -ENOENT, "this beartrap was built without %s", name);
}

struct policy *policy_empty(void)
{
	return calloc(1, sizeof(struct policy));
}

int policy_new(struct policy **ret, struct error *err)
{
	struct policy *p = policy_empty();
	int r;

	if (!p)
		return error_set(err, -ENOMEM, "out of memory");
	r = add_builtin(p, "catalogue.json", err);
	if (!r)
		r = add_builtin(p, "policy.json", err);
	if (r) {
		policy_free(p);
		return r;
	}
	p->built = true;
	*ret = p;
	return 0;
}

struct policy *policy_free(struct policy *p)
{
	if (!p)
		return NULL;
	for (size_t i = 0; i < p->n_entries; i++)
		free((void *)p->entries[i].references);
	for (size_t i = 0; i < p->n_docs; i++)
		cJSON_Delete(p->docs[i].root);
	free(p->docs);
	free(p->entries);
	free(p->cells);
	free(p->adjustments);
	free(p->groups);
	free(p->overrides);
	free(p);
	return NULL;
}

/* How much of a known value was found; all of it when nothing says otherwise. Never 100 for a part. */
static unsigned int found_percent(const struct redacted *s)
{
	if (!s->whole_len || s->part_len >= s->whole_len)
		return 100;
	return (unsigned int)((uint64_t)s->part_len * 100 / s->whole_len);
}

bool policy_matches(const struct match *m, const struct redacted *secret, const struct sink *sink,
		    unsigned int sink_flags)
{
	unsigned int percent = found_percent(secret);

	if (!(m->sinks >> sink->class & 1) || !(m->kinds >> secret->kind & 1) ||
	    !(m->encodings >> secret->encoding & 1))
		return false;
	if (secret->confidence < m->confidence || percent < m->percent_min ||
	    percent > m->percent_max)
		return false;
	if (m->expired >= 0 && secret->expired != (bool)m->expired)
		return false;
	for (size_t i = 0; i < m->n_flags; i++) {
		if (((sink_flags & m->flags[i].mask) != 0) != m->flags[i].set)
			return false;
	}
	return true;
}

static unsigned int flags_of(const struct redacted *secret, const struct sink *sink)
{
	return sink->flags | (secret->known_id ? SINK_F_LEARNT : 0);
}

static const struct cell *decide(const struct policy *p, const struct redacted *secret,
				 const struct sink *sink)
{
	unsigned int flags = flags_of(secret, sink);

	for (size_t i = 0; i < p->n_cells; i++) {
		if (policy_matches(&p->cells[i].match, secret, sink, flags))
			return &p->cells[i];
	}
	return NULL;
}

static void fill(const struct policy *p, size_t rule, unsigned int severity, struct alert *alert)
{
	unsigned char rnd[16];

	randombytes_buf(rnd, sizeof(rnd));
	sodium_bin2hex(alert->id, sizeof(alert->id), rnd, sizeof(rnd));
	snprintf(alert->rule, sizeof(alert->rule), "%s", p->entries[rule].id);
	snprintf(alert->why, sizeof(alert->why), "%s", p->entries[rule].why);
	alert->severity = (enum severity)severity;
}

/* The user's own cell for such a place; the built-in ones leave it to the checks what HTTP may hold. */
static const struct cell *user_cell(const struct policy *p, const struct redacted *secret,
				    const struct sink *sink)
{
	unsigned int flags = flags_of(secret, sink);

	for (size_t i = 0; i < p->n_cells; i++) {
		if (p->cells[i].user && policy_matches(&p->cells[i].match, secret, sink, flags))
			return &p->cells[i];
	}
	return NULL;
}

enum verdict policy_found(const struct policy *p, const char *rule, int severity,
			  const struct redacted *secret, const struct sink *sink,
			  struct alert *alert)
{
	const struct cell *cell = secret ? user_cell(p, secret, sink) : NULL;
	size_t i = policy_entry_index(p, rule);

	if (i == POLICY_NO_RULE || (cell && cell->legal))
		return VERDICT_LEGAL;
	if (cell && cell->rule == i && cell->severity >= 0)
		severity = cell->severity;
	fill(p, i, severity >= 0 ? (unsigned int)severity : p->entries[i].severity, alert);
	if (secret)
		alert->secret = *secret;
	alert->sink = *sink;
	return VERDICT_ALERT;
}

enum verdict policy_judge(const struct policy *p, const struct redacted *secret,
			  const struct sink *sink, struct alert *alert)
{
	const struct cell *cell = decide(p, secret, sink);
	unsigned int flags = flags_of(secret, sink), severity;
	size_t rule;

	if (!cell || cell->legal)
		return VERDICT_LEGAL;
	rule = cell->rule;
	severity = cell->severity >= 0 ? (unsigned int)cell->severity : p->entries[rule].severity;
	for (size_t i = 0; i < p->n_adjustments; i++) {
		const struct adjustment *adj = &p->adjustments[i];

		if (!policy_matches(&adj->match, secret, sink, flags))
			continue;
		if (adj->rule != POLICY_NO_RULE)
			rule = adj->rule;
		severity -= adj->lower < severity ? adj->lower : severity;
	}
	fill(p, rule, severity, alert);
	alert->secret = *secret;
	alert->sink = *sink;
	alert->sink.flags = flags;
	return VERDICT_ALERT;
}

size_t policy_catalogue_len(const struct policy *p)
{
	return p->n_entries;
}

const struct catalogue_entry *policy_catalogue_at(const struct policy *p, size_t i)
{
	return i < p->n_entries ? &p->entries[i] : NULL;
}

size_t policy_entry_index(const struct policy *p, const char *id)
{
	for (size_t i = 0; i < p->n_entries; i++) {
		if (!strcmp(p->entries[i].id, id))
			return i;
	}
	return POLICY_NO_RULE;
}

const struct catalogue_entry *policy_catalogue_find(const struct policy *p, const char *id)
{
	size_t i = policy_entry_index(p, id);

	return i == POLICY_NO_RULE ? NULL : &p->entries[i];
}

const char *policy_deciding_cell(const struct policy *p, const struct redacted *secret,
				 const struct sink *sink)
{
	const struct cell *cell = decide(p, secret, sink);

	return cell ? cell->id : NULL;
}

size_t policy_cells_len(const struct policy *p)
{
	return p->n_cells;
}

const char *policy_cell_id(const struct policy *p, size_t i)
{
	return i < p->n_cells ? p->cells[i].id : NULL;
}
