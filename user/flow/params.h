/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The parameters of an OAuth message as one list of names and decoded values: of a query, a form, or a JSON
 * object (its scalars; elements of an array at the top carry the array's name; members of nested objects are
 * left out). Values may be secrets: the memory is wiped when released.
 */
#ifndef BT_FLOW_PARAMS_H
#define BT_FLOW_PARAMS_H

#include "base/buf.h"

#define PARAMS_MAX 96
#define PARAMS_MAX_BYTES (256u * 1024)

struct param {
	uint32_t name, name_len, value, value_len; /* offsets in `text` */
};

struct params {
	struct buf text;
	struct param list[PARAMS_MAX];
	size_t n;
	bool json; /* from a JSON object that was whole */
};

/* BUF_INIT_WIPE written out: cppcheck does not expand one macro in the braces of another. */
#define PARAMS_INIT                                                                                \
	{                                                                                          \
		.text = {.max = PARAMS_MAX_BYTES, .wipe = true }                                   \
	}

/* Add to what is there; over PARAMS_MAX the rest is left out. 0, -ENOMEM, or -EBADMSG: not a JSON object. */
int params_add_form(struct params *p, struct span form);
int params_add_json(struct params *p, struct span text);
/* Of a URL or request target: its query, and its fragment. */
int params_add_url(struct params *p, struct span url);
void params_release(struct params *p);
/* Value of the first of that name; .p is NULL when there is none (an empty one has len 0 and p). */
struct span params_get(const struct params *p, const char *name);
bool params_has(const struct params *p, const char *name); /* there, and not empty */
struct span params_value(const struct params *p, size_t i);
struct span params_name(const struct params *p, size_t i);
/* True when `item` is one of the blank-separated items of `list`. */
bool list_has(struct span list, const char *item);
/* Takes the next blank-separated item off *rest. False at the end. */
bool list_next(struct span *rest, struct span *item);
/* The number that a value spells, or -1. */
int64_t params_number(const struct params *p, const char *name);

/*
 * The JSON objects of a compact JWS: header and claims, without looking at the signature. 0, or -EBADMSG when it is
 * none. Either may be NULL. `signed_` gets whether there is a signature.
 */
int jwt_params(struct span token, struct params *header, struct params *claims, bool *signed_);

#endif /* BT_FLOW_PARAMS_H */
