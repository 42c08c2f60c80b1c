/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Registers saved at system call entry: the six arguments, of a 32-bit one too; of a uprobe: four arguments, what is returned, the stack,
 * and those of Go. arch/x86/include/asm/ptrace.h, since 2.6.25.
 */
#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct pt_regs {
	unsigned long r14;
	unsigned long bp;
	unsigned long bx;
	unsigned long r10;
	unsigned long r9;
	unsigned long r8;
	unsigned long ax;
	unsigned long cx;
	unsigned long dx;
	unsigned long si;
	unsigned long di;
	unsigned long sp;
};

#pragma clang attribute pop
