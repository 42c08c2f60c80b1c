#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# `beartrap replay` as a command; what the engine finds is tests/replay's.
# shellcheck disable=SC2154,SC2030,SC2031 # made by helper.bash and run
load helper

@test "a recording with a leak: exit 10, reports without the secret" {
	record tool-result run.btrec
	run --separate-stderr -10 bt replay run.btrec
	[ -z "$output" ]
	grep -q "token-in-tool-result" <<<"$stderr"
	absent "$(cat run.btrec.secrets)" "$stderr"
	run --separate-stderr -10 bt replay --output jsonl run.btrec
	[ -z "$stderr" ]
	absent "$(cat run.btrec.secrets)" "$output"
	grep -q '"rule":"token-in-tool-result"' <<<"$output"
}

@test "a clean recording: exit 0" {
	record quiet-correct-flow run.btrec
	run --separate-stderr -0 bt replay run.btrec
	grep -q clean <<<"$stderr"
}

@test "a run with loss and nothing found: 125; --fail-on never does not make it clean" {
	record loss-counted run.btrec
	run --separate-stderr -125 bt replay run.btrec
	grep -q "NOT CLEAN" <<<"$stderr"
	grep -q "ring-window" <<<"$stderr"
	run -125 bt replay --fail-on never run.btrec
}

@test "two replays give the same alerts, with the fingerprints of the recording" {
	record tool-result run.btrec
	strip() {
		run -10 bt replay --output jsonl "$1"
		# An alert's id is random.
		grep alert/1 <<<"$output" | sed 's/"id":"[0-9a-f]*"/"id":""/'
	}
	first=$(strip run.btrec)
	export BEARTRAP_STATE=$PWD/other
	[ "$(strip run.btrec)" = "$first" ]
}

@test "the recording itself holds no secret in the clear, and is private" {
	record tool-result run.btrec
	run grep -c "$(cat run.btrec.secrets)" run.btrec
	[ "$output" = 0 ]
	[ "$(stat -c %a run.btrec run.btrec.key | sort -u)" = 600 ]
}

@test "missing recording, missing key, --key" {
	run --separate-stderr -125 bt replay no-such.btrec
	one_line "no-such.btrec.*No such file"
	record tool-result run.btrec
	mv run.btrec.key elsewhere
	run --separate-stderr -125 bt replay run.btrec
	one_line "run.btrec.key"
	run -10 bt replay --key elsewhere run.btrec
	run --separate-stderr -125 bt replay --key nowhere run.btrec
	one_line "nowhere"
}

@test "another recording's key" {
	record tool-result a.btrec
	record tool-result b.btrec
	run --separate-stderr -125 bt replay --key b.btrec.key a.btrec
	one_line "btrec"
}

@test "a key that is no key" {
	record tool-result run.btrec
	printf 'short' >run.btrec.key
	run --separate-stderr -125 bt replay run.btrec
	one_line "run.btrec.key"
	: >run.btrec.key
	run --separate-stderr -125 bt replay run.btrec
	one_line "run.btrec.key"
}

@test "foreign files: empty, text, random, a directory" {
	record tool-result run.btrec
	for f in empty text random; do
		cp run.btrec.key "$f.key"
	done
	: >empty
	printf 'this is no recording, whatever its name says, and it goes on for a while\n' >text
	head -c 5000 /dev/urandom >random
	for f in empty text random; do
		run --separate-stderr -125 bt replay "$f"
		one_line "^beartrap: .*$f"
	done
	mkdir d
	run --separate-stderr -125 bt replay d
	one_line "d"
}

@test "cut short at every kind of place: one line, 125" {
	record wire-long-line run.btrec
	size=$(stat -c %s run.btrec)
	for n in 1 7 20 60 200 1000 $((size / 2)) $((size - 100)) $((size - 1)); do
		head -c "$n" run.btrec >cut.btrec
		cp run.btrec.key cut.btrec.key
		run --separate-stderr -125 bt replay --output jsonl:out.jsonl cut.btrec
		one_line "cut.btrec" || { echo "cut at $n"; false; }
		absent "$(cat run.btrec.secrets)" "$stderr" "$(cat out.jsonl 2>/dev/null)"
	done
}

@test "one changed byte anywhere: one line, 125, no crash" {
	record tool-result run.btrec
	size=$(stat -c %s run.btrec)
	for at in 0 3 8 12 16 40 80 200 $((size / 2)) $((size - 30)) $((size - 1)); do
		cp run.btrec bad.btrec
		cp run.btrec.key bad.btrec.key
		byte=$(od -An -tu1 -j "$at" -N 1 bad.btrec)
		# shellcheck disable=SC2059 # the format is the byte
		printf "\\x$(printf %02x $((byte ^ 1)))" | dd of=bad.btrec bs=1 seek="$at" conv=notrunc status=none
		run --separate-stderr -125 bt replay --output jsonl:out.jsonl bad.btrec
		one_line "bad.btrec" || { echo "changed at $at"; false; }
	done
}

@test "something behind the end is not ignored" {
	record tool-result run.btrec
	printf 'more' >>run.btrec
	run --separate-stderr -125 bt replay --output jsonl:out.jsonl run.btrec
	one_line "run.btrec"
}

@test "what was found before the cut is reported; the summary says incomplete" {
	# The finding is in the first of many frames.
	{
		printf '%s\n' '{"kind":"server"}' '{"kind":"data","file":"stderr","text":"{{gho:a}}\n"}'
		for _ in $(seq 60); do
			printf '%s\n' '{"kind":"data","file":"stderr","text":"{{fill:16000}}\n"}'
		done
	} >events.jsonl
	"$BUILD/tests/tools/replay_case" events.jsonl run.btrec secrets
	head -c 600000 run.btrec >cut.btrec
	cp run.btrec.key cut.btrec.key
	run --separate-stderr -125 bt replay --output jsonl:out.jsonl cut.btrec
	one_line "cut.btrec"
	[ "$(rules_of out.jsonl)" = "token-on-stderr" ]
	grep -q '"complete":false' out.jsonl
}

@test "--known finds a value that no rule knows" {
	printf '%s\n' '{"kind":"server"}' '{"kind":"data","file":"stderr","text":"x {{opaque43:a}} y\n"}' >events.jsonl
	"$BUILD/tests/tools/replay_case" events.jsonl run.btrec known
	run -0 bt replay --output jsonl:out.jsonl run.btrec
	[ -z "$(rules_of out.jsonl)" ]
	run -10 bt replay --known known --output jsonl:out.jsonl run.btrec
	[ "$(rules_of out.jsonl)" = "token-on-stderr" ]
}

@test "flow ids: the same when a recording is replayed, others in another run" {
	record flow-pkce-missing one.btrec
	record flow-pkce-missing two.btrec
	flow_id() {
		bt replay --output jsonl "$1" | grep -o '"flow":{"id":"[^"]*"' || true
	}
	first=$(flow_id one.btrec)
	[[ "$first" =~ \"f[0-9a-f]{15}\"$ ]]
	[ "$first" = "$(flow_id one.btrec)" ]
	[ "$first" != "$(flow_id two.btrec)" ]
}
