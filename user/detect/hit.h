/* SPDX-License-Identifier: BSD-2-Clause */
/* What the detectors find, in the words that the policy and the alerts use. */
#ifndef BT_DETECT_HIT_H
#define BT_DETECT_HIT_H

#include "base/span.h"

enum secret_kind {
	SECRET_ACCESS_TOKEN,
	SECRET_REFRESH_TOKEN,
	SECRET_ID_TOKEN,
	SECRET_CODE,
	SECRET_VERIFIER,
	SECRET_STATE,
	SECRET_CLIENT_SECRET,
	SECRET_DEVICE_CODE,
	SECRET_REGISTRATION_TOKEN,
	SECRET_ASSERTION,
	SECRET_API_KEY, /* long-lived provider credential: PAT, API key */
	SECRET_BEARER,  /* a bearer or JWT whose exact kind is not known */
	SECRET_KIND_MAX
};

enum confidence {
	CONF_HEURISTIC, /* a key name says so, the value could be anything */
	CONF_PATTERN,   /* a provider's prefix, length and alphabet */
	CONF_VERIFIED,  /* a checksum or a JWT header proves it */
	CONF_VALUE,     /* equal to a secret known by value */
	CONF_MAX
};

enum encoding { ENC_RAW, ENC_JSON, ENC_PERCENT, ENC_BASE64, ENC_HEX, ENC_UTF16, ENC_HTML, ENC_MAX };

struct token_rule;

/* One candidate that passed its rule. Spans are valid during the callback only. */
struct hit {
	const char *rule_id;  /* token rule id, or "known-value", lives as long as the scanner */
	const char *provider; /* "github", or "" */
	const char *prefix;   /* public prefix of the format ("gho_"), may be previewed; or "" */
	enum secret_kind kind;
	enum confidence confidence;
	enum encoding encoding;
	struct span
		value; /* decoded secret bytes: never stored outside locked memory, never printed */
	uint64_t offset; /* stream offset where it began (raw bytes) */
	uint64_t end;    /* and where it ended */
	uint32_t line;   /* 1-based line within the scan (since scan_reset) */
	struct span key; /* the key name it stood at, or empty */
	/* For a known value: its whole length, and the part of it that was found. */
	uint64_t known_id; /* 0 = not a known value */
	uint32_t whole_len, part_off, part_len;
	bool expired; /* a JWT whose exp has passed */
};

typedef void (*hit_fn)(void *arg, const struct hit *hit);

const char *secret_kind_name(enum secret_kind k);               /* "access_token" */
int secret_kind_parse(struct span name, enum secret_kind *ret); /* 0 or -ENOENT */
const char *confidence_name(enum confidence c);
int confidence_parse(struct span name, enum confidence *ret);
const char *encoding_name(enum encoding e);

#endif /* BT_DETECT_HIT_H */
