/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/fileio.h"
#include "base/procfs.h"

static void test_mappings(void **state)
{
	struct procfs_map m;

	assert_true(procfs_map_parse(
		SPAN_LIT("7f0c1a2b3000-7f0c1a2b4000 r-xp 00001000 fe:01 12345                      "
			 "/usr/lib/x86_64-linux-gnu/libssl.so.3"),
		&m));
	assert_int_equal(m.from, 0x7f0c1a2b3000);
	assert_int_equal(m.to, 0x7f0c1a2b4000);
	assert_int_equal(m.ino, 12345);
	assert_true(m.exec && !m.write && !m.shared);
	assert_true(span_eq_str(m.path, "/usr/lib/x86_64-linux-gnu/libssl.so.3"));

	assert_true(procfs_map_parse(
		SPAN_LIT("00400000-00401000 rw-s 00000000 00:01 7  /a b (deleted)"), &m));
	assert_true(m.shared && m.write && !m.exec);
	assert_true(span_eq_str(m.path, "/a b (deleted)"));
	assert_true(
		procfs_map_parse(SPAN_LIT("ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0 "
					  "[vsyscall]"),
				 &m));
	assert_true(span_eq_str(m.path, "[vsyscall]"));
	assert_true(procfs_map_parse(SPAN_LIT("1-2 rw-p 0 0:0 0"), &m));
	assert_int_equal(m.path.len, 0);
	assert_true(procfs_map_parse(SPAN_LIT("1-ffffffffffffffff rw-p 0 0:0 18446744073709551615"),
				     &m));
	assert_int_equal(m.ino, UINT64_MAX);
}

static void test_no_mappings(void **state)
{
	static const char *const lines[] = {
		"",
		"1",
		"1-",
		"1-2",
		"1-2 ",
		"1-2 rw-",
		"1-2 rw-p",
		"1-2 rw-p ",
		"1-2 rw-p 0 0:0",
		"1-2 rw-p 0 0:0 ",
		"1-2 rw-p 0 00 0",
		"-2 rw-p 0 0:0 0",
		"g-2 rw-p 0 0:0 0",
		"1-2 rw-p 0 0:0 18446744073709551616",
		"10000000000000000-2 rw-p 0 0:0 0",
	};
	struct procfs_map m = { .ino = 77 };

	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++)
		if (procfs_map_parse(span_str(lines[i]), &m))
			fail_msg("taken: %s", lines[i]);
	assert_false(procfs_map_parse(SPAN_NONE, &m));
	assert_int_equal(m.ino, 77);
}

static void test_fields(void **state)
{
	static const char text[] = "Name:\ta: b\nUid:\t1\t2\n\nEmpty:\nUidx: 3\nUid: 4";
	struct span v;

	assert_true(procfs_field(span_str(text), "Name", &v) && span_eq_str(v, "a: b"));
	assert_true(procfs_field(span_str(text), "Uid", &v) && span_eq_str(v, "1\t2"));
	assert_true(procfs_field(span_str(text), "Empty", &v) && !v.len);
	assert_true(procfs_field(span_str(text), "Uidx", &v) && span_eq_str(v, "3"));
	assert_false(procfs_field(span_str(text), "Ui", &v));
	assert_false(procfs_field(span_str(text), "uid", &v));
	assert_false(procfs_field(SPAN_NONE, "Name", &v));
	assert_false(procfs_field(SPAN_LIT("Name"), "Name", &v));
}

static void test_lines(void **state)
{
	struct span text = SPAN_LIT("a\n\nb"), line;

	assert_true(procfs_line(&text, &line) && span_eq_str(line, "a"));
	assert_true(procfs_line(&text, &line) && !line.len);
	assert_true(procfs_line(&text, &line) && span_eq_str(line, "b"));
	assert_false(procfs_line(&text, &line));
}

static void test_own_process(void **state)
{
	struct buf b = BUF_INIT(0);
	struct span text, line;
	struct procfs_map m;
	bool found = false;

	assert_true(procfs_own_pid_ns() != 0);
	assert_int_equal(file_read_all("/proc/self/maps", 1 << 20, &b, NULL), 0);
	text = buf_span(&b);
	while (procfs_line(&text, &line)) {
		assert_true(procfs_map_parse(line, &m));
		found |= m.exec && m.from <= (uintptr_t)test_own_process &&
			 m.to > (uintptr_t)test_own_process && m.path.p[0] == '/';
	}
	assert_true(found);
	buf_release(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_mappings),    cmocka_unit_test(test_no_mappings),
		cmocka_unit_test(test_fields),      cmocka_unit_test(test_lines),
		cmocka_unit_test(test_own_process),
	};

	return cmocka_run_group_tests_name("procfs", tests, NULL, NULL);
}
