"""One sweeper for all who want a cache swept.

A cache has at most one sweeper, an application several parts that want it: a service's lifespan, a
dashboard, the process's cleanup task.  The first that comes starts it, the last that goes stops it,
and while there are several it runs at the shortest of their intervals.  A sweeper that ran before
any of them came, because somebody started it by hand, is used as it is and left running.
"""

from __future__ import annotations

import os
from threading import Lock
from typing import Any
from weakref import WeakKeyDictionary

from .sweeping import Sweeping


class Holders:
    """Who holds the sweeper of one cache.  Any method from any thread; each may wait."""

    def __init__(self) -> None:
        self.lock = Lock()
        self._intervals: dict[object, float] = {}
        self._is_ours = False

    def join(
        self,
        sweeper: Sweeping,
        holder: object,
        interval: float,
        *,
        run_at_once: bool = False,
        restart_after_fork: bool = False,
    ) -> None:
        """Starts the sweeper unless it runs.  Joining again changes the interval."""
        with self.lock:
            if sweeper.running:
                self._intervals[holder] = interval
                self._pace(sweeper)
            else:
                sweeper.start(
                    min(interval, *self._intervals.values()) if self._intervals else interval,
                    run_at_once=run_at_once,
                    restart_after_fork=restart_after_fork,
                )
                self._is_ours = True
                self._intervals[holder] = interval
                return
        if run_at_once:
            sweeper.trigger()

    def leave(self, sweeper: Sweeping, holder: object, timeout: float) -> None:
        """Stops the sweeper if nobody else holds it, and if it was started here."""
        with self.lock:
            self._intervals.pop(holder, None)
            if self._intervals:
                if sweeper.running:
                    self._pace(sweeper)
            elif self._is_ours:
                self._is_ours = False
                sweeper.stop(timeout)

    def _pace(self, sweeper: Sweeping) -> None:
        if self._is_ours:
            sweeper.set_interval(min(self._intervals.values()))


_holders: WeakKeyDictionary[Any, Holders] = WeakKeyDictionary()
_finding = Lock()


def holders(sweeper: Sweeping) -> Holders:
    """The same for all sweepers of one cache, which are made anew each time they are asked for."""
    owner = getattr(sweeper, "cache", sweeper)
    with _finding:
        return _holders.setdefault(owner, Holders())


def _in_child() -> None:
    """Nobody is left of those who held a lock when the process was forked."""
    global _finding
    _finding = Lock()
    for each in _holders.values():
        each.lock = Lock()


os.register_at_fork(after_in_child=_in_child)
