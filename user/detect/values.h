/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Exact search for secrets known by value: raw, base64 (three alignments, both alphabets, line-wrapped), hex (either case),
 * percent-encoded, JSON-escaped (nested, \u), UTF-16, HTML character references, and any fragment of at least
 * VALUES_MIN_PART bytes (VALUES_MIN_HEX for hex-like values; 16 characters of base64). Grams of 8 bytes of a normalised
 * stream are tried against a bitmap, then compared with the value in locked memory (reference/detection.md
 * section 6). Cost does not grow with the number of values.
 *
 * Not found, since the bytes of the value are then nowhere in the stream: what is compressed, encrypted, hashed, reordered,
 * Huffman-coded (HPACK), spelt one character at a time with other text between, or in an encoding not named above.
 */
#ifndef BT_DETECT_VALUES_H
#define BT_DETECT_VALUES_H

#include "base/log.h"
#include "detect/hit.h"

#define VALUES_MIN_LEN 16 /* shorter or low-variety values are refused */
#define VALUES_MIN_PART 12
#define VALUES_MIN_HEX 16 /* the same for values of hex digits, '-' and '_' only: 64 bits */
#define VALUES_MAX_LEN 16384
#define VALUES_MAX 256                 /* values held; the least recently seen goes first */
#define VALUES_MAX_BYTES (1024 * 1024) /* and their bytes together */

struct values;

/* At most `max` values; 0 or more than VALUES_MAX means VALUES_MAX. NULL when out of (locked) memory. */
struct values *values_new(size_t max);
struct values *values_free(struct values *v); /* wipes; accepts NULL; scans of it must be gone */
/*
 * Adds a value. `public_prefix` leading bytes are not indexed (format prefix, JWT header) and do not count for
 * the least fragment; nor do the claims of a signed JWT: a part of it has to have that much of the signature. Returns its id (> 0; the same again for an equal value, which counts as seen), -EINVAL when too
 * short, too long or of too low variety, -ENOMEM.
 */
int64_t values_add(struct values *v, struct span value, enum secret_kind kind,
		   size_t public_prefix);
void values_remove(struct values *v, int64_t id);
size_t values_len(const struct values *v);
/* Another number whenever a value was added or is gone; 0 for NULL. */
uint64_t values_generation(const struct values *v);
/* The kind that later hits of this value carry. No effect when there is no such value. */
void values_set_kind(struct values *v, int64_t id, enum secret_kind kind);
/* Public bytes at the start of a value: the header of a JWT and its dot (RFC 7515, RFC 7516), else 0. */
size_t values_jwt_prefix(struct span value);
/* All values, in no order. `fn` must not add or remove. */
void values_walk(const struct values *v, void (*fn)(void *arg, int64_t id, enum secret_kind kind),
		 void *arg);
/* Calls `fn` whenever a value goes, evicted or removed (not at values_free). One listener; NULL takes it away. */
void values_on_drop(struct values *v, void (*fn)(void *arg, int64_t id), void *arg);
/*
 * Reads a --known file: one value a line (LF or CRLF), '#' comments and empty lines skipped. All lines are good or none is
 * added: -EINVAL with "FILE:LINE: ..." in `err` for a line that would not be searched for; or the errno of reading.
 */
int values_add_file(struct values *v, const char *path, struct error *err);

/*
 * Search state of one stream: a few hundred bytes, 3 KiB once something was found. One hit per occurrence: the whole value wins
 * over its parts, the longest of several values over the others. A whole value is reported at its last byte; a part when
 * the text after it shows that it does not go on (fragments of one value, contiguous in it and at most 64 raw bytes
 * apart, as in chunked or "data:" framing, are one hit), or at the flush. hit.offset is that of the first byte,
 * hit.end that after the last byte found. hit.value is the part of the stored value. Values may be added and removed between
 * feeds and by `fn`: a value that goes takes its pending hits along. `fn` must not remove the value it is called for.
 */
struct value_scan;
struct value_scan *value_scan_new(struct values *v); /* NULL when out of memory */
struct value_scan *value_scan_free(struct value_scan *s);
/* Starts over at stream offset `off`, line 1. Drops what is pending: flush first. */
void value_scan_reset(struct value_scan *s, uint64_t off);
void value_scan_feed(struct value_scan *s, struct span bytes, hit_fn fn, void *arg);
/* Comparisons with value bytes done so far; none means that no value was even begun. */
uint64_t value_scan_steps(const struct value_scan *s);
/* End of text, or a gap: reports what is pending. Bytes fed after it do not join on to those before. */
void value_scan_flush(struct value_scan *s, hit_fn fn, void *arg);

#endif /* BT_DETECT_VALUES_H */
