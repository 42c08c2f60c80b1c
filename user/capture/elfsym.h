/* SPDX-License-Identifier: BSD-2-Clause */
/* Where functions are in an ELF file. */
#ifndef BT_CAPTURE_ELFSYM_H
#define BT_CAPTURE_ELFSYM_H

#include <stddef.h>
#include <stdint.h>

/*
 * File offsets of the functions `names` into `offsets`, 0 for those that the file does not define; a file that exports
 * none of them is looked for local ones too (.symtab), if it has not been stripped. How many were found, or negative
 * errno; -ENOEXEC for what is no ELF program or library.
 */
int elfsym_find(int fd, const char *const *names, size_t n, uint64_t *offsets);

#endif /* BT_CAPTURE_ELFSYM_H */
