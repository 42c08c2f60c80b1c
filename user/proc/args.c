/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>

#include "proc/args.h"

void args_init(struct args *a)
{
	*a = (struct args){ .text = BUF_INIT_WIPE(BT_ARGS_LEN) };
}

void args_release(struct args *a, size_t *total)
{
	*total -= a->text.len;
	buf_release(&a->text);
	args_init(a);
}

void args_begin(struct args *a, uint64_t len, size_t *total)
{
	args_release(a, total);
	a->whole = !len;
}

/* Room for `more` bytes under both bounds? */
static bool fits(const struct args *a, size_t more, size_t total)
{
	return more <= BT_ARGS_LEN - a->text.len &&
	       (total >= ARGS_TOTAL_MAX ? !more : more <= ARGS_TOTAL_MAX - total);
}

int args_add(struct args *a, const struct event *ev, size_t *total)
{
	struct span bytes = ev->args.bytes;
	uint64_t off = ev->args.off, end = off + bytes.len;
	size_t before;
	bool hole;
	int err = 0;

	/* The first piece again: the EXEC that it belongs to was lost. */
	if (a->next_off && off == ev->args.lost_len)
		args_release(a, total);
	before = a->text.len;
	hole = off > a->next_off;
	if (off < a->next_off)
		bytes = span_sub(bytes, a->next_off - off, SIZE_MAX);
	if (hole || !fits(a, bytes.len, *total))
		a->broken = true;
	if (hole && before && a->text.p[before - 1] && fits(a, 1, *total))
		err = buf_add_byte(&a->text, '\0');
	if (!err && fits(a, bytes.len, *total + (a->text.len - before)))
		err = buf_add_span(&a->text, bytes);
	if (err) {
		a->broken = true;
		a->text.err = 0;
	}
	*total += a->text.len - before;
	if (end > a->next_off)
		a->next_off = end;
	a->whole = ev->args.last && !a->broken && a->next_off == ev->args.total_len;
	return err;
}

void args_view(const struct args *a, char **p, size_t *len, bool *whole)
{
	*p = a->text.p;
	*len = a->text.len;
	*whole = a->whole;
}
