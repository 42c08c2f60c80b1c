#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""memory_session.py DIR VALUES BEARTRAP-COMMAND...: a whole OAuth flow over TLS under watch, then leaks in every dress.

BEARTRAP-COMMAND ends with the command that writes the leaks. After it comes the demo's leaky MCP server, whose
authorization server is here; all secrets are listed in VALUES, the certificate is DIR/cert.pem. Before the session ends,
the memory of the process that watches is searched (memory.py), and that of its supervisor, which has seen none of it. Status 0 when that, and the session, went well.
"""

import os
import ssl
import subprocess
import sys
import threading
from http.server import ThreadingHTTPServer

HERE = os.path.dirname(os.path.abspath(__file__))
DEMO = os.path.join(HERE, "../../demo")
sys.path.insert(0, DEMO)
from authorization_server import Handler, Issuer, Values  # noqa: E402
from client import Client, converse  # noqa: E402


def serve(directory, values):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(f"{directory}/cert.pem", f"{directory}/key.pem")
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.base = f"https://localhost:{server.server_port}"
    server.issuer = Issuer(Values(values), True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.base


def worker_of(pid):
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as children:
        for child in children.read().split():
            with open(f"/proc/{child}/comm", encoding="ascii") as comm:
                if comm.read() == "beartrap-watch\n":
                    return child
    sys.exit("no worker")


def main():
    directory, values, *command = sys.argv[1:]
    issuer = serve(directory, f"{values}.flow")
    os.environ["SSL_CERT_FILE"] = f"{directory}/cert.pem"
    os.environ["BROWSER"] = f"{sys.executable} {DEMO}/browser.py"
    os.makedirs(f"{directory}/server", exist_ok=True)
    script = f'{command.pop()}\nexec "$0" "$@"'
    client = Client([*command, "sh", "-c", script, sys.executable, f"{DEMO}/mcp_server.py", "--issuer", issuer,
                     "--leaky", "--state-dir", f"{directory}/server"])
    converse(client, lambda text: None)
    with open(values, "a", encoding="ascii") as file, open(f"{values}.flow", encoding="ascii") as flow:
        file.write(flow.read())
    with open(f"/proc/{client.process.pid}/comm", encoding="ascii") as comm:
        assert comm.read() == "beartrap\n"
    worker = worker_of(client.process.pid)
    status = subprocess.run([sys.executable, f"{HERE}/memory.py", values, str(worker)], check=False).returncode
    supervisor = subprocess.run([sys.executable, f"{HERE}/memory.py", values, str(client.process.pid)], check=False,
                                capture_output=True, encoding="utf-8").stdout
    print("supervisor:", supervisor.replace("\n", "; "), flush=True)
    status = status or any(": 0 of" not in line for line in supervisor.splitlines())
    client.process.stdin.close()
    client.process.stdout.read()
    ended = client.process.wait()
    if ended != 10:
        print(f"beartrap ended with {ended}", file=sys.stderr)
    return status or ended != 10


if __name__ == "__main__":
    sys.exit(main())
