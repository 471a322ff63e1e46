"""The goals, and whether this run met them."""

import csv
import statistics
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from figures import Figures, merged, number, short


@dataclass
class Goal:
    what: str
    goal: str
    measured: str
    is_met: bool | None  # None: not measured


def judge(what: str, goal: str, value: float | None, limit: float, text: str, at_least: bool = False) -> Goal:
    if value is None:
        return Goal(what, goal, "not measured", None)
    return Goal(what, goal, text.format(short(value)), value >= limit if at_least else value <= limit)


def ratio(a: float | None, b: float | None) -> float | None:
    return None if a is None or b is None or b == 0 else a / b


def speed_goals(f: Figures) -> Iterator[Goal]:
    large, big = f.large, number(f.large)
    hit = f.ns("cachecore", "hit")
    yield judge("get hit, 10 000 entries, 64 B", "at most 25 ns", hit, 25, "{} ns")
    yield judge("the same beside the seed's design", "5 times as fast", ratio(f.ns("seed-dashmap", "hit"), hit), 5,
                "{} times", True)
    chase, single = f.chase(large), f.ns("cachecore", "hit", large)
    loads = None if chase is None else 2 * min(chase["ns_small_pages"], chase["ns_huge_pages"])
    yield judge(f"get hit, {big} entries, uniform", "at most twice two dependent loads", ratio(single, loads), 2,
                f"{{}} times ({short(single)} ns; two loads {short(loads)} ns)")
    yield judge(f"get_many of 100, {big} entries", "3 times as fast as single gets",
                ratio(single, f.ns("cachecore", "batch", large)), 3, "{} times", True)
    yield judge("insert into a full cache of 10 000", "at most 80 ns", f.ns("cachecore", "insert"), 80, "{} ns")
    yield judge(f"insert into a full cache of {big}", "at most 300 ns", f.ns("cachecore", "insert", large), 300,
                "{} ns")
    for workload, name in (("hit", "two threads reading"), ("hot", "two threads reading one hot key")):
        for entries in (10_000, large):
            ours, bare = (speedup(f, peer, workload, entries) for peer in ("cachecore", "hash-table"))
            yield judge(f"{name}, {number(entries)} entries", "1.9 times one thread", ours, 1.9,
                        f"{{}} times (a bare table: {short(bare)})", True)


def speedup(f: Figures, peer: str, workload: str, entries: int) -> float | None:
    """How much more two threads do than one."""
    alone, both = f.ns(peer, workload, entries), f.ns(peer, workload, entries, threads=2)
    return ratio(alone, both and both / 2)


def scaling_goals(scaling: Path | None) -> Iterator[Goal]:
    speedups: dict[tuple[str, str], list[float]] = {}
    if scaling is not None:
        with scaling.open(newline="") as file:
            for row in csv.DictReader(file):
                if row["peer"] == "cachecore" and row["threads"] == "16" and row["case"] in ("read", "hot"):
                    speedups.setdefault((row["case"], row["entries"]), []).append(float(row["speedup"]))
    if not speedups:
        yield Goal("16 cores reading, also one hot key", "12 times one thread", "not measured", None)
    for (case, entries), values in speedups.items():
        yield judge(f"16 cores, {case}, {entries} entries", "12 times one thread", statistics.median(values), 12,
                    "{} times", True)


def memory_goals(f: Figures) -> Iterator[Goal]:
    measured = f.overhead("cachecore", f.large)
    bytes_ = statistics.median(measured) if measured else None
    what = f"memory beyond key and value, {number(f.large)} entries"
    yield judge(what, "at most 36 B", bytes_, 36, "{} B")
    yield judge(what, "then 24 B", bytes_, 24, "{} B")


def storm_goals(f: Figures) -> Iterator[Goal]:
    storms = [storm for storm in f.storms("cachecore") if "gone_ms" in storm]
    what = f"{number(f.large)} entries expiring at once"
    if not storms:
        yield Goal(what, "gone within 100 ms", "not measured", None)
        return

    def middle(name: str) -> float:
        return statistics.median(storm[name] for storm in storms)

    yield judge(what, "removed in under 100 ms", middle("removal_ms"), 100, "{} ms")
    yield judge(what, "begun within 10 ms", middle("lag_ms"), 10, "{} ms")
    idle, during = (merged([storm[phase] for storm in storms]) for phase in ("idle", "storm"))
    yield judge("p99.9 of another thread's gets meanwhile", "at most doubles", during["p999"] / idle["p999"], 2,
                f"{{}} times ({short(idle['p999'])} → {short(during['p999'])} ns)")
    kept = middle("rss_after") - middle("rss_empty")
    yield judge("memory returned to the system", "all but a tenth", kept / (middle("rss_full") - middle("rss_empty")),
                0.1, f"{short(kept / 2**20)} MiB kept of {short(middle('rss_full') / 2**20)}")


def library_goals(results: dict[str, Any]) -> Iterator[Goal]:
    library = results["library"]
    yield judge("the library, stripped", "under 512 KB", library["stripped_bytes"] / 1024, 512, "{} KB")
    yield judge("dlopen", "under 1 ms", library["load_us"]["median"], 1000, "{} µs")


def hitratio_goals(summary: dict[str, Any] | None, differs: list[str]) -> Iterator[Goal]:
    if summary is None or "means" not in summary:
        yield Goal("hit ratio", "see `make hitratio`", "not measured", None)
        return
    yield Goal("LRU, request for request", "misses equal the reference's",
               "in every cell" if not differs else f"{len(differs)} cells differ", not differs)
    means, adaptive = summary["means"], summary["cachecore adaptive"]
    best = max(value for name, value in means.items() if not name.startswith(("cachecore", "Belady")))
    ours = means["cachecore adaptive"]
    yield Goal("ADAPTIVE, mean hit ratio", "above every reference policy", f"{ours:.2f} % (the best other: {best:.2f})",
               ours > best)
    for name, limit in (("worst under LRU", 1), ("worst under the best of those shown", 4),
                        ("worst under the best of all", 4)):
        gap = adaptive[name]
        yield Goal(f"ADAPTIVE, {name}", f"at most {limit} points",
                   f"{gap['points']:.2f} ({gap['trace']} at {gap['capacity']})", gap["points"] <= limit)


def python_goals(f: Figures) -> Iterator[Goal]:
    get = f.python_ns("cachecore", "get-hit")
    boxes = [value for value in (f.python_ns(name, "get-hit") for name in ("cachebox LRU", "cachebox VTTL"))
             if value is not None]
    yield judge("Python, get", "at most 1.3 times cachebox", ratio(get, min(boxes) if boxes else None), 1.3,
                f"{{}} times ({short(get)} ns)")
    for what, peer, workload in (
        ("Cache.set", "cachecore", "set"),
        ("ObjectCache.set, another value", "cachecore ObjectCache", "set"),
        ("the same without lifetimes", "cachecore ObjectCache (no lifetimes)", "set"),
        ("ObjectCache.set into a full cache", "cachecore ObjectCache", "insert"),
    ):
        took = f.python_ns(peer, workload)
        yield judge(f"Python, {what}", "at most 1.3 times cachebox LRU",
                    ratio(took, f.python_ns("cachebox LRU", workload)), 1.3, f"{{}} times ({short(took)} ns)")
    yield judge("Python, get", "twice as fast as moka-py", ratio(f.python_ns("moka-py", "get-hit"), get), 2,
                "{} times", True)
    yield judge("Python, a key in a batch", "under 60 ns", f.python_ns("cachecore", "get-many"), 60, "{} ns")


def redis_goals(f: Figures) -> Iterator[Goal]:
    ours, theirs = f.latency("cachecore", "hit"), f.latency("redis", "hit")
    yield judge("p50 of a get beside Redis on a local socket", "100 times as fast",
                ratio(theirs and theirs["p50"], ours and ours["p50"]), 100, "{} times", True)
    yield judge("p95 of a get", "far under 0.5 ms", ours and ours["p95"] / 1e6, 0.05,
                f"{short(ours and ours['p95'])} ns")


def all_goals(f: Figures, hitratio: dict[str, Any] | None, scaling: Path | None) -> list[Goal]:
    return [
        *speed_goals(f), *scaling_goals(scaling), *memory_goals(f), *storm_goals(f),
        judge(f"a sweep with nothing due, {number(f.large)} live entries", "under 50 µs",
              f.sweep_us("cachecore", f.large), 50, "{} µs"),
        *library_goals(f.results),
        *hitratio_goals(hitratio and hitratio["summary"], hitratio["lru_differs"] if hitratio else []),
        *python_goals(f), *redis_goals(f),
    ]
