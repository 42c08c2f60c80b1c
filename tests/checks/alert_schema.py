#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Validates JSONL reports: every line against the schema that it names.

usage: alert_schema.py [--no-summary] REPORT.jsonl...

Without --no-summary each report must end with exactly one summary.
`alert_schema.py --rules` validates rules/catalogue.json and rules/policy.json instead.
"""
import json
import pathlib
import sys

import jsonschema

RULES = pathlib.Path(__file__).resolve().parents[2] / "rules"
SCHEMAS = {
    "beartrap.alert/1": "alert.schema.json",
    "beartrap.summary/1": "summary.schema.json",
    "beartrap.doctor/1": "doctor.schema.json",
}


def no_duplicates(pairs):
    """An object hook that refuses a key given twice: parsers disagree on which one counts."""
    obj = dict(pairs)
    if len(obj) != len(pairs):
        raise ValueError("a key is there twice")
    return obj


def validator(name):
    schema = json.loads((RULES / "schema" / name).read_text())
    jsonschema.Draft7Validator.check_schema(schema)
    return jsonschema.Draft7Validator(schema)


def faults_of(check, value):
    return [f"{'/'.join(map(str, e.path)) or 'top'}: {e.message}" for e in check.iter_errors(value)]


def check_report(path, validators, need_summary):
    faults = []
    schemas = []
    data = pathlib.Path(path).read_bytes()
    if data and not data.endswith(b"\n"):
        faults.append(f"{path}: the last line has no newline")
    for number, line in enumerate(data.splitlines(), 1):
        try:
            value = json.loads(line.decode("utf-8"), object_pairs_hook=no_duplicates)
        except ValueError as error:
            faults.append(f"{path}:{number}: not JSON: {error}")
            continue
        name = value.get("schema") if isinstance(value, dict) else None
        schemas.append(name)
        if name not in validators:
            faults.append(f"{path}:{number}: schema {name!r} is not known")
            continue
        faults += [f"{path}:{number}: {f}" for f in faults_of(validators[name], value)]
    summaries = schemas.count("beartrap.summary/1")
    if need_summary and (summaries != 1 or schemas[-1] != "beartrap.summary/1"):
        faults.append(f"{path}: {summaries} summaries; exactly one must be there, at the end")
    return faults, len(schemas)


def check_rules():
    check = validator("policy.schema.json")
    faults = []
    for name in ("catalogue.json", "policy.json"):
        value = json.loads((RULES / name).read_text(), object_pairs_hook=no_duplicates)
        faults += [f"rules/{name}: {f}" for f in faults_of(check, value)]
    return faults


def main(args):
    if args == ["--rules"]:
        faults, lines = check_rules(), 2
    else:
        need_summary = "--no-summary" not in args
        paths = [a for a in args if a != "--no-summary"]
        if not paths:
            print(__doc__, file=sys.stderr)
            return 2
        validators = {name: validator(file) for name, file in SCHEMAS.items()}
        faults, lines = [], 0
        for path in paths:
            more, n = check_report(path, validators, need_summary)
            faults += more
            lines += n
    for fault in faults:
        print(fault, file=sys.stderr)
    print(f"{lines} checked, {len(faults)} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
