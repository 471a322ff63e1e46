"""Results as tables, live where they change, and progress.  It needs rich, of the extra ``cli``.

Keys and places are text that anybody may have chosen: nothing in them is read as markup, and what would
do something to the terminal is shown escaped.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import islice

from rich import box
from rich.console import Console
from rich.filesize import decimal
from rich.live import Live
from rich.progress import (
    BarColumn,
    DownloadColumn,
    FileSizeColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Table

from ..stats import ScanRecord
from .plain import lifetime, printable
from .readings import Facts, Rates

_KEYS_AT_ONCE = 500  # rows of a table, which are gathered before they are shown
_RATES_KEPT = 500  # more than a terminal has lines
_LINES_AROUND = 5  # of a table: title, heads, edges, and the cursor's
_SECONDS = 0.1  # between two looks at how far something is


class Tables:
    def __init__(self) -> None:
        self._console = Console(markup=False, emoji=False, highlight=False)

    @property
    def is_possible(self) -> bool:
        """Whether it is a terminal that can move its cursor."""
        return self._console.is_terminal and not self._console.is_dumb_terminal

    def facts(self, place: str, facts: Facts) -> None:
        table = Table(title=_title(place), show_header=False, box=box.ROUNDED)
        table.add_column()
        table.add_column(justify="right")
        for group in facts:
            for name, value in group.items():
                table.add_row(name.replace("_", " "), _shown(name, value))
            table.add_section()
        self._console.print(table)

    def rates(self, place: str, rates: Iterable[Rates]) -> None:
        recent: deque[Rates] = deque(maxlen=_RATES_KEPT)
        with Live(_rates(place, ()), console=self._console, auto_refresh=False) as live:
            live.refresh()
            for now in rates:
                recent.append(now)
                room = max(1, self._console.height - _LINES_AROUND)
                latest = list(recent)[-room:]
                live.update(_rates(place, latest), refresh=True)

    def entries(self, records: Iterable[ScanRecord[bytes]]) -> None:
        """As one table, of which the next rows are shown when there are enough: there may be millions."""
        rest, first = iter(records), True
        while part := list(islice(rest, _KEYS_AT_ONCE)):
            table = Table(show_header=first, box=box.SIMPLE_HEAD, show_edge=False)
            table.add_column("bytes", justify="right", min_width=12)
            table.add_column("seconds left", justify="right", min_width=14)
            table.add_column("key", overflow="fold")
            for record in part:
                table.add_row(
                    f"{record.value_size:,}", lifetime(record.ttl), printable(record.key)
                )
            self._console.print(table)
            first = False

    def say(self, line: str) -> None:
        self._console.print(line, soft_wrap=True)

    @contextmanager
    def counted(self, doing: str, total: int, unit: str) -> Iterator[Callable[[int], object]]:
        how_much = DownloadColumn() if unit == "bytes" else MofNCompleteColumn()
        with self._progress(how_much) as progress:
            task = progress.add_task(doing, total=total)
            yield lambda done: progress.update(task, completed=done)

    @contextmanager
    def watched(self, doing: str, done: Callable[[], int], total: int | None) -> Iterator[None]:
        how_much = FileSizeColumn() if total is None else DownloadColumn()
        with self._progress(how_much) as progress:
            task = progress.add_task(doing, total=total)
            ended = threading.Event()

            def watch() -> None:
                while not ended.wait(_SECONDS):
                    progress.update(task, completed=done())

            watcher = threading.Thread(target=watch, name="cachecore-progress", daemon=True)
            watcher.start()
            try:
                yield
            finally:
                ended.set()
                watcher.join()

    def _progress(self, how_much: ProgressColumn) -> Progress:
        columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), BarColumn())
        return Progress(
            *columns, how_much, TimeElapsedColumn(), console=self._console, transient=True
        )


def _title(place: str) -> str:
    return printable(place.encode(errors="surrogateescape"))


def _shown(name: str, value: int | str) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if not isinstance(value, int):
        return value
    if name.endswith("_limit") and value == 0:
        return "none"
    return f"{value:,} ({decimal(value)})" if "bytes" in name and value >= 1000 else f"{value:,}"


def _rates(place: str, rates: Iterable[Rates]) -> Table:
    table = Table(title=_title(place), box=box.SIMPLE_HEAD, show_edge=False)
    for head in ("reads/s", "hit rate", "writes/s", "evictions/s", "entries", "bytes", "processes"):
        table.add_column(head, justify="right", min_width=len(head))
    for now in rates:
        table.add_row(
            f"{now.reads:,.0f}",
            "-" if now.hit_rate is None else f"{now.hit_rate:.4f}",
            f"{now.writes:,.0f}",
            f"{now.evictions:,.0f}",
            f"{now.entries:,}",
            decimal(now.bytes_used),
            f"{now.processes:,}",
        )
    return table
