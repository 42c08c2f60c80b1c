#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""memory.py VALUES PID: is a value of VALUES (KIND<TAB>VALUE) in the memory of PID, where none may rest?

Looks at every area that can be read for each value, its halves (of 16 bytes at least), and its base64 and hexadecimal
forms, and tells how many are where; never a value. Three kinds of areas:
  locked   mlock()ed, not in a core dump, wiped when freed: the ledger, and payload on its way through. Values may be here.
  ring     pages of the kernel's ring buffer, which user space can only read. What was sent stays there until the kernel
           writes over it: nothing that a reader can wipe. Counted apart.
  other    everything else. Status 1 when a value is here.
"""

import base64
import re
import sys

PIECE = 16


def forms(value):
    half = max(PIECE, len(value) // 2)
    yield from (value, value[:half], value[-half:], value.hex().encode(), base64.b64encode(value)[:-4])


def kind_of(name, flags):
    if "lo" in flags:
        return "locked"
    return "ring" if "bpf-map" in name else "other"


def main():
    values_path, pid = sys.argv[1:]
    with open(values_path, encoding="ascii") as file:
        values = [line.rstrip("\n").split("\t")[1].encode() for line in file]
    assert values
    looked = {"locked": 0, "ring": 0, "other": 0}
    found = {kind: set() for kind in looked}
    where = {}
    with open(f"/proc/{pid}/smaps", encoding="ascii") as smaps:
        areas = re.findall(r"^([0-9a-f]+)-([0-9a-f]+) (\S+) \S+ \S+ \d+ *(.*)\n(?:\w+:.*\n)*?VmFlags:(.*)$", smaps.read(), re.M)
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        for start, end, mode, name, flags in areas:
            if "r" not in mode or name in ("[vvar]", "[vvar_vclock]", "[vsyscall]"):
                continue
            kind = kind_of(name, flags.split())
            memory.seek(int(start, 16))
            image = memory.read(int(end, 16) - int(start, 16))
            looked[kind] += len(image)
            for i, value in enumerate(values):
                for form, needle in enumerate(forms(value)):
                    if needle in image:
                        found[kind].add(i)
                        if kind == "other":
                            where.setdefault(name or "anonymous memory", set()).add((i, form))
    for kind, size in looked.items():
        print(f"{kind}: {len(found[kind])} of {len(values)} values in {size} bytes")
    for name, which in where.items():
        print(f"{name}: {len({i for i, _ in which})} values, {len(which)} forms of them", file=sys.stderr)
    # In a memory without locked areas nothing was looked for.
    return bool(where) or not looked["locked"] or not looked["other"]


if __name__ == "__main__":
    sys.exit(main())
