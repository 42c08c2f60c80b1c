/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sodium.h>

#include "base/fileio.h"
#include "base/secmem.h"
#include "event/rec_format.h"
#include "event/recording.h"

#define HEADER_LEN 36 /* magic, byte order, ABI version, secretstream header */
#define SEAL_LEN 17

struct fixture {
	char dir[64];
	char path[96], key[128];
	char secret[65]; /* random hex, in some records */
	struct rec_info info;
	struct rec_totals totals;
	struct error err;
};

static int setup(void **state)
{
	static struct fixture f;
	unsigned char random[32];

	f = (struct fixture){ .dir = "/tmp/bt-recording-XXXXXX",
			      .info = { 123456789, 77, 1, { 1, 2, 3 } } };
	if (sodium_init() < 0 || !mkdtemp(f.dir))
		return -1;
	snprintf(f.path, sizeof(f.path), "%s/run.rec", f.dir);
	snprintf(f.key, sizeof(f.key), "%s.key", f.path);
	randombytes_buf(random, sizeof(random));
	sodium_bin2hex(f.secret, sizeof(f.secret), random, sizeof(random));
	randombytes_buf(&f.totals, sizeof(f.totals));
	*state = &f;
	return 0;
}

/* Calls fn for every name in the directory; their number. */
static int each_file(const struct fixture *f, void (*fn)(const struct fixture *f, const char *path))
{
	DIR *d = opendir(f->dir);
	char path[512];
	int n = 0;

	assert_non_null(d);
	for (struct dirent *e; (e = readdir(d));) {
		if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
			continue;
		n++;
		snprintf(path, sizeof(path), "%s/%s", f->dir, e->d_name);
		if (fn)
			fn(f, path);
	}
	closedir(d);
	return n;
}

static void remove_it(const struct fixture *f, const char *path)
{
	unlink(path);
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	each_file(f, remove_it);
	return rmdir(f->dir);
}

static struct rec_writer *writer(struct fixture *f)
{
	struct rec_writer *w = NULL;

	assert_int_equal(rec_writer_open(f->path, &f->info, &w, &f->err), 0);
	assert_non_null(w);
	return w;
}

/* Record number i: length and contents follow from i, and the secret is in it. */
static struct span record(const struct fixture *f, unsigned int i, char *out)
{
	size_t len = 100 + (i * 977) % (REC_RECORD_MAX - 100);

	memset(out, (char)i, len);
	memcpy(out + i % 20, f->secret, sizeof(f->secret) - 1);
	return span_of(out, i % 50 == 49 ? REC_RECORD_MAX : len);
}

static void make(struct fixture *f, unsigned int records)
{
	struct rec_writer *w = writer(f);
	char out[REC_RECORD_MAX] = "";

	for (unsigned int i = 0; i < records; i++)
		assert_int_equal(rec_writer_add(w, record(f, i, out)), 0);
	assert_int_equal(rec_writer_close(w, &f->totals, &f->err), 0);
}

static struct buf load(const char *path)
{
	struct buf b = BUF_INIT(0);

	assert_int_equal(file_read_all(path, 64 << 20, &b, NULL), 0);
	return b;
}

static void store(const char *path, struct span bytes)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(fd_write_all(fd, bytes.p, bytes.len), 0);
	close(fd);
}

/*
 * Reads the recording to its end or first error, checking that what comes out is a true beginning.
 * The error must be one line that names the file. Number of records in `n`.
 */
static int read_all(struct fixture *f, unsigned int *n)
{
	struct rec_reader *r = NULL;
	char want[REC_RECORD_MAX] = "";
	struct span got;
	int ret;

	*n = 0;
	f->err = (struct error){ 0 };
	ret = rec_reader_open(f->path, NULL, &r, &f->err);
	while (!ret && (ret = rec_reader_next(r, &got, &f->err)) == 1) {
		assert_true(span_eq(got, record(f, *n, want)));
		(*n)++;
		ret = 0;
	}
	if (ret < 0) {
		assert_int_equal(f->err.code, ret);
		assert_non_null(strstr(f->err.text, f->path));
		assert_null(strchr(f->err.text, '\n'));
		assert_null(strstr(f->err.text, f->secret));
		if (r)
			assert_int_equal(rec_reader_next(r, &got, NULL), ret);
	} else {
		assert_memory_equal(rec_reader_info(r), &f->info, sizeof(f->info));
		assert_memory_equal(rec_reader_totals(r), &f->totals, sizeof(f->totals));
		assert_int_equal(rec_reader_next(r, &got, NULL), 0);
	}
	assert_null(rec_reader_free(r));
	return ret;
}

static void test_what_goes_in_comes_out(void **state)
{
	static const unsigned int counts[] = { 0, 1, 7, 300 };
	unsigned int n;

	for (size_t i = 0; i < 4; i++) {
		make(*state, counts[i]);
		assert_int_equal(read_all(*state, &n), 0);
		assert_int_equal(n, counts[i]);
	}
}

/* A frame that is full but for less than an item's head. */
static void test_every_fill_of_a_frame(void **state)
{
	struct fixture *f = *state;
	struct rec_reader *r = NULL;
	char out[REC_RECORD_MAX] = "";
	struct span got;

	for (size_t left = 0; left <= 12; left++) {
		struct rec_writer *w = writer(f);
		size_t used = 0, n = 0;

		while (used + left < REC_BATCH_LEN) {
			size_t len = REC_BATCH_LEN - left - used - REC_ITEM_HEAD_LEN;

			/* What is left must hold an item. */
			if (len > sizeof(out))
				len = len > sizeof(out) + 100 ? sizeof(out) : sizeof(out) - 100;
			assert_int_equal(rec_writer_add(w, span_of(out, len)), 0);
			used += REC_ITEM_HEAD_LEN + len;
			n++;
		}
		assert_int_equal(used, REC_BATCH_LEN - left);
		memset(out, 'z', 5);
		assert_int_equal(rec_writer_add(w, span_of(out, 5)), 0);
		assert_int_equal(rec_writer_close(w, &f->totals, &f->err), 0);
		assert_int_equal(rec_reader_open(f->path, NULL, &r, &f->err), 0);
		while (n--)
			assert_int_equal(rec_reader_next(r, &got, &f->err), 1);
		assert_int_equal(rec_reader_next(r, &got, &f->err), 1);
		assert_true(span_eq_str(got, "zzzzz"));
		assert_int_equal(rec_reader_next(r, &got, &f->err), 0);
		rec_reader_free(r);
		memset(out, 0, 5);
	}
}

static void test_info_is_there_from_the_start(void **state)
{
	struct fixture *f = *state;
	struct rec_reader *r = NULL;

	make(f, 1);
	assert_int_equal(rec_reader_open(f->path, NULL, &r, &f->err), 0);
	assert_memory_equal(rec_reader_info(r), &f->info, sizeof(f->info));
	rec_reader_free(r);
	assert_null(rec_reader_free(NULL));
}

static void test_size_of_a_record(void **state)
{
	struct fixture *f = *state;
	struct rec_writer *w = writer(f);
	static char big[REC_RECORD_MAX + 1];
	char out[REC_RECORD_MAX];
	unsigned int n;

	assert_int_equal(rec_writer_add(w, record(f, 0, out)), 0);
	assert_int_equal(rec_writer_add(w, span_of(big, sizeof(big))), -EMSGSIZE);
	assert_int_equal(rec_writer_add(w, SPAN_NONE), -EMSGSIZE);
	assert_int_equal(rec_writer_add(w, record(f, 1, out)), 0);
	assert_int_equal(rec_writer_close(w, &f->totals, &f->err), 0);
	assert_int_equal(read_all(f, &n), 0);
	assert_int_equal(n, 2);
	assert_true(REC_RECORD_MAX >= sizeof(struct bt_rec_data) + BT_CHUNK_LEN);
}

static void expect_private(const struct fixture *f, const char *path)
{
	struct stat st;

	assert_int_equal(lstat(path, &st), 0);
	assert_true(S_ISREG(st.st_mode));
	assert_int_equal(st.st_mode & 07777, 0600);
}

static void test_files_are_private_and_appear_at_close(void **state)
{
	struct fixture *f = *state;
	mode_t old = umask(0);
	struct rec_writer *w = writer(f);
	struct stat st;

	assert_int_equal(access(f->path, F_OK), -1);
	assert_int_equal(access(f->key, F_OK), -1);
	each_file(f, expect_private);
	assert_int_equal(rec_writer_close(w, &f->totals, &f->err), 0);
	umask(old);
	assert_int_equal(each_file(f, expect_private), 2);
	assert_int_equal(stat(f->key, &st), 0);
	assert_int_equal(st.st_size, 32);
}

static void test_old_recording_is_replaced_whole(void **state)
{
	struct fixture *f = *state;
	struct rec_writer *w;
	unsigned int n;

	make(f, 3);
	w = writer(f);
	assert_int_equal(read_all(f, &n), 0);
	rec_writer_abort(w);
	assert_int_equal(read_all(f, &n), 0);
	assert_int_equal(n, 3);
	make(f, 5);
	assert_int_equal(read_all(f, &n), 0);
	assert_int_equal(n, 5);
	assert_int_equal(each_file(f, NULL), 2);
}

static void test_abort_leaves_no_file(void **state)
{
	struct fixture *f = *state;
	struct rec_writer *w = writer(f);
	char out[REC_RECORD_MAX];

	assert_int_equal(rec_writer_add(w, record(f, 0, out)), 0);
	rec_writer_abort(w);
	rec_writer_abort(NULL);
	assert_int_equal(each_file(f, NULL), 0);
}

static void test_every_flipped_bit_is_an_error(void **state)
{
	struct fixture *f = *state;
	struct buf b;
	unsigned int n;

	make(f, 2);
	b = load(f->path);
	for (size_t i = 0; i < b.len; i++) {
		int bit = 1 << (i % 8);

		b.p[i] ^= (char)bit;
		store(f->path, buf_span(&b));
		assert_true(read_all(f, &n) < 0);
		b.p[i] ^= (char)bit;
	}
	store(f->path, buf_span(&b));
	assert_int_equal(read_all(f, &n), 0);
	buf_release(&b);
}

static void test_cut_anywhere_is_an_error(void **state)
{
	struct fixture *f = *state;
	struct buf b;
	unsigned int n;

	make(f, 2);
	b = load(f->path);
	for (size_t len = 0; len < b.len; len++) {
		store(f->path, span_of(b.p, len));
		assert_int_equal(read_all(f, &n), -EBADMSG);
		if (len >= HEADER_LEN)
			assert_non_null(strstr(f->err.text, "cut short"));
	}
	buf_add_byte(&b, 'x');
	store(f->path, buf_span(&b));
	assert_int_equal(read_all(f, &n), -EBADMSG);
	buf_release(&b);
}

static size_t frame_len(const struct buf *b, size_t at)
{
	const unsigned char *p = (const unsigned char *)b->p + at;

	return 4 + (p[0] | (size_t)p[1] << 8 | (size_t)p[2] << 16 | (size_t)p[3] << 24);
}

/* Frames that are each authentic, but not in their place. */
static void test_missing_and_swapped_frames_are_errors(void **state)
{
	struct fixture *f = *state;
	struct buf b, changed = BUF_INIT(0);
	size_t at[3], len[3];
	unsigned int n;

	make(f, 40);
	b = load(f->path);
	at[0] = HEADER_LEN;
	for (size_t i = 0; i < 3; i++) {
		len[i] = frame_len(&b, at[i]);
		assert_true(len[i] <= 4 + 65536 + SEAL_LEN);
		if (i < 2)
			at[i + 1] = at[i] + len[i];
	}
	/* The second batch missing. */
	buf_add(&changed, b.p, at[2]);
	buf_add(&changed, b.p + at[2] + len[2], b.len - at[2] - len[2]);
	store(f->path, buf_span(&changed));
	assert_int_equal(read_all(f, &n), -EBADMSG);
	assert_true(n > 0 && n < 40);
	/* The two batches swapped. */
	buf_clear(&changed);
	buf_add(&changed, b.p, at[1]);
	buf_add(&changed, b.p + at[2], len[2]);
	buf_add(&changed, b.p + at[1], len[1]);
	buf_add(&changed, b.p + at[2] + len[2], b.len - at[2] - len[2]);
	assert_int_equal(changed.len, b.len);
	store(f->path, buf_span(&changed));
	assert_int_equal(read_all(f, &n), -EBADMSG);
	assert_int_equal(n, 0);
	buf_release(&b);
	buf_release(&changed);
}

static void test_key_file(void **state)
{
	struct fixture *f = *state;
	struct rec_reader *r = NULL;
	char other[256];
	struct buf key;
	unsigned int n;

	make(f, 3);
	key = load(f->key);
	assert_int_equal(key.len, 32);

	/* Elsewhere, by name. */
	snprintf(other, sizeof(other), "%s/elsewhere", f->dir);
	assert_int_equal(rename(f->key, other), 0);
	assert_int_equal(rec_reader_open(f->path, other, &r, &f->err), 0);
	rec_reader_free(r);

	assert_int_equal(read_all(f, &n), -ENOENT);
	assert_non_null(strstr(f->err.text, f->key));

	/* Of another recording; of the wrong length; empty. */
	key.p[31] ^= 1;
	store(f->key, buf_span(&key));
	assert_int_equal(read_all(f, &n), -EBADMSG);
	assert_non_null(strstr(f->err.text, "key"));
	key.p[31] ^= 1;
	store(f->key, span_of(key.p, 31));
	assert_int_equal(read_all(f, &n), -EBADMSG);
	assert_non_null(strstr(f->err.text, f->key));
	store(f->key, SPAN_NONE);
	assert_int_equal(read_all(f, &n), -EBADMSG);
	buf_add_byte(&key, 'x');
	store(f->key, buf_span(&key));
	assert_int_equal(read_all(f, &n), -EBADMSG);

	/* Readable by others: accepted. */
	store(f->key, span_of(key.p, 32));
	assert_int_equal(chmod(f->key, 0644), 0);
	assert_int_equal(read_all(f, &n), 0);
	buf_release(&key);
}

static void test_two_recordings_have_two_keys(void **state)
{
	struct fixture *f = *state;
	struct buf a, b;

	make(f, 1);
	a = load(f->key);
	make(f, 1);
	b = load(f->key);
	assert_false(span_eq(buf_span(&a), buf_span(&b)));
	buf_release(&a);
	buf_release(&b);
}

static void test_other_version_and_byte_order(void **state)
{
	struct fixture *f = *state;
	struct buf b;
	unsigned int n;

	make(f, 1);
	b = load(f->path);
	b.p[8] ^= 0x40;
	store(f->path, buf_span(&b));
	assert_int_equal(read_all(f, &n), -EPROTONOSUPPORT);
	assert_non_null(strstr(f->err.text, "ABI version"));
	b.p[8] ^= 0x40;
	b.p[7] = b.p[7] == 'L' ? 'B' : 'L';
	store(f->path, buf_span(&b));
	assert_int_equal(read_all(f, &n), -EPROTONOSUPPORT);
	assert_non_null(strstr(f->err.text, "byte order"));
	b.p[0] = 'X';
	store(f->path, buf_span(&b));
	assert_int_equal(read_all(f, &n), -EBADMSG);
	assert_non_null(strstr(f->err.text, "not a beartrap recording"));
	unlink(f->path);
	assert_int_equal(read_all(f, &n), -ENOENT);
	buf_release(&b);
}

static void expect_refused(struct fixture *f)
{
	struct rec_writer *w = NULL;

	f->err.code = 0;
	assert_int_equal(rec_writer_open(f->path, &f->info, &w, &f->err), -EEXIST);
	assert_null(w);
	assert_non_null(strstr(f->err.text, f->path));
}

static void test_links_and_devices_are_refused(void **state)
{
	struct fixture *f = *state;
	char other[256];
	struct buf b;

	snprintf(other, sizeof(other), "%s/other", f->dir);
	store(other, SPAN_LIT("mine"));
	assert_int_equal(symlink("other", f->path), 0);
	expect_refused(f);
	unlink(f->path);
	assert_int_equal(symlink("other", f->key), 0);
	expect_refused(f);
	unlink(f->key);
	assert_int_equal(symlink("nothing", f->key), 0);
	expect_refused(f);
	unlink(f->key);
	assert_int_equal(mkfifo(f->path, 0600), 0);
	expect_refused(f);
	unlink(f->path);
	b = load(other);
	assert_string_equal(b.p, "mine");
	buf_release(&b);
	/* A refusal leaves nothing behind. */
	assert_int_equal(each_file(f, NULL), 1);
}

static void expect_no_secret(const struct fixture *f, const char *path)
{
	struct buf b = load(path);

	assert_int_equal(span_find(buf_span(&b), span_str(f->secret)), SIZE_MAX);
	/* Nor a good part of it. */
	assert_int_equal(span_find(buf_span(&b), span_of(f->secret + 20, 8)), SIZE_MAX);
	buf_release(&b);
}

static void test_no_secret_in_any_file(void **state)
{
	struct fixture *f = *state;
	struct rec_writer *w = writer(f);
	char out[REC_RECORD_MAX] = "";

	for (unsigned int i = 0; i < 60; i++)
		assert_int_equal(rec_writer_add(w, record(f, i, out)), 0);
	/* While it is being written ... */
	assert_true(each_file(f, expect_no_secret) >= 1);
	assert_int_equal(rec_writer_close(w, &f->totals, &f->err), 0);
	/* ... and when it is done. */
	assert_int_equal(each_file(f, expect_no_secret), 2);
}

static void expect_no_key(const struct fixture *f, const char *path)
{
	struct stat st;

	expect_no_secret(f, path);
	/* The key's temporary file is there and still empty. */
	assert_int_equal(stat(path, &st), 0);
	if (strstr(path, ".key"))
		assert_int_equal(st.st_size, 0);
}

static void test_crash_leaves_no_plaintext(void **state)
{
	struct fixture *f = *state;
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (!pid) {
		char out[REC_RECORD_MAX] = "";
		struct rec_writer *w = NULL;

		/* Not cmocka's handler, and a core dump would land where this test cannot look. */
		signal(SIGABRT, SIG_DFL);
		if (secmem_init() || chdir(f->dir) || rec_writer_open(f->path, &f->info, &w, NULL))
			_exit(1);
		for (unsigned int i = 0; i < 30; i++)
			rec_writer_add(w, record(f, i, out));
		abort();
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGABRT);
	assert_int_equal(access(f->path, F_OK), -1);
	assert_int_equal(each_file(f, expect_no_key), 2);
}

static int write_until_full(struct fixture *f)
{
	const struct rlimit lim = { 200000, 200000 };
	char out[REC_RECORD_MAX] = "";
	struct rec_writer *w = NULL;
	int err = 0;

	signal(SIGXFSZ, SIG_IGN);
	if (setrlimit(RLIMIT_FSIZE, &lim) || rec_writer_open(f->path, &f->info, &w, NULL))
		return 1;
	for (unsigned int i = 0; i < 100 && !err; i++)
		err = rec_writer_add(w, record(f, i, out));
	if (err != -EFBIG || rec_writer_add(w, SPAN_LIT("x")) != -EFBIG)
		return 2;
	if (rec_writer_close(w, &f->totals, &f->err) != -EFBIG)
		return 3;
	return strstr(f->err.text, f->path) && strstr(f->err.text, "too large") ? 0 : 4;
}

static void test_write_error_sticks_and_close_reports_it(void **state)
{
	struct fixture *f = *state;
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (!pid)
		_exit(write_until_full(f));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(each_file(f, NULL), 0);
}

static void test_no_such_directory(void **state)
{
	struct fixture *f = *state;
	struct rec_writer *w = NULL;

	assert_int_equal(rec_writer_open("/nonexistent/run.rec", &f->info, &w, &f->err), -ENOENT);
	assert_non_null(strstr(f->err.text, "/nonexistent/run.rec"));
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_what_goes_in_comes_out),
		T(test_every_fill_of_a_frame),
		T(test_info_is_there_from_the_start),
		T(test_size_of_a_record),
		T(test_files_are_private_and_appear_at_close),
		T(test_old_recording_is_replaced_whole),
		T(test_abort_leaves_no_file),
		T(test_every_flipped_bit_is_an_error),
		T(test_cut_anywhere_is_an_error),
		T(test_missing_and_swapped_frames_are_errors),
		T(test_key_file),
		T(test_two_recordings_have_two_keys),
		T(test_other_version_and_byte_order),
		T(test_links_and_devices_are_refused),
		T(test_no_secret_in_any_file),
		T(test_crash_leaves_no_plaintext),
		T(test_write_error_sticks_and_close_reports_it),
		T(test_no_such_directory),
	};

	return cmocka_run_group_tests_name("recording", tests, NULL, NULL);
}
