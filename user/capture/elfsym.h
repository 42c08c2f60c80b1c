/* SPDX-License-Identifier: BSD-2-Clause */
/* Where functions are in an ELF file. */
#ifndef BT_CAPTURE_ELFSYM_H
#define BT_CAPTURE_ELFSYM_H

#include <gelf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * File offsets of the functions `names` into `offsets`, 0 for those that the file does not define; a file that exports
 * none of them is looked for local ones too (.symtab), if it has not been stripped. How many were found, or negative
 * errno; -ENOEXEC for what is no ELF program or library.
 */
int elfsym_find(int fd, const char *const *names, size_t n, uint64_t *offsets);

/* A function: virtual address and length; addr 0: not found. */
struct elfsym {
	uint64_t addr, size;
};

/* The program or library in `fd`, to be read: whoever owns the file may cut it short meanwhile. NULL with negative errno. */
Elf *elfsym_open(int fd, int *err);
/* The functions `names` in the symbol tables of that type (SHT_SYMTAB, SHT_DYNSYM). How many were found. */
int elfsym_search(Elf *elf, GElf_Word type, const char *const *names, size_t n, struct elfsym *ret);
/* Where the file has the code at a virtual address; 0 when it has none there. */
uint64_t elfsym_offset(Elf *elf, uint64_t addr);
/* pread(2) of all of it, or false. */
bool elfsym_read(int fd, void *p, size_t len, uint64_t at);

#endif /* BT_CAPTURE_ELFSYM_H */
