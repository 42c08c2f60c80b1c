#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""An OAuth 2.1 authorization server and a resource server in one, on loopback, for the demonstration.

It grants every request of a well-behaved public client without asking: RFC 8414 metadata, the authorization
code flow with PKCE S256 (required), refresh with rotation, and an API behind a bearer token. Every value is drawn at
random for each run and kept in memory. --values FILE (0600) lists them, so that a test can prove where they are not.
"""

import argparse
import base64
import hashlib
import hmac
import json
import os
import secrets
import string
import sys
import threading
import time
import zlib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit, urlunsplit

BASE62 = string.digits + string.ascii_uppercase + string.ascii_lowercase
CLIENT_ID = "beartrap-demo"
CODE_LIFETIME_S = 60  # RFC 6749 section 4.1.2 allows ten minutes
TOKEN_LIFETIME_S = 3600
MAX_BODY = 65536


def base62(number, width):
    digits = ""
    while number:
        number, rest = divmod(number, 62)
        digits = BASE62[rest] + digits
    return digits.rjust(width, "0")


def new_access_token():
    """The format of a GitHub OAuth token: prefix, 30 random characters, CRC-32 of these in base 62."""
    body = "".join(secrets.choice(BASE62) for _ in range(30))
    return "gho_" + body + base62(zlib.crc32(body.encode()), 6)


class Refused(Exception):
    """An OAuth error response: RFC 6749 section 5.2, RFC 6750 section 3.1."""

    def __init__(self, error, description, status=400):
        super().__init__(description)
        self.error = error
        self.description = description
        self.status = status


class Values:
    """The file of everything secret that was minted or received."""

    def __init__(self, path):
        self.lock = threading.Lock()
        self.file = None
        if path:
            fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            self.file = os.fdopen(fd, "w", buffering=1)

    def note(self, kind, value):
        if self.file and value:
            with self.lock:
                self.file.write(f"{kind}\t{value}\n")


class Issuer:
    """Grants, codes and tokens."""

    def __init__(self, values, expire_first):
        self.values = values
        self.expire_first = expire_first
        self.lock = threading.Lock()
        self.codes = {}
        self.access = {}  # token -> time at which it stops working
        self.refresh = set()

    def authorize(self, query):
        """Query of an authorization request -> address to send the browser to."""
        redirect_uri = query.get("redirect_uri", "")
        target = urlsplit(redirect_uri)
        if query.get("client_id") != CLIENT_ID:
            raise Refused("invalid_client", "unknown client_id")
        if target.scheme != "http" or target.hostname != "127.0.0.1" or target.fragment:
            raise Refused("invalid_request", "redirect_uri must be a loopback address")
        self.values.note("state", query.get("state"))
        answer = {"iss": query["iss"]}
        if "state" in query:
            answer["state"] = query["state"]
        if query.get("response_type") != "code":
            answer["error"] = "unsupported_response_type"
        elif query.get("code_challenge_method") != "S256" or len(query.get("code_challenge", "")) != 43:
            answer["error"] = "invalid_request"
            answer["error_description"] = "PKCE with S256 is required"
        else:
            code = secrets.token_urlsafe(32)
            with self.lock:
                self.codes[code] = {
                    "challenge": query["code_challenge"],
                    "redirect_uri": redirect_uri,
                    "until": time.monotonic() + CODE_LIFETIME_S,
                }
            self.values.note("code", code)
            answer["code"] = code
        return urlunsplit(target._replace(query=urlencode(parse_qsl(target.query) + list(answer.items()))))

    def token(self, form):
        if form.get("client_id") != CLIENT_ID:
            raise Refused("invalid_client", "unknown client_id", 401)
        grant = form.get("grant_type")
        if grant == "authorization_code":
            self.redeem(form)
            return self.mint(expired=self.expire_first)
        if grant == "refresh_token":
            with self.lock:
                known = form.get("refresh_token") in self.refresh
                self.refresh.discard(form.get("refresh_token"))
            if not known:
                raise Refused("invalid_grant", "refresh token is unknown or was used")
            return self.mint()
        raise Refused("unsupported_grant_type", "authorization_code or refresh_token")

    def redeem(self, form):
        verifier = form.get("code_verifier", "")
        self.values.note("code_verifier", verifier)
        with self.lock:
            grant = self.codes.pop(form.get("code"), None)  # whatever comes of it: a code is good once
        if not grant or time.monotonic() > grant["until"]:
            raise Refused("invalid_grant", "code is unknown, used or expired")
        if grant["redirect_uri"] != form.get("redirect_uri"):
            raise Refused("invalid_grant", "redirect_uri differs from the authorization request")
        digest = hashlib.sha256(verifier.encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        if not 43 <= len(verifier) <= 128 or not hmac.compare_digest(challenge, grant["challenge"]):
            raise Refused("invalid_grant", "code_verifier does not fit the code_challenge")

    def mint(self, expired=False):
        access, refresh = new_access_token(), secrets.token_urlsafe(32)
        lifetime = 0 if expired else TOKEN_LIFETIME_S
        with self.lock:
            self.access[access] = time.monotonic() + lifetime
            self.refresh.add(refresh)
        self.values.note("access_token", access)
        self.values.note("refresh_token", refresh)
        return {
            "access_token": access,
            "token_type": "Bearer",
            "expires_in": TOKEN_LIFETIME_S,
            "refresh_token": refresh,
            "scope": "issues:read",
        }

    def check_bearer(self, header):
        scheme, _, token = header.partition(" ")
        with self.lock:
            until = self.access.get(token, 0)
        if scheme.lower() != "bearer" or time.monotonic() >= until:
            raise Refused("invalid_token", "no valid access token", 401)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "demo-as"
    sys_version = ""

    def log_message(self, *args):  # an access log would hold codes and states
        pass

    def reply(self, status, body=None, **headers):
        data = json.dumps(body).encode() if body is not None else b""
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        if data:
            self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def refuse(self, fault):
        headers = {"Cache_Control": "no-store"}
        if fault.status == 401:
            headers["WWW_Authenticate"] = f'Bearer error="{fault.error}"'
        self.reply(fault.status, {"error": fault.error, "error_description": fault.description}, **headers)

    def do_GET(self):
        url = urlsplit(self.path)
        base = self.server.base
        try:
            if url.path == "/.well-known/oauth-authorization-server":
                self.reply(200, {
                    "issuer": base,
                    "authorization_endpoint": base + "/authorize",
                    "token_endpoint": base + "/token",
                    "response_types_supported": ["code"],
                    "grant_types_supported": ["authorization_code", "refresh_token"],
                    "code_challenge_methods_supported": ["S256"],
                    "token_endpoint_auth_methods_supported": ["none"],
                    "authorization_response_iss_parameter_supported": True,
                })
            elif url.path == "/authorize":
                query = dict(parse_qsl(url.query))
                query["iss"] = base
                self.reply(302, Location=self.server.issuer.authorize(query), Cache_Control="no-store")
            elif url.path in ("/api/issues", "/api/user"):
                self.server.issuer.check_bearer(self.headers.get("Authorization", ""))
                self.reply(200, {
                    "/api/issues": [{"number": 7, "title": "Door squeaks"}, {"number": 9, "title": "Paint the fence"}],
                    "/api/user": {"login": "goldilocks", "id": 3},
                }[url.path])
            else:
                self.reply(404, {"error": "not_found"})
        except Refused as fault:
            self.refuse(fault)

    def do_POST(self):
        length = int(self.headers.get("Content-Length") or 0)
        if not 0 <= length <= MAX_BODY:
            self.close_connection = True
            self.reply(413)
            return
        body = self.rfile.read(length).decode("ascii", "replace")
        if self.path != "/token":
            self.reply(404, {"error": "not_found"})
            return
        form = parse_qs(body)
        try:
            if any(len(values) > 1 for values in form.values()):  # RFC 6749 section 3.2
                raise Refused("invalid_request", "a parameter is repeated")
            answer = self.server.issuer.token({name: values[0] for name, values in form.items()})
            self.reply(200, answer, Cache_Control="no-store", Pragma="no-cache")
        except Refused as fault:
            self.refuse(fault)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--ready", metavar="FILE", help="write the base address there once it listens")
    parser.add_argument("--values", metavar="FILE", help="list every secret value there (KIND<TAB>VALUE), mode 0600")
    parser.add_argument("--expire-first", action="store_true",
                        help="the access token of a code exchange has expired already: clients must refresh")
    options = parser.parse_args()

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.base = f"http://127.0.0.1:{server.server_port}"
    server.issuer = Issuer(Values(options.values), options.expire_first)
    if options.ready:
        with open(options.ready + ".new", "w", encoding="ascii") as ready:
            ready.write(server.base + "\n")
        os.rename(options.ready + ".new", options.ready)
    else:
        print(server.base, flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        return 0


if __name__ == "__main__":
    sys.exit(main())
