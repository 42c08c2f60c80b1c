#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# A token in no format that is known, learnt from a token response over TLS in any content coding, is found in every dress
# in which the program that got it writes it to files; a text that only looks like it is not.

load lib

setup() {
	e2e_setup
	tls_serve
}

teardown() {
	e2e_teardown
}

CODINGS="identity gzip deflate br"

# leaking CHECK-OPTION COMMAND...: run once; every leak of it is found.
leaking() {
	local option=$1
	shift
	rm -rf "$D/out"
	mkdir "$D/out"
	beartrap_run -- "$@"
	equal "status" "$status" 10
	"$PY" "$E2E/leaks_check.py" ${option:+"$option"} "$A" "$D"
	no_secret "$A" "$T"
}

# quiet COMMAND...: run once; nothing is found.
quiet() {
	rm -rf "$D/out"
	mkdir "$D/out"
	beartrap_run -- "$@"
	equal "status" "$status" 0
	[ "$(find "$D/out" -size +20c | wc -l)" -gt 20 ]
	equal "alerts" "$(alerts)" 0
	grep 'bytes of plaintext were examined at library calls' "$T"
}

@test "node" {
	for coding in $CODINGS; do
		leaking "" node "$E2E/leaks.mjs" "$D" own "$coding"
	done
	quiet node "$E2E/leaks.mjs" "$D" other gzip
}

@test "python3" {
	for coding in $CODINGS; do
		leaking "" "$PY" "$E2E/leaks.py" "$D" own "$coding"
	done
	quiet "$PY" "$E2E/leaks.py" "$D" other deflate
}

curl_openssl() {
	printf '%s\n' curl -sS "--http$1" --cacert "$D/cert.pem" --compressed -H "Accept-Encoding: $2" \
		-d grant_type=client_credentials "https://127.0.0.1:$PORT/token"
}

curl_gnutls() {
	printf '%s\n' "$E2E/curl_gnutls.py" "$1" "$2" "$D/cert.pem" "https://127.0.0.1:$PORT/token"
}

# with_curl KIND VERSION: in all codings.
with_curl() {
	for coding in $CODINGS; do
		mapfile -t fetch < <("$1" "$2" "$coding")
		leaking --pipes "$E2E/leaks.sh" "$D" own "${fetch[@]}"
	done
	mapfile -t fetch < <("$1" "$2" br)
	quiet "$E2E/leaks.sh" "$D" other "${fetch[@]}"
}

@test "curl with OpenSSL, HTTP/1.1" {
	with_curl curl_openssl 1.1
}

@test "curl with OpenSSL, HTTP/2" {
	with_curl curl_openssl 2
}

@test "curl with GnuTLS, HTTP/1.1" {
	with_curl curl_gnutls 1.1
}

@test "curl with GnuTLS, HTTP/2" {
	with_curl curl_gnutls 2
}

# with_go VERSION: in the codings that Go has.
with_go() {
	local program=$BUILD/go/leaks
	"$TOP/tests/lib/gobuild" "$program" "$E2E/go/leaks.go"
	for coding in identity gzip deflate; do
		leaking "" "$program" "$D" own "$coding" "$1"
	done
	quiet "$program" "$D" other gzip "$1"
}

@test "Go, HTTP/1.1" {
	with_go h1
}

@test "Go, HTTP/2" {
	with_go h2
}
