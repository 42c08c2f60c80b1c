/* SPDX-License-Identifier: BSD-2-Clause */
/* Which TLS library a file has, and whether it can be hooked. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/span.h"
#include "capture/elfsym.h"
#include "capture/gobin.h"
#include "capture/probe.h"
#include "capture/uprobe_target.h"

#define NO_HOOKS "there are no hooks for it"
#define NO_SYMBOLS "it is part of the program, and stripped: its functions cannot be found"

/* Shared libraries, by the beginning of their names. */
static const struct {
	const char *name, *lib;
} libraries[] = {
	{ "libssl3.so", "NSS" },
	{ "libnss3.so", "NSS" },
	{ "libjvm.so", "Java's JSSE" },
	{ "libjli.so", "Java's JSSE" },
	{ "libmbedtls.so", "mbed TLS" },
	{ "libwolfssl.so", "wolfSSL" },
	{ "librustls.so", "rustls" },
	{ "libs2n.so", "s2n-tls" },
	{ "libquiche.so", "quiche (QUIC)" },
	{ "libmsquic.so", "MsQuic" },
	{ "libngtcp2.so", "ngtcp2 (QUIC)" },
};

/*
 * What the code of a library leaves behind in a program that it is linked into: names of source files in its error
 * messages. In two parts, or this program would bear the marks itself.
 */
static const struct {
	char first;
	const char *rest, *lib, *why;
} marks[] = {
	{ 's', "sl/statem/", "OpenSSL", NO_SYMBOLS },
	{ 's', "sl/ssl_lib.cc", "BoringSSL", NO_SYMBOLS },
	{ 'G', "NUTLS_SYSTEM_PRIORITY_FILE", "GnuTLS", NO_SYMBOLS },
	{ '/', "rustls-0.", "rustls", NO_HOOKS },
	{ 'm', "bedtls_ssl_handshake", "mbed TLS", NO_HOOKS },
	{ 'w', "olfSSL_connect", "wolfSSL", NO_HOOKS },
};

#define N_MARKS (sizeof(marks) / sizeof(*marks))
#define MARK_MAX 64
#define CHUNK ((size_t)1 << 20)
#define SEARCH_MAX ((uint64_t)512 << 20)

#if defined(__x86_64__)
#define HERE EM_X86_64
#elif defined(__aarch64__)
#define HERE EM_AARCH64
#else
#error "beartrap watches x86-64 and arm64"
#endif

static bool has_mark(struct span all, size_t i)
{
	const size_t len = strlen(marks[i].rest);
	const char *p = all.p, *end = all.p + all.len;

	while ((p = memmem(p, (size_t)(end - p), marks[i].rest, len))) {
		if (p > all.p && p[-1] == marks[i].first)
			return true;
		p++;
	}
	return false;
}

/* The first mark in the file; an index or -1. */
static int find_mark(int fd)
{
	char *p = malloc(MARK_MAX + CHUNK);
	size_t kept = 0;
	int found = -1;

	for (uint64_t at = 0; p && found < 0 && at < SEARCH_MAX;) {
		ssize_t n = pread(fd, p + kept, CHUNK, (off_t)at);
		struct span all;

		if (n <= 0)
			break;
		at += (uint64_t)n;
		all = span_of(p, kept + (size_t)n);
		for (size_t i = 0; i < N_MARKS && found < 0; i++)
			if (has_mark(all, i))
				found = (int)i;
		kept = all.len < MARK_MAX ? all.len : MARK_MAX;
		memmove(p, p + all.len - kept, kept);
	}
	free(p);
	return found;
}

static bool has_section(Elf *elf, GElf_Word type)
{
	Elf_Scn *scn = NULL;
	GElf_Shdr sh;

	while ((scn = elf_nextscn(elf, scn)))
		if (gelf_getshdr(scn, &sh) && sh.sh_type == type)
			return true;
	return false;
}

/* False when it is no program that could be hooked. */
static bool look_at_elf(int fd, struct tls_look *ret)
{
	GElf_Ehdr eh;
	Elf *elf;
	int err;

	elf = elfsym_open(fd, &err);
	if (!elf)
		return false;
	ret->elf = true;
	if (gelf_getehdr(elf, &eh)) {
		ret->is_32 = eh.e_ident[EI_CLASS] == ELFCLASS32;
		ret->foreign = ret->is_32 || eh.e_machine != HERE;
	}
	ret->stripped = !has_section(elf, SHT_SYMTAB);
	elf_end(elf);
	return !ret->foreign;
}

static void look_at_go(int fd, struct tls_look *ret)
{
	struct go_func funcs[GO_TLS_FUNCS];
	int r = gobin_find(fd, funcs, &ret->why);

	if (!r)
		return;
	ret->go = true;
	ret->go_minor = gobin_minor(fd);
	/* One without those functions makes no TLS of its own. */
	if (r == -ENOENT) {
		ret->why = NULL;
		return;
	}
	ret->lib = "Go's crypto/tls";
	ret->hooks = r > 0 ? GO_TLS_FUNCS : 0;
}

const char *tls_unhooked(const char *path)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;

	for (size_t i = 0; i < sizeof(libraries) / sizeof(*libraries); i++)
		if (!strncmp(name, libraries[i].name, strlen(libraries[i].name)))
			return libraries[i].lib;
	return NULL;
}

int elf_needed(int fd, void (*fn)(void *arg, const char *name), void *arg)
{
	Elf_Scn *scn = NULL;
	Elf *elf;
	int err;

	elf = elfsym_open(fd, &err);
	if (!elf)
		return err;
	while ((scn = elf_nextscn(elf, scn))) {
		Elf_Data *data;
		GElf_Shdr sh;
		GElf_Dyn dyn;

		if (!gelf_getshdr(scn, &sh) || sh.sh_type != SHT_DYNAMIC)
			continue;
		data = elf_getdata(scn, NULL);
		for (int i = 0; data && gelf_getdyn(data, i, &dyn) && dyn.d_tag != DT_NULL; i++) {
			const char *name = dyn.d_tag == DT_NEEDED
						   ? elf_strptr(elf, sh.sh_link, dyn.d_un.d_val)
						   : NULL;

			if (name)
				fn(arg, name);
		}
	}
	elf_end(elf);
	return 0;
}

int tls_look(int fd, const char *path, struct tls_look *ret)
{
	int mark;
	char one;

	*ret = (struct tls_look){ .go_minor = -1 };
	if (pread(fd, &one, 1, 0) < 0)
		return -errno;
	if (!look_at_elf(fd, ret))
		return 0;
	ret->hooks = target_functions(fd, &ret->lib);
	if (!ret->hooks) {
		ret->lib = tls_unhooked(path);
		ret->why = ret->lib ? NO_HOOKS : NULL;
	}
	if (!ret->lib)
		look_at_go(fd, ret);
	if (ret->lib || ret->go)
		return 0;
	mark = find_mark(fd);
	if (mark >= 0) {
		ret->lib = marks[mark].lib;
		ret->why = marks[mark].why;
	}
	return 0;
}
