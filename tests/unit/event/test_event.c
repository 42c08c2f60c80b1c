/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>

#include "event/event.h"

/* A record under construction: the fixed part of any kind, and a tail. */
struct rec {
	union {
		struct bt_hdr hdr;
		struct bt_rec_data data;
		struct bt_rec_file file;
		struct bt_rec_exec exec;
		struct bt_rec_args args;
		struct bt_rec_fork fork;
		struct bt_rec_exit exit;
		struct bt_rec_map map;
		struct bt_rec_copy copy;
		struct bt_rec_shared shared;
		struct bt_rec_name name;
		struct bt_rec_cgroup cgroup;
	};
	size_t fixed;
	const char *tail;
	size_t tail_len;
};

static struct rec begin(enum bt_rec_kind kind, const char *tail, size_t tail_len)
{
	static const size_t fixed[BT_REC_KIND_MAX] = {
		[BT_REC_DATA] = sizeof(struct bt_rec_data),
		[BT_REC_FILE] = sizeof(struct bt_rec_file),
		[BT_REC_EXEC] = sizeof(struct bt_rec_exec),
		[BT_REC_ARGS] = sizeof(struct bt_rec_args),
		[BT_REC_FORK] = sizeof(struct bt_rec_fork),
		[BT_REC_EXIT] = sizeof(struct bt_rec_exit),
		[BT_REC_MAP] = sizeof(struct bt_rec_map),
		[BT_REC_COPY] = sizeof(struct bt_rec_copy),
		[BT_REC_SHARED] = sizeof(struct bt_rec_shared),
		[BT_REC_NAME] = sizeof(struct bt_rec_name),
		[BT_REC_CGROUP] = sizeof(struct bt_rec_cgroup),
	};
	struct rec r;

	memset(&r, 0, sizeof(r));
	r.fixed = fixed[kind];
	r.tail = tail;
	r.tail_len = tail_len;
	r.hdr = (struct bt_hdr){
		.len = (uint32_t)(r.fixed + tail_len),
		.kind = (uint16_t)kind,
		.cpu = 3,
		.time_ns = 1000,
		.start_ns = 500,
		.tgid = 42,
		.tid = 43,
		.root = 41,
		.uid = 1000,
		.comm = "node",
	};
	return r;
}

/*
 * Decodes the first `len` bytes (zeros behind the record) from an odd address, in memory of
 * just that size, so that sanitizers see every wrong access. Spans of the event live until the next call.
 */
static int decode_cut(const struct rec *r, size_t len, struct event *ev)
{
	static char *copy;
	char whole[sizeof(*r) + BT_CHUNK_LEN + 16] = "";

	memcpy(whole, &r->hdr, r->fixed);
	if (r->tail_len)
		memcpy(whole + r->fixed, r->tail, r->tail_len);
	free(copy);
	copy = malloc(1 + len);
	assert_non_null(copy);
	memcpy(copy + 1, whole, len);
	return event_decode(span_of(copy + 1, len), ev);
}

static int decode(const struct rec *r, struct event *ev)
{
	return decode_cut(r, r->fixed + r->tail_len, ev);
}

static void expect_bad(const struct rec *r)
{
	struct event ev, before;

	memset(&ev, 0x5a, sizeof(ev));
	before = ev;
	assert_int_equal(decode(r, &ev), -EBADMSG);
	assert_memory_equal(&ev, &before, sizeof(ev));
}

#define EXPECT_BAD(make, change)                                                                   \
	do {                                                                                       \
		struct rec r_ = make;                                                              \
		r_.change;                                                                         \
		expect_bad(&r_);                                                                   \
	} while (0)

static struct rec data_rec(void)
{
	struct rec r = begin(BT_REC_DATA, "hello!ADDR", 10);

	r.data.file = (struct bt_file_id){ 7, 8, 9, BT_FILE_UNIX, 0140777 };
	r.data.pos = 100;
	r.data.off = ~0ULL;
	r.data.call_len = 20;
	r.data.call_off = 14;
	r.data.fd = 1;
	r.data.data_len = 6;
	r.data.name_len = 4;
	r.data.lost_len = 2;
	r.data.call = BT_CALL_SENDMSG;
	r.data.dir = BT_DIR_OUT;
	r.data.last = 1;
	return r;
}

static void test_data(void **state)
{
	struct rec r = data_rec();
	struct event ev;

	assert_int_equal(decode(&r, &ev), 0);
	assert_int_equal(ev.kind, BT_REC_DATA);
	assert_int_equal(ev.time_ns, 1000);
	assert_int_equal(ev.start_ns, 500);
	assert_int_equal(ev.tgid, 42);
	assert_int_equal(ev.tid, 43);
	assert_int_equal(ev.root, 41);
	assert_int_equal(ev.uid, 1000);
	assert_int_equal(ev.cpu, 3);
	assert_string_equal(ev.comm, "node");
	assert_int_equal(ev.data.file.obj, 7);
	assert_int_equal(ev.data.file.ino, 8);
	assert_int_equal(ev.data.file.dev, 9);
	assert_int_equal(ev.data.file.type, BT_FILE_UNIX);
	assert_int_equal(ev.data.dir, BT_DIR_OUT);
	assert_int_equal(ev.data.call, BT_CALL_SENDMSG);
	assert_int_equal(ev.data.pos, 100);
	assert_true(ev.data.off == ~0ULL);
	assert_int_equal(ev.data.call_len, 20);
	assert_int_equal(ev.data.call_off, 14);
	assert_int_equal(ev.data.lost_len, 2);
	assert_int_equal(ev.data.fd, 1);
	assert_true(ev.data.last);
	assert_true(span_eq_str(ev.data.bytes, "hello!"));
	assert_true(span_eq_str(ev.data.name, "ADDR"));
}

static void test_data_of_any_size_up_to_a_chunk(void **state)
{
	char *big = calloc(1, BT_CHUNK_LEN + 1);
	struct rec r = begin(BT_REC_DATA, big, BT_CHUNK_LEN);
	struct event ev;

	r.data.data_len = BT_CHUNK_LEN;
	r.data.call_len = 1 << 20;
	assert_int_equal(decode(&r, &ev), 0);
	assert_int_equal(ev.data.bytes.len, BT_CHUNK_LEN);
	r.tail_len++;
	r.hdr.len++;
	r.data.data_len++;
	expect_bad(&r);
	free(big);
	/* Nothing but a loss. */
	r = begin(BT_REC_DATA, NULL, 0);
	r.data.pos = 30;
	r.data.lost_len = 30;
	r.data.call_len = 30;
	r.data.call_off = 30;
	assert_int_equal(decode(&r, &ev), 0);
	assert_int_equal(ev.data.bytes.len, 0);
	assert_int_equal(ev.data.name.len, 0);
}

static void test_bad_data(void **state)
{
	EXPECT_BAD(data_rec(), data.dir = 2);
	EXPECT_BAD(data_rec(), data.call = BT_CALL_MAX);
	EXPECT_BAD(data_rec(), data.last = 2);
	EXPECT_BAD(data_rec(), data.flags = BT_DATA_MATCHED + 1);
	EXPECT_BAD(data_rec(), data.file.type = BT_FILE_TYPE_MAX);
	EXPECT_BAD(data_rec(), data.data_len = 7);
	EXPECT_BAD(data_rec(), data.data_len = UINT32_MAX);
	EXPECT_BAD(data_rec(), data.name_len = 3);
	/* The payload must lie in the call, and so must the loss before it. */
	EXPECT_BAD(data_rec(), data.call_off = 15);
	EXPECT_BAD(data_rec(), data.call_off = UINT64_MAX);
	EXPECT_BAD(data_rec(), data.lost_len = 15);
	EXPECT_BAD(data_rec(), data.pos = UINT64_MAX - 5);
	EXPECT_BAD(data_rec(), data.pos = 1);
}

static void test_file(void **state)
{
	struct rec r = begin(BT_REC_FILE, "/tmp/x", 6);
	struct event ev;

	r.file.file = (struct bt_file_id){ 1, 2, 3, BT_FILE_TCP, 4 };
	r.file.size = 5;
	r.file.sock_ino = 17;
	r.file.sock_dev = 18;
	r.file.fd = -1;
	r.file.open_flags = 6;
	r.file.inode_uid = 7;
	r.file.nlink = 8;
	r.file.flags = BT_FILE_STDIO | BT_FILE_SNAPSHOT;
	r.file.path_len = 6;
	r.file.sk_family = 10;
	r.file.sk_type = 1;
	r.file.sk_protocol = 11;
	r.file.local_port = 12;
	r.file.peer_port = 13;
	r.file.sk_state = 14;
	memset(r.file.local_addr, 15, 16);
	memset(r.file.peer_addr, 16, 16);
	assert_int_equal(decode(&r, &ev), 0);
	assert_int_equal(ev.kind, BT_REC_FILE);
	assert_int_equal(ev.file.file.obj, 1);
	assert_int_equal(ev.file.size, 5);
	assert_int_equal(ev.file.sock_ino, 17);
	assert_int_equal(ev.file.sock_dev, 18);
	assert_int_equal(ev.file.fd, -1);
	assert_int_equal(ev.file.open_flags, 6);
	assert_int_equal(ev.file.inode_uid, 7);
	assert_int_equal(ev.file.nlink, 8);
	assert_int_equal(ev.file.flags, BT_FILE_STDIO | BT_FILE_SNAPSHOT);
	assert_int_equal(ev.file.sk_family, 10);
	assert_int_equal(ev.file.sk_type, 1);
	assert_int_equal(ev.file.sk_protocol, 11);
	assert_int_equal(ev.file.local_port, 12);
	assert_int_equal(ev.file.peer_port, 13);
	assert_int_equal(ev.file.sk_state, 14);
	assert_memory_equal(ev.file.local_addr, r.file.local_addr, 16);
	assert_memory_equal(ev.file.peer_addr, r.file.peer_addr, 16);
	assert_true(span_eq_str(ev.file.path, "/tmp/x"));
	r.file.path_len = 5;
	expect_bad(&r);
	r.file.path_len = 7;
	expect_bad(&r);
	r.file.path_len = 6;
	r.file.file.type = BT_FILE_TYPE_MAX;
	expect_bad(&r);
}

static void test_path_limit(void **state)
{
	static char path[BT_PATH_LEN + 1];
	struct rec r = begin(BT_REC_FILE, path, BT_PATH_LEN);
	struct event ev;

	r.file.path_len = BT_PATH_LEN;
	assert_int_equal(decode(&r, &ev), 0);
	r = begin(BT_REC_FILE, path, BT_PATH_LEN + 1);
	r.file.path_len = BT_PATH_LEN + 1;
	expect_bad(&r);
	r = begin(BT_REC_EXEC, path, BT_PATH_LEN + 1);
	r.exec.path_len = BT_PATH_LEN + 1;
	expect_bad(&r);
}

static void test_exec(void **state)
{
	struct rec r = begin(BT_REC_EXEC, "/bin/sh", 7);
	struct event ev;

	r.exec.exe_ino = 1;
	r.exec.cgroup_id = 2;
	r.exec.args_len = 3;
	r.exec.env_len = 4;
	r.exec.exe_dev = 5;
	r.exec.ppid = 6;
	r.exec.ns_pid = 7;
	r.exec.pid_ns = 8;
	r.exec.mnt_ns = 9;
	r.exec.path_len = 7;
	assert_int_equal(decode(&r, &ev), 0);
	assert_int_equal(ev.kind, BT_REC_EXEC);
	assert_int_equal(ev.exec.exe_ino, 1);
	assert_int_equal(ev.exec.cgroup_id, 2);
	assert_int_equal(ev.exec.args_len, 3);
	assert_int_equal(ev.exec.env_len, 4);
	assert_int_equal(ev.exec.exe_dev, 5);
	assert_int_equal(ev.exec.ppid, 6);
	assert_int_equal(ev.exec.ns_pid, 7);
	assert_int_equal(ev.exec.pid_ns, 8);
	assert_int_equal(ev.exec.mnt_ns, 9);
	assert_true(span_eq_str(ev.exec.path, "/bin/sh"));
	r.exec.path_len = 8;
	expect_bad(&r);
}

static struct rec args_rec(void)
{
	struct rec r = begin(BT_REC_ARGS, "a\0b", 3);

	r.args.total_len = 10;
	r.args.off = 7;
	r.args.data_len = 3;
	r.args.lost_len = 2;
	r.args.which = BT_ARGS_ENV;
	r.args.last = 1;
	return r;
}

static void test_args(void **state)
{
	struct rec r = args_rec();
	struct event ev;

	assert_int_equal(decode(&r, &ev), 0);
	assert_int_equal(ev.kind, BT_REC_ARGS);
	assert_int_equal(ev.args.total_len, 10);
	assert_int_equal(ev.args.off, 7);
	assert_int_equal(ev.args.lost_len, 2);
	assert_true(ev.args.env);
	assert_true(ev.args.last);
	assert_true(span_eq(ev.args.bytes, span_of("a\0b", 3)));
	r.args.which = BT_ARGS_ARGV;
	r.args.last = 0;
	assert_int_equal(decode(&r, &ev), 0);
	assert_false(ev.args.env);
	assert_false(ev.args.last);

	EXPECT_BAD(args_rec(), args.which = 2);
	EXPECT_BAD(args_rec(), args.last = 2);
	EXPECT_BAD(args_rec(), args.data_len = 4);
	EXPECT_BAD(args_rec(), args.off = 8);
	EXPECT_BAD(args_rec(), args.lost_len = 8);
	EXPECT_BAD(args_rec(), args.total_len = 6);
}

static void test_fork_and_exit(void **state)
{
	struct rec r = begin(BT_REC_FORK, "x", 0);
	struct event ev;

	r.fork.child_start_ns = 77;
	r.fork.child_tgid = 78;
	assert_int_equal(decode(&r, &ev), 0);
	assert_int_equal(ev.kind, BT_REC_FORK);
	assert_int_equal(ev.fork.child_start_ns, 77);
	assert_int_equal(ev.fork.child_tgid, 78);
	r.tail_len = 1;
	r.hdr.len++;
	expect_bad(&r);

	r = begin(BT_REC_EXIT, "x", 0);
	r.exit.status = 9;
	assert_int_equal(decode(&r, &ev), 0);
	assert_int_equal(ev.kind, BT_REC_EXIT);
	assert_int_equal(ev.exit.status, 9);
	r.tail_len = 1;
	r.hdr.len++;
	expect_bad(&r);
}

static void test_map(void **state)
{
	static const char path[] = "/usr/lib/libssl.so.3";
	struct rec r = begin(BT_REC_MAP, path, sizeof(path) - 1);
	static const char longer[BT_PATH_LEN + 1];
	struct event ev;

	r.map.ino = 5;
	r.map.dev = 6;
	r.map.path_len = sizeof(path) - 1;
	assert_int_equal(decode(&r, &ev), 0);
	assert_int_equal(ev.kind, BT_REC_MAP);
	assert_int_equal(ev.map.ino, 5);
	assert_int_equal(ev.map.dev, 6);
	assert_true(span_eq(ev.map.path, SPAN_LIT("/usr/lib/libssl.so.3")));
	r.map.path_len--;
	expect_bad(&r);
	r = begin(BT_REC_MAP, longer, sizeof(longer));
	r.map.path_len = sizeof(longer);
	expect_bad(&r);
}

static void test_shared(void **state)
{
	static const char path[] = "/srv/map";
	struct rec r = begin(BT_REC_SHARED, path, sizeof(path) - 1);
	struct event ev;

	r.shared.file = (struct bt_file_id){ .ino = 2, .dev = 3, .type = BT_FILE_REG };
	r.shared.addr = 4096;
	r.shared.len = 8192;
	r.shared.off = 12288;
	r.shared.fd = -1;
	r.shared.what = BT_SHARED_UNMAP;
	r.shared.path_len = sizeof(path) - 1;
	assert_int_equal(decode(&r, &ev), 0);
	assert_int_equal(ev.shared.file.ino, 2);
	assert_int_equal(ev.shared.addr, 4096);
	assert_int_equal(ev.shared.len, 8192);
	assert_int_equal(ev.shared.off, 12288);
	assert_int_equal(ev.shared.fd, -1);
	assert_int_equal(ev.shared.what, BT_SHARED_UNMAP);
	assert_true(span_eq(ev.shared.path, SPAN_LIT("/srv/map")));
	r.shared.what++;
	expect_bad(&r);
	r.shared.what = 0;
	r.shared.addr = UINT64_MAX - 8191;
	expect_bad(&r);
	r.shared.addr = 0;
	r.shared.off = INT64_MAX - 8191;
	expect_bad(&r);
}

static void test_name(void **state)
{
	static const char names[] = "/new/old";
	struct rec r = begin(BT_REC_NAME, names, sizeof(names) - 1);
	struct event ev;

	r.name.file = (struct bt_file_id){ .ino = 2, .dev = 3, .type = BT_FILE_REG };
	r.name.what = BT_NAME_MODE;
	r.name.mode = 0100644;
	r.name.path_len = r.name.old_len = 4;
	assert_int_equal(decode(&r, &ev), 0);
	assert_int_equal(ev.name.file.dev, 3);
	assert_int_equal(ev.name.what, BT_NAME_MODE);
	assert_int_equal(ev.name.mode, 0644);
	assert_true(span_eq(ev.name.path, SPAN_LIT("/new")));
	assert_true(span_eq(ev.name.old, SPAN_LIT("/old")));
	r.name.what++;
	expect_bad(&r);
	r.name.what = 0;
	r.name.old_len = 5;
	expect_bad(&r);
}

static void test_cgroup(void **state)
{
	static const char text[] = "0::/system.slice/mcp.service\n";
	struct rec r = begin(BT_REC_CGROUP, text, sizeof(text) - 1);
	static const char longer[BT_CGROUP_LEN + 1];
	struct event ev;

	r.cgroup.text_len = sizeof(text) - 1;
	assert_int_equal(decode(&r, &ev), 0);
	assert_int_equal(ev.kind, BT_REC_CGROUP);
	assert_true(span_eq_str(ev.cgroup.text, text));
	r.cgroup.text_len--;
	expect_bad(&r);
	r = begin(BT_REC_CGROUP, longer, BT_CGROUP_LEN);
	r.cgroup.text_len = BT_CGROUP_LEN;
	assert_int_equal(decode(&r, &ev), 0);
	r = begin(BT_REC_CGROUP, longer, sizeof(longer));
	r.cgroup.text_len = sizeof(longer);
	expect_bad(&r);
}

static void test_copy(void **state)
{
	static const char path[] = "/srv/token";
	struct rec r = begin(BT_REC_COPY, path, sizeof(path) - 1);
	struct event ev;

	r.copy.file = (struct bt_file_id){ .obj = 1, .type = BT_FILE_PIPE };
	r.copy.from = (struct bt_file_id){ .ino = 2, .dev = 3, .type = BT_FILE_REG };
	r.copy.pos = 10;
	r.copy.from_off = 20;
	r.copy.len = 30;
	r.copy.fd = 4;
	r.copy.from_fd = 5;
	r.copy.call = BT_CALL_SENDFILE;
	r.copy.path_len = sizeof(path) - 1;
	assert_int_equal(decode(&r, &ev), 0);
	assert_int_equal(ev.copy.file.obj, 1);
	assert_int_equal(ev.copy.from.ino, 2);
	assert_int_equal(ev.copy.pos, 10);
	assert_int_equal(ev.copy.from_off, 20);
	assert_int_equal(ev.copy.len, 30);
	assert_int_equal(ev.copy.fd, 4);
	assert_int_equal(ev.copy.from_fd, 5);
	assert_int_equal(ev.copy.call, BT_CALL_SENDFILE);
	assert_true(span_eq(ev.copy.path, SPAN_LIT("/srv/token")));
	r.copy.pos = UINT64_MAX - 29;
	expect_bad(&r);
	r.copy.pos = UINT64_MAX - 30;
	assert_int_equal(decode(&r, &ev), 0);
	r.copy.from_off = INT64_MAX - 29;
	expect_bad(&r);
	r.copy.from_off = 0;
	r.copy.call = BT_CALL_MAX;
	expect_bad(&r);
	r.copy.call = 0;
	r.copy.from.type = BT_FILE_TYPE_MAX;
	expect_bad(&r);
}

static void test_every_other_length_is_refused(void **state)
{
	struct event ev;

	for (int kind = BT_REC_DATA; kind < BT_REC_KIND_MAX; kind++) {
		struct rec r = kind == BT_REC_DATA   ? data_rec()
			       : kind == BT_REC_ARGS ? args_rec()
						     : begin((enum bt_rec_kind)kind, NULL, 0);
		size_t whole = r.fixed + r.tail_len;

		assert_int_equal(decode(&r, &ev), 0);
		for (size_t len = 0; len <= whole + 8; len++) {
			if (len == whole)
				continue;
			/* As the header says, and with a header that agrees with the length. */
			r.hdr.len = (uint32_t)whole;
			assert_int_equal(decode_cut(&r, len, &ev), -EBADMSG);
			r.hdr.len = (uint32_t)len;
			assert_int_equal(decode_cut(&r, len, &ev), -EBADMSG);
		}
		r.hdr.len = 0;
		expect_bad(&r);
	}
	assert_int_equal(event_decode(SPAN_NONE, &ev), -EBADMSG);
}

static void test_unknown_kinds(void **state)
{
	struct rec r = begin(BT_REC_EXIT, NULL, 0);

	r.hdr.kind = 0;
	expect_bad(&r);
	r.hdr.kind = BT_REC_KIND_MAX;
	expect_bad(&r);
	r.hdr.kind = 0xffff;
	expect_bad(&r);
}

static void test_comm_is_a_printable_string(void **state)
{
	struct rec r = begin(BT_REC_EXIT, NULL, 0);
	struct event ev;

	memcpy(r.hdr.comm, "0123456789abcdef", BT_COMM_LEN);
	assert_int_equal(decode(&r, &ev), 0);
	assert_string_equal(ev.comm, "0123456789abcdef");
	memcpy(r.hdr.comm, "a\n\x1b\x7f\xc3\xbc\0junkjunk", BT_COMM_LEN);
	assert_int_equal(decode(&r, &ev), 0);
	assert_string_equal(ev.comm, "a???\xc3\xbc");
}

static void test_names(void **state)
{
	assert_string_equal(event_call_name(BT_CALL_WRITEV), "writev");
	assert_string_equal(event_call_name(BT_CALL_MAX), "unknown");
	assert_null(event_call_seen(BT_CALL_WRITE));
	assert_string_equal(event_call_seen(BT_CALL_SENDFILE), "afterwards, in the source file");
	assert_null(event_call_seen(BT_CALL_MAX));
	for (int i = BT_CALL_SENDFILE; i < BT_CALL_MAX; i++)
		assert_non_null(event_call_seen((enum bt_call)i));
	assert_string_equal(event_loss_name(BT_LOSS_RING_WINDOW), "ring-window");
	assert_string_equal(event_loss_name(BT_LOSS_MAX), "unknown");
	assert_string_equal(event_file_type_name(BT_FILE_PIPE), "pipe");
	assert_string_equal(event_file_type_name(BT_FILE_TYPE_MAX), "unknown");
	for (int i = 0; i < BT_CALL_MAX; i++)
		assert_non_null(event_call_name((enum bt_call)i));
	for (int i = 0; i < BT_LOSS_MAX; i++)
		assert_non_null(event_loss_name((enum bt_loss)i));
	for (unsigned int i = 0; i < BT_FILE_TYPE_MAX; i++)
		assert_non_null(event_file_type_name(i));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_data),
		cmocka_unit_test(test_data_of_any_size_up_to_a_chunk),
		cmocka_unit_test(test_bad_data),
		cmocka_unit_test(test_file),
		cmocka_unit_test(test_path_limit),
		cmocka_unit_test(test_exec),
		cmocka_unit_test(test_args),
		cmocka_unit_test(test_fork_and_exit),
		cmocka_unit_test(test_map),
		cmocka_unit_test(test_shared),
		cmocka_unit_test(test_name),
		cmocka_unit_test(test_copy),
		cmocka_unit_test(test_cgroup),
		cmocka_unit_test(test_every_other_length_is_refused),
		cmocka_unit_test(test_unknown_kinds),
		cmocka_unit_test(test_comm_is_a_printable_string),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests_name("event", tests, NULL, NULL);
}
