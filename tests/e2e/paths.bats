#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# Every way out of a process (paths/), each with a token written whole, in two pieces and in base64: it is caught. What
# cannot be seen and is told is in unseen.bats.

load lib

# A 64-bit program's 32-bit system calls: where they have but tracepoints, neither seen nor told at run time; README names them.
untold=compat_write

# Between parts of one program: looked into, and legal by the policy.
own="pipe
process_vm_writev_own
unix_abstract"

setup() {
	e2e_setup
	"${CC:-cc}" -O2 -o "$D/paths" "$E2E"/paths/*.c -lpthread
	cd "$D" || return 1
}

teardown() {
	[ -z "${receiver:-}" ] || kill "$receiver"
	cd /
	rm -f /dev/shm/bt-paths-*
	e2e_teardown
}

# In a network and with mounts of its own: there are addresses which are no loopback ones, and nobody's journal. Both outputs
# are pipes.
watched() {
	status=0
	mkdir -p /run/systemd/journal
	./paths --prepare values.json "$@"
	if [ ! -f receiver ]; then
		./paths --receive 3>&- &
		receiver=$!
		until [ -f receiver ]; do sleep 0.1; done
	fi
	unshare -n -m sh -ec 'mount -t tmpfs tmpfs /run/systemd/journal
		ip link set lo up
		ip addr add 192.0.2.1/32 dev lo
		ip addr add 2001:db8::1/128 dev lo nodad
		exec "$@"' sh "$BEARTRAP" run --fail-on never --output "jsonl:$A" --output "text:$T" -- ./paths values.json "$@" \
		2> >(cat >stderr) 3>&- </dev/null | cat >stdout
	status=${PIPESTATUS[0]}
}

@test "ways that are seen: every token is caught" {
	backend=$(backend)
	[ "$backend" != fexit ] || untold=
	mapfile -t ways < <(./paths --list | grep -vxFf <(printf '%s\n' "$own" "$untold"))
	"$PY" "$E2E/paths.py" mint values "${ways[@]}"
	watched "${ways[@]}"
	equal "status" "$status" 0
	"$BEARTRAP" scan --fail-on never --output jsonl:whole --output text:/dev/null values
	"$BEARTRAP" scan --fail-on never --known values.known --output jsonl:parts --output text:/dev/null values.parts
	"$PY" "$E2E/paths.py" show values whole parts "$A" "${ways[@]}" | tee table
	echo "# ways caught: ${#ways[@]}, $(uname -r), $backend" >&3
	sed 's/^/#   /' table >&3
	run ! grep MISSED table
	V=values no_secret "$A" "$T"
}
