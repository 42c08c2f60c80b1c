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
	[ ! -d "$D/cgroup2" ] || umount "$D/cgroup2"
	rm -rf "$D"
}

needs_node() {
	"$E2E/setup"
}

# tls_serve: in $D, an authorization server over TLS that nobody watches; its port is in $PORT, its tokens in $V.
tls_serve() {
	make_cert "$D"
	: >>"$V"
	node "$E2E/tls_server.mjs" "$D" "$V" 3>&- &
	PIDS+=($!)
	disown
	until_true test -s "$D/port"
	PORT=$(cat "$D/port")
}

# make_cert DIR: key.pem and cert.pem there, for this machine's loopback.
make_cert() {
	openssl req -x509 -newkey rsa:2048 -nodes -keyout "$1/key.pem" -out "$1/cert.pem" -days 2 -subj /CN=localhost \
		-addext subjectAltName=DNS:localhost,IP:127.0.0.1 2>/dev/null
}

# For setup_file and teardown_file: oauth_server.mjs, which nobody watches, in $AS for all tests of the file.
start_authorization_server() {
	needs_node
	export AS=$BATS_FILE_TMPDIR/as
	mkdir "$AS"
	make_cert "$AS"
	node "$E2E/oauth_server.mjs" "$AS" >"$AS/log" 2>&1 3>&- &
	echo $! >"$AS/pid"
	until_true [ -e "$AS/tls.json" ]
}

stop_authorization_server() {
	kill "$(cat "$AS/pid")"
}

# What an OAuth test has beside e2e_setup: trust in the server's certificate, and an xdg-open that hands on to the browser.
oauth_setup() {
	export NODE_EXTRA_CA_CERTS=$AS/cert.pem BROWSER_FIFO=$D/browser PATH=$D/bin:$PATH
	mkfifo "$BROWSER_FIFO"
	mkdir "$D/bin"
	printf '#!/bin/sh\nprintf "%%s\\n" "$1" >"$BROWSER_FIFO"\n' >"$D/bin/xdg-open"
	chmod +x "$D/bin/xdg-open"
}

# oauth_session CLIENT-OPTION... -- COMMAND...: a session of the SDK's client, with its browser, with COMMAND under beartrap; sets
# $status. Standard error is in $D/stderr.
oauth_session() {
	local options=()
	while [ "$1" != -- ]; do
		options+=("$1")
		shift
	done
	status=0
	node "$E2E/sdk_client.mjs" --browse "$BROWSER_FIFO" --results "$D/results" "${options[@]}" -- \
		"$BEARTRAP" run --output "jsonl:$A" --output "text:$T" "$@" 2>"$D/stderr" 3>&- || status=$?
}

as_nobody() {
	setpriv --reuid=65534 --regid=65534 --clear-groups "$@"
}

# beartrap_run [OPTION...] -- COMMAND...: run with both reports; sets $status. Its stderr is kept in $D/stderr, stdout in $D/stdout.
beartrap_run() {
	status=0
	"$BEARTRAP" run --output "jsonl:$A" --output "text:$T" "$@" >"$D/stdout" 2>"$D/stderr" 3>&- || status=$?
}

# alerts [MEMBER=REGEX...]: how many alerts match, those about one secret counted once.
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

# cgroup_make NAME: makes a cgroup below the root of cgroup v2, and prints its directory. Every kernel that beartrap runs on has v2.
cgroup_make() {
	local mount
	mount=$(awk '$3 == "cgroup2" { print $2; exit }' /proc/mounts)
	if [ -z "$mount" ]; then
		mount=$D/cgroup2
		mkdir "$mount"
		mount -t cgroup2 cgroup2 "$mount"
	fi
	mkdir "$mount/$1"
	echo "$mount/$1"
}

# worker_of SUPERVISOR: the process that does the watching, once there is one (another than the second argument).
worker_of() {
	local tries=0 pid
	until pid=$(pgrep -P "$1" -x beartrap-watch) && [ "$pid" != "${2:-}" ]; do
		tries=$((tries + 1))
		if [ "$tries" -gt 200 ]; then
			echo "no worker of $1" >&2
			return 1
		fi
		sleep 0.1
	done
	echo "$pid"
}

# counted N: so many values are listed; to wait for.
counted() {
	[ -e "$V" ] && [ "$(grep -c . "$V")" -ge "$1" ]
}

# reconciled [CAUSE...]: the summary adds up and names these causes of loss.
reconciled() {
	"$PY" "$E2E/reconcile.py" "$A" "$@" | sed 's/^/# /' >&3
	[ "${PIPESTATUS[0]}" = 0 ]
}

gone() {
	[ ! -e "/proc/$1" ] || grep -q '^State:.Z' "/proc/$1/status"
}

# fexit or tracepoints: how system calls are looked at here.
backend() {
	"$BEARTRAP" run --debug --output text:/dev/null -- true 2>&1 | sed -n 's/.*BPF \(fexit\|tracepoints\) .*on system calls.*/\1/p'
}
