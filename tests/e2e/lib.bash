# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
# shellcheck disable=SC2034 # for the tests
# What the end-to-end tests share. $BEARTRAP: the program under test; $BUILD: where it was built.

bats_require_minimum_version 1.5.0

E2E=$BATS_TEST_DIRNAME
TOP=$(cd "$E2E/../.." && pwd)
BUILD=${BUILD:-build}
case $BUILD in
/*) ;;
*) BUILD=$TOP/$BUILD ;;
esac
BEARTRAP=${BEARTRAP:-$BUILD/beartrap}
PY=/usr/bin/python3
PYTHONDONTWRITEBYTECODE=1
# A test that waits for what never comes is ended.
BATS_TEST_TIMEOUT=120
export E2E TOP BUILD BEARTRAP PY PYTHONDONTWRITEBYTECODE

# Makes $D, a directory of this test's own that beartrap does not take for a shared place as it does /tmp.
e2e_setup() {
	if [ "$(id -u)" != 0 ]; then
		skip "needs root, to load BPF programs"
	fi
	D=$(mktemp -d /run/beartrap-e2e.XXXXXX)
	export BEARTRAP_STATE=$D/state
	mkdir "$BEARTRAP_STATE"
	V=$D/values
	A=$D/alerts.jsonl
	T=$D/report.txt
	PIDS=()
}

e2e_teardown() {
	[ -n "${D:-}" ] || return 0
	if [ "${#PIDS[@]}" -gt 0 ]; then
		kill -KILL "${PIDS[@]}" 2>/dev/null || true
	fi
	rm -rf "$D"
}

needs_node() {
	"$E2E/setup"
}

# tls_serve: in $D, an authorization server over TLS that nobody watches; its port is in $PORT, its tokens in $V.
tls_serve() {
	tls_certificate
	: >>"$V"
	node "$E2E/tls_server.mjs" "$D" "$V" 3>&- &
	PIDS+=($!)
	disown
	until_true test -s "$D/port"
	PORT=$(cat "$D/port")
}

tls_certificate() {
	openssl req -x509 -newkey rsa:2048 -nodes -keyout "$D/key.pem" -out "$D/cert.pem" -days 2 -subj /CN=localhost \
		-addext subjectAltName=DNS:localhost,IP:127.0.0.1 2>/dev/null
}

as_nobody() {
	setpriv --reuid=65534 --regid=65534 --clear-groups "$@"
}

# beartrap_run [OPTION...] -- COMMAND...: run with both reports; sets $status. Its stderr is kept in $D/stderr, stdout in $D/stdout.
beartrap_run() {
	status=0
	"$BEARTRAP" run --output "jsonl:$A" --output "text:$T" "$@" >"$D/stdout" 2>"$D/stderr" 3>&- || status=$?
}

# alerts [MEMBER=REGEX...]: how many different secrets in the alerts that match.
alerts() {
	"$PY" "$E2E/alerts.py" "$A" "$@"
}

# alert_members MEMBER,... [MEMBER=REGEX...]: these members of the alerts that match, one line each.
alert_members() {
	local members=$1
	shift
	"$PY" "$E2E/alerts.py" --print "$members" "$A" "$@"
}

# minted [NAME]: how many values are listed, of that name
minted() {
	grep -c "^${1:-}" "$V"
}

# equal WHAT ACTUAL EXPECTED
equal() {
	if [ "$2" != "$3" ]; then
		echo "$1: got '$2', expected '$3'" >&2
		[ ! -s "${D:-}/stderr" ] || tail -n 5 "$D/stderr" | cut -c1-300 | sed 's/gho_[0-9A-Za-z]*/gho_.../g' >&2
		[ ! -e "${A:-}" ] || alert_members rule,severity,confidence,sink.class,sink.path,mcp.tool | sort | uniq -c | head -n 40 >&2
		return 1
	fi
}

# no_secret FILE...: none of the values is in what beartrap wrote, and its alerts are valid by their schema.
no_secret() {
	"$PY" "$E2E/alerts.py" --validate "$A"
	"$PY" "$TOP/demo/check_values.py" "$V" "$@"
}

# until_true COMMAND...: within 20 s.
until_true() {
	local tries=0
	until "$@"; do
		tries=$((tries + 1))
		if [ "$tries" -gt 200 ]; then
			echo "never true: $*" >&2
			return 1
		fi
		sleep 0.1
	done
}

gone() {
	[ ! -e "/proc/$1" ] || grep -q '^State:.Z' "/proc/$1/status"
}
