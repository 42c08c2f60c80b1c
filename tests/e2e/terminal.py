#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""terminal.py COMMAND...: runs COMMAND -- CHILD on a terminal, types Ctrl-C; CHILD must get one SIGINT, no more, no less."""

import os
import pty
import sys

CHILD = """
import os, signal, sys, time
count = 0
def interrupted(*_):
    global count
    count += 1
signal.signal(signal.SIGINT, interrupted)
print("up", os.isatty(0), os.isatty(1), flush=True)
end = time.monotonic() + 1.5
while time.monotonic() < end:
    time.sleep(0.1)
sys.exit(40 + count)
"""

pid, terminal = pty.fork()
if pid == 0:
    os.execv(sys.argv[1], sys.argv[1:] + ["--", sys.executable, "-c", CHILD])
seen = b""
while b"up True True" not in seen:
    seen += os.read(terminal, 1024)
os.write(terminal, b"\x03")
try:
    while os.read(terminal, 1024):
        pass
except OSError:  # EIO: nobody has the terminal open any more
    pass
status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
sys.exit(0 if status == 41 else f"status {status}, not 41")
