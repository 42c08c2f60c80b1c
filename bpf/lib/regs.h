/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Layer 0: system call arguments out of the registers saved at entry. The only per-architecture code. */
#ifndef BPF_LIB_REGS_H
#define BPF_LIB_REGS_H

#include "lib/base.h"

#if defined(__TARGET_ARCH_x86)
#define ARG0(r) ((r)->di)
#define ARG1(r) ((r)->si)
#define ARG2(r) ((r)->dx)
#define ARG3(r) ((r)->r10)
#define ARG4(r) ((r)->r8)
#define ARG5(r) ((r)->r9)
/* Of a 32-bit call. */
#define COMPAT_ARG0(r) ((u32)(r)->bx)
#define COMPAT_ARG1(r) ((u32)(r)->cx)
#define COMPAT_ARG2(r) ((u32)(r)->dx)
#define COMPAT_ARG3(r) ((u32)(r)->si)
#define COMPAT_ARG4(r) ((u32)(r)->di)
#define COMPAT_ARG5(r) ((u32)(r)->bp)
/* arch/x86/include/asm/syscall_wrapper.h: the function behind a system call. */
#define CALL_FUNCTION(name) "__x64_sys_" #name
/* arch/x86/include/asm/thread_info.h, TIF_ADDR32: the program has 32-bit addresses. */
#define TASK_IS_32BIT (1UL << 29)
/* Of a function of a 64-bit program, at its first instruction and at its return. */
#define FN_ARG0(r) ((r)->di)
#define FN_ARG1(r) ((r)->si)
#define FN_ARG2(r) ((r)->dx)
#define FN_ARG3(r) ((r)->cx)
#define FN_RET(r) ((r)->ax)
/* The same number at both: call has pushed the return address, ret has taken it. */
#define FN_FRAME_AT_ENTRY(r) ((r)->sp + 8)
#define FN_FRAME_AT_RETURN(r) ((r)->sp)
/* Of a Go function (ABIInternal), at its first instruction and at its return. */
#define GO_ARG0(r) ((r)->ax)
#define GO_ARG1(r) ((r)->bx)
#define GO_RET(r) ((r)->ax)
#define GO_G(r) ((r)->r14)
#define GO_SP(r) ((r)->sp)
#elif defined(__TARGET_ARCH_arm64)
#define ARG0(r) ((r)->orig_x0)
#define ARG1(r) ((r)->regs[1])
#define ARG2(r) ((r)->regs[2])
#define ARG3(r) ((r)->regs[3])
#define ARG4(r) ((r)->regs[4])
#define ARG5(r) ((r)->regs[5])
#define COMPAT_ARG0(r) ((u32)(r)->orig_x0)
#define COMPAT_ARG1(r) ((u32)(r)->regs[1])
#define COMPAT_ARG2(r) ((u32)(r)->regs[2])
#define COMPAT_ARG3(r) ((u32)(r)->regs[3])
#define COMPAT_ARG4(r) ((u32)(r)->regs[4])
#define COMPAT_ARG5(r) ((u32)(r)->regs[5])
/* arch/arm64/include/asm/syscall_wrapper.h. */
#define CALL_FUNCTION(name) "__arm64_sys_" #name
/* arch/arm64/include/asm/thread_info.h, TIF_32BIT. */
#define TASK_IS_32BIT (1UL << 22)
#define FN_ARG0(r) ((r)->regs[0])
#define FN_ARG1(r) ((r)->regs[1])
#define FN_ARG2(r) ((r)->regs[2])
#define FN_ARG3(r) ((r)->regs[3])
#define FN_RET(r) ((r)->regs[0])
#define FN_FRAME_AT_ENTRY(r) ((r)->sp)
#define FN_FRAME_AT_RETURN(r) ((r)->sp)
#define GO_ARG0(r) ((r)->regs[0])
#define GO_ARG1(r) ((r)->regs[1])
#define GO_RET(r) ((r)->regs[0])
#define GO_G(r) ((r)->regs[28])
#define GO_SP(r) ((r)->sp)
#else
#error "registers of this architecture are not described"
#endif

#endif /* BPF_LIB_REGS_H */
