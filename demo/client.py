#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""client.py [--quiet] -- COMMAND [ARG...]: a scripted MCP client.

Starts COMMAND with pipes as its stdin and stdout, initializes, lists the tools, calls each of them in turn, closes the
server's stdin and waits for its end. Exit status: COMMAND's own (128 + N after signal N), or 76 when it does not
speak MCP as it must. Prints what it calls, never what a tool answered: that may be a secret.
"""

import argparse
import json
import signal
import subprocess
import sys

EX_PROTOCOL = 76  # sysexits(3)
TIMEOUT_S = 25


class ProtocolError(Exception):
    pass


class Client:
    def __init__(self, command):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.last_id = 0

    def send(self, **message):
        self.process.stdin.write(json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n")
        self.process.stdin.flush()

    def request(self, method, **params):
        self.last_id += 1
        self.send(id=self.last_id, method=method, params=params)
        while True:
            line = self.process.stdout.readline()
            if not line.endswith(b"\n"):
                raise ProtocolError(f"{method}: the server closed its stdout")
            try:
                message = json.loads(line)
            except ValueError as error:
                raise ProtocolError(f"{method}: a line that is not JSON") from error
            if not isinstance(message, dict) or message.get("jsonrpc") != "2.0":
                raise ProtocolError(f"{method}: not a JSON-RPC 2.0 message")
            if "id" not in message:
                continue  # a notification
            if message["id"] != self.last_id or ("result" in message) == ("error" in message):
                raise ProtocolError(f"{method}: a response that does not fit")
            return message

    def result(self, method, **params):
        message = self.request(method, **params)
        if "error" in message:
            raise ProtocolError(f"{method}: error {message['error'].get('code')}")
        return message["result"]

    def close(self):
        """Ends the session as MCP's stdio transport says: closes stdin, waits."""
        self.process.stdin.close()
        if self.process.stdout.read():
            raise ProtocolError("output after the last response")
        return self.process.wait()


def converse(client, say):
    hello = client.result("initialize", protocolVersion="2025-11-25", capabilities={},
                          clientInfo={"name": "demo-client", "version": "1.0.0"})
    say(f"connected to {hello['serverInfo']['name']}, MCP {hello['protocolVersion']}")
    client.send(method="notifications/initialized")
    client.result("ping")
    if client.request("no/such/method").get("error", {}).get("code") != -32601:
        raise ProtocolError("an unknown method must be refused with -32601")
    for tool in client.result("tools/list")["tools"]:
        answer = client.result("tools/call", name=tool["name"], arguments={})
        if answer.get("isError"):
            raise ProtocolError(f"tool {tool['name']} failed: {answer['content'][0]['text']}")
        say(f"called tool {tool['name']}: {len(answer['content'][0]['text'])} characters")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quiet", action="store_true")
    parser.add_argument("command", nargs="+", metavar="COMMAND")
    options = parser.parse_args()

    def too_late(*_):
        raise ProtocolError(f"no answer within {TIMEOUT_S} s")

    signal.signal(signal.SIGALRM, too_late)
    signal.alarm(TIMEOUT_S)
    client = Client(options.command)
    try:
        converse(client, (lambda text: None) if options.quiet else (lambda text: print("client:", text, flush=True)))
        status = client.close()
    except (ProtocolError, BrokenPipeError, KeyError) as error:
        signal.alarm(0)
        client.process.kill()
        client.process.wait()
        print(f"client.py: {error}", file=sys.stderr)
        return EX_PROTOCOL
    return status if status >= 0 else 128 - status


if __name__ == "__main__":
    sys.exit(main())
