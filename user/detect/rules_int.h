/* SPDX-License-Identifier: BSD-2-Clause */
/* Rules in memory, for the scanner and the loader. Read-only once loaded. */
#ifndef BT_DETECT_RULES_INT_H
#define BT_DETECT_RULES_INT_H

#include "detect/pattern.h"
#include "detect/rules.h"
#include "detect/validate.h"

#define RULES_MAX 1024        /* token rules, and key rules */
#define RULES_MAX_PATTERNS 8  /* of one rule */
#define RULES_MAX_NAMES 128   /* of one list of names */
#define RULES_MAX_CASES 64    /* match or nomatch cases of one rule */
#define RULES_MAX_STRING 1024 /* bytes of any string */
#define RULES_MAX_DEPTH 16    /* of a JSON file */
#define RULES_MIN_ANCHOR 3

enum rule_type { RULE_TOKEN, RULE_REGEX, RULE_SCHEME, RULE_JWT, RULE_KEY };

struct strings {
	char **v;
	size_t n;
};

struct rule_pattern {
	struct pattern pat;
	struct byte_set left; /* bytes that must not stand before it */
	char prefix[32];      /* its public beginning, "" when it has none */
};

struct rule {
	char *id, *title, *provider, *file;
	unsigned int line;
	enum rule_type type;
	enum secret_kind kind;
	enum check check;
	bool check_soft;   /* a failed check only lowers the confidence */
	bool context_only; /* no anchor: tried on values that a key name points at */
	double entropy;    /* least bits a byte; 0 = no test */
	char *contains;    /* must occur in the token; NULL = nothing */
	struct rule_pattern *patterns;
	size_t n_patterns;
	/* RULE_REGEX */
	char *regex, *anchor;
	void *code; /* pcre2_code */
	unsigned int max_len;
	/* RULE_SCHEME: anchor is the scheme's name. */
	/* RULE_KEY */
	struct strings names; /* normalised; a leading '*' = any name that ends so */
	struct strings words; /* what a name ends with, as it may be written: anchors */
	unsigned int min_len;
	bool oauth_only; /* only as a form parameter with other OAuth parameters near */
	struct strings match, nomatch;
	unsigned int *match_line, *nomatch_line;
};

struct rule_list {
	struct rule **v;
	size_t n, cap;
};

struct ruleset {
	struct rule_list rules, keys;
	uint32_t key_ends[1024 / 32]; /* by the last two letters of the key rules' names */
	struct strings public_names;  /* normalised, as in struct rule */
	struct strings examples; /* first 8 bytes of SHA-256 as hex: well-known example values */
};

/* Lower case without '_', '-' and ' '. `out` has room for `cap`; returns the length, 0 when too long or empty. */
size_t key_normalise(struct span name, char *out, size_t cap);

/* Where in key_ends a normalised name of `n` >= 2 bytes stands. */
static inline unsigned int key_end(const char *norm, size_t n)
{
	return (norm[n - 2] & 31u) << 5 | (norm[n - 1] & 31u);
}

/* Kinds of names: the longest of `names` that fits `name` (normalised), as its length, or 0. */
size_t names_match(const struct strings *names, struct span name);

struct rule *rule_free(struct rule *r);
int strings_add(struct strings *s, struct span text);
void strings_release(struct strings *s);

/* Puts the rule in, or in the place of the one with its id. Takes it over. */
int rule_list_put(struct rule_list *l, struct rule *r);

/* A random text that `r` finds (RULE_KEY, RULE_SCHEME: a value for it), for tests. `out` is appended to. */
int rule_generate(const struct rule *r, unsigned int extra, struct buf *out);
/* As `cases` (match, nomatch) have it: expands {{...}}; every {{token}} of one text is the same and goes to `token`. */
int rule_expand(const struct rule *r, const char *text, struct buf *out, struct buf *token,
		const char **why);

/* The same without any random bytes: only whether each {{...}} may stand there. */
int rule_check_text(const struct rule *r, const char *text, const char **why);

#endif /* BT_DETECT_RULES_INT_H */
