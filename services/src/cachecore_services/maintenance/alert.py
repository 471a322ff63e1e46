"""When somebody should be told.

A rule looks at an outcome, and at the history that ends with it, and says what is wrong, or None.
The runner tells of a change only: once when a rule begins to hold (``firing``), once when it no
longer does.  An outcome that a rule does not judge leaves it as it is.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol, TypeAlias

from .outcome import History, Outcome, Status


@dataclass(frozen=True)
class Alert:
    rule: str
    job: str
    firing: bool  #: False: it is over
    message: str
    at: float  #: wall clock, seconds since 1970

    def to_dict(self) -> dict[str, Any]:
        return {
            "rule": self.rule,
            "job": self.job,
            "firing": self.firing,
            "message": self.message,
            "at": datetime.fromtimestamp(self.at, UTC).isoformat(),
        }


#: Called with each alert: ``async def``, or a function, which is called on a thread.
AlertHook: TypeAlias = Callable[[Alert], Awaitable[None] | object]


class Rule(Protocol):
    @property
    def name(self) -> str: ...

    def judges(self, outcome: Outcome) -> bool:
        """Whether it can tell from such an outcome."""
        ...

    def holds(self, outcome: Outcome, history: History) -> str | None:
        """What is wrong, or None."""
        ...


def _counts(outcome: Outcome) -> bool:
    return not outcome.dry_run and outcome.status is not Status.CANCELLED


@dataclass(frozen=True)
class ConsecutiveFailures:
    """The job has failed so many times in a row."""

    count: int = 2

    @property
    def name(self) -> str:
        return "consecutive-failures"

    def judges(self, outcome: Outcome) -> bool:
        return _counts(outcome)

    def holds(self, outcome: Outcome, history: History) -> str | None:
        failures = history.consecutive_failures
        if failures < self.count:
            return None
        return f"{outcome.job} failed {failures} times in a row: {outcome.error}"


@dataclass(frozen=True)
class SuccessRate:
    """Fewer than so many percent of the job's runs succeed, once there were ``after_runs``."""

    percent: float = 99.0
    after_runs: int = 100

    @property
    def name(self) -> str:
        return "success-rate"

    def judges(self, outcome: Outcome) -> bool:
        return _counts(outcome)

    def holds(self, outcome: Outcome, history: History) -> str | None:
        rate = history.success_rate
        if rate is None or history.judged < self.after_runs or rate >= self.percent:
            return None
        return f"{rate:.1f}% of {outcome.job}'s runs succeed, fewer than {self.percent:g}%"


@dataclass(frozen=True)
class Threshold:
    """A number in the job's report is above, or below, a limit, for so many seconds at least.

    of: the job; None: any that reports such a number.

    The history must reach as far back as ``for_seconds``.
    """

    report: str
    above: float | None = None
    below: float | None = None
    for_seconds: float = 0.0
    of: str | None = None

    @property
    def name(self) -> str:
        return f"{self.report}-{'below' if self.above is None else 'above'}"

    def judges(self, outcome: Outcome) -> bool:
        return (
            _counts(outcome)
            and self.of in (None, outcome.job)
            and isinstance(outcome.report.get(self.report), (int, float))
        )

    def holds(self, outcome: Outcome, history: History) -> str | None:
        if not self._breaks(outcome):
            return None
        since = outcome.started_at
        for earlier in filter(self.judges, reversed(tuple(history))):
            if not self._breaks(earlier):
                break
            since = earlier.started_at
        if outcome.started_at - since < self.for_seconds:
            return None
        limit = f"below {self.below:g}" if self.above is None else f"above {self.above:g}"
        lasting = f" for {self.for_seconds / 3600:g} h" if self.for_seconds else ""
        return f"{outcome.job}: {self.report} is {outcome.report[self.report]:g}, {limit}{lasting}"

    def _breaks(self, outcome: Outcome) -> bool:
        value = outcome.report[self.report]
        return (self.above is not None and value > self.above) or (
            self.below is not None and value < self.below
        )
