// SPDX-License-Identifier: BSD-2-Clause
/* However a text is cut, a scan finds the same: every rule's own cases, and longer made-up streams. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <sodium.h>
#include "detect/rules_int.h"
#include "scan_hits.h"
#include "sample/tokens.h"

struct fixture {
	struct ruleset *rs;
	struct scanner *sc;
	struct scan *scan;
	struct hits whole, cut;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct error err = { 0, "" };

	f->rs = ruleset_new();
	assert_int_equal(ruleset_add_builtin(f->rs, &err), 0);
	assert_int_equal(scanner_new(f->rs, &f->sc, &err), 0);
	f->scan = scan_new(f->sc, NULL);
	assert_non_null(f->scan);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	hits_clear(&f->whole);
	hits_clear(&f->cut);
	scan_free(f->scan);
	scanner_free(f->sc);
	ruleset_free(f->rs);
	free(f);
	return 0;
}

static void same_however_cut(struct fixture *f, struct span text, size_t stride, const char *what)
{
	scan_pieces(f->scan, text, SPAN_NONE, text.len, text.len, &f->whole);
	for (size_t at = 0; at <= text.len; at += stride) {
		scan_pieces(f->scan, text, SPAN_NONE, at, text.len, &f->cut);
		if (!hits_equal(&f->whole, &f->cut)) {
			hits_print("whole", &f->whole);
			hits_print("cut", &f->cut);
			fail_msg("%s: cut at %zu of %zu", what, at, text.len);
		}
	}
	for (size_t step = 1; step <= 7; step += 3) {
		scan_pieces(f->scan, text, SPAN_NONE, step, step, &f->cut);
		if (!hits_equal(&f->whole, &f->cut)) {
			hits_print("whole", &f->whole);
			hits_print("cut", &f->cut);
			fail_msg("%s: pieces of %zu", what, step);
		}
	}
}

static void one_list(struct fixture *f, const struct rule *r, const struct strings *texts)
{
	const char *why;

	for (size_t i = 0; i < texts->n; i++) {
		struct buf out = BUF_INIT_WIPE(0), token = BUF_INIT_WIPE(0);

		assert_int_equal(rule_expand(r, texts->v[i], &out, &token, &why), 0);
		same_however_cut(f, buf_span(&out), out.len < 300 ? 1 : 7, r->id);
		buf_release(&out);
		buf_release(&token);
	}
}

static void rules_own_cases(void **state)
{
	struct fixture *f = *state;

	for (size_t i = 0; i < f->rs->rules.n; i++) {
		one_list(f, f->rs->rules.v[i], &f->rs->rules.v[i]->match);
		one_list(f, f->rs->rules.v[i], &f->rs->rules.v[i]->nomatch);
	}
	for (size_t i = 0; i < f->rs->keys.n; i++) {
		one_list(f, f->rs->keys.v[i], &f->rs->keys.v[i]->match);
		one_list(f, f->rs->keys.v[i], &f->rs->keys.v[i]->nomatch);
	}
}

/* Adds `in` in a dress that a server's output may have. */
static void dressed(struct buf *out, unsigned int dress, const char *in)
{
	char b64[TOK_MAX * 2];

	switch (dress) {
	case 0:
		buf_addf(out, "%s", in);
		break;
	case 1:
		buf_addf(out, "{\\\"access_token\\\":\\\"%s\\\"}", in);
		break;
	case 2:
		buf_addf(out, "{\\\\\\\"t\\\\\\\":\\\\\\\"%s\\\\\\\"}", in);
		break;
	case 3:
		for (; *in; in++)
			buf_addf(out, "%%%02X", (unsigned char)*in);
		break;
	case 4:
		for (; *in; in++)
			buf_addf(out, "\\u%04x", (unsigned char)*in);
		break;
	case 5:
		sodium_bin2base64(b64, sizeof(b64), (const unsigned char *)in, strlen(in),
				  sodium_base64_VARIANT_ORIGINAL);
		buf_addf(out, "%s", b64);
		break;
	case 6:
		buf_addf(out, "?token=%s&amp;state=1", in);
		break;
	default:
		buf_addf(out, "\x1b[31m%s\x1b[0m", in);
		break;
	}
}

/* A few KiB of text with tokens in all dresses: block borders, windows, and the second lane's begin and end. */
static void long_streams(void **state)
{
	static const char *const kinds[] = { "gho",   "github_pat", "jwt-rs256", "ya29",
					     "npm",   "ghs-new",    "opaque43",  "google-refresh",
					     "slack", "jwe-dir",    "basic",     "atlassian" };
	struct fixture *f = *state;
	char tok[TOK_MAX];
	const char *kind;

	for (unsigned int round = 0; round < 8; round++) {
		struct buf out = BUF_INIT(0);
		char *expect[64];
		size_t n_expect = 0;

		while (out.len < 12000) {
			unsigned int pad = randombytes_uniform(700);

			for (unsigned int i = 0; i < pad; i++)
				buf_add_byte(&out, i % 61 == 60 ? '\n' : "quiet log text "[i % 15]);
			buf_add_byte(&out, ' ');
			kind = kinds[randombytes_uniform(12)];
			tok_gen(kind, tok, sizeof(tok));
			/* A value without a format is only found where something names it. */
			if (strcmp(kind, "opaque43") != 0 && strcmp(kind, "basic") != 0 &&
			    n_expect < 64)
				expect[n_expect++] = strdup(tok);
			dressed(&out, randombytes_uniform(8), tok);
			buf_add_byte(&out, ' ');
		}
		assert_int_equal(out.err, 0);
		same_however_cut(f, buf_span(&out), 97, "stream");
		for (size_t i = 0; i < n_expect; i++) {
			bool found = false;

			for (size_t k = 0; k < f->whole.n; k++)
				found |= !strcmp(f->whole.v[k].value, expect[i]);
			assert_true(found);
			free(expect[i]);
		}
		buf_release(&out);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rules_own_cases),
		cmocka_unit_test(long_streams),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
