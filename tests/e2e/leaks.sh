#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# leaks.sh DIR own|other FETCH...: as leaks.mjs; FETCH prints the token response. The dresses are made by programs that
# the shell starts and pipes the token to; it is an argument of none of them.
set -eu

dir=$1 whose=$2
shift 2
if [ "$whose" = own ]; then
	token=$("$@" | sed 's/.*"access_token":"\([^"]*\)".*/\1/')
else
	"$@" >/dev/null
	token=$(head -c 30 /dev/urandom | base64 | tr '+/' '-_')
fi

# leak NAME COMMAND...: the token, as COMMAND makes it.
leak() {
	name=$1
	shift
	{
		printf 'debug: '
		printf %s "$token" | "$@"
		printf ' end\n'
	} >>"$dir/out/$name.log"
}

after() {
	printf %s "$1"
	cat
}

encode() {
	after "$1" | basenc "--$2" -w 0
}

every() {
	od -An -v -tx1 | tr -d ' \n' | sed "s/../$1&/g"
}

# nested DEPTH: JSON in JSON, all of it escaped.
nested() {
	printf '{"debug":"'
	every '\\u00'
	printf '"}'
}

escape() {
	sed 's/[\\"]/\\&/g; s/.*/{"message":"&"}/'
}

nested_2() { nested | escape; }
nested_3() { nested_2 | escape; }
nested_4() { nested_3 | escape; }
utf16() { { printf 'debug '; cat; printf ' end'; } | iconv -f US-ASCII -t "$1"; }
wrapped() { { cat; echo; } | fold -w 16 | head -c 42; }
wrapped_base64() { base64 -w 20; }
chunked() { fold -w 20 | sed 's/^/14\r\n/; s/$/\r/'; printf '\n0\r\n\r\n'; }
tail_20() { tail -c +21; }

leak raw cat
leak base64-0 encode '' base64
leak base64-1 encode z base64
leak base64-2 encode zz base64
leak base64url-0 encode '' base64url
leak base64url-1 encode z base64url
leak base64url-2 encode zz base64url
leak hex-lower every ''
leak hex-upper basenc --base16 -w 0
leak percent every %
leak json-1 nested
leak json-2 nested_2
leak json-3 nested_3
leak json-4 nested_4
leak utf16-le utf16 UTF-16LE
leak utf16-be utf16 UTF-16BE
leak wrapped wrapped
leak wrapped-base64 wrapped_base64
leak chunked chunked
leak prefix head -c 20
leak suffix tail_20
printf %s "$token" | {
	head_20=$(head -c 20)
	printf 'debug: %s' "$head_20"
	cat
	printf ' end\n'
} >"$dir/out/split.log"
