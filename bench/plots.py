"""The pictures of the report."""

import csv
import statistics
from collections import defaultdict
from pathlib import Path

import matplotlib
from figures import Figures, merged, number, quartiles

matplotlib.use("Agg")
from matplotlib import pyplot  # noqa: E402

OURS, OTHERS, FLOORS = "#c0392b", "#5d7fa3", "#bbbbbb"
FLOOR_NAMES = {"hash-table", "two-loads", "memcpy", "empty", "dict"}


def colour(peer: str) -> str:
    return OURS if peer.startswith("cachecore") else FLOORS if peer in FLOOR_NAMES else OTHERS


def bars(axes, figures: list[tuple[str, list[float]]], title: str, unit: str) -> None:
    """One bar for each peer, shortest first, with the middle half of the rounds as a whisker."""
    figures = sorted(((peer, quartiles(values)) for peer, values in figures if values), key=lambda item: -item[1][1])
    for place, (peer, (low, middle, high)) in enumerate(figures):
        axes.barh(place, middle, color=colour(peer))
        axes.errorbar(middle, place, xerr=[[middle - low], [high - middle]], color="black", linewidth=1)
        axes.text(high * 1.15, place, f"{middle:,.0f}" if middle >= 100 else f"{middle:.1f}", va="center", fontsize=7)
    axes.set_yticks(range(len(figures)), [peer for peer, _ in figures], fontsize=8)
    axes.set(xscale="log", title=title, xlabel=unit)
    if figures:
        axes.set_xlim(left=1, right=max(high for _, (_, _, high) in figures) * 20)


def save(figure, path: Path) -> str:
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    pyplot.close(figure)
    return path.name


def speed(f: Figures, entries: int, out: Path) -> str:
    figure, grid = pyplot.subplots(2, 3, figsize=(13, 6.5))
    cases = [("hit", "uniform"), ("miss", "uniform"), ("overwrite", "uniform"), ("insert", "uniform"),
             ("mixed", "zipf"), ("batch", "uniform")]
    for axes, (workload, distribution) in zip(grid.flat, cases, strict=True):
        rows = f.rows(workload=workload, distribution=distribution, entries=entries, threads=1, value_size=64)
        bars(axes, [(row["peer"], [one["ns_per_op"] for one in row["rounds"]]) for row in rows],
             f"{workload} ({distribution})", "ns per operation")
    figure.suptitle(f"{number(entries)} entries, 64-byte values, one thread")
    return save(figure, out / f"speed-{entries}.png")


def memory(f: Figures, out: Path) -> str:
    figure, axes = pyplot.subplots(figsize=(7, 2.8))
    peers = dict.fromkeys(row["peer"] for row in f.results["memory"])
    bars(axes, [(peer, f.overhead(peer, f.large)) for peer in peers],
         f"resident bytes beyond key and value, {number(f.large)} entries", "bytes per entry")
    axes.axvline(36, color="black", linestyle=":")
    return save(figure, out / "memory.png")


def storm(f: Figures, out: Path) -> str:
    figure, axes = pyplot.subplots(figsize=(7, 3.5))
    quantiles = ["p50", "p99", "p999", "max"]
    for peer in dict.fromkeys(row["peer"] for row in f.results["storm"]):
        for phase, style in (("idle", "--"), ("storm", "-")):
            passes = merged([row[phase] for row in f.storms(peer) if row[phase]["samples"]])
            line = axes.plot(quantiles, [passes[name] for name in quantiles], style, marker=".",
                             label=f"{peer}, {phase}", color=None if phase == "idle" else line[0].get_color())
    axes.set(yscale="log", ylabel="ns per get", title=f"another thread's gets while {number(f.large)} entries expire")
    axes.legend(fontsize=7)
    axes.grid(alpha=0.3)
    return save(figure, out / "storm.png")


def python(f: Figures, out: Path) -> str:
    figure, grid = pyplot.subplots(1, 3, figsize=(13, 4))
    for axes, workload in zip(grid, ("get-hit", "set", "insert"), strict=True):
        rows = f.rows("python", workload=workload)
        bars(axes, [(row["peer"], [one["ns_per_op"] for one in row["rounds"]]) for row in rows], workload,
             "ns per call")
    return save(figure, out / "python.png")


def scaling(path: Path, out: Path) -> str:
    figure, axes = pyplot.subplots(figsize=(7, 4))
    speedups: dict[str, dict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
    with path.open(newline="") as file:
        for row in csv.DictReader(file):
            if row["speedup"]:
                name = f"{row['peer']}, {row['case']}, {number(int(row['entries']))} entries"
                speedups[name][int(row["threads"])].append(float(row["speedup"]))
    for name, values in speedups.items():
        axes.plot(list(values), [statistics.median(each) for each in values.values()], marker="o", label=name)
    most = max(max(values) for values in speedups.values())
    axes.plot([1, most], [1, most], ":", color="black", label="ideal")
    axes.set(xlabel="threads", ylabel="times one thread", xscale="log", yscale="log")
    axes.legend(fontsize=8)
    return save(figure, out / "scaling.png")
