/* SPDX-License-Identifier: BSD-2-Clause */
/* Bytes that go from file to file past the process: they come as data of that call, read from their source afterwards. */
#include "rig.h"

#include <sys/sendfile.h>

#define FD 200
#define SOURCE 201
#define LEN 100000

static char source[64];

static int open_both(int to)
{
	char *p = malloc(LEN);
	int from = open(source, O_RDWR | O_CREAT | O_TRUNC, 0600);

	if (!p || from < 0 || to < 0 || dup2(from, SOURCE) != SOURCE || dup2(to, FD) != FD)
		return 1;
	rig_pattern(p, LEN, 3);
	return write(SOURCE, p, LEN) == LEN ? 0 : 2;
}

/* With an offset of the caller's, then from where the file stands; and between two writes. */
static int child_sendfile(void *arg)
{
	off_t off = 1000;

	if (open_both(memfd_create("sink", 0)))
		return 1;
	if (write(FD, "<", 1) != 1 || sendfile(FD, SOURCE, &off, 50000) != 50000)
		return 2;
	if (lseek(SOURCE, 7, SEEK_SET) != 7 || sendfile(FD, SOURCE, NULL, 20) != 20)
		return 3;
	return write(FD, ">", 1) == 1 ? 0 : 4;
}

static int child_copy_range(void *arg)
{
	loff_t off = LEN - 10;

	if (open_both(open("/dev/shm", O_TMPFILE | O_RDWR, 0600)) || write(FD, "<", 1) != 1)
		return 1;
	if (copy_file_range(SOURCE, &off, FD, NULL, 100, 0) != 10)
		return 2;
	return write(FD, ">", 1) == 1 ? 0 : 3;
}

static int child_splice(void *arg)
{
	loff_t off = 4095;
	int p[2];

	if (pipe(p) || open_both(p[1]))
		return 1;
	if (splice(SOURCE, &off, FD, NULL, 4098, 0) <= 0)
		return 2;
	return 0;
}

static void expect(struct rig *rig, pid_t pid, const char *want, size_t len)
{
	struct rig_bytes b = rig_bytes(rig, pid, FD, BT_DIR_OUT);

	assert_int_equal(b.len, len);
	assert_memory_equal(b.p, want, len);
	free(b.p);
	rig_reconcile(rig);
}

static void with_sendfile(void **state)
{
	struct rig *rig = *state;
	char *p = malloc(LEN), *want = malloc(LEN);
	pid_t pid = rig_run(rig, child_sendfile, NULL);

	assert_true(p && want);
	rig_pattern(p, LEN, 3);
	want[0] = '<';
	memcpy(want + 1, p + 1000, 50000);
	memcpy(want + 50001, p + 7, 20);
	want[50021] = '>';
	expect(rig, pid, want, 50022);
	assert_int_equal(capture_copied(rig->c).source, 50020);
	free(p);
	free(want);
}

static void with_copy_file_range(void **state)
{
	struct rig *rig = *state;
	char *p = malloc(LEN), want[12] = "<..........>";
	pid_t pid = rig_run(rig, child_copy_range, NULL);

	assert_non_null(p);
	rig_pattern(p, LEN, 3);
	memcpy(want + 1, p + LEN - 10, 10);
	expect(rig, pid, want, sizeof(want));
	free(p);
}

static void with_splice(void **state)
{
	struct rig *rig = *state;
	char *p = malloc(LEN);
	pid_t pid = rig_run(rig, child_splice, NULL);
	struct rig_bytes b = rig_bytes(rig, pid, FD, BT_DIR_OUT);

	assert_non_null(p);
	rig_pattern(p, LEN, 3);
	assert_true(b.len > 0 && b.len <= 4098);
	assert_memory_equal(b.p, p + 4095, b.len);
	assert_int_equal(b.first->data.call, BT_CALL_SPLICE);
	rig_reconcile(rig);
	free(b.p);
	free(p);
}

/* By its path, for the process may have ended before the record of its call is read. */
static int source_open(void **state)
{
	snprintf(source, sizeof(source), "/dev/shm/bt-copy-source-%d", (int)getpid());
	return rig_group_open(state);
}

static int source_close(void **state)
{
	unlink(source);
	return rig_group_close(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(with_sendfile, rig_group_forget),
		cmocka_unit_test_setup(with_copy_file_range, rig_group_forget),
		cmocka_unit_test_setup(with_splice, rig_group_forget),
	};

	return cmocka_run_group_tests_name("copy", tests, source_open, source_close);
}
