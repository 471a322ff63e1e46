"""When a job is due: every so many seconds, or by the wall clock.

``Every`` counts steady time from run to run without drift, and a clock that is set does not
disturb it.  ``Cron`` is an expression in a time zone, and follows the clock there.  A time of day
that the clock shows twice, as when summer time ends, is two runs; one that it skips is made up at
the end of the gap, unless the expression names every hour of the day: then the next hour's run
comes soon enough.  Either way what was missed, however often, is one run.

The expressions are croniter's, which is the well-kept parser of them: it computes moments and
starts nothing.  It is asked about times as a clock without a zone shows them; what a change of the
clock makes of these is computed here, for its own answer depends on its version and on the zone
(6.0 omits runs in most, 7.0 in those whose change is not at a full hour).

(APScheduler was the other candidate.  It counts Monday as day 0 where cron counts Sunday, reads the
system's clock itself, and has neither retries, nor a timeout, nor history, nor an election, so that
all of the runner would have been needed all the same.)
"""

# mypy: disable-error-code="import-untyped,unused-ignore"

from __future__ import annotations

import math
import re
from bisect import bisect_left
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from ..extras import needs

needs("maintenance", "croniter")

from croniter import CroniterBadDateError, croniter

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
    _hourly: bool = field(init=False, repr=False, compare=False, default=False)

    def __post_init__(self) -> None:
        try:
            object.__setattr__(self, "_zone", ZoneInfo(self.timezone))
        except (KeyError, ValueError, TypeError, OSError) as error:
            raise ValueError(f"there is no time zone {self.timezone!r}") from error
        try:
            hours = croniter.expand(self.expression)[0][1]
            due = self._after(0)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"{self.expression!r} is no cron expression: {error}") from error
        if due == math.inf:
            raise ValueError(f"{self.expression!r} is no cron expression: there is no such day")
        object.__setattr__(self, "_hourly", hours == ["*"] or len(set(hours)) == 24)

    def _after(self, wall: float) -> float:
        """The first moment after ``wall`` at which a run is due; infinite: there is none.

        Looks for the next match on a clock that is not set.  If the clock is set before that
        match, looks on from what it shows then: a gap may have swallowed the match, and hours
        that are repeated may match once more.
        """
        moment = math.floor(wall)
        offset = self._offset(moment)
        shown = moment + offset
        while True:
            try:
                match = int(croniter(self.expression, shown).get_next(float))
            except CroniterBadDateError:
                return math.inf
            change = self._change(moment, match - offset)
            if change is None:
                return float(match - offset)
            moment, offset = change, self._offset(change)
            if match < change + offset and not self._hourly:
                return float(change)
            shown = change + offset - 1  # what it shows first counts, too

    def _change(self, start: int, end: int) -> int | None:
        """The first second after ``start``, up to ``end``, at which the clock is set."""
        offset = self._offset(start)
        for day in range(start, end, 86_400):
            until = min(day + 86_400, end)
            if self._offset(until) != offset:
                before = bisect_left(
                    range(day, until), True, key=lambda second: self._offset(second) != offset
                )
                return day + before
        return None

    def _offset(self, moment: int) -> int:
        """Seconds that the clock in the zone is ahead of UTC."""
        offset = datetime.fromtimestamp(moment, UTC).astimezone(self._zone).utcoffset()
        return 0 if offset is None else int(offset.total_seconds())

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
