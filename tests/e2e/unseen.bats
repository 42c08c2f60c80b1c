#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# Ways for bytes that are no read or write call: beartrap finds the token all the same, or says that it did not see everything.

load lib

setup() {
	e2e_setup
	cd "$D" || return 1
	"$PY" "$E2E/tokens.py" "$V" token >"$D/token"
}

teardown() {
	cd /
	e2e_teardown
}

found_or_told() {
	beartrap_run -- "$@"
	# The token really went where it must not go.
	grep -qFf "$D/token" "$D/stdout" "$D/copy" 2>/dev/null
	if [ "$(alerts)" = 0 ] && grep -q 'every byte examined' "$T"; then
		echo "not found, yet: $(tail -n 1 "$T")" >&2
		return 1
	fi
}

# found_afterwards COMMAND...: by a look at the file that the bytes came from; nothing is lost.
found_afterwards() {
	found_or_told "$@"
	equal "tokens" "$(alerts)" 1
	grep -q '^note: 41 bytes that sendfile, splice or copy_file_range moved were read afterwards' "$T"
	run ! grep 'NOT CLEAN' "$T"
}

@test "sendfile to stdout" {
	found_afterwards "$PY" -c 'import os; os.sendfile(1, os.open("token", 0), 0, 41)'
	equal "sink" "$(alert_members sink.class)" stdout
}

@test "splice: out of a file into a pipe, and out of the pipe" {
	found_afterwards "$PY" -c '
import os
r, w = os.pipe()
os.splice(os.open("token", 0), w, 41)
os.splice(r, 1, 41)'
	grep -q '^note: 41 bytes that splice or tee moved are known from what was written to the pipe' "$T"
	grep -q '^ *seen *from what was put into the pipe' "$T"
	equal "seen" "$(alert_members sink.seen)" "from what was put into the pipe"
}

@test "splice: out of a pipe that was there before the watch" {
	mkfifo fifo
	cat token >fifo 3>&- &
	writer=$!
	beartrap_run -- "$PY" -c '
import os, socket
pair = socket.socketpair()
os.splice(os.open("fifo", 0), pair[0].fileno(), 41)'
	wait "$writer"
	equal "status" "$status" 125
	grep -q 'NOT CLEAN: .*splice 41 bytes' "$T"
}

@test "splice: out of such a pipe into a file, which is read afterwards" {
	mkfifo fifo
	cat token >fifo 3>&- &
	writer=$!
	beartrap_run -- "$PY" -c '
import os
os.splice(os.open("fifo", 0), os.open("copy", os.O_WRONLY | os.O_CREAT, 0o644), 41)'
	wait "$writer"
	equal "tokens" "$(alerts)" 1
	equal "seen" "$(alert_members sink.seen)" "afterwards, in the file that it went to"
	run ! grep 'NOT CLEAN' "$T"
}

@test "copy_file_range from the middle of a file into a log" {
	{ head -c 5000 /dev/zero | tr '\0' x; echo; cat token; } >source
	found_afterwards "$PY" -c '
import os
log = os.open("server.log", os.O_WRONLY | os.O_CREAT, 0o644)
os.copy_file_range(os.open("source", 0), log, 41, 5001)
os.link("server.log", "copy")'
	equal "sink" "$(alert_members sink.path | sed 's,.*/,,')" server.log
}

@test "cat and cp of coreutils 9" {
	beartrap_run -- sh -c 'cat token; cp token copy.log; cat token | cat >>copy.log'
	grep -qFf "$D/token" "$D/stdout"
	# The pipe is the second cat's input, unless the first has written before there is a second.
	equal "sinks" "$(alert_members sink.class | grep -vx pipe | sort -u | xargs)" "log-file stdout"
	run ! grep 'NOT CLEAN' "$T"
}

# mapped_and_found TOKENS COMMAND...: by a look at the mapped file; nothing is lost.
mapped_and_found() {
	found_or_told "${@:2}"
	equal "tokens" "$(alerts)" "$1"
	grep -q '^note: files in shared mappings were read .*, [1-9][0-9]* bytes were new' "$T"
	run ! grep 'NOT CLEAN' "$T"
}

@test "a shared mapping of a file, by python" {
	mapped_and_found 1 "$PY" -c '
import mmap, os
fd = os.open("copy", os.O_RDWR | os.O_CREAT, 0o600)
os.ftruncate(fd, 4096)
mmap.mmap(fd, 4096)[:40] = open("token", "rb").read(40)'
	equal "sink" "$(alert_members sink.path | sed 's,.*/,,')" copy
}

@test "a shared mapping: what is in the file before is no news, what comes beside it is" {
	{ printf 'access_token='; cat token; head -c 4000 /dev/zero | tr '\0' ' '; } >copy
	"$PY" "$E2E/tokens.py" "$V" other >other
	touch -d '2020-01-01' copy
	mapped_and_found 1 "$PY" -c '
import mmap, os, time
fd = os.open("copy", os.O_RDWR)
m = mmap.mmap(fd, os.fstat(fd).st_size)
time.sleep(1)
m[100:141] = open("other", "rb").read(41)'
	equal "token" "$(alert_members secret.length)" 40
	"$BEARTRAP" scan --fail-on never --output "jsonl:scan" --output text:/dev/null other
	equal "token" "$(alert_members secret.fingerprint)" \
		"$("$PY" -c 'import json; print(json.loads(open("scan").readline())["secret"]["fingerprint"])')"
}

@test "a big shared mapping that never changes costs nothing and is clean" {
	head -c 32M /dev/urandom >big
	truncate -s 256M big
	touch -d '2020-01-01' big
	beartrap_run -- "$PY" -c '
import mmap, os
fd = os.open("big", os.O_RDWR)
m = mmap.mmap(fd, os.fstat(fd).st_size)
for i in range(20):
    m.flush()
    m.read(100000)'
	equal "status" "$status" 0
	grep -q 'clean: nothing found, every byte examined' "$T"
}

@test "a database of sqlite in WAL mode: its index is a shared mapping" {
	sql='
import sqlite3, sys
db = sqlite3.connect("server.db")
db.execute("pragma journal_mode=wal")
db.execute("create table t (id integer, value text)")
for i in range(50):
    db.execute("insert into t values (?, ?)", (i, open(sys.argv[1]).read().strip()))
    db.commit()
db.close()'
	echo nothing >nothing
	beartrap_run -- "$PY" -c "$sql" nothing
	equal "status" "$status" 0
	grep -q 'clean: nothing found, every byte examined' "$T"
	rm -f server.db*
	beartrap_run -- "$PY" -c "$sql" token
	[ "$(alerts)" -ge 1 ]
	run ! grep 'NOT CLEAN' "$T"
}

@test "a 32-bit program: seen where fexit loads, else told: its calls have no tracepoints" {
	cat >small.c <<'EOF'
void _start(void)
{
	static const char text[] = "hello\n";
	long n = sizeof(text) - 1;

	__asm__ volatile("int $0x80" : : "a"(4), "b"(1), "c"(text), "d"(n) : "memory");
	__asm__ volatile("int $0x80" : : "a"(1), "b"(0));
	__builtin_unreachable();
}
EOF
	"${CC:-cc}" -m32 -O2 -nostdlib -static -fno-pie -no-pie -fno-stack-protector -o small small.c
	# Not every kernel runs such programs; one that does not leaves nothing to miss.
	[ "$(./small 2>/dev/null)" = hello ] || return 0
	beartrap_run -- ./small
	equal "written" "$(cat stdout)" hello
	if [ "$(backend)" = fexit ]; then
		equal "status" "$status" 0
		grep -q 'every byte examined' "$T"
	else
		equal "status" "$status" 125
		grep -q 'NOT CLEAN: .*32-bit-program 1 events' "$T"
	fi
}

@test "io_uring: a request that completes in silence is told" {
	cat >silent.c <<'EOF'
#include <linux/io_uring.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(void)
{
	struct io_uring_params p = { 0 };
	int ring = syscall(SYS_io_uring_setup, 1, &p);
	char *sq = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, ring, IORING_OFF_SQ_RING);
	struct io_uring_sqe *sqe = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, ring, IORING_OFF_SQES);

	if (ring < 0 || sq == MAP_FAILED || sqe == MAP_FAILED)
		return 3;
	*sqe = (struct io_uring_sqe){ .opcode = IORING_OP_WRITE, .flags = IOSQE_CQE_SKIP_SUCCESS, .fd = 1,
				      .addr = (unsigned long)"hello\n", .len = 6 };
	++*(unsigned int *)(sq + p.sq_off.tail);
	if (syscall(SYS_io_uring_enter, ring, 1, 0, 0, NULL, 0) != 1)
		return 4;
	while (lseek(1, 0, SEEK_END) < 6)
		usleep(1000);
	return 0;
}
EOF
	"${CC:-cc}" -O2 -o silent silent.c
	beartrap_run -- ./silent
	equal "written" "$(cat stdout)" hello
	equal "status" "$status" 125
	grep -q 'NOT CLEAN: .*io_uring 6 bytes' "$T"
}

@test "node whose files go through io_uring: seen as its system calls are" {
	needs_node
	cat >server.mjs <<'EOF'
import fs from 'node:fs';
const token = await fs.promises.readFile('token');
const log = await fs.promises.open('server.log', 'a', 0o644);
await log.write('a line\n');
await log.writev([Buffer.from('token: '), token]);
await log.close();
for (const t of fs.readdirSync('/proc/self/task'))
  if (fs.readFileSync(`/proc/self/task/${t}/comm`, 'utf8').startsWith('iou-sqp'))
    console.log('by a ring');
EOF
	UV_USE_IO_URING=1 beartrap_run -- node server.mjs
	grep -qFf token server.log
	equal "tokens" "$(alerts)" 1
	equal "sink" "$(alert_members sink.path | sed 's,.*/,,')" server.log
	equal "process" "$(alert_members process.comm)" node
	run ! grep 'NOT CLEAN' "$T"
	equal "way" "$(sort -u stdout)" "by a ring"
}

# became RULES SCRIPT: the rules that a token in x.json breaks, and then in what becomes of it.
became() {
	rm -f x.json y.tmp
	beartrap_run -- sh -ec "umask 077; cat token >x.json; $2"
	equal "rules" "$(alert_members rule | sort -u | tr '\n' ' ')" "token-file-plaintext $1"
	run ! grep 'NOT CLEAN' "$T"
}

@test "chmod after the write" {
	became "" 'chmod 0400 x.json; rm -f x.json'
	# Sorted: what is said of the file as it was written comes behind.
	beartrap_run -- sh -ec 'umask 077; cat token >x.json; chmod 0644 x.json'
	equal "rules" "$(alert_members rule | sort -u | tr '\n' ' ')" "token-file-permissive token-file-plaintext "
}

@test "renamed into a log, into place, and left under a temporary name" {
	became "token-in-log-file " 'mv x.json server.log'
	became "" 'cat token >y.tmp; mv y.tmp x.json'
	became "" 'cat token >y.tmp; rm y.tmp'
	became "token-file-temp-remnant " 'cat token >y.tmp'
}
