"""Looks things up in a run's JSON, and says them in a few characters."""

import statistics
from collections.abc import Iterable
from typing import Any

Row = dict[str, Any]


class Figures:
    def __init__(self, results: dict[str, Any]) -> None:
        self.results = results
        self.large: int = results["meta"]["scale"]["large"]

    def rows(self, section: str = "native", **wanted: Any) -> list[Row]:
        return [row for row in self.results[section]
                if all(row.get(name) == value for name, value in wanted.items())]

    def row(self, peer: str, workload: str, entries: int = 10_000, distribution: str = "uniform", threads: int = 1,
            value_size: int = 64) -> Row | None:
        found = self.rows(peer=peer, workload=workload, entries=entries, distribution=distribution,
                          threads=threads, value_size=value_size)
        return found[0] if found and found[0]["rounds"] else None

    def ns(self, *case: Any, **wanted: Any) -> float | None:
        """Median nanoseconds of an operation, for the thread that does it."""
        row = self.row(*case, **wanted)
        return None if row is None else median(row, "ns_per_op")

    def python_ns(self, peer: str, workload: str) -> float | None:
        found = self.rows("python", peer=peer, workload=workload)
        return median(found[0], "ns_per_op") if found else None

    def latency(self, *case: Any, **wanted: Any) -> Row | None:
        """The median over the passes of each quantile, and the longest of all."""
        row = self.row(*case, **wanted)
        return None if row is None or not row["latency"] else merged(row["latency"])

    def storms(self, peer: str) -> list[Row]:
        return self.rows("storm", peer=peer)

    def overhead(self, peer: str, entries: int) -> list[float]:
        """Resident bytes of each entry beyond key and value, one figure for each fresh process."""
        return [row["rss_overhead"] for row in self.rows("memory", peer=peer, entries=entries, value_size=64)]

    def chase(self, entries: int) -> Row | None:
        found = self.rows("chase", entries=entries)
        return found[0] if found else None

    def sweep_us(self, peer: str, entries: int) -> float | None:
        found = self.rows("sweep", peer=peer, entries=entries)
        return found[0]["latency"]["p50"] / 1e3 if found else None


def median(row: Row, name: str) -> float:
    return statistics.median(round_[name] for round_ in row["rounds"])


def merged(passes: list[Row]) -> Row:
    quantiles = {name: statistics.median(one[name] for one in passes) for name in ("p50", "p95", "p99", "p999")}
    return quantiles | {"max": max(one["max"] for one in passes), "samples": sum(one["samples"] for one in passes)}


def quartiles(values: Iterable[float]) -> tuple[float, float, float]:
    ordered = sorted(values)
    if len(ordered) == 1:
        return ordered[0], ordered[0], ordered[0]
    low, middle, high = statistics.quantiles(ordered, n=4, method="inclusive")
    return low, middle, high


def short(value: float | None) -> str:
    """Three figures that count, thousands apart."""
    if value is None:
        return "-"
    if abs(value) >= 1000:
        digits = len(str(int(abs(value)))) - 3
        return f"{round(value, -digits):,.0f}".replace(",", " ")
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.1f}"


def spread(values: Iterable[float]) -> str:
    """The median, and between which two values the middle half lies."""
    listed = list(values)
    if not listed:
        return "-"
    low, middle, high = quartiles(listed)
    return f"{short(middle)} ({short(low)}–{short(high)})"


def number(entries: int) -> str:
    return f"{entries:,}".replace(",", " ")


def table(head: list[str], rows: Iterable[list[str]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "|---|" + "---:|" * (len(head) - 1)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])
