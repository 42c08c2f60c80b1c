#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""leaks.py DIR own|other CODING: as leaks.mjs."""

import base64
import ctypes
import gzip
import json
import os
import secrets
import ssl
import sys
import urllib.request
import zlib


def brotli(body):
    """Python has no brotli of its own."""
    size = ctypes.c_size_t(65536)
    out = ctypes.create_string_buffer(size.value)
    assert ctypes.CDLL("libbrotlidec.so.1").BrotliDecoderDecompress(
        ctypes.c_size_t(len(body)), body, ctypes.byref(size), out) == 1
    return out.raw[:size.value]


DECODE = {"gzip": gzip.decompress, "deflate": zlib.decompress, "br": brotli, "identity": bytes}


def every(token, form):
    return "".join(form % byte for byte in token).encode()


def nested(token, depth):
    text = '{"debug":"%s"}' % every(token, "\\u%04x").decode()
    for _ in range(1, depth):
        text = json.dumps({"message": text})
    return [text.encode()]


def lines(text, width):
    return b"\n".join(text[i:i + width] for i in range(0, len(text), width))


LEAKS = {
    "raw": lambda t: [t],
    "base64-0": lambda t: [base64.b64encode(t)],
    "base64-1": lambda t: [base64.b64encode(b"z" + t)],
    "base64-2": lambda t: [base64.b64encode(b"zz" + t)],
    "base64url-0": lambda t: [base64.urlsafe_b64encode(t)],
    "base64url-1": lambda t: [base64.urlsafe_b64encode(b"z" + t)],
    "base64url-2": lambda t: [base64.urlsafe_b64encode(b"zz" + t)],
    "hex-lower": lambda t: [t.hex().encode()],
    "hex-upper": lambda t: [t.hex().upper().encode()],
    "percent": lambda t: [every(t, "%%%02X")],
    "json-1": lambda t: nested(t, 1),
    "json-2": lambda t: nested(t, 2),
    "json-3": lambda t: nested(t, 3),
    "json-4": lambda t: nested(t, 4),
    "utf16-le": lambda t: [f"debug {t.decode()} end".encode("utf-16-le")],
    "utf16-be": lambda t: [f"debug {t.decode()} end".encode("utf-16-be")],
    "wrapped": lambda t: [lines(t, 16)],
    "wrapped-base64": lambda t: [lines(base64.b64encode(t), 20)],
    "chunked": lambda t: [b"14\r\n" + t[:20] + b"\r\n14\r\n" + t[20:] + b"\r\n0\r\n\r\n"],
    "prefix": lambda t: [t[:20]],
    "suffix": lambda t: [t[20:]],
    "split": lambda t: [t[:20], t[20:]],
}


def main():
    directory, whose, coding = sys.argv[1:]
    context = ssl.create_default_context(cafile=f"{directory}/cert.pem")
    with open(f"{directory}/port", encoding="ascii") as file:
        url = f"https://127.0.0.1:{file.read()}/token"
    request = urllib.request.Request(url, data=b"grant_type=client_credentials", headers={"Accept-Encoding": coding})
    with urllib.request.urlopen(request, context=context) as response:
        token = json.loads(DECODE[coding](response.read()))["access_token"].encode()
    if whose == "other":
        token = secrets.token_urlsafe(30).encode()
    for name, dress in LEAKS.items():
        fd = os.open(f"{directory}/out/{name}.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        for piece in (b"debug: ", *dress(token), b" end\n"):
            os.write(fd, piece)
        os.close(fd)


if __name__ == "__main__":
    main()
