/* SPDX-License-Identifier: BSD-2-Clause */
/* The store of known values, fragments of them, several at once, and changes under way. */
#include <errno.h>
#include <unistd.h>

#include "test_values_lib.h"

struct fixture {
	struct rng rng;
	struct collector got;
	struct values *v;
	struct value_scan *s;
	char value[4][2048];
};

/* Adds value[i] of `len` random characters, the first `same` of them as in value[0]. */
static int64_t add(struct fixture *f, size_t i, const char *alphabet, size_t len, size_t same,
		   size_t prefix)
{
	int64_t id;

	random_text(&f->rng, alphabet, f->value[i], len);
	memcpy(f->value[i], f->value[0], same);
	id = values_add(f->v, span_of(f->value[i], len), SECRET_ACCESS_TOKEN, prefix);
	assert_true(id > 0);
	return id;
}

static void scan_str(struct fixture *f, const char *text, size_t len)
{
	scan_text(f->s, text, len, SIZE_MAX, &f->got);
}

static void assert_hit(const struct fixture *f, size_t i, int64_t id, size_t off, size_t part_off,
		       size_t part_len)
{
	assert_true(i < f->got.n);
	assert_int_equal(f->got.hit[i].id, id);
	assert_int_equal(f->got.hit[i].offset, off);
	assert_int_equal(f->got.hit[i].part_off, part_off);
	assert_int_equal(f->got.hit[i].part_len, part_len);
}

static void test_refused(void **state)
{
	struct fixture *f = *state;
	char big[VALUES_MAX_LEN + 1];
	static const char *const unfit[] = {
		"",
		"short-value-15b",
		"aaaaaaaaaaaaaaaaaaaaaaaa",
		"xxxx-xxxx-xxxx-xxxx-xxxx",
		"0123456789012345678901",
		"abcdefghijklmnopqrstuvwxyz",
		"tokentokentokentokentoken",
		"%41%42%43%44%45%46%47",
	};

	for (size_t i = 0; i < sizeof(unfit) / sizeof(unfit[0]); i++)
		assert_int_equal(values_add(f->v, span_str(unfit[i]), SECRET_CODE, 0), -EINVAL);
	random_text(&f->rng, ALPHA_URL, big, sizeof(big));
	assert_int_equal(values_add(f->v, span_of(big, sizeof(big)), SECRET_CODE, 0), -EINVAL);
	/* Too few bytes left that are not public. */
	assert_int_equal(values_add(f->v, span_of(big, 20), SECRET_CODE, 9), -EINVAL);
	assert_int_equal(values_add(f->v, span_of(big, 20), SECRET_CODE, 21), -EINVAL);
	assert_int_equal(values_len(f->v), 0);
	assert_true(values_add(f->v, span_of(big, VALUES_MAX_LEN), SECRET_CODE, 0) > 0);
	assert_true(values_add(f->v, span_of(big, 20), SECRET_CODE, 8) > 0);
	assert_int_equal(values_len(f->v), 2);
}

static void test_longest_value(void **state)
{
	struct fixture *f = *state;
	static char text[2 * VALUES_MAX_LEN + 2];
	char *big = text + 1;
	struct buf hex = BUF_INIT(0);
	int64_t id;

	random_text(&f->rng, ALPHA_URL, big, VALUES_MAX_LEN);
	id = values_add(f->v, span_of(big, VALUES_MAX_LEN), SECRET_CODE, 0);
	assert_true(id > 0);
	scan_str(f, text, VALUES_MAX_LEN + 2);
	assert_int_equal(f->got.n, 1);
	assert_hit(f, 0, id, 1, 0, VALUES_MAX_LEN);
	for (size_t i = 0; i < VALUES_MAX_LEN; i++)
		buf_addf(&hex, "%02x", (unsigned char)big[i]);
	scan_str(f, hex.p, hex.len);
	assert_int_equal(f->got.n, 1);
	assert_hit(f, 0, id, 0, 0, VALUES_MAX_LEN);
	buf_release(&hex);
}

static void test_equal_value_same_id(void **state)
{
	struct fixture *f = *state;
	int64_t id = add(f, 0, ALPHA_URL, 43, 0, 0);

	assert_int_equal(values_add(f->v, span_of(f->value[0], 43), SECRET_CODE, 4), id);
	assert_int_equal(values_len(f->v), 1);
	values_set_kind(f->v, id, SECRET_REFRESH_TOKEN);
	scan_str(f, f->value[0], 43);
	assert_int_equal(f->got.n, 1);
	assert_int_equal(f->got.hit[0].kind, SECRET_REFRESH_TOKEN);
	values_remove(f->v, id);
	values_remove(f->v, id);
	assert_int_equal(values_len(f->v), 0);
	scan_str(f, f->value[0], 43);
	assert_int_equal(f->got.n, 0);
}

static void test_fragments(void **state)
{
	struct fixture *f = *state;
	int64_t id = add(f, 0, ALPHA_URL, 40, 0, 0);
	char text[128];

	for (size_t len = 8; len < 40; len++) {
		for (size_t from = 0; from + len <= 40; from++) {
			memset(text, ' ', sizeof(text));
			memcpy(text + 7, f->value[0] + from, len);
			for (size_t cut = 0; cut < 64; cut += 5) {
				scan_text(f->s, text, 64, cut, &f->got);
				if (len < VALUES_MIN_PART) {
					assert_int_equal(f->got.n, 0);
					continue;
				}
				assert_int_equal(f->got.n, 1);
				assert_hit(f, 0, id, 7, from, len);
				assert_int_equal(f->got.hit[0].end, 7 + len);
				assert_int_equal(f->got.hit[0].whole_len, 40);
				assert_int_equal(f->got.hit[0].encoding, ENC_RAW);
				assert_memory_equal(f->got.hit[0].value, f->value[0] + from, len);
			}
		}
	}
}

static void test_fragments_encoded(void **state)
{
	struct fixture *f = *state;
	int64_t id = add(f, 0, ALPHA_URL, 43, 0, 0);
	struct buf text = BUF_INIT(0);

	for (size_t from = 0; from + 16 <= 57; from++) {
		struct buf whole = BUF_INIT(0);

		/* 16 characters of the base64 text hold at least 11 whole bytes. */
		base64_text(&whole, f->value[0], 43, true, false, 0, "");
		buf_clear(&text);
		buf_add_str(&text, "<<");
		buf_add(&text, whole.p + from, 16);
		buf_add_str(&text, ">>");
		scan_str(f, text.p, text.len);
		assert_int_equal(f->got.n, 1);
		assert_int_equal(f->got.hit[0].id, id);
		assert_int_equal(f->got.hit[0].encoding, ENC_BASE64);
		assert_in_range(f->got.hit[0].part_len, 11, 13);
		assert_memory_equal(f->got.hit[0].value, f->value[0] + f->got.hit[0].part_off,
				    f->got.hit[0].part_len);
		buf_clear(&text);
		buf_add_str(&text, "<<");
		buf_add(&text, whole.p + from, 15);
		buf_add_str(&text, ">>");
		scan_str(f, text.p, text.len);
		assert_int_equal(f->got.n, 0);
		buf_release(&whole);
	}
	for (size_t from = 0; from + 12 <= 43; from++) {
		for (size_t len = 11; len <= 12; len++) {
			buf_clear(&text);
			buf_add_str(&text, "0x");
			for (size_t i = 0; i < len; i++)
				buf_addf(&text, "%02X", (unsigned char)f->value[0][from + i]);
			buf_add_str(&text, "\n");
			scan_str(f, text.p, text.len);
			assert_int_equal(f->got.n, len - 11);
			if (len == 12)
				assert_hit(f, 0, id, 2, from, 12);
		}
	}
	buf_release(&text);
}

static void test_hex_value_needs_16(void **state)
{
	struct fixture *f = *state;
	int64_t id = add(f, 0, ALPHA_HEX, 40, 0, 0);

	for (size_t from = 0; from + 16 <= 40; from++) {
		scan_str(f, f->value[0] + from, 15);
		assert_int_equal(f->got.n, 0);
		scan_str(f, f->value[0] + from, 16);
		assert_int_equal(f->got.n, 1);
		assert_hit(f, 0, id, 0, from, 16);
	}
}

/* Public bytes are part of the value, but no evidence. */
static void test_public_prefix(void **state)
{
	struct fixture *f = *state;
	char text[2048];
	int64_t id = add(f, 0, ALPHA_URL, 400, 0, 120);

	scan_str(f, f->value[0], 120 + 11);
	assert_int_equal(f->got.n, 0);
	scan_str(f, f->value[0], 120 + 12);
	assert_int_equal(f->got.n, 1);
	assert_hit(f, 0, id, 0, 0, 132);
	memset(text, '.', sizeof(text));
	memcpy(text + 9, f->value[0], 400);
	for (size_t cut = 0; cut < 500; cut++) {
		scan_text(f->s, text, 600, cut, &f->got);
		assert_int_equal(f->got.n, 1);
		assert_hit(f, 0, id, 9, 0, 400);
	}
	/* Byte by byte. */
	f->got.n = 0;
	value_scan_reset(f->s, 1000);
	for (size_t i = 0; i < 600; i++)
		feed(f->s, text + i, 1, &f->got);
	value_scan_flush(f->s, collect, &f->got);
	assert_int_equal(f->got.n, 1);
	assert_hit(f, 0, id, 1009, 0, 400);
}

static void test_jwt_prefix(void **state)
{
	(void)state;
	assert_int_equal(values_jwt_prefix(SPAN_LIT("eyJhbGciOiJub25lIn0.e30.c2ln")), 20);
	assert_int_equal(values_jwt_prefix(SPAN_LIT("eyJhbGciOiJkaXIifQ..aXY.Y3Q.dGFn")), 19);
	assert_int_equal(values_jwt_prefix(SPAN_LIT("eyJhbGciOiJub25lIn0.e30")), 0);
	assert_int_equal(values_jwt_prefix(SPAN_LIT("eyJhbGciOiJub25lIn0.e 30.c2ln")), 0);
	assert_int_equal(values_jwt_prefix(SPAN_LIT("a.b.c")), 0);
	assert_int_equal(values_jwt_prefix(SPAN_NONE), 0);
}

/* Of a signed JWT only the signature proves that the token is known; the whole token is found however it comes. */
static void test_jwt_claims_are_no_evidence(void **state)
{
	struct fixture *f = *state;
	const char *head = "eyJhbGciOiJSUzI1NiJ9.";
	char *jwt = f->value[0];
	size_t prefix = strlen(head), sig;
	int64_t id;

	memcpy(jwt, head, prefix);
	random_text(&f->rng, ALPHA_URL, jwt + prefix, 900);
	jwt[prefix + 900] = '.';
	sig = prefix + 901;
	random_text(&f->rng, ALPHA_URL, jwt + sig, 342);
	id = values_add(f->v, span_of(jwt, sig + 342), SECRET_ACCESS_TOKEN,
			values_jwt_prefix(span_of(jwt, sig + 342)));
	assert_true(id > 0);
	scan_str(f, jwt, sig - 1);
	assert_int_equal(f->got.n, 0);
	scan_str(f, jwt + 100, 300);
	assert_int_equal(f->got.n, 0);
	scan_str(f, jwt, sig + 11);
	assert_int_equal(f->got.n, 0);
	scan_str(f, jwt, sig + 12);
	assert_int_equal(f->got.n, 1);
	assert_hit(f, 0, id, 0, 0, sig + 12);
	scan_str(f, jwt + sig + 20, 30);
	assert_int_equal(f->got.n, 1);
	assert_hit(f, 0, id, 0, sig + 20, 30);
	/* Byte by byte. */
	f->got.n = 0;
	value_scan_reset(f->s, 0);
	for (size_t i = 0; i < sig + 342; i++)
		feed(f->s, jwt + i, 1, &f->got);
	value_scan_flush(f->s, collect, &f->got);
	assert_int_equal(f->got.n, 1);
	assert_hit(f, 0, id, 0, 0, sig + 342);
}

static void test_two_values_touching(void **state)
{
	struct fixture *f = *state;
	int64_t a = add(f, 0, ALPHA_ALNUM, 40, 0, 0), b = add(f, 1, ALPHA_URL, 43, 0, 0);
	char text[256];

	memset(text, '\n', sizeof(text));
	memcpy(text + 3, f->value[0], 40);
	memcpy(text + 43, f->value[1], 43);
	memcpy(text + 86, f->value[0], 40);
	for (size_t cut = 0; cut <= 140; cut++) {
		scan_text(f->s, text, 140, cut, &f->got);
		assert_int_equal(f->got.n, 3);
		assert_hit(f, 0, a, 3, 0, 40);
		assert_hit(f, 1, b, 43, 0, 43);
		assert_hit(f, 2, a, 86, 0, 40);
		assert_int_equal(f->got.hit[0].line, 4);
		assert_int_equal(f->got.hit[2].line, 4);
	}
}

static void test_shared_grams_longest_wins(void **state)
{
	struct fixture *f = *state;
	int64_t a = add(f, 0, ALPHA_URL, 60, 0, 0), b = add(f, 1, ALPHA_URL, 60, 30, 0), c;
	char text[200];

	/* One value inside another. */
	c = values_add(f->v, span_of(f->value[0] + 20, 20), SECRET_STATE, 0);
	assert_true(c > 0);
	memset(text, '"', sizeof(text));
	for (size_t cut = 0; cut <= 80; cut++) {
		memcpy(text + 5, f->value[0], 60);
		scan_text(f->s, text, 80, cut, &f->got);
		assert_int_equal(f->got.n, 1);
		assert_hit(f, 0, a, 5, 0, 60);
		memcpy(text + 5, f->value[1], 60);
		scan_text(f->s, text, 80, cut, &f->got);
		assert_int_equal(f->got.n, 1);
		assert_hit(f, 0, b, 5, 0, 60);
	}
	/* Alone it is itself, and the whole value before the fragment of the other. */
	scan_str(f, f->value[0] + 20, 20);
	assert_int_equal(f->got.n, 1);
	assert_hit(f, 0, c, 0, 0, 20);
}

/* More tokens of one issuer, alike for longer than a window, than one gram remembers places for. */
static void test_many_values_alike(void **state)
{
	struct fixture *f = *state;
	static char tokens[40][2048], text[2048 + 8];
	const size_t len = 1500, same = 900;
	int64_t ids[40];

	for (size_t i = 0; i < 40; i++) {
		random_text(&f->rng, ALPHA_URL, tokens[i], len);
		memcpy(tokens[i], tokens[0], same);
		ids[i] = values_add(f->v, span_of(tokens[i], len), SECRET_ACCESS_TOKEN, 60);
		assert_true(ids[i] > 0);
	}
	for (size_t i = 0; i < 40; i++) {
		memset(text, ' ', sizeof(text));
		memcpy(text + 4, tokens[i], len);
		for (size_t cut = 1; cut <= len + 8; cut += 97) {
			scan_text(f->s, text, len + 8, cut, &f->got);
			assert_int_equal(f->got.n, 1);
			assert_hit(f, 0, ids[i], 4, 0, len);
		}
		f->got.n = 0;
		value_scan_reset(f->s, 0);
		for (size_t at = 0; at < len + 8; at += 7)
			feed(f->s, text + at, len + 8 - at < 7 ? len + 8 - at : 7, &f->got);
		value_scan_flush(f->s, collect, &f->got);
		assert_int_equal(f->got.n, 1);
		assert_hit(f, 0, ids[i], 4, 0, len);
	}
}

/* A value whose parts repeat is one hit, whichever of its places a gram leads to first. */
static void test_repetition_inside(void **state)
{
	struct fixture *f = *state;
	char value[200], text[300];
	int64_t id;

	random_text(&f->rng, ALPHA_URL, value, 200);
	memcpy(value + 70, value, 40);
	memcpy(value + 130, value, 40);
	id = values_add(f->v, span_of(value, 200), SECRET_CODE, 0);
	assert_true(id > 0);
	memset(text, ' ', sizeof(text));
	for (size_t from = 0; from < 150; from += 3) {
		memcpy(text + 10, value + from, 200 - from);
		memset(text + 210 - from, ' ', 40);
		for (size_t cut = 0; cut < 220; cut += 11) {
			scan_text(f->s, text, 250, cut, &f->got);
			assert_int_equal(f->got.n, 1);
			/* A part that stands three times in the value may be told as any of them, but whole ones not. */
			assert_int_equal(f->got.hit[0].part_len, 200 - from);
			assert_hit(f, 0, id, 10, from, 200 - from);
		}
	}
}

/* Chunked framing and "data:" lines inside a value. */
static void test_interrupted(void **state)
{
	struct fixture *f = *state;
	int64_t id = add(f, 0, ALPHA_URL, 60, 0, 0);
	struct buf text = BUF_INIT(0);

	for (size_t at = 9; at <= 48; at++) {
		buf_clear(&text);
		buf_add_str(&text, "data: ");
		buf_add(&text, f->value[0], at);
		buf_add_str(&text, "\r\n1f4\r\ndata: ");
		buf_add(&text, f->value[0] + at, 60 - at);
		buf_add_str(&text, "\r\n");
		for (size_t cut = 0; cut < text.len; cut++) {
			scan_text(f->s, text.p, text.len, cut, &f->got);
			assert_int_equal(f->got.n, 1);
			assert_hit(f, 0, id, 6, 0, 60);
			assert_int_equal(f->got.hit[0].end, text.len - 2);
		}
	}
	/* Far apart they are two. */
	buf_clear(&text);
	buf_add(&text, f->value[0], 30);
	for (size_t i = 0; i < 200; i++)
		buf_add_byte(&text, '.');
	buf_add(&text, f->value[0] + 30, 30);
	scan_str(f, text.p, text.len);
	assert_int_equal(f->got.n, 2);
	assert_hit(f, 0, id, 0, 0, 30);
	assert_hit(f, 1, id, 230, 30, 30);
	buf_release(&text);
}

static void test_flush_separates(void **state)
{
	struct fixture *f = *state;
	int64_t id = add(f, 0, ALPHA_URL, 40, 0, 0);

	f->got.n = 0;
	value_scan_reset(f->s, 5);
	feed(f->s, "\n\n", 2, &f->got);
	feed(f->s, f->value[0], 20, &f->got);
	value_scan_flush(f->s, collect, &f->got);
	assert_int_equal(f->got.n, 1);
	feed(f->s, f->value[0] + 20, 20, &f->got);
	value_scan_flush(f->s, collect, &f->got);
	assert_int_equal(f->got.n, 2);
	assert_hit(f, 0, id, 7, 0, 20);
	assert_hit(f, 1, id, 27, 20, 20);
	assert_int_equal(f->got.hit[0].line, 3);
	assert_int_equal(f->got.hit[1].line, 3);
}

/* A whole value is told at its last byte, a part when it cannot go on. */
static void test_promptness(void **state)
{
	struct fixture *f = *state;

	add(f, 0, ALPHA_URL, 40, 0, 0);
	f->got.n = 0;
	value_scan_reset(f->s, 0);
	feed(f->s, f->value[0], 39, &f->got);
	assert_int_equal(f->got.n, 0);
	feed(f->s, f->value[0] + 39, 1, &f->got);
	assert_int_equal(f->got.n, 1);
	feed(f->s, f->value[0], 20, &f->got);
	for (size_t i = 0; i < 100; i++)
		feed(f->s, ".", 1, &f->got);
	assert_int_equal(f->got.n, 2);
	value_scan_flush(f->s, collect, &f->got);
	assert_int_equal(f->got.n, 2);
}

static void test_change_under_way(void **state)
{
	struct fixture *f = *state;
	int64_t a = add(f, 0, ALPHA_URL, 60, 0, 0), b;

	/* Removed while it is being matched. */
	f->got.n = 0;
	value_scan_reset(f->s, 0);
	feed(f->s, f->value[0], 30, &f->got);
	values_remove(f->v, a);
	feed(f->s, f->value[0] + 30, 30, &f->got);
	value_scan_flush(f->s, collect, &f->got);
	assert_int_equal(f->got.n, 0);
	/* Another takes its slot. */
	a = add(f, 0, ALPHA_URL, 60, 0, 0);
	value_scan_reset(f->s, 0);
	feed(f->s, f->value[0], 30, &f->got);
	values_remove(f->v, a);
	b = add(f, 1, ALPHA_URL, 60, 0, 0);
	feed(f->s, f->value[0] + 30, 30, &f->got);
	feed(f->s, f->value[1], 60, &f->got);
	value_scan_flush(f->s, collect, &f->got);
	assert_int_equal(f->got.n, 1);
	assert_hit(f, 0, b, 60, 0, 60);
	/* Added when its first 20 bytes were there: found from what is still at hand. */
	random_text(&f->rng, ALPHA_URL, f->value[2], 60);
	f->got.n = 0;
	value_scan_reset(f->s, 0);
	feed(f->s, f->value[2], 20, &f->got);
	a = values_add(f->v, span_of(f->value[2], 60), SECRET_CODE, 0);
	feed(f->s, f->value[2] + 20, 40, &f->got);
	value_scan_flush(f->s, collect, &f->got);
	assert_int_equal(f->got.n, 1);
	assert_hit(f, 0, a, 0, 0, 60);
}

struct changer {
	struct fixture *f;
	int64_t other;
	size_t n;
};

static void change_in_callback(void *arg, const struct hit *hit)
{
	struct changer *c = arg;

	(void)hit;
	c->n++;
	values_remove(c->f->v, c->other);
	random_text(&c->f->rng, ALPHA_URL, c->f->value[3], 900);
	assert_true(values_add(c->f->v, span_of(c->f->value[3], 900), SECRET_CODE, 500) > 0);
}

static void test_change_in_callback(void **state)
{
	struct fixture *f = *state;
	struct changer c = { .f = f };
	char text[200];

	add(f, 0, ALPHA_URL, 40, 0, 0);
	c.other = add(f, 1, ALPHA_URL, 40, 0, 0);
	memset(text, ' ', sizeof(text));
	memcpy(text + 1, f->value[0], 40);
	memcpy(text + 50, f->value[1], 40);
	value_scan_feed(f->s, span_of(text, sizeof(text)), change_in_callback, &c);
	value_scan_flush(f->s, change_in_callback, &c);
	assert_int_equal(c.n, 1);
	assert_int_equal(values_len(f->v), 2);
}

static void count_drop(void *arg, int64_t id)
{
	int64_t *dropped = arg;

	dropped[0]++;
	dropped[1] = id;
}

static void test_least_recently_seen_goes(void **state)
{
	struct fixture *f = *state;
	struct values *v = values_new(3);
	struct value_scan *s = value_scan_new(v);
	int64_t dropped[2] = { 0, 0 }, id[4];

	assert_non_null(s);
	values_on_drop(v, count_drop, dropped);
	for (size_t i = 0; i < 3; i++) {
		random_text(&f->rng, ALPHA_URL, f->value[i], 43);
		id[i] = values_add(v, span_of(f->value[i], 43), SECRET_CODE, 0);
	}
	/* The first is seen again in a stream, so the second is the oldest. */
	scan_text(s, f->value[0], 43, SIZE_MAX, &f->got);
	assert_int_equal(f->got.n, 1);
	random_text(&f->rng, ALPHA_URL, f->value[3], 43);
	id[3] = values_add(v, span_of(f->value[3], 43), SECRET_CODE, 0);
	assert_int_equal(values_len(v), 3);
	assert_int_equal(dropped[0], 1);
	assert_int_equal(dropped[1], id[1]);
	scan_text(s, f->value[1], 43, SIZE_MAX, &f->got);
	assert_int_equal(f->got.n, 0);
	values_remove(v, id[3]);
	assert_int_equal(dropped[0], 2);
	assert_int_equal(dropped[1], id[3]);
	value_scan_free(s);
	values_free(v);
}

/* The index is rebuilt as values come and go; what is there is always found, what went never. */
static void test_many_changes(void **state)
{
	struct fixture *f = *state;
	static char ring[VALUES_MAX + 40][60];
	const size_t n = sizeof(ring) / sizeof(ring[0]);

	for (size_t round = 0; round < 1200; round++) {
		char *value = ring[round % n], *gone = ring[(round + 1) % n];

		random_text(&f->rng, round % 3 ? ALPHA_URL : ALPHA_HEX, value, 60);
		assert_true(values_add(f->v, span_of(value, 60), SECRET_CODE, 0) > 0);
		assert_true(values_len(f->v) <= VALUES_MAX);
		if (round < n || round % 7)
			continue;
		/* Added n - 1 rounds ago; it was seen once at most, 40 rounds after. */
		scan_str(f, gone, 60);
		assert_int_equal(f->got.n, 0);
		scan_str(f, ring[(round + n - 39) % n], 60);
		assert_int_equal(f->got.n, 1);
		assert_int_equal(f->got.hit[0].part_len, 60);
	}
	assert_int_equal(values_len(f->v), VALUES_MAX);
}

static void test_bytes_capped(void **state)
{
	struct fixture *f = *state;
	static char big[VALUES_MAX_LEN];

	for (size_t i = 0; i < VALUES_MAX_BYTES / VALUES_MAX_LEN + 3; i++) {
		random_text(&f->rng, ALPHA_URL, big, sizeof(big));
		assert_true(values_add(f->v, span_of(big, sizeof(big)), SECRET_CODE, 0) > 0);
	}
	assert_int_equal(values_len(f->v), VALUES_MAX_BYTES / VALUES_MAX_LEN);
}

static void known_file(const char *text, size_t len, char path[32])
{
	int fd;

	memcpy(path, "/tmp/known.XXXXXX", sizeof("/tmp/known.XXXXXX"));
	fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, len), len);
	close(fd);
}

static void check_file_error(struct fixture *f, const char *text, size_t len, size_t line,
			     const char *what)
{
	struct error err = { 0, "" };
	char path[32], want[512];

	known_file(text, len, path);
	assert_int_equal(values_add_file(f->v, path, &err), -EINVAL);
	snprintf(want, sizeof(want), "%s:%zu: %s", path, line, what);
	assert_string_equal(err.text, want);
	assert_int_equal(values_len(f->v), 0);
	unlink(path);
}

static void test_file(void **state)
{
	struct fixture *f = *state;
	struct error err = { 0, "" };
	struct buf text = BUF_INIT(0);
	char path[32];

	random_text(&f->rng, ALPHA_URL, f->value[0], 43);
	random_text(&f->rng, ALPHA_HEX, f->value[1], 20);
	buf_add_str(&text, "# ours\n\n");
	buf_add(&text, f->value[0], 43);
	buf_add_str(&text, "\r\n\r\n");
	buf_add(&text, f->value[1], 20);
	known_file(text.p, text.len, path);
	assert_int_equal(values_add_file(f->v, path, &err), 0);
	assert_int_equal(values_len(f->v), 2);
	scan_str(f, f->value[0], 43);
	assert_int_equal(f->got.n, 1);
	scan_str(f, f->value[1], 20);
	assert_int_equal(f->got.n, 1);
	unlink(path);
	assert_true(values_add_file(f->v, path, &err) < 0);
	assert_int_not_equal(err.text[0], '\0');
	values_free(f->v);
	value_scan_free(f->s);
	f->v = values_new(0);
	f->s = value_scan_new(f->v);
	buf_release(&text);
}

static void test_file_errors(void **state)
{
	struct fixture *f = *state;
	struct buf text = BUF_INIT(0);

	random_text(&f->rng, ALPHA_URL, f->value[0], 43);
	/* A good line first: on an error none is added. */
	buf_add(&text, f->value[0], 43);
	buf_add_str(&text, "\n\nonly-15-bytes!!\n");
	check_file_error(f, text.p, text.len, 3, "value shorter than 16 bytes is not searched for");
	buf_clear(&text);
	buf_add(&text, f->value[0], 43);
	buf_add(&text, "\nabcdefgh\0ijklmnop98", 20);
	check_file_error(f, text.p, text.len, 2, "NUL byte in a value");
	buf_clear(&text);
	for (size_t i = 0; i < VALUES_MAX_LEN / 43 + 1; i++)
		buf_add(&text, f->value[0], 43);
	check_file_error(f, text.p, text.len, 1,
			 "value longer than 16384 bytes is not searched for");
	buf_clear(&text);
	buf_add_str(&text, "aaaaaaaaaaaaaaaaaaaaaaaaaaa\n");
	check_file_error(f, text.p, text.len, 1, "value of too little variety is not searched for");
	buf_clear(&text);
	for (size_t i = 0; i < VALUES_MAX + 1; i++) {
		random_text(&f->rng, ALPHA_URL, f->value[0], 43);
		buf_add(&text, f->value[0], 43);
		buf_add_byte(&text, '\n');
	}
	check_file_error(f, text.p, text.len, VALUES_MAX + 1,
			 "more values than are searched for at once");
	buf_release(&text);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	if (!f)
		return -1;
	f->rng.x = 0x853c49e6748fea9bull;
	f->v = values_new(0);
	f->s = f->v ? value_scan_new(f->v) : NULL;
	*state = f;
	return f->s ? 0 : -1;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	value_scan_free(f->s);
	values_free(f->v);
	free(f);
	return 0;
}

#define TEST(t) cmocka_unit_test_setup_teardown(t, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_refused),
		TEST(test_longest_value),
		TEST(test_equal_value_same_id),
		TEST(test_fragments),
		TEST(test_fragments_encoded),
		TEST(test_hex_value_needs_16),
		TEST(test_public_prefix),
		TEST(test_jwt_prefix),
		TEST(test_jwt_claims_are_no_evidence),
		TEST(test_two_values_touching),
		TEST(test_shared_grams_longest_wins),
		TEST(test_many_values_alike),
		TEST(test_repetition_inside),
		TEST(test_interrupted),
		TEST(test_flush_separates),
		TEST(test_promptness),
		TEST(test_change_under_way),
		TEST(test_change_in_callback),
		TEST(test_least_recently_seen_goes),
		TEST(test_many_changes),
		TEST(test_bytes_capped),
		TEST(test_file),
		TEST(test_file_errors),
	};

	return cmocka_run_group_tests_name("values", tests, NULL, NULL);
}
