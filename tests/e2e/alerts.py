#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""alerts.py [--print MEMBER,...] ALERTS.jsonl [MEMBER=VALUE...]: the alerts whose members have these values.

A member is written with dots (mcp.tool); VALUE is a regular expression that must match all of it. Without --print, tells
how many they are, those about one secret counted once. With --validate, every line must be valid by the alert schema.
"""

import argparse
import json
import os
import re
import sys

SCHEMA = os.path.join(os.path.dirname(__file__), "../../rules/schema/alert.schema.json")


def member(alert, name):
    for part in name.split("."):
        alert = alert.get(part, {}) if isinstance(alert, dict) else {}
    return "" if alert == {} else str(alert)


def validate(alerts):
    import jsonschema  # slow to load, and not always needed

    with open(SCHEMA, encoding="utf-8") as file:
        validator = jsonschema.Draft7Validator(json.load(file))
    for alert in alerts:
        validator.validate(alert)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--print", dest="members")
    parser.add_argument("--validate", action="store_true")
    parser.add_argument("path")
    parser.add_argument("wanted", nargs="*")
    options = parser.parse_args()
    with open(options.path, encoding="utf-8") as file:
        alerts = [alert for alert in map(json.loads, file) if alert["schema"] == "beartrap.alert/1"]
    if options.validate:
        validate(alerts)
    for wanted in options.wanted:
        name, _, value = wanted.partition("=")
        alerts = [alert for alert in alerts if re.fullmatch(value, member(alert, name))]
    if options.members:
        for alert in alerts:
            print("\t".join(member(alert, name) for name in options.members.split(",")))
    else:
        print(len({alert.get("secret", alert).get("fingerprint", alert["id"]) for alert in alerts}))


if __name__ == "__main__":
    main()
