"""What a cleanup task drives: ``cachecore.Sweeper``, or what stands in for one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


class SweepStatus(Protocol):
    """See ``cachecore.SweeperStatus``; times are seconds, counters never go back."""

    @property
    def healthy(self) -> bool: ...
    @property
    def sweeps_run(self) -> int: ...
    @property
    def entries_removed(self) -> int: ...
    @property
    def last_removed(self) -> int: ...
    @property
    def last_duration(self) -> float: ...
    @property
    def last_run_age(self) -> float | None: ...
    @property
    def errors(self) -> int: ...
    @property
    def backlog(self) -> int: ...


class Sweeping(Protocol):
    """See ``cachecore.Sweeper``.  Any method may wait, and may be called from any thread."""

    def start(
        self,
        interval: float | None = None,
        *,
        run_at_once: bool = False,
        restart_after_fork: bool = False,
    ) -> None: ...
    def stop(self, timeout: float | None = None) -> None: ...
    def trigger(self) -> int: ...
    def set_interval(self, interval: float | None) -> None: ...
    def status(self) -> SweepStatus: ...
    @property
    def running(self) -> bool: ...


class Sweepable(Protocol):
    """A ``cachecore.Cache``, or whatever else has a sweeper."""

    @property
    def sweeper(self) -> Sweeping: ...


@dataclass(frozen=True, slots=True)
class NothingSwept:
    """The status of a sweeper that has nothing to do."""

    healthy: bool = True
    sweeps_run: int = 0
    entries_removed: int = 0
    last_removed: int = 0
    last_duration: float = 0.0
    last_run_age: float | None = None
    errors: int = 0
    backlog: int = 0


class NothingToSweep:
    """For a cache whose entries go by themselves, such as Redis: it runs, and does nothing."""

    def __init__(self) -> None:
        self.running = False

    def start(
        self,
        interval: float | None = None,
        *,
        run_at_once: bool = False,
        restart_after_fork: bool = False,
    ) -> None:
        self.running = True

    def stop(self, timeout: float | None = None) -> None:
        self.running = False

    def trigger(self) -> int:
        return 0

    def set_interval(self, interval: float | None) -> None:
        pass

    def status(self) -> NothingSwept:
        return NothingSwept(healthy=self.running)
