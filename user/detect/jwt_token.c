// SPDX-License-Identifier: BSD-2-Clause
/* JSON Web Tokens: proof that a string is one, and what it says of itself. */
#include "detect/validate.h"

#define JWT_MAX_PART 12288 /* base64url characters of a header or payload that are decoded */

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* End of the string that begins at s.p[i] == '"' (past its closing quote), or SIZE_MAX. */
static size_t string_end(struct span s, size_t i)
{
	for (i++; i < s.len; i++) {
		if (s.p[i] == '\\')
			i++;
		else if (s.p[i] == '"')
			return i + 1;
		else if ((uint8_t)s.p[i] < 0x20)
			return SIZE_MAX;
	}
	return SIZE_MAX;
}

/* End of the value that begins at i, by counting brackets; SIZE_MAX when there is none. */
static size_t value_end(struct span s, size_t i)
{
	unsigned int depth = 0;

	while (i < s.len) {
		char c = s.p[i];

		if (c == '"') {
			i = string_end(s, i);
			if (i == SIZE_MAX)
				return SIZE_MAX;
			if (!depth)
				return i;
			continue;
		}
		if (c == '{' || c == '[') {
			depth++;
		} else if (c == '}' || c == ']') {
			if (!depth)
				return i;
			if (!--depth)
				return i + 1;
		} else if (c == ',' && !depth) {
			return i;
		}
		i++;
	}
	return SIZE_MAX;
}

typedef void (*member_fn)(void *arg, struct span key, struct span value);

/* Walks the members of a JSON object (escapes in keys are not resolved). False when it is not one. */
static bool object_walk(struct span s, member_fn fn, void *arg)
{
	size_t i = 0, from, end;
	struct span key;

	while (i < s.len && is_space(s.p[i]))
		i++;
	while (s.len > i && is_space(s.p[s.len - 1]))
		s.len--;
	if (s.len < i + 2 || s.p[i] != '{' || s.p[s.len - 1] != '}')
		return false;
	for (i++;; i++) {
		while (i < s.len && is_space(s.p[i]))
			i++;
		if (i + 1 == s.len)
			return true;
		if (s.p[i] != '"')
			return false;
		end = string_end(s, i);
		if (end == SIZE_MAX)
			return false;
		key = span_of(s.p + i + 1, end - i - 2);
		for (i = end; i < s.len && is_space(s.p[i]); i++)
			;
		if (i >= s.len || s.p[i] != ':')
			return false;
		for (i++; i < s.len && is_space(s.p[i]); i++)
			;
		from = i;
		end = value_end(s, from);
		if (end == SIZE_MAX || end == from)
			return false;
		fn(arg, key, span_of(s.p + from, end - from));
		for (i = end; i < s.len && is_space(s.p[i]); i++)
			;
		if (i + 1 == s.len)
			return s.p[i] == '}';
		if (i >= s.len || s.p[i] != ',')
			return false;
	}
}

struct header {
	char alg[16];
	char typ[40];
	bool enc;
};

/* A string value, lower case, cut to `cap`; empty when it is none. */
static void take_string(struct span v, char *out, size_t cap)
{
	size_t n = 0;

	if (v.len < 2 || v.p[0] != '"')
		return;
	for (size_t i = 1; i + 1 < v.len && n + 1 < cap; i++)
		out[n++] = v.p[i] >= 'A' && v.p[i] <= 'Z' ? (char)(v.p[i] + 32) : v.p[i];
	out[n] = '\0';
}

static void header_member(void *arg, struct span key, struct span value)
{
	struct header *h = arg;

	if (span_eq_str(key, "alg"))
		take_string(value, h->alg, sizeof(h->alg));
	else if (span_eq_str(key, "typ"))
		take_string(value, h->typ, sizeof(h->typ));
	else if (span_eq_str(key, "enc"))
		h->enc = value.p[0] == '"';
}

struct claims {
	bool id, access, refresh; /* marks of each kind */
	bool anon, supabase;      /* both: Supabase's anonymous key, which is public */
	int64_t exp;
};

static void claims_member(void *arg, struct span key, struct span value)
{
	struct claims *c = arg;
	char use[16] = "";

	if (span_eq_str(key, "exp")) {
		c->exp = 0;
		for (size_t i = 0; i < value.len && i < 15; i++) {
			if (value.p[i] < '0' || value.p[i] > '9')
				break;
			c->exp = c->exp * 10 + (value.p[i] - '0');
		}
	} else if (span_eq_str(key, "nonce") || span_eq_str(key, "at_hash") ||
		   span_eq_str(key, "c_hash")) {
		c->id = true; /* OpenID Connect Core section 2 */
	} else if (span_eq_str(key, "scope") || span_eq_str(key, "scp") ||
		   span_eq_str(key, "client_id")) {
		c->access = true; /* RFC 9068 section 2.2 */
	} else if (span_eq_str(key, "role")) {
		c->anon = span_eq_str(value, "\"anon\"");
	} else if (span_eq_str(key, "iss")) {
		c->supabase = span_eq_str(value, "\"supabase\"");
	} else if (span_eq_str(key, "typ") || span_eq_str(key, "token_use")) {
		/* Keycloak's and Cognito's own marks. */
		take_string(value, use, sizeof(use));
		c->id |= !strcmp(use, "id");
		c->access |= !strcmp(use, "access") || !strcmp(use, "bearer");
		c->refresh |= !strcmp(use, "refresh") || !strcmp(use, "offline");
	}
}

/* Base64url characters that a signature by `alg` has (RFC 7518 section 3, RFC 8037); 0 = depends on the key. */
static bool signature_fits(const char *alg, size_t chars)
{
	static const struct {
		char alg[8];
		uint16_t chars;
	} fixed[] = {
		{ "hs256", 43 },   { "hs384", 64 },  { "hs512", 86 }, { "es256", 86 },
		{ "es384", 128 },  { "es512", 176 }, { "eddsa", 86 }, { "es256k", 86 },
		{ "ed25519", 86 }, { "none", 0 },
	};

	for (size_t i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++) {
		if (!strcmp(alg, fixed[i].alg))
			return chars == fixed[i].chars;
	}
	if (chars % 4 == 1)
		return false;
	/* RSA: as many bytes as the modulus has, 1024 bits and up in steps of 64. */
	if (!strncmp(alg, "rs", 2) || !strncmp(alg, "ps", 2))
		return chars >= 171 && chars * 3 / 4 % 8 == 0;
	return chars >= 43;
}

static enum secret_kind kind_of(const struct header *h, const struct claims *c)
{
	const char *typ = h->typ;

	if (!strncmp(typ, "application/", 12))
		typ += 12;
	if (!strcmp(typ, "at+jwt"))
		return SECRET_ACCESS_TOKEN;
	if (!strcmp(typ, "id_token"))
		return SECRET_ID_TOKEN;
	if (!strcmp(typ, "oauth-id-jag+jwt") || !strcmp(typ, "client-authentication+jwt"))
		return SECRET_ASSERTION;
	if (c->refresh)
		return SECRET_REFRESH_TOKEN;
	if (c->id && !c->access)
		return SECRET_ID_TOKEN;
	if (c->access && !c->id)
		return SECRET_ACCESS_TOKEN;
	return SECRET_BEARER;
}

static bool decode_part(struct span part, struct buf *out)
{
	buf_clear(out);
	return part.len >= 2 && part.len <= JWT_MAX_PART && base64_decode(part, out);
}

bool jwt_decode(struct span token, int64_t now, struct jwt_facts *ret)
{
	struct span part[5] = { SPAN_NONE, SPAN_NONE, SPAN_NONE, SPAN_NONE, SPAN_NONE };
	struct buf out = BUF_INIT_WIPE(JWT_MAX_PART);
	struct header h = { "", "", false };
	struct claims c = { .exp = 0 };
	unsigned int parts = 0;
	size_t from = 0, i;
	bool ok = false;

	memset(ret, 0, sizeof(*ret));
	for (i = 0; i <= token.len && parts < 5; i++) {
		if (i < token.len && token.p[i] != '.')
			continue;
		part[parts++] = span_of(token.p + from, i - from);
		from = i + 1;
	}
	if (parts < 3 || !decode_part(part[0], &out) ||
	    !object_walk(buf_span(&out), header_member, &h) || !h.alg[0])
		goto out;
	ret->kind = SECRET_BEARER;
	if (h.enc) {
		/* Initialization vector, ciphertext and tag must be there; the key is empty for alg=dir. */
		ret->jwe = true;
		ok = parts == 5 && part[2].len >= 8 && part[3].len >= 8 && part[4].len >= 16;
		ret->len = ok ? (size_t)(part[4].p - token.p) + part[4].len : 0;
		ret->signature = part[4];
		goto out;
	}
	if (!decode_part(part[1], &out) || !object_walk(buf_span(&out), claims_member, &c) ||
	    !signature_fits(h.alg, part[2].len))
		goto out;
	ok = true;
	ret->len = (size_t)(part[2].p - token.p) + part[2].len;
	ret->signature = part[2];
	ret->kind = kind_of(&h, &c);
	ret->expired = c.exp > 0 && now > c.exp;
	ret->not_a_secret = !strcmp(h.typ, "dpop+jwt") || !strcmp(h.typ, "oauth-authz-req+jwt") ||
			    !strcmp(h.typ, "entity-statement+jwt") || (c.anon && c.supabase);
out:
	buf_release(&out);
	return ok;
}
