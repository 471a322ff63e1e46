#!/usr/bin/env python3
"""Has the hot path become worse?  Counts instructions, not seconds, so that any machine may ask.

    bench/guard.py [--update]

1. callgrind counts the instructions inside cachecore_get and cachecore_set for each kind of call and policy, with
   the real clock and with the manual one (guard.c); more than the figure in guard.json plus its tolerance
   is a failure.  --update accepts the present figures.
2. No function that a get, with info or without, can reach, by the library's own code, is an allocator,
   counts references or takes a lock of the system's; and none that a hit did run is the engine's own lock
   or a system call.
"""

import argparse
import itertools
import json
import re
import subprocess
import sys
import tempfile
from bisect import bisect_right
from collections import defaultdict
from pathlib import Path

from coprocess import BUILT, LIBRARY, ROOT

FIGURES = ROOT / "bench/guard.json"
CALLS = 20_000
POLICIES = ("lru", "adaptive")
CLOCKS = ("real", "manual")
KINDS = {"get-hit": "cachecore_get", "get-miss": "cachecore_get", "set-overwrite": "cachecore_set",
         "set-evict": "cachecore_set"}

# What a get must not be able to reach, and what a hit must not run.
FORBIDDEN = re.compile(
    r"^(malloc|calloc|realloc|free|posix_memalign|aligned_alloc|mmap|munmap|madvise"
    r"|swift_(retain|release|alloc|dealloc|bridge|unknown|nonatomic)\w*|pthread_\w+)(@|$)"
)
LOCKING = re.compile(r"Lock|^syscall|^pthread_|futex")


def count(kind: str, function: str, clock: str, policy: str) -> tuple[float, set[str]]:
    """Instructions for each call, and the functions that ran in them."""
    with tempfile.TemporaryDirectory() as directory:
        out = Path(directory) / "callgrind.out"
        subprocess.run(
            ["valgrind", "--tool=callgrind", "--collect-atstart=no", f"--toggle-collect={function}",
             f"--callgrind-out-file={out}", BUILT / "guard", kind, clock, str(CALLS), policy],
            check=True, capture_output=True,
        )
        text = out.read_text()
    total = int(re.search(r"^(?:summary|totals): (\d+)", text, re.MULTILINE)[1])
    return total / CALLS, functions_with_cost(text)


def functions_with_cost(text: str) -> set[str]:
    """The functions that have lines of costs of their own in callgrind's file."""
    names: dict[str, str] = {}
    ran: set[str] = set()
    current, is_call = "", False
    for line in text.splitlines():
        if match := re.match(r"c?fn=\((\d+)\)(?: (.*))?", line):
            number, name = match.groups()
            if name:
                names[number] = name
            if line.startswith("fn="):
                current = names.get(number, number)
        elif line.startswith("calls="):
            is_call = True
        elif re.match(r"[+\-*\d]", line):
            if is_call:
                is_call = False  # the cost of what was called
            elif current:
                ran.add(current)
    return ran


def call_graph() -> dict[str, set[str]]:
    """Who calls or jumps to whom, as the disassembly has it.

    Where functions begin is read from the tables for unwinding: some have lost their symbols.
    """
    text = output("objdump", "-d", "--no-show-raw-insn", LIBRARY)
    symbols = {int(m[1], 16): m[2] for m in re.finditer(r"^([0-9a-f]+) <(.+)>:$", text, re.MULTILINE)}
    frames = output("readelf", "--debug-dump=frames", LIBRARY)
    starts = sorted(symbols.keys() | {int(m[1], 16) for m in re.finditer(r"FDE .* pc=([0-9a-f]+)", frames)})

    def function(address: int) -> str:
        start = starts[bisect_right(starts, address) - 1]
        return symbols.get(start, hex(start))

    graph: dict[str, set[str]] = defaultdict(set)
    for match in re.finditer(r"^\s*([0-9a-f]+):\t(call|j\w+)\s+(\*|[0-9a-f]+)", text, re.MULTILINE):
        place, kind, target = match.groups()
        if target != "*":
            graph[function(int(place, 16))].add(function(int(target, 16)))
        elif kind == "call":
            graph[function(int(place, 16))].add("a call through a pointer")
    return graph


def output(*command: object) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


#: Where a shard's lock is waited for, and where its holder puts right what others left.  Behind both is
#: recovery, which a get comes to in a cache that processes share, when the holder of the lock was killed or
#: stopped; it needs memory for a while.
WAITING = re.compile(r".*5ShardV(11acquireSlow|6settle[A-Z])")


def reachable(graph: dict[str, set[str]], start: str) -> set[str]:
    seen, waiting = set(), [start]
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            if not name.endswith("@plt") and not WAITING.match(name):  # what lies behind it is the system's
                waiting += graph.get(name, ())
    return seen


def check_path(ran: set[str]) -> list[str]:
    graph, found = call_graph(), []
    for start in ("cachecore_get", "cachecore_get_with_info"):
        reached = reachable(graph, start)
        if reached == {start}:
            return [f"the disassembly shows no calls at all from {start}: is this the library?"]
        found += [f"{start} can reach {name}" for name in sorted(reached)
                  if FORBIDDEN.match(name.replace("@plt", "")) or name == "a call through a pointer"]
    return found + [f"a hit ran {name}" for name in sorted(ran)
                    if FORBIDDEN.match(name) or LOCKING.search(name)]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--update", action="store_true", help="accept the present figures")
    options = parser.parse_args()
    known = json.loads(FIGURES.read_text()) if FIGURES.exists() else {"tolerance": 0.03, "instructions": {}}
    tolerance, found, problems = known["tolerance"], {}, []
    for policy, clock, call in itertools.product(POLICIES, CLOCKS, KINDS):
        name = (call if policy == "lru" else f"{policy} {call}") + ("" if clock == "real" else f", {clock} clock")
        found[name], ran = count(call, KINDS[call], clock, policy)
        if call == "get-hit":
            problems += check_path(ran)
        expected = known["instructions"].get(name)
        change = f"{found[name] / expected - 1:+.1%} against {expected:.1f}" if expected else "new"
        print(f"guard: {name:36} {found[name]:8.1f} instructions  {change}")
        if not options.update and (expected is None or found[name] > expected * (1 + tolerance)):
            problems.append(f"{name} takes {found[name]:.1f} instructions; {expected} and {tolerance:.0%} are allowed")
    if options.update:
        figures = {name: round(value, 1) for name, value in found.items()}
        FIGURES.write_text(json.dumps({"tolerance": tolerance, "instructions": figures}, indent=2) + "\n")
    for problem in problems:
        print(f"guard: {problem}", file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
