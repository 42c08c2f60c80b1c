/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdio.h>

#include "base/procfs.h"
#include "proc/cgroup.h"

#define ID_LEN 64   /* of a container: SHA-256 in hex, as all runtimes have it */
#define TASK_LEN 32 /* of a task of ECS */

static bool is_hex(struct span s, size_t len)
{
	if (!s.p || s.len != len)
		return false;
	for (size_t i = 0; i < s.len; i++)
		if (!((s.p[i] >= '0' && s.p[i] <= '9') || (s.p[i] >= 'a' && s.p[i] <= 'f')))
			return false;
	return true;
}

/* Letters, digits and what systemd.unit(5) and lxc allow beside them. */
static bool is_name(struct span s)
{
	for (size_t i = 0; i < s.len; i++) {
		char c = s.p[i];

		if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		      (c && strchr(":-_.\\@", c))))
			return false;
	}
	return s.len != 0;
}

static void put(struct span s, char *ret, size_t len)
{
	if (s.p && s.len < len) {
		memcpy(ret, s.p, s.len);
		ret[s.len] = '\0';
	}
}

/* The first name of `*path`, which is moved on; false at the end. Empty names are passed over. */
static bool next_name(struct span *path, struct span *ret)
{
	while (path->len) {
		size_t end = span_find_byte(*path, '/');

		*ret = span_sub(*path, 0, end);
		*path = span_sub(*path, end == SIZE_MAX ? path->len : end + 1, SIZE_MAX);
		if (ret->len)
			return true;
	}
	return false;
}

/* --- containers --------------------------------------------------------------------------------- */

/* What is behind the prefix, without ".scope" or ".service" at its end. */
static bool strip(struct span name, const char *prefix, struct span *ret)
{
	if (!span_starts(name, span_str(prefix)))
		return false;
	*ret = span_sub(name, strlen(prefix), SIZE_MAX);
	if (span_ends(*ret, SPAN_LIT(".scope")))
		ret->len -= sizeof(".scope") - 1;
	else if (span_ends(*ret, SPAN_LIT(".service")))
		ret->len -= sizeof(".service") - 1;
	return true;
}

/*
 * Of docker, podman, nerdctl, containerd, CRI-O, with systemd's scopes ("docker-ID.scope") or without ("libpod-ID"); the ID alone
 * below a directory of theirs ("/docker/ID", "/kubepods/burstable/podUID/ID"); containerd's "SLICE:cri-containerd:ID". A
 * "...-conmon-ID" is the process beside the container.
 */
static bool find_id(struct span name, struct span *ret)
{
	size_t cut = SIZE_MAX;

	for (size_t i = 0; i < name.len; i++)
		if (name.p[i] == ':' || name.p[i] == '-')
			cut = i;
	if (span_find(name, SPAN_LIT("conmon-")) != SIZE_MAX)
		return false;
	if (cut != SIZE_MAX)
		name = span_sub(name, cut + 1, SIZE_MAX);
	(void)strip(name, "", ret);
	return is_hex(*ret, ID_LEN);
}

/* "/ecs/TASK/TASK-NUMBER" of ECS on Fargate. */
static bool is_task(struct span parent, struct span name)
{
	return is_hex(parent, TASK_LEN) && name.len > TASK_LEN && span_starts(name, parent) &&
	       name.p[TASK_LEN] == '-';
}

/* Containers that have names: LXC's, systemd-nspawn's. `parent`: the name before. */
static bool find_name(struct span parent, struct span name, struct span *ret)
{
	if (strip(name, "lxc.payload.", ret) || strip(name, "systemd-nspawn@", ret))
		return is_name(*ret);
	if (span_eq_str(parent, "ecs") || span_eq_str(parent, "lxc") ||
	    span_eq_str(parent, "lxc.payload")) {
		*ret = name;
		return is_name(*ret);
	}
	*ret = name;
	return is_task(parent, name) && is_name(name);
}

/* The innermost one counts: a container in a container is where the process is. */
static void find_container(struct span path, char *ret, size_t len)
{
	struct span name, parent = SPAN_NONE, found = SPAN_NONE;

	while (next_name(&path, &name)) {
		if (find_id(name, &found) || find_name(parent, name, &found))
			put(found, ret, len);
		parent = name;
	}
}

/* --- units -------------------------------------------------------------------------------------- */

static bool has_suffix(struct span name, const char *suffix)
{
	return name.len > strlen(suffix) && span_ends(name, span_str(suffix));
}

/* The kinds of units that have cgroups and processes. */
static bool is_unit(struct span name)
{
	static const char *const suffixes[] = { ".service", ".scope", ".socket", ".mount",
						".swap" };

	if (!is_name(name))
		return false;
	for (size_t i = 0; i < sizeof(suffixes) / sizeof(*suffixes); i++)
		if (has_suffix(name, suffixes[i]))
			return true;
	return false;
}

/* The unit that `*path` begins with, behind its slices; moved on. */
static bool next_unit(struct span *path, struct span *ret)
{
	while (next_name(path, ret)) {
		if (has_suffix(*ret, ".slice"))
			continue;
		/* So written when it could be taken for a file of the kernel's. */
		if (span_starts(*ret, SPAN_LIT("_")))
			*ret = span_sub(*ret, 1, SIZE_MAX);
		return is_unit(*ret);
	}
	return false;
}

static void find_unit(struct span path, char *ret, size_t len)
{
	struct span unit;

	if (!next_unit(&path, &unit))
		return;
	put(unit, ret, len);
	/* A user's manager has units of its own. */
	if (span_starts(unit, SPAN_LIT("user@")) && next_unit(&path, &unit))
		put(unit, ret, len);
}

void cgroup_identify(struct span path, struct cgroup_identity *ret)
{
	memset(ret, 0, sizeof(*ret));
	find_container(path, ret->container, sizeof(ret->container));
	find_unit(path, ret->unit, sizeof(ret->unit));
}

/* --- lines -------------------------------------------------------------------------------------- */

static int worth(struct span path, struct span controllers)
{
	int tree = !controllers.len ? 2 : span_eq_str(controllers, "name=systemd") ? 1 : 0;
	struct cgroup_identity id;

	cgroup_identify(path, &id);
	return (id.container[0] ? 9 : id.unit[0] ? 6 : path.len > 1 ? 3 : 0) + tree;
}

struct span cgroup_path(struct span text)
{
	struct span line, best = SPAN_NONE;
	int best_worth = -1;

	while (procfs_line(&text, &line)) {
		size_t first = span_find_byte(line, ':'), second;
		struct span controllers, path;
		int w;

		if (first == SIZE_MAX)
			continue;
		path = span_sub(line, first + 1, SIZE_MAX);
		second = span_find_byte(path, ':');
		if (second == SIZE_MAX)
			continue;
		controllers = span_sub(path, 0, second);
		path = span_sub(path, second + 1, SIZE_MAX);
		if (span_ends(path, SPAN_LIT(" (deleted)")))
			path.len -= sizeof(" (deleted)") - 1;
		if (!path.p || !path.len || path.p[0] != '/')
			continue;
		w = worth(path, controllers);
		if (w > best_worth) {
			best_worth = w;
			best = path;
		}
	}
	return best;
}
