# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
# shellcheck disable=SC2154 # stderr, stderr_lines are made by run
# What every CLI test needs. BEARTRAP is the program, BUILD where the test tools were built.
bats_require_minimum_version 1.5.0

top=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
BUILD=${BUILD:-$top/build}
BEARTRAP=$(realpath "${BEARTRAP:-$BUILD/beartrap}")
BUILD=$(realpath "$BUILD")

setup() {
	cd "$BATS_TEST_TMPDIR" || return
	export BEARTRAP_STATE="$BATS_TEST_TMPDIR/state"
	umask 022
}

bt() {
	"$BEARTRAP" "$@"
}

# tok KIND: a fresh secret.
tok() {
	"$BUILD/tests/tools/mktoken" "$1"
}

# one_line REGEX: stderr is one line, starts as all errors do, and matches.
one_line() {
	[ "${#stderr_lines[@]}" = 1 ] || { echo "stderr: $stderr"; return 1; }
	[[ "$stderr" == "beartrap: "* ]] || { echo "stderr: $stderr"; return 1; }
	[[ "$stderr" =~ $1 ]] || { echo "stderr does not match $1: $stderr"; return 1; }
}

# absent SECRET TEXT...: no text holds more of the secret than a preview may show.
absent() {
	local part=${1:8:12} text
	shift
	[ "${#part}" -ge 12 ] || { echo "secret too short to look for"; return 1; }
	for text in "$@"; do
		[[ "$text" != *"$part"* ]] || { echo "a secret is in: ${text:0:60}..."; return 1; }
	done
}

# rules_of FILE.jsonl: the rules of its alerts, sorted, on one line.
rules_of() {
	/usr/bin/python3 - "$1" <<'PY'
import json, sys
alerts = [json.loads(line) for line in open(sys.argv[1])]
print(" ".join(sorted(a["rule"] for a in alerts if a["schema"] == "beartrap.alert/1")))
PY
}

# record CASE OUT: compiles a replay case; its secrets are in OUT.secrets.
record() {
	"$BUILD/tests/tools/replay_case" "$top/tests/replay/cases/$1/events.jsonl" "$2" "$2.secrets"
}
