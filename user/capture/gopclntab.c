/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>

#include "capture/gopclntab.h"

#define MAGIC_1_2 0xfffffffbu
#define MAGIC_1_16 0xfffffffau
#define MAGIC_1_18 0xfffffff0u
#define MAGIC_1_20 0xfffffff1u

/* The head: magic, two zero bytes, the least length of an instruction, the length of a pointer; then words of that length. */
#define HEAD_LEN 8
#define WORD 8
/* Longer names, of generic functions, are not of interest; and none may make us read all the rest, function by function. */
#define NAME_MAX_LEN 4096

/* False when they are not all there. */
static bool take_u32(struct span s, uint64_t at, uint64_t *ret)
{
	uint32_t v;

	if (at > s.len || s.len - at < sizeof(v))
		return false;
	memcpy(&v, s.p + at, sizeof(v));
	*ret = v;
	return true;
}

static bool take_u64(struct span s, uint64_t at, uint64_t *ret)
{
	if (at > s.len || s.len - at < sizeof(*ret))
		return false;
	memcpy(ret, s.p + at, sizeof(*ret));
	return true;
}

static bool take_word(struct span table, size_t i, uint64_t *ret)
{
	return take_u64(table, HEAD_LEN + i * WORD, ret);
}

/* A part of the table, that begins where the `i`-th word of the head says. */
static bool take_part(struct span table, size_t i, struct span *ret)
{
	uint64_t at;

	if (!take_word(table, i, &at) || at > table.len)
		return false;
	*ret = span_sub(table, at, SIZE_MAX);
	return true;
}

int gopclntab_minor(struct span head)
{
	uint64_t magic;

	if (!take_u32(head, 0, &magic))
		return -1;
	switch (magic) {
	case MAGIC_1_2:
		return 2;
	case MAGIC_1_16:
		return 16;
	case MAGIC_1_18:
		return 18;
	case MAGIC_1_20:
		return 20;
	default:
		return -1;
	}
}

int gopclntab_open(struct span table, struct gopclntab *ret)
{
	struct gopclntab t = { 0 };
	size_t i = 2; /* of the words, behind the numbers of functions and of files */
	int minor = gopclntab_minor(table);

	if (minor < 16)
		return -ENOTSUP;
	if (minor >= 18)
		t.text_at = HEAD_LEN + i++ * WORD;
	if (table.len < HEAD_LEN || table.p[4] || table.p[5] || table.p[7] != WORD)
		return -EBADMSG;
	/* Names, compilation units, files, and values by address come first. */
	if (!take_word(table, 0, &t.n_funcs) ||
	    (t.text_at && !take_u64(table, t.text_at, &t.text_start)) ||
	    !take_part(table, i, &t.names) || !take_part(table, i + 4, &t.funcs))
		return -EBADMSG;
	t.entry_len = t.text_at ? 8 : 16;
	/* An address more than there are functions: where the last one ends. */
	if (t.n_funcs >= t.funcs.len / t.entry_len)
		return -EBADMSG;
	*ret = t;
	return 0;
}

static bool take_entry(const struct gopclntab *t, uint64_t i, uint64_t *addr, uint64_t *at)
{
	uint64_t from = i * t->entry_len;

	if (!t->text_at)
		return take_u64(t->funcs, from, addr) && (!at || take_u64(t->funcs, from + 8, at));
	if (!take_u32(t->funcs, from, addr) || (at && !take_u32(t->funcs, from + 4, at)))
		return false;
	*addr += t->text_start;
	return true;
}

bool gopclntab_func(const struct gopclntab *t, uint64_t i, struct gofunc *ret)
{
	uint64_t at, name_at;
	struct span name;
	size_t len;

	if (i >= t->n_funcs || !take_entry(t, i, &ret->addr, &at) ||
	    !take_entry(t, i + 1, &ret->end, NULL) || ret->end <= ret->addr)
		return false;
	/* There: its address again, as long as here, and where its name is. */
	if (at > t->funcs.len || !take_u32(t->funcs, at + t->entry_len / 2, &name_at) ||
	    name_at > t->names.len)
		return false;
	name = span_sub(t->names, name_at, NAME_MAX_LEN);
	len = span_find_byte(name, '\0');
	if (len == SIZE_MAX)
		return false;
	ret->name = span_sub(name, 0, len);
	return true;
}
