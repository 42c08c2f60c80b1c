/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which service and which container a process belongs to, by the names of its cgroups. Who may make cgroups may name
 * them as he likes: this is a hint for people, never a reason to trust.
 */
#ifndef BT_PROC_CGROUP_H
#define BT_PROC_CGROUP_H

#include "base/span.h"

/*
 * The path that tells most, from a text as /proc/PID/cgroup has it (cgroups(7)): one with a container before one with a unit
 * before any other; cgroup v2 before systemd's own tree before the controllers of v1. A " (deleted)" is taken off.
 * "/" when the process is in no cgroup of any tree, empty when there is no line.
 */
struct span cgroup_path(struct span text);

struct cgroup_identity {
	char unit
		[128]; /* of systemd: "mcp.service", "session-3.scope"; that of the user's manager in it; "" none */
	char container
		[80]; /* id of docker, podman, containerd, CRI-O, ...; name of LXC, nspawn; "" none */
};

/*
 * Reads the names along a path (systemd's CONTROL_GROUP_INTERFACE; what container runtimes make). Names too long, or with
 * characters that neither systemd nor a runtime gives, are none.
 */
void cgroup_identify(struct span path, struct cgroup_identity *ret);

#endif /* BT_PROC_CGROUP_H */
