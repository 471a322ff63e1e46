#!/usr/bin/env python3
"""Prints the caches of a running process, from its memory, or a shared cache, from its file.

    tools/region.py PID                        each region: its first page, each shard
    tools/region.py FILE                       the region in the file of a shared cache, in use or not
    tools/region.py PID|FILE --entries SHARD [N]
                                               the first N (100) entries of a shard, as they lie in the arena

The entries are those in the first run of the shard's arena: where the process has later ones, only its own
memory says.  Reads /proc/PID/mem, so it needs the right to trace the process and does not stop it: what
changes meanwhile may be seen half changed.  Of a process it prints the shared caches that it has mapped, too;
their regions begin where their files do.  Offsets are those of
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


class Memory:
    """Bytes at addresses, with regions in them."""

    def __init__(self, path: str) -> None:
        self.memory = os.open(path, os.O_RDONLY)

    def read(self, address: int, size: int) -> bytes:
        return os.pread(self.memory, size, address)

    def number(self, address: int, size: int) -> int:
        return int.from_bytes(self.read(address, size), "little")

    def is_region(self, address: int) -> bool:
        return self.read(address, 8) == MAGIC.to_bytes(8, "little")

    def regions(self) -> Iterator[tuple[int, str]]:
        """Where each region is, and what is to be said of it."""
        raise NotImplementedError


class File(Memory):
    """The file of a shared cache."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.path = path

    def regions(self) -> Iterator[tuple[int, str]]:
        if self.is_region(0):
            yield 0, f"region in {self.path}"


class Process(Memory):
    def __init__(self, pid: str) -> None:
        super().__init__(f"/proc/{pid}/mem")
        with open(f"/proc/{pid}/maps") as maps:
            self.mappings = [line.split(maxsplit=5) for line in maps]

    def regions(self) -> Iterator[tuple[int, str]]:
        for mapping in self.mappings:
            addresses, rights, offset = mapping[:3]
            start, end = (int(address, 16) for address in addresses.split("-"))
            if rights == "rw-s" and int(offset, 16) == 0:
                if self.is_region(start):  # its other pages are not looked at: to read a hole may fill it
                    yield start, f"region at {start:#x}, shared: {mapping[-1].strip()}"
            elif rights == "rw-p" and len(mapping) == 5:
                # Regions lie side by side in what the kernel makes one mapping.
                for page in range(start, end, 4096):
                    if self.is_region(page):
                        yield page, f"region at {page:#x}"


def place(name: str, *path: str) -> tuple[int, int]:
    """The offset and the size of a field of a layout, of one in that, and so on."""
    offset = 0
    for field in path:
        row = next(row for row in LAYOUTS.known[name].rows if row.name == field)
        offset += row.offset
        name = row.type
    return offset, row.size


def show(memory: Memory, layout: Layout, base: int, indent: str = "  ") -> None:
    for row in layout.rows:
        name, inner = split(row.type)
        if name == "Atomic" or row.type not in LAYOUTS.known:
            if name == "InlineArray" or row.size > 8:
                continue  # tables; see --entries for what they lead to
            print(f"{indent}{row.name:24} {memory.number(base + row.offset, row.size)}")
        else:
            print(f"{indent}{row.name}")
            show(memory, LAYOUTS.known[row.type], base + row.offset, indent + "  ")


def shard_base(memory: Memory, region: int, shard: int) -> int:
    stride = memory.number(region + place("RegionPage", "header", "geometry", "shardStride")[0], 8)
    return region + shard * stride


def show_entries(memory: Memory, region: int, shard: int, limit: int) -> None:
    def geometry(name: str) -> int:
        return memory.number(region + place("RegionPage", "header", "geometry", name)[0],
                              place("Geometry", name)[1])

    base = shard_base(memory, region, shard)
    arena = base + geometry("arenaOffset")
    top = min(memory.number(base + place("ShardControl", "arena", "top")[0], 4), geometry("arenaSize") // UNIT)
    at, shown = geometry("firstRef"), 0
    while at < top and shown < limit:
        block = arena + at * UNIT
        version, access, expiry = (memory.number(block + place("EntryHeader", word)[0], 8)
                                   for word in ("version", "access", "expiry"))
        if access & 1:
            at += version & 0xFFFF_FFFF
            continue
        if access & CONTENTS == FENCE:
            break  # the end of the run
        key_size, is_long = access >> 8 & 0xFFFF, bool(access & 2)
        header = 32 + (access & EXTRA_BYTES)
        value_size = memory.number(block + 32, 8) if is_long else expiry & (1 << 17) - 1
        deadline = expiry >> 24
        key = memory.read(block + header, min(key_size, 60))
        print(f"  {at:10}  version {version >> 16}  last access {access >> 24} ms  "
              f"deadline {'never' if deadline == NEVER else f'{deadline} ms'}  "
              f"value {value_size} B  key {key!r}{'' if key_size <= 60 else '...'}")
        units = (header + key_size + value_size + UNIT - 1) // UNIT
        at += max(units, 5) + (access >> 5 & 7)
        shown += 1


def main() -> int:
    match sys.argv[1:]:
        case [of] if not of.startswith("-"):
            shard, limit = None, 0
        case [of, "--entries", number, *rest] if len(rest) < 2:
            shard, limit = int(number), int(rest[0]) if rest else 100
        case _:
            print(__doc__, file=sys.stderr)
            return 2
    try:
        memory: Memory = Process(of) if re.fullmatch(r"\d+", of) else File(of)
    except OSError as error:
        print(f"region: {error}", file=sys.stderr)
        return 1
    for region, title in memory.regions():
        count = memory.number(region + place("RegionPage", "header", "shardCount")[0], 4)
        print(title)
        if shard is not None:
            if shard < count:
                show_entries(memory, region, shard, limit)
            continue
        show(memory, LAYOUTS.known["RegionPage"], region)
        for each in range(count):
            print(f"  shard {each}")
            show(memory, LAYOUTS.known["ShardControl"], shard_base(memory, region, each), "    ")
    return 0


if __name__ == "__main__":
    sys.exit(main())
