/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Registers saved at system call entry. The return value overwrites x0, so argument 0 is kept in
 * orig_x0. arch/arm64/include/asm/ptrace.h, since 3.7.
 */
#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct pt_regs {
	u64 regs[31];
	u64 sp;
	u64 orig_x0;
};

#pragma clang attribute pop
