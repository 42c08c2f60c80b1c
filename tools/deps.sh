#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# deps.sh missing build|all   names the Debian packages that are missing; fails when there are any
# deps.sh install             installs them (apt-get, through sudo when not root)
set -eu

# package | what proves that it is there: c:COMMAND, or f:FILE GLOB
build_deps='
gcc|c:gcc
make|c:make
git|c:git
clang|c:clang
llvm|c:llvm-strip
bpftool|f:/usr/sbin/bpftool
libbpf-dev|f:/usr/include/bpf/libbpf.h
libcapstone-dev|f:/usr/include/capstone/capstone.h
libelf-dev|f:/usr/include/libelf.h
zlib1g-dev|f:/usr/include/zlib.h
libcjson-dev|f:/usr/include/cjson/cJSON.h
libsodium-dev|f:/usr/include/sodium.h
libpcre2-dev|f:/usr/include/pcre2.h
libnghttp2-dev|f:/usr/include/nghttp2/nghttp2.h
libbrotli-dev|f:/usr/include/brotli/decode.h
libc6-dev|f:/usr/include/stdio.h
linux-libc-dev|f:/usr/include/linux/bpf.h
'
check_deps='
libcmocka-dev|f:/usr/include/cmocka.h
liburing-dev|f:/usr/include/liburing.h
libclang-rt-14-dev|f:/usr/lib/llvm-14/lib/clang/14*/lib/linux/libclang_rt.fuzzer-*.a
clang-format|c:clang-format
clang-tidy|c:clang-tidy
cppcheck|c:cppcheck
bats|c:bats
perl|c:prove
python3|f:/usr/bin/python3
python3-jsonschema|f:/usr/lib/python3/dist-packages/jsonschema/__init__.py
shellcheck|c:shellcheck
procps|c:pgrep
util-linux|c:setpriv
nodejs|c:node
npm|c:npm
openssl|c:openssl
curl|c:curl
wget|c:wget
golang-go|c:go
qemu-system-x86|c:qemu-system-x86_64
qemu-system-common|f:/usr/lib/qemu/virtiofsd
busybox-static|f:/bin/busybox
cpio|c:cpio
xz-utils|c:xz
python3-pycurl|f:/usr/lib/python3/dist-packages/pycurl.*.so
'

missing() {
	list=$build_deps
	[ "$1" = build ] || list="$build_deps $check_deps"
	for row in $list; do
		pkg=${row%%|*}
		probe=${row#*|}
		case $probe in
		c:*)
			command -v "${probe#c:}" >/dev/null 2>&1 || echo "$pkg"
			;;
		f:*)
			found=
			for f in ${probe#f:}; do
				[ -e "$f" ] && found=1
			done
			[ -n "$found" ] || echo "$pkg"
			;;
		esac
	done
}

case "${1:-}" in
missing)
	m=$(missing "${2:-all}")
	[ -z "$m" ] && exit 0
	echo "beartrap: missing packages: $(echo "$m" | tr '\n' ' ')" >&2
	echo "beartrap: 'make deps' installs them (Debian 12)" >&2
	exit 1
	;;
install)
	m=$(missing all | tr '\n' ' ')
	[ -z "${m% }" ] && exit 0
	if ! command -v apt-get >/dev/null 2>&1; then
		echo "beartrap: this is not a Debian system; install what these Debian packages hold: $m" >&2
		exit 1
	fi
	sudo=
	if [ "$(id -u)" != 0 ]; then
		if ! command -v sudo >/dev/null 2>&1; then
			echo "beartrap: not root and no sudo; as root: apt-get install $m" >&2
			exit 1
		fi
		sudo=sudo
	fi
	echo "beartrap: installing: $m"
	$sudo env DEBIAN_FRONTEND=noninteractive apt-get update -q
	# shellcheck disable=SC2086
	$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $m
	;;
*)
	echo "usage: deps.sh missing build|all | install" >&2
	exit 2
	;;
esac
