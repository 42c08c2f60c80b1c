/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/secmem.h"
#include "vm_flag.h"

static void test_value_is_a_copy(void **state)
{
	char value[] = "a value";
	struct secret *s = secret_new(span_str(value)), *empty = secret_new(SPAN_NONE);

	memset(value, 'x', sizeof(value) - 1);
	assert_non_null(s);
	assert_true(span_eq_str(secret_span(s), "a value"));
	assert_ptr_not_equal(secret_span(s).p, value);
	assert_non_null(empty);
	assert_int_equal(secret_span(empty).len, 0);
	assert_null(secret_free(s));
	assert_null(secret_free(empty));
	assert_null(secret_free(NULL));
}

static void test_memory_is_locked_and_not_dumped(void **state)
{
	struct secret *s = secret_new(SPAN_LIT("a value"));
	void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	assert_non_null(s);
	assert_true(has_vm_flag(secret_span(s).p, " dd "));
	/* AddressSanitizer makes mlock a no-op; then nothing is ever locked. */
	assert_int_equal(mlock(page, 4096), 0);
	assert_int_equal(has_vm_flag(secret_span(s).p, " lo "), has_vm_flag(page, " lo "));
	munmap(page, 4096);
	secret_free(s);
}

/* Runs fn in a child; its exit status, or -1 when a signal ended it. */
static int in_child(int (*fn)(void))
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (!pid)
		_exit(fn());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int read_past_the_end(void)
{
	struct secret *s = secret_new(SPAN_LIT("a value"));
	const volatile char *p = secret_span(s).p;

	/* cmocka would take the signal for a failure of this test. */
	signal(SIGSEGV, SIG_DFL);
	return p[7] * 0;
}

static void test_guard_page_stops_an_overread(void **state)
{
	assert_int_not_equal(in_child(read_past_the_end), 0);
}

static int no_lock_allowed(void)
{
	static const struct rlimit none = { 0, 0 };
	struct secret *s;
	void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (setrlimit(RLIMIT_MEMLOCK, &none))
		return 1;
	/* CAP_IPC_LOCK overrides the limit. */
	if (getuid() == 0 && setresuid(65534, 65534, 65534))
		return 2;
	errno = 0;
	s = secret_new(SPAN_LIT("a value"));
	if (s)
		return mlock(page, 4096) ? 3 : 0; /* AddressSanitizer's mlock never fails */
	return errno == ENOMEM ? 0 : 4;
}

static void test_no_unlocked_secret(void **state)
{
	assert_int_equal(in_child(no_lock_allowed), 0);
}

static int init(void)
{
	struct rlimit lim, before;

	if (getrlimit(RLIMIT_CORE, &before) || secmem_init())
		return 1;
	/* A child of ours would inherit it. */
	if (getrlimit(RLIMIT_CORE, &lim) || memcmp(&lim, &before, sizeof(lim)))
		return 2;
	if (prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) != 0)
		return 3;
	if (getrlimit(RLIMIT_MEMLOCK, &lim) || lim.rlim_cur != lim.rlim_max)
		return 4;
	return secmem_init() ? 5 : 0;
}

static void test_init_forbids_core_dumps(void **state)
{
	assert_int_equal(in_child(init), 0);
}

static void test_wipe(void **state)
{
	char p[8] = "abcdefg";

	wipe(p + 1, 3);
	assert_memory_equal(p, "a\0\0\0efg", 8);
	wipe(NULL, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_value_is_a_copy),
		cmocka_unit_test(test_memory_is_locked_and_not_dumped),
		cmocka_unit_test(test_guard_page_stops_an_overread),
		cmocka_unit_test(test_no_unlocked_secret),
		cmocka_unit_test(test_init_forbids_core_dumps),
		cmocka_unit_test(test_wipe),
	};

	return cmocka_run_group_tests_name("secmem", tests, NULL, NULL);
}
