#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# Real MCP sessions: client and server on the official SDK.

load lib

setup() {
	e2e_setup
	needs_node
}

teardown() {
	e2e_teardown
}

# client PLAN NAME COMMAND...: one session; raw bytes in $D/NAME/, requests in $D/NAME.requests. Sets $status.
client() {
	local plan=$1 name=$2
	shift 2
	status=0
	node "$E2E/sdk_client.mjs" --plan "$plan" --dump "$D/$name" --requests "$D/$name.requests" -- "$@" \
		>"$D/$name.out" 2>"$D/$name.err" 3>&- || status=$?
}

# The id of the request that called a tool, read a resource, ...
request_id() {
	"$PY" -c '
import json, sys
for request in map(json.loads, open(sys.argv[1])):
    if request.get("name") == sys.argv[2] and request["method"] == sys.argv[3]:
        print(request["id"])
' "$D/watched.requests" "$1" "${2:-tools/call}"
}

@test "quiet session: same bytes as without beartrap, nothing found, status of the server" {
	client quiet bare node "$E2E/sdk_server.mjs"
	equal "status without beartrap" "$status" 0
	client quiet watched "$BEARTRAP" run --output "jsonl:$A" --output "text:$T" -- node "$E2E/sdk_server.mjs"
	equal "status" "$status" 0
	cmp "$D/bare/to-client" "$D/watched/to-client"
	cmp "$D/bare/to-server" "$D/watched/to-server"
	[ -s "$D/watched/to-client" ]
	equal "alerts" "$(alerts)" 0
	grep -qi "nothing found" "$T"
}

@test "leaky session: same bytes, and every leak under its rule, tool and request" {
	seed=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
	mkdir "$D/files"
	# Without beartrap first: lists the values, for the seed decides them.
	client all bare node "$E2E/sdk_server.mjs" --leaky-instructions --seed "$seed" --state-dir "$D/files" --values "$V"
	equal "status without beartrap" "$status" 0
	rm "$D/files"/*
	client all watched "$BEARTRAP" run --output "jsonl:$A" --output "text:$T" -- \
		node "$E2E/sdk_server.mjs" --leaky-instructions --seed "$seed" --state-dir "$D/files"
	equal "status" "$status" 10
	cmp "$D/bare/to-client" "$D/watched/to-client"
	cmp "$D/bare/to-server" "$D/watched/to-server"

	failed=0
	# tool, rule, and the sink's class
	while read -r tool rule class; do
		id=$(request_id "$tool")
		equal "$tool: $rule" "$(alerts "rule=$rule" "sink.class=$class" "mcp.tool=$tool" "mcp.id=$id" confidence=verified \
			"process.comm=node" "process.exe=.*/node" "mcp.direction=server-to-client" "mcp.transport=stdio")" 1 || failed=1
	done <<-TABLE
		leak_token token-in-tool-result tool-result
		leak_nested token-in-tool-result tool-result
		leak_error token-in-tool-result tool-result
		leak_structured token-in-tool-result tool-result
		leak_embedded token-in-(tool-result|resource) tool-result|resource
		leak_link token-in-resource-link .*
		leak_base64 token-in-(tool-result|resource) tool-result|resource
		big token-in-tool-result tool-result
		split token-in-tool-result tool-result
	TABLE
	# name, rule, method of the request
	while read -r name rule method; do
		id=$(request_id "$name" "$method")
		equal "$name: $rule" "$(alerts "rule=$rule" "mcp.method=$method" "mcp.id=$id" confidence=verified)" 1 || failed=1
	done <<-TABLE
		leak://config token-in-resource resources/read
		leak://file/notes token-in-resource resources/read
		leak://broken token-in-jsonrpc-error resources/read
		leak_prompt token-in-prompt prompts/get
		leak_prompt token-in-progress-or-task completion/complete
	TABLE
	while read -r rule more; do
		equal "$rule $more" "$(alerts "rule=$rule" confidence=verified "$more")" 1 || failed=1
	done <<-TABLE
		token-in-instructions mcp.method=initialize
		token-in-log-notification mcp.method=notifications/message
		token-in-progress-or-task mcp.method=notifications/progress
		token-in-sampling mcp.method=sampling/createMessage
		token-in-elicitation mcp.method=elicitation/create
		token-on-stderr process.comm=node
		token-on-stderr process.comm=python3
		token-on-stdout-raw sink.class=stdout
		token-in-log-file sink.path=$D/files/app.log
		token-file-permissive sink.path=$D/files/credentials.json
		secret-in-argv process.exe=.*/true
		token-in-env-of-child process.exe=.*/true
		token-piped-to-child sink.class=pipe
	TABLE
	# One alert for each leak. Half of leak_child's way is a pipe on which its token is written backwards.
	equal "secrets" "$(alerts)" "$(minted)" || failed=1
	equal "alerts" "$(alert_members rule | grep -c .)" "$(minted)" || failed=1
	no_secret "$A" "$T" "$D/watched.out" || failed=1
	[ "$failed" = 0 ]
}

@test "reference server everything: every tool, resource and prompt, nothing above info" {
	status=0
	env -i PATH="$PATH" HOME=/root BEARTRAP_STATE="$BEARTRAP_STATE" \
		node "$E2E/sdk_client.mjs" --plan every -- "$BEARTRAP" run --output "jsonl:$A" --output "text:$T" -- \
		node "$E2E/node_modules/@modelcontextprotocol/server-everything/dist/index.js" stdio \
		>"$D/out" 2>"$D/stderr" 3>&- || status=$?
	# Its timers keep it alive when its stdin is closed: the client then ends it with SIGTERM.
	[ "$status" = 0 ] || equal "status" "$status" 143
	[ "$(grep -c '^ok tool' "$D/out")" -ge 15 ]
	[ "$(grep -c '^ok resource' "$D/out")" -ge 5 ]
	[ "$(grep -c '^ok prompt' "$D/out")" -ge 3 ]
	equal "alerts above info" "$(alerts 'severity=low|medium|high|critical')" 0
}

@test "demo client and server, over pipes" {
	"$PY" "$TOP/demo/authorization_server.py" --ready "$D/issuer" --values "$V" 3>&- &
	PIDS+=($!)
	until_true [ -e "$D/issuer" ]
	mkdir "$D/files"
	status=0
	BROWSER="$PY $TOP/demo/browser.py" "$PY" "$TOP/demo/client.py" --quiet -- \
		"$BEARTRAP" run --output "jsonl:$A" --output "text:$T" -- \
		"$PY" "$TOP/demo/mcp_server.py" --issuer "$(cat "$D/issuer")" --leaky --state-dir "$D/files" \
		2>"$D/stderr" 3>&- || status=$?
	equal "status" "$status" 10
	# The refresh token is opaque: only the name it stands at tells what it is.
	equal "token file" "$(alerts rule=token-file-permissive "sink.path=$D/files/token.json")" 2
	equal "log file" "$(alerts rule=token-in-log-file "sink.path=$D/files/server.log")" 2
	equal "tool result" "$(alerts rule=token-in-tool-result mcp.tool=whoami)" 1
	no_secret "$A" "$T" "$D/stderr"
}
