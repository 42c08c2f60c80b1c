#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# `run` is transparent for what it runs, and says plainly what is wrong.

# Each test is a subshell of its own.
# shellcheck disable=SC2030,SC2031

load lib

setup() {
	e2e_setup
}

teardown() {
	e2e_teardown
}

@test "exit status of the child" {
	for code in 0 1 42 255; do
		beartrap_run -- sh -c "exit $code"
		equal "status" "$status" "$code"
	done
	beartrap_run -- sh -c 'kill -TERM $$'
	equal "status after SIGTERM" "$status" 143
	beartrap_run -- sh -c 'kill -KILL $$'
	equal "status after SIGKILL" "$status" 137
}

@test "--exit-code and --fail-on" {
	beartrap_run --exit-code 77 -- "$PY" "$E2E/writer.py" --values "$V" unended 2
	equal "status" "$status" 77
	beartrap_run --fail-on critical -- "$PY" "$E2E/writer.py" --values "$V" unended 2
	equal "status" "$status" 0
}

@test "126 and 127, one line each" {
	beartrap_run -- "$D/no-such-program"
	equal "not found" "$status" 127
	equal "lines" "$(wc -l <"$D/stderr")" 1
	: >"$D/plain"
	chmod 644 "$D/plain"
	beartrap_run -- "$D/plain"
	equal "not executable" "$status" 126
	equal "lines" "$(wc -l <"$D/stderr")" 1
	beartrap_run -- "$D"
	equal "a directory" "$status" 126
}

@test "without root: 125, one line, and nothing is run" {
	chmod 777 "$D"
	status=0
	as_nobody env -u BEARTRAP_STATE "$BEARTRAP" run -- touch "$D/ran" >"$D/stdout" 2>"$D/stderr" || status=$?
	equal "status" "$status" 125
	equal "lines" "$(wc -l <"$D/stderr")" 1
	grep -qi root "$D/stderr"
	[ ! -e "$D/ran" ]
}

@test "a report that cannot be written: one line, and nothing is run" {
	status=0
	"$BEARTRAP" run --output "jsonl:$D/no/such/dir/a.jsonl" -- touch "$D/ran" >"$D/stdout" 2>"$D/stderr" || status=$?
	equal "status" "$status" 125
	equal "lines" "$(wc -l <"$D/stderr")" 1
	grep -qF "$D/no/such/dir/a.jsonl" "$D/stderr"
	[ ! -e "$D/ran" ]
	status=0
	"$BEARTRAP" run --output jsonl:/dev/full -- "$PY" "$E2E/writer.py" --values "$V" unended 2 2>"$D/stderr" || status=$?
	equal "status when the disk is full" "$status" 125
}

@test "usage errors: 2" {
	for args in "run" "run --no-such-option -- true" "run --output nonsense -- true" "run --fail-on loud -- true" \
		"run --exit-code 999 -- true" "no-such-command"; do
		status=0
		# shellcheck disable=SC2086
		"$BEARTRAP" $args >"$D/stdout" 2>"$D/stderr" || status=$?
		equal "$args" "$status" 2
		equal "$args: lines" "$(wc -l <"$D/stderr")" 1
	done
}

# What a process can see of how it was started; all of it must be as without beartrap.
# shellcheck disable=SC2016
look='
	for fd in 0 1 2; do stat -L -c "fd $fd %d:%i %F" /proc/self/fd/$fd; done
	ls -l /proc/self/fd | wc -l
	cat /proc/self/limits
	grep -E "^(Uid|Gid|Groups|Sig(Blk|Ign|Cgt)|ShdPnd|Cap|NoNewPrivs|Seccomp|Umask|CoreDumping|Cpus_allowed):" /proc/self/status
	cat /proc/self/oom_score_adj /proc/self/coredump_filter /proc/self/cgroup /proc/self/timerslack_ns
	env | grep -v ^_= | sort
	pwd
	umask
	nice
	ps -o sid=,pgid= -p $$
'

@test "the child is started as without beartrap: descriptors, limits, signals, environment, session" {
	echo input >"$D/in"
	# Job control off, in one shell, so that both have one process group.
	# shellcheck disable=SC2016
	sh -c '
		exec <"$1/in" 2>"$1/err" 3>&-
		sh -c "$2" >"$1/out"
		cp "$1/out" "$1/bare"
		"$3" run --output "jsonl:$1/alerts.jsonl" -- sh -c "$2" >"$1/out"
	' sh "$D" "$look" "$BEARTRAP"
	[ -s "$D/bare" ]
	diff "$D/bare" "$D/out"
}

@test "binary data pass through stdin, stdout and stderr" {
	head -c 3000000 /dev/urandom >"$D/in"
	"$BEARTRAP" run --output "jsonl:$A" -- sh -c 'tee /dev/stderr' <"$D/in" >"$D/out" 2>"$D/err" 3>&- || true
	cmp "$D/in" "$D/out"
	cmp "$D/in" "$D/err"
}

@test "SIGTERM, SIGINT, SIGHUP and SIGUSR1 to beartrap reach the child" {
	for signal in TERM INT HUP USR1; do
		rm -f "$D/up"
		# A background job of a shell without job control ignores SIGINT: env sets it right.
		env --default-signal=INT "$BEARTRAP" run --output "jsonl:$A" -- "$PY" -c '
import os, signal, sys
number = getattr(signal, "SIG" + sys.argv[1])
signal.signal(number, lambda *_: os._exit(7))
open(sys.argv[2], "w").close()
while True:
    signal.pause()
' "$signal" "$D/up" 2>"$D/stderr" 3>&- &
		pid=$!
		PIDS+=("$pid")
		until_true [ -e "$D/up" ]
		kill "-$signal" "$pid"
		status=0
		wait "$pid" || status=$?
		equal "$signal" "$status" 7
	done
}

@test "Ctrl-C at a terminal reaches the child once" {
	"$PY" "$E2E/terminal.py" "$BEARTRAP" run --output "jsonl:$A"
}

@test "beartrap killed in the middle of a session: server and session live on" {
	"$PY" "$E2E/survive.py" "$BEARTRAP" run --output "jsonl:$A" -- \
		"$PY" "$TOP/demo/mcp_server.py" --issuer http://127.0.0.1:9 2>"$D/stderr" 3>&-
}

@test "a process left behind does not keep beartrap waiting, and is told of" {
	# shellcheck disable=SC2016
	beartrap_run -- sh -c 'sleep 30 >/dev/null 2>&1 & echo $! >"$0"' "$D/pid"
	PIDS+=("$(cat "$D/pid")")
	equal "status" "$status" 0
	[ -e "/proc/$(cat "$D/pid")" ]
	grep -Eqi 'still run|no longer watched' "$T"
}

@test "--user: the server runs as that user" {
	chmod 711 "$D"
	beartrap_run --user nobody -- id -un
	equal "status" "$status" 0
	equal "user" "$(cat "$D/stdout")" nobody
	beartrap_run --user no-such-user -- true
	equal "status" "$status" 125
}
