/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "alert/redact.h"
#include "base/log.h"

struct place {
	char dir[64];
	char state[80];
	char key[128];
};

static int setup(void **state)
{
	static struct place p;

	strcpy(p.dir, "/tmp/bt-fingerprint-XXXXXX");
	if (!mkdtemp(p.dir))
		return -1;
	snprintf(p.state, sizeof(p.state), "%s/a/b", p.dir);
	snprintf(p.key, sizeof(p.key), "%s/fingerprint.key", p.state);
	setenv("BEARTRAP_STATE", p.state, 1);
	*state = &p;
	return 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	return remove(path);
}

static int teardown(void **state)
{
	const struct place *p = *state;

	return nftw(p->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static int count_names(const char *dir)
{
	char cmd[200], line[32] = "";
	FILE *f;

	snprintf(cmd, sizeof(cmd), "ls -A '%s' | wc -l", dir);
	f = popen(cmd, "r");
	assert_non_null(f);
	assert_non_null(fgets(line, sizeof(line), f));
	pclose(f);
	return atoi(line);
}

static void test_made_once_and_kept(void **state)
{
	const struct place *p = *state;
	struct fingerprinter a, b;
	struct error err = { 0 };
	struct stat st;

	assert_int_equal(fingerprinter_load(&a, &err), 0);
	assert_int_equal(err.code, 0);
	assert_int_equal(stat(p->key, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(st.st_size, FINGERPRINT_KEY_LEN);
	assert_int_equal(stat(p->state, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	assert_int_equal(fingerprinter_load(&b, &err), 0);
	assert_memory_equal(a.key, b.key, FINGERPRINT_KEY_LEN);
	assert_int_equal(count_names(p->state), 1);

	/* Another installation has another key. */
	assert_int_equal(unlink(p->key), 0);
	assert_int_equal(fingerprinter_load(&b, &err), 0);
	assert_memory_not_equal(a.key, b.key, FINGERPRINT_KEY_LEN);
}

/* Everybody who comes first at the same time ends with the same key. */
static void test_concurrent_first_use(void **state)
{
	enum { N = 8 };
	const struct place *p = *state;
	int go[2], results[2];
	struct fingerprinter first, f;

	assert_int_equal(pipe(go), 0);
	assert_int_equal(pipe(results), 0);
	for (int i = 0; i < N; i++) {
		pid_t pid = fork();

		assert_true(pid >= 0);
		if (!pid) {
			char c;

			close(go[1]);
			if (read(go[0], &c, 1) != 0 || fingerprinter_load(&f, NULL) ||
			    write(results[1], f.key, sizeof(f.key)) != sizeof(f.key))
				_exit(1);
			_exit(0);
		}
	}
	close(go[0]);
	close(go[1]);
	for (int i = 0; i < N; i++) {
		int status;

		assert_true(wait(&status) > 0);
		assert_int_equal(status, 0);
		assert_int_equal(read(results[0], f.key, sizeof(f.key)), sizeof(f.key));
		if (!i)
			first = f;
		assert_memory_equal(first.key, f.key, sizeof(f.key));
	}
	close(results[0]);
	close(results[1]);
	assert_int_equal(count_names(p->state), 1);
}

static void refused(const char *words, int code)
{
	struct fingerprinter f;
	struct error err = { 0 };

	assert_int_equal(fingerprinter_load(&f, &err), code);
	assert_int_equal(err.code, code);
	if (!strstr(err.text, words))
		fail_msg("\"%s\" does not say \"%s\"", err.text, words);
}

static void put(const char *path, size_t len, mode_t mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)len), 0);
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
}

static void test_unfit_files_are_refused(void **state)
{
	const struct place *p = *state;
	struct fingerprinter f;
	char other[128];

	assert_int_equal(fingerprinter_load(&f, NULL), 0);
	put(p->key, FINGERPRINT_KEY_LEN, 0640);
	refused("can be read by others (mode 0640)", -EPERM);
	put(p->key, FINGERPRINT_KEY_LEN, 0602);
	refused("mode 0602", -EPERM);
	put(p->key, FINGERPRINT_KEY_LEN - 1, 0600);
	refused("has 31 bytes, not 32", -EINVAL);
	put(p->key, FINGERPRINT_KEY_LEN + 1, 0600);
	refused("has 33 bytes, not 32", -EINVAL);
	put(p->key, 0, 0600);
	refused("has 0 bytes, not 32", -EINVAL);

	snprintf(other, sizeof(other), "%s/other", p->dir);
	put(other, FINGERPRINT_KEY_LEN, 0600);
	assert_int_equal(unlink(p->key), 0);
	assert_int_equal(symlink(other, p->key), 0);
	refused("must not be a link", -ELOOP);
	assert_int_equal(unlink(p->key), 0);
	assert_int_equal(mkfifo(p->key, 0600), 0);
	refused("not a regular file", -EINVAL);
	assert_int_equal(unlink(p->key), 0);
	assert_int_equal(mkdir(p->key, 0700), 0);
	refused("not a regular file", -EINVAL);
	if (geteuid() == 0) {
		assert_int_equal(rmdir(p->key), 0);
		put(p->key, FINGERPRINT_KEY_LEN, 0600);
		assert_int_equal(chown(p->key, 12345, 12345), 0);
		refused("belongs to user 12345", -EPERM);
	}
}

static void test_no_place(void **state)
{
	setenv("BEARTRAP_STATE", "/dev/null/x", 1);
	refused("/dev/null", -ENOTDIR);
}

static void test_users_default(void **state)
{
	const struct place *p = *state;
	struct fingerprinter f;
	struct stat st;
	char path[200];
	int status;
	pid_t pid;

	/* Root has one place of its own; the others' is tried as another user. */
	assert_int_equal(chmod(p->dir, 0777), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		unsetenv("BEARTRAP_STATE");
		unsetenv("XDG_STATE_HOME");
		if (geteuid() == 0 && (setgid(65534) || setuid(65534)))
			_exit(1);
		setenv("HOME", p->dir, 1);
		if (fingerprinter_load(&f, NULL))
			_exit(2);
		snprintf(path, sizeof(path), "%s/xdg", p->dir);
		setenv("XDG_STATE_HOME", path, 1);
		if (fingerprinter_load(&f, NULL))
			_exit(3);
		/* Relative paths are to be ignored (XDG Base Directory Specification). */
		setenv("XDG_STATE_HOME", "relative", 1);
		unsetenv("HOME");
		_exit(fingerprinter_load(&f, NULL) == -ENOENT ? 0 : 4);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(WEXITSTATUS(status), 0);
	snprintf(path, sizeof(path), "%s/.local/state/beartrap/fingerprint.key", p->dir);
	assert_int_equal(stat(path, &st), 0);
	snprintf(path, sizeof(path), "%s/xdg/beartrap/fingerprint.key", p->dir);
	assert_int_equal(stat(path, &st), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_made_once_and_kept, setup, teardown),
		cmocka_unit_test_setup_teardown(test_concurrent_first_use, setup, teardown),
		cmocka_unit_test_setup_teardown(test_unfit_files_are_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_place, setup, teardown),
		cmocka_unit_test_setup_teardown(test_users_default, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
