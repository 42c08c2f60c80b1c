#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# A short soak (tests/soak): with processes that come and go and rules that are loaded again, nothing grows or gets lost.

load lib

setup() {
	e2e_setup
}

teardown() {
	e2e_teardown
}

@test "20 seconds of churn" {
	status=0
	"$TOP/tests/soak/run" 20 >"$D/soak" 2>&1 3>&- || status=$?
	sed -n 's/^soak/# soak/p' "$D/soak" >&3
	equal "status" "$status" 0
}
