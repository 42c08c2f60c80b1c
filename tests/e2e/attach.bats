#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# Servers that run already.

# Each test is a subshell of its own.
# shellcheck disable=SC2030,SC2031

load lib

setup() {
	e2e_setup
	mkfifo "$D/fifo"
}

teardown() {
	e2e_teardown
	[ -z "${CGROUP:-}" ] || rmdir "$CGROUP" 2>/dev/null || true
}

# start_server [OPTION...]: $server is its pid.
start_server() {
	"$PY" "$E2E/late.py" "$@" --values "$V" "$D/fifo" 2>"$D/server.err" 3>&- &
	server=$!
	PIDS+=("$server")
	# It leaks once before anybody watches: that one cannot be seen.
	echo leak >"$D/fifo"
	until_true [ -s "$D/server.err" ]
	rm "$V"
}

# It waits in poll(2), and not before it watches: 7 and 271 (ppoll) on x86-64, 73 (ppoll) on arm64.
watching() {
	grep -Eq '^(7|271|73) ' "/proc/$1/syscall"
}

# attach OPTION...: and waits until it watches; $watcher is its pid.
attach() {
	"$BEARTRAP" attach "$@" --output "jsonl:$A" --output "text:$T" >"$D/stdout" 2>"$D/stderr" 3>&- &
	watcher=$!
	PIDS+=("$watcher")
	until_true watching "$watcher"
}

# The server leaks itself (1) and by a new child (4), then ends, and the watch with it.
leaks_are_found() {
	echo leak >"$D/fifo"
	until_true [ -s "$V" ]
	echo child >"$D/fifo"
	until_true sh -c "[ \"\$(grep -c . \"$V\")\" = 5 ]"
	echo quit >"$D/fifo"
	until_true gone "$server"
	if [ "${1:-}" = interrupt ]; then
		sleep 0.5
		kill -INT "$watcher"
	fi
	status=0
	wait "$watcher" || status=$?
	equal "status" "$status" 10
	equal "by the server" "$(alerts "process.pid=$server" 'sink.class=stderr' confidence=verified)" 1
	equal "by its child" "$(alerts 'sink.class=stderr' confidence=verified "process.ppid=$server")" 4
	equal "rule" "$(alert_members rule 'sink.class=stderr' | sort -u)" token-on-stderr
	no_secret "$A" "$T" "$D/stderr"
}

@test "attach --pid" {
	start_server
	attach --pid "$server"
	leaks_are_found
}

@test "attach --comm" {
	# A name of its own, so that no other process is meant.
	name=bt$RANDOM
	start_server --comm "$name-server"
	attach --comm "$name*"
	leaks_are_found interrupt
}

@test "attach --exe" {
	# A copy of the interpreter, for a path of its own.
	cp /usr/bin/python3 "$D/own-python"
	PY_SAVED=$PY
	PY=$D/own-python
	start_server
	PY=$PY_SAVED
	attach --exe "$D/own-*"
	leaks_are_found interrupt
}

# server_in_cgroup NAME: starts it there.
server_in_cgroup() {
	CGROUP=$(cgroup_make "$1")
	start_server
	echo "$server" >"$CGROUP/cgroup.procs"
}

@test "attach --cgroup" {
	server_in_cgroup "beartrap-e2e-$$"
	attach --cgroup "$CGROUP"
	leaks_are_found interrupt
}

@test "attach --unit: the alerts have the unit, of the server and of its child" {
	server_in_cgroup "beartrap-e2e-$$.service"
	attach --unit "beartrap-*-$$"
	leaks_are_found interrupt
	equal "units" "$(alert_members process.unit,process.cgroup | sort -u)" \
		"beartrap-e2e-$$.service	/beartrap-e2e-$$.service"
}

@test "attach --container: by the beginning of its id" {
	id=$(printf '%08x' $$ | sha256sum | cut -d' ' -f1)
	server_in_cgroup "docker-$id.scope"
	attach --container "${id:0:12}"
	leaks_are_found interrupt
	equal "containers" "$(alert_members process.container | sort -u)" "$id"
	grep -q ", container $id, unit docker-$id.scope" "$T"
}

@test "attach to a server with children that run already" {
	sh -c '"$0" "$1" --values "$2" "$3"; true' "$PY" "$E2E/late.py" "$V" "$D/fifo" 2>"$D/server.err" 3>&- &
	parent=$!
	PIDS+=("$parent")
	until_true pgrep -P "$parent" -f late.py >/dev/null
	attach --pid "$parent"
	echo leak >"$D/fifo"
	echo quit >"$D/fifo"
	status=0
	wait "$watcher" || status=$?
	equal "status" "$status" 10
	equal "tokens" "$(alerts sink.class=stderr rule=token-on-stderr)" 1
}

@test "attach to what is not there: 125, one line" {
	for args in "--pid 4194303" "--cgroup /no/such/cgroup"; do
		status=0
		# shellcheck disable=SC2086
		timeout 20 "$BEARTRAP" attach $args >"$D/stdout" 2>"$D/stderr" || status=$?
		equal "$args" "$status" 125
		equal "$args: lines" "$(wc -l <"$D/stderr")" 1
	done
}

@test "the server is not disturbed when the watch ends first" {
	start_server
	attach --pid "$server"
	kill -KILL "$watcher"
	echo leak >"$D/fifo"
	until_true [ -s "$V" ]
	echo quit >"$D/fifo"
	status=0
	wait "$server" || status=$?
	equal "status of the server" "$status" 0
}

@test "attach in the middle of an MCP session: a later leak has its tool" {
	needs_node
	"$PY" "$E2E/late_session.py" "$D/ready" "$D/go" leak_token node "$E2E/sdk_server.mjs" 2>"$D/session.err" 3>&- &
	session=$!
	PIDS+=("$session")
	until_true [ -e "$D/ready" ]
	server=$(cat "$D/ready")
	PIDS+=("$server")
	attach --pid "$server"
	: >"$D/go"
	wait "$session"
	status=0
	wait "$watcher" || status=$?
	equal "status" "$status" 10
	equal "tool results" "$(alerts rule=token-in-tool-result mcp.tool=leak_token mcp.method=tools/call mcp.id=2)" 1
}
