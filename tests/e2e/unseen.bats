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

@test "sendfile" {
	found_or_told "$PY" -c 'import os; os.sendfile(1, os.open("token", 0), 0, 41)'
}

@test "splice" {
	found_or_told "$PY" -c '
import os
r, w = os.pipe()
os.splice(os.open("token", 0), w, 41)
os.splice(r, 1, 41)'
}

@test "copy_file_range, as cat and cp of coreutils 9 do" {
	found_or_told cat token
}

@test "a shared mapping of a file" {
	found_or_told "$PY" -c '
import mmap, os
fd = os.open("copy", os.O_RDWR | os.O_CREAT, 0o644)
os.ftruncate(fd, 4096)
mmap.mmap(fd, 4096)[:40] = open("token", "rb").read(40)'
}

@test "io_uring: its writes are no calls" {
	beartrap_run -- "$PY" -c '
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
if libc.syscall(425, 8, ctypes.create_string_buffer(120)) < 0:
    raise SystemExit(3)'
	[ "$status" != 3 ] || skip "no io_uring here"
	run ! grep 'every byte examined' "$T"
}
