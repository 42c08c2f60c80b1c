/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Finding secrets in a byte stream. A struct scanner is compiled once from a ruleset and is read-only
 * (shared by all streams, and replaced under them by scanner_replace()); a struct scan is the state of one stream: small (about 400 bytes) until a
 * candidate is open. Bytes come in any cut; a token is found wherever the cuts are. Hits are
 * reported as soon as the byte after the token is known, or at scan_flush.
 *
 * The scan looks at the bytes as they are and, where they hold escapes, at their unescaped form (JSON backslash
 * escapes nested to any depth, %XX, \uXXXX, HTML character references, UTF-16), so `gho_...` in any of these dresses is one
 * hit. Base64 and hex runs in which an anchor shows are decoded, base64 twice. Key-context values (JSON, form,
 * query, header, YAML, repr, env, command line, XML) come from the same pass.
 *
 * Not found: a token in base64 whose anchor a line break cuts, in a compression, or in other encodings than these.
 */
#ifndef BT_DETECT_SCAN_H
#define BT_DETECT_SCAN_H

#include "base/log.h"
#include "detect/hit.h"
#include "detect/rules.h"

#define SCAN_MAX_SIGHTS 32
#define SCAN_MAX_TOKEN 16384 /* longest candidate followed; a longer one is reported cut there */

struct scanner;
struct scan;
struct values; /* detect/values.h: exact values to look for */

/* 0 or negative errno with `err`. The ruleset must outlive the scanner. */
int scanner_new(const struct ruleset *rs, struct scanner **ret, struct error *err);
/* NULL is fine. No scan may go by it any more. */
struct scanner *scanner_free(struct scanner *sc);
/*
 * Other rules for what is being scanned: every scan that goes by `sc` goes by `next` from its next byte on. One with an
 * open candidate, which is the old rules' to decide, stays; how many do. Call again later for these, and keep `sc` and its
 * ruleset until there are none.
 */
size_t scanner_replace(const struct scanner *sc, const struct scanner *next);

/* `values` may be NULL; it may change (values_add/remove) while scans are under way. */
struct scan *scan_new(const struct scanner *sc, struct values *values);
struct scan *scan_free(struct scan *s);
/*
 * Starts over at stream offset `off`. `key`: the name that the coming bytes are the value of (a decoded JSON string),
 * or empty for free text. Drops what is pending: flush first.
 */
void scan_reset(struct scan *s, uint64_t off, struct span key);
void scan_feed(struct scan *s, struct span bytes, hit_fn fn, void *arg);

/* Where a scan found something to look closer at: stream offsets. */
struct scan_sights {
	uint64_t at[SCAN_MAX_SIGHTS];
	size_t n;
	bool all; /* more than these, or anywhere */
};
/* As scan_feed, and notes in `ret` what was worth a closer look in these bytes. */
void scan_feed_noting(struct scan *s, struct span bytes, hit_fn fn, void *arg,
		      struct scan_sights *ret);
/*
 * True when there is a sight in from..to. When not, and these bytes are whole in what was fed and a quote or the like stands
 * behind them, then a scan of them alone would find nothing, unless scan_key_counts.
 */
bool scan_sighted(const struct scan_sights *s, uint64_t from, uint64_t to);
/* True when what stands at this name is looked at whatever it is. */
bool scan_key_counts(const struct scanner *sc, struct span key);
/* The 1-based line that the next byte is in. */
uint32_t scan_line(const struct scan *s);
/* True while a candidate waits for the bytes behind it. */
bool scan_undecided(const struct scan *s);
/*
 * For a text that has fallen silent amid a candidate: reports what would be a hit if it ended here, and changes
 * nothing. When it goes on the same hit, or a longer one, is reported again.
 */
void scan_peek(struct scan *s, hit_fn fn, void *arg);
/* End of text, of a string, or a gap: an open candidate ends here. Call scan_reset before going on. */
void scan_flush(struct scan *s, hit_fn fn, void *arg);
size_t scan_memory(const struct scan *s); /* bytes this scan holds now */

#endif /* BT_DETECT_SCAN_H */
