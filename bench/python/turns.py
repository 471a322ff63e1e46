"""Measures Python peers in short turns by CPU time, for a machine that others use too.

    turns.py [--wall] [--rounds N] [--calls N] [--base PEER] PEER[@SOURCES] ...

A peer is one of peers.py; with @SOURCES, the package is taken from there instead of bindings/python/src,
so that two builds of it are measured in one run.  Each has a process of its own; a round is so many
calls of each, and begins with another peer each time.  Prints medians of nanoseconds a call and, for
each round, the ratio to the base's, median and quartiles.  CPU time leaves out the moments in which
somebody else had the core, but not what that left in its caches: trust the ratios.  --wall measures
elapsed time instead, for peers that have another process or the system do the work.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
WORKLOADS = ("get-hit", "set", "insert")


def work(peer: str) -> None:
    """Answers each line "WORKLOAD CALLS" with the CPU nanoseconds that a call took."""
    from peers import PEERS, SHARED_PEERS
    from worker import Worker

    worker = Worker((PEERS | SHARED_PEERS)[peer]())
    clock_ns = time.perf_counter_ns if os.environ.get("TURNS_CLOCK") == "wall" else time.thread_time_ns
    print("ready", flush=True)
    for line in sys.stdin:
        workload, calls = line.split()
        if not worker.supports(workload):
            print("null", flush=True)
            continue
        keys = worker.lists.get(workload)
        first = random.randrange(len(keys) - int(calls)) if keys else 0
        took = worker.pass_once(workload, int(calls), first, clock_ns)
        print(json.dumps(took * 1e9 / int(calls)), flush=True)


def start(peer: str) -> subprocess.Popen[str]:
    name, _, sources = peer.partition("@")
    path = sources or str(ROOT / "bindings/python/src")
    library = os.environ.get("CACHECORE_LIBRARY", str(ROOT / "build/lib/libcachecore.so"))
    process = subprocess.Popen(
        [sys.executable, __file__, "--work", name],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": path, "CACHECORE_LIBRARY": library},
    )
    assert process.stdout is not None
    process.stdout.readline()
    return process


def ask(process: subprocess.Popen[str], workload: str, calls: int) -> float | None:
    assert process.stdin is not None and process.stdout is not None
    process.stdin.write(f"{workload} {calls}\n")
    process.stdin.flush()
    answer: float | None = json.loads(process.stdout.readline())
    return answer


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--calls", type=int, default=10_000)
    parser.add_argument("--base", default="cachebox LRU")
    parser.add_argument("--wall", action="store_true")
    parser.add_argument("peers", nargs="+")
    options = parser.parse_args()
    if options.wall:
        os.environ["TURNS_CLOCK"] = "wall"
    processes = {peer: start(peer) for peer in [options.base, *options.peers]}
    names = list(processes)
    for workload in WORKLOADS:
        rounds: list[dict[str, float]] = []
        for number in range(options.rounds + 1):
            first = number % len(names)
            asked = {peer: ask(processes[peer], workload, options.calls) for peer in names[first:] + names[:first]}
            rounds.append({peer: ns for peer, ns in asked.items() if ns is not None})
        print(workload)
        for peer in names:
            if peer not in rounds[0]:  # it does not have this workload
                continue
            values = [took[peer] for took in rounds[1:]]  # the first is for warming up
            low, _, high = statistics.quantiles([took[peer] / took[options.base] for took in rounds[1:]], n=4)
            ratio = statistics.median(took[peer] / took[options.base] for took in rounds[1:])
            print(f"  {peer:48} {statistics.median(values):7.1f} ns  x {ratio:.2f} ({low:.2f} to {high:.2f})")
    for process in processes.values():
        process.communicate()


if __name__ == "__main__":
    work(sys.argv[2]) if sys.argv[1:2] == ["--work"] else main()
