#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""memory.py VALUES PID: is a value of VALUES (KIND<TAB>VALUE) in the memory of PID? Never prints one.

Left out: memory that cannot be written, memory shared with the kernel (a ring holds what it was sent until that is
overwritten), and locked memory, which is where a secret may rest.
"""

import re
import sys

values_path, pid = sys.argv[1:]
with open(values_path, encoding="ascii") as file:
    values = [line.split("\t")[1].strip().encode() for line in file]
found = 0
looked = 0
with open(f"/proc/{pid}/smaps", encoding="ascii") as smaps, open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
    areas = re.findall(r"^([0-9a-f]+)-([0-9a-f]+) (\S+) \S+ \S+ \d+ *(.*)\n(?:\w+:.*\n)*?VmFlags:(.*)$", smaps.read(), re.M)
    for start, end, mode, name, flags in areas:
        if "w" not in mode or "p" not in mode or "lo" in flags.split():
            continue
        memory.seek(int(start, 16))
        image = memory.read(int(end, 16) - int(start, 16))
        looked += len(image)
        for value in values:
            if value in image:
                print(f"a value in {name or 'anonymous memory'}", file=sys.stderr)
                found += 1
print(f"{looked} bytes of memory")
sys.exit(found > 0 or not looked)
