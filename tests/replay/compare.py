#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""compare.py BEARTRAP TOOL [PATTERN]: every replay case (those with PATTERN in their name), in TAP; for tests/replay/run.

TOOL makes a recording of a case; it is replayed with every report format, and compared with the case's expect.jsonl
(README.md): the exit status, the alerts (all of them, in any order; each has at least the members expected), and that none
of the secrets, whole or in part, plain or encoded, is in any output.
"""
import base64
import concurrent.futures
import json
import os
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))

# So many characters of a secret in a row are a leak. A preview may show the format's public prefix and four more
# characters, so the search starts behind those.
PART = 12
PREVIEW = 8


def load_lines(path):
    with open(path, encoding="utf-8") as f:
        return [json.loads(line) for line in f if line.strip() and not line.startswith("#")]


def differs(want, have, path=""):
    """The first member in which `have` is not as `want` says, in words; None when there is none."""
    if isinstance(want, dict):
        if not isinstance(have, dict):
            return f"{path or 'alert'} is {json.dumps(have)}"
        for key, value in want.items():
            d = differs(value, have.get(key), f"{path}.{key}" if path else key)
            if d:
                return d
        return None
    return None if want == have else f"{path} is {json.dumps(have)}, not {json.dumps(want)}"


def assign(wants, haves):
    """Gives every expected alert one of its own. Returns those left over on both sides."""
    taken = {}

    def try_assign(w, seen):
        for h in range(len(haves)):
            if h in seen or differs(wants[w], haves[h]):
                continue
            seen.add(h)
            if h not in taken or try_assign(taken[h], seen):
                taken[h] = w
                return True
        return False

    missing = [w for w in range(len(wants)) if not try_assign(w, set())]
    return [wants[w] for w in missing], [haves[h] for h in range(len(haves)) if h not in taken]


def forms(secret):
    """The texts by which a part of the secret would show."""
    raw = secret.encode()
    texts = set()
    for i in range(PREVIEW, len(raw) - PART + 1):
        texts.add(raw[i : i + PART])
    hexed = raw.hex().encode()
    for i in range(2 * PREVIEW, len(hexed) - 2 * PART + 1):
        texts.add(hexed[i : i + 2 * PART])
    for shift in range(3):
        coded = base64.b64encode(b"\0" * shift + raw)
        for i in range(4 * PREVIEW, len(coded) - 4 * PART // 3 - 3):
            texts.add(coded[i : i + 4 * PART // 3])
    return texts


def leaks(secrets, outputs):
    found = []
    for name, data in outputs.items():
        for number, secret in enumerate(secrets):
            if any(text in data for text in forms(secret)):
                found.append(f"{name} holds a part of secret {number + 1}")
    return found


def report_formats(beartrap):
    version = subprocess.run([beartrap, "version", "--json"], capture_output=True, check=True)
    return json.loads(version.stdout)["report_formats"]


def replay(beartrap, formats, recording, work, policy):
    command = [beartrap, "replay"]
    for name in formats:
        command += ["--output", f"{name}:{work}/out.{name}"]
    if os.path.exists(policy):
        command += ["--policy", policy]
    run = subprocess.run(command + [recording], capture_output=True, timeout=120, check=False)
    outputs = {"standard output": run.stdout, "standard error": run.stderr}
    for name in formats:
        with open(f"{work}/out.{name}", "rb") as f:
            outputs[name] = f.read()
    return run.returncode, outputs


def compare(beartrap, formats, case, recording, secrets_path, work):
    """What is not as the case says, one line each."""
    head, *wants = load_lines(os.path.join(case, "expect.jsonl"))
    status, outputs = replay(beartrap, formats, recording, work, os.path.join(case, "policy.json"))
    lines = [json.loads(line) for line in outputs["jsonl"].splitlines()]
    alerts = [a for a in lines if a["schema"] == "beartrap.alert/1"]
    summary = [a for a in lines if a["schema"] == "beartrap.summary/1"]
    with open(secrets_path, encoding="utf-8") as f:
        secrets = f.read().splitlines()

    faults = []
    if status != head["exit"]:
        faults.append(f"exit status {status}, not {head['exit']}")
    if len(summary) != 1:
        faults.append(f"{len(summary)} summaries")
    elif "summary" in head:
        d = differs(head["summary"], summary[0])
        if d:
            faults.append(f"summary: {d}")
    missing, extra = assign(wants, alerts)
    for want in missing:
        near = next((differs(want, e) for e in extra if e["rule"] == want.get("rule")), None)
        faults.append("missing: " + json.dumps(want) + (f" ({near})" if near else ""))
    for alert in extra:
        brief = {k: alert.get(k) for k in ("rule", "severity", "confidence", "secret", "sink", "mcp")}
        faults.append("not expected: " + json.dumps(brief))
    faults += leaks(secrets, outputs)
    if outputs["standard error"]:
        faults.append("standard error: " + outputs["standard error"].decode(errors="replace"))
    return faults


def run_case(beartrap, tool, formats, case, reports):
    """What is wrong with it; its report goes into `reports`."""
    with tempfile.TemporaryDirectory() as work:
        recording, secrets = os.path.join(work, "run.btrec"), os.path.join(work, "secrets")
        try:
            made = subprocess.run([tool, os.path.join(case, "events.jsonl"), recording, secrets], stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, check=False, text=True)
            if made.returncode:
                return made.stdout.splitlines() or ["no recording could be made"]
            faults = compare(beartrap, formats, case, recording, secrets, work)
            shutil.copy(os.path.join(work, "out.jsonl"), os.path.join(reports, os.path.basename(case) + ".jsonl"))
            return faults
        except (OSError, ValueError, KeyError, subprocess.SubprocessError) as e:
            return [f"{type(e).__name__}: {e}"]


def main():
    beartrap, tool = sys.argv[1:3]
    pattern = sys.argv[3] if len(sys.argv) > 3 else ""
    root = os.path.join(HERE, "cases")
    cases = [os.path.join(root, name) for name in sorted(os.listdir(root))
             if pattern in name and os.path.exists(os.path.join(root, name, "events.jsonl"))]
    if not cases:
        return 1
    failed = 0

    def result(number, name, faults):
        print(f"{'not ok' if faults else 'ok'} {number} - {name}")
        for fault in faults:
            print(f"# {fault}", flush=True)
        return bool(faults)

    formats = report_formats(beartrap)
    with tempfile.TemporaryDirectory() as reports, concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        done = pool.map(lambda case: run_case(beartrap, tool, formats, case, reports), cases)
        for number, (case, faults) in enumerate(zip(cases, done), 1):
            failed += result(number, os.path.basename(case), faults)
        schema = subprocess.run([sys.executable, os.path.join(HERE, "../checks/alert_schema.py"),
                                 *(os.path.join(reports, name) for name in sorted(os.listdir(reports)))],
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, text=True)
        failed += result(len(cases) + 1, "every report is as its schema says", schema.stdout.splitlines() if schema.returncode else [])
    print(f"1..{len(cases) + 1}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
