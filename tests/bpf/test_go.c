/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Go: its TLS functions in whole, stripped and broken programs, and the plaintext at their calls (go/tls.go), where
 * goroutines change threads and stacks grow in a call.
 */
#include "tls_rig.h"

#include <elf.h>

#include "capture/gobin.h"

#define CONNS 8
#define SIZE 100003
#define RET 0xc3

static char plain[256], stripped[256];

static int build(char *path, size_t len, const char *name, const char *flags)
{
	const char *out = getenv("BUILD");
	char command[1024];

	snprintf(path, len, "%s/go/%s", out ? out : "build", name);
	snprintf(command, sizeof(command), "tests/lib/gobuild %s tests/bpf/go/tls.go %s", path,
		 flags);
	return system(command);
}

static int group_open(void **state)
{
	if (build(plain, sizeof(plain), "tls", "") ||
	    build(stripped, sizeof(stripped), "tls-stripped", "-ldflags '-s -w'"))
		return -1;
	return tls_group_open(state);
}

/* --- functions --- */

static void find(const char *path, struct go_func *ret)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	const char *why = NULL;

	assert_true(fd >= 0);
	assert_int_equal(gobin_find(fd, ret, &why), 1);
	for (int i = 0; i < GO_TLS_FUNCS; i++) {
		assert_true(ret[i].n_returns > 1);
		for (size_t k = 0; k < ret[i].n_returns; k++) {
			unsigned char code = 0;

			assert_int_equal(pread(fd, &code, 1, (off_t)ret[i].returns[k]), 1);
			assert_int_equal(code, RET);
			assert_true(ret[i].returns[k] > ret[i].entry);
		}
	}
	close(fd);
}

/* The code is the same, with and without a symbol table. */
static void test_functions(void **state)
{
	struct go_func a[GO_TLS_FUNCS], b[GO_TLS_FUNCS];

	find(plain, a);
	find(stripped, b);
	assert_memory_equal(a, b, sizeof(a));
	assert_true(a[GO_TLS_READ].entry != a[GO_TLS_WRITE].entry);
}

static void test_not_go(void **state)
{
	struct go_func f[GO_TLS_FUNCS];
	const char *why = NULL;
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

	assert_int_equal(gobin_find(fd, f, &why), 0);
	assert_null(why);
	close(fd);
	fd = open("/etc/passwd", O_RDONLY | O_CLOEXEC);
	assert_int_equal(gobin_find(fd, f, &why), 0);
	close(fd);
}

/* A copy of the stripped program, of its own. */
static int copy_stripped(off_t *len)
{
	int from = open(stripped, O_RDONLY | O_CLOEXEC), fd = memfd_create("go", MFD_CLOEXEC);
	ssize_t n;
	char *p;

	assert_true(from >= 0 && fd >= 0);
	*len = lseek(from, 0, SEEK_END);
	p = mmap(NULL, (size_t)*len, PROT_READ, MAP_PRIVATE, from, 0);
	assert_true(p != MAP_FAILED);
	n = write(fd, p, (size_t)*len);
	assert_int_equal(n, *len);
	munmap(p, (size_t)*len);
	close(from);
	return fd;
}

static uint64_t section_at(int fd, const char *name, Elf64_Shdr *ret)
{
	Elf64_Shdr names;
	Elf64_Ehdr eh;
	char text[64];

	assert_int_equal(pread(fd, &eh, sizeof(eh), 0), sizeof(eh));
	assert_int_equal(pread(fd, &names, sizeof(names),
			       (off_t)(eh.e_shoff + eh.e_shstrndx * sizeof(names))),
			 sizeof(names));
	for (int i = 0; i < eh.e_shnum; i++) {
		uint64_t at = eh.e_shoff + (uint64_t)i * sizeof(*ret);

		assert_int_equal(pread(fd, ret, sizeof(*ret), (off_t)at), sizeof(*ret));
		if (pread(fd, text, sizeof(text), (off_t)(names.sh_offset + ret->sh_name)) > 0 &&
		    !strncmp(text, name, sizeof(text)))
			return at;
	}
	fail_msg("no section %s", name);
	return 0;
}

static void patch(int fd, const void *p, size_t len, off_t at)
{
	assert_int_equal(pwrite(fd, p, len, at), len);
}

static void refused(int fd, int err, const char *text)
{
	struct go_func f[GO_TLS_FUNCS];
	const char *why = NULL;

	assert_int_equal(gobin_find(fd, f, &why), err);
	assert_string_equal(why, text);
}

/* What cannot be hooked is said; nothing is hooked where it is not sure. */
static void test_refused(void **state)
{
	static const char old[] = "go1.16", none[] = "develop", bad_magic[] = "\xf0\xf0\xf0\xf0";
	uint64_t base, wrong;
	Elf64_Shdr sh;
	off_t len;
	int fd;

	fd = copy_stripped(&len);
	section_at(fd, ".go.buildinfo", &sh);
	patch(fd, old, 6, (off_t)sh.sh_offset + 33);
	refused(fd, -ENOTSUP, "its version of Go is too old");
	/* Not known, but nothing old has such a table. */
	patch(fd, none, 7, (off_t)sh.sh_offset + 33);
	section_at(fd, ".gopclntab", &sh);
	assert_int_equal(pread(fd, &base, 8, (off_t)sh.sh_offset + 24), 8);
	wrong = base + 32;
	patch(fd, &wrong, 8, (off_t)sh.sh_offset + 24);
	refused(fd, -EBADMSG, "its table of functions is not understood");
	/* Go 1.26 has no base there: it is where the code begins. */
	wrong = 0;
	patch(fd, &wrong, 8, (off_t)sh.sh_offset + 24);
	{
		struct go_func f[GO_TLS_FUNCS], g[GO_TLS_FUNCS];
		const char *why = NULL;

		assert_int_equal(gobin_find(fd, f, &why), 1);
		find(stripped, g);
		assert_memory_equal(f, g, sizeof(f));
	}
	patch(fd, bad_magic, 4, (off_t)sh.sh_offset);
	refused(fd, -ENOTSUP, "its version of Go is not known");
	close(fd);
}

/* Broken anywhere, cut anywhere: any answer, but one. */
static void test_broken(void **state)
{
	struct go_func f[GO_TLS_FUNCS];
	const char *why = NULL;
	Elf64_Shdr table, info;
	uint32_t x = 1;
	off_t len;
	int fd = copy_stripped(&len);
	uint64_t at_table = section_at(fd, ".gopclntab", &table);
	uint64_t at_info = section_at(fd, ".go.buildinfo", &info);
	const uint64_t places[] = {
		0, 64, at_table, at_info, info.sh_offset, table.sh_offset, table.sh_offset
	};

	for (int i = 0; i < 300; i++) {
		uint64_t at = places[i % 7];
		char was[8];

		x = x * 1664525u + 1013904223u;
		at += (x >> 8) % 72;
		if (i % 7 == 6)
			at += (x >> 4) % (table.sh_size - 80);
		assert_int_equal(pread(fd, was, 8, (off_t)at), 8);
		assert_int_equal(pwrite(fd, &x, 1 + i % 4, (off_t)at), 1 + i % 4);
		assert_true(gobin_find(fd, f, &why) <= 1);
		assert_int_equal(pwrite(fd, was, 8, (off_t)at), 8);
	}
	for (int i = 1; i < 10; i++) {
		assert_int_equal(ftruncate(fd, len - len * i / 10), 0);
		assert_true(gobin_find(fd, f, &why) <= 1);
	}
	close(fd);
}

/* --- calls --- */

static int child(void *arg)
{
	execl(arg, arg, dir, NULL);
	return 127;
}

/* One direction of a connection. */
struct flow {
	struct bt_file_id id;
	char *p;
	size_t len;
	uint64_t sock_ino;
	uint32_t sock_dev;
	enum bt_dir dir;
};

#define FLOWS (4 * CONNS)

static struct flow *flow_of(struct flow *flows, size_t *n, const struct bt_file_id *id,
			    enum bt_dir d)
{
	for (size_t i = 0; i < *n; i++)
		if (flows[i].dir == d && !memcmp(&flows[i].id, id, sizeof(*id)))
			return &flows[i];
	assert_true(*n < FLOWS);
	flows[*n].id = *id;
	flows[*n].dir = d;
	return &flows[(*n)++];
}

static size_t collect(struct rig *rig, pid_t pid, struct flow *flows)
{
	struct rig_rec *r;
	size_t n = 0;

	rig_each(rig, BT_REC_DATA, pid, r)
	{
		struct flow *f;

		if (r->data.file.type != BT_FILE_TLS)
			continue;
		f = flow_of(flows, &n, &r->data.file, (enum bt_dir)r->data.dir);
		assert_int_equal(r->data.pos, f->len);
		f->p = realloc(f->p, f->len + r->data.data_len);
		assert_non_null(f->p);
		memcpy(f->p + f->len, r->tail, r->data.data_len);
		f->len += r->data.data_len;
	}
	rig_each(rig, BT_REC_FILE, pid, r)
	{
		if (r->file.file.type != BT_FILE_TLS)
			continue;
		for (size_t i = 0; i < n; i++) {
			if (memcmp(&flows[i].id, &r->file.file, sizeof(flows[i].id)) != 0)
				continue;
			flows[i].sock_ino = r->file.sock_ino;
			flows[i].sock_dev = r->file.sock_dev;
		}
	}
	return n;
}

/* Question or answer on connection `k`, all of it. */
static void check_flow(struct rig *rig, pid_t pid, const struct flow *f, size_t k, bool answer)
{
	bool client = answer == (f->dir == BT_DIR_IN);

	assert_int_equal(f->len, SIZE);
	for (size_t i = 0; i < f->len; i++)
		if ((uint8_t)f->p[i] != (i * 7 + k * 3 + answer) % 251)
			fail_msg("connection %zu: byte %zu is wrong", k, i);
	if (k % 2) {
		/* Of a net.Conn that is not Go's own nothing is known. */
		assert_int_equal(f->sock_ino, 0);
		return;
	}
	assert_int_equal(role_of(rig, pid, f->sock_ino, f->sock_dev),
			 client ? BT_FILE_CONNECTED : BT_FILE_ACCEPTED);
}

static void run(const char *path)
{
	struct flow flows[FLOWS] = { 0 };
	bool seen[CONNS][2][2] = { 0 };
	struct rig_child c;
	struct rig rig;
	size_t n;

	rig_open(&rig, 0, 0);
	capture_expect(rig.c, path);
	rig_fork(&c, child, (void *)path);
	rig_watch(&rig, &c);
	rig_go(&c);
	make_file("go");
	rig_wait_exit(&rig, c.pid);
	assert_int_equal(rig_reap(&c), 0);
	n = collect(&rig, c.pid, flows);
	assert_int_equal(n, FLOWS);
	for (size_t i = 0; i < n; i++) {
		size_t k = (uint8_t)flows[i].p[0] / 3;
		bool answer = (uint8_t)flows[i].p[0] % 3;

		assert_true(k < CONNS);
		check_flow(&rig, c.pid, &flows[i], k, answer);
		assert_false(seen[k][answer][flows[i].dir]);
		seen[k][answer][flows[i].dir] = true;
		free(flows[i].p);
	}
	rig_no_loss(&rig);
	rig_close(&rig);
	remove_file("go");
}

static void test_calls(void **state)
{
	run(plain);
}

static void test_calls_stripped(void **state)
{
	run(stripped);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_functions), cmocka_unit_test(test_not_go),
		cmocka_unit_test(test_refused),   cmocka_unit_test(test_broken),
		cmocka_unit_test(test_calls),     cmocka_unit_test(test_calls_stripped),
	};

	return cmocka_run_group_tests(tests, group_open, tls_group_close);
}
