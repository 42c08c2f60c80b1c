/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fileio.h"

struct fixture {
	char dir[64];
	char path[128];
	struct error err;
};

static int setup(void **state)
{
	static struct fixture f;

	f = (struct fixture){ .dir = "/tmp/bt-fileio-XXXXXX" };
	if (!mkdtemp(f.dir))
		return -1;
	snprintf(f.path, sizeof(f.path), "%s/file", f.dir);
	*state = &f;
	return 0;
}

/* Number of names in the directory. */
static int count_names(const char *dir)
{
	DIR *d = opendir(dir);
	int n = 0;

	assert_non_null(d);
	for (struct dirent *e; (e = readdir(d));)
		n += strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
	closedir(d);
	return n;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	DIR *d = opendir(f->dir);
	char path[512];

	if (!d)
		return -1;
	for (struct dirent *e; (e = readdir(d));) {
		snprintf(path, sizeof(path), "%s/%s", f->dir, e->d_name);
		unlink(path);
	}
	closedir(d);
	return rmdir(f->dir);
}

static void put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(fd_write_all(fd, text, strlen(text)), 0);
	close(fd);
}

static void expect_text(const char *path, const char *want)
{
	struct buf b = BUF_INIT(0);

	assert_int_equal(file_read_all(path, 1 << 20, &b, NULL), 0);
	assert_string_equal(b.p, want);
	buf_release(&b);
}

static void test_read_appends(void **state)
{
	struct fixture *f = *state;
	struct buf b = BUF_INIT(0);

	put(f->path, "text");
	buf_add_str(&b, "before ");
	assert_int_equal(file_read_all(f->path, 4, &b, &f->err), 0);
	assert_string_equal(b.p, "before text");
	buf_release(&b);
	put(f->path, "");
	assert_int_equal(file_read_all(f->path, 0, &b, &f->err), 0);
	assert_string_equal(b.p, "");
	buf_release(&b);
	/* proc files say their size is 0. */
	assert_int_equal(file_read_all("/proc/self/status", SIZE_MAX, &b, &f->err), 0);
	assert_true(b.len > 100);
	buf_release(&b);
}

static void test_read_limit(void **state)
{
	struct fixture *f = *state;
	struct buf b = BUF_INIT(0), capped = BUF_INIT_WIPE(6);
	char *big = malloc(200001);

	put(f->path, "12345");
	buf_add_str(&b, "x");
	assert_int_equal(file_read_all(f->path, 4, &b, &f->err), -EFBIG);
	assert_string_equal(b.p, "x");
	assert_non_null(strstr(f->err.text, f->path));
	assert_non_null(strstr(f->err.text, "4 bytes"));
	assert_int_equal(b.err, 0);

	buf_add_str(&capped, "x");
	assert_int_equal(file_read_all(f->path, 99, &capped, NULL), 0);
	assert_string_equal(capped.p, "x12345");
	assert_int_equal(file_read_all(f->path, 99, &capped, NULL), -EFBIG);
	assert_string_equal(capped.p, "x12345");

	memset(big, 'z', 200000);
	big[200000] = '\0';
	put(f->path, big);
	buf_clear(&b);
	assert_int_equal(file_read_all(f->path, 200000, &b, NULL), 0);
	assert_string_equal(b.p, big);
	free(big);
	buf_release(&b);
	buf_release(&capped);
}

static void test_read_errors_name_the_file(void **state)
{
	struct fixture *f = *state;
	struct buf b = BUF_INIT(0);

	assert_int_equal(file_read_all(f->path, 9, &b, &f->err), -ENOENT);
	assert_non_null(strstr(f->err.text, f->path));
	assert_non_null(strstr(f->err.text, "No such file"));
	assert_int_equal(file_read_all(f->dir, 9, &b, NULL), -EISDIR);
	buf_release(&b);
}

static void test_write_all_waits_for_a_full_pipe(void **state)
{
	enum { LEN = 1 << 20 };
	char *p = calloc(1, LEN);
	int fds[2], status;
	size_t got = 0;
	pid_t pid;

	/* More than a pipe holds, non-blocking: short writes and EAGAIN are certain. */
	assert_int_equal(pipe2(fds, O_NONBLOCK), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid)
		_exit(fd_write_all(fds[1], p, LEN) ? 1 : 0);
	close(fds[1]);
	fcntl(fds[0], F_SETFL, 0);
	for (ssize_t n; (n = read(fds[0], p, LEN)) > 0;)
		got += (size_t)n;
	assert_int_equal(got, LEN);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	close(fds[0]);
	free(p);
	assert_int_equal(fd_write_all(-1, "x", 1), -EBADF);
	assert_int_equal(fd_write_all(-1, NULL, 0), 0);
}

static void test_file_appears_whole(void **state)
{
	struct fixture *f = *state;
	mode_t old_mask = umask(027);
	struct atomic_file a;
	struct stat st;

	assert_int_equal(atomic_file_open(&a, f->path, 0666, &f->err), 0);
	assert_int_equal(fd_write_all(a.fd, "new", 3), 0);
	assert_int_equal(access(f->path, F_OK), -1);
	assert_int_equal(strncmp(a.tmp, f->dir, strlen(f->dir)), 0);
	assert_int_equal(atomic_file_commit(&a, &f->err), 0);
	umask(old_mask);
	expect_text(f->path, "new");
	assert_int_equal(stat(f->path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	assert_int_equal(count_names(f->dir), 1);
	assert_null(a.path);
	assert_null(a.tmp);
	assert_int_equal(a.fd, -1);
}

static void test_old_file_stays_until_commit_and_after_abort(void **state)
{
	struct fixture *f = *state;
	struct atomic_file a, none = { 0 };

	put(f->path, "old");
	assert_int_equal(atomic_file_open(&a, f->path, 0600, &f->err), 0);
	fd_write_all(a.fd, "new", 3);
	expect_text(f->path, "old");
	atomic_file_abort(&a);
	expect_text(f->path, "old");
	assert_int_equal(count_names(f->dir), 1);
	atomic_file_abort(&a);
	atomic_file_abort(&none);
	assert_int_not_equal(fcntl(0, F_GETFD), -1);

	assert_int_equal(atomic_file_open(&a, f->path, 0600, &f->err), 0);
	fd_write_all(a.fd, "new", 3);
	assert_int_equal(atomic_file_commit(&a, &f->err), 0);
	expect_text(f->path, "new");
}

static void test_failed_commit_leaves_nothing(void **state)
{
	struct fixture *f = *state;
	struct atomic_file a;

	assert_int_equal(atomic_file_open(&a, f->path, 0600, &f->err), 0);
	assert_int_equal(mkdir(f->path, 0700), 0);
	assert_int_equal(atomic_file_commit(&a, &f->err), -EISDIR);
	assert_non_null(strstr(f->err.text, f->path));
	assert_null(a.path);
	assert_int_equal(rmdir(f->path), 0);
	assert_int_equal(count_names(f->dir), 0);
}

static void test_open_errors(void **state)
{
	struct fixture *f = *state;
	struct atomic_file a;
	char path[256];

	assert_int_equal(atomic_file_open(&a, f->dir, 0600, &f->err), -EISDIR);
	assert_non_null(strstr(f->err.text, "directory"));
	f->err.code = 0;
	snprintf(path, sizeof(path), "%s/none/file", f->dir);
	assert_int_equal(atomic_file_open(&a, path, 0600, &f->err), -ENOENT);
	assert_non_null(strstr(f->err.text, path));
	atomic_file_abort(&a);
}

static void test_symbolic_links(void **state)
{
	struct fixture *f = *state;
	struct atomic_file a;
	char real[128];
	struct stat st;

	snprintf(real, sizeof(real), "%s/real", f->dir);
	put(real, "old");
	assert_int_equal(symlink("real", f->path), 0);
	assert_int_equal(atomic_file_open(&a, f->path, 0600, &f->err), 0);
	fd_write_all(a.fd, "new", 3);
	expect_text(real, "old");
	assert_int_equal(atomic_file_commit(&a, &f->err), 0);
	expect_text(real, "new");
	assert_int_equal(lstat(f->path, &st), 0);
	assert_true(S_ISLNK(st.st_mode));

	/* A link to nothing is replaced, what it names is not created. */
	unlink(real);
	assert_int_equal(atomic_file_open(&a, f->path, 0600, &f->err), 0);
	assert_int_equal(atomic_file_commit(&a, &f->err), 0);
	assert_int_equal(lstat(f->path, &st), 0);
	assert_true(S_ISREG(st.st_mode));
	assert_int_equal(access(real, F_OK), -1);
}

static void test_fifo_is_written_in_place(void **state)
{
	struct fixture *f = *state;
	struct atomic_file a;
	struct stat st;
	char got[8] = "";
	int rd;

	assert_int_equal(mkfifo(f->path, 0600), 0);
	rd = open(f->path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	assert_int_equal(atomic_file_open(&a, f->path, 0600, &f->err), 0);
	assert_null(a.tmp);
	fd_write_all(a.fd, "new", 3);
	assert_int_equal(atomic_file_commit(&a, &f->err), 0);
	assert_int_equal(read(rd, got, sizeof(got)), 3);
	assert_string_equal(got, "new");
	close(rd);
	assert_int_equal(stat(f->path, &st), 0);
	assert_true(S_ISFIFO(st.st_mode));
	assert_int_equal(count_names(f->dir), 1);
	assert_int_equal(atomic_file_open(&a, "/dev/null", 0600, &f->err), 0);
	atomic_file_abort(&a);
	assert_int_equal(stat("/dev/null", &st), 0);
	assert_true(S_ISCHR(st.st_mode));
}

/* `beartrap ... --output jsonl:/dev/stdout >> FILE` must add to FILE. */
static void test_own_stdout_is_written_in_place(void **state)
{
	struct fixture *f = *state;
	struct atomic_file a;
	int saved = dup(1), fd, ret, in_place;

	put(f->path, "kept ");
	fd = open(f->path, O_WRONLY | O_APPEND | O_CLOEXEC);
	fflush(stdout);
	dup2(fd, 1);
	ret = atomic_file_open(&a, "/dev/stdout", 0600, &f->err);
	in_place = !ret && !a.tmp && a.fd != 1;
	if (!ret)
		fd_write_all(a.fd, "new", 3);
	ret |= atomic_file_commit(&a, &f->err);
	ret |= fcntl(1, F_GETFD) < 0;
	dup2(saved, 1);
	close(saved);
	close(fd);
	assert_int_equal(ret, 0);
	assert_true(in_place);
	expect_text(f->path, "kept new");
	assert_int_equal(count_names(f->dir), 1);
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_read_appends),
		T(test_read_limit),
		T(test_read_errors_name_the_file),
		T(test_write_all_waits_for_a_full_pipe),
		T(test_file_appears_whole),
		T(test_old_file_stays_until_commit_and_after_abort),
		T(test_failed_commit_leaves_nothing),
		T(test_open_errors),
		T(test_symbolic_links),
		T(test_fifo_is_written_in_place),
		T(test_own_stdout_is_written_in_place),
	};

	return cmocka_run_group_tests_name("fileio", tests, NULL, NULL);
}
