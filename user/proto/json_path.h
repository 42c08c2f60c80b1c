/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef BT_PROTO_JSON_PATH_H
#define BT_PROTO_JSON_PATH_H

#include "proto/json.h"

/*
 * One step as RFC 9535 writes it: .name, ['any name'] or [7]. A key that was cut ends in U+2026. Writes at most
 * `cap` bytes without NUL, never half a UTF-8 sequence; returns how many. Sets `cut` when that was not all.
 */
size_t json_step_text(const struct json_step *s, char *out, size_t cap, bool *cut);

#endif /* BT_PROTO_JSON_PATH_H */
