"""When a job is due: every so many seconds, or by the wall clock.

``Every`` counts steady time from run to run without drift, and a clock that is set does not
disturb it.  ``Cron`` is an expression in a time zone, and follows the clock; an hour that summer
time repeats is a second run, one that it skips is made up at its end.  Either way what
was missed, however often, is one run.

The expressions are croniter's, which is the well-kept parser of them: it computes moments and
starts nothing.  (APScheduler was the other candidate.  It counts Monday as day 0 where
cron counts Sunday, reads the system's clock itself, and has neither retries, nor a timeout, nor
history, nor an election, so that all of the runner would have been needed all the same.)
"""

# mypy: disable-error-code="import-untyped,unused-ignore"

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from croniter import croniter

from .clock import Moment

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


class Schedule(Protocol):
    @property
    def look_again(self) -> float:
        """Seconds after which ``wait`` may have changed although nothing has happened."""
        ...

    def wait(self, now: Moment, last: Moment) -> float:
        """Seconds until the run after ``last``; 0 and less: it is due."""
        ...

    def latest(self, now: Moment, last: Moment) -> Moment:
        """Where a run is due: the latest moment it was due at, which the next one follows."""
        ...


@dataclass(frozen=True)
class Every:
    """``Every(3600)``: seconds between the beginnings of runs."""

    seconds: float

    def __post_init__(self) -> None:
        if not 0 < self.seconds < math.inf:
            raise ValueError(f"an interval must be greater than 0 and finite, not {self.seconds}")

    @property
    def look_again(self) -> float:
        return math.inf

    def wait(self, now: Moment, last: Moment) -> float:
        return last.steady + self.seconds - now.steady

    def latest(self, now: Moment, last: Moment) -> Moment:
        due = max(1.0, (now.steady - last.steady) // self.seconds) * self.seconds
        return Moment(last.wall + due, last.steady + due)

    def __str__(self) -> str:
        fitting = [unit for unit, size in _UNITS.items() if size <= self.seconds] or ["s"]
        return f"every {self.seconds / _UNITS[fitting[-1]]:g}{fitting[-1]}"


@dataclass(frozen=True)
class Cron:
    """``Cron("0 */6 * * *")``; ``Cron("0 2 * * *", "Europe/Berlin")``."""

    expression: str
    timezone: str = "UTC"
    _zone: ZoneInfo = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        try:
            object.__setattr__(self, "_zone", ZoneInfo(self.timezone))
        except (KeyError, ValueError) as error:
            raise ValueError(f"there is no time zone {self.timezone!r}") from error
        try:
            self._after(0)
        except (ValueError, KeyError) as error:
            raise ValueError(f"{self.expression!r} is no cron expression: {error}") from error

    def _after(self, wall: float) -> float:
        found: Any = croniter(self.expression, datetime.fromtimestamp(wall, self._zone))
        return float(found.get_next(float))

    @property
    def look_again(self) -> float:
        return 60.0  # somebody may have set the clock

    def wait(self, now: Moment, last: Moment) -> float:
        # A clock that was set back must not hold the next run up until it has caught up.
        return self._after(min(last.wall, now.wall)) - now.wall

    def latest(self, now: Moment, last: Moment) -> Moment:
        return now

    def __str__(self) -> str:
        return f"cron: {self.expression}" + ("" if self.timezone == "UTC" else f" {self.timezone}")


def schedule(text: str, timezone: str = "UTC") -> Every | Cron:
    """What an environment variable says: ``"90s"``, ``"6h"``, ``"1d"``, or a cron expression."""
    interval = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([smhd])\s*", text)
    if interval:
        return Every(float(interval[1]) * _UNITS[interval[2]])
    return Cron(text.strip(), timezone)
