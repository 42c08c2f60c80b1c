/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include <sodium.h>

#include "base/secmem.h"

struct secret {
	char *p;
	size_t len;
};

struct secret *secret_new(struct span value)
{
	struct secret *s;

	if (sodium_init() < 0) {
		errno = ENOSYS;
		return NULL;
	}
	s = malloc(sizeof(*s));
	if (!s)
		return NULL;
	s->len = value.len;
	s->p = sodium_malloc(value.len);
	/* sodium_malloc() goes on when its mlock fails; locking again tells. */
	if (!s->p || sodium_mlock(s->p, value.len)) {
		sodium_free(s->p);
		free(s);
		errno = ENOMEM;
		return NULL;
	}
	if (value.len)
		memcpy(s->p, value.p, value.len);
	return s;
}

struct secret *secret_free(struct secret *s)
{
	if (s) {
		sodium_free(s->p);
		free(s);
	}
	return NULL;
}

struct span secret_span(const struct secret *s)
{
	return span_of(s->p, s->len);
}

void wipe(void *p, size_t len)
{
	if (len)
		sodium_memzero(p, len);
}

int secmem_init(void)
{
	struct rlimit lim;

	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0))
		return -errno;
	/* Every secret locks a page of its own: take all that is allowed. */
	if (!getrlimit(RLIMIT_MEMLOCK, &lim) && lim.rlim_cur != lim.rlim_max) {
		lim.rlim_cur = lim.rlim_max;
		if (setrlimit(RLIMIT_MEMLOCK, &lim))
			return -errno;
	}
	return sodium_init() < 0 ? -ENOSYS : 0;
}
