"""What is told of a cache as a whole, as values."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from ..cache import Cache

#: Numbers under their names, in groups that belong together; a str is a number with a format of its own.
Facts: TypeAlias = "list[Mapping[str, int | str]]"

_SHARING = (
    "processes", "max_processes", "warm", "unlinked", "recoveries", "entries_lost",
    "borrows_reclaimed", "region_bytes",
)  # fmt: skip
_CONTENTS = ("entries", "entries_limit", "bytes_used", "bytes_limit")
_USE = (
    "hits", "misses", "inserts", "updates", "deletes", "evictions", "expirations", "refused",
    "expired", "shard_count",
)  # fmt: skip


def facts(cache: Cache[bytes, bytes]) -> Facts:
    """Who shares it, what is in it, how it does."""
    info, stats = cache.shared_info(), cache.stats()
    use: dict[str, int | str] = {name: getattr(stats, name) for name in _USE}
    return [
        {name: getattr(info, name) for name in _SHARING},
        {name: getattr(stats, name) for name in _CONTENTS},
        use | {"hit_rate": f"{stats.hit_rate:.4f}"},
    ]


@dataclass(frozen=True, slots=True)
class Rates:
    """What happened in an interval, for each second of it, and what there was at its end."""

    reads: float
    hit_rate: float | None  #: None: there were no reads
    writes: float
    evictions: float
    entries: int
    bytes_used: int
    processes: int


def rates(cache: Cache[bytes, bytes], seconds: float, count: int) -> Iterator[Rates]:
    """One after each interval of so many seconds; a negative count: without an end."""
    before, left = cache.stats(), count
    while left != 0:
        time.sleep(seconds)
        now = cache.stats()
        hits = now.hits - before.hits
        reads = hits + now.misses - before.misses
        yield Rates(
            reads=reads / seconds,
            hit_rate=hits / reads if reads > 0 else None,
            writes=(now.inserts - before.inserts + now.updates - before.updates) / seconds,
            evictions=(now.evictions - before.evictions) / seconds,
            entries=now.entries,
            bytes_used=now.bytes_used,
            processes=cache.shared_info().processes,
        )
        before, left = now, left - 1
