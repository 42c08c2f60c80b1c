/* SPDX-License-Identifier: BSD-2-Clause */
/* Small readers of field values (RFC 9110 5.6). */
#ifndef BT_PROTO_HTTP_LIST_H
#define BT_PROTO_HTTP_LIST_H

#include "base/span.h"

/* Without blanks, tabs, CR and LF on both sides. */
struct span http_trim(struct span s);
/* Takes the next member off a comma-separated list, trimmed, without its parameters. False at the end; empty members are skipped. */
bool http_list_next(struct span *rest, struct span *ret);
/* True when the list has that member, case ignored. */
bool http_list_has(struct span list, const char *member);

#endif /* BT_PROTO_HTTP_LIST_H */
