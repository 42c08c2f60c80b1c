/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef BT_PROC_TEXT_H
#define BT_PROC_TEXT_H

#include "base/span.h"

/*
 * A string for people from bytes of the kernel, control characters replaced by '?'; `*ret` is the caller's to
 * free, NULL for an empty one. 0 or -ENOMEM. The first ends at a NUL, the second replaces NULs too.
 */
int text_printable(struct span s, char **ret);
int text_printable_all(struct span s, char **ret);

#endif /* BT_PROC_TEXT_H */
