/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Many uprobes of one file in one link (BPF_TRACE_UPROBE_MULTI), since Linux 6.6. Set and taken off together,
 * which is some ten times faster than one perf event each. Debian 12's headers and libbpf do not know it.
 */
#ifndef BT_CAPTURE_UPROBE_MULTI_H
#define BT_CAPTURE_UPROBE_MULTI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The value of enum bpf_attach_type that a program for it is loaded with. */
#define UPROBE_MULTI_ATTACH_TYPE 48

/* Does the kernel have it? */
bool uprobe_multi_supported(void);
/* Descriptor of the link, or negative errno. `path` is resolved at once. */
int uprobe_multi_attach(int prog_fd, const char *path, const uint64_t *offsets,
			const uint64_t *cookies, size_t n, bool at_return);

#endif /* BT_CAPTURE_UPROBE_MULTI_H */
