#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""late.py [--comm NAME] --values FILE FIFO: a server that runs already, does what it is told by lines in FIFO, and leaks to its stderr.

leak: a token. child: a child process writes four. say TEXT: this text. quit. login: an opaque token goes to FIFO.d/tokens.json.
refresh: that file is read, as at a new start. utter: what was read so last. stdout: as leak, to standard output.
"""

import argparse
import json
import os
import secrets
import signal
import subprocess
import sys

from tokens import Tokens

parser = argparse.ArgumentParser()
parser.add_argument("--values", required=True)
parser.add_argument("--comm")
parser.add_argument("fifo")
options = parser.parse_args()
if options.comm:
    with open("/proc/self/comm", "w", encoding="ascii") as comm:
        comm.write(options.comm)
tokens = Tokens(options.values)
opaque = ""


def private(path, flags):
    return os.open(path, flags, 0o600)


signal.alarm(120)  # a test that failed leaves nothing behind

# Opened for both, so that it does not end when a writer goes.
with open(os.open(options.fifo, os.O_RDWR | os.O_CLOEXEC), encoding="ascii") as orders:
    while True:
        order = orders.readline().strip()
        if order == "quit":
            sys.exit(0)
        if order in ("leak", "stdout"):
            os.write(1 if order == "stdout" else 2, b"token " + tokens.mint(order) + b" \n")
        if order == "login":
            with open(f"{options.fifo}.d/tokens.json", "w", encoding="ascii", opener=private) as file:
                json.dump({"access_token": secrets.token_urlsafe(32), "token_type": "Bearer"}, file)
        if order == "refresh":
            with open(f"{options.fifo}.d/tokens.json", encoding="ascii") as file:
                opaque = json.load(file)["access_token"]
        if order == "utter":
            with open(options.values, "a", encoding="ascii") as file:
                file.write(f"opaque\t{opaque}\n")
            os.write(2, f"it is {opaque} here\n".encode())
        if order.startswith("say "):
            os.write(2, order[4:].encode() + b" \n")
        if order == "child":
            subprocess.run([sys.executable, os.path.join(os.path.dirname(__file__), "writer.py"),
                            "--values", options.values, "vectors", "2"], check=True)
