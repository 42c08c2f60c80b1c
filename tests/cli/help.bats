#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# Help, version, and everything a person may type wrongly.
# shellcheck disable=SC2154,SC2030,SC2031 # made by helper.bash and run
load helper

commands="run attach scan replay rules explain doctor version"

@test "--help tells what it is, every command, examples, exit statuses" {
	run --separate-stderr -0 bt --help
	[ -z "$stderr" ]
	[[ "$output" == "usage: beartrap "* ]]
	for c in $commands; do
		grep -qE "^  $c +[a-z]" <<<"$output"
	done
	for s in 0 1 2 10 125 126; do
		grep -qE "^ +$s  " <<<"$output"
	done
	grep -q "beartrap run -- " <<<"$output"
}

@test "-h and help are --help" {
	run -0 bt --help
	long=$output
	run -0 bt -h
	[ "$output" = "$long" ]
	run -0 bt help
	[ "$output" = "$long" ]
}

@test "every command has help of its own, on stdout" {
	for c in $commands; do
		run --separate-stderr -0 bt "$c" --help
		[ -z "$stderr" ]
		[[ "$output" == "usage: beartrap $c"* ]]
		help=$output
		run -0 bt help "$c"
		[ "$output" = "$help" ]
	done
}

@test "help is found behind other options" {
	run -0 bt scan --fail-on low --help
	[[ "$output" == "usage: beartrap scan"* ]]
	run -0 bt replay --key x --help
	[[ "$output" == "usage: beartrap replay"* ]]
}

@test "no line of help is wider than 100 columns" {
	for c in "" $commands; do
		# shellcheck disable=SC2086
		run -0 bt $c --help
		[ "$(awk 'length > 100' <<<"$output")" = "" ]
	done
}

@test "--version, version, and version --json agree" {
	run -0 bt --version
	[[ "${lines[0]}" == "beartrap "?* ]]
	text=$output
	run -0 bt version
	[ "$output" = "$text" ]
	run -0 bt version --json
	/usr/bin/python3 -c '
import json, sys
v = json.loads(sys.argv[1])
assert sys.argv[2].splitlines()[0] == "beartrap " + v["version"]
assert v["abi"] >= 1 and v["token_rules"] > 50 and "jsonl" in v["report_formats"]
assert 0 < v["catalogue_implemented"] <= v["catalogue_rules"]' "$output" "$text"
}

@test "the help of --output names every format that there is" {
	bt scan --help >help
	bt version --json | /usr/bin/python3 -c '
import json, sys
print(*json.load(sys.stdin)["report_formats"], sep="\n")' >formats
	[ -s formats ]
	while read -r f; do
		grep -A1 -e "--output FORMAT" help | grep -qw "$f" || { echo "$f"; false; }
	done <formats
}

@test "no command: usage error that points to the help" {
	run --separate-stderr -2 bt
	one_line "--help"
}

@test "unknown command: the nearest is suggested" {
	run --separate-stderr -2 bt scna .
	one_line "unknown command scna; did you mean .beartrap scan."
	run --separate-stderr -2 bt relpay
	one_line "did you mean .beartrap replay."
	run --separate-stderr -2 bt frobnicate
	one_line "unknown command frobnicate.*--help"
	run --separate-stderr -2 bt help scna
	one_line "did you mean .beartrap scan."
}

@test "unknown option: the nearest is suggested" {
	run --separate-stderr -2 bt scan --ouptut jsonl .
	one_line "scan: unknown option --ouptut; did you mean --output"
	run --separate-stderr -2 bt scan --frobnicate=3 .
	one_line "unknown option --frobnicate "
	run --separate-stderr -2 bt scan -x .
	one_line "unknown option -x"
	run --separate-stderr -2 bt --outptu
	one_line "unknown option --outptu"
	run --separate-stderr -2 bt run --fial-on low -- true
	one_line "did you mean --fail-on"
}

@test "an option without its value, and one that takes none" {
	run --separate-stderr -2 bt scan --output
	one_line "option --output needs a value"
	run --separate-stderr -2 bt scan --debug=yes .
	one_line "option --debug takes no value"
}

@test "values that an option does not take" {
	run --separate-stderr -2 bt scan --fail-on severe .
	one_line "--fail-on takes info, low, medium, high, critical, or never"
	for n in x 256 -1 "" 10x; do
		run --separate-stderr -2 bt scan "--exit-code=$n" .
		one_line "--exit-code takes a number from 0 to 255"
	done
	run --separate-stderr -2 bt scan --output yaml .
	one_line "yaml.*jsonl"
	run --separate-stderr -2 bt scan --output jsonl: .
	one_line "jsonl:"
	run --separate-stderr -2 bt scan --rules= .
	one_line "--rules needs a value"
}

@test "arguments missing or too many" {
	run --separate-stderr -2 bt scan
	one_line "scan: nothing to scan"
	run --separate-stderr -2 bt replay
	one_line "replay: give one recording"
	run --separate-stderr -2 bt replay a b
	one_line "give one recording"
	run --separate-stderr -2 bt explain
	one_line "explain: give the id of one rule"
	run --separate-stderr -2 bt rules
	one_line "rules: say one of list, check, test"
	run --separate-stderr -2 bt rules lsit
	one_line "say one of list, check, test"
	run --separate-stderr -2 bt rules check
	one_line "needs files or directories"
	run --separate-stderr -2 bt rules list x
	one_line "takes no arguments"
	run --separate-stderr -2 bt rules test --json
	one_line "only .rules list. takes --json"
	run --separate-stderr -2 bt version x
	one_line "takes no arguments"
	run --separate-stderr -2 bt run
	one_line "run: "
	run --separate-stderr -2 bt attach
	one_line "attach: "
}

@test "two outputs to one place are refused" {
	run --separate-stderr -2 bt scan --output jsonl --output text .
	one_line "one place"
	run --separate-stderr -2 bt scan --output jsonl:a --output text:a .
	one_line "one place"
	[ ! -e a ]
}

@test "control characters of an argument do not reach the terminal" {
	run --separate-stderr -2 bt $'sc\x1b[31man'
	one_line 'unknown command sc'
	[[ "$stderr" != *$'\x1b'* ]]
}

@test "standard output that is full is told" {
	for c in --help "rules list" "rules list --json" version "version --json" "explain token-on-stderr"; do
		# shellcheck disable=SC2086,SC2016
		run --separate-stderr -125 bash -c '"$0" "$@" >/dev/full' "$BEARTRAP" $c
		one_line "No space" || { echo "$c"; false; }
	done
}
