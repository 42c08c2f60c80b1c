/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <stdlib.h>

#include "proc/text.h"

int text_printable_all(struct span s, char **ret)
{
	char *p;

	*ret = NULL;
	if (!s.p || !s.len)
		return 0;
	p = malloc(s.len + 1);
	if (!p)
		return -ENOMEM;
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.p[i];

		p[i] = c < 0x20 || c == 0x7f ? '?' : (char)c;
	}
	p[s.len] = '\0';
	*ret = p;
	return 0;
}

int text_printable(struct span s, char **ret)
{
	return text_printable_all(span_sub(s, 0, span_find_byte(s, '\0')), ret);
}
