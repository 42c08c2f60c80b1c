#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# Under load every token is found; what the kernel only matched is told, and the bytes add up.

load lib

setup() {
	e2e_setup
	"${CC:-cc}" -O2 -o "$D/load" "$E2E/load.c" -lz
}

teardown() {
	e2e_teardown
}

# under_load FD SIZE: a token in each thousandth of 100,000 writes
under_load() {
	status=0
	"$BEARTRAP" run --fail-on never --output "jsonl:$A" --output "text:$T" -- \
		"$D/load" "$V" "$1" 100000 "$2" 1000 2>"$D/stderr" 3>&- | cat >/dev/null
	status=${PIPESTATUS[0]}
	equal "minted" "$(minted)" 100
	found=$(alerts 'sink.class=stdout|stderr')
	matched=$(sed -n 's/^note: \([0-9]*\) more bytes were examined by matching only.*/\1/p' "$T")
	echo "# $2 B: $found of 100 found, ${matched:-0} bytes by matching only, status $status" >&3
	equal "tokens" "$found" 100
	equal "status" "$status" 0
	# A few kilobytes are of libraries that it reads, and of the values' file.
	examined=$(sed -n 's/.* examined \([0-9]*\) bytes.*/\1/p' "$T")
	written=$((100000 * $2))
	if [ $((examined + matched)) -lt "$written" ] || [ $((examined + matched)) -gt $((written + 100000)) ]; then
		equal "examined $examined, matched ${matched:-0}; together" $((examined + matched)) "$written"
	fi
	no_secret "$A" "$T"
}

@test "100,000 writes of 100 B to stdout" {
	under_load 1 100
}

@test "100,000 writes of 4,000 B to stdout" {
	under_load 1 4000
}

@test "100,000 writes of 16,385 B to stdout" {
	under_load 1 16385
}

@test "100,000 writes of 100 B to a file" {
	beartrap_run --fail-on never -- sh -c "exec \"\$0\" \"\$1\" 3 100000 100 1000 3>\"\$2\"" "$D/load" "$V" "$D/notes"
	found=$(alerts "sink.path=$D/notes")
	equal "tokens" "$found" 100
	equal "status" "$status" 0
	equal "file as without beartrap" "$(stat -c %s "$D/notes")" 10000000
}
