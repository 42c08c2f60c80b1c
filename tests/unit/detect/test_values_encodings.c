/* SPDX-License-Identifier: BSD-2-Clause */
/* Every way of writing a value, cut at every place of the stream, is one hit of the whole value. */
#include "test_values_lib.h"

struct shape {
	const char *name, *alphabet;
	size_t len;
};

static const struct shape shapes[] = {
	{ "alnum16", ALPHA_ALNUM, 16 },   { "hex20", ALPHA_HEX, 20 },
	{ "alnum40", ALPHA_ALNUM, 40 },   { "base64url43", ALPHA_URL, 43 },
	{ "base64-64", ALPHA_STD, 64 },   { "pkce128", ALPHA_PKCE, 128 },
	{ "vschar50", ALPHA_VSCHAR, 50 }, { "jwt1200", ALPHA_URL, 1200 },
};
#define SHAPES (sizeof(shapes) / sizeof(shapes[0]))

/* How the ends of the report may lie: exactly, or within so many bytes (UTF-16 and base64 share bytes with what is beside). */
struct expect {
	enum encoding encoding;
	size_t from, to, slack;
};

struct fixture {
	struct rng rng;
	struct collector got;
	struct buf text;
};

static void check_one(struct fixture *f, const struct shape *sh, const char *value, int64_t id,
		      const struct expect *e, const char *what, size_t cut)
{
	const struct got *g = &f->got.hit[0];

	if (f->got.n != 1 || g->id != id || g->part_off != 0 || g->part_len != sh->len ||
	    memcmp(g->value, value, sh->len) != 0 || g->encoding != e->encoding ||
	    g->offset + e->slack < e->from || g->offset > e->from + e->slack ||
	    g->end + e->slack < e->to || g->end > e->to + e->slack) {
		print_error("%s %s cut %zu: %zu hits, first id %d part %u+%u of %u encoding %d "
			    "%zu..%zu, wanted encoding %d %zu..%zu\n",
			    sh->name, what, cut, f->got.n, (int)g->id, g->part_off, g->part_len,
			    g->whole_len, g->encoding, (size_t)g->offset, (size_t)g->end,
			    e->encoding, e->from, e->to);
		fail();
	}
}

/* The text in f->text cut at every place, and fed byte by byte. */
static void check_cuts(struct fixture *f, struct value_scan *s, const struct shape *sh,
		       const char *value, int64_t id, const struct expect *e, const char *what)
{
	size_t len = f->text.len;

	assert_int_equal(f->text.err, 0);
	for (size_t cut = 0; cut <= len; cut++) {
		scan_text(s, f->text.p, len, cut, &f->got);
		check_one(f, sh, value, id, e, what, cut);
	}
	f->got.n = 0;
	value_scan_reset(s, 0);
	for (size_t i = 0; i < len; i++)
		feed(s, f->text.p + i, 1, &f->got);
	value_scan_flush(s, collect, &f->got);
	check_one(f, sh, value, id, e, what, SIZE_MAX);
}

/* Calls `body` for each shape with a value of it among others. */
static void each_shape(struct fixture *f,
		       void (*body)(struct fixture *f, struct value_scan *s, const struct shape *sh,
				    const char *value, int64_t id))
{
	for (size_t i = 0; i < SHAPES; i++) {
		struct values *v = values_new(0);
		struct value_scan *s;
		char *value = malloc(shapes[i].len), other[64];
		int64_t id;

		assert_non_null(v);
		assert_non_null(value);
		for (size_t k = 0; k < 20; k++) {
			random_text(&f->rng, ALPHA_URL, other, 43);
			assert_true(values_add(v, span_of(other, 43), SECRET_STATE, 0) > 0);
		}
		random_text(&f->rng, shapes[i].alphabet, value, shapes[i].len);
		id = values_add(v, span_of(value, shapes[i].len), SECRET_ACCESS_TOKEN, 0);
		assert_true(id > 0);
		s = value_scan_new(v);
		assert_non_null(s);
		body(f, s, &shapes[i], value, id);
		value_scan_free(s);
		values_free(v);
		free(value);
	}
}

static void begin(struct fixture *f, struct expect *e, enum encoding encoding, const char *before)
{
	buf_clear(&f->text);
	buf_add_str(&f->text, before);
	*e = (struct expect){ encoding, f->text.len, 0, 0 };
}

static void end(struct fixture *f, struct expect *e, const char *after)
{
	e->to = f->text.len;
	buf_add_str(&f->text, after);
}

static void raw_body(struct fixture *f, struct value_scan *s, const struct shape *sh,
		     const char *value, int64_t id)
{
	struct expect e;

	begin(f, &e, ENC_RAW, "{\"token\":\"");
	buf_add(&f->text, value, sh->len);
	end(f, &e, "\",\"x\":1}\n");
	check_cuts(f, s, sh, value, id, &e, "raw");
	/* At the very start and end, and with bytes that other forms are made of around it. */
	begin(f, &e, ENC_RAW, "");
	buf_add(&f->text, value, sh->len);
	end(f, &e, "");
	check_cuts(f, s, sh, value, id, &e, "bare");
	begin(f, &e, ENC_RAW, "xx%%2&am");
	buf_add(&f->text, value, sh->len);
	end(f, &e, "%\\");
	check_cuts(f, s, sh, value, id, &e, "among halves of escapes");
	/* Wrapped, with indentation. */
	begin(f, &e, ENC_RAW, "token: >\n  ");
	for (size_t i = 0; i < sh->len; i += 13) {
		if (i)
			buf_add_str(&f->text, "\r\n  ");
		buf_add(&f->text, value + i, sh->len - i < 13 ? sh->len - i : 13);
	}
	end(f, &e, "\nnext: 1\n");
	check_cuts(f, s, sh, value, id, &e, "wrapped");
}

static void test_raw(void **state)
{
	each_shape(*state, raw_body);
}

static void base64_body(struct fixture *f, struct value_scan *s, const struct shape *sh,
			const char *value, int64_t id)
{
	static const struct {
		size_t wrap;
		const char *eol;
	} wraps[] = { { 0, "" }, { 64, "\n" }, { 76, "\r\n" }, { 20, "\\n" } };
	char *plain = malloc(sh->len + 8), what[64];

	assert_non_null(plain);
	for (size_t align = 0; align < 3; align++) {
		for (size_t way = 0; way < 4; way++) {
			for (size_t tail = 0; tail < 3; tail++) {
				struct expect e;

				/* The longest shape with one tail only: it takes most of the time. */
				if (sh->len > 1000 && tail != align)
					continue;
				memcpy(plain, "u:", align);
				memcpy(plain + align, value, sh->len);
				memcpy(plain + align + sh->len, "}]", tail);
				begin(f, &e, ENC_BASE64, "Basic ");
				e.from += align;
				base64_text(&f->text, plain, align + sh->len + tail, way & 1,
					    way & 2, wraps[way].wrap, wraps[way].eol);
				end(f, &e, "\" tail");
				e.slack = 9; /* the last group, padding and a line break */
				snprintf(what, sizeof(what), "base64 at %zu, way %zu, tail %zu",
					 align, way, tail);
				check_cuts(f, s, sh, value, id, &e, what);
			}
		}
	}
	free(plain);
}

static void test_base64(void **state)
{
	each_shape(*state, base64_body);
}

static void hex_body(struct fixture *f, struct value_scan *s, const struct shape *sh,
		     const char *value, int64_t id)
{
	for (int upper = 0; upper < 2; upper++) {
		struct expect e;

		begin(f, &e, ENC_HEX, "dump: a");
		for (size_t i = 0; i < sh->len; i++)
			buf_addf(&f->text, upper ? "%02X" : "%02x", (unsigned char)value[i]);
		end(f, &e, "0a\n");
		check_cuts(f, s, sh, value, id, &e, upper ? "HEX" : "hex");
	}
}

static void test_hex(void **state)
{
	each_shape(*state, hex_body);
}

static bool unreserved(char c)
{
	return c && strchr(ALPHA_PKCE, c);
}

static void percent_body(struct fixture *f, struct value_scan *s, const struct shape *sh,
			 const char *value, int64_t id)
{
	static const char *const names[] = { "percent needed", "percent all", "PERCENT NEEDED",
					     "PERCENT ALL", "percent twice" };

	for (int way = 0; way < 5; way++) {
		struct expect e;
		bool any = false;

		begin(f, &e, ENC_PERCENT, "grant=x&code=");
		for (size_t i = 0; i < sh->len; i++) {
			bool esc = way == 1 || way == 3 || !unreserved(value[i]);

			any |= esc;
			if (!esc)
				buf_add_byte(&f->text, value[i]);
			else
				buf_addf(&f->text,
					 way == 4  ? "%%25%02x"
					 : way & 2 ? "%%%02X"
						   : "%%%02x",
					 (unsigned char)value[i]);
		}
		end(f, &e, "&state=1%");
		if (!any)
			e.encoding = ENC_RAW;
		check_cuts(f, s, sh, value, id, &e, names[way]);
	}
}

static void test_percent(void **state)
{
	each_shape(*state, percent_body);
}

static void json_body(struct fixture *f, struct value_scan *s, const struct shape *sh,
		      const char *value, int64_t id)
{
	for (int depth = 1; depth <= 4; depth++) {
		for (int all = 0; all < 2; all++) {
			char *text = malloc(sh->len * 6 * 16 + 1), *next;
			size_t len = 0;
			struct expect e;
			char what[32];

			assert_non_null(text);
			for (size_t i = 0; i < sh->len; i++) {
				if (all)
					len += (size_t)sprintf(text + len, "\\u%04x",
							       (unsigned char)value[i]);
				else if (strchr("\"/", value[i]))
					len += (size_t)sprintf(text + len, "\\%c", value[i]);
				else
					text[len++] = value[i];
			}
			/* JSON in JSON: quotes and backslashes are escaped again. */
			for (int d = 1; d < depth; d++) {
				next = malloc(len * 2 + 1);
				assert_non_null(next);
				size_t n = 0;

				for (size_t i = 0; i < len; i++) {
					if (text[i] == '\\' || text[i] == '"')
						next[n++] = '\\';
					next[n++] = text[i];
				}
				free(text);
				text = next;
				len = n;
			}
			begin(f, &e, len == sh->len ? ENC_RAW : ENC_JSON, "{\\\"k\\\":\\\"");
			buf_add(&f->text, text, len);
			end(f, &e, "\\\"}");
			snprintf(what, sizeof(what), "json depth %d%s", depth, all ? " all" : "");
			/* Every cut of the longest, all in \u at depth 4, is 140 million bytes: leave it out. */
			if (sh->len < 1000 || depth == 1 || !all)
				check_cuts(f, s, sh, value, id, &e, what);
			free(text);
		}
	}
}

static void test_json(void **state)
{
	each_shape(*state, json_body);
}

static void utf16_body(struct fixture *f, struct value_scan *s, const struct shape *sh,
		       const char *value, int64_t id)
{
	for (int be = 0; be < 2; be++) {
		struct expect e;

		begin(f, &e, ENC_UTF16, "log ");
		for (size_t i = 0; i < sh->len; i++) {
			if (be)
				buf_add_byte(&f->text, '\0');
			buf_add_byte(&f->text, value[i]);
			if (!be)
				buf_add_byte(&f->text, '\0');
		}
		end(f, &e, "\"\n");
		e.slack = 1;
		check_cuts(f, s, sh, value, id, &e, be ? "utf-16be" : "utf-16le");
	}
}

static void test_utf16(void **state)
{
	each_shape(*state, utf16_body);
}

static void html_body(struct fixture *f, struct value_scan *s, const struct shape *sh,
		      const char *value, int64_t id)
{
	static const struct {
		char c;
		const char *name;
	} names[] = { { '+', "&plus;" }, { '/', "&sol;" },  { '=', "&equals;" }, { '<', "&lt;" },
		      { '>', "&gt;" },   { '"', "&quot;" }, { '_', "&lowbar;" } };

	for (int way = 0; way < 3; way++) {
		struct expect e;
		bool any = false;

		begin(f, &e, ENC_HTML, "<a href=\"?a=1&amp;t=");
		for (size_t i = 0; i < sh->len; i++) {
			const char *name = NULL;

			for (size_t k = 0; k < sizeof(names) / sizeof(names[0]); k++)
				if (names[k].c == value[i])
					name = names[k].name;
			if (way == 0 && name)
				buf_add_str(&f->text, name);
			else if (way == 1 && (name || i % 3 == 0))
				buf_addf(&f->text, "&#%d;", value[i]);
			else if (way == 2)
				buf_addf(&f->text, "&#x%X;", (unsigned int)value[i]);
			else
				buf_add_byte(&f->text, value[i]);
			any |= (way == 0 && name) || way;
		}
		end(f, &e, "&amp;x=\">");
		if (!any)
			e.encoding = ENC_RAW;
		check_cuts(f, s, sh, value, id, &e, "html");
	}
}

static void test_html(void **state)
{
	each_shape(*state, html_body);
}

/* A value that holds what begins escapes is found as it is and escaped. */
static void test_value_of_escapes(void **state)
{
	static const struct shape sh = { "escapes", "", 32 };
	static const char value[] = "a\\b%41c\\\"d&amp;e%zzf\\/g&lt;h%2Fi";
	struct fixture *f = *state;
	struct values *v = values_new(0);
	struct value_scan *s;
	struct expect e;
	int64_t id;

	assert_int_equal(strlen(value), sh.len);
	id = values_add(v, span_str(value), SECRET_CLIENT_SECRET, 0);
	assert_true(id > 0);
	s = value_scan_new(v);
	begin(f, &e, ENC_RAW, "x=");
	buf_add_str(&f->text, value);
	end(f, &e, "\n");
	check_cuts(f, s, &sh, value, id, &e, "as it is");
	/* The value's own %41 is an escape too, and the report names the rarer kind. */
	begin(f, &e, ENC_PERCENT, "\"");
	for (const char *p = value; *p; p++) {
		if (strchr("\\\"", *p))
			buf_add_byte(&f->text, '\\');
		buf_add_byte(&f->text, *p);
	}
	end(f, &e, "\"");
	check_cuts(f, s, &sh, value, id, &e, "json");
	/* Not the ';': an escape within a reference hides that it is one. */
	begin(f, &e, ENC_PERCENT, "x=");
	for (const char *p = value; *p; p++)
		buf_addf(&f->text, unreserved(*p) || *p == ';' ? "%c" : "%%%02X",
			 (unsigned char)*p);
	end(f, &e, "&y");
	check_cuts(f, s, &sh, value, id, &e, "percent");
	value_scan_free(s);
	values_free(v);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	if (!f)
		return -1;
	f->rng.x = 0x9e3779b97f4a7c15ull;
	f->text = (struct buf)BUF_INIT(1 << 20);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	buf_release(&f->text);
	free(f);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_raw, setup, teardown),
		cmocka_unit_test_setup_teardown(test_base64, setup, teardown),
		cmocka_unit_test_setup_teardown(test_hex, setup, teardown),
		cmocka_unit_test_setup_teardown(test_percent, setup, teardown),
		cmocka_unit_test_setup_teardown(test_json, setup, teardown),
		cmocka_unit_test_setup_teardown(test_utf16, setup, teardown),
		cmocka_unit_test_setup_teardown(test_html, setup, teardown),
		cmocka_unit_test_setup_teardown(test_value_of_escapes, setup, teardown),
	};

	return cmocka_run_group_tests_name("values: encodings", tests, NULL, NULL);
}
