/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>

#include "proc/cgroup.h"

#define ID "3f4e5d6c7b8a99887766554433221100ffeeddccbbaa00112233445566778899"
#define ID2 "aaaabbbbccccdddd0000111122223333444455556666777788889999aaaabbbb"
#define LONGER_ID "/docker/" ID "0"
#define POD "kubepods-burstable-pod12345678_90ab_cdef_1234_567890abcdef"
#define TASK "0123456789abcdef0123456789abcdef"

/* Shapes that are in use, by who makes them. */
static const struct {
	const char *path, *unit, *container;
} shapes[] = {
	{ "", "", "" },
	{ "/", "", "" },
	/* systemd */
	{ "/init.scope", "init.scope", "" },
	{ "/system.slice/mcp.service", "mcp.service", "" },
	{ "/system.slice/system-getty.slice/getty@tty1.service", "getty@tty1.service", "" },
	{ "/system.slice/mcp.service/payload", "mcp.service", "" },
	{ "/system.slice/dev-hugepages.mount", "dev-hugepages.mount", "" },
	{ "/system.slice/systemd-udevd.service/udev", "systemd-udevd.service", "" },
	{ "/system.slice/my\\x2dserver.service", "my\\x2dserver.service", "" },
	{ "/_cgroup.service", "cgroup.service", "" },
	{ "/user.slice/user-1000.slice/session-3.scope", "session-3.scope", "" },
	{ "/user.slice/user-1000.slice/user@1000.service/app.slice/mcp.service", "mcp.service",
	  "" },
	{ "/user.slice/user-1000.slice/user@1000.service/app.slice/app-gnome-code-4242.scope",
	  "app-gnome-code-4242.scope", "" },
	{ "/user.slice/user-1000.slice/user@1000.service/init.scope", "init.scope", "" },
	{ "/user.slice/user-1000.slice/user@1000.service", "user@1000.service", "" },
	{ "/user.slice/user-1000.slice", "", "" },
	{ "/user/1000.user/3.session", "", "" },
	/* docker: systemd's driver, cgroupfs, rootless, in docker */
	{ "/system.slice/docker-" ID ".scope", "docker-" ID ".scope", ID },
	{ "/docker/" ID, "", ID },
	{ "/docker/" ID "/system.slice/cron.service", "", ID },
	{ "/user.slice/user-1000.slice/user@1000.service/user.slice/docker-" ID ".scope",
	  "docker-" ID ".scope", ID },
	{ "/docker/" ID "/docker/" ID2, "", ID2 },
	{ "/docker/buildx/" ID, "", ID },
	{ "/actions_job/" ID, "", ID },
	/* podman: with and without systemd; conmon is not in the container */
	{ "/machine.slice/libpod-" ID ".scope", "libpod-" ID ".scope", ID },
	{ "/machine.slice/libpod-" ID ".scope/container", "libpod-" ID ".scope", ID },
	{ "/machine.slice/libpod-conmon-" ID ".scope", "libpod-conmon-" ID ".scope", "" },
	{ "/libpod_parent/libpod-" ID, "", ID },
	{ "/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-" ID ".scope",
	  "libpod-" ID ".scope", ID },
	{ "/system.slice/mcp.service/libpod-payload-" ID, "mcp.service", ID },
	/* kubernetes: containerd, CRI-O, docker; cgroupfs and systemd; the driver and the runtime at odds */
	{ "/kubepods.slice/kubepods-burstable.slice/" POD ".slice/cri-containerd-" ID ".scope",
	  "cri-containerd-" ID ".scope", ID },
	{ "/kubepods.slice/kubepods-burstable.slice/" POD ".slice/crio-" ID ".scope",
	  "crio-" ID ".scope", ID },
	{ "/kubepods.slice/kubepods-burstable.slice/" POD ".slice/crio-conmon-" ID ".scope",
	  "crio-conmon-" ID ".scope", "" },
	{ "/kubepods.slice/" POD ".slice/docker-" ID ".scope", "docker-" ID ".scope", ID },
	{ "/kubepods/besteffort/pod12345678-90ab-cdef-1234-567890abcdef/" ID, "", ID },
	{ "/system.slice/containerd.service/" POD ".slice:cri-containerd:" ID, "containerd.service",
	  ID },
	{ "/kubelet.slice/kubelet-kubepods.slice/" POD ".slice/cri-containerd-" ID ".scope",
	  "cri-containerd-" ID ".scope", ID },
	/* containerd by itself, nerdctl, ECS, LXC, nspawn */
	{ "/default/" ID, "", ID },
	{ "/system.slice/nerdctl-" ID ".scope", "nerdctl-" ID ".scope", ID },
	{ "/ecs/" TASK "/" ID, "", ID },
	{ "/ecs/" TASK "/" TASK "-1234567890", "", TASK "-1234567890" },
	{ "/lxc.payload.web/system.slice/nginx.service", "", "web" },
	{ "/lxc/web", "", "web" },
	{ "/lxc.payload/web", "", "web" },
	{ "/machine.slice/systemd-nspawn@debian.service/payload", "systemd-nspawn@debian.service",
	  "debian" },
	/* Others */
	{ "/process_api/b4949304f3b1515fd249951905878b0a", "", "" },
	{ "/beartrap-e2e-42", "", "" },
	/* Relative to a cgroup namespace */
	{ "/../../system.slice/mcp.service", "", "" },
};

static void test_shapes(void **state)
{
	struct cgroup_identity id;

	for (size_t i = 0; i < sizeof(shapes) / sizeof(*shapes); i++) {
		cgroup_identify(span_str(shapes[i].path), &id);
		if (strcmp(id.unit, shapes[i].unit) != 0 ||
		    strcmp(id.container, shapes[i].container) != 0)
			fail_msg("%s: unit \"%s\", container \"%s\"", shapes[i].path, id.unit,
				 id.container);
	}
}

static void test_hostile_names_are_none(void **state)
{
	static const char *const paths[] = {
		"/x\x1b[31m.service",
		"/a b.service",
		"/caf\xc3\xa9.service",
		"/.service",
		"/.scope",
		"/mcp.service\n",
		"/x.timer",
		/* An id too short, too long, in capitals, with a letter that is none. */
		"/docker/3f4e5d6c7b8a99887766554433221100ffeeddccbbaa0011223344556677889",
		"/docker/3F4E5D6C7B8A99887766554433221100FFEEDDCCBBAA00112233445566778899",
		"/docker/3f4e5d6c7b8a99887766554433221100ffeeddccbbaa0011223344556677889g",
		"/lxc/a b",
		"/lxc/\x1b",
		"////",
		"no slash",
	};
	char longer[600];
	struct cgroup_identity id;

	for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++) {
		cgroup_identify(span_str(paths[i]), &id);
		if (id.unit[0] || id.container[0])
			fail_msg("%s: unit \"%s\", container \"%s\"", paths[i], id.unit,
				 id.container);
	}
	cgroup_identify(SPAN_LIT(LONGER_ID), &id);
	assert_string_equal(id.container, "");
	cgroup_identify(SPAN_LIT("/nul\0.service"), &id);
	assert_string_equal(id.unit, "");
	snprintf(longer, sizeof(longer), "/lxc/%0500d", 1);
	cgroup_identify(span_str(longer), &id);
	assert_string_equal(id.container, "");
	snprintf(longer, sizeof(longer), "/system.slice/%0500d.service", 1);
	cgroup_identify(span_str(longer), &id);
	assert_string_equal(id.unit, "");
	/* The longest that has room, and one more. */
	snprintf(longer, sizeof(longer), "/%0119d.service", 1);
	cgroup_identify(span_str(longer), &id);
	assert_int_equal(strlen(id.unit), 127);
	snprintf(longer, sizeof(longer), "/%0120d.service", 1);
	cgroup_identify(span_str(longer), &id);
	assert_string_equal(id.unit, "");
	snprintf(longer, sizeof(longer), "/lxc/%079d", 1);
	cgroup_identify(span_str(longer), &id);
	assert_int_equal(strlen(id.container), 79);
}

static void path_is(const char *text, const char *path)
{
	struct span p = cgroup_path(span_str(text));

	if (!span_eq_str(p, path))
		fail_msg("%.*s, not %s", (int)p.len, p.p ? p.p : "", path);
}

static void test_path_of_lines(void **state)
{
	/* v2 alone. */
	path_is("0::/system.slice/mcp.service\n", "/system.slice/mcp.service");
	path_is("0::/system.slice/mcp.service", "/system.slice/mcp.service");
	path_is("0::/\n", "/");
	path_is("0::/gone.scope (deleted)\n", "/gone.scope");
	/* v1 and hybrid: systemd's tree; a controller only when nothing else is there. */
	path_is("2:cpu,cpuacct:/system.slice/mcp.service\n1:name=systemd:/system.slice/mcp.service/"
		"a\n"
		"0::/system.slice/mcp.service/b\n",
		"/system.slice/mcp.service/b");
	path_is("2:memory:/process_api/1\n1:name=systemd:/\n0::/\n", "/process_api/1");
	path_is("2:memory:/system.slice\n1:name=systemd:/user.slice\n0::/\n", "/user.slice");
	path_is("4:memory:/docker/" ID "\n1:name=systemd:/docker/" ID
		"\n0::/system.slice/x.service\n",
		"/docker/" ID);
	path_is("1:name=systemd:/a.service\n0::/init.scope\n", "/init.scope");
	path_is("9:name=systemd:/\n0::/\n", "/");
	/* A path with colons; names of trees that others made. */
	path_is("0::/a:b:c\n", "/a:b:c");
	path_is("5:name=other:/x\n", "/x");
}

static void test_hostile_lines(void **state)
{
	path_is("", "");
	path_is("\n\n", "");
	path_is("0\n0:\n0:x\n:\n::\n", "");
	path_is("0::relative\n", "");
	path_is("0:: (deleted)\n", "");
	path_is("0::/ (deleted)\n", "/");
	path_is("junk\n0::/a.service\njunk", "/a.service");
	assert_int_equal(cgroup_path(SPAN_NONE).len, 0);
	assert_int_equal(cgroup_path(SPAN_LIT("0::/a\0b\n")).len, 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_shapes),
		cmocka_unit_test(test_hostile_names_are_none),
		cmocka_unit_test(test_path_of_lines),
		cmocka_unit_test(test_hostile_lines),
	};

	return cmocka_run_group_tests_name("cgroup", tests, NULL, NULL);
}
