/* SPDX-License-Identifier: BSD-2-Clause */
/* One executable or library that a watched process has mapped, with the uprobes on its TLS functions. */
#ifndef BT_CAPTURE_UPROBE_TARGET_H
#define BT_CAPTURE_UPROBE_TARGET_H

#include <stdbool.h>
#include <stddef.h>

struct capture;
struct target;

/* Between open and load: how the programs will be attached, by uprobe_multi.h or one by one. Negative errno. */
int targets_prepare(struct capture *c, bool multi);
/*
 * Looks into the file `fd`, named `path` for people, and hooks what there is. NULL: out of memory. `fd` stays the
 * caller's.
 */
struct target *target_new(struct capture *c, int fd, const char *path, bool multi);
/* Takes its uprobes off. NULL is fine. */
struct target *target_free(struct target *t);
/* What came of it, as a phrase. False when there is nothing in it that has to do with TLS. */
bool target_describe(const struct target *t, char *ret, size_t len);
/* Links held; and their descriptors into `fds`, whose end is returned. */
size_t target_links(const struct target *t);
int *target_fds(const struct target *t, int *fds);

/* How many TLS functions of a C library the file has, and which library's they are; 0: none, `lib` is left alone. */
unsigned int target_functions(int fd, const char **lib);
/* Negative errno of the first hook that could not be set. */
int target_error(const struct target *t);

#endif /* BT_CAPTURE_UPROBE_TARGET_H */
