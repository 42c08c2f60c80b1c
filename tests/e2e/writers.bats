#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# However a token is cut into writes, it is found.

load lib

setup() {
	e2e_setup
}

teardown() {
	e2e_teardown
}

# everywhere WAY: to stdout, to stderr and to a file, and every token is found there.
everywhere() {
	beartrap_run -- "$PY" "$E2E/writer.py" --values "$V" "$1" 1 2 "$D/notes"
	equal "status" "$status" 10
	equal "on stdout" "$(alerts rule=token-on-stdout-raw sink.class=stdout confidence=verified)" "$(minted 1)"
	equal "on stderr" "$(alerts rule=token-on-stderr sink.class=stderr confidence=verified)" "$(minted 2)"
	equal "in a file" "$(alerts rule=token-in-log-file "sink.path=$D/notes" confidence=verified)" "$(minted "$D/notes")"
	no_secret "$A" "$T"
}

@test "two writes, cut at each of 39 places" {
	everywhere split
}

@test "two writes 0.7 s apart" {
	everywhere slow
}

@test "one byte a write" {
	everywhere bytewise
}

@test "at bytes 9,000 and 60,000 of one write" {
	everywhere deep
}

@test "across iovecs" {
	everywhere vectors
}

@test "at the end of 1,024 iovecs" {
	everywhere many_vectors
}

@test "in the middle of 200 KB" {
	everywhere big
}

@test "astride the end of writes of 4, 8, 16, 32, 64 KiB, one byte less and more" {
	everywhere edges
}

@test "astride every 4 KiB border of one write" {
	everywhere inner_edges
}

@test "half by the server, half by its child" {
	everywhere shared
}

@test "by a duplicate of the descriptor" {
	everywhere duplicate
}

@test "last bytes, without a line end" {
	everywhere unended
}

@test "pwrite and pwritev, at places in a file" {
	beartrap_run --fail-on medium -- "$PY" "$E2E/writer.py" --values "$V" positioned "$D/notes"
	equal "status" "$status" 10
	equal "tokens" "$(alerts rule=token-file-plaintext "sink.path=$D/notes" confidence=verified)" 2
}

@test "stdout that is a socket, with send and sendmsg" {
	status=0
	"$PY" - "$BEARTRAP" run --output "jsonl:$A" --output "text:$T" -- \
		"$PY" "$E2E/writer.py" --values "$V" in_sendmsg 1 <<-'PYTHON' 2>"$D/stderr" 3>&- || status=$?
		import socket, subprocess, sys
		ours, theirs = socket.socketpair()
		child = subprocess.Popen(sys.argv[1:], stdout=theirs)
		theirs.close()
		while ours.recv(65536):
		    pass
		sys.exit(child.wait())
	PYTHON
	equal "status" "$status" 10
	equal "tokens" "$(alerts rule=token-on-stdout-raw confidence=verified)" 2
}

@test "stdout that is a file, and stderr that is the same file" {
	status=0
	"$BEARTRAP" run --output "jsonl:$A" -- "$PY" "$E2E/writer.py" --values "$V" split 1 >"$D/both" 2>&1 3>&- || status=$?
	equal "status" "$status" 10
	equal "tokens" "$(alerts 'sink.class=stdout|stderr|file|log-file' "sink.path=($D/both)?" confidence=verified)" "$(minted)"
}

@test "a record of a killed process is not lost" {
	beartrap_run --fail-on never -- "$PY" "$E2E/writer.py" --values "$V" killed 2
	equal "status" "$status" 137
	equal "tokens" "$(alerts rule=token-on-stderr)" 1
}
