#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# Where beartrap itself holds secrets while it runs: in locked memory, and nowhere else that it can help.

load lib

setup() {
	e2e_setup
}

teardown() {
	e2e_teardown
}

@test "a whole flow over TLS and leaks in every dress: no value outside of locked memory, nor in any output" {
	local status
	tls_serve
	mkdir "$D/out"
	# What it finds is not the question here; that it was looked at is.
	"$PY" "$E2E/memory_session.py" "$D" "$V" "$BEARTRAP" run --record "$D/run.btrec" --output "jsonl:$A" --output "text:$T" -- "
		node '$E2E/leaks.mjs' '$D' own gzip
		rm '$D'/out/*
		'$PY' '$E2E/leaks.py' '$D' own br
		rm '$D'/out/*
		'$E2E/leaks.sh' '$D' own '$E2E/curl_gnutls.py' 2 deflate '$D/cert.pem' https://127.0.0.1:$PORT/token
	" >"$D/memory" 2>"$D/stderr" 3>&- || status=$?
	sed 's/^/# /' "$D/memory" >&3
	equal "status" "${status:-0}" 0
	[ "$(minted)" -ge 10 ]
	for kind in access_token refresh_token code code_verifier; do
		[ "$(minted "$kind")" -ge 1 ]
	done
	grep -q '^other: 0 of' "$D/memory"
	run ! grep -q '^locked: 0 of' "$D/memory"
	[ "$(alerts confidence=value)" -gt 10 ]
	no_secret "$A" "$T" "$D/run.btrec" "$D/memory" "$D/stderr"
}

@test "a token that is being looked at" {
	mkfifo "$D/fifo"
	: >"$D/other"
	"$BEARTRAP" run --output "jsonl:$A" -- "$PY" "$E2E/late.py" --values "$D/other" "$D/fifo" 2>"$D/stderr" 3>&- &
	pid=$!
	PIDS+=("$pid")
	echo "say here is $("$PY" "$E2E/tokens.py" "$V" said) for you" >"$D/fifo"
	until_true sh -c "[ \"\$(\"$PY\" \"$E2E/alerts.py\" \"$A\" rule=token-on-stderr)\" = 1 ]"
	"$PY" "$E2E/memory.py" "$V" "$(worker_of "$pid")"
	echo quit >"$D/fifo"
	status=0
	wait "$pid" || status=$?
	equal "status" "$status" 10
}

@test "no core, and no look from outside by the same user" {
	mkdir "$D/cwd" "$D/nobody"
	chown 65534 "$D/nobody"
	chmod 711 "$D"
	mkfifo "$D/fifo"
	(
		ulimit -c unlimited
		cd "$D/cwd" || exit 1
		exec "$BEARTRAP" run --output "jsonl:$A" -- sh -c "touch '$D/up'; read -r line <'$D/fifo'" 2>"$D/stderr" 3>&-
	) &
	pid=$!
	PIDS+=("$pid")
	until_true test -e "$D/up"
	kill -SEGV "$pid"
	status=0
	wait "$pid" || status=$?
	equal "status" "$status" 139
	equal "core files" "$(find "$D/cwd" -type f)" ""
	echo >"$D/fifo"

	as_nobody env BEARTRAP_STATE="$D/nobody" "$BEARTRAP" scan - <"$D/fifo" >"$D/stdout" 2>"$D/stderr" 3>&- &
	exec 9>"$D/fifo"
	until_true sh -c "pgrep -u 65534 -x beartrap >'$D/pid'"
	pid=$(cat "$D/pid")
	PIDS+=("$pid")
	until_true sh -c "[ \"\$(stat -c %U /proc/$pid/mem)\" = root ]"
	run ! as_nobody cat "/proc/$pid/maps"
	exec 9>&-
}
