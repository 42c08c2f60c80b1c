/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>

#include "proc/proc.h"

struct fixture {
	struct proc_table *t;
	uint64_t now;
};

static int setup(void **state)
{
	static struct fixture f;

	f.now = 1000;
	f.t = proc_table_new(100, 100);
	*state = &f;
	return f.t ? 0 : -1;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	f->t = proc_table_free(f->t);
	return 0;
}

static struct event event(struct fixture *f, enum bt_rec_kind kind, uint32_t tgid,
			  uint64_t start_ns)
{
	struct event ev = { .kind = kind,
			    .time_ns = f->now++,
			    .start_ns = start_ns,
			    .tgid = tgid,
			    .tid = tgid,
			    .root = 1,
			    .uid = 1000,
			    .comm = "comm" };

	return ev;
}

static void feed(struct fixture *f, const struct event *ev)
{
	assert_int_equal(proc_table_feed(f->t, ev), 0);
}

static void exec_with(struct fixture *f, uint32_t tgid, uint64_t start_ns, const char *path,
		      uint64_t args_len, uint64_t env_len)
{
	struct event ev = event(f, BT_REC_EXEC, tgid, start_ns);

	ev.exec.path = span_str(path);
	ev.exec.ppid = 7;
	ev.exec.cgroup_id = 8;
	ev.exec.ns_pid = 9;
	ev.exec.pid_ns = 10;
	ev.exec.mnt_ns = 11;
	ev.exec.args_len = args_len;
	ev.exec.env_len = env_len;
	feed(f, &ev);
}

static void exec(struct fixture *f, uint32_t tgid, uint64_t start_ns, const char *path)
{
	exec_with(f, tgid, start_ns, path, 100, 100);
}

static void data(struct fixture *f, uint32_t tgid, uint64_t start_ns)
{
	struct event ev = event(f, BT_REC_DATA, tgid, start_ns);

	feed(f, &ev);
}

static void fork_child(struct fixture *f, uint32_t tgid, uint64_t start_ns, uint32_t child,
		       uint64_t child_start_ns)
{
	struct event ev = event(f, BT_REC_FORK, tgid, start_ns);

	ev.fork.child_tgid = child;
	ev.fork.child_start_ns = child_start_ns;
	feed(f, &ev);
}

static void exit_with(struct fixture *f, uint32_t tgid, uint64_t start_ns, int status)
{
	struct event ev = event(f, BT_REC_EXIT, tgid, start_ns);

	ev.exit.status = status;
	feed(f, &ev);
}

static void args_at(struct fixture *f, bool env, uint64_t total, uint32_t off, uint32_t lost,
		    struct span bytes, bool last)
{
	struct event ev = event(f, BT_REC_ARGS, 42, 5);

	ev.args.env = env;
	ev.args.total_len = total;
	ev.args.off = off;
	ev.args.lost_len = lost;
	ev.args.bytes = bytes;
	ev.args.last = last;
	feed(f, &ev);
}

static struct event file_event(struct fixture *f, uint64_t obj, int fd, uint16_t flags)
{
	struct event ev = event(f, BT_REC_FILE, 42, 5);

	ev.file.file = (struct bt_file_id){ obj, obj + 1, 3, BT_FILE_PIPE, 0 };
	ev.file.fd = fd;
	ev.file.flags = flags;
	return ev;
}

static void cgroup(struct fixture *f, uint32_t tgid, uint64_t start_ns, const char *text)
{
	struct event ev = event(f, BT_REC_CGROUP, tgid, start_ns);

	ev.cgroup.text = span_str(text);
	feed(f, &ev);
}

static void test_cgroup(void **state)
{
	struct fixture *f = *state;

	exec(f, 42, 5, "/bin/sh");
	assert_null(proc_find(f->t, 42, 5)->cgroup);
	cgroup(f, 42, 5, "0::/system.slice/mcp.service\n");
	assert_string_equal(proc_find(f->t, 42, 5)->cgroup, "/system.slice/mcp.service");
	/* A child has it until it is told otherwise, also past its exec. */
	fork_child(f, 42, 5, 43, 6);
	assert_string_equal(proc_find(f->t, 43, 6)->cgroup, "/system.slice/mcp.service");
	exec(f, 43, 6, "/bin/true");
	assert_string_equal(proc_find(f->t, 43, 6)->cgroup, "/system.slice/mcp.service");
	cgroup(f, 43, 6,
	       "0::/a\x01"
	       "b\n");
	assert_string_equal(proc_find(f->t, 43, 6)->cgroup, "/a?b");
	assert_string_equal(proc_find(f->t, 42, 5)->cgroup, "/system.slice/mcp.service");
	/* What is no such text says nothing. */
	cgroup(f, 43, 6, "junk");
	assert_null(proc_find(f->t, 43, 6)->cgroup);
}

static void test_exec(void **state)
{
	struct fixture *f = *state;
	const struct proc *p;

	exec(f, 42, 5, "/usr/bin/no\nde");
	p = proc_find(f->t, 42, 5);
	assert_non_null(p);
	assert_string_equal(p->exe, "/usr/bin/no?de");
	assert_string_equal(p->comm, "comm");
	assert_int_equal(p->tgid, 42);
	assert_int_equal(p->start_ns, 5);
	assert_int_equal(p->root, 1);
	assert_int_equal(p->uid, 1000);
	assert_int_equal(p->ppid, 7);
	assert_int_equal(p->cgroup_id, 8);
	assert_int_equal(p->ns_pid, 9);
	assert_int_equal(p->pid_ns, 10);
	assert_int_equal(p->mnt_ns, 11);
	assert_int_equal(p->execs, 1);
	assert_false(p->exited);
	exec(f, 42, 5, "");
	p = proc_find(f->t, 42, 5);
	assert_null(p->exe);
	assert_int_equal(p->execs, 2);
	assert_int_equal(proc_table_live(f->t), 1);
}

static void test_any_event_makes_an_entry(void **state)
{
	struct fixture *f = *state;
	struct event ev = file_event(f, 10, 1, BT_FILE_STDIO);

	data(f, 41, 4);
	assert_string_equal(proc_find(f->t, 41, 4)->comm, "comm");
	assert_null(proc_find(f->t, 41, 4)->exe);
	feed(f, &ev);
	assert_int_equal(proc_find(f->t, 42, 5)->stdio[1].obj, 10);
	args_at(f, false, 2, 0, 0, span_of("a", 2), true);
	exit_with(f, 43, 6, 256);
	assert_true(proc_find(f->t, 43, 6)->exited);
	fork_child(f, 44, 7, 45, 8);
	assert_non_null(proc_find(f->t, 44, 7));
	assert_int_equal(proc_find(f->t, 45, 8)->ppid, 44);
	assert_int_equal(proc_table_live(f->t), 4);
}

static void test_reused_pid_is_another_process(void **state)
{
	struct fixture *f = *state;

	exec(f, 42, 5, "/old");
	exit_with(f, 42, 5, 9);
	exec(f, 42, 50, "/new");
	assert_string_equal(proc_find(f->t, 42, 5)->exe, "/old");
	assert_string_equal(proc_find(f->t, 42, 50)->exe, "/new");
	assert_null(proc_find(f->t, 42, 6));
	assert_null(proc_find(f->t, 43, 5));
	assert_string_equal(proc_find_tgid(f->t, 42)->exe, "/new");
	assert_null(proc_find_tgid(f->t, 43));
	/* A straggler of the old life does not bring it back. */
	data(f, 42, 5);
	assert_string_equal(proc_find_tgid(f->t, 42)->exe, "/new");
	assert_int_equal(proc_table_live(f->t), 1);
	assert_int_equal(proc_find(f->t, 42, 5)->status, 9);
}

static void test_lost_exit_is_seen_from_the_next_life(void **state)
{
	struct fixture *f = *state;

	exec(f, 42, 5, "/old");
	exec(f, 42, 50, "/new");
	assert_true(proc_find(f->t, 42, 5)->exited);
	assert_false(proc_find(f->t, 42, 50)->exited);
	assert_int_equal(proc_table_live(f->t), 1);
	/* An earlier life that is heard of later has ended, too. */
	data(f, 42, 4);
	assert_true(proc_find(f->t, 42, 4)->exited);
	assert_int_equal(proc_find_tgid(f->t, 42)->start_ns, 50);
	assert_int_equal(proc_table_live(f->t), 1);
}

static void test_exit(void **state)
{
	struct fixture *f = *state;
	const struct proc *p;

	exec(f, 42, 5, "/x");
	exit_with(f, 42, 5, 256);
	p = proc_find(f->t, 42, 5);
	assert_true(p->exited);
	assert_int_equal(p->status, 256);
	assert_int_equal(proc_table_live(f->t), 0);
	assert_ptr_equal(proc_find_tgid(f->t, 42), p);
	exit_with(f, 42, 5, 0);
	assert_int_equal(proc_find(f->t, 42, 5)->status, 256);
}

static void test_comm_is_the_main_threads(void **state)
{
	struct fixture *f = *state;
	struct event ev = event(f, BT_REC_DATA, 42, 5);

	exec(f, 42, 5, "/x");
	ev.tid = 43;
	strcpy(ev.comm, "worker");
	feed(f, &ev);
	assert_string_equal(proc_find(f->t, 42, 5)->comm, "comm");
	ev.tid = 42;
	strcpy(ev.comm, "renamed");
	ev.uid = 0;
	feed(f, &ev);
	assert_string_equal(proc_find(f->t, 42, 5)->comm, "renamed");
	assert_int_equal(proc_find(f->t, 42, 5)->uid, 0);
}

static void test_child_is_its_parents_program(void **state)
{
	struct fixture *f = *state;
	struct event ev = file_event(f, 10, 1, BT_FILE_STDIO);
	const struct proc *p;

	exec(f, 42, 5, "/x");
	feed(f, &ev);
	args_at(f, false, 4, 0, 0, SPAN_LIT("arg"), false);
	fork_child(f, 42, 5, 43, 6);
	p = proc_find(f->t, 43, 6);
	assert_string_equal(p->exe, "/x");
	assert_int_equal(p->ppid, 42);
	assert_int_equal(p->root, 1);
	assert_int_equal(p->uid, 1000);
	assert_int_equal(p->cgroup_id, 8);
	assert_int_equal(p->pid_ns, 10);
	assert_int_equal(p->mnt_ns, 11);
	assert_int_equal(p->ns_pid, 0);
	assert_int_equal(p->stdio[1].obj, 10);
	assert_int_equal(p->stdio[0].obj, 0);
	assert_int_equal(p->execs, 0);
	assert_int_equal(p->argv.len, 0);
	assert_false(p->argv.whole);
	/* What it had is gone with its own exec. */
	exec(f, 43, 6, "/y");
	p = proc_find(f->t, 43, 6);
	assert_string_equal(p->exe, "/y");
	assert_int_equal(p->stdio[1].obj, 0);
}

static void test_fork_seen_after_the_childs_first_event(void **state)
{
	struct fixture *f = *state;
	const struct proc *p;

	exec(f, 42, 5, "/x");
	data(f, 43, 6);
	exec(f, 44, 7, "/z");
	fork_child(f, 42, 5, 43, 6);
	fork_child(f, 42, 5, 44, 7);
	p = proc_find(f->t, 43, 6);
	assert_string_equal(p->exe, "/x");
	assert_int_equal(p->ppid, 42);
	/* One that has run its own program by now keeps what its exec said. */
	p = proc_find(f->t, 44, 7);
	assert_string_equal(p->exe, "/z");
	assert_int_equal(p->ppid, 7);
	assert_int_equal(proc_table_live(f->t), 3);
}

static void test_stdio_of_the_last_exec(void **state)
{
	struct fixture *f = *state;
	struct event ev;
	const struct proc *p;

	exec(f, 42, 5, "/x");
	for (int fd = 0; fd < 4; fd++) {
		ev = file_event(f, 10 + (uint64_t)fd, fd, BT_FILE_STDIO);
		feed(f, &ev);
	}
	ev = file_event(f, 99, 0, 0);
	feed(f, &ev);
	ev = file_event(f, 99, -1, BT_FILE_STDIO);
	feed(f, &ev);
	p = proc_find(f->t, 42, 5);
	for (int fd = 0; fd < 3; fd++)
		assert_int_equal(p->stdio[fd].obj, 10 + fd);
	/* FILE before the EXEC with the same time belongs to that exec; the rest is forgotten. */
	ev = file_event(f, 20, 2, BT_FILE_STDIO);
	feed(f, &ev);
	f->now = ev.time_ns;
	exec(f, 42, 5, "/y");
	p = proc_find(f->t, 42, 5);
	assert_int_equal(p->stdio[0].obj, 0);
	assert_int_equal(p->stdio[1].obj, 0);
	assert_int_equal(p->stdio[2].obj, 20);
}

static void expect_args(struct fixture *f, const char *want, size_t len, bool whole)
{
	const struct proc *p = proc_find(f->t, 42, 5);

	assert_true(span_eq(span_of(p->argv.p, p->argv.len), span_of(want, len)));
	assert_int_equal(p->argv.whole, whole);
}

static void test_args_in_pieces(void **state)
{
	struct fixture *f = *state;
	const struct proc *p;

	exec_with(f, 42, 5, "/x", 12, 6);
	expect_args(f, "", 0, false);
	args_at(f, false, 12, 0, 0, span_of("node\0ser", 8), false);
	expect_args(f, "node\0ser", 8, false);
	args_at(f, true, 6, 0, 0, span_of("A=1\0B", 6), true);
	args_at(f, false, 12, 8, 0, span_of("ver", 4), true);
	expect_args(f, "node\0server", 12, true);
	p = proc_find(f->t, 42, 5);
	assert_memory_equal(p->env.p, "A=1\0B", 6);
	assert_int_equal(p->env.len, 6);
	assert_true(p->env.whole);
	/* Replaced at the next exec. */
	exec_with(f, 42, 5, "/y", 3, 0);
	expect_args(f, "", 0, false);
	p = proc_find(f->t, 42, 5);
	assert_int_equal(p->env.len, 0);
	assert_true(p->env.whole);
	args_at(f, false, 3, 0, 0, span_of("sh", 3), true);
	expect_args(f, "sh", 3, true);
}

static void test_args_with_a_hole_are_not_whole(void **state)
{
	struct fixture *f = *state;

	exec_with(f, 42, 5, "/x", 20, 0);
	args_at(f, false, 20, 0, 0, SPAN_LIT("node"), false);
	args_at(f, false, 20, 14, 10, span_of("token", 6), true);
	/* A NUL keeps the two ends apart. */
	expect_args(f, "node\0token", 11, false);
	/* Lost at the front; lost without word; the end is missing. */
	exec_with(f, 42, 5, "/x", 4, 0);
	args_at(f, false, 4, 2, 2, span_of("b", 2), true);
	expect_args(f, "b", 2, false);
	exec_with(f, 42, 5, "/x", 6, 0);
	args_at(f, false, 6, 0, 0, span_of("a", 2), false);
	args_at(f, false, 6, 4, 0, span_of("c", 2), true);
	expect_args(f, "a\0c", 4, false);
	exec_with(f, 42, 5, "/x", 6, 0);
	args_at(f, false, 6, 0, 0, span_of("a", 2), true);
	expect_args(f, "a", 2, false);
}

static void test_args_twice(void **state)
{
	struct fixture *f = *state;

	exec_with(f, 42, 5, "/x", 6, 0);
	args_at(f, false, 6, 0, 0, SPAN_LIT("abcd"), false);
	args_at(f, false, 6, 2, 0, span_of("cde", 4), true);
	expect_args(f, "abcde", 6, true);
	/* A first piece without an EXEC before it: that was lost. */
	args_at(f, false, 3, 0, 0, span_of("sh", 3), true);
	expect_args(f, "sh", 3, true);
}

static void test_args_are_bounded(void **state)
{
	struct fixture *f = *state;
	char *chunk = malloc(BT_CHUNK_LEN);
	uint64_t total = 2 * BT_ARGS_LEN;

	memset(chunk, 'x', BT_CHUNK_LEN);
	exec_with(f, 42, 5, "/x", total, 0);
	for (uint32_t off = 0; off < total; off += BT_CHUNK_LEN)
		args_at(f, false, total, off, 0, span_of(chunk, BT_CHUNK_LEN),
			off + BT_CHUNK_LEN == total);
	assert_int_equal(proc_find(f->t, 42, 5)->argv.len, BT_ARGS_LEN);
	assert_false(proc_find(f->t, 42, 5)->argv.whole);
	free(chunk);
}

static bool add_args(void *arg, const struct proc *p)
{
	*(size_t *)arg += p->argv.len + p->env.len;
	return true;
}

static void test_args_of_all_are_bounded(void **state)
{
	struct fixture *f = *state;
	char *chunk = calloc(1, BT_CHUNK_LEN);
	struct event ev;
	size_t sum = 0;

	proc_table_free(f->t);
	f->t = proc_table_new(1000, 10);
	for (uint32_t i = 0; i < 400; i++) {
		ev = event(f, BT_REC_ARGS, 1000 + i, 5);
		ev.args.total_len = BT_ARGS_LEN;
		ev.args.bytes = span_of(chunk, BT_CHUNK_LEN);
		for (ev.args.off = 0; ev.args.off < BT_ARGS_LEN; ev.args.off += BT_CHUNK_LEN) {
			ev.args.last = ev.args.off + BT_CHUNK_LEN == BT_ARGS_LEN;
			feed(f, &ev);
		}
		/* The first hundred have exited: theirs go first. */
		if (i < 100)
			exit_with(f, 1000 + i, 5, 0);
	}
	proc_walk(f->t, add_args, &sum);
	assert_int_equal(sum, (size_t)64 << 20);
	assert_int_equal(proc_find(f->t, 1000, 5)->argv.len, 0);
	assert_false(proc_find(f->t, 1000, 5)->argv.whole);
	assert_true(proc_find(f->t, 1100, 5)->argv.whole);
	assert_int_equal(proc_find(f->t, 1399, 5)->argv.len, 0);
	assert_false(proc_find(f->t, 1399, 5)->argv.whole);
	/* Room again when some go. */
	exit_with(f, 1100, 5, 0);
	ev = event(f, BT_REC_ARGS, 9, 5);
	ev.args.total_len = 2;
	ev.args.bytes = span_of("a", 2);
	ev.args.last = true;
	feed(f, &ev);
	assert_true(proc_find(f->t, 9, 5)->argv.whole);
	free(chunk);
}

static void test_eviction_takes_exited_ones_first(void **state)
{
	struct fixture *f = *state;

	proc_table_free(f->t);
	f->t = proc_table_new(3, 10);
	data(f, 1, 1);
	data(f, 2, 2);
	data(f, 3, 3);
	exit_with(f, 3, 3, 0);
	data(f, 4, 4);
	assert_null(proc_find(f->t, 3, 3));
	assert_null(proc_find_tgid(f->t, 3));
	assert_non_null(proc_find(f->t, 1, 1));
	assert_int_equal(proc_table_evicted(f->t), 1);
	/* None has exited: the least recently used goes. Asking is use. */
	data(f, 5, 5);
	assert_null(proc_find(f->t, 2, 2));
	assert_non_null(proc_find_tgid(f->t, 1));
	assert_int_equal(proc_table_evicted(f->t), 2);
	assert_int_equal(proc_table_live(f->t), 3);
	/* A fork may push out the parent. */
	fork_child(f, 4, 4, 6, 6);
	fork_child(f, 6, 6, 7, 7);
	assert_int_equal(proc_table_live(f->t), 3);
	proc_table_free(f->t);
	f->t = proc_table_new(1, 1);
	exec(f, 1, 1, "/x");
	fork_child(f, 1, 1, 2, 2);
	assert_null(proc_find(f->t, 1, 1));
	assert_string_equal(proc_find(f->t, 2, 2)->exe, "/x");
	exit_with(f, 2, 2, 0);
	fork_child(f, 2, 2, 3, 3);
	assert_string_equal(proc_find(f->t, 3, 3)->exe, "/x");
}

static void test_many_processes(void **state)
{
	struct fixture *f = *state;

	for (uint32_t i = 0; i < 10000; i++) {
		exec(f, 1000 + i % 300, i, "/x");
		if (i % 3)
			exit_with(f, 1000 + i % 300, i, 0);
		assert_true(proc_table_live(f->t) <= 100);
	}
	assert_true(proc_table_evicted(f->t) > 9000);
}

/* The role of a socket is told once, by accept or connect. */
static void test_role_stays(void **state)
{
	struct fixture *f = *state;
	struct event ev = file_event(f, 10, 5, BT_FILE_CONNECTED);

	feed(f, &ev);
	ev.file.flags = BT_FILE_SNAPSHOT;
	feed(f, &ev);
	assert_int_equal(proc_file_find(f->t, &ev.file.file)->flags,
			 BT_FILE_SNAPSHOT | BT_FILE_CONNECTED);
	ev.file.flags = 0;
	feed(f, &ev);
	assert_int_equal(proc_file_find(f->t, &ev.file.file)->flags, BT_FILE_CONNECTED);
}

static void test_tls_takes_after_its_socket(void **state)
{
	struct fixture *f = *state;
	struct event sock = file_event(f, 11, 5, BT_FILE_ACCEPTED);
	struct event tls = file_event(f, 900, 5, 0);
	const struct proc_file *pf;

	/* A socket's object number is that of its inode. */
	sock.file.file = (struct bt_file_id){ 11, 11, 3, BT_FILE_TCP, 0 };
	sock.file.sk_family = 2;
	sock.file.peer_port = 443;
	sock.file.peer_addr[0] = 127;
	tls.file.file = (struct bt_file_id){ 900, 1, 0, BT_FILE_TLS, 0 };
	feed(f, &sock);
	feed(f, &tls);
	pf = proc_file_find(f->t, &tls.file.file);
	assert_int_equal(pf->sk_family, 0);
	tls.file.sock_ino = 11;
	tls.file.sock_dev = 3;
	feed(f, &tls);
	pf = proc_file_find(f->t, &tls.file.file);
	assert_int_equal(pf->id.type, BT_FILE_TLS);
	assert_int_equal(pf->flags, BT_FILE_ACCEPTED);
	assert_int_equal(pf->peer_port, 443);
	assert_true(proc_file_peer_is_loopback(pf));
}

static void test_files(void **state)
{
	struct fixture *f = *state;
	struct event ev = file_event(f, 10, 5, BT_FILE_SNAPSHOT);
	const struct proc_file *pf;
	struct bt_file_id id = ev.file.file;

	assert_null(proc_file_find(f->t, &id));
	ev.file.path = SPAN_LIT("/tmp/a\x1b[1m");
	ev.file.size = 1;
	ev.file.open_flags = 2;
	ev.file.inode_uid = 3;
	ev.file.nlink = 4;
	ev.file.sk_family = 5;
	ev.file.sk_type = 6;
	ev.file.sk_protocol = 7;
	ev.file.local_port = 8;
	ev.file.peer_port = 9;
	ev.file.sk_state = 10;
	memset(ev.file.local_addr, 11, 16);
	memset(ev.file.peer_addr, 12, 16);
	feed(f, &ev);
	id.type = 0;
	id.mode = 0777;
	pf = proc_file_find(f->t, &id);
	assert_non_null(pf);
	assert_true(file_id_eq(&pf->id, &id));
	assert_string_equal(pf->path, "/tmp/a?[1m");
	assert_false(pf->abstract);
	assert_int_equal(pf->size, 1);
	assert_int_equal(pf->open_flags, 2);
	assert_int_equal(pf->inode_uid, 3);
	assert_int_equal(pf->nlink, 4);
	assert_int_equal(pf->flags, BT_FILE_SNAPSHOT);
	assert_int_equal(pf->sk_family, 5);
	assert_int_equal(pf->sk_type, 6);
	assert_int_equal(pf->sk_protocol, 7);
	assert_int_equal(pf->local_port, 8);
	assert_int_equal(pf->peer_port, 9);
	assert_int_equal(pf->sk_state, 10);
	assert_memory_equal(pf->local_addr, ev.file.local_addr, 16);
	assert_memory_equal(pf->peer_addr, ev.file.peer_addr, 16);
	/* A number that is used again is another object. */
	ev.file.path = SPAN_NONE;
	ev.file.size = 100;
	feed(f, &ev);
	pf = proc_file_find(f->t, &id);
	assert_null(pf->path);
	assert_int_equal(pf->size, 100);
	id.ino++;
	assert_null(proc_file_find(f->t, &id));
}

static void test_unix_peers(void **state)
{
	struct fixture *f = *state;
	struct event ev = file_event(f, 10, 5, 0);
	const struct proc_file *pf;
	char text[64];

	ev.file.file.type = BT_FILE_UNIX;
	ev.file.sk_family = AF_UNIX;
	ev.file.path = span_of("\0name\0x", 7);
	feed(f, &ev);
	pf = proc_file_find(f->t, &ev.file.file);
	assert_true(pf->abstract);
	assert_string_equal(pf->path, "name?x");
	assert_string_equal(proc_file_peer_text(pf, text, sizeof(text)), "unix:@name?x");
	assert_true(proc_file_peer_is_loopback(pf));
	ev.file.path = span_of("/dev/log\0", 9);
	feed(f, &ev);
	pf = proc_file_find(f->t, &ev.file.file);
	assert_false(pf->abstract);
	assert_string_equal(proc_file_peer_text(pf, text, sizeof(text)), "unix:/dev/log");
	ev.file.path = SPAN_NONE;
	feed(f, &ev);
	pf = proc_file_find(f->t, &ev.file.file);
	assert_null(pf->path);
	assert_string_equal(proc_file_peer_text(pf, text, sizeof(text)), "unix:");
}

static void test_files_are_bounded(void **state)
{
	struct fixture *f = *state;
	struct bt_file_id first = { 0, 1, 3, BT_FILE_PIPE, 0 };

	for (uint64_t i = 0; i < 1000; i++) {
		struct event ev = file_event(f, i, 3, 0);

		feed(f, &ev);
		/* The first is looked at all the time, so it stays. */
		assert_non_null(proc_file_find(f->t, &first));
	}
	first = (struct bt_file_id){ 1, 2, 3, BT_FILE_PIPE, 0 };
	assert_null(proc_file_find(f->t, &first));
	assert_int_equal(proc_table_evicted(f->t), 0);
}

static struct proc_file inet_peer(int family, const char *bytes, size_t len, uint16_t port)
{
	struct proc_file pf = { .sk_family = (uint16_t)family, .peer_port = port };

	memcpy(pf.peer_addr, bytes, len);
	return pf;
}

static void test_peer_addresses(void **state)
{
	static const struct {
		int family;
		bool loopback;
		const char *bytes;
		size_t len;
		const char *text;
	} cases[] = {
		{ AF_INET, false, "\xcb\x00\x71\x05", 4, "203.0.113.5:443" },
		{ AF_INET, true, "\x7f\x00\x00\x01", 4, "127.0.0.1:443" },
		{ AF_INET, true, "\x7f\xff\xff\xfe", 4, "127.255.255.254:443" },
		{ AF_INET, false, "\x80\x00\x00\x01", 4, "128.0.0.1:443" },
		{ AF_INET6, false, "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01", 16,
		  "[2001:db8::1]:443" },
		{ AF_INET6, true, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01", 16, "[::1]:443" },
		{ AF_INET6, false, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x02", 16, "[::2]:443" },
		{ AF_INET6, true, "\0\0\0\0\0\0\0\0\0\0\xff\xff\x7f\x01\x02\x03", 16,
		  "[::ffff:127.1.2.3]:443" },
		{ AF_INET6, false, "\0\0\0\0\0\0\0\0\0\0\xff\xff\xcb\x00\x71\x05", 16,
		  "[::ffff:203.0.113.5]:443" },
		{ 16, false, "", 0, "" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct proc_file pf = inet_peer(cases[i].family, cases[i].bytes, cases[i].len, 443);
		char text[80], small[5];

		assert_string_equal(proc_file_peer_text(&pf, text, sizeof(text)), cases[i].text);
		assert_int_equal(proc_file_peer_is_loopback(&pf), cases[i].loopback);
		proc_file_peer_text(&pf, small, sizeof(small));
		assert_int_equal(strncmp(small, cases[i].text, 4), 0);
		assert_true(strlen(small) <= 4);
	}
}

static bool count_to_two(void *arg, const struct proc *p)
{
	return ++*(int *)arg < 2;
}

static bool count(void *arg, const struct proc *p)
{
	++*(int *)arg;
	return true;
}

static void test_walk(void **state)
{
	struct fixture *f = *state;
	int n = 0;

	data(f, 1, 1);
	data(f, 2, 2);
	exit_with(f, 2, 2, 0);
	data(f, 3, 3);
	exit_with(f, 3, 3, 0);
	proc_walk(f->t, count, &n);
	assert_int_equal(n, 3);
	n = 0;
	proc_walk(f->t, count_to_two, &n);
	assert_int_equal(n, 2);
	n = 1;
	proc_walk(f->t, count_to_two, &n);
	assert_int_equal(n, 2);
	assert_null(proc_table_free(NULL));
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_exec),
		T(test_cgroup),
		T(test_any_event_makes_an_entry),
		T(test_reused_pid_is_another_process),
		T(test_lost_exit_is_seen_from_the_next_life),
		T(test_exit),
		T(test_comm_is_the_main_threads),
		T(test_child_is_its_parents_program),
		T(test_fork_seen_after_the_childs_first_event),
		T(test_stdio_of_the_last_exec),
		T(test_args_in_pieces),
		T(test_args_with_a_hole_are_not_whole),
		T(test_args_twice),
		T(test_args_are_bounded),
		T(test_args_of_all_are_bounded),
		T(test_eviction_takes_exited_ones_first),
		T(test_many_processes),
		T(test_files),
		T(test_role_stays),
		T(test_tls_takes_after_its_socket),
		T(test_unix_peers),
		T(test_files_are_bounded),
		T(test_peer_addresses),
		T(test_walk),
	};

	return cmocka_run_group_tests_name("proc", tests, NULL, NULL);
}
