/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <gelf.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "capture/elfsym.h"

uint64_t elfsym_offset(Elf *elf, uint64_t addr)
{
	size_t n = 0;

	if (elf_getphdrnum(elf, &n))
		return 0;
	for (size_t i = 0; i < n; i++) {
		GElf_Phdr ph;

		if (gelf_getphdr(elf, (int)i, &ph) && ph.p_type == PT_LOAD && (ph.p_flags & PF_X) &&
		    addr >= ph.p_vaddr && addr - ph.p_vaddr < ph.p_filesz)
			return addr - ph.p_vaddr + ph.p_offset;
	}
	return 0;
}

static bool is_function(const GElf_Sym *sym)
{
	return GELF_ST_TYPE(sym->st_info) == STT_FUNC && sym->st_shndx != SHN_UNDEF &&
	       sym->st_value;
}

/* --- by the hash table of the exported ones: a few reads, whatever the size of the file ------- */

/* The head of a section SHT_GNU_HASH, for which there is no standard but what linkers do. */
struct gnu_hash {
	uint32_t n_buckets, first_sym, n_bloom, bloom_shift;
};

struct export_table {
	int fd;
	struct gnu_hash head;
	uint64_t buckets, chains; /* file offsets */
	GElf_Shdr syms, names;
};

/* More symbols that share a bucket than any sane file has. */
#define CHAIN_MAX 4096

bool elfsym_read(int fd, void *p, size_t len, uint64_t at)
{
	return pread(fd, p, len, (off_t)at) == (ssize_t)len;
}

static bool export_table_open(struct export_table *t, Elf *elf, int fd)
{
	static const uint16_t one = 1;
	const int native = *(const char *)&one ? ELFDATA2LSB : ELFDATA2MSB;
	const char *ident = elf_getident(elf, NULL);
	Elf_Scn *scn = NULL;
	GElf_Shdr sh;

	if (!ident || ident[EI_CLASS] != ELFCLASS64 || ident[EI_DATA] != native)
		return false;
	while ((scn = elf_nextscn(elf, scn)))
		if (gelf_getshdr(scn, &sh) && sh.sh_type == SHT_GNU_HASH)
			break;
	if (!scn || !elfsym_read(fd, &t->head, sizeof(t->head), sh.sh_offset) || !t->head.n_buckets)
		return false;
	t->fd = fd;
	t->buckets = sh.sh_offset + sizeof(t->head) + (uint64_t)t->head.n_bloom * 8;
	t->chains = t->buckets + (uint64_t)t->head.n_buckets * 4;
	return gelf_getshdr(elf_getscn(elf, sh.sh_link), &t->syms) &&
	       gelf_getshdr(elf_getscn(elf, t->syms.sh_link), &t->names);
}

static bool has_name(const struct export_table *t, uint32_t at, const char *name)
{
	char text[64];
	size_t len = strlen(name) + 1;

	return len <= sizeof(text) && elfsym_read(t->fd, text, len, t->names.sh_offset + at) &&
	       !memcmp(text, name, len);
}

/* Address of an exported function, or 0. */
static uint64_t export_find(const struct export_table *t, const char *name)
{
	uint32_t hash = 5381, at, link;
	Elf64_Sym sym;

	for (const char *c = name; *c; c++)
		hash = hash * 33 + (unsigned char)*c;
	if (!elfsym_read(t->fd, &at, 4, t->buckets + (uint64_t)(hash % t->head.n_buckets) * 4) ||
	    at < t->head.first_sym)
		return 0;
	for (int steps = 0; steps < CHAIN_MAX; steps++, at++) {
		if (!elfsym_read(t->fd, &link, 4,
				 t->chains + (uint64_t)(at - t->head.first_sym) * 4))
			return 0;
		/* The lowest bit marks the bucket's last one. */
		if ((link | 1) == (hash | 1) &&
		    elfsym_read(t->fd, &sym, sizeof(sym),
				t->syms.sh_offset + (uint64_t)at * sizeof(sym)) &&
		    is_function(&sym) && has_name(t, sym.st_name, name))
			return sym.st_value;
		if (link & 1)
			return 0;
	}
	return 0;
}

/* --- by looking at all of them ---------------------------------------------------------------- */

static int search(Elf *elf, Elf_Scn *scn, const GElf_Shdr *sh, const char *const *names, size_t n,
		  struct elfsym *ret)
{
	Elf_Data *data = elf_getdata(scn, NULL);
	size_t count = data && sh->sh_entsize ? data->d_size / sh->sh_entsize : 0;
	int found = 0;

	for (size_t i = 0; i < count; i++) {
		const char *name;
		GElf_Sym sym;

		if (!gelf_getsym(data, (int)i, &sym) || !is_function(&sym))
			continue;
		name = elf_strptr(elf, sh->sh_link, sym.st_name);
		for (size_t k = 0; name && k < n; k++) {
			if (ret[k].addr || strcmp(name, names[k]) != 0)
				continue;
			ret[k] = (struct elfsym){ sym.st_value, sym.st_size };
			found++;
		}
	}
	return found;
}

int elfsym_search(Elf *elf, GElf_Word type, const char *const *names, size_t n, struct elfsym *ret)
{
	Elf_Scn *scn = NULL;
	int found = 0;

	memset(ret, 0, n * sizeof(*ret));
	while ((scn = elf_nextscn(elf, scn))) {
		GElf_Shdr sh;

		if (gelf_getshdr(scn, &sh) && sh.sh_type == type)
			found += search(elf, scn, &sh, names, n, ret);
	}
	return found;
}

static int search_exports(Elf *elf, int fd, const char *const *names, size_t n, struct elfsym *ret)
{
	struct export_table t;
	int found = 0;

	if (!export_table_open(&t, elf, fd))
		return elfsym_search(elf, SHT_DYNSYM, names, n, ret);
	for (size_t i = 0; i < n; i++) {
		ret[i].addr = export_find(&t, names[i]);
		found += ret[i].addr != 0;
	}
	return found;
}

Elf *elfsym_open(int fd, int *err)
{
	GElf_Ehdr eh;
	Elf *elf;

	*err = -ENOSYS;
	if (elf_version(EV_CURRENT) == EV_NONE)
		return NULL;
	*err = -EIO;
	elf = elf_begin(fd, ELF_C_READ, NULL);
	if (!elf)
		return NULL;
	*err = -ENOEXEC;
	if (elf_kind(elf) == ELF_K_ELF && gelf_getehdr(elf, &eh) &&
	    (eh.e_type == ET_EXEC || eh.e_type == ET_DYN))
		return elf;
	elf_end(elf);
	return NULL;
}

int elfsym_find(int fd, const char *const *names, size_t n, uint64_t *offsets)
{
	struct elfsym *syms;
	int found = 0, err;
	Elf *elf;

	memset(offsets, 0, n * sizeof(*offsets));
	elf = elfsym_open(fd, &err);
	if (!elf)
		return err;
	syms = calloc(n, sizeof(*syms));
	if (!syms) {
		elf_end(elf);
		return -ENOMEM;
	}
	if (!search_exports(elf, fd, names, n, syms))
		elfsym_search(elf, SHT_SYMTAB, names, n, syms);
	for (size_t i = 0; i < n; i++) {
		offsets[i] = syms[i].addr ? elfsym_offset(elf, syms[i].addr) : 0;
		found += offsets[i] != 0;
	}
	free(syms);
	elf_end(elf);
	return found;
}
