/* SPDX-License-Identifier: BSD-2-Clause */
/* What is stored through shared mappings of files: it comes as data written to them, read there afterwards. */
#include "rig.h"

#include <sys/stat.h>

#define PAGE 4096
#define TEXT "name=some-word-across-the-page; "
#define BIG (64u << 20)

/* Files from before the capture began, with old times: what is in them is no news. */
static char old_name[64], big_name[64], new_name[64];

static char *map_at(int fd, size_t len, off_t off, int prot)
{
	char *p = mmap(NULL, len, prot, MAP_SHARED, fd, off);

	return p == MAP_FAILED ? NULL : p;
}

static int new_file(size_t len)
{
	int fd;

	unlink(new_name);
	fd = open(new_name, O_RDWR | O_CREAT, 0640);
	return fd < 0 || ftruncate(fd, (off_t)len) ? -1 : fd;
}

/* The bytes told of, each where it is in the file: zeros elsewhere. */
static char *told(struct rig *rig, pid_t pid, size_t len, size_t *n)
{
	char *ret = calloc(1, len);
	struct rig_rec *r, *file = NULL;

	assert_non_null(ret);
	*n = 0;
	for (size_t i = 0; i < rig->n; i++) {
		r = rig->recs[i];
		if (r->hdr.kind == BT_REC_FILE && r->hdr.tgid == (uint32_t)pid && r->file.fd < 0)
			file = r;
		if (r->hdr.kind != BT_REC_DATA || r->data.call != BT_CALL_MMAP)
			continue;
		assert_int_equal(r->hdr.tgid, pid);
		assert_non_null(file);
		assert_int_equal(file->file.file.obj, r->data.file.obj);
		assert_int_equal(r->data.file.type, BT_FILE_REG);
		assert_int_equal(r->data.dir, BT_DIR_OUT);
		assert_true(r->data.off + r->data.data_len <= len);
		memcpy(ret + r->data.off, r->tail, r->data.data_len);
		*n += r->data.data_len;
	}
	return ret;
}

static void expect(struct rig *rig, pid_t pid, size_t at, const char *want)
{
	size_t n;
	char *got = told(rig, pid, at + 2 * PAGE + strlen(want), &n);

	assert_string_equal(got + at, want);
	assert_int_equal(n, strlen(want));
	free(got);
	rig_no_loss(rig);
}

static uint64_t found(struct rig *rig)
{
	uint64_t bytes = 0;
	struct rig_rec *r;

	rig_each(rig, BT_REC_DATA, 0, r)
	{
		if (r->data.call == BT_CALL_MMAP)
			bytes += r->data.data_len;
	}
	return bytes;
}

static int child_store(void *arg)
{
	int fd = new_file(2 * PAGE);
	char *p = fd < 0 ? NULL : map_at(fd, 2 * PAGE, 0, PROT_READ | PROT_WRITE);

	if (!p)
		return 1;
	memcpy(p + PAGE - 10, TEXT, strlen(TEXT));
	return munmap(p, 2 * PAGE) || close(fd) ? 2 : 0;
}

static void stored(void **state)
{
	struct rig *rig = *state;
	pid_t pid = rig_run(rig, child_store, NULL);
	struct rig_rec *r;
	size_t at = 0;
	struct stat st;

	expect(rig, pid, PAGE - 10, TEXT);
	r = rig_find(rig, BT_REC_FILE, pid, &at);
	assert_int_equal(r->tail_len, strlen(new_name));
	assert_memory_equal(r->tail, new_name, r->tail_len);
	assert_int_equal(stat(new_name, &st), 0);
	assert_int_equal(r->file.file.ino, st.st_ino);
	assert_int_equal(r->file.file.mode, st.st_mode);
	assert_int_equal(found(rig), strlen(TEXT));
}

/* The second page of a file, kept mapped to the end, and closed at once. */
static int child_keep(void *arg)
{
	int fd = new_file(3 * PAGE);
	char *p = fd < 0 ? NULL : map_at(fd, 2 * PAGE, PAGE, PROT_READ | PROT_WRITE);

	if (!p || close(fd))
		return 1;
	strcpy(p + 7, TEXT);
	return 0;
}

static void kept_to_exit(void **state)
{
	expect(*state, rig_run(*state, child_keep, NULL), PAGE + 7, TEXT);
}

static int child_memfd(void *arg)
{
	int fd = memfd_create("mapped", 0);
	char *p;

	if (fd < 0 || ftruncate(fd, PAGE))
		return 1;
	p = map_at(fd, PAGE, 0, PROT_READ | PROT_WRITE);
	if (!p)
		return 2;
	strcpy(p, TEXT);
	/* Gone with the process: to be looked at before. */
	rig_sem_wait(arg);
	return 0;
}

static void memory_file(void **state)
{
	struct rig *rig = *state;
	struct rig_child child;
	sem_t *end = rig_sem();
	uint64_t before;

	rig_fork(&child, child_memfd, end);
	rig_watch(rig, &child);
	rig_go(&child);
	before = found(rig);
	while (found(rig) == before)
		rig_drain(rig);
	sem_post(end);
	rig_wait_exit(rig, child.pid);
	assert_int_equal(rig_reap(&child), 0);
	expect(rig, child.pid, 0, TEXT);
}

static int child_protect(void *arg)
{
	int fd = new_file(4 * PAGE);
	char *p = fd < 0 ? NULL : map_at(fd, 4 * PAGE, 0, PROT_READ);

	if (!p || mprotect(p + PAGE, 2 * PAGE, PROT_READ | PROT_WRITE))
		return 1;
	strcpy(p + 2 * PAGE, TEXT);
	return 0;
}

static void made_writable(void **state)
{
	expect(*state, rig_run(*state, child_protect, NULL), 2 * PAGE, TEXT);
}

static int child_move(void *arg)
{
	int fd = new_file(8 * PAGE);
	char *p = fd < 0 ? NULL : map_at(fd, PAGE, 0, PROT_READ | PROT_WRITE);

	if (!p || !map_at(fd, PAGE, 0, PROT_READ))
		return 1;
	p = mremap(p, PAGE, 8 * PAGE, MREMAP_MAYMOVE);
	if (p == MAP_FAILED)
		return 2;
	strcpy(p + 6 * PAGE, TEXT);
	return munmap(p, 8 * PAGE) ? 3 : 0;
}

static void moved(void **state)
{
	expect(*state, rig_run(*state, child_move, NULL), 6 * PAGE, TEXT);
}

static int child_sync(void *arg)
{
	int fd = new_file(PAGE);
	char *p = fd < 0 ? NULL : map_at(fd, PAGE, 0, PROT_READ | PROT_WRITE);

	if (!p)
		return 1;
	strcpy(p, TEXT);
	if (msync(p, PAGE, MS_SYNC))
		return 2;
	rig_sem_wait(arg);
	memset(p, 0, strlen(TEXT));
	return 0;
}

/* Told of at the msync: it is no more there at the end. */
static void synced(void **state)
{
	struct rig *rig = *state;
	struct rig_child child;
	sem_t *end = rig_sem();
	uint64_t before;

	rig_fork(&child, child_sync, end);
	rig_watch(rig, &child);
	rig_go(&child);
	before = found(rig);
	while (found(rig) < before + strlen(TEXT))
		rig_drain(rig);
	sem_post(end);
	rig_wait_exit(rig, child.pid);
	assert_int_equal(rig_reap(&child), 0);
	rig_no_loss(rig);
}

/* The parent's mapping, in a child that lives longer. */
static int child_fork(void *arg)
{
	int fd = new_file(PAGE);
	char *p = fd < 0 ? NULL : map_at(fd, PAGE, 0, PROT_READ | PROT_WRITE);
	pid_t pid = p ? fork() : -1;

	if (pid < 0)
		return 1;
	if (pid)
		return munmap(p, PAGE) ? 2 : 0;
	while (!*(volatile int *)arg)
		usleep(1000);
	strcpy(p + 5, TEXT);
	_exit(0);
}

static void inherited(void **state)
{
	struct rig *rig = *state;
	int *alone = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t pid = rig_run(rig, child_fork, alone);
	struct rig_rec *r;
	size_t at = 0;

	r = rig_find(rig, BT_REC_FORK, pid, &at);
	assert_non_null(r);
	pid = (pid_t)r->fork.child_tgid;
	*alone = 1;
	rig_wait_exit(rig, pid);
	expect(rig, pid, 5, TEXT);
	munmap(alone, PAGE);
}

/* In a file from before: the word that changes, its name, and nothing else. */
static int child_change(void *arg)
{
	int fd = open(old_name, O_RDWR);
	char *p = fd < 0 ? NULL : map_at(fd, 2 * PAGE, 0, PROT_READ | PROT_WRITE);

	if (!p)
		return 1;
	rig_sem_wait(arg);
	p[PAGE + 3] = '#';
	return munmap(p, 2 * PAGE) ? 2 : 0;
}

static int child_big(void *arg)
{
	int fd = open(big_name, O_RDWR);
	char *p = fd < 0 ? NULL : map_at(fd, BIG, 0, PROT_READ | PROT_WRITE);

	if (!p)
		return 1;
	rig_sem_wait(arg);
	for (int i = 0; i < 50; i++)
		if (msync(p, BIG, MS_ASYNC))
			return 2;
	return 0;
}

/* Watches a child that waits when it has mapped a file of before, until that has been looked at. */
static pid_t run_when_seen(struct rig *rig, int (*fn)(void *arg))
{
	struct rig_child child;
	sem_t *seen = rig_sem();

	rig_fork(&child, fn, seen);
	rig_watch(rig, &child);
	rig_go(&child);
	while (capture_timeout_ms(rig->c) < 0)
		rig_drain(rig);
	sem_post(seen);
	rig_wait_exit(rig, child.pid);
	assert_int_equal(rig_reap(&child), 0);
	munmap(seen, sizeof(*seen));
	return child.pid;
}

static void only_what_changed(void **state)
{
	struct rig *rig = *state;
	pid_t pid = run_when_seen(rig, child_change);
	struct rig_rec *r;
	size_t at = 0;

	r = rig_find(rig, BT_REC_DATA, pid, &at);
	assert_non_null(r);
	assert_int_equal(r->tail_len, strlen("name=some-#ord-across-the-page"));
	assert_memory_equal(r->tail, "name=some-#ord-across-the-page", r->tail_len);
	assert_int_equal(r->data.off, PAGE - 7);
	assert_null(rig_find(rig, BT_REC_DATA, pid, &at));
	rig_no_loss(rig);
}

static void big_and_quiet(void **state)
{
	struct rig *rig = *state;
	pid_t pid = run_when_seen(rig, child_big);
	size_t at = 0;

	assert_null(rig_find(rig, BT_REC_DATA, pid, &at));
	rig_no_loss(rig);
	assert_int_equal(capture_timeout_ms(rig->c), -1);
}

/* What was mapped when the watch began, and is changed then. */
static void already_mapped(void **state)
{
	struct rig *rig = *state;
	struct rig_child child;
	struct error err = { 0 };
	int fd = new_file(PAGE);
	char *p = map_at(fd, PAGE, 0, PROT_READ | PROT_WRITE);
	sem_t *go = rig_sem();

	assert_non_null(p);
	strcpy(p, "token=old-word-of-the-file");
	child.go = rig_sem();
	child.pid = fork();
	if (!child.pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		rig_sem_wait(go);
		strcpy(p + 100, TEXT);
		_exit(0);
	}
	child.pidfd = (int)syscall(SYS_pidfd_open, child.pid, 0);
	munmap(p, PAGE);
	close(fd);
	if (capture_watch_running(rig->c, &child.pid, 1, true, &err))
		fail_msg("%s", err.text);
	while (capture_timeout_ms(rig->c) < 0)
		rig_drain(rig);
	sem_post(go);
	rig_wait_exit(rig, child.pid);
	assert_int_equal(rig_reap(&child), 0);
	expect(rig, child.pid, 100, TEXT);
}

/* Nobody can open it any more when its record is read: it is lost, and counted. */
static int child_gone(void *arg)
{
	int fd = new_file(PAGE);
	char *p = fd < 0 ? NULL : map_at(fd, PAGE, 0, PROT_READ | PROT_WRITE);

	if (!p || unlink(new_name) || close(fd))
		return 1;
	strcpy(p, TEXT);
	return munmap(p, PAGE) ? 2 : 0;
}

/* No files: memory of its own, and the device that is the same. */
static int child_no_files(void *arg)
{
	int fd = open("/dev/zero", O_RDWR);
	char *p = map_at(fd, PAGE, 0, PROT_READ | PROT_WRITE);
	char *q = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (!p || q == MAP_FAILED)
		return 1;
	strcpy(p, TEXT);
	strcpy(q, TEXT);
	return 0;
}

static void no_files(void **state)
{
	struct rig *rig = *state;
	pid_t pid = rig_run(rig, child_no_files, NULL);
	size_t at = 0;

	assert_null(rig_find(rig, BT_REC_DATA, pid, &at));
	rig_no_loss(rig);
}

static void gone(void **state)
{
	struct rig *rig = *state;
	struct rig_child child;
	struct rig_totals t;
	size_t at = 0;

	rig_fork(&child, child_gone, NULL);
	rig_watch(rig, &child);
	rig_go(&child);
	assert_int_equal(rig_reap(&child), 0);
	rig_wait_exit(rig, child.pid);
	assert_null(rig_find(rig, BT_REC_DATA, child.pid, &at));
	rig_totals(rig, &t);
	assert_int_equal(t.loss[BT_LOSS_MMAP].events, 1);
}

static int files_open(void **state)
{
	static const struct timespec old[2] = { { 1000000000, 0 }, { 1000000000, 0 } };
	char *p = malloc(BIG / 2);
	int fd;

	snprintf(old_name, sizeof(old_name), "/var/tmp/bt-map-old-%d", (int)getpid());
	snprintf(big_name, sizeof(big_name), "/var/tmp/bt-map-big-%d", (int)getpid());
	snprintf(new_name, sizeof(new_name), "/var/tmp/bt-map-new-%d", (int)getpid());
	fd = open(old_name, O_RDWR | O_CREAT, 0600);
	if (!p || fd < 0 || ftruncate(fd, 2 * PAGE) ||
	    pwrite(fd, "old=word;" TEXT, strlen("old=word;" TEXT), PAGE - 16) < 0 ||
	    futimens(fd, old) || close(fd))
		return -1;
	/* Half of it is a hole. */
	rig_pattern(p, BIG / 2, 5);
	fd = open(big_name, O_RDWR | O_CREAT, 0600);
	if (fd < 0 || ftruncate(fd, BIG) || pwrite(fd, p, BIG / 2, BIG / 4) != BIG / 2 ||
	    futimens(fd, old) || close(fd))
		return -1;
	free(p);
	usleep(100000); /* longer than file times are coarse */
	return rig_group_open(state);
}

static int files_close(void **state)
{
	unlink(old_name);
	unlink(big_name);
	unlink(new_name);
	return rig_group_close(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(stored, rig_group_forget),
		cmocka_unit_test_setup(kept_to_exit, rig_group_forget),
		cmocka_unit_test_setup(memory_file, rig_group_forget),
		cmocka_unit_test_setup(made_writable, rig_group_forget),
		cmocka_unit_test_setup(moved, rig_group_forget),
		cmocka_unit_test_setup(synced, rig_group_forget),
		cmocka_unit_test_setup(inherited, rig_group_forget),
		cmocka_unit_test_setup(only_what_changed, rig_group_forget),
		cmocka_unit_test_setup(big_and_quiet, rig_group_forget),
		cmocka_unit_test_setup(already_mapped, rig_group_forget),
		cmocka_unit_test_setup(no_files, rig_group_forget),
		/* Last: something is lost. */
		cmocka_unit_test_setup(gone, rig_group_forget),
	};

	return cmocka_run_group_tests_name("map", tests, files_open, files_close);
}
