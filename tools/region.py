#!/usr/bin/env python3
"""Prints the caches of a running process, from its memory.

    tools/region.py PID                        each region: its first page, each shard
    tools/region.py PID --entries SHARD [N]    the first N (100) entries of a shard, as they lie in the arena

The entries are those in the first run of the shard's arena: where the process has later ones, only its own
memory says.  Reads /proc/PID/mem, so it needs the right to trace the process and does not stop it: what
changes meanwhile may be seen half changed.  Offsets are those of
Sources/CacheCore/Layout (docs/layout.md), so the process must run a library of this checkout.  In gdb,
`info proc mappings` finds the anonymous mapping, in which a region is where a page begins with `rocehcac`.
"""

import os
import re
import sys
from collections.abc import Iterator

from layout import Layout, Layouts, split

MAGIC = 0x6361_6368_6563_6F72
LAYOUTS = Layouts()
UNIT = 8  # references count in these
NEVER = (1 << 40) - 1
# Flags of a block, as Entry.Flag has them: how many bytes precede the key, and the end of a run.
EXTRA_BYTES, CONTENTS, FENCE = 3 << 3, 0x1E, 0x0E


class Process:
    def __init__(self, pid: str) -> None:
        self.memory = os.open(f"/proc/{pid}/mem", os.O_RDONLY)
        with open(f"/proc/{pid}/maps") as maps:
            self.mappings = [line.split() for line in maps]

    def read(self, address: int, size: int) -> bytes:
        return os.pread(self.memory, size, address)

    def number(self, address: int, size: int) -> int:
        return int.from_bytes(self.read(address, size), "little")

    def regions(self) -> Iterator[int]:
        for mapping in self.mappings:
            start = int(mapping[0].split("-")[0], 16)
            if not mapping[1].startswith("rw") or len(mapping) != 5:
                continue
            # Regions lie side by side in what the kernel makes one mapping.
            end = int(mapping[0].split("-")[1], 16)
            for page in range(start, end, 4096):
                if self.read(page, 8) == MAGIC.to_bytes(8, "little"):
                    yield page


def place(name: str, *path: str) -> tuple[int, int]:
    """The offset and the size of a field of a layout, of one in that, and so on."""
    offset = 0
    for field in path:
        row = next(row for row in LAYOUTS.known[name].rows if row.name == field)
        offset += row.offset
        name = row.type
    return offset, row.size


def show(process: Process, layout: Layout, base: int, indent: str = "  ") -> None:
    for row in layout.rows:
        name, inner = split(row.type)
        if name == "Atomic" or row.type not in LAYOUTS.known:
            if name == "InlineArray" or row.size > 8:
                continue  # tables; see --entries for what they lead to
            print(f"{indent}{row.name:24} {process.number(base + row.offset, row.size)}")
        else:
            print(f"{indent}{row.name}")
            show(process, LAYOUTS.known[row.type], base + row.offset, indent + "  ")


def shard_base(process: Process, region: int, shard: int) -> int:
    stride = process.number(region + place("RegionPage", "header", "geometry", "shardStride")[0], 8)
    return region + shard * stride


def show_entries(process: Process, region: int, shard: int, limit: int) -> None:
    def geometry(name: str) -> int:
        return process.number(region + place("RegionPage", "header", "geometry", name)[0],
                              place("Geometry", name)[1])

    base = shard_base(process, region, shard)
    arena = base + geometry("arenaOffset")
    top = min(process.number(base + place("ShardControl", "arena", "top")[0], 4), geometry("arenaSize") // UNIT)
    at, shown = geometry("firstRef"), 0
    while at < top and shown < limit:
        block = arena + at * UNIT
        version, access, expiry = (process.number(block + place("EntryHeader", word)[0], 8)
                                   for word in ("version", "access", "expiry"))
        if access & 1:
            at += version & 0xFFFF_FFFF
            continue
        if access & CONTENTS == FENCE:
            break  # the end of the run
        key_size, is_long = access >> 8 & 0xFFFF, bool(access & 2)
        header = 32 + (access & EXTRA_BYTES)
        value_size = process.number(block + 32, 8) if is_long else expiry & (1 << 17) - 1
        deadline = expiry >> 24
        key = process.read(block + header, min(key_size, 60))
        print(f"  {at:10}  version {version >> 16}  last access {access >> 24} ms  "
              f"deadline {'never' if deadline == NEVER else f'{deadline} ms'}  "
              f"value {value_size} B  key {key!r}{'' if key_size <= 60 else '...'}")
        units = (header + key_size + value_size + UNIT - 1) // UNIT
        at += max(units, 5) + (access >> 5 & 7)
        shown += 1


def main() -> int:
    match sys.argv[1:]:
        case [pid] if re.fullmatch(r"\d+", pid):
            shard, limit = None, 0
        case [pid, "--entries", number, *rest] if re.fullmatch(r"\d+", pid) and len(rest) < 2:
            shard, limit = int(number), int(rest[0]) if rest else 100
        case _:
            print(__doc__, file=sys.stderr)
            return 2
    process = Process(pid)
    for region in process.regions():
        count = process.number(region + place("RegionPage", "header", "shardCount")[0], 4)
        print(f"region at {region:#x}")
        if shard is not None:
            if shard < count:
                show_entries(process, region, shard, limit)
            continue
        show(process, LAYOUTS.known["RegionPage"], region)
        for each in range(count):
            print(f"  shard {each}")
            show(process, LAYOUTS.known["ShardControl"], shard_base(process, region, each), "    ")
    return 0


if __name__ == "__main__":
    sys.exit(main())
