/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Exact search for secrets known by value: raw, base64 (three alignments, both alphabets, line-wrapped), hex (either case),
 * percent-encoded, JSON-escaped (nested to 4, \u), UTF-16, and any fragment of at least VALUES_MIN_PART bytes (16 hex
 * digits' worth for hex-like values). A rolling hash over a normalised stream against a bitmap of 8-byte grams, then
 * a compare with the value in locked memory (reference/detection.md section 6). Cost does not grow with the number of values.
 */
#ifndef BT_DETECT_VALUES_H
#define BT_DETECT_VALUES_H

#include "base/log.h"
#include "detect/hit.h"

#define VALUES_MIN_LEN 16 /* shorter or low-variety values are refused */
#define VALUES_MIN_PART 12
#define VALUES_MAX_LEN 16384
#define VALUES_MAX 256 /* values held; the least recently seen goes first */

struct values;

struct values *values_new(size_t max);
struct values *values_free(struct values *v); /* wipes */
/*
 * Adds a value. `public_prefix` leading bytes are not indexed (format prefix, JWT header). Returns its id (> 0; the same
 * again for an equal value), -EINVAL when too short, too long or of too low variety, -ENOMEM.
 */
int64_t values_add(struct values *v, struct span value, enum secret_kind kind,
		   size_t public_prefix);
void values_remove(struct values *v, int64_t id);
size_t values_len(const struct values *v);
/* Reads a --known file: one value a line (LF or CRLF), '#' comments and empty lines skipped. */
int values_add_file(struct values *v, const char *path, struct error *err);

/* Search state of one stream. */
struct value_scan;
struct value_scan *value_scan_new(struct values *v);
struct value_scan *value_scan_free(struct value_scan *s);
void value_scan_reset(struct value_scan *s, uint64_t off);
void value_scan_feed(struct value_scan *s, struct span bytes, hit_fn fn, void *arg);
void value_scan_flush(struct value_scan *s, hit_fn fn, void *arg);

#endif /* BT_DETECT_VALUES_H */
