// SPDX-License-Identifier: BSD-2-Clause
/* The files under rules/, put into the program by the assembler; paths are from the top directory. */
#include "detect/rules.h"

/* One struct rules_builtin_file: name, text, length of the text. */
#define EMBED(name, path)                                                                          \
	".pushsection .rodata\n"                                                                   \
	"1: .asciz \"" name "\"\n"                                                                 \
	"2: .incbin \"" path "\"\n"                                                                \
	"3: .byte 0\n"                                                                             \
	".popsection\n"                                                                            \
	".quad 1b, 2b, 3b - 2b\n"

/* clang-format off */
__asm__(".pushsection .data.rel.ro, \"aw\"\n"
	".balign 8\n"
	".globl rules_builtin_table, rules_builtin_count\n"
	".hidden rules_builtin_table, rules_builtin_count\n"
	"rules_builtin_table:\n"
	EMBED("tokens.json", "rules/tokens.json")
	EMBED("keys.json", "rules/keys.json")
	EMBED("catalogue.json", "rules/catalogue.json")
	EMBED("policy.json", "rules/policy.json")
	EMBED("schema/rules.schema.json", "rules/schema/rules.schema.json")
	EMBED("schema/alert.schema.json", "rules/schema/alert.schema.json")
	"rules_builtin_count: .quad (. - rules_builtin_table) / 24\n"
	".popsection\n");
/* clang-format on */

_Static_assert(sizeof(struct rules_builtin_file) == 24, "EMBED writes three 8-byte words");

extern const struct rules_builtin_file rules_builtin_table[] __attribute__((visibility("hidden")));
extern const uint64_t rules_builtin_count __attribute__((visibility("hidden")));

const struct rules_builtin_file *rules_builtin(size_t *n)
{
	/* cppcheck-suppress comparePointers; one array, ends of which the linker names */
	*n = rules_builtin_count;
	return rules_builtin_table;
}
