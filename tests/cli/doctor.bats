#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# beartrap doctor, as root and as an ordinary user: it says what it tried, and never ok of what it did not try.
# shellcheck disable=SC2154,SC2030,SC2031 # made by helper.bash and run
load helper

# In front of a command: as somebody who may do nothing special, whoever runs the tests.
as_user=()
[ "$(id -u)" != 0 ] || as_user=(setpriv --reuid=65534 --regid=65534 --clear-groups)

# is_root: what only root can try is tested where it can be.
is_root() {
	[ "$(id -u)" = 0 ]
}

# valid FILE: as the schema says, and the exit status agrees with it.
valid() {
	/usr/bin/python3 "$top/tests/checks/alert_schema.py" --no-summary "$1"
	/usr/bin/python3 - "$1" "$status" <<'PY'
import json, sys
d = json.load(open(sys.argv[1]))
states = {f["state"] for f in d["findings"]}
want = ("unusable", 125) if "failed" in states else ("incomplete", 1) if states & {"unseen", "unknown"} else ("ok", 0)
assert (d["status"], int(sys.argv[2])) == want, (d["status"], sys.argv[2], states)
PY
}

# finding FILE GROUP ID: the states and texts of its findings, a line each.
finding() {
	/usr/bin/python3 - "$@" <<'PY'
import json, sys
for f in json.load(open(sys.argv[1]))["findings"]:
    if f["group"] == sys.argv[2] and f["id"] == sys.argv[3]:
        print(f["state"], f["text"])
PY
}

# doctor_json FILE [ARGUMENT...]
doctor_json() {
	local file=$1
	shift
	status=0
	bt doctor --format json "$@" >"$file" || status=$?
	valid "$file"
}

# running PROGRAM: waits until $pid is that.
running() {
	until [[ "$(readlink "/proc/$pid/exe")" == */$1* ]]; do
		kill -0 "$pid"
		sleep 0.1
	done
}

teardown() {
	[ -z "${pid:-}" ] || kill -KILL "$pid" 2>/dev/null || true
}

@test "without privileges: what was not tried is unknown, and watching cannot work" {
	status=0
	"${as_user[@]}" "$BEARTRAP" doctor --format json >out || status=$?
	[ "$status" = 125 ]
	valid out
	[ "$(finding out features btf | cut -d' ' -f1)" = ok ]
	for f in ring-buffer task-storage tracepoints tp-btf iterators uprobes uprobe-multi fexit; do
		[[ "$(finding out features $f)" == "unknown "*"not tried"* ]] || { echo "$f"; false; }
	done
	[[ "$(finding out privileges bpf)" == "failed "* ]]
	[[ "$(finding out watching programs)" == "failed "*"root"* ]]
	run ! grep -q '"backend"' out
	status=0
	"${as_user[@]}" "$BEARTRAP" doctor >text || status=$?
	[ "$status" = 125 ]
	grep -q '^  unknown  ring buffer maps: not tried' text
	grep -q 'To mend it: run it as root' <<<"$(tr -s ' \n' ' ' <text)"
	[ "$(tail -n 1 text)" = "Watching cannot work: see what failed above" ]
}

@test "as root: every feature is tried, the backend is named, and what cannot be seen" {
	is_root || return 0
	doctor_json out
	for f in btf ring-buffer task-storage tracepoints tp-btf iterators uprobes; do
		[ "$(finding out features $f | cut -d' ' -f1)" = ok ] || { echo "$f"; false; }
	done
	run ! grep -q 'not tried' out
	[ "$(finding out privileges bpf | cut -d' ' -f1)" = ok ]
	[[ "$(finding out watching programs)" == "ok all programs load and attach: "*libbpf* ]]
	grep -q '"backend":"BPF' out
	[ "$status" != 125 ]
}

@test "the named limits are there, in words" {
	status=0
	"${as_user[@]}" "$BEARTRAP" doctor >text || status=$?
	for b in tls-library quic ktls device-mapping; do
		grep -q "^  $b$" text || { echo "$b"; false; }
	done
	grep -q 'matched-lane' text
	[ "$(awk 'length > 100' text)" = "" ]
}

@test "io_uring: as the kernel's setting has it" {
	status=0
	"${as_user[@]}" "$BEARTRAP" doctor --format json >out || status=$?
	if [ "$(cat /proc/sys/kernel/io_uring_disabled 2>/dev/null)" = 2 ]; then
		[[ "$(finding out ways io_uring)" == "ok "* ]]
	else
		[[ "$(finding out ways io_uring)" != "ok "*disabled* ]]
	fi
}

@test "a program: its TLS library by its own symbols, no privileges needed" {
	status=0
	"${as_user[@]}" "$BEARTRAP" doctor --format json node >out || status=$?
	valid out
	[ "$status" = 0 ]
	[[ "$(finding out tls tls-library)" == "ok node: OpenSSL or BoringSSL, 6 functions would be hooked"* ]]
	[[ "$(finding out program program)" == "ok /"*"64-bit"* ]]
	run ! grep -q '"group":"features"' out
}

@test "a program: the libraries that it asks for, and those that they ask for" {
	status=0
	"${as_user[@]}" "$BEARTRAP" doctor --format json curl >out || status=$?
	valid out
	[[ "$(finding out tls tls-library)" == *"ok libssl.so."*": OpenSSL"* ]]
}

@test "a script: its interpreter" {
	printf '#!/usr/bin/env -S node --flag\n' >script
	doctor_json out ./script
	[[ "$(finding out program script)" == "note ./script is a script for /"*node ]]
	[[ "$(finding out program program)" == "ok /"*node* ]]
	printf '#!./loop\n' >loop
	doctor_json out ./loop
	[ "$status" = 1 ]
	printf '#!/nowhere/at/all\n' >lost
	doctor_json out ./lost
	[[ "$(finding out program script)" == *"unknown /nowhere/at/all cannot be looked at"* ]]
}

@test "a program: TLS that cannot be hooked is told by the marks of its library" {
	# A stripped program with what OpenSSL's code leaves in one, put together here.
	printf '#include <stdio.h>\nint main(void) { return puts("%s%s"); }\n' 'ssl/sta' 'tem/statem_clnt.c' >static.c
	"${CC:-cc}" -s -o static static.c
	doctor_json out ./static
	[ "$status" = 1 ]
	[[ "$(finding out tls tls-library)" == "unseen static: OpenSSL is not hooked: "*stripped* ]]
	printf '#include <stdio.h>\nint main(void) { return puts("/%s/src/lib.rs"); }\n' 'rustls-0.23.1' >rust.c
	"${CC:-cc}" -o rust rust.c
	doctor_json out ./rust
	[ "$status" = 1 ]
	[[ "$(finding out tls tls-library)" == "unseen rust: rustls is not hooked: "* ]]
}

@test "beartrap itself bears none of the marks" {
	doctor_json out "$BEARTRAP"
	[ "$status" = 0 ]
}

@test "a 32-bit program is a blind spot" {
	echo 'void _start(void) { for (;;); }' >small.c
	"${CC:-cc}" -m32 -nostdlib -static -fno-pie -no-pie -o small small.c
	doctor_json out ./small
	[ "$status" = 1 ]
	[[ "$(finding out program 32-bit-program)" == "unseen ./small is a 32-bit program: "* ]]
}

@test "what is no program is told, and nothing waits" {
	mkfifo fifo
	run --separate-stderr -125 timeout 20 "$BEARTRAP" doctor ./fifo
	one_line "cannot look at ./fifo: it is no regular file"
	run --separate-stderr -125 bt doctor ./missing
	one_line "cannot look at ./missing: No such file"
	run --separate-stderr -125 bt doctor no-such-program-anywhere
	one_line "no such program in PATH"
	echo text >text
	doctor_json out ./text
	[ "$status" = 1 ]
	[[ "$(finding out program program)" == "unknown ./text is neither"* ]]
	: >empty
	doctor_json out ./empty
	[ "$status" = 1 ]
	head -c 2000 "$BEARTRAP" >cut
	doctor_json out ./cut
}

@test "odd names are shown escaped" {
	name=$'odd\x1b[31m\nname'
	cp /usr/bin/true "./$name"
	run -0 bt doctor "./$name"
	[[ "$output" == *'odd\x1b[31m\x0aname'* ]]
	[[ "$output" != *$'\x1b'* ]]
	doctor_json out "./$name"
}

@test "a process of one's own: what can be told without privileges, and no more" {
	"${as_user[@]}" sleep 100 3>&- &
	pid=$!
	disown
	running sleep
	status=0
	"${as_user[@]}" "$BEARTRAP" doctor --format json --pid "$pid" >out || status=$?
	[ "$status" = 125 ]
	valid out
	[[ "$(finding out process exe)" == "ok runs /"*sleep* ]]
	[[ "$(finding out files stdio)" == *"note stdin is a "* ]]
	[ "$(finding out watching watch)" = "" ]
}

@test "a process: watched for a moment, its TLS library's hooks tried" {
	is_root || return 0
	mkfifo in
	node -e 'setTimeout(() => {}, 100000)' <>in >out.txt 2>&1 3>&- &
	pid=$!
	disown
	running node
	doctor_json out --pid "$pid"
	[ "$status" = 0 ]
	[[ "$(finding out watching watch)" == "ok process $pid was watched"* ]]
	[[ "$(finding out tls tls-library)" == *"ok node"*": OpenSSL or BoringSSL, 6 functions can be hooked (tried)"* ]]
	[[ "$(finding out files stdio)" == *"stdin is a pipe"* ]]
	[[ "$(finding out files stdio)" == *"stdout is a file"* ]]
	[[ "$(finding out files world-readable)" == *"/out.txt (fd 1)"* ]]
	kill -0 "$pid"
}

@test "a process with a ring, a shared mapping and a hostile name" {
	is_root || return 0
	name=$'./py\x1b[31m'
	cp "$(readlink -f /usr/bin/python3)" "$name"
	"$name" -c '
import ctypes, mmap, os, sys, time
libc = ctypes.CDLL(None)
ring = libc.syscall(425, 8, ctypes.create_string_buffer(120))
fd = os.open("shared", os.O_RDWR | os.O_CREAT, 0o644)
os.ftruncate(fd, 4096)
m = mmap.mmap(fd, 4096)
libc.prctl(15, b"\x1b]0;x\n", 0, 0, 0)
open("ready", "w").write("%d" % ring)
time.sleep(100)' 3>&- &
	pid=$!
	disown
	until [ -s ready ]; do
		kill -0 "$pid"
		sleep 0.1
	done
	doctor_json out --pid "$pid"
	[[ "$(finding out files shared-mmap)" == "ok 1 writable shared mappings of files, as /"*"/shared: "* ]]
	[ "$(cat ready)" = -1 ] || [[ "$(finding out files io_uring)" == "ok it has 1 io_uring open"* ]]
	run bt doctor --pid "$pid"
	[[ "$output" != *$'\x1b'* ]]
}

@test "a process of two pipes may be an MCP server" {
	is_root || return 0
	mkfifo in
	sleep 100 <>in > >(cat >/dev/null) 3>&- &
	pid=$!
	disown
	running sleep
	doctor_json out --pid "$pid"
	[[ "$(finding out files mcp)" == *"it may be an MCP server over stdio"* ]]
}

@test "a thread of the kernel, and a process that is gone" {
	if [ "$(cat /proc/2/comm)" = kthreadd ] && is_root; then
		doctor_json out --pid 2
		[ "$status" = 125 ]
		[[ "$(finding out process exe)" == "failed it is a thread of the kernel"* ]]
	fi
	sleep 0 &
	gone=$!
	wait "$gone"
	run --separate-stderr -125 bt doctor --pid "$gone"
	one_line "no process $gone"
}

@test "wrong usage" {
	run --separate-stderr -2 bt doctor --pid x
	one_line "--pid x: not a process id"
	run --separate-stderr -2 bt doctor --format yaml
	one_line "--format takes text or json"
	run --separate-stderr -2 bt doctor a b
	one_line "give one program"
	run --separate-stderr -2 bt doctor --pid 1 a
	one_line "not both"
	run --separate-stderr -2 bt doctor ""
	one_line "empty name"
	run --separate-stderr -2 bt doctor --pdi 1
	one_line "did you mean --pid"
}

@test "standard output that is full is told" {
	# shellcheck disable=SC2016
	run --separate-stderr -125 bash -c '"$0" doctor /usr/bin/true >/dev/full' "$BEARTRAP"
	one_line "No space"
}
