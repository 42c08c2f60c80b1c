#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""speaker.py COUNT ALERTS TIMES: writes a new token to stderr, waits for its alert in the FIFO ALERTS, COUNT times. TIMES
gets one latency a line, in ms."""

import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))
from tokens import new_token  # noqa: E402

count, alerts_path, times_path = int(sys.argv[1]), sys.argv[2], sys.argv[3]
with open(alerts_path, "rb", buffering=0) as alerts, open(times_path, "w", encoding="ascii") as times:
    for i in range(count):
        line = f"request {i} with token {new_token()} refused\n".encode()
        start = time.monotonic()
        os.write(2, line)
        got = b""
        while not got.endswith(b"\n"):
            got += alerts.read(65536)
        print((time.monotonic() - start) * 1000, file=times)
        time.sleep(0.005)
