#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# OAuth flows at a real authorization server (oidc-provider), by an MCP server that is its client: with libraries as they should
# be, then by hand with one fault each.

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

FLOWS=(code refresh par device client_credentials register revoke)

# session plain|tls OPTION...: every flow, in one session.
every_flow() {
	local kind=$1
	shift
	oauth_session "${FLOWS[@]/#/--call=}" -- node "$E2E/oauth_client.mjs" --server "$AS/$kind.json" "$@"
}

correct_client() {
	every_flow "$@"
	equal "status" "$status" 0
	equal "alerts" "$(alert_members rule,severity | sort | uniq -c)" ""
	grep "^clean: nothing found, every byte examined" "$T"
	no_secret_of_server
}

# Nothing that the authorization server issued is in what beartrap wrote.
no_secret_of_server() {
	[ "$(wc -l <"$AS/values")" -ge 10 ]
	V=$AS/values no_secret "$A" "$T"
}

# The flow behind every token was followed: what a result shows of it is known by value, and all of its story is told.
leaking_client() {
	every_flow "$1" --leak
	equal "status" "$status" 10
	local issuer
	issuer=$("$PY" -c 'import json, sys; print(json.load(open(sys.argv[1]))["issuer"])' "$AS/$1.json")
	alert_members mcp.tool,rule,severity,secret.kind,confidence,flow.phase,flow.client_id,flow.issuer | sort >"$D/found"
	cut -f 1-6,8 "$D/found" >"$D/found.but_client"
	sed "s|ISSUER|$issuer|" <<-'TABLE' | tr ' ' '\t' | sort | diff - "$D/found.but_client"
		code token-in-tool-result critical access_token value in-use ISSUER
		refresh token-in-tool-result critical refresh_token value in-use ISSUER
		par token-in-tool-result critical access_token value in-use ISSUER
		device token-in-tool-result critical access_token value in-use ISSUER
		client_credentials token-in-tool-result critical access_token value in-use ISSUER
		register client-secret-exposed critical client_secret value in-use ISSUER
		revoke token-in-tool-result critical refresh_token value revoked ISSUER
	TABLE
	equal "flows" "$(alert_members flow.id | sort -u | grep -c .)" "${#FLOWS[@]}"
	equal "clients of one's own" "$(alert_members flow.client_id flow.client_id=public-app | wc -l)" 5
	equal "the machine" "$(alert_members flow.client_id mcp.tool=client_credentials)" machine
	[ "$(alert_members flow.client_id mcp.tool=register | wc -c)" -gt 10 ]
	no_secret_of_server
}

@test "a correct client, seven flows, loopback: nothing" {
	correct_client plain
}

@test "a correct client, seven flows, TLS, addresses by xdg-open: nothing" {
	correct_client tls --show open
}

@test "a leak in each of seven flows, loopback: every one found, with its flow" {
	leaking_client plain
}

@test "a leak in each of seven flows, TLS: every one found, with its flow" {
	leaking_client tls
}

# --- the four attacks: table of fault, and what is expected of it as severity:rule. A fault's login has its name as client_id. ---

# attacks plain|tls <TABLE: exactly that is found, and the login's flow is told with each.
attacks() {
	local kind=$1 calls=() fault expected one files=$D/files
	mkdir -m 700 "$files"
	: >"$D/expected"
	while read -r fault expected; do
		calls+=(--call "login {\"fault\":\"$fault\"}")
		for one in $expected; do
			printf '%s\t%s\t%s\n' "$fault" "${one%%:*}" "${one#*:}" >>"$D/expected"
		done
	done
	oauth_session "${calls[@]}" -- node "$E2E/oauth_client.mjs" --server "$AS/$kind.json" --state-dir "$files"
	alert_members flow.client_id,severity,rule | sort -u >"$D/found"
	sort -u "$D/expected" | diff - "$D/found"
	equal "said of a part not looked at" "$(grep -c "NOT CLEAN" "$T")" 0
	no_secret_of_server
}

@test "attacks, right: the same logins without the fault, and faults of others that are fended off" {
	attacks plain <<-'TABLE'
		none
		twice
		other-state
		state-gone
		callback-twice
		link-twice
		encrypted
	TABLE
	equal "status" "$status" 0
	# Each of them really came to its end.
	equal "forged answers" "$(grep -c 'refused: it is not the state' "$D/results")" 2
	equal "logins" "$(grep -c 'logged in' "$D/results")" 5
}

@test "attacks A and B: implicit grant; PKCE left out, weak, used again, shown" {
	attacks plain <<-'TABLE'
		response-type-token high:implicit-response-type critical:implicit-token-in-callback-query
		form-post high:implicit-response-type medium:implicit-form-post-token
		fragment-relay high:implicit-response-type high:implicit-fragment-relay critical:implicit-token-in-callback-query
		no-pkce high:pkce-missing
		plain-pkce high:pkce-plain critical:pkce-verifier-in-authz-request
		method-left-out high:pkce-method-defaulted critical:pkce-verifier-in-authz-request
		verifier-again high:pkce-challenge-reused high:pkce-verifier-reused
		verifier-constant high:pkce-verifier-low-entropy
		verifier-short medium:pkce-verifier-malformed
		verifier-left-out high:pkce-verifier-missing-at-exchange
		verifier-in-url critical:pkce-verifier-in-authz-request high:pkce-verifier-logged
		verifier-in-state critical:pkce-verifier-in-state
		verifier-logged low:pkce-verifier-logged
	TABLE
	equal "status" "$status" 10
}

@test "attack C: state left out, guessable, used again, not compared" {
	attacks plain <<-'TABLE'
		no-state high:state-missing
		no-state-no-pkce high:state-missing high:pkce-missing
		state-constant high:state-low-entropy
		state-clock high:state-low-entropy
		state-again high:state-reused
		any-state critical:state-mismatch-accepted
		absent-state critical:state-absent-accepted
		callback-twice-redeemed high:code-replay
		link-twice-redeemed high:state-replayed high:pkce-verifier-reused
	TABLE
	equal "status" "$status" 10
}

@test "attack D: tokens kept and shown where others read them" {
	attacks tls <<-'TABLE'
		file-0600 medium:token-file-plaintext high:token-file-plaintext
		file-0644 high:token-file-permissive
		file-in-tmp high:token-file-shared-location
		log-file medium:token-in-log-file
		stderr high:token-on-stderr critical:token-on-stderr
		argv high:secret-in-argv
		env high:token-in-env-of-child
		tool-result critical:token-in-tool-result
	TABLE
	# Of a private file in clear, as the catalogue grades it.
	equal "high" "$(alert_members secret.kind rule=token-file-plaintext severity=high)" refresh_token
	equal "status" "$status" 10
}
