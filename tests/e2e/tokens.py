# SPDX-License-Identifier: BSD-2-Clause
"""Tokens for tests: made when the test runs, and listed in a file so that the test can prove where they are not.

tokens.py FILE NAME: lists one and prints it.
"""

import os
import secrets
import string
import sys
import zlib

BASE62 = string.digits + string.ascii_uppercase + string.ascii_lowercase


def new_token():
    """A token in the format of a GitHub OAuth token, checksum included."""
    body = "".join(secrets.choice(BASE62) for _ in range(30))
    crc, digits = zlib.crc32(body.encode()), ""
    for _ in range(6):
        crc, rest = divmod(crc, 62)
        digits = BASE62[rest] + digits
    return "gho_" + body + digits


class Tokens:
    def __init__(self, path):
        self.path = path

    def mint(self, name):
        token = new_token()
        if self.path:
            fd = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            os.write(fd, f"{name}\t{token}\n".encode())
            os.close(fd)
        return token.encode()


if __name__ == "__main__":
    print(Tokens(sys.argv[1]).mint(sys.argv[2]).decode())
