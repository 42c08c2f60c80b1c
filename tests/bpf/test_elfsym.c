/* SPDX-License-Identifier: BSD-2-Clause */
/* Functions found in ELF files, whole ones and broken ones. */
#include "rig.h"

#include <dlfcn.h>
#include <elf.h>
#include <link.h>

#include "capture/elfsym.h"

static const char *const names[] = { "setenv", "no_such_function", "qsort" };

/* Where the running program has the C library, by a function of it. */
static int open_libc(uintptr_t *base)
{
	struct link_map *map;
	Dl_info info;

	assert_true(dladdr1((void *)setenv, &info, (void **)&map, RTLD_DL_LINKMAP));
	*base = map->l_addr;
	return open(info.dli_fname, O_RDONLY | O_CLOEXEC);
}

static void test_exported(void **state)
{
	uint64_t off[3];
	unsigned char in_file[8];
	uintptr_t base;
	int fd = open_libc(&base);

	assert_true(fd >= 0);
	assert_int_equal(elfsym_find(fd, names, 3, off), 2);
	assert_true(off[0] && off[2]);
	assert_int_equal(off[1], 0);
	/* What is there in the file is what runs. */
	assert_int_equal(pread(fd, in_file, sizeof(in_file), (off_t)off[0]), sizeof(in_file));
	assert_memory_equal(in_file, (void *)setenv, sizeof(in_file));
	close(fd);
}

/* This program exports nothing; it is not stripped. */
static void test_local(void **state)
{
	const char *const own[] = { "test_local", "main" };
	uint64_t off[2];
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(elfsym_find(fd, own, 2, off), 2);
	assert_true(off[0] && off[1] && off[0] != off[1]);
	close(fd);
}

static int temp_of(const char *p, size_t len)
{
	int fd = memfd_create("elf", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, p, len), len);
	return fd;
}

static void test_no_elf(void **state)
{
	uint64_t off[3];
	int fd = temp_of("#!/bin/sh\n", 10);

	assert_int_equal(elfsym_find(fd, names, 3, off), -ENOEXEC);
	close(fd);
	fd = temp_of("", 0);
	assert_true(elfsym_find(fd, names, 3, off) < 0);
	close(fd);
}

/* Broken anywhere, cut anywhere: any answer, but one. */
static void test_broken(void **state)
{
	uintptr_t base;
	int libc = open_libc(&base), fd;
	off_t len = lseek(libc, 0, SEEK_END);
	uint64_t off[3];
	uint32_t x = 1;
	char *p;

	p = mmap(NULL, (size_t)len, PROT_READ | PROT_WRITE, MAP_PRIVATE, libc, 0);
	assert_true(p != MAP_FAILED);
	for (int i = 0; i < 300; i++) {
		Elf64_Ehdr *eh = (void *)p;
		char was[4096];
		size_t at;

		/* Headers of all kinds, and the beginning of the tables. */
		x = x * 1664525u + 1013904223u;
		at = i % 3 ? x % 4096 : eh->e_shoff + x % 4096;
		at = at < (size_t)len - 8 ? at : 0;
		memcpy(was, p + at, 8);
		memcpy(p + at, &x, 1 + i % 8 / 2);
		fd = temp_of(p, i % 5 ? (size_t)len : x % (size_t)len);
		assert_true(elfsym_find(fd, names, 3, off) <= 3);
		close(fd);
		memcpy(p + at, was, 8);
	}
	munmap(p, (size_t)len);
	close(libc);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_exported),
		cmocka_unit_test(test_local),
		cmocka_unit_test(test_no_elf),
		cmocka_unit_test(test_broken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
