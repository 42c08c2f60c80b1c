#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# An MCP server over HTTP that is an authorization server to its clients, and a client of another one.

load lib

setup_file() {
	start_authorization_server
}

teardown_file() {
	stop_authorization_server
}

setup() {
	e2e_setup
	oauth_setup
}

teardown() {
	e2e_teardown
}

# proxy plain|tls [FAULT...]: a client's session with the proxy under beartrap. Sets $status; what the tool gave is in $D/results.
proxy() {
	local kind=$1 options=()
	shift
	[ "$#" = 0 ] || options+=("${@/#/--fault=}")
	[ "$kind" = plain ] || options+=(--tls "$AS")
	{
		beartrap_run -- node "$E2E/oauth_proxy.mjs" --server "$AS/$kind.json" --ready "$D/ready" "${options[@]}"
		echo "$status" >"$D/status"
	} &
	until_true [ -e "$D/ready" ]
	node "$E2E/http_client.mjs" "$(cat "$D/ready")" >"$D/results" 2>"$D/client.err" 3>&-
	wait $!
	status=$(cat "$D/status")
	equal "answers of the resource" "$(grep -c "^the resource answered ${ANSWER:-200}" "$D/results")" 2
	equal "said of a part not looked at" "$(grep -c "NOT CLEAN" "$T")" 0
	V=$AS/values no_secret "$A" "$T"
}

# found STATUS <LIST: exactly these, of severity, rule and sink, and that exit status.
found() {
	equal "status" "$status" "$1"
	alert_members severity,rule,sink.class | tr '\t' ' ' | sort -u >"$D/found"
	sort -u | diff - "$D/found"
}

@test "its own tokens to its clients, the upstream's kept: nothing, loopback" {
	proxy plain
	found 0 </dev/null
}

@test "its own tokens to its clients, the upstream's kept: nothing, TLS" {
	proxy tls
	found 0 </dev/null
}

@test "TLS: the upstream's token in its own token answer and in a tool's, and nobody was asked" {
	proxy tls answer-upstream tool-result no-consent
	found 10 <<-'LIST'
		critical token-passthrough http-body
		critical token-in-tool-result tool-result
		medium confused-deputy-no-consent http-header
	LIST
	equal "in the tool's" "$(alert_members mcp.transport,mcp.tool,confidence rule=token-in-tool-result | sort -u)" \
		"$(printf 'http\tissues\tvalue')"
}

@test "its client's bearer goes on to the upstream" {
	ANSWER=401 proxy plain forward-bearer
	found 10 <<-'LIST'
		critical token-passthrough http-header
	LIST
}

@test "the SDK's ProxyOAuthServerProvider: the upstream's token goes to its client" {
	proxy plain sdk-proxy
	found 10 <<-'LIST'
		critical token-passthrough http-body
	LIST
}
