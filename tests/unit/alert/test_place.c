/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>

#include "alert/place.h"

#define GROUP SINK_F_GROUP_READABLE
#define WORLD SINK_F_WORLD_READABLE
#define SHARED SINK_F_SHARED_PLACE
#define MEMORY SINK_F_MEMORY_FILE

static const struct {
	const char *path;
	unsigned int mode, open_flags;
	enum sink_class class;
	unsigned int flags;
} files[] = {
	{ "/home/u/.config/x/tokens.json", 0600, O_WRONLY, SINK_FILE, 0 },
	{ "/home/u/.config/x/tokens.json", 0640, O_WRONLY, SINK_FILE, GROUP },
	{ "/home/u/.config/x/tokens.json", 0604, O_WRONLY, SINK_FILE, WORLD },
	{ "/home/u/.config/x/tokens.json", 0644, O_WRONLY, SINK_FILE, GROUP | WORLD },
	/* Writing, executing and the set-id bits give nobody a look. */
	{ "/home/u/.config/x/tokens.json", 07733, O_WRONLY, SINK_FILE, 0 },
	{ "", 0600, 0, SINK_FILE, 0 },
	/* logs */
	{ "/home/u/.config/x/tokens.json", 0600, O_WRONLY | O_APPEND, SINK_LOG_FILE, 0 },
	{ "/home/u/x/server.log", 0600, O_WRONLY, SINK_LOG_FILE, 0 },
	{ "/home/u/x/server.LOG", 0600, O_WRONLY, SINK_LOG_FILE, 0 },
	{ "/home/u/x/server.log.1", 0600, O_WRONLY, SINK_LOG_FILE, 0 },
	{ "/home/u/x/nohup.out", 0600, O_WRONLY, SINK_LOG_FILE, 0 },
	{ "/home/u/x/npm-debug.txt", 0600, O_WRONLY, SINK_LOG_FILE, 0 },
	{ "/home/u/x/Trace-1", 0600, O_WRONLY, SINK_LOG_FILE, 0 },
	{ "/var/log/mcp/x", 0640, O_WRONLY, SINK_LOG_FILE, GROUP },
	{ "server.log", 0600, 0, SINK_LOG_FILE, 0 },
	/* only the file's own name counts */
	{ "/home/u/x/target/debug/tokens.json", 0600, 0, SINK_FILE, 0 },
	{ "/home/u/x/catalog", 0600, 0, SINK_FILE, 0 },
	{ "/home/u/x.log/tokens", 0600, 0, SINK_FILE, 0 },
	{ "/home/u/x/login", 0600, 0, SINK_FILE, 0 },
	{ "/srv/var/log/x", 0600, 0, SINK_FILE, 0 },
	/* shared places */
	{ "/tmp/tokens.json", 0600, 0, SINK_FILE, SHARED },
	{ "/tmp/a/b/tokens.json", 0644, 0, SINK_FILE, SHARED | GROUP | WORLD },
	{ "/var/tmp/t", 0600, 0, SINK_FILE, SHARED },
	{ "/dev/shm/t", 0600, 0, SINK_FILE, SHARED },
	{ "/tmp/x.log", 0600, 0, SINK_LOG_FILE, SHARED },
	{ "/opt/x/node_modules/y/.token", 0600, 0, SINK_FILE, SHARED },
	{ "node_modules/y/.token", 0600, 0, SINK_FILE, SHARED },
	{ "/usr/lib/python3/site-packages/y/.token", 0600, 0, SINK_FILE, SHARED },
	{ "/data/app/.git/token", 0600, 0, SINK_FILE, SHARED },
	{ "/home/u/Dropbox/token", 0600, 0, SINK_FILE, SHARED },
	{ "/home/u/src/app/token", 0600, 0, SINK_FILE, SHARED },
	{ "/root/projects/token", 0600, 0, SINK_FILE, SHARED },
	{ "/workspaces/app/token", 0600, 0, SINK_FILE, SHARED },
	{ "/home/src/token", 0600, 0, SINK_FILE, 0 },
	{ "/home/u/src", 0600, 0, SINK_FILE, 0 },
	{ "/home/u/.config/src/token", 0600, 0, SINK_FILE, 0 },
	{ "/tmpfs/token", 0600, 0, SINK_FILE, 0 },
	{ "/home/u/tmp/token", 0600, 0, SINK_FILE, 0 },
	{ "/home/u/my_node_modules/token", 0600, 0, SINK_FILE, 0 },
	/* memory */
	{ "/memfd:secrets (deleted)", 0777, 0, SINK_FILE, MEMORY | GROUP | WORLD },
	{ "memfd:x", 0600, 0, SINK_FILE, MEMORY },
	{ "/run/user/1000/app/token", 0600, 0, SINK_FILE, MEMORY },
	{ "/run/users/1000/app/token", 0600, 0, SINK_FILE, 0 },
};

static void test_files(void **state)
{
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		struct sink s = { .class = SINK_STDERR, .fd = 5, .line = 6 };

		/* Flags of another source stay, those of an earlier mode do not. */
		s.flags = SINK_F_CHILD | GROUP | WORLD | SHARED | MEMORY;
		sink_of_file(&s, files[i].path, files[i].mode, files[i].open_flags);
		if (s.class != files[i].class || s.flags != (files[i].flags | SINK_F_CHILD))
			fail_msg("%s mode %o: class %s, flags 0x%x", files[i].path, files[i].mode,
				 sink_class_name(s.class), s.flags);
		assert_string_equal(s.path, files[i].path);
		assert_int_equal(s.fd, 5);
		assert_int_equal(s.line, 6);
	}
}

static void test_long_path_is_cut(void **state)
{
	char path[3000];
	struct sink s = { 0 };

	memset(path, 'a', sizeof(path));
	path[0] = '/';
	path[sizeof(path) - 1] = '\0';
	sink_of_file(&s, path, 0600, 0);
	assert_int_equal(strlen(s.path), sizeof(s.path) - 1);
}

static void test_helpers(void **state)
{
	static const char *const yes[] = {
		"/usr/bin/secret-tool",
		"/usr/local/bin/pass",
		"/usr/bin/gpg",
		"gpg2",
		"/usr/bin/keyctl",
		"/usr/lib/git-core/git-credential-libsecret",
		"/opt/bin/docker-credential-pass",
		"/usr/bin/security",
	};
	static const char *const no[] = {
		"",
		"/usr/bin/xclip",
		"/bin/sh",
		"/usr/bin/logger",
		"/usr/bin/passwd",
		"/home/u/pass/bin/evil",
		"/usr/bin/mygpg",
		"/usr/bin/git",
		"/opt/git-credential-x/run",
	};

	for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++) {
		if (!exe_is_secret_helper(yes[i]))
			fail_msg("%s", yes[i]);
	}
	for (size_t i = 0; i < sizeof(no) / sizeof(no[0]); i++) {
		if (exe_is_secret_helper(no[i]))
			fail_msg("%s", no[i]);
	}
}

static void test_syslog(void **state)
{
	static const char *const yes[] = {
		"/dev/log",
		"/run/systemd/journal/socket",
		"/run/systemd/journal/dev-log",
		"/run/systemd/journal/stdout",
		"/run/systemd/journal/syslog",
		"/var/run/systemd/journal/dev-log",
	};
	static const char *const no[] = {
		"",
		"/dev/log2",
		"/run/systemd/journal/",
		"/run/systemd/journal/socket2",
		"/run/dbus/system_bus_socket",
		"/tmp/dev/log",
	};

	for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++) {
		if (!peer_is_syslog(yes[i]))
			fail_msg("%s", yes[i]);
	}
	for (size_t i = 0; i < sizeof(no) / sizeof(no[0]); i++) {
		if (peer_is_syslog(no[i]))
			fail_msg("%s", no[i]);
	}
}

static void test_settings(void **state)
{
	static const char *const yes[] = {
		"/home/u/.config/x/tokens.json",
		"/home/u/.config/gcloud/credentials.db",
		"/home/u/.netrc",
		"/srv/app/.env",
		"/srv/app/.env.local",
		"/home/u/.aws/credentials",
		"/run/secrets/oauth",
		"/etc/x/server.conf",
		"tokens.yaml",
	};
	static const char *const no[] = {
		"/srv/app/index.js",
		"/srv/app/README.md",
		"/srv/app/package.json",
		"/srv/app/node_modules/x/fixtures/tokens.json",
		"/home/u/.venv/lib/python3.11/site-packages/x/data.json",
		"/usr/share/x/settings.json",
		"/usr/lib/python3/x.conf",
		"/lib/x86_64-linux-gnu/gconv/gconv-modules.conf",
		"/proc/1/environ",
		"/sys/kernel/config",
		"/dev/random",
		"/home/u/.hidden.py",
	};

	for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++) {
		if (!file_is_settings(yes[i]))
			fail_msg("%s", yes[i]);
	}
	for (size_t i = 0; i < sizeof(no) / sizeof(no[0]); i++) {
		if (file_is_settings(no[i]))
			fail_msg("%s", no[i]);
	}
}

static void test_names(void **state)
{
	enum sink_class c;
	enum severity s;

	for (unsigned int i = 0; i < SINK_CLASS_MAX; i++) {
		assert_int_equal(
			sink_class_parse(span_str(sink_class_name((enum sink_class)i)), &c), 0);
		assert_int_equal(c, i);
	}
	for (unsigned int i = 0; i < SEV_MAX; i++) {
		assert_int_equal(severity_parse(span_str(severity_name((enum severity)i)), &s), 0);
		assert_int_equal(s, i);
	}
	assert_string_equal(sink_class_name(SINK_CLASS_MAX), "unknown");
	assert_string_equal(severity_name(SEV_MAX), "unknown");
	assert_true(sink_class_parse(SPAN_LIT("Stderr"), &c) < 0);
	assert_true(severity_parse(SPAN_LIT(""), &s) < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_files),   cmocka_unit_test(test_long_path_is_cut),
		cmocka_unit_test(test_helpers), cmocka_unit_test(test_syslog),
		cmocka_unit_test(test_names),   cmocka_unit_test(test_settings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
