/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <linux/capability.h>

#include <sodium.h>

#include "base/secmem.h"
#include "base/secpool.h"

/* Of payload at a time: held-back pieces, bodies and windows of all connections are bounded far below. */
#define POOL_MAX (96u * 1024 * 1024)
/* What the pool leaves of a finite lock limit to the ledger is three times as much. */
#define POOL_SHARE 4

#ifdef __SANITIZE_ADDRESS__
#define POOL_IS_USED 0
#else
#define POOL_IS_USED 1
#endif

/* The process's, as malloc's state is: nobody who frees a block could say which pool it is of. */
static struct secpool pool;

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

void *secmem_calloc(size_t n, size_t size)
{
	return size && n > SIZE_MAX / size ? NULL : secpool_alloc(&pool, n * size);
}

void *secmem_realloc(void *p, size_t size)
{
	size_t old = p ? secpool_size(p) : 0;
	void *new = secpool_alloc(&pool, size);

	if (!new)
		return NULL;
	if (old)
		memcpy(new, p, old < size ? old : size);
	secpool_free(&pool, p);
	return new;
}

void secmem_free(void *p)
{
	secpool_free(&pool, p);
}

size_t secmem_unlocked(void)
{
	return POOL_IS_USED ? pool.heap_peak : 0;
}

void wipe(void *p, size_t len)
{
	if (len)
		sodium_memzero(p, len);
}

/* CAP_IPC_LOCK: the lock limit does not hold for us (mlock(2)). */
static bool may_lock_all(void)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = { 0 };

	return !syscall(SYS_capget, &head, data) &&
	       data[CAP_TO_INDEX(CAP_IPC_LOCK)].effective & CAP_TO_MASK(CAP_IPC_LOCK);
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
	pool.max = POOL_IS_USED ? POOL_MAX : 0;
	if (pool.max && !may_lock_all() && !getrlimit(RLIMIT_MEMLOCK, &lim) &&
	    lim.rlim_cur / POOL_SHARE < pool.max)
		pool.max = lim.rlim_cur / POOL_SHARE;
	return sodium_init() < 0 ? -ENOSYS : 0;
}
