#!/usr/bin/env python3
"""Writes docs/benchmarks.md and its pictures from a run's JSON.

    bench/report.py RESULTS.json [--docs DIR] [--hitratio FILE] [--scaling FILE]

Nothing in the page is written by hand: run it again after every measurement.
"""

import argparse
import json
import os
import statistics
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import plan
import plots
from coprocess import ROOT
from figures import Figures, merged, number, short, spread, table
from goals import Goal, all_goals

RESULTS = ROOT / "bench/results"
METHOD = (ROOT / "bench/METHOD.md").read_text()


def goals(found: list[Goal]) -> str:
    words = {True: "met", False: "**not met**", None: "not measured"}
    return table(["what", "goal", "measured", ""], ([g.what, g.goal, g.measured, words[g.is_met]] for g in found))


def conditions(results: dict[str, Any]) -> str:
    meta, machine = results["meta"], results["meta"]["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in meta["versions"].items())
    warning = "" if meta["mode"] == "full" else "\n\n**A smoke run: short rounds, no figures to cite.**"
    where = (f"{machine['cores']} cores of {machine['cpu']} (L2 {machine['l2']}, L3 {machine['l3']}; hypervisor "
             f"{machine['hypervisor']}), {machine['memory_gib']} GiB, {machine['system']}, Linux {machine['kernel']}, "
             f"huge pages {machine['huge_pages']}, load before the run {machine['load_before']:.2f}")
    return (f"The figures are of cachecore's commit {meta['versions']['cachecore']}. What later commits changed, in "
            f"speed or in size, is not in them.\n\n{machine['date']}: {where}."
            f"\n\nVersions: {versions}.\n\nCommand: `{meta['command']}` ({meta['scale']['rounds']} rounds of "
            f"{meta['scale']['round_ms']} ms, {meta['scale']['latency_rounds']} latency passes of "
            f"{meta['scale']['latency_ms']} ms).{warning}")


def name(case: plan.Case) -> str:
    return f"{case.workload} {case.distribution}" if case.workload in ("hit", "mixed") else case.workload


def speed_table(f: Figures, entries: int, threads: int) -> str:
    cases = [plan.Case(workload, distribution, threads) for workload, distribution in plan.READS]
    cases += [plan.Case("insert", "uniform", threads), plan.Case("mixed", "zipf", threads)]
    rows = []
    for peer in plan.CACHES + plan.FLOORS:
        line = [peer]
        for case in cases:
            row = f.row(peer, case.workload, entries, case.distribution, threads)
            text = spread(one["ns_per_op"] for one in row["rounds"]) if row else "-"
            if row and case.workload == "mixed":
                text += f", hits {100 * row['rounds'][-1]['hit_ratio']:.1f} %"
            line.append(text)
        if any(cell != "-" for cell in line[1:]):
            rows.append(line)
    return table([f"ns an operation, {threads} thread{'s' * (threads > 1)}", *map(name, cases)], rows)


def throughput_table(f: Figures, entries: int) -> str:
    counts = sorted({row["threads"] for row in f.results["native"]})
    cases = [("hit", "uniform"), ("hot", "uniform"), ("overwrite", "uniform"), ("mixed", "zipf")]
    rows = []
    for peer in plan.CACHES:
        line = [peer]
        for workload, distribution in cases:
            speeds = [f.ns(peer, workload, entries, distribution, count) for count in counts]
            line.append(" / ".join(short(count * 1e3 / ns) if ns else "-"
                                   for count, ns in zip(counts, speeds, strict=True)))
        rows.append(line)
    threads = " / ".join(map(str, counts))
    return table([f"million operations a second by {threads} threads", *(case[0] for case in cases)], rows)


def latency_table(f: Figures, entries: int, threads: int) -> str:
    rows = []
    for workload, distribution in (("hit", "uniform"), ("overwrite", "uniform"), ("insert", "uniform"),
                                   ("mixed", "zipf")):
        for peer in [*plan.CACHES, "empty"]:
            found = f.latency(peer, workload, entries, distribution, threads)
            if found:
                rows.append([f"{workload}: {peer}", *(short(found[q]) for q in ("p50", "p95", "p99", "p999", "max")),
                             number(found["samples"])])
    return table([f"ns, {threads} threads", "p50", "p95", "p99", "p99.9", "max", "samples"], rows)


def values_table(f: Figures) -> str:
    sizes = sorted({(row["value_size"], row["entries"]) for row in f.results["native"]
                    if row["value_size"] != 64 or row["entries"] == 10_000})
    rows = []
    for peer in [peer for peer in plan.CACHES + plan.FLOORS if peer != "cachecore-adaptive"]:
        for workload in ("hit", "overwrite"):
            found = [f.ns(peer, workload, entries, value_size=size) for size, entries in sizes]
            if any(found):
                rows.append([f"{peer}, {workload}", *map(short, found)])
    return table(["ns", *(f"{number(size)} B ({number(entries)} entries)" for size, entries in sizes)], rows)


def memory_table(f: Figures) -> str:
    return table(["bytes an entry beyond key and value", f"{number(f.large)} entries"],
                 ([peer, spread(f.overhead(peer, f.large))] for peer in plan.CACHES))


def storm_table(f: Figures) -> str:
    rows = []
    for peer in dict.fromkeys(row["peer"] for row in f.results["storm"]):
        storms = f.storms(peer)
        idle, during = (merged([storm[phase] for storm in storms]) for phase in ("idle", "storm"))
        cells = [spread(storm[key] for storm in storms if key in storm) for key in ("lag_ms", "gone_ms")]
        latencies = [f"{short(idle[q])} → {short(during[q])}" for q in ("p50", "p99", "p999", "max")]
        last = storms[-1]
        memory = " → ".join(f"{last[key] / 2**20:.0f}" for key in ("rss_empty", "rss_full", "rss_after"))
        rows.append([peer, *cells, *latencies, memory])
    return table(["peer", "first gone after ms", "all gone after ms", "get p50, ns", "p99", "p99.9", "max",
                  "resident MiB: before, full, 1 s after"], rows)


def sweep_table(f: Figures) -> str:
    rows = ([row["peer"], number(row["entries"]), *(short(row["latency"][q] / 1e3) for q in ("p50", "max"))]
            for row in f.results["sweep"])
    return table(["peer", "live entries", "µs, median", "longest"], rows)


def python_table(f: Figures) -> str:
    peers = list(dict.fromkeys(row["peer"] for row in f.results["python"]))
    rows = []
    for peer in peers:
        line = [peer]
        for workload in plan.PYTHON_WORKLOADS:
            found = f.rows("python", peer=peer, workload=workload)
            line.append(spread(one["ns_per_op"] for one in found[0]["rounds"]) if found else "-")
        rows.append(line)
    return table(["ns a call; get-many: a key", *plan.PYTHON_WORKLOADS], rows)


def losses(f: Figures) -> Iterator[str]:
    """Wherever a peer that is a cache was faster, smaller or sooner than we were."""
    for row in f.results["native"]:
        if row["peer"] not in plan.CACHES or row["peer"].startswith("cachecore"):
            continue
        case = (row["workload"], row["entries"], row["distribution"], row["threads"], row["value_size"])
        ours, theirs = f.ns("cachecore", *case), f.ns(row["peer"], *case)
        if ours and theirs and theirs < ours:
            where = f"{number(row['entries'])} entries of {row['value_size']} B, {row['threads']} threads"
            yield (f"{row['workload']} ({row['distribution']}), {where}: {row['peer']} {short(theirs)} ns, cachecore "
                   f"{short(ours)} ns")
    for peer in plan.CACHES[2:]:
        ours_, theirs_ = (statistics.median(f.overhead(name, f.large) or [0]) for name in ("cachecore", peer))
        if 0 < theirs_ < ours_:
            yield f"Memory: {peer} {short(theirs_)} B beyond key and value, cachecore {short(ours_)} B"
        for key, words in (("lag_ms", "first of the storm gone"), ("gone_ms", "all of the storm gone")):
            ours_, theirs_ = (statistics.median([storm[key] for storm in f.storms(name) if key in storm] or [0])
                              for name in ("cachecore", peer))
            if 0 < theirs_ < ours_:
                yield f"{words}: {peer} after {short(theirs_)} ms, cachecore after {short(ours_)} ms"
    for row in f.results["python"]:
        ours = f.python_ns("cachecore", row["workload"])
        theirs = f.python_ns(row["peer"], row["workload"])
        if ours and theirs and theirs < ours and row["peer"] != "dict" and not row["peer"].startswith("cachecore"):
            yield f"Python, {row['workload']}: {row['peer']} {short(theirs)} ns, cachecore {short(ours)} ns"


def hitratio_section(hitratio: dict[str, Any] | None, docs: Path) -> str:
    if hitratio is None:
        return "Not measured: `make hitratio TRACES=DIR`."
    summary = hitratio["summary"]
    lines = [table(["policy", f"mean hit ratio of {summary['cells']} cells, %"],
                   ([policy, f"{value:.2f}"] for policy, value in summary["means"].items()))]
    for policy in ("cachecore lru", "cachecore adaptive"):
        gaps = (f"{label}: {gap['points']:.2f} points ({gap['trace']} at {gap['capacity']})"
                for label, gap in summary[policy].items())
        lines.append(f"{policy}: " + "; ".join(gaps) + ".")
    pictures = sorted((docs / "benchmarks").glob("hitratio-*.png"))
    lines += [f"![{path.stem}](benchmarks/{path.name})" for path in pictures]
    return "\n\n".join(lines)


def page(f: Figures, hitratio: dict[str, Any] | None, scaling: Path | None, docs: Path, source: Path) -> str:
    pictures = docs / "benchmarks"
    pictures.mkdir(parents=True, exist_ok=True)
    parts = ["# Benchmarks", METHOD, "## This run", conditions(f.results), "## Goals",
             goals(all_goals(f, hitratio, scaling)), "## Where cachecore loses",
             "\n".join(f"- {line}" for line in losses(f)) or "In no case of this run."]

    def picture(file: str) -> str:
        return f"![{file}](benchmarks/{file})"

    for entries in dict.fromkeys((10_000, f.large)):
        parts += [f"## Speed at {number(entries)} entries", picture(plots.speed(f, entries, pictures)),
                  speed_table(f, entries, 1), speed_table(f, entries, 2), throughput_table(f, entries),
                  latency_table(f, entries, 2)]
    if f.results["native"]:
        chase = "; ".join(f"{number(row['entries'])} entries ({row['bytes'] / 2**20:.0f} MiB): "
                          f"{row['ns_small_pages']:.1f} ns, in huge pages {row['ns_huge_pages']:.1f} ns"
                          for row in f.results["chase"])
        parts += [f"One dependent load from as much memory as a cache of that size may take: {chase}.",
                  "## Values of other sizes", values_table(f), "## Memory", picture(plots.memory(f, pictures)),
                  memory_table(f), "## A sweep with nothing due", sweep_table(f)]
    if f.results["storm"]:
        parts += [f"## {number(f.large)} entries expiring at once", picture(plots.storm(f, pictures)), storm_table(f)]
    if f.results["python"]:
        parts += ["## Python", picture(plots.python(f, pictures)), python_table(f)]
    parts += ["## Hit ratio", hitratio_section(hitratio, docs), "## Scaling"]
    parts.append(picture(plots.scaling(scaling, pictures)) if scaling else
                 "No machine with 16 cores was at hand for this run; `bench/driver/scaling.c` measures it.")
    parts.append(f"All figures: [{source.name}]({os.path.relpath(source.resolve(), docs.resolve())}).")
    return "\n\n".join(part.strip() for part in parts) + "\n"


def existing(path: Path) -> Path | None:
    return path if path.exists() else None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", type=Path)
    parser.add_argument("--docs", type=Path, default=ROOT / "docs")
    parser.add_argument("--hitratio", type=Path, default=existing(RESULTS / "hitratio.json"))
    parser.add_argument("--scaling", type=Path, default=existing(RESULTS / "scaling.csv"))
    options = parser.parse_args()
    options.docs.mkdir(parents=True, exist_ok=True)
    hitratio = json.loads(options.hitratio.read_text()) if options.hitratio else None
    f = Figures(json.loads(options.results.read_text()))
    out = options.docs / "benchmarks.md"
    out.write_text(page(f, hitratio, options.scaling, options.docs, options.results))
    print(f"wrote {out}")


if __name__ == "__main__":
    main()
