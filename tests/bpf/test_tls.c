/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Plaintext of TLS at the library's calls: byte for byte, in both roles, with the socket under it, and also
 * of a library that nobody has mapped before.
 */
#include "tls_rig.h"

#include <sched.h>
#include <sys/mount.h>

#define PY "/usr/bin/python3"
/* Not a multiple of anything, and more than one record of TLS or of ours. */
#define SIZE "100003"

/*
 * The scripts wait for a file "go", so that the test can set its probes, then one process is server and
 * client of itself: the client sends SIZE bytes, the server returns them with every one added 1.
 */
static const char python[] =
	"import os, socket, ssl, sys, threading, time\n"
	"os.chdir(sys.argv[1])\n"
	"while not os.path.exists('go'): time.sleep(.01)\n"
	"data = bytes(i * 7 % 251 for i in range(" SIZE "))\n"
	"def get(c, n):\n"
	"    b = b''\n"
	"    while len(b) < n: b += c.recv(65536)\n"
	"    return b\n"
	"ctx = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)\n"
	"ctx.load_cert_chain('cert.pem', 'key.pem')\n"
	"l = socket.create_server(('127.0.0.1', 0))\n"
	"def serve():\n"
	"    c = ctx.wrap_socket(l.accept()[0], server_side=True)\n"
	"    c.sendall(bytes((b + 1) % 251 for b in get(c, len(data))))\n"
	"    c.recv(1)\n"
	"t = threading.Thread(target=serve)\n"
	"t.start()\n"
	"c = ssl.create_default_context(cafile='cert.pem').wrap_socket(\n"
	"    socket.create_connection(l.getsockname()), server_hostname='localhost')\n"
	"c.sendall(data)\n"
	"assert get(c, len(data))[0] == 1\n"
	"c.close()\n"
	"t.join()\n";

/* The library is given memory, and the sockets are the event loop's. The first that it is called for is a write. */
static const char asyncio[] =
	"import asyncio, os, ssl, sys\n"
	"os.chdir(sys.argv[1])\n"
	"data = bytes(i * 7 % 251 for i in range(" SIZE "))\n"
	"ctx = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)\n"
	"ctx.load_cert_chain('cert.pem', 'key.pem')\n"
	"async def serve(r, w):\n"
	"    w.write(bytes((b + 1) % 251 for b in await r.readexactly(len(data))))\n"
	"    await w.drain()\n"
	"async def main():\n"
	"    while not os.path.exists('go'): await asyncio.sleep(.01)\n"
	"    s = await asyncio.start_server(serve, '127.0.0.1', 0, ssl=ctx)\n"
	"    r, w = await asyncio.open_connection(*s.sockets[0].getsockname(), "
	"server_hostname='localhost',\n"
	"        ssl=ssl.create_default_context(cafile='cert.pem'))\n"
	"    w.write(data)\n"
	"    assert (await r.readexactly(len(data)))[0] == 1\n"
	"    w.close()\n"
	"asyncio.run(main())\n";

static const char node[] =
	"const tls = require('tls'), fs = require('fs'); process.chdir(process.argv[1]);\n"
	"const data = Buffer.from(Array.from({ length: " SIZE " }, (_, i) => i * 7 % 251));\n"
	"function get(c, then) {\n"
	"  let b = Buffer.alloc(0);\n"
	"  c.on('data', d => { b = Buffer.concat([b, d]); if (b.length == data.length) then(b); "
	"});\n"
	"}\n"
	"function go() {\n"
	"  if (!fs.existsSync('go')) return setTimeout(go, 10);\n"
	"  const cert = fs.readFileSync('cert.pem'), key = fs.readFileSync('key.pem');\n"
	"  const s = tls.createServer({ cert, key }, c => get(c, b => c.end(b.map(x => (x + 1) % "
	"251))));\n"
	"  s.listen(0, '127.0.0.1', () => {\n"
	"    const c = tls.connect({ port: s.address().port, host: '127.0.0.1', ca: cert,\n"
	"      servername: 'localhost' }, () => c.write(data));\n"
	"    get(c, () => { c.end(); s.close(); });\n"
	"  });\n"
	"}\n"
	"go();\n";

/*
 * The client gives its library memory, and is watched once it is connected: the library is called for a write while
 * nothing is known of a socket, and for the next one when it has read. Both write in two halves.
 */
static const char midway[] = "import os, socket, ssl, sys, threading, time\n"
			     "os.chdir(sys.argv[1])\n"
			     "data = bytes(i * 7 % 251 for i in range(" SIZE "))\n"
			     "half = len(data) // 2\n"
			     "def get(c, n):\n"
			     "    b = b''\n"
			     "    while len(b) < n: b += c.recv(65536)\n"
			     "    return b\n"
			     "ctx = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)\n"
			     "ctx.load_cert_chain('cert.pem', 'key.pem')\n"
			     "l = socket.create_server(('127.0.0.1', 0))\n"
			     "def serve():\n"
			     "    c = ctx.wrap_socket(l.accept()[0], server_side=True)\n"
			     "    for part in (data[:half], data[half:]):\n"
			     "        c.sendall(bytes((b + 1) % 251 for b in get(c, len(part))))\n"
			     "    c.recv(1)\n"
			     "t = threading.Thread(target=serve)\n"
			     "t.start()\n"
			     "inc, out = ssl.MemoryBIO(), ssl.MemoryBIO()\n"
			     "s = socket.create_connection(l.getsockname())\n"
			     "c = ssl.create_default_context(cafile='cert.pem').wrap_bio(inc, out, "
			     "server_hostname='localhost')\n"
			     "def flow(f, *args):\n"
			     "    while True:\n"
			     "        try:\n"
			     "            n = f(*args)\n"
			     "            s.sendall(out.read())\n"
			     "            return n\n"
			     "        except ssl.SSLWantReadError:\n"
			     "            s.sendall(out.read())\n"
			     "            inc.write(s.recv(65536))\n"
			     "flow(c.do_handshake)\n"
			     "open('ready', 'w')\n"
			     "while not os.path.exists('go'): time.sleep(.01)\n"
			     "for part in (data[:half], data[half:]):\n"
			     "    flow(c.write, part)\n"
			     "    n = 0\n"
			     "    while n < len(part): n += len(flow(c.read, 65536))\n"
			     "s.close()\n"
			     "t.join()\n";

static int child_python(void *arg)
{
	if (arg)
		setenv("LD_LIBRARY_PATH", dir, 1);
	execl(PY, PY, "-c", python, dir, NULL);
	return 127;
}

static int child_midway(void *arg)
{
	execl(PY, PY, "-c", midway, dir, NULL);
	return 127;
}

static int child_asyncio(void *arg)
{
	execl(PY, PY, "-c", asyncio, dir, NULL);
	return 127;
}

static int child_node(void *arg)
{
	execlp("node", "node", "-e", node, dir, NULL);
	return 127;
}

/* The file at whose mapping or execution the TLS functions are found. */
static bool has_mapped(struct rig *rig, pid_t pid, const char *what)
{
	struct rig_rec *r;

	rig_each(rig, BT_REC_MAP, pid,
		 r) if (memmem(r->tail, r->tail_len, what, strlen(what))) return true;
	rig_each(rig, BT_REC_EXEC, pid,
		 r) if (memmem(r->tail, r->tail_len, what, strlen(what))) return true;
	return false;
}

struct side {
	char *p;
	size_t len;
	const struct rig_rec *first;
};

/* The stream of one connection and direction, which has to be without gap. */
static struct side side(struct rig *rig, pid_t pid, uint64_t obj, enum bt_dir dirn)
{
	struct side s = { 0 };
	struct rig_rec *r;

	rig_each(rig, BT_REC_DATA, pid, r)
	{
		if (r->data.file.type != BT_FILE_TLS || r->data.file.obj != obj ||
		    r->data.dir != dirn)
			continue;
		if (!s.first)
			s.first = r;
		assert_int_equal(r->data.pos, s.len);
		assert_memory_equal(&r->data.file, &s.first->data.file, sizeof(r->data.file));
		assert_int_equal(r->data.call,
				 dirn == BT_DIR_IN ? BT_CALL_TLS_READ : BT_CALL_TLS_WRITE);
		s.p = realloc(s.p, s.len + r->data.data_len);
		assert_non_null(s.p);
		memcpy(s.p + s.len, r->tail, r->data.data_len);
		s.len += r->data.data_len;
	}
	return s;
}

static void check_bytes(struct rig *rig, pid_t pid, uint64_t obj, enum bt_dir dirn, bool answer)
{
	struct side s = side(rig, pid, obj, dirn);

	assert_int_equal(s.len, atoi(SIZE));
	for (size_t i = 0; i < s.len; i++)
		if ((uint8_t)s.p[i] != (answer ? (i * 7 % 251 + 1) % 251 : i * 7 % 251))
			fail_msg("byte %zu is wrong", i);
	free(s.p);
}

/* Two connections, the client's and the server's, with all their bytes, each on its own socket. */
static void check(struct rig *rig, pid_t pid)
{
	const struct rig_rec *client = NULL, *server = NULL;
	struct rig_rec *r;

	rig_each(rig, BT_REC_FILE, pid, r)
	{
		unsigned int role;

		if (r->file.file.type != BT_FILE_TLS)
			continue;
		role = role_of(rig, pid, r->file.sock_ino, r->file.sock_dev);
		if (role == BT_FILE_CONNECTED)
			client = r;
		else if (role == BT_FILE_ACCEPTED)
			server = r;
		else
			fail_msg("a connection without a role: inode %llu",
				 (unsigned long long)r->file.sock_ino);
	}
	assert_non_null(client);
	assert_non_null(server);
	check_bytes(rig, pid, client->file.file.obj, BT_DIR_OUT, false);
	check_bytes(rig, pid, server->file.file.obj, BT_DIR_IN, false);
	check_bytes(rig, pid, server->file.file.obj, BT_DIR_OUT, true);
	check_bytes(rig, pid, client->file.file.obj, BT_DIR_IN, true);
}

static void run_until_mapped(struct rig *rig, struct rig_child *child, const char *what)
{
	uint64_t end = rig_now_ms() + RIG_WAIT_MS;

	while (!has_mapped(rig, child->pid, what)) {
		struct pollfd p = { .fd = capture_fd(rig->c), .events = POLLIN };

		if (rig_now_ms() > end)
			fail_msg("%s is never mapped", what);
		poll(&p, 1, 100);
		rig_drain(rig);
	}
}

static void finish(struct rig *rig, struct rig_child *child)
{
	make_file("go");
	rig_wait_exit(rig, child->pid);
	assert_int_equal(rig_reap(child), 0);
	check(rig, child->pid);
	rig_no_loss(rig);
	rig_close(rig);
}

static void run(int (*fn)(void *arg), void *arg, const char *what)
{
	struct rig_child child;
	struct rig rig;

	rig_open(&rig, 0, 0);
	rig_fork(&child, fn, arg);
	rig_watch(&rig, &child);
	rig_go(&child);
	run_until_mapped(&rig, &child, what);
	finish(&rig, &child);
}

static void test_python(void **state)
{
	run(child_python, NULL, "/libssl.so.3");
}

static void test_asyncio(void **state)
{
	run(child_asyncio, NULL, "/libssl.so.3");
}

static void test_node(void **state)
{
	run(child_node, NULL, "/node");
}

/* A copy of the libraries under the directory's name `sub`, which is made; each call makes new files. */
static void copy_libraries(const char *sub)
{
	char command[256];

	snprintf(command, sizeof(command),
		 "mkdir -p $BT_TLS_DIR/%s && cd $BT_TLS_DIR/%s && for l in $(ldconfig -p | "
		 "awk '/lib(ssl|crypto).so.3 /{print $NF}'); do cp -L $l new && "
		 "mv new ${l##*/} || exit 1; done",
		 sub, sub);
	assert_int_equal(system(command), 0);
}

/* A library of the program's own: found when it is mapped, long after the exec. */
static void test_own_library(void **state)
{
	copy_libraries(".");
	run(child_python, dir, dir);
}

/* Its own mounts and root: the names that the process has for its files mean nothing to us. */
static int child_elsewhere(void *arg)
{
	char root[64], own[96];

	snprintf(root, sizeof(root), "%s/root", dir);
	snprintf(own, sizeof(own), "%s/mnt", root);
	if (unshare(CLONE_NEWNS) || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mkdir(root, 0700) || mount("/", root, NULL, MS_BIND | MS_REC, NULL) ||
	    mount("none", own, "tmpfs", 0, NULL) ||
	    system("cp -L $BT_TLS_DIR/lib*.so.3 $BT_TLS_DIR/root/mnt") || chroot(root) ||
	    chdir("/"))
		return 126;
	setenv("LD_LIBRARY_PATH", "/mnt", 1);
	return child_python(NULL);
}

static void test_mount_namespace(void **state)
{
	copy_libraries(".");
	run(child_elsewhere, NULL, "/mnt/libssl.so.3");
}

/* Without reading records. */
static void wait_until_mapped(pid_t pid)
{
	uint64_t end = rig_now_ms() + RIG_WAIT_MS;
	char line[512];
	bool there = false;

	while (!there) {
		FILE *f;

		assert_true(rig_now_ms() < end);
		usleep(10000);
		snprintf(line, sizeof(line), "/proc/%d/maps", (int)pid);
		f = fopen(line, "re");
		while (f && fgets(line, sizeof(line), f))
			there |= strstr(line, "libssl.so.3") != NULL;
		if (f)
			fclose(f);
	}
}

/* Loads its libraries once there is a file "load". */
static int child_python_slow(void *arg)
{
	char script[sizeof(python) + 256];

	snprintf(script, sizeof(script),
		 "import os, sys, time\n"
		 "open(sys.argv[1] + '/ready', 'w')\n"
		 "while not os.path.exists(sys.argv[1] + '/load'): time.sleep(.01)\n%s",
		 python);
	setenv("LD_LIBRARY_PATH", dir, 1);
	execl(PY, PY, "-c", script, dir, NULL);
	return 127;
}

/* The library is replaced, as by an upgrade, before we come to look at what was mapped. */
static void test_replaced_meanwhile(void **state)
{
	struct rig_child child;
	struct rig rig;

	copy_libraries(".");
	rig_open(&rig, 0, 0);
	rig_fork(&child, child_python_slow, NULL);
	rig_watch(&rig, &child);
	rig_go(&child);
	wait_for_file("ready");
	rig_drain(&rig);
	make_file("load");
	wait_until_mapped(child.pid);
	copy_libraries(".");
	rig_drain(&rig);
	finish(&rig, &child);
}

static bool has_exited(struct rig *rig, pid_t pid)
{
	size_t from = 0;

	return rig_find(rig, BT_REC_EXIT, pid, &from);
}

static void wait_both(struct rig *rig, pid_t a, pid_t b)
{
	uint64_t end = rig_now_ms() + RIG_WAIT_MS;

	while (!has_exited(rig, a) || !has_exited(rig, b)) {
		struct pollfd p = { .fd = capture_fd(rig->c), .events = POLLIN };

		assert_true(rig_now_ms() < end);
		poll(&p, 1, 100);
		rig_drain(rig);
	}
}

/* Old processes have the old library, which has no name any more, and new ones the new one: both are watched. */
static void test_upgrade(void **state)
{
	struct error err = { 0 };
	struct rig_child old, new;
	struct rig rig;

	copy_libraries(".");
	rig_fork(&old, child_python, dir);
	rig_go(&old);
	wait_until_mapped(old.pid);
	copy_libraries(".");
	rig_open(&rig, 0, 0);
	assert_int_equal(capture_watch_running(rig.c, &old.pid, 1, true, &err), 0);
	rig_fork(&new, child_python, dir);
	rig_watch(&rig, &new);
	rig_go(&new);
	run_until_mapped(&rig, &new, dir);
	make_file("go");
	wait_both(&rig, old.pid, new.pid);
	assert_int_equal(rig_reap(&old), 0);
	assert_int_equal(rig_reap(&new), 0);
	check(&rig, old.pid);
	check(&rig, new.pid);
	rig_no_loss(&rig);
	rig_close(&rig);
}

/* Watched only once it runs: its maps are read. */
static void test_late(void **state)
{
	struct error err = { 0 };
	struct rig_child child;
	struct rig rig;

	rig_fork(&child, child_python, dir);
	rig_go(&child);
	wait_until_mapped(child.pid);
	rig_open(&rig, 0, 0);
	assert_int_equal(capture_watch_running(rig.c, &child.pid, 1, true, &err), 0);
	rig_drain(&rig);
	finish(&rig, &child);
}

/* The stream is one and the same before and after its socket is known. */
static void test_socket_known_midway(void **state)
{
	struct error err = { 0 };
	struct rig_child child;
	size_t without = 0, with = 0;
	struct rig_rec *r;
	struct rig rig;
	uint64_t obj = 0;

	rig_fork(&child, child_midway, NULL);
	rig_go(&child);
	wait_for_file("ready");
	rig_open(&rig, 0, 0);
	assert_int_equal(capture_watch_running(rig.c, &child.pid, 1, true, &err), 0);
	rig_drain(&rig);
	make_file("go");
	rig_wait_exit(&rig, child.pid);
	assert_int_equal(rig_reap(&child), 0);
	rig_each(&rig, BT_REC_FILE, child.pid, r)
	{
		if (r->file.file.type != BT_FILE_TLS)
			continue;
		/* The client's library is called first. */
		if (!obj)
			obj = r->file.file.obj;
		if (r->file.file.obj != obj)
			continue;
		if (r->file.sock_ino)
			with++;
		else
			without++;
	}
	/* Once for what is written, which goes on; and for what is read, where it is known. */
	assert_int_equal(without, 1);
	assert_int_equal(with, 2);
	check_bytes(&rig, child.pid, obj, BT_DIR_OUT, false);
	check_bytes(&rig, child.pid, obj, BT_DIR_IN, true);
	rig_no_loss(&rig);
	rig_close(&rig);
}

/* A test that failed may have left some. */
static int no_files(void **state)
{
	remove_file("go");
	remove_file("ready");
	remove_file("load");
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_python, no_files),
		cmocka_unit_test_setup(test_asyncio, no_files),
		cmocka_unit_test_setup(test_node, no_files),
		cmocka_unit_test_setup(test_own_library, no_files),
		cmocka_unit_test_setup(test_mount_namespace, no_files),
		cmocka_unit_test_setup(test_replaced_meanwhile, no_files),
		cmocka_unit_test_setup(test_upgrade, no_files),
		cmocka_unit_test_setup(test_late, no_files),
		cmocka_unit_test_setup(test_socket_known_midway, no_files),
	};

	return cmocka_run_group_tests(tests, tls_group_open, tls_group_close);
}
