"""What a tier tells of itself."""

from __future__ import annotations

from collections import Counter
from threading import Lock
from typing import Any, NamedTuple


class Health(NamedTuple):
    """How a tier does at this moment."""

    synced: bool  #: values of the local cache are served
    lag: float | None  #: seconds since the listener last knew that it had heard everything; None: never
    listening: bool  #: it is this process that listens for the machine
    server_away: bool  #: this process has given up asking the server, and tries now and then
    queued: int  #: writes that wait for the server
    error: str  #: what the listener of this process met last; "": nothing since it connected

    @property
    def ok(self) -> bool:
        return self.synced and not self.server_away and not self.queued


class TierStats(NamedTuple):
    """Counters of this process, since the tier was made.  Local hits are in the cache's own ``stats()``."""

    server_reads: int  #: keys that the server was asked for
    server_hits: int  #: those that it had
    late_refused: int  #: values that were invalidated while they were fetched, and not stored
    invalidated: int  #: keys that the listener was told of
    floors: int  #: times that everything was given up: a new connection, FLUSHALL
    stale_served: int  #: values served although the server was away
    unanswered: int  #: reads that found nothing because the server was away
    errors: int  #: commands that failed
    queued: int  #: writes that were queued
    dropped: int  #: of those, writes that the server refused when it was back


class Counters:
    """Any method may be called from any thread."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._lock = Lock()

    def add(self, name: str, number: int = 1) -> None:
        with self._lock:
            self._counts[name] += number

    def read(self) -> TierStats:
        with self._lock:
            values: Any = {name: self._counts[name] for name in TierStats._fields}
        return TierStats(**values)
