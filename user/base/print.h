/* SPDX-License-Identifier: BSD-2-Clause */
/* Text for a terminal, made of words that others chose. */
#ifndef BT_BASE_PRINT_H
#define BT_BASE_PRINT_H

#include "base/buf.h"

#define PRINT_WIDTH 100 /* columns */

/*
 * Appends `s`; what a terminal would act on, what is invisible or reorders the text around it (Unicode TR 36), and
 * ill-formed bytes as \xHH. 0 or the buffer's error.
 */
int buf_add_printable(struct buf *out, struct span s);
/*
 * Appends `words`, printable as above, and a line feed: broken at blanks so that no line is wider than PRINT_WIDTH if that can be.
 * `col` is the column that the text stands at, `margin` that of further lines. 0 or the buffer's error.
 */
int buf_add_wrapped(struct buf *out, size_t col, size_t margin, struct span words);

#endif /* BT_BASE_PRINT_H */
