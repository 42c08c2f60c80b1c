/* SPDX-License-Identifier: BSD-2-Clause */
/* The bundle of tests/replay/cases (tools/bundle-cases), put into the program by the assembler. */
#include "cases/cases.h"

/* clang-format off */
__asm__(".pushsection .rodata\n"
	".globl cases_builtin_start, cases_builtin_end\n"
	".hidden cases_builtin_start, cases_builtin_end\n"
	"cases_builtin_start: .incbin \"cases.txt\"\n"
	"cases_builtin_end: .byte 0\n"
	".popsection\n");
/* clang-format on */

extern const char cases_builtin_start[] __attribute__((visibility("hidden")));
extern const char cases_builtin_end[] __attribute__((visibility("hidden")));

struct span cases_builtin(void)
{
	/* cppcheck-suppress comparePointers; one array, ends of which the linker names */
	return span_of(cases_builtin_start, (size_t)(cases_builtin_end - cases_builtin_start));
}
