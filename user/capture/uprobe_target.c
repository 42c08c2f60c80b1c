/* SPDX-License-Identifier: BSD-2-Clause */
/* Uprobes on the functions of one file. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "capture/elfsym.h"
#include "capture/gobin.h"
#include "capture/internal.h"
#include "capture/uprobe_multi.h"
#include "capture/uprobe_target.h"

/* The cookies of bpf/lib/tls.h. */
#define TLS_READ 1
#define TLS_WRITE 2
#define TLS_EX 4
#define TLS_LONG 8
#define TLS_FREE 16
#define TLS_SHAKE 32

static const char *const names[] = {
	"SSL_read",         "SSL_write",     "SSL_read_ex",        "SSL_write_ex",
	"SSL_do_handshake", "SSL_free",      "gnutls_record_recv", "gnutls_record_send",
	"gnutls_handshake", "gnutls_deinit",
};

#define N_NAMES (sizeof(names) / sizeof(*names))

static const __u64 cookies[N_NAMES] = {
	TLS_READ,
	TLS_WRITE,
	TLS_READ | TLS_EX,
	TLS_WRITE | TLS_EX,
	TLS_READ | TLS_SHAKE,
	TLS_FREE,
	TLS_READ | TLS_LONG,
	TLS_WRITE | TLS_LONG,
	TLS_READ | TLS_SHAKE,
	TLS_FREE,
};

struct held {
	struct bpf_link *link;
};

struct target {
	int *fds; /* of links; libbpf's own are in `links` */
	struct held *links;
	size_t n_fds, n_links;
	int err;         /* negative errno of the first probe that could not be set */
	const char *why; /* there are functions that cannot be hooked */
	char name[64];
};

/* Where one program goes, with the cookie of each place. */
struct places {
	const struct bpf_program *prog;
	uint64_t offsets[GO_TLS_FUNCS * GO_MAX_RETURNS], cookies[GO_TLS_FUNCS * GO_MAX_RETURNS];
	size_t n;
	bool at_return;
};

struct target *target_free(struct target *t)
{
	if (!t)
		return NULL;
	for (size_t i = 0; i < t->n_links; i++)
		bpf_link__destroy(t->links[i].link);
	for (size_t i = 0; i < t->n_fds; i++)
		close(t->fds[i]);
	free(t->links);
	free(t->fds);
	free(t);
	return NULL;
}

size_t target_links(const struct target *t)
{
	return t->n_links + t->n_fds;
}

int *target_fds(const struct target *t, int *fds)
{
	for (size_t i = 0; i < t->n_links; i++)
		*fds++ = bpf_link__fd(t->links[i].link);
	for (size_t i = 0; i < t->n_fds; i++)
		*fds++ = t->fds[i];
	return fds;
}

static void add_place(struct places *p, uint64_t offset, uint64_t cookie)
{
	p->offsets[p->n] = offset;
	p->cookies[p->n++] = cookie;
}

/* One link for all. */
static int attach_multi(struct target *t, const char *path, const struct places *p)
{
	int *fds = realloc(t->fds, (t->n_fds + 1) * sizeof(*fds)), fd;

	if (!fds)
		return -ENOMEM;
	t->fds = fds;
	fd = uprobe_multi_attach(bpf_program__fd(p->prog), path, p->offsets, p->cookies, p->n,
				 p->at_return);
	if (fd < 0)
		return fd;
	t->fds[t->n_fds++] = fd;
	return 0;
}

static int attach_each(struct target *t, const char *path, const struct places *p)
{
	struct held *links = realloc(t->links, (t->n_links + p->n) * sizeof(*links));
	int err = 0;

	if (!links)
		return -ENOMEM;
	t->links = links;
	for (size_t i = 0; i < p->n; i++) {
		const struct bpf_uprobe_opts opts = {
			.sz = sizeof(opts),
			.retprobe = p->at_return,
			.bpf_cookie = p->cookies[i],
		};
		struct bpf_link *link =
			bpf_program__attach_uprobe_opts(p->prog, -1, path, p->offsets[i], &opts);

		if (link)
			t->links[t->n_links++].link = link;
		else if (!err)
			err = -errno;
	}
	return err;
}

static void attach(struct target *t, const char *path, const struct places *p, bool multi)
{
	int err = 0;

	if (p->n)
		err = multi ? attach_multi(t, path, p) : attach_each(t, path, p);
	if (err && !t->err)
		t->err = err;
}

/* C libraries: entries, and returns by way of the stack. */
static void hook_exports(struct capture *c, struct target *t, const char *path,
			 const uint64_t *offsets, bool multi)
{
	struct places enter = { .prog = c->skel->progs.bt_tls_enter };
	struct places leave = { .prog = c->skel->progs.bt_tls_leave, .at_return = true };

	for (size_t i = 0; i < N_NAMES; i++) {
		if (!offsets[i])
			continue;
		if (!(cookies[i] & TLS_FREE))
			add_place(&leave, offsets[i], 0);
		add_place(&enter, offsets[i], cookies[i]);
	}
	/* The returns first: an entry without one would leave its call behind. */
	attach(t, path, &leave, multi);
	attach(t, path, &enter, multi);
}

/* Go: entries, and every instruction that returns. */
static void hook_go(struct capture *c, struct target *t, const char *path,
		    const struct go_func *funcs, bool multi)
{
	static const uint64_t cookie_of[GO_TLS_FUNCS] = {
		[GO_TLS_READ] = TLS_READ, [GO_TLS_WRITE] = TLS_WRITE
	};
	struct places enter = { .prog = c->skel->progs.bt_go_enter };
	struct places leave = { .prog = c->skel->progs.bt_go_leave };

	for (size_t i = 0; i < GO_TLS_FUNCS; i++) {
		for (size_t k = 0; k < funcs[i].n_returns; k++)
			add_place(&leave, funcs[i].returns[k], cookie_of[i]);
		add_place(&enter, funcs[i].entry, cookie_of[i]);
	}
	attach(t, path, &leave, multi);
	attach(t, path, &enter, multi);
}

struct target *target_new(struct capture *c, int fd, const char *path, bool multi)
{
	struct target *t = calloc(1, sizeof(*t));
	struct go_func funcs[GO_TLS_FUNCS];
	const char *base = strrchr(path, '/');
	uint64_t offsets[N_NAMES];
	char self[64];

	if (!t)
		return NULL;
	snprintf(t->name, sizeof(t->name), "%s", base ? base + 1 : path);
	snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
	if (elfsym_find(fd, names, N_NAMES, offsets) > 0)
		hook_exports(c, t, self, offsets, multi);
	if (gobin_find(fd, funcs, &t->why) > 0)
		hook_go(c, t, self, funcs, multi);
	return t;
}

unsigned int target_functions(int fd, const char **lib)
{
	uint64_t offsets[N_NAMES];
	unsigned int n = 0;

	if (elfsym_find(fd, names, N_NAMES, offsets) <= 0)
		return 0;
	for (size_t i = 0; i < N_NAMES; i++) {
		if (!offsets[i])
			continue;
		*lib = strncmp(names[i], "SSL_", 4) ? "GnuTLS" : "OpenSSL or BoringSSL";
		n++;
	}
	return n;
}

int target_error(const struct target *t)
{
	return t->err;
}

bool target_describe(const struct target *t, char *ret, size_t len)
{
	if (t->err)
		snprintf(ret, len, "no uprobe can be set in %s: %s", t->name, strerror(-t->err));
	else if (t->why)
		snprintf(ret, len, "%s is a Go program, and %s", t->name, t->why);
	else if (target_links(t))
		snprintf(ret, len, "%s is hooked, but was not called for it", t->name);
	else
		return false;
	return true;
}

int targets_prepare(struct capture *c, bool multi)
{
	struct bpf_program *const progs[] = {
		c->skel->progs.bt_tls_enter,
		c->skel->progs.bt_tls_leave,
		c->skel->progs.bt_go_enter,
		c->skel->progs.bt_go_leave,
		NULL,
	};
	int err = 0;

	for (size_t i = 0; multi && progs[i] && !err; i++)
		err = bpf_program__set_expected_attach_type(
			progs[i], (enum bpf_attach_type)UPROBE_MULTI_ATTACH_TYPE);
	return err;
}
