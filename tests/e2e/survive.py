#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""survive.py COMMAND...: kills COMMAND (beartrap run -- SERVER) in the middle of an MCP session and goes on with it."""

import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../demo"))
from client import Client  # noqa: E402

client = Client(sys.argv[1:])
client.result("initialize", protocolVersion="2025-11-25", capabilities={}, clientInfo={"name": "c", "version": "1"})
client.send(method="notifications/initialized")
pid = client.process.pid
with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as children:
    server = int(children.read().split()[0])
client.process.kill()
client.process.wait()
for _ in range(100):
    client.result("ping")
client.result("tools/list")
client.process.stdin.close()
assert client.process.stdout.read() == b""
for _ in range(100):
    if not os.path.exists(f"/proc/{server}"):
        sys.exit(0)
    with open(f"/proc/{server}/stat", encoding="ascii") as stat:
        if stat.read().rsplit(")", 1)[1].split()[0] == "Z":
            sys.exit(0)
    time.sleep(0.1)
sys.exit("the server did not end with its stdin")
