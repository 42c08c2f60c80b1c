/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "capture/internal.h"
#include "capture/probe.h"

/* As in bpf/lib/base.h. */
#define SCRATCH_SLOTS 3
/* BPF_LOG_STATS, include/linux/bpf_verifier.h. */
#define LOG_STATS 4

/*
 * libbpf has one print function for the whole process, without an argument. It is ours only while
 * objects are loaded, and only in this thread.
 */
static _Thread_local struct print_state {
	const struct capture_config *cfg;
	char refused[64]; /* name of the program that the kernel did not take */
} * printing;

__attribute__((format(printf, 2, 0))) static int print_libbpf(enum libbpf_print_level level,
							      const char *fmt, va_list ap)
{
	static const char mark[] = "prog '";
	char *line = NULL, *save = NULL;
	const char *name, *end;

	if (!printing)
		return 0;
	if (vasprintf(&line, fmt, ap) < 0)
		return 0;
	name = strstr(line, mark);
	if (level == LIBBPF_WARN && name && !printing->refused[0]) {
		name += strlen(mark);
		end = strchr(name, '\'');
		if (end && (size_t)(end - name) < sizeof(printing->refused)) {
			memcpy(printing->refused, name, (size_t)(end - name));
			printing->refused[end - name] = '\0';
		}
	}
	if (printing->cfg->debug)
		for (char *l = strtok_r(line, "\n", &save); l; l = strtok_r(NULL, "\n", &save))
			printing->cfg->debug(printing->cfg->arg, l);
	free(line);
	return 0;
}

static int set_limit(struct bpf_map *map, __u32 max)
{
	return max ? bpf_map__set_max_entries(map, max) : 0;
}

static int set_sizes(struct capture *c)
{
	const struct capture_limits *lim = &c->cfg.limits;
	int cpus = libbpf_num_possible_cpus(), err;

	if (cpus < 0)
		return cpus;
	err = bpf_map__set_max_entries(c->skel->maps.scratch, (__u32)cpus * SCRATCH_SLOTS);
	if (!err)
		err = bpf_map__set_max_entries(c->skel->maps.ring_bulk,
					       (__u32)c->cfg.ring_bulk_len);
	if (!err)
		err = bpf_map__set_max_entries(c->skel->maps.ring_prio,
					       (__u32)c->cfg.ring_prio_len);
	if (!err)
		err = set_limit(c->skel->maps.streams, lim->max_streams);
	if (!err)
		err = set_limit(c->skel->maps.procs, lim->max_procs);
	if (!err)
		err = set_limit(c->skel->maps.tls_calls, lim->max_tls_calls);
	c->skel->rodata->bt_no_storage = lim->no_storage;
	return err;
}

static int load(struct capture *c, struct print_state *state, struct error *err)
{
	struct bpf_object_open_opts opts = { .sz = sizeof(opts) };
	uint64_t mask = 0;
	int ret;

	c->uprobes = uprobes_new();
	if (!c->uprobes)
		return error_set(err, -ENOMEM, "out of memory");
	if (c->cfg.verifier_stats)
		opts.kernel_log_level = LOG_STATS;
	c->skel = beartrap_bpf__open_opts(&opts);
	if (!c->skel)
		return error_set(err, -errno, "cannot open the BPF programs: %s", strerror(errno));
	if (c->skel->rodata->bt_abi != BT_ABI_VERSION)
		return error_set(err, -EPROTO, "BPF programs of version %u, need %d: rebuild",
				 c->skel->rodata->bt_abi, BT_ABI_VERSION);
	if (getrandom(&mask, sizeof(mask), 0) != sizeof(mask))
		return error_set(err, -errno, "cannot get random bytes: %s", strerror(errno));
	c->skel->rodata->bt_addr_mask = mask;
	if (getrandom(&c->match_key, sizeof(c->match_key), 0) != sizeof(c->match_key))
		return error_set(err, -errno, "cannot get random bytes: %s", strerror(errno));
	c->match_key.mul |= 1;
	c->skel->rodata->bt_match_add = c->match_key.add;
	c->skel->rodata->bt_match_mul = c->match_key.mul;
	c->skel->rodata->bt_bulk_len = c->cfg.ring_bulk_len;
	c->skel->rodata->bt_prio_len = c->cfg.ring_prio_len;
	ret = capture_prepare(c);
	if (ret)
		return error_set(err, ret, "cannot choose the BPF programs: %s", strerror(-ret));
	ret = uprobes_prepare(c);
	if (ret)
		return error_set(err, ret, "cannot prepare the uprobes: %s", strerror(-ret));
	uring_prepare(c);
	ret = set_sizes(c);
	if (ret)
		return error_set(err, ret, "cannot size the BPF maps: %s", strerror(-ret));
	ret = beartrap_bpf__load(c->skel);
	if (!ret)
		return 0;
	if (state->refused[0])
		return error_set(
			err, ret,
			"the kernel refuses BPF program %s: %s; --debug shows the verifier's words",
			state->refused, strerror(-ret));
	return error_set(err, ret, "cannot load the BPF programs: %s; --debug shows why",
			 strerror(-ret));
}

static int map_rings(struct capture *c)
{
	int ret;

	ret = ring_open(&c->bulk, bpf_map__fd(c->skel->maps.ring_bulk), c->cfg.ring_bulk_len);
	if (!ret)
		ret = ring_open(&c->prio, bpf_map__fd(c->skel->maps.ring_prio),
				c->cfg.ring_prio_len);
	if (!ret)
		ring_merge_init(&c->merge, &c->bulk, &c->prio);
	return ret;
}

static int open_epoll(struct capture *c, struct error *err)
{
	const int fds[] = { bpf_map__fd(c->skel->maps.ring_bulk),
			    bpf_map__fd(c->skel->maps.ring_prio) };

	c->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (c->epoll_fd < 0)
		return error_set(err, -errno, "cannot create an epoll instance: %s",
				 strerror(errno));
	for (size_t i = 0; i < 2; i++) {
		struct epoll_event ev = { .events = EPOLLIN };

		if (epoll_ctl(c->epoll_fd, EPOLL_CTL_ADD, fds[i], &ev))
			return error_set(err, -errno, "cannot poll the ring buffers: %s",
					 strerror(errno));
	}
	return 0;
}

int capture_inherit(struct capture *c, bool again, struct error *err)
{
	int ret;

	/* The parent's mapping is not ours, and what is at its address is not it. */
	c->bulk = c->prio = (struct ring){ 0 };
	if (c->epoll_fd >= 0)
		close(c->epoll_fd);
	ret = open_epoll(c, err);
	if (ret)
		return ret;
	ret = map_rings(c);
	if (ret)
		return error_set(err, ret, "cannot map the ring buffers: %s", strerror(-ret));
	if (!again)
		return 0;
	c->merge.told_from = ring_produced(&c->prio);
	ret = watch_again(c);
	c->merge.told_to = ring_produced(&c->prio);
	c->tell = true;
	if (ret)
		return error_set(err, ret, "cannot look at the watched processes again: %s",
				 strerror(-ret));
	return 0;
}

static void describe(struct capture *c)
{
	struct utsname u;

	if (uname(&u))
		memset(&u, 0, sizeof(u));
	snprintf(c->describe, sizeof(c->describe),
		 "BPF %s, uprobes for TLS, task storage, rings of %zu+%zu KiB; Linux %.64s %.32s; "
		 "libbpf %s",
		 c->fexit ? "fexit programs on system calls" : "tracepoints on system calls",
		 c->cfg.ring_bulk_len >> 10, c->cfg.ring_prio_len >> 10, u.release, u.machine,
		 libbpf_version_string());
}

static void say(const struct capture *c, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
static void say(const struct capture *c, const char *fmt, ...)
{
	char line[sizeof(c->describe)];
	va_list ap;

	if (!c->cfg.debug)
		return;
	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	c->cfg.debug(c->cfg.arg, line);
}

/* With one backend; what it has begun is taken down by the caller. */
static int start(struct capture *c, enum capture_backend backend, struct error *err)
{
	struct print_state state = { .cfg = &c->cfg };
	int ret = 0;

	printing = &state;
	if (backend == CAPTURE_FEXIT) {
		ret = fexit_open(&c->fexit);
		if (ret)
			error_set(err, ret,
				  "this kernel takes no fexit programs on system calls: %s",
				  strerror(-ret));
	}
	if (!ret)
		ret = load(c, &state, err);
	if (!ret)
		ret = open_epoll(c, err);
	if (!ret)
		ret = capture_attach(c, err);
	if (!ret)
		uprobes_usual(c);
	printing = NULL;
	return ret;
}

static void stop(struct capture *c)
{
	capture_detach(c);
	c->uprobes = uprobes_free(c->uprobes);
	copies_free(&c->copies);
	ring_close(&c->bulk);
	ring_close(&c->prio);
	if (c->epoll_fd >= 0)
		close(c->epoll_fd);
	c->epoll_fd = -1;
	beartrap_bpf__destroy(c->skel);
	c->skel = NULL;
}

int capture_open(const struct capture_config *cfg, struct capture **ret, struct error *err)
{
	libbpf_print_fn_t before;
	struct capture *c;
	int r;

	if (!capture_privileged())
		return error_set(
			err, -EPERM,
			"watching needs root, or CAP_BPF and CAP_PERFMON; run it with sudo, or: "
			"setcap cap_bpf,cap_perfmon,cap_sys_ptrace,cap_sys_admin+ep beartrap");
	if (access(BTF_PATH, R_OK))
		return error_set(
			err, -ENOENT,
			"this kernel has no type information (%s); it needs CONFIG_DEBUG_INFO_BTF, "
			"which distribution kernels since 5.8 have",
			BTF_PATH);
	c = calloc(1, sizeof(*c));
	if (!c)
		return error_set(err, -ENOMEM, "out of memory");
	c->epoll_fd = -1;
	c->rescan = rescan_new();
	if (!c->rescan || cgroups_open(&c->cgroups)) {
		rescan_free(c->rescan);
		free(c);
		return error_set(err, -ENOMEM, "out of memory");
	}
	c->cfg = *cfg;
	if (!c->cfg.ring_bulk_len)
		c->cfg.ring_bulk_len = BT_RING_BULK_LEN;
	if (!c->cfg.ring_prio_len)
		c->cfg.ring_prio_len = BT_RING_PRIO_LEN;
	before = libbpf_set_print(print_libbpf);
	r = start(c, cfg->backend == CAPTURE_TRACEPOINT ? CAPTURE_TRACEPOINT : CAPTURE_FEXIT, err);
	if (r && cfg->backend == CAPTURE_AUTO) {
		say(c, "%s; tracepoints instead", err->text);
		stop(c);
		*err = (struct error){ 0 };
		r = start(c, CAPTURE_TRACEPOINT, err);
	}
	libbpf_set_print(before);
	if (r) {
		capture_free(c);
		return r;
	}
	describe(c);
	say(c, "%s", c->describe);
	*ret = c;
	return 0;
}

struct capture *capture_free(struct capture *c)
{
	if (!c)
		return NULL;
	stop(c);
	rescan_free(c->rescan);
	cgroups_close(&c->cgroups);
	free(c);
	return NULL;
}

int capture_fd(const struct capture *c)
{
	return c->epoll_fd;
}

void capture_gather(const struct capture *c, long ns)
{
	struct pollfd prio = { .fd = bpf_map__fd(c->skel->maps.ring_prio), .events = POLLIN };
	const struct timespec wait = { .tv_nsec = ns };

	ppoll(&prio, 1, &wait, NULL);
}

static int on_record(void *arg, struct span rec)
{
	struct capture *c = arg;
	struct bt_hdr hdr = { 0 };
	int ret;

	uprobes_record(c, rec);
	ret = rescan_record(c, rec);
	if (ret < 0)
		return ret;
	if (rec.len >= sizeof(hdr))
		memcpy(&hdr, rec.p, sizeof(hdr));
	if (hdr.kind == BT_REC_SHARED)
		return 0;
	if (hdr.kind == BT_REC_NAME)
		return name_record(c, rec);
	ret = copies_record(c, rec);
	return ret < 0 || hdr.kind != BT_REC_EXEC ? ret : cgroups_record(c, rec);
}

int capture_drain(struct capture *c)
{
	int n, ret = 0;

	/* Who only holds them for others never looks, and needs no map of all that memory. */
	if (!c->bulk.data)
		ret = map_rings(c);
	if (!ret && c->tell)
		ret = ring_merge_tell(&c->merge, on_record, c);
	c->tell = false;
	if (ret)
		return ret;
	n = ring_merge_drain(&c->merge, on_record, c);
	copies_tick(c);
	if (n < 0)
		return n;
	ret = rescan_tick(c);
	return ret < 0 ? ret : n;
}

enum capture_backend capture_backend(const struct capture *c)
{
	return c->fexit ? CAPTURE_FEXIT : CAPTURE_TRACEPOINT;
}

const char *capture_describe(const struct capture *c)
{
	return c->describe;
}
