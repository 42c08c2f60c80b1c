/* SPDX-License-Identifier: BSD-2-Clause */
/* Which way of looking at system calls is chosen, what is loaded for it, and that nothing of it stays. */
#include "rig.h"

#include <dirent.h>
#include <sys/resource.h>

#include "capture/internal.h"

/* Descriptors of this process whose kind begins with `kind` ("": all). */
static size_t count_fds(const char *kind)
{
	DIR *d = opendir("/proc/self/fd");
	char to[256];
	size_t n = 0;

	assert_non_null(d);
	for (struct dirent *e; (e = readdir(d));) {
		ssize_t len = readlinkat(dirfd(d), e->d_name, to, sizeof(to) - 1);

		if (len < 0)
			continue;
		to[len] = '\0';
		n += !strncmp(to, kind, strlen(kind));
	}
	closedir(d);
	return n;
}

static size_t count_bpf(void)
{
	return count_fds("anon_inode:bpf") + count_fds("anon_inode:[perf_event]");
}

static int open_backend(struct rig *rig, enum capture_backend backend, struct error *err)
{
	struct capture_config cfg = {
		.backend = backend,
		.record = rig_record,
		.debug = rig_debug,
		.arg = rig,
	};

	memset(rig, 0, sizeof(*rig));
	*err = (struct error){ 0 };
	return capture_open(&cfg, &rig->c, err);
}

/* Of the programs at system calls, only those of the backend in use are in the kernel. */
static void check_loaded(const struct rig *rig)
{
	bool fexit = capture_backend(rig->c) == CAPTURE_FEXIT;
	struct bpf_program *prog;
	size_t n = 0;

	bpf_object__for_each_program(prog, rig->c->skel->obj)
	{
		const char *section = bpf_program__section_name(prog);
		bool loaded = bpf_program__fd(prog) >= 0;

		if (!strncmp(section, "fexit/", 6) || !strncmp(section, "?fexit/", 7)) {
			n += loaded;
			assert_true(fexit || !loaded);
		}
		if (!strcmp(section, "tp") || !strcmp(section, "?tp"))
			assert_int_equal(loaded, !fexit);
	}
	assert_int_equal(n > 0, fexit);
}

static int child_write(void *arg)
{
	return write(*(int *)arg, "told", 4) == 4 ? 0 : 1;
}

/*
 * A watched process is seen, one that is not is not, and detaching leaves nothing. Descriptors while it was open, and in `uprobes`
 * how many of them it can do without.
 */
static size_t check_backend(enum capture_backend backend, size_t *uprobes)
{
	size_t before = count_fds(""), bpf = count_bpf(), open_fds;
	int fd = memfd_create("file", MFD_CLOEXEC);
	struct rig_child stranger;
	struct rig_bytes b;
	struct rig_rec *r;
	struct error err;
	struct rig rig;
	pid_t pid;

	if (open_backend(&rig, backend, &err)) {
		/* There is always the other. */
		assert_int_equal(backend, CAPTURE_FEXIT);
		assert_non_null(strstr(err.text, "fexit"));
		assert_null(rig.c);
		close(fd);
		assert_int_equal(count_fds(""), before);
		return 0;
	}
	open_fds = count_fds("") - 1; /* without our file */
	/* Each has an event too, where they are set one by one; with fexit, nothing else has. */
	*uprobes = uprobes_links(rig.c->uprobes);
	if (backend == CAPTURE_FEXIT)
		*uprobes += count_fds("anon_inode:[perf_event]");
	assert_int_equal(capture_backend(rig.c), backend);
	assert_non_null(strstr(capture_describe(rig.c),
			       backend == CAPTURE_FEXIT ? "fexit" : "tracepoints"));
	check_loaded(&rig);
	rig_fork(&stranger, child_write, &fd);
	rig_go(&stranger);
	assert_int_equal(rig_reap(&stranger), 0);
	pid = rig_run(&rig, child_write, &fd);
	b = rig_bytes(&rig, pid, fd, BT_DIR_OUT);
	assert_int_equal(b.len, 4);
	assert_memory_equal(b.p, "told", 4);
	free(b.p);
	rig_each(&rig, BT_REC_DATA, 0, r) assert_int_equal(r->hdr.tgid, pid);
	rig_no_loss(&rig);
	rig_close(&rig);
	close(fd);
	assert_int_equal(count_bpf(), bpf);
	assert_int_equal(count_fds(""), before);
	return open_fds;
}

/* Each, when asked for; and what is chosen when there are descriptors for tracepoints but not for all that fexit needs. */
static void backends(void **state)
{
	size_t before = count_fds(""), uprobes = 0;
	size_t plain = check_backend(CAPTURE_TRACEPOINT, &uprobes);
	size_t fexit = check_backend(CAPTURE_FEXIT, &uprobes);
	struct rlimit was, limit;
	struct error err;
	struct rig rig;

	/* Where there is no fexit, the same comes of having none. */
	if (!fexit)
		fexit = plain + uprobes + 40;
	assert_true(fexit > plain + uprobes + 20);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &was), 0);
	limit = was;
	limit.rlim_cur = fexit - uprobes - 10;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	if (open_backend(&rig, CAPTURE_AUTO, &err))
		fail_msg("%s", err.text);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &was), 0);
	assert_int_equal(capture_backend(rig.c), CAPTURE_TRACEPOINT);
	assert_int_equal(count_fds(""), plain);
	check_loaded(&rig);
	rig_close(&rig);
	assert_int_equal(count_fds(""), before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(backends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
