#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""writer.py --values FILE WAY TARGET...: writes tokens to each TARGET (a descriptor number, or a path to append to) in one WAY.

Each token is a new one and is listed in the values file as TARGET<TAB>TOKEN.
"""

import argparse
import os
import socket
import sys
import time

from tokens import Tokens

TOKEN_LEN = 40


def filler(length):
    """Text of exactly this many bytes, with line breaks, ending in a blank."""
    line = b"the quick brown fox jumps over the lazy dog and runs away from the bear.\n"
    return (line * (length // len(line) + 1))[:length - 1] + b" " if length else b""


def write_all(fd, data):
    while data:
        data = data[os.write(fd, data):]


def split(fd, mint):
    """In two writes, cut at every place."""
    for cut in range(1, TOKEN_LEN):
        token = mint()
        write_all(fd, b"token " + token[:cut])
        write_all(fd, token[cut:] + b" \n")


def slow(fd, mint):
    """In two writes with a pause between."""
    token = mint()
    write_all(fd, b"token " + token[:20])
    time.sleep(0.7)
    write_all(fd, token[20:] + b" \n")


def bytewise(fd, mint):
    for byte in b"token " + mint() + b" \n":
        write_all(fd, bytes([byte]))


def deep(fd, mint):
    """Far from the start of one write."""
    data = filler(9000) + mint() + b" "
    data += filler(60000 - len(data)) + mint() + b" "
    data += filler(65000 - len(data)) + b"\n"
    write_all(fd, data)


def vectors(fd, mint):
    """Across the iovecs of writev, pieces of every size."""
    for size in (1, 7, 19, 39):
        line = b"token " + mint() + b" \n"
        assert os.writev(fd, [line[i:i + size] for i in range(0, len(line), size)]) == len(line)


def many_vectors(fd, mint):
    """At the end of a writev of 1,024 iovecs, as many as the kernel takes."""
    line = b"token " + mint() + b" \n"
    pieces = [b"x "] * (1024 - len(line)) + [line[i:i + 1] for i in range(len(line))]
    assert os.writev(fd, pieces) == sum(map(len, pieces))


def big(fd, mint):
    """In the middle of 200 KB."""
    write_all(fd, filler(100000) + mint() + b" " + filler(100000) + b"\n")


def edges(fd, mint):
    """Astride the end of writes whose sizes are round numbers, or nearly."""
    for size in (4096, 8192, 16384, 32768, 65536):
        for length in (size - 1, size, size + 1):
            for inside in (1, 20, 39):
                token = mint()
                write_all(fd, filler(length - inside) + token[:inside])
                write_all(fd, token[inside:] + b" \n")


def inner_edges(fd, mint):
    """Astride each 4,096 B border inside one long write."""
    data = b""
    for border in range(4096, 126976, 4096):
        data += filler(border - 20 - len(data)) + mint() + b" "
    write_all(fd, data + b"\n")


def shared(fd, mint):
    """Half by this process, half by a child that has the same open file."""
    token = mint()
    write_all(fd, b"token " + token[:20])
    pid = os.fork()
    if pid == 0:
        write_all(fd, token[20:] + b" \n")
        os._exit(0)
    os.waitpid(pid, 0)


def duplicate(fd, mint):
    """By another descriptor of the same open file, the first one closed."""
    other = os.dup(fd)
    os.close(fd)
    write_all(other, b"token " + mint() + b" \n")


def unended(fd, mint):
    """As the very last bytes, without a line end."""
    write_all(fd, b"token " + mint())


def killed(fd, mint):
    """As the last thing before SIGKILL."""
    write_all(fd, b"token " + mint() + b" \n")
    os.kill(os.getpid(), 9)


def positioned(fd, mint):
    """With pwrite and pwritev, the later part of the file first."""
    line = b"token " + mint() + b" \n"
    os.pwritev(fd, [line[:11], line[11:30], line[30:]], 3000)
    token = mint()
    os.pwrite(fd, b" " + token[:20], 1000)
    os.pwrite(fd, token[20:] + b" \n", 1021)


def in_sendmsg(fd, mint):
    """Over a socket with send and sendmsg."""
    sock = socket.socket(fileno=os.dup(fd))
    sock.sendall(b"token " + mint() + b" \n")
    line = b"token " + mint() + b" \n"
    sock.sendmsg([line[:9], line[9:23], line[23:]])


WAYS = {way.__name__: way for way in (
    split, slow, bytewise, deep, vectors, many_vectors, big, edges, inner_edges, shared, duplicate, unended, killed,
    positioned, in_sendmsg)}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--values", required=True)
    parser.add_argument("way", choices=WAYS)
    parser.add_argument("targets", nargs="+", metavar="target")
    options = parser.parse_args()
    tokens = Tokens(options.values)
    for target in options.targets:
        if target.isdigit():
            fd = int(target)
        else:
            append = 0 if options.way == "positioned" else os.O_APPEND
            fd = os.open(target, os.O_WRONLY | os.O_CREAT | append, 0o600)
        WAYS[options.way](fd, lambda name=target: tokens.mint(name))
    return 0


if __name__ == "__main__":
    sys.exit(main())
