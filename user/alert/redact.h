/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The border that no secret crosses: a hit goes in, a struct redacted comes out, and everything behind (alerts, dedup,
 * reports) only knows the latter. It holds a keyed fingerprint, the length, and at most the format's
 * public prefix and 4 characters of the value.
 */
#ifndef BT_ALERT_REDACT_H
#define BT_ALERT_REDACT_H

#include "detect/hit.h"

#define FINGERPRINT_KEY_LEN 32
#define FINGERPRINT_TEXT_LEN 32 /* 16 bytes of keyed BLAKE2b as hex */

struct fingerprinter {
	uint8_t key[FINGERPRINT_KEY_LEN];
};

struct redacted {
	enum secret_kind kind;
	enum confidence confidence;
	enum encoding encoding;
	char rule_id[64]; /* token rule that matched */
	char provider[32];
	char fingerprint[FINGERPRINT_TEXT_LEN + 1];
	char preview[48];                       /* "gho_AbCd...(40)" */
	uint32_t length;                        /* bytes of the value that was seen */
	uint32_t whole_len, part_off, part_len; /* of a known value; whole_len 0 otherwise */
	uint64_t known_id;
	uint64_t offset, end;
	uint32_t line;
	char key[64]; /* printable key name, "" */
	bool expired;
};

/* A fresh random key. */
void fingerprinter_random(struct fingerprinter *f);
/*
 * The key of this installation: "$BEARTRAP_STATE/fingerprint.key", or /var/lib/beartrap for root,
 * $XDG_STATE_HOME/beartrap (~/.local/state/beartrap) for others; made on first use, mode 0600. 0 or negative errno;
 * the caller may go on with fingerprinter_random() and say so.
 */
struct error;
int fingerprinter_load(struct fingerprinter *f, struct error *err);
/*
 * Total: any hit gives a struct redacted. The fingerprint is that of hit->value: the whole value, and so equal
 * wherever it is seen; for a part of a known value it is that of the part, since the rest is not at hand.
 */
void redact_hit(const struct fingerprinter *f, const struct hit *hit, struct redacted *ret);
/*
 * Masks with '*' every run of five or more bytes of the hit's value (its public prefix apart) in a text that goes into
 * an alert beside it: a path, a JSON path, a tool name can repeat the secret. Call while the hit is at hand.
 */
void redact_text(const struct hit *hit, char *text);

#endif /* BT_ALERT_REDACT_H */
