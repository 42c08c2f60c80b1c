/* SPDX-License-Identifier: BSD-2-Clause */
#include <fcntl.h>
#include <stdio.h>

#include "alert/place.h"

static struct span base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return span_str(slash ? slash + 1 : path);
}

static bool starts(const char *path, const char *prefix)
{
	return span_starts(span_str(path), span_str(prefix));
}

static bool holds(struct span name, const char *word)
{
	return span_find_nocase(name, span_str(word)) != SIZE_MAX;
}

static bool is_log_file(const char *path, unsigned int open_flags)
{
	struct span name = base_name(path);

	return open_flags & O_APPEND || starts(path, "/var/log/") ||
	       span_ends_nocase(name, SPAN_LIT(".log")) ||
	       span_ends_nocase(name, SPAN_LIT(".out")) || holds(name, ".log.") ||
	       holds(name, "debug") || holds(name, "trace");
}

/* Directories of which many have a copy: packages, checkouts, synced folders, what a web server serves. */
static const char *const shared_dirs[] = {
	"node_modules", "site-packages", "dist-packages", ".git",         ".venv",       "venv",
	"Dropbox",      "OneDrive",      "Nextcloud",     "Google Drive", "public_html",
};
/* Where people keep their work trees, right under the home directory. */
static const char *const work_dirs[] = { "src", "code", "projects",  "repos",
					 "git", "work", "workspace", "workspaces" };

static bool in_list(struct span name, const char *const *list, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (span_eq_str(name, list[i]))
			return true;
	}
	return false;
}

/* Cuts the next directory off `rest`; false when only a file name is left. */
static bool next_dir(struct span *rest, struct span *dir)
{
	size_t slash = span_find_byte(*rest, '/');

	if (slash == SIZE_MAX)
		return false;
	*dir = span_sub(*rest, 0, slash);
	*rest = span_sub(*rest, slash + 1, SIZE_MAX);
	return true;
}

static bool in_work_tree(const char *path)
{
	struct span rest, dir;

	if (starts(path, "/workspace/") || starts(path, "/workspaces/") ||
	    starts(path, "/usr/src/"))
		return true;
	if (starts(path, "/root/")) {
		rest = span_str(path + strlen("/root/"));
	} else if (starts(path, "/home/")) {
		rest = span_str(path + strlen("/home/"));
		if (!next_dir(&rest, &dir)) /* the user's name */
			return false;
	} else {
		return false;
	}
	return next_dir(&rest, &dir) &&
	       in_list(dir, work_dirs, sizeof(work_dirs) / sizeof(work_dirs[0]));
}

static bool is_shared_place(const char *path)
{
	struct span rest = span_str(path), dir;

	if (starts(path, "/tmp/") || starts(path, "/var/tmp/") || starts(path, "/dev/shm/") ||
	    in_work_tree(path))
		return true;
	while (next_dir(&rest, &dir)) {
		if (in_list(dir, shared_dirs, sizeof(shared_dirs) / sizeof(shared_dirs[0])))
			return true;
	}
	return false;
}

void sink_of_file(struct sink *ret, const char *path, unsigned int mode, unsigned int open_flags)
{
	ret->class = is_log_file(path, open_flags) ? SINK_LOG_FILE : SINK_FILE;
	ret->flags &= ~(SINK_F_GROUP_READABLE | SINK_F_WORLD_READABLE | SINK_F_SHARED_PLACE |
			SINK_F_MEMORY_FILE);
	if (mode & 0040)
		ret->flags |= SINK_F_GROUP_READABLE;
	if (mode & 0004)
		ret->flags |= SINK_F_WORLD_READABLE;
	if (is_shared_place(path))
		ret->flags |= SINK_F_SHARED_PLACE;
	/* The kernel names a memfd "/memfd:NAME (deleted)". */
	if (starts(path, "/memfd:") || starts(path, "memfd:") || starts(path, "/run/user/"))
		ret->flags |= SINK_F_MEMORY_FILE;
	snprintf(ret->path, sizeof(ret->path), "%s", path);
}

bool file_is_temporary(const char *path)
{
	static const char *const ends[] = { ".tmp", ".temp", ".bak", ".orig", ".swp", "~" };
	struct span name = base_name(path);

	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
		if (name.len > strlen(ends[i]) && span_ends_nocase(name, span_str(ends[i])))
			return true;
	return holds(name, ".tmp.") || holds(name, ".tmp-");
}

bool file_is_settings(const char *path)
{
	static const char *const packages[] = { "node_modules", "site-packages", "dist-packages",
						"vendor", ".git" };
	static const char *const system[] = { "/usr/",  "/lib",  "/nix/store/",
					      "/proc/", "/sys/", "/dev/" };
	static const char *const extensions[] = {
		"json",       "jsonl",  "env",    "yaml",    "yml",    "toml",
		"ini",        "conf",   "cfg",    "cnf",     "config", "xml",
		"token",      "tokens", "secret", "secrets", "creds",  "credentials",
		"properties", "local",  "db",     "sqlite",  "dat",    "bin",
	};
	static const char *const manifests[] = { "package.json", "package-lock.json",
						 "tsconfig.json", "composer.json" };
	struct span rest = span_str(path), dir, name = base_name(path);
	const char *dot;

	for (size_t i = 0; i < sizeof(system) / sizeof(system[0]); i++) {
		if (starts(path, system[i]))
			return false;
	}
	while (next_dir(&rest, &dir)) {
		if (in_list(dir, packages, sizeof(packages) / sizeof(packages[0])))
			return false;
	}
	if (in_list(name, manifests, sizeof(manifests) / sizeof(manifests[0])))
		return false;
	/* "credentials", ".netrc" */
	dot = strrchr(name.p, '.');
	if (!dot || dot == name.p)
		return true;
	return in_list(span_str(dot + 1), extensions, sizeof(extensions) / sizeof(extensions[0]));
}

bool exe_is_secret_helper(const char *exe)
{
	static const char *const names[] = {
		"secret-tool",   "pass",  "gopass",  "gpg", "gpg2",          "gpg-agent",
		"security",      "op",    "bw",      "age", "systemd-creds", "keyctl",
		"kwallet-query", "vault", "keyring",
	};
	struct span name = base_name(exe);

	return in_list(name, names, sizeof(names) / sizeof(names[0])) ||
	       span_starts(name, SPAN_LIT("git-credential-")) ||
	       span_starts(name, SPAN_LIT("docker-credential-"));
}

bool peer_is_syslog(const char *unix_path)
{
	static const char *const names[] = { "socket", "dev-log", "stdout", "syslog" };
	static const char journal[] = "/run/systemd/journal/";
	/* A datagram's address is as the program typed it, and /var/run is /run. */
	const char *path = starts(unix_path, "/var/run/") ? unix_path + strlen("/var") : unix_path;

	if (!strcmp(path, "/dev/log"))
		return true;
	return starts(path, journal) &&
	       in_list(span_str(path + strlen(journal)), names, sizeof(names) / sizeof(names[0]));
}
