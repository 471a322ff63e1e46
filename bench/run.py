#!/usr/bin/env python3
"""Measures cachecore and its peers in one run, in turns, and writes what was seen as JSON.

    bench/run.py [--quick | --full] [--out FILE] [--only native,memory,storm,python] [--peers NAME,...]

Every peer has a process of its own, which is filled once and then waits for its turns: a round of one
peer is followed by a round of the next, and each round of all begins with another peer, so that a busy
moment of the machine meets them all alike.  See bench/README.md for the method.
"""

import argparse
import json
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import machine
import plan
from coprocess import BUILT, ROOT, Coprocess
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

DRIVER = BUILT / "cachecore-bench"
sys.path.insert(0, str(ROOT / "bench/python"))
from peers import PEERS as PYTHON_PEERS  # noqa: E402

OVERHEAD = 36  # bytes an entry may cost: what the floors of memory are given


def turns(peers: list[str], round_: int) -> list[str]:
    """The peers in an order that begins elsewhere in each round."""
    first = round_ % len(peers)
    return peers[first:] + peers[:first]


class Run:
    def __init__(self, scale: plan.Scale, progress: Progress, chosen: list[str] | None) -> None:
        self.scale, self.progress, self.chosen = scale, progress, chosen
        self.results: dict[str, list[dict[str, Any]]] = {
            "native": [], "memory": [], "sweep": [], "chase": [], "storm": [], "python": []
        }

    def peers(self, names: list[str]) -> list[str]:
        return [name for name in names if self.chosen is None or name in self.chosen]

    # -- Native peers ----------------------------------------------------------------------------

    def native(self) -> None:
        groups = list(plan.groups(self.scale))
        task = self.progress.add_task("native", total=len(groups))
        for group in groups:
            self.group(group)
            self.progress.advance(task)

    def open(self, stack: ExitStack, peer: str, **options: int) -> Coprocess:
        words = [f"{name}={value}" for name, value in options.items()]
        return stack.enter_context(Coprocess([str(DRIVER), peer, *words]))

    def group(self, group: plan.Group) -> None:
        scale, peers = self.scale, self.peers(group.peers)
        label = f"{group.name} {group.entries} x {group.value_size} B"
        rounds = scale.rounds + scale.latency_rounds
        task = self.progress.add_task(label, total=rounds * len(group.cases))
        with ExitStack() as stack:
            opened: dict[str, Coprocess] = {}
            for peer in peers:
                self.progress.update(task, description=f"{label}: filling {peer}")
                opened[peer] = self.open(
                    stack, peer, entries=group.entries, value=group.value_size, full=int(group.is_full),
                    mix=int(group.is_mix),
                )
            rows = {(case, peer): self.row(group, case, peer) for case in group.cases for peer in peers
                    if case.suits(peer)}
            for round_ in range(rounds):
                is_latency = round_ >= scale.rounds
                for case in group.cases:
                    self.progress.update(task, description=f"{label}: {case.workload} {case.threads}", advance=1)
                    for peer in turns(peers, round_):
                        if case.suits(peer):
                            self.measure(opened[peer], rows[case, peer], case, is_latency)
            self.results["native"] += rows.values()
            if group.name == "reads":
                self.floors_of(group, opened)
        self.progress.remove_task(task)

    @staticmethod
    def row(group: plan.Group, case: plan.Case, peer: str) -> dict[str, Any]:
        return {
            "peer": peer, "workload": case.workload, "distribution": case.distribution, "threads": case.threads,
            "entries": group.entries, "value_size": group.value_size, "rounds": [], "latency": [],
        }

    def measure(self, peer: Coprocess, row: dict[str, Any], case: plan.Case, is_latency: bool) -> None:
        if is_latency and case.workload == "batch":
            return
        words = ["latency" if is_latency else "speed", case.workload, case.distribution, case.threads,
                 self.scale.latency_ms if is_latency else self.scale.round_ms, self.scale.warm_up_ms]
        answer = peer.ask(" ".join(map(str, words)))
        if is_latency:
            row["latency"].append(answer.pop("latency") | {"timer_ns": answer["timer_ns"]})
        else:
            row["rounds"].append(answer)

    def floors_of(self, group: plan.Group, opened: dict[str, Coprocess]) -> None:
        """What belongs to a population and not to a workload."""
        for peer in self.peers(["cachecore", "seed-dashmap"]):
            self.results["sweep"].append({"peer": peer} | opened[peer].ask("sweep 51"))
        if "empty" in opened:
            size = group.entries * (16 + group.value_size + OVERHEAD)
            self.results["chase"].append({"entries": group.entries} | opened["empty"].ask(f"chase {size}"))

    def memory(self) -> None:
        """A fresh process each, for it is what an empty one grows by that counts."""
        peers = self.peers(plan.CACHES)
        task = self.progress.add_task("memory", total=self.scale.storms * len(peers))
        for round_ in range(self.scale.storms):
            for peer in turns(peers, round_):
                self.progress.update(task, description=f"memory: {peer}")
                with ExitStack() as stack:
                    self.results["memory"].append(self.open(stack, peer, entries=self.scale.large).greeting)
                self.progress.advance(task)

    # -- A million entries at once ---------------------------------------------------------------

    def storm(self) -> None:
        peers = self.peers(["cachecore", "seed-dashmap", "redis", "memcached"])
        task = self.progress.add_task("storm", total=self.scale.storms * len(peers))
        for round_ in range(self.scale.storms):
            for peer in turns(peers, round_):
                self.progress.update(task, description=f"storm: {peer}")
                if peer != "memcached" or round_ == 0:  # one is enough: it takes its time
                    with ExitStack() as stack:
                        count = self.scale.large
                        process = self.open(stack, peer, entries=10_000, capacity=10_000 + count * 11 // 10)
                        self.results["storm"].append({"peer": peer} | process.ask(f"storm {count}"))
                self.progress.advance(task)

    # -- Python ----------------------------------------------------------------------------------

    def python(self) -> None:
        peers = list(PYTHON_PEERS)
        task = self.progress.add_task("python", total=self.scale.rounds * len(plan.PYTHON_WORKLOADS))
        with ExitStack() as stack:
            worker = str(ROOT / "bench/python/worker.py")
            opened = {peer: stack.enter_context(Coprocess([sys.executable, worker, peer])) for peer in peers}
            rows = {(workload, peer): {"peer": peer, "workload": workload, "entries": 10_000, "value_size": 128,
                                       "rounds": []}
                    for workload in plan.PYTHON_WORKLOADS for peer in peers}
            for round_ in range(-1, self.scale.rounds):  # the first one warms up
                for workload in plan.PYTHON_WORKLOADS:
                    for peer in turns(peers, round_):
                        answer = opened[peer].ask(f"{workload} {self.scale.round_ms}")
                        if answer and round_ >= 0:
                            rows[workload, peer]["rounds"].append(answer)
                    self.progress.update(task, description=f"python: {workload}", advance=round_ >= 0)
        self.results["python"] = [row for row in rows.values() if row["rounds"]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a smoke run: short rounds, few of them")
    parser.add_argument("--full", action="store_true", help="the measured run (the default)")
    parser.add_argument("--out", type=Path, default=BUILT / "results.json")
    parser.add_argument("--only", default="native,memory,storm,python")
    parser.add_argument("--peers", help="native peers, with commas between them; all if not given")
    options = parser.parse_args()
    scale = plan.QUICK if options.quick and not options.full else plan.FULL

    meta = {"command": "bench/run.py " + " ".join(sys.argv[1:]), "mode": "quick" if scale is plan.QUICK else "full",
            "scale": vars(scale), "machine": machine.describe(), "versions": machine.versions()}
    columns = (TextColumn("{task.description:52}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
               TimeRemainingColumn())
    with Progress(*columns) as progress:
        run = Run(scale, progress, options.peers.split(",") if options.peers else None)
        for part in options.only.split(","):
            getattr(run, part)()
    results = {"meta": meta, "library": machine.library()} | run.results
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(results, indent=1) + "\n")
    print(f"wrote {options.out}")


if __name__ == "__main__":
    main()
