/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/secmem.h"
#include "base/secpool.h"
#include "vm_flag.h"

#define KIB 1024u

static bool is_zero(const void *p, size_t len)
{
	const unsigned char *b = p;

	while (len && !b[len - 1])
		len--;
	return !len;
}

static void blocks_are_zeroed_aligned_apart_and_not_dumped(void **state)
{
	struct secpool pool = { .max = 1024 * KIB };
	static const size_t sizes[] = { 0,   1,   47,   48,         49,    111,
					112, 113, 4096, 65536 - 16, 65536, 100000 };
	unsigned char *p[sizeof(sizes) / sizeof(*sizes)];

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		p[i] = secpool_alloc(&pool, sizes[i]);
		assert_non_null(p[i]);
		assert_int_equal(secpool_size(p[i]), sizes[i]);
		assert_int_equal((uintptr_t)p[i] % _Alignof(max_align_t), 0);
		assert_true(is_zero(p[i], sizes[i]));
		memset(p[i], (int)i + 1, sizes[i]);
	}
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		for (size_t k = 0; k < sizes[i]; k++)
			assert_int_equal(p[i][k], i + 1);
		/* AddressSanitizer makes mlock a no-op: that it locks is for tests/e2e/memory.bats. */
		assert_true(has_vm_flag(p[i], " dd "));
	}
	assert_int_equal(pool.heap, 0);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++)
		secpool_free(&pool, p[i]);
	secpool_free(&pool, NULL);
}

static void freed_blocks_are_wiped_and_used_again(void **state)
{
	struct secpool pool = { .max = 64 * KIB };
	unsigned char *p = secpool_alloc(&pool, 200), *again;

	(void)state;
	memset(p, 0xa5, 200);
	secpool_free(&pool, p);
	/* The pool's own, until it is given out again: only the list's link may stand there. */
	assert_true(is_zero(p + sizeof(void *), 200 - sizeof(void *)));
	again = secpool_alloc(&pool, 190);
	assert_ptr_equal(again, p);
	assert_true(is_zero(again, 190));
	secpool_free(&pool, again);
	assert_int_equal(pool.locked, 64 * KIB);
}

static void over_the_bound_it_is_the_heap_and_counted(void **state)
{
	struct secpool pool = { .max = 64 * KIB };
	size_t per_chunk = 64 * KIB / 1024, i;
	void *p[65], *big;

	(void)state;
	for (i = 0; i < per_chunk; i++)
		p[i] = secpool_alloc(&pool, 1000);
	assert_int_equal(pool.heap, 0);
	p[i] = secpool_alloc(&pool, 1000);
	assert_non_null(p[i]);
	assert_true(is_zero(p[i], 1000));
	assert_int_equal(pool.heap, 1000);
	big = secpool_alloc(&pool, 1024 * KIB);
	assert_non_null(big);
	assert_int_equal(pool.heap, 1000 + 1024 * KIB);
	secpool_free(&pool, big);
	secpool_free(&pool, p[i]);
	assert_int_equal(pool.heap, 0);
	assert_int_equal(pool.heap_peak, 1000 + 1024 * KIB);
	/* One that goes makes room for the next. */
	secpool_free(&pool, p[0]);
	p[0] = secpool_alloc(&pool, 992);
	assert_int_equal(pool.heap, 0);
	assert_null(secpool_alloc(&pool, SIZE_MAX));
	for (i = 0; i < per_chunk; i++)
		secpool_free(&pool, p[i]);
}

static void a_pool_of_nothing_is_the_heap(void **state)
{
	struct secpool pool = { 0 };
	void *p = secpool_alloc(&pool, 10);

	(void)state;
	assert_non_null(p);
	assert_int_equal(pool.locked, 0);
	secpool_free(&pool, p);
}

static void calloc_and_realloc(void **state)
{
	unsigned char *p = secmem_calloc(3, 5);

	(void)state;
	assert_true(is_zero(p, 15));
	memset(p, 7, 15);
	p = secmem_realloc(p, 100);
	for (int i = 0; i < 15; i++)
		assert_int_equal(p[i], 7);
	assert_true(is_zero(p + 15, 85));
	p = secmem_realloc(p, 4);
	assert_int_equal(p[3], 7);
	secmem_free(p);
	p = secmem_realloc(NULL, 8);
	assert_true(is_zero(p, 8));
	secmem_free(p);
	assert_null(secmem_calloc(SIZE_MAX / 2, 3));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(blocks_are_zeroed_aligned_apart_and_not_dumped),
		cmocka_unit_test(freed_blocks_are_wiped_and_used_again),
		cmocka_unit_test(over_the_bound_it_is_the_heap_and_counted),
		cmocka_unit_test(a_pool_of_nothing_is_the_heap),
		cmocka_unit_test(calloc_and_realloc),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
