#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause

load lib

setup() {
	e2e_setup
}

teardown() {
	e2e_teardown
}

@test "the demonstration goes as it should" {
	status=0
	timeout 60 env -u BEARTRAP_STATE BEARTRAP="$BEARTRAP" "$TOP/demo/run" >"$D/out" 2>&1 3>&- || status=$?
	[ "$status" = 0 ] || cat "$D/out" >&2
	equal "status" "$status" 0
	grep -q "no secret value in [1-9][0-9]* bytes of output" "$D/out"
}

@test "its authorization server keeps to OAuth 2.1, its MCP server to JSON-RPC" {
	"$PY" "$E2E/oauth_check.py"
}
