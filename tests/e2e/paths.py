# SPDX-License-Identifier: BSD-2-Clause
"""The matrix of the ways out.

paths.py mint VALUES WAY...                     lists a new token for each way in each variant, and again in VALUES.json
paths.py show VALUES KNOWN ALERTS WAY...        prints one line a way and ends in 1 when one was not caught in all its variants

KNOWN are the alerts of `beartrap scan VALUES`: they tell which fingerprint is whose.
"""

import json
import sys

import tokens

VARIANTS = ("plain", "split", "encoded")


def alerts(path):
    with open(path, encoding="utf-8") as file:
        return [alert for alert in map(json.loads, file) if alert["schema"] == "beartrap.alert/1"]


def show(values, known, found, ways):
    with open(values, encoding="utf-8") as file:
        names = [line.split("\t")[0] for line in file]
    whose = {alert["secret"]["fingerprint"]: names[alert["sink"]["line"] - 1] for alert in alerts(known)}
    caught = {}
    for alert in alerts(found):
        name = whose.get(alert["secret"]["fingerprint"])
        if name and not alert["sink"].get("path", "").endswith("/values.json"):
            caught.setdefault(name, alert["sink"])
    missed = 0
    for way in ways:
        sinks = [caught.get(f"{way}.{variant}") for variant in VARIANTS]
        missed += None in sinks
        means = sorted({sink["class"] + (", " + sink["seen"] if "seen" in sink else "") for sink in sinks if sink})
        print(f"{way:20}", *(f"{'caught' if sink else 'MISSED':8}" for sink in sinks), "; ".join(means))
    return 1 if missed else 0


def main():
    if sys.argv[1] == "mint":
        minted = tokens.Tokens(sys.argv[2])
        with open(sys.argv[2] + ".json", "w", encoding="utf-8") as file:
            for name in (f"{way}.{variant}" for way in sys.argv[3:] for variant in VARIANTS):
                file.write(json.dumps({"way": name, "access_token": minted.mint(name).decode()}) + "\n")
        return 0
    return show(sys.argv[2], sys.argv[3], sys.argv[4], sys.argv[5:])


if __name__ == "__main__":
    sys.exit(main())
