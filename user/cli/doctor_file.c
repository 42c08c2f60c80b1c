/* SPDX-License-Identifier: BSD-2-Clause */
/* A program, by its file and those that it asks for. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/fileio.h"
#include "capture/probe.h"
#include "cli/commands.h"
#include "cli/doctor.h"
#include "report/blind.h"

/* A script's interpreter may be a script. */
#define SCRIPTS_MAX 4
#define LIBRARIES_MAX 256

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static void add_hooks(struct doctor *d, int fd, const char *path, bool mapped,
		      const struct tls_look *look)
{
	const char *name = base_name(path);
	int tried = mapped && d->capture ? capture_hook_try(d->capture, fd, path) : 0;

	if (tried < 0)
		doctor_add(d, GROUP_TLS, FINDING_UNSEEN, "tls-library",
			   "see what `beartrap doctor` says of uprobes",
			   "%s: %s, and no uprobe can be set in it: %s", name, look->lib,
			   strerror(-tried));
	else if (mapped && !tried)
		doctor_add(d, GROUP_TLS, FINDING_UNKNOWN, "tls-library", "run doctor as root",
			   "%s: %s, with %u functions to hook; not tried", name, look->lib,
			   look->hooks);
	else
		doctor_add(d, GROUP_TLS, FINDING_OK, "tls-library", NULL, "%s: %s, %u functions %s",
			   name, look->lib, look->hooks,
			   mapped ? "can be hooked (tried)" : "would be hooked");
}

static void add_unhooked(struct doctor *d, const char *name, const char *lib, const char *why)
{
	const struct blind_spot *b = blind_spot_find("tls-library");

	doctor_add(d, GROUP_TLS, FINDING_UNSEEN, "tls-library", b ? b->mend : NULL,
		   "%s: %s is not hooked: %s", name, lib, why);
}

bool doctor_tls(struct doctor *d, int fd, const char *path, bool mapped, struct tls_look *ret)
{
	int err = tls_look(fd, path, ret);

	if (err) {
		doctor_add(d, GROUP_TLS, FINDING_UNKNOWN, "tls-library", "run doctor as root",
			   "%s cannot be read: %s", path, strerror(-err));
		return true;
	}
	if (ret->lib && ret->hooks)
		add_hooks(d, fd, path, mapped, ret);
	else if (ret->lib)
		add_unhooked(d, base_name(path), ret->lib, ret->why);
	else if (ret->go)
		doctor_add(d, GROUP_TLS, FINDING_NOTE, "go", NULL,
			   "%s: a Go program without crypto/tls", base_name(path));
	return ret->lib || ret->go;
}

/* --- the shared libraries that it will have ----------------------------------------------------- */

struct libraries {
	char *names[LIBRARIES_MAX];
	size_t n;
	bool more;
};

static void add_library(void *arg, const char *name)
{
	struct libraries *l = arg;

	for (size_t i = 0; i < l->n; i++)
		if (!strcmp(l->names[i], name))
			return;
	if (l->n == LIBRARIES_MAX || strchr(name, '/')) {
		l->more = true;
		return;
	}
	l->names[l->n] = strdup(name);
	if (l->names[l->n])
		l->n++;
	else
		l->more = true;
}

/* Where distributions have them. Descriptor or negative errno; `path` of that size. */
static int open_library(const char *name, char *path, size_t len)
{
	static const char *const dirs[] = {
		"/lib/" HOST_MACHINE "-linux-gnu",
		"/usr/lib/" HOST_MACHINE "-linux-gnu",
		"/lib64",
		"/usr/lib64",
		"/lib",
		"/usr/lib",
		"/usr/local/lib",
	};
	int fd = -ENOENT;

	for (size_t i = 0; i < sizeof(dirs) / sizeof(*dirs) && fd < 0; i++) {
		snprintf(path, len, "%s/%s", dirs[i], name);
		fd = file_open_regular(path, 0);
	}
	return fd;
}

/* Those that the program asks for, those that they ask for, and so on. */
static void add_libraries(struct doctor *d, int fd)
{
	struct libraries l = { 0 };

	elf_needed(fd, add_library, &l);
	for (size_t i = 0; i < l.n; i++) {
		struct tls_look look;
		char path[PATH_MAX];
		int lib = open_library(l.names[i], path, sizeof(path));

		if (lib < 0 && tls_unhooked(l.names[i])) {
			add_unhooked(d, l.names[i], tls_unhooked(l.names[i]),
				     "there are no hooks for it");
			continue;
		}
		if (lib < 0) {
			doctor_add(d, GROUP_TLS, FINDING_UNKNOWN, "library",
				   "look at the running process: beartrap doctor --pid N",
				   "%s, which it asks for, is not where libraries usually are",
				   l.names[i]);
			continue;
		}
		doctor_tls(d, lib, path, false, &look);
		elf_needed(lib, add_library, &l);
		close(lib);
	}
	if (l.more)
		doctor_add(d, GROUP_TLS, FINDING_UNKNOWN, "library",
			   "look at the running process: beartrap doctor --pid N",
			   "it asks for more libraries than were looked at");
	for (size_t i = 0; i < l.n; i++)
		free(l.names[i]);
}

/* --- the program -------------------------------------------------------------------------------- */

static void add_program(struct doctor *d, int fd, const char *path)
{
	struct tls_look look;
	bool tls;

	tls = doctor_tls(d, fd, path, false, &look);
	if (!look.elf) {
		doctor_add(d, GROUP_PROGRAM, FINDING_UNKNOWN, "program", NULL,
			   "%s is neither an ELF program nor a script", path);
		return;
	}
	if (look.is_32)
		doctor_blind(d, GROUP_PROGRAM, "32-bit-program", "%s is a 32-bit program", path);
	else if (look.foreign)
		doctor_add(d, GROUP_PROGRAM, FINDING_UNKNOWN, "program", NULL,
			   "%s is for another machine", path);
	else
		doctor_add(d, GROUP_PROGRAM, FINDING_OK, "program", NULL, "%s: 64-bit%s", path,
			   look.stripped ? ", stripped" : "");
	if (look.go && look.go_minor >= 0)
		doctor_add(d, GROUP_PROGRAM, FINDING_NOTE, "go", NULL, "made by Go 1.%d",
			   look.go_minor);
	else if (look.go)
		doctor_add(d, GROUP_PROGRAM, FINDING_NOTE, "go", NULL,
			   "made by Go, of a version that it does not tell");
	if (look.foreign)
		return;
	if (!tls)
		doctor_add(d, GROUP_TLS, FINDING_NOTE, "tls-library", NULL,
			   "no TLS library was found in the program's own file");
	add_libraries(d, fd);
	doctor_add(d, GROUP_TLS, FINDING_NOTE, "loaded-later", NULL,
		   "libraries that it loads as it runs (modules of an interpreter) are looked into "
		   "when it maps them");
}

/* The command behind "#!": without env(1) and its options, in PATH. False when there is none. */
static bool interpreter(int fd, char *ret, size_t len)
{
	char line[256], *word, *save = NULL;
	ssize_t n = pread(fd, line, sizeof(line) - 1, 0);

	if (n < 2 || memcmp(line, "#!", 2) != 0)
		return false;
	line[n] = '\0';
	line[strcspn(line, "\n")] = '\0';
	word = strtok_r(line + 2, " \t", &save);
	if (word && !strcmp(base_name(word), "env"))
		while ((word = strtok_r(NULL, " \t", &save)) && (*word == '-' || strchr(word, '=')))
			;
	if (!word)
		return false;
	command_find(word, ret, len);
	return *ret;
}

int doctor_file(struct doctor *d, const char *name, struct error *err)
{
	char path[PATH_MAX], next[PATH_MAX];
	int fd = -1;

	command_find(name, path, sizeof(path));
	if (!*path)
		return error_set(err, -ENOENT, "%s: no such program in PATH", name);
	for (int i = 0; i < SCRIPTS_MAX; i++) {
		fd = file_open_regular(path, 0);
		if (fd < 0 && !i)
			return error_set(err, fd, "cannot look at %s: %s", path,
					 fd == -EINVAL ? "it is no regular file" : strerror(-fd));
		if (fd < 0) {
			doctor_add(d, GROUP_PROGRAM, FINDING_UNKNOWN, "script", NULL,
				   "%s cannot be looked at: %s", path, strerror(-fd));
			return 0;
		}
		if (!interpreter(fd, next, sizeof(next)))
			break;
		doctor_add(d, GROUP_PROGRAM, FINDING_NOTE, "script", NULL, "%s is a script for %s",
			   path, next);
		close(fd);
		fd = -1;
		memcpy(path, next, sizeof(path));
	}
	if (fd < 0) {
		doctor_add(d, GROUP_PROGRAM, FINDING_UNKNOWN, "script", NULL,
			   "%s: a script for a script, and so on", path);
		return 0;
	}
	add_program(d, fd, path);
	close(fd);
	return 0;
}
