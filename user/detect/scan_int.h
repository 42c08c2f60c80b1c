/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Inside a scan. A scan has one lane over the bytes as they are, and, while escapes are about, a second one over the unescaped
 * bytes. Each lane looks for anchors (match.h); an anchor opens a candidate, which takes bytes until it is
 * decided. Only while a candidate is open does a lane keep more than LANE_BACK bytes.
 *
 * What both lanes see is reported once: the first lane leaves a value that an escape ends to the second one,
 * and the second one says nothing where the first has spoken.
 */
#ifndef BT_DETECT_SCAN_INT_H
#define BT_DETECT_SCAN_INT_H

#include "detect/match.h"
#include "detect/rules_int.h"
#include "detect/scan.h"
#include "detect/unescape.h"

#define LANE_BACK 128     /* bytes kept before a candidate: key names, boundaries, base64 groups */
#define SCAN_BLOCK 2048   /* bytes looked at in one go */
#define LANE_MAX_CANDS 64 /* open at once; a further one is not opened */
#define SCAN_RECENT 128   /* places reported, to say nothing twice */
#define SCAN_MAX_DEPTH 2  /* base64 in base64 */
#define NESTED_MAX 65536  /* decoded bytes of one base64 run */
#define KEY_MAX 64        /* of a key name */
#define SCAN_MAX_PARTS 16
#define LANE_QUIET 512 /* bytes without an escape after which the second lane ends */

struct key_names;

/* The scans that go by a scanner. */
struct scan_list {
	struct scan *first;
};

struct scanner {
	const struct ruleset *rs;
	struct match *match;
	struct key_names *keys;
	struct byte_set jwt_left; /* no JWT begins behind these */
	struct scan_list *scans;
};

enum cand_type { CAND_TOKEN, CAND_REGEX, CAND_JWT, CAND_NESTED, CAND_KEY };

/* How a key's value is written. */
enum value_style {
	STYLE_NONE,   /* not known yet */
	STYLE_QUOTED, /* "key": "value" */
	STYLE_BARE,   /* key=value, key: value */
	STYLE_TAG,    /* <key>value</key> */
	STYLE_WHOLE,  /* the whole scan is the value */
	STYLE_SCHEME, /* Bearer value */
};

struct cand {
	enum cand_type type;
	bool dead;
	const struct rule *rule;
	uint64_t start; /* lane position: of the token, the key name, the base64 run */
	uint64_t cur;   /* next byte to take */
	union {
		struct {
			const struct rule_pattern *rp;
			struct pattern_state st;
		} token;
		struct {
			uint64_t anchor;
		} regex;
		struct {
			uint64_t key_end;          /* after the name */
			uint64_t value, value_end; /* value_end 0 = not ended yet */
			enum value_style style;
			char quote;  /* or 0 */
			bool equals; /* '=' stands between */
		} key;
		struct {
			struct scan *child;
			uint64_t anchor;
			uint32_t acc, total, column, digits;
			uint8_t bits;
			bool hex;
		} nested;
	};
};

/* Bytes at hand: lane positions base..base+len. */
struct view {
	struct span b;
	const uint64_t *origin; /* of each byte; NULL: as they are */
	uint64_t base;
	uint64_t raw; /* raw offset of position 0, when origin is NULL */
	bool blind;   /* what stands before b is not known */
};

struct lane {
	struct scan *s;
	bool unescaped;
	bool blind;     /* began amid a text: what stood before position 0 is not known */
	uint32_t state; /* of the matcher */
	uint32_t lines; /* newlines before pos */
	uint64_t pos;   /* bytes taken */
	uint16_t back;  /* bytes in `carry` */
	char carry[LANE_BACK];
	uint64_t *carry_origin; /* unescaped: LANE_BACK of them */
	/* While candidates are open. */
	struct buf win;
	uint64_t *win_origin;
	size_t win_origin_cap;
	struct cand *cands;
	size_t n_cands;
};

/* The lane over unescaped bytes. */
struct second {
	struct lane lane;
	struct unescape u;
	uint64_t last_escape; /* raw offset */
	uint64_t carry_origin[LANE_BACK];
};

struct recent {
	uint64_t from, to; /* raw offsets */
	uint64_t hash;
	bool guess; /* only a key name said so */
};

/* A part of a known value that waits until no token is open that may hold it. */
struct held_part {
	struct hit hit;
	struct buf value;
};

struct scan {
	const struct scanner *sc;
	struct scan *prev_of_sc, *next_of_sc;
	struct values *values;
	struct value_scan *vs;
	struct scan *parent; /* of a nested scan */
	uint8_t depth;
	/* Nested: where its byte 0 lies in the parent, and how many parent bytes make `map_den` of its own. */
	uint64_t map_raw, map_end;
	uint8_t map_num, map_den;
	enum encoding map_enc;
	uint32_t map_line;
	uint64_t off0; /* stream offset of byte 0 */
	hit_fn fn;
	void *arg;
	struct scan_sights *sights; /* of the feed under way, or NULL */
	char *key;                  /* scan_reset's */
	size_t key_len;
	struct recent *recent;
	uint32_t recent_n;
	struct held_part *parts;
	uint32_t n_parts;
	struct second *second;
	struct lane lane;
};

/* --- lane.c --- */

void lane_init(struct lane *l, struct scan *s, bool unescaped);
void lane_release(struct lane *l);
/*
 * Takes at most SCAN_BLOCK + UNESCAPE_SLACK bytes; `origin` as in struct view. `before`: how many of the stream's bytes stand before
 * b.p (and origin) in memory; with an origin, at least l->back.
 */
void lane_feed(struct lane *l, struct span b, size_t before, const uint64_t *origin, uint64_t raw);
/* All that is open ends here. */
void lane_end(struct lane *l, uint64_t raw);
/* Reports what would end here, and leaves it open. */
void lane_peek(struct lane *l, uint64_t raw);
size_t lane_memory(const struct lane *l);
/* Opens the candidate that the whole scan is (scan_reset's key). */
void lane_open_whole(struct lane *l);

static inline size_t view_at(const struct view *v, uint64_t pos)
{
	return (size_t)(pos - v->base);
}

static inline uint64_t view_end(const struct view *v)
{
	return v->base + v->b.len;
}

static inline struct span view_span(const struct view *v, uint64_t from, uint64_t to)
{
	return span_sub(v->b, view_at(v, from), (size_t)(to - from));
}

/* A new candidate, or NULL. */
struct cand *lane_open(struct lane *l, enum cand_type type, const struct rule *rule,
		       uint64_t start);

/* --- cand.c: opening and deciding --- */

/* Opens what the anchor that ends at view index `end` begins. */
void cand_open(struct lane *l, const struct view *v, size_t end, const struct anchor *a);
/* Takes bytes up to position `limit`; `final`: nothing comes after. */
void cand_advance(struct lane *l, const struct view *v, struct cand *c, uint64_t limit, bool final);
void cand_close(struct cand *c);

/* --- keyctx.c --- */

void key_open(struct lane *l, const struct view *v, size_t end, const struct anchor *a);
void key_advance(struct lane *l, const struct view *v, struct cand *c, uint64_t limit, bool final);
/* The key name that the value at `pos` stands at, or empty. */
struct span key_before(const struct scan *s, const struct view *v, uint64_t pos);

/* --- keyname.c --- */

/* The key rule that knows this name, or NULL. */
const struct rule *key_lookup(const struct scanner *sc, struct span name);
/* 0 or -ENOMEM. Names stay the ruleset's. */
int key_names_new(const struct ruleset *rs, struct key_names **ret);
struct key_names *key_names_free(struct key_names *kn);

/* --- nested.c --- */

void nested_open(struct lane *l, const struct view *v, size_t end, const struct anchor *a);
void nested_advance(struct lane *l, const struct view *v, struct cand *c, uint64_t limit,
		    bool final);

/* --- scan.c --- */

/* Reports a hit on lane positions from..to, or keeps quiet (`hit` NULL: only marks the place). */
void scan_report(struct lane *l, const struct view *v, uint64_t from, uint64_t to, struct hit *hit);
/* A hit of the value search: a whole value is passed on, a part is held. */
void scan_value_hit(void *arg, const struct hit *hit);
/* Passes on the held parts that nothing stronger covers; `all`: nothing is open any more. */
void scan_settle_parts(struct scan *s, bool all);
void scan_drop_parts(struct scan *s);
/* True when a report lies on these lane positions. */
bool scan_reported(const struct lane *l, const struct view *v, uint64_t from, uint64_t to);
/* A well-known example value. */
bool scan_is_example(const struct ruleset *rs, struct span value);

#endif /* BT_DETECT_SCAN_INT_H */
