#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# TLS: an opaque token, in no format that is known, is learnt where it comes out of the library, and found where it must not be.

load lib

setup() {
	e2e_setup
	cd "$D" || return 1
}

teardown() {
	cd /
	e2e_teardown
}

# The token was written to stderr by COMMAND..., and that is all that is reported.
found_on_stderr() {
	tls_serve
	beartrap_run -- "$@"
	equal "status" "$status" 10
	grep -qF "$(cut -f 2 "$V")" "$D/stderr"
	equal "found" "$(alerts rule=token-on-stderr confidence=value)" 1
	equal "all" "$(alerts)" 1
	grep 'bytes of plaintext were examined at library calls' "$T"
	run ! grep 'was not looked into' "$T"
	no_secret "$A" "$T"
}

@test "node: its own OpenSSL" {
	found_on_stderr node -e '
const https = require("https"), fs = require("fs");
const request = https.request(`https://127.0.0.1:${fs.readFileSync("port")}/token`,
	{ method: "POST", ca: fs.readFileSync("cert.pem") }, (response) => {
		let body = "";
		response.on("data", (piece) => { body += piece; });
		response.on("end", () => console.error("debug: " + JSON.parse(body).access_token));
	});
request.end("grant_type=client_credentials");'
}

@test "python3: SSL_read_ex and SSL_write_ex" {
	found_on_stderr "$PY" -c '
import json, ssl, sys, urllib.request
context = ssl.create_default_context(cafile="cert.pem")
with urllib.request.urlopen("https://127.0.0.1:%s/token" % open("port").read(),
                            data=b"grant_type=client_credentials", context=context) as response:
    print("debug:", json.load(response)["access_token"], file=sys.stderr)'
}

# curl_token OPTION...: the command-line program, built with OpenSSL, in a process that ends at once.
curl_token() {
	found_on_stderr sh -c 'curl -sS "$@" --cacert cert.pem -d grant_type=x "https://127.0.0.1:$(cat port)/token" >&2' - "$@"
}

@test "curl with OpenSSL, HTTP/1.1" {
	curl_token --http1.1
}

@test "curl with OpenSSL, HTTP/2" {
	curl_token --http2
}

# The library built with GnuTLS.
gnutls_token() {
	found_on_stderr sh -c '"$0" "$1" identity cert.pem "https://127.0.0.1:$(cat port)/token" >&2' "$E2E/curl_gnutls.py" "$1"
}

@test "curl with GnuTLS, HTTP/1.1" {
	gnutls_token 1.1
}

@test "curl with GnuTLS, HTTP/2" {
	gnutls_token 2
}

# go_client NAME [FLAG...]: its path.
go_client() {
	local name=$1
	shift
	"$TOP/tests/lib/gobuild" "$BUILD/go/$name" "$E2E/go/client.go" "$@" && echo "$BUILD/go/$name"
}

@test "Go, HTTP/1.1" {
	found_on_stderr "$(go_client client)" h1 leak
}

@test "Go, HTTP/2" {
	found_on_stderr "$(go_client client)" h2 leak
}

@test "Go, stripped, HTTP/1.1" {
	found_on_stderr "$(go_client client-stripped -ldflags '-s -w')" h1 leak
}

@test "Go, stripped, HTTP/2" {
	found_on_stderr "$(go_client client-stripped -ldflags '-s -w')" h2 leak
}

@test "Go, started by a shell: hooked when it was executed for the first time" {
	"$PY" "$E2E/tokens.py" "$V" sent >sent
	found_on_stderr sh -c "$(go_client client) h1 send; sleep 1; $(go_client client) h2 leak"
}

@test "wget: GnuTLS" {
	found_on_stderr sh -c 'wget -qO- --ca-certificate=cert.pem --post-data grant_type=x "https://127.0.0.1:$(cat port)/token" >&2'
}

# silent COMMAND...: sends the token in ./sent as it should be.
silent() {
	tls_serve
	"$PY" "$E2E/tokens.py" "$V" sent >sent
	printf 'Authorization: Bearer %s\n' "$(cat sent)" >header
	beartrap_run -- "$@"
	equal "status" "$status" 0
	equal "alerts" "$(alerts)" 0
	grep 'bytes of plaintext were examined at library calls' "$T"
	run ! grep 'was not looked into' "$T"
}

# The token comes from a file: an argument would be a finding.
curl_send() {
	silent sh -c 'curl -sS "$@" --cacert cert.pem -H @header "https://127.0.0.1:$(cat port)/"' - "$@"
}

@test "a token sent in a TLS request is no finding: curl with OpenSSL, HTTP/1.1" {
	curl_send --http1.1
}

@test "a token sent in a TLS request is no finding: curl with OpenSSL, HTTP/2" {
	curl_send --http2
}

gnutls_send() {
	silent sh -c '"$0" "$1" identity cert.pem "https://127.0.0.1:$(cat port)/" header' "$E2E/curl_gnutls.py" "$1"
}

@test "a token sent in a TLS request is no finding: curl with GnuTLS, HTTP/1.1" {
	gnutls_send 1.1
}

@test "a token sent in a TLS request is no finding: curl with GnuTLS, HTTP/2" {
	gnutls_send 2
}

@test "a token sent in a TLS request is no finding: Go, HTTP/1.1" {
	silent "$(go_client client)" h1 send
}

@test "a token sent in a TLS request is no finding: Go, HTTP/2" {
	silent "$(go_client client-stripped -ldflags '-s -w')" h2 send
}

@test "server: what clients send is learnt, and found in its log" {
	local token
	make_cert .
	beartrap_run -- node "$E2E/tls_server.mjs" "$D" "$V" &
	until_true test -s port
	token=$("$PY" -c 'import secrets; print(secrets.token_hex(24))')
	printf 'token\t%s\n' "$token" >>"$V"
	curl -sS --cacert cert.pem -H "Authorization: Bearer $token" "https://127.0.0.1:$(cat port)/log"
	curl -sS --cacert cert.pem "https://127.0.0.1:$(cat port)/end"
	wait $!
	grep -qF "$token" "$D/stderr"
	equal "found" "$(alerts rule=token-on-stderr confidence=value)" 1
	no_secret "$A" "$T"
}

@test "TLS of a library that is not known: said, with the process's name" {
	tls_serve
	beartrap_run -- "$PY" -c '
import socket
with socket.create_connection(("127.0.0.1", int(open("port").read()))) as s:
    s.sendall(bytes.fromhex("1603010005") + bytes(5))
    s.recv(100)'
	grep 'TLS of python3 (process [0-9]*) was not looked into, .*: no OpenSSL, BoringSSL, GnuTLS or Go functions' "$T"
}

@test "TLS of a Go program that is not understood: said, with the reason" {
	tls_serve
	"$PY" "$E2E/tokens.py" "$V" sent >sent
	LC_ALL=C sed 's/go1\.[0-9][0-9]/go1.16/g' "$(go_client client-stripped -ldflags '-s -w')" >old
	chmod +x old
	beartrap_run -- ./old h1 send
	equal "status" "$status" 0
	grep 'TLS of old (process [0-9]*) was not looked into, .*: old is a Go program, and its version of Go is too old' "$T"
}
