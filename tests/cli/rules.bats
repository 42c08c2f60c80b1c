#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# rules list, check, test; explain; rule and policy files of the user's own.
# shellcheck disable=SC2154,SC2030,SC2031 # made by helper.bash and run
load helper

@test "rules list: token rules and the whole catalogue" {
	run --separate-stderr -0 bt rules list
	[ -z "$stderr" ]
	grep -q "^  token-in-tool-result  *critical" <<<"$output"
}

@test "rules list --json: every id once" {
	run --separate-stderr -0 bt rules list --json
	/usr/bin/python3 -c '
import json, sys
r = json.loads(sys.argv[1])
tokens = [x["id"] for x in r["token_rules"]]
cat = [x["id"] for x in r["catalogue"]]
assert len(tokens) > 50 and len(tokens) == len(set(tokens))
assert len(cat) > 80 and len(cat) == len(set(cat))
assert all(x["status"] == "implemented" or x["status"].startswith(("planned: ", "not observable: ")) for x in r["catalogue"])
assert all(x["kind"] and x["confidence"] and x["file"] and x["line"] for x in r["token_rules"])' "$output"
}

@test "rules check: the built-in files are sound" {
	run --separate-stderr -0 bt rules check "$top/rules"
	[[ "$output" =~ ^ok:\ [0-9]+\ rules ]]
	[ -z "$stderr" ]
}

@test "rules check: a file that is no JSON, by line" {
	printf '{\n "rules": [\n  oops\n ]\n}\n' >bad.json
	run --separate-stderr -1 bt rules check bad.json
	one_line "bad.json:3: "
}

@test "rules check: every faulty file of a directory is told" {
	mkdir d
	printf '{\n\n oops\n' >d/a.json
	printf 'oops\n' >d/b.json
	printf 'no rules here\n' >d/c.txt
	run --separate-stderr -1 bt rules check d
	[ "${#stderr_lines[@]}" = 2 ]
	[[ "${stderr_lines[0]}" == "beartrap: "*"d/a.json:3: "* ]]
	[[ "${stderr_lines[1]}" == "beartrap: "*"d/b.json:1: "* ]]
}

@test "rules check: what cannot be read" {
	run --separate-stderr -1 bt rules check no-such.json
	one_line "no-such.json.*No such file"
	mkdir empty
	run --separate-stderr -1 bt rules check empty
	one_line "empty: no \*.json"
	# Its read(2) fails for everybody.
	run --separate-stderr -1 bt rules check /proc/self/mem
	one_line "/proc/self/mem"
	: >nothing.json
	run --separate-stderr -1 bt rules check nothing.json
	one_line "nothing.json:1: "
}

@test "rules test: precision and recall of the built-in rules are 1" {
	run --separate-stderr -0 bt rules test
	[[ "$output" =~ [0-9]+\ rules,\ [0-9]+\ cases ]]
	grep -q "^precision 1.0000" <<<"$output"
	grep -q "^recall    1.0000" <<<"$output"
	n=$(wc -l <<<"$output")
	run -0 bt rules test -v
	[ "$(wc -l <<<"$output")" -gt "$((n + 50))" ]
}

@test "scan and replay with rules that cannot be used: one line, nothing is looked at" {
	printf '{\n\n oops\n' >bad.json
	printf 'fine\n' >x
	record tool-result run.btrec
	for c in "scan --rules bad.json x" "replay --rules bad.json run.btrec" "explain --rules bad.json token-on-stderr" \
		"scan --policy bad.json x"; do
		# shellcheck disable=SC2086
		run --separate-stderr -2 bt $c
		one_line "bad.json:3: " || { echo "$c"; false; }
		[ -z "$output" ]
	done
	run --separate-stderr bt scan --rules no-such.json x
	[ "$status" = 2 ] || [ "$status" = 125 ]
	one_line "no-such.json.*No such file"
	run --separate-stderr bt scan --policy no-such.json x
	[ "$status" = 2 ] || [ "$status" = 125 ]
	one_line "no-such.json.*No such file"
}

@test "explain: a rule of the catalogue" {
	run --separate-stderr -0 bt explain token-in-tool-result
	[ -z "$stderr" ]
	[[ "${lines[0]}" == "token-in-tool-result: "* ]]
	grep -q "^Severity: critical" <<<"$output"
	grep -q "^Why it matters:" <<<"$output"
	grep -q "^How to mend it:" <<<"$output"
	grep -q "^References:" <<<"$output"
	grep -A1 "^Looked for in:" <<<"$output" | grep -q "tool-result"
	[ "$(awk 'length > 100' <<<"$output")" = "" ]
}

@test "explain: every rule of the catalogue; implemented ones say where they look" {
	bt rules list --json | /usr/bin/python3 -c '
import json, sys
for x in json.load(sys.stdin)["catalogue"]:
    print(x["id"], x["status"].split(":")[0])' >ids
	[ "$(wc -l <ids)" -gt 80 ]
	while read -r id status; do
		bt explain "$id" >text
		if [ "$status" != implemented ]; then
			grep -q "^Not looked for" text
		else
			grep -q "^Looked for in:" text || { echo "$id is looked for nowhere"; false; }
		fi
	done <ids
}

@test "explain: a token rule" {
	id=$(bt rules list --json | /usr/bin/python3 -c '
import json, sys
print(next(x["id"] for x in json.load(sys.stdin)["token_rules"] if x["provider"] == "github"))')
	run -0 bt explain "$id"
	grep -q "^Provider: github" <<<"$output"
	grep -q "^Defined in: " <<<"$output"
}

@test "explain: an unknown rule, with the nearest" {
	run --separate-stderr -2 bt explain token-in-tol-result
	one_line "no rule token-in-tol-result; did you mean token-in-tool-result"
	run --separate-stderr -2 bt explain frobnicate
	one_line "no rule frobnicate; .beartrap rules list. has all"
}

# acme_rules FILE: a rule file of one's own.
acme_rules() {
	cat >"$1" <<'JSON'
{
  "kind": "tokens",
  "rules": [
    {
      "id": "acme-token",
      "title": "Acme access token",
      "provider": "acme",
      "kind": "access_token",
      "patterns": ["acme_[a-z0-9]{32}"],
      "tests": {
        "match": ["token {{token}} end"],
        "nomatch": ["acme_token", "acme_short"]
      }
    }
  ]
}
JSON
}

@test "a rule of one's own: checked, tested, used, explained" {
	acme_rules acme.json
	run --separate-stderr -0 bt rules check acme.json
	[ "$output" = "ok: 1 rules in 1 files" ]
	run --separate-stderr -0 bt rules test acme.json
	grep -q "^1 rules, 3 cases" <<<"$output"
	t=acme_$(tok hex32)
	printf 'x %s y\n' "$t" >x.log
	run -0 bt scan x.log
	run --separate-stderr -10 bt scan --rules acme.json --output jsonl:out.jsonl x.log
	grep -q '"provider":"acme"' out.jsonl
	absent "$t" "$(cat out.jsonl)"
	mkdir d
	cp acme.json d/
	run -10 bt scan --rules d x.log
	run -0 bt explain --rules acme.json acme-token
	grep -q "^Defined in: acme.json:4" <<<"$output"
}

@test "rules check: faults of a rule, by line" {
	acme_rules acme.json
	# sed command | line | what is said
	while IFS='|' read -r change line what; do
		sed "$change" acme.json >bad.json
		run --separate-stderr -1 bt rules check bad.json
		one_line "bad.json:$line: .*$what" || { echo "$change"; false; }
	done <<'CASES'
s/"patterns"/"paterns"/|9|paterns
s/access_token/acess_token/|8|acess_token
s/acme_\[a-z0-9\]{32}/acme_[a-z0-9/|9|pattern
s/acme_\[a-z0-9\]{32}/[a-z0-9]{32}/|9|literal
s/"acme-token"/"Acme Token"/|5|id
/"title"/d|4|title
s/{{token}}/{{tokne}}/|11|
/"kind": "tokens"/d|1|kind
CASES
}

@test "rules test: a rule that misses its own positive fails, and the token is not shown" {
	t=acme_$(tok hex32)
	acme_rules acme.json
	sed "s/acme_short/$t/; s/token {{token}} end/token acme_nothing here/" acme.json >bad.json
	run --separate-stderr -1 bt rules test bad.json
	grep -q "bad.json:11: acme-token: " <<<"$output"
	grep -q "bad.json:12: acme-token: " <<<"$output"
	absent "$t" "$output" "$stderr"
	run -1 bt rules test -v bad.json
	grep -q "^acme-token  *2 cases fail" <<<"$output"
}

@test "a policy of one's own: another severity; faults by line" {
	printf 'token %s\n' "$(tok gho)" >x.log
	cat >policy.json <<'JSON'
{
  "kind": "policy",
  "cells": [
    { "id": "my-logs", "sink": ["log-file"], "secret": "any",
      "verdict": "alert", "rule": "token-in-log-file", "severity": "low" }
  ]
}
JSON
	run -0 bt rules check policy.json
	run -0 bt scan --policy policy.json --output jsonl:out.jsonl x.log
	grep -q '"severity":"low"' out.jsonl
	sed 's/"low"/"tiny"/' policy.json >bad.json
	run --separate-stderr -1 bt rules check bad.json
	one_line "bad.json:4: .*"
	run --separate-stderr -2 bt scan --policy bad.json x.log
	one_line "bad.json:4: .*"
}

@test "rules list: each finding with its state and its replay cases" {
	run --separate-stderr -0 bt rules list
	grep -Eq "^  pkce-missing  +high +implemented +[1-9][0-9]*\+[1-9]" <<<"$output"
	grep -Eq "^  token-file-temp-remnant +medium +implemented +[1-9][0-9]*\+[1-9]" <<<"$output"
	run --separate-stderr -0 bt rules list --json
	/usr/bin/python3 -c '
import json, sys
cat = json.loads(sys.argv[1])["catalogue"]
assert len(cat) == 123
assert sum(x["status"] == "implemented" for x in cat) >= 100
for x in cat:
    done = x["status"] == "implemented"
    assert (x["match_cases"] > 0) == done and (x["nomatch_cases"] > 0 or not done), x["id"]' "$output"
}

@test "rules test -v: every rule of the catalogue with its cases; nothing but the program is needed" {
	cp "$BEARTRAP" ./alone
	run -0 env -i BEARTRAP_STATE="$PWD/state" ./alone rules test -v
	grep -Eq "^state-missing  +[1-9][0-9]* match, [1-9][0-9]* nomatch" <<<"$output"
	grep -Eq "^catalogue: 123 rules, 12[0-9] implemented; [34][0-9][0-9] replay cases" <<<"$output"
}

@test "explain: what a rule does not see" {
	run -0 bt explain callback-listener-nonloopback
	grep -q "^What it does not see:" <<<"$output"
	run -0 bt explain token-in-prompt
	! grep -q "^What it does not see:" <<<"$output"
}

@test "an override of one's own: in text and JSON with its reason; faults by line" {
	printf 'token %s\n' "$(tok gho)" >x.log
	cat >policy.json <<'JSON'
{
  "kind": "policy",
  "overrides": [
    { "id": "old-log", "rule": ["token-in-log-file"], "path": ["*/x.log"],
      "severity": "low", "reason": "revoked in May" }
  ]
}
JSON
	run -0 bt rules check policy.json
	run -0 bt scan --policy policy.json --output jsonl:out.jsonl --output text:out.txt "$PWD/x.log"
	grep -q '"severity":"low"' out.jsonl
	grep -q '"override":{"id":"old-log","reason":"revoked in May","severity":"' out.jsonl
	grep -q 'by override old-log: revoked in May' out.txt
	grep -q '^override: 1 finding changed by old-log: revoked in May' out.txt
	sed 's/"severity": "low"/"verdict": "legal"/' policy.json >legal.json
	run -0 bt scan --policy legal.json --output jsonl:out.jsonl --output text:out.txt "$PWD/x.log"
	[ "$(wc -l <out.jsonl)" = 1 ]
	grep -q '"overrides":\[{"id":"old-log","reason":"revoked in May","legal":true,"findings":1}\]' out.jsonl
	grep -q '^override: 1 finding left out by old-log' out.txt
	# Another file is not meant.
	cp x.log y.log
	run -10 bt scan --policy legal.json --output text "$PWD/y.log"
	sed 's/, "reason": "revoked in May"//' policy.json >bad.json
	run --separate-stderr -1 bt rules check bad.json
	one_line "bad.json:4: old-log: .*reason"
}
