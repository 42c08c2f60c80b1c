#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""live.py BUILD: what the whole program costs on real servers. Rows as bench.h has them; needs root.

A miss is followed by a line that starts with '#' and says what dominates.
"""

import contextlib
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

BUILD = os.path.abspath(sys.argv[1])
HERE = os.path.dirname(os.path.abspath(__file__))
E2E = os.path.join(HERE, "..", "e2e")
BEARTRAP = os.path.join(BUILD, "beartrap")
NODE = shutil.which("node")
ROUNDS = 101  # short ones, in turns: on a shared machine the median of many is steadier than few long ones


def row(name, value, unit, target=None, at_most=False, lost=0, why=""):
    fits = target is None or (value <= target if at_most else value >= target)
    print(f"bench {name} {value:.2f} {unit} target {'-' if target is None else f'{target:.2f}'}"
          f" {'ok' if fits else 'miss'} lost {lost}", flush=True)
    if not fits:
        print(f"# {name}: {why}", flush=True)


def skipped(name, why):
    print(f"# {name}: skipped: {why}", flush=True)


def lost_bytes(report):
    with open(report, encoding="utf-8") as file:
        found = re.search(r"^NOT CLEAN: (\d+) bytes", file.read(), re.M)
    return int(found[1]) if found else 0


def cpu_ms(pid):
    """CPU time of a process so far: all of its threads."""
    total = 0
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/schedstat", encoding="ascii") as file:
            total += int(file.read().split()[0])
    return total / 1e6


def worker(pid):
    """The watch is the work of a child of `beartrap run`, as the server is another one."""
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
        children = [int(child) for child in file.read().split()]
    exe = os.stat(f"/proc/{pid}/exe")
    return next(child for child in children if os.path.samestat(os.stat(f"/proc/{child}/exe"), exe))


def resident_mib(pid):
    """Resident memory of the watch and what its parent has beside that, and the rings in it. A ring's data is mapped
    twice; it is there once."""
    all_kib = rings_kib = 0
    ring = False
    with open(f"/proc/{worker(pid)}/smaps", encoding="ascii") as file:
        for line in file:
            if re.match(r"[0-9a-f]+-[0-9a-f]+ ", line):
                ring = "bpf-map" in line
            elif line.startswith("Rss:"):
                kib = int(line.split()[1])
                all_kib += kib // 2 if ring else kib
                rings_kib += kib // 2 if ring else 0
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
        all_kib += sum(int(line.split()[1]) for line in file if line.startswith("Private_"))
    return all_kib / 1024, rings_kib / 1024


def latency(place):
    fifo, times, report = (os.path.join(place, n) for n in ("alerts", "times", "latency.txt"))
    os.mkfifo(fifo)
    # Neither end waits for the other to be opened.
    both_ends = os.open(fifo, os.O_RDWR)
    # A pipe that nobody reads would fill; /dev/null is no place to leak to.
    with open(os.path.join(place, "stderr"), "wb") as stderr:
        subprocess.run([BEARTRAP, "run", "--fail-on", "never", "--output", f"jsonl:{fifo}", "--output", f"text:{report}",
                        "--", sys.executable, os.path.join(HERE, "speaker.py"), "400", fifo, times],
                       stderr=stderr, check=True, timeout=120)
    os.close(both_ends)
    with open(times, encoding="ascii") as file:
        ms = sorted(float(line) for line in file)
    lost = lost_bytes(report)
    row("write-to-alert-median", statistics.median(ms), "ms", lost=lost)
    row("write-to-alert-p99", ms[len(ms) * 99 // 100], "ms", 20, True, lost,
        "the scheduler: beartrap must be woken and get a CPU between the write and the alert")


def watched(place, name, *command):
    """Starts a command under watch with a pipe to and from it."""
    return subprocess.Popen([BEARTRAP, "run", "--fail-on", "never", "--output", f"text:{place}/{name}.txt", "--", *command],
                            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)


def crowd(place):
    """Memory and idle CPU: with one process, and with 1,000 that have 10,000 streams."""
    for count, streams in ((1, 10), (1000, 10)):
        name = f"{count}-processes"
        with watched(place, name, os.path.join(BUILD, "tests/tools/crowd"), str(count), str(streams)) as run:
            assert run.stdout.readline() == b"ready\n"
            time.sleep(1.5)
            both = (run.pid, worker(run.pid))
            before = sum(map(cpu_ms, both))
            time.sleep(3)
            idle = (sum(map(cpu_ms, both)) - before) / 30
            resident, rings = resident_mib(run.pid)
            run.stdin.close()
            run.wait(timeout=60)
        lost = lost_bytes(f"{place}/{name}.txt")
        row(f"idle-cpu-{name}", idle, "percent", 0, True, lost, "it wakes although nothing happens")
        row(f"memory-{name}", resident, "MiB", 64, True, lost,
            f"{rings:.0f} MiB are the rings between kernel and user space, which have one size whatever is watched")


def flood(place):
    """Back-to-back writes with a token in each thousandth: every one is found, whatever the rate."""
    load, values, report, alerts = (os.path.join(place, n) for n in ("load", "values", "flood.txt", "flood.jsonl"))
    subprocess.run([os.environ.get("CC", "cc"), "-O2", "-o", load, os.path.join(E2E, "load.c"), "-lz"], check=True)
    for size in (100, 4000):
        with contextlib.suppress(FileNotFoundError):
            os.remove(values)
        with subprocess.Popen([BEARTRAP, "run", "--fail-on", "never", "--output", f"jsonl:{alerts}", "--output", f"text:{report}",
                               "--", load, values, "1", "100000", str(size), "1000"],
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as run:
            while run.stdout.read(1 << 20):
                pass
        with open(alerts, encoding="utf-8") as file:
            found = {a["secret"]["fingerprint"] for a in map(json.loads, file) if "secret" in a}
        row(f"tokens-found-of-100-{size}B", len(found), "tokens", 100, False, lost_bytes(report), "a token was missed: this is a fault")


def rates(place, kind, calls, servers, target, why):
    """Each server against the first; `control` is the same again, and shows how much of a ratio is noise."""
    commands = [f"{name}={' '.join(command)}" for name, command in servers.items()]
    out = subprocess.run([NODE, os.path.join(HERE, "rate.mjs"), kind, str(ROUNDS), str(calls), *commands],
                         stdout=subprocess.PIPE, check=True, timeout=300, text=True).stdout
    for line in out.splitlines():
        name, ratio = line.split()
        if name == "bpftrace" and not bpftrace_ran(place):
            continue
        if name == "beartrap":
            row(f"{kind}-calls", float(ratio), "ratio-to-unwatched", target, False, lost_bytes(f"{place}/{kind}.txt"), why)
        else:
            row(f"{kind}-calls-{name}", float(ratio), "ratio-to-unwatched")


def tracers(place, kind, server):
    """The nearest that other tools do: every byte read and written, into a file. strace loses none below 64 KiB a call, for
    it stops the process at each."""
    found = {}
    if shutil.which("strace"):
        found["strace"] = ["strace", "-f", "-qq", "-s", "65536", "-o", f"{place}/{kind}.strace", "-e",
                           "trace=read,write,readv,writev,sendto,recvfrom,sendmsg,recvmsg", *server]
    else:
        skipped(f"{kind}-calls-strace", "strace is not installed")
    return found


BPFTRACE = """
tracepoint:syscalls:sys_enter_write /pid == $1/ {
	printf("%r\\n", buf(args->buf, args->count));
	@cut = sum(args->count > 200 ? args->count - 200 : 0);
}
tracepoint:syscalls:sys_enter_read /pid == $1/ { @to[tid] = args->buf; }
tracepoint:syscalls:sys_exit_read /@to[tid]/ {
	if (args->ret > 0) {
		printf("%r\\n", buf(@to[tid], args->ret));
		@cut = sum(args->ret > 200 ? args->ret - 200 : 0);
	}
	delete(@to[tid]);
}
"""


def bpftrace(place, server):
    """It cannot start a process under trace: the shell that becomes the server waits until the probes are there."""
    if not shutil.which("bpftrace"):
        skipped("mcp-calls-bpftrace", "bpftrace is not installed")
        return {}
    script = f"{place}/bpftrace.sh"
    with open(f"{place}/bpftrace.bt", "w", encoding="ascii") as file:
        file.write(BPFTRACE)
    with open(script, "w", encoding="ascii") as file:
        file.write(f"""log={place}/bpftrace.out
export BPFTRACE_STRLEN=200
# Where no tracefs is mounted there is one for it alone.
[ -d /sys/kernel/tracing/events ] || mount -t tracefs tracefs /sys/kernel/tracing
bpftrace -p $$ {place}/bpftrace.bt $$ >$log 2>&1 </dev/null &
until grep -q Attaching $log || ! kill -0 $!; do sleep 0.1; done
sleep 1
exec {' '.join(server)}
""")
    return {"bpftrace": ["unshare", "-m", "sh", script]}


def bpftrace_ran(place):
    # It notices the end of what it traces within a second or so, and only then tells its maps.
    for _ in range(50):
        with open(f"{place}/bpftrace.out", "rb") as file:
            text = file.read()
        if b"@cut" in text.rpartition(b"@cut: ")[1] or b"Attaching" not in text:
            break
        time.sleep(0.1)
    if b"Attaching" not in text:
        # That it may not raise a limit it says always.
        said = [line for line in text.decode(errors="replace").splitlines() if line.strip() and "RLIMIT_MEMLOCK" not in line]
        skipped("mcp-calls-bpftrace", f"it does not run on this host: {said[-1] if said else text.decode(errors='replace').strip()}")
        return False
    cut = re.search(rb"@cut: (\d+)", text)
    events = sum(int(n) for n in re.findall(rb"Lost (\d+) events", text))
    print(f"# mcp-calls-bpftrace: lost {int(cut[1]) if cut else 0} bytes, beyond 200 of a call, and {events} events whole")
    return True


def main():
    with tempfile.TemporaryDirectory(prefix="beartrap-bench.", dir="/run") as place:
        os.environ["BEARTRAP_STATE"] = os.path.join(place, "state")
        os.mkdir(os.environ["BEARTRAP_STATE"])
        latency(place)
        flood(place)
        crowd(place)
        server = [NODE, os.path.join(E2E, "sdk_server.mjs"), "--state-dir", place]
        run = [BEARTRAP, "run", "--fail-on", "never", "--output", f"text:{place}/mcp.txt", "--"]
        rates(place, "mcp", 20, {"bare": server, "control": server, "beartrap": run + server, **tracers(place, "mcp", server), **bpftrace(place, server)}, 0.97,
              "the records of each call's reads and writes, and their reader on the same CPUs")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                        "-keyout", f"{place}/key.pem", "-out", f"{place}/cert.pem", "-days", "2", "-subj", "/CN=localhost"],
                       stderr=subprocess.DEVNULL, check=True)
        run[-2] = f"text:{place}/https.txt"
        https = {}
        for name in ("bare", "control", "beartrap", "strace"):
            os.mkdir(f"{place}/{name}")
            for file in ("key.pem", "cert.pem"):
                shutil.copy(f"{place}/{file}", f"{place}/{name}")
            https[name] = [NODE, os.path.join(E2E, "tls_server.mjs"), f"{place}/{name}"]
        rates(place, "https", 20, {"bare": https["bare"], "control": https["control"], "beartrap": run + https["beartrap"],
                                    **tracers(place, "https", https["strace"])}, 0.90,
              "two uprobes a call at about a microsecond each, and the records of socket and plaintext")


if __name__ == "__main__":
    main()
