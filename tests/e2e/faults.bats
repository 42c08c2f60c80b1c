#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# beartrap under fire: nothing crashes, nothing is silently lost, and the server takes no harm.

# Each test is a subshell of its own.
# shellcheck disable=SC2030,SC2031

load lib

setup() {
	e2e_setup
	mkfifo "$D/fifo"
	mkdir "$D/fifo.d"
}

teardown() {
	! mountpoint -q "${TINY:-/nowhere}" || umount "$TINY"
	e2e_teardown
}

# start_run [OPTION...]: late.py under watch; $pid is beartrap's, $worker that of its worker.
start_run() {
	"$BEARTRAP" run --output "jsonl:$A" --output "text:$T" "$@" -- "$PY" "$E2E/late.py" --values "$V" "$D/fifo" \
		>"$D/stdout" 2>"$D/stderr" 3>&- &
	pid=$!
	PIDS+=("$pid")
	worker=$(worker_of "$pid")
	order leak
	until_true counted 1
}

order() {
	echo "$1" >"$D/fifo"
}

finish_run() {
	order quit
	status=0
	wait "$pid" || status=$?
}

# seen N: so many alerts are in the file by now.
seen() {
	[ "$(alerts)" -ge "$1" ]
}

@test "the worker killed amid a flow: the server goes on, later leaks are found, the summary says what was missed" {
	start_run
	order login
	order refresh
	order utter
	until_true seen 2
	kill -KILL "$worker"
	# It is another one that finds these; the token has to be learnt anew.
	order leak
	until_true seen 3
	second=$(worker_of "$pid" "$worker")
	order refresh
	order utter
	order leak
	order leak
	finish_run
	equal "status" "$status" 10
	equal "tokens" "$(alerts sink.class=stderr confidence=verified)" 4
	equal "opaque, by both" "$(alert_members rule sink.class=stderr confidence=value | wc -l)" 2
	equal "one token" "$(alerts sink.class=stderr confidence=value)" 1
	reconciled restart
	grep -q '^note: the process that watches died, 1 times' "$T"
	grep -q "^FOUND: $(alert_members rule | wc -l) findings" "$T"
	grep -q '^NOT CLEAN' "$T"
	grep -q 'has died (signal 9)' "$D/stderr"
	no_secret "$A" "$T"
	until_true gone "$second"
}

@test "attach: the worker killed, what it had found to watch is watched on" {
	"$PY" "$E2E/late.py" --values "$V" "$D/fifo" 2>"$D/server.err" 3>&- &
	server=$!
	PIDS+=("$server")
	"$BEARTRAP" attach --pid "$server" --output "jsonl:$A" --output "text:$T" >"$D/stdout" 2>"$D/stderr" 3>&- &
	pid=$!
	PIDS+=("$pid")
	worker=$(worker_of "$pid")
	until_true watched "$pid"
	order leak
	until_true seen 1
	kill -KILL "$worker"
	worker_of "$pid" "$worker"
	order leak
	order child
	until_true seen 6
	order quit
	status=0
	wait "$pid" || status=$?
	equal "status" "$status" 10
	equal "its child" "$(alerts "process.ppid=$server")" 4
	reconciled restart
}

# The supervisor waits in poll(2), and does so when its worker is ready.
watched() {
	grep -Eq '^(7|271|73) ' "/proc/$1/syscall"
}

@test "nothing found, but the worker died: 125, NOT CLEAN" {
	"$BEARTRAP" run --output "jsonl:$A" --output "text:$T" -- sh -c "read -r line <'$D/fifo'; exit 3" 2>"$D/stderr" 3>&- &
	pid=$!
	PIDS+=("$pid")
	worker=$(worker_of "$pid")
	until_true watched "$pid"
	kill -KILL "$worker"
	worker_of "$pid" "$worker"
	finish_run
	equal "status" "$status" 125
	reconciled restart
}

@test "a worker that dies again and again is given up: a report, 125; the server goes on" {
	start_run
	until_true seen 1
	for _ in 1 2 3 4 5 6; do
		kill -KILL "$worker"
		worker=$(worker_of "$pid" "$worker") || break
	done
	until_true grep -q 'watch is given up' "$D/stderr"
	until_true grep -q '^note: the watch was given up' "$T"
	order leak
	until_true counted 2
	finish_run
	equal "status" "$status" 125
	equal "the findings before" "$(alerts)" 1
	equal "reports" "$(grep -c '"beartrap.summary/1"' "$A")" 1
}

@test "the kernel, short of memory, is to take the worker; a worker without memory is replaced" {
	start_run
	until_true seen 1
	[ "$(cat "/proc/$worker/oom_score_adj")" -ge $(($(cat "/proc/$pid/oom_score_adj") + 400)) ]
	# Everything that it asks for from now on it does not get.
	prlimit --pid "$worker" --as=1000000
	for i in 2 3 4 5 6 7 8; do
		"$PY" -c 'print("say", "lorem ipsum " * 300)' >"$D/fifo"
		order child
		until_true counted $((4 * i - 7))
	done
	order leak
	finish_run
	equal "status" "$status" 10
	reconciled any
	grep -q '^NOT CLEAN' "$T"
	equal "the last token" "$(alerts sink.class=stderr 'process.comm=python3.*' "secret.kind=access_token" | head -1 | grep -c .)" 1
}

@test "nobody reads the rings: the bulk ring is full" {
	"${CC:-cc}" -O2 -o "$D/load" "$E2E/load.c" -lz
	mkfifo "$D/go"
	"$BEARTRAP" run --output "jsonl:$A" --output "text:$T" -- sh -c "read -r line <'$D/fifo'; exec '$D/load' '$V' 2 60000 4000 1000" \
		2> >(cat >/dev/null) 3>&- &
	pid=$!
	PIDS+=("$pid")
	worker=$(worker_of "$pid")
	until_true watched "$pid"
	server=$(pgrep -P "$pid" -x sh)
	kill -STOP "$worker"
	order go
	# 240 MB through 64: the rest has been matched in the kernel when it has ended.
	until_true gone "$server"
	kill -CONT "$worker"
	status=0
	wait "$pid" || status=$?
	equal "status" "$status" 10
	equal "tokens" "$(alerts sink.class=stderr)" 60
	reconciled any
	[ "$("$PY" -c 'import json, sys; print([json.loads(l) for l in open(sys.argv[1])][-1]["balance"]["matched"] > 10**8)' "$A")" = True ]
}

@test "nobody reads the rings: the priority ring is full, and what is lost is counted" {
	# shellcheck disable=SC2016
	"$BEARTRAP" run --output "jsonl:$A" --output "text:$T" -- sh -c '
		read -r line <"$0"
		fill=$(head -c 120000 /dev/zero | tr "\0" x)
		for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32 33 34 35 36 37 38 39 40; do
			FILL=$fill OTHER=$fill MORE=$fill /bin/true
		done
	' "$D/fifo" 2>"$D/stderr" 3>&- &
	pid=$!
	PIDS+=("$pid")
	worker=$(worker_of "$pid")
	until_true watched "$pid"
	server=$(pgrep -P "$pid" -x sh)
	kill -STOP "$worker"
	order go
	until_true gone "$server"
	kill -CONT "$worker"
	status=0
	wait "$pid" || status=$?
	equal "status" "$status" 125
	reconciled ring-prio
	grep -q '^NOT CLEAN' "$T"
}

@test "a library of TLS replaced while it is mapped, and by a new process" {
	tls_serve
	mkdir "$D/lib"
	cp -L /usr/lib/*/libssl.so.3 "$D/lib/"
	cat >"$D/client.py" <<-'EOF'
		import os, socket, ssl, sys, time
		port, cert, out, again = int(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4]
		def fetch():
		    context = ssl.create_default_context(cafile=cert)
		    c = context.wrap_socket(socket.create_connection(("localhost", port)), server_hostname="localhost")
		    c.sendall(b"POST /token HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\n"
		              b"Content-Length: 29\r\nConnection: close\r\n\r\ngrant_type=client_credentials")
		    answer = b""
		    while piece := c.recv(65536):
		        answer += piece
		    import json
		    body = answer[answer.index(b"{"):answer.rindex(b"}") + 1]
		    os.write(2, b"got " + json.loads(body)["access_token"].encode() + b" \n")
		fetch()
		open(out, "w").close()
		while again and not os.path.exists(again):
		    time.sleep(0.05)
		if again:
		    fetch()
	EOF
	cat >"$D/server.sh" <<-EOF
		export LD_LIBRARY_PATH='$D/lib'
		'$PY' '$D/client.py' $PORT '$D/cert.pem' '$D/first' '$D/go' &
		while [ ! -e '$D/first' ]; do sleep 0.05; done
		cp -L '$D/lib/libssl.so.3' '$D/lib/new' && mv '$D/lib/new' '$D/lib/libssl.so.3'
		touch '$D/go'
		wait
		'$PY' '$D/client.py' $PORT '$D/cert.pem' '$D/second' ''
	EOF
	beartrap_run -- sh "$D/server.sh"
	equal "status" "$status" 10
	equal "learnt from TLS each time" "$(alerts sink.class=stderr confidence=value)" 3
	reconciled any
}

@test "disk full: one line each, the other report is whole, what was not written is said" {
	TINY=$D/tiny
	mkdir "$TINY"
	mount -t tmpfs -o size=16k tmpfs "$TINY"
	status=0
	"$BEARTRAP" run --output "text:$TINY/report.txt" --output "jsonl:$A" -- "$PY" "$E2E/writer.py" --values "$V" split 2 \
		2>"$D/stderr" >/dev/null 3>&- || status=$?
	equal "status" "$status" 125
	equal "lines" "$(grep -c '^beartrap:' "$D/stderr")" 1
	grep -q "$TINY/report.txt could not be written whole: No space left on device; [0-9]* alerts and the summary are not in it" "$D/stderr"
	equal "the other report" "$(alerts sink.class=stderr)" 39
	reconciled clean

	status=0
	rm "$V" "$TINY/report.txt"
	"$BEARTRAP" run --record "$TINY/run.btrec" --output "jsonl:$A" -- "$PY" "$E2E/writer.py" --values "$V" deep 2 \
		2>"$D/stderr" >/dev/null 3>&- || status=$?
	equal "status with a recording" "$status" 125
	equal "lines with a recording" "$(grep -c '^beartrap:' "$D/stderr")" 1
	grep -q "^beartrap: .*run.btrec.*No space left on device" "$D/stderr"
	[ ! -e "$TINY/run.btrec" ]
	equal "its report" "$(alerts sink.class=stderr)" "$(minted)"
	reconciled clean
}

@test "a report's reader that is gone, and one that does not read: bounded, told, the other report is whole" {
	for reader in gone stuck; do
		rm -f "$D/out" "$V"
		mkfifo "$D/out"
		if [ "$reader" = gone ]; then
			head -c 1 "$D/out" >/dev/null 3>&- &
		else
			# Room for one page only.
			"$PY" -c 'import fcntl, os, sys, time; fd = os.open(sys.argv[1], os.O_RDONLY); fcntl.fcntl(fd, 1031, 4096); time.sleep(60)' \
				"$D/out" 3>&- &
		fi
		PIDS+=("$!")
		status=0
		timeout 60 "$BEARTRAP" run --output "text:$D/out" --output "jsonl:$A" -- "$PY" "$E2E/writer.py" --values "$V" edges 2 \
			2>"$D/stderr" >/dev/null 3>&- || status=$?
		equal "$reader: status" "$status" 125
		equal "$reader: lines" "$(grep -c '^beartrap:' "$D/stderr")" 1
		grep -Eq "$D/out could not be written whole: (Broken pipe|its reader does not read); [0-9]+ alerts" "$D/stderr"
		equal "$reader: the other report" "$(alerts sink.class=stderr)" "$(minted)"
		reconciled any
	done
}

@test "a hostile child: every token is found, or the loss is told; memory is bounded" {
	mkdir "$D/many"
	"$BEARTRAP" run --output "jsonl:$A" --output "text:$T" -- "$PY" "$E2E/hostile.py" "$V" "$D/many" >/dev/null 2>"$D/stderr" 3>&- &
	pid=$!
	PIDS+=("$pid")
	worker=$(worker_of "$pid")
	peak=0
	while kill -0 "$worker" 2>/dev/null && now=$(awk '/^VmRSS/ { print $2 }' "/proc/$worker/status") && [ -n "$now" ]; do
		[ "$now" -le "$peak" ] || peak=$now
		sleep 0.2
	done
	status=0
	wait "$pid" || status=$?
	found=$(alerts)
	echo "# $found of $(minted) tokens found, status $status, peak $((peak / 1024)) MiB" >&3
	equal "status" "$status" 10
	[ "$peak" -lt 300000 ]
	reconciled any
	equal "tokens" "$found" "$(minted)"
	run ! grep -q 'has died' "$D/stderr"
	no_secret "$A" "$T"
}

# --- rules, loaded again ---

# token_rule PREFIX FILE
token_rule() {
	cat >"$2" <<-EOF
		{"kind": "tokens", "rules": [{"id": "own-token", "title": "A token of our own", "provider": "own", "kind": "api_key",
		"patterns": ["$1[0-9a-f]{32}"], "tests": {"match": ["a {{token}} b"], "nomatch": ["$1 b"]}}]}
	EOF
}

@test "attach, SIGHUP: other rules and another policy, for streams that go on; what was learnt stays" {
	cat >"$D/policy.json" <<-'EOF'
		{"kind": "policy", "overrides": []}
	EOF
	token_rule aaa_ "$D/rules.json"
	"$PY" "$E2E/late.py" --values "$V" "$D/fifo" 2>"$D/server.err" 3>&- &
	server=$!
	PIDS+=("$server")
	"$BEARTRAP" attach --pid "$server" --rules "$D/rules.json" --policy "$D/policy.json" --output "jsonl:$A" --output "text:$T" \
		>"$D/stdout" 2>"$D/stderr" 3>&- &
	pid=$!
	PIDS+=("$pid")
	worker=$(worker_of "$pid")
	until_true watched "$pid"
	order login
	order refresh
	say_own aaa_
	say_own bbb_
	until_true seen 1
	# A bad file: one line that says where, and the old rules stay.
	echo '{"kind": "tokens", "rules": [{"id": "own-token"' >"$D/rules.json"
	kill -HUP "$pid"
	until_true grep -q 'rules.json' "$D/stderr"
	equal "lines" "$(grep -vc '^beartrap: watching' "$D/stderr")" 1
	grep -q '^beartrap: rules not loaded again, those from before stay in force: .*rules.json' "$D/stderr"
	say_own aaa_
	until_true seen 2
	# Half of one is written by the old rules' time, half by the new ones'.
	token_rule bbb_ "$D/rules.json"
	cat >"$D/policy.json" <<-'EOF'
		{"kind": "policy", "overrides": [{"id": "github-is-fine", "rule": "any", "secret": ["access_token"], "severity": "info",
		"reason": "for this test"}]}
	EOF
	kill -HUP "$pid"
	until_true grep -q 'loaded again$' "$D/stderr"
	say_own aaa_
	say_own bbb_
	until_true seen 3
	order leak
	order utter
	until_true seen 5
	order quit
	status=0
	wait "$pid" || status=$?
	equal "status" "$status" 10
	equal "own tokens" "$(alerts 'secret.preview=(aaa_|bbb_).*')" 3
	equal "aaa_" "$(alerts 'secret.preview=aaa_.*')" 2
	equal "by the new policy" "$(alerts severity=info override.id=github-is-fine)" 2
	equal "learnt before" "$(alerts confidence=value)" 1
	grep -q '^note: rules and policy were loaded again, 1 times' "$T"
	reconciled clean
}

# say_own PREFIX: the server writes a token with it to its stderr.
say_own() {
	order "say $1$(openssl rand -hex 16)"
}

@test "run, SIGHUP: rules are loaded again, a server that does not catch it lives on" {
	token_rule aaa_ "$D/rules.json"
	start_run --rules "$D/rules.json"
	token_rule bbb_ "$D/rules.json"
	kill -HUP "$pid"
	until_true grep -q 'loaded again$' "$D/stderr"
	say_own aaa_
	say_own bbb_
	until_true seen 2
	# The next worker has the rules that were loaded last.
	kill -KILL "$worker"
	worker_of "$pid" "$worker"
	say_own bbb_
	finish_run
	equal "status" "$status" 10
	equal "own tokens" "$(alerts 'secret.preview=bbb_.*')" 2
	reconciled restart
}

@test "SIGHUP: under load the kernel looks for what the new rules look for" {
	token_rule aaa_ "$D/rules.json"
	cat >"$D/flood.py" <<-'EOF'
		import os, secrets, signal, sys
		line = b"lorem ipsum dolor sit amet " * 600 + b"\n"
		with open(sys.argv[1]) as fifo:
		    fifo.readline()
		for i in range(8000):
		    os.write(2, line)
		    if i % 1000 == 999:
		        os.write(2, b"now bbb_" + secrets.token_hex(16).encode() + b" \n")
	EOF
	"$BEARTRAP" run --rules "$D/rules.json" --output "jsonl:$A" -- "$PY" "$D/flood.py" "$D/fifo" 2>"$D/stderr" 3>&- &
	pid=$!
	PIDS+=("$pid")
	worker=$(worker_of "$pid")
	until_true watched "$pid"
	token_rule bbb_ "$D/rules.json"
	kill -HUP "$pid"
	until_true grep -q 'loaded again$' "$D/stderr"
	kill -STOP "$worker"
	server=$(pgrep -P "$pid" -x python3)
	order go
	until_true gone "$server"
	kill -CONT "$worker"
	status=0
	wait "$pid" || status=$?
	equal "own tokens" "$(alerts 'secret.preview=bbb_.*')" 8
	[ "$("$PY" -c 'import json, sys; print([json.loads(l) for l in open(sys.argv[1])][-1]["balance"]["matched"] > 10**7)' "$A")" = True ]
	reconciled any
}
