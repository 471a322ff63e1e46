#!/usr/bin/env python3
"""Replays traces through the real library and compares with reference hit ratios.

    bench/hitratio.py TRACES [--out DIR] [--only NAME,...]

TRACES holds NAME.u64le.zst files (64-bit little-endian key ids) and may hold hitratios.csv, with the
columns trace,cache_fraction,capacity,policy,requests,miss_ratio; without it the sizes are 0.1, 1, 5 and
10 % of the distinct keys.  Each request is a get, and a set if it missed.  Writes hitratios.json and a
plot for each trace.  The exit status is 1 if our LRU is not the reference's, to its last digit.
"""

import argparse
import csv
import json
import statistics
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy
import zstandard
from coprocess import BUILT
from rich.progress import Progress

SHOWN = ["LRU", "ARC", "SIEVE", "S3-FIFO", "W-TinyLFU", "LIRS", "Belady"]
FRACTIONS = [0.001, 0.01, 0.05, 0.1]
SMALLEST = 100  # objects: smaller caches are shown, but do not count in the means

# Against whom the worst gap is looked for.  Belady knows the future and is no rival.
RIVALS: dict[str, Callable[[str], bool]] = {
    "worst under LRU": lambda name: name == "LRU",
    "worst under the best of those shown": lambda name: name in SHOWN and name != "Belady",
    "worst under the best of all": lambda name: not name.startswith(("Belady", "cachecore")),
}

Cell = dict[str, float]  # hit ratio by policy


def references(directory: Path) -> dict[str, dict[int, dict[str, float]]]:
    """Miss ratio by trace, capacity and policy."""
    found: dict[str, dict[int, dict[str, float]]] = defaultdict(lambda: defaultdict(dict))
    path = directory / "hitratios.csv"
    if path.exists():
        with path.open(newline="") as file:
            for row in csv.DictReader(file):
                found[row["trace"]][int(row["capacity"])][row["policy"]] = float(row["miss_ratio"])
    return found


def decompress(path: Path, out: Path) -> None:
    with path.open("rb") as source, out.open("wb") as target:
        zstandard.ZstdDecompressor(max_window_size=2**31).copy_stream(source, target)


def sizes(trace: Path) -> list[int]:
    distinct = len(numpy.unique(numpy.fromfile(trace, dtype="<u8")))
    return sorted({max(10, round(fraction * distinct)) for fraction in FRACTIONS})


def replay(path: Path, capacities: list[int]) -> list[dict]:
    with tempfile.TemporaryDirectory() as directory:
        trace = Path(directory) / "trace"
        decompress(path, trace)
        words = [str(capacity) for capacity in capacities or sizes(trace)]
        text = subprocess.run([BUILT / "replay", trace, *words], check=True, capture_output=True, text=True).stdout
    rows = []
    for line in text.splitlines():
        policy, capacity, requests, misses = line.split(",")
        rows.append({"policy": policy, "capacity": int(capacity), "requests": int(requests), "misses": int(misses)})
    return rows


def compare(ours: dict[str, list[dict]], reference: dict) -> dict:
    """Everything that can be said about all cells together; hit ratios in percent."""
    cells: dict[tuple[str, int], Cell] = {}
    for trace, rows in ours.items():
        for row in rows:
            cell = cells.setdefault((trace, row["capacity"]), {
                policy: 100 * (1 - miss) for policy, miss in reference.get(trace, {}).get(row["capacity"], {}).items()
            })
            cell["cachecore " + row["policy"]] = 100 * (1 - row["misses"] / row["requests"])
    counted = {key: cell for key, cell in cells.items() if key[1] >= SMALLEST and "LRU" in cell}
    summary: dict = {"cells": len(counted)}
    if not counted:
        return summary
    policies = set.intersection(*(set(cell) for cell in counted.values()))
    means = {policy: statistics.mean(cell[policy] for cell in counted.values()) for policy in policies}
    summary["means"] = dict(sorted(means.items(), key=lambda item: -item[1]))
    for policy in ("cachecore lru", "cachecore adaptive"):
        summary[policy] = {}
        for name, is_rival in RIVALS.items():
            gaps = {key: max(value for rival, value in cell.items() if is_rival(rival)) - cell[policy]
                    for key, cell in counted.items()}
            worst = max(gaps, key=gaps.__getitem__)
            summary[policy][name] = {"points": round(gaps[worst], 2), "trace": worst[0], "capacity": worst[1]}
    return summary


def differences(ours: dict[str, list[dict]], reference: dict) -> list[str]:
    """Where our LRU is not the reference's: the table has six decimals."""
    found = []
    for trace, rows in ours.items():
        for row in rows:
            expected = reference.get(trace, {}).get(row["capacity"], {}).get("LRU")
            if row["policy"] == "lru" and expected is not None:
                ratio = row["misses"] / row["requests"]
                if abs(ratio - expected) > 0.5000001e-6:
                    found.append(f"{trace} at {row['capacity']}: misses {ratio:.6f}, the reference has {expected:.6f}")
    return found


def draw(trace: str, rows: list[dict], reference: dict, out: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(7, 4.5))
    for policy in SHOWN:
        points = [(capacity, 100 * (1 - cell[policy])) for capacity, cell in sorted(reference.items())
                  if policy in cell]
        if points:
            style = ":" if policy == "Belady" else "-"
            axes.plot(*zip(*points, strict=True), style, marker=".", linewidth=1, label=policy)
    for policy, marker in (("lru", "x"), ("adaptive", "o")):
        points = [(row["capacity"], 100 * (1 - row["misses"] / row["requests"]))
                  for row in rows if row["policy"] == policy]
        axes.plot(*zip(*sorted(points), strict=True), "k-" if policy == "adaptive" else "k--", marker=marker,
                  linewidth=2 if policy == "adaptive" else 1, label=f"cachecore {policy}")
    axes.set(xscale="log", xlabel="capacity (entries)", ylabel="hit ratio (%)", title=trace)
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8)
    figure.tight_layout()
    figure.savefig(out, dpi=110)
    pyplot.close(figure)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("traces", type=Path)
    parser.add_argument("--out", type=Path, default=BUILT / "hitratio")
    parser.add_argument("--only", help="names of traces, with commas between them")
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    reference = references(options.traces)
    paths = {path.name.removesuffix(".u64le.zst"): path for path in sorted(options.traces.glob("*.u64le.zst"))}
    if options.only:
        paths = {name: paths[name] for name in options.only.split(",")}
    if not paths:
        print(f"hitratio: there is no *.u64le.zst in {options.traces}", file=sys.stderr)
        return 2
    options.out.mkdir(parents=True, exist_ok=True)
    ours: dict[str, list[dict]] = {}
    with Progress() as progress, ThreadPoolExecutor(options.jobs) as pool:
        task = progress.add_task("replaying", total=len(paths))
        waiting = {name: pool.submit(replay, path, sorted(reference.get(name, {}))) for name, path in paths.items()}
        for name, future in waiting.items():
            ours[name] = future.result()
            draw(name, ours[name], reference.get(name, {}), options.out / f"hitratio-{name}.png")
            progress.update(task, description=f"replayed {name}", advance=1)
    summary = compare(ours, reference)
    wrong = differences(ours, reference)
    result = {"summary": summary, "lru_differs": wrong, "traces": ours}
    (options.out / "hitratio.json").write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(summary, indent=1))
    for line in wrong:
        print(f"hitratio: LRU differs: {line}", file=sys.stderr)
    print(f"wrote {options.out}/hitratio.json and a plot for each trace")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
