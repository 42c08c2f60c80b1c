#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""An MCP server (stdio) that logs in at an OAuth authorization server and reads issues for its user.

As it is, it handles its tokens well: they are in memory and go to the authorization server and to the API only. With --leaky
the same server makes three mistakes that real servers make:
  log        it appends the token response to server.log
  disk       it stores the tokens in token.json, readable by everybody
  response   the tool `whoami` shows the request that it made, Authorization header included
"""

import argparse
import base64
import hashlib
import hmac
import json
import os
import secrets
import subprocess
import sys
import time
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import parse_qsl, urlencode, urlsplit

CLIENT_ID = "beartrap-demo"
PROTOCOL_VERSIONS = ["2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"]
LOGIN_TIMEOUT_S = 20

PARSE_ERROR, INVALID_REQUEST, METHOD_NOT_FOUND, INVALID_PARAMS = -32700, -32600, -32601, -32602


class RpcError(Exception):
    def __init__(self, code, message):
        super().__init__(message)
        self.code = code


class ToolError(Exception):
    """What a tool reports to the model as its own failure. Must be fit for the model to read."""


class Leaks:
    """The three mistakes, each in its place. Does nothing unless `directory` is given."""

    def __init__(self, directory):
        self.directory = directory

    def token_response(self, tokens):
        if not self.directory:
            return
        with open(os.path.join(self.directory, "server.log"), "a", encoding="utf-8") as log:
            stamp = time.strftime("%Y-%m-%dT%H:%M:%S")
            log.write(f"{stamp} DEBUG oauth: token response {json.dumps(tokens)}\n")
        fd = os.open(os.path.join(self.directory, "token.json"), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        with os.fdopen(fd, "w", encoding="utf-8") as store:
            os.fchmod(fd, 0o644)  # whatever the umask says
            json.dump(tokens, store)

    def request_text(self, path, token):
        return f"\nRequest: GET {path}\nAuthorization: Bearer {token}" if self.directory else ""


class Callback(BaseHTTPRequestHandler):
    """The redirect URI of one login."""

    def do_GET(self):
        url = urlsplit(self.path)
        if url.path == "/callback":
            self.server.answer = dict(parse_qsl(url.query))
        page = b"You may close this window.\n"
        self.send_response(200 if url.path == "/callback" else 404)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(page)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("Referrer-Policy", "no-referrer")
        self.end_headers()
        self.wfile.write(page)

    def log_message(self, *args):  # an access log would hold codes and states
        pass


class Session:
    """OAuth client: the code flow with PKCE and state, the tokens, and requests made with them."""

    def __init__(self, issuer, api, leaks):
        self.issuer = issuer
        self.api = api
        self.leaks = leaks
        self.tokens = None
        self.metadata = None
        # No proxy, whatever the environment says: everything here is on loopback.
        self.opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def fetch(self, url, form=None, token=None):
        """GET, or POST of a form -> decoded JSON."""
        request = urllib.request.Request(url, data=urlencode(form).encode() if form else None)
        request.add_header("Accept", "application/json")
        if token:
            request.add_header("Authorization", f"Bearer {token}")
        with self.opener.open(request, timeout=10) as response:
            return json.load(response)

    def login(self):
        self.metadata = self.fetch(self.issuer + "/.well-known/oauth-authorization-server")
        if self.metadata["issuer"] != self.issuer or "S256" not in self.metadata["code_challenge_methods_supported"]:
            raise ToolError("the authorization server's metadata does not fit")
        verifier = secrets.token_urlsafe(32)
        state = secrets.token_urlsafe(24)
        digest = hashlib.sha256(verifier.encode()).digest()

        with HTTPServer(("127.0.0.1", 0), Callback) as listener:
            redirect_uri = f"http://127.0.0.1:{listener.server_port}/callback"
            query = urlencode({
                "response_type": "code",
                "client_id": CLIENT_ID,
                "redirect_uri": redirect_uri,
                "scope": "issues:read",
                "state": state,
                "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
                "code_challenge_method": "S256",
            })
            answer = self.wait_for_user(listener, self.metadata["authorization_endpoint"] + "?" + query)

        if not hmac.compare_digest(answer.get("state", ""), state):
            raise ToolError("the answer does not belong to this login")
        if answer.get("iss") != self.issuer:
            raise ToolError("the answer comes from another authorization server")
        if "code" not in answer:
            raise ToolError("the authorization server refused")
        self.exchange(grant_type="authorization_code", code=answer["code"], redirect_uri=redirect_uri,
                      code_verifier=verifier)

    @staticmethod
    def wait_for_user(listener, url):
        """Opens the browser as $BROWSER says and waits for it to come back."""
        command = os.environ.get("BROWSER", "xdg-open").split()
        # Its output must not get onto our stdout, which is the MCP wire.
        browser = subprocess.Popen(command + [url], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        listener.answer = None
        deadline = time.monotonic() + LOGIN_TIMEOUT_S
        while listener.answer is None and time.monotonic() < deadline:
            listener.timeout = max(deadline - time.monotonic(), 0)
            listener.handle_request()
        if listener.answer is None:
            browser.terminate()
        browser.wait()
        if listener.answer is None:
            raise ToolError("nobody logged in")
        return listener.answer

    def exchange(self, **form):
        self.tokens = self.fetch(self.metadata["token_endpoint"], {"client_id": CLIENT_ID, **form})
        self.leaks.token_response(self.tokens)

    def get(self, path):
        """An API request; refreshes once when the access token has expired."""
        if not self.tokens:
            raise ToolError("not logged in: call the tool `login` first")
        try:
            return self.fetch(self.api + path, token=self.tokens["access_token"])
        except urllib.error.HTTPError as error:
            if error.code != 401:
                raise
        self.exchange(grant_type="refresh_token", refresh_token=self.tokens["refresh_token"])
        return self.fetch(self.api + path, token=self.tokens["access_token"])


class Server:
    """MCP over stdio: newline-delimited JSON-RPC 2.0."""

    def __init__(self, session, leaks):
        self.session = session
        self.leaks = leaks
        self.tools = {
            "login": (self.tool_login, "Log in at the issue tracker; opens the browser."),
            "list_issues": (self.tool_list_issues, "List the open issues."),
            "whoami": (self.tool_whoami, "Show who is logged in."),
        }
        self.methods = {
            "initialize": self.initialize,
            "ping": lambda params: {},
            "tools/list": self.tools_list,
            "tools/call": self.tools_call,
        }

    def tool_login(self):
        self.session.login()
        return "Logged in; scope " + self.session.tokens["scope"]

    def tool_list_issues(self):
        return "\n".join(f"#{issue['number']} {issue['title']}" for issue in self.session.get("/api/issues"))

    def tool_whoami(self):
        user = self.session.get("/api/user")["login"]
        return f"You are {user}." + self.leaks.request_text("/api/user", self.session.tokens["access_token"])

    def initialize(self, params):
        wanted = params.get("protocolVersion")
        return {
            "protocolVersion": wanted if wanted in PROTOCOL_VERSIONS else PROTOCOL_VERSIONS[0],
            "capabilities": {"tools": {}},
            "serverInfo": {"name": "issue-tracker", "version": "1.0.0"},
        }

    def tools_list(self, _params):
        schema = {"type": "object", "properties": {}, "additionalProperties": False}
        return {"tools": [{"name": name, "description": text, "inputSchema": schema}
                          for name, (_, text) in self.tools.items()]}

    def tools_call(self, params):
        tool = self.tools.get(params.get("name"))
        if not tool:
            raise RpcError(INVALID_PARAMS, "unknown tool")
        if params.get("arguments"):
            raise RpcError(INVALID_PARAMS, "this tool takes no arguments")
        try:
            return {"content": [{"type": "text", "text": tool[0]()}]}
        except ToolError as error:
            text = str(error)
        except (OSError, ValueError, KeyError) as error:  # its text may quote what was on the wire: name the class only
            text = f"the issue tracker could not be reached ({type(error).__name__})"
        return {"content": [{"type": "text", "text": text}], "isError": True}

    def answer(self, message):
        """One decoded message -> the response to it, or None."""
        if not isinstance(message, dict) or message.get("jsonrpc") != "2.0" or "method" not in message:
            if isinstance(message, dict) and ("result" in message or "error" in message):
                return None  # a response; this server asks nothing
            return {"jsonrpc": "2.0", "id": None, "error": {"code": INVALID_REQUEST, "message": "not a request"}}
        if "id" not in message:
            return None  # notifications/initialized, notifications/cancelled: nothing to do
        response = {"jsonrpc": "2.0", "id": message["id"]}
        try:
            method = self.methods.get(message["method"])
            params = message.get("params", {})
            if not method:
                raise RpcError(METHOD_NOT_FOUND, "no such method")
            if not isinstance(params, dict):
                raise RpcError(INVALID_PARAMS, "params must be an object")
            response["result"] = method(params)
        except RpcError as error:
            response["error"] = {"code": error.code, "message": str(error)}
        return response

    def run(self, source, sink):
        for line in source:
            if not line.strip():
                continue
            try:
                response = self.answer(json.loads(line))
            except ValueError:
                response = {"jsonrpc": "2.0", "id": None, "error": {"code": PARSE_ERROR, "message": "not JSON"}}
            if response:
                sink.write(json.dumps(response).encode() + b"\n")
                sink.flush()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--issuer", required=True, metavar="URL", help="authorization server, and the API beside it")
    parser.add_argument("--leaky", action="store_true", help="make the three mistakes")
    parser.add_argument("--state-dir", default=".", metavar="DIR", help="where --leaky leaves server.log and token.json")
    options = parser.parse_args()
    leaks = Leaks(options.state_dir if options.leaky else None)
    session = Session(options.issuer, options.issuer, leaks)
    Server(session, leaks).run(sys.stdin.buffer, sys.stdout.buffer)
    return 0


if __name__ == "__main__":
    sys.exit(main())
