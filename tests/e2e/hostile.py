#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""hostile.py VALUES DIRECTORY: does in a hurry what makes a monitor lose its way, with tokens in between, listed in VALUES.

Many streams, descriptors that are closed and used again, forks and execs, and on standard output garbage where MCP
messages are expected. A token goes to a file of its own in DIRECTORY, or to standard error.
"""

import os
import subprocess
import sys
import threading

from tokens import Tokens

STREAMS = 3000
ROUNDS = 3
FORKS = 300
EXECS = 40
REUSES = 4000

tokens = Tokens(sys.argv[1])
directory = sys.argv[2]


def leak(fd, name):
    os.write(fd, b"token " + tokens.mint(name) + b" \n")


def many_streams():
    """Lines of 100 bytes to more files than one may have open, a token in each 500th."""
    line = b"nothing to see here, move along; " * 3 + b"\n"
    for turn in range(ROUNDS):
        for i in range(STREAMS):
            fd = os.open(f"{directory}/stream{i % 1000}", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            os.write(fd, line)
            if (turn * STREAMS + i) % 500 == 499:
                leak(fd, "stream")
            os.close(fd)


def reused_descriptors():
    """One thread writes to a number that another one gives to another file all the time."""
    number = os.dup(2)
    done = threading.Event()

    def replace():
        while not done.is_set():
            fd = os.memfd_create("other")
            os.dup2(fd, number)
            os.close(fd)
    other = threading.Thread(target=replace)
    other.start()
    for _ in range(REUSES):
        os.write(number, b"whose is this line\n")
    done.set()
    other.join()
    os.dup2(2, number)
    leak(number, "reused")
    os.close(number)


def forks():
    for i in range(FORKS):
        pid = os.fork()
        if pid == 0:
            os.write(2, b"a child\n")
            if i % 50 == 49:
                leak(2, "fork")
            os._exit(0)
        os.waitpid(pid, 0)


def execs():
    """With a big environment: that goes another way than what is written."""
    environment = dict(os.environ, **{f"FILL{i}": "x" * 100000 for i in range(2)})
    for _ in range(EXECS):
        subprocess.run(["/bin/true"], env=environment, check=True)
    leak(2, "exec")


def garbage():
    """On the wire: cut UTF-8, cut JSON, deep JSON, HTTP, nothing; then a message."""
    pieces = [b"\xe2\x82", b'{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"te', b"\n", b"[" * 100000, b"\n",
              b'{"a":' * 5000, b"\n", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffff\r\n",
              b"\x00" * 1000, b"\n", b'"\\ud800\\u', b"\n", b"Content-Length: 99999999999999999999\r\n\r\n", os.urandom(50000)]
    for piece in pieces:
        os.write(1, piece)
    os.write(1, b'\n{"jsonrpc":"2.0","id":7,"result":{"content":[{"type":"text","text":"' + tokens.mint("wire") + b'"}]}}\n')


for part in (many_streams, reused_descriptors, forks, execs, garbage):
    part()
