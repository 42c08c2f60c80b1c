/* SPDX-License-Identifier: BSD-2-Clause */
/* Names and modes that files get: as the kernel would write them, whatever the call was given. */
#include "rig.h"

#include <sys/stat.h>
#include <sys/sysmacros.h>

static char dir[64];

static int child_names(void *arg)
{
	struct stat *st = arg;
	int fd, at;

	if (chdir(dir) || mkdir("sub", 0700) || symlink("sub", "other"))
		return 1;
	fd = open("a.tmp", O_WRONLY | O_CREAT, 0600);
	at = open("sub", O_DIRECTORY | O_RDONLY);
	if (fd < 0 || at < 0 || fstat(fd, st))
		return 2;
	if (rename("a.tmp", "./other/../other/b") || link("other/b", "c"))
		return 3;
	if (renameat(at, "b", AT_FDCWD, "d") || linkat(AT_FDCWD, "c", at, "e", 0))
		return 4;
	if (chmod("d", 0644) || fchmod(fd, 0640) || fchmodat(at, "e", 0604, 0))
		return 5;
	return unlink("d") || unlinkat(at, "e", 0) || unlink("c") || unlink("other") ||
			       rmdir("sub") || !unlink("none")
		       ? 6
		       : 0;
}

static void assert_name(struct rig *rig, pid_t pid, size_t *at, unsigned int what, const char *path,
			const char *old)
{
	struct rig_rec *r = rig_find(rig, BT_REC_NAME, pid, at);
	char want[256];
	int n;

	assert_non_null(r);
	assert_int_equal(r->name.what, what);
	n = snprintf(want, sizeof(want), "%s/%s", dir, path);
	assert_int_equal(r->name.path_len, n);
	assert_memory_equal(r->tail, want, (size_t)n);
	n = old ? snprintf(want, sizeof(want), "%s/%s", dir, old) : 0;
	assert_int_equal(r->name.old_len, n);
	assert_memory_equal(r->tail + r->name.path_len, want, (size_t)n);
}

static void names(void **state)
{
	struct rig *rig = *state;
	struct stat *st =
		mmap(NULL, sizeof(*st), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t pid = rig_run(rig, child_names, st);
	struct rig_rec *r;
	unsigned int modes[] = { 0644, 0640, 0604 }, n = 0;
	size_t at = 0;

	rig_each(rig, BT_REC_NAME, pid, r)
	{
		if (r->name.what == BT_NAME_MODE)
			assert_int_equal(r->name.mode, modes[n++]);
	}
	assert_int_equal(n, 3);
	r = rig_find(rig, BT_REC_NAME, pid, &at);
	assert_non_null(r);
	assert_int_equal(r->name.what, BT_NAME_RENAME);
	assert_memory_equal(r->tail, dir, strlen(dir));
	rig_no_loss(rig);
	munmap(st, sizeof(*st));
}

static int child_one(void *arg)
{
	int fd = open("x.tmp", O_WRONLY | O_CREAT, 0600);

	return fd < 0 || rename("x.tmp", "link/x") || link("x", "y") || chmod("link/x", 0644) ||
			       unlink("./y")
		       ? 1
		       : 0;
}

/* Tidied, and found. */
static void tidied(void **state)
{
	struct rig *rig = *state;
	struct stat st;
	struct rig_rec *r;
	size_t at = 0;
	pid_t pid;

	assert_int_equal(chdir(dir), 0);
	assert_int_equal(symlink(".", "link"), 0);
	pid = rig_run(rig, child_one, NULL);
	assert_name(rig, pid, &at, BT_NAME_RENAME, "x", "x.tmp");
	r = rig->recs[at - 1];
	assert_int_equal(stat("x", &st), 0);
	assert_int_equal(r->name.file.ino, st.st_ino);
	assert_int_equal(r->name.file.dev, major(st.st_dev) << 20 | minor(st.st_dev));
	assert_int_equal(r->name.file.type, BT_FILE_REG);
	assert_name(rig, pid, &at, BT_NAME_LINK, "y", "x");
	assert_name(rig, pid, &at, BT_NAME_MODE, "x", NULL);
	r = rig->recs[at - 1];
	assert_int_equal(r->name.mode, 0644);
	assert_int_equal(r->name.file.ino, st.st_ino);
	assert_name(rig, pid, &at, BT_NAME_UNLINK, "y", NULL);
	assert_null(rig_find(rig, BT_REC_NAME, pid, &at));
	rig_no_loss(rig);
}

static int dir_open(void **state)
{
	strcpy(dir, "/var/tmp/bt-name-XXXXXX");
	return mkdtemp(dir) ? rig_group_open(state) : -1;
}

static int dir_close(void **state)
{
	char cmd[128];

	snprintf(cmd, sizeof(cmd), "rm -rf %s", dir);
	return system(cmd) | rig_group_close(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(names, rig_group_forget),
		cmocka_unit_test_setup(tidied, rig_group_forget),
	};

	return cmocka_run_group_tests_name("name", tests, dir_open, dir_close);
}
