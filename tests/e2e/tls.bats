#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# TLS: an opaque token, in no format that is known, is learnt where it comes out of the library, and found where it must not be.

load lib

setup() {
	e2e_setup
	cd "$D" || return 1
	make_cert .
	touch "$V"
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

@test "curl: libssl, in a process that ends at once" {
	found_on_stderr sh -c 'curl -sS --cacert cert.pem -d grant_type=x "https://127.0.0.1:$(cat port)/token" >&2'
}

@test "wget: GnuTLS" {
	found_on_stderr sh -c 'wget -qO- --ca-certificate=cert.pem --post-data grant_type=x "https://127.0.0.1:$(cat port)/token" >&2'
}

@test "a token sent in a TLS request is no finding" {
	tls_serve
	printf 'sent\t%s\n' "$("$PY" "$E2E/tokens.py" "$V" sent)" >sent
	beartrap_run -- sh -c 'curl -sS --cacert cert.pem -H "Authorization: Bearer $(cut -f 2 sent)" \
		"https://127.0.0.1:$(cat port)/" >/dev/null'
	equal "in argv, and nowhere else" "$(alert_members sink.class | sort -u)" argv
}

@test "server: what clients send is learnt, and found in its log" {
	local token
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
