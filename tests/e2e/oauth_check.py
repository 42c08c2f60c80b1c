#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""oauth_check.py: does the authorization server of the demonstration keep to OAuth 2.1? And does its MCP server to JSON-RPC?"""

import base64
import hashlib
import json
import os
import secrets
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.error
import urllib.request
from urllib.parse import parse_qsl, urlencode, urlsplit

DEMO = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../demo")
REDIRECT = "http://127.0.0.1:1/callback"


class NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *args):
        return None


OPENER = urllib.request.build_opener(NoRedirect, urllib.request.ProxyHandler({}))


def fetch(url, form=None, token=None):
    """-> status, headers, body"""
    request = urllib.request.Request(url, data=urlencode(form).encode() if form is not None else None)
    if token:
        request.add_header("Authorization", f"Bearer {token}")
    try:
        with OPENER.open(request, timeout=10) as response:
            return response.status, response.headers, response.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers, error.read()


class AuthorizationServer(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.directory = tempfile.TemporaryDirectory()
        ready = os.path.join(cls.directory.name, "ready")
        cls.values = os.path.join(cls.directory.name, "values")
        cls.server = subprocess.Popen([sys.executable, f"{DEMO}/authorization_server.py", "--ready", ready,
                                       "--values", cls.values])
        while not os.path.exists(ready):
            time.sleep(0.05)
        with open(ready, encoding="ascii") as file:
            cls.base = file.read().strip()

    @classmethod
    def tearDownClass(cls):
        cls.server.kill()
        cls.server.wait()
        cls.directory.cleanup()

    def authorize(self, **changes):
        """-> parameters of the redirect, and the verifier; or the status when there is no redirect."""
        verifier = secrets.token_urlsafe(32)
        digest = hashlib.sha256(verifier.encode()).digest()
        query = {
            "response_type": "code", "client_id": "beartrap-demo", "redirect_uri": REDIRECT, "state": "xyz",
            "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(), "code_challenge_method": "S256",
        }
        query.update(changes)
        query = {name: value for name, value in query.items() if value is not None}
        status, headers, _ = fetch(f"{self.base}/authorize?{urlencode(query)}")
        if status != 302:
            return status, verifier
        self.assertTrue(headers["Location"].startswith(REDIRECT + "?"))
        return dict(parse_qsl(urlsplit(headers["Location"]).query)), verifier

    def token(self, **form):
        """-> status and decoded answer"""
        status, headers, body = fetch(self.base + "/token", {"client_id": "beartrap-demo", **form})
        self.assertEqual(headers["Cache-Control"], "no-store")
        return status, json.loads(body)

    def exchange(self, code, verifier, redirect_uri=REDIRECT):
        return self.token(grant_type="authorization_code", code=code, code_verifier=verifier, redirect_uri=redirect_uri)

    def test_metadata(self):
        metadata = json.loads(fetch(self.base + "/.well-known/oauth-authorization-server")[2])
        self.assertEqual(metadata["issuer"], self.base)
        self.assertEqual(metadata["code_challenge_methods_supported"], ["S256"])

    def test_code_flow(self):
        answer, verifier = self.authorize()
        self.assertEqual((answer["state"], answer["iss"]), ("xyz", self.base))
        status, tokens = self.exchange(answer["code"], verifier)
        self.assertEqual((status, tokens["token_type"]), (200, "Bearer"))
        self.assertRegex(tokens["access_token"], r"\Agho_[0-9A-Za-z]{36}\Z")
        self.assertRegex(tokens["refresh_token"], r"\A[0-9A-Za-z_-]{43}\Z")
        self.assertEqual(fetch(self.base + "/api/issues", token=tokens["access_token"])[0], 200)
        with open(self.values, encoding="ascii") as file:
            values = [line.rstrip("\n").split("\t")[1] for line in file]
        for value in (answer["code"], verifier, tokens["access_token"], tokens["refresh_token"], "xyz"):
            self.assertIn(value, values)
        self.assertEqual(os.stat(self.values).st_mode & 0o777, 0o600)

    def test_pkce_is_required(self):
        for changes in ({"code_challenge": None}, {"code_challenge_method": "plain"}, {"code_challenge_method": None}):
            answer, _ = self.authorize(**changes)
            self.assertEqual(answer["error"], "invalid_request")
            self.assertNotIn("code", answer)

    def test_wrong_verifier(self):
        answer, _ = self.authorize()
        self.assertEqual(self.exchange(answer["code"], secrets.token_urlsafe(32)), self.grant_error())

    def test_code_works_once(self):
        answer, verifier = self.authorize()
        self.assertEqual(self.exchange(answer["code"], verifier)[0], 200)
        self.assertEqual(self.exchange(answer["code"], verifier)[1]["error"], "invalid_grant")

    def test_other_redirect_uri(self):
        answer, verifier = self.authorize()
        self.assertEqual(self.exchange(answer["code"], verifier, REDIRECT + "/other")[1]["error"], "invalid_grant")

    def test_refresh_rotates(self):
        answer, verifier = self.authorize()
        old = self.exchange(answer["code"], verifier)[1]["refresh_token"]
        status, new = self.token(grant_type="refresh_token", refresh_token=old)
        self.assertEqual(status, 200)
        self.assertNotEqual(new["refresh_token"], old)
        self.assertEqual(self.token(grant_type="refresh_token", refresh_token=old)[1]["error"], "invalid_grant")

    def test_no_open_redirect(self):
        for redirect_uri in ("https://evil.example/", "http://localhost:1/", None):
            self.assertEqual(self.authorize(redirect_uri=redirect_uri)[0], 400)
        self.assertEqual(self.authorize(client_id="somebody")[0], 400)

    def test_implicit_is_refused(self):
        self.assertEqual(self.authorize(response_type="token")[0]["error"], "unsupported_response_type")

    def test_resource_needs_a_token(self):
        for token in (None, "gho_" + "0" * 36):
            status, headers, _ = fetch(self.base + "/api/issues", token=token)
            self.assertEqual(status, 401)
            self.assertIn("Bearer", headers["WWW-Authenticate"])

    @staticmethod
    def grant_error():
        return 400, {"error": "invalid_grant", "error_description": "code_verifier does not fit the code_challenge"}


class McpServer(unittest.TestCase):
    def converse(self, *lines):
        result = subprocess.run([sys.executable, f"{DEMO}/mcp_server.py", "--issuer", "http://127.0.0.1:9"],
                                input="".join(line + "\n" for line in lines), capture_output=True, text=True, check=True)
        self.assertEqual(result.stderr, "")
        return [json.loads(line) for line in result.stdout.splitlines()]

    def test_faults(self):
        answers = self.converse(
            "{not json",
            "[]",
            '{"jsonrpc":"1.0","id":1,"method":"ping"}',
            '{"jsonrpc":"2.0","id":2,"method":"nothing"}',
            '{"jsonrpc":"2.0","method":"notifications/cancelled"}',
            '{"jsonrpc":"2.0","id":3,"method":"tools/call","params":{"name":"nothing"}}',
            '{"jsonrpc":"2.0","id":4,"method":"tools/call","params":[]}',
            '{"jsonrpc":"2.0","id":"five","method":"ping"}')
        self.assertEqual([(answer["id"], answer.get("error", {}).get("code")) for answer in answers], [
            (None, -32700), (None, -32600), (None, -32600), (2, -32601), (3, -32602), (4, -32602), ("five", None)])

    def test_version(self):
        for wanted, given in (("2025-06-18", "2025-06-18"), ("1999-01-01", "2025-11-25")):
            [answer] = self.converse(json.dumps({"jsonrpc": "2.0", "id": 1, "method": "initialize",
                                                 "params": {"protocolVersion": wanted}}))
            self.assertEqual(answer["result"]["protocolVersion"], given)

    def test_tool_failure(self):
        [answer] = self.converse('{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"whoami"}}')
        self.assertTrue(answer["result"]["isError"])


if __name__ == "__main__":
    unittest.main()
