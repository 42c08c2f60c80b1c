#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# shellcheck disable=SC2154,SC2030,SC2031 # made by helper.bash and run
load helper

@test "a clean file: exit 0, and the summary says what was examined" {
	printf 'nothing to see\n' >notes.txt
	run --separate-stderr -0 bt scan notes.txt
	[ -z "$output" ]
	grep -q "examined 15 bytes" <<<"$stderr"
	grep -q "1 file examined" <<<"$stderr"
	grep -q "clean" <<<"$stderr"
}

@test "a token in a log: exit 10, text report on stderr, no secret in it" {
	t=$(tok gho)
	printf 'line one\ntoken %s here\n' "$t" >server.log
	run --separate-stderr -10 bt scan server.log
	[ -z "$output" ]
	grep -q "token-in-log-file" <<<"$stderr"
	grep -q "server.log" <<<"$stderr"
	absent "$t" "$output" "$stderr"
}

@test "jsonl on stdout: place, line, offset, kind, provider; no secret" {
	t=$(tok gho)
	printf 'line one\ntoken %s here\n' "$t" >server.log
	chmod 644 server.log
	run --separate-stderr -10 bt scan --output jsonl server.log
	absent "$t" "$output" "$stderr"
	/usr/bin/python3 -c '
import json, sys
lines = [json.loads(x) for x in sys.argv[1].splitlines()]
a = lines[0]
assert a["rule"] == "token-in-log-file" and a["severity"] == "critical", a
assert a["sink"]["path"] == "server.log" and a["sink"]["line"] == 2 and a["sink"]["offset"] == 15, a
assert a["secret"]["kind"] == "access_token" and a["secret"]["provider"] == "github", a
assert a["secret"]["length"] == 40 and a["confidence"] == "verified", a
s = lines[-1]
assert s["command"] == "scan" and s["findings"] == 1 and s["complete"], s
assert s["totals"]["bytes_examined"] == 61, s' "$output"
}

@test "every kind of token with a format of its own is found" {
	for kind in gho ghu ghp ghr ghs-new github_pat ya29 google-refresh google-secret slack gitlab-pat \
		gitlab-routable linear-oauth notion stripe shopify sentry-user digitalocean-oauth \
		supabase-oauth anthropic-oauth openai atlassian npm vercel jwt-rs256 jwt-access jwe-dir; do
		t=$(tok "$kind")
		printf '{"x":"%s"}\n' "$t" >t.log
		chmod 644 t.log
		run --separate-stderr bt scan --output jsonl:out.jsonl t.log
		[ "$status" = 10 ] || { echo "$kind: $status"; false; }
		[ -n "$(rules_of out.jsonl)" ] || { echo "$kind"; false; }
		absent "$t" "$(cat out.jsonl)" "$output" "$stderr"
	done
}

@test "private token file: medium, reported, exit 0; --fail-on medium makes it 10" {
	private=$(mktemp -d "$HOME/.beartrap-test.XXXXXX")
	printf '{"access_token":"%s"}' "$(tok gho)" >"$private/tokens.json"
	chmod 600 "$private/tokens.json"
	statuses=
	for level in high medium info critical; do
		run bt scan --fail-on "$level" --output jsonl:out.jsonl "$private"
		statuses="$statuses $status"
	done
	rm -r "$private"
	[ "$(rules_of out.jsonl)" = "token-file-plaintext" ]
	grep -q '"severity":"medium"' out.jsonl
	[ "$statuses" = " 0 10 10 0" ]
}

@test "the same file in a shared place is high, also by a relative path" {
	printf '{"access_token":"%s"}' "$(tok gho)" >tokens.json
	chmod 600 tokens.json
	run -10 bt scan --output jsonl:out.jsonl tokens.json
	[ "$(rules_of out.jsonl)" = "token-file-shared-location" ]
}

@test "a file that others can read is high" {
	printf '{"access_token":"%s"}' "$(tok gho)" >tokens.json
	chmod 644 tokens.json
	run -10 bt scan --output jsonl:out.jsonl tokens.json
	[ "$(rules_of out.jsonl)" = "token-file-permissive" ]
}

@test "--fail-on never and --exit-code" {
	printf 'token %s\n' "$(tok gho)" >x.log
	run -0 bt scan --fail-on never x.log
	run -42 bt scan --exit-code 42 x.log
	run -0 bt scan --exit-code 0 x.log
}

@test "directories are walked in name order, links in them are not followed" {
	mkdir -p tree/b tree/a outside
	printf 'token %s\n' "$(tok gho)" >tree/a/1.log
	printf 'token %s\n' "$(tok ghu)" >tree/b/2.log
	printf 'token %s\n' "$(tok ghp)" >outside/3.log
	ln -s ../outside tree/link
	ln -s ../outside/3.log tree/3.log
	ln -s . tree/loop
	run --separate-stderr -10 bt scan --output jsonl tree
	/usr/bin/python3 -c '
import json, sys
lines = [json.loads(x) for x in sys.argv[1].splitlines()]
paths = [a["sink"]["path"] for a in lines if a["schema"] == "beartrap.alert/1"]
assert paths == ["tree/a/1.log", "tree/b/2.log"], paths' "$output"
}

@test "a link that is named is followed" {
	printf 'token %s\n' "$(tok gho)" >x.log
	ln -s x.log l.log
	mkdir d
	cp x.log d/
	ln -s d e
	run -10 bt scan l.log
	run -10 bt scan e
}

@test "FIFOs, sockets and devices in a tree are passed over; named ones are an error" {
	mkdir tree
	mkfifo tree/fifo
	printf 'fine\n' >tree/x
	run --separate-stderr -0 timeout 20 "$BEARTRAP" scan tree
	run --separate-stderr -125 timeout 20 "$BEARTRAP" scan tree/fifo
	grep -q "^beartrap: tree/fifo: is no regular file" <<<"$stderr"
	run --separate-stderr -125 timeout 20 "$BEARTRAP" scan /dev/zero
	grep -q "^beartrap: /dev/zero: is no regular file" <<<"$stderr"
}

@test "what cannot be read is named and counted, and the look is incomplete" {
	printf 'fine\n' >x
	run --separate-stderr -125 bt scan x no-such-file
	grep -q "^beartrap: no-such-file: No such file or directory; not examined$" <<<"$stderr"
	grep -q "1 could not be read" <<<"$stderr"
	grep -q "NOT CLEAN" <<<"$stderr"
	# Its read(2) fails for everybody.
	run --separate-stderr -125 bt scan /proc/self/mem
	grep -q "^beartrap: /proc/self/mem: .*; not examined$" <<<"$stderr"
	ln -s nowhere dangling
	run --separate-stderr -125 bt scan dangling
	grep -q "^beartrap: dangling: No such file" <<<"$stderr"
}

@test "a finding stands although something else could not be read" {
	printf 'token %s\n' "$(tok gho)" >x.log
	run -10 bt scan x.log no-such-file
}

@test "standard input" {
	t=$(tok gho)
	# shellcheck disable=SC2016 # for the inner shell
	run --separate-stderr -10 bash -c 'printf "token %s\n" "$1" | "$0" scan --output jsonl --fail-on info -' "$BEARTRAP" "$t"
	absent "$t" "$output" "$stderr"
	grep -q '"path":"-"' <<<"$output"
	# shellcheck disable=SC2016
	run -0 bash -c 'echo fine | "$0" scan -' "$BEARTRAP"
}

@test "binary files: NULs and bytes that are no UTF-8 round a token" {
	t=$(tok gho)
	{ head -c 5000 /dev/zero; printf '\xff\xfe\x00%s\x00\x80' "$t"; head -c 5000 /dev/zero; } >core.log
	run --separate-stderr -10 bt scan --output jsonl:out.jsonl core.log
	[ "$(rules_of out.jsonl)" = "token-in-log-file" ]
}

@test "a token anywhere in a big file, also across the borders of what is read at once" {
	t=$(tok gho)
	for at in 65500 65535 65536 131070; do
		{ head -c "$at" /dev/zero | tr '\0' ' '; printf '%s\n' "$t"; head -c 300000 /dev/zero | tr '\0' 'z'; } >big.log
		run -10 bt scan --output jsonl:out.jsonl big.log
		[ "$(rules_of out.jsonl)" = "token-in-log-file" ]
		grep -q "\"offset\":$at" out.jsonl
	done
}

@test "an empty file and an empty directory are clean" {
	: >empty
	mkdir d
	run -0 bt scan empty
	run -0 bt scan d
}

@test "placeholders and look-alikes are silent" {
	cat >README.md <<'TXT'
export GITHUB_TOKEN=ghp_your_personal_access_token_here
Authorization: Bearer ${ACCESS_TOKEN}
Authorization: Bearer <token>
access_token=YOUR_ACCESS_TOKEN&refresh_token=REDACTED
client_secret: "********"
Bearer mF_9.B5f-4.1JqM
code=SplxlOBeZQQYbYS6WxSbIA
TXT
	printf 'gho_%036d\nghp_%s\n' 0 xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx >more.md
	printf 'commit %s\nnextCursor: eyJvZmZzZXQiOjIwfQ==\n' "$(tok hex40)" >log.md
	printf '"code_challenge": "%s", "progressToken": "%s"\n' "$(tok opaque43)" "$(tok opaque30)" >x.json
	run --separate-stderr -0 bt scan --fail-on info --output jsonl:out.jsonl README.md more.md log.md x.json
	[ -z "$(rules_of out.jsonl)" ] || { cat out.jsonl; false; }
}

@test "--known: plain, base64 of all alignments, hex, percent, JSON-escaped, and a fragment" {
	t=$(tok opaque43)
	printf '# a comment\n\n%s\r\n' "$t" >known
	hex=$(printf %s "$t" | od -An -tx1 | tr -d ' \n')
	# shellcheck disable=SC2001
	percent=$(sed 's/../%&/g' <<<"$hex")
	# shellcheck disable=SC2001
	unicode=$(sed 's/../\\u00&/g' <<<"$hex")
	for form in "$t" "$(printf %s "$t" | base64 -w0)" "$(printf 'a%s' "$t" | base64 -w0)" \
		"$(printf 'ab%s' "$t" | base64 -w0)" "$(printf %s "$t" | base64 -w0 | tr +/ -_)" \
		"$hex" "${hex^^}" "$percent" "$unicode" "${t:5:30}"; do
		printf 'x "%s" y\n' "$form" >x.log
		run --separate-stderr bt scan --known known --fail-on info --output jsonl:out.jsonl x.log
		[ "$status" = 10 ] || { echo "not found: form of ${#form} bytes, status $status"; false; }
		grep -q '"confidence":"value"' out.jsonl || { cat out.jsonl; false; }
		absent "$t" "$(cat out.jsonl)" "$output" "$stderr"
		absent "$form" "$(cat out.jsonl)" "$output" "$stderr"
	done
	# Without --known an opaque value is no secret to anybody.
	printf 'x "%s" y\n' "$t" >x.log
	run -0 bt scan --fail-on info x.log
}

@test "--known: files that cannot be used" {
	printf 'fine\n' >x
	run --separate-stderr bt scan --known no-such-file x
	[ "$status" = 125 ] || [ "$status" = 2 ]
	one_line "no-such-file"
	mkdir d
	run --separate-stderr bt scan --known d x
	[ "$status" = 125 ] || [ "$status" = 2 ]
	one_line "d: "
}

@test "all report formats at once, none holds the secret" {
	t=$(tok gho)
	printf 'token %s\n' "$t" >x.log
	formats=$(bt version --json | /usr/bin/python3 -c 'import json,sys; print(*json.load(sys.stdin)["report_formats"])')
	args=()
	for f in $formats; do
		args+=(--output "$f:out.$f")
	done
	run --separate-stderr -10 bt scan "${args[@]}" x.log
	[ -z "$output$stderr" ]
	for f in $formats; do
		[ -s "out.$f" ]
		absent "$t" "$(cat "out.$f")"
	done
}

@test "reports are private files" {
	printf 'token %s\n' "$(tok gho)" >x.log
	run -10 bt scan --output jsonl:out.jsonl --output text:out.txt x.log
	[ "$(stat -c %a out.jsonl out.txt | sort -u)" = 600 ]
}

@test "outputs that cannot be written: told in one line, before anything is looked at" {
	printf 'fine\n' >x
	run --separate-stderr bt scan --output jsonl:no/such/dir/out x
	[ "$status" = 125 ]
	one_line "no/such/dir/out.*No such file"
	mkdir d
	run --separate-stderr -125 bt scan --output jsonl:d x
	one_line "d: "
}

@test "an output that fills up: 125, whatever was found" {
	printf 'token %s\n' "$(tok gho)" >x.log
	run --separate-stderr -125 bt scan --output jsonl:/dev/full x.log
	one_line "/dev/full.*No space"
}

@test "fingerprints: the same secret is the same in two runs, another is not" {
	printf 'token %s\n' "$(tok gho)" >a.log
	printf 'token %s\n' "$(tok gho)" >b.log
	print() {
		run -10 bt scan --output jsonl:out.jsonl "$1"
		grep -o '"fingerprint":"[0-9a-f]*"' out.jsonl | head -1
	}
	first=$(print a.log)
	[ -n "$first" ]
	[ "$(print a.log)" = "$first" ]
	[ "$(print b.log)" != "$first" ]
	[ "$(stat -c %a state/fingerprint.key)" = 600 ]
	export BEARTRAP_STATE=$PWD/other
	[ "$(print a.log)" != "$first" ]
}

@test "a state directory that cannot be had is no reason not to look; --debug says so" {
	printf 'token %s\n' "$(tok gho)" >x.log
	: >file
	export BEARTRAP_STATE=$PWD/file/below
	run --separate-stderr -10 bt scan --output jsonl:out.jsonl x.log
	[ -z "$stderr" ]
	run --separate-stderr -10 bt scan --debug --output jsonl:out.jsonl x.log
	one_line "good for this run only"
}

@test "no colours into a file, nor with NO_COLOR on a terminal" {
	printf 'token %s\n' "$(tok gho)" >x.log
	run --separate-stderr bt scan x.log
	[[ "$stderr" != *$'\x1b'* ]]
	run env TERM=xterm script -qec "'$BEARTRAP' scan x.log" /dev/null
	[[ "$output" == *$'\x1b['* ]]
	run env TERM=xterm NO_COLOR=1 script -qec "'$BEARTRAP' scan x.log" /dev/null
	[[ "$output" != *$'\x1b['* ]]
	[[ "$output" == *token-in-log-file* ]]
}

@test "a name with control characters does not reach the terminal as it is" {
	printf 'token %s\n' "$(tok gho)" >$'a\x1b[31mb.log'
	run --separate-stderr -10 bt scan .
	[[ "$stderr" != *$'\x1b'* ]]
}
