/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The cookie of a link to a system call's end: what the loader (user/capture/probes.c) tells bpf/lib/call.h. */
#ifndef BEARTRAP_CALL_ABI_H
#define BEARTRAP_CALL_ABI_H

/* The program's own: which call, which flag, which cause. */
#define BT_COOKIE_OWN 0xffff
/* Of sendfile: its offset in memory has 32 bits. */
#define BT_COOKIE_OFF32 1
/* A 32-bit call: its arguments are in other registers, and structs in its memory have another layout. */
#define BT_COOKIE_COMPAT 0x10000
/* Moreover its arguments are in an array in memory, at its first or second argument. */
#define BT_COOKIE_ARRAY0 0x20000
#define BT_COOKIE_ARRAY1 0x40000
/* Which program of `bodies` bt_gate goes on with. */
#define BT_COOKIE_BODY_SHIFT 32
#define BT_BODIES_MAX 16

/* bt_named: beside BT_NAME_*, where the call has its names: each behind a directory's descriptor; or it has a descriptor alone. */
#define BT_NAME_WHAT 0xff
#define BT_NAME_AT 0x100
#define BT_NAME_FD 0x200

#endif /* BEARTRAP_CALL_ABI_H */
