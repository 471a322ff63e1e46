"""Results as lines."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext

from ..stats import ScanRecord
from .readings import Facts, Rates


class Plain:
    def facts(self, place: str, facts: Facts) -> None:
        for group in facts:
            for name, value in group.items():
                print(f"{name:20} {value:,}" if isinstance(value, int) else f"{name:20} {value}")

    def rates(self, place: str, rates: Iterable[Rates]) -> None:
        print(
            "  reads/s   hit rate  writes/s  evictions/s    entries         bytes  processes",
            flush=True,
        )
        for now in rates:
            share = "       -" if now.hit_rate is None else f"{now.hit_rate:8.4f}"
            print(
                f"{now.reads:9.0f}   {share}  {now.writes:8.0f}  {now.evictions:11.0f}"
                f"  {now.entries:9}  {now.bytes_used:12}  {now.processes:9}",
                flush=True,
            )

    def entries(self, records: Iterable[ScanRecord[bytes]]) -> None:
        for record in records:
            print(f"{record.value_size:10} {lifetime(record.ttl):>12}  {printable(record.key)}")

    def say(self, line: str) -> None:
        print(line)

    def counted(
        self, doing: str, total: int, unit: str
    ) -> AbstractContextManager[Callable[[int], object]]:
        return nullcontext(lambda _: None)

    def watched(
        self, doing: str, done: Callable[[], int], total: int | None
    ) -> AbstractContextManager[object]:
        return nullcontext()


def lifetime(seconds: float) -> str:
    return "-" if math.isinf(seconds) else f"{seconds:.3f}"


def printable(key: bytes) -> str:
    """A key as text that does nothing to a terminal."""
    text = key.decode(errors="backslashreplace")
    return text if text.isprintable() else repr(text)[1:-1]
