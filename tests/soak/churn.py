#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""churn.py NAME SECONDS VALUES DIRECTORY: a process of that name (comm) which writes, forks and execs for so long, then ends.

Once it must be watched it leaks a token, itself or by a child, and another one at its end.
"""

import os
import random
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../e2e"))
from tokens import Tokens  # noqa: E402

# Whoever attaches by name looks five times a second.
WATCHED_AFTER = 4

name, seconds, values, directory = sys.argv[1:]
with open("/proc/self/comm", "w", encoding="ascii") as comm:
    comm.write(name)
begun = time.monotonic()
tokens = Tokens(values)
line = b"all is well and nothing happens here " * 5 + b"\n"
left = 2


def leak():
    text = b"token " + tokens.mint(name) + b" \n"
    if random.randrange(2):
        os.write(2, text)
        return
    pid = os.fork()
    if pid == 0:
        os.write(2, text)
        os._exit(0)
    os.waitpid(pid, 0)


turn = 0
while time.monotonic() < begun + float(seconds):
    turn += 1
    path = f"{directory}/{os.getpid()}-{turn % 4}"
    with open(path, "ab", buffering=0) as file:
        for _ in range(20):
            file.write(line)
    if turn % 4 == 3:
        os.unlink(path)
    for _ in range(50):
        os.write(1, line)
    if turn % 5 == 0:
        subprocess.run(["/bin/true", "a", "b"], check=True)
    if left == 2 and time.monotonic() > begun + WATCHED_AFTER:
        leak()
        left = 1
    time.sleep(0.2)
if left == 1:
    leak()
for i in range(4):
    try:
        os.unlink(f"{directory}/{os.getpid()}-{i}")
    except FileNotFoundError:
        pass
