/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of this layer share. */
#ifndef BT_CAPTURE_INTERNAL_H
#define BT_CAPTURE_INTERNAL_H

#include <linux/types.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include "beartrap.skel.h"
#include "base/log.h"
#include "capture/capture.h"
#include "capture/ring.h"

/* As in bpf/iter.bpf.c. */
enum walk_mode { MODE_LIST = 0, MODE_MARK = 1, MODE_UNMARK = 2 };

/* More than there are programs. */
#define LINKS_MAX 64

struct capture {
	struct capture_config cfg;
	struct beartrap_bpf *skel;
	struct bpf_link *links[LINKS_MAX];
	size_t n_links;
	struct ring bulk, prio;
	struct ring_merge merge;
	int epoll_fd;
	__u32 round; /* of capture_watch_running() */
	char describe[256];
};

/*
 * Opens "events" of a tracefs that nobody else sees: the mounted one when there is one, else a detached
 * mount that goes when the descriptor is closed. The descriptor, or negative errno.
 */
int tracefs_open(void);
/* Attaches a tp/CATEGORY/NAME program through `events_fd`. NULL with errno set when that fails. */
struct bpf_link *tracepoint_attach(int events_fd, const struct bpf_program *prog);

#endif /* BT_CAPTURE_INTERNAL_H */
