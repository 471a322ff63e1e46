"""How results are shown.

On a terminal, where rich is installed, they are tables; else they are lines, which programs may read.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from typing import Literal, Protocol, TypeAlias

from ..stats import ScanRecord
from .plain import Plain
from .readings import Facts, Rates

Unit: TypeAlias = Literal["bytes", "entries"]


class Output(Protocol):
    def facts(self, place: str, facts: Facts) -> None:
        """What is known of the cache at a place."""

    def rates(self, place: str, rates: Iterable[Rates]) -> None:
        """Each as soon as it is there."""

    def entries(self, records: Iterable[ScanRecord[bytes]]) -> None: ...

    def say(self, line: str) -> None: ...

    def counted(
        self, doing: str, total: int, unit: Unit
    ) -> AbstractContextManager[Callable[[int], object]]:
        """Shows, until the end of the block, how much is done: what it gives is to be called with that."""
        ...

    def watched(
        self, doing: str, done: Callable[[], int], total: int | None
    ) -> AbstractContextManager[object]:
        """The same in bytes, for what cannot tell: ``done`` is asked, by another thread."""
        ...


def chosen() -> Output:
    if sys.stdout.isatty():
        try:
            from .tables import Tables  # noqa: PLC0415  # it needs rich
        except ImportError:
            pass
        else:
            tables = Tables()
            if tables.is_possible:
                return tables
    return Plain()
