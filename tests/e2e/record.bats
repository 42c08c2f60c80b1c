#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# A recorded run, judged again without privileges.

load lib

setup() {
	e2e_setup
}

teardown() {
	e2e_teardown
	[ -z "${CGROUP:-}" ] || rmdir "$CGROUP" 2>/dev/null || true
}

# What must be the same in both: all but the times and the random ids.
essence() {
	"$PY" -c '
import json, sys
for alert in map(json.loads, open(sys.argv[1])):
    if alert["schema"] == "beartrap.alert/1":
        for member in "time", "id", "first_seen", "last_seen":
            del alert[member]
        print(json.dumps(alert, sort_keys=True))
' "$1"
}

@test "replay as nobody tells the same alerts; no secret in the recording" {
	beartrap_run --record "$D/run.btrec" -- sh -c "
		\"$PY\" \"$E2E/writer.py\" --values \"$V\" split 1
		\"$PY\" \"$E2E/writer.py\" --values \"$V\" big 2
		\"$PY\" \"$E2E/writer.py\" --values \"$V\" vectors \"$D/notes\""
	equal "status" "$status" 10
	no_secret "$A" "$T" "$D/run.btrec"
	equal "mode of the recording" "$(stat -c %a "$D/run.btrec")" 600
	equal "mode of its key" "$(stat -c %a "$D/run.btrec.key")" 600

	mkdir "$D/nobody"
	mv "$D/run.btrec" "$D/run.btrec.key" "$D/nobody"
	chmod 711 "$D"
	chown -R 65534:65534 "$D/nobody"
	status=0
	as_nobody env BEARTRAP_STATE="$D/nobody" "$BEARTRAP" replay --output "jsonl:$D/nobody/alerts.jsonl" \
		"$D/nobody/run.btrec" 2>"$D/stderr" || status=$?
	equal "status of the replay" "$status" 10
	[ "$(essence "$A" | wc -l)" -gt 40 ]
	diff <(essence "$A") <(essence "$D/nobody/alerts.jsonl")
	no_secret "$D/nobody/alerts.jsonl" "$D/stderr"
}

@test "the cgroup, unit and container of a process are recorded" {
	id=$(printf 'x%08x' $$ | sha256sum | cut -d' ' -f1)
	CGROUP=$(cgroup_make "libpod-$id.scope")
	beartrap_run --record "$D/run.btrec" -- sh -c "
		echo \$\$ >\"$CGROUP/cgroup.procs\"
		\"$PY\" \"$E2E/writer.py\" --values \"$V\" split 1"
	equal "status" "$status" 10
	equal "containers" "$(alert_members process.container,process.unit | sort -u)" "$id	libpod-$id.scope"
	"$BEARTRAP" replay --output "jsonl:$D/again.jsonl" "$D/run.btrec" 2>/dev/null || true
	diff <(essence "$A") <(essence "$D/again.jsonl")
}

@test "a process that has ended before /proc could be asked: its cgroup is known by number" {
	CGROUP=$(cgroup_make "beartrap-e2e-$$.service")
	beartrap_run -- bash -c "
		kill -STOP \$PPID
		(echo \$BASHPID >\"$CGROUP/cgroup.procs\"; exec \"$PY\" \"$E2E/writer.py\" --values \"$V\" split 1)
		kill -CONT \$PPID"
	equal "status" "$status" 10
	equal "units" "$(alert_members process.unit | sort -u)" "beartrap-e2e-$$.service"
}

@test "a clean run replays clean; a damaged recording does not pass for clean" {
	beartrap_run --record "$D/run.btrec" -- echo hello
	equal "status" "$status" 0
	"$BEARTRAP" replay "$D/run.btrec" 2>/dev/null >&2

	truncate -s -20 "$D/run.btrec"
	status=0
	"$BEARTRAP" replay "$D/run.btrec" >"$D/out" 2>&1 || status=$?
	equal "status of a short recording" "$status" 125
}
