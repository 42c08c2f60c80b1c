# SPDX-License-Identifier: BSD-2-Clause
"""The matrix of the ways out.

paths.py mint VALUES WAY...                     lists a new token for each way in each variant, and again in VALUES.json;
                                                VALUES.known has them alone, VALUES.parts the two pieces that paths cuts
paths.py show VALUES WHOLE PARTS ALERTS WAY...        prints one line a way and ends in 1 when one was not caught in all its variants

WHOLE and PARTS are the alerts of `beartrap scan` over VALUES and VALUES.parts: they tell which fingerprint is whose.
"""

import json
import sys

import tokens

VARIANTS = ("plain", "split", "encoded")


def alerts(path):
    with open(path, encoding="utf-8") as file:
        return [alert for alert in map(json.loads, file) if alert["schema"] == "beartrap.alert/1"]


def show(values, whole, parts, found, ways):
    with open(values, encoding="utf-8") as file:
        names = [line.split("\t")[0] for line in file]
    whose = {alert["secret"]["fingerprint"]: names[alert["sink"]["line"] - 1] for alert in alerts(whole)}
    for alert in alerts(parts):
        whose[alert["secret"]["fingerprint"]] = names[(alert["sink"]["line"] - 1) % len(names)]
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
        tokens_made = []
        with (
            open(sys.argv[2] + ".json", "w", encoding="utf-8") as file,
            open(sys.argv[2] + ".known", "w", encoding="utf-8") as known,
            open(sys.argv[2] + ".parts", "w", encoding="utf-8") as parts,
        ):
            for name in (f"{way}.{variant}" for way in sys.argv[3:] for variant in VARIANTS):
                token = minted.mint(name).decode()
                file.write(json.dumps({"way": name, "access_token": token}) + "\n")
                known.write(token + "\n")
                tokens_made.append(token)
            # Far from one another: in a row they would be one value in two lines.
            parts.writelines(token[:20] + "\n" for token in tokens_made)
            parts.writelines(token[20:] + "\n" for token in tokens_made)
        return 0
    return show(*sys.argv[2:6], sys.argv[6:])


if __name__ == "__main__":
    sys.exit(main())
