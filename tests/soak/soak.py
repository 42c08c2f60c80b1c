#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""soak.py BEARTRAP SECONDS: see run."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
E2E = os.path.join(HERE, "../e2e")
sys.path.insert(0, os.path.join(HERE, "../../demo"))
from client import Client  # noqa: E402

BEARTRAP = os.path.abspath(sys.argv[1])
SECONDS = float(sys.argv[2])
SAMPLE = 10 if SECONDS >= 100 else 2
CHURNERS = 3
# What it may keep of things that come and go: alerts, ended processes and streams are kept up to a bound, to be told of.
KEPT = {"alerts": 6, "processes": 4, "streams": 2}  # KiB of each
SLACK = 4096  # KiB: what an allocator does in its life
NAME = f"soak{os.getpid() % 10000}"

random.seed(1)
directory = tempfile.mkdtemp(prefix="beartrap-soak.", dir="/run")
path = {name: f"{directory}/{name}" for name in (
    "values", "alerts.jsonl", "report.txt", "stderr", "rules.json", "state", "churn", "second.jsonl")}
for name in ("state", "churn"):
    os.mkdir(path[name])
open(path["values"], "w", encoding="ascii").close()
os.environ.update(BEARTRAP_STATE=path["state"], PYTHONDONTWRITEBYTECODE="1")
over = threading.Event()
faults = []


def write_rules(letter, bad=False):
    rule = {"id": "own-token", "title": "A token of our own", "provider": "own", "kind": "api_key",
            "patterns": [letter * 3 + "_[0-9a-f]{32}"], "tests": {"match": ["a {{token}} b"], "nomatch": ["a b"]}}
    text = json.dumps({"kind": "tokens", "rules": [rule]})
    with open(path["rules.json"] + ".new", "w", encoding="ascii") as file:
        file.write(text[:-10] if bad else text)
    os.rename(path["rules.json"] + ".new", path["rules.json"])


def attach(*options):
    with open(path["stderr"], "a", encoding="ascii") as stderr:
        return subprocess.Popen([BEARTRAP, "attach", *options], stdin=subprocess.DEVNULL, stderr=stderr)


def worker_of(pid):
    for child in open(f"/proc/{pid}/task/{pid}/children", encoding="ascii").read().split():
        with open(f"/proc/{child}/comm", encoding="ascii") as comm:
            if comm.read() == "beartrap-watch\n":
                return int(child)
    return None


def guarded(actor):
    """An actor that fails is a fault of the soak's."""
    def run():
        try:
            actor()
        except Exception as error:  # pylint: disable=broad-except
            faults.append(f"{actor.__name__}: {error!r}")
    thread = threading.Thread(target=run, name=actor.__name__)
    thread.start()
    return thread


def sdk_sessions():
    """One SDK server after the other, each with a client that calls its tools."""
    env = dict(os.environ, NODE_OPTIONS=f"--title={NAME}-sdk")
    while not over.is_set():
        command = ["env", f"NODE_OPTIONS={env['NODE_OPTIONS']}", "node", f"{E2E}/sdk_server.mjs", "--values", path["values"],
                   "--state-dir", path["churn"]]
        client = Client(command)
        client.result("initialize", protocolVersion="2025-11-25", capabilities={}, clientInfo={"name": "c", "version": "1"})
        client.send(method="notifications/initialized")
        begun, leaked = time.monotonic(), time.monotonic()
        while time.monotonic() < begun + 45 and not over.is_set():
            client.result("tools/call", name="echo", arguments={"message": "hello " * 20})
            client.result("tools/call", name="token_status", arguments={})
            if time.monotonic() > leaked + 6:
                leaked = time.monotonic()
                client.result("tools/call", name=random.choice(("leak_token", "leak_nested")), arguments={})
            time.sleep(0.1)
        client.close()


def churn():
    """Processes that come and go."""
    running = []
    # Somebody reads what they say.
    reader, writer = os.pipe()
    log = subprocess.Popen(["cat"], stdin=reader, stdout=subprocess.DEVNULL)
    os.close(reader)
    while not over.is_set():
        running = [process for process in running if process.poll() is None]
        while len(running) < CHURNERS:
            running.append(subprocess.Popen(
                [sys.executable, f"{HERE}/churn.py", f"{NAME}-w", str(random.randrange(6, 15)), path["values"], path["churn"]],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=writer))
        time.sleep(0.5)
    for process in running:
        process.wait()
    os.close(writer)
    log.wait()


def second_watch():
    """Another one attaches to a process of its own, and leaves it."""
    while not over.wait(5):
        sleeper = subprocess.Popen(["sleep", "1000"])
        other = attach("--pid", str(sleeper.pid), "--output", f"jsonl:{path['second.jsonl']}")
        time.sleep(4)
        other.send_signal(signal.SIGINT)
        # Of sleep(1) there may be nothing to examine.
        if other.wait(60) not in (0, 125):
            faults.append(f"the second watch ended with {other.returncode}")
        sleeper.kill()
        sleeper.wait()
        over.wait(20)


def reload_rules(pid):
    for turn in range(10 ** 9):
        if over.wait(4):
            return
        write_rules("abcdefgh"[turn % 8], bad=turn % 5 == 4)
        os.kill(pid, signal.SIGHUP)


def memory(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmRSS:"))


def descriptors(pid):
    """How many, and of BPF how many links, maps, programs."""
    count = {"fds": 0, "links": 0, "maps": 0, "progs": 0}
    maps = []
    for fd in os.listdir(f"/proc/{pid}/fd"):
        try:
            with open(f"/proc/{pid}/fdinfo/{fd}", encoding="ascii") as file:
                info = dict(line.split(":", 1) for line in file if ":" in line)
        except FileNotFoundError:
            continue
        count["fds"] += 1
        if "link_id" in info:
            count["links"] += 1
        elif "map_id" in info:
            count["maps"] += 1
            maps.append(int(info["map_id"]))
        elif "prog_id" in info:
            count["progs"] += 1
    return count, maps


def entries(ids, names):
    found = {}
    for number in ids:
        show = json.loads(subprocess.run(["bpftool", "-j", "map", "show", "id", str(number)], capture_output=True, check=True).stdout)
        if show.get("name") in names:
            dump = subprocess.run(["bpftool", "-j", "map", "dump", "id", str(number)], capture_output=True, check=True).stdout
            found[show["name"]] = len(json.loads(dump))
    return found


def links_of_host():
    done = subprocess.run(["bpftool", "-j", "link", "show"], capture_output=True, check=False)
    return {link["id"] for link in json.loads(done.stdout or "[]") if "id" in link}


def sample(main_pid, begun):
    worker = worker_of(main_pid)
    count, maps = descriptors(main_pid)
    working, _ = descriptors(worker)
    with open(path["alerts.jsonl"], encoding="utf-8") as file:
        alerts = sum(1 for _ in file)
    row = {"s": int(time.monotonic() - begun), "rss": memory(worker), "super": memory(main_pid), "fds": working["fds"],
           "links": working["links"], "maps": working["maps"], "progs": working["progs"], "super_fds": count["fds"],
           "alerts": alerts, "worker": worker, **entries(maps, ("procs", "streams"))}
    print("  ".join(f"{name} {value}" for name, value in row.items()), flush=True)
    return row


def slope(rows, what):
    """Least squares: change over all the rows."""
    n = len(rows)
    xs, ys = [row["s"] for row in rows], [row[what] for row in rows]
    mx, my = sum(xs) / n, sum(ys) / n
    var = sum((x - mx) ** 2 for x in xs)
    return sum((x - mx) * (y - my) for x, y in zip(xs, ys)) / var * (xs[-1] - xs[0]) if var else 0


def check(rows, main_links, status):
    with open(path["alerts.jsonl"], encoding="utf-8") as file:
        lines = [json.loads(line) for line in file]
    summary = lines[-1]
    totals = summary["totals"]
    with open(path["values"], encoding="ascii") as file:
        names = [line.split("\t")[0] for line in file]
    # The file in which they list their tokens is another place.
    sinks = {"stderr", "pipe", "tool-result"}
    found = {line["secret"]["fingerprint"] for line in lines[:-1] if line["sink"]["class"] in sinks}
    warm = rows[len(rows) // 3:]
    part = (warm[-1]["s"] - warm[0]["s"]) / max(rows[-1]["s"], 1)
    allowed = SLACK + part * sum(KEPT[kind] * totals[kind] for kind in KEPT)
    table = [
        ("memory of the worker, growth (KiB)", slope(warm, "rss"), f"<= {allowed:.0f}", slope(warm, "rss") <= allowed),
        ("memory of the supervisor, growth (KiB)", slope(warm, "super"), "<= 2048", slope(warm, "super") <= 2048),
        ("workers", len({row["worker"] for row in rows}), "1", len({row["worker"] for row in rows}) == 1),
        ("maps, first and last", f"{rows[0]['maps']} {rows[-1]['maps']}", "equal", rows[0]["maps"] == rows[-1]["maps"]),
        ("programs, first and last", f"{rows[0]['progs']} {rows[-1]['progs']}", "equal", rows[0]["progs"] == rows[-1]["progs"]),
        ("descriptors but links, growth", slope(warm, "fds") - slope(warm, "links"), "< 3", slope(warm, "fds") - slope(warm, "links") < 3),
        ("links, growth", slope(warm, "links"), "< 3", slope(warm, "links") < 3),
        ("supervisor's descriptors, growth", slope(warm, "super_fds"), "< 3", slope(warm, "super_fds") < 3),
        ("links left on the host", len(main_links & links_of_host()), "0", not main_links & links_of_host()),
        ("watched at most", max(row["procs"] for row in rows), "< 100", max(row["procs"] for row in rows) < 100),
        ("tokens leaked, found", f"{len(names)} {len(found)}", "equal", len(names) == len(found)),
        ("status", status, "10", status == 10),
        ("bytes moved", summary["balance"]["moved"], "add up", summary["balance"]["adds_up"]),
        ("bytes lost", summary["bytes_lost"], "0", summary["bytes_lost"] == 0),
        ("other losses", " ".join(f"{loss['cause']}:{loss['events']}" for loss in summary["lost"]) or "none", "", True),
        ("actors' faults", len(faults), "0", not faults),
    ]
    print()
    for what, value, target, good in table:
        value = f"{value:.0f}" if isinstance(value, float) else value
        print(f"soak  {what:<42} {value!s:>16}  {target:<10} {'ok' if good else 'FAIL'}")
    for fault in faults:
        print(f"soak  {fault}")
    return all(good for _, _, _, good in table)


def main():
    write_rules("z")
    before = links_of_host()
    watch = attach("--comm", f"{NAME}*", "--rules", path["rules.json"], "--output", f"jsonl:{path['alerts.jsonl']}",
                   "--output", f"text:{path['report.txt']}")
    while "watching" not in open(path["stderr"], encoding="utf-8").read():
        if watch.poll() is not None:
            sys.exit(f"beartrap ended: {open(path['stderr'], encoding='utf-8').read()}")
        time.sleep(0.1)
    main_links = links_of_host() - before
    begun = time.monotonic()
    actors = [guarded(actor) for actor in (sdk_sessions, churn, second_watch)]
    actors.append(threading.Thread(target=reload_rules, args=(watch.pid,)))
    actors[-1].start()
    rows = []
    try:
        while time.monotonic() < begun + SECONDS:
            time.sleep(SAMPLE)
            rows.append(sample(watch.pid, begun))
    finally:
        over.set()
        for actor in actors:
            actor.join()
        watch.send_signal(signal.SIGINT)
        status = watch.wait(120)
    # The kernel takes its time with the last links.
    for _ in range(300):
        if not main_links & links_of_host():
            break
        time.sleep(0.1)
    good = check(rows, main_links, status)
    if good:
        shutil.rmtree(directory)
    else:
        print(f"soak  kept: {directory}")
    return not good


if __name__ == "__main__":
    sys.exit(main())
