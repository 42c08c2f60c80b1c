#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""late.py [--comm NAME] --values FILE FIFO: a server that runs already, does what it is told by lines in FIFO, and leaks to its stderr.

leak: a token. child: a child process writes four. say TEXT: this text. quit.
"""

import argparse
import os
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
signal.alarm(120)  # a test that failed leaves nothing behind

# Opened for both, so that it does not end when a writer goes.
with open(os.open(options.fifo, os.O_RDWR | os.O_CLOEXEC), encoding="ascii") as orders:
    while True:
        order = orders.readline().strip()
        if order == "quit":
            sys.exit(0)
        if order == "leak":
            os.write(2, b"token " + tokens.mint(order) + b" \n")
        if order.startswith("say "):
            os.write(2, order[4:].encode() + b" \n")
        if order == "child":
            subprocess.run([sys.executable, os.path.join(os.path.dirname(__file__), "writer.py"),
                            "--values", options.values, "vectors", "2"], check=True)
