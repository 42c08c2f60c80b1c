#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""late_session.py READY GO TOOL SERVER...: an MCP session that waits, once initialized, until somebody watches.

Writes the server's pid to READY, waits for the file GO, calls TOOL and ends the session.
"""

import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../demo"))
from client import Client  # noqa: E402

ready, go, tool, *command = sys.argv[1:]
client = Client(command)
client.result("initialize", protocolVersion="2025-11-25", capabilities={}, clientInfo={"name": "c", "version": "1"})
client.send(method="notifications/initialized")
with open(ready + ".new", "w", encoding="ascii") as file:
    file.write(str(client.process.pid))
os.rename(ready + ".new", ready)
while not os.path.exists(go):
    time.sleep(0.05)
client.result("tools/call", name=tool, arguments={})
sys.exit(client.close())
