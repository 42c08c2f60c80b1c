#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""check_values.py VALUES FILE...: proves that no secret value is in any FILE.

VALUES has one `KIND<TAB>VALUE` a line. Looked for: the value, any run of 12 of its characters, and its base64, hexadecimal
and percent-encoded forms. Says how many bytes were searched; never prints a value. Status 1 when one is there.
"""

import base64
import sys
from urllib.parse import quote

RUN = 12


def forms(value):
    """What must not be there for one value: (description, bytes)."""
    raw = value.encode()
    if len(raw) < RUN:
        yield "the value", raw
    for i in range(len(raw) - RUN + 1):
        yield f"{RUN} characters from offset {i}", raw[i:i + RUN]
    for skip in range(3):  # base64 of a longer text that holds the value, at each alignment
        whole = raw[(3 - skip) % 3:]
        whole = whole[:len(whole) // 3 * 3]
        yield "base64", base64.b64encode(whole)
        yield "base64url", base64.urlsafe_b64encode(whole)
    yield "hex", raw.hex().encode()
    yield "HEX", raw.hex().upper().encode()
    yield "percent-encoded", quote(value, safe="").encode()


def main():
    values_path, *paths = sys.argv[1:]
    with open(values_path, encoding="ascii") as file:
        values = [line.rstrip("\n").split("\t", 1) for line in file if line.strip()]
    if not values or not paths:
        print("check_values.py: nothing to look for, or nowhere to look", file=sys.stderr)
        return 2
    total, found = 0, 0
    for path in paths:
        with open(path, "rb") as file:
            text = file.read()
        total += len(text)
        for kind, value in values:
            for what, needle in forms(value):
                if needle in text:
                    print(f"{path}: holds a {kind} ({what})", file=sys.stderr)
                    found += 1
                    break
    if found:
        return 1
    print(f"no secret value in {total} bytes of output ({len(values)} values, {len(paths)} files)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
