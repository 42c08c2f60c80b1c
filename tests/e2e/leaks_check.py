#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""leaks_check.py [--pipes] ALERTS.jsonl DIR: every leak of leaks.mjs, leaks.py or leaks.sh is found once, by value, in its dress.

Says what is missing or wrong, and what was found that is none of them: pipes to children may be among it with --pipes.
"""

import json
import os
import sys

# name of the file: (secret.encoding, how much of the 40 bytes: offset and length)
WHOLE = (0, 40)
LEAKS = {
    "raw": ("raw", WHOLE),
    **{f"base64-{i}": ("base64", WHOLE) for i in range(3)},
    **{f"base64url-{i}": ("base64", WHOLE) for i in range(3)},
    "hex-lower": ("hex", WHOLE),
    "hex-upper": ("hex", WHOLE),
    "percent": ("percent", WHOLE),
    **{f"json-{i}": ("json", WHOLE) for i in range(1, 5)},
    "utf16-le": ("utf16", WHOLE),
    "utf16-be": ("utf16", WHOLE),
    "wrapped": ("raw", WHOLE),
    "wrapped-base64": ("base64", WHOLE),
    "chunked": ("raw", WHOLE),
    "prefix": ("raw", (0, 20)),
    "suffix": ("raw", (20, 20)),
    "split": ("raw", WHOLE),
}


def main():
    pipes = sys.argv[1] == "--pipes"
    path, directory = sys.argv[1 + pipes:]
    with open(path, encoding="utf-8") as file:
        alerts = [alert for alert in map(json.loads, file) if alert["schema"] == "beartrap.alert/1"]
    bad = []
    found = {name: [] for name in LEAKS}
    for alert in alerts:
        secret, sink = alert["secret"], alert["sink"]
        name = os.path.basename(sink.get("path", "")).removesuffix(".log")
        part = secret.get("part", {"offset": 0, "length": secret["length"], "of": secret["length"]})
        told = (alert["confidence"], secret["encoding"], part["offset"], part["length"], part["of"])
        if name in LEAKS:
            found[name].append(told)
        elif not (pipes and sink["class"] == "pipe"):
            bad.append(f"{alert['rule']} at {sink['class']} {sink.get('path', '')}: {told}")
    for name, (encoding, (offset, length)) in LEAKS.items():
        assert os.path.getsize(f"{directory}/out/{name}.log") > 20
        expected = [("value", encoding, offset, length, 40)]
        if found[name] != expected:
            bad.append(f"{name}: {found[name]}, expected {expected}")
    for line in bad:
        print(line, file=sys.stderr)
    print(f"{len(LEAKS)} leaks, {len(alerts)} alerts")
    return bool(bad)


if __name__ == "__main__":
    sys.exit(main())
