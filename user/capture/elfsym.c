/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <gelf.h>
#include <stdbool.h>
#include <string.h>

#include "capture/elfsym.h"

/* Virtual address to file offset, by the segment that maps it to be executed. 0 when there is none. */
static uint64_t file_offset(Elf *elf, uint64_t addr)
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

static int search(Elf *elf, Elf_Scn *scn, const GElf_Shdr *sh, const char *const *names, size_t n,
		  uint64_t *offsets)
{
	Elf_Data *data = elf_getdata(scn, NULL);
	size_t count = data && sh->sh_entsize ? data->d_size / sh->sh_entsize : 0;
	int found = 0;

	for (size_t i = 0; i < count; i++) {
		const char *name;
		GElf_Sym sym;

		if (!gelf_getsym(data, (int)i, &sym) || GELF_ST_TYPE(sym.st_info) != STT_FUNC ||
		    sym.st_shndx == SHN_UNDEF || !sym.st_value)
			continue;
		name = elf_strptr(elf, sh->sh_link, sym.st_name);
		for (size_t k = 0; name && k < n; k++) {
			if (offsets[k] || strcmp(name, names[k]))
				continue;
			offsets[k] = file_offset(elf, sym.st_value);
			found += offsets[k] != 0;
		}
	}
	return found;
}

static int search_type(Elf *elf, GElf_Word type, const char *const *names, size_t n,
		       uint64_t *offsets)
{
	Elf_Scn *scn = NULL;
	int found = 0;

	while ((scn = elf_nextscn(elf, scn))) {
		GElf_Shdr sh;

		if (gelf_getshdr(scn, &sh) && sh.sh_type == type)
			found += search(elf, scn, &sh, names, n, offsets);
	}
	return found;
}

int elfsym_find(int fd, const char *const *names, size_t n, uint64_t *offsets)
{
	GElf_Ehdr eh;
	Elf *elf;
	int found;

	memset(offsets, 0, n * sizeof(*offsets));
	if (elf_version(EV_CURRENT) == EV_NONE)
		return -ENOSYS;
	/* Read, not mapped: whoever owns the file may cut it short meanwhile. */
	elf = elf_begin(fd, ELF_C_READ, NULL);
	if (!elf)
		return -EIO;
	if (elf_kind(elf) != ELF_K_ELF || !gelf_getehdr(elf, &eh) ||
	    (eh.e_type != ET_EXEC && eh.e_type != ET_DYN)) {
		elf_end(elf);
		return -ENOEXEC;
	}
	found = search_type(elf, SHT_DYNSYM, names, n, offsets);
	if (!found)
		found = search_type(elf, SHT_SYMTAB, names, n, offsets);
	elf_end(elf);
	return found;
}
