#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""check_findings.py leaky|twin ALERTS.jsonl STATE_DIR: were the findings those that the server earned? Status 1 when not."""

import json
import sys

# What the leaky server does -> does this alert tell it?
LEAKS = {
    "log file": lambda alert, state: alert["rule"] == "token-in-log-file"
    and alert["sink"]["path"] == f"{state}/server.log",
    "disk": lambda alert, state: alert["rule"] in ("token-file-permissive", "token-file-plaintext")
    and alert["sink"]["path"] == f"{state}/token.json",
    "tool response": lambda alert, state: alert["rule"] == "token-in-tool-result"
    and alert["mcp"]["tool"] == "whoami",
}


def main():
    which, path, state = sys.argv[1:]
    with open(path, encoding="utf-8") as file:
        alerts = [alert for alert in map(json.loads, file) if alert["schema"].startswith("beartrap.alert/")]
    faults = []
    if which == "twin":
        faults += [f"alert on the correct server: {alert['rule']}" for alert in alerts]
    else:
        for leak, told in LEAKS.items():
            hits = [alert for alert in alerts if told(alert, state)]
            if not hits:
                faults.append(f"leak not found: {leak}")
            for alert in hits:
                if not (alert["process"]["pid"] > 1 and alert["process"]["comm"].startswith("python3")):
                    faults.append(f"{alert['rule']}: no process")
                if not alert.get("fix"):
                    faults.append(f"{alert['rule']}: no fix")
    for fault in faults:
        print(f"demo: {fault}", file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
